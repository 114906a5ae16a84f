//! Taking over what another operator made for an instance.
//!
//! Objects get our labels at once, which nothing that runs can see. Deployments keep the pod template that they came
//! with, and the ConfigMap that it needs, until the user changes something that shows in a pod, or says when: moving
//! over is a restart. `status.adopted` holds the hash of the spec until then; without the hash the pods are moving; when
//! they have moved, the ConfigMap goes and `status.adopted` too.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{Api, ListParams, Patch, PatchParams, PropagationPolicy};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};
use tracing::info;

use super::apply::{self, ChildKind, Owner};
use super::cache::{Cache, kind_of};
use super::instance::{Context, Pass};
use super::observe::Seen;
use super::{Error, Result, credentials, status};
use crate::api::conditions::{UP_TO_DATE, Wanted};
use crate::api::labels::{ADOPT, FIELD_MANAGER, INSTANCE, INSTANCE_UID, KOPF_FINALIZER, MANAGED_BY, MANAGER, MIGRATED};
use crate::api::v1::{AdoptedStatus, OdooInstance, Phase};
use crate::lifecycle::{Child, ChildState, Database, is_unsupported};
use crate::resources::{HttpRoute, names, spec_hash};

/// Instances whose objects were looked for.
#[derive(Default)]
pub struct Adoptions {
    looked: Mutex<HashSet<String>>,
}

impl Adoptions {
    fn looked(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance is gone.
    pub fn forget(&self, uid: &str) {
        self.looked().remove(uid);
    }
}

/// Whether another operator stored the instance. One that could not be migrated yet has the Python operator's finalizer
/// still, and its pods are taken over in the same way.
pub fn was_anothers(instance: &OdooInstance) -> bool {
    instance.annotations().contains_key(MIGRATED) || instance.finalizers().iter().any(|it| it == KOPF_FINALIZER)
}

/// Whether an instance may have a database that carries no mark of ours: it had one before this operator, which writes
/// down its name.
pub fn is_legacy(pass: &Pass) -> bool {
    let status = &pass.status;
    status.database_name.is_none() && (status.db_initialized == Some(true) || was_anothers(&pass.instance))
}

/// Whether the Deployments keep the template that they came with.
pub fn is_held(pass: &Pass) -> bool {
    pass.status.adopted.as_ref().is_some_and(|adopted| adopted.spec_hash.is_some())
}

/// Takes an instance's objects over, and decides whether its pods move. True when the pass ends here, because status
/// says something new that has to be stored before anything is done.
pub async fn begin(context: &Context, instance: &OdooInstance, pass: &mut Pass) -> Result<bool> {
    let claim = context.stores.claims.get(&pass.owner.namespace, &names::filestore(&pass.owner.name));
    // Who else labels its objects as managed by an odoo-operator is in the store too.
    let known = claim.is_some_and(|claim| claim.labels().contains_key(INSTANCE_UID));
    let old = was_anothers(instance) || pass.status.phase.is_some();
    if old && !known && !context.adoptions.looked().contains(&pass.owner.uid) {
        let found = Found::look(context, &pass.owner).await?;
        if found.any() && pass.status.adopted.is_none() {
            let spec_hash = found.web.is_some().then(|| spec_hash(&instance.spec));
            pass.status.adopted = Some(AdoptedStatus { spec_hash });
            let (client, cache) = (&context.client, &context.stores.instances);
            status::write(client, cache, instance, instance.status.as_ref(), &pass.status).await?;
            let note = "its objects are this operator's now; the pods stay as they are until something that they show \
                        changes, or annotation bemade.org/adopt is \"now\"";
            context.events.normal(instance, "Adopted", "TakeOver", note.to_owned()).await;
            return Ok(true);
        }
        found.label(context, &pass.owner).await?;
        context.adoptions.looked().insert(pass.owner.uid.clone());
    }
    let asked = context.settings.adopt_now || instance.annotations().get(ADOPT).is_some_and(|when| when == "now");
    let moves =
        asked || pass.status.adopted.as_ref().and_then(|it| it.spec_hash.as_ref()) != Some(&spec_hash(&instance.spec));
    let may = pass.rejected.is_none() && pass.instance.spec.suspend != Some(true) && !is_unsupported(pass.phase());
    if is_held(pass) && moves && may {
        info!(namespace = pass.owner.namespace, name = pass.owner.name, "pods move to this operator's template");
        pass.status.adopted = Some(AdoptedStatus::default());
    }
    Ok(false)
}

/// Ends the take-over when the pods have moved: nothing uses the other operator's odoo.conf any more.
pub async fn finish(context: &Context, pass: &mut Pass, seen: &Seen) -> Result<()> {
    if pass.status.adopted.is_none()
        || is_held(pass)
        || is_unsupported(pass.phase())
        || pass.phase() == Phase::Initializing
    {
        return Ok(());
    }
    let observed = &seen.observed;
    let moved = [(Child::Web, names::web(&pass.owner.name)), (Child::Cron, names::cron(&pass.owner.name))];
    let moved = moved.into_iter().all(|(child, name)| match observed.child(child) {
        ChildState::Missing => true,
        ChildState::Matches => {
            context.stores.deployments.get(&pass.owner.namespace, &name).is_some_and(|it| has_rolled_out(&it))
        }
        _ => false,
    });
    if !moved || observed.deleting {
        return Ok(());
    }
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), &pass.owner.namespace);
    let name = names::odoo_conf(&pass.owner.name);
    if let Some(stored) = live(&api, &name).await?.filter(|stored| is_owned(&stored.metadata, &pass.owner)) {
        apply::remove(&context.client, &stored, PropagationPolicy::Background).await?;
    }
    pass.status.adopted = None;
    Ok(())
}

