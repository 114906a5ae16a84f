//! What a receiver gets.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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

/// Listens on an address of its own, so that nobody else takes the port while it is down.
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Delivery>>>,
    /// Whether it answers; else it takes what comes and closes the connection.
    answers: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.3:0").unwrap();
        let address = free.local_addr().unwrap();
        Self { address, got: Arc::default(), answers: Arc::new(AtomicBool::new(true)), listening: None }
    }

    fn up(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        let (got, answers) = (self.got.clone(), self.answers.clone());
        self.listening = Some(std::thread::spawn(move || {
            // A client that says nothing ends it.
            while let Some((delivery, stream)) = take(listener.accept().unwrap().0) {
                got.lock().unwrap().push(delivery);
                if answers.load(Ordering::SeqCst) {
                    let _ = (&stream).write_all(b"HTTP/1.1 204 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                }
            }
        }));
    }

    fn down(&mut self) {
        drop(TcpStream::connect(self.address).unwrap());
        self.listening.take().unwrap().join().unwrap();
    }

    /// Deliveries in the order in which they first came.
    fn unique(&self) -> Vec<Delivery> {
        let mut seen = std::collections::HashSet::new();
        self.got.lock().unwrap().iter().filter(|delivery| seen.insert(delivery.id.clone())).cloned().collect()
    }
}

/// One delivery; `None` from a client that says nothing.
fn take(stream: TcpStream) -> Option<(Delivery, TcpStream)> {
    let mut reader = BufReader::new(stream);
    let mut headers = http::HeaderMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let mut body = vec![0; headers["content-length"].to_str().unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let webhook = standardwebhooks::Webhook::new(SECRET).unwrap();
    assert!(webhook.verify(&body, &headers).is_ok(), "signature");
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let word = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let id = headers["ce-id"].to_str().unwrap().to_owned();
    Some((Delivery { id, phase: word("phase"), previous: word("previousPhase") }, reader.into_inner()))
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
fn every_phase_change_arrives_in_order_also_over_a_receiver_that_is_down_for_a_minute_and_a_kill_of_the_operator() {
    let world = World::start("notifications");
    let space = world.namespace("notify");
    let mut receiver = Receiver::new();
    receiver.up();
    // The first delivery arrives, and the operator does not hear that it did.
    receiver.answers.store(false, Ordering::SeqCst);
    space.apply(&announced(&space, &receiver));
    eventually("a delivery", || (!receiver.unique().is_empty()).then_some(()));
    receiver.answers.store(true, Ordering::SeqCst);
    let object = space.phase("my-odoo", "Running");
    let uid = object["metadata"]["uid"].as_str().unwrap();
    let told = || space.instance("my-odoo")["status"]["notifications"].is_null().then_some(());
    eventually("all is told", told);

    receiver.down();
    let since = Instant::now();
    let rest_of = |seconds| std::thread::sleep(Duration::from_secs(seconds).saturating_sub(since.elapsed()));
    space.ok(&["scale", "odooinstance", "my-odoo", "--replicas=0"]);
    space.phase("my-odoo", "Stopped");
    rest_of(30);
    world.kill_operator();
    world.start_operator();
    space.ok(&["scale", "odooinstance", "my-odoo", "--replicas=1"]);
    space.phase("my-odoo", "Running");
    rest_of(60);
    assert_eq!(receiver.unique().len(), 4, "nothing arrives while it is down");
    receiver.up();
    eventually("all is told again", told);

    let got = receiver.unique();
    let phases: Vec<&str> = got.iter().map(|delivery| delivery.phase.as_str()).collect();
    assert_eq!(phases, ["Uninitialized", "Initializing", "Starting", "Running", "Stopped", "Starting", "Running"]);
    let mut before = "Provisioning";
    for (at, delivery) in got.iter().enumerate() {
        assert_eq!(delivery.id, format!("{uid}-{}", at + 1));
        assert_eq!(delivery.previous, before);
        before = &delivery.phase;
    }
    let first = receiver.got.lock().unwrap().iter().filter(|delivery| delivery.id == got[0].id).count();
    assert!(first > 1, "a delivery without an answer comes again");
}
