//! Effects to calls. Each may be done again.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams, PropagationPolicy};
use serde_json::json;

use super::apply::{self, Applied, ChildKind, Owner};
use super::cache::Cache;
use super::credentials::metadata_of;
use super::databases::Target;
use super::instance::{Context, Pass, now};
use super::notifications::LAST_WORDS;
use super::observe::Seen;
use super::{Error, Result, adopt, creator, pull_secret, status};
use crate::api::labels::{FIELD_MANAGER, INSTANCE_FINALIZER, INSTANCE_UID, RETAINED};
use crate::api::v1::{JobPhase, OdooInitJob, OdooInstance, OdooInstanceStatus};
use crate::lifecycle::{Child, Effect};
use crate::resources::{self, DatabaseAccess, Inputs, InstanceSecrets, names};

/// How far an effect came.
pub enum Progress {
    /// It is done.
    Done,
    /// It goes on by itself; a watch says when it has ended.
    Waits,
    /// Somebody else's object is in the way.
    Foreign(Child, String),
}

/// Does one thing.
pub async fn act(context: &Context, pass: &Pass, world: &Seen, effect: Effect) -> Result<Progress> {
    match effect {
        Effect::EnsureCredentials => {
            let ensured =
                context.credentials.ensure(&context.client, &context.stores, &pass.instance, &pass.owner).await?;
            Ok(ensured.map_or(Progress::Done, |what| Progress::Foreign(Child::Credentials, what)))
        }
        Effect::EnsureDatabase => {
            if let (Ok(target), Some(secrets)) = (&world.target, &world.secrets) {
                let legacy = adopt::is_legacy(pass);
                context.databases.ensure(&pass.owner, target, legacy, &secrets.db_password).await?;
            }
            Ok(Progress::Done)
        }
        Effect::EnsureLogin => {
            if let (Ok(target), Some(secrets)) = (&world.target, &world.secrets) {
                context.databases.ensure_login(&pass.owner, target, secrets).await?;
            }
            Ok(Progress::Done)
        }
        Effect::InspectDatabase => {
            if let (Ok(target), Some(secrets)) = (&world.target, &world.secrets) {
                context.databases.inspect(&pass.owner.uid, target, secrets).await?;
            }
            Ok(Progress::Done)
        }
        Effect::Ensure(child) => ensure(context, pass, world, child).await,
        Effect::Remove(child) => remove(context, pass, child).await,
        Effect::EnsureInitJob => ensure_init_job(context, pass).await,
        Effect::StopPods => stop_pods(context, pass, world).await,
        Effect::RetainData => retain(context, pass, world).await,
        Effect::DropData => drop_data(context, pass, world).await,
        Effect::ReleaseFinalizer if waits_for_last_words(context, pass) => Ok(Progress::Waits),
        Effect::ReleaseFinalizer => {
            let cache = &context.stores.instances;
            let stored = cache.get(&pass.owner.namespace, &pass.owner.name);
            if let Some(stored) = stored.filter(|stored| stored.uid().as_deref() == Some(&pass.owner.uid)) {
                status::set_finalizer(&context.client, cache, stored.as_ref(), INSTANCE_FINALIZER, false).await?;
            }
            Ok(Progress::Done)
        }
    }
}

/// Whether a receiver still has to be told, and has time left for it.
fn waits_for_last_words(context: &Context, pass: &Pass) -> bool {
    let deleted = pass.instance.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let since = deleted.map(|deleted| Timestamp::now().duration_since(deleted));
    let in_time = since.and_then(|since| Duration::try_from(since).ok()).is_some_and(|since| since < LAST_WORDS);
    in_time && !context.notifications.is_settled(&pass.owner.uid, pass.status.notifications.as_deref())
}

