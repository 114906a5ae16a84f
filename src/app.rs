//! Start order, supervision and shutdown: the file to read first.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::Client;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use url::Url;

use crate::admission;
use crate::api::crds::Conversion;
use crate::api::settings::Settings;
use crate::controller::credentials::Credentials;
use crate::controller::databases::Databases;
use crate::controller::instance::Context;
use crate::controller::notifications::Notifications;
use crate::controller::stores::Stores;
use crate::controller::{crds, run as controllers};
use crate::conversion;
use crate::notify::{Sender, policy};
use crate::postgres::Clusters;
use crate::postgres::config::ClustersConfig;
use crate::server::{self, Gate, Hooks, Limits, Readiness};
use crate::telemetry::{Events, Metrics};
use crate::tls::inject::{self, Target};
use crate::tls::{self, Files, SelfManaged, Source, authority};

/// Between "not ready" and the end of the listener: until then every API server has heard of it.
const ENDPOINTS_SETTLE: Duration = Duration::from_secs(3);
/// Port of the Service in front of the HTTPS server.
const SERVICE_PORT: u16 = 443;
/// How often certificate files are looked at.
const CERTIFICATE_POLL: Duration = Duration::from_secs(10);
/// Key of the configuration in the clusters Secret.
const CLUSTERS_KEY: &str = "clusters.yaml";

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
    /// Name of the pod, for Events.
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
    let stop = CancellationToken::new();
    let drain = CancellationToken::new();
    let mut tasks = JoinSet::new();

    let probes =
        server::bind(config.probe_address).await.map_err(|why| Fatal(format!("--health-probe-bind-address: {why}")))?;
    let https = server::bind(config.webhook_address).await.map_err(|why| Fatal(format!("--webhook-port: {why}")))?;
    let client = connect().await?;
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
    let app = server::webhooks(&hooks(&settings, &stores, &metrics), &limits);
    tasks.spawn(server::serve(https, tls_config, client_ca.is_some(), app, limits, drain.clone()));
    let (page, resolver) = (metrics.clone(), source.resolver.clone());
    let text = move || {
        // Leaves are renewed: what holds is known only when it is asked for.
        page.certificate_not_after(resolver.validity().not_after.as_second());
        page.text()
    };
    let router = server::probes(readiness.clone(), Arc::new(text));
    tasks.spawn(server::serve_plain(probes, router, Limits::default(), drain.clone()));
    readiness.open(Gate::Certificate);
    info!(address = %config.webhook_address, "serving webhooks");

    spread_ca(&mut tasks, &client, &config, &source, &readiness, &stop);
    if let Some(name) = clusters_secret {
        let (client, clusters) = (client.clone(), clusters.clone());
        let namespace = config.settings.operator_namespace.clone();
        tasks.spawn(async move { follow_clusters(client, &namespace, &name, &clusters).await });
    }

    let roots = read_file("--webhook-ca-file", config.receiver_ca_file.as_ref())?;
    let (sender, outcomes) = Sender::new(settings.webhook_policy.clone(), roots.as_deref())
        .map_err(|why| Fatal(format!("--webhook-ca-file: {why}")))?;
    let (queues, received) = controllers::queues();
    let notifications = Arc::new(Notifications::new(sender, metrics.clone()));
    let following = (notifications.clone(), queues.clone());
    tasks.spawn(async move { following.0.follow(outcomes, following.1).await });
    let context = Arc::new(Context {
        client: client.clone(),
        stores,
        queues,
        databases: Arc::new(Databases::new(clusters, config.settings.isolate_adopted_databases)),
        settings,
        credentials: Credentials::default(),
        foreign: crate::controller::Foreign::default(),
        backoff: crate::controller::Backoff::default(),
        notifications,
        events: Events::new(client.clone(), config.pod_name.clone()),
        metrics,
    });
    let crds = Crds::new(&client, &config, &source, &stop);
    let controllers = tokio::spawn(async move {
        // A change of a CRD ends its watches: the CRDs come first, and what is wrong with them holds nobody up.
        let settled = crds.install().await;
        tokio::join!(controllers::run(context, received), crds.keep(settled));
    });

    told_to_stop().await;
    info!("stopping");
    readiness.shut_down();
    tokio::time::sleep(ENDPOINTS_SETTLE).await;
    controllers.abort();
    stop.cancel();
    drain.cancel();
    // The drain has a limit of its own.
    let servers = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), servers).await;
    Ok(())
}

