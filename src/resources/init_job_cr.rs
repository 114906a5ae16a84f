//! The `OdooInitJob` that the operator makes by itself.

use super::{Inputs, meta, names};
use crate::api::labels::JOB_FINALIZER;
use crate::api::v1::{InstanceRef, OdooInitJob, OdooInitJobSpec};

/// `<name>-auto-init`: fills the new database with what `spec.initialization` asks for. Everything is said explicitly,
/// as the object tells what was done.
pub fn auto_init(inputs: &Inputs<'_>) -> OdooInitJob {
    let wanted = inputs.spec().initialization.clone().unwrap_or_default();
    let mut metadata = meta::owned(inputs, names::auto_init(inputs.name()), "init");
    metadata.finalizers = Some(vec![JOB_FINALIZER.to_owned()]);
    OdooInitJob {
        metadata,
        spec: OdooInitJobSpec {
            odoo_instance_ref: InstanceRef { name: inputs.name().to_owned(), namespace: None },
            modules: Some(wanted.modules.filter(|all| !all.is_empty()).unwrap_or_else(|| vec!["base".to_owned()])),
            languages: wanted.languages.filter(|all| !all.is_empty()),
            demo: Some(wanted.demo.unwrap_or(false)),
            webhook: wanted.webhook,
            cancel: None,
        },
        status: None,
    }
}
