//! A receiver of the operator's notifications: verifies signatures, prints a line a delivery and keeps it in a file.
//!
//! ```sh
//! cargo run --example receiver -- --listen 127.0.0.1:8080 --secret-file signing-key --log deliveries.jsonl
//! ```
//!
//! A delivery may come twice (delivery is at least once): a receiver that acts on it keeps the `webhook-id`s that it has
//! seen. This one shows every delivery, so that repetitions can be seen too.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use clap::Parser;
use http::{HeaderMap, StatusCode};
use odoo_operator::server::{self, Limits};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Receives the operator's notifications.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one. The first line printed says which.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Signing key (`whsec_…`), or two separated by white space. Others on this machine can read arguments: prefer
    /// --secret-file.
    #[arg(long, env = "RECEIVER_SECRET", hide_env_values = true, conflicts_with = "secret_file")]
    secret: Option<String>,
    /// File that holds the signing key, or two separated by white space.
    #[arg(long)]
    secret_file: Option<PathBuf>,
    /// File that gets one JSON line a delivery: headers, body, verified (null without a key) and receivedAt. Headers are
    /// kept as they came, a bearer token included, so only its owner may read a new file.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Status to answer with, whatever comes, to see how the operator takes it. Else 204, or 401 to a bad signature.
    #[arg(long)]
    status: Option<u16>,
    /// Certificate chain (PEM): serves HTTPS.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM) of --tls-cert.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

struct Receiver {
    /// Empty: signatures are not looked at.
    keys: Vec<Webhook>,
    log: Option<Mutex<File>>,
    status: Option<StatusCode>,
}

impl Receiver {
    fn new(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let text = match (&arguments.secret, &arguments.secret_file) {
            (Some(secret), _) => Some(secret.clone()),
            (None, Some(path)) => Some(std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?),
            (None, None) => None,
        };
        let keys: Vec<Webhook> = text
            .iter()
            .flat_map(|text| text.split_whitespace())
            .map(|key| Webhook::new(key).map_err(|_| "the signing key is not `whsec_` and base64"))
            .collect::<Result<_, _>>()?;
        if text.is_some() && keys.is_empty() {
            return Err("the signing key is empty".into());
        }
        let log = match &arguments.log {
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
                Some(Mutex::new(file.map_err(|e| format!("{}: {e}", path.display()))?))
            }
            None => None,
        };
        let status =
            arguments.status.map(StatusCode::from_u16).transpose().map_err(|_| "--status must be from 100 to 999")?;
        Ok(Self { keys, log, status })
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Option<bool> {
        // During a rotation each request carries a signature for every key; one that fits is enough.
        (!self.keys.is_empty()).then(|| self.keys.iter().any(|key| key.verify(body, headers).is_ok()))
    }

    /// One write a line: a reader never sees half of one, and a full disk does not stop deliveries.
    fn keep(&self, line: &Value) {
        if let Some(log) = &self.log {
            let mut file = log.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
                eprintln!("cannot write the log: {error}");
            }
        }
    }
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let verified = receiver.verify(&headers, &body);
    let content = serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
    let now = jiff::Timestamp::now().to_string();
    // Whoever read this output may be gone; deliveries are kept all the same.
    let _ = writeln!(std::io::stdout(), "{now} {} {}", summary(&headers, &content), trust(verified));
    let headers: BTreeMap<&str, _> =
        headers.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect();
    receiver.keep(&json!({"headers": headers, "body": content, "verified": verified, "receivedAt": now}));
    receiver.status.unwrap_or(if verified == Some(false) { StatusCode::UNAUTHORIZED } else { StatusCode::NO_CONTENT })
}

fn trust(verified: Option<bool>) -> &'static str {
    match verified {
        Some(true) => "signature valid",
        Some(false) => "SIGNATURE NOT VALID",
        None => "signature not checked",
    }
}

fn summary(headers: &HeaderMap, body: &Value) -> String {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    let field = |name: &str| body[name].as_str().unwrap_or("-");
    let from = body["previousPhase"].as_str().map(|phase| format!("{phase} → ")).unwrap_or_default();
    // The words of a stranger do not get to move the cursor.
    let words =
        format!("{} {} {from}{} [{}]", field("kind"), header("ce-subject"), field("phase"), header("webhook-id"));
    words.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// SIGTERM and Ctrl-C end it, after what is under way.
fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.cancel();
    });
    Ok(stop)
}

fn tls(certificate: &Path, key: &Path) -> Result<ServerConfig, Box<dyn Error>> {
    let wrong = |path: &Path, problem: &dyn Display| format!("{}: {problem}", path.display());
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|problem| wrong(certificate, &problem))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|problem| wrong(key, &problem))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private);
    Ok(config.map_err(|problem| wrong(certificate, &problem))?)
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let receiver = Arc::new(Receiver::new(&arguments)?);
    let app = Router::new().fallback(axum::routing::post(receive)).with_state(receiver);
    let limits = Limits { drain: Duration::from_secs(5), ..Limits::default() };
    let stop = stop_on_signals()?;
    let listener = server::bind(arguments.listen).await?;
    let address = listener.local_addr()?;
    if let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        let tls = Arc::new(tls(certificate, key)?);
        println!("listening on https://{address}");
        server::serve(listener, tls, false, app, limits, stop).await;
    } else {
        println!("listening on http://{address}");
        server::serve_plain(listener, app, limits, stop).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() {
    if let Err(error) = run(Arguments::parse()).await {
        eprintln!("receiver: {error}");
        std::process::exit(1);
    }
}
