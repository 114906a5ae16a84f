//! How many web pods stay up while nodes are drained.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Inputs, labels, meta, names};

/// `<name>`, or `None` when the instance wants none: by default there is one with more than one replica, since with
/// one replica it would block every drain.
pub fn web(inputs: &Inputs<'_>) -> Option<PodDisruptionBudget> {
    let wanted = inputs.spec().pod_disruption_budget.clone().unwrap_or_default();
    if !wanted.enabled.unwrap_or(inputs.spec().web_replicas() > 1) {
        return None;
    }
    let name = names::web(inputs.name());
    Some(PodDisruptionBudget {
        spec: Some(PodDisruptionBudgetSpec {
            min_available: Some(wanted.min_available.unwrap_or(IntOrString::Int(1))),
            selector: Some(labels::label_selector(&name)),
            // Pods that serve nobody must not hold a drain up.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        metadata: meta::owned(inputs, name, "web"),
        status: None,
    })
}
