//! What can go wrong between the operator and its world.

use kube::Resource;

/// Result of a step of a reconcile.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A step that failed. Its text is shown on the object, so it holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a request, or did not answer.
    #[error("cannot {action} {kind} {name}: {source}")]
    Kube {
        /// What was tried.
        action: &'static str,
        /// Kind of the object.
        kind: String,
        /// `namespace/name` of the object.
        name: String,
        /// Why it failed.
        source: kube::Error,
    },
    /// An object could not be written as JSON.
    #[error("cannot write an object as JSON: {0}")]
    Encode(#[source] serde_json::Error),
    /// PostgreSQL refused or did not answer.
    #[error("{0}")]
    Postgres(#[from] crate::postgres::Error),
    /// A Secret that the spec names cannot be used.
    #[error("{field}: {problem}")]
    Secret {
        /// Field that names it.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The cluster that holds the data is not in the configuration.
    #[error("{0}")]
    NotConfigured(String),
    /// What an object in another namespace says could not be read.
    #[error("cannot read whether {what} allows it: {why}")]
    Unread {
        /// The object.
        what: String,
        /// Why it was not read.
        why: String,
    },
    /// The machine gave no random bytes.
    #[error("the machine gave no random bytes")]
    Randomness,
    /// The password of Odoo's admin could not be hashed.
    #[error("the password of Odoo's admin cannot be hashed: {0}")]
    Hash(#[source] std::io::Error),
    /// A reconcile did not come to rest.
    #[error("the instance did not come to rest within {0} steps; this is a defect of the operator")]
    Restless(usize),
}

impl Error {
    /// A failed request about `object`.
    pub fn kube<K: Resource<DynamicType = ()>>(action: &'static str, object: &K, source: kube::Error) -> Self {
        let meta = object.meta();
        let name = meta.name.as_deref().unwrap_or("?");
        let name = meta.namespace.as_deref().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
        Self::Kube { action, kind: K::kind(&()).into_owned(), name, source }
    }

    /// Whether the API server, or an admission webhook of its, will not have the object, or does not know its kind.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Kube { source: kube::Error::Api(status), .. } if matches!(status.code, 400 | 403 | 404 | 422))
    }

    /// Whether somebody else wrote the object in between: not a failure, only a reason to look again.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube { source: kube::Error::Api(status), .. } if status.is_conflict())
    }
}
