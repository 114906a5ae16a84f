//! The kinds that are judged, each with its typed spec, and what they have in common.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::v1::{
    InstanceRef, OdooBackupJobSpec, OdooBackupScheduleSpec, OdooInitJobSpec, OdooInstanceSpec, OdooRestoreJobSpec,
    OdooStagingRefreshJobSpec, OdooUpgradeJobSpec, S3Location, Webhook,
};

/// A kind that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `OdooInstance`.
    Instance,
    /// `OdooInitJob`.
    InitJob,
    /// `OdooUpgradeJob`.
    UpgradeJob,
    /// `OdooBackupJob`.
    BackupJob,
    /// `OdooRestoreJob`.
    RestoreJob,
    /// `OdooStagingRefreshJob`.
    RefreshJob,
    /// `OdooBackupSchedule`.
    BackupSchedule,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Instance,
        Self::InitJob,
        Self::UpgradeJob,
        Self::BackupJob,
        Self::RestoreJob,
        Self::RefreshJob,
        Self::BackupSchedule,
    ];

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "OdooInstance",
            Self::InitJob => "OdooInitJob",
            Self::UpgradeJob => "OdooUpgradeJob",
            Self::BackupJob => "OdooBackupJob",
            Self::RestoreJob => "OdooRestoreJob",
            Self::RefreshJob => "OdooStagingRefreshJob",
            Self::BackupSchedule => "OdooBackupSchedule",
        }
    }

    /// Whether it does one thing once, and its spec is fixed once that has begun.
    pub fn is_job(self) -> bool {
        !matches!(self, Self::Instance | Self::BackupSchedule)
    }

    /// Decodes a spec of this kind.
    pub fn decode(self, spec: &Value) -> Result<Spec, serde_json::Error> {
        fn typed<T: DeserializeOwned>(spec: &Value) -> Result<Box<T>, serde_json::Error> {
            T::deserialize(spec).map(Box::new)
        }
        Ok(match self {
            Self::Instance => Spec::Instance(typed(spec)?),
            Self::InitJob => Spec::InitJob(typed(spec)?),
            Self::UpgradeJob => Spec::UpgradeJob(typed(spec)?),
            Self::BackupJob => Spec::BackupJob(typed(spec)?),
            Self::RestoreJob => Spec::RestoreJob(typed(spec)?),
            Self::RefreshJob => Spec::RefreshJob(typed(spec)?),
            Self::BackupSchedule => Spec::BackupSchedule(typed(spec)?),
        })
    }

    /// Decodes a spec of this kind from its text, without a tree in between.
    pub fn parse_spec(self, spec: &str) -> Result<Spec, serde_json::Error> {
        // Straight into its box: it has some kilobytes, which would be moved from hand to hand.
        Ok(match self {
            Self::Instance => Spec::Instance(serde_json::from_str(spec)?),
            Self::InitJob => Spec::InitJob(serde_json::from_str(spec)?),
            Self::UpgradeJob => Spec::UpgradeJob(serde_json::from_str(spec)?),
            Self::BackupJob => Spec::BackupJob(serde_json::from_str(spec)?),
            Self::RestoreJob => Spec::RestoreJob(serde_json::from_str(spec)?),
            Self::RefreshJob => Spec::RefreshJob(serde_json::from_str(spec)?),
            Self::BackupSchedule => Spec::BackupSchedule(serde_json::from_str(spec)?),
        })
    }
}

/// A typed spec.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {
    /// Of an `OdooInstance`.
    Instance(Box<OdooInstanceSpec>),
    /// Of an `OdooInitJob`.
    InitJob(Box<OdooInitJobSpec>),
    /// Of an `OdooUpgradeJob`.
    UpgradeJob(Box<OdooUpgradeJobSpec>),
    /// Of an `OdooBackupJob`.
    BackupJob(Box<OdooBackupJobSpec>),
    /// Of an `OdooRestoreJob`.
    RestoreJob(Box<OdooRestoreJobSpec>),
    /// Of an `OdooStagingRefreshJob`.
    RefreshJob(Box<OdooStagingRefreshJobSpec>),
    /// Of an `OdooBackupSchedule`.
    BackupSchedule(Box<OdooBackupScheduleSpec>),
}