async fn ensure(context: &Context, pass: &Pass, world: &Seen, child: Child) -> Result<Progress> {
    let Some(desired) = &world.desired else { return Ok(Progress::Done) };
    let (client, stores, owner) = (&context.client, &context.stores, &pass.owner);
    let applied = match child {
        Child::PullSecret => {
            pull_secret::ensure(context, pass).await?;
            Applied::Done
        }
        Child::OdooConf => return ensure_conf(context, owner, &desired.conf).await,
        Child::ServiceAccount => {
            apply::ensure(client, &stores.service_accounts, &desired.service_account, owner).await?
        }
        Child::Filestore => apply::ensure(client, &stores.claims, &desired.claim, owner).await?,
        Child::Service => apply::ensure(client, &stores.services, &desired.service, owner).await?,
        Child::Ingress => optional(client, &stores.ingresses, desired.ingress.as_ref(), owner).await?,
        Child::HttpRoute => optional(client, &stores.routes, desired.route.as_ref(), owner).await?,
        Child::DisruptionBudget => optional(client, &stores.disruption_budgets, desired.budget.as_ref(), owner).await?,
        Child::Web => return ensure_deployment(context, pass, &desired.web, child).await,
        Child::Cron => return ensure_deployment(context, pass, &desired.cron, child).await,
        Child::Credentials | Child::AdminSecret | Child::InitJob => Applied::Done,
    };
    Ok(progress(child, applied))
}

async fn ensure_deployment(context: &Context, pass: &Pass, desired: &Deployment, child: Child) -> Result<Progress> {
    let cache = &context.stores.deployments;
    if adopt::is_held(pass) && cache.get(&pass.owner.namespace, &desired.name_any()).is_some() {
        adopt::scale(context, pass, desired).await?;
        return Ok(Progress::Done);
    }
    let moves = pass.status.adopted.is_some();
    let stored = cache.get(&pass.owner.namespace, &desired.name_any()).filter(|_| moves);
    if let Some(stored) = stored.filter(|stored| apply::is_ours(&stored.metadata, &pass.owner)) {
        creator::replace(&context.client, cache, &stored).await?;
    }
    Ok(progress(child, apply::ensure(&context.client, cache, desired, &pass.owner).await?))
}

fn progress(child: Child, applied: Applied) -> Progress {
    match applied {
        Applied::Done => Progress::Done,
        Applied::Foreign(what) => Progress::Foreign(child, what),
    }
}

async fn optional<K: ChildKind>(
    client: &kube::Client,
    cache: &Cache<K>,
    desired: Option<&K>,
    owner: &Owner,
) -> Result<Applied> {
    match desired {
        Some(desired) => apply::ensure(client, cache, desired, owner).await,
        None => Ok(Applied::Done),
    }
}

/// odoo.conf is in a Secret, whose contents are in no store: what is there is read before it is replaced.
async fn ensure_conf(context: &Context, owner: &Owner, desired: &Secret) -> Result<Progress> {
    let name = desired.name_any();
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &owner.namespace);
    let written = if let Some(created) = match context.stores.secrets.get(&owner.namespace, &name) {
        None => apply::create(&api, desired).await?,
        Some(_) => None,
    } {
        created
    } else {
        let stored = api.get(&name).await.map_err(|source| Error::kube("read", desired, source))?;
        if !apply::is_ours(&stored.metadata, owner) {
            return Ok(Progress::Foreign(Child::OdooConf, apply::foreign(desired, &name, &stored.metadata)));
        }
        apply::upgrade_managed_fields(&api, &name, &stored).await?;
        api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(desired))
            .await
            .map_err(|source| Error::kube("apply", desired, source))?
    };
    context.contents.wrote(&owner.uid, written.metadata.resource_version.as_deref().unwrap_or_default());
    context.stores.secrets.wrote(metadata_of(&written));
    Ok(Progress::Done)
}

async fn remove(context: &Context, pass: &Pass, child: Child) -> Result<Progress> {
    let (client, stores, owner) = (&context.client, &context.stores, &pass.owner);
    match child {
        Child::Ingress => remove_named(client, &stores.ingresses, owner).await?,
        Child::HttpRoute => remove_named(client, &stores.routes, owner).await?,
        Child::DisruptionBudget => remove_named(client, &stores.disruption_budgets, owner).await?,
        _ => {}
    }
    // The watch says when it is gone.
    Ok(Progress::Waits)
}

