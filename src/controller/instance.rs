//! One pass over an instance: observe, decide, act, report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Client, Resource, ResourceExt};
use tracing::{info, warn};

use super::act::{self, Progress};
use super::apply::Owner;
use super::consents::{Answers, Consents, Known};
use super::credentials::Credentials;
use super::databases::Databases;
use super::memory::{Backoff, Contents, Foreign};
use super::notifications::{LAST_WORDS, Notifications};
use super::observe::{Seen, observe};
use super::stores::Stores;
use super::watches::Queues;
use super::{Adoptions, Error, Result, adopt, status};
use crate::admission::consent::Reference;
use crate::admission::{self, Guarded, ObjectKey, Violation};
use crate::api::conditions::{self, DATABASE_READY, RECONCILING, Wanted};
use crate::api::labels::{CONFIRM_DELETE, INSTANCE_FINALIZER};
use crate::api::settings::Settings;
use crate::api::v1::{
    DeletionPolicy, Environment, OdooInstance, OdooInstanceStatus, OperationKind, OperationStatus, Phase,
};
use crate::lifecycle::{Base, Child, Database, Effect, Facts, InitWork, Observed, decide, report};
use crate::telemetry::{Events, Metrics, Outcome};

/// A pass that takes more steps than this does not come to rest.
const MAX_STEPS: usize = 24;

/// What every reconcile works with.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What the watches have seen.
    pub stores: Arc<Stores>,
    /// Who has to look again.
    pub queues: Queues,
    /// The operator's settings.
    pub settings: Arc<Settings>,
    /// PostgreSQL.
    pub databases: Arc<Databases>,
    /// What objects in other namespaces allow.
    pub consents: Arc<Consents>,
    /// Passwords.
    pub credentials: Credentials,
    /// Objects of others in our way.
    pub foreign: Foreign,
    /// Which versions of Secrets hold what we wrote.
    pub contents: Contents,
    /// Take-overs.
    pub adoptions: Adoptions,
    /// Failures in a row of each object.
    pub backoff: Backoff,
    /// Deliveries to receivers.
    pub notifications: Arc<Notifications>,
    /// Kubernetes Events.
    pub events: Events,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// An instance while a pass works on it.
pub struct Pass {
    /// Namespace, name and uid.
    pub owner: Owner,
    /// The instance, defaulted.
    pub instance: OdooInstance,
    /// Its status as it will be written.
    pub status: OdooInstanceStatus,
    /// Why it cannot be acted on, in words.
    pub rejected: Option<String>,
    /// What is wrong with it and does not stop it, in words.
    pub reported: Option<String>,
    /// Phases that were left and entered.
    trail: Vec<(Phase, Phase)>,
}

impl Pass {
    /// The current phase; none is Provisioning.
    pub fn phase(&self) -> Phase {
        self.status.phase.unwrap_or_default()
    }

    fn facts<'a>(&'a self, observed: &'a Observed) -> Facts<'a> {
        Facts {
            spec: &self.instance.spec,
            db_initialized: self.status.db_initialized.unwrap_or(false),
            operation: self.status.operation.as_ref().map(|operation| operation.kind),
            phase: self.phase(),
            observed,
        }
    }
}

/// Reconciles an instance and says when to look again without being asked.
pub async fn reconcile(instance: Arc<OdooInstance>, context: Arc<Context>) -> Result<Action> {
    let began = Instant::now();
    let result = run(&instance, &context).await;
    let outcome = match &result {
        Ok(_) => Outcome::Done,
        Err(error) if error.is_conflict() => Outcome::Conflict,
        Err(error) => {
            let (namespace, name) = (instance.namespace(), instance.name_any());
            warn!(namespace, name, %error, "step failed; it is tried again");
            Outcome::Failed
        }
    };
    context.metrics.reconciled("instance", outcome, began.elapsed().as_secs_f64());
    result
}

