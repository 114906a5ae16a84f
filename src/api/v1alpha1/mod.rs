//! `bemade.org/v1alpha1`: the API of the existing operator, frozen.
//!
//! Owns: its types, for the CRDs and their documentation; nothing at run time reads or writes objects through them.
//! Must not: get a new field. Whatever v1 has more stays in the object at its v1 path, which is why every object here
//! preserves unknown fields (the API server prunes again wherever nested properties are declared without it).

mod backup_job;
mod common;
mod init_job;
mod instance;
mod instance_blocks;
mod instance_status;
mod refresh_job;
mod restore_job;
mod upgrade_job;

pub use backup_job::{BackupFormat, OdooBackupJob, OdooBackupJobSpec, OdooBackupJobStatus};
pub use common::{InstanceRef, JobPhase, JobStatus, S3CredentialsRef, S3Location, SecretKeyRef, WebhookConfig};
pub use init_job::{OdooInitJob, OdooInitJobSpec, OdooInitJobStatus};
pub use instance::{Environment, OdooInstance, OdooInstanceSpec};
pub use instance_blocks::{
    Cron, Database, Filestore, GatewayRef, Ingress, Init, InstanceWebhook, MissingPolicy, Probes, ReadOnlySqlAccess,
    RollingUpdate, Strategy, StrategyType,
};
pub use instance_status::{OdooInstanceStatus, Phase};
pub use refresh_job::{
    FilestoreMethod, OdooStagingRefreshJob, OdooStagingRefreshJobSpec, OdooStagingRefreshJobStatus, RefreshSource,
};
pub use restore_job::{
    OdooRestoreJob, OdooRestoreJobSpec, OdooRestoreJobStatus, OdooSource, RestoreSource, RestoreSourceType,
};
pub use upgrade_job::{OdooUpgradeJob, OdooUpgradeJobSpec, OdooUpgradeJobStatus};
