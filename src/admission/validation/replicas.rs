//! Rules 10 and 11: how many web pods there are, and how they are replaced.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Case;
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::{OdooInstanceSpec, StrategyType};

const MANY: &str = "ReadWriteMany";

/// Rule 10: two pods at once need a volume that two nodes can mount.
pub(super) fn access_mode(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    let Some(mode) = spec.filestore.as_ref().and_then(|filestore| filestore.access_mode.as_deref()) else { return };
    if ![MANY, "ReadWriteOnce", "ReadWriteOncePod"].contains(&mode) {
        let message = format!("{} is none of ReadWriteMany, ReadWriteOnce, ReadWriteOncePod", quoted(mode));
        findings.not_supported("spec.filestore.accessMode", message);
        return;
    }
    if mode == MANY {
        return;
    }
    if spec.web_replicas() > 1 {
        let message = format!(
            "{} web pods need filestore.accessMode {MANY}, and it is {mode}; 1 is possible",
            spec.web_replicas()
        );
        findings.invalid("spec.replicas", message);
    }
    if spec.strategy.as_ref().and_then(|strategy| strategy.type_) == Some(StrategyType::RollingUpdate) {
        let message = format!("RollingUpdate needs filestore.accessMode {MANY}, and it is {mode}; use Recreate");
        findings.invalid("spec.strategy.type", message);
    }
}

/// Rule 11: bounds of a rolling update go with one, and leave it a way to go on.
pub(super) fn rolling_update(case: &Case<'_>, findings: &mut Findings) {
    const PATH: &str = "spec.strategy.rollingUpdate";
    let Some((spec, _)) = case.instance() else { return };
    let Some(strategy) = &spec.strategy else { return };
    let Some(update) = &strategy.rolling_update else { return };
    if strategy.type_ != Some(StrategyType::RollingUpdate) {
        findings.forbidden(PATH, "goes with type RollingUpdate only; set the type or remove it");
        return;
    }
    let mut zero = true;
    for (name, value) in [("maxUnavailable", &update.max_unavailable), ("maxSurge", &update.max_surge)] {
        let number = value.as_ref().map_or(Some(25), share);
        zero &= number == Some(0);
        if number.is_none() {
            findings.invalid(format!("{PATH}.{name}"), "must be a number from 0 or a percentage such as \"25%\"");
        } else if name == "maxUnavailable"
            && matches!(value, Some(IntOrString::String(_)))
            && number.is_some_and(|percent| percent > 100)
        {
            findings.invalid(format!("{PATH}.{name}"), "is more than all pods; write at most \"100%\"");
        }
    }
    if zero {
        findings.invalid(PATH, "maxUnavailable and maxSurge are both 0: no pod could ever be replaced; raise one");
    }
}

/// A number of pods or a percentage of them; `None` if it is neither.
pub(super) fn share(value: &IntOrString) -> Option<i32> {
    match value {
        IntOrString::Int(number) => Some(*number).filter(|number| *number >= 0),
        IntOrString::String(text) => text
            .strip_suffix('%')
            .filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
            // More than fits is more than any bound.
            .map(|digits| digits.parse().unwrap_or(i32::MAX)),
    }
}

/// One web pod at a time: what a volume that a single node mounts can carry.
pub(super) fn one_at_a_time(spec: &mut OdooInstanceSpec) {
    spec.replicas = spec.replicas.map(|replicas| replicas.min(1));
    if let Some(strategy) = &mut spec.strategy {
        strategy.type_ = Some(StrategyType::Recreate);
        strategy.rolling_update = None;
    }
}

/// A rolling update with the API's own bounds.
pub(super) fn without_bounds(spec: &mut OdooInstanceSpec) {
    if let Some(strategy) = &mut spec.strategy {
        strategy.rolling_update = None;
    }
}
