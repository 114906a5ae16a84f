//! What an instance's objects should be now, and how what is there compares.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;

use super::apply::{self, ChildKind, Owner, stamp};
use super::cache::Cache;
use super::stores::Stores;
use crate::api::labels::CONTENT_HASH;
use crate::api::quantity;
use crate::api::v1::Phase;
use crate::lifecycle::{Child, ChildState, Scale, scale, wanted_pods};
use crate::resources::{self, HttpRoute, Inputs, Routing};

/// An instance's objects as they should be. `None` is an object that is not wanted.
pub struct Desired {
    /// Secret with odoo.conf.
    pub conf: Secret,
    /// ServiceAccount of the pods.
    pub service_account: ServiceAccount,
    /// Volume claim.
    pub claim: PersistentVolumeClaim,
    /// Service.
    pub service: Service,
    /// Ingress, if that is the way in.
    pub ingress: Option<Ingress>,
    /// HTTPRoute, if that is the way in.
    pub route: Option<HttpRoute>,
    /// Disruption budget.
    pub budget: Option<PodDisruptionBudget>,
    /// Web pods.
    pub web: Deployment,
    /// Cron pods.
    pub cron: Deployment,
    /// Deployments keep the template that they have: only their replicas are compared.
    held: bool,
}

impl Desired {
    /// Builds every object, for `phase`.
    pub fn new(inputs: &Inputs<'_>, stores: &Stores, owner: &Owner, phase: Phase, held: bool) -> Self {
        let (web, cron) = wanted_pods(&inputs.instance.spec);
        let replicas = |name: &str, wanted: i32| match scale(phase) {
            Scale::Spec => wanted,
            Scale::Zero => 0,
            Scale::Unchanged => stores
                .deployments
                .get(&owner.namespace, name)
                .and_then(|stored| stored.spec.as_ref()?.replicas)
                .unwrap_or(0),
        };
        let (ingress, route) = match Routing::of(inputs) {
            Some(Routing::Ingress(ingress)) => (Some(stamp(*ingress)), None),
            Some(Routing::HttpRoute(route)) => (None, Some(stamp(*route))),
            None => (None, None),
        };
        let claim = resources::pvc::filestore(inputs);
        let stored = stores.claims.get(&owner.namespace, &claim.name_any());
        Self {
            conf: stamp(resources::secret::odoo_conf(inputs)),
            service_account: stamp(resources::service_account::pods(inputs)),
            // Stamped first: what the cluster fills in later is no difference.
            claim: match stored {
                Some(stored) => keep_immutable(stamp(claim), &stored),
                None => stamp(claim),
            },
            service: stamp(resources::service::web(inputs)),
            ingress,
            route,
            budget: resources::pdb::web(inputs).map(stamp),
            web: stamp(resources::web::deployment(inputs, replicas(&owner.name, web))),
            cron: stamp(resources::cron::deployment(inputs, replicas(&resources::names::cron(&owner.name), cron))),
            held,
        }
    }

    /// How each object stands. `complete` is false while passwords or the database's address are not known: what
    /// depends on them is blocked.
    pub fn compare(&self, stores: &Stores, owner: &Owner, complete: bool) -> BTreeMap<Child, ChildState> {
        let blocked = |state: ChildState| match state {
            ChildState::Foreign(_) => state,
            _ if complete => state,
            _ => ChildState::Blocked,
        };
        BTreeMap::from([
            (Child::OdooConf, blocked(self.conf_state(stores, owner))),
            (Child::ServiceAccount, state(&stores.service_accounts, owner, Some(&self.service_account), None)),
            (Child::Filestore, state(&stores.claims, owner, Some(&self.claim), None)),
            (Child::Service, state(&stores.services, owner, Some(&self.service), None)),
            (Child::Ingress, state(&stores.ingresses, owner, self.ingress.as_ref(), Some(&owner.name))),
            (Child::HttpRoute, state(&stores.routes, owner, self.route.as_ref(), Some(&owner.name))),
            (
                Child::DisruptionBudget,
                state(&stores.disruption_budgets, owner, self.budget.as_ref(), Some(&owner.name)),
            ),
            (Child::Web, blocked(self.deployment(stores, owner, &self.web))),
            (Child::Cron, blocked(self.deployment(stores, owner, &self.cron))),
        ])
    }

