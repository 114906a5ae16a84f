//! Rule 31: what goes into pods, the Ingress and the budget as it is written here has the form that the API server asks
//! for there. It would refuse those objects otherwise, long after `kubectl apply`.
//!
//! The checks are Kubernetes' own (pkg/apis/core/validation, pkg/apis/policy/validation), and never stricter.

mod env;
mod gateway;
mod placement;
mod resources;
mod secrets;
mod selector;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Case;
use super::replicas::share;
use crate::admission::syntax::{is_label_value, is_qualified, is_subdomain};
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::Ingress;

const KEY: &str = "is no key; write a name such as team, or example.com/team";
const VALUE: &str =
    "is no value of a label; write at most 63 letters, digits, -, _ and ., with a letter or digit at both ends";
const CLASS: &str = "is no name of an object; write lower-case letters, digits, - and .";
const DATA_KEY: &str = "is no key of an object; write letters, digits, -, _ and .";
/// How many bytes the annotations of one object take (apimachinery, TotalAnnotationSizeLimitB).
const ANNOTATIONS: usize = 262_144;

/// Tells where something is. Nearly always nothing is wrong, and nothing has to be told.
type Place<'a> = &'a dyn Fn() -> String;

/// Every part that is passed on, and every Secret that is named.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    secrets::judge(case, findings);
    let Some((spec, _)) = case.instance() else { return };
    for (path, name) in [
        ("spec.ingress.class", spec.ingress.class.as_deref()),
        ("spec.filestore.storageClass", spec.storage_class()),
        ("spec.priorityClassName", spec.priority_class_name.as_deref()),
    ] {
        if let Some(name) = name.filter(|name| !name.is_empty() && !is_subdomain(name)) {
            findings.invalid(path, format!("{} {CLASS}", quoted(name)));
        }
    }
    gateway::judge(&spec.ingress, findings);
    annotations(&spec.ingress, findings);
    for (key, value) in spec.node_selector.iter().flatten() {
        label(|| format!("spec.nodeSelector[{key}]"), key, value, findings);
    }
    if let Some(of) = &spec.resources {
        resources::judge("spec.resources", of, findings);
    }
    if let Some(of) = spec.cron.as_ref().and_then(|cron| cron.resources.as_ref()) {
        resources::judge("spec.cron.resources", of, findings);
    }
    for (index, toleration) in spec.tolerations.iter().flatten().enumerate() {
        placement::tolerated(index, toleration, findings);
    }
    placement::spread(spec.topology_spread_constraints.as_deref().unwrap_or_default(), findings);
    if let Some(of) = &spec.affinity {
        placement::affinity(of, findings);
    }
    for (index, variable) in spec.extra_env.iter().flatten().enumerate() {
        if let Some(from) = &variable.value_from {
            env::one(&|| format!("spec.extraEnv[{index}].valueFrom"), from, findings);
        }
    }
    for (index, source) in spec.extra_env_from.iter().flatten().enumerate() {
        env::all(&|| format!("spec.extraEnvFrom[{index}]"), source, findings);
    }
    if let Some(probes) = &spec.probes {
        for (name, path) in [
            ("startup", &probes.startup_path),
            ("liveness", &probes.liveness_path),
            ("readiness", &probes.readiness_path),
        ] {
            if path.as_deref() == Some("") {
                findings.invalid(
                    format!("spec.probes.{name}Path"),
                    "is empty; write a path such as /web/health, or remove it",
                );
            }
        }
    }
    if let Some(least) = spec.pod_disruption_budget.as_ref().and_then(|budget| budget.min_available.as_ref())
        && share(least).is_none_or(|number| matches!(least, IntOrString::String(_)) && number > 100)
    {
        let message = "must be a number from 0 or a percentage up to \"100%\"";
        findings.invalid("spec.podDisruptionBudget.minAvailable", message);
    }
}

/// Like the others here, it is told how to write its path: nearly always, nothing is wrong.
fn key(path: impl FnOnce() -> String, key: &str, findings: &mut Findings) {
    if !is_qualified(key) {
        findings.invalid(path(), format!("{} {KEY}", quoted(key)));
    }
}

fn annotations(ingress: &Ingress, findings: &mut Findings) {
    let mut bytes = 0;
    for (key, value) in ingress.annotations.iter().flatten() {
        bytes += key.len() + value.len();
        if !is_qualified(&key.to_ascii_lowercase()) {
            findings.invalid(format!("spec.ingress.annotations[{key}]"), format!("{} {KEY}", quoted(key)));
        }
    }
    if bytes > ANNOTATIONS {
        let message = format!("hold {bytes} bytes, and an object takes {ANNOTATIONS}; remove some");
        findings.invalid("spec.ingress.annotations", message);
    }
}

fn label(path: impl Fn() -> String, name: &str, value: &str, findings: &mut Findings) {
    key(&path, name, findings);
    if !is_label_value(value) {
        findings.invalid(path(), format!("{} {VALUE}", quoted(value)));
    }
}

fn one_of(path: impl FnOnce() -> String, value: &str, choices: &[&str], findings: &mut Findings) {
    if !choices.contains(&value) {
        // The empty one means that nothing is said.
        let named: Vec<_> = choices.iter().copied().filter(|choice| !choice.is_empty()).collect();
        findings.not_supported(path(), format!("{} is none of {}", quoted(value), named.join(", ")));
    }
}
