//! Everything at once: thousands that send slowly or do not read, bodies of 256 MiB, what no parser likes. The server is
//! a process of its own with the operator's own hooks, so that its memory can be told from the clients'.

use std::io::{BufRead, BufReader, Write as _};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use odoo_operator::admission::{self, Context};
use odoo_operator::api::settings::Settings;
use odoo_operator::app::conversion_hook;
use odoo_operator::controller::stores::Stores;
use odoo_operator::postgres::Clusters;
use odoo_operator::postgres::config::ClustersConfig;
use odoo_operator::server::{Hook, Hooks, Limits, NotAReview, Reply};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::support::{Server, client_config, post, post_http2, tls};

const MIB: usize = 1024 * 1024;
/// The chart's limit, which docs/availability.md names.
const MEMORY: usize = 1024 * MIB;

fn hooks() -> Hooks {
    let clusters = "main: {host: db, port: 5432, adminUser: a, adminPassword: b, default: true}";
    let clusters = Clusters::new(ClustersConfig::from_yaml(clusters).unwrap()).unwrap();
    let (settings, stores) = (Arc::new(Settings::default()), Arc::new(Stores::new(clusters)));
    let admission = |judge: fn(&[u8], &Context<'_>) -> Result<Vec<u8>, admission::NotAReview>| -> Hook {
        let (settings, stores) = (settings.clone(), stores.clone());
        Arc::new(move |body, _| {
            let judged = judge(body, &Context { settings: &settings, lookup: stores.as_ref() });
            judged.map(Reply::from).map_err(NotAReview::because)
        })
    };
    Hooks {
        mutate: admission(admission::review::mutate),
        validate: admission(admission::review::validate),
        convert: conversion_hook(),
        answered: Arc::new(|answered| assert!(!answered.panicked, "a hook panicked")),
    }
}

/// Not a test: the server's process, which [`Process::start`] starts. Ends with its standard input.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test below"]
async fn the_server() {
    let server = Server::webhooks(&hooks(), Limits::default()).await;
    let hello = json!({"address": server.address, "ca": server.ca.certificate});
    println!("\nHELLO {hello}");
    std::io::stdout().flush().unwrap();
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await.unwrap().unwrap();
}

struct Process {
    child: Child,
    address: std::net::SocketAddr,
    ca: String,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["overload::the_server", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let hello =
            lines.map_while(Result::ok).find_map(|line| line.strip_prefix("HELLO ").map(str::to_owned)).unwrap();
        let hello: serde_json::Value = serde_json::from_str(&hello).unwrap();
        Self {
            child,
            address: hello["address"].as_str().unwrap().parse().unwrap(),
            ca: hello["ca"].as_str().unwrap().to_owned(),
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let config = client_config(&self.ca, rustls::ALL_VERSIONS);
        tls(self.address, config).await.unwrap()
    }

    /// The most memory that it ever held, bytes.
    fn peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A head that announces so many bytes.
fn head(path: &str, length: usize) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
        .into_bytes()
}

/// A body that is written as it is sent: its middle is one text, again and again.
struct Flood {
    path: &'static str,
    begin: String,
    again: String,
    end: String,
    /// Bytes of the whole body, at most.
    size: usize,
}

impl Flood {
    /// A review of the largest size whose `object` is replaced.
    fn of(path: &'static str, review: &str, begin: &str, again: &str, end: &str) -> Self {
        let (before, after) = review.split_once("HERE").unwrap();
        let size = if path == "/convert" { 256 * MIB } else { 16 * MIB };
        Self { path, begin: format!("{before}{begin}"), again: again.to_owned(), end: format!("{end}{after}"), size }
    }

