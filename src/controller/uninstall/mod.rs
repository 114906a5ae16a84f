//! The way out: the operator lets go of every object, so that neither an object nor a namespace waits for a finalizer
//! or a webhook that nobody answers any more. Workloads and data are not touched.
//!
//! Owns: the order of it, and the way back to the operator of v1alpha1. Must not: delete anything of an instance, or
//! run while an operator does.
//!
//! The order, and why:
//! 1. Refuse, before anything is changed; for the way back, store everything as v1alpha1 while somebody converts.
//! 2. Scale the operator to 0 and wait until its pods are gone: it would put finalizers, CRDs and caBundle back.
//!    Leaders that run elsewhere show when finalizers come back.
//! 3. Look again: until now somebody may have created an instance.
//! 4. Delete the webhook configurations: with nobody behind them every write to an instance fails, ours included.
//! 5. CRDs: v1alpha1 not served, conversion None. Before the finalizers, because a write of v1 may be converted for
//!    those who watch v1alpha1.
//! 6. Finalizers, and `--retain`: nobody acts on either any more.
//!
//! Every step may be repeated. When one fails after 2, the operator is scaled up again; it puts back what it needs,
//! but for the webhook configurations, which `helm upgrade` makes.

mod children;
mod error;
mod operator;
mod storage;
mod way_back;

use std::time::Duration;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::crds;
use super::objects::{OurKind, is_not_found, key};
use crate::api::crds::Version;
use crate::api::labels::{INSTANCE_FINALIZER, JOB_FINALIZER, KOPF_FINALIZER};
use crate::postgres::Cluster;

pub use error::Error;
pub(super) use storage::heard;

/// Field manager of what is written here.
const MANAGER: &str = "odoo-operator-uninstall";
/// How long an operator that was told to stop may go on putting finalizers back.
const LAST_WORDS: Duration = Duration::from_secs(15);
/// Between two looks.
const RETRY: Duration = Duration::from_millis(500);
/// Finalizers of this operator, and of the one whose objects it takes over.
const FINALIZERS: [&str; 3] = [INSTANCE_FINALIZER, JOB_FINALIZER, KOPF_FINALIZER];

/// What is to be done.
pub struct Options {
    /// Instances with deletionPolicy Delete get Retain, instead of being a reason to refuse.
    pub retain: bool,
    /// Namespace of the operator.
    pub namespace: String,
    /// Its Deployment; none when it does not run in this cluster.
    pub deployment: Option<String>,
    /// Name of both webhook configurations.
    pub configuration: String,
    /// How long its pods may take to end.
    pub timeout: Duration,
    /// PostgreSQL, to go back to v1alpha1.
    pub way_back: Option<Vec<Cluster>>,
}

/// Lets go of everything. `say` hears what was done, line by line.
pub async fn uninstall(client: &Client, options: &Options, say: &(dyn Fn(String) + Sync)) -> Result<(), Error> {
    let version = if options.way_back.is_some() { Version::V1Alpha1 } else { Version::V1 };
    if options.way_back.is_some() {
        refuse(client, options, Version::V1).await?;
        storage::to_v1alpha1(client, say).await?;
    } else {
        storage::is_v1(client).await?;
    }
    refuse(client, options, version).await?;
    let operator = operator::stop(client, options, say).await?;
    let done = let_go(client, options, version, say).await;
    if done.is_err() {
        operator.start_again(say).await;
    }
    done
}

async fn let_go(
    client: &Client,
    options: &Options,
    version: Version,
    say: &(dyn Fn(String) + Sync),
) -> Result<(), Error> {
    refuse(client, options, version).await?;
    if let Some(clusters) = &options.way_back {
        storage::is_v1alpha1(client).await?;
        way_back::databases(client, clusters, say).await?;
    }
    operator::delete_webhooks(client, &options.configuration, say).await?;
    if options.way_back.is_some() {
        way_back::crds(client, say).await?;
        children::give_back(client, say).await?;
    } else {
        crds::retire(client).await?;
        say("v1alpha1 is no longer served, and nothing is converted".to_owned());
    }
    release(client, options.retain, version, say).await
}

/// Why the operator cannot go yet.
async fn refuse(client: &Client, options: &Options, version: Version) -> Result<(), Error> {
    if options.retain {
        return Ok(());
    }
    let goes_back = options.way_back.is_some();
    let mut deleting = Vec::new();
    let mut delete = Vec::new();
    for kind in OurKind::all().iter().filter(|kind| kind.kind == "OdooInstance") {
        for instance in list(client, kind, version).await? {
            let held = instance.finalizers().iter().any(|finalizer| finalizer == INSTANCE_FINALIZER);
            if instance.metadata.deletion_timestamp.is_some() && held {
                deleting.push(key(&instance));
            } else if !goes_back && asks_for_delete(&instance) {
                delete.push(key(&instance));
            }
        }
    }
    if !deleting.is_empty() {
        return Err(Error::Deleting(deleting.join(", ")));
    }
    if !delete.is_empty() {
        return Err(Error::DeletionPolicy(delete.join(", ")));
    }
    Ok(())
}

fn asks_for_delete(instance: &DynamicObject) -> bool {
    instance.data["spec"]["deletionPolicy"] == "Delete"
}

/// Takes our finalizers from every object, until none comes back.
async fn release(client: &Client, retain: bool, version: Version, say: &(dyn Fn(String) + Sync)) -> Result<(), Error> {
    let deadline = Instant::now() + LAST_WORDS;
    let mut released = 0;
    for kind in OurKind::all() {
        // What v1alpha1 does not have is v1's alone.
        let version = if kind.in_v1alpha1 { version } else { Version::V1 };
        loop {
            let mut held = None;
            for object in list(client, &kind, version).await? {
                let Some(patch) = release_patch(&object, retain && kind.kind == "OdooInstance") else { continue };
                let api = kind.api(client, version, &object.namespace().unwrap_or_default());
                let params = PatchParams::apply(MANAGER);
                match api.patch(&object.name_any(), &params, &Patch::Merge(patch)).await {
                    Ok(_) => released += 1,
                    Err(error) if is_not_found(&error) => continue,
                    // Somebody wrote it in between: the next look says what.
                    Err(kube::Error::Api(status)) if status.is_conflict() => {}
                    Err(source) => {
                        return Err(Error::call("release", format!("{} {}", kind.kind, key(&object)), source));
                    }
                }
                held = Some(format!("{} {}", kind.kind, key(&object)));
            }
            // The look that finds nothing to do is the one that counts.
            let Some(object) = held else { break };
            if Instant::now() >= deadline {
                return Err(Error::StillRunning(object));
            }
            sleep(RETRY).await;
        }
    }
    say(format!("{released} objects were released; every instance runs on as it is"));
    Ok(())
}

/// What an object has to lose; none when there is nothing.
fn release_patch(object: &DynamicObject, retain: bool) -> Option<Value> {
    let left: Vec<_> =
        object.finalizers().iter().filter(|finalizer| !FINALIZERS.contains(&finalizer.as_str())).collect();
    let mut patch = json!({"metadata": {"resourceVersion": object.metadata.resource_version}});
    let mut changed = false;
    if left.len() != object.finalizers().len() {
        patch["metadata"]["finalizers"] = json!(left);
        changed = true;
    }
    if retain && asks_for_delete(object) {
        patch["spec"] = json!({"deletionPolicy": "Retain"});
        changed = true;
    }
    changed.then_some(patch)
}

async fn list(client: &Client, kind: &OurKind, version: Version) -> Result<Vec<DynamicObject>, Error> {
    kind.list(client, version).await.map_err(|source| Error::call("list", kind.crd(), source))
}
