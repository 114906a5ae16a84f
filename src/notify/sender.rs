//! Delivery: at least once, in order for each object, one slow receiver delaying no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode, header};
use secrecy::ExposeSecret;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use super::event;
use super::places::Places;
use super::policy;
use super::queue::{Progress, Queue, Step, Target};
use super::resolver::Guarded;
use crate::api::settings::WebhookPolicy;
use crate::api::v1::NotificationItem;

/// Of one request, from looking up the name to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer's body, no more is read.
const MAX_BODY: usize = 1024;
/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(12);

/// Requests at once; each may take [`TIMEOUT`] and a file descriptor.
const AT_ONCE: usize = 256;
/// Requests at once to one host and port.
const AT_ONCE_FOR_ONE: usize = 16;

/// What became of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered {
        /// uid of the object.
        uid: String,
        /// Id of the notification.
        id: String,
    },
    /// The receiver did not take it; it is tried again.
    Failed {
        /// uid of the object.
        uid: String,
        /// Id of the notification.
        id: String,
        /// Failed tries so far.
        attempts: i32,
        /// When it is tried next; `None` until the spec changes.
        next: Option<Timestamp>,
        /// Why, without a secret.
        error: String,
    },
    /// The receiver did not take it, and it is not tried again.
    GivenUp {
        /// uid of the object.
        uid: String,
        /// Id of the notification.
        id: String,
        /// Why, without a secret.
        error: String,
    },
}

/// A sender that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The further certificates are none.
    #[error("there is no certificate in it")]
    NoRoots,
    /// The client cannot be made of them.
    #[error("{}", words(.0))]
    Client(#[from] reqwest::Error),
}

struct Running {
    queue: watch::Sender<Queue>,
    task: AbortHandle,
}

/// How long things take; shorter in a test.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Multiplies every wait between two tries.
    pub pace: f64,
    /// Limit of one request, from looking up the name to the end of the answer.
    pub request: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { pace: 1.0, request: TIMEOUT }
    }
}

/// Sends what objects have in their outboxes. Forgets nothing that its caller still has: after a restart the same items
/// are given again, with the same ids.
pub struct Sender {
    client: Client,
    policy: Arc<WebhookPolicy>,
    running: Mutex<HashMap<String, Running>>,
    places: Places,
    outcomes: mpsc::UnboundedSender<Outcome>,
    timing: Timing,
}

impl Sender {
    /// A sender, and the outcomes of what it sends. `roots` are further PEM certificates that receivers' certificates
    /// may be signed by.
    pub fn new(
        policy: WebhookPolicy,
        roots: Option<&[u8]>,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Outcome>), SetupError> {
        Self::with_timing(policy, roots, Timing::default())
    }

