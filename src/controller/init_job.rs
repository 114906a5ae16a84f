//! One pass over an OdooInitJob.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, LogParams, PropagationPolicy};
use kube::runtime::controller::Action;
use tracing::{info, warn};

use super::apply::{self, Owner};
use super::credentials::State;
use super::databases::Target;
use super::instance::{Context, now};
use super::{Error, Result, status};
use crate::admission;
use crate::api::conditions::{self, ACCEPTED, COMPLETE, FAILED, READY, STALLED, Wanted};
use crate::api::labels::{JOB_FINALIZER, JOB_UID};
use crate::api::v1::{JobPhase, OdooInitJob, OdooInitJobStatus, OdooInstance, Phase};
use crate::lifecycle::{Base, BatchJob, InitWork, JobContext, JobPlan, JobTarget, decide_init};
use crate::resources::jobs::InitOutcome;
use crate::resources::{self, Inputs, OdooVersion, names};
use crate::telemetry::Outcome;

/// A job that is younger than this is not told that it waits: most are taken up at once.
const FRESH: Duration = Duration::from_secs(3);
/// A container that waits for longer than this does not start any more: its image cannot be pulled, or its Secret is
/// not there.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often another operator's batch Job is looked at.
const TAKEN_OVER_POLL: Duration = Duration::from_secs(5);
/// What Kubernetes writes on the pods of a Job.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";
/// Log lines of a failed step that are kept in status.
const LOG_TAIL: i64 = 20;
/// Bytes of a log tail that are kept in status.
const LOG_BYTES: usize = 2048;

/// Reconciles an OdooInitJob.
pub async fn reconcile(job: Arc<OdooInitJob>, context: Arc<Context>) -> Result<Action> {
    let began = Instant::now();
    let result = run(&job, &context).await;
    let outcome = match &result {
        Ok(_) => Outcome::Done,
        Err(error) if error.is_conflict() => Outcome::Conflict,
        Err(error) => {
            warn!(namespace = job.namespace(), name = job.name_any(), %error, "step failed; it is tried again");
            Outcome::Failed
        }
    };
    context.metrics.reconciled("init_job", outcome, began.elapsed().as_secs_f64());
    result
}

/// How long to wait after a failure.
pub fn error_policy(job: Arc<OdooInitJob>, error: &Error, context: Arc<Context>) -> Action {
    if error.is_conflict() {
        return Action::requeue(Duration::from_secs(1));
    }
    Action::requeue(context.backoff.next(&job.uid().unwrap_or_default()))
}

/// What an OdooInitJob's status says of its work.
pub fn outcome(job: &OdooInitJob) -> InitWork {
    let status = job.status.as_ref();
    match status.and_then(|status| status.job.phase).unwrap_or_default() {
        JobPhase::Completed => InitWork::Succeeded(status.and_then(|status| status.odoo_version.clone())),
        JobPhase::Failed => InitWork::Failed(status.and_then(|status| status.job.message.clone()).unwrap_or_default()),
        JobPhase::Pending | JobPhase::Running => {
            InitWork::Active { name: job.name_any(), uid: job.uid().unwrap_or_default() }
        }
    }
}

/// One live look at an OdooInitJob.
pub async fn live(context: &Context, namespace: &str, name: &str) -> Result<Option<Arc<OdooInitJob>>> {
    let api: Api<OdooInitJob> = Api::namespaced(context.client.clone(), namespace);
    let found = api.get_opt(name).await.map_err(|source| Error::Kube {
        action: "read",
        kind: "OdooInitJob".to_owned(),
        name: format!("{namespace}/{name}"),
        source,
    })?;
    Ok(found.map(Arc::new))
}

