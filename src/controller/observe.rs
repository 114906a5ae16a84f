//! From stores and inventory to what the decision may look at.

use kube::ResourceExt;

use k8s_openapi::api::apps::v1::Deployment;

use super::apply::Owner;
use super::credentials::State;
use super::databases::Target;
use super::desired::Desired;
use super::instance::{Context, Pass};
use super::{Result, adopt, init_job, pull_secret};
use crate::api::labels::{INSTANCE, INSTANCE_UID};
use crate::api::v1::{OdooInitJob, OperationKind};
use crate::lifecycle::{Base, Child, ChildState, Database, InitWork, Login, Observed, Workload};
use crate::resources::{Inputs, InstanceSecrets, OdooVersion, names};

/// What was observed, with what it takes to act on it.
pub struct Seen {
    /// For the decision.
    pub observed: Observed,
    /// The objects as they should be.
    pub desired: Option<Desired>,
    /// Where the database is; in words why that cannot be told.
    pub target: Result<Target, String>,
    /// Passwords, where they are there.
    pub secrets: Option<std::sync::Arc<InstanceSecrets>>,
}

/// Looks at an instance's world.
pub async fn observe(context: &Context, pass: &Pass) -> Result<Seen> {
    let owner = &pass.owner;
    let target = context.databases.target(&pass.instance, &pass.status);
    let mut observed = Observed {
        deleting: pass.instance.metadata.deletion_timestamp.is_some(),
        rejected: pass.rejected.clone(),
        database: Database::Absent,
        login: Login::Unproven,
        base: context.databases.base(&owner.uid),
        children: std::collections::BTreeMap::new(),
        init: InitWork::None,
        web: workload(context, owner, &names::web(&owner.name)),
        cron: workload(context, owner, &names::cron(&owner.name)),
        pods: pods(context, owner),
    };
    if observed.deleting {
        return Ok(Seen { observed, desired: None, target, secrets: None });
    }
    observed.init = init_work(context, pass).await?;
    observed.database = match &target {
        Ok(target) => context.databases.look(owner, target, adopt::is_legacy(pass)),
        Err(why) => Database::NotConfigured(why.clone()),
    };
    if observed.database == Database::Absent {
        context.databases.lost(&owner.uid);
        observed.base = Base::Unknown;
    }
    let look = context.credentials.look(&context.client, &context.stores, &pass.instance, owner).await;
    // What is wrong with them is said by the effect that makes them: it fails in the same way, and its failure is shown.
    let state = look.unwrap_or(State::Outdated);
    let (secrets, credentials) = match state {
        State::Ready(secrets) => (Some(secrets), ChildState::Matches),
        State::Missing => (None, ChildState::Missing),
        State::Outdated => (None, ChildState::Differs),
        State::Foreign(what) => (None, ChildState::Foreign(what)),
    };
    if let Some(secrets) = &secrets {
        observed.login = context.databases.login(&owner.uid, secrets);
    }
    let access = target.as_ref().map(Target::access).unwrap_or_default();
    let blank = InstanceSecrets::unknown();
    let complete = secrets.is_some() && target.is_ok();
    let inputs = Inputs {
        instance: &pass.instance,
        image: pass.instance.spec.image.as_deref().unwrap_or(&context.settings.defaults.image),
        database: &access,
        secrets: secrets.as_deref().unwrap_or(&blank),
        odoo_version: pass.status.odoo_version.as_deref().and_then(OdooVersion::parse),
    };
    let desired = Desired::new(&inputs, &context.stores, owner, pass.phase(), adopt::is_held(pass));
    observed.children = desired.compare(&context.stores, owner, complete);
    let conf = context.stores.secrets.get(&owner.namespace, &names::odoo_conf(&owner.name));
    let version = conf.as_ref().and_then(|conf| conf.metadata.resource_version.as_deref());
    if *observed.child(Child::OdooConf) == ChildState::Matches
        && version.is_some_and(|version| context.contents.moved(&owner.uid, version))
    {
        observed.children.insert(Child::OdooConf, ChildState::Differs);
    }
    observed.children.insert(Child::Credentials, credentials);
    observed.children.insert(Child::PullSecret, pull_secret::state(context, pass));
    for (child, what) in context.foreign.of(&owner.uid) {
        observed.children.insert(child, ChildState::Foreign(what));
    }
    Ok(Seen { observed, desired: Some(desired), target, secrets })
}

