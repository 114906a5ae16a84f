//! The batch Jobs of operations.
//!
//! Owns: what all of them share, one file an operation, and the reading of what they report. Must not: put a value
//! into a script (scripts are constants and read the environment), or a secret anywhere but behind a `secretKeyRef`.

pub mod init;
mod outcome;

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt as _};

use super::{Inputs, labels, names};
use crate::api::labels::JOB_UID;

pub use outcome::{InitOutcome, InitResult};

/// A batch Job that does one operation for the job object `owner`: once, with no second try, and kept until its
/// outcome is recorded.
fn once<K>(inputs: &Inputs<'_>, owner: &K, component: &str, deadline_seconds: i64, pod: PodSpec) -> Job
where
    K: Resource<DynamicType = ()>,
{
    let uid = owner.uid().unwrap_or_default();
    // Never `app`: the Service and the Deployments select on it.
    let mut labels = labels::common(inputs, component);
    labels.insert(JOB_UID.to_owned(), uid.clone());
    Job {
        metadata: ObjectMeta {
            name: Some(names::batch_job(&owner.name_any(), &uid)),
            namespace: Some(inputs.namespace().to_owned()),
            labels: Some(labels.clone()),
            owner_references: owner.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            // A pod that is merely being deleted must not be joined by a second one.
            pod_replacement_policy: Some("Failed".to_owned()),
            active_deadline_seconds: Some(deadline_seconds),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(BTreeMap::from([(
                        "cluster-autoscaler.kubernetes.io/safe-to-evict".to_owned(),
                        "false".to_owned(),
                    )])),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec { restart_policy: Some("Never".to_owned()), ..pod }),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}
