//! Source `self-managed`: a CA in a Secret that the replicas share, a leaf of its own in each replica's memory.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::authority::{self, Authority};
use super::pki::{self, CaSecret, Step};
use super::{Resolver, Source};
use crate::api::labels;

/// How often the leaf's age is compared with the wall clock.
const CHECK_EVERY: Duration = Duration::from_mins(1);

/// The CA Secret cannot be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a call.
    #[error("cannot {verb} Secret {namespace}/{name}: {source}")]
    Secret {
        /// What was tried.
        verb: &'static str,
        /// Namespace of the CA Secret.
        namespace: String,
        /// Name of the CA Secret.
        name: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// The Secret's content is damaged.
    #[error("Secret {namespace}/{name}: {source}")]
    Content {
        /// Namespace of the CA Secret.
        namespace: String,
        /// Name of the CA Secret.
        name: String,
        /// What is wrong.
        source: pki::Error,
    },
    /// The CA cannot be made or used.
    #[error("Secret {namespace}/{name}: {source}")]
    Authority {
        /// Namespace of the CA Secret.
        namespace: String,
        /// Name of the CA Secret.
        name: String,
        /// What is wrong.
        source: authority::Error,
    },
}

/// The self-managed source: where its CA is kept and for which names its leaves are.
#[derive(Clone)]
pub struct SelfManaged {
    client: Client,
    namespace: String,
    secret: String,
    names: Vec<String>,
}

impl SelfManaged {
    /// A source with its CA in `namespace`/`secret`; `names` as [`authority::server_names`] gives them.
    pub fn new(client: Client, namespace: &str, secret: &str, names: Vec<String>) -> Self {
        Self { client, namespace: namespace.to_owned(), secret: secret.to_owned(), names }
    }

    /// Ensures the CA, signs the first leaf, and keeps both up to date until `shutdown`.
    pub async fn start(self, shutdown: CancellationToken) -> Result<Source, Error> {
        let ca = self.ensure(None).await?;
        let resolver = Arc::new(Resolver::new(self.sign(&ca)?));
        let (bundle, receiver) = watch::channel(ca.bundle());
        let source = Source { resolver: Arc::clone(&resolver), ca: Some(receiver) };
        tokio::spawn(async move {
            let upkeep = self.upkeep(ca, &resolver, &bundle);
            shutdown.run_until_cancelled(Box::pin(upkeep)).await;
        });
        Ok(source)
    }

    /// Follows the Secret and the clock. Makes no request of its own at rest.
    async fn upkeep(&self, mut ca: CaSecret, resolver: &Resolver, bundle: &watch::Sender<String>) {
        let mut secrets = pin!(watcher::watch_object(self.api(), &self.secret).default_backoff());
        let mut clock = tokio::time::interval(CHECK_EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let found = tokio::select! {
                _ = clock.tick() => {
                    if !resolver.validity().renewal_due(Timestamp::now()) {
                        continue;
                    }
                    // Read again, so that a CA that ends is replaced in time; without an API server the one at hand does.
                    let found = self.ensure(Some(&ca)).await.unwrap_or_else(|error| {
                        tracing::warn!(%error, "renewing the serving certificate with the CA at hand");
                        ca.clone()
                    });
                    self.adopt(&found, resolver, bundle);
                    ca = found;
                    continue;
                }
                event = secrets.try_next() => match event {
                    Ok(Some(Some(secret))) => self.parse(&secret),
                    // A deleted Secret is put back as it was: what the API server trusts goes on being served.
                    Ok(Some(None)) => self.ensure(Some(&ca)).await,
                    Ok(None) => return,
                    Err(error) => {
                        tracing::warn!(%error, secret = self.secret, "watch of the CA Secret interrupted");
                        continue;
                    }
                },
            };
            match found {
                Ok(found) if found.current.certificate == ca.current.certificate => {
                    bundle.send_if_modified(|known| replace_if_other(known, found.bundle()));
                    ca = found;
                }
                Ok(found) => {
                    if self.adopt(&found, resolver, bundle) {
                        tracing::info!(secret = self.secret, "the CA was replaced");
                        ca = found;
                    }
                }
                Err(error) => tracing::error!(%error, "the CA Secret is not usable; serving on with the last good CA"),
            }
        }
    }

