//! Observed state of an OdooInstance. Times are RFC 3339 in plain strings: v1alpha1's free strings must fit.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NotificationItem;

/// Where an instance stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Its role, database and objects are being made.
    #[default]
    Provisioning,
    /// The database has no Odoo in it.
    Uninitialized,
    /// An OdooInitJob fills the database.
    Initializing,
    /// The initialisation failed; the job says why.
    InitFailed,
    /// A restore into an instance that had no database failed; nothing is initialised in its place.
    RestoreFailed,
    /// The pods are coming up.
    Starting,
    /// Web and cron pods are ready.
    Running,
    /// Some pods are missing.
    Degraded,
    /// Scaled to 0 by the user.
    Stopped,
    /// Modules are being upgraded.
    Upgrading,
    /// A backup is being restored.
    Restoring,
    /// Another instance is being copied.
    CloningFromSource,
    /// A backup is being taken.
    BackingUp,
    /// The files are moving to another volume.
    MigratingFilestore,
    /// The new volume is put in place.
    FinalizingFilestoreMigration,
    /// The database is moving to another cluster.
    MigratingDatabase,
    /// The new database is put in place.
    FinalizingDatabaseMigration,
    /// The spec is not valid; the Ready condition says why. Pods are left as they are.
    Error,
    /// The instance is being removed.
    Deleting,
}

/// Observed state of an OdooInstance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OdooInstanceStatus {
    /// Where the instance stands in its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Whether the instance serves requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Address of the instance: https and the first host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What a person should know about the current phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Standard conditions: Ready, Reconciling, Stalled, Progressing, DatabaseReady, StorageReady, Degraded, UpToDate,
    /// NotificationsDelivered.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Web pods that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Web pods that are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_replicas: Option<i32>,
    /// Label selector of the web pods, for autoscalers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Whether the database has an Odoo in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_initialized: Option<bool>,
    /// Name of the database in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_name: Option<String>,
    /// PostgreSQL cluster in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_cluster: Option<String>,
    /// Image in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_image: Option<String>,
    /// Version of Odoo, as its base module says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odoo_version: Option<String>,
    /// When the last backup succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<String>,
    /// The last backup that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_backup: Option<LatestBackup>,
    /// The operation under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,
    /// A move to another volume or cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationStatus>,
    /// What was upgraded last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<UpgradeStatus>,
    /// Objects that were taken over from another operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopted: Option<AdoptedStatus>,
    /// Phase that v1alpha1 has no word for; written by conversion only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_v1: Option<String>,
    /// Sequence number of the last notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<i64>,
    /// Notifications that are not acknowledged yet.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Vec<NotificationItem>>,
}

/// A backup that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LatestBackup {
    /// When it ended (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Key of the object in its bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_key: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// SHA-256 of the object, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What kind of work is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OperationKind {
    /// An OdooInitJob.
    #[default]
    Init,
    /// An OdooUpgradeJob.
    Upgrade,
    /// An OdooBackupJob.
    Backup,
    /// An OdooRestoreJob.
    Restore,
    /// An OdooStagingRefreshJob.
    Refresh,
    /// A move to another volume.
    FilestoreMigration,
    /// A move to another cluster.
    DatabaseMigration,
    /// Removal, with database, role and volume.
    Delete,
    /// Removal that leaves database, role and volume.
    Retain,
}

/// The operation under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// What kind of work it is.
    pub kind: OperationKind,
    /// Name of the object that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// uid of the object that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Step that is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When it began (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it is given up (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

/// A move to another volume or cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrationStatus {
    /// Job that copies the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filestore_job_name: Option<String>,
    /// PersistentVolume that the files move to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pv_name: Option<String>,
    /// StorageClass before the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_storage_class: Option<String>,
    /// Job that copies the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_job_name: Option<String>,
    /// PostgreSQL cluster before the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_cluster: Option<String>,
}

/// What was upgraded last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeStatus {
    /// Hash of the module lists that were applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
}

/// Objects that were taken over from another operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdoptedStatus {
    /// Hash of the spec at the take-over: until it changes, Deployments keep the template they came with. Absent while
    /// the pods move to this operator's template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_hash: Option<String>,
}
