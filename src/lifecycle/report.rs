//! The words that report a phase: conditions, message, readiness.

use super::decide::Facts;
use super::observed::{Child, ChildState, Database, InitWork};
use super::phase::{in_progress, is_unsupported, wanted};
use crate::api::conditions::{
    ConditionStatus, DATABASE_READY, DEGRADED, PROGRESSING, READY, RECONCILING, STALLED, STORAGE_READY, Wanted,
};
use crate::api::v1::{InitializationMode, OperationKind, Phase};

/// What status says about an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether it serves requests.
    pub ready: bool,
    /// What a person should know; `None` when all is well.
    pub message: Option<String>,
    /// Its conditions.
    pub conditions: Vec<Wanted>,
}

/// Puts an instance's state into words.
pub fn report(facts: &Facts<'_>) -> Report {
    let message = message(facts);
    let ready = facts.phase == Phase::Running;
    let taken = facts.observed.name_taken();
    let stalled = taken.is_some()
        || matches!(facts.phase, Phase::Error | Phase::InitFailed | Phase::RestoreFailed)
        || is_unsupported(facts.phase)
        || matches!(facts.observed.database, Database::Foreign(_) | Database::NotConfigured(_));
    let text = message.clone().unwrap_or_else(|| doc(facts.phase).to_owned());
    let ready_reason = if taken.is_some() {
        "NameTaken".to_owned()
    } else if facts.phase == Phase::Error {
        "InvalidSpec".to_owned()
    } else if is_unsupported(facts.phase) {
        "NotSupported".to_owned()
    } else if facts.suspended() {
        "Suspended".to_owned()
    } else {
        format!("{:?}", facts.phase)
    };
    let resting = facts.phase == Phase::Stopped || facts.suspended();
    let is_ready = (ready || resting) && taken.is_none() && facts.phase != Phase::Deleting;
    let progressing = in_progress(facts.phase) && !stalled && !facts.suspended();
    let reason = format!("{:?}", facts.phase);
    let mut conditions = vec![
        Wanted::new(READY, is_ready, ready_reason, text.clone()),
        Wanted::new(RECONCILING, progressing, reason.clone(), doc(facts.phase)),
        Wanted::new(
            STALLED,
            stalled,
            if stalled { reason.clone() } else { "NotStalled".to_owned() },
            if stalled { text } else { String::new() },
        ),
        Wanted::new(PROGRESSING, in_progress(facts.phase), reason.clone(), doc(facts.phase)),
        Wanted::new(DEGRADED, facts.phase == Phase::Degraded, reason, String::new()),
        database(facts),
    ];
    if *facts.observed.child(Child::Filestore) != ChildState::NotWanted {
        conditions.push(storage(facts));
    }
    Report { ready, message, conditions }
}

fn database(facts: &Facts<'_>) -> Wanted {
    use ConditionStatus::{False, True, Unknown};
    if is_unsupported(facts.phase) && facts.observed.database == Database::Incomplete {
        return Wanted::new(DATABASE_READY, Unknown, "NotSupported", "it is taken over when the operation has ended");
    }
    let (status, reason, message) = match &facts.observed.database {
        Database::Unknown(why) => (Unknown, "Unreachable", why.clone()),
        Database::NotConfigured(which) => (False, "NotConfigured", which.clone()),
        Database::Absent if facts.db_initialized => {
            (False, "Missing", "the database is gone; restore it, or set spec.database.missingPolicy to Recreate to start with an empty one".to_owned())
        }
        Database::Absent | Database::Incomplete => (False, "Provisioning", "role and database are being made".to_owned()),
        Database::Ready => (True, "Ready", "role and database are there".to_owned()),
        Database::Foreign(whose) => (False, "NameTaken", whose.clone()),
        Database::Failed(why) => (False, "Failed", why.clone()),
    };
    Wanted::new(DATABASE_READY, status, reason, message)
}

