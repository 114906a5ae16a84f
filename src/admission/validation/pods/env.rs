//! Where variables of the containers come from.

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector, SecretKeySelector,
};

use super::{CLASS, DATA_KEY, Place};
use crate::admission::syntax::{is_data_key, is_qualified, is_subdomain, is_variable};
use crate::admission::violation::{Findings, quoted, quoted_name};
use crate::api::quantity::nanos;

/// Fields of its pod that a variable can have. (The last one is an old name of `spec.nodeName`.)
const FIELDS: [&str; 10] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
    "spec.host",
];

/// Where one variable comes from.
pub(super) fn one(at: Place<'_>, from: &EnvVarSource, findings: &mut Findings) {
    let keys = [
        ("secretKeyRef", from.secret_key_ref.as_ref().map(|SecretKeySelector { name, key, .. }| (name, key))),
        ("configMapKeyRef", from.config_map_key_ref.as_ref().map(|it| (&it.name, &it.key))),
    ];
    let sources = keys.iter().filter(|(_, it)| it.is_some()).count()
        + usize::from(from.field_ref.is_some())
        + usize::from(from.resource_field_ref.is_some());
    if sources != 1 {
        let message = "must have exactly one of secretKeyRef, configMapKeyRef, fieldRef and resourceFieldRef";
        findings.invalid(at(), message);
    }
    for (source, (name, key)) in keys.into_iter().filter_map(|(source, it)| Some((source, it?))) {
        if name.is_empty() {
            findings.required(format!("{}.{source}.name", at()), "name the object");
        } else if !is_subdomain(name) {
            findings.invalid(format!("{}.{source}.name", at()), format!("{} {CLASS}", quoted(name)));
        }
        if key.is_empty() {
            findings.required(format!("{}.{source}.key", at()), "name a key of the object");
        } else if !is_data_key(key) {
            findings.invalid(format!("{}.{source}.key", at()), format!("{} {DATA_KEY}", quoted(key)));
        }
    }
    if let Some(of) = &from.field_ref {
        field(&|| format!("{}.fieldRef", at()), of, findings);
    }
    if let Some(of) = &from.resource_field_ref {
        resource(&|| format!("{}.resourceFieldRef", at()), of, findings);
    }
}

fn field(at: Place<'_>, of: &ObjectFieldSelector, findings: &mut Findings) {
    if let Some(version) = of.api_version.as_deref().filter(|version| !matches!(*version, "" | "v1")) {
        let message = format!("{} is no version of a pod; write v1, or remove it", quoted(version));
        findings.not_supported(format!("{}.apiVersion", at()), message);
    }
    let path = of.field_path.as_str();
    let subscripted = path.strip_suffix("']").and_then(|path| path.split_once("['"));
    let is_known = match subscripted {
        Some(("metadata.labels", key)) => is_qualified(key),
        Some(("metadata.annotations", key)) => is_qualified(&key.to_ascii_lowercase()),
        _ => FIELDS.contains(&path),
    };
    if !is_known {
        let hint =
            "is no field for a variable; write one such as metadata.name, status.podIP or metadata.labels['team']";
        findings.not_supported(format!("{}.fieldPath", at()), format!("{} {hint}", quoted(path)));
    }
}

fn resource(at: Place<'_>, of: &ResourceFieldSelector, findings: &mut Findings) {
    let name = of.resource.as_str();
    let kind = name.strip_prefix("limits.").or_else(|| name.strip_prefix("requests."));
    let Some(kind @ ("cpu" | "memory" | "ephemeral-storage")) =
        kind.map(|kind| if kind.starts_with("hugepages-") { "memory" } else { kind })
    else {
        let hint = "is nothing that a container has; write limits. or requests. and cpu, memory, ephemeral-storage, or \
                    one like hugepages-2Mi";
        findings.not_supported(format!("{}.resource", at()), format!("{} {hint}", quoted(name)));
        return;
    };
    if let Some(divisor) = of.divisor.as_ref().filter(|divisor| !divides(kind, &divisor.0)) {
        let hint = if kind == "cpu" { "1 or 1m" } else { "1, or one unit such as 1k, 1M, 1Ki or 1Mi" };
        findings.invalid(format!("{}.divisor", at()), format!("{} is no divisor; write {hint}", quoted(&divisor.0)));
    }
}

/// Whether Kubernetes writes the quantity as one of its units; 0 means that none is given.
fn divides(kind: &str, divisor: &str) -> bool {
    const ONE: i128 = 1_000_000_000;
    let divisor = divisor.trim();
    let Some(value) = nanos(divisor) else { return false };
    let is_power = |base: i128| (1..=6).any(|power| value == ONE * base.pow(power));
    let is_binary = divisor.ends_with('i');
    let has_exponent = !is_binary && !divisor.ends_with('E') && divisor.contains(['e', 'E']);
    // It is written as it came: 1000 as 1k, but 1024, 1e3 and 1e0 as themselves.
    match value {
        0 => true,
        _ if has_exponent => false,
        ONE => true,
        _ if kind == "cpu" => value == ONE / 1000,
        _ if is_binary && value >= 1024 * ONE => is_power(1024),
        _ => is_power(1000),
    }
}

/// Where all the variables of an object come from.
pub(super) fn all(at: Place<'_>, source: &EnvFromSource, findings: &mut Findings) {
    if let Some(prefix) = source.prefix.as_deref().filter(|prefix| !prefix.is_empty() && !is_variable(prefix)) {
        let message =
            format!("{} is no beginning of a variable's name; write one like SHOP_, without =", quoted_name(prefix));
        findings.invalid(format!("{}.prefix", at()), message);
    }
    let secret = source.secret_ref.as_ref().map(|it| &it.name);
    let config_map = source.config_map_ref.as_ref().map(|it| &it.name);
    if secret.is_some() == config_map.is_some() {
        findings.invalid(at(), "must have exactly one of secretRef and configMapRef");
    }
    for (field, name) in [("secretRef", secret), ("configMapRef", config_map)] {
        if let Some(name) = name.filter(|name| !is_subdomain(name)) {
            findings.invalid(format!("{}.{field}.name", at()), format!("{} {CLASS}", quoted(name)));
        }
    }
}