async fn run(instance: &OdooInstance, context: &Context) -> Result<Action> {
    let owner = Owner {
        namespace: instance.namespace().unwrap_or_default(),
        name: instance.name_any(),
        uid: instance.uid().unwrap_or_default(),
    };
    let deleting = instance.metadata.deletion_timestamp.is_some();
    let held = instance.finalizers().iter().any(|finalizer| finalizer == INSTANCE_FINALIZER);
    if deleting && !held {
        context.forget(&owner.uid);
        return Ok(Action::await_change());
    }
    if !held {
        status::set_finalizer(&context.client, &context.stores.instances, instance, INSTANCE_FINALIZER, true).await?;
        return Ok(Action::await_change());
    }
    let answers = if deleting { Answers::default() } else { consented(instance, context).await? };
    let mut pass = guarded(instance, context, owner, &answers);
    let begun = adopt::begin(context, instance, &mut pass).await;
    if let Err(error) = &begun
        && !error.is_conflict()
    {
        warn!(namespace = pass.owner.namespace, name = pass.owner.name, %error, "not taken over; it is tried again");
    }
    if begun? {
        return Ok(Action::await_change());
    }
    let (seen, failure) = walk(context, &mut pass).await?;
    if seen.released {
        context.forget(&pass.owner.uid);
        return Ok(Action::await_change());
    }
    if failure.is_none() {
        adopt::finish(context, &mut pass, &seen.world).await?;
    }
    describe(context, &mut pass, &seen.world, failure.as_ref());
    let wrote = save(context, instance, &mut pass).await?;
    if wrote {
        announce(context, instance, &pass).await;
    }
    context.notifications.update(context, &pass.instance, &pass.status).await;
    if let Some(error) = failure {
        return Err(error);
    }
    context.backoff.reset(&pass.owner.uid);
    let leaving = pass.phase() == Phase::Deleting && pass.status.notifications.is_some();
    let retry = seen.world.observed.name_taken().map(|_| Foreign::RETRY).or(leaving.then_some(LAST_WORDS));
    Ok(retry.map_or_else(Action::await_change, Action::requeue))
}

impl Context {
    /// Counts the instances that are there when the controllers start.
    pub fn count_phases(&self) {
        for instance in self.stores.instances.all() {
            if let Some(phase) = instance.status.as_ref().and_then(|status| status.phase) {
                self.metrics.moved(None, Some(&format!("{phase:?}")));
            }
        }
    }

    fn forget(&self, uid: &str) {
        self.credentials.forget(uid);
        self.databases.forget(uid);
        self.foreign.forget(uid);
        self.contents.forget(uid);
        self.adoptions.forget(uid);
        self.backoff.reset(uid);
        self.notifications.forget(uid);
    }
}

/// Whether the instance of another namespace that is to be copied consents, as long as that matters.
async fn consented(instance: &OdooInstance, context: &Context) -> Result<Answers> {
    let namespace = instance.namespace().unwrap_or_default();
    let filled = instance.status.as_ref().is_some_and(|status| status.db_initialized == Some(true));
    let source = instance.spec.initialization.as_ref().and_then(|init| init.clone.as_ref()).filter(|_| !filled);
    let source = source.and_then(|clone| {
        let elsewhere = clone.instance_ref.namespace.as_deref().filter(|it| !it.is_empty() && *it != namespace)?;
        Some(Reference::instance(elsewhere, &clone.instance_ref.name))
    });
    let Some(source) = source else { return Ok(Answers::default()) };
    let consent = context.consents.look(&source, &namespace).await?;
    Ok(Answers::one(source, &namespace, consent))
}

/// The same defaulting and rules as in admission: an object that slipped past them is reported, not executed.
fn guarded(instance: &OdooInstance, context: &Context, owner: Owner, answers: &Answers) -> Pass {
    let mut status = instance.status.clone().unwrap_or_default();
    hear_policy(instance, &mut status);
    let stores = &context.stores;
    let key = ObjectKey::new(&*owner.namespace, &*owner.name);
    // What is not its own the rules find below.
    stores.owners.hold(&key, &owner.uid, stores.default_cluster().as_deref());
    let known = Known::new(stores, answers);
    let admission = admission::Context { settings: &context.settings, lookup: &known };
    let words = |violations: &[Violation]| violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let (instance, rejected, reported) = match admission::guard(instance, &admission) {
        Ok(Guarded { instance, reported }) => {
            let left_out = (!reported.is_empty()).then(|| format!("left out of what runs: {}", words(&reported)));
            (instance, None, left_out)
        }
        Err(violations) => (instance.clone(), Some(words(&violations)), None),
    };
    Pass { owner, instance, status, rejected, reported, trail: Vec::new() }
}

struct Walked {
    world: Seen,
    /// The object is gone.
    released: bool,
}

