//! What the holder of the lease keeps in order besides instances: the CRDs, and the CA that webhooks are trusted by.

use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::crds;
use crate::api::crds::Conversion;
use crate::tls::inject::{self, Target};

/// Upkeep of CRDs and caBundle.
pub struct Upkeep {
    /// Its writes are those of the holder.
    pub client: Client,
    /// How the API server reaches `/convert`.
    pub conversion: Conversion,
    /// The webhook configurations.
    pub configurations: Vec<Target>,
    /// `None` where somebody else writes caBundle; the CRDs then stay as the chart installed them.
    pub ca: Option<watch::Receiver<String>>,
}

impl Upkeep {
    /// Brings the CRDs to their final form. Whether it succeeded; without it v1 works all the same.
    pub async fn install(&self) -> bool {
        let Some(ca) = &self.ca else { return true };
        let bundle = ca.borrow().clone();
        match crds::install(&self.client, &self.conversion, &bundle).await {
            Ok(()) => true,
            Err(why) => {
                error!(%why, "CRDs are not in their final form; it is tried again");
                false
            }
        }
    }

    /// Keeps caBundle where it is; in the CRDs once they are in their final form, which is tried until it succeeds.
    /// Never returns by itself.
    pub async fn keep(&self, settled: bool) {
        let Some(ca) = &self.ca else { return std::future::pending().await };
        let keep = |targets| inject::keep(self.client.clone(), targets, ca.clone(), || (), CancellationToken::new());
        let crds = async {
            let (mut settled, mut wait) = (settled, Duration::from_secs(1));
            while !settled {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(30));
                settled = self.install().await;
            }
            let names = crate::api::crds::all().into_iter().filter_map(|crd| crd.metadata.name);
            keep(names.map(Target::Crd).collect()).await;
        };
        tokio::join!(keep(self.configurations.clone()), crds);
    }
}
