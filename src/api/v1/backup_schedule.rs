//! `OdooBackupSchedule`: backups by the clock, and how long they are kept.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NotificationItem, OdooBackupJobSpec};

/// Back up by the clock.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1",
    kind = "OdooBackupSchedule",
    plural = "odoobackupschedules",
    shortname = "backupschedule",
    category = "odoo-all",
    namespaced,
    status = "OdooBackupScheduleStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Backs up an OdooInstance by the clock, removes old backups and tries the newest.",
    selectable = ".spec.template.odooInstanceRef.name",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.template.odooInstanceRef.name"),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule"),
    printcolumn(name = "Suspend", type_ = "boolean", json_path = ".spec.suspend"),
    printcolumn(name = "Last success", type_ = "string", json_path = ".status.lastSuccessfulTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct OdooBackupScheduleSpec {
    /// When, as a cron expression of five fields.
    pub schedule: String,
    /// Time zone of the schedule, such as `Europe/Brussels`; absent means UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether no new backups are started.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// What happens when a backup is due while one is running.
    #[schemars(extend("default" = "Forbid"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_policy: Option<ConcurrencyPolicy>,
    /// How late a backup may start, in seconds.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_deadline_seconds: Option<i64>,
    /// The backup; destination.objectKey may hold `{namespace}`, `{name}` and `{timestamp}`.
    pub template: OdooBackupJobSpec,
    /// How long backups that this schedule wrote are kept; absent keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// When the newest backup is restored into a throwaway database and checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

/// What happens when a backup is due while one is running: with Forbid it is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// It is left out.
    #[default]
    Forbid,
}

/// How many backups are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// The newest ones.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<i32>,
    /// The last one of each of so many days.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_daily: Option<i32>,
    /// The last one of each of so many weeks.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_weekly: Option<i32>,
    /// The last one of each of so many months.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_monthly: Option<i32>,
    /// The last one of each of so many years.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_yearly: Option<i32>,
}

/// When the newest backup is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// When, as a cron expression of five fields.
    pub schedule: String,
    /// Time zone of the schedule; absent means UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Observed state of an OdooBackupSchedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OdooBackupScheduleStatus {
    /// When a backup was last started (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<String>,
    /// When a backup is due next (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<String>,
    /// When a backup last succeeded (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<String>,
    /// When a backup was last tried and found good (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_verified_time: Option<String>,
    /// Backup that is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// Backups that are kept, newest first (the first hundred).
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups: Option<Vec<BackupRecord>>,
    /// Standard conditions: Accepted, Fresh, Verified, Ready, Stalled.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Generation of the spec that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Sequence number of the last notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<i64>,
    /// Notifications that are not acknowledged yet.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notifications: Option<Vec<NotificationItem>>,
}

/// A backup that a schedule wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupRecord {
    /// Key of the object in its bucket.
    pub object_key: String,
    /// When it was written (RFC 3339).
    pub time: String,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// SHA-256 of the object, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
