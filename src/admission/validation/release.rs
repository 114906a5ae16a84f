//! Rule 29: what the API has and this release does not carry out. Nothing of it is ignored without a word.

use super::Case;
use crate::admission::subject::Kind;
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::{InitializationMode, OdooInstanceSpec, OnImageChange};

/// Going on without it would surprise: data would be elsewhere than asked for.
pub(super) fn database(case: &Case<'_>, findings: &mut Findings) {
    let Some(database) = case.instance().and_then(|(spec, _)| spec.database.as_ref()) else { return };
    let elsewhere = "is not carried out by this release, which makes the database itself; use spec.database.cluster";
    for (field, there) in [
        ("credentialsSecretRef", database.credentials_secret_ref.is_some()),
        ("caSecretRef", database.ca_secret_ref.is_some()),
        ("secondDatabase", database.second_database.is_some()),
    ] {
        if there {
            findings.not_supported(format!("spec.database.{field}"), elsewhere);
        }
    }
}

/// Going on without it would surprise: data would meet code that it was not upgraded to, or stay where it was.
pub(super) fn refused(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, old)) = case.instance() else { return };
    if spec.upgrade.as_ref().and_then(|upgrade| upgrade.on_image_change) == Some(OnImageChange::UpgradeModules) {
        let message = "UpgradeModules is not carried out by this release: a new image would meet a database that was \
                       not upgraded to it; use None, and upgrade the modules yourself";
        findings.not_supported("spec.upgrade.onImageChange", message);
    }
    if let Some(old) = old {
        moves(case, spec, old, findings);
    }
}

/// Class, cluster and access mode of what is there already. (In other phases rule 4 has refused class and cluster.) The
/// volume claim is made in the first pass, whatever else that one waits for.
fn moves(case: &Case<'_>, spec: &OdooInstanceSpec, old: &OdooInstanceSpec, findings: &mut Findings) {
    fn mode(spec: &OdooInstanceSpec) -> Option<&str> {
        spec.filestore.as_ref()?.access_mode.as_deref()
    }
    let phase = case.state.phase.as_deref();
    let at_rest = matches!(phase, Some("Running" | "Degraded" | "Stopped"));
    for (path, old, new, applies, why) in [
        (
            "spec.filestore.storageClass",
            old.storage_class(),
            spec.storage_class(),
            at_rest,
            "this release moves no volume",
        ),
        ("spec.database.cluster", old.cluster(), spec.cluster(), at_rest, "this release moves no database"),
        ("spec.filestore.accessMode", mode(old), mode(spec), phase.is_some(), "a volume keeps its access mode"),
    ] {
        if let (Some(old), Some(new)) = (old.filter(|it| !it.is_empty()), new)
            && applies
            && old != new
        {
            let change = format!("cannot change from {} to {}", quoted(old), quoted(new));
            findings.not_supported(path, format!("{change}: {why}; keep {}", quoted(old)));
        }
    }
}

/// Going on without it does no harm.
pub(super) fn told(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, old)) = case.instance() else { return };
    let mut tell = |path: &str, applies: bool, what: &str| {
        if applies {
            findings.warn(path, what);
        }
    };
    if let Some(upgrade) = &spec.upgrade {
        let by_hand = "is not carried out by this release: upgrade modules with Odoo itself";
        let some = |modules: &Option<Vec<String>>| modules.as_ref().is_some_and(|modules| !modules.is_empty());
        tell("spec.upgrade.modules", some(&upgrade.modules), by_hand);
        tell("spec.upgrade.modulesInstall", some(&upgrade.modules_install), by_hand);
        let none = "is not carried out by this release, which runs no upgrades";
        tell("spec.upgrade.backup", upgrade.backup.is_some(), none);
        tell("spec.upgrade.rollback", upgrade.rollback == Some(false), none);
        tell("spec.upgrade.keepWebRunning", upgrade.keep_web_running == Some(true), none);
    }
    // Which class the cluster's own default was is not known here.
    let named = old.is_some_and(|old| {
        old.storage_class().unwrap_or_default().is_empty() && old.storage_class() != spec.storage_class()
    });
    let keeps = "has no effect on the volume that is there, which keeps its class";
    tell("spec.filestore.storageClass", named && case.state.phase.is_some(), keeps);
    let read_only = spec.read_only_sql_access.as_ref().is_some_and(|access| access.enabled == Some(true));
    tell("spec.readOnlySqlAccess", read_only, "is not carried out by this release: no such role is made");
    if case.state.db_initialized != Some(true) {
        let waits = "is not carried out by this release: the database waits for an OdooInitJob of yours";
        let mode = spec.initialization_mode();
        tell("spec.initialization.restore", mode == InitializationMode::Restore, waits);
        tell("spec.initialization.clone", mode == InitializationMode::Clone, waits);
    }
}

/// The object is taken and kept, and nothing is done about it.
pub(super) fn kinds(case: &Case<'_>, findings: &mut Findings) {
    let kind = case.spec.kind();
    if case.old.is_none() && !matches!(kind, Kind::Instance | Kind::InitJob) {
        findings.warn("kind", format!("this release does not run {}: it is kept, with Accepted=False", kind.name()));
    }
}
