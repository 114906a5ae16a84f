//! A server with hooks of the test's choice, and clients that speak TLS, HTTP/1.1 and HTTP/2 to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use odoo_operator::server::{Hook, Hooks, Limits, NotAReview, serve, webhooks};
use odoo_operator::tls::authority::Authority;
use odoo_operator::tls::pki::Pair;
use odoo_operator::tls::{Resolver, Served, server_config};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes when it works.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A review with this uid, as long as wanted.
pub fn review(uid: &str, padding: usize) -> Vec<u8> {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"{uid}","pad":"{}"}}}}"#,
        "x".repeat(padding)
    )
    .into_bytes()
}

/// Answers with the length of what came, or says that it is no review.
pub fn measuring() -> Hook {
    Arc::new(|body, _| {
        if body.first() != Some(&b'{') {
            return Err(NotAReview::because("the body is not a JSON object"));
        }
        Ok(format!(r#"{{"length":{}}}"#, body.len()).into_bytes().into())
    })
}

/// Hooks that all do the same.
pub fn all(hook: Hook) -> Hooks {
    Hooks { mutate: Arc::clone(&hook), validate: Arc::clone(&hook), convert: hook, answered: Arc::new(|_| {}) }
}

/// A TLS listener on a free port with a CA of its own.
pub struct Server {
    pub address: SocketAddr,
    pub ca: Pair,
    pub resolver: Arc<Resolver>,
    pub shutdown: CancellationToken,
    pub done: JoinHandle<()>,
}

impl Server {
    pub async fn webhooks(hooks: &Hooks, limits: Limits) -> Self {
        Self::start(webhooks(hooks, &limits), limits, None).await
    }

    pub async fn start(app: Router, limits: Limits, client_ca: Option<&str>) -> Self {
        let ca = Authority::generate(Timestamp::now()).unwrap();
        let resolver = Arc::new(Resolver::new(leaf(&ca)));
        let tls = server_config(Arc::clone(&resolver), client_ca.map(str::as_bytes)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let done = tokio::spawn(serve(listener, tls, client_ca.is_some(), app, limits, shutdown.clone()));
        Self { address, ca, resolver, shutdown, done }
    }

    pub fn client(&self) -> ClientConfig {
        client_config(&self.ca.certificate, rustls::ALL_VERSIONS)
    }

    /// A TLS connection on which HTTP/1.1 is spoken.
    pub async fn connect(&self) -> TlsStream<TcpStream> {
        tls(self.address, self.client()).await.unwrap()
    }

    /// One POST over a new HTTP/1.1 connection.
    pub async fn post(&self, path: &str, body: &[u8]) -> (StatusCode, String) {
        post(&mut self.connect().await, path, body).await
    }

    /// An HTTP/2 connection.
    pub async fn http2(&self) -> SendRequest<Full<Bytes>> {
        let mut config = self.client();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TokioIo::new(tls(self.address, config).await.unwrap());
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

/// A certificate for the loopback address.
pub fn leaf(ca: &Pair) -> Served {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    Authority::load(ca).unwrap().sign(&names, Timestamp::now()).unwrap()
}

pub fn client_config(ca_pem: &str, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    client_builder(ca_pem, versions).with_no_client_auth()
}

pub fn client_builder(
    ca_pem: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

pub async fn tls(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    // As the API server does.
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// One HTTP/1.1 exchange on an open connection.
pub async fn post(stream: &mut TlsStream<TcpStream>, path: &str, body: &[u8]) -> (StatusCode, String) {
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    read_answer(stream).await
}

/// Reads one HTTP/1.1 answer with a Content-Length.
pub async fn read_answer(stream: &mut TlsStream<TcpStream>) -> (StatusCode, String) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, body.to_owned());
            }
        }
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(read > 0, "the server closed before its answer ended: {text:?}");
    }
}

/// One POST over HTTP/2.
pub async fn post_http2(sender: &mut SendRequest<Full<Bytes>>, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
    sender.ready().await.unwrap();
    let request = Request::post(format!("https://localhost{path}")).body(Full::from(Bytes::from(body))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Waits for the server to close the connection.
pub async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = [0; 1024];
    tokio::time::timeout(PATIENCE, async { while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {} })
        .await
        .expect("the server keeps the connection open");
}