async fn remove_named<K: ChildKind>(client: &kube::Client, cache: &Cache<K>, owner: &Owner) -> Result<()> {
    match cache.get(&owner.namespace, &owner.name) {
        Some(seen) => apply::remove(client, seen.as_ref(), PropagationPolicy::Background).await,
        None => Ok(()),
    }
}

async fn ensure_init_job(context: &Context, pass: &Pass) -> Result<Progress> {
    let desired = {
        let (database, secrets) = (DatabaseAccess::default(), InstanceSecrets::unknown());
        let instance = &pass.instance;
        let inputs = Inputs { instance, image: "", database: &database, secrets: &secrets, odoo_version: None };
        resources::init_job_cr::auto_init(&inputs)
    };
    let api: Api<OdooInitJob> = Api::namespaced(context.client.clone(), &pass.owner.namespace);
    if let Some(created) = apply::create(&api, &desired).await? {
        context.stores.init_jobs.wrote(created);
        return Ok(Progress::Done);
    }
    let name = desired.name_any();
    let stored = api.get_opt(&name).await.map_err(|source| Error::kube("read", &desired, source))?;
    // It went meanwhile: the watch says so.
    let Some(stored) = stored else { return Ok(Progress::Waits) };
    if stored.spec.odoo_instance_ref.name != pass.owner.name {
        return Ok(Progress::Foreign(Child::InitJob, apply::foreign(&stored, &name, &stored.metadata)));
    }
    let ended = stored.status.as_ref().and_then(|status| status.job.phase).is_some_and(JobPhase::is_terminal);
    if ended {
        // It filled a database that is gone.
        apply::remove(&context.client, &stored, PropagationPolicy::Background).await?;
        return Ok(Progress::Waits);
    }
    // Ours from before a crash, or one that is being deleted: what follows is decided with it in the store.
    let leaves = stored.metadata.deletion_timestamp.is_some();
    context.stores.init_jobs.wrote(stored);
    Ok(if leaves { Progress::Waits } else { Progress::Done })
}

/// Deployments and batch Jobs go; their pods end by themselves.
async fn stop_pods(context: &Context, pass: &Pass, world: &Seen) -> Result<Progress> {
    let owner = &pass.owner;
    let ours = |meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        meta.namespace.as_deref() == Some(&owner.namespace)
            && meta.labels.as_ref().and_then(|labels| labels.get(INSTANCE_UID)) == Some(&owner.uid)
            && meta.deletion_timestamp.is_none()
    };
    for name in [names::web(&owner.name), names::cron(&owner.name)] {
        let deployment = context.stores.deployments.get(&owner.namespace, &name);
        if let Some(deployment) = deployment.filter(|it| it.metadata.deletion_timestamp.is_none())
            && apply::is_ours(&deployment.metadata, owner)
        {
            apply::remove::<Deployment>(&context.client, &deployment, PropagationPolicy::Background).await?;
        }
    }
    for job in context.stores.jobs.all().iter().filter(|job| ours(&job.metadata)) {
        apply::remove::<Job>(&context.client, job, PropagationPolicy::Background).await?;
    }
    adopt::remove_jobs(context, pass).await?;
    let observed = &world.observed;
    let running = observed.pods > 0 || observed.web.replicas > 0 || observed.cron.replicas > 0;
    Ok(if running { Progress::Waits } else { Progress::Done })
}

/// Whose the data was, as it stands on what outlives an instance.
fn mark(owner: &Owner) -> String {
    json!({"namespace": owner.namespace, "name": owner.name, "uid": owner.uid, "retainedAt": now()}).to_string()
}

