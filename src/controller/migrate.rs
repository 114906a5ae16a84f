//! Stored objects of older operators, brought to this version once.
//!
//! Each object is written once, which also stores it as v1, and carries annotation `bemade.org/migrated` from then on:
//! a migration that is interrupted goes on where it stopped. A CRD all of whose objects are done gets
//! `status.storedVersions: [v1]` and the same annotation, after which a start costs one read a CRD.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use super::instance::Context;
use super::objects::OurKind;
use super::status::merge_patch;
use super::uninstall;
use crate::admission;
use crate::admission::legacy::{self, is_migrated};
use crate::admission::subject::Kind;
use crate::api::crds::Version;
use crate::api::labels::{FIELD_MANAGER, MIGRATED, STORED_BEFORE};
use crate::api::v1::DeletionPolicy;

/// Between two writes: 20 objects a second.
const PACE: Duration = Duration::from_millis(50);
/// Objects of one page of a list.
const PAGE: u32 = 500;
/// How often an object is read again that somebody else writes at the same time.
const ATTEMPTS: usize = 5;
/// Between two passes over a kind that holds objects which nobody but a person can repair.
const LATER: Duration = Duration::from_mins(10);

/// Every kind that an older operator has, instances first.
const KINDS: [Kind; 6] =
    [Kind::Instance, Kind::InitJob, Kind::UpgradeJob, Kind::BackupJob, Kind::RestoreJob, Kind::RefreshJob];

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot {verb} {name}: {source}")]
    Call { verb: &'static str, name: String, source: Box<kube::Error> },
    #[error("{0} does not store v1 yet")]
    NotStored(String),
    #[error(transparent)]
    NotHeard(#[from] uninstall::Error),
}

/// The migration of stored objects.
pub struct Migration {
    context: Arc<Context>,
    client: Client,
    kinds: Vec<OurKind>,
    pace: Mutex<Interval>,
}

impl Migration {
    /// Nothing is done yet.
    pub fn new(context: Arc<Context>) -> Self {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { client: context.client.clone(), context, kinds: OurKind::all(), pace: Mutex::new(pace) }
    }

    /// Brings every instance to this version. Tries until it went over all of them: who works on an instance before
    /// takes it for a new one.
    pub async fn instances(&self) {
        self.persist(Kind::Instance).await;
    }

    /// Brings the job objects to this version, and looks again for what could not be.
    pub async fn rest(&self) {
        loop {
            let mut refused = 0;
            for kind in KINDS {
                refused += self.persist(kind).await;
            }
            if refused == 0 {
                return;
            }
            sleep(LATER).await;
        }
    }

    /// Goes over a kind until nothing but refused objects is in the way; how many there are.
    async fn persist(&self, kind: Kind) -> usize {
        let mut wait = Duration::from_millis(500);
        loop {
            match self.kind(kind).await {
                Ok(refused) => return refused,
                Err(error) => {
                    warn!(kind = kind.name(), %error, "stored objects are not migrated yet; it is tried again");
                    sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(30));
                }
            }
        }
    }

    async fn kind(&self, kind: Kind) -> Result<usize, Error> {
        let Some(our_kind) = self.kinds.iter().find(|ours| ours.kind == kind.name()) else { return Ok(0) };
        let (resource, name) = (our_kind.resource(Version::V1), our_kind.crd());
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let crd = crds.get(&name).await.map_err(|source| call("read", &name, source))?;
        if is_done(&crd) {
            return Ok(0);
        }
        if !stores_v1(&crd) {
            return Err(Error::NotStored(name));
        }
        // An API server that has not heard of it would store what it is given as it did before.
        uninstall::heard(&self.client, our_kind, Version::V1).await?;
        // Marked once, and stored otherwise since: a way back that was not finished, or the other operator in between.
        // Then the marks of the objects do not tell how they are stored.
        let all = is_marked(&crd);
        let waiting = self.waiting(&resource, all).await?;
        let policy = policy(&crd);
        let (mut remaining, mut refused) = (i64::try_from(waiting.len()).unwrap_or(i64::MAX), 0);
        if remaining > 0 {
            info!(kind = kind.name(), objects = remaining, "bringing stored objects to v1");
        }
        self.context.metrics.migrating(kind.name(), remaining);
        for object in waiting {
            self.pace.lock().await.tick().await;
            if self.object(kind, &resource, object, policy).await? {
                remaining -= 1;
                self.context.metrics.migrated("migrated");
            } else {
                refused += 1;
                self.context.metrics.migrated("refused");
            }
            self.context.metrics.migrating(kind.name(), remaining);
        }
        if refused == 0 {
            self.finish(&crds, &name).await?;
        }
        Ok(refused)
    }

    /// The objects that have to be written: those without the mark, or all.
    async fn waiting(&self, resource: &ApiResource, all: bool) -> Result<Vec<DynamicObject>, Error> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), resource);
        let (mut found, mut parameters) = (Vec::new(), ListParams::default().limit(PAGE));
        loop {
            let page = api.list(&parameters).await.map_err(|source| call("list", &resource.plural, source))?;
            let next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
            let marked = |object: &DynamicObject| object.annotations().get(MIGRATED).is_some_and(|mark| mark == "v1");
            found.extend(page.items.into_iter().filter(|object| all || !marked(object)));
            match next {
                Some(token) => parameters.continue_token = Some(token),
                None => return Ok(found),
            }
        }
    }

    /// Writes one object as it should be. False when the API server takes it in no form that we know.
    async fn object(
        &self,
        kind: Kind,
        resource: &ApiResource,
        mut stored: DynamicObject,
        policy: DeletionPolicy,
    ) -> Result<bool, Error> {
        let (namespace, name) = (stored.namespace().unwrap_or_default(), stored.name_any());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, resource);
        let title = format!("{} {namespace}/{name}", kind.name());
        for _ in 0..ATTEMPTS {
            match self.write(&api, kind, &stored, policy).await {
                Ok(lost) => {
                    if !lost.is_empty() {
                        warn!(object = title, lost, "values of a stored object have not the form of the schema");
                        let note = format!("taken out, because the schema has another form for it: {lost}");
                        self.context.events.warning_about(&reference(&stored), "Repaired", "Migrate", note).await;
                    }
                    return Ok(true);
                }
                Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(true),
                Err(kube::Error::Api(status)) if status.is_conflict() => {
                    match api.get_opt(&name).await.map_err(|source| call("read", &title, source))? {
                        Some(newer) => stored = newer,
                        None => return Ok(true),
                    }
                }
                // 403 and 413: somebody's policy, or a limit. One object must not hold up all the others.
                Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 413 | 422) => {
                    warn!(object = title, why = status.message, "a stored object cannot be migrated");
                    let note = format!("cannot be brought to bemade.org/v1, and is left as it is: {}", status.message);
                    self.context.events.warning_about(&reference(&stored), "NotMigrated", "Migrate", note).await;
                    return Ok(false);
                }
                Err(source) => return Err(call("write", &title, source)),
            }
        }
        // Whoever writes it all the time stores it as v1 too; the next pass marks it.
        Err(call("write", &title, kube::Error::Service("it changes all the time".into())))
    }

    /// What was lost, in words.
    async fn write(
        &self,
        api: &Api<DynamicObject>,
        kind: Kind,
        stored: &DynamicObject,
        policy: DeletionPolicy,
    ) -> Result<String, kube::Error> {
        let before = serde_json::to_value(stored).map_err(kube::Error::SerdeError)?;
        let parameters = PatchParams::apply(FIELD_MANAGER);
        if is_migrated(&before) {
            // What changes nothing is stored all the same where it is stored in another version.
            let same = json!({"metadata": {"resourceVersion": stored.resource_version()}});
            api.patch(&stored.name_any(), &parameters, &Patch::Merge(same)).await?;
            return Ok(String::new());
        }
        let migrated = {
            let settings = &self.context.settings;
            let context = admission::Context { settings, lookup: self.context.stores.as_ref() };
            legacy::migrate(kind, &before, policy, &context)
        };
        let (mut after, name) = (migrated.object, stored.name_any());
        let mut version = stored.resource_version();
        if let Some(status) = merge_patch(&before["status"], &after["status"]) {
            // The mark comes last, so that an interruption between the three writes forgets none.
            let mark = after["metadata"]["annotations"].as_object_mut().and_then(|all| all.remove(MIGRATED));
            if let Some(patch) = patch(&before, &after, version.as_deref()) {
                version = api.patch(&name, &parameters, &Patch::Merge(patch)).await?.resource_version();
            }
            let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
            version = api.patch_status(&name, &parameters, &Patch::Merge(patch)).await?.resource_version();
            let patch = json!({"metadata": {"resourceVersion": version, "annotations": {MIGRATED: mark}}});
            api.patch(&name, &parameters, &Patch::Merge(patch)).await?;
        } else if let Some(patch) = patch(&before, &after, version.as_deref()) {
            api.patch(&name, &parameters, &Patch::Merge(patch)).await?;
        }
        let lost: Vec<String> = migrated.lost.iter().map(ToString::to_string).collect();
        Ok(lost.join("; "))
    }

    /// Says that every object of a kind is stored as v1.
    async fn finish(&self, crds: &Api<CustomResourceDefinition>, name: &str) -> Result<(), Error> {
        let crd = crds.get(name).await.map_err(|source| call("read", name, source))?;
        if !stores_v1(&crd) {
            return Err(Error::NotStored(name.to_owned()));
        }
        let parameters = PatchParams::apply(FIELD_MANAGER);
        let mut version = crd.resource_version();
        if stored_versions(&crd) != [Version::V1.name()] {
            let patch = json!({
                "metadata": {"resourceVersion": version},
                "status": {"storedVersions": [Version::V1.name()]},
            });
            let written = crds.patch_status(name, &parameters, &Patch::Merge(patch)).await;
            version = written.map_err(|source| call("write the stored versions of", name, source))?.resource_version();
        }
        mark(crds, name, version).await?;
        info!(crd = name, "every object is stored as v1");
        Ok(())
    }
}

