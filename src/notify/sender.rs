//! Delivery: at least once, in order for each object, one slow receiver delaying no other.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::event::{self, Subject};
use super::policy;
use super::signature::Keys;
use crate::api::settings::WebhookPolicy;
use crate::api::v1::NotificationItem;

/// Of one request, from looking up the name to the end of the answer's head.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer's body, no more is read.
const MAX_BODY: usize = 1024;
/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(12);

/// Where an object's notifications go.
#[derive(Clone, Debug)]
pub struct Target {
    /// What they are about.
    pub subject: Subject,
    /// URL of the receiver.
    pub url: String,
    /// Bearer token.
    pub token: Option<SecretString>,
    /// Signing keys.
    pub keys: Option<Keys>,
    /// Generation of the object's spec: a receiver that said 410 is called again only when it changed.
    pub generation: i64,
}

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

/// What an object has to say, and to whom.
#[derive(Clone)]
struct Queue {
    target: Target,
    items: Vec<NotificationItem>,
}

/// Sends what objects have in their outboxes. Forgets nothing that its caller still has: after a restart the same items
/// are given again, with the same ids.
pub struct Sender {
    client: Client,
    policy: Arc<WebhookPolicy>,
    queues: Mutex<HashMap<String, watch::Sender<Queue>>>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    /// Multiplies every wait; 1 outside of tests.
    pace: f64,
}

impl Sender {
    /// A sender, and the outcomes of what it sends. `roots` are further PEM certificates that receivers' certificates
    /// may be signed by.
    pub fn new(
        policy: WebhookPolicy,
        roots: Option<&[u8]>,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Outcome>), reqwest::Error> {
        Self::with_pace(policy, roots, 1.0)
    }

    /// As [`new`](Self::new), with every wait multiplied by `pace`: a test does not wait for hours.
    pub fn with_pace(
        policy: WebhookPolicy,
        roots: Option<&[u8]>,
        pace: f64,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Outcome>), reqwest::Error> {
        let policy = Arc::new(policy);
        let mut builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .no_proxy()
            .user_agent(concat!("odoo-operator/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Guarded(policy.clone())));
        if let Some(roots) = roots {
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(roots)?);
        }
        let (outcomes, received) = mpsc::unbounded_channel();
        let sender = Self { client: builder.build()?, policy, queues: Mutex::default(), outcomes, pace };
        Ok((Arc::new(sender), received))
    }

    /// Takes the outbox of an object as it is now. What is there already is not sent twice; what is there no more is
    /// not sent.
    pub fn update(self: &Arc<Self>, target: Target, items: Vec<NotificationItem>) {
        let uid = target.subject.uid.clone();
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = Queue { target, items };
        if let Some(running) = queues.get(&uid) {
            running.send_replace(queue);
            return;
        }
        if queue.items.is_empty() {
            return;
        }
        let (sender, receiver) = watch::channel(queue);
        queues.insert(uid.clone(), sender);
        let this = self.clone();
        tokio::spawn(async move { this.drain(uid, receiver).await });
    }

    /// The object is gone: what was not delivered is dropped. Returns how many were.
    pub fn forget(&self, uid: &str) -> usize {
        let dropped = self.queues.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        dropped.map_or(0, |queue| queue.borrow().items.len())
    }

    /// Whether an object has something under way.
    pub fn is_busy(&self, uid: &str) -> bool {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).contains_key(uid)
    }

