//! The CustomResourceDefinitions: applied by the operator, v1alpha1 served only once its conversion works.
//!
//! On each CRD: strategy Webhook with v1alpha1 not served, then `caBundle` (the API server refuses one without the
//! strategy), then `/convert` has to answer the way the API server will call it, then v1alpha1 is served. Every step
//! can be repeated, so an interrupted installation is finished by the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::migrate;
use crate::api::GROUP;
use crate::api::crds::{CONVERT_PATH, Conversion, Form, Version, all, in_form};
use crate::api::labels::{CA_FIELD_MANAGER, CRD_FIELD_MANAGER, STORED_BEFORE};
use crate::tls::inject::{self, Target};

/// How long `/convert` may take to answer for the first time.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// How long the API server may take to accept a new CRD's names.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at something that is not there yet.
const RETRY: Duration = Duration::from_millis(200);
/// For one probe of `/convert`.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The CRDs cannot be installed, or are not served in time.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a call.
    #[error("cannot {verb} {name}: {source}")]
    Call {
        /// What was tried.
        verb: &'static str,
        /// Which object.
        name: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// caBundle could not be written.
    #[error(transparent)]
    CaBundle(#[from] inject::Error),
    /// The CA that `/convert` is to be called with is not usable.
    #[error("the CA for {url} is not usable: {source}")]
    Ca {
        /// Address of the webhook.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// `/convert` did not answer.
    #[error("{url} does not answer, so v1alpha1 cannot be converted: {reason}")]
    Convert {
        /// Address that the API server would call.
        url: String,
        /// The last failure.
        reason: String,
    },
    /// The API server does not accept the CRD's names.
    #[error("CustomResourceDefinition {name} is not established; its status.conditions say why")]
    NotEstablished {
        /// Name of the CRD.
        name: String,
    },
    /// v1alpha1 is not served in time.
    #[error("v1alpha1 of {missing} is not served after {} s; the operator's log says why", waited.as_secs())]
    NotServed {
        /// Plural names, separated by commas.
        missing: String,
        /// How long was waited.
        waited: Duration,
    },
}

/// Brings every CRD to its final form, through the stages that a conversion webhook needs. Writes nothing when all is
/// as it should be (changing a CRD tears down its watches).
pub async fn install(client: &Client, conversion: &Conversion, ca_pem: &str) -> Result<(), Error> {
    let done = Form { conversion: conversion.clone(), v1alpha1_served: true, stored: Version::V1 };
    // One after the other: a new CRD costs a small API server so much that all at once would cost us the Lease.
    let mut staged = Vec::new();
    for desired in in_form(&done) {
        staged.extend(prepare(client, desired, conversion, ca_pem).await?);
    }
    if staged.is_empty() {
        return Ok(());
    }
    convert_answers(client, conversion, ca_pem).await?;
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for desired in &staged {
        apply(&api, desired).await?;
    }
    let names: Vec<_> = staged.iter().map(ResourceExt::name_any).collect();
    tracing::info!(crds = names.join(","), "v1alpha1 is served");
    Ok(())
}

/// Applies a CRD that needs no stages; returns one that waits for `/convert`.
async fn prepare(
    client: &Client,
    desired: CustomResourceDefinition,
    conversion: &Conversion,
    ca_pem: &str,
) -> Result<Option<CustomResourceDefinition>, Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = desired.name_any();
    let live = api.get_opt(&name).await.map_err(|source| call("read", &name, source))?;
    let direct = version(&desired, Version::V1Alpha1).is_none()
        || live.as_ref().is_some_and(|live| settled(live, &desired, ca_pem));
    if direct {
        apply(&api, &desired).await?;
    } else {
        stage(&api, live.as_ref(), conversion, &name).await?;
        let target = Target::Crd(name.clone());
        again(|| async { Ok(inject::inject(client, &target, ca_pem).await?) }).await?;
    }
    migrate::mark_empty(client, &name, live.as_ref()).await;
    Ok((!direct).then_some(desired))
}

/// Strategy Webhook and the CA, while what is stored and served stays as it is.
async fn stage(
    api: &Api<CustomResourceDefinition>,
    live: Option<&CustomResourceDefinition>,
    conversion: &Conversion,
    name: &str,
) -> Result<(), Error> {
    let form = staging_form(live, conversion);
    for staging in in_form(&form).into_iter().filter(|crd| crd.name_any() == name) {
        let taken = live.is_some() && again(|| take_over(api, &staging, form.stored)).await?;
        apply(api, &staging).await?;
        if taken {
            again(|| own_alone(api, name)).await?;
        }
    }
    Ok(())
}

/// The way out: v1alpha1 is no longer served and nothing is converted, so that objects and namespaces can be deleted
/// when the operator is gone. One write a CRD, caBundle included, so that nobody can put it back in between.
pub async fn retire(client: &Client) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for name in all().iter().map(ResourceExt::name_any) {
        let Some(live) = api.get_opt(&name).await.map_err(|source| call("read", &name, source))? else {
            continue;
        };
        let Some(old) = live.spec.versions.iter().position(|version| version.name == Version::V1Alpha1.name()) else {
            continue;
        };
        let change = json!([
            { "op": "test", "path": format!("/spec/versions/{old}/name"), "value": Version::V1Alpha1.name() },
            { "op": "replace", "path": format!("/spec/versions/{old}/served"), "value": false },
            { "op": "replace", "path": "/spec/conversion", "value": { "strategy": "None" } },
        ]);
        patch(&api, &name, change).await?;
    }
    Ok(())
}