async fn run(job: &OdooInitJob, context: &Context) -> Result<Action> {
    let namespace = job.namespace().unwrap_or_default();
    let instance = context.stores.instances.get(&namespace, &job.spec.odoo_instance_ref.name);
    let uid = job.uid().unwrap_or_default();
    let batch = batch(context, job).await?;
    let own = batch_name(job, &uid) == names::batch_job(&job.name_any(), &uid);
    let watched = own || batch != BatchJob::Active;
    let plan = decide_init(&JobContext {
        uid: &uid,
        phase: job.status.as_ref().and_then(|status| status.job.phase).unwrap_or_default(),
        deleting: job.metadata.deletion_timestamp.is_some(),
        cancel: job.spec.cancel == Some(true),
        held: job.finalizers().iter().any(|finalizer| finalizer == JOB_FINALIZER),
        fresh: age(job) < FRESH,
        instance: instance.as_deref().map(|instance| target_of(instance, job)),
        rejected: rejected(job, context),
        batch,
    });
    let action = match plan {
        JobPlan::Wait => {
            acknowledge(context, job).await?;
            // Another operator's Job has not our label, and no watch tells of it.
            if watched { Action::await_change() } else { Action::requeue(TAKEN_OVER_POLL) }
        }
        JobPlan::WaitALittle => Action::requeue(FRESH),
        JobPlan::Report(reason, message) => {
            report(context, job, |status| {
                status.job.phase = Some(JobPhase::Pending);
                status.job.message = Some(message.clone());
                vec![
                    Wanted::new(ACCEPTED, false, reason, message.clone()),
                    Wanted::new(READY, false, reason, message.clone()),
                ]
            })
            .await?;
            Action::await_change()
        }
        JobPlan::Start => match &instance {
            Some(instance) => start(context, job, instance).await?,
            None => Action::await_change(),
        },
        JobPlan::Verify(message) => match &instance {
            Some(instance) => verify(context, job, instance, message.as_deref()).await?,
            None => Action::await_change(),
        },
        JobPlan::RecordFailure => {
            let message = why_failed(context, job).await;
            fail(context, job, "StepFailed", message).await?
        }
        JobPlan::Fail(reason, message) => {
            // Nothing else may work on the database once the outcome is recorded.
            match stop(context, job).await? {
                true if own => Action::await_change(),
                true => Action::requeue(TAKEN_OVER_POLL),
                false => fail(context, job, reason, message).await?,
            }
        }
        JobPlan::CleanUp => {
            remove_batch(context, job).await?;
            status::set_finalizer(&context.client, &context.stores.init_jobs, job, JOB_FINALIZER, false).await?;
            prune(context, &namespace, &job.spec.odoo_instance_ref.name).await?;
            Action::await_change()
        }
    };
    context.backoff.reset(&uid);
    let stored = context.stores.init_jobs.get(&namespace, &job.name_any());
    context.notifications.update_job(context, stored.as_deref().unwrap_or(job)).await;
    Ok(action)
}

