//! `OdooStagingRefreshJob`: replaces a Staging instance by a copy of another instance.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FilestoreMethod, InstanceRef, JobStatus, ObjectRef, Webhook};

/// Replace a Staging instance by a copy of another instance.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1",
    kind = "OdooStagingRefreshJob",
    plural = "odoostagingrefreshjobs",
    shortname = "staging-refresh",
    category = "odoo-all",
    namespaced,
    status = "OdooStagingRefreshJobStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Replaces a Staging OdooInstance by a copy of another one.",
    selectable = ".spec.odooInstanceRef.name",
    selectable = ".status.phase",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.odooInstanceRef.name"),
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.source.instanceRef.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct OdooStagingRefreshJobSpec {
    /// The Staging instance that is replaced.
    pub odoo_instance_ref: InstanceRef,
    /// What is copied.
    pub source: RefreshSource,
    /// How files are copied.
    #[schemars(extend("default" = "auto"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filestore_method: Option<FilestoreMethod>,
    /// Whether files are left out.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_filestore: Option<bool>,
    /// true makes a harmless copy; false moves the instance with its identity.
    #[schemars(extend("default" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neutralize: Option<bool>,
    /// Where the outcome is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Undo or finish the work and end as Failed, reason Cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<bool>,
}

/// What a refresh copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshSource {
    /// The instance that is copied.
    pub instance_ref: ObjectRef,
}

/// Observed state of an OdooStagingRefreshJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OdooStagingRefreshJobStatus {
    /// What all job kinds report.
    #[serde(flatten)]
    pub job: JobStatus,
    /// Database that is being filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temp_db_name: Option<String>,
    /// Snapshot of the source's volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_snapshot: Option<String>,
    /// Snapshot of the target's volume before the refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_snapshot: Option<String>,
    /// Job that copies the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_job_name: Option<String>,
    /// Where that job stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_job_phase: Option<String>,
    /// Job that copies the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filestore_job_name: Option<String>,
    /// Where that job stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filestore_job_phase: Option<String>,
    /// Where the copy of the files stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filestore_phase: Option<String>,
    /// Job that neutralises the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neutralize_job_name: Option<String>,
    /// Where that job stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neutralize_job_phase: Option<String>,
    /// Hash of the image that job ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neutralize_job_image_hash: Option<String>,
}
