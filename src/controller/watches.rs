//! Watches: each feeds its store, then says which instances and jobs have to look again.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::{self, Config, Event};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::cache::{Cache, Kind, kind_of};
use super::consents::Referrer;
use super::stores::Stores;
use crate::admission::{self, consent::Reference};
use crate::api::labels::{INSTANCE, JOB_UID, MANAGED_BY, MANAGER};
use crate::api::v1::{OdooInitJob, OdooInstance};
use crate::resources::HttpRoute;

/// Name of the CRD without which HTTPRoutes are not watched.
const ROUTE_CRD: &str = "httproutes.gateway.networking.k8s.io";

/// Where watches say who has to look again.
#[derive(Clone)]
pub struct Queues {
    /// Instances.
    pub instances: UnboundedSender<ObjectRef<OdooInstance>>,
    /// Initialisations.
    pub init_jobs: UnboundedSender<ObjectRef<OdooInitJob>>,
    /// Objects of kinds that only wait.
    pub waiting: UnboundedSender<Referrer>,
}

impl Queues {
    /// An instance has to look again. After the queue's end, at shutdown, nobody has to.
    pub fn instance(&self, namespace: &str, name: &str) {
        let _ = self.instances.send(ObjectRef::new(name).within(namespace));
    }

    /// Whoever refers to an object in another namespace has to look at it again.
    pub fn referrers(&self, stores: &Stores, reference: &Reference) {
        for (kind, key) in stores.referrers.of(reference) {
            if kind == admission::subject::Kind::Instance {
                self.instance(&key.namespace, &key.name);
            } else {
                let _ = self.waiting.send((kind, key));
            }
        }
    }

    /// An initialisation has to look again.
    pub fn init_job(&self, namespace: &str, name: &str) {
        let _ = self.init_jobs.send(ObjectRef::new(name).within(namespace));
    }
}

/// The watches that admission needs, for a replica that does nothing else. They end with the set.
pub fn for_admission(client: &Client, stores: &Stores) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    feed_guarded(&mut tasks, client, &stores.instances, |_| ());
    tasks
}

/// Starts every watch. They end with the set.
pub fn start(client: &Client, stores: &Arc<Stores>, queues: &Queues, operator_namespace: &str) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    // What a replica that stood by has seen is enough for admission, and too old to act on.
    stores.instances.begin_again();
    primary(&mut tasks, client, stores, queues);
    children(&mut tasks, client, stores, queues);
    secrets(&mut tasks, client, stores, queues, operator_namespace.to_owned());
    let routes = (client.clone(), stores.clone(), queues.clone());
    tasks.spawn(async move { follow_routes(routes.0, routes.1, routes.2).await });
    tasks
}

/// Waits until every store that is always fed has its first list.
pub async fn ready(stores: &Stores) {
    stores.instances.ready().await;
    stores.init_jobs.ready().await;
    stores.upgrade_jobs.ready().await;
    stores.backup_jobs.ready().await;
    stores.restore_jobs.ready().await;
    stores.refresh_jobs.ready().await;
    stores.backup_schedules.ready().await;
    stores.secrets.ready().await;
    stores.service_accounts.ready().await;
    stores.claims.ready().await;
    stores.services.ready().await;
    stores.ingresses.ready().await;
    stores.disruption_budgets.ready().await;
    stores.deployments.ready().await;
    stores.jobs.ready().await;
    stores.pods.ready().await;
}

fn primary(tasks: &mut JoinSet<()>, client: &Client, stores: &Arc<Stores>, queues: &Queues) {
    let (queue, known) = (queues.clone(), stores.clone());
    feed_guarded(tasks, client, &stores.instances, move |instance: &OdooInstance| {
        let (namespace, name) = (instance.namespace().unwrap_or_default(), instance.name_any());
        queue.instance(&namespace, &name);
        for freed in known.owners.freed() {
            queue.instance(&freed.namespace, &freed.name);
        }
        queue.referrers(&known, &Reference::instance(&namespace, &name));
        for job in known.init_jobs.all() {
            if job.spec.odoo_instance_ref.name == name && job.namespace().as_deref() == Some(&namespace) {
                queue.init_job(&namespace, &job.name_any());
            }
        }
    });
    let queue = queues.clone();
    feed_guarded(tasks, client, &stores.init_jobs, move |job: &OdooInitJob| {
        let namespace = job.namespace().unwrap_or_default();
        queue.init_job(&namespace, &job.name_any());
        queue.instance(&namespace, &job.spec.odoo_instance_ref.name);
    });
}

