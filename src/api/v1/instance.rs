//! `OdooInstance`: one Odoo with its database, its files and the way in.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvFromSource, EnvVar, ResourceRequirements, Toleration, TopologySpreadConstraint,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cron, Filestore, Ingress, Initialization, LocalSecretRef, OdooInstanceStatus, PodDisruptionBudget, Probes,
    ReadOnlySqlAccess, SecretKeyRef, Strategy, Upgrade, Webhook,
};

/// Desired state of one Odoo.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1",
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
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.odooVersion"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Last backup", type_ = "string", json_path = ".status.lastBackup"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image", priority = 1),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.readyReplicas", priority = 1),
    printcolumn(name = "Database", type_ = "string", json_path = ".status.databaseName", priority = 1),
    printcolumn(name = "Environment", type_ = "string", json_path = ".spec.environment", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1)
)]
// A rule of the whole spec is judged with every change of it: what was broken before passes here, and the webhook, which
// sees whether it was touched, decides. (Comparing old and new values here is beyond the API server's cost limit.)
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.adminPassword) || !has(self.adminPasswordSecretRef) || (oldSelf.hasValue() && \
            has(oldSelf.value().adminPassword) && has(oldSelf.value().adminPasswordSecretRef))",
        "optionalOldSelf": true,
        "message": "excludes adminPasswordSecretRef; remove one of both",
        "fieldPath": ".adminPassword", "reason": "FieldValueForbidden"
    },
    {
        "rule": "!has(self.environment) || \
            self.environment != 'Production' || \
            !has(self.initialization) || \
            !has(self.initialization.clone) || (oldSelf.hasValue() && \
            has(oldSelf.value().environment) && oldSelf.value().environment == 'Production' && \
            has(oldSelf.value().initialization) && has(oldSelf.value().initialization.clone))",
        "optionalOldSelf": true,
        "message": "a Production instance is no copy of another; remove it, or use environment Staging",
        "fieldPath": ".initialization.clone", "reason": "FieldValueForbidden"
    },
    {
        "rule": "!has(self.filestore) || \
            !has(self.filestore.accessMode) || \
            self.filestore.accessMode == 'ReadWriteMany' || \
            !has(self.replicas) || \
            self.replicas <= 1 || (oldSelf.hasValue() && \
            has(oldSelf.value().filestore) && has(oldSelf.value().filestore.accessMode) && \
            oldSelf.value().filestore.accessMode != 'ReadWriteMany' && \
            has(oldSelf.value().replicas) && oldSelf.value().replicas > 1)",
        "optionalOldSelf": true,
        "message": "more than 1 web pod needs filestore.accessMode ReadWriteMany",
        "fieldPath": ".replicas", "reason": "FieldValueInvalid"
    },
    {
        "rule": "!has(self.filestore) || \
            !has(self.filestore.accessMode) || \
            self.filestore.accessMode == 'ReadWriteMany' || \
            !has(self.strategy) || \
            !has(self.strategy.type) || \
            self.strategy.type != 'RollingUpdate' || (oldSelf.hasValue() && \
            has(oldSelf.value().filestore) && has(oldSelf.value().filestore.accessMode) && \
            oldSelf.value().filestore.accessMode != 'ReadWriteMany' && \
            has(oldSelf.value().strategy) && has(oldSelf.value().strategy.type) && \
            oldSelf.value().strategy.type == 'RollingUpdate')",
        "optionalOldSelf": true,
        "message": "RollingUpdate needs filestore.accessMode ReadWriteMany; use Recreate",
        "fieldPath": ".strategy.type", "reason": "FieldValueInvalid"
    }
]))]
#[serde(rename_all = "camelCase")]
pub struct OdooInstanceSpec {
    /// Container image of Odoo; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Secret of type kubernetes.io/dockerconfigjson for pulling the image, in this namespace, or one in the operator's
    /// namespace that its administrator lets instances use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secret: Option<String>,
    /// Password of the `admin` login and of the database manager, in plain text. Accepted for compatibility; use
    /// adminPasswordSecretRef. With neither, a password is generated into the Secret `<name>-admin`.
    #[schemars(length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password: Option<String>,
    /// Secret key with the password of the `admin` login and of the database manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password_secret_ref: Option<SecretKeyRef>,
    /// Number of web pods; 0 stops the instance.
    #[schemars(range(min = 0), extend("default" = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The pods that run scheduled actions.
    #[schemars(extend("default" = {}))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<Cron>,
    /// What the instance is used for. Staging instances are kept neutralised.
    #[schemars(extend("default" = "Staging"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
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
    pub database: Option<DatabaseSpec>,
    /// How the database is filled the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initialization: Option<Initialization>,
    /// Module upgrades and what an image change does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// How the web pods are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Where phase changes are announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// HTTP paths of the web pods' probes; absent leaves them to the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,
    /// Affinity of all pods; absent takes the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Tolerations of all pods; absent takes the operator's default.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Labels that a node must have to run the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// How the web pods are spread over the cluster.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// PriorityClass of all pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    /// A database role that may only read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_sql_access: Option<ReadOnlySqlAccess>,
    /// Environment variables of the Odoo containers.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_env: Option<Vec<EnvVar>>,
    /// Sources of environment variables of the Odoo containers.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_env_from: Option<Vec<EnvFromSource>>,
    /// How many web pods must stay up while nodes are drained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_disruption_budget: Option<PodDisruptionBudget>,
    /// What happens to database, role and volume when the instance is deleted; absent means Retain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether the operator leaves the instance alone. An operation under way is finished; deletion is carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What an instance is used for: Production is the one that people work with, Staging (the default) a copy to try
/// things on, kept neutralised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Environment {
    /// A copy to try things on: kept neutralised.
    #[default]
    Staging,
    /// The one that people work with.
    Production,
}

