//! Consent: an object is referred to from another namespace only if it says so itself.
//!
//! Nothing depends on who asks: a reconciler has no requesting user. And nobody learns what is there: the words for an
//! object that is absent and for one that does not consent are the same.

use super::context::ObjectKey;
use super::subject::Spec;
use super::syntax::{is_label, is_subdomain};
use super::violation::quoted;
use crate::api::labels::ALLOW_FROM_NAMESPACES;

/// What kind of object is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Referred {
    /// A Secret.
    Secret,
    /// An `OdooInstance`.
    Instance,
}

/// An object in another namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// What it is.
    pub kind: Referred,
    /// Where it is.
    pub key: ObjectKey,
}

/// Whether an object may be referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It says so.
    Given,
    /// It does not, or is not there.
    Missing,
    /// It could not be read now.
    Unknown,
}

impl Reference {
    /// A Secret.
    pub fn secret(namespace: &str, name: &str) -> Self {
        Self { kind: Referred::Secret, key: ObjectKey::new(namespace, name) }
    }

    /// An instance.
    pub fn instance(namespace: &str, name: &str) -> Self {
        Self { kind: Referred::Instance, key: ObjectKey::new(namespace, name) }
    }

    /// Whether an object of that name can be there at all. Others are asked for nowhere: a name is part of a URL.
    pub fn is_possible(&self) -> bool {
        let ObjectKey { namespace, name } = &self.key;
        is_label(namespace) && is_subdomain(name)
    }

    /// Why an object of `namespace` cannot refer to it, and what would change that.
    pub fn refusal(&self, namespace: &str) -> String {
        format!(
            "{self} is not there, or does not allow it: {ALLOW_FROM_NAMESPACES}: {} has to be annotated on it",
            quoted(namespace)
        )
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Referred::Secret => "Secret",
            Referred::Instance => "OdooInstance",
        };
        write!(f, "{kind} {}", quoted(&format!("{}/{}", self.key.namespace, self.key.name)))
    }
}

/// What an object's annotation `bemade.org/allow-from-namespaces` says to an object of `namespace`.
pub fn given(annotation: Option<&str>, namespace: &str) -> Consent {
    let allowed = annotation.unwrap_or_default().split(',').map(str::trim);
    let said = allowed.into_iter().any(|allowed| allowed == "*" || (!allowed.is_empty() && allowed == namespace));
    if said { Consent::Given } else { Consent::Missing }
}

