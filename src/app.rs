//! Start order, supervision and shutdown: the file to read first.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::header::USER_AGENT;
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use kube::api::Api;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;
use url::Url;

use crate::admission;
use crate::api::crds::Conversion;
use crate::api::settings::Settings;
use crate::controller::consents::{Answers, Consents, Known};
use crate::controller::credentials::Credentials;
use crate::controller::databases::Databases;
use crate::controller::instance::Context;
use crate::controller::migrate::Migration;
use crate::controller::notifications::Notifications;
use crate::controller::stores::Stores;
use crate::controller::{ClustersSecret, Fence, Leader, Upkeep, run as controllers, watches};
use crate::conversion;
use crate::notify::{Sender, policy};
use crate::postgres::Clusters;
use crate::postgres::config::ClustersConfig;
use crate::server::{self, Gate, Hooks, Limits, Readiness, Reply, Threads};
use crate::telemetry::{Events, Metrics};
use crate::tls::inject::{self, Target};
use crate::tls::{self, Files, SelfManaged, Source, authority};

/// Between "not ready" and the end of the listener: until then every API server has heard of it.
const ENDPOINTS_SETTLE: Duration = Duration::from_secs(5);
/// Port of the Service in front of the HTTPS server.
const SERVICE_PORT: u16 = 443;
/// How often certificate files are looked at.
const CERTIFICATE_POLL: Duration = Duration::from_secs(10);

/// Where the PostgreSQL clusters are configured.
#[derive(Clone, Debug)]
pub enum ClustersSource {
    /// A Secret in the operator's namespace, key `clusters.yaml`; read again when it changes.
    Secret(String),
    /// Flags.
    Flags(ClustersConfig),
}

/// Where the serving certificate comes from.
#[derive(Clone, Debug)]
pub enum TlsSource {
    /// A CA in a Secret of this name, leaves in memory.
    SelfManaged(String),
    /// Files that somebody else keeps up to date.
    Files {
        /// PEM certificate chain.
        certificate: PathBuf,
        /// PEM key.
        key: PathBuf,
        /// PEM bundle for caBundle; without it, somebody else writes that.
        ca: Option<PathBuf>,
    },
}

/// Everything that `run` was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// For rules, builders and defaults.
    pub settings: Settings,
    /// PostgreSQL.
    pub clusters: ClustersSource,
    /// Address of the HTTPS server.
    pub webhook_address: SocketAddr,
    /// Address of probes and metrics.
    pub probe_address: SocketAddr,
    /// Where the serving certificate comes from.
    pub tls: TlsSource,
    /// PEM file of the authority that signs the API server's client certificate; without it, none is asked for.
    pub client_ca_file: Option<PathBuf>,
    /// Name of the Service in front of the HTTPS server.
    pub service: String,
    /// URL of the HTTPS server, when it is outside the cluster.
    pub webhook_url: Option<Url>,
    /// Names of the mutating and the validating webhook configuration.
    pub configurations: (String, String),
    /// PEM certificates that receivers' certificates may be signed by.
    pub receiver_ca_file: Option<PathBuf>,
    /// Name of the pod, for Events and the lease.
    pub pod_name: Option<String>,
}

/// Why the operator does not run. One line that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(String);