/// Waits until the API server serves every kind of v1alpha1, and would get an answer when it converts: the CRDs of an
/// installation before may be served all the time, and trust a CA that is gone.
pub async fn wait_until_served(client: &Client, timeout: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + timeout;
    loop {
        match is_served(client, timeout).await {
            Err(_) if Instant::now() < deadline => sleep(RETRY).await,
            outcome => return outcome,
        }
    }
}

async fn is_served(client: &Client, waited: Duration) -> Result<(), Error> {
    let wanted: Vec<_> = all().into_iter().filter(|crd| version(crd, Version::V1Alpha1).is_some()).collect();
    let group_version = format!("{GROUP}/{}", Version::V1Alpha1.name());
    let served: BTreeSet<String> = match client.list_api_group_resources(&group_version).await {
        Ok(list) => list.resources.into_iter().map(|resource| resource.name).collect(),
        Err(error) if is_not_found(&error) => BTreeSet::new(),
        Err(source) => return Err(call("discover", &group_version, source)),
    };
    let plurals = wanted.iter().map(|crd| crd.spec.names.plural.as_str());
    let missing: Vec<&str> = plurals.filter(|plural| !served.contains(*plural)).collect();
    if !missing.is_empty() {
        return Err(Error::NotServed { missing: missing.join(", "), waited });
    }
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for name in wanted.iter().map(ResourceExt::name_any) {
        let live = api.get(&name).await.map_err(|source| call("read", &name, source))?;
        if let Some((conversion, ca_pem)) = converted_by(&live) {
            ask(client, &conversion, &ca_pem).await?;
        }
    }
    Ok(())
}

/// Who converts, and the CA that it is trusted by; `None` when the CRD says that nobody has to.
fn converted_by(live: &CustomResourceDefinition) -> Option<(Conversion, String)> {
    let webhook = live.spec.conversion.as_ref()?.webhook.as_ref()?.client_config.as_ref()?;
    let ca_pem = String::from_utf8(webhook.ca_bundle.as_ref()?.0.clone()).ok()?;
    let conversion = match (&webhook.service, &webhook.url) {
        (Some(service), _) => Conversion::Service {
            namespace: service.namespace.clone(),
            name: service.name.clone(),
            port: service.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(443),
        },
        (None, url) => Conversion::Url(url.as_ref()?.trim_end_matches(CONVERT_PATH).to_owned()),
    };
    Some((conversion, ca_pem))
}

/// Whether the live CRD converts through us already, so that a change of its schema needs no stages.
fn settled(live: &CustomResourceDefinition, desired: &CustomResourceDefinition, ca_pem: &str) -> bool {
    // Compared as JSON: a bundle is base64 there, and defaults of the API server do not matter.
    let spec = |crd: &CustomResourceDefinition| json!(crd.spec.conversion);
    let (live_conversion, mut wanted) = (spec(live), spec(desired));
    wanted["webhook"]["clientConfig"]["caBundle"] = json!(BASE64_STANDARD.encode(ca_pem));
    contains(&live_conversion, &wanted)
        && version(live, Version::V1Alpha1).is_some_and(|version| version.served)
        && version(live, Version::V1).is_some_and(|version| version.storage)
}

/// Takes a step once more when somebody else wrote the CRD in between: its status changes while it is established.
async fn again<T, F: Future<Output = Result<T, Error>>>(step: impl Fn() -> F) -> Result<T, Error> {
    for _ in 0..10 {
        match step().await {
            Err(error) if error.is_conflict() => sleep(RETRY).await,
            result => return result,
        }
    }
    step().await
}

