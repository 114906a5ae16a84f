//! The transitions as data: first true guard of the current phase wins.

use super::decide::Facts;
use super::observed::{Base, Database, InitWork};
use super::phase::{is_unsupported, wanted};
use crate::api::v1::{InitializationMode, MissingPolicy, Phase};

/// One edge of the state machine.
pub struct Transition {
    /// Phase that is left; `None` means any other than `to`.
    pub from: Option<Phase>,
    /// What must hold, in words.
    pub guard: &'static str,
    /// Whether it holds.
    pub holds: fn(&Facts<'_>) -> bool,
    /// Phase that is entered.
    pub to: Phase,
    /// Why.
    pub doc: &'static str,
}

macro_rules! row {
    ($from:expr, $guard:ident, $to:ident, $doc:literal) => {
        Transition { from: $from, guard: stringify!($guard), holds: $guard, to: Phase::$to, doc: $doc }
    };
}

use Phase::{
    Degraded, Error, InitFailed, Initializing, Provisioning, RestoreFailed, Running, Starting, Stopped, Uninitialized,
};

/// Every transition, in order of precedence within a phase.
pub static TRANSITIONS: &[Transition] = &[
    row!(None, deletion_asked, Deleting, "deletionTimestamp is set: nothing but removal is done from here"),
    row!(None, rejected, Error, "the object breaks a rule that admission should have refused; pods stay as they are"),
    row!(Some(Error), initialized, Starting, "the object is valid again"),
    row!(Some(Error), accepted, Provisioning, "the object is valid again"),
    row!(Some(Provisioning), initialized_and_reachable, Starting, "the database has an Odoo in it already"),
    row!(Some(Provisioning), provisioned, Uninitialized, "role, database and objects are there"),
    row!(Some(Uninitialized), initialized, Starting, "the database has an Odoo in it and nobody harmed it"),
    row!(Some(Uninitialized), init_active, Initializing, "an OdooInitJob asks for it"),
    row!(Some(Initializing), init_succeeded, Starting, "base is installed"),
    row!(Some(Initializing), init_failed, InitFailed, "the job failed, or was deleted before it ended"),
    row!(Some(InitFailed), init_active, Initializing, "another OdooInitJob asks for it"),
    row!(Some(InitFailed), init_gone, Uninitialized, "the failed OdooInitJob was deleted: begin anew"),
    row!(Some(RestoreFailed), init_active, Initializing, "an OdooInitJob asks for it"),
    row!(Some(Starting), database_lost, Uninitialized, "the database is gone and missingPolicy is Recreate"),
    row!(Some(Starting), stop_asked, Stopped, "replicas is 0"),
    row!(Some(Starting), all_ready, Running, "web and cron pods are ready"),
    row!(Some(Running), database_lost, Uninitialized, "the database is gone and missingPolicy is Recreate"),
    row!(Some(Running), stop_asked, Stopped, "replicas is 0"),
    row!(Some(Running), none_ready, Starting, "no web pod is ready"),
    row!(Some(Running), some_missing, Degraded, "some web or cron pods are not ready"),
    row!(Some(Degraded), database_lost, Uninitialized, "the database is gone and missingPolicy is Recreate"),
    row!(Some(Degraded), stop_asked, Stopped, "replicas is 0"),
    row!(Some(Degraded), all_ready, Running, "web and cron pods are ready again"),
    row!(Some(Degraded), none_ready, Starting, "no web pod is ready"),
    row!(Some(Stopped), start_asked, Starting, "replicas is more than 0"),
];

fn deletion_asked(facts: &Facts<'_>) -> bool {
    facts.observed.deleting
}

fn rejected(facts: &Facts<'_>) -> bool {
    // Where another operator's operation stands is in the phase, and must not be lost.
    facts.observed.rejected.is_some() && !facts.observed.deleting && !is_unsupported(facts.phase)
}

fn accepted(facts: &Facts<'_>) -> bool {
    facts.observed.rejected.is_none()
}

fn initialized(facts: &Facts<'_>) -> bool {
    accepted(facts) && (facts.db_initialized || matches!(facts.observed.base, Base::Installed(_)))
}

fn initialized_and_reachable(facts: &Facts<'_>) -> bool {
    initialized(facts) && facts.observed.database == Database::Ready
}

fn provisioned(facts: &Facts<'_>) -> bool {
    // A mode that fills the database otherwise waits for that operation, not for a look at the base module.
    let inspected = facts.observed.base == Base::NotInstalled;
    facts.observed.database == Database::Ready && inspected && !facts.needs_objects()
}

fn init_active(facts: &Facts<'_>) -> bool {
    matches!(facts.observed.init, InitWork::Active { .. }) && !facts.suspended()
}

fn init_succeeded(facts: &Facts<'_>) -> bool {
    matches!(facts.observed.init, InitWork::Succeeded(_))
}

fn init_failed(facts: &Facts<'_>) -> bool {
    matches!(facts.observed.init, InitWork::Failed(_) | InitWork::Vanished | InitWork::None)
}

fn init_gone(facts: &Facts<'_>) -> bool {
    let gone = match &facts.observed.init {
        InitWork::None => true,
        // Without an operation under way, success is that of a job that filled a database which is gone by now.
        InitWork::Succeeded(_) => facts.observed.base == Base::NotInstalled,
        _ => false,
    };
    gone && facts.spec.initialization_mode() == InitializationMode::Fresh
}

fn database_lost(facts: &Facts<'_>) -> bool {
    let policy = facts.spec.database.as_ref().and_then(|database| database.missing_policy).unwrap_or_default();
    facts.db_initialized
        && facts.observed.database == Database::Absent
        && policy == MissingPolicy::Recreate
        && !facts.suspended()
}

fn stop_asked(facts: &Facts<'_>) -> bool {
    facts.spec.web_replicas() == 0
}

fn start_asked(facts: &Facts<'_>) -> bool {
    facts.spec.web_replicas() > 0
}

fn all_ready(facts: &Facts<'_>) -> bool {
    let (web, cron) = wanted(facts.spec);
    web > 0 && facts.observed.web.ready >= web && facts.observed.cron.ready >= cron
}

fn none_ready(facts: &Facts<'_>) -> bool {
    facts.spec.web_replicas() > 0 && facts.observed.web.ready == 0
}

fn some_missing(facts: &Facts<'_>) -> bool {
    facts.spec.web_replicas() > 0 && !all_ready(facts)
}
