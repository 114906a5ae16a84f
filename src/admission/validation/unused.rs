//! Rule 30: fields that another field takes the effect from.

use super::Case;
use crate::admission::violation::Findings;
use crate::api::v1::InitializationMode;

/// Variables that the operator sets in some containers only.
const SOMETIMES: [&str; 4] = ["PGSSLROOTCERT", "INIT_MODULES", "INIT_LANGUAGES", "INIT_DEMO"];

/// Says which fields have no effect, and why.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    let ingress = &spec.ingress;
    let given = |field: &Option<String>| field.as_deref().is_some_and(|text| !text.is_empty());
    if ingress.gateway_ref.is_some() {
        if given(&ingress.class) {
            // Null, since the operator may have filled it in.
            let message = "has no effect with gatewayRef; remove it, or write gatewayRef: null";
            findings.warn("spec.ingress.class", message);
        }
        if given(&ingress.issuer) {
            findings.warn("spec.ingress.issuer", "has no effect with gatewayRef: TLS is the Gateway's; remove it");
        }
    }
    initialization(case, findings);
    for (index, variable) in spec.extra_env.iter().flatten().enumerate() {
        if SOMETIMES.contains(&variable.name.as_str()) {
            findings
                .warn(format!("spec.extraEnv[{index}].name"), "has no effect in containers where the operator sets it");
        }
    }
    if let Some(budget) = &spec.pod_disruption_budget
        && budget.min_available.is_some()
        && !budget.enabled.unwrap_or(spec.web_replicas() > 1)
    {
        findings.warn("spec.podDisruptionBudget.minAvailable", "has no effect without a budget; set enabled: true");
    }
}

/// Blocks that the mode does not name, and anything once there is an Odoo in the database.
fn initialization(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, old)) = case.instance() else { return };
    let Some(init) = &spec.initialization else { return };
    let mode = match init.mode {
        Some(InitializationMode::Fresh) => "fresh",
        Some(InitializationMode::Restore) => "restore",
        Some(InitializationMode::Clone) => "clone",
        Some(InitializationMode::None) => "none",
        None => "",
    };
    for (block, there) in [("restore", init.restore.is_some()), ("clone", init.clone.is_some())] {
        if there && !mode.is_empty() && mode != block {
            let message = format!("has no effect with mode {mode}; remove it, or write mode: {block}");
            findings.warn(format!("spec.initialization.{block}"), message);
        }
    }
    let changed = old.is_some_and(|old| old.initialization.as_ref() != Some(init));
    if changed && case.state.db_initialized == Some(true) {
        findings.warn("spec.initialization", "has no effect any more: the database is initialised");
    }
}
