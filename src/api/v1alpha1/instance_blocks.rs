//! The blocks of an OdooInstance's spec.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WebhookConfig;

/// The pods that run scheduled actions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Cron {
    /// Number of cron pods.
    #[schemars(extend("default" = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Resources of a cron pod; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
}

/// Host names and the way in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Ingress {
    /// DNS names; the first one is the instance's URL.
    pub hosts: Vec<String>,
    /// cert-manager ClusterIssuer of the certificate; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// IngressClass; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Gateway to attach an HTTPRoute to, instead of making an Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_ref: Option<GatewayRef>,
}

/// A Gateway of the Gateway API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GatewayRef {
    /// Name of the Gateway.
    pub name: String,
    /// Namespace of the Gateway.
    pub namespace: String,
}

/// The volume for attachments and sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Filestore {
    /// Size of the volume, such as `10Gi`. It can grow, never shrink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_size: Option<String>,
    /// StorageClass; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
}

/// Where the database is and what it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Database {
    /// PostgreSQL cluster, by its name in the operator's configuration; absent takes the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Name of the database; absent means `odoo_` and the instance's uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What happens when the database is gone: Ignore reports it, Recreate initialises a new one.
    #[schemars(extend("default" = "Ignore"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_policy: Option<MissingPolicy>,
}

/// What happens when an initialised database is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MissingPolicy {
    /// Report it and change nothing.
    #[default]
    Ignore,
    /// Initialise a new database.
    Recreate,
}

/// How the database is filled the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Init {
    /// Whether the operator fills the database by itself; false leaves it alone.
    #[schemars(extend("default" = true))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Modules that a fresh database gets.
    #[schemars(extend("default" = ["base"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
    /// Whether a fresh database gets demonstration data.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<bool>,
    /// Where the outcome of the initialisation is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookConfig>,
}

/// How the web pods are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Strategy {
    /// Recreate stops the old pods first; RollingUpdate starts new ones before.
    #[serde(rename = "type")]
    #[schemars(extend("default" = "Recreate"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_: Option<StrategyType>,
    /// Bounds of a rolling update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update: Option<RollingUpdate>,
}

/// How pods are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StrategyType {
    /// All old pods go before new ones come.
    #[default]
    Recreate,
    /// New pods come before old ones go.
    RollingUpdate,
}

/// Bounds of a rolling update.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct RollingUpdate {
    /// How many pods may be missing, as a number or a percentage.
    #[schemars(extend("default" = "25%"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// How many pods may be there beyond the wanted number, as a number or a percentage.
    #[schemars(extend("default" = "25%"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrString>,
}

/// Where phase changes are announced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct InstanceWebhook {
    /// http or https URL that gets a POST for each phase change.
    pub url: String,
}

/// HTTP paths of the web pods' probes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Probes {
    /// Path of the startup probe.
    #[schemars(extend("default" = "/web/health"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_path: Option<String>,
    /// Path of the liveness probe.
    #[schemars(extend("default" = "/web/health"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_path: Option<String>,
    /// Path of the readiness probe.
    #[schemars(extend("default" = "/web/health"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_path: Option<String>,
}

/// A database role that may only read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ReadOnlySqlAccess {
    /// Whether the role is there.
    #[schemars(extend("default" = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How many connections the role may have at once.
    #[schemars(extend("default" = 5))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<i32>,
}