fn workload(context: &Context, owner: &Owner, name: &str) -> Workload {
    let Some(deployment) = context.stores.deployments.get(&owner.namespace, name) else { return Workload::default() };
    if !super::apply::is_ours(&deployment.metadata, owner) {
        return Workload::default();
    }
    Workload {
        ready: ready(&deployment),
        replicas: deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
    }
}

/// Ready pods; none while the status describes a template or a number of pods from before our last write.
fn ready(deployment: &Deployment) -> i32 {
    let status = deployment.status.as_ref();
    let current = status.and_then(|status| status.observed_generation) == deployment.metadata.generation;
    status.filter(|_| current).and_then(|status| status.ready_replicas).unwrap_or(0)
}

/// Pods of the instance that have not ended.
fn pods(context: &Context, owner: &Owner) -> usize {
    let ended = |phase: &str| phase == "Succeeded" || phase == "Failed";
    context
        .stores
        .pods
        .all()
        .iter()
        .filter(|pod| match pod.labels().get(INSTANCE_UID) {
            Some(uid) => *uid == owner.uid,
            // Another operator's, of this very instance.
            None => {
                pod.namespace().as_deref() == Some(&owner.namespace)
                    && pod.labels().get(INSTANCE) == Some(&names::label_value(&owner.name))
            }
        })
        .filter(|pod| !pod.status.as_ref().and_then(|status| status.phase.as_deref()).is_some_and(ended))
        .count()
}

/// The initialisation that concerns the instance: the operation under way, else the oldest job that has not ended.
async fn init_work(context: &Context, pass: &Pass) -> Result<InitWork> {
    let operation = pass.status.operation.as_ref().filter(|operation| operation.kind == OperationKind::Init);
    if let Some(uid) = operation.and_then(|operation| operation.uid.as_deref()) {
        let name = operation.and_then(|operation| operation.name.as_deref()).unwrap_or_default();
        let stored = context.stores.init_jobs.get(&pass.owner.namespace, name).filter(|job| has_uid(job, uid));
        let job = match stored {
            Some(job) => Some(job),
            // Vanished is a verdict only after one live look.
            None => init_job::live(context, &pass.owner.namespace, name).await?.filter(|job| has_uid(job, uid)),
        };
        return Ok(job.map_or(InitWork::Vanished, |job| init_job::outcome(&job)));
    }
    let mut jobs: Vec<_> = context
        .stores
        .init_jobs
        .all()
        .into_iter()
        .filter(|job| {
            job.namespace().as_deref() == Some(&pass.owner.namespace)
                && job.spec.odoo_instance_ref.name == pass.owner.name
                && !is_of_the_past(job, pass)
        })
        .collect();
    jobs.sort_by_key(|job| job.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let waiting = jobs.iter().find(|job| {
        matches!(init_job::outcome(job), InitWork::Active { .. }) && job.metadata.deletion_timestamp.is_none()
    });
    Ok(waiting.or(jobs.last()).map_or(InitWork::None, |job| init_job::outcome(job)))
}

/// Whether a job ended before the instance was made: it worked for another one of that name.
fn is_of_the_past(job: &OdooInitJob, pass: &Pass) -> bool {
    let born = pass.instance.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let ended = !matches!(init_job::outcome(job), InitWork::Active { .. });
    ended && job.metadata.creation_timestamp.as_ref().map(|time| time.0) < born
}

fn has_uid(job: &OdooInitJob, uid: &str) -> bool {
    job.metadata.uid.as_deref() == Some(uid)
}