    /// Sends the items of one object, one after another, until there are none or the object is forgotten.
    async fn drain(&self, uid: String, mut queue: watch::Receiver<Queue>) {
        let mut done: Vec<String> = Vec::new();
        let mut failures: HashMap<String, u32> = HashMap::new();
        loop {
            let Queue { target, items } = queue.borrow_and_update().clone();
            done.retain(|id| items.iter().any(|item| item.id == *id));
            let Some(item) = items.into_iter().find(|item| !done.contains(&item.id)) else {
                // The acknowledged ones are still in status until their reconcile has written them out.
                if done.is_empty() {
                    let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
                    let has_more = queue.has_changed().unwrap_or(false);
                    if !has_more {
                        queues.remove(&uid);
                        return;
                    }
                    continue;
                }
                if queue.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let before = u32::try_from(item.attempts.unwrap_or(0)).unwrap_or(0);
            let failed = failures.entry(item.id.clone()).or_insert(before);
            if let Some(wait) = first_wait(&item, *failed, before)
                && !pause(&mut queue, wait, &item, target.generation).await
            {
                continue;
            }
            match self.send(&target, &item).await {
                Ok(()) => {
                    failures.remove(&item.id);
                    let _ = self.outcomes.send(Outcome::Delivered { uid: uid.clone(), id: item.id.clone() });
                    done.push(item.id);
                }
                Err(failure) => {
                    *failed += 1;
                    let attempts = i32::try_from(*failed).unwrap_or(i32::MAX);
                    let (id, error) = (item.id.clone(), failure.words);
                    if failure.gone {
                        let failed = Outcome::Failed { uid: uid.clone(), id, attempts, next: None, error };
                        let _ = self.outcomes.send(failed);
                        if !until_respecified(&mut queue, target.generation).await {
                            return;
                        }
                        continue;
                    }
                    let Some(wait) = policy::retry_after(*failed, spread(&item.id, *failed)) else {
                        let _ = self.outcomes.send(Outcome::GivenUp { uid: uid.clone(), id, error });
                        done.push(item.id);
                        continue;
                    };
                    let wait = failure.retry_after.map_or(wait, |asked| asked.max(wait)).mul_f64(self.pace);
                    let next =
                        SignedDuration::try_from(wait).ok().and_then(|wait| Timestamp::now().checked_add(wait).ok());
                    let _ = self.outcomes.send(Outcome::Failed { uid: uid.clone(), id, attempts, next, error });
                    if queue.has_changed().is_err() {
                        return;
                    }
                    pause(&mut queue, wait, &item, target.generation).await;
                    if queue.has_changed().is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn send(&self, target: &Target, item: &NotificationItem) -> Result<(), Failure> {
        let url = policy::check_url(&target.url, &self.policy).map_err(|problem| Failure::from(problem.to_string()))?;
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

/// What is left of the wait that status remembers, after a restart.
fn first_wait(item: &NotificationItem, failed: u32, remembered: u32) -> Option<Duration> {
    if failed != remembered {
        return None;
    }
    let next: Timestamp = item.next_attempt.as_deref()?.parse().ok()?;
    Duration::try_from(next.duration_since(Timestamp::now())).ok()
}

/// Waits; less long if the spec changes or the item is there no more. Whether the wait is over.
async fn pause(queue: &mut watch::Receiver<Queue>, wait: Duration, item: &NotificationItem, generation: i64) -> bool {
    let until = Instant::now() + wait;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return true,
            changed = queue.changed() => {
                let now = queue.borrow();
                let moved = now.target.generation != generation || now.items.iter().all(|other| other.id != item.id);
                if changed.is_err() || moved {
                    return false;
                }
            }
        }
    }
}

/// Waits until the spec changes; `false` when the object is gone.
async fn until_respecified(queue: &mut watch::Receiver<Queue>, generation: i64) -> bool {
    queue.wait_for(|queue| queue.target.generation != generation).await.is_ok()
}

/// From 0 to 1, by the id and the try: as good as chance, and the same in a test.
fn spread(id: &str, failures: u32) -> f64 {
    let hash = id.bytes().fold(failures, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    f64::from(hash % 1000) / 1000.0
}

/// `Retry-After` as seconds or as a date.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
        }
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

/// Looks names up and gives back only addresses that may be called.
struct Guarded(Arc<WebhookPolicy>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut denied = None;
            let mut allowed = Vec::new();
            for address in found {
                match policy::check(address.ip(), &policy) {
                    Ok(()) => allowed.push(address),
                    Err(problem) => denied = Some(problem),
                }
            }
            match (allowed.is_empty(), denied) {
                (true, Some(denied)) => Err(denied.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
