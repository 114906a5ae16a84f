//! Rule 31: what goes into pods, the Ingress and the budget as it is written here has the form that the API server asks
//! for there. It would refuse those objects otherwise, long after `kubectl apply`.
//!
//! The checks are Kubernetes' own (pkg/apis/core/validation, pkg/apis/policy/validation), and never stricter.

use k8s_openapi::api::core::v1::{
    Affinity, EnvFromSource, EnvVarSource, NodeSelectorTerm, PodAffinityTerm, ResourceRequirements, Toleration,
    TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Case;
use super::replicas::share;
use crate::admission::syntax::{is_label_value, is_qualified, is_subdomain};
use crate::admission::violation::{Findings, quoted};

const KEY: &str = "is no key; write a name such as team, or example.com/team";
const VALUE: &str =
    "is no value of a label; write at most 63 letters, digits, -, _ and ., with a letter or digit at both ends";
const CLASS: &str = "is no name of an object; write lower-case letters, digits, - and .";

/// Every part that is passed on.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    for (path, name) in [
        ("spec.ingress.class", spec.ingress.class.as_deref()),
        ("spec.filestore.storageClass", spec.filestore.as_ref().and_then(|files| files.storage_class.as_deref())),
        ("spec.priorityClassName", spec.priority_class_name.as_deref()),
    ] {
        if let Some(name) = name.filter(|name| !name.is_empty() && !is_subdomain(name)) {
            findings.invalid(path, format!("{} {CLASS}", quoted(name)));
        }
    }
    for key in spec.ingress.annotations.iter().flatten().map(|(key, _)| key) {
        if !is_qualified(&key.to_ascii_lowercase()) {
            findings.invalid(format!("spec.ingress.annotations[{key}]"), format!("{} {KEY}", quoted(key)));
        }
    }
    for (key, value) in spec.node_selector.iter().flatten() {
        label(|| format!("spec.nodeSelector[{key}]"), key, value, findings);
    }
    if let Some(resources) = &spec.resources {
        names("spec.resources", resources, findings);
    }
    if let Some(resources) = spec.cron.as_ref().and_then(|cron| cron.resources.as_ref()) {
        names("spec.cron.resources", resources, findings);
    }
    for (index, toleration) in spec.tolerations.iter().flatten().enumerate() {
        tolerated(index, toleration, findings);
    }
    let constraints = spec.topology_spread_constraints.as_deref().unwrap_or_default();
    for (index, constraint) in constraints.iter().enumerate() {
        let path = format!("spec.topologySpreadConstraints[{index}]");
        spread(&path, constraint, findings);
        let same = |other: &TopologySpreadConstraint| {
            (&other.topology_key, &other.when_unsatisfiable)
                == (&constraint.topology_key, &constraint.when_unsatisfiable)
        };
        if constraints[..index].iter().any(same) {
            findings
                .duplicate(path, "is there twice: topologyKey and whenUnsatisfiable are those of another; remove one");
        }
    }
    if let Some(of) = &spec.affinity {
        affinity(of, findings);
    }
    for (index, variable) in spec.extra_env.iter().flatten().enumerate() {
        if let Some(from) = &variable.value_from {
            value_from(&format!("spec.extraEnv[{index}].valueFrom"), from, findings);
        }
    }
    for (index, source) in spec.extra_env_from.iter().flatten().enumerate() {
        env_from(&format!("spec.extraEnvFrom[{index}]"), source, findings);
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

fn names(path: &str, resources: &ResourceRequirements, findings: &mut Findings) {
    for (list, names) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        for name in names.iter().flatten().map(|(name, _)| name) {
            let is_known = match name.as_str() {
                "cpu" | "memory" | "ephemeral-storage" => true,
                other => (other.contains('/') || other.starts_with("hugepages-")) && is_qualified(other),
            };
            if !is_known {
                let hint =
                    "is no resource of a container; write cpu, memory, ephemeral-storage, or one like example.com/gpu";
                findings.not_supported(format!("{path}.{list}[{name}]"), format!("{} {hint}", quoted(name)));
            }
        }
    }
    if resources.claims.as_ref().is_some_and(|claims| !claims.is_empty()) {
        findings
            .forbidden(format!("{path}.claims"), "needs resource claims of the pod, which it does not have; remove it");
    }
}

