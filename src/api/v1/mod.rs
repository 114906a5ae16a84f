//! `bemade.org/v1`: the hub version, which is stored and which every rule and every reconcile works on.
//!
//! Owns: the types, their schemas and their documentation. Every field that a manifest may leave out is an `Option`;
//! what its absence means is said by an accessor beside the type. Must not: validate, default, decide.

mod backup_job;
mod backup_schedule;
mod common;
mod init_job;
mod instance;
mod instance_blocks;
mod instance_status;
mod job_status;
mod refresh_job;
mod restore_job;
mod upgrade_job;

pub use backup_job::{BackupFormat, MissingFiles, OdooBackupJob, OdooBackupJobSpec, OdooBackupJobStatus};
pub use backup_schedule::{
    BackupRecord, ConcurrencyPolicy, OdooBackupSchedule, OdooBackupScheduleSpec, OdooBackupScheduleStatus, Retention,
    Verify,
};
pub use common::{
    AddressingStyle, InstanceRef, LocalSecretRef, NotificationItem, ObjectRef, S3CredentialsRef, S3Location,
    SecretKeyRef, Webhook,
};
pub use init_job::{OdooInitJob, OdooInitJobSpec, OdooInitJobStatus};
pub use instance::{DatabaseSpec, DeletionPolicy, Environment, MissingPolicy, OdooInstance, OdooInstanceSpec};
pub use instance_blocks::{
    CloneSource, Cron, Filestore, FilestoreMethod, GatewayRef, Ingress, InitRestore, Initialization,
    InitializationMode, OnImageChange, PodDisruptionBudget, Probes, ReadOnlySqlAccess, RollingUpdate, Strategy,
    StrategyType, Upgrade, UpgradeBackup,
};
pub use instance_status::{
    AdoptedStatus, LatestBackup, MigrationStatus, OdooInstanceStatus, OperationKind, OperationStatus, Phase,
    UpgradeStatus,
};
pub use job_status::{JobPhase, JobStatus};
pub use refresh_job::{OdooStagingRefreshJob, OdooStagingRefreshJobSpec, OdooStagingRefreshJobStatus, RefreshSource};
pub use restore_job::{OdooRestoreJob, OdooRestoreJobSpec, OdooSource, RestoreSource, RestoreSourceType};
pub use upgrade_job::{OdooUpgradeJob, OdooUpgradeJobSpec, OdooUpgradeJobStatus};
