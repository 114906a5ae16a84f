//! Observed state of an OdooInstance.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an instance stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Its role, database and objects are being made.
    #[default]
    Provisioning,
    /// The database has no Odoo in it.
    Uninitialized,
    /// The database is being filled.
    Initializing,
    /// The initialisation or first restore failed; the job says why.
    InitFailed,
    /// The pods are coming up.
    Starting,
    /// Web and cron pods are ready.
    Running,
    /// Some pods are missing.
    Degraded,
    /// Scaled to 0 by the user, or being removed.
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
    /// Something is wrong; the Ready condition says what.
    Error,
}

/// Observed state of an OdooInstance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OdooInstanceStatus {
    /// Where the instance stands in its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What a person should know about the current phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether the instance serves requests.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Web pods that are ready.
    #[schemars(extend("default" = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Web pods that are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_replicas: Option<i32>,
    /// Label selector of the web pods, for autoscalers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Whether the database has an Odoo in it.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_initialized: Option<bool>,
    /// Address of the instance: https and the first host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// PostgreSQL cluster in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_cluster: Option<String>,
    /// Standard conditions: Ready, Progressing and those of v1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Job that copies the files to another volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration_job_name: Option<String>,
    /// PersistentVolume that the files move to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration_pv_name: Option<String>,
    /// StorageClass before the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration_previous_storage_class: Option<String>,
    /// Job that copies the database to another cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_migration_job_name: Option<String>,
    /// PostgreSQL cluster before the move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration_previous_cluster: Option<String>,
    /// When the last backup succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<String>,
}
