//! Between outboxes in status and the sender: what changed is appended, what was delivered is taken out.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::warn;

use super::credentials::read_key;
use super::instance::{Context, now};
use super::watches::Queues;
use super::{Error, Result};
use crate::api::conditions::{NOTIFICATIONS_DELIVERED, Wanted};
use crate::api::v1::{
    JobPhase, NotificationItem, OdooInitJob, OdooInitJobStatus, OdooInstance, OdooInstanceStatus, Phase, Webhook,
};
use crate::notify::event::{self, Subject};
use crate::notify::outbox::{self, News};
use crate::notify::signature::Keys;
use crate::notify::{Outcome, Sender, Target};
use crate::telemetry::Metrics;

/// How long an acknowledgement waits for another patch to ride on.
const RIDE: Duration = Duration::from_secs(2);
/// Failures from which on attempts and the next try are written into status.
const WRITTEN_FROM: i32 = 3;
/// How long a deleted object waits for its last notifications.
pub const LAST_WORDS: Duration = Duration::from_secs(30);

/// Deliveries under way, and what became of them since the last status patch.
pub struct Notifications {
    sender: Arc<Sender>,
    news: Mutex<HashMap<String, Settled>>,
    metrics: Arc<Metrics>,
}

/// What is known of an object's deliveries and not yet in its status.
#[derive(Default)]
struct Settled {
    subject: Subject,
    delivered: HashSet<String>,
    failed: HashMap<String, (i32, Option<String>)>,
    trouble: Option<(&'static str, String)>,
    /// Whether `NotificationsDelivered` was ever False, so that it must become True again.
    had_trouble: bool,
}

impl Notifications {
    /// Glue for `sender`.
    pub fn new(sender: Arc<Sender>, metrics: Arc<Metrics>) -> Self {
        Self { sender, news: Mutex::default(), metrics }
    }

    /// Nothing is delivered any more: another replica goes on.
    pub fn stop(&self) {
        self.sender.stop();
    }

    /// An instance changed its phase.
    pub fn phase_changed(&self, instance: &OdooInstance, status: &mut OdooInstanceStatus, from: Phase, to: Phase) {
        let Some(webhook) = &instance.spec.webhook else { return };
        let message = status.message.clone().filter(|_| status.phase == Some(to));
        self.append(
            webhook,
            (&mut status.notifications, &mut status.last_sequence),
            News {
                uid: &instance.uid().unwrap_or_default(),
                type_: event::INSTANCE_PHASE,
                time: now(),
                phase: format!("{to:?}"),
                previous_phase: Some(format!("{from:?}")),
                message,
            },
        );
    }

    /// A job began or ended.
    pub fn job_changed(&self, job: &OdooInitJob, status: &mut OdooInitJobStatus, phase: JobPhase) {
        let type_ = match phase {
            JobPhase::Pending => return,
            JobPhase::Running => event::JOB_RUNNING,
            JobPhase::Completed => event::JOB_COMPLETED,
            JobPhase::Failed => event::JOB_FAILED,
        };
        let Some(webhook) = &job.spec.webhook else { return };
        let message = status.job.message.clone();
        self.append(
            webhook,
            (&mut status.job.notifications, &mut status.job.last_sequence),
            News {
                uid: &job.uid().unwrap_or_default(),
                type_,
                time: now(),
                phase: format!("{phase:?}"),
                previous_phase: None,
                message,
            },
        );
    }

    fn append(
        &self,
        webhook: &Webhook,
        (items, last): (&mut Option<Vec<NotificationItem>>, &mut Option<i64>),
        news: News<'_>,
    ) {
        if !outbox::is_wanted(webhook.events.as_deref(), news.type_) {
            return;
        }
        for _ in 0..outbox::append(items, last, news) {
            self.metrics.delivery("dropped");
        }
    }

    /// Takes out of an outbox what was delivered or given up, and notes what failed.
    pub fn settle(&self, uid: &str, webhook: Option<&Webhook>, items: &mut Option<Vec<NotificationItem>>) {
        if webhook.is_none() {
            // Nobody is there to be told any more.
            *items = None;
        }
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(settled) = news.get(uid) else { return };
        outbox::acknowledge(items, |id| settled.delivered.contains(id));
        for item in items.iter_mut().flatten() {
            if let Some((attempts, next)) = settled.failed.get(&item.id).filter(|(count, _)| *count >= WRITTEN_FROM) {
                item.attempts = Some(*attempts);
                item.next_attempt.clone_from(next);
            }
        }
    }

    /// Whether everything in an outbox was delivered or given up.
    pub fn is_settled(&self, uid: &str, items: Option<&[NotificationItem]>) -> bool {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let delivered = |item: &NotificationItem| news.get(uid).is_some_and(|it| it.delivered.contains(&item.id));
        items.unwrap_or_default().iter().all(delivered)
    }

    /// The condition NotificationsDelivered, if there is anything to say.
    pub fn condition(&self, uid: &str) -> Option<Wanted> {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = news.get(uid)?;
        match &settled.trouble {
            Some((reason, words)) => Some(Wanted::new(NOTIFICATIONS_DELIVERED, false, *reason, words.clone())),
            None => settled.had_trouble.then(|| {
                Wanted::new(NOTIFICATIONS_DELIVERED, true, "Delivered", "the receiver takes notifications again")
            }),
        }
    }

