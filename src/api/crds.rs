//! The CustomResourceDefinitions: one a kind, both versions merged.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, ServiceReference, WebhookClientConfig, WebhookConversion,
};
use kube::CustomResourceExt;
use kube::core::crd::merge_crds;

use super::{v1, v1alpha1};

/// Path at which the operator converts.
pub const CONVERT_PATH: &str = "/convert";

/// The two versions of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The hub.
    V1,
    /// The existing operator's.
    V1Alpha1,
}

impl Version {
    /// The version's name in a CRD.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1Alpha1 => "v1alpha1",
        }
    }
}

/// Who converts objects between the versions. The certificate authority (caBundle) is no part of it: it is written by
/// a field manager of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// Nobody: only apiVersion is changed. Safe only while a single version is served.
    None,
    /// The operator, through its Service.
    Service {
        /// Namespace of the Service.
        namespace: String,
        /// Name of the Service.
        name: String,
        /// Port of the Service.
        port: u16,
    },
    /// The operator, outside the cluster: base URL such as `https://10.0.0.1:9443`.
    Url(String),
}

/// The variable part of the CRDs, which goes through several forms while an installation comes up or goes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Who converts.
    pub conversion: Conversion,
    /// Whether v1alpha1 can be read and written.
    pub v1alpha1_served: bool,
    /// The version that is written to storage.
    pub stored: Version,
}

/// The CRDs as they are once the operator is up, without its conversion webhook, which depends on the installation:
/// for printing, and for whoever needs the schemas. Apply [`in_form`] instead.
pub fn all() -> Vec<CustomResourceDefinition> {
    in_form(&Form { conversion: Conversion::None, v1alpha1_served: true, stored: Version::V1 })
}

/// The CRDs for a first install by the chart: nothing may be stored through a conversion that is not there yet.
pub fn for_chart() -> Vec<CustomResourceDefinition> {
    in_form(&Form { conversion: Conversion::None, v1alpha1_served: false, stored: Version::V1 })
}

/// The CRDs in `form`. `OdooBackupSchedule` has one version and is the same in every form.
pub fn in_form(form: &Form) -> Vec<CustomResourceDefinition> {
    let mut crds = vec![
        merged(v1::OdooInstance::crd(), v1alpha1::OdooInstance::crd(), form),
        merged(v1::OdooInitJob::crd(), v1alpha1::OdooInitJob::crd(), form),
        merged(v1::OdooUpgradeJob::crd(), v1alpha1::OdooUpgradeJob::crd(), form),
        merged(v1::OdooBackupJob::crd(), v1alpha1::OdooBackupJob::crd(), form),
        merged(v1::OdooRestoreJob::crd(), v1alpha1::OdooRestoreJob::crd(), form),
        merged(v1::OdooStagingRefreshJob::crd(), v1alpha1::OdooStagingRefreshJob::crd(), form),
    ];
    let mut schedule = v1::OdooBackupSchedule::crd();
    schedule.spec.conversion = Some(conversion(&Conversion::None));
    crds.push(schedule);
    crds
}

fn merged(v1: CustomResourceDefinition, v1alpha1: CustomResourceDefinition, form: &Form) -> CustomResourceDefinition {
    let mut crd = merge_crds(vec![v1, v1alpha1], "v1").expect("derived CRDs have one version and the same names");
    for version in &mut crd.spec.versions {
        version.storage = version.name == form.stored.name();
        version.served = version.name == "v1" || form.v1alpha1_served;
    }
    keep_selectable_fields_apart(&mut crd);
    crd.spec.conversion = Some(conversion(&form.conversion));
    crd
}

/// Makes the versions' lists of selectable fields differ in their order.
///
/// An API server (1.36) moves lists that are the same in all versions to the top of the CRD, and then refuses them
/// there because the schemas, which are not the same, stayed in the versions: "may only be set when validations.schema
/// is included".
fn keep_selectable_fields_apart(crd: &mut CustomResourceDefinition) {
    for version in crd.spec.versions.iter_mut().filter(|version| version.name == Version::V1.name()) {
        if let Some(fields) = &mut version.selectable_fields {
            fields.reverse();
        }
    }
}

fn conversion(by: &Conversion) -> CustomResourceConversion {
    let client_config = match by {
        Conversion::None => return CustomResourceConversion { strategy: "None".to_owned(), webhook: None },
        Conversion::Service { namespace, name, port } => WebhookClientConfig {
            service: Some(ServiceReference {
                namespace: namespace.clone(),
                name: name.clone(),
                path: Some(CONVERT_PATH.to_owned()),
                port: Some(i32::from(*port)),
            }),
            ..WebhookClientConfig::default()
        },
        Conversion::Url(base) => WebhookClientConfig {
            url: Some(format!("{}{CONVERT_PATH}", base.trim_end_matches('/'))),
            ..WebhookClientConfig::default()
        },
    };
    CustomResourceConversion {
        strategy: "Webhook".to_owned(),
        webhook: Some(WebhookConversion {
            client_config: Some(client_config),
            conversion_review_versions: vec!["v1".to_owned()],
        }),
    }
}