/// Runs the operator until it is told to stop.
pub async fn run(config: Config) -> Result<(), Fatal> {
    let metrics = Arc::new(Metrics::new());
    let readiness = Readiness::new();
    let (stop, drain) = (CancellationToken::new(), CancellationToken::new());
    let (mut servers, mut tasks) = (JoinSet::new(), JoinSet::new());

    let prepared = tokio::task::spawn_blocking(prepare);
    let (threads, https, probes) = listen(&config).await?;
    let identity = identity(config.pod_name.as_deref());
    let client = connect(&identity).await?;
    let (parsed, clusters_secret) = clusters(&client, &config.clusters, &config.settings.operator_namespace).await?;
    let clusters = Clusters::new(parsed).map_err(Fatal)?;

    let stores = Arc::new(Stores::new(clusters.clone()));
    let settings = Arc::new(Settings {
        webhook_policy: policy::beside_api_server(config.settings.webhook_policy.clone(), api_server(&client).await),
        ..config.settings.clone()
    });
    let source = certificates(&client, &config, &stop).await?;
    let client_ca = read_file("--client-ca-file", config.client_ca_file.as_ref())?;
    let tls_config = tls::server_config(source.resolver.clone(), client_ca.as_deref())
        .map_err(|why| Fatal(format!("--client-ca-file: {why}")))?;
    let limits = Limits::default();
    let consents = Arc::new(Consents::new(client.clone()));
    let leaving = CancellationToken::new();
    let hooks = hooks(&settings, &stores, &consents, &metrics);
    let app = server::leaving(server::webhooks(&hooks, &limits), leaving.clone());
    let serving = server::serve(https, tls_config, client_ca.is_some(), app, limits, drain.clone());
    servers.spawn_on(serving, threads.handle());
    let pages = server::probes(readiness.clone(), metrics_page(&metrics, &source));
    servers.spawn_on(server::serve_plain(probes, pages, Limits::default(), drain.clone()), threads.handle());
    prepared.await.map_err(|why| Fatal(format!("the schemas cannot be prepared: {why}")))?;
    readiness.open(Gate::Certificate);
    info!(address = %config.webhook_address, "serving webhooks");

    spread_ca(&mut tasks, &client, configurations(&config), source.ca.clone(), &readiness);
    if let Some(secret) = clusters_secret {
        tasks.spawn(secret.follow(clusters.clone()));
    }
    let mut standing_by = watches::for_admission(&client, &stores);

    // From here on, what the holder of the lease does: prepared now, so that a wrong flag is told at once.
    let roots = read_file("--webhook-ca-file", config.receiver_ca_file.as_ref())?;
    let (sender, outcomes) = Sender::new(settings.webhook_policy.clone(), roots.as_deref())
        .map_err(|why| Fatal(format!("--webhook-ca-file: {why}")))?;
    let fence = Fence::new();
    let acting = fence.client(&client);
    let (queues, received) = controllers::queues();
    let notifications = Arc::new(Notifications::new(sender, metrics.clone()));
    let context = Arc::new(Context {
        client: acting.clone(),
        stores: stores.clone(),
        queues: queues.clone(),
        databases: Arc::new(Databases::new(clusters, config.settings.isolate_adopted_databases)),
        settings: settings.clone(),
        credentials: Credentials::default(),
        consents,
        foreign: crate::controller::Foreign::default(),
        contents: crate::controller::Contents::default(),
        adoptions: crate::controller::Adoptions::default(),
        backoff: crate::controller::Backoff::default(),
        notifications: notifications.clone(),
        events: Events::new(acting.clone(), config.pod_name.clone()),
        metrics: metrics.clone(),
    });
    let upkeep = Upkeep {
        client: acting,
        conversion: conversion_of(&config),
        configurations: configurations(&config),
        ca: source.ca.clone(),
    };
    let delivered = notifications.clone();
    let act = async move {
        // A change of a CRD ends its watches: the CRDs come first, and what is wrong with them holds nobody up.
        let settled = upkeep.install().await;
        let migration = Migration::new(context.clone());
        let work = async {
            migration.instances().await;
            standing_by.shutdown().await;
            tokio::join!(controllers::run(context, received), migration.rest(), delivered.follow(outcomes, queues));
        };
        tokio::join!(work, upkeep.keep(settled));
    };

    let mut leader = Leader::new(client.clone(), &settings.operator_namespace, &identity, fence);
    let mut work = JoinSet::new();
    let end = tokio::select! {
        () = told_to_stop() => Ok(()),
        why = lead(&mut leader, &mut work, act, &metrics) => Err(why),
    };
    info!("stopping");
    readiness.shut_down();
    leaving.cancel();
    let hand_over = async {
        work.shutdown().await;
        notifications.stop();
        leader.release().await;
        metrics.leads(false);
    };
    // Webhooks are answered until nobody calls any more, by what is known then.
    let _standing_by = watches::for_admission(&client, &stores);
    tokio::join!(hand_over, tokio::time::sleep(ENDPOINTS_SETTLE));
    stop.cancel();
    drain.cancel();
    let drained = async { while servers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Limits::default().drain + Duration::from_secs(1), drained).await;
    end
}

/// What every review needs: whoever calls a webhook first must not wait for it.
fn prepare() {
    admission::shape::prepare();
    conversion::prepare();
}

