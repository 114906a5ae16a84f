//! Rules 3 and 4: where the files and the database are.

use super::Case;
use crate::admission::violation::{Findings, quoted};
use crate::api::quantity;
use crate::api::v1::OdooInstanceSpec;

/// Rule 3: the volume never shrinks.
pub(super) fn size(case: &Case<'_>, findings: &mut Findings) {
    fn size(spec: &OdooInstanceSpec) -> Option<&str> {
        spec.filestore.as_ref()?.storage_size.as_deref()
    }
    let Some((spec, Some(old))) = case.instance() else { return };
    if let (Some(new), Some(old)) = (size(spec), size(old))
        && quantity::is_less(new, old)
    {
        let message =
            format!("{0} is less than {1}; a volume cannot shrink, write {1} or more", quoted(new), quoted(old));
        findings.forbidden("spec.filestore.storageSize", message);
    }
}

/// Rule 4: the volume's class and the cluster change only while nothing else is going on, or back to where a move
/// under way came from.
pub(super) fn place(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, Some(old))) = case.instance() else { return };
    let migration = case.state.migration.as_ref();
    let previous = migration.and_then(|migration| migration.previous_storage_class.as_deref());
    moved(case, "spec.filestore.storageClass", old.storage_class(), spec.storage_class(), previous, findings);

    let previous = migration.and_then(|migration| migration.previous_cluster.as_deref());
    moved(case, "spec.database.cluster", old.cluster(), spec.cluster(), previous, findings);
}

fn moved(
    case: &Case<'_>,
    path: &str,
    old: Option<&str>,
    new: Option<&str>,
    previous: Option<&str>,
    findings: &mut Findings,
) {
    let (Some(old), Some(new)) = (old.filter(|it| !it.is_empty()), new) else { return };
    let phase = case.state.phase.as_deref().unwrap_or("Provisioning");
    let at_rest = matches!(phase, "Running" | "Degraded" | "Stopped");
    if new == old || at_rest || previous == Some(new) {
        return;
    }
    let change = format!("cannot change from {} to {} in phase {phase}", quoted(old), quoted(new));
    findings.forbidden(path, format!("{change}; keep {}", quoted(old)));
}
