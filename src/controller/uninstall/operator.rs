//! The operator's own Deployment and webhook configurations.

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Error, MANAGER, Options, RETRY};
use crate::controller::objects::is_not_found;

/// An operator that was stopped.
pub struct Stopped {
    /// Where it is scaled up again, and to how many.
    back: Option<(Api<Deployment>, String, i32)>,
}

/// Scales the operator to 0 and waits until its pods are gone.
pub async fn stop(client: &Client, options: &Options, say: &(dyn Fn(String) + Sync)) -> Result<Stopped, Error> {
    let Some(name) = &options.deployment else { return Ok(Stopped { back: None }) };
    let api: Api<Deployment> = Api::namespaced(client.clone(), &options.namespace);
    let what = format!("{}/{name}", options.namespace);
    let found = api.get_opt(name).await.map_err(|source| Error::call("read Deployment", &what, source))?;
    let spec = found.and_then(|found| found.spec).ok_or_else(|| Error::NoDeployment(what.clone()))?;
    let before = spec.replicas.unwrap_or(1);
    if before != 0 {
        scale(&api, name, 0).await.map_err(|source| Error::call("scale Deployment", &what, source))?;
    }
    let stopped = Stopped { back: (before != 0).then(|| (api, name.clone(), before)) };
    match gone(client, options, &spec.selector.match_labels.unwrap_or_default()).await {
        Ok(()) => {
            say(format!("the operator is stopped: Deployment {what} has no pods"));
            Ok(stopped)
        }
        Err(error) => {
            stopped.start_again(say).await;
            Err(error)
        }
    }
}

impl Stopped {
    /// What was tried did not succeed: the operator goes on.
    pub async fn start_again(&self, say: &(dyn Fn(String) + Sync)) {
        let Some((api, name, replicas)) = &self.back else { return };
        match scale(api, name, *replicas).await {
            Ok(()) => say(format!("Deployment {name} is scaled to {replicas} again")),
            Err(why) => say(format!("Deployment {name} stays scaled to 0: {why}")),
        }
    }
}

async fn scale(api: &Api<Deployment>, name: &str, replicas: i32) -> Result<(), kube::Error> {
    let params = PatchParams::apply(MANAGER);
    api.patch_scale(name, &params, &Patch::Merge(json!({"spec": {"replicas": replicas}}))).await.map(drop)
}

/// Waits until no pod has these labels: one that is terminating still works.
async fn gone(client: &Client, options: &Options, labels: &BTreeMap<String, String>) -> Result<(), Error> {
    let selector: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let api: Api<Pod> = Api::namespaced(client.clone(), &options.namespace);
    let params = ListParams::default().labels(&selector.join(","));
    let deadline = Instant::now() + options.timeout;
    loop {
        let pods = api.list(&params).await.map_err(|source| Error::call("list pods of", &options.namespace, source))?;
        let there: Vec<_> = pods.iter().filter(|pod| !has_ended(pod)).map(ResourceExt::name_any).collect();
        if there.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::Pods { pods: there.join(", "), seconds: options.timeout.as_secs() });
        }
        sleep(RETRY).await;
    }
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Deletes both webhook configurations. `helm uninstall` does not mind that they are gone.
pub async fn delete_webhooks(client: &Client, name: &str, say: &(dyn Fn(String) + Sync)) -> Result<(), Error> {
    delete::<MutatingWebhookConfiguration>(client, name).await?;
    delete::<ValidatingWebhookConfiguration>(client, name).await?;
    say(format!("webhook configurations {name} are deleted"));
    Ok(())
}

async fn delete<K>(client: &Client, name: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    match Api::<K>::all(client.clone()).delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(source) => Err(Error::call("delete", format!("{} {name}", K::kind(&())), source)),
    }
}