/// Why a job that slipped past the webhooks cannot be run, in words.
fn rejected(job: &OdooInitJob, context: &Context) -> Option<String> {
    let admission = admission::Context { settings: &context.settings, lookup: context.stores.as_ref() };
    let words: Vec<String> = admission::guard_init_job(job, &admission).iter().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn target_of<'a>(instance: &'a OdooInstance, job: &'a OdooInitJob) -> JobTarget<'a> {
    let status = instance.status.as_ref();
    // Another operator wrote no operation down; its Job goes on.
    let runs = |job: &&OdooInitJob| job.status.as_ref().and_then(|status| status.job.phase) == Some(JobPhase::Running);
    let initializing = status.and_then(|status| status.phase) == Some(Phase::Initializing);
    let taken_over = Some(job).filter(runs).filter(|_| initializing).and_then(|job| job.metadata.uid.as_deref());
    JobTarget {
        phase: status.and_then(|status| status.phase).unwrap_or_default(),
        db_initialized: status.and_then(|status| status.db_initialized).unwrap_or(false),
        operation: status.and_then(|status| status.operation.as_ref()?.uid.as_deref()).or(taken_over),
        deleting: instance.metadata.deletion_timestamp.is_some(),
        suspended: instance.spec.suspend == Some(true),
    }
}

fn age(job: &OdooInitJob) -> Duration {
    let created = job.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let age = created.map(|created| Timestamp::now().duration_since(created));
    age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default()
}

/// The batch Job as the store shows it; that it is absent is believed only after one live look.
async fn batch(context: &Context, job: &OdooInitJob) -> Result<BatchJob> {
    let namespace = job.namespace().unwrap_or_default();
    let uid = job.uid().unwrap_or_default();
    let name = batch_name(job, &uid);
    let ours = |batch: &Job| batch.owner_references().iter().any(|owner| owner.uid == uid);
    let stored = context.stores.jobs.get(&namespace, &name).filter(|batch| ours(batch));
    let running = job.status.as_ref().and_then(|status| status.job.phase) == Some(JobPhase::Running);
    let stored = if stored.is_none() && running {
        let api: Api<Job> = Api::namespaced(context.client.clone(), &namespace);
        let live = api.get_opt(&name).await.map_err(|source| Error::kube("read the batch Job of", job, source))?;
        live.filter(|batch| ours(batch)).map(Arc::new)
    } else {
        stored
    };
    let Some(batch) = stored else { return Ok(BatchJob::Absent) };
    let status = batch.status.clone().unwrap_or_default();
    let pod = pod(context, job);
    if status.succeeded.unwrap_or(0) > 0 {
        return Ok(BatchJob::Succeeded(pod.as_deref().and_then(termination_message)));
    }
    let failed = status.conditions.iter().flatten().any(|it| it.type_ == "Failed" && it.status == "True");
    if failed || status.failed.unwrap_or(0) > 0 || batch.metadata.deletion_timestamp.is_some() {
        return Ok(BatchJob::Failed);
    }
    let stuck = pod.as_deref().and_then(waiting);
    Ok(match stuck {
        Some(why) if since(&batch) > PATIENCE => BatchJob::Stuck(why),
        _ => BatchJob::Active,
    })
}

/// Its batch Job's name; another operator's Job keeps the one that it has.
fn batch_name(job: &OdooInitJob, uid: &str) -> String {
    let taken_over = job.status.as_ref().and_then(|status| status.job.job_name.clone());
    taken_over.unwrap_or_else(|| names::batch_job(&job.name_any(), uid))
}

fn since(batch: &Job) -> Duration {
    let started = batch.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
    let age = started.map(|started| Timestamp::now().duration_since(started));
    age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default()
}

/// The pod of its batch Job. That of another operator's Job has not our label.
fn pod(context: &Context, job: &OdooInitJob) -> Option<Arc<Pod>> {
    let uid = job.uid().unwrap_or_default();
    let batch = batch_name(job, &uid);
    let all = context.stores.pods.all();
    all.into_iter().find(|pod| {
        let is = |label: &str, value: &str| pod.labels().get(label).is_some_and(|it| it == value);
        pod.namespace() == job.namespace() && (is(JOB_UID, &uid) || is(JOB_NAME, &batch))
    })
}

fn termination_message(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find_map(|status| status.state.as_ref()?.terminated.as_ref()?.message.clone())
}

/// Why a container of the pod does not start, in words.
fn waiting(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    for container in containers {
        if let Some(waiting) = container.state.as_ref().and_then(|state| state.waiting.as_ref()) {
            let reason = waiting.reason.as_deref().unwrap_or("waiting");
            if reason == "ContainerCreating" || reason == "PodInitializing" {
                continue;
            }
            let message = waiting.message.as_deref().unwrap_or_default();
            return Some(format!("container {} cannot start: {reason}: {message}", container.name));
        }
    }
    None
}

async fn start(context: &Context, job: &OdooInitJob, instance: &OdooInstance) -> Result<Action> {
    let owner = owner_of(instance);
    let instance_status = instance.status.clone().unwrap_or_default();
    let target = context.databases.target(instance, &instance_status).map_err(Error::NotConfigured)?;
    let State::Ready(secrets) = context.credentials.look(&context.client, &context.stores, instance, &owner).await?
    else {
        // The instance's own pass makes them, and its next status wakes this job.
        return Ok(Action::requeue(Duration::from_secs(1)));
    };
    status::set_finalizer(&context.client, &context.stores.init_jobs, job, JOB_FINALIZER, true).await?;
    let access = Target::access(&target);
    let inputs = Inputs {
        instance,
        image: instance.spec.image.as_deref().unwrap_or(&context.settings.defaults.image),
        database: &access,
        secrets: &secrets,
        odoo_version: instance_status.odoo_version.as_deref().and_then(OdooVersion::parse),
    };
    let desired = resources::jobs::init::job(&inputs, job);
    let name = desired.name_any();
    let api: Api<Job> = Api::namespaced(context.client.clone(), &owner.namespace);
    if let Some(created) = apply::create(&api, &desired).await? {
        info!(namespace = owner.namespace, name, "batch Job created");
        context.stores.jobs.wrote(created);
    }
    report(context, job, |status| {
        status.job.phase = Some(JobPhase::Running);
        status.job.job_name = Some(name.clone());
        status.job.start_time.get_or_insert_with(now);
        status.job.message = None;
        vec![
            Wanted::new(ACCEPTED, true, "Started", "the job is running"),
            Wanted::new(READY, false, "Running", "the job is running"),
            Wanted::new(STALLED, false, "Running", ""),
        ]
    })
    .await?;
    // Pods that cannot start make no event at the end of our patience.
    Ok(Action::requeue(PATIENCE + Duration::from_secs(1)))
}

fn owner_of(instance: &OdooInstance) -> Owner {
    Owner {
        namespace: instance.namespace().unwrap_or_default(),
        name: instance.name_any(),
        uid: instance.uid().unwrap_or_default(),
    }
}

/// Odoo ended without an error. That is not success: the database says whether base is there.
async fn verify(
    context: &Context,
    job: &OdooInitJob,
    instance: &OdooInstance,
    message: Option<&str>,
) -> Result<Action> {
    let owner = owner_of(instance);
    let instance_status = instance.status.clone().unwrap_or_default();
    let target = context.databases.target(instance, &instance_status).map_err(Error::NotConfigured)?;
    let State::Ready(secrets) = context.credentials.look(&context.client, &context.stores, instance, &owner).await?
    else {
        return Ok(Action::requeue(Duration::from_secs(1)));
    };
    let access = Target::access(&target);
    let image = instance.spec.image.as_deref().unwrap_or_default();
    let inputs = Inputs { instance, image, database: &access, secrets: &secrets, odoo_version: None };
    let url = resources::service::url(&inputs);
    let base = context.databases.finish_init(&owner.uid, &target, &secrets, &url).await?;
    let Base::Installed(in_database) = base else {
        let message = "Odoo ended without an error, but module base is not installed in the database".to_owned();
        return fail(context, job, "BaseNotInstalled", message).await;
    };
    let outcome = message.and_then(InitOutcome::from_termination_message);
    let version = outcome.map(|outcome| outcome.odoo_version).or(in_database);
    report(context, job, |status| {
        status.job.phase = Some(JobPhase::Completed);
        status.job.completion_time = Some(now());
        status.job.message = None;
        status.odoo_version.clone_from(&version);
        vec![
            Wanted::new(ACCEPTED, true, "Completed", "the job ran"),
            Wanted::new(COMPLETE, true, "Completed", "the database has an Odoo in it"),
            Wanted::new(READY, true, "Completed", "the database has an Odoo in it"),
            Wanted::new(STALLED, false, "Completed", ""),
        ]
    })
    .await?;
    Ok(Action::await_change())
}

async fn fail(context: &Context, job: &OdooInitJob, reason: &'static str, message: String) -> Result<Action> {
    report(context, job, |status| {
        status.job.phase = Some(JobPhase::Failed);
        status.job.completion_time = Some(now());
        status.job.message = Some(message.clone());
        vec![
            Wanted::new(ACCEPTED, reason == "StepFailed", reason, message.clone()),
            Wanted::new(FAILED, true, reason, message.clone()),
            Wanted::new(READY, false, reason, message.clone()),
            Wanted::new(STALLED, true, reason, message.clone()),
        ]
    })
    .await?;
    context.events.warning(job, "Failed", "Initialize", message).await;
    Ok(Action::await_change())
}

/// Stops the batch Job if its pod works. Whether it still does; the watch of pods says when it has ended.
async fn stop(context: &Context, job: &OdooInitJob) -> Result<bool> {
    let pod = pod(context, job);
    let phase = pod.as_ref().and_then(|pod| pod.status.as_ref()?.phase.as_deref());
    if !matches!(phase, Some("Running")) {
        return Ok(false);
    }
    remove_batch(context, job).await?;
    Ok(true)
}

/// The step that failed and the end of its log. A log that cannot be read is no reason not to record the failure.
async fn why_failed(context: &Context, job: &OdooInitJob) -> String {
    let namespace = job.namespace().unwrap_or_default();
    let Some(pod) = pod(context, job) else {
        return "the pod failed and is gone; its log cannot be read".to_owned();
    };
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &namespace);
    let parameters = LogParams { tail_lines: Some(LOG_TAIL), ..LogParams::default() };
    let log = match api.logs(&pod.name_any(), &parameters).await {
        Ok(log) if !log.trim().is_empty() => log,
        _ => termination_message(&pod).unwrap_or_default(),
    };
    let reason = pod.status.as_ref().and_then(|status| status.reason.clone());
    let status = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref()?.first()?.state.clone());
    let ended = status.and_then(|state| state.terminated);
    let how = match (&reason, &ended) {
        (Some(reason), _) => format!("pod {reason}"),
        (None, Some(ended)) => format!(
            "container ended with exit code {}{}",
            ended.exit_code,
            ended.reason.as_deref().filter(|reason| *reason != "Error").map_or(String::new(), |it| format!(" ({it})"))
        ),
        (None, None) => "the batch Job failed".to_owned(),
    };
    let tail = log.trim_end();
    let from = tail.len().saturating_sub(LOG_BYTES);
    let from = (from..=tail.len()).find(|at| tail.is_char_boundary(*at)).unwrap_or(tail.len());
    format!("{how}; end of the log:\n{}", &tail[from..])
}

