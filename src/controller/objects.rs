//! Our kinds as plain objects: for what has to work whatever an object holds, and in whichever version is served.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client};

use crate::api::GROUP;
use crate::api::crds::{self, Version};

/// Objects of one page of a list.
const PAGE: u32 = 500;

/// A kind of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurKind {
    /// Its name.
    pub kind: String,
    /// Its plural, as in paths.
    pub plural: String,
    /// Whether v1alpha1 has it.
    pub in_v1alpha1: bool,
}

impl OurKind {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let of = |crd: CustomResourceDefinition| Self {
            kind: crd.spec.names.kind,
            plural: crd.spec.names.plural,
            in_v1alpha1: crd.spec.versions.len() > 1,
        };
        crds::all().into_iter().map(of).collect()
    }

    /// Name of its CustomResourceDefinition.
    pub fn crd(&self) -> String {
        format!("{}.{GROUP}", self.plural)
    }

    /// How it is asked for in a version.
    pub fn resource(&self, version: Version) -> ApiResource {
        ApiResource {
            group: GROUP.to_owned(),
            version: version.name().to_owned(),
            api_version: format!("{GROUP}/{}", version.name()),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
        }
    }

    /// Its objects in a namespace.
    pub fn api(&self, client: &Client, version: Version, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource(version))
    }

    /// Every object of it. None when the kind, or the version, is not served.
    pub async fn list(&self, client: &Client, version: Version) -> Result<Vec<DynamicObject>, kube::Error> {
        every(&Api::all_with(client.clone(), &self.resource(version)), &ListParams::default()).await
    }
}

/// Every object that `params` selects, by pages. None when the kind is not served.
pub async fn every(api: &Api<DynamicObject>, params: &ListParams) -> Result<Vec<DynamicObject>, kube::Error> {
    let mut all = Vec::new();
    let mut params = params.clone().limit(PAGE);
    loop {
        let page = match api.list(&params).await {
            Ok(page) => page,
            Err(error) if is_not_found(&error) && all.is_empty() => return Ok(all),
            Err(error) => return Err(error),
        };
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

/// Whether the API server knows no such object, or no such kind.
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// `namespace/name`.
pub fn key(object: &DynamicObject) -> String {
    let meta = &object.metadata;
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}
