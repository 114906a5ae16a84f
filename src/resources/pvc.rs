//! The volume claim of the files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Inputs, meta, names};
use crate::api::settings::Defaults;

/// `<name>-filestore-pvc`. It never has an owner: a foreground deletion takes dependents while our finalizer still
/// holds, and files must outlive a deletion that retains. The label `bemade.org/instance-uid` says whose it is.
pub fn filestore(inputs: &Inputs<'_>) -> PersistentVolumeClaim {
    let fallback = Defaults::default();
    let wanted = inputs.spec().filestore.clone().unwrap_or_default();
    let size = wanted.storage_size.unwrap_or(fallback.storage_size);
    PersistentVolumeClaim {
        metadata: meta::unowned(inputs, names::filestore(inputs.name()), "filestore"),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec![wanted.access_mode.unwrap_or(fallback.access_mode)]),
            // Absent, not empty: an empty class would forbid dynamic provisioning.
            storage_class_name: wanted.storage_class.filter(|class| !class.is_empty()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), Quantity(size))])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}