/// Decides and acts until nothing is left to do, or only waiting.
///
/// An object that the API server refuses and that no other needs does not hold the others up.
async fn walk(context: &Context, pass: &mut Pass) -> Result<(Walked, Option<Error>)> {
    let mut refused: Vec<(Effect, Error)> = Vec::new();
    let first = |refused: Vec<(Effect, Error)>| refused.into_iter().next().map(|(_, error)| error);
    for _ in 0..MAX_STEPS {
        let world = observe(context, pass).await?;
        let mut plan = decide(&pass.facts(&world.observed));
        if plan.phase != pass.phase() {
            enter(pass, plan.phase, &world.observed);
            // An operation begins with its status patch, and only then is anything done about it.
            if pass.status.operation.is_some() && matches!(plan.phase, Phase::Initializing | Phase::Deleting) {
                let world = observe(context, pass).await?;
                return Ok((Walked { world, released: false }, first(refused)));
            }
            continue;
        }
        plan.effects.retain(|effect| !refused.iter().any(|(of, _)| of == effect));
        if plan.effects.is_empty() {
            return Ok((Walked { world, released: false }, first(refused)));
        }
        let mut waits = false;
        for effect in plan.effects {
            match act::act(context, pass, &world, effect).await {
                Ok(Progress::Done) => {}
                Ok(Progress::Waits) => waits = true,
                Ok(Progress::Foreign(child, what)) => context.foreign.remember(&pass.owner.uid, child, what),
                Err(error) if error.is_refusal() && needed_by_none(effect) => refused.push((effect, error)),
                Err(error) => return Ok((Walked { world, released: false }, Some(error))),
            }
            if effect == Effect::ReleaseFinalizer && !waits {
                return Ok((Walked { world, released: true }, None));
            }
            if waits {
                break;
            }
        }
        if waits {
            let world = observe(context, pass).await?;
            return Ok((Walked { world, released: false }, first(refused)));
        }
    }
    Err(Error::Restless(MAX_STEPS))
}

/// Whether an effect makes an object that no other of the instance's objects needs.
fn needed_by_none(effect: Effect) -> bool {
    let Effect::Ensure(child) = effect else { return false };
    matches!(
        child,
        Child::Service | Child::Ingress | Child::HttpRoute | Child::DisruptionBudget | Child::Web | Child::Cron
    )
}

/// Takes a phase, with what it says in status.
fn enter(pass: &mut Pass, phase: Phase, observed: &Observed) {
    let from = pass.phase();
    pass.trail.push((from, phase));
    pass.status.phase = Some(phase);
    pass.status.operation = None;
    match (phase, &observed.init) {
        (Phase::Initializing, InitWork::Active { name, uid }) => {
            pass.status.operation = Some(OperationStatus {
                kind: OperationKind::Init,
                name: Some(name.clone()),
                uid: Some(uid.clone()),
                started_at: Some(now()),
                ..OperationStatus::default()
            });
        }
        (Phase::Starting, init) => {
            if let InitWork::Succeeded(Some(version)) = init {
                pass.status.odoo_version = Some(version.clone());
            }
            if let Base::Installed(Some(version)) = &observed.base {
                pass.status.odoo_version.get_or_insert_with(|| version.clone());
            }
            pass.status.db_initialized = Some(true);
        }
        // Only a lost database leads here from an initialised instance, and only because the user asked for it.
        (Phase::Uninitialized, _) => pass.status.db_initialized = Some(false),
        (Phase::Deleting, _) => {
            pass.status.operation = Some(OperationStatus {
                kind: deletion(&pass.instance),
                started_at: Some(now()),
                ..OperationStatus::default()
            });
        }
        _ => {}
    }
}

/// What was recorded when the deletion began holds, but for a change of mind that keeps the data.
fn hear_policy(instance: &OdooInstance, status: &mut OdooInstanceStatus) {
    if status.phase != Some(Phase::Deleting) {
        return;
    }
    let recorded = status.operation.as_ref().map(|operation| operation.kind);
    let kind = match recorded {
        Some(OperationKind::Retain) => return,
        Some(OperationKind::Delete) if instance.spec.deletion_policy() == DeletionPolicy::Delete => return,
        Some(OperationKind::Delete) => OperationKind::Retain,
        // Somebody took the record away: nothing that it depends on can have been edited since.
        _ => deletion(instance),
    };
    status.operation = Some(OperationStatus { kind, started_at: Some(now()), ..OperationStatus::default() });
}

/// What deleting this instance does to its data. A Production instance keeps it unless its name is confirmed.
fn deletion(instance: &OdooInstance) -> OperationKind {
    let confirmed = instance.annotations().get(CONFIRM_DELETE).is_some_and(|name| *name == instance.name_any());
    match (instance.spec.deletion_policy(), instance.spec.environment()) {
        (DeletionPolicy::Retain, _) => OperationKind::Retain,
        (DeletionPolicy::Delete, Environment::Production) if !confirmed => OperationKind::Retain,
        (DeletionPolicy::Delete, _) => OperationKind::Delete,
    }
}