    /// What the server says to it; `None` when it ends the connection first.
    async fn send(&self, process: &Process) -> Option<StatusCode> {
        let times = (self.size - self.begin.len() - self.end.len()) / self.again.len();
        let length = self.begin.len() + times * self.again.len() + self.end.len();
        let (mut reader, mut writer) = tokio::io::split(process.connect().await);
        let send = async {
            writer.write_all(&[&head(self.path, length), self.begin.as_bytes()].concat()).await?;
            let block = MIB / self.again.len();
            for sent in (0..times).step_by(block) {
                writer.write_all(self.again.repeat(block.min(times - sent)).as_bytes()).await?;
            }
            writer.write_all(self.end.as_bytes()).await
        };
        // The whole answer is read, and forgotten, also while the body is still sent.
        let receive = async {
            let (mut answer, mut first) = (vec![0; MIB], Vec::new());
            while let Ok(read @ 1..) = reader.read(&mut answer).await {
                if first.is_empty() {
                    first.extend_from_slice(&answer[..read]);
                }
            }
            first
        };
        let (mut send, mut receive) = (pin!(send), pin!(receive));
        let first = tokio::select! {
            first = &mut receive => first,
            _ = &mut send => receive.await,
        };
        String::from_utf8_lossy(&first).split(' ').nth(1)?.parse().ok()
    }
}

/// The largest bodies, made to be as dear as they can.
fn floods() -> Vec<Flood> {
    let conversion = conversion("HERE");
    let listed = manifest() + ",";
    let one = r#"{"apiVersion":"bemade.org/v1","kind":"OdooInstance","spec":{"a":""#;
    let admission = r#"{"apiVersion":"bemade.org/v1alpha1","kind":"OdooInstance","metadata":{"name":"a"},"spec":HERE}"#;
    let admission = review(admission).replace(r#""version":"v1""#, r#""version":"v1alpha1""#);
    vec![
        Flood { path: "/convert", begin: String::new(), again: " ".to_owned(), end: String::new(), size: 256 * MIB },
        Flood::of("/convert", &conversion, "", "{},", "{}"),
        Flood::of("/convert", &conversion, "", &listed, &manifest()),
        Flood::of("/convert", &conversion, one, &"x".repeat(4096), "\"}}"),
        Flood::of("/validate/v1", &admission, "[", "1,", "1]"),
    ]
}

fn conversion(objects: &str) -> String {
    format!(
        r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{{"uid":"u",
        "desiredAPIVersion":"bemade.org/v1alpha1","objects":[{objects}]}}}}"#
    )
}

fn review(object: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"CREATE",
        "kind":{{"group":"bemade.org","version":"v1","kind":"OdooInstance"}},
        "resource":{{"group":"bemade.org","version":"v1","resource":"odooinstances"}},
        "requestKind":{{"group":"bemade.org","version":"v1","kind":"OdooInstance"}},
        "name":"a","namespace":"b","userInfo":{{"username":"u"}},"object":{object},"oldObject":null,"dryRun":false}}}}"#
    )
}

fn manifest() -> String {
    let spec = json!({"image": "odoo:19.0", "replicas": 1, "ingress": {"hosts": ["a.example.com"], "issuer": "x"}});
    json!({"apiVersion": "bemade.org/v1", "kind": "OdooInstance",
        "metadata": {"name": "a", "namespace": "b", "annotations": {"pad": "x".repeat(9000)}}, "spec": spec})
    .to_string()
}

