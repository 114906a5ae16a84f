//! `OdooBackupJob`: writes one backup to S3.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InstanceRef, JobStatus, S3Location, WebhookConfig};

/// Write one backup to S3.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1alpha1",
    kind = "OdooBackupJob",
    plural = "odoobackupjobs",
    shortname = "backupjob",
    category = "odoo-all",
    namespaced,
    status = "OdooBackupJobStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Writes one backup of an OdooInstance to S3.",
    selectable = ".spec.odooInstanceRef.name",
    selectable = ".status.phase",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.odooInstanceRef.name"),
    printcolumn(name = "Format", type_ = "string", json_path = ".spec.format"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OdooBackupJobSpec {
    /// The instance that is backed up.
    pub odoo_instance_ref: InstanceRef,
    /// Where the backup goes.
    pub destination: S3Location,
    /// zip is Odoo's own format with files; dump is PostgreSQL's custom format; sql is plain.
    #[schemars(extend("default" = "zip"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<BackupFormat>,
    /// Whether files are backed up too (zip only).
    #[schemars(extend("default" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_filestore: Option<bool>,
    /// Where the outcome is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookConfig>,
}

/// Format of a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BackupFormat {
    /// Odoo's own: dump.sql, filestore/, manifest.json.
    #[default]
    Zip,
    /// Plain SQL, database only.
    Sql,
    /// PostgreSQL's custom format, database only.
    Dump,
}

/// Observed state of an OdooBackupJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OdooBackupJobStatus {
    /// What all job kinds report.
    #[serde(flatten)]
    pub job: JobStatus,
}
