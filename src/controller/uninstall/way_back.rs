//! What the operator of v1alpha1 expects to find: databases that belong to their roles, and CRDs that nobody converts.

use kube::{Client, ResourceExt};
use serde_json::json;

use super::storage::{patch_crd, read};
use super::{Error, MANAGER, list};
use crate::api::crds::Version;
use crate::api::labels::{CA_FIELD_MANAGER, CRD_FIELD_MANAGER};
use crate::controller::objects::OurKind;
use crate::postgres::Cluster;
use crate::resources::names;

/// Databases go to their instances' roles, and these get CREATEDB.
pub async fn databases(client: &Client, clusters: &[Cluster], say: &(dyn Fn(String) + Sync)) -> Result<(), Error> {
    let mut instances = Vec::new();
    for kind in OurKind::all().iter().filter(|kind| kind.kind == "OdooInstance") {
        instances = list(client, kind, Version::V1Alpha1).await?;
    }
    // The database of one that is going stays marked as what it left.
    instances.retain(|instance| instance.metadata.deletion_timestamp.is_none());
    for cluster in clusters {
        let mut handed = 0;
        for instance in &instances {
            let role = names::role(&instance.namespace().unwrap_or_default(), &instance.name_any());
            handed += cluster.hand_back(&role, &instance.uid().unwrap_or_default()).await?.len();
        }
        say(format!("{handed} databases on cluster {} belong to their roles again", cluster.config().name));
    }
    Ok(())
}

/// v1alpha1 alone is served, nothing is converted, and no field is ours: whoever applies its CRDs next meets no
/// conflict.
pub async fn crds(client: &Client, say: &(dyn Fn(String) + Sync)) -> Result<(), Error> {
    for kind in OurKind::all().iter().filter(|kind| kind.in_v1alpha1) {
        let name = kind.crd();
        let Some(crd) = read(client, &name).await? else { continue };
        let mut change = vec![json!({"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}})];
        for (at, version) in crd.spec.versions.iter().enumerate() {
            change.push(json!({"op": "test", "path": format!("/spec/versions/{at}/name"), "value": version.name}));
            let served = version.name == Version::V1Alpha1.name();
            change.push(json!({"op": "replace", "path": format!("/spec/versions/{at}/served"), "value": served}));
        }
        let crd = patch_crd(client, &name, json!(change)).await?;
        let ours = [CRD_FIELD_MANAGER, CA_FIELD_MANAGER, MANAGER];
        let mut managers = crd.metadata.managed_fields.unwrap_or_default();
        managers.retain(|entry| !entry.manager.as_deref().is_some_and(|manager| ours.contains(&manager)));
        let managers = json!([{"op": "replace", "path": "/metadata/managedFields", "value": managers}]);
        patch_crd(client, &name, managers).await?;
    }
    say("v1alpha1 is served alone, and nothing is converted".to_owned());
    Ok(())
}