/// Says of a CRD of which no object is stored yet that none is left to migrate: before anybody can create one, who would
/// have it taken for an older operator's. `live` is the CRD as it was before.
pub async fn mark_empty(client: &Client, name: &str, live: Option<&CustomResourceDefinition>) {
    if !live.is_some_and(is_marked)
        && let Err(error) = mark_if_empty(client, name).await
    {
        info!(crd = name, %error, "whether it has objects is not known: the leader goes over them");
    }
}

async fn mark_if_empty(client: &Client, name: &str) -> Result<(), Error> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = crds.get(name).await.map_err(|source| call("read", name, source))?;
    let kinds = OurKind::all();
    let Some(kind) = kinds.iter().find(|kind| kind.crd() == name) else { return Ok(()) };
    if !stores_v1(&crd) || stored_versions(&crd) != [Version::V1.name()] {
        return Ok(());
    }
    uninstall::heard(client, kind, Version::V1).await?;
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource(Version::V1));
    let one = api.list(&ListParams::default().limit(1)).await.map_err(|source| call("list", name, source))?;
    if one.items.is_empty() {
        mark(&crds, name, crd.resource_version()).await?;
    }
    Ok(())
}

/// Says of a CRD that no object of an older operator is stored, if it is still the one that was read.
async fn mark(crds: &Api<CustomResourceDefinition>, name: &str, version: Option<String>) -> Result<(), Error> {
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let patch = json!({"metadata": {"resourceVersion": version, "annotations": {MIGRATED: "v1"}}});
    let written = crds.patch(name, &parameters, &Patch::Merge(patch)).await;
    written.map(drop).map_err(|source| call("mark", name, source))
}

