//! Telling the API server which CA to trust: `caBundle`, written under a field manager of its own.

use std::pin::pin;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use futures::future::join_all;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::labels::CA_FIELD_MANAGER;

/// `caBundle` cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is not there.
    #[error("{kind} {name} does not exist; install it with the chart")]
    Missing {
        /// Kind of the object.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The API server refused a call.
    #[error("cannot {verb} {kind} {name}: {source}")]
    Call {
        /// What was tried.
        verb: &'static str,
        /// Kind of the object.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The answer.
        source: Box<kube::Error>,
    },
}

/// An object that carries a `caBundle` for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A MutatingWebhookConfiguration: each of its webhooks.
    Mutating(String),
    /// A ValidatingWebhookConfiguration: each of its webhooks.
    Validating(String),
    /// A CustomResourceDefinition whose conversion strategy is Webhook.
    Crd(String),
}

impl Error {
    /// Whether somebody else wrote the object in between.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Call { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 409))
    }
}

impl Target {
    fn name(&self) -> &str {
        match self {
            Self::Mutating(name) | Self::Validating(name) | Self::Crd(name) => name,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Mutating(_) => "MutatingWebhookConfiguration",
            Self::Validating(_) => "ValidatingWebhookConfiguration",
            Self::Crd(_) => "CustomResourceDefinition",
        }
    }

    fn resource(&self) -> ApiResource {
        let (group, plural) = match self {
            Self::Mutating(_) => ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
            Self::Validating(_) => ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
            Self::Crd(_) => ("apiextensions.k8s.io", "customresourcedefinitions"),
        };
        ApiResource {
            group: group.into(),
            version: "v1".into(),
            api_version: format!("{group}/v1"),
            kind: self.kind().into(),
            plural: plural.into(),
        }
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        Api::all_with(client.clone(), &self.resource())
    }

    fn call(&self, verb: &'static str, source: kube::Error) -> Error {
        Error::Call { verb, kind: self.kind(), name: self.name().into(), source: Box::new(source) }
    }
}

/// Writes the bundle into the target unless it is there already. True when something was written.
pub async fn inject(client: &Client, target: &Target, ca_pem: &str) -> Result<bool, Error> {
    let live = target
        .api(client)
        .get_opt(target.name())
        .await
        .map_err(|source| target.call("read", source))?
        .ok_or_else(|| Error::Missing { kind: target.kind(), name: target.name().into() })?;
    inject_into(client, target, &live, ca_pem).await
}

async fn inject_into(client: &Client, target: &Target, live: &DynamicObject, ca_pem: &str) -> Result<bool, Error> {
    let Some(mut patch) = bundle_patch(target, &live.data, ca_pem) else {
        return Ok(false);
    };
    // A webhook that goes away between the read and the write must not come back as a fragment.
    patch["metadata"]["resourceVersion"] = json!(live.metadata.resource_version);
    let params = PatchParams::apply(CA_FIELD_MANAGER).force();
    target
        .api(client)
        .patch(target.name(), &params, &Patch::Apply(&patch))
        .await
        .map_err(|source| target.call("write caBundle of", source))?;
    tracing::info!(kind = target.kind(), name = target.name(), "caBundle written");
    Ok(true)
}