fn tolerated(index: usize, toleration: &Toleration, findings: &mut Findings) {
    let path = |field: &str| format!("spec.tolerations[{index}].{field}");
    let [name, operator, value, effect] =
        [&toleration.key, &toleration.operator, &toleration.value, &toleration.effect]
            .map(|field| field.as_deref().unwrap_or_default());
    match operator {
        "Exists" if !value.is_empty() => {
            findings.invalid(path("value"), "goes with operator Equal only; remove it");
        }
        "" | "Equal" if !is_label_value(value) => {
            findings.invalid(path("value"), format!("{} {VALUE}", quoted(value)));
        }
        // The comparisons are newer than the oldest API server that this operator runs on.
        _ => one_of(|| path("operator"), operator, &["", "Equal", "Exists", "Lt", "Gt"], findings),
    }
    if !name.is_empty() {
        key(|| path("key"), name, findings);
    } else if operator != "Exists" {
        findings.invalid(path("operator"), "must be Exists without a key, which means every taint");
    }
    one_of(|| path("effect"), effect, &["", "NoSchedule", "PreferNoSchedule", "NoExecute"], findings);
    if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
        findings.invalid(path("tolerationSeconds"), "goes with effect NoExecute only; set it, or remove this");
    }
}

fn spread(path: &str, constraint: &TopologySpreadConstraint, findings: &mut Findings) {
    if constraint.max_skew <= 0 {
        findings.invalid(format!("{path}.maxSkew"), "must be more than 0");
    }
    key(|| format!("{path}.topologyKey"), &constraint.topology_key, findings);
    let otherwise = constraint.when_unsatisfiable.as_str();
    one_of(|| format!("{path}.whenUnsatisfiable"), otherwise, &["DoNotSchedule", "ScheduleAnyway"], findings);
    if let Some(domains) = constraint.min_domains {
        if domains <= 0 {
            findings.invalid(format!("{path}.minDomains"), "must be more than 0");
        } else if otherwise != "DoNotSchedule" {
            findings.invalid(format!("{path}.minDomains"), "goes with whenUnsatisfiable DoNotSchedule only");
        }
    }
    for (name, policy) in
        [("nodeAffinityPolicy", &constraint.node_affinity_policy), ("nodeTaintsPolicy", &constraint.node_taints_policy)]
    {
        if let Some(policy) = policy {
            one_of(|| format!("{path}.{name}"), policy, &["Honor", "Ignore"], findings);
        }
    }
    if let Some(of) = &constraint.label_selector {
        selector(&format!("{path}.labelSelector"), of, findings);
    }
}