/// What changes metadata and spec, under the resourceVersion that was read.
fn patch(before: &Value, after: &Value, version: Option<&str>) -> Option<Value> {
    let mut patch = json!({});
    for part in ["metadata", "spec"] {
        if let Some(change) = merge_patch(&before[part], &after[part]) {
            patch[part] = change;
        }
    }
    if patch == json!({}) {
        return None;
    }
    patch["metadata"]["resourceVersion"] = json!(version);
    Some(patch)
}

/// v1alpha1 deletes the data with its instance. Where v1 was stored too, nobody can tell which objects were v1alpha1's.
fn policy(crd: &CustomResourceDefinition) -> DeletionPolicy {
    match crd.annotations().get(STORED_BEFORE).map(String::as_str) {
        Some("v1alpha1") => DeletionPolicy::Delete,
        _ => DeletionPolicy::Retain,
    }
}

fn is_done(crd: &CustomResourceDefinition) -> bool {
    stored_versions(crd) == [Version::V1.name()] && is_marked(crd)
}

fn is_marked(crd: &CustomResourceDefinition) -> bool {
    crd.annotations().get(MIGRATED).is_some_and(|mark| mark == "v1")
}

fn stored_versions(crd: &CustomResourceDefinition) -> &[String] {
    crd.status.as_ref().and_then(|status| status.stored_versions.as_deref()).unwrap_or_default()
}

fn stores_v1(crd: &CustomResourceDefinition) -> bool {
    crd.spec.versions.iter().any(|version| version.name == Version::V1.name() && version.storage)
}

fn reference(object: &DynamicObject) -> ObjectReference {
    let types = object.types.clone().unwrap_or_default();
    ObjectReference {
        api_version: Some(types.api_version),
        kind: Some(types.kind),
        name: object.metadata.name.clone(),
        namespace: object.metadata.namespace.clone(),
        uid: object.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

fn call(verb: &'static str, name: &str, source: kube::Error) -> Error {
    Error::Call { verb, name: name.to_owned(), source: Box::new(source) }
}