/// Everything in other namespaces that an object of `namespace` refers to, with the path of the field that says where.
///
/// (A Gateway is not among them: it says itself which namespaces' routes it takes.)
pub fn references(spec: &Spec, namespace: &str) -> Vec<(String, Reference)> {
    let elsewhere = |given: &Option<String>| given.clone().filter(|given| !given.is_empty() && given != namespace);
    let mut found = Vec::new();
    for (path, location) in spec.s3_locations() {
        if let Some(secret) = &location.s3_credentials_secret_ref
            && let (Some(namespace), Some(name)) = (elsewhere(&secret.namespace), &secret.name)
        {
            found.push((format!("{path}.s3CredentialsSecretRef.namespace"), Reference::secret(&namespace, name)));
        }
    }
    let instance = match spec {
        Spec::Instance(spec) => spec
            .initialization
            .as_ref()
            .and_then(|init| init.clone.as_ref())
            .map(|clone| ("spec.initialization.clone.instanceRef.namespace", &clone.instance_ref)),
        Spec::RefreshJob(spec) => Some(("spec.source.instanceRef.namespace", &spec.source.instance_ref)),
        _ => None,
    };
    if let Some((path, reference)) = instance
        && let Some(namespace) = elsewhere(&reference.namespace)
    {
        found.push((path.to_owned(), Reference::instance(&namespace, &reference.name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::admission::subject::Kind;
    use crate::api::crds;

    /// Paths of all properties named `namespace` in a schema, and of those that a list holds with `[]`.
    fn namespaces(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            namespaces(field, &path, found);
            if name == "namespace" {
                found.insert(path);
            }
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                namespaces(&schema[inner], &format!("{path}[]"), found);
            }
        }
    }

    /// An object in which every field of `path` is there, the last one with value `us`.
    fn with_namespace(base: &mut Value, path: &str) {
        let (parent, _) = path.rsplit_once('.').unwrap();
        let pointer = |path: &str| path.strip_prefix("spec").unwrap().replace('.', "/");
        let mut at = base;
        for name in pointer(parent).split('/').skip(1) {
            at = at.as_object_mut().unwrap().entry(name).or_insert_with(|| json!({}));
        }
        at["name"] = json!("x");
        at["namespace"] = json!("us");
    }

    #[test]
    fn every_reference_of_the_schemas_asks_for_consent_but_three_kinds_that_need_none() {
        let location = json!({"bucket": "b", "objectKey": "k", "endpoint": "https://a.b"});
        let target = json!({"name": "shop"});
        for crd in crds::all() {
            let kind = Kind::parse(&crd.spec.names.kind).unwrap();
            let v1 = crd.spec.versions.into_iter().find(|version| version.name == "v1").unwrap();
            let schema = serde_json::to_value(v1.schema.unwrap().open_api_v3_schema.unwrap()).unwrap();
            let mut found = BTreeSet::new();
            namespaces(&schema["properties"]["spec"], "spec", &mut found);
            for path in found {
                // A job's instance is in its own namespace (rule 20); a Gateway has a consent of its own.
                if path.ends_with("odooInstanceRef.namespace") || path == "spec.ingress.gatewayRef.namespace" {
                    continue;
                }
                let mut spec = match kind {
                    Kind::Instance => json!({
                        "ingress": {"hosts": []}, "upgrade": {"backup": {"destination": location}},
                        "initialization": {"restore": {"s3": location}, "clone": {"instanceRef": {"name": "x"}}},
                    }),
                    Kind::BackupJob => json!({"odooInstanceRef": target, "destination": location}),
                    Kind::RestoreJob => json!({"odooInstanceRef": target, "source": {"type": "s3", "s3": location}}),
                    Kind::RefreshJob => json!({"odooInstanceRef": target, "source": {"instanceRef": {"name": "x"}}}),
                    Kind::BackupSchedule => {
                        json!({"schedule": "@daily", "template": {"odooInstanceRef": target, "destination": location}})
                    }
                    Kind::InitJob | Kind::UpgradeJob => panic!("{path} of {} asks nobody", kind.name()),
                };
                with_namespace(&mut spec, &path);
                let spec = kind.decode(&spec).unwrap();
                let paths = |namespace: &str| references(&spec, namespace).into_iter().map(|(path, _)| path);
                assert_eq!(paths("eu").collect::<Vec<_>>(), [path], "{}", kind.name());
                assert_eq!(paths("us").count(), 0);
            }
        }
    }

    #[test]
    fn an_annotation_names_namespaces_or_all() {
        for (annotation, said) in [
            (None, Consent::Missing),
            (Some(""), Consent::Missing),
            (Some("eu"), Consent::Given),
            (Some("us, eu ,de"), Consent::Given),
            (Some("*"), Consent::Given),
            (Some("us,*"), Consent::Given),
            (Some("eu-west,europe"), Consent::Missing),
            (Some("e*"), Consent::Missing),
            (Some("EU"), Consent::Missing),
            (Some("eu us"), Consent::Missing),
        ] {
            assert_eq!(given(annotation, "eu"), said, "{annotation:?}");
        }
        assert_eq!(given(Some(","), ""), Consent::Missing);
    }

    #[test]
    fn what_is_no_name_is_asked_for_nowhere() {
        assert!(Reference::secret("eu-1", "s3.main").is_possible());
        for (namespace, name) in [
            ("eu", ""),
            ("", "s3"),
            ("eu", ".."),
            ("eu", "a/b"),
            ("eu/secrets/x", "a"),
            ("eu", "a?watch=1"),
            ("eu", "A"),
            ("eu", "-a"),
            ("eu.x", "a"),
            ("eu", "a%2f"),
        ] {
            assert!(!Reference::secret(namespace, name).is_possible(), "{namespace:?} {name:?}");
        }
        assert!(!Reference::secret("eu", &"a".repeat(254)).is_possible());
        assert!(!Reference::secret(&"a".repeat(64), "a").is_possible());
    }
}
