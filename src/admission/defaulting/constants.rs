//! The defaults that stand in v1's schema. (A test compares them.)

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::put;
use crate::admission::subject::Spec;
use crate::api::v1::{
    BackupFormat, CloneSource, ConcurrencyPolicy, Cron, Environment, FilestoreMethod, InitRestore, Initialization,
    MissingFiles, MissingPolicy, OdooBackupJobSpec, OdooInstanceSpec, OnImageChange, S3Location, Strategy,
    StrategyType, Upgrade,
};

/// Fills every field whose default is a constant. True if that changed anything.
pub(super) fn fill(spec: &mut Spec) -> bool {
    match spec {
        Spec::Instance(spec) => instance(spec),
        Spec::InitJob(spec) => put(&mut spec.modules, || vec!["base".to_owned()]) | put(&mut spec.demo, || false),
        Spec::UpgradeJob(_) => false,
        Spec::BackupJob(spec) => backup(spec),
        Spec::RestoreJob(spec) => {
            put(&mut spec.format, || BackupFormat::Zip)
                | put(&mut spec.neutralize, || true)
                | spec.source.s3.as_mut().is_some_and(location)
        }
        Spec::RefreshJob(spec) => {
            put(&mut spec.filestore_method, || FilestoreMethod::Auto)
                | put(&mut spec.skip_filestore, || false)
                | put(&mut spec.neutralize, || true)
        }
        Spec::BackupSchedule(spec) => {
            put(&mut spec.suspend, || false)
                | put(&mut spec.concurrency_policy, || ConcurrencyPolicy::Forbid)
                | backup(&mut spec.template)
        }
    }
}

fn instance(spec: &mut OdooInstanceSpec) -> bool {
    let mut changed = put(&mut spec.replicas, || 1)
        | put(&mut spec.cron, Cron::default)
        | put(&mut spec.environment, || Environment::Staging);
    if let Some(cron) = &mut spec.cron {
        changed |= put(&mut cron.replicas, || 1);
    }
    if let Some(database) = &mut spec.database {
        changed |= put(&mut database.missing_policy, || MissingPolicy::Ignore);
    }
    changed |= spec.initialization.as_mut().is_some_and(initialization);
    changed |= spec.upgrade.as_mut().is_some_and(upgrade);
    changed |= spec.strategy.as_mut().is_some_and(strategy);
    if let Some(access) = &mut spec.read_only_sql_access {
        changed |= put(&mut access.enabled, || false) | put(&mut access.connection_limit, || 5);
    }
    changed
}

fn initialization(init: &mut Initialization) -> bool {
    put(&mut init.demo, || false) | init.restore.as_mut().is_some_and(restore) | init.clone.as_mut().is_some_and(clone)
}

fn restore(restore: &mut InitRestore) -> bool {
    put(&mut restore.with_filestore, || true)
        | put(&mut restore.neutralize, || true)
        | restore.s3.as_mut().is_some_and(location)
}

fn clone(clone: &mut CloneSource) -> bool {
    put(&mut clone.filestore_method, || FilestoreMethod::Auto)
        | put(&mut clone.skip_filestore, || false)
        | put(&mut clone.neutralize, || true)
}

fn upgrade(upgrade: &mut Upgrade) -> bool {
    put(&mut upgrade.on_image_change, || OnImageChange::None)
        | put(&mut upgrade.rollback, || true)
        | put(&mut upgrade.keep_web_running, || false)
        | upgrade.backup.as_mut().is_some_and(|backup| location(&mut backup.destination))
}

fn strategy(strategy: &mut Strategy) -> bool {
    let quarter = || IntOrString::String("25%".to_owned());
    put(&mut strategy.type_, || StrategyType::Recreate)
        | strategy
            .rolling_update
            .as_mut()
            .is_some_and(|update| put(&mut update.max_unavailable, quarter) | put(&mut update.max_surge, quarter))
}

fn backup(spec: &mut OdooBackupJobSpec) -> bool {
    put(&mut spec.format, || BackupFormat::Zip)
        | put(&mut spec.with_filestore, || true)
        | put(&mut spec.missing_files, || MissingFiles::Warn)
        | location(&mut spec.destination)
}

fn location(location: &mut S3Location) -> bool {
    put(&mut location.insecure, || false)
}
