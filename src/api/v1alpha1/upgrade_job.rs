//! `OdooUpgradeJob`: upgrades or installs modules.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InstanceRef, JobStatus, WebhookConfig};

/// Upgrade or install modules.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bemade.org",
    version = "v1alpha1",
    kind = "OdooUpgradeJob",
    plural = "odooupgradejobs",
    shortname = "upgradejob",
    category = "odoo-all",
    namespaced,
    status = "OdooUpgradeJobStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Upgrades or installs modules of an OdooInstance, once.",
    selectable = ".spec.odooInstanceRef.name",
    selectable = ".status.phase",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.odooInstanceRef.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OdooUpgradeJobSpec {
    /// The instance whose modules are upgraded.
    pub odoo_instance_ref: InstanceRef,
    /// Modules to upgrade; with both lists empty, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<String>>,
    /// Modules to install.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules_install: Option<Vec<String>>,
    /// Not before this time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_time: Option<String>,
    /// Where the outcome is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookConfig>,
}

/// Observed state of an OdooUpgradeJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OdooUpgradeJobStatus {
    /// What all job kinds report.
    #[serde(flatten)]
    pub job: JobStatus,
    /// Web pods before the upgrade.
    #[schemars(extend("default" = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_replicas: Option<i32>,
}