/// Keeps the bundle in every target until `shutdown`: written when it is missing, differs or changes. `once_everywhere`
/// runs when every target has carried the bundle for the first time.
pub async fn keep(
    client: Client,
    targets: Vec<Target>,
    ca: watch::Receiver<String>,
    once_everywhere: impl FnOnce(),
    shutdown: CancellationToken,
) {
    let (done, mut remaining) = watch::channel(targets.len());
    let keepers = join_all(targets.iter().map(|target| keep_one(&client, target, ca.clone(), &done)));
    let announce = async {
        if remaining.wait_for(|count| *count == 0).await.is_ok() {
            once_everywhere();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = announce => {}
        _ = keepers => {}
        () = shutdown.cancelled() => {}
    }
}

async fn keep_one(client: &Client, target: &Target, mut ca: watch::Receiver<String>, remaining: &watch::Sender<usize>) {
    const RETRY: Duration = Duration::from_secs(1);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", target.name()));
    let mut events = pin!(watcher::watcher(target.api(client), config).default_backoff().touched_objects());
    let mut live: Option<DynamicObject> = None;
    let mut announced = false;
    let mut failed = None;
    loop {
        tokio::select! {
            event = events.try_next() => match event {
                Ok(Some(object)) => live = Some(object),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, kind = target.kind(), name = target.name(), "watch interrupted");
                    continue;
                }
            },
            changed = ca.changed() => if changed.is_err() {
                return;
            },
            () = tokio::time::sleep(RETRY), if failed.is_some() => {}
        }
        let Some(object) = &live else { continue };
        let bundle = ca.borrow_and_update().clone();
        let result = if failed.is_some() {
            inject(client, target, &bundle).await
        } else {
            inject_into(client, target, object, &bundle).await
        };
        match result {
            Ok(_) => {
                failed = None;
                if !announced {
                    announced = true;
                    remaining.send_modify(|count| *count -= 1);
                }
            }
            // The object is gone: nothing to do before it is back, which the watch tells.
            Err(Error::Missing { .. }) => {
                failed = None;
                live = None;
            }
            Err(error) => {
                let message = error.to_string();
                if failed.as_ref() != Some(&message) {
                    tracing::warn!(error = message, "will be tried again");
                }
                failed = Some(message);
            }
        }
    }
}

/// The server-side apply patch that brings the bundle into the object; None when nothing is to be written.
fn bundle_patch(target: &Target, live: &Value, ca_pem: &str) -> Option<Value> {
    let bundle = BASE64_STANDARD.encode(ca_pem);
    let resource = target.resource();
    let mut patch = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": { "name": target.name() },
    });
    let is_current = |config: &Value| config["caBundle"] == json!(bundle);
    match target {
        Target::Mutating(_) | Target::Validating(_) => {
            let webhooks = live["webhooks"].as_array()?;
            if webhooks.iter().all(|webhook| is_current(&webhook["clientConfig"])) {
                return None;
            }
            patch["webhooks"] = webhooks
                .iter()
                .map(|webhook| json!({ "name": webhook["name"], "clientConfig": { "caBundle": bundle } }))
                .collect();
        }
        Target::Crd(_) => {
            let conversion = &live["spec"]["conversion"];
            if conversion["strategy"] != "Webhook" || is_current(&conversion["webhook"]["clientConfig"]) {
                return None;
            }
            patch["spec"] = json!({ "conversion": { "webhook": { "clientConfig": { "caBundle": bundle } } } });
        }
    }
    Some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_bundles_are_applied_and_nothing_when_equal() {
        let target = Target::Mutating("odoo-operator".into());
        let mut live = json!({"webhooks": [
            {"name": "a.bemade.org", "clientConfig": {"service": {"name": "x"}}, "sideEffects": "None"},
            {"name": "b.bemade.org", "clientConfig": {"caBundle": BASE64_STANDARD.encode("PEM")}},
        ]});
        let patch = bundle_patch(&target, &live, "PEM").unwrap();
        assert_eq!(
            patch,
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": "odoo-operator"},
                "webhooks": [
                    {"name": "a.bemade.org", "clientConfig": {"caBundle": "UEVN"}},
                    {"name": "b.bemade.org", "clientConfig": {"caBundle": "UEVN"}},
                ],
            })
        );
        live["webhooks"][0]["clientConfig"]["caBundle"] = json!("UEVN");
        assert_eq!(bundle_patch(&target, &live, "PEM"), None);
    }

    #[test]
    fn a_crd_without_the_webhook_strategy_is_left_alone() {
        let target = Target::Crd("odooinstances.bemade.org".into());
        let live = json!({"spec": {"conversion": {"strategy": "None"}}});
        assert_eq!(bundle_patch(&target, &live, "PEM"), None);
        let live = json!({"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {}}}}});
        let patch = bundle_patch(&target, &live, "PEM").unwrap();
        assert_eq!(patch["spec"], json!({"conversion": {"webhook": {"clientConfig": {"caBundle": "UEVN"}}}}));
    }
}