/// What happens to database, role and volume when the instance is deleted: Retain (also when absent) keeps them, marked
/// with who they belonged to, and Delete removes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Database, role and volume stay, marked with who they belonged to.
    #[default]
    Retain,
    /// Database, role and volume are removed.
    Delete,
}

/// Where the database is and what it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSpec {
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
    /// Secret that names a database and role that exist already: keys host, port, dbname, username, password and
    /// optionally sslmode, as CloudNativePG writes them. Excludes cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalSecretRef>,
    /// Secret key with the PEM certificate of the authority that signed the PostgreSQL server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
    /// A second database that exists already, for operations that fill a copy beside the live one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_database: Option<String>,
}

/// What happens when an initialised database is gone: Ignore reports it and changes nothing, Recreate initialises a new
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MissingPolicy {
    /// Report it and change nothing.
    #[default]
    Ignore,
    /// Initialise a new database.
    Recreate,
}

impl OdooInstanceSpec {
    /// Number of web pods that are wanted.
    pub fn web_replicas(&self) -> i32 {
        self.replicas.unwrap_or(1)
    }

    /// Number of cron pods that are wanted while the instance runs.
    pub fn cron_replicas(&self) -> i32 {
        self.cron.as_ref().and_then(|cron| cron.replicas).unwrap_or(1)
    }

    /// StorageClass of the volume, if one is named.
    pub fn storage_class(&self) -> Option<&str> {
        self.filestore.as_ref()?.storage_class.as_deref()
    }

    /// PostgreSQL cluster of the database, if one is named.
    pub fn cluster(&self) -> Option<&str> {
        self.database.as_ref()?.cluster.as_deref()
    }

    /// What happens to the data when the instance is deleted.
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.deletion_policy.unwrap_or_default()
    }

    /// What the instance is used for.
    pub fn environment(&self) -> Environment {
        self.environment.unwrap_or_default()
    }

    /// How the database is filled the first time: the explicit mode, else by which block is there, else fresh.
    pub fn initialization_mode(&self) -> super::InitializationMode {
        use super::InitializationMode as Mode;
        let Some(init) = &self.initialization else { return Mode::Fresh };
        init.mode.unwrap_or(match (&init.restore, &init.clone) {
            (Some(_), _) => Mode::Restore,
            (None, Some(_)) => Mode::Clone,
            (None, None) => Mode::Fresh,
        })
    }
}
