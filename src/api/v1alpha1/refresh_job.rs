//! `OdooStagingRefreshJob`: replaces a Staging instance by a copy of another instance.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InstanceRef, JobStatus, WebhookConfig};

/// Replace a Staging instance by a copy of another instance.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1alpha1",
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
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.source.instanceName"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
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
    pub webhook: Option<WebhookConfig>,
}

/// What a refresh copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct RefreshSource {
    /// Name of the OdooInstance that is copied.
    pub instance_name: String,
    /// Its namespace; absent means the namespace of this object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_namespace: Option<String>,
}

/// How files are copied from one volume to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FilestoreMethod {
    /// A snapshot where both volumes have the same class, else a copy.
    #[default]
    Auto,
    /// A volume snapshot.
    Snapshot,
    /// File by file.
    Copy,
}

/// Observed state of an OdooStagingRefreshJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
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