async fn remove_batch(context: &Context, job: &OdooInitJob) -> Result<()> {
    let namespace = job.namespace().unwrap_or_default();
    let uid = job.uid().unwrap_or_default();
    let name = batch_name(job, &uid);
    let mut batch = context.stores.jobs.get(&namespace, &name);
    if batch.is_none() {
        // The store lags, and another operator's Job is in none: this is the last look at it.
        let api: Api<Job> = Api::namespaced(context.client.clone(), &namespace);
        let live = api.get_opt(&name).await.map_err(|source| Error::kube("read the batch Job of", job, source))?;
        batch = live.filter(|batch| batch.owner_references().iter().any(|owner| owner.uid == uid)).map(Arc::new);
    }
    match batch {
        Some(batch) if batch.metadata.deletion_timestamp.is_none() => {
            apply::remove::<Job>(&context.client, &batch, PropagationPolicy::Background).await
        }
        _ => Ok(()),
    }
}

/// Removes the oldest ended jobs of an instance beyond the history limit.
async fn prune(context: &Context, namespace: &str, instance: &str) -> Result<()> {
    let limit = context.settings.job_history_limit;
    if limit == 0 {
        return Ok(());
    }
    let mut ended: Vec<_> = context.stores.init_jobs.all();
    ended.retain(|job| {
        job.namespace().as_deref() == Some(namespace)
            && job.spec.odoo_instance_ref.name == instance
            && job.status.as_ref().and_then(|status| status.job.phase).is_some_and(JobPhase::is_terminal)
            && job.metadata.deletion_timestamp.is_none()
    });
    ended.sort_by_key(|job| std::cmp::Reverse(job.metadata.creation_timestamp.as_ref().map(|time| time.0)));
    for job in ended.into_iter().skip(limit) {
        apply::remove::<OdooInitJob>(&context.client, &job, PropagationPolicy::Background).await?;
    }
    Ok(())
}

