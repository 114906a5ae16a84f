//! `OdooInitJob`: fills an instance's empty database.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InstanceRef, JobStatus, WebhookConfig};

/// Fill an instance's empty database.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1alpha1",
    kind = "OdooInitJob",
    plural = "odooinitjobs",
    shortname = "initjob",
    category = "odoo-all",
    namespaced,
    status = "OdooInitJobStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Fills the empty database of an OdooInstance, once.",
    selectable = ".spec.odooInstanceRef.name",
    selectable = ".status.phase",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.odooInstanceRef.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OdooInitJobSpec {
    /// The instance whose database is filled.
    pub odoo_instance_ref: InstanceRef,
    /// Modules to install.
    #[schemars(extend("default" = ["base"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
    /// Whether demonstration data is loaded.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<bool>,
    /// Where the outcome is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookConfig>,
}

/// Observed state of an OdooInitJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OdooInitJobStatus {
    /// What all job kinds report.
    #[serde(flatten)]
    pub job: JobStatus,
}
