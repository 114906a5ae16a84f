//! Taking the spec of a Deployment from whoever created it.
//!
//! A forced server-side apply replaces only what it names: of a Deployment that a client without server-side apply
//! created, the other container, the other volume source and the other update strategy would stay beside ours, and the
//! API server would refuse the sum. So before pods move, the creator's fields of `spec` are written down as ours, as
//! client-go's csaupgrade does it, and the apply that follows drops what it does not name.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Map, Value, json};

use super::cache::Cache;
use super::{Error, Result};
use crate::api::labels::FIELD_MANAGER;

/// Makes the spec of `stored` ours, if a client without server-side apply created it.
pub async fn replace(client: &Client, cache: &Cache<Deployment>, stored: &Deployment) -> Result<()> {
    let Some(entries) = claimed(stored.metadata.managed_fields.as_deref().unwrap_or_default()) else { return Ok(()) };
    let patch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": stored.metadata.resource_version},
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
    ]))
    .map_err(Error::Encode)?;
    let api: Api<Deployment> = Api::namespaced(client.clone(), &stored.namespace().unwrap_or_default());
    let parameters = PatchParams::apply(FIELD_MANAGER);
    let patched = api.patch(&stored.name_any(), &parameters, &Patch::Json::<()>(patch)).await;
    cache.wrote(patched.map_err(|source| Error::kube("take over the fields of", stored, source))?);
    Ok(())
}

/// The entries with the creator's fields of `spec` among ours; none when there is no creator but us.
fn claimed(entries: &[ManagedFieldsEntry]) -> Option<Vec<ManagedFieldsEntry>> {
    let mut entries = entries.to_vec();
    let creator = entries.iter_mut().find(|entry| is_creator(entry))?;
    let (version, time) = (creator.api_version.clone(), creator.time.clone());
    let spec = creator.fields_v1.as_mut()?.0.as_object_mut()?.remove("f:spec")?;
    let ours = entries
        .iter_mut()
        .find(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply"));
    match ours.and_then(|entry| entry.fields_v1.as_mut()) {
        Some(FieldsV1(fields)) => unite(fields, json!({"f:spec": spec})),
        None => entries.push(ManagedFieldsEntry {
            manager: Some(FIELD_MANAGER.to_owned()),
            operation: Some("Apply".to_owned()),
            api_version: version,
            time,
            fields_type: Some("FieldsV1".to_owned()),
            fields_v1: Some(FieldsV1(json!({"f:spec": spec}))),
            subresource: None,
        }),
    }
    entries.retain(|entry| entry.fields_v1.as_ref().is_none_or(|fields| fields.0 != Value::Object(Map::new())));
    Some(entries)
}

/// The selector never changes: its Update entry is that of the create.
fn is_creator(entry: &ManagedFieldsEntry) -> bool {
    entry.operation.as_deref() == Some("Update")
        && entry.manager.as_deref() != Some(FIELD_MANAGER)
        && entry.subresource.as_deref().unwrap_or_default().is_empty()
        && entry.fields_v1.as_ref().is_some_and(|fields| fields.0["f:spec"]["f:selector"].is_object())
}

fn unite(into: &mut Value, other: Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            for (key, value) in other {
                unite(into.entry(key).or_insert_with(|| json!({})), value);
            }
        }
        (into, other) => *into = other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, subresource: Option<&str>, fields: Value) -> ManagedFieldsEntry {
        ManagedFieldsEntry {
            manager: Some(manager.into()),
            operation: Some(operation.into()),
            subresource: subresource.map(Into::into),
            fields_v1: Some(FieldsV1(fields)),
            ..ManagedFieldsEntry::default()
        }
    }

    fn fields(entries: &[ManagedFieldsEntry], manager: &str, operation: &str) -> Value {
        let of = |it: &&ManagedFieldsEntry| {
            it.manager.as_deref() == Some(manager) && it.operation.as_deref() == Some(operation)
        };
        entries.iter().find(of).and_then(|it| it.fields_v1.clone()).map(|it| it.0).unwrap_or_default()
    }

    #[test]
    fn the_creators_spec_becomes_ours_and_nobody_elses_does() {
        let created = json!({
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:selector": {}, "f:template": {"f:spec": {"f:volumes": {}}}},
        });
        let edited = json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:x": {}}}}}});
        let status = json!({"f:status": {}});
        let before = [
            entry("OpenAPI-Generator", "Update", None, created.clone()),
            entry("kubectl-edit", "Update", None, edited.clone()),
            entry(FIELD_MANAGER, "Update", None, json!({"f:metadata": {"f:labels": {"f:b": {}}}})),
            entry("kube-controller-manager", "Update", Some("status"), status.clone()),
        ];
        let after = claimed(&before).unwrap();
        assert_eq!(fields(&after, FIELD_MANAGER, "Apply"), json!({"f:spec": created["f:spec"]}));
        assert_eq!(fields(&after, "OpenAPI-Generator", "Update"), json!({"f:metadata": created["f:metadata"]}));
        assert_eq!(fields(&after, "kubectl-edit", "Update"), edited);
        assert_eq!(fields(&after, "kube-controller-manager", "Update"), status);
        assert_eq!(claimed(&after), None, "once");

        let applied = json!({"f:spec": {"f:replicas": {}}});
        let ours = [entry(FIELD_MANAGER, "Apply", None, applied), entry("x", "Update", None, created)];
        let united = fields(&claimed(&ours).unwrap(), FIELD_MANAGER, "Apply");
        assert!(united["f:spec"]["f:replicas"].is_object() && united["f:spec"]["f:template"].is_object(), "{united}");
    }
}
