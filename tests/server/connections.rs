//! Protocols, certificate swap, client certificates, shutdown: over a real TLS listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use odoo_operator::server::{Hook, Limits, webhooks};
use odoo_operator::tls::authority::Authority;
use odoo_operator::tls::pki::Pair;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::ExposeSecret;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::support::{
    PATIENCE, Server, all, client_builder, client_config, closed, leaf, measuring, post, post_http2, review, tls,
};

#[tokio::test]
async fn tls_1_2_and_1_3_http_1_1_and_2_are_spoken() {
    let server = Server::webhooks(&all(measuring()), Limits::default()).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = client_config(&server.ca.certificate, &[version]);
        let mut stream = tls(server.address, config).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        // Twice: the connection is kept.
        for _ in 0..2 {
            let (status, body) = post(&mut stream, "/validate/v1", b"{}").await;
            assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"length":2}"#));
        }
    }
    let mut sender = server.http2().await;
    // Larger than every window of flow control.
    let (status, body) = post_http2(&mut sender, "/convert", review("u", 20 * 1024 * 1024)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body["length"].as_u64().unwrap() > 20 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_change_under_load_and_no_request_fails() {
    let server = Arc::new(Server::webhooks(&all(measuring()), Limits::default()).await);
    let mut lasting = server.http2().await;
    let running = Arc::new(AtomicBool::new(true));
    let requests = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _ in 0..8 {
        let (server, running, requests) = (Arc::clone(&server), Arc::clone(&running), Arc::clone(&requests));
        clients.push(tokio::spawn(async move {
            while running.load(Ordering::Relaxed) {
                // Each time a handshake of its own.
                assert_eq!(server.post("/mutate/v1", b"{}").await.0, StatusCode::OK);
                requests.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for round in 1..=30 {
        server.resolver.replace(leaf(&server.ca));
        assert_eq!(post_http2(&mut lasting, "/mutate/v1", b"{}".to_vec()).await.0, StatusCode::OK);
        while requests.load(Ordering::Relaxed) < round * 10 {
            assert!(clients.iter().all(|client| !client.is_finished()), "a request failed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    running.store(false, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a request failed while certificates changed");
    }
}

#[tokio::test]
async fn a_new_handshake_gets_the_new_certificate() {
    let server = Server::webhooks(&all(measuring()), Limits::default()).await;
    let presented = async || server.connect().await.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let before = presented().await;
    assert_eq!(before, presented().await);
    let fresh = leaf(&server.ca);
    let expected = fresh.key.cert[0].to_vec();
    assert_ne!(before, expected);
    server.resolver.replace(fresh);
    assert_eq!(presented().await, expected);
    let left = server.resolver.seconds_to_expiry(Timestamp::now());
    assert!((7 * 24 * 3600 - 60..=7 * 24 * 3600).contains(&left), "{left}");
}

#[tokio::test]
async fn with_a_client_ca_only_its_clients_are_answered() {
    let client_ca = Authority::generate(Timestamp::now()).unwrap();
    let limits = Limits::default();
    let app = webhooks(&all(measuring()), &limits);
    let server = Server::start(app, limits, Some(&client_ca.certificate)).await;
    let (status, body) = server.post("/mutate/v1", b"{}").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("client certificate"), "{body}");

    let with_certificate_of = |ca: &Pair| {
        let issuer_key = KeyPair::from_pem(ca.key.expose_secret()).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&ca.certificate, issuer_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        client_builder(&server.ca.certificate, rustls::ALL_VERSIONS)
            .with_client_auth_cert(vec![certificate.der().clone()], key)
            .unwrap()
    };
    let mut known = tls(server.address, with_certificate_of(&client_ca)).await.unwrap();
    assert_eq!(post(&mut known, "/mutate/v1", b"{}").await.0, StatusCode::OK);
    let stranger = with_certificate_of(&Authority::generate(Timestamp::now()).unwrap());
    // In TLS 1.3 the client learns of its refusal with the first read.
    if let Ok(mut stream) = tls(server.address, stranger).await {
        closed(&mut stream).await;
    }
}

/// A hook that says when it begins, and ends when it is let.
fn gated() -> (Hook, Arc<Semaphore>, Arc<Semaphore>) {
    let (started, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (signal, gate) = (Arc::clone(&started), Arc::clone(&release));
    let hook: Hook = Arc::new(move |_, _| {
        signal.add_permits(1);
        futures::executor::block_on(gate.acquire()).unwrap().forget();
        Ok(b"late".to_vec().into())
    });
    (hook, started, release)
}

#[tokio::test]
async fn shutdown_answers_what_is_open_and_takes_nothing_new() {
    let (hook, started, release) = gated();
    let server = Server::webhooks(&all(hook), Limits { inline_body: 0, ..Limits::default() }).await;
    let mut idle = server.connect().await;
    let mut open = server.connect().await;
    let answer = tokio::spawn(async move { post(&mut open, "/convert", b"{}").await });
    started.acquire().await.unwrap().forget();
    server.shutdown.cancel();
    closed(&mut idle).await;
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.done.is_finished());
    release.add_permits(1);
    assert_eq!(answer.await.unwrap(), (StatusCode::OK, "late".to_owned()));
    tokio::time::timeout(PATIENCE, server.done).await.expect("the server does not end").unwrap();
}

#[tokio::test]
async fn shutdown_waits_no_longer_than_its_limit() {
    let (hook, started, release) = gated();
    let limits = Limits { inline_body: 0, drain: Duration::from_millis(200), ..Limits::default() };
    let server = Server::webhooks(&all(hook), limits).await;
    let mut open = server.connect().await;
    open.write_all(b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
    started.acquire().await.unwrap().forget();
    server.shutdown.cancel();
    tokio::time::timeout(PATIENCE, server.done).await.expect("the server does not end").unwrap();
    closed(&mut open).await;
    release.add_permits(1);
}
