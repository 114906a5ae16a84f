//! The blocks of an OdooInstance's spec.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BackupFormat, ObjectRef, S3Location, SecretKeyRef, Webhook};

/// The pods that run scheduled actions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cron {
    /// Number of cron pods.
    #[schemars(range(min = 0), extend("default" = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Resources of a cron pod; absent takes the operator's default, else those of a web pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

/// Host names and the way in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// DNS names; the first one is the instance's URL.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub hosts: Vec<String>,
    /// cert-manager ClusterIssuer of the certificate; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// IngressClass; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Annotations of the Ingress or HTTPRoute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Gateway to attach an HTTPRoute to, instead of making an Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_ref: Option<GatewayRef>,
}

/// A Gateway of the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// Name of the Gateway.
    pub name: String,
    /// Namespace of the Gateway.
    pub namespace: String,
    /// Listener of the Gateway; absent means every listener that fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// The volume for attachments and sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filestore {
    /// Size of the volume, such as `10Gi`. It can grow, never shrink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_size: Option<String>,
    /// StorageClass; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Access mode; ReadWriteMany is needed for more than one web pod and for rolling updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_mode: Option<String>,
}

/// How the database is filled the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.restore) || !has(self.clone)",
        "message": "excludes initialization.restore; remove one of both",
        "fieldPath": ".clone", "reason": "FieldValueForbidden"
    },
    {
        "rule": "!has(self.mode) || self.mode != 'restore' || has(self.restore)",
        "message": "is required with mode restore",
        "fieldPath": ".restore", "reason": "FieldValueRequired"
    },
    {
        "rule": "!has(self.mode) || self.mode != 'clone' || has(self.clone)",
        "message": "is required with mode clone",
        "fieldPath": ".clone", "reason": "FieldValueRequired"
    }
]))]
#[serde(rename_all = "camelCase")]
pub struct Initialization {
    /// fresh, restore, clone, or none to leave the database alone; absent goes by which block is there, else fresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<InitializationMode>,
    /// Modules that a fresh database gets; absent means base.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
    /// Languages that a fresh database gets, such as `fr_BE`.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
    /// Whether a fresh database gets demonstration data.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<bool>,
    /// Where the outcome of the initialisation is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Restore a backup or a live Odoo into the new database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<InitRestore>,
    /// Copy another instance into the new database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clone: Option<CloneSource>,
}

/// How a database is filled the first time: fresh, restore, clone, or none to leave it alone; absent goes by which block
/// is there, else fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InitializationMode {
    /// A new database with the modules named.
    #[default]
    Fresh,
    /// From a backup or a live Odoo.
    Restore,
    /// From another instance.
    Clone,
    /// Not at all.
    None,
}

/// Restore a backup or a live Odoo into a new database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.url) || !has(self.s3)",
        "message": "excludes url; remove one of both",
        "fieldPath": ".s3", "reason": "FieldValueForbidden"
    },
    {
        "rule": "has(self.url) || has(self.s3)",
        "message": "needs url (a live Odoo) or s3 (a backup)",
        "reason": "FieldValueRequired"
    }
]))]
#[serde(rename_all = "camelCase")]
pub struct InitRestore {
    /// URL of a live Odoo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Database of the live Odoo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_database: Option<String>,
    /// Master password of the live Odoo, in plain text. Accepted for compatibility; use masterPasswordSecretRef.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_password: Option<String>,
    /// Secret key with the master password of the live Odoo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_password_secret_ref: Option<SecretKeyRef>,
    /// A backup in S3, instead of a live Odoo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Location>,
    /// Format of the backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<BackupFormat>,
    /// Whether files are restored too.
    #[schemars(extend("default" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_filestore: Option<bool>,
    /// true makes a harmless copy; false moves the instance with its identity.
    #[schemars(extend("default" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neutralize: Option<bool>,
}

/// Copy another instance into a new database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CloneSource {
    /// The instance that is copied.
    pub instance_ref: ObjectRef,
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
}

/// How files are copied from one volume to another: by volume snapshot, by copy, or auto: a snapshot where both volumes
/// have the same class and the class can, else a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FilestoreMethod {
    /// A snapshot where both volumes have the same class and the class can, else a copy.
    #[default]
    Auto,
    /// A volume snapshot.
    Snapshot,
    /// File by file.
    Copy,
}

/// Module upgrades and what an image change does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// Modules to upgrade; a change of the list runs an upgrade.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
    /// Modules to install; a change of the list runs an upgrade.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules_install: Option<Vec<String>>,
    /// What a change of the image does: nothing more, or an upgrade of all modules before the image is used.
    #[schemars(extend("default" = "None"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_image_change: Option<OnImageChange>,
    /// Backup that is taken before an upgrade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<UpgradeBackup>,
    /// Whether a failed upgrade puts the database back.
    #[schemars(extend("default" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<bool>,
    /// Whether the web pods go on while modules are upgraded. Needs rollback: false.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_web_running: Option<bool>,
}

/// What a change of the image does: with None the pods are replaced, with UpgradeModules only after an upgrade of all
/// modules succeeded on the new image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnImageChange {
    /// The pods are replaced.
    #[default]
    None,
    /// The pods are replaced after `-u` succeeded on the new image.
    UpgradeModules,
}

/// Backup that is taken before an upgrade.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeBackup {
    /// Where the backup goes.
    pub destination: S3Location,
}

/// How the web pods are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.rollingUpdate) || (has(self.type) && self.type == 'RollingUpdate')",
        "message": "goes with type RollingUpdate only; set the type or remove it",
        "fieldPath": ".rollingUpdate", "reason": "FieldValueForbidden"
    }
]))]
#[serde(rename_all = "camelCase")]
pub struct Strategy {
    /// Recreate stops the old pods first; RollingUpdate needs ReadWriteMany.
    #[serde(rename = "type")]
    #[schemars(extend("default" = "Recreate"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_: Option<StrategyType>,
    /// Bounds of a rolling update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<RollingUpdate>,
}

/// How pods are replaced: with Recreate all old ones go before new ones come, with RollingUpdate new ones come before old
/// ones go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StrategyType {
    /// All old pods go before new ones come.
    #[default]
    Recreate,
    /// New pods come before old ones go.
    RollingUpdate,
}

/// Bounds of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollingUpdate {
    /// How many pods may be missing, as a number or a percentage.
    #[schemars(extend("default" = "25%", "maximum" = i32::MAX))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// How many pods may be there beyond the wanted number, as a number or a percentage.
    #[schemars(extend("default" = "25%", "maximum" = i32::MAX))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrString>,
}

/// HTTP paths of the web pods' probes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probes {
    /// Path of the startup probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_path: Option<String>,
    /// Path of the liveness probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_path: Option<String>,
    /// Path of the readiness probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_path: Option<String>,
}

/// A database role that may only read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadOnlySqlAccess {
    /// Whether the role is there.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How many connections the role may have at once.
    #[schemars(extend("default" = 5))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<i32>,
}

/// How many web pods must stay up while nodes are drained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodDisruptionBudget {
    /// Whether there is one; absent means: when replicas is more than 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How many pods must stay up, as a number or a percentage; absent means 1.
    #[schemars(extend("maximum" = i32::MAX))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<IntOrString>,
}