fn children(tasks: &mut JoinSet<()>, client: &Client, stores: &Arc<Stores>, queues: &Queues) {
    let ours = || Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    feed(tasks, client, ours(), &stores.service_accounts, to_instance(queues));
    feed(tasks, client, ours(), &stores.claims, to_instance(queues));
    feed(tasks, client, ours(), &stores.services, to_instance(queues));
    feed(tasks, client, ours(), &stores.ingresses, to_instance(queues));
    feed(tasks, client, ours(), &stores.disruption_budgets, to_instance(queues));
    feed(tasks, client, ours(), &stores.deployments, to_instance(queues));
    let queue = queues.clone();
    feed(tasks, client, ours(), &stores.jobs, move |job| to_owner(&queue, job));
    let (queue, jobs, cache) = (queues.clone(), stores.init_jobs.clone(), stores.pods.clone());
    let api: Api<Pod> = Api::all(client.clone());
    tasks.spawn(async move {
        // Those of another operator too, while their Deployment keeps its template.
        let config = Config::default().labels(INSTANCE);
        let stream = watcher::watcher(api, config).default_backoff().modify(slim);
        run(stream, &cache, |pod: &Pod| {
            to_instance(&queue)(pod);
            // By uid, not through the batch Job: that one goes before its pod does.
            let uid = pod.labels().get(JOB_UID);
            if let Some(job) = uid.and_then(|uid| jobs.all().into_iter().find(|job| job.uid().as_ref() == Some(uid))) {
                queue.init_job(&job.namespace().unwrap_or_default(), &job.name_any());
            }
        })
        .await;
    });
}

fn secrets(
    tasks: &mut JoinSet<()>,
    client: &Client,
    stores: &Arc<Stores>,
    queues: &Queues,
    operator_namespace: String,
) {
    // Helm keeps its releases in Secrets: many, large, and never ours.
    let config = Config::default().fields("type!=helm.sh/release.v1");
    let api: Api<PartialObjectMeta<Secret>> = Api::all(client.clone());
    let (queue, cache, stores) = (queues.clone(), stores.secrets.clone(), stores.clone());
    tasks.spawn(async move {
        let stream = watcher::watcher(api, config).default_backoff().modify(|secret| {
            secret.managed_fields_mut().clear();
        });
        run(stream, &cache, |secret: &PartialObjectMeta<Secret>| {
            to_instance(&queue)(secret);
            let (namespace, name) = (secret.namespace().unwrap_or_default(), secret.name_any());
            queue.referrers(&stores, &Reference::secret(&namespace, &name));
            for instance in stores.instances.all() {
                let its = instance.namespace().unwrap_or_default();
                let pulls = instance.spec.image_pull_secret.as_ref() == Some(&name);
                let here = its == namespace && (pulls || refers_to(&instance, &name));
                if here || (pulls && namespace == operator_namespace) {
                    queue.instance(&its, &instance.name_any());
                }
            }
        })
        .await;
    });
}

fn refers_to(instance: &OdooInstance, secret: &str) -> bool {
    let spec = &instance.spec;
    let webhook = spec.webhook.as_ref();
    spec.admin_password_secret_ref.as_ref().is_some_and(|reference| reference.name == secret)
        || webhook.and_then(|webhook| webhook.token_secret_ref.as_ref()).is_some_and(|it| it.name == secret)
        || webhook.and_then(|webhook| webhook.signing_secret_ref.as_ref()).is_some_and(|it| it.name == secret)
}

/// The instance that an object is labelled with.
fn to_instance<K: ResourceExt>(queues: &Queues) -> impl Fn(&K) + Send + Sync + 'static + use<K> {
    let queues = queues.clone();
    move |object| {
        if let Some(name) = object.labels().get(INSTANCE) {
            queues.instance(&object.namespace().unwrap_or_default(), name);
        }
    }
}