/// What a person should know of a take-over that has begun.
pub fn condition(pass: &Pass) -> Option<Wanted> {
    let before = pass.status.conditions.as_deref().unwrap_or_default();
    let told = before.iter().any(|condition| condition.type_ == UP_TO_DATE && condition.reason == "TakenOver");
    match &pass.status.adopted {
        Some(AdoptedStatus { spec_hash: Some(_) }) => Some(Wanted::new(
            UP_TO_DATE,
            false,
            "TakenOver",
            "the pods run as another operator made them; a change that shows in them, or annotation bemade.org/adopt: \
             now, restarts them with this operator's template",
        )),
        Some(_) => Some(Wanted::new(UP_TO_DATE, false, "TakenOver", "the pods move to this operator's template")),
        None if told => Some(Wanted::new(UP_TO_DATE, true, "Ready", "the pods run this operator's template")),
        None => None,
    }
}

/// Scales a Deployment and touches nothing else of it.
pub async fn scale(context: &Context, pass: &Pass, desired: &Deployment) -> Result<()> {
    let replicas = desired.spec.as_ref().and_then(|spec| spec.replicas);
    let api: Api<Deployment> = Api::namespaced(context.client.clone(), &pass.owner.namespace);
    let scaled = merge(&api, desired, &json!({"spec": {"replicas": replicas}})).await?;
    context.stores.deployments.wrote(scaled);
    Ok(())
}

/// Before an instance that was never worked on by this operator goes, its database gets our mark: only what carries it
/// is dropped, or found again.
pub async fn mark_database(context: &Context, pass: &Pass, seen: &Seen) -> Result<()> {
    let Ok(target) = &seen.target else { return Ok(()) };
    if !is_legacy(pass) || context.databases.look(&pass.owner, target, true) != Database::Incomplete {
        return Ok(());
    }
    // A foreground deletion takes the Secret first; the role's password does not matter any more then.
    let password =
        match credentials::role_password(&context.client, &context.stores, &pass.instance, &pass.owner).await? {
            Some(password) => password,
            None => credentials::random_hex(24)?,
        };
    context.databases.ensure(&pass.owner, target, true, &password).await
}

/// Batch Jobs that another operator made for the instance.
pub async fn remove_jobs(context: &Context, pass: &Pass) -> Result<()> {
    if !was_anothers(&pass.instance) {
        return Ok(());
    }
    let api: Api<Job> = Api::namespaced(context.client.clone(), &pass.owner.namespace);
    let selector = format!("{INSTANCE}={},!{INSTANCE_UID}", names::label_value(&pass.owner.name));
    let listed = api.list(&ListParams::default().labels(&selector)).await;
    let jobs = listed.map_err(|source| Error::kube("list the Jobs of", &pass.instance, source))?;
    for job in jobs.items.iter().filter(|job| job.metadata.deletion_timestamp.is_none()) {
        apply::remove(&context.client, job, PropagationPolicy::Background).await?;
    }
    Ok(())
}

