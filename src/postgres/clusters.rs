use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::watch;

use super::cluster::Cluster;
use super::config::ClustersConfig;

/// An instance names a cluster that is not configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no PostgreSQL cluster {name:?} is configured: there {} {}", if .known.len() == 1 { "is" } else { "are" }, .known.join(", "))]
pub struct UnknownCluster {
    /// The name that was asked for.
    pub name: String,
    /// The names that there are.
    pub known: Vec<String>,
}

/// The configured clusters, replaceable at run time, cheap to clone.
#[derive(Clone, Debug)]
pub struct Clusters(Arc<watch::Sender<Vec<Cluster>>>);

impl Clusters {
    /// Handles for all clusters of a configuration; nothing is connected yet.
    pub fn new(config: ClustersConfig) -> Result<Self, String> {
        let clusters = config.into_iter().map(Cluster::new).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(watch::Sender::new(clusters))))
    }

    /// Takes a changed configuration over; a cluster that is configured as before keeps its handle and connection.
    pub fn replace(&self, config: ClustersConfig) -> Result<(), String> {
        let before = self.all();
        let after = config
            .into_iter()
            .map(|config| match before.iter().find(|cluster| *cluster.config() == config) {
                Some(same) => Ok(same.clone()),
                None => Cluster::new(config),
            })
            .collect::<Result<Vec<_>, _>>()?;
        self.0.send_replace(after);
        Ok(())
    }

    /// The cluster of that name, or the default one.
    pub fn get(&self, name: Option<&str>) -> Result<Cluster, UnknownCluster> {
        let clusters = self.0.borrow();
        let found = clusters.iter().find(|cluster| match name {
            Some(name) => cluster.config().name == name,
            None => cluster.config().default,
        });
        found.cloned().ok_or_else(|| UnknownCluster {
            name: name.unwrap_or_default().to_owned(),
            known: clusters.iter().map(|cluster| cluster.config().name.clone()).collect(),
        })
    }

    /// All of them.
    pub fn all(&self) -> Vec<Cluster> {
        self.0.borrow().clone()
    }

    /// Tells when [`Self::replace`] was called.
    pub fn changes(&self) -> watch::Receiver<Vec<Cluster>> {
        self.0.subscribe()
    }

    /// Supervises every cluster, those that come later included. Never returns.
    pub async fn supervise(&self) {
        let mut changes = self.0.subscribe();
        loop {
            let clusters = changes.borrow_and_update().clone();
            let supervised = join_all(clusters.iter().map(Cluster::supervise));
            tokio::select! {
                _ = supervised => return,
                end = changes.changed() => if end.is_err() { return },
            }
        }
    }
}
