//! What lies outside of the object that is judged.

use super::consent::{Consent, Reference};
use crate::api::settings::Settings;
use crate::api::v1::Environment;

/// Namespace and name of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// The key of `namespace/name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// What the rules need to know of an instance other than the one that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFacts {
    /// What it is used for.
    pub environment: Environment,
}

/// The PostgreSQL clusters of the operator's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clusters {
    /// Their names, sorted.
    pub names: Vec<String>,
    /// The one that instances get that name none.
    pub default: Option<String>,
}

/// What the local store knows of other objects. It may lag behind the API server: the reconciler asks again.
pub trait Lookup {
    /// The instance that has `host` (given in lower case). Of several, the one that was created first.
    fn host_owner(&self, host: &str) -> Option<ObjectKey>;

    /// The instance whose database on `cluster` is `name`. Of several, the one that was created first.
    fn database_owner(&self, cluster: &str, name: &str) -> Option<ObjectKey>;

    /// The instance of that name; `None` when there is none.
    fn instance(&self, namespace: &str, name: &str) -> Option<InstanceFacts>;

    /// The configured PostgreSQL clusters; `None` while they are not known.
    fn clusters(&self) -> Option<Clusters>;

    /// Whether an object in another namespace lets objects of `namespace` refer to it. No store knows: it is read live,
    /// before the judgement that counts.
    fn consent(&self, _reference: &Reference, _namespace: &str) -> Consent {
        Consent::Unknown
    }
}

/// Everything that a judgement depends on besides the object.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The operator's settings.
    pub settings: &'a Settings,
    /// What is known of other objects.
    pub lookup: &'a dyn Lookup,
}