/// Objects of an instance that carry the other operator's owner reference and not our label.
struct Found {
    web: Option<Deployment>,
    cron: Option<Deployment>,
    service: Option<Service>,
    ingress: Option<Ingress>,
    route: Option<HttpRoute>,
    claim: Option<PersistentVolumeClaim>,
}

impl Found {
    async fn look(context: &Context, owner: &Owner) -> Result<Self> {
        Ok(Self {
            web: anothers(context, owner, &names::web(&owner.name)).await?,
            cron: anothers(context, owner, &names::cron(&owner.name)).await?,
            service: anothers(context, owner, &names::web(&owner.name)).await?,
            ingress: anothers(context, owner, &names::web(&owner.name)).await?,
            route: anothers(context, owner, &names::web(&owner.name)).await?,
            claim: anothers(context, owner, &names::filestore(&owner.name)).await?,
        })
    }

    fn any(&self) -> bool {
        self.web.is_some() || self.cron.is_some() || self.service.is_some() || self.claim.is_some()
    }

    async fn label(self, context: &Context, owner: &Owner) -> Result<()> {
        let stores = &context.stores;
        label(context, &stores.deployments, self.web, owner, Some(in_v1)).await?;
        label(context, &stores.deployments, self.cron, owner, Some(in_v1)).await?;
        label(context, &stores.services, self.service, owner, Some(in_v1)).await?;
        label(context, &stores.ingresses, self.ingress, owner, Some(in_v1)).await?;
        label(context, &stores.routes, self.route, owner, Some(in_v1)).await?;
        // Last: that the store has it says that all the others have been labelled.
        label(context, &stores.claims, self.claim, owner, None).await
    }
}

/// In the version that is served when v1alpha1 is not: the garbage collector would not find the owner otherwise.
fn in_v1(reference: OwnerReference) -> OwnerReference {
    OwnerReference { api_version: OdooInstance::api_version(&()).into_owned(), ..reference }
}

async fn anothers<K: ChildKind>(context: &Context, owner: &Owner, name: &str) -> Result<Option<K>> {
    let api: Api<K> = Api::namespaced(context.client.clone(), &owner.namespace);
    let unlabelled = |meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        !meta.labels.as_ref().is_some_and(|labels| labels.contains_key(INSTANCE_UID))
    };
    Ok(live(&api, name).await?.filter(|stored| is_owned(stored.meta(), owner) && unlabelled(stored.meta())))
}

fn is_owned(meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta, owner: &Owner) -> bool {
    meta.owner_references.iter().flatten().any(|reference| reference.uid == owner.uid)
}

/// Sets our labels, and what `refer` makes of the reference to the instance; none takes it away.
async fn label<K: ChildKind>(
    context: &Context,
    cache: &Cache<K>,
    found: Option<K>,
    owner: &Owner,
    refer: Option<fn(OwnerReference) -> OwnerReference>,
) -> Result<()> {
    let Some(found) = found else { return Ok(()) };
    let references = found.owner_references().iter().cloned();
    let references: Vec<_> =
        references.filter_map(|it| if it.uid == owner.uid { refer.map(|of| of(it)) } else { Some(it) }).collect();
    let patch = json!({"metadata": {
        "labels": {MANAGED_BY: MANAGER, INSTANCE: names::label_value(&owner.name), INSTANCE_UID: owner.uid},
        "ownerReferences": references, "resourceVersion": found.resource_version(),
    }});
    let api: Api<K> = Api::namespaced(context.client.clone(), &found.namespace().unwrap_or_default());
    cache.wrote(merge(&api, &found, &patch).await?);
    Ok(())
}

async fn merge<K: ChildKind>(api: &Api<K>, object: &K, patch: &Value) -> Result<K> {
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let patched = api.patch(&object.name_any(), &parameters, &Patch::Merge(patch)).await;
    patched.map_err(|source| Error::kube("take over", object, source))
}

/// The object of this name, asked for now.
pub async fn live<K: ChildKind>(api: &Api<K>, name: &str) -> Result<Option<K>> {
    match api.get_opt(name).await {
        // A kind that the cluster does not have is answered with a page instead of a Status.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        answer => {
            answer.map_err(|source| Error::Kube { action: "read", kind: kind_of::<K>(), name: name.to_owned(), source })
        }
    }
}

/// Whether no pod of an older template is left.
fn has_rolled_out(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else { return false };
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    status.observed_generation == deployment.metadata.generation
        && status.updated_replicas.unwrap_or(0) == wanted
        && status.replicas.unwrap_or(0) == wanted
}
