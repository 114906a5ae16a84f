//! The HTTPRoute of the Gateway API, as an own small type: no crate with the real one follows kube's versions.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{Inputs, meta, names, routing};
use crate::api::v1::GatewayRef;

const GROUP: &str = "gateway.networking.k8s.io";

/// What an instance's HTTPRoute says. Other fields of the kind are left alone.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "HTTPRoute",
    root = "HttpRoute",
    plural = "httproutes",
    namespaced,
    schema = "disabled",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRouteSpec {
    /// Gateways that carry the route.
    pub parent_refs: Vec<ParentRef>,
    /// Host names.
    pub hostnames: Vec<String>,
    /// Where requests go, by path.
    pub rules: Vec<Rule>,
}

/// A Gateway that carries a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ParentRef {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// Where requests go that one of `matches` fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// What a request must look like.
    pub matches: Vec<Match>,
    /// Where it goes then.
    pub backend_refs: Vec<BackendRef>,
}

/// What a request must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Match {
    /// Its path.
    pub path: PathMatch,
}

/// What a path must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathMatch {
    /// How it is compared.
    #[serde(rename = "type")]
    pub type_: String,
    /// What it is compared with.
    pub value: String,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackendRef {
    /// Name of the Service.
    pub name: String,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// `<name>`: every host name, attached to `gateway`. TLS is the Gateway's business.
pub fn http(inputs: &Inputs<'_>, gateway: &GatewayRef) -> HttpRoute {
    let name = names::web(inputs.name());
    let rules = routing::paths(inputs)
        .into_iter()
        .map(|(path, port)| Rule {
            matches: vec![Match { path: PathMatch { type_: "PathPrefix".to_owned(), value: path.to_owned() } }],
            backend_refs: vec![BackendRef { name: name.clone(), port: Some(port) }],
        })
        .collect();
    let parent = ParentRef {
        group: GROUP.to_owned(),
        kind: "Gateway".to_owned(),
        name: gateway.name.clone(),
        namespace: Some(gateway.namespace.clone()),
        section_name: gateway.section_name.clone(),
    };
    let mut metadata = meta::owned(inputs.instance, name, "web");
    metadata.annotations = inputs.spec().ingress.annotations.clone().filter(|all| !all.is_empty());
    HttpRoute {
        metadata,
        spec: HttpRouteSpec { parent_refs: vec![parent], hostnames: inputs.spec().ingress.hosts.clone(), rules },
    }
}
