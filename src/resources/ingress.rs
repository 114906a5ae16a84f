//! The Ingress.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};

use super::{Inputs, meta, names, routing};

/// Annotation that asks cert-manager for the certificate.
const CLUSTER_ISSUER: &str = "cert-manager.io/cluster-issuer";

/// `<name>`: every host name, over TLS with the Secret `<name>-tls`.
pub fn web(inputs: &Inputs<'_>) -> Ingress {
    let wanted = &inputs.spec().ingress;
    let service = names::web(inputs.name());
    let paths: Vec<_> = routing::paths(inputs)
        .into_iter()
        .map(|(path, port)| HTTPIngressPath {
            path: Some(path.to_owned()),
            path_type: "Prefix".to_owned(),
            backend: IngressBackend {
                service: Some(IngressServiceBackend {
                    name: service.clone(),
                    port: Some(ServiceBackendPort { number: Some(port), name: None }),
                }),
                resource: None,
            },
        })
        .collect();
    let mut metadata = meta::owned(inputs, service, "web");
    let mut annotations = wanted.annotations.clone().unwrap_or_default();
    if let Some(issuer) = wanted.issuer.as_ref().filter(|issuer| !issuer.is_empty()) {
        annotations.entry(CLUSTER_ISSUER.to_owned()).or_insert_with(|| issuer.clone());
    }
    metadata.annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: wanted.class.clone().filter(|class| !class.is_empty()),
            rules: Some(
                wanted
                    .hosts
                    .iter()
                    .map(|host| IngressRule {
                        host: Some(host.clone()),
                        http: Some(HTTPIngressRuleValue { paths: paths.clone() }),
                    })
                    .collect(),
            ),
            tls: Some(vec![IngressTLS {
                hosts: Some(wanted.hosts.clone()),
                secret_name: Some(names::tls_secret(inputs.name())),
            }]),
            default_backend: None,
        }),
        status: None,
    }
}
