//! Where pods run.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    Affinity, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, Toleration, TopologySpreadConstraint,
};

use super::selector::{self, requirement, values};
use super::{CLASS, Place, VALUE, key, one_of};
use crate::admission::syntax::{is_label, is_label_value, is_subdomain};
use crate::admission::violation::{Findings, quoted};

/// Taints that are no hindrance.
pub(super) fn tolerated(index: usize, toleration: &Toleration, findings: &mut Findings) {
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
        "Lt" | "Gt" if !is_integer(value) => {
            findings.invalid(path("value"), format!("{} is no integer; write one such as 100", quoted(value)));
        }
        "Lt" | "Gt" => findings.warn(path("operator"), "Lt and Gt are not taken by every API server"),
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

/// Of 64 bits, and as it is written shortest.
fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    value == "0" || (digits.starts_with(|c: char| matches!(c, '1'..='9')) && value.parse::<i64>().is_ok())
}

/// How the web pods are spread.
pub(super) fn spread(constraints: &[TopologySpreadConstraint], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, constraint) in constraints.iter().enumerate() {
        let path = || format!("spec.topologySpreadConstraints[{index}]");
        spread_over(&path, constraint, findings);
        // One alone is not remembered: it is what there is mostly.
        if constraints.len() > 1 && !seen.insert((&constraint.topology_key, &constraint.when_unsatisfiable)) {
            findings.duplicate(
                path(),
                "is there twice: topologyKey and whenUnsatisfiable are those of another; remove one",
            );
        }
    }
}

fn spread_over(at: Place<'_>, constraint: &TopologySpreadConstraint, findings: &mut Findings) {
    if constraint.max_skew <= 0 {
        findings.invalid(format!("{}.maxSkew", at()), "must be more than 0");
    }
    key(|| format!("{}.topologyKey", at()), &constraint.topology_key, findings);
    let otherwise = constraint.when_unsatisfiable.as_str();
    one_of(|| format!("{}.whenUnsatisfiable", at()), otherwise, &["DoNotSchedule", "ScheduleAnyway"], findings);
    if let Some(domains) = constraint.min_domains {
        if domains <= 0 {
            findings.invalid(format!("{}.minDomains", at()), "must be more than 0");
        } else if otherwise != "DoNotSchedule" {
            findings.invalid(format!("{}.minDomains", at()), "goes with whenUnsatisfiable DoNotSchedule only");
        }
    }
    for (name, policy) in
        [("nodeAffinityPolicy", &constraint.node_affinity_policy), ("nodeTaintsPolicy", &constraint.node_taints_policy)]
    {
        if let Some(policy) = policy {
            one_of(|| format!("{}.{name}", at()), policy, &["Honor", "Ignore"], findings);
        }
    }
    let selector = constraint.label_selector.as_ref();
    if let Some(of) = selector {
        selector::judge(&|| format!("{}.labelSelector", at()), of, findings);
    }
    let keys = (constraint.match_label_keys.as_deref(), None);
    for index in selector::keys_of_the_pod(at, keys, selector, findings) {
        let path = format!("{}.matchLabelKeys[{index}]", at());
        findings.warn(path, "is in labelSelector too, which not every API server takes");
    }
}

/// Which nodes, and near which pods.
pub(super) fn affinity(affinity: &Affinity, findings: &mut Findings) {
    const NODE: &str = "spec.affinity.nodeAffinity";
    if let Some(node) = &affinity.node_affinity {
        if let Some(required) = &node.required_during_scheduling_ignored_during_execution {
            let path = || format!("{NODE}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
            if required.node_selector_terms.is_empty() {
                findings.required(path(), "must have at least one term");
            }
            for (index, term) in required.node_selector_terms.iter().enumerate() {
                let at = || format!("{}[{index}]", path());
                node_term(&at, term, findings);
                for (index, wanted) in term.match_expressions.iter().flatten().enumerate() {
                    let at = || format!("{}.matchExpressions[{index}]", at());
                    values(&at, wanted.values.as_deref().unwrap_or_default(), findings);
                }
            }
        }
        for (index, preferred) in node.preferred_during_scheduling_ignored_during_execution.iter().flatten().enumerate()
        {
            let at = || format!("{NODE}.preferredDuringSchedulingIgnoredDuringExecution[{index}]");
            weight(&at, preferred.weight, findings);
            // Values that no label can have are taken here: what is preferred need not be.
            node_term(&|| format!("{}.preference", at()), &preferred.preference, findings);
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
            let at = || format!("spec.affinity.{name}.requiredDuringSchedulingIgnoredDuringExecution[{index}]");
            pod_term(&at, term, findings);
        }
        for (index, term) in preferred.iter().flatten().enumerate() {
            let at = || format!("spec.affinity.{name}.preferredDuringSchedulingIgnoredDuringExecution[{index}]");
            weight(&at, term.weight, findings);
            pod_term(&|| format!("{}.podAffinityTerm", at()), &term.pod_affinity_term, findings);
        }
    }
}

fn weight(at: Place<'_>, weight: i32, findings: &mut Findings) {
    if !(1..=100).contains(&weight) {
        findings.invalid(format!("{}.weight", at()), "must be from 1 to 100");
    }
}

fn node_term(at: Place<'_>, term: &NodeSelectorTerm, findings: &mut Findings) {
    for (index, wanted) in term.match_expressions.iter().flatten().enumerate() {
        let at = || format!("{}.matchExpressions[{index}]", at());
        key(|| format!("{}.key", at()), &wanted.key, findings);
        let values = wanted.values.as_deref().unwrap_or_default();
        match wanted.operator.as_str() {
            "Gt" | "Lt" if values.len() != 1 => {
                findings.required(format!("{}.values", at()), format!("must be one number with {}", wanted.operator));
            }
            "Gt" | "Lt" => {}
            operator => {
                requirement(&at, operator, values, &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"], findings);
            }
        }
    }
    for (index, wanted) in term.match_fields.iter().flatten().enumerate() {
        node_field(&|| format!("{}.matchFields[{index}]", at()), wanted, findings);
    }
}

/// A node has one field to select it by.
fn node_field(at: Place<'_>, wanted: &NodeSelectorRequirement, findings: &mut Findings) {
    one_of(|| format!("{}.key", at()), &wanted.key, &["metadata.name"], findings);
    one_of(|| format!("{}.operator", at()), &wanted.operator, &["In", "NotIn"], findings);
    match wanted.values.as_deref().unwrap_or_default() {
        [name] if is_subdomain(name) => {}
        [name] => findings.invalid(format!("{}.values[0]", at()), format!("{} {CLASS}", quoted(name))),
        _ => findings.required(format!("{}.values", at()), "must be the name of one node"),
    }
}

fn pod_term(at: Place<'_>, term: &PodAffinityTerm, findings: &mut Findings) {
    key(|| format!("{}.topologyKey", at()), &term.topology_key, findings);
    for (name, of) in [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)] {
        if let Some(of) = of {
            selector::judge(&|| format!("{}.{name}", at()), of, findings);
        }
    }
    for (index, name) in term.namespaces.iter().flatten().enumerate().filter(|(_, name)| !is_label(name)) {
        let message = format!("{} is no name of a namespace; write lower-case letters, digits and -", quoted(name));
        findings.invalid(format!("{}.namespaces[{index}]", at()), message);
    }
    let keys = (term.match_label_keys.as_deref(), term.mismatch_label_keys.as_deref());
    selector::keys_of_the_pod(at, keys, term.label_selector.as_ref(), findings);
}