impl Error {
    fn is_conflict(&self) -> bool {
        match self {
            // 422 is how a JSON Patch's own test fails.
            Self::Call { source, .. } => {
                matches!(&**source, kube::Error::Api(status) if status.code == 409 || status.code == 422)
            }
            Self::CaBundle(error) => error.is_conflict(),
            _ => false,
        }
    }
}

/// Prepares a CRD that somebody else wrote: what it stored is written down before we change that, and its versions are
/// replaced as a whole, since an apply would leave fields of the old schemas in ours. Whether anything was replaced.
async fn take_over(
    api: &Api<CustomResourceDefinition>,
    desired: &CustomResourceDefinition,
    stored: Version,
) -> Result<bool, Error> {
    let name = desired.name_any();
    let live = api.get(&name).await.map_err(|source| call("read", &name, source))?;
    let mut changes =
        vec![json!({ "op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version() })];
    if stored == Version::V1Alpha1 && !live.annotations().contains_key(STORED_BEFORE) {
        let before = live.status.as_ref().and_then(|status| status.stored_versions.clone()).unwrap_or_default();
        let mut annotations = live.annotations().clone();
        annotations.insert(STORED_BEFORE.to_owned(), before.join(","));
        changes.push(json!({ "op": "add", "path": "/metadata/annotations", "value": annotations }));
    }
    let schemas = |crd: &CustomResourceDefinition| {
        let versions = crd.spec.versions.iter();
        json!(versions.map(|version| (version.name.clone(), json!(version.schema))).collect::<BTreeMap<_, _>>())
    };
    let by_us = live.metadata.managed_fields.iter().flatten().any(is_our_apply);
    let stale = !by_us && !contains(&schemas(desired), &schemas(&live));
    if stale {
        changes.push(json!({ "op": "replace", "path": "/spec/versions", "value": desired.spec.versions }));
        // Together: with strategy None an object of one version would be read as the other's as it is.
        changes.push(json!({ "op": "add", "path": "/spec/conversion", "value": desired.spec.conversion }));
    }
    if changes.len() > 1 {
        patch(api, &name, json!(changes)).await?;
    }
    Ok(stale)
}

/// Takes the fields of a CRD that was taken over from whoever wrote it before: what a later version of ours drops would
/// stay there as theirs.
async fn own_alone(api: &Api<CustomResourceDefinition>, name: &str) -> Result<(), Error> {
    let live = api.get(name).await.map_err(|source| call("read", name, source))?;
    let stays = |entry: &&ManagedFieldsEntry| is_our_apply(entry) || entry.subresource.is_some();
    let entries: Vec<_> = live.metadata.managed_fields.iter().flatten().filter(stays).collect();
    let changes = json!([
        { "op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version() },
        { "op": "replace", "path": "/metadata/managedFields", "value": entries },
    ]);
    patch(api, name, changes).await
}

fn is_our_apply(entry: &ManagedFieldsEntry) -> bool {
    let ours = matches!(entry.manager.as_deref(), Some(CRD_FIELD_MANAGER | CA_FIELD_MANAGER));
    ours && entry.operation.as_deref() == Some("Apply")
}

async fn patch(api: &Api<CustomResourceDefinition>, name: &str, changes: Value) -> Result<(), Error> {
    let changes = serde_json::from_value(changes).map_err(|why| call("change", name, kube::Error::SerdeError(why)))?;
    let changed = api.patch(name, &PatchParams::default(), &Patch::Json::<()>(changes)).await;
    changed.map(drop).map_err(|source| call("change", name, source))
}

/// The form in which the conversion webhook is prepared: nothing is served through it that was not before.
fn staging_form(live: Option<&CustomResourceDefinition>, conversion: &Conversion) -> Form {
    let old = live.and_then(|live| version(live, Version::V1Alpha1));
    let stores_old = old.is_some_and(|version| version.storage);
    let converts =
        live.and_then(|live| live.spec.conversion.as_ref()).is_some_and(|conversion| conversion.strategy == "Webhook");
    Form {
        conversion: conversion.clone(),
        v1alpha1_served: old.is_some_and(|version| version.served) && (stores_old || converts),
        stored: if stores_old { Version::V1Alpha1 } else { Version::V1 },
    }
}

async fn apply(api: &Api<CustomResourceDefinition>, desired: &CustomResourceDefinition) -> Result<(), Error> {
    let name = desired.name_any();
    let params = PatchParams::apply(CRD_FIELD_MANAGER).force();
    // An apply that changes nothing is not stored: resourceVersion and watches stay.
    let mut applied =
        api.patch(&name, &params, &Patch::Apply(desired)).await.map_err(|source| call("apply", &name, source))?;
    let deadline = Instant::now() + ESTABLISHED_WITHIN;
    while !is_established(&applied) {
        if Instant::now() >= deadline {
            return Err(Error::NotEstablished { name });
        }
        sleep(RETRY).await;
        applied = api.get(&name).await.map_err(|source| call("read", &name, source))?;
    }
    Ok(())
}

fn is_established(crd: &CustomResourceDefinition) -> bool {
    let conditions = crd.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
    })
}

/// Calls `/convert` as the API server will, until it answers.
async fn convert_answers(client: &Client, conversion: &Conversion, ca_pem: &str) -> Result<(), Error> {
    let deadline = Instant::now() + ANSWER_WITHIN;
    loop {
        match ask(client, conversion, ca_pem).await {
            Err(error @ Error::Convert { .. }) if Instant::now() < deadline => {
                tracing::debug!(%error, "the conversion webhook does not answer yet");
            }
            outcome => return outcome,
        }
        sleep(RETRY).await;
    }
}

/// Calls `/convert` once, as the API server will.
async fn ask(client: &Client, conversion: &Conversion, ca_pem: &str) -> Result<(), Error> {
    let (url, address) = match conversion {
        Conversion::None => return Ok(()),
        Conversion::Url(base) => (format!("{}{CONVERT_PATH}", base.trim_end_matches('/')), None),
        Conversion::Service { namespace, name, port } => (
            format!("https://{name}.{namespace}.svc:{port}{CONVERT_PATH}"),
            cluster_address(client, namespace, name, *port).await?,
        ),
    };
    match probe(&url, address, ca_pem).await? {
        None => Ok(()),
        Some(reason) => Err(Error::Convert { url, reason }),
    }
}

/// The Service's own address: the API server does not ask the cluster's DNS either.
async fn cluster_address(client: &Client, namespace: &str, name: &str, port: u16) -> Result<Option<SocketAddr>, Error> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let service =
        services.get(name).await.map_err(|source| call("read Service", &format!("{namespace}/{name}"), source))?;
    let address: Option<IpAddr> = service.spec.and_then(|spec| spec.cluster_ip).and_then(|ip| ip.parse().ok());
    Ok(address.map(|address| SocketAddr::new(address, port)))
}

/// One conversion of nothing. None when it was answered, else what went wrong.
async fn probe(url: &str, address: Option<SocketAddr>, ca_pem: &str) -> Result<Option<String>, Error> {
    let unusable = |source| Error::Ca { url: url.to_owned(), source };
    let roots = reqwest::Certificate::from_pem_bundle(ca_pem.as_bytes()).map_err(unusable)?;
    let mut builder = reqwest::Client::builder().tls_certs_only(roots).no_proxy().timeout(PROBE_TIMEOUT);
    if let Some(address) = address {
        let host = url.trim_start_matches("https://").split([':', '/']).next().unwrap_or_default();
        builder = builder.resolve(host, address);
    }
    let client = builder.build().map_err(unusable)?;
    let review = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": {
            "uid": "probe",
            "desiredAPIVersion": format!("{GROUP}/{}", Version::V1Alpha1.name()),
            "objects": [],
        },
    });
    let response = match client.post(url).json(&review).send().await {
        Ok(response) => response,
        Err(error) => return Ok(Some(causes(&error))),
    };
    // 403: our own certificate, and a server that answers the API server's client certificate only.
    if response.status() == reqwest::StatusCode::FORBIDDEN {
        return Ok(None);
    }
    let status = response.status();
    let answer: Value = response.json().await.unwrap_or_default();
    let success = answer["response"]["uid"] == "probe" && answer["response"]["result"]["status"] == "Success";
    Ok((!success).then(|| format!("status {status} without a conversion review that succeeded")))
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn version(
    crd: &CustomResourceDefinition,
    version: Version,
) -> Option<&k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion> {
    crd.spec.versions.iter().find(|candidate| candidate.name == version.name())
}

/// Whether everything in `wanted` is in `live`.
fn contains(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| live.get(key).is_some_and(|live| contains(live, wanted)))
        }
        _ => live == wanted,
    }
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn call(verb: &'static str, name: &str, source: kube::Error) -> Error {
    Error::Call { verb, name: name.to_owned(), source: Box::new(source) }
}
