//! From what was observed to what is to be done. Total, without a clock.

use super::observed::{Base, Child, ChildState, Database, InitWork, Login, Observed};
use super::phase::{Scale, is_unsupported, scale};
use super::plan::{Effect, Plan};
use super::table::TRANSITIONS;
use crate::api::v1::{InitializationMode, OdooInstanceSpec, OperationKind, Phase};

/// What guards may look at.
pub struct Facts<'a> {
    /// The defaulted spec.
    pub spec: &'a OdooInstanceSpec,
    /// Whether status says that the database has an Odoo in it.
    pub db_initialized: bool,
    /// The operation under way.
    pub operation: Option<OperationKind>,
    /// The current phase.
    pub phase: Phase,
    /// What was seen.
    pub observed: &'a Observed,
}

impl Facts<'_> {
    /// Whether the user asked to be left alone.
    pub fn suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }

    /// Whether an object that the initialisation needs is not there.
    pub fn needs_objects(&self) -> bool {
        [Child::Credentials, Child::OdooConf, Child::ServiceAccount, Child::Filestore]
            .iter()
            .any(|child| !matches!(self.observed.child(*child), ChildState::Matches | ChildState::Differs))
    }
}

/// Objects that are there from the first phase on, in the order in which they depend on each other.
const ALWAYS: [Child; 10] = [
    Child::PullSecret,
    Child::OdooConf,
    Child::ServiceAccount,
    Child::Filestore,
    Child::Service,
    Child::Ingress,
    Child::HttpRoute,
    Child::DisruptionBudget,
    Child::Web,
    Child::Cron,
];

/// Decides the next step: at most one transition, and the effects of the phase that it leaves.
///
/// Deciding again after the effects were done and the phase was taken leads to a plan with no effects and no
/// transition, until something else changes.
pub fn decide(facts: &Facts<'_>) -> Plan {
    let phase = TRANSITIONS
        .iter()
        .filter(|row| row.from.map_or(facts.phase != row.to, |from| from == facts.phase))
        .find(|row| {
            // An object that is being deleted goes nowhere else, and a rejected one only where rejection ends.
            let leaving = facts.phase != Phase::Deleting || row.to == Phase::Deleting;
            leaving && (row.holds)(facts)
        })
        .map_or(facts.phase, |row| row.to);
    let effects = if phase == facts.phase { effects(facts) } else { Vec::new() };
    Plan { phase, effects }
}

fn effects(facts: &Facts<'_>) -> Vec<Effect> {
    match facts.phase {
        Phase::Deleting => deletion(facts),
        Phase::Error => Vec::new(),
        phase if is_unsupported(phase) => Vec::new(),
        _ if facts.suspended() => Vec::new(),
        _ => upkeep(facts),
    }
}

fn deletion(facts: &Facts<'_>) -> Vec<Effect> {
    // The first pass records Delete or Retain; only then is anything done about the data.
    let Some(operation) = facts.operation else { return Vec::new() };
    if facts.observed.pods > 0 || facts.observed.web.replicas > 0 || facts.observed.cron.replicas > 0 {
        return vec![Effect::StopPods];
    }
    let data = if operation == OperationKind::Delete { Effect::DropData } else { Effect::RetainData };
    vec![Effect::StopPods, data, Effect::ReleaseFinalizer]
}

fn upkeep(facts: &Facts<'_>) -> Vec<Effect> {
    let observed = facts.observed;
    let mut effects = Vec::new();
    if matches!(observed.child(Child::Credentials), ChildState::Missing | ChildState::Differs)
        || *observed.child(Child::AdminSecret) == ChildState::Missing
    {
        effects.push(Effect::EnsureCredentials);
    }
    let credentials = matches!(observed.child(Child::Credentials), ChildState::Matches);
    let wanted = match observed.database {
        // A database that had an Odoo in it is not made again behind the user's back.
        Database::Absent => !facts.db_initialized,
        Database::Incomplete => true,
        _ => false,
    };
    // A taken-over database is being filled by the other operator's Job, which needs the rights that its role has.
    if credentials && wanted && facts.phase != Phase::Initializing {
        effects.push(Effect::EnsureDatabase);
    }
    if credentials && observed.database == Database::Ready && proves_login(facts) {
        effects.push(Effect::EnsureLogin);
    }
    if observed.database == Database::Ready && observed.base == Base::Unknown && looks_for_base(facts) {
        effects.push(Effect::InspectDatabase);
    }
    for child in ALWAYS {
        match observed.child(child) {
            ChildState::Missing if is_made_in(child, facts.phase) => effects.push(Effect::Ensure(child)),
            ChildState::Differs => effects.push(Effect::Ensure(child)),
            ChildState::Surplus => effects.push(Effect::Remove(child)),
            _ => {}
        }
    }
    if facts.phase == Phase::Uninitialized
        && matches!(observed.init, InitWork::None | InitWork::Succeeded(_))
        && !matches!(observed.child(Child::InitJob), ChildState::Foreign(_))
        && observed.base == Base::NotInstalled
        && facts.spec.initialization_mode() == InitializationMode::Fresh
    {
        effects.push(Effect::EnsureInitJob);
    }
    effects
}

/// Whether the role's password has to be tried: when its Secret was made anew or edited, and once where pods that should
/// run do not. A Secret that changed while no operator ran shows by these only.
fn proves_login(facts: &Facts<'_>) -> bool {
    match facts.observed.login {
        Login::Proven => false,
        Login::Changed => true,
        Login::Unproven => {
            matches!(facts.phase, Phase::Provisioning | Phase::Uninitialized | Phase::Starting | Phase::Degraded)
        }
    }
}

/// Whether a decision of this phase depends on what is in the database.
fn looks_for_base(facts: &Facts<'_>) -> bool {
    !facts.db_initialized && matches!(facts.phase, Phase::Provisioning | Phase::Uninitialized | Phase::Error)
}

/// Deployments are first made when there is something to run.
fn is_made_in(child: Child, phase: Phase) -> bool {
    match child {
        Child::Web | Child::Cron => scale(phase) == Scale::Spec,
        _ => true,
    }
}
