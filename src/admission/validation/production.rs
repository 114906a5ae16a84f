//! Rule 9: what an instance may be a copy of.

use super::Case;
use crate::admission::violation::Findings;
use crate::api::v1::Environment;

/// Production is no clone, nothing is a clone of itself, and a new database has one source at most.
pub(super) fn clone(case: &Case<'_>, findings: &mut Findings) {
    const PATH: &str = "spec.initialization.clone";
    let Some((spec, _)) = case.instance() else { return };
    let Some(init) = &spec.initialization else { return };
    let Some(clone) = &init.clone else { return };
    if spec.environment() == Environment::Production {
        findings.forbidden(PATH, "a Production instance is no copy of another; remove it, or use environment Staging");
        return;
    }
    if init.restore.is_some() {
        findings.forbidden(PATH, "excludes initialization.restore; remove one of both");
    }
    let source = &clone.instance_ref;
    let namespace = source.namespace.as_deref().unwrap_or(case.namespace);
    if source.name == case.name && namespace == case.namespace && !case.generated {
        findings.invalid(format!("{PATH}.instanceRef.name"), "is this instance; name the one that is copied");
    }
}
