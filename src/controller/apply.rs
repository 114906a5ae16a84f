//! Writing children: create first, adopt only what is ours, then server-side apply, and only what differs.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cache::{Cache, Kind};
use super::{Error, Result};
use crate::api::labels::{CONTENT_HASH, FIELD_MANAGER, INSTANCE_UID, RETAINED};

/// Who children belong to.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Namespace of the instance.
    pub namespace: String,
    /// Name of the instance.
    pub name: String,
    /// uid of the instance.
    pub uid: String,
}

/// Outcome of ensuring a child.
#[derive(Debug)]
pub enum Applied {
    /// It is ours and as it should be.
    Done,
    /// Somebody else's object has its name.
    Foreign(String),
}

/// A kind of child object.
pub trait ChildKind:
    Kind + Resource<Scope = k8s_openapi::NamespaceResourceScope> + Serialize + DeserializeOwned
{
}

impl<K> ChildKind for K where
    K: Kind + Resource<Scope = k8s_openapi::NamespaceResourceScope> + Serialize + DeserializeOwned
{
}

/// Adds the hash of what is wanted: a field that is wanted no longer shows as a difference only through it.
pub fn stamp<K: ChildKind>(mut desired: K) -> K {
    desired.meta_mut().annotations.get_or_insert_default().remove(CONTENT_HASH);
    let value = serde_json::to_value(&desired).unwrap_or_default();
    let hash = crate::resources::hex_sha256(value.to_string().as_bytes());
    desired.meta_mut().annotations.get_or_insert_default().insert(CONTENT_HASH.to_owned(), hash[..16].to_owned());
    desired
}

/// Whether an object belongs to `owner`: by label, by owner reference, or because it outlived an instance of the same
/// namespace and name.
pub fn is_ours(meta: &ObjectMeta, owner: &Owner) -> bool {
    let labelled = meta.labels.as_ref().and_then(|labels| labels.get(INSTANCE_UID)) == Some(&owner.uid);
    let owned = meta.owner_references.iter().flatten().any(|reference| reference.uid == owner.uid);
    labelled || owned || was_retained_for(meta, owner)
}

fn is_retained(meta: &ObjectMeta) -> bool {
    meta.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(RETAINED))
}

fn was_retained_for(meta: &ObjectMeta, owner: &Owner) -> bool {
    let Some(mark) = meta.annotations.as_ref().and_then(|annotations| annotations.get(RETAINED)) else { return false };
    let Ok(mark) = serde_json::from_str::<Value>(mark) else { return false };
    mark["namespace"] == owner.namespace.as_str() && mark["name"] == owner.name.as_str()
}

/// Whether `stored` has everything that `desired` says. What others added is theirs.
pub fn contains(stored: &Value, desired: &Value) -> bool {
    match (stored, desired) {
        (Value::Object(stored), Value::Object(desired)) => desired.iter().all(|(key, value)| match stored.get(key) {
            Some(stored) => contains(stored, value),
            // The API server leaves out what is empty.
            None => is_empty(value),
        }),
        (Value::Array(stored), Value::Array(desired)) => {
            stored.len() == desired.len()
                && stored.iter().zip(desired).all(|(stored, desired)| contains(stored, desired))
        }
        (Value::String(stored), Value::String(desired)) => {
            stored == desired || crate::api::quantity::same(stored, desired)
        }
        (stored, desired) => stored == desired,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// Whether the stored object has everything that the stamped `desired` one says, and is in use.
pub fn matches<K: ChildKind>(stored: &K, desired: &K) -> bool {
    if is_retained(stored.meta()) {
        return false;
    }
    let (Ok(stored), Ok(desired)) = (serde_json::to_value(stored), serde_json::to_value(desired)) else { return false };
    contains(&stored, &desired)
}

/// Makes a child as `desired` (stamped) says. The first write is a create; what is there already is adopted only if it
/// is ours.
pub async fn ensure<K: ChildKind>(client: &Client, cache: &Cache<K>, desired: &K, owner: &Owner) -> Result<Applied> {
    let name = desired.meta().name.clone().unwrap_or_default();
    let api: Api<K> = Api::namespaced(client.clone(), &owner.namespace);
    let stored = match cache.get(&owner.namespace, &name) {
        Some(stored) => stored.as_ref().clone(),
        None => match create(&api, desired).await? {
            Some(created) => {
                cache.wrote(created);
                return Ok(Applied::Done);
            }
            None => api.get(&name).await.map_err(|source| Error::kube("read", desired, source))?,
        },
    };
    if !is_ours(stored.meta(), owner) {
        return Ok(Applied::Foreign(foreign(desired, &name, stored.meta())));
    }
    if matches(&stored, desired) {
        cache.wrote(stored);
        return Ok(Applied::Done);
    }
    upgrade_managed_fields(&api, &name, &stored).await?;
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let mut applied = api
        .patch(&name, &parameters, &Patch::Apply(desired))
        .await
        .map_err(|source| Error::kube("apply", desired, source))?;
    if is_retained(applied.meta()) {
        // After the labels: the mark is what made it ours until now.
        let unmark = Patch::Merge(json!({"metadata": {"annotations": {RETAINED: null}}}));
        let parameters = PatchParams::apply(FIELD_MANAGER);
        let unmarked = api.patch(&name, &parameters, &unmark).await;
        applied = unmarked.map_err(|source| Error::kube("take over", desired, source))?;
    }
    cache.wrote(applied);
    Ok(Applied::Done)
}

/// Creates an object; `None` if one of its name is there.
pub async fn create<K: ChildKind>(api: &Api<K>, desired: &K) -> Result<Option<K>> {
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&parameters, desired).await {
        Ok(created) => Ok(Some(created)),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
        Err(source) => Err(Error::kube("create", desired, source)),
    }
}

/// Removes an object of ours, and only the one that was seen. One that is gone already is success.
pub async fn remove<K: ChildKind>(client: &Client, seen: &K, propagation: PropagationPolicy) -> Result<()> {
    let meta = seen.meta();
    let api: Api<K> = Api::namespaced(client.clone(), meta.namespace.as_deref().unwrap_or_default());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: meta.uid.clone(), resource_version: None }),
        propagation_policy: Some(propagation),
        ..DeleteParams::default()
    };
    let name = meta.name.as_deref().unwrap_or_default();
    let source = match api.delete(name, &parameters).await {
        Ok(_) => return Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
        Err(source) => source,
    };
    // Mostly another object has the name by now, so the one that was seen is gone. There are other conflicts.
    if matches!(&source, kube::Error::Api(status) if status.is_conflict()) {
        let live = api.get_opt(name).await.map_err(|source| Error::kube("read", seen, source))?;
        if live.is_none_or(|live| live.meta().uid != meta.uid || live.meta().deletion_timestamp.is_some()) {
            return Ok(());
        }
    }
    Err(Error::kube("delete", seen, source))
}

