//! Rules 20, 21 and 23: what a job works on, and when it is too late to change it.

use super::Case;
use crate::admission::deletion::changed_fields;
use crate::admission::subject::Spec;
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::Environment;

/// Rule 20: the instance is in the own namespace. One that is not there (yet) warns: manifests come in any order.
pub(super) fn target(case: &Case<'_>, findings: &mut Findings) {
    let Some((path, target)) = case.spec.instance_ref() else { return };
    if let Some(namespace) = target.namespace.as_deref().filter(|namespace| *namespace != case.namespace) {
        let message =
            format!("{} is not this object's namespace; remove it, or create the object there", quoted(namespace));
        findings.forbidden(format!("{path}.namespace"), message);
        return;
    }
    let name = &target.name;
    if name.is_empty() {
        findings.required(format!("{path}.name"), "name an OdooInstance of this namespace");
    } else if case.old.is_none() && case.ctx.lookup.instance(case.namespace, name).is_none() {
        findings.warn(
            format!("{path}.name"),
            format!("there is no OdooInstance {} here yet; the job waits for it", quoted(name)),
        );
    }
}

/// Rule 21: once a job has begun, only `cancel: true` is heard.
pub(super) fn fixed(case: &Case<'_>, findings: &mut Findings) {
    let Some(old) = case.old.filter(|old| old.kind().is_job()) else { return };
    let Some(phase @ ("Running" | "Completed" | "Failed")) = case.state.phase.as_deref() else { return };
    for field in changed_fields(old, case.spec) {
        if field == "cancel" {
            if !cancels(case.spec) {
                findings.forbidden("spec.cancel", format!("cannot be taken back in phase {phase}; create a new job"));
            }
            continue;
        }
        let message = format!("cannot change in phase {phase}; create a new job, or set cancel: true");
        findings.forbidden(format!("spec.{field}"), message);
    }
}

fn cancels(spec: &Spec) -> bool {
    let cancel = match spec {
        Spec::InitJob(spec) => spec.cancel,
        Spec::UpgradeJob(spec) => spec.cancel,
        Spec::BackupJob(spec) => spec.cancel,
        Spec::RestoreJob(spec) => spec.cancel,
        Spec::RefreshJob(spec) => spec.cancel,
        Spec::Instance(_) | Spec::BackupSchedule(_) => None,
    };
    cancel == Some(true)
}

/// Rule 23: a refresh never replaces a Production instance, nor one by itself.
pub(super) fn refresh(case: &Case<'_>, findings: &mut Findings) {
    let Spec::RefreshJob(spec) = case.spec else { return };
    let target = &spec.odoo_instance_ref.name;
    let source = &spec.source.instance_ref;
    let namespace = source.namespace.as_deref().unwrap_or(case.namespace);
    if source.name == *target && namespace == case.namespace {
        findings.invalid("spec.source.instanceRef.name", "is the instance that is replaced; name another one");
    }
    if is_production(case, target) {
        let message = format!("{} is a Production instance; name a Staging one, a refresh replaces it", quoted(target));
        findings.forbidden("spec.odooInstanceRef.name", message);
    }
}

/// Rule 23: a restore of Production warns.
pub(super) fn restore(case: &Case<'_>, findings: &mut Findings) {
    let Spec::RestoreJob(spec) = case.spec else { return };
    let target = &spec.odoo_instance_ref.name;
    if is_production(case, target) {
        let message = format!("{} is a Production instance: its data is replaced", quoted(target));
        findings.warn("spec.odooInstanceRef.name", message);
    }
}

fn is_production(case: &Case<'_>, name: &str) -> bool {
    let facts = case.ctx.lookup.instance(case.namespace, name);
    facts.is_some_and(|facts| facts.environment == Environment::Production)
}
