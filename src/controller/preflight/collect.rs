//! Everything that is read.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

use super::Error;
use crate::admission::subject::Kind;
use crate::api::GROUP;
use crate::api::crds::Version;
use crate::controller::objects::{OurKind, is_not_found};
use crate::conversion;
use crate::resources::HttpRoute;

/// What a cluster holds that matters for taking it over.
#[derive(Default)]
pub struct World {
    /// Major and minor version of the API server.
    pub server: (u32, u32),
    /// CustomResourceDefinitions of our group.
    pub crds: Vec<CustomResourceDefinition>,
    /// Webhooks that are called for objects of our group.
    pub hooks: Vec<Hook>,
    /// All Deployments.
    pub deployments: Vec<Deployment>,
    /// Objects of our kinds.
    pub objects: Vec<Stored>,
    /// Objects in the instances' namespaces.
    pub children: Vec<Child>,
    /// Annotations of the Secrets in other namespaces that objects refer to; none when a Secret is not there.
    pub secrets: BTreeMap<(String, String), Option<BTreeMap<String, String>>>,
}

/// A webhook.
pub struct Hook {
    /// Kind of its configuration.
    pub kind: &'static str,
    /// Name of its configuration.
    pub configuration: String,
    /// Its own name.
    pub name: String,
    /// Whether nothing is written while it does not answer.
    pub fails: bool,
}

/// An object of ours.
pub struct Stored {
    /// Its kind.
    pub kind: Kind,
    /// The version that it was read in.
    pub version: Version,
    /// The object, in v1.
    pub object: Value,
}

/// An object that may belong to an instance.
pub struct Child {
    /// Its kind.
    pub kind: &'static str,
    /// Its metadata.
    pub meta: ObjectMeta,
}

impl Stored {
    /// A text of its metadata.
    pub fn meta(&self, field: &str) -> &str {
        self.object["metadata"][field].as_str().unwrap_or_default()
    }
}

/// Reads it all.
pub async fn collect(client: &Client) -> Result<World, Error> {
    let server =
        client.apiserver_version().await.map_err(|source| Error::new("read", "the server's version", source))?;
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    let all = ListParams::default();
    let crds = Api::<CustomResourceDefinition>::all(client.clone())
        .list(&all)
        .await
        .map_err(|source| Error::new("list", "CustomResourceDefinitions", source))?;
    let deployments = Api::<Deployment>::all(client.clone())
        .list(&all)
        .await
        .map_err(|source| Error::new("list", "Deployments", source))?;
    let mut world = World {
        server: (number(&server.major), number(&server.minor)),
        crds: crds.items.into_iter().filter(|crd| crd.spec.group == GROUP).collect(),
        hooks: hooks(client).await?,
        deployments: deployments.items,
        ..World::default()
    };
    world.objects = objects(client, &world.crds).await?;
    let namespaces: BTreeSet<String> = world
        .objects
        .iter()
        .filter(|stored| stored.kind == Kind::Instance)
        .map(|stored| stored.meta("namespace").to_owned())
        .collect();
    for namespace in &namespaces {
        world.children.extend(children::<Deployment>(client, namespace, "Deployment").await?);
        world.children.extend(children::<Service>(client, namespace, "Service").await?);
        world.children.extend(children::<Ingress>(client, namespace, "Ingress").await?);
        world.children.extend(children::<HttpRoute>(client, namespace, "HTTPRoute").await?);
        world.children.extend(children::<PodDisruptionBudget>(client, namespace, "PodDisruptionBudget").await?);
        world.children.extend(children::<ServiceAccount>(client, namespace, "ServiceAccount").await?);
        world.children.extend(children::<PersistentVolumeClaim>(client, namespace, "PersistentVolumeClaim").await?);
        world.children.extend(children::<ConfigMap>(client, namespace, "ConfigMap").await?);
        world.children.extend(children::<Secret>(client, namespace, "Secret").await?);
    }
    for key in super::objects::foreign_secrets(&world.objects) {
        let api: Api<Secret> = Api::namespaced(client.clone(), &key.0);
        let found = api
            .get_metadata_opt(&key.1)
            .await
            .map_err(|source| Error::new("read Secret", format!("{}/{}", key.0, key.1), source))?;
        world.secrets.insert(key, found.map(|found| found.metadata.annotations.unwrap_or_default()));
    }
    Ok(world)
}

async fn hooks(client: &Client) -> Result<Vec<Hook>, Error> {
    let mut found = Vec::new();
    let mut add = |kind: &'static str, configuration: Option<String>, webhooks: Value| {
        for webhook in webhooks.as_array().into_iter().flatten().filter(|webhook| concerns_us(webhook)) {
            found.push(Hook {
                kind,
                configuration: configuration.clone().unwrap_or_default(),
                name: webhook["name"].as_str().unwrap_or_default().to_owned(),
                fails: webhook["failurePolicy"] != "Ignore",
            });
        }
    };
    let all = ListParams::default();
    for it in Api::<ValidatingWebhookConfiguration>::all(client.clone())
        .list(&all)
        .await
        .map_err(|source| Error::new("list", "ValidatingWebhookConfigurations", source))?
    {
        add("ValidatingWebhookConfiguration", it.metadata.name, json!(it.webhooks));
    }
    for it in Api::<MutatingWebhookConfiguration>::all(client.clone())
        .list(&all)
        .await
        .map_err(|source| Error::new("list", "MutatingWebhookConfigurations", source))?
    {
        add("MutatingWebhookConfiguration", it.metadata.name, json!(it.webhooks));
    }
    Ok(found)
}

/// Whether a webhook names our group. One for every group is nobody's of ours.
fn concerns_us(webhook: &Value) -> bool {
    let rules = webhook["rules"].as_array().into_iter().flatten();
    rules.flat_map(|rule| rule["apiGroups"].as_array().into_iter().flatten()).any(|group| group == GROUP)
}

async fn objects(client: &Client, crds: &[CustomResourceDefinition]) -> Result<Vec<Stored>, Error> {
    let mut found = Vec::new();
    for our in OurKind::all() {
        let Some(kind) = Kind::parse(&our.kind) else { continue };
        let Some(crd) = crds.iter().find(|crd| crd.metadata.name.as_deref() == Some(&our.crd())) else { continue };
        let Some(version) = readable(crd) else { continue };
        let objects = our.list(client, version).await.map_err(|source| Error::new("list", our.crd(), source))?;
        for object in objects {
            let mut object = json!(object);
            if version == Version::V1Alpha1
                && let Some(fields) = object.as_object_mut()
            {
                conversion::to_v1(fields, &our.kind);
            }
            found.push(Stored { kind, version, object });
        }
    }
    Ok(found)
}

/// The version in which objects are read without anybody converting them, as far as that is possible.
fn readable(crd: &CustomResourceDefinition) -> Option<Version> {
    let served = |stored: bool| {
        let mut versions = crd.spec.versions.iter().filter(|version| version.served && (version.storage || !stored));
        versions.find_map(|version| match version.name.as_str() {
            "v1" => Some(Version::V1),
            "v1alpha1" => Some(Version::V1Alpha1),
            _ => None,
        })
    };
    served(true).or_else(|| served(false))
}

async fn children<K>(client: &Client, namespace: &str, kind: &'static str) -> Result<Vec<Child>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    match api.list_metadata(&ListParams::default()).await {
        Ok(list) => Ok(list.items.into_iter().map(|it| Child { kind, meta: it.metadata }).collect()),
        Err(error) if is_not_found(&error) => Ok(Vec::new()),
        Err(source) => Err(Error::new("list", format!("{kind}s in {namespace}"), source)),
    }
}
