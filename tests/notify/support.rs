//! A receiver that answers as a test says, and what a test needs around a sender.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use odoo_operator::api::settings::WebhookPolicy;
use odoo_operator::api::v1::NotificationItem;
use odoo_operator::notify::event::{INSTANCE_PHASE, Subject};
use odoo_operator::notify::signature::Keys;
use odoo_operator::notify::{Outcome, Sender, Target, Timing};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Fails a test that waits for what never comes; no test takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

pub const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const NEW_KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Waits for something that must come.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it never came")
}

/// One request as it came.
#[derive(Debug)]
pub struct Delivery {
    pub headers: HeaderMap,
    pub raw: Bytes,
}

impl Delivery {
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.raw).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}")).to_str().unwrap()
    }

    pub fn sequence(&self) -> i64 {
        self.body()["sequence"].as_i64().expect("a number")
    }

    pub fn is_signed_with(&self, key: &str) -> bool {
        standardwebhooks::Webhook::new(key).unwrap().verify(&self.raw, &self.headers).is_ok()
    }
}

/// How a request is answered.
pub enum Answer {
    Status(u16),
    With(u16, &'static str, String),
    /// Nothing ever comes.
    Hang,
    /// 200, and a body without end.
    Endless,
    /// 204 as soon as the test says so.
    When(Arc<tokio::sync::Notify>),
}

impl Answer {
    async fn respond(self) -> Response {
        match self {
            Self::Status(code) => StatusCode::from_u16(code).unwrap().into_response(),
            Self::With(code, name, value) => {
                (StatusCode::from_u16(code).unwrap(), [(name, value)], "see there").into_response()
            }
            Self::Hang => std::future::pending().await,
            Self::Endless => {
                let chunks = futures::stream::repeat(Bytes::from(vec![b'x'; 512]));
                // Lets other tasks run between two chunks.
                let chunks = chunks.then(|chunk| async {
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(chunk)
                });
                Body::from_stream(chunks).into_response()
            }
            Self::When(open) => {
                open.notified().await;
                StatusCode::NO_CONTENT.into_response()
            }
        }
    }
}

type Script = Box<dyn Fn(usize) -> Answer + Send + Sync>;

struct Scripted {
    script: Script,
    count: AtomicUsize,
    deliveries: UnboundedSender<Delivery>,
}

/// A receiver on loopback.
pub struct Receiver {
    pub address: SocketAddr,
    deliveries: UnboundedReceiver<Delivery>,
}

impl Receiver {
    /// One whose answer to the n-th request, from 0, the script says.
    pub async fn start(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap(), script)
    }

    pub fn on(listener: TcpListener, script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let (sender, deliveries) = unbounded_channel();
        let state = Arc::new(Scripted { script: Box::new(script), count: AtomicUsize::new(0), deliveries: sender });
        let app = Router::new().fallback(receive).with_state(state);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, deliveries }
    }

    /// One that takes everything.
    pub async fn friendly() -> Self {
        Self::start(|_| Answer::Status(204)).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub async fn delivery(&mut self) -> Delivery {
        soon(self.deliveries.recv()).await.expect("the receiver runs")
    }

    /// Sequence numbers of the next deliveries.
    pub async fn sequences(&mut self, count: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(self.delivery().await.sequence());
        }
        numbers
    }

    pub fn nothing_came(&mut self) -> bool {
        self.deliveries.try_recv().is_err()
    }
}

async fn receive(State(state): State<Arc<Scripted>>, headers: HeaderMap, raw: Bytes) -> Response {
    let count = state.count.fetch_add(1, Ordering::SeqCst);
    // A test that is over listens no more.
    let _ = state.deliveries.send(Delivery { headers, raw });
    (state.script)(count).respond().await
}

/// A port on which nobody listens until `listen` is called: connections are refused, and nobody else can take it.
pub struct Down(TcpSocket);

impl Down {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self(socket)
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.0.local_addr().unwrap())
    }

    pub fn listen(self) -> TcpListener {
        self.0.listen(64).unwrap()
    }
}

/// A sender whose outcomes a test reads.
pub struct Sent {
    pub sender: Arc<Sender>,
    outcomes: UnboundedReceiver<Outcome>,
}

impl Sent {
    /// May call loopback; waits of seconds take milliseconds.
    pub fn new() -> Self {
        Self::with_pace(0.001)
    }

    pub fn with_pace(pace: f64) -> Self {
        Self::with(on_loopback(), None, Timing { pace, ..Timing::default() })
    }

    pub fn with(policy: WebhookPolicy, roots: Option<&[u8]>, timing: Timing) -> Self {
        let (sender, outcomes) = Sender::with_timing(policy, roots, timing).unwrap();
        Self { sender, outcomes }
    }

    pub async fn outcome(&mut self) -> Outcome {
        soon(self.outcomes.recv()).await.expect("the sender runs")
    }

    /// The next outcome, which must be a failure: tries so far, next one, why.
    pub async fn failure(&mut self) -> (i32, Option<Timestamp>, String) {
        match self.outcome().await {
            Outcome::Failed { attempts, next, error, .. } => (attempts, next, error),
            other => panic!("not a failure: {other:?}"),
        }
    }

    /// Waits until these were delivered, in this order; failures in between are passed over.
    pub async fn delivered(&mut self, ids: &[&str]) {
        for id in ids {
            loop {
                match self.outcome().await {
                    Outcome::Delivered { id: delivered, .. } => {
                        assert_eq!(delivered, *id);
                        break;
                    }
                    Outcome::Failed { .. } => {}
                    given_up @ Outcome::GivenUp { .. } => panic!("{given_up:?}"),
                }
            }
        }
    }
}

/// The address policy under which a test's own receivers may be called.
pub fn on_loopback() -> WebhookPolicy {
    WebhookPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..WebhookPolicy::default() }
}

/// An instance with this uid that notifies this URL.
pub fn target(uid: &str, url: &str) -> Target {
    let subject = Subject {
        kind: "OdooInstance".into(),
        plural: "odooinstances".into(),
        namespace: "shop".into(),
        name: "web".into(),
        uid: uid.into(),
        url: Some("https://web.example.com".into()),
        ..Subject::default()
    };
    Target { subject, url: url.to_owned(), token: None, keys: None, generation: 1 }
}

pub fn keys(text: &str) -> Keys {
    Keys::parse(&text.into()).unwrap()
}

/// Phase changes with these sequence numbers.
pub fn items(uid: &str, sequences: impl IntoIterator<Item = i64>) -> Vec<NotificationItem> {
    let item = |sequence| NotificationItem {
        id: format!("{uid}-{sequence}"),
        type_: INSTANCE_PHASE.into(),
        sequence,
        time: "2026-01-02T03:04:05Z".into(),
        phase: "Running".into(),
        previous_phase: Some("Starting".into()),
        ..NotificationItem::default()
    };
    sequences.into_iter().map(item).collect()
}