fn storage(facts: &Facts<'_>) -> Wanted {
    match facts.observed.child(Child::Filestore) {
        ChildState::Matches | ChildState::Differs => {
            Wanted::new(STORAGE_READY, true, "Ready", "the volume claim is there")
        }
        ChildState::Foreign(what) => Wanted::new(STORAGE_READY, false, "NameTaken", what.clone()),
        _ => Wanted::new(STORAGE_READY, false, "Provisioning", "the volume claim is being made"),
    }
}

fn message(facts: &Facts<'_>) -> Option<String> {
    let observed = facts.observed;
    if facts.phase == Phase::Deleting {
        let what = match facts.operation {
            Some(OperationKind::Delete) => "removing database, role and volume",
            _ => "leaving database, role and volume for an instance of this name",
        };
        return Some(if observed.pods > 0 {
            format!("waiting for {} pods to end, then {what}", observed.pods)
        } else {
            what.to_owned()
        });
    }
    if let Some(why) = &observed.rejected {
        return Some(why.clone());
    }
    if let Some(what) = observed.name_taken() {
        return Some(what.to_owned());
    }
    match &observed.database {
        Database::Unknown(why) | Database::NotConfigured(why) | Database::Foreign(why) | Database::Failed(why) => {
            return Some(why.clone());
        }
        Database::Absent if facts.db_initialized => {
            return Some("the database is gone (condition DatabaseReady says what can be done)".to_owned());
        }
        _ => {}
    }
    if is_unsupported(facts.phase) {
        return Some(format!(
            "another operator left this instance in phase {:?}, whose operation this version does not run; nothing is \
             changed until status.phase says Starting: set it when the operation has ended, with kubectl patch \
             --subresource=status",
            facts.phase
        ));
    }
    match (facts.phase, &observed.init) {
        (Phase::InitFailed, InitWork::Failed(why)) => Some(why.clone()),
        (Phase::InitFailed, InitWork::Vanished) => Some("the OdooInitJob was deleted before it ended".to_owned()),
        (Phase::InitFailed, _) => Some("the initialisation failed; delete the failed OdooInitJob to try again, or create another".to_owned()),
        (Phase::Uninitialized, _) => match facts.spec.initialization_mode() {
            InitializationMode::None => Some("initialization.mode is none: create an OdooInitJob to fill the database".to_owned()),
            InitializationMode::Restore => Some("initialization.mode restore is not available in this version of the operator; use fresh, or none and fill the database yourself".to_owned()),
            InitializationMode::Clone => Some("initialization.mode clone is not available in this version of the operator; use fresh, or none and fill the database yourself".to_owned()),
            InitializationMode::Fresh => None,
        },
        (Phase::Degraded, _) => {
            let (web, cron) = wanted(facts.spec);
            Some(format!("{} of {web} web pods and {} of {cron} cron pods are ready", observed.web.ready, observed.cron.ready))
        }
        _ => None,
    }
}

fn doc(phase: Phase) -> &'static str {
    match phase {
        Phase::Provisioning => "role, database and objects are being made",
        Phase::Uninitialized => "the database has no Odoo in it",
        Phase::Initializing => "an OdooInitJob fills the database",
        Phase::InitFailed => "the initialisation failed",
        Phase::RestoreFailed => "the restore failed",
        Phase::Starting => "the pods are coming up",
        Phase::Running => "web and cron pods are ready",
        Phase::Degraded => "some pods are missing",
        Phase::Stopped => "scaled to 0",
        Phase::Upgrading => "modules are being upgraded",
        Phase::Restoring => "a backup is being restored",
        Phase::CloningFromSource => "another instance is being copied",
        Phase::BackingUp => "a backup is being taken",
        Phase::MigratingFilestore | Phase::FinalizingFilestoreMigration => "the files are moving to another volume",
        Phase::MigratingDatabase | Phase::FinalizingDatabaseMigration => "the database is moving to another cluster",
        Phase::Error => "the spec is not valid",
        Phase::Deleting => "the instance is being removed",
    }
}
