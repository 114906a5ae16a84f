//! The way in: which of the two kinds carries it.

use k8s_openapi::api::networking::v1::Ingress;

use super::route::HttpRoute;
use super::{Inputs, ingress, odoo_conf, route};

/// The way in from outside. The other kind of the two must not be there.
#[derive(Clone, Debug)]
pub enum Routing {
    /// An Ingress.
    Ingress(Box<Ingress>),
    /// An HTTPRoute on the Gateway that `ingress.gatewayRef` names.
    HttpRoute(Box<HttpRoute>),
}

impl Routing {
    /// The way in that the instance asks for. Without a host name there is none: an Ingress needs one, and an
    /// HTTPRoute would take every name that its Gateway listens to.
    pub fn of(inputs: &Inputs<'_>) -> Option<Self> {
        let wanted = &inputs.spec().ingress;
        if wanted.hosts.is_empty() {
            return None;
        }
        Some(match &wanted.gateway_ref {
            Some(gateway) => Self::HttpRoute(Box::new(route::http(inputs, gateway))),
            None => Self::Ingress(Box::new(ingress::web(inputs))),
        })
    }
}

/// Path prefixes and the Service's port for each, longest first. An unknown version counts as one with websockets.
pub(super) fn paths(inputs: &Inputs<'_>) -> Vec<(&'static str, i32)> {
    let mut paths = Vec::new();
    if inputs.odoo_version.is_none_or(super::OdooVersion::has_websocket) {
        paths.push(("/websocket", inputs.websocket_port()));
    }
    if inputs.odoo_version.is_some_and(super::OdooVersion::has_longpolling) {
        paths.push(("/longpolling", inputs.websocket_port()));
    }
    paths.push(("/", odoo_conf::HTTP_PORT));
    paths
}
