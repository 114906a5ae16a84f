//! `OdooBackupJob`: writes one backup to S3.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InstanceRef, JobStatus, S3Location, Webhook};

/// Write one backup to S3.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1",
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
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
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
    /// What a file that the database names and the volume lacks does: Warn lists it, Fail ends the backup.
    #[schemars(extend("default" = "Warn"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_files: Option<MissingFiles>,
    /// Where the outcome is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Undo or finish the work and end as Failed, reason Cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<bool>,
}

/// Format of a backup: zip is Odoo's own with files, dump is PostgreSQL's custom format, sql is plain; absent means zip.
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

/// What a file that the database names and the volume lacks does: Warn lists it in status and manifest, Fail ends the
/// backup; absent means Warn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MissingFiles {
    /// It is listed in status and manifest.
    #[default]
    Warn,
    /// It ends the backup.
    Fail,
}

/// Observed state of an OdooBackupJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OdooBackupJobStatus {
    /// What all job kinds report.
    #[serde(flatten)]
    pub job: JobStatus,
    /// Key of the object that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_key: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// SHA-256 of the object, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Version of Odoo in the backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odoo_version: Option<String>,
    /// How long it took, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
    /// Files that the database names and the volume lacks (the first hundred).
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_files: Option<Vec<String>>,
}
