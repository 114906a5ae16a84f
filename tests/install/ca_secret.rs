//! The self-managed source and its Secret.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use odoo_operator::tls::authority::Authority;
use odoo_operator::tls::pki::{CA_LIFETIME, CaSecret};
use odoo_operator::tls::{SelfManaged, Source};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use super::plane::{client, eventually, namespace};

const NAME: &str = "odoo-operator-ca";

async fn start(client: &Client, namespace: &str, shutdown: &CancellationToken) -> Source {
    source(client, namespace).start(shutdown.clone()).await.unwrap()
}

fn source(client: &Client, namespace: &str) -> SelfManaged {
    SelfManaged::new(client.clone(), namespace, NAME, vec!["hook.example".to_owned()])
}

fn bundle(source: &Source) -> String {
    source.ca.as_ref().unwrap().borrow().clone()
}

/// Whether a client that trusts `ca` accepts what the source would serve.
fn trusted(source: &Source, ca: &str) -> bool {
    let presented = source.resolver.current();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    WebPkiServerVerifier::builder(Arc::new(roots))
        .build()
        .unwrap()
        .verify_server_cert(
            &presented.cert[0],
            &[],
            &ServerName::try_from("hook.example").unwrap(),
            &[],
            UnixTime::now(),
        )
        .is_ok()
}

#[tokio::test]
async fn replicas_that_start_together_share_one_ca() {
    let client = client().await;
    let namespace = namespace(&client).await;
    let shutdown = CancellationToken::new();
    let replicas = futures::future::join_all((0..6).map(|_| start(&client, &namespace, &shutdown))).await;
    let ca = bundle(&replicas[0]);
    for replica in &replicas {
        assert_eq!(bundle(replica), ca);
        assert!(trusted(replica, &ca));
    }
    // A restart finds it again.
    assert_eq!(bundle(&start(&client, &namespace, &shutdown).await), ca);
    shutdown.cancel();
}

#[tokio::test]
async fn a_deleted_secret_comes_back_with_the_same_ca() {
    let client = client().await;
    let namespace = namespace(&client).await;
    let shutdown = CancellationToken::new();
    let replica = start(&client, &namespace, &shutdown).await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let before = secrets.get(NAME).await.unwrap();
    secrets.delete(NAME, &DeleteParams::default()).await.unwrap();
    eventually("the Secret is there again", async || {
        secrets.get_opt(NAME).await.unwrap().is_some_and(|after| {
            assert_eq!(after.data, before.data);
            after.metadata.uid != before.metadata.uid
        })
    })
    .await;
    assert!(trusted(&replica, &bundle(&replica)));
    shutdown.cancel();
}

#[tokio::test]
async fn another_ca_in_the_secret_is_used_and_rubbish_is_not() {
    let client = client().await;
    let namespace = namespace(&client).await;
    let shutdown = CancellationToken::new();
    let replica = start(&client, &namespace, &shutdown).await;
    let first = bundle(&replica);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let put = async |ca: &CaSecret| {
        let patch = Secret { data: Some(ca.to_data()), ..Secret::default() };
        secrets.patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };

    let mut rubbish = CaSecret { current: Authority::generate(Timestamp::now()).unwrap(), next: None };
    rubbish.current.key = "rubbish".to_owned().into();
    put(&rubbish).await;
    let error = source(&client, &namespace).start(shutdown.clone()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("{namespace}/{NAME}")), "{error}");
    assert!(trusted(&replica, &first));

    let other = CaSecret { current: Authority::generate(Timestamp::now()).unwrap(), next: None };
    put(&other).await;
    eventually("the other CA is used", async || trusted(&replica, &other.current.certificate)).await;
    assert_eq!(bundle(&replica), other.bundle());
    shutdown.cancel();
}

#[tokio::test]
async fn a_ca_that_has_ended_is_replaced_at_the_start() {
    let client = client().await;
    let namespace = namespace(&client).await;
    let long_ago = "2020-01-01T00:00:00Z".parse().unwrap();
    let ended = CaSecret { current: Authority::generate(long_ago).unwrap(), next: None };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let mut secret = Secret { data: Some(ended.to_data()), ..Secret::default() };
    secret.metadata.name = Some(NAME.to_owned());
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    let shutdown = CancellationToken::new();
    let replica = start(&client, &namespace, &shutdown).await;
    assert_ne!(bundle(&replica), ended.bundle());
    assert!(trusted(&replica, &bundle(&replica)));
    shutdown.cancel();
}

#[tokio::test]
async fn a_leaf_past_two_thirds_of_its_life_is_renewed() {
    let client = client().await;
    let namespace = namespace(&client).await;
    // A CA that ends in 20 minutes gives leaves that are old when they are signed: they began an hour ago.
    let made = Timestamp::now() - CA_LIFETIME + SignedDuration::from_mins(20);
    let ending = CaSecret { current: Authority::generate(made).unwrap(), next: None };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let mut secret = Secret { data: Some(ending.to_data()), ..Secret::default() };
    secret.metadata.name = Some(NAME.to_owned());
    secrets.create(&PostParams::default(), &secret).await.unwrap();
    let shutdown = CancellationToken::new();
    let replica = start(&client, &namespace, &shutdown).await;
    let first = replica.resolver.current();
    eventually("the leaf is renewed", async || replica.resolver.current().cert != first.cert).await;
    assert!(trusted(&replica, &ending.current.certificate));
    shutdown.cancel();
}