/// A client, after one call that shows whether the API server lets us in.
pub async fn connect() -> Result<Client, Fatal> {
    let client = Client::try_default().await.map_err(|why| {
        Fatal(format!(
            "no way to reach a Kubernetes API server: {why}; set KUBECONFIG, or run in a pod with a ServiceAccount"
        ))
    })?;
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

/// The clusters as they are configured, and the name of the Secret that is to be followed.
pub async fn clusters(
    client: &Client,
    source: &ClustersSource,
    namespace: &str,
) -> Result<(ClustersConfig, Option<String>), Fatal> {
    let name = match source {
        ClustersSource::Flags(parsed) => return Ok((parsed.clone(), None)),
        ClustersSource::Secret(name) => name,
    };
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret =
        api.get_opt(name).await.map_err(|why| Fatal(format!("cannot read Secret {namespace}/{name}: {why}")))?;
    let secret = secret.ok_or_else(|| {
        Fatal(format!(
            "Secret {namespace}/{name} is not there: create it with key {CLUSTERS_KEY}, or describe one cluster with \
             --postgres-host and --postgres-admin-password-file"
        ))
    })?;
    Ok((parse_clusters(&secret, namespace, name)?, Some(name.clone())))
}

fn parse_clusters(secret: &Secret, namespace: &str, name: &str) -> Result<ClustersConfig, Fatal> {
    let whose = format!("Secret {namespace}/{name}, key {CLUSTERS_KEY}");
    let Some(ByteString(bytes)) = secret.data.as_ref().and_then(|data| data.get(CLUSTERS_KEY)) else {
        return Err(Fatal(format!(
            "{whose} is not there: it must hold a map of cluster names to host, port, adminUser, adminPassword"
        )));
    };
    let text = std::str::from_utf8(bytes).map_err(|_| Fatal(format!("{whose} is not text")))?;
    ClustersConfig::from_yaml(text).map_err(|why| Fatal(format!("{whose}: {why}")))
}

/// Takes a changed configuration over; one that cannot be used is reported, and the last good one stays.
async fn follow_clusters(client: Client, namespace: &str, name: &str, clusters: &Clusters) {
    let api: Api<Secret> = Api::namespaced(client, namespace);
    let mut changes = std::pin::pin!(watcher::watch_object(api, name).default_backoff());
    while let Some(change) = changes.next().await {
        let taken = match change {
            Ok(Some(secret)) => parse_clusters(&secret, namespace, name)
                .and_then(|parsed| clusters.replace(parsed).map_err(Fatal))
                .map_err(|why| why.to_string()),
            Ok(None) => Err(format!("Secret {namespace}/{name} is gone")),
            Err(why) => Err(format!("Secret {namespace}/{name} cannot be watched: {why}")),
        };
        if let Err(why) = taken {
            warn!(why, "the last good configuration of the PostgreSQL clusters stays in use");
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

fn hooks(settings: &Arc<Settings>, stores: &Arc<Stores>, metrics: &Arc<Metrics>) -> Hooks {
    let admission =
        |judge: fn(&[u8], &admission::Context<'_>) -> Result<Vec<u8>, admission::NotAReview>| -> server::Hook {
            let (settings, stores) = (settings.clone(), stores.clone());
            Arc::new(move |body: &[u8]| {
                let context = admission::Context { settings: &settings, lookup: stores.as_ref() };
                judge(body, &context).map_err(server::NotAReview::because)
            })
        };
    let metrics = metrics.clone();
    Hooks {
        mutate: admission(admission::review::mutate),
        validate: admission(admission::review::validate),
        convert: Arc::new(|body: &[u8]| conversion::review::convert(body).map_err(server::NotAReview::because)),
        answered: Arc::new(move |answered| metrics.hook(answered.review.name(), answered.took.as_secs_f64())),
    }
}

/// Keeps caBundle in both webhook configurations and opens the gate once it is there.
fn spread_ca(
    tasks: &mut JoinSet<()>,
    client: &Client,
    config: &Config,
    source: &Source,
    readiness: &Readiness,
    stop: &CancellationToken,
) {
    let Some(ca) = source.ca.clone() else {
        readiness.open(Gate::CaBundle);
        return;
    };
    let (mutating, validating) = config.configurations.clone();
    let targets = vec![Target::Mutating(mutating), Target::Validating(validating)];
    let ready = readiness.clone();
    tasks.spawn(inject::keep(client.clone(), targets, ca, move || ready.open(Gate::CaBundle), stop.clone()));
}

/// Upkeep of our CRDs.
struct Crds {
    client: Client,
    conversion: Conversion,
    /// `None` where somebody else writes caBundle; the CRDs then stay as the chart installed them.
    ca: Option<tokio::sync::watch::Receiver<String>>,
    stop: CancellationToken,
}

impl Crds {
    fn new(client: &Client, config: &Config, source: &Source, stop: &CancellationToken) -> Self {
        let conversion = match &config.webhook_url {
            Some(url) => Conversion::Url(url.as_str().trim_end_matches('/').to_owned()),
            None => Conversion::Service {
                namespace: config.settings.operator_namespace.clone(),
                name: config.service.clone(),
                port: SERVICE_PORT,
            },
        };
        Self { client: client.clone(), conversion, ca: source.ca.clone(), stop: stop.clone() }
    }

    /// Brings the CRDs to their final form. Whether it succeeded; without it v1 works all the same.
    async fn install(&self) -> bool {
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

    /// Tries until it succeeded, then keeps caBundle.
    async fn keep(&self, mut settled: bool) {
        let mut wait = Duration::from_secs(1);
        while !settled {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(30));
            settled = self.install().await;
        }
        let Some(ca) = self.ca.clone() else { return };
        let names = crate::api::crds::all().into_iter().filter_map(|crd| crd.metadata.name);
        let targets = names.map(Target::Crd).collect();
        inject::keep(self.client.clone(), targets, ca, || (), self.stop.clone()).await;
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
