//! What admission asks of the stores. No IO: it is answered from what the watches have seen.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::stores::Stores;
use crate::admission::{Clusters, InstanceFacts, Lookup, ObjectKey};
use crate::api::labels::ALLOW_FROM_NAMESPACES;
use crate::api::v1::OdooInstance;

impl Stores {
    /// Of the instances that `is_meant` picks, the one that was created first.
    fn first(&self, is_meant: impl Fn(&OdooInstance) -> bool) -> Option<ObjectKey> {
        let created = |instance: &OdooInstance| instance.metadata.creation_timestamp.as_ref().map(|Time(time)| *time);
        let all = self.instances.all();
        let first = all
            .iter()
            .filter(|instance| is_meant(instance))
            .min_by_key(|instance| (created(instance), instance.namespace(), instance.name_any()))?;
        Some(ObjectKey::new(first.namespace().unwrap_or_default(), first.name_any()))
    }
}

impl Lookup for Stores {
    fn host_owner(&self, host: &str) -> Option<ObjectKey> {
        self.first(|instance| instance.spec.ingress.hosts.iter().any(|other| other.eq_ignore_ascii_case(host)))
    }

    fn database_owner(&self, cluster: &str, name: &str) -> Option<ObjectKey> {
        let default = self.clusters.get(None).ok().map(|cluster| cluster.config().name.clone());
        self.first(|instance| {
            let spec = instance.spec.database.as_ref();
            let status = instance.status.as_ref();
            let its_cluster = status
                .and_then(|status| status.active_cluster.as_deref())
                .or_else(|| spec.and_then(|spec| spec.cluster.as_deref()))
                .or(default.as_deref());
            let its_name = status
                .and_then(|status| status.database_name.as_deref())
                .or_else(|| spec.and_then(|spec| spec.name.as_deref()));
            its_cluster == Some(cluster) && its_name == Some(name)
        })
    }

    fn instance(&self, namespace: &str, name: &str) -> Option<InstanceFacts> {
        let instance = self.instances.get(namespace, name)?;
        Some(InstanceFacts {
            environment: instance.spec.environment(),
            allow_from_namespaces: instance.annotations().get(ALLOW_FROM_NAMESPACES).cloned(),
        })
    }

    fn clusters(&self) -> Option<Clusters> {
        let mut names: Vec<String> = self.clusters.all().iter().map(|cluster| cluster.config().name.clone()).collect();
        names.sort();
        Some(Clusters { names, default: self.clusters.get(None).ok().map(|cluster| cluster.config().name.clone()) })
    }
}