/// A new object that came as v1alpha1, with nearly as many values as are read.
fn dearest() -> String {
    let tolerations = vec![r#"{"key":"a"}"#; 24_900].join(",");
    let spec = format!(r#"{{"ingress":{{"hosts":["a.example.com"]}},"tolerations":[{tolerations}]}}"#);
    let object =
        format!(r#"{{"apiVersion":"bemade.org/v1","kind":"OdooInstance","metadata":{{"name":"a"}},"spec":{spec}}}"#);
    let (head, tail) = (r#""requestKind":{"group":"bemade.org","version":""#, r#"","kind":"OdooInstance""#);
    review(&object).replace(&format!("{head}v1{tail}"), &format!("{head}v1alpha1{tail}"))
}

/// Has eight reviews judged at once that take most memory for a byte, as large as they may be.
async fn judge_dear(process: &Arc<Process>) {
    let dear = Arc::new(dearest());
    let judged = (0..8).map(|number| {
        let (process, dear) = (process.clone(), dear.clone());
        let path = ["/mutate/v1", "/validate/v1"][number % 2];
        tokio::spawn(async move { post(&mut process.connect().await, path, dear.as_bytes()).await })
    });
    for answer in futures::future::join_all(judged).await {
        let (status, answer) = answer.unwrap();
        assert!(status == StatusCode::OK && answer.contains(r#""allowed":true"#), "{status} {answer}");
    }
}

/// Bodies that parsers trip over.
fn nasty() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    let instance = |spec: &str| {
        format!(r#"{{"apiVersion":"bemade.org/v1","kind":"OdooInstance","metadata":{{"name":"a"}},"spec":{spec}}}"#)
    };
    let specs = [
        deep("[", "]"),
        deep(r#"{"a":"#, "}").replace('}', "1}"),
        format!("{{{}\"replicas\":1}}", r#""replicas":1,"#.repeat(50_000)),
        format!(r#"{{"replicas":{}}}"#, "9".repeat(100_000)),
        r#"{"replicas":1e999999999}"#.to_owned(),
        format!(r#"{{"replicas":-0.{}1}}"#, "0".repeat(100_000)),
        format!(r#"{{"image":"{}"}}"#, r"\ud800".repeat(10_000)),
    ];
    let mut all: Vec<Vec<u8>> = Vec::new();
    for spec in specs {
        all.push(review(&instance(&spec)).into_bytes());
        all.push(conversion(&instance(&spec)).into_bytes());
    }
    let mut invalid = review(&manifest()).into_bytes();
    invalid.iter_mut().filter(|byte| **byte == b'x').for_each(|byte| *byte = 0xff);
    all.push(invalid);
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthy_callers_are_answered_whatever_the_others_do() {
    let process = Arc::new(Process::start());
    let done = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let healthy = tokio::spawn({
        let (process, done, answered) = (process.clone(), done.clone(), answered.clone());
        async move {
            let body = review(&manifest());
            let mut config = client_config(&process.ca, rustls::ALL_VERSIONS);
            config.alpn_protocols = vec![b"h2".to_vec()];
            let stream = hyper_util::rt::TokioIo::new(tls(process.address, config).await.unwrap());
            let executor = hyper_util::rt::TokioExecutor::new();
            let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, stream).await.unwrap();
            tokio::spawn(connection);
            let mut took = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let began = Instant::now();
                let (status, answer) = post_http2(&mut sender, "/mutate/v1", body.clone().into_bytes()).await;
                took.push(began.elapsed());
                assert_eq!(status, StatusCode::OK);
                assert_eq!(answer["response"]["allowed"], true, "{answer}");
                answered.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            took.sort_unstable();
            took
        }
    });
    let began = Instant::now();
    let progress = async |what: &str| {
        println!("{:?} {what}: peak {} MiB", began.elapsed(), process.peak() / MIB);
        let before = answered.load(Ordering::Relaxed);
        while answered.load(Ordering::Relaxed) < before + 20 {
            assert!(!healthy.is_finished(), "a healthy caller failed: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };

    // Two thousand that send slowly: some say nothing, some stop in the head, some in the body, which fills the share of
    // small bodies twice.
    let mut slow = Vec::new();
    let mut silent = Vec::new();
    for number in 0..2000 {
        match number % 4 {
            0 => silent.push(TcpStream::connect(process.address).await.unwrap()),
            1 => {
                let mut stream = process.connect().await;
                let _ = stream.write_all(b"POST /convert HTTP/1.1\r\nX-Slow: ").await;
                slow.push(stream);
            }
            _ => {
                let mut stream = process.connect().await;
                let path = if number % 8 == 2 { "/validate/v1" } else { "/convert" };
                let _ = stream.write_all(&head(path, MIB)).await;
                // The server may have closed what was slow before us.
                let _ = stream.write_all(&vec![b'['; 140_000]).await;
                slow.push(stream);
            }
        }
    }
    progress("two thousand connections are slow").await;

    // Others ask for as much as small bodies may, and read no answer.
    let mut deaf = Vec::new();
    let large = manifest().replace("xxx", &"x".repeat(280));
    let body = conversion(&large);
    assert!((800_000..MIB).contains(&body.len()));
    for _ in 0..100 {
        let mut stream = process.connect().await;
        let _ = stream.write_all(&[&head("/convert", body.len()), body.as_bytes()].concat()).await;
        deaf.push(stream);
    }
    progress("a hundred do not read their answers").await;

    judge_dear(&process).await;
    progress("eight reviews are dear").await;

    // The largest bodies, more at once than there is room for.
    let floods = tokio::spawn({
        let process = process.clone();
        async move {
            for (number, flood) in floods().into_iter().enumerate() {
                let status = flood.send(&process).await;
                println!("{:?} flood {number}: {status:?}, peak {} MiB", began.elapsed(), process.peak() / MIB);
                let is_proper = status.is_some_and(|status| matches!(status.as_u16(), 200 | 400 | 408 | 503));
                assert!(is_proper, "flood {number}: {status:?}");
            }
        }
    });
    progress("the largest bodies arrive").await;

    for body in nasty() {
        for path in ["/mutate/v1", "/validate/v1", "/convert"] {
            let (status, answer) = post(&mut process.connect().await, path, &body).await;
            let judged = status == StatusCode::OK || status == StatusCode::BAD_REQUEST;
            assert!(judged, "{status} {answer}: {}", String::from_utf8_lossy(&body[..200]));
        }
    }
    floods.await.unwrap();
    progress("after all of it").await;
    done.store(true, Ordering::Relaxed);
    let took = healthy.await.unwrap();
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    println!("{} answers: p50 {:?}, p99 {:?}, longest {:?}", took.len(), at(50), at(99), at(100));
    println!("peak of the server: {} MiB", process.peak() / MIB);
    assert!(process.peak() < MEMORY, "{} bytes", process.peak());
    drop((slow, silent, deaf));
}