    /// Gives an instance's outbox to the sender.
    pub async fn update(&self, context: &Context, instance: &OdooInstance, status: &OdooInstanceStatus) {
        let subject = Subject {
            kind: "OdooInstance".to_owned(),
            plural: "odooinstances".to_owned(),
            namespace: instance.namespace().unwrap_or_default(),
            name: instance.name_any(),
            uid: instance.uid().unwrap_or_default(),
            url: status.url.clone(),
            instance: None,
            job_name: None,
        };
        let generation = instance.metadata.generation.unwrap_or(0);
        let items = status.notifications.clone().unwrap_or_default();
        self.give(context, subject, generation, instance.spec.webhook.as_ref(), items).await;
    }

    /// Gives a job's outbox to the sender.
    pub async fn update_job(&self, context: &Context, job: &OdooInitJob) {
        let status = job.status.clone().unwrap_or_default();
        let subject = Subject {
            kind: "OdooInitJob".to_owned(),
            plural: "odooinitjobs".to_owned(),
            namespace: job.namespace().unwrap_or_default(),
            name: job.name_any(),
            uid: job.uid().unwrap_or_default(),
            url: None,
            instance: Some(job.spec.odoo_instance_ref.name.clone()),
            job_name: status.job.job_name,
        };
        let generation = job.metadata.generation.unwrap_or(0);
        let items = status.job.notifications.unwrap_or_default();
        self.give(context, subject, generation, job.spec.webhook.as_ref(), items).await;
    }

    async fn give(
        &self,
        context: &Context,
        subject: Subject,
        generation: i64,
        webhook: Option<&Webhook>,
        items: Vec<NotificationItem>,
    ) {
        let uid = subject.uid.clone();
        if items.is_empty() && !self.sender.is_busy(&uid) {
            return;
        }
        let Some(webhook) = webhook else {
            self.forget(&uid);
            return;
        };
        let target = target(context, subject.clone(), generation, webhook).await;
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = news.entry(uid).or_default();
        settled.subject = subject;
        // What status holds no more was written out: nobody asks for it again.
        settled.delivered.retain(|id| items.iter().any(|item| item.id == *id));
        settled.failed.retain(|id, _| items.iter().any(|item| item.id == *id));
        match target {
            Ok(target) => {
                if settled.trouble.as_ref().is_some_and(|(reason, _)| *reason == "SecretUnusable") {
                    settled.trouble = None;
                }
                self.sender.update(target, items);
            }
            Err(error) => {
                settled.trouble = Some(("SecretUnusable", error.to_string()));
                settled.had_trouble = true;
            }
        }
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        for _ in 0..self.sender.forget(uid) {
            self.metrics.delivery("dropped");
        }
        self.news.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// Follows what becomes of deliveries, and wakes the objects that it concerns. Ends with the sender.
    pub async fn follow(self: Arc<Self>, mut outcomes: UnboundedReceiver<Outcome>, queues: Queues) {
        while let Some(outcome) = outcomes.recv().await {
            let Some((subject, at_once)) = self.note(outcome) else { continue };
            let queues = queues.clone();
            tokio::spawn(async move {
                if !at_once {
                    tokio::time::sleep(RIDE).await;
                }
                if subject.kind == "OdooInitJob" {
                    queues.init_job(&subject.namespace, &subject.name);
                } else {
                    queues.instance(&subject.namespace, &subject.name);
                }
            });
        }
    }

    /// Notes an outcome. Whose it is, if status has to say something about it, and whether that cannot wait.
    fn note(&self, outcome: Outcome) -> Option<(Subject, bool)> {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Outcome::Delivered { uid, id } => {
                self.metrics.delivery("delivered");
                let settled = news.entry(uid).or_default();
                settled.delivered.insert(id);
                settled.trouble = None;
                Some((settled.subject.clone(), false))
            }
            Outcome::Failed { uid, id, attempts, next, error } => {
                self.metrics.delivery("failed");
                let settled = news.entry(uid).or_default();
                let Subject { namespace, name, .. } = &settled.subject;
                warn!(namespace, name, id, attempts, error, "notification not delivered; it is tried again");
                let stopped = next.is_none();
                let next = next.map(|next: Timestamp| next.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
                settled.failed.insert(id, (attempts, next));
                if attempts >= WRITTEN_FROM || stopped {
                    let reason = if stopped { "Gone" } else { "Retrying" };
                    settled.trouble = Some((reason, error));
                    settled.had_trouble = true;
                    return Some((settled.subject.clone(), false));
                }
                None
            }
            Outcome::GivenUp { uid, id, error } => {
                self.metrics.delivery("given_up");
                let settled = news.entry(uid).or_default();
                settled.delivered.insert(id);
                settled.trouble = Some(("GivenUp", format!("a notification was given up: {error}")));
                settled.had_trouble = true;
                Some((settled.subject.clone(), true))
            }
        }
    }
}

/// Where a webhook's notifications go, with the Secrets that it names.
async fn target(context: &Context, subject: Subject, generation: i64, webhook: &Webhook) -> Result<Target> {
    let token = match (&webhook.token_secret_ref, &webhook.token) {
        (Some(reference), _) => {
            let field = "spec.webhook.tokenSecretRef";
            Some(read_key(&context.client, &subject.namespace, field, reference).await?)
        }
        (None, token) => token.clone().map(Into::into),
    };
    let keys = match &webhook.signing_secret_ref {
        Some(reference) => {
            let field = "spec.webhook.signingSecretRef";
            let text = read_key(&context.client, &subject.namespace, field, reference).await?;
            Some(Keys::parse(&text).map_err(|problem| Error::Secret {
                field: field.to_owned(),
                problem: format!("Secret {}, key {}: {problem}", reference.name, reference.key),
            })?)
        }
        None => None,
    };
    Ok(Target { subject, url: webhook.url.clone(), token, keys, generation })
}
