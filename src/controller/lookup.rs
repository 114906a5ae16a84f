//! What admission asks of the stores. No IO: it is answered from what the watches have seen.

use super::stores::Stores;
use crate::admission::{Clusters, InstanceFacts, Lookup, ObjectKey};

impl Stores {
    /// Name of the cluster that instances get which name none.
    pub fn default_cluster(&self) -> Option<String> {
        self.clusters.get(None).ok().map(|cluster| cluster.config().name.clone())
    }
}

impl Lookup for Stores {
    fn host_owner(&self, host: &str) -> Option<ObjectKey> {
        self.owners.host(host)
    }

    fn database_owner(&self, cluster: &str, name: &str) -> Option<ObjectKey> {
        self.owners.database(cluster, name, self.default_cluster().as_deref())
    }

    fn instance(&self, namespace: &str, name: &str) -> Option<InstanceFacts> {
        let instance = self.instances.get(namespace, name)?;
        Some(InstanceFacts { environment: instance.spec.environment() })
    }

    fn clusters(&self) -> Option<Clusters> {
        let mut names: Vec<String> = self.clusters.all().iter().map(|cluster| cluster.config().name.clone()).collect();
        names.sort();
        Some(Clusters { names, default: self.default_cluster() })
    }
}
