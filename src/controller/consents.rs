//! What objects in other namespaces say about being referred to: read live, as metadata only, and within bounds.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::debug;

use super::cache::{Change, Kind as Stored};
use super::stores::Stores;
use super::{Error, Result};
use crate::admission::consent::{self, Consent, Reference, Referred};
use crate::admission::subject::{Kind, Spec};
use crate::admission::{Clusters, InstanceFacts, Lookup, ObjectKey};
use crate::api::labels::ALLOW_FROM_NAMESPACES;
use crate::api::v1::OdooInstance;

/// How long one look may take. A webhook has five seconds for all that it does.
const PATIENCE: Duration = Duration::from_secs(1);
/// Looks at once: a flood of reviews is not a flood of calls.
const AT_ONCE: usize = 32;

/// Asks the API server.
pub struct Consents {
    client: Client,
    slots: Semaphore,
}

impl Consents {
    /// Asks with this client.
    pub fn new(client: Client) -> Self {
        Self { client, slots: Semaphore::new(AT_ONCE) }
    }

    /// Whether an object of `namespace` may refer to this one.
    pub async fn look(&self, reference: &Reference, namespace: &str) -> Result<Consent> {
        if !reference.is_possible() {
            return Ok(Consent::Missing);
        }
        let reading = async {
            // The semaphore lives as long as this, and is never closed.
            let _slot = self.slots.acquire().await;
            match reference.kind {
                Referred::Secret => annotation::<Secret>(&self.client, &reference.key).await,
                Referred::Instance => annotation::<OdooInstance>(&self.client, &reference.key).await,
            }
        };
        let unread = |why: String| Error::Unread { what: reference.to_string(), why };
        let found = timeout(PATIENCE, reading).await.map_err(|_| unread(format!("no answer within {PATIENCE:?}")))?;
        let annotation = found.map_err(|why| unread(why.to_string()))?;
        Ok(consent::given(annotation.as_deref(), namespace))
    }

    /// What a review asked for. What cannot be read is unknown.
    pub async fn read(&self, wanted: HashSet<Asked>) -> Answers {
        let looks = wanted.into_iter().map(|asked| async move {
            let consent = self.look(&asked.0, &asked.1).await.unwrap_or_else(|error| {
                debug!(%error, "consent is not known");
                Consent::Unknown
            });
            (asked, consent)
        });
        Answers(join_all(looks).await.into_iter().collect())
    }

    /// Why an object of `namespace` cannot be acted on yet, in words.
    pub async fn missing(&self, spec: &Spec, namespace: &str) -> Result<Option<String>> {
        for (path, reference) in consent::references(spec, namespace) {
            if self.look(&reference, namespace).await? == Consent::Missing {
                return Ok(Some(format!("{path}: {}", reference.refusal(namespace))));
            }
        }
        Ok(None)
    }
}

/// The annotation of an object, if both are there. Of a Secret's contents nothing is read.
async fn annotation<K>(client: &Client, key: &ObjectKey) -> Result<Option<String>, kube::Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), &key.namespace);
    let found = api.get_metadata_opt(&key.name).await?;
    Ok(found.and_then(|found| found.annotations().get(ALLOW_FROM_NAMESPACES).cloned()))
}

/// A reference, and the namespace of the object that refers.
pub type Asked = (Reference, String);

/// What was read for one review or one pass.
#[derive(Default)]
pub struct Answers(HashMap<Asked, Consent>);

impl Answers {
    /// One answer.
    pub fn one(reference: Reference, namespace: &str, consent: Consent) -> Self {
        Self(HashMap::from([((reference, namespace.to_owned()), consent)]))
    }
}

/// The stores, with the answers that were read; what else is asked for is noted.
pub struct Known<'a> {
    stores: &'a Stores,
    answers: &'a Answers,
    wanted: RefCell<HashSet<Asked>>,
}

impl<'a> Known<'a> {
    /// These stores and these answers.
    pub fn new(stores: &'a Stores, answers: &'a Answers) -> Self {
        Self { stores, answers, wanted: RefCell::default() }
    }

    /// What was asked for and is in neither.
    pub fn wanted(self) -> HashSet<Asked> {
        self.wanted.into_inner()
    }
}

impl Lookup for Known<'_> {
    fn host_owner(&self, host: &str) -> Option<ObjectKey> {
        self.stores.host_owner(host)
    }

    fn database_owner(&self, cluster: &str, name: &str) -> Option<ObjectKey> {
        self.stores.database_owner(cluster, name)
    }

    fn instance(&self, namespace: &str, name: &str) -> Option<InstanceFacts> {
        self.stores.instance(namespace, name)
    }

    fn clusters(&self) -> Option<Clusters> {
        self.stores.clusters()
    }

    fn consent(&self, reference: &Reference, namespace: &str) -> Consent {
        let asked = (reference.clone(), namespace.to_owned());
        self.answers.0.get(&asked).copied().unwrap_or_else(|| {
            self.wanted.borrow_mut().insert(asked);
            Consent::Unknown
        })
    }
}

