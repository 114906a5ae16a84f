//! The version in which objects are stored.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Error, MANAGER, RETRY, list};
use crate::api::GROUP;
use crate::api::crds::Version;
use crate::api::labels::{MIGRATED, STORED_BEFORE};
use crate::api::v1::DeletionPolicy;
use crate::controller::objects::{OurKind, is_not_found, key};

/// How long the API server may take to hear of a changed CRD.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// Fails while anything may be stored in another version than v1.
pub async fn is_v1(client: &Client) -> Result<(), Error> {
    for kind in OurKind::all() {
        let stored = read(client, &kind.crd()).await?.map(|crd| stored_versions(&crd)).unwrap_or_default();
        let others: Vec<_> = stored.iter().filter(|version| *version != Version::V1.name()).cloned().collect();
        if !others.is_empty() {
            return Err(Error::NotMigrated { crd: kind.crd(), versions: others.join(", ") });
        }
    }
    Ok(())
}

/// Fails while anything may be stored in another version than v1alpha1: an operator that was started after
/// [`to_v1alpha1`] and before it was stopped has made v1 the stored version again, and nobody converts from here on.
pub async fn is_v1alpha1(client: &Client) -> Result<(), Error> {
    for kind in OurKind::all().into_iter().filter(|kind| kind.in_v1alpha1) {
        let Some(crd) = read(client, &kind.crd()).await? else { continue };
        if stored_versions(&crd) != [Version::V1Alpha1.name()] {
            return Err(Error::NotStored(kind.crd()));
        }
    }
    Ok(())
}

/// Stores everything as v1alpha1 again. The operator has to be running: it converts.
pub async fn to_v1alpha1(client: &Client, say: &(dyn Fn(String) + Sync)) -> Result<(), Error> {
    let mut kinds = Vec::new();
    for kind in OurKind::all().into_iter().filter(|kind| kind.in_v1alpha1) {
        let Some(crd) = read(client, &kind.crd()).await? else { continue };
        // A run that was interrupted has been here.
        if stored_versions(&crd) == [Version::V1Alpha1.name()] {
            continue;
        }
        let conversion = crd.spec.conversion.as_ref().map(|conversion| conversion.strategy.as_str());
        if conversion != Some("Webhook") {
            return Err(Error::NotConverted(kind.crd()));
        }
        kinds.push((kind, crd));
    }
    for (kind, crd) in kinds {
        flip(client, &kind, &crd).await?;
        let objects = list(client, &kind, Version::V1).await?;
        for object in &objects {
            let api = kind.api(client, Version::V1, &object.namespace().unwrap_or_default());
            let patch = Patch::Merge(rewritten(&kind, object));
            match api.patch(&object.name_any(), &PatchParams::apply(MANAGER), &patch).await {
                Err(error) if is_not_found(&error) => {}
                Err(source) => return Err(Error::call("rewrite", format!("{} {}", kind.kind, key(object)), source)),
                Ok(_) => {}
            }
        }
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        let stored = json!({"status": {"storedVersions": [Version::V1Alpha1.name()]}});
        api.patch_status(&kind.crd(), &PatchParams::apply(MANAGER), &Patch::Merge(stored))
            .await
            .map_err(|source| Error::call("set storedVersions of", kind.crd(), source))?;
        let unmarked = json!({"metadata": {"annotations": {MIGRATED: null, STORED_BEFORE: null}}});
        api.patch(&kind.crd(), &PatchParams::apply(MANAGER), &Patch::Merge(unmarked))
            .await
            .map_err(|source| Error::call("unmark", kind.crd(), source))?;
        say(format!("{} objects of {} are stored as v1alpha1", objects.len(), kind.crd()));
    }
    Ok(())
}

/// Whatever is changed, what is written is the version of now. Without the mark an object is taken over anew later, as
/// one of v1alpha1's: what a deletion means until now has to stand in it by then.
fn rewritten(kind: &OurKind, object: &DynamicObject) -> Value {
    let mut patch = json!({"metadata": {"annotations": {MIGRATED: null}}});
    if kind.kind == "OdooInstance" && object.data["spec"]["deletionPolicy"].is_null() {
        patch["spec"] = json!({"deletionPolicy": DeletionPolicy::Retain});
    }
    patch
}

/// v1alpha1 becomes the stored version, and the API server has heard of it.
async fn flip(client: &Client, kind: &OurKind, crd: &CustomResourceDefinition) -> Result<(), Error> {
    let mut change = Vec::new();
    for (at, version) in crd.spec.versions.iter().enumerate() {
        let old = version.name == Version::V1Alpha1.name();
        change.push(json!({"op": "test", "path": format!("/spec/versions/{at}/name"), "value": version.name}));
        change.push(json!({"op": "replace", "path": format!("/spec/versions/{at}/storage"), "value": old}));
    }
    patch_crd(client, &kind.crd(), json!(change)).await?;
    heard(client, kind, Version::V1Alpha1).await
}

/// Waits until the API server writes objects of a kind in this version.
pub async fn heard(client: &Client, kind: &OurKind, version: Version) -> Result<(), Error> {
    let wanted = hash(&kind.kind, version);
    let group_version = format!("{GROUP}/{}", Version::V1.name());
    let deadline = Instant::now() + HEARD_WITHIN;
    loop {
        let served = client
            .list_api_group_resources(&group_version)
            .await
            .map_err(|source| Error::call("discover", &group_version, source))?;
        let now = served.resources.iter().find(|resource| resource.name == kind.plural);
        if now.and_then(|resource| resource.storage_version_hash.as_ref()) == Some(&wanted) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::NotStored(kind.crd()));
        }
        sleep(RETRY).await;
    }
}

/// How discovery tells which version is stored.
fn hash(kind: &str, version: Version) -> String {
    let text = format!("{GROUP}/{}/{kind}", version.name());
    BASE64_STANDARD.encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..8])
}

/// A CRD of ours, if it is there.
pub async fn read(client: &Client, name: &str) -> Result<Option<CustomResourceDefinition>, Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    api.get_opt(name).await.map_err(|source| Error::call("read", name, source))
}

/// Changes a CRD by a JSON Patch.
pub async fn patch_crd(client: &Client, name: &str, patch: Value) -> Result<CustomResourceDefinition, Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let patch = serde_json::from_value(patch).expect("our patches are JSON Patches");
    api.patch(name, &PatchParams::apply(MANAGER), &Patch::Json::<()>(patch))
        .await
        .map_err(|source| Error::call("change", name, source))
}

fn stored_versions(crd: &CustomResourceDefinition) -> Vec<String> {
    crd.status.as_ref().and_then(|status| status.stored_versions.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_not_written_down_is_written_down_on_the_way_back() {
        let kinds = OurKind::all();
        let patch = |kind: &str, spec: Value| {
            let kind = kinds.iter().find(|it| it.kind == kind).unwrap();
            let object = json!({"metadata": {"name": "shop"}, "spec": spec});
            rewritten(kind, &serde_json::from_value(object).unwrap())["spec"].clone()
        };
        assert_eq!(patch("OdooInstance", json!({})), json!({"deletionPolicy": "Retain"}));
        assert_eq!(patch("OdooInstance", json!({"deletionPolicy": "Delete"})), Value::Null);
        assert_eq!(patch("OdooBackupJob", json!({})), Value::Null);
    }
}
