//! What holds while an instance is in a phase.

use crate::api::v1::{OdooInstanceSpec, Phase};

/// How many pods a phase wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As many as there are.
    Unchanged,
    /// None.
    Zero,
    /// As many as the spec says.
    Spec,
}

/// How many pods `phase` wants.
pub fn scale(phase: Phase) -> Scale {
    match phase {
        Phase::Starting | Phase::Running => Scale::Spec,
        Phase::Uninitialized
        | Phase::Initializing
        | Phase::InitFailed
        | Phase::RestoreFailed
        | Phase::Restoring
        | Phase::CloningFromSource
        | Phase::Stopped
        | Phase::MigratingFilestore
        | Phase::FinalizingFilestoreMigration
        | Phase::MigratingDatabase
        | Phase::FinalizingDatabaseMigration
        | Phase::Upgrading
        | Phase::Deleting => Scale::Zero,
        // A degraded instance heals by the same wish that it fell short of.
        Phase::Degraded => Scale::Spec,
        Phase::Provisioning | Phase::BackingUp | Phase::Error => Scale::Unchanged,
    }
}

/// Whether `phase` belongs to an operation that this version does not run. Another operator left the instance in it:
/// everything stays as it is.
pub fn is_unsupported(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::Upgrading
            | Phase::Restoring
            | Phase::CloningFromSource
            | Phase::BackingUp
            | Phase::MigratingFilestore
            | Phase::FinalizingFilestoreMigration
            | Phase::MigratingDatabase
            | Phase::FinalizingDatabaseMigration
    )
}

/// Whether work is under way in `phase` (v1alpha1's Progressing).
pub fn in_progress(phase: Phase) -> bool {
    !matches!(
        phase,
        Phase::Uninitialized
            | Phase::InitFailed
            | Phase::RestoreFailed
            | Phase::Running
            | Phase::Degraded
            | Phase::Stopped
            | Phase::Error
    )
}

/// Web and cron pods that the spec wants.
pub fn wanted(spec: &OdooInstanceSpec) -> (i32, i32) {
    let web = spec.web_replicas();
    (web, if web == 0 { 0 } else { spec.cron_replicas() })
}
