//! Metadata that all objects of an instance share.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource as _;

use super::{Inputs, labels};

/// Metadata of an object that goes when its instance goes.
pub(super) fn owned(inputs: &Inputs<'_>, name: String, component: &str) -> ObjectMeta {
    ObjectMeta {
        owner_references: inputs.instance.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..unowned(inputs, name, component)
    }
}

/// Metadata of an object that may outlive its instance.
pub(super) fn unowned(inputs: &Inputs<'_>, name: String, component: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(inputs.namespace().to_owned()),
        labels: Some(labels::common(inputs, component)),
        ..ObjectMeta::default()
    }
}
