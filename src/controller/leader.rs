//! Leader election: one replica works, the others answer webhooks and watch the Lease.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use tracing::{debug, info, warn};

use super::Fence;
use super::lease::{Election, Loss, Step};
use crate::api::labels;

/// Name of the Lease in the operator's namespace. Releases there share it, so that one of them acts.
const NAME: &str = "odoo-operator";
/// For one call. The client retries by itself, and a call that hangs must leave time for another one.
const CALL: Duration = Duration::from_secs(5);
/// For giving the lease up; whoever waits for it takes it by itself after that.
const RELEASE: Duration = Duration::from_secs(2);

/// This process' part in the election for one Lease.
pub struct Leader {
    api: Api<Lease>,
    election: Election,
    fence: Fence,
}

impl Leader {
    /// A candidate for the Lease in this namespace. `identity` must be this process' own, but for its earlier lives; `fence` opens
    /// while the lease is held.
    pub fn new(client: Client, namespace: &str, identity: &str, fence: Fence) -> Self {
        Self { api: Api::namespaced(client, namespace), election: Election::new(identity, Instant::now()), fence }
    }

    /// Waits until the lease is held.
    pub async fn acquire(&mut self) {
        let mut changes = pin!(watcher::watch_object(self.api.clone(), NAME).default_backoff());
        let mut told = false;
        loop {
            let until = match self.election.step(Instant::now(), Timestamp::now()) {
                Step::Wait(until) => until,
                step => {
                    self.take(step).await;
                    if self.election.holds_until().is_some() {
                        info!(lease = NAME, "leading");
                        return;
                    }
                    continue;
                }
            };
            if !told {
                info!(lease = NAME, "standing by: another replica leads, webhooks are answered here too");
                told = true;
            }
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(lease)) => self.election.saw(lease, Instant::now()),
                    Some(Err(error)) => debug!(%error, lease = NAME, "watch interrupted"),
                    // It never ends; if it did, time alone would go on.
                    None => tokio::time::sleep_until(until.into()).await,
                },
                () = tokio::time::sleep_until(until.into()) => {}
            }
        }
    }

    /// Renews the lease until it is lost.
    pub async fn keep(&mut self) -> Loss {
        loop {
            match self.election.step(Instant::now(), Timestamp::now()) {
                Step::Wait(until) => tokio::time::sleep_until(until.into()).await,
                Step::Lost(loss) => {
                    self.fence.close();
                    return loss;
                }
                step => self.take(step).await,
            }
        }
    }

    /// Gives the lease up, so that the next one need not wait. To be called when nothing acts any more.
    pub async fn release(&mut self) {
        self.fence.close();
        let give_up = async {
            // Twice: a renewal may have been under way when this began.
            for _ in 0..2 {
                let Some(lease) = self.election.release(Instant::now(), Timestamp::now()) else { return };
                match self.api.replace(NAME, &PostParams::default(), &lease).await {
                    Ok(_) => return info!(lease = NAME, "released"),
                    Err(error) if is_conflict(&error) => self.take(Step::Look).await,
                    Err(error) => return warn!(%error, lease = NAME, "not released"),
                }
            }
        };
        if tokio::time::timeout(RELEASE, give_up).await.is_err() {
            warn!(lease = NAME, "not released in time");
        }
    }

    /// Makes the call of a step and tells the election what became of it.
    async fn take(&mut self, step: Step) {
        let sent = Instant::now();
        // A holder that waits for longer than it holds would act on nothing.
        let within = self.election.holds_until().map_or(CALL, |end| CALL.min(end.saturating_duration_since(sent)));
        let params = PostParams::default();
        let called = async {
            match &step {
                Step::Look => self.api.get_opt(NAME).await.map(Answer::Seen),
                Step::Create(lease) => self.api.create(&params, &named(lease)).await.map(Answer::Stored),
                Step::Replace(lease) => self.api.replace(NAME, &params, lease).await.map(Answer::Stored),
                Step::Wait(_) | Step::Lost(_) => Ok(Answer::Nothing),
            }
        };
        match tokio::time::timeout(within, called).await {
            Ok(Ok(Answer::Seen(lease))) => self.election.saw(lease, Instant::now()),
            Ok(Ok(Answer::Stored(lease))) => {
                self.election.wrote(lease, sent);
                if let Some(until) = self.election.holds_until() {
                    self.fence.open_until(until);
                }
            }
            Ok(Ok(Answer::Nothing)) => {}
            Ok(Err(error)) if is_conflict(&error) => self.election.conflicted(Instant::now()),
            Ok(Err(error)) => {
                warn!(%error, lease = NAME, "the Lease cannot be read or written; it is tried again");
                self.election.failed(sent);
            }
            Err(_) => {
                warn!(lease = NAME, "the API server does not answer; it is tried again");
                self.election.failed(sent);
            }
        }
    }
}

/// What is created needs a name, and a sign of whose it is.
fn named(lease: &Lease) -> Lease {
    let mut lease = lease.clone();
    let meta = lease.meta_mut();
    meta.name = Some(NAME.to_owned());
    meta.labels = Some([(labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned())].into());
    lease
}

enum Answer {
    Seen(Option<Lease>),
    Stored(Lease),
    Nothing,
}

/// Another version is there, or none, or one where there was none.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 || status.code == 404)
}
