//! The Secret that says where PostgreSQL is.

use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tracing::warn;

use crate::postgres::Clusters;
use crate::postgres::config::ClustersConfig;

/// Key of the configuration in the Secret.
const KEY: &str = "clusters.yaml";

/// A Secret with the PostgreSQL clusters.
pub struct ClustersSecret {
    api: Api<Secret>,
    namespace: String,
    name: String,
}

impl ClustersSecret {
    /// The Secret of this name.
    pub fn new(client: &Client, namespace: &str, name: &str) -> Self {
        let api = Api::namespaced(client.clone(), namespace);
        Self { api, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The configuration, or what is wrong with it.
    pub async fn read(&self) -> Result<ClustersConfig, String> {
        let Self { namespace, name, .. } = self;
        let secret =
            self.api.get_opt(name).await.map_err(|why| format!("cannot read Secret {namespace}/{name}: {why}"))?;
        let secret = secret.ok_or_else(|| {
            format!(
                "Secret {namespace}/{name} is not there: create it with key {KEY}, or describe one cluster with \
                 --postgres-host and --postgres-admin-password-file"
            )
        })?;
        self.parse(&secret)
    }

    /// Takes a changed configuration over; one that cannot be used is reported, and the last good one stays.
    pub async fn follow(self, clusters: Clusters) {
        let Self { namespace, name, .. } = &self;
        let mut changes = std::pin::pin!(watcher::watch_object(self.api.clone(), name).default_backoff());
        while let Some(change) = changes.next().await {
            let taken = match change {
                Ok(Some(secret)) => self.parse(&secret).and_then(|parsed| clusters.replace(parsed)),
                Ok(None) => Err(format!("Secret {namespace}/{name} is gone")),
                Err(why) => Err(format!("Secret {namespace}/{name} cannot be watched: {why}")),
            };
            if let Err(why) = taken {
                warn!(why, "the last good configuration of the PostgreSQL clusters stays in use");
            }
        }
    }

    fn parse(&self, secret: &Secret) -> Result<ClustersConfig, String> {
        let whose = format!("Secret {}/{}, key {KEY}", self.namespace, self.name);
        let Some(ByteString(bytes)) = secret.data.as_ref().and_then(|data| data.get(KEY)) else {
            return Err(format!(
                "{whose} is not there: it must hold a map of cluster names to host, port, adminUser, adminPassword"
            ));
        };
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{whose} is not text"))?;
        ClustersConfig::from_yaml(text).map_err(|why| format!("{whose}: {why}"))
    }
}
