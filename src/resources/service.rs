//! The Service in front of the web pods.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Inputs, labels, meta, names, odoo_conf};

/// `<name>`: ports 8069 (http) and 8072 (websocket) of the web pods.
pub fn web(inputs: &Inputs<'_>) -> Service {
    let name = names::web(inputs.name());
    let port = |name: &str, port: i32| ServicePort {
        name: Some(name.to_owned()),
        port,
        target_port: Some(IntOrString::Int(port)),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    };
    Service {
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(labels::selector(&name)),
            ports: Some(vec![port("http", odoo_conf::HTTP_PORT), port("websocket", odoo_conf::WEBSOCKET_PORT)]),
            ..ServiceSpec::default()
        }),
        metadata: meta::owned(inputs, name, "web"),
        status: None,
    }
}

/// Address of the Service inside the cluster: what `report.url` is set to.
pub fn url(inputs: &Inputs<'_>) -> String {
    format!("http://{}.{}.svc:{}", names::web(inputs.name()), inputs.namespace(), odoo_conf::HTTP_PORT)
}
