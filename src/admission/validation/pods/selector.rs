//! What selects pods and nodes by their labels.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Place, VALUE, key, label, one_of};
use crate::admission::syntax::{is_label_value, is_qualified};
use crate::admission::violation::{Findings, quoted};
use crate::api::labels::{APP, ENVIRONMENT, INSTANCE, INSTANCE_UID, MANAGED_BY};

/// Labels that pods have from the operator, or from what makes pods of a Deployment.
const OF_OUR_PODS: [&str; 10] = [
    APP,
    ENVIRONMENT,
    INSTANCE,
    INSTANCE_UID,
    MANAGED_BY,
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
    "pod-template-hash",
];

/// A selector of pods or namespaces.
pub(super) fn judge(at: Place<'_>, selector: &LabelSelector, findings: &mut Findings) {
    for (name, value) in selector.match_labels.iter().flatten() {
        label(|| format!("{}.matchLabels[{name}]", at()), name, value, findings);
    }
    for (index, wanted) in selector.match_expressions.iter().flatten().enumerate() {
        let at = || format!("{}.matchExpressions[{index}]", at());
        key(|| format!("{}.key", at()), &wanted.key, findings);
        let given = wanted.values.as_deref().unwrap_or_default();
        requirement(&at, &wanted.operator, given, &["In", "NotIn", "Exists", "DoesNotExist"], findings);
        values(&at, given, findings);
    }
}

/// How many values go with an operator.
pub(super) fn requirement(
    at: Place<'_>,
    operator: &str,
    values: &[String],
    operators: &[&str],
    findings: &mut Findings,
) {
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            findings.required(format!("{}.values", at()), format!("must have at least one value with {operator}"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            findings.forbidden(format!("{}.values", at()), format!("must be empty with {operator}"));
        }
        _ => one_of(|| format!("{}.operator", at()), operator, operators, findings),
    }
}

/// Values that labels can have.
pub(super) fn values(at: Place<'_>, values: &[String], findings: &mut Findings) {
    for (index, value) in values.iter().enumerate().filter(|(_, value)| !is_label_value(value)) {
        findings.invalid(format!("{}.values[{index}]", at()), format!("{} {VALUE}", quoted(value)));
    }
}

/// Keys whose values are the pod's own: they are added to the selector when the pod is made. Answers with the places of
/// those that are in the selector already and are no label of our pods, which API servers answer differently.
pub(super) fn keys_of_the_pod(
    at: Place<'_>,
    (matching, differing): (Option<&[String]>, Option<&[String]>),
    selector: Option<&LabelSelector>,
    findings: &mut Findings,
) -> Vec<usize> {
    let [matching, differing] = [matching, differing].map(Option::unwrap_or_default);
    for (field, keys) in [("matchLabelKeys", matching), ("mismatchLabelKeys", differing)] {
        if !keys.is_empty() && selector.is_none() {
            findings.forbidden(format!("{}.{field}", at()), "goes with labelSelector only; set it, or remove this");
            continue;
        }
        for (index, name) in keys.iter().enumerate() {
            key(|| format!("{}.{field}[{index}]", at()), name, findings);
        }
    }
    let mut doubtful = Vec::new();
    if matching.is_empty() {
        return doubtful;
    }
    let differing: BTreeSet<&String> = differing.iter().collect();
    let named = selector.map(times_named).unwrap_or_default();
    for (index, name) in matching.iter().enumerate().filter(|(_, name)| is_qualified(name)) {
        let at = || format!("{}.matchLabelKeys[{index}]", at());
        if differing.contains(name) {
            findings.invalid(at(), "is in mismatchLabelKeys too; remove it from one of both");
        }
        let times = named.get(name.as_str()).copied().unwrap_or_default();
        // Only a label that the pods have is added to the selector.
        if times > 1 || (times == 1 && OF_OUR_PODS.contains(&name.as_str())) {
            findings.invalid(at(), "is in labelSelector too; remove it from one of both");
        } else if times == 1 {
            doubtful.push(index);
        }
    }
    doubtful
}

/// How often a selector speaks of each label.
fn times_named(selector: &LabelSelector) -> BTreeMap<&str, usize> {
    let labels = selector.match_labels.iter().flatten().map(|(name, _)| name.as_str());
    let mut times = BTreeMap::new();
    for name in labels.chain(selector.match_expressions.iter().flatten().map(|wanted| wanted.key.as_str())) {
        *times.entry(name).or_default() += 1;
    }
    times
}