/// The listeners of webhooks and of probes, and the threads that serve them.
async fn listen(config: &Config) -> Result<(Threads, TcpListener, TcpListener), Fatal> {
    let threads = Threads::start().map_err(|why| Fatal(format!("cannot serve webhooks: {why}")))?;
    let failed = |flag| move |why| Fatal(format!("{flag}: {why}"));
    let probes = threads.bind(config.probe_address).await.map_err(failed("--health-probe-bind-address"))?;
    let https = threads.bind(config.webhook_address).await.map_err(failed("--webhook-port"))?;
    Ok((threads, https, probes))
}

/// The text of `/metrics`.
fn metrics_page(metrics: &Arc<Metrics>, source: &Source) -> Arc<dyn Fn() -> String + Send + Sync> {
    let (metrics, resolver) = (metrics.clone(), source.resolver.clone());
    Arc::new(move || {
        // Leaves are renewed: what holds is known only when it is asked for.
        metrics.certificate_not_after(resolver.validity().not_after.as_second());
        metrics.text()
    })
}

/// Waits for the lease, then acts, for as long as it is held. Why that ended.
async fn lead(
    leader: &mut Leader,
    work: &mut JoinSet<()>,
    act: impl Future<Output = ()> + Send + 'static,
    metrics: &Metrics,
) -> Fatal {
    leader.acquire().await;
    metrics.leads(true);
    work.spawn(act);
    tokio::select! {
        loss = leader.keep() => Fatal(format!("the lease is lost: {loss}; another replica goes on, start this one again")),
        _ = work.join_next() => Fatal("the reconcilers ended by themselves; this is a defect of the operator".to_owned()),
    }
}

/// Under what name this process holds the lease. A pod's container that is started again has its pod's name, and takes
/// the lease of its earlier life back at once; outside of a cluster two processes may share a machine.
fn identity(pod_name: Option<&str>) -> String {
    pod_name.map_or_else(
        || {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            format!("{}-{}", host.trim(), std::process::id())
        },
        str::to_owned,
    )
}

/// A client, after one call that shows whether the API server lets us in.
pub async fn connect(identity: &str) -> Result<Client, Fatal> {
    let unreachable = |why: &dyn std::fmt::Display| {
        Fatal(format!(
            "no way to reach a Kubernetes API server: {why}; set KUBECONFIG, or run in a pod with a ServiceAccount"
        ))
    };
    let mut config = kube::Config::infer().await.map_err(|why| unreachable(&why))?;
    // The audit log then says who it was.
    if let Ok(agent) = format!("odoo-operator/{} ({identity})", env!("CARGO_PKG_VERSION")).parse() {
        config.headers.push((USER_AGENT, agent));
    }
    let client = Client::try_from(config).map_err(|why| unreachable(&why))?;
    client
        .apiserver_version()
        .await
        .map_err(|why| Fatal(format!("the Kubernetes API server does not answer: {why}")))?;
    Ok(client)
}

/// Addresses of the API server, which no tenant's notification may be sent to.
async fn api_server(client: &Client) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    let api: Api<Service> = Api::namespaced(client.clone(), "default");
    // Nobody else may be called instead of it: without rights to look, its Service's address is simply not known.
    if let Ok(Some(service)) = api.get_opt("kubernetes").await {
        addresses
            .extend(service.spec.and_then(|spec| spec.cluster_ip).and_then(|address| address.parse::<IpAddr>().ok()));
    }
    if let Ok(config) = kube::Config::infer().await
        && let Some(host) = config.cluster_url.host()
        && let Ok(found) = tokio::net::lookup_host((host.trim_matches(['[', ']']), 443)).await
    {
        addresses.extend(found.map(|address| address.ip()));
    }
    addresses
}

/// The clusters as they are configured, and the Secret that is to be followed.
pub async fn clusters(
    client: &Client,
    source: &ClustersSource,
    namespace: &str,
) -> Result<(ClustersConfig, Option<ClustersSecret>), Fatal> {
    match source {
        ClustersSource::Flags(parsed) => Ok((parsed.clone(), None)),
        ClustersSource::Secret(name) => {
            let secret = ClustersSecret::new(client, namespace, name);
            Ok((secret.read().await.map_err(Fatal)?, Some(secret)))
        }
    }
}