    fn deployment(&self, stores: &Stores, owner: &Owner, desired: &Deployment) -> ChildState {
        let replicas = |it: &Deployment| it.spec.as_ref().and_then(|spec| spec.replicas);
        let stored = stores.deployments.get(&owner.namespace, &desired.name_any()).filter(|_| self.held);
        match stored.filter(|stored| apply::is_ours(&stored.metadata, owner)) {
            Some(stored) if replicas(&stored) == replicas(desired) => ChildState::Matches,
            Some(_) => ChildState::Differs,
            None => state(&stores.deployments, owner, Some(desired), None),
        }
    }

    /// A Secret's contents are in no store: the hash that we left on it tells what it held when we wrote it.
    fn conf_state(&self, stores: &Stores, owner: &Owner) -> ChildState {
        let name = self.conf.name_any();
        let Some(stored) = stores.secrets.get(&owner.namespace, &name) else { return ChildState::Missing };
        if !apply::is_ours(&stored.metadata, owner) {
            return ChildState::Foreign(apply::foreign(&self.conf, &name, &stored.metadata));
        }
        let hash = |annotations: &BTreeMap<String, String>| annotations.get(CONTENT_HASH).cloned();
        let same = stored.metadata.annotations.as_ref().and_then(hash) == hash(self.conf.annotations());
        if same { ChildState::Matches } else { ChildState::Differs }
    }
}

/// How one object stands. `name` finds an object that is not wanted any more.
fn state<K: ChildKind>(cache: &Cache<K>, owner: &Owner, desired: Option<&K>, name: Option<&str>) -> ChildState {
    let name = desired.map(ResourceExt::name_any).or_else(|| name.map(str::to_owned)).unwrap_or_default();
    match (cache.get(&owner.namespace, &name), desired) {
        (None, None) => ChildState::NotWanted,
        (None, Some(_)) => ChildState::Missing,
        (Some(stored), None) if apply::is_ours(stored.meta(), owner) => ChildState::Surplus,
        (Some(_), None) => ChildState::NotWanted,
        (Some(stored), Some(desired)) if !apply::is_ours(stored.meta(), owner) => {
            ChildState::Foreign(apply::foreign(desired, &name, stored.meta()))
        }
        (Some(stored), Some(desired)) if apply::matches(stored.as_ref(), desired) => ChildState::Matches,
        (Some(_), Some(_)) => ChildState::Differs,
    }
}

/// Nothing of a claim can change but its size, and that cannot shrink: what is there stays.
fn keep_immutable(mut claim: PersistentVolumeClaim, stored: &PersistentVolumeClaim) -> PersistentVolumeClaim {
    let (Some(wanted), Some(there)) = (claim.spec.as_mut(), stored.spec.as_ref()) else { return claim };
    wanted.storage_class_name.clone_from(&there.storage_class_name);
    wanted.access_modes.clone_from(&there.access_modes);
    wanted.data_source.clone_from(&there.data_source);
    wanted.data_source_ref.clone_from(&there.data_source_ref);
    wanted.selector.clone_from(&there.selector);
    wanted.volume_mode.clone_from(&there.volume_mode);
    wanted.volume_name.clone_from(&there.volume_name);
    let size = |spec: &k8s_openapi::api::core::v1::PersistentVolumeClaimSpec| {
        spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()?.get("storage").cloned())
    };
    if let (Some(new), Some(old)) = (size(wanted), size(there))
        && quantity::is_less(&new.0, &old.0)
        && let Some(requests) = wanted.resources.as_mut().and_then(|resources| resources.requests.as_mut())
    {
        requests.insert("storage".to_owned(), old);
    }
    claim
}