fn affinity(affinity: &Affinity, findings: &mut Findings) {
    const NODE: &str = "spec.affinity.nodeAffinity";
    let weight = |path: &str, weight: i32, findings: &mut Findings| {
        if !(1..=100).contains(&weight) {
            findings.invalid(format!("{path}.weight"), "must be from 1 to 100");
        }
    };
    if let Some(node) = &affinity.node_affinity {
        if let Some(required) = &node.required_during_scheduling_ignored_during_execution {
            let path = format!("{NODE}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
            if required.node_selector_terms.is_empty() {
                findings.required(path.clone(), "must have at least one term");
            }
            for (index, term) in required.node_selector_terms.iter().enumerate() {
                node_term(&format!("{path}[{index}]"), term, findings);
            }
        }
        for (index, preferred) in node.preferred_during_scheduling_ignored_during_execution.iter().flatten().enumerate()
        {
            let path = format!("{NODE}.preferredDuringSchedulingIgnoredDuringExecution[{index}]");
            weight(&path, preferred.weight, findings);
            node_term(&format!("{path}.preference"), &preferred.preference, findings);
        }
    }
    let together = affinity.pod_affinity.as_ref().map(|it| {
        let preferred = &it.preferred_during_scheduling_ignored_during_execution;
        ("podAffinity", &it.required_during_scheduling_ignored_during_execution, preferred)
    });
    let apart = affinity.pod_anti_affinity.as_ref().map(|it| {
        let preferred = &it.preferred_during_scheduling_ignored_during_execution;
        ("podAntiAffinity", &it.required_during_scheduling_ignored_during_execution, preferred)
    });
    for (name, required, preferred) in together.into_iter().chain(apart) {
        for (index, term) in required.iter().flatten().enumerate() {
            let path = format!("spec.affinity.{name}.requiredDuringSchedulingIgnoredDuringExecution[{index}]");
            pod_term(&path, term, findings);
        }
        for (index, term) in preferred.iter().flatten().enumerate() {
            let path = format!("spec.affinity.{name}.preferredDuringSchedulingIgnoredDuringExecution[{index}]");
            weight(&path, term.weight, findings);
            pod_term(&format!("{path}.podAffinityTerm"), &term.pod_affinity_term, findings);
        }
    }
}

fn node_term(path: &str, term: &NodeSelectorTerm, findings: &mut Findings) {
    for (index, wanted) in term.match_expressions.iter().flatten().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        key(|| format!("{path}.key"), &wanted.key, findings);
        let values = wanted.values.as_deref().unwrap_or_default();
        match wanted.operator.as_str() {
            "Gt" | "Lt" if values.len() != 1 => {
                findings.required(format!("{path}.values"), format!("must be one number with {}", wanted.operator));
            }
            "Gt" | "Lt" => {}
            operator => {
                requirement(&path, operator, values, &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"], findings);
            }
        }
    }
}

fn pod_term(path: &str, term: &PodAffinityTerm, findings: &mut Findings) {
    key(|| format!("{path}.topologyKey"), &term.topology_key, findings);
    for (name, of) in [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)] {
        if let Some(of) = of {
            selector(&format!("{path}.{name}"), of, findings);
        }
    }
}

fn selector(path: &str, selector: &LabelSelector, findings: &mut Findings) {
    for (name, value) in selector.match_labels.iter().flatten() {
        label(|| format!("{path}.matchLabels[{name}]"), name, value, findings);
    }
    for (index, wanted) in selector.match_expressions.iter().flatten().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        key(|| format!("{path}.key"), &wanted.key, findings);
        let values = wanted.values.as_deref().unwrap_or_default();
        requirement(&path, &wanted.operator, values, &["In", "NotIn", "Exists", "DoesNotExist"], findings);
    }
}

fn requirement(path: &str, operator: &str, values: &[String], operators: &[&str], findings: &mut Findings) {
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            findings.required(format!("{path}.values"), format!("must have at least one value with {operator}"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            findings.forbidden(format!("{path}.values"), format!("must be empty with {operator}"));
        }
        _ => one_of(|| format!("{path}.operator"), operator, operators, findings),
    }
}

fn value_from(path: &str, from: &EnvVarSource, findings: &mut Findings) {
    let keys = [
        ("secretKeyRef", from.secret_key_ref.as_ref().map(|it| (&it.name, &it.key))),
        ("configMapKeyRef", from.config_map_key_ref.as_ref().map(|it| (&it.name, &it.key))),
    ];
    let sources = keys.iter().filter(|(_, it)| it.is_some()).count()
        + usize::from(from.field_ref.is_some())
        + usize::from(from.resource_field_ref.is_some());
    if sources != 1 {
        let message = "must have exactly one of secretKeyRef, configMapKeyRef, fieldRef and resourceFieldRef";
        findings.invalid(path, message);
    }
    for (source, (name, key)) in keys.into_iter().filter_map(|(source, it)| Some((source, it?))) {
        if name.is_empty() {
            findings.required(format!("{path}.{source}.name"), "name the object");
        }
        if key.is_empty() {
            findings.required(format!("{path}.{source}.key"), "name a key of the object");
        }
    }
}

fn env_from(path: &str, source: &EnvFromSource, findings: &mut Findings) {
    let secret = source.secret_ref.as_ref().map(|it| &it.name);
    let config_map = source.config_map_ref.as_ref().map(|it| &it.name);
    if secret.is_some() == config_map.is_some() {
        findings.invalid(path, "must have exactly one of secretRef and configMapRef");
    }
    for (field, name) in [("secretRef", secret), ("configMapRef", config_map)] {
        if let Some(name) = name.filter(|name| !is_subdomain(name)) {
            findings.invalid(format!("{path}.{field}.name"), format!("{} {CLASS}", quoted(name)));
        }
    }
}
