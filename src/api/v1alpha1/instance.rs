//! `OdooInstance`: one Odoo with its database, its files and the way in.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, EnvFromSource, EnvVar, ResourceRequirements, Toleration};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cron, Database, Filestore, Ingress, Init, InstanceRef, InstanceWebhook, OdooInstanceStatus, Probes,
    ReadOnlySqlAccess, Strategy,
};

/// Desired state of one Odoo.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1alpha1",
    kind = "OdooInstance",
    plural = "odooinstances",
    shortname = "odoo",
    category = "odoo-all",
    namespaced,
    status = "OdooInstanceStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "One Odoo: its web and cron servers, its database, its files and the way in.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.readyReplicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image"),
    printcolumn(name = "Replicas", type_ = "string", json_path = ".status.readyReplicas"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend(
    "x-kubernetes-preserve-unknown-fields" = true,
    "x-kubernetes-validations" = [{
        "rule": "!has(self.environment) || self.environment != 'Production' || !has(self.productionInstanceRef)",
        "messageExpression": "'spec.productionInstanceRef is forbidden on production instances'"
    }]
))]
pub struct OdooInstanceSpec {
    /// Container image of Odoo; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Secret of type kubernetes.io/dockerconfigjson for pulling the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<String>,
    /// Master password, in plain text; empty when the password comes from elsewhere.
    pub admin_password: String,
    /// Number of web pods; 0 stops the instance.
    #[schemars(extend("default" = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The pods that run scheduled actions.
    #[schemars(extend("default" = {"replicas": 1}))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<Cron>,
    /// Host names and the way in.
    pub ingress: Ingress,
    /// Resources of a web pod; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// The volume for attachments and sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filestore: Option<Filestore>,
    /// Options of the `[options]` section of odoo.conf, beyond or instead of the operator's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_options: Option<BTreeMap<String, String>>,
    /// Where the database is and what it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// How the database is filled the first time.
    #[schemars(extend("default" = {"enabled": true, "modules": ["base"], "demo": false}))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// What the instance is used for. Staging instances are kept neutralised.
    #[schemars(extend("default" = "Staging"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// Instance that is copied into the new database instead of a fresh start. Not on production instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production_instance_ref: Option<InstanceRef>,
    /// How the web pods are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Where phase changes are announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<InstanceWebhook>,
    /// HTTP paths of the web pods' probes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,
    /// Affinity of all pods; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Tolerations of all pods; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    /// A database role that may only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_sql_access: Option<ReadOnlySqlAccess>,
    /// Environment variables of the Odoo containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_env: Option<Vec<EnvVar>>,
    /// Sources of environment variables of the Odoo containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_env_from: Option<Vec<EnvFromSource>>,
}

/// What an instance is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Environment {
    /// A copy to try things on: kept neutralised.
    #[default]
    Staging,
    /// The one that people work with.
    Production,
}
