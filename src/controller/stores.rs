//! Every store of the operator in one place.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::PartialObjectMeta;

use super::cache::Cache;
use super::consents::Referrers;
use super::owners::Owners;
use crate::admission::subject::{Kind, Spec};
use crate::api::v1::{
    OdooBackupJob, OdooBackupSchedule, OdooInitJob, OdooInstance, OdooRestoreJob, OdooStagingRefreshJob, OdooUpgradeJob,
};
use crate::postgres::Clusters;
use crate::resources::HttpRoute;

/// What the watches have seen.
pub struct Stores {
    /// PostgreSQL clusters that are configured.
    pub clusters: Clusters,
    /// Instances.
    pub instances: Arc<Cache<OdooInstance>>,
    /// Who has which host and database, as [`Self::instances`] says.
    pub owners: Arc<Owners>,
    /// Who refers to what in other namespaces.
    pub referrers: Arc<Referrers>,
    /// Initialisations.
    pub init_jobs: Arc<Cache<OdooInitJob>>,
    /// Upgrades.
    pub upgrade_jobs: Arc<Cache<OdooUpgradeJob>>,
    /// Backups.
    pub backup_jobs: Arc<Cache<OdooBackupJob>>,
    /// Restores.
    pub restore_jobs: Arc<Cache<OdooRestoreJob>>,
    /// Refreshes.
    pub refresh_jobs: Arc<Cache<OdooStagingRefreshJob>>,
    /// Backup schedules.
    pub backup_schedules: Arc<Cache<OdooBackupSchedule>>,
    /// Secrets: their metadata, never their contents.
    pub secrets: Arc<Cache<PartialObjectMeta<Secret>>>,
    /// Our service accounts.
    pub service_accounts: Arc<Cache<ServiceAccount>>,
    /// Our volume claims.
    pub claims: Arc<Cache<PersistentVolumeClaim>>,
    /// Our services.
    pub services: Arc<Cache<Service>>,
    /// Our ingresses.
    pub ingresses: Arc<Cache<Ingress>>,
    /// Our routes, while the cluster has the Gateway API.
    pub routes: Arc<Cache<HttpRoute>>,
    /// Our disruption budgets.
    pub disruption_budgets: Arc<Cache<PodDisruptionBudget>>,
    /// Our deployments.
    pub deployments: Arc<Cache<Deployment>>,
    /// Our batch Jobs.
    pub jobs: Arc<Cache<Job>>,
    /// Pods of the above.
    pub pods: Arc<Cache<Pod>>,
}

impl Stores {
    /// Empty stores.
    pub fn new(clusters: Clusters) -> Self {
        let owners = Arc::new(Owners::default());
        let referrers = Arc::new(Referrers::default());
        let (index, links) = (owners.clone(), referrers.clone());
        let instances = Cache::followed(move |change| {
            index.follow(change);
            links.follow(change, Kind::Instance, |it: &OdooInstance| Spec::Instance(Box::new(it.spec.clone())));
        });
        macro_rules! linked {
            ($type:ident, $kind:ident) => {{
                let links = referrers.clone();
                Cache::followed(move |change| {
                    links.follow(change, Kind::$kind, |it: &$type| Spec::$kind(Box::new(it.spec.clone())));
                })
            }};
        }
        Self {
            clusters,
            instances,
            owners,
            init_jobs: Cache::new(),
            upgrade_jobs: Cache::new(),
            backup_jobs: linked!(OdooBackupJob, BackupJob),
            restore_jobs: linked!(OdooRestoreJob, RestoreJob),
            refresh_jobs: linked!(OdooStagingRefreshJob, RefreshJob),
            backup_schedules: linked!(OdooBackupSchedule, BackupSchedule),
            referrers,
            secrets: Cache::new(),
            service_accounts: Cache::new(),
            claims: Cache::new(),
            services: Cache::new(),
            ingresses: Cache::new(),
            routes: Cache::new(),
            disruption_budgets: Cache::new(),
            deployments: Cache::new(),
            jobs: Cache::new(),
            pods: Cache::new(),
        }
    }
}
