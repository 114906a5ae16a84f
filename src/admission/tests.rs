//! What the tests of this room share: a world to look things up in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::consent::{self, Consent, Reference};
use super::context::{Clusters, Context, InstanceFacts, Lookup, ObjectKey};
use crate::api::settings::Settings;
use crate::api::v1::Environment;

/// A cluster with two instances in namespace `eu` and one elsewhere.
pub struct World {
    pub settings: Settings,
    pub hosts: BTreeMap<&'static str, ObjectKey>,
    pub databases: BTreeMap<(&'static str, &'static str), ObjectKey>,
    pub instances: BTreeMap<ObjectKey, InstanceFacts>,
    pub clusters: Option<Clusters>,
    /// Annotations of objects in other namespaces. Namespace `dark` cannot be read.
    pub consents: BTreeMap<Reference, &'static str>,
}

impl World {
    pub fn new() -> Self {
        let facts = |environment| InstanceFacts { environment };
        Self {
            settings: Settings {
                operator_user: Some("system:serviceaccount:op:odoo-operator".to_owned()),
                ..Settings::default()
            },
            hosts: BTreeMap::from([
                ("taken.example.com", ObjectKey::new("eu", "live")),
                ("far.example.com", ObjectKey::new("us", "far")),
            ]),
            databases: BTreeMap::from([(("main", "live_db"), ObjectKey::new("eu", "live"))]),
            instances: BTreeMap::from([
                (ObjectKey::new("eu", "live"), facts(Environment::Production)),
                (ObjectKey::new("eu", "web-cron"), facts(Environment::Staging)),
                (ObjectKey::new("us", "far"), facts(Environment::Staging)),
            ]),
            clusters: Some(Clusters {
                names: vec!["main".to_owned(), "spare".to_owned()],
                default: Some("main".to_owned()),
            }),
            consents: BTreeMap::new(),
        }
    }

    pub fn ctx(&self) -> Context<'_> {
        Context { settings: &self.settings, lookup: self }
    }
}

impl Lookup for World {
    fn host_owner(&self, host: &str) -> Option<ObjectKey> {
        self.hosts.get(host).cloned()
    }

    fn database_owner(&self, cluster: &str, name: &str) -> Option<ObjectKey> {
        self.databases.iter().find(|((c, n), _)| *c == cluster && *n == name).map(|(_, key)| key.clone())
    }

    fn instance(&self, namespace: &str, name: &str) -> Option<InstanceFacts> {
        self.instances.get(&ObjectKey::new(namespace, name)).cloned()
    }

    fn clusters(&self) -> Option<Clusters> {
        self.clusters.clone()
    }

    fn consent(&self, reference: &Reference, namespace: &str) -> Consent {
        if reference.key.namespace == "dark" {
            return Consent::Unknown;
        }
        consent::given(self.consents.get(reference).copied(), namespace)
    }
}

/// `base` with the fields of `more` laid over it, object by object.
pub fn with(mut base: Value, more: Value) -> Value {
    fn lay(base: &mut Value, more: Value) {
        match (base, more) {
            (Value::Object(base), Value::Object(more)) => {
                for (key, value) in more {
                    lay(base.entry(key).or_insert(Value::Null), value);
                }
            }
            (base, more) => *base = more,
        }
    }
    lay(&mut base, more);
    base
}

/// The smallest spec of an instance.
pub fn smallest() -> Value {
    json!({"ingress": {"hosts": ["shop.example.com"]}})
}