/// Writes into status what the phase and the world say.
fn describe(context: &Context, pass: &mut Pass, world: &Seen, failure: Option<&Error>) {
    let mut report = report(&pass.facts(&world.observed));
    if let Some(error) = failure.filter(|error| !error.is_conflict()) {
        let (type_, reason) = match error {
            Error::Postgres(_) => (DATABASE_READY, "Failed"),
            _ => (RECONCILING, "StepFailed"),
        };
        report.conditions.retain(|condition| condition.type_ != type_);
        report.conditions.push(Wanted::new(type_, type_ == RECONCILING, reason, error.to_string()));
        report.message = Some(error.to_string());
    }
    if let Some(what) = context.databases.shortcoming(&pass.owner.uid) {
        let ready = report.conditions.iter_mut().find(|it| it.type_ == DATABASE_READY && it.reason == "Ready");
        if let Some(condition) = ready {
            "UnaccentMissing".clone_into(&mut condition.reason);
            condition.message = what;
        }
    }
    // Whatever else there is to say comes first; the Event tells it in any case.
    report.message = report.message.or_else(|| pass.reported.clone());
    let told = adopt::condition(pass);
    let instance = &pass.instance;
    let host = instance.spec.ingress.hosts.first();
    let status = &mut pass.status;
    // Before it is there the name may still change: with the spec, or with what an instance of this name left behind.
    if let Ok(target) = &world.target
        && world.observed.database == Database::Ready
    {
        status.database_name = Some(target.database.clone());
        status.active_cluster = Some(target.cluster_name.clone());
    }
    status.phase = Some(status.phase.unwrap_or_default());
    status.ready = Some(report.ready);
    status.message = report.message;
    status.url = host.map(|host| format!("https://{host}"));
    status.observed_generation = instance.metadata.generation;
    status.ready_replicas = Some(world.observed.web.ready);
    status.target_replicas = Some(instance.spec.web_replicas());
    status.selector = Some(format!("app={}", pass.owner.name));
    status.db_initialized = Some(status.db_initialized.unwrap_or(false));
    status.active_image.clone_from(&instance.spec.image);
    let mut wanted = report.conditions;
    wanted.extend(told);
    wanted.extend(context.notifications.condition(&pass.owner.uid));
    let old = status.conditions.take().unwrap_or_default();
    status.conditions = Some(conditions::merge(&old, &wanted, instance.metadata.generation, Timestamp::now()));
}

/// The one status patch of the pass: phase, conditions, operation and notifications together.
async fn save(context: &Context, stored: &OdooInstance, pass: &mut Pass) -> Result<bool> {
    let webhook = pass.instance.spec.webhook.as_ref();
    context.notifications.settle(&pass.owner.uid, webhook, &mut pass.status.notifications);
    for (from, to) in &pass.trail {
        context.notifications.phase_changed(&pass.instance, &mut pass.status, *from, *to);
    }
    status::write(&context.client, &context.stores.instances, stored, stored.status.as_ref(), &pass.status).await
}

async fn announce(context: &Context, instance: &OdooInstance, pass: &Pass) {
    let seen = instance.status.as_ref().and_then(|status| status.observed_generation);
    if let Some(what) = pass.reported.as_ref().filter(|_| seen != instance.metadata.generation) {
        context.events.warning(instance, "InvalidSpec", "Report", what.clone()).await;
    }
    let before = instance.status.as_ref().and_then(|status| status.phase);
    for (at, (from, to)) in pass.trail.iter().enumerate() {
        info!(namespace = pass.owner.namespace, name = pass.owner.name, ?from, ?to, "phase");
        let left = if at == 0 { before.map(|_| format!("{from:?}")) } else { Some(format!("{from:?}")) };
        context.metrics.moved(left.as_deref(), Some(&format!("{to:?}")));
        let note = pass.status.message.as_deref().filter(|_| *to == pass.phase());
        let note = note.map_or_else(|| format!("{from:?} → {to:?}"), |note| format!("{from:?} → {to:?}: {note}"));
        // The action keeps Events of different phases apart: of the same one the API only counts repetitions.
        if matches!(to, Phase::Error | Phase::InitFailed | Phase::Degraded) {
            context.events.warning(instance, "PhaseChanged", &format!("{to:?}"), note).await;
        } else {
            context.events.normal(instance, "PhaseChanged", &format!("{to:?}"), note).await;
        }
        if *to == Phase::Deleting
            && instance.spec.deletion_policy() == DeletionPolicy::Delete
            && deletion(instance) == OperationKind::Retain
        {
            let note = format!(
                "Production data is kept: annotation {CONFIRM_DELETE} is not {:?}; database, role and volume stay",
                pass.owner.name
            );
            context.events.warning(instance, "DeletionRetained", "Delete", note).await;
        }
    }
}

/// How long to wait after a failure.
pub fn error_policy(instance: Arc<OdooInstance>, error: &Error, context: Arc<Context>) -> Action {
    if error.is_conflict() {
        // The store gets the newer object within milliseconds, and looks again by itself; this is only the net below.
        return Action::requeue(Duration::from_secs(1));
    }
    Action::requeue(context.backoff.next(instance.meta().uid.as_deref().unwrap_or_default()))
}

/// The present, as status writes it.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