impl Spec {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Instance(_) => Kind::Instance,
            Self::InitJob(_) => Kind::InitJob,
            Self::UpgradeJob(_) => Kind::UpgradeJob,
            Self::BackupJob(_) => Kind::BackupJob,
            Self::RestoreJob(_) => Kind::RestoreJob,
            Self::RefreshJob(_) => Kind::RefreshJob,
            Self::BackupSchedule(_) => Kind::BackupSchedule,
        }
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        fn value(spec: &impl Serialize) -> Value {
            serde_json::to_value(spec).expect("our types have string keys and finite numbers only")
        }
        match self {
            Self::Instance(spec) => value(spec),
            Self::InitJob(spec) => value(spec),
            Self::UpgradeJob(spec) => value(spec),
            Self::BackupJob(spec) => value(spec),
            Self::RestoreJob(spec) => value(spec),
            Self::RefreshJob(spec) => value(spec),
            Self::BackupSchedule(spec) => value(spec),
        }
    }

    /// The spec of an instance.
    pub fn instance(&self) -> Option<&OdooInstanceSpec> {
        match self {
            Self::Instance(spec) => Some(spec),
            _ => None,
        }
    }

    /// The reference to the instance that a job works on, and its path.
    pub fn instance_ref(&self) -> Option<(&'static str, &InstanceRef)> {
        const OWN: &str = "spec.odooInstanceRef";
        Some(match self {
            Self::Instance(_) => return None,
            Self::InitJob(spec) => (OWN, &spec.odoo_instance_ref),
            Self::UpgradeJob(spec) => (OWN, &spec.odoo_instance_ref),
            Self::BackupJob(spec) => (OWN, &spec.odoo_instance_ref),
            Self::RestoreJob(spec) => (OWN, &spec.odoo_instance_ref),
            Self::RefreshJob(spec) => (OWN, &spec.odoo_instance_ref),
            Self::BackupSchedule(spec) => ("spec.template.odooInstanceRef", &spec.template.odoo_instance_ref),
        })
    }

    /// Every webhook in it, with its path.
    pub fn webhooks(&self) -> Vec<(&'static str, &Webhook)> {
        const OWN: &str = "spec.webhook";
        let all = match self {
            Self::Instance(spec) => vec![
                (OWN, spec.webhook.as_ref()),
                ("spec.initialization.webhook", spec.initialization.as_ref().and_then(|init| init.webhook.as_ref())),
            ],
            Self::InitJob(spec) => vec![(OWN, spec.webhook.as_ref())],
            Self::UpgradeJob(spec) => vec![(OWN, spec.webhook.as_ref())],
            Self::BackupJob(spec) => vec![(OWN, spec.webhook.as_ref())],
            Self::RestoreJob(spec) => vec![(OWN, spec.webhook.as_ref())],
            Self::RefreshJob(spec) => vec![(OWN, spec.webhook.as_ref())],
            Self::BackupSchedule(spec) => vec![("spec.template.webhook", spec.template.webhook.as_ref())],
        };
        all.into_iter().filter_map(|(path, webhook)| Some((path, webhook?))).collect()
    }

    /// Every S3 location in it, with its path.
    pub fn s3_locations(&self) -> Vec<(&'static str, &S3Location)> {
        match self {
            Self::Instance(spec) => {
                let restore = spec.initialization.as_ref().and_then(|init| init.restore.as_ref()?.s3.as_ref());
                let backup = spec.upgrade.as_ref().and_then(|upgrade| upgrade.backup.as_ref());
                [
                    restore.map(|location| ("spec.initialization.restore.s3", location)),
                    backup.map(|backup| ("spec.upgrade.backup.destination", &backup.destination)),
                ]
                .into_iter()
                .flatten()
                .collect()
            }
            Self::BackupJob(spec) => vec![("spec.destination", &spec.destination)],
            Self::RestoreJob(spec) => spec.source.s3.iter().map(|location| ("spec.source.s3", location)).collect(),
            Self::BackupSchedule(spec) => vec![("spec.template.destination", &spec.template.destination)],
            Self::InitJob(_) | Self::UpgradeJob(_) | Self::RefreshJob(_) => Vec::new(),
        }
    }
}
