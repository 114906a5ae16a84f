//! `OdooInitJob`: fills an instance's empty database.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InstanceRef, JobStatus, Webhook};

/// Fill an instance's empty database.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1",
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
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct OdooInitJobSpec {
    /// The instance whose database is filled.
    pub odoo_instance_ref: InstanceRef,
    /// Modules to install.
    #[schemars(extend("x-kubernetes-list-type" = "atomic", "default" = ["base"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
    /// Languages to load, such as `fr_BE`.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
    /// Whether demonstration data is loaded.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<bool>,
    /// Where the outcome is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Undo or finish the work and end as Failed, reason Cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<bool>,
}

/// Observed state of an OdooInitJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OdooInitJobStatus {
    /// What all job kinds report.
    #[serde(flatten)]
    pub job: JobStatus,
    /// Version of Odoo that filled the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odoo_version: Option<String>,
}
