//! The reconcile loops.

use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::controller::{self, Config, applier};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::debug;

use super::consents::Referrer;
use super::instance::{self, Context};
use super::{init_job, unsupported, watches};
use crate::api::v1::{OdooInitJob, OdooInstance};

/// Objects of one kind that are worked on at once.
const CONCURRENCY: u16 = 16;

/// The receiving ends of the queues.
pub struct Received {
    /// Instances that have to look again.
    pub instances: UnboundedReceiver<ObjectRef<OdooInstance>>,
    /// Initialisations that have to look again.
    pub init_jobs: UnboundedReceiver<ObjectRef<OdooInitJob>>,
    /// Objects of kinds that only wait, and have to look again.
    pub waiting: UnboundedReceiver<Referrer>,
}

/// Queues and their receiving ends.
pub fn queues() -> (watches::Queues, Received) {
    let (instances, instances_received) = tokio::sync::mpsc::unbounded_channel();
    let (init_jobs, init_jobs_received) = tokio::sync::mpsc::unbounded_channel();
    let (waiting, waiting_received) = tokio::sync::mpsc::unbounded_channel();
    let received = Received { instances: instances_received, init_jobs: init_jobs_received, waiting: waiting_received };
    (watches::Queues { instances, init_jobs, waiting }, received)
}

/// Runs watches and reconciles until it is dropped. Never returns by itself.
pub async fn run(context: Arc<Context>, received: Received) {
    let mut tasks =
        watches::start(&context.client, &context.stores, &context.queues, &context.settings.operator_namespace);
    unsupported::start(&mut tasks, &context, received.waiting);
    // What is there is known before anything is done about it: an empty store is not an empty cluster.
    watches::ready(&context.stores).await;
    context.databases.first_look().await;
    let databases = context.databases.clone();
    let (instances, queues) = (context.stores.instances.clone(), context.queues.clone());
    tasks.spawn(async move { databases.follow(instances, queues).await });
    context.count_phases();
    loops(&mut tasks, &context, received.instances, received.init_jobs);
    while tasks.join_next().await.is_some() {}
}

fn loops(
    tasks: &mut JoinSet<()>,
    context: &Arc<Context>,
    instances: UnboundedReceiver<ObjectRef<OdooInstance>>,
    init_jobs: UnboundedReceiver<ObjectRef<OdooInitJob>>,
) {
    let config = || Config::default().concurrency(CONCURRENCY);
    let instances = applier(
        |object, context| Box::pin(instance::reconcile(object, context)),
        instance::error_policy,
        context.clone(),
        context.stores.instances.store(),
        UnboundedReceiverStream::new(instances).map(Ok::<_, std::convert::Infallible>),
        config(),
    );
    tasks.spawn(instances.for_each(|result| async move { log("instance", result) }));
    let init_jobs = applier(
        |object, context| Box::pin(init_job::reconcile(object, context)),
        init_job::error_policy,
        context.clone(),
        context.stores.init_jobs.store(),
        UnboundedReceiverStream::new(init_jobs).map(Ok::<_, std::convert::Infallible>),
        config(),
    );
    tasks.spawn(init_jobs.for_each(|result| async move { log("init_job", result) }));
}

/// Failures were logged where they happened; an object that is gone by its turn is nothing.
fn log<T, E: std::error::Error>(
    controller: &'static str,
    result: Result<T, controller::Error<E, std::convert::Infallible>>,
) {
    if let Err(error) = result {
        debug!(controller, %error, "reconcile");
    }
}
