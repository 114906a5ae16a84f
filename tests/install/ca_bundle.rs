//! `caBundle` in the webhook configurations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use odoo_operator::server::{Hooks, Limits, serve, webhooks};
use odoo_operator::tls::inject::{Error, Target, inject, keep};
use odoo_operator::tls::{SelfManaged, server_config};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::plane::{PATIENCE, client, eventually, namespace};

/// A webhook configuration as a chart writes it: without caBundle.
async fn configure(client: &Client, kind: &str, name: &str, url: &str, namespace: &str) {
    let webhook = |webhook: &str| {
        json!({
            "name": format!("{webhook}.{name}.bemade.org"),
            "clientConfig": {"url": url},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}],
        })
    };
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": [webhook("one"), webhook("two")],
    });
    let params = PatchParams::apply("helm").force();
    if kind == "MutatingWebhookConfiguration" {
        let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
        api.patch(name, &params, &Patch::Apply(configuration)).await.unwrap();
    } else {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        api.patch(name, &params, &Patch::Apply(configuration)).await.unwrap();
    }
}

async fn validating(client: &Client, name: &str) -> Value {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    serde_json::to_value(api.get(name).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_bundle_is_written_once_and_nothing_else_is_touched() {
    let client = client().await;
    let target = Target::Validating("once".into());
    assert!(matches!(inject(&client, &target, "PEM").await, Err(Error::Missing { .. })));
    configure(&client, "ValidatingWebhookConfiguration", "once", "https://127.0.0.1:1/", "nowhere").await;
    let mut before = validating(&client, "once").await;
    let ca = odoo_operator::tls::authority::Authority::generate(jiff::Timestamp::now()).unwrap().certificate;
    assert!(inject(&client, &target, &ca).await.unwrap());
    let after = validating(&client, "once").await;
    for (webhook, expected) in before["webhooks"].as_array_mut().unwrap().iter_mut().zip([0, 1]) {
        webhook["clientConfig"]["caBundle"] = after["webhooks"][expected]["clientConfig"]["caBundle"].clone();
        assert!(webhook["clientConfig"]["caBundle"].as_str().unwrap().len() > 100);
    }
    assert_eq!(before["webhooks"], after["webhooks"]);
    let managers = after["metadata"]["managedFields"].as_array().unwrap();
    let ours = managers.iter().find(|entry| entry["manager"] == "odoo-operator-ca").unwrap();
    assert_eq!(ours["operation"], "Apply");
    assert!(!inject(&client, &target, &ca).await.unwrap());
    assert_eq!(validating(&client, "once").await["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]);

    // The chart's next upgrade leaves it there.
    configure(&client, "ValidatingWebhookConfiguration", "once", "https://127.0.0.1:2/", "nowhere").await;
    let upgraded = validating(&client, "once").await;
    assert_eq!(upgraded["webhooks"][0]["clientConfig"]["url"], "https://127.0.0.1:2/");
    assert!(!inject(&client, &target, &ca).await.unwrap());
}

/// The whole way: source, listener, bundle, and then the API server calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_announced_everywhere_the_api_server_calls_us_and_a_wiped_bundle_comes_back() {
    let client = client().await;
    let namespace = namespace(&client).await;
    let shutdown = CancellationToken::new();
    let names = vec!["127.0.0.1".to_owned()];
    let source = SelfManaged::new(client.clone(), &namespace, "ca", names).start(shutdown.clone()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let allow: odoo_operator::server::Hook = Arc::new(|body, _| {
        let review: Value = serde_json::from_slice(body).unwrap();
        let response = json!({"uid": review["request"]["uid"], "allowed": true, "warnings": ["seen"]});
        let answer = json!({"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response});
        Ok(serde_json::to_vec(&answer).unwrap().into())
    });
    let hooks =
        Hooks { mutate: Arc::clone(&allow), validate: Arc::clone(&allow), convert: allow, answered: Arc::new(|_| {}) };
    let limits = Limits::default();
    let tls = server_config(Arc::clone(&source.resolver), None).unwrap();
    tokio::spawn(serve(listener, tls, false, webhooks(&hooks, &limits), limits, shutdown.clone()));

    let announced = Arc::new(AtomicBool::new(false));
    let announce = Arc::clone(&announced);
    let targets = vec![Target::Mutating("whole".into()), Target::Validating("whole".into())];
    // Before the configurations are there, as in a first install.
    tokio::spawn(keep(
        client.clone(),
        targets,
        source.ca.clone().unwrap(),
        move || announce.store(true, Ordering::Relaxed),
        shutdown.clone(),
    ));
    configure(&client, "MutatingWebhookConfiguration", "whole", &format!("{url}/mutate/v1"), &namespace).await;
    assert!(!announced.load(Ordering::Relaxed));
    configure(&client, "ValidatingWebhookConfiguration", "whole", &format!("{url}/validate/v1"), &namespace).await;
    eventually("caBundle is everywhere", async || announced.load(Ordering::Relaxed)).await;

    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let create = async || {
        let mut map = ConfigMap::default();
        map.metadata.generate_name = Some("seen-".into());
        maps.create(&PostParams::default(), &map).await
    };
    // The API server sees the new bundle a moment after it was written.
    eventually("the API server calls", async || create().await.is_ok()).await;

    let broken = json!([{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}]);
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let patch = Patch::Json::<()>(serde_json::from_value(broken).unwrap());
    api.patch("whole", &PatchParams::default(), &patch).await.unwrap();
    let bundle = json!(source.ca.as_ref().unwrap().borrow().as_bytes());
    let expected = k8s_openapi::ByteString(serde_json::from_value(bundle).unwrap());
    eventually("the bundle is back", async || {
        let configuration = api.get("whole").await.unwrap();
        configuration
            .webhooks
            .unwrap()
            .iter()
            .all(|webhook| webhook.client_config.ca_bundle.as_ref() == Some(&expected))
    })
    .await;
    tokio::time::timeout(PATIENCE, async { while create().await.is_err() {} }).await.unwrap();
    shutdown.cancel();
}
