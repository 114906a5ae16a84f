//! Kinds whose operation this version does not have: they are told so, and left as they are.

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::jiff::Timestamp;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::warn;

use super::cache::{Cache, Kind, kind_of};
use super::stores::Stores;
use super::watches::feed_guarded;
use super::{Error, status};
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
}

macro_rules! unsupported {
    ($kind:ty, $status:ty, |$it:ident| $job:expr) => {
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
        }
    };
}

unsupported!(OdooUpgradeJob, crate::api::v1::OdooUpgradeJobStatus, |it| it.job);
unsupported!(OdooBackupJob, crate::api::v1::OdooBackupJobStatus, |it| it.job);
unsupported!(OdooRestoreJob, JobStatus, |it| *it);
unsupported!(OdooStagingRefreshJob, crate::api::v1::OdooStagingRefreshJobStatus, |it| it.job);

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
}

/// Starts the watches that tell each object of such a kind.
pub fn start(tasks: &mut JoinSet<()>, client: &Client, stores: &Arc<Stores>) {
    tell(tasks, client, &stores.upgrade_jobs);
    tell(tasks, client, &stores.backup_jobs);
    tell(tasks, client, &stores.restore_jobs);
    tell(tasks, client, &stores.refresh_jobs);
    tell(tasks, client, &stores.backup_schedules);
}

fn tell<K: Unsupported>(tasks: &mut JoinSet<()>, client: &Client, cache: &Arc<Cache<K>>) {
    let (told, shared) = (client.clone(), cache.clone());
    feed_guarded(tasks, client, cache, move |object: &K| {
        let (client, cache, object) = (told.clone(), shared.clone(), object.clone());
        tokio::spawn(async move {
            if let Err(error) = report(&client, &cache, &object).await
                && !error.is_conflict()
            {
                warn!(kind = kind_of::<K>(), namespace = ResourceExt::namespace(&object), name = object.name_any(), %error, "not told");
            }
        });
    });
}

async fn report<K: Unsupported>(client: &Client, cache: &Cache<K>, object: &K) -> Result<(), Error> {
    let old = object.status();
    if object.meta().deletion_timestamp.is_some() || old.is_some_and(K::is_ended) {
        return Ok(());
    }
    let mut new = old.cloned().unwrap_or_default();
    let kind = kind_of::<K>();
    let message = format!("this version of the operator does not run {kind} objects; the object is kept as it is");
    let wanted = [
        Wanted::new(ACCEPTED, false, "NotSupported", message.clone()),
        Wanted::new(READY, false, "NotSupported", message.clone()),
        Wanted::new(STALLED, true, "NotSupported", message),
    ];
    let conditions = K::conditions(&mut new);
    let merged = conditions::merge(
        conditions.as_deref().unwrap_or_default(),
        &wanted,
        object.meta().generation,
        Timestamp::now(),
    );
    *conditions = Some(merged);
    status::write(client, cache, object, old, &new).await?;
    Ok(())
}
