//! The plain HTTP port.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use odoo_operator::server::{Gate, Limits, Readiness, probes, serve_plain};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::support::closed;

#[tokio::test]
async fn readiness_follows_its_gates_and_liveness_does_not() {
    let readiness = Readiness::new();
    let app = probes(readiness.clone(), Arc::new(|| "# EOF\n".to_owned()));
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
        (head, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    let (head, body) = get("/readyz").await;
    assert_eq!(head.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("caBundle"), "{body}");
    readiness.open(Gate::Certificate);
    readiness.open(Gate::CaBundle);
    assert_eq!(get("/readyz").await.0.status, StatusCode::OK);
    readiness.shut_down();
    assert_eq!(get("/readyz").await.0.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(get("/healthz").await.0.status, StatusCode::OK);
    let (head, body) = get("/metrics").await;
    assert_eq!(body, "# EOF\n");
    let content_type = head.headers[header::CONTENT_TYPE].to_str().unwrap();
    assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
}

#[tokio::test]
async fn the_port_serves_plain_http_and_cuts_off_who_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let limits = Limits { first_request: Duration::from_millis(200), ..Limits::default() };
    let app = probes(Readiness::new(), Arc::new(String::new));
    let server = tokio::spawn(serve_plain(listener, app, limits, shutdown.clone()));
    let mut hanging = TcpStream::connect(address).await.unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    closed(&mut hanging).await;
    shutdown.cancel();
    server.await.unwrap();
}
