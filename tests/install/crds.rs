//! The CRDs, from a first install to v1alpha1 served.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use odoo_operator::api::crds::{Conversion, for_chart};
use odoo_operator::app::conversion_hook;
use odoo_operator::controller::crds::{install, retire, wait_until_served};
use odoo_operator::server::{Hooks, Limits, bind, serve, webhooks};
use odoo_operator::tls::authority::Authority;
use odoo_operator::tls::pki::Pair;
use odoo_operator::tls::{Resolver, server_config};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::plane::{client, eventually, namespace};

/// Serves `/convert` with this CA.
async fn converter(address: SocketAddr, ca: &Pair) -> CancellationToken {
    let names = [address.ip().to_string()];
    let leaf = Authority::load(ca).unwrap().sign(&names, Timestamp::now()).unwrap();
    let tls = server_config(Arc::new(Resolver::new(leaf)), None).unwrap();
    let hook = conversion_hook();
    let hooks =
        Hooks { mutate: Arc::clone(&hook), validate: Arc::clone(&hook), convert: hook, answered: Arc::new(|_| {}) };
    let limits = Limits::default();
    let shutdown = CancellationToken::new();
    let listener = bind(address).await.unwrap();
    tokio::spawn(serve(listener, tls, false, webhooks(&hooks, &limits), limits, shutdown.clone()));
    shutdown
}

async fn ours(client: &Client) -> BTreeMap<String, CustomResourceDefinition> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let list = api.list(&kube::api::ListParams::default()).await.unwrap();
    list.into_iter().filter(|crd| crd.spec.group == "bemade.org").map(|crd| (crd.name_any(), crd)).collect()
}

fn served(crd: &CustomResourceDefinition, version: &str) -> bool {
    crd.spec.versions.iter().any(|candidate| candidate.name == version && candidate.served)
}

fn bundle(crd: &CustomResourceDefinition) -> Option<Vec<u8>> {
    let conversion = crd.spec.conversion.as_ref()?;
    Some(conversion.webhook.as_ref()?.client_config.as_ref()?.ca_bundle.as_ref()?.0.clone())
}

fn versions(crds: &BTreeMap<String, CustomResourceDefinition>) -> Vec<Option<String>> {
    crds.values().map(ResourceExt::resource_version).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_charts_crds_to_both_versions_served_and_then_no_write() {
    let client = client().await;
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let address: SocketAddr = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let ca = Authority::generate(Timestamp::now()).unwrap();
    let pem = ca.certificate.clone();
    let conversion = Conversion::Url(format!("https://{address}"));

    // As Helm leaves them.
    for crd in for_chart() {
        api.patch(&crd.name_any(), &PatchParams::apply("helm"), &Patch::Apply(&crd)).await.unwrap();
    }
    let two_versions = |crd: &CustomResourceDefinition| crd.spec.versions.len() == 2;
    let error = wait_until_served(&client, Duration::from_millis(500)).await.unwrap_err().to_string();
    assert!(error.contains("odooinstances"), "{error}");

    // Nobody answers at /convert: prepared, but not served; and then the operator dies.
    let attempt = tokio::spawn({
        let (client, conversion, pem) = (client.clone(), conversion.clone(), pem.clone());
        async move { install(&client, &conversion, &pem).await }
    });
    eventually("every CRD carries the bundle", async || {
        ours(&client).await.values().filter(|crd| two_versions(crd)).all(|crd| bundle(crd) == Some(pem.clone().into()))
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!attempt.is_finished());
    assert!(ours(&client).await.values().all(|crd| !served(crd, "v1alpha1")));
    attempt.abort();

    let running = converter(address, &ca).await;
    install(&client, &conversion, &pem).await.unwrap();
    wait_until_served(&client, Duration::from_secs(10)).await.unwrap();
    let installed = ours(&client).await;
    assert_eq!(installed.len(), 7);
    assert!(installed.values().filter(|crd| two_versions(crd)).all(|crd| served(crd, "v1alpha1")));

    // The API server converts through us.
    let namespace = namespace(&client).await;
    let kind = |version: &str| ApiResource {
        group: "bemade.org".into(),
        version: version.into(),
        api_version: format!("bemade.org/{version}"),
        kind: "OdooInitJob".into(),
        plural: "odooinitjobs".into(),
    };
    let old: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &kind("v1alpha1"));
    let mut job = DynamicObject::new("seen", &kind("v1alpha1"));
    job.data = json!({"spec": {"odooInstanceRef": {"name": "shop"}}});
    old.create(&PostParams::default(), &job).await.unwrap();
    let new: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &kind("v1"));
    assert_eq!(new.get("seen").await.unwrap().data["spec"]["odooInstanceRef"]["name"], "shop");

    // Again: nothing to write.
    install(&client, &conversion, &pem).await.unwrap();
    assert_eq!(versions(&ours(&client).await), versions(&installed));

    // A hand edit is put back with one write, and v1alpha1 is served all the time.
    let name = "odooinstances.bemade.org";
    let edit = json!([{"op": "replace", "path": "/spec/versions/0/additionalPrinterColumns", "value": []}]);
    let edit = Patch::Json::<()>(serde_json::from_value(edit).unwrap());
    let edited = api.patch(name, &PatchParams::default(), &edit).await.unwrap();
    install(&client, &conversion, &pem).await.unwrap();
    let back = api.get(name).await.unwrap();
    assert_eq!(back.spec.versions, installed[name].spec.versions);
    assert_eq!(back.metadata.generation, edited.metadata.generation.map(|generation| generation + 1));

    // Another CA: trusted before anything is asked of it, and never unserved.
    running.cancel();
    let other = Authority::generate(Timestamp::now()).unwrap();
    eventually("the port is free again", async || std::net::TcpListener::bind(address).is_ok()).await;
    let running = converter(address, &other).await;
    let generation = api.get(name).await.unwrap().metadata.generation.unwrap();
    install(&client, &conversion, &other.certificate).await.unwrap();
    let after = api.get(name).await.unwrap();
    assert_eq!(bundle(&after), Some(other.certificate.into()));
    assert!(served(&after, "v1alpha1"));
    assert_eq!(after.metadata.generation, Some(generation + 1), "the bundle was not the only write");
    old.get("seen").await.unwrap();

    // The way out, with nobody answering any more.
    running.cancel();
    for _ in 0..2 {
        retire(&client).await.unwrap();
        for crd in ours(&client).await.values() {
            assert!(!served(crd, "v1alpha1"));
            assert_eq!(crd.spec.conversion.as_ref().unwrap().strategy, "None");
        }
    }
    new.delete("seen", &DeleteParams::default()).await.unwrap();
    eventually("the object is gone", async || new.get_opt("seen").await.unwrap().is_none()).await;

    // And in again.
    eventually("the port is free again", async || std::net::TcpListener::bind(address).is_ok()).await;
    let running = converter(address, &ca).await;
    install(&client, &conversion, &pem).await.unwrap();
    wait_until_served(&client, Duration::from_secs(10)).await.unwrap();
    assert_eq!(api.get(name).await.unwrap().spec.versions, installed[name].spec.versions);
    running.cancel();
}
