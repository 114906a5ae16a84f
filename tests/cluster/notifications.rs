//! What a receiver gets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;

use super::world::{Namespace, World, eventually};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A delivery whose signature a published library has accepted.
#[derive(Clone, Debug)]
struct Delivery {
    id: String,
    phase: String,
    previous: String,
}

struct Receiver {
    address: String,
    got: Arc<Mutex<Vec<Delivery>>>,
    /// What it answers; 0 closes the connection without an answer.
    answer: Arc<AtomicU16>,
}

fn receiver() -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (got, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU16::new(204)));
    let (deliveries, status) = (got.clone(), answer.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut headers = http::HeaderMap::new();
            let mut line = String::new();
            reader.read_line(&mut line).unwrap_or(0);
            loop {
                line.clear();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                let (name, value) = line.trim_end().split_once(": ").unwrap();
                headers.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() || body.is_empty() {
                continue;
            }
            let status = status.load(Ordering::SeqCst);
            if status == 0 {
                continue;
            }
            let webhook = standardwebhooks::Webhook::new(SECRET).unwrap();
            assert!(webhook.verify(&body, &headers).is_ok(), "signature");
            if status < 300 {
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let word = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
                let id = headers["ce-id"].to_str().unwrap().to_owned();
                deliveries.lock().unwrap().push(Delivery { id, phase: word("phase"), previous: word("previousPhase") });
            }
            let mut stream = reader.into_inner();
            let _ = write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    Receiver { address, got, answer }
}

fn announced(space: &Namespace<'_>, receiver: &Receiver) -> String {
    space.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: signing}}\ndata: {{key: {}}}\n",
        base64::engine::general_purpose::STANDARD.encode(SECRET)
    ));
    format!(
        "{}  webhook:\n    url: http://{}/hook\n    signingSecretRef: {{name: signing, key: key}}\n",
        space.quick_start("my-odoo"),
        receiver.address
    )
}

#[test]
fn every_phase_change_arrives_in_order_also_over_a_receiver_that_was_down_and_a_kill_of_the_operator() {
    let world = World::start("notifications");
    let space = world.namespace("notify");
    let receiver = receiver();
    // Down at first.
    receiver.answer.store(0, Ordering::SeqCst);
    space.apply(&announced(&space, &receiver));
    let object = space.phase("my-odoo", "Running");
    let uid = object["metadata"]["uid"].as_str().unwrap();
    world.kill_operator();
    receiver.answer.store(204, Ordering::SeqCst);
    world.start_operator();
    eventually("all deliveries", || (unique(&receiver).len() >= 4).then_some(()));
    eventually("the outbox is empty", || space.instance("my-odoo")["status"]["notifications"].is_null().then_some(()));
    let got = unique(&receiver);
    let phases: Vec<&str> = got.iter().map(|delivery| delivery.phase.as_str()).collect();
    assert_eq!(phases, ["Uninitialized", "Initializing", "Starting", "Running"]);
    let mut before = "Provisioning";
    for (at, delivery) in got.iter().enumerate() {
        assert_eq!(delivery.id, format!("{uid}-{}", at + 1));
        assert_eq!(delivery.previous, before);
        before = &delivery.phase;
    }
}

/// Deliveries in the order in which they first came.
fn unique(receiver: &Receiver) -> Vec<Delivery> {
    let mut seen = std::collections::HashSet::new();
    receiver.got.lock().unwrap().iter().filter(|delivery| seen.insert(delivery.id.clone())).cloned().collect()
}
