//! Kinds whose operation this version does not have: they are told so, and left as they are. What they refer to in other
//! namespaces is told first: that is to be put right by then.

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tracing::warn;

use super::cache::{Cache, Kind, kind_of};
use super::consents::Referrer;
use super::instance::Context;
use super::watches::feed_guarded;
use super::{Error, status};
use crate::admission::ObjectKey;
use crate::admission::subject::{Kind as Judged, Spec};
use crate::api::conditions::{self, ACCEPTED, READY, STALLED, Wanted};
use crate::api::v1::{
    JobStatus, OdooBackupJob, OdooBackupSchedule, OdooRestoreJob, OdooStagingRefreshJob, OdooUpgradeJob,
};

/// A kind whose operation is not there yet.
trait Unsupported: Kind + Resource<Scope = NamespaceResourceScope> + DeserializeOwned {
    type Status: Clone + Default + Serialize + Send + Sync;

    fn status(&self) -> Option<&Self::Status>;
    fn is_ended(status: &Self::Status) -> bool;
    fn conditions(status: &mut Self::Status) -> &mut Option<Vec<conditions::Condition>>;
    /// Its spec, as rules see it.
    fn judged(&self) -> Spec;
}

macro_rules! unsupported {
    ($kind:ty, $variant:ident, $status:ty, |$it:ident| $job:expr) => {
        impl Unsupported for $kind {
            type Status = $status;

            fn status(&self) -> Option<&$status> {
                self.status.as_ref()
            }
            fn is_ended($it: &$status) -> bool {
                let job: &JobStatus = &$job;
                job.phase.is_some_and(crate::api::v1::JobPhase::is_terminal)
            }
            fn conditions($it: &mut $status) -> &mut Option<Vec<conditions::Condition>> {
                &mut $job.conditions
            }
            fn judged(&self) -> Spec {
                Spec::$variant(Box::new(self.spec.clone()))
            }
        }
    };
}

unsupported!(OdooUpgradeJob, UpgradeJob, crate::api::v1::OdooUpgradeJobStatus, |it| it.job);
unsupported!(OdooBackupJob, BackupJob, crate::api::v1::OdooBackupJobStatus, |it| it.job);
unsupported!(OdooRestoreJob, RestoreJob, JobStatus, |it| *it);
unsupported!(OdooStagingRefreshJob, RefreshJob, crate::api::v1::OdooStagingRefreshJobStatus, |it| it.job);

impl Unsupported for OdooBackupSchedule {
    type Status = crate::api::v1::OdooBackupScheduleStatus;

    fn status(&self) -> Option<&Self::Status> {
        self.status.as_ref()
    }
    fn is_ended(_: &Self::Status) -> bool {
        false
    }
    fn conditions(status: &mut Self::Status) -> &mut Option<Vec<conditions::Condition>> {
        &mut status.conditions
    }
    fn judged(&self) -> Spec {
        Spec::BackupSchedule(Box::new(self.spec.clone()))
    }
}

/// Starts the watches that tell each object of such a kind, and looks again at those of `waiting`.
pub fn start(tasks: &mut JoinSet<()>, context: &Arc<Context>, mut waiting: UnboundedReceiver<Referrer>) {
    let stores = &context.stores;
    tell(tasks, context, &stores.upgrade_jobs);
    tell(tasks, context, &stores.backup_jobs);
    tell(tasks, context, &stores.restore_jobs);
    tell(tasks, context, &stores.refresh_jobs);
    tell(tasks, context, &stores.backup_schedules);
    let context = context.clone();
    tasks.spawn(async move {
        while let Some((kind, key)) = waiting.recv().await {
            let stores = &context.stores;
            match kind {
                Judged::BackupJob => again(&context, &stores.backup_jobs, &key),
                Judged::RestoreJob => again(&context, &stores.restore_jobs, &key),
                Judged::RefreshJob => again(&context, &stores.refresh_jobs, &key),
                Judged::BackupSchedule => again(&context, &stores.backup_schedules, &key),
                // They refer to nothing elsewhere, or have a queue of their own.
                Judged::Instance | Judged::InitJob | Judged::UpgradeJob => {}
            }
        }
    });
}

fn tell<K: Unsupported>(tasks: &mut JoinSet<()>, context: &Arc<Context>, cache: &Arc<Cache<K>>) {
    let (told, shared) = (context.clone(), cache.clone());
    feed_guarded(tasks, &context.client, cache, move |object: &K| {
        again(&told, &shared, &ObjectKey::new(ResourceExt::namespace(object).unwrap_or_default(), object.name_any()));
    });
}

/// Looks at an object until it could be told how it stands, or is gone.
fn again<K: Unsupported>(context: &Arc<Context>, cache: &Arc<Cache<K>>, key: &ObjectKey) {
    let (context, cache, key) = (context.clone(), cache.clone(), key.clone());
    tokio::spawn(async move {
        while let Some(object) = cache.get(&key.namespace, &key.name) {
            let uid = object.meta().uid.clone().unwrap_or_default();
            match report(&context, &cache, &object).await {
                Ok(()) => return context.backoff.reset(&uid),
                // The watch brings the newer one.
                Err(error) if error.is_conflict() => return,
                Err(error) => {
                    warn!(kind = kind_of::<K>(), namespace = key.namespace, name = key.name, %error, "not told; it is tried again");
                    tokio::time::sleep(context.backoff.next(&uid)).await;
                }
            }
        }
    });
}

async fn report<K: Unsupported>(context: &Context, cache: &Cache<K>, object: &K) -> Result<(), Error> {
    let old = object.status();
    if object.meta().deletion_timestamp.is_some() || old.is_some_and(K::is_ended) {
        return Ok(());
    }
    let mut new = old.cloned().unwrap_or_default();
    let kind = kind_of::<K>();
    let namespace = ResourceExt::namespace(object).unwrap_or_default();
    let missing = context.consents.missing(&object.judged(), &namespace).await?;
    let (reason, message) = missing.map_or_else(
        || {
            (
                "NotSupported",
                format!("this version of the operator does not run {kind} objects; the object is kept as it is"),
            )
        },
        |missing| ("ConsentMissing", missing),
    );
    let wanted = [
        Wanted::new(ACCEPTED, false, reason, message.clone()),
        Wanted::new(READY, false, reason, message.clone()),
        Wanted::new(STALLED, true, reason, message),
    ];
    let conditions = K::conditions(&mut new);
    let merged = conditions::merge(
        conditions.as_deref().unwrap_or_default(),
        &wanted,
        object.meta().generation,
        Timestamp::now(),
    );
    *conditions = Some(merged);
    status::write(&context.client, cache, object, old, &new).await?;
    Ok(())
}