/// Takes delivered notifications out of the outbox where nothing else writes the status any more: they would be sent
/// again by each new process.
async fn acknowledge(context: &Context, job: &OdooInitJob) -> Result<()> {
    let Some(status) = job.status.as_ref().filter(|status| status.job.notifications.is_some()) else { return Ok(()) };
    let mut new = status.clone();
    let uid = job.uid().unwrap_or_default();
    context.notifications.settle(&uid, job.spec.webhook.as_ref(), &mut new.job.notifications);
    status::write(&context.client, &context.stores.init_jobs, job, Some(status), &new).await?;
    Ok(())
}

/// The one status patch of the pass.
async fn report(
    context: &Context,
    job: &OdooInitJob,
    change: impl FnOnce(&mut OdooInitJobStatus) -> Vec<Wanted>,
) -> Result<()> {
    // A finalizer may have been set in this pass: the newest version is in the store.
    let namespace = job.namespace().unwrap_or_default();
    let stored = context.stores.init_jobs.get(&namespace, &job.name_any());
    let stored = stored.filter(|stored| stored.uid() == job.uid());
    let job = stored.as_deref().unwrap_or(job);
    let mut new = job.status.clone().unwrap_or_default();
    let before = new.job.phase.unwrap_or_default();
    let wanted = change(&mut new);
    let old = new.job.conditions.take().unwrap_or_default();
    new.job.observed_generation = job.metadata.generation;
    new.job.conditions = Some(conditions::merge(&old, &wanted, job.metadata.generation, Timestamp::now()));
    let webhook = job.spec.webhook.as_ref();
    context.notifications.settle(&job.uid().unwrap_or_default(), webhook, &mut new.job.notifications);
    let after = new.job.phase.unwrap_or_default();
    if before != after {
        context.notifications.job_changed(job, &mut new, after);
    }
    status::write(&context.client, &context.stores.init_jobs, job, job.status.as_ref(), &new).await?;
    Ok(())
}
