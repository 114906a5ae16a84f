//! Owner references, as the operator of v1alpha1 has them: the volume claim belongs to its instance, and everything
//! refers to it in a version that is still served, or the garbage collector would not find it.

use std::collections::HashMap;

use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::{Error, MANAGER, list};
use crate::api::GROUP;
use crate::api::crds::Version;
use crate::api::labels::INSTANCE_UID;
use crate::controller::objects::{OurKind, every, is_not_found, key};

/// Kinds of objects that belong to an instance or to one of its jobs.
const KINDS: [(&str, &str, &str, &str); 9] = [
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "v1", "Secret", "secrets"),
    ("", "v1", "Service", "services"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("apps", "v1", "Deployment", "deployments"),
    ("batch", "v1", "Job", "jobs"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
];

/// Sets the owner references of everything that carries our label, and of our job objects.
pub async fn give_back(client: &Client, say: &(dyn Fn(String) + Sync)) -> Result<(), Error> {
    let mut instances = HashMap::new();
    let mut changed = 0;
    for kind in OurKind::all().iter().filter(|kind| kind.in_v1alpha1) {
        let resource = kind.resource(Version::V1Alpha1);
        for object in list(client, kind, Version::V1Alpha1).await? {
            changed += i32::from(rewrite(client, &resource, &object, None).await?);
            // One that is going would take the volume along, which its deletion keeps or removes itself.
            if kind.kind == "OdooInstance" && object.metadata.deletion_timestamp.is_none() {
                instances.insert(object.uid().unwrap_or_default(), object.name_any());
            }
        }
    }
    for (group, version, kind, plural) in KINDS {
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let (group, version, kind, plural) = (group.into(), version.into(), kind.into(), plural.into());
        let resource = ApiResource { group, version, api_version, kind, plural };
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let labelled = every(&api, &ListParams::default().labels(INSTANCE_UID))
            .await
            .map_err(|source| Error::call("list", &resource.plural, source))?;
        for object in labelled {
            let owner = object.labels().get(INSTANCE_UID).filter(|_| resource.kind == "PersistentVolumeClaim");
            let owner = owner.and_then(|uid| Some((uid.as_str(), instances.get(uid)?.as_str())));
            changed += i32::from(rewrite(client, &resource, &object, owner).await?);
        }
    }
    say(format!("{changed} objects belong to their instances as v1alpha1 has it"));
    Ok(())
}

/// Whether there was something to change. `owner`: uid and name of an instance that the object shall belong to.
async fn rewrite(
    client: &Client,
    resource: &ApiResource,
    object: &DynamicObject,
    owner: Option<(&str, &str)>,
) -> Result<bool, Error> {
    let before = json!(object.owner_references());
    let after = references(&before, owner);
    if before == after {
        return Ok(false);
    }
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &object.namespace().unwrap_or_default(), resource);
    let patch = json!({"metadata": {"resourceVersion": object.metadata.resource_version, "ownerReferences": after}});
    let params = PatchParams::apply(MANAGER);
    match api.patch(&object.name_any(), &params, &Patch::Merge(patch)).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(source) => Err(Error::call("set the owner of", format!("{} {}", resource.kind, key(object)), source)),
    }
}

fn references(before: &Value, owner: Option<(&str, &str)>) -> Value {
    let v1alpha1 = format!("{GROUP}/{}", Version::V1Alpha1.name());
    let mut all = before.as_array().cloned().unwrap_or_default();
    for reference in &mut all {
        let ours = reference["apiVersion"].as_str().is_some_and(|version| version.starts_with(&format!("{GROUP}/")));
        // A kind that v1alpha1 does not have stays as it is.
        if ours && reference["kind"] != "OdooBackupSchedule" {
            reference["apiVersion"] = json!(v1alpha1);
        }
    }
    if let Some((uid, name)) = owner.filter(|(uid, _)| !all.iter().any(|reference| reference["uid"] == *uid)) {
        all.push(json!({
            "apiVersion": v1alpha1, "kind": "OdooInstance", "name": name, "uid": uid,
            "controller": true, "blockOwnerDeletion": true,
        }));
    }
    Value::Array(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_gets_its_owner_once_and_others_keep_theirs() {
        let claim = references(&json!([]), Some(("u1", "shop")));
        assert_eq!(claim[0]["uid"], "u1");
        assert_eq!(claim[0]["apiVersion"], "bemade.org/v1alpha1");
        assert_eq!(references(&claim, Some(("u1", "shop"))), claim);

        let child = json!([
            {"apiVersion": "bemade.org/v1", "kind": "OdooInstance", "name": "shop", "uid": "u1"},
            {"apiVersion": "bemade.org/v1", "kind": "OdooBackupSchedule", "name": "daily", "uid": "u2"},
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "u3"},
        ]);
        let versions: Vec<_> =
            references(&child, None).as_array().unwrap().iter().map(|it| it["apiVersion"].clone()).collect();
        assert_eq!(versions, ["bemade.org/v1alpha1", "bemade.org/v1", "v1"]);
    }
}