/// The job object that a batch Job works for, and its instance.
fn to_owner(queues: &Queues, job: &k8s_openapi::api::batch::v1::Job) {
    let namespace = job.namespace().unwrap_or_default();
    for owner in job.owner_references() {
        if owner.kind == "OdooInitJob" {
            queues.init_job(&namespace, &owner.name);
        }
    }
    to_instance(queues)(job);
}

/// What a pod's watchers need of it is its status, not how it was meant.
fn slim(pod: &mut Pod) {
    pod.managed_fields_mut().clear();
    pod.spec = None;
}

fn feed<K>(
    tasks: &mut JoinSet<()>,
    client: &Client,
    config: Config,
    cache: &Arc<Cache<K>>,
    wake: impl Fn(&K) + Send + Sync + 'static,
) where
    K: Kind + DeserializeOwned,
{
    let (api, cache) = (Api::<K>::all(client.clone()), cache.clone());
    tasks.spawn(async move { run(watcher::watcher(api, config).default_backoff(), &cache, wake).await });
}

/// Feeds a store of our own kinds: an object that cannot be read is left out, and does not hide the others.
pub fn feed_guarded<K>(
    tasks: &mut JoinSet<()>,
    client: &Client,
    cache: &Arc<Cache<K>>,
    wake: impl Fn(&K) + Send + Sync + 'static,
) where
    K: Kind + DeserializeOwned + Resource<Scope = k8s_openapi::NamespaceResourceScope>,
{
    let (api, cache) = (Api::<DeserializeGuard<K>>::all(client.clone()), cache.clone());
    tasks.spawn(async move {
        let stream = watcher::watcher(api, Config::default()).default_backoff();
        let stream = stream.filter_map(|event| async { event.map(readable).transpose() });
        run(stream.boxed(), &cache, wake).await;
    });
}

fn readable<K: Kind>(event: Event<DeserializeGuard<K>>) -> Option<Event<K>> {
    let read = |guard: DeserializeGuard<K>| match guard.0 {
        Ok(object) => Some(object),
        Err(invalid) => {
            let meta = invalid.metadata;
            warn!(
                kind = kind_of::<K>(),
                namespace = meta.namespace,
                name = meta.name,
                error = invalid.error,
                "object cannot be read and is left alone"
            );
            None
        }
    };
    match event {
        Event::Apply(guard) => read(guard).map(Event::Apply),
        Event::Delete(guard) => read(guard).map(Event::Delete),
        Event::InitApply(guard) => read(guard).map(Event::InitApply),
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
    }
}

async fn run<K: Kind>(
    stream: impl futures::Stream<Item = Result<Event<K>, watcher::Error>>,
    cache: &Cache<K>,
    wake: impl Fn(&K),
) {
    let mut stream = std::pin::pin!(stream);
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => {
                let touched = match &event {
                    Event::Apply(object) | Event::Delete(object) | Event::InitApply(object) => Some(object.clone()),
                    Event::Init => None,
                    Event::InitDone => {
                        debug!(kind = kind_of::<K>(), "listed");
                        None
                    }
                };
                let listed = matches!(event, Event::InitDone);
                cache.event(event);
                // Objects of a list are in the store only when the list is complete.
                if listed {
                    cache.all().iter().for_each(|object| wake(object));
                } else if let Some(object) = touched {
                    wake(&object);
                }
            }
            Err(error) => warn!(kind = kind_of::<K>(), %error, "watch failed; it is tried again"),
        }
    }
}

/// Watches HTTPRoutes while their CRD is there.
async fn follow_routes(client: Client, stores: Arc<Stores>, queues: Queues) {
    let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client.clone());
    let config = Config::default().fields(&format!("metadata.name={ROUTE_CRD}"));
    let mut stream = std::pin::pin!(watcher::watcher(api, config).default_backoff());
    let mut watch = JoinSet::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(Event::Apply(_) | Event::InitApply(_)) if watch.is_empty() => {
                let ours = Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
                feed::<HttpRoute>(&mut watch, &client, ours, &stores.routes, to_instance(&queues));
            }
            Ok(Event::Delete(_)) => watch.abort_all(),
            Ok(_) => {}
            Err(error) => warn!(%error, "watch of the Gateway API's CRD failed; it is tried again"),
        }
        while watch.try_join_next().is_some() {}
    }
}