    /// As [`new`](Self::new), for tests that do not wait for hours.
    pub fn with_timing(
        policy: WebhookPolicy,
        roots: Option<&[u8]>,
        timing: Timing,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Outcome>), SetupError> {
        let policy = Arc::new(policy);
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timing.request)
            .no_proxy()
            .user_agent(concat!("odoo-operator/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guarded::new(policy.clone())));
        if let Some(roots) = roots {
            let roots = reqwest::Certificate::from_pem_bundle(roots)?;
            if roots.is_empty() {
                return Err(SetupError::NoRoots);
            }
            builder = builder.tls_certs_merge(roots);
        }
        let (outcomes, received) = mpsc::unbounded_channel();
        let places = Places::new(AT_ONCE, AT_ONCE_FOR_ONE);
        let client = builder.build()?;
        let sender = Self { client, policy, running: Mutex::default(), places, outcomes, timing };
        Ok((Arc::new(sender), received))
    }

    /// Takes the outbox of an object as it is now. What is there already is not sent twice; what is there no more is
    /// not sent.
    pub fn update(self: &Arc<Self>, target: Target, items: Vec<NotificationItem>) {
        let uid = target.subject.uid.clone();
        let mut running = self.running();
        let queue = Queue { target, items };
        if let Some(running) = running.get(&uid) {
            running.queue.send_replace(queue);
            return;
        }
        if queue.items.is_empty() {
            return;
        }
        let (sender, receiver) = watch::channel(queue);
        let this = self.clone();
        let task = tokio::spawn({
            let uid = uid.clone();
            async move { this.drain(uid, receiver).await }
        });
        running.insert(uid, Running { queue: sender, task: task.abort_handle() });
    }

    /// The object is gone: what was not delivered is dropped, a request under way too. Returns how many were.
    pub fn forget(&self, uid: &str) -> usize {
        let Some(running) = self.running().remove(uid) else { return 0 };
        running.task.abort();
        running.queue.borrow().items.len()
    }

    /// Nothing is sent any more: somebody else goes on with the outboxes.
    pub fn stop(&self) {
        self.running().drain().for_each(|(_, running)| running.task.abort());
    }

    /// Whether an object has something under way.
    pub fn is_busy(&self, uid: &str) -> bool {
        self.running().contains_key(uid)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the items of one object, one after another, until there are none.
    async fn drain(&self, uid: String, mut queue: watch::Receiver<Queue>) {
        let mut progress = Progress::default();
        loop {
            let now = queue.borrow_and_update().clone();
            match progress.next(&now) {
                Step::Send(item) => {
                    let result = self.send(&now.target, item).await;
                    let _ = self.outcomes.send(self.outcome(&uid, item, result, &mut progress));
                }
                Step::Wait(until) => {
                    let changed = tokio::select! {
                        () = tokio::time::sleep_until(until) => Ok(()),
                        changed = queue.changed() => changed,
                    };
                    if changed.is_err() {
                        return;
                    }
                }
                Step::Rest => {
                    if queue.changed().await.is_err() {
                        return;
                    }
                }
                Step::End => {
                    let mut running = self.running();
                    match queue.has_changed() {
                        Ok(true) => {}
                        Ok(false) => {
                            running.remove(&uid);
                            return;
                        }
                        // Forgotten: what is there under this uid now is another queue.
                        Err(_) => return,
                    }
                }
            }
        }
    }

    fn outcome(
        &self,
        uid: &str,
        item: &NotificationItem,
        result: Result<(), Failure>,
        progress: &mut Progress,
    ) -> Outcome {
        let (uid, id) = (uid.to_owned(), item.id.clone());
        let failure = match result {
            Ok(()) => {
                progress.settle(item);
                return Outcome::Delivered { uid, id };
            }
            Err(failure) => failure,
        };
        let error = failure.words;
        let failed = progress.fail();
        let attempts = i32::try_from(failed).unwrap_or(i32::MAX);
        if failure.gone {
            progress.stop();
            return Outcome::Failed { uid, id, attempts, next: None, error };
        }
        let Some(wait) = policy::retry_after(failed, spread(&id, failed)) else {
            progress.settle(item);
            return Outcome::GivenUp { uid, id, error };
        };
        let wait = failure.retry_after.map_or(wait, |asked| asked.max(wait)).mul_f64(self.timing.pace);
        progress.wait(wait);
        let next = SignedDuration::try_from(wait).ok().and_then(|wait| Timestamp::now().checked_add(wait).ok());
        Outcome::Failed { uid, id, attempts, next, error }
    }

    async fn send(&self, target: &Target, item: &NotificationItem) -> Result<(), Failure> {
        let url = policy::check_url(&target.url, &self.policy).map_err(|problem| Failure::from(problem.to_string()))?;
        let endpoint = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let _place = self.places.take(endpoint).await;
        let body = event::body(&target.subject, item);
        let mut request = self.client.post(url);
        for (name, value) in event::headers(&target.subject, item) {
            request = request.header(name, value);
        }
        // A retry is signed anew: receivers refuse old timestamps.
        let now = Timestamp::now().as_second();
        request = request.header("webhook-timestamp", now.to_string());
        if let Some(keys) = &target.keys {
            request = request.header("webhook-signature", keys.sign(&item.id, now, &body));
        }
        if let Some(token) = &target.token {
            request = request.bearer_auth(token.expose_secret());
        }
        // The URL's query may hold a secret.
        let mut response =
            request.body(body).send().await.map_err(|error| Failure::from(words(&error.without_url())))?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        // A connection is used again only if its answer was read; a long one is not worth it.
        let mut read = 0;
        while read < MAX_BODY
            && let Ok(Some(chunk)) = response.chunk().await
        {
            read += chunk.len();
        }
        if status.is_success() {
            return Ok(());
        }
        let words = if status.is_redirection() {
            format!("the receiver answered {status}; redirects are not followed, so name the final URL")
        } else {
            format!("the receiver answered {status}")
        };
        Err(Failure { words, retry_after, gone: status == StatusCode::GONE })
    }
}

struct Failure {
    words: String,
    retry_after: Option<Duration>,
    gone: bool,
}

impl From<String> for Failure {
    fn from(words: String) -> Self {
        Self { words, retry_after: None, gone: false }
    }
}

/// From 0 to 1, by the id and the try: as good as chance, and the same in a test.
fn spread(id: &str, failures: u32) -> f64 {
    let hash = id.bytes().fold(failures, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    f64::from(hash % 1000) / 1000.0
}

/// `Retry-After` as seconds or as a date.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// An error with its causes, which reqwest leaves out.
fn words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}
