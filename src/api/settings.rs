//! The operator's settings as plain data: what the flags say, for the rooms that do no IO.

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};

use super::v1::GatewayRef;

/// Settings of the operator that rules, builders and defaults need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Namespace that the operator runs in.
    pub operator_namespace: String,
    /// User name of the operator at the API server; its own writes are not defaulted.
    pub operator_user: Option<String>,
    /// What a new instance gets where its manifest says nothing.
    pub defaults: Defaults,
    /// Finished job objects that are kept for each instance and kind; 0 keeps all.
    pub job_history_limit: usize,
    /// Which webhook addresses may be called.
    pub webhook_policy: WebhookPolicy,
    /// Pull Secrets of the operator's namespace that instances elsewhere may name.
    pub pull_secret_allow_list: Vec<String>,
    /// Whether PUBLIC loses CONNECT on adopted databases without asking.
    pub isolate_adopted_databases: bool,
    /// Whether pods of taken-over instances move to this operator's template without being asked.
    pub adopt_now: bool,
}

/// What a new instance gets where its manifest says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Image of Odoo.
    pub image: String,
    /// Resources of a web pod.
    pub resources: Option<ResourceRequirements>,
    /// Resources of a cron pod; `None` leaves the field absent.
    pub cron_resources: Option<ResourceRequirements>,
    /// Size of the volume.
    pub storage_size: String,
    /// StorageClass.
    pub storage_class: Option<String>,
    /// Access mode of the volume.
    pub access_mode: String,
    /// IngressClass.
    pub ingress_class: Option<String>,
    /// cert-manager ClusterIssuer.
    pub ingress_issuer: Option<String>,
    /// Gateway, where neither class nor gatewayRef is given.
    pub gateway_ref: Option<GatewayRef>,
    /// Affinity of all pods.
    pub affinity: Option<Affinity>,
    /// Tolerations of all pods.
    pub tolerations: Option<Vec<Toleration>>,
    /// Region of S3 locations.
    pub region: String,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            image: "odoo:18.0".to_owned(),
            resources: None,
            cron_resources: None,
            storage_size: "2Gi".to_owned(),
            storage_class: Some("standard".to_owned()),
            access_mode: "ReadWriteMany".to_owned(),
            ingress_class: None,
            ingress_issuer: None,
            gateway_ref: None,
            affinity: None,
            tolerations: None,
            region: "us-east-1".to_owned(),
        }
    }
}

/// Which webhook addresses may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookPolicy {
    /// Networks that may not be called, besides those that never may.
    pub deny: Vec<ipnet::IpNet>,
    /// Networks that may be called whatever denies them.
    pub allow: Vec<ipnet::IpNet>,
    /// Whether plain http is refused.
    pub require_https: bool,
}