/// Who has a name that we want, in words.
pub fn foreign<K: Resource<DynamicType = ()>>(_: &K, name: &str, meta: &ObjectMeta) -> String {
    let kind = K::kind(&());
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    format!(
        "{kind} {namespace}/{name} is there already and does not belong to this instance; nothing was changed. \
         Rename or delete it, or give the instance another name"
    )
}

/// Turns the `Update` entry that our create left in managedFields into an `Apply` one, as client-go's csaupgrade does;
/// a field that is dropped later would otherwise stay.
pub async fn upgrade_managed_fields<K: ChildKind>(api: &Api<K>, name: &str, stored: &K) -> Result<()> {
    let is_create = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Update")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    };
    let Some(entries) = &stored.meta().managed_fields else { return Ok(()) };
    let applied = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
    };
    if !entries.iter().any(is_create) || entries.iter().any(applied) {
        return Ok(());
    }
    let upgraded: Vec<ManagedFieldsEntry> = entries
        .iter()
        .cloned()
        .map(|mut entry| {
            if is_create(&entry) {
                entry.operation = Some("Apply".to_owned());
            }
            entry
        })
        .collect();
    let patch: json_patch::Patch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": stored.meta().resource_version},
        {"op": "replace", "path": "/metadata/managedFields", "value": upgraded},
    ]))
    .map_err(Error::Encode)?;
    let parameters = PatchParams::apply(FIELD_MANAGER);
    api.patch(name, &parameters, &Patch::Json::<()>(patch))
        .await
        .map_err(|source| Error::kube("take over the fields of", stored, source))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_of_the_server_are_no_difference() {
        let stored = json!({"spec": {"ports": [{"port": 8069, "protocol": "TCP"}], "clusterIP": "10.0.0.1"}});
        assert!(contains(&stored, &json!({"spec": {"ports": [{"port": 8069}], "selector": {}}})));
        assert!(!contains(&stored, &json!({"spec": {"ports": [{"port": 8070}]}})));
        assert!(!contains(&stored, &json!({"spec": {"ports": []}})));
    }

    #[test]
    fn quantities_are_compared_by_value() {
        assert!(contains(&json!({"cpu": "2"}), &json!({"cpu": "2000m"})));
        assert!(!contains(&json!({"cpu": "2"}), &json!({"cpu": "200m"})));
    }

    #[test]
    fn only_marks_of_this_instance_make_an_object_ours() {
        let owner = Owner { namespace: "a".into(), name: "odoo".into(), uid: "u".into() };
        let labelled = |uid: &str| ObjectMeta {
            labels: Some([(INSTANCE_UID.to_owned(), uid.to_owned())].into()),
            ..ObjectMeta::default()
        };
        assert!(is_ours(&labelled("u"), &owner));
        assert!(!is_ours(&labelled("v"), &owner));
        let retained = |namespace: &str| ObjectMeta {
            annotations: Some(
                [(RETAINED.to_owned(), format!(r#"{{"namespace":"{namespace}","name":"odoo"}}"#))].into(),
            ),
            ..ObjectMeta::default()
        };
        assert!(is_ours(&retained("a"), &owner));
        assert!(!is_ours(&retained("b"), &owner));
    }
}
