//! `OdooRestoreJob`: puts a backup or a live Odoo in an instance's place.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BackupFormat, InstanceRef, JobStatus, S3Location, SecretKeyRef, Webhook};

/// Put a backup or a live Odoo in an instance's place.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1",
    kind = "OdooRestoreJob",
    plural = "odoorestorejobs",
    shortname = "restore",
    category = "odoo-all",
    namespaced,
    status = "JobStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Restores a backup, or a live Odoo, into an OdooInstance.",
    selectable = ".spec.odooInstanceRef.name",
    selectable = ".status.phase",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.odooInstanceRef.name"),
    printcolumn(name = "Source", type_ = "string", json_path = ".spec.source.type"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1)
)]
#[serde(rename_all = "camelCase")]
pub struct OdooRestoreJobSpec {
    /// The instance that is restored.
    pub odoo_instance_ref: InstanceRef,
    /// What is restored.
    pub source: RestoreSource,
    /// Format of the backup.
    #[schemars(extend("default" = "zip"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<BackupFormat>,
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

/// What is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.type != 's3' || has(self.s3)",
        "message": "is required with type s3",
        "fieldPath": ".s3", "reason": "FieldValueRequired"
    },
    {
        "rule": "self.type != 'odoo' || has(self.odoo)",
        "message": "is required with type odoo",
        "fieldPath": ".odoo", "reason": "FieldValueRequired"
    },
    {
        "rule": "self.type != 's3' || !has(self.odoo)",
        "message": "does not go with type s3; remove it",
        "fieldPath": ".odoo", "reason": "FieldValueForbidden"
    },
    {
        "rule": "self.type != 'odoo' || !has(self.s3)",
        "message": "does not go with type odoo; remove it",
        "fieldPath": ".s3", "reason": "FieldValueForbidden"
    }
]))]
#[serde(rename_all = "camelCase")]
pub struct RestoreSource {
    /// s3 or odoo; the block of that name must be there.
    #[serde(rename = "type")]
    pub type_: RestoreSourceType,
    /// A backup in S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Location>,
    /// A live Odoo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odoo: Option<OdooSource>,
}

/// Where a restore takes its data from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RestoreSourceType {
    /// A backup in S3.
    #[default]
    S3,
    /// A live Odoo.
    Odoo,
}

/// A live Odoo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OdooSource {
    /// URL of the Odoo.
    pub url: String,
    /// Its database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_database: Option<String>,
    /// Its master password, in plain text. Accepted for compatibility; use masterPasswordSecretRef.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_password: Option<String>,
    /// Secret key with its master password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_password_secret_ref: Option<SecretKeyRef>,
}