    /// Signs a new leaf with this CA. Trust first, then serve. False when the CA cannot sign.
    fn adopt(&self, ca: &CaSecret, resolver: &Resolver, bundle: &watch::Sender<String>) -> bool {
        match self.sign(ca) {
            Ok(served) => {
                bundle.send_if_modified(|known| replace_if_other(known, ca.bundle()));
                tracing::info!(not_after = %served.validity.not_after, "new serving certificate");
                resolver.replace(served);
                true
            }
            Err(error) => {
                tracing::error!(%error, "cannot renew the serving certificate; serving on with the last one");
                false
            }
        }
    }

    fn sign(&self, ca: &CaSecret) -> Result<super::Served, Error> {
        Authority::load(&ca.current)
            .and_then(|authority| authority.sign(&self.names, Timestamp::now()))
            .map_err(|source| self.authority_error(source))
    }

    /// The CA of the Secret. Creates it when there is none: with `known` in it, else with a new CA.
    async fn ensure(&self, known: Option<&CaSecret>) -> Result<CaSecret, Error> {
        let api = self.api();
        loop {
            let stored = api.get_opt(&self.secret).await.map_err(|source| self.call("read", source))?;
            let ca = stored.as_ref().map(|secret| self.parse(secret)).transpose()?;
            let step = pki::step(ca.as_ref(), Timestamp::now()).map_err(|source| self.content(source))?;
            if let (Step::Use, Some(ca)) = (step, ca) {
                return Ok(ca);
            }
            let fresh = match known {
                Some(known) if step == Step::Create => known.clone(),
                _ => CaSecret {
                    current: Authority::generate(Timestamp::now()).map_err(|source| self.authority_error(source))?,
                    next: None,
                },
            };
            let written = match stored {
                None => api.create(&PostParams::default(), &self.secret(&fresh, None)).await,
                Some(old) => {
                    let secret = self.secret(&fresh, old.metadata.resource_version);
                    api.replace(&self.secret, &PostParams::default(), &secret).await
                }
            };
            match written {
                Ok(_) => return Ok(fresh),
                // Another replica was faster, or deleted it meanwhile: read again.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(source) => return Err(self.call("write", source)),
            }
        }
    }

    fn secret(&self, ca: &CaSecret, resource_version: Option<String>) -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some(self.secret.clone()),
                namespace: Some(self.namespace.clone()),
                resource_version,
                labels: Some(BTreeMap::from([(labels::MANAGED_BY.into(), labels::MANAGER.into())])),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".into()),
            data: Some(ca.to_data()),
            ..Secret::default()
        }
    }

    fn parse(&self, secret: &Secret) -> Result<CaSecret, Error> {
        let empty = BTreeMap::new();
        CaSecret::from_data(secret.data.as_ref().unwrap_or(&empty)).map_err(|source| self.content(source))
    }

    fn api(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn call(&self, verb: &'static str, source: kube::Error) -> Error {
        Error::Secret { verb, namespace: self.namespace.clone(), name: self.secret.clone(), source: Box::new(source) }
    }

    fn content(&self, source: pki::Error) -> Error {
        Error::Content { namespace: self.namespace.clone(), name: self.secret.clone(), source }
    }

    fn authority_error(&self, source: authority::Error) -> Error {
        Error::Authority { namespace: self.namespace.clone(), name: self.secret.clone(), source }
    }
}

fn replace_if_other(known: &mut String, new: String) -> bool {
    let other = *known != new;
    if other {
        *known = new;
    }
    other
}
