//! Clients that are slow, hang, send too much or come in thousands: cut off, while others are served.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use odoo_operator::server::{Hook, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{PATIENCE, Server, all, closed, measuring, post, post_http2, read_answer, review};

/// Short enough for a test, long enough for an honest client on a busy machine.
fn impatient() -> Limits {
    let while_ = Duration::from_millis(1500);
    Limits {
        handshake: while_,
        first_request: while_,
        body_read: while_,
        idle: while_,
        drain: Duration::from_millis(500),
        ..Limits::default()
    }
}

async fn serves_others(server: &Server) {
    assert_eq!(server.post("/validate/v1", b"{}").await.0, StatusCode::OK);
    let mut sender = server.http2().await;
    assert_eq!(post_http2(&mut sender, "/convert", b"{}".to_vec()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_handshake_that_hangs_is_cut_off() {
    let server = Server::webhooks(&all(measuring()), impatient()).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut halfway = TcpStream::connect(server.address).await.unwrap();
    halfway.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    serves_others(&server).await;
    closed(&mut silent).await;
    closed(&mut halfway).await;
}

#[tokio::test]
async fn plain_http_and_noise_do_no_harm() {
    let server = Server::webhooks(&all(measuring()), impatient()).await;
    for noise in [&b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 64], &[0xff; 64]] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(noise).await.unwrap();
        closed(&mut stream).await;
    }
    serves_others(&server).await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off() {
    let server = Server::webhooks(&all(measuring()), impatient()).await;
    let mut stream = server.connect().await;
    serves_others(&server).await;
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let server = Server::webhooks(&all(measuring()), impatient()).await;
    let (mut reader, mut writer) = tokio::io::split(server.connect().await);
    let drip = tokio::spawn(async move {
        writer.write_all(b"POST /convert HTTP/1.1\r\n").await?;
        for line in 0.. {
            writer.write_all(format!("X-Header-{line}: x\r\n").as_bytes()).await?;
            writer.flush().await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::io::Result::Ok(())
    });
    serves_others(&server).await;
    closed(&mut reader).await;
    drip.abort();
}

#[tokio::test]
async fn a_body_that_drips_is_answered_408_and_cut_off() {
    let server = Server::webhooks(&all(measuring()), impatient()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"a\":").await.unwrap();
    serves_others(&server).await;
    assert_eq!(read_answer(&mut stream).await.0, StatusCode::REQUEST_TIMEOUT);
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_after_a_while() {
    let server = Server::webhooks(&all(measuring()), impatient()).await;
    let mut stream = server.connect().await;
    assert_eq!(post(&mut stream, "/mutate/v1", b"{}").await.0, StatusCode::OK);
    let mut sender = server.http2().await;
    assert_eq!(post_http2(&mut sender, "/mutate/v1", b"{}".to_vec()).await.0, StatusCode::OK);
    closed(&mut stream).await;
    let ended = async {
        while sender.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the idle HTTP/2 connection stays open");
}

#[tokio::test]
async fn who_does_not_read_a_long_answer_keeps_nobody_waiting() {
    let hook: Hook = Arc::new(|_, pieces| {
        // More than connections buffer.
        (0..24).for_each(|_| pieces(vec![b' '; 256 << 10]));
        Ok(b"{}".to_vec().into())
    });
    let mut hooks = all(measuring());
    hooks.convert = hook;
    let server = Server::webhooks(&hooks, Limits::default()).await;
    let mut deaf = Vec::new();
    for _ in 0..50 {
        let mut stream = server.connect().await;
        stream.write_all(b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n").await.unwrap();
        stream.write_all(&vec![b' '; 200_000]).await.unwrap();
        stream.flush().await.unwrap();
        deaf.push(stream);
    }
    // Were each of them to keep a worker until it reads, this would never end.
    let answer = tokio::time::timeout(PATIENCE, server.post("/validate/v1", &review("u", 200_000))).await;
    assert_eq!(answer.expect("it waits for who does not read").0, StatusCode::OK);
    // Each gets its answer all the same.
    for stream in &mut deaf {
        let mut answer = Vec::new();
        while !answer.ends_with(b"{}\r\n0\r\n\r\n") {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "it breaks off");
        }
    }
}

#[tokio::test]
async fn who_is_slow_to_send_is_not_cut_off_because_others_are_judged() {
    let hook: Hook = Arc::new(|body, _| {
        if body.len() > 150_000 {
            std::thread::sleep(Duration::from_millis(400));
        }
        Ok(b"{}".to_vec().into())
    });
    let server = Arc::new(Server::webhooks(&all(hook), Limits::default()).await);
    let mut slow = server.connect().await;
    slow.write_all(b"POST /validate/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{").await.unwrap();
    let judged: Vec<_> = (0..4)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.post("/validate/v1", &review("u", 200_000)).await.0 })
        })
        .collect();
    for answer in judged {
        assert_eq!(answer.await.unwrap(), StatusCode::OK);
    }
    slow.write_all(b"}").await.unwrap();
    assert_eq!(read_answer(&mut slow).await.0, StatusCode::OK);
}

#[tokio::test]
async fn three_hundred_megabytes_are_refused_from_their_announcement() {
    let server = Server::webhooks(&all(measuring()), Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Length: 314572800\r\n\r\n{").await.unwrap();
    let (status, reason) = read_answer(&mut stream).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(reason.contains("256 MiB"), "{reason}");
    closed(&mut stream).await;
    serves_others(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_idle_connections_leave_room_for_others() {
    let server = Server::webhooks(&all(measuring()), Limits::default()).await;
    let mut shaken = Vec::new();
    let mut silent = Vec::new();
    for number in 0..2000 {
        // Every tenth has shaken hands, the others have not even begun.
        if number % 10 == 0 {
            shaken.push(server.connect().await);
        } else {
            silent.push(TcpStream::connect(server.address).await.unwrap());
        }
    }
    for _ in 0..20 {
        serves_others(&server).await;
    }
    server.shutdown.cancel();
    drop((shaken, silent));
    server.done.await.unwrap();
}