/// Where the data is. A cluster that is not configured is an error if there may be data on it, and nothing otherwise.
fn reachable<'a>(pass: &Pass, world: &'a Seen) -> Result<Option<&'a Target>> {
    match &world.target {
        Ok(target) => Ok(Some(target)),
        Err(_) if !may_have_data(&pass.instance, &pass.status) => Ok(None),
        Err(why) => Err(Error::NotConfigured(why.clone())),
    }
}

/// Whether an instance may have a database. The name of one that another operator made is not written down before it is
/// taken over.
fn may_have_data(instance: &OdooInstance, status: &OdooInstanceStatus) -> bool {
    status.database_name.is_some() || status.db_initialized == Some(true) || adopt::was_anothers(instance)
}

async fn retain(context: &Context, pass: &Pass, world: &Seen) -> Result<Progress> {
    let owner = &pass.owner;
    if let Some(target) = reachable(pass, world)? {
        adopt::mark_database(context, pass, world).await?;
        context.databases.retain(target, owner).await?;
    }
    let annotate = json!({"metadata": {"annotations": {RETAINED: mark(owner)}, "ownerReferences": null}});
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &owner.namespace);
    keep(&claims, &names::filestore(&owner.name), owner, &annotate).await?;
    let secrets: Api<Secret> = Api::namespaced(context.client.clone(), &owner.namespace);
    keep(&secrets, &names::admin_secret(&owner.name), owner, &annotate).await?;
    Ok(Progress::Done)
}

/// Marks an object that outlives the instance, if it is there and ours.
async fn keep<K: ChildKind>(api: &Api<K>, name: &str, owner: &Owner, patch: &serde_json::Value) -> Result<()> {
    let Some(stored) = adopt::live(api, name).await? else { return Ok(()) };
    if !apply::is_ours(stored.meta(), owner) {
        return Ok(());
    }
    let parameters = PatchParams::apply(FIELD_MANAGER);
    api.patch(name, &parameters, &Patch::Merge(patch)).await.map_err(|source| Error::kube("mark", &stored, source))?;
    Ok(())
}

async fn drop_data(context: &Context, pass: &Pass, world: &Seen) -> Result<Progress> {
    let owner = &pass.owner;
    if let Some(target) = reachable(pass, world)? {
        adopt::mark_database(context, pass, world).await?;
        context.databases.drop_all(target, owner).await?;
    }
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(context.client.clone(), &owner.namespace);
    discard(context, &claims, &names::filestore(&owner.name), owner).await?;
    let secrets: Api<Secret> = Api::namespaced(context.client.clone(), &owner.namespace);
    discard(context, &secrets, &names::admin_secret(&owner.name), owner).await?;
    Ok(Progress::Done)
}

/// Removes an object after one live look: by its uid, and only if it is this very instance's.
async fn discard<K: ChildKind>(context: &Context, api: &Api<K>, name: &str, owner: &Owner) -> Result<()> {
    match adopt::live(api, name).await? {
        Some(stored) if apply::is_ours(stored.meta(), owner) => {
            apply::remove(&context.client, &stored, PropagationPolicy::Background).await
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_operator_made_is_not_left_behind_because_its_cluster_is_not_configured() {
        let instance = |annotations: serde_json::Value, status: serde_json::Value| {
            serde_json::from_value::<OdooInstance>(json!({
                "apiVersion": "bemade.org/v1", "kind": "OdooInstance",
                "metadata": {"name": "shop", "annotations": annotations},
                "spec": {"ingress": {"hosts": ["a.example.com"]}}, "status": status,
            }))
            .unwrap()
        };
        for (annotations, status, may) in [
            (json!({}), json!({}), false),
            (json!({}), json!({"databaseName": "odoo_1"}), true),
            (json!({}), json!({"dbInitialized": true}), true),
            (json!({"bemade.org/migrated": "v1"}), json!({"dbInitialized": false}), true),
        ] {
            let instance = instance(annotations, status);
            let status = instance.status.clone().unwrap();
            assert_eq!(may_have_data(&instance, &status), may, "{instance:?}");
        }
    }
}
