//! The HTTPRoute of the Gateway API, its spec as plain JSON: no crate with its types follows kube's versions.

use kube::CustomResource;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Inputs, meta, names, routing};
use crate::api::v1::GatewayRef;

/// The spec of an HTTPRoute.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "HTTPRoute",
    root = "HttpRoute",
    plural = "httproutes",
    namespaced,
    schema = "disabled",
    derive = "PartialEq"
)]
pub struct HttpRouteSpec {
    /// Its fields as the Gateway API names them.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// `<name>`: every host name, attached to `gateway`. TLS is the Gateway's business.
pub fn http(inputs: &Inputs<'_>, gateway: &GatewayRef) -> HttpRoute {
    let name = names::web(inputs.name());
    let mut parent = json!({
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway.name,
        "namespace": gateway.namespace,
    });
    if let Some(section) = &gateway.section_name {
        parent["sectionName"] = json!(section);
    }
    let rules: Vec<Value> = routing::paths(inputs)
        .into_iter()
        .map(|(path, port)| {
            json!({
                "matches": [{"path": {"type": "PathPrefix", "value": path}}],
                "backendRefs": [{"name": name, "port": port}],
            })
        })
        .collect();
    let fields = [
        ("parentRefs".to_owned(), json!([parent])),
        ("hostnames".to_owned(), json!(inputs.spec().ingress.hosts)),
        ("rules".to_owned(), json!(rules)),
    ];
    let mut route = HttpRoute::new(&name, HttpRouteSpec { fields: fields.into_iter().collect() });
    route.metadata = meta::owned(inputs, name, "web");
    route.metadata.annotations = inputs.spec().ingress.annotations.clone().filter(|all| !all.is_empty());
    route
}
