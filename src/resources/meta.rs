//! Metadata that all objects of an instance share.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource as _;

use super::labels;
use crate::api::v1::OdooInstance;

/// Metadata of an object that goes when its instance goes.
pub(super) fn owned(instance: &OdooInstance, name: String, component: &str) -> ObjectMeta {
    ObjectMeta {
        owner_references: instance.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..unowned(instance, name, component)
    }
}

/// Metadata of an object that may outlive its instance.
pub(super) fn unowned(instance: &OdooInstance, name: String, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: instance.metadata.namespace.clone(),
        labels: Some(labels::common(instance, component)),
        ..ObjectMeta::default()
    }
}