/// Who refers to what in other namespaces, kept up as the stores change: a consent that comes is heard of at once.
#[derive(Default)]
pub struct Referrers {
    known: Mutex<Links>,
}

/// An object that refers to others.
pub type Referrer = (Kind, ObjectKey);

#[derive(Default)]
struct Links {
    to: HashMap<Reference, HashSet<Referrer>>,
    from: HashMap<Referrer, Vec<Reference>>,
}

impl Referrers {
    /// Follows a store.
    pub fn follow<K: Stored>(&self, change: &Change<'_, K>, kind: Kind, spec: impl Fn(&K) -> Spec) {
        let mut links = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |object: &K| {
            let meta = object.meta();
            ObjectKey::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
        };
        let mut put = |object: &K| {
            let key = key(object);
            let references = consent::references(&spec(object), &key.namespace);
            links.put((kind, key), references.into_iter().map(|(_, reference)| reference).collect());
        };
        match change {
            Change::Put(object) => put(object),
            Change::All(objects) => {
                objects.iter().for_each(|object| put(object));
                let there: HashSet<ObjectKey> = objects.iter().map(|object| key(object)).collect();
                let gone = |(of, key): &&Referrer| *of == kind && !there.contains(key);
                let gone: Vec<Referrer> = links.from.keys().filter(gone).cloned().collect();
                for referrer in gone {
                    links.put(referrer, Vec::new());
                }
            }
            Change::Gone(object) => links.put((kind, key(object)), Vec::new()),
        }
    }

    /// Those that refer to an object.
    pub fn of(&self, reference: &Reference) -> Vec<Referrer> {
        let links = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        links.to.get(reference).into_iter().flatten().cloned().collect()
    }
}

impl Links {
    fn put(&mut self, referrer: Referrer, references: Vec<Reference>) {
        for reference in self.from.remove(&referrer).into_iter().flatten() {
            if let Some(others) = self.to.get_mut(&reference) {
                others.remove(&referrer);
                if others.is_empty() {
                    self.to.remove(&reference);
                }
            }
        }
        if references.is_empty() {
            return;
        }
        for reference in &references {
            self.to.entry(reference.clone()).or_default().insert(referrer.clone());
        }
        self.from.insert(referrer, references);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::api::v1::OdooBackupJob;
    use crate::controller::cache::Cache;

    fn job(name: &str, version: u64, namespace: &str) -> OdooBackupJob {
        serde_json::from_value(json!({
            "apiVersion": "bemade.org/v1", "kind": "OdooBackupJob",
            "metadata": {"name": name, "namespace": "eu", "resourceVersion": version.to_string()},
            "spec": {"odooInstanceRef": {"name": "shop"}, "destination": {
                "bucket": "b", "objectKey": "k", "endpoint": "https://a.b",
                "s3CredentialsSecretRef": {"name": "s3", "namespace": namespace},
            }},
        }))
        .unwrap()
    }

    #[test]
    fn it_follows_what_comes_changes_and_goes() {
        let referrers = Arc::new(Referrers::default());
        let index = referrers.clone();
        let cache = Cache::followed(move |change| {
            index.follow(change, Kind::BackupJob, |job: &OdooBackupJob| Spec::BackupJob(Box::new(job.spec.clone())));
        });
        let of = |namespace: &str| {
            let mut names: Vec<_> =
                referrers.of(&Reference::secret(namespace, "s3")).into_iter().map(|(_, key)| key.name).collect();
            names.sort();
            names
        };
        cache.event(Event::Apply(job("a", 1, "us")));
        cache.event(Event::Apply(job("b", 2, "us")));
        cache.event(Event::Apply(job("own", 3, "eu")));
        assert_eq!((of("us"), of("eu")), (vec!["a".to_owned(), "b".to_owned()], vec![]));
        cache.event(Event::Apply(job("a", 4, "de")));
        assert_eq!((of("us"), of("de")), (vec!["b".to_owned()], vec!["a".to_owned()]));
        cache.event(Event::Delete(job("a", 5, "de")));
        assert_eq!(of("de"), [""; 0]);
        cache.event(Event::Init);
        cache.event(Event::InitApply(job("c", 6, "us")));
        cache.event(Event::InitDone);
        assert_eq!(of("us"), ["c"]);
        cache.event(Event::Delete(job("c", 7, "us")));
        let links = referrers.known.lock().unwrap();
        assert!(links.to.is_empty() && links.from.is_empty());
    }
}
