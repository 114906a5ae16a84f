//! The HTTPRoute of the Gateway API, as plain JSON: no crate with its types follows kube's versions.

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

use super::{Inputs, meta, names, routing};
use crate::api::v1::GatewayRef;

/// What the API server calls an HTTPRoute.
pub fn api_resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    ApiResource::from_gvk_with_plural(&kind, "httproutes")
}

/// `<name>`: every host name, attached to `gateway`. TLS is the Gateway's business.
pub fn http(inputs: &Inputs<'_>, gateway: &GatewayRef) -> DynamicObject {
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
    let mut route = DynamicObject::new(&name, &api_resource()).data(json!({
        "spec": {"parentRefs": [parent], "hostnames": inputs.spec().ingress.hosts, "rules": rules},
    }));
    route.metadata = meta::owned(inputs, name, "web");
    route.metadata.annotations = inputs.spec().ingress.annotations.clone().filter(|all| !all.is_empty());
    route
}