async fn certificates(client: &Client, config: &Config, stop: &CancellationToken) -> Result<Source, Fatal> {
    let namespace = &config.settings.operator_namespace;
    let names = authority::server_names(&config.service, namespace, config.webhook_url.as_ref());
    match &config.tls {
        TlsSource::SelfManaged(secret) => SelfManaged::new(client.clone(), namespace, secret, names)
            .start(stop.clone())
            .await
            .map_err(|why| Fatal(format!("--tls-source self-managed: {why}"))),
        TlsSource::Files { certificate, key, ca } => {
            let (certificate, key, ca) = (certificate.clone(), key.clone(), ca.clone());
            let files = Files { certificate, key, ca, interval: CERTIFICATE_POLL };
            files.start(stop.clone()).await.map_err(|why| Fatal(format!("--tls-source files: {why}")))
        }
    }
}

fn read_file(flag: &str, path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, Fatal> {
    let Some(path) = path else { return Ok(None) };
    std::fs::read(path).map(Some).map_err(|why| Fatal(format!("{flag}: cannot read {}: {why}", path.display())))
}

type Judge = fn(&[u8], &admission::Context<'_>) -> Result<Vec<u8>, admission::NotAReview>;

/// A hook that judges with the stores and what was read. What a review refers to in other namespaces is read on demand,
/// and the review is judged again: the others cost no call.
fn admission_hook(
    settings: Arc<Settings>,
    stores: Arc<Stores>,
    consents: Arc<Consents>,
    answers: Answers,
    judge: Judge,
) -> server::Hook {
    Arc::new(move |body, _| {
        let known = Known::new(&stores, &answers);
        let context = admission::Context { settings: &settings, lookup: &known };
        let answer = judge(body, &context).map_err(server::NotAReview::because)?;
        let wanted = known.wanted();
        if wanted.is_empty() {
            return Ok(Reply::Answer(answer));
        }
        let (settings, stores, consents) = (settings.clone(), stores.clone(), consents.clone());
        Ok(Reply::After(Box::pin(async move {
            let answers = consents.read(wanted).await;
            admission_hook(settings, stores, consents, answers, judge)
        })))
    })
}

/// Converts between the versions of the API. It needs to know nothing else.
pub fn conversion_hook() -> server::Hook {
    Arc::new(|body, pieces| {
        conversion::review::convert(body, pieces).map(Reply::Answer).map_err(server::NotAReview::because)
    })
}

fn hooks(settings: &Arc<Settings>, stores: &Arc<Stores>, consents: &Arc<Consents>, metrics: &Arc<Metrics>) -> Hooks {
    let admission =
        |judge: Judge| admission_hook(settings.clone(), stores.clone(), consents.clone(), Answers::default(), judge);
    let metrics = metrics.clone();
    Hooks {
        mutate: admission(admission::review::mutate),
        validate: admission(admission::review::validate),
        convert: conversion_hook(),
        answered: Arc::new(move |answered| metrics.hook(answered.review.name(), answered.took.as_secs_f64())),
    }
}

/// Puts caBundle into both webhook configurations and opens the gate once it is there. Every replica does, since it is
/// called with their certificates from then on; after that it is for the holder of the lease to keep it there.
fn spread_ca(
    tasks: &mut JoinSet<()>,
    client: &Client,
    targets: Vec<Target>,
    ca: Option<watch::Receiver<String>>,
    readiness: &Readiness,
) {
    let Some(ca) = ca else {
        readiness.open(Gate::CaBundle);
        return;
    };
    let (there, ready) = (CancellationToken::new(), readiness.clone());
    let done = there.clone();
    let announce = move || {
        ready.open(Gate::CaBundle);
        done.cancel();
    };
    tasks.spawn(inject::keep(client.clone(), targets, ca, announce, there));
}

fn configurations(config: &Config) -> Vec<Target> {
    let (mutating, validating) = config.configurations.clone();
    vec![Target::Mutating(mutating), Target::Validating(validating)]
}

fn conversion_of(config: &Config) -> Conversion {
    match &config.webhook_url {
        Some(url) => Conversion::Url(url.as_str().trim_end_matches('/').to_owned()),
        None => Conversion::Service {
            namespace: config.settings.operator_namespace.clone(),
            name: config.service.clone(),
            port: SERVICE_PORT,
        },
    }
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
