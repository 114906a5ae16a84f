//! One status patch a pass, and none that would change nothing.

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::cache::{Cache, Kind};
use super::{Error, Result};
use crate::api::labels::FIELD_MANAGER;

/// A merge patch that turns `old` into `new`; `None` if they are equal. Lists are replaced as a whole (RFC 7386).
pub fn merge_patch(old: &Value, new: &Value) -> Option<Value> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut patch = Map::new();
            for (key, value) in new {
                match old.get(key) {
                    Some(old) => {
                        if let Some(change) = merge_patch(old, value) {
                            patch.insert(key.clone(), change);
                        }
                    }
                    None => {
                        patch.insert(key.clone(), value.clone());
                    }
                }
            }
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        (old, new) => (old != new).then(|| new.clone()),
    }
}

/// Writes `new` over the status `old` of `object`, if they differ, under the object's resourceVersion.
///
/// Returns whether a patch was sent. The reply goes to the store.
pub async fn write<K, S>(client: &Client, cache: &Cache<K>, object: &K, old: Option<&S>, new: &S) -> Result<bool>
where
    K: Kind + Resource<Scope = NamespaceResourceScope> + DeserializeOwned,
    S: Serialize,
{
    let old = old.map_or(Ok(json!({})), serde_json::to_value).map_err(Error::Encode)?;
    let new = serde_json::to_value(new).map_err(Error::Encode)?;
    let Some(status) = merge_patch(&old, &new) else { return Ok(false) };
    let patch = json!({"metadata": {"resourceVersion": object.meta().resource_version}, "status": status});
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let written = api
        .patch_status(&object.name_any(), &parameters, &Patch::Merge(patch))
        .await
        .map_err(|source| Error::kube("report the status of", object, source))?;
    cache.wrote(written);
    Ok(true)
}

/// Adds or removes a finalizer of `object`, under its resourceVersion.
pub async fn set_finalizer<K>(client: &Client, cache: &Cache<K>, object: &K, finalizer: &str, held: bool) -> Result<()>
where
    K: Kind + Resource<Scope = NamespaceResourceScope> + DeserializeOwned,
{
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|other| other != finalizer);
    if held {
        finalizers.push(finalizer.to_owned());
    }
    if finalizers == object.finalizers() {
        return Ok(());
    }
    let patch = json!({"metadata": {"resourceVersion": object.meta().resource_version, "finalizers": finalizers}});
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let parameters = PatchParams::apply(FIELD_MANAGER);
    match api.patch(&object.name_any(), &parameters, &Patch::Merge(patch)).await {
        Ok(written) => {
            cache.wrote(written);
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.is_not_found() && !held => Ok(()),
        Err(source) => Err(Error::kube("set the finalizer of", object, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_holds_only_what_changes() {
        let old = json!({"phase": "Starting", "url": "https://a", "conditions": [1], "gone": 1});
        let new = json!({"phase": "Running", "url": "https://a", "conditions": [1, 2]});
        let patch = merge_patch(&old, &new).unwrap();
        assert_eq!(patch, json!({"phase": "Running", "conditions": [1, 2], "gone": null}));
        let mut result = old;
        json_patch::merge(&mut result, &patch);
        assert_eq!(result, new);
        assert_eq!(merge_patch(&new, &new), None);
    }
}
