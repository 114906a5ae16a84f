//! The server under load, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use jiff::Timestamp;
use odoo_operator::admission::{self, Clusters, InstanceFacts, Lookup, ObjectKey};
use odoo_operator::api::settings::Settings;
use odoo_operator::app::conversion_hook;
use odoo_operator::server::{self, Hook, Hooks, Limits, NotAReview, Reply};
use odoo_operator::tls::authority::Authority;
use odoo_operator::tls::{Resolver, server_config};
use tokio_util::sync::CancellationToken;

/// What the image tells the C library, unless this process was told something else.
fn tunables() -> String {
    let image = || include_str!("../../Dockerfile").lines().find_map(|line| line.strip_prefix("ENV GLIBC_TUNABLES="));
    std::env::var("GLIBC_TUNABLES").unwrap_or_else(|_| image().unwrap().to_owned())
}

/// A cluster in which nothing collides.
struct World;

impl Lookup for World {
    fn host_owner(&self, _: &str) -> Option<ObjectKey> {
        None
    }

    fn database_owner(&self, _: &str, _: &str) -> Option<ObjectKey> {
        None
    }

    fn instance(&self, _: &str, _: &str) -> Option<InstanceFacts> {
        None
    }

    fn clusters(&self) -> Option<Clusters> {
        Some(Clusters { names: vec!["main".to_owned()], default: Some("main".to_owned()) })
    }
}

/// The operator's own hooks.
pub fn hooks() -> Hooks {
    let settings = Arc::new(Settings::default());
    let admission = |judge: fn(&[u8], &admission::Context<'_>) -> Result<Vec<u8>, admission::NotAReview>| -> Hook {
        let settings = Arc::clone(&settings);
        Arc::new(move |body, _| {
            let answer = judge(body, &admission::Context { settings: &settings, lookup: &World });
            answer.map(Reply::Answer).map_err(NotAReview::because)
        })
    };
    Hooks {
        mutate: admission(admission::review::mutate),
        validate: admission(admission::review::validate),
        convert: conversion_hook(),
        answered: Arc::new(|_| {}),
    }
}

/// What axum, hyper and rustls cost by themselves: the body is read, and the answer is always the same; a conversion is
/// answered with its own body.
fn empty() -> Router {
    const ANSWER: &str =
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"1","allowed":true}}"#;
    Router::new()
        .route("/validate/v1", post(async |_: Bytes| ANSWER))
        .route("/convert", post(async |body: Bytes| body))
        .layer(DefaultBodyLimit::disable())
}

/// Serves until it is killed. Says on standard output where, and who signed its certificate.
pub fn run(handler: &str) {
    let limits = Limits::default();
    let app = if handler == "empty" { empty() } else { server::webhooks(&hooks(), &limits) };
    let ca = Authority::generate(Timestamp::now()).unwrap();
    let leaf = Authority::load(&ca).unwrap().sign(&["localhost".to_owned()], Timestamp::now()).unwrap();
    let config = server_config(Arc::new(Resolver::new(leaf)), None).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        print!("{}", ca.certificate);
        println!();
        server::serve(listener, config, false, app, limits, CancellationToken::new()).await;
    });
}

/// A server process. It ends with this value.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
    pub ca: String,
}

impl Server {
    /// Starts one on the first core, where the machine has `taskset`.
    pub fn start(handler: &str) -> Self {
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(&own);
        if Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_err() {
            command = Command::new(&own);
        }
        let mut process =
            command.env("GLIBC_TUNABLES", tunables()).args(["serve", handler]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.next().unwrap().parse().unwrap();
        let ca = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        Self { process, address, ca }
    }

    /// Processor time of all threads so far. `/proc/<pid>/stat` counts it in hundredths of a second, which is too coarse.
    pub fn cpu_time(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        threads
            .map(|thread| {
                let stat = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
                Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
            })
            .sum()
    }

    /// The most memory that was resident, in MiB.
    pub fn peak_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// How a client connects.
    pub fn client(&self) -> rustls::ClientConfig {
        use rustls::pki_types::pem::PemObject as _;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in rustls::pki_types::CertificateDer::pem_slice_iter(self.ca.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
