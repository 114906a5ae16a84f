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
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use clap::Parser;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::signal::unix::{SignalKind, signal};

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
        let status = arguments.status.map(StatusCode::from_u16).transpose()?;
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
    println!("{now} {} {}", summary(&headers, &content), trust(verified));
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

async fn until_asked_to_stop(handle: Handle<SocketAddr>) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    handle.graceful_shutdown(Some(Duration::from_secs(5)));
    Ok(())
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let receiver = Arc::new(Receiver::new(&arguments)?);
    let app = Router::new().fallback(axum::routing::post(receive)).with_state(receiver).into_make_service();
    let listener =
        TcpListener::bind(arguments.listen).map_err(|e| format!("cannot listen on {}: {e}", arguments.listen))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let handle = Handle::new();
    let stopping = tokio::spawn(until_asked_to_stop(handle.clone()));
    if let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) {
        rustls::crypto::aws_lc_rs::default_provider().install_default().map_err(|_| "a crypto provider is there")?;
        let tls = RustlsConfig::from_pem_chain_file(certificate, key).await;
        let tls = tls.map_err(|e| format!("{}, {}: {e}", certificate.display(), key.display()))?;
        println!("listening on https://{address}");
        axum_server::from_tcp_rustls(listener, tls)?.handle(handle).serve(app).await?;
    } else {
        println!("listening on http://{address}");
        axum_server::from_tcp(listener)?.handle(handle).serve(app).await?;
    }
    stopping.await??;
    Ok(())
}

#[tokio::main]
async fn main() {
    if let Err(error) = run(Arguments::parse()).await {
        eprintln!("receiver: {error}");
        std::process::exit(1);
    }
}
