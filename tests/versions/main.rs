//! Both versions as clients of a real API server, with the operator's own conversion behind it.
//!
//! A control plane of its own (`scripts/dev/control-plane`), because the tests install CRDs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../install/plane.rs"]
mod plane;
#[path = "../support/schema.rs"]
mod schema;

mod generated;
mod old_clients;

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use odoo_operator::api::crds::{Conversion, Form, Version, in_form};
use odoo_operator::app::conversion_hook;
use odoo_operator::conversion::KINDS;
use odoo_operator::server::{Hooks, Limits, bind, serve, webhooks};
use odoo_operator::tls::authority::Authority;
use odoo_operator::tls::{Resolver, server_config};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

static CONVERTER: OnceCell<()> = OnceCell::const_new();

/// A client and a namespace in a cluster that serves both versions.
async fn cluster() -> (Client, String) {
    let client = plane::client().await;
    CONVERTER.get_or_init(|| install(&client)).await;
    let namespace = plane::namespace(&client).await;
    (client, namespace)
}

/// The converter outlives the test that came first, so it has a thread and a runtime of its own.
async fn install(client: &Client) {
    let address: SocketAddr = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let ca = Authority::generate(Timestamp::now()).unwrap();
    let leaf = Authority::load(&ca).unwrap().sign(&[address.ip().to_string()], Timestamp::now()).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let tls = server_config(Arc::new(Resolver::new(leaf)), None).unwrap();
            let hook = conversion_hook();
            let hooks = Hooks {
                mutate: Arc::clone(&hook),
                validate: Arc::clone(&hook),
                convert: hook,
                answered: Arc::new(|_| {}),
            };
            let limits = Limits::default();
            let app = webhooks(&hooks, &limits);
            let listener = bind(address).await.unwrap();
            serve(listener, tls, false, app, limits, CancellationToken::new()).await;
        });
    });
    let form =
        Form { conversion: Conversion::Url(format!("https://{address}")), v1alpha1_served: true, stored: Version::V1 };
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for mut crd in in_form(&form) {
        if let Some(webhook) = crd.spec.conversion.as_mut().and_then(|conversion| conversion.webhook.as_mut()) {
            webhook.client_config.as_mut().unwrap().ca_bundle = Some(ByteString(ca.certificate.clone().into_bytes()));
        }
        crds.patch(&crd.name_any(), &PatchParams::apply("test"), &Patch::Apply(&crd)).await.unwrap();
    }
    for kind in KINDS {
        for version in ["v1", "v1alpha1"] {
            let api = objects(client, "default", kind, version);
            plane::eventually("both versions are served", async || api.list(&ListParams::default()).await.is_ok())
                .await;
        }
    }
}

/// The objects of `kind` in `namespace`, as `version`.
fn objects(client: &Client, namespace: &str, kind: &str, version: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(kind, version))
}

fn resource(kind: &str, version: &str) -> ApiResource {
    ApiResource {
        group: "bemade.org".into(),
        version: version.into(),
        api_version: format!("bemade.org/{version}"),
        kind: kind.into(),
        plural: format!("{}s", kind.to_lowercase()),
    }
}
