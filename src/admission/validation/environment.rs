//! Rule 16: changes that are allowed and easily regretted.

use super::Case;
use crate::admission::violation::Findings;
use crate::api::labels::CONFIRM_DELETE;
use crate::api::v1::{DeletionPolicy, Environment};

/// Production to Staging warns, and so does a Production instance that takes its data with it.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, old)) = case.instance() else { return };
    let production = spec.environment() == Environment::Production;
    if !production && old.is_some_and(|old| old.environment() == Environment::Production) {
        findings.warn("spec.environment", "was Production: Staging is neutralised, and a refresh may replace it");
    }
    if production && spec.deletion_policy() == DeletionPolicy::Delete {
        let message = format!("Delete takes Production data along if annotated {CONFIRM_DELETE}: <name>");
        findings.warn("spec.deletionPolicy", message);
    }
}
