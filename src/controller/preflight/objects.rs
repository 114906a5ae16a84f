//! What becomes of each object of ours.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use serde_json::Value;

use super::collect::{Stored, World};
use super::report::{Finding, ObjectReport};
use crate::admission::consent::{self, Consent, Reference, Referred};
use crate::admission::legacy::{self, is_migrated};
use crate::admission::shape;
use crate::admission::subject::Kind;
use crate::admission::validation::{self, Case, State};
use crate::admission::{self, Clusters, InstanceFacts, Lookup, ObjectKey};
use crate::api::labels::{ALLOW_FROM_NAMESPACES, INSTANCE_FINALIZER, KOPF_FINALIZER, STORED_BEFORE};
use crate::api::settings::Settings;
use crate::api::v1::{DeletionPolicy, OdooInstance};
use crate::controller::apply::Owner;
use crate::lifecycle::is_unsupported;

/// What the rules ask about other objects.
pub struct Known {
    /// In the order of their creation.
    instances: Vec<OdooInstance>,
    clusters: Option<Clusters>,
}

impl Known {
    /// As the instances will be once they are taken over.
    pub fn new(world: &World, clusters: Option<Clusters>) -> Self {
        let mut known = Self { instances: Vec::new(), clusters };
        let settings = Settings::default();
        let instances = world.objects.iter().filter(|stored| stored.kind == Kind::Instance);
        let ctx = admission::Context { settings: &settings, lookup: &known };
        let mut migrated: Vec<OdooInstance> = instances
            .filter_map(|stored| {
                let migrated = legacy::migrate(stored.kind, &stored.object, DeletionPolicy::Retain, &ctx);
                serde_json::from_value(migrated.object).ok()
            })
            .collect();
        migrated.sort_by_key(|it| {
            (it.metadata.creation_timestamp.as_ref().map(|time| time.0), it.namespace(), it.name_any())
        });
        known.instances = migrated;
        known
    }

    fn named(&self, namespace: &str, name: &str) -> Option<&OdooInstance> {
        self.instances.iter().find(|it| it.metadata.namespace.as_deref() == Some(namespace) && it.name_any() == name)
    }

    fn first(&self, is_meant: impl Fn(&OdooInstance) -> bool) -> Option<ObjectKey> {
        let found = self.instances.iter().find(|instance| is_meant(instance))?;
        Some(ObjectKey::new(found.namespace().unwrap_or_default(), found.name_any()))
    }
}

impl Lookup for Known {
    fn host_owner(&self, host: &str) -> Option<ObjectKey> {
        self.first(|it| it.spec.ingress.hosts.iter().any(|other| other.eq_ignore_ascii_case(host)))
    }

    fn database_owner(&self, cluster: &str, name: &str) -> Option<ObjectKey> {
        let default = self.clusters.as_ref().and_then(|clusters| clusters.default.as_deref());
        self.first(|it| {
            let (spec, status) = (it.spec.database.as_ref(), it.status.as_ref());
            let its_cluster = status
                .and_then(|status| status.active_cluster.as_deref())
                .or_else(|| spec.and_then(|spec| spec.cluster.as_deref()))
                .or(default);
            let its_name = status
                .and_then(|status| status.database_name.as_deref())
                .or_else(|| spec.and_then(|spec| spec.name.as_deref()));
            its_cluster == Some(cluster) && its_name == Some(name)
        })
    }

    fn instance(&self, namespace: &str, name: &str) -> Option<InstanceFacts> {
        let found = self.named(namespace, name)?;
        Some(InstanceFacts { environment: found.spec.environment() })
    }

    fn clusters(&self) -> Option<Clusters> {
        self.clusters.clone()
    }
}

/// Judges every object, instances first.
pub fn judge(world: &World, settings: &Settings, known: &Known) -> Vec<ObjectReport> {
    let ctx = admission::Context { settings, lookup: known };
    world.objects.iter().map(|stored| one(world, known, stored, &ctx)).collect()
}

fn one(world: &World, known: &Known, stored: &Stored, ctx: &admission::Context<'_>) -> ObjectReport {
    let object = &stored.object;
    let mut findings = Vec::new();
    let migrated = is_migrated(object);
    let (policy, why) = policy(world, object);
    let found = legacy::migrate(stored.kind, object, policy, ctx);
    let going = object["metadata"]["deletionTimestamp"].is_string();
    if going {
        let held = object["metadata"]["finalizers"].as_array().into_iter().flatten().any(|it| it == INSTANCE_FINALIZER);
        let message = if stored.kind == Kind::Instance && !held {
            "it is being deleted, and goes with what belongs to it, its volume claim too, when this operator removes its \
             finalizer; its database stays: see that end first"
        } else {
            "it is being deleted: see that end first"
        };
        findings.push(Finding::attention("metadata.deletionTimestamp", message));
    } else if !migrated && stored.kind == Kind::Instance {
        if object["spec"]["deletionPolicy"].is_null() {
            findings.push(Finding::change("spec.deletionPolicy", format!("becomes {policy:?}: {why}")));
        }
        findings.extend(written(&object["spec"], &found.object["spec"]));
    }
    for lost in found.lost.iter().filter(|_| !migrated) {
        findings.push(Finding::attention(&lost.path, format!("is taken out: {}", lost.message)));
    }
    for gone in shape::unknown(stored.kind, &found.object["spec"]).iter().filter(|_| !migrated && !going) {
        findings.push(Finding::attention(&gone.path, format!("is dropped with the first write: {}", gone.message)));
    }
    if object["metadata"]["finalizers"].as_array().into_iter().flatten().any(|it| it == KOPF_FINALIZER) {
        findings.push(Finding::change("metadata.finalizers", format!("{KOPF_FINALIZER} is removed")));
    }
    let phase = found.object["status"]["phase"].as_str().map(str::to_owned);
    findings.extend(rules(stored, &found.object, ctx));
    findings.extend(unconsented(world, known, stored, &found.object));
    if stored.kind == Kind::Instance {
        let owner = Owner {
            namespace: stored.meta("namespace").to_owned(),
            name: stored.meta("name").to_owned(),
            uid: stored.meta("uid").to_owned(),
        };
        findings.extend(super::children::judge(world, &owner, &found.object["spec"]));
    }
    findings.extend(phase.as_deref().and_then(|phase| under_way(stored.kind, phase)));
    ObjectReport {
        kind: stored.kind.name().to_owned(),
        namespace: stored.meta("namespace").to_owned(),
        name: stored.meta("name").to_owned(),
        version: stored.version.name(),
        phase,
        deletion_policy: (stored.kind == Kind::Instance)
            .then(|| found.object["spec"]["deletionPolicy"].as_str().unwrap_or("Retain").to_owned()),
        findings,
    }
}

/// What a deletion will mean for an instance that does not say so itself, and why.
fn policy(world: &World, object: &Value) -> (DeletionPolicy, String) {
    if is_migrated(object) {
        return (DeletionPolicy::Retain, "it was taken over before".to_owned());
    }
    let crd = world.crds.iter().find(|crd| crd.spec.names.kind == "OdooInstance");
    let now = crd.and_then(|crd| crd.status.as_ref()).and_then(|status| status.stored_versions.clone());
    let before = crd.and_then(|crd| crd.annotations().get(STORED_BEFORE).cloned());
    let stored = before.unwrap_or_else(|| now.unwrap_or_default().join(","));
    if stored == "v1alpha1" {
        let why = "that is what v1alpha1 means, and nothing else was ever stored here; set it yourself for another";
        return (DeletionPolicy::Delete, why.to_owned());
    }
    let why = format!(
        "objects of the Python operator may be among those that are stored (storedVersions [{stored}]), and it kept data"
    );
    (DeletionPolicy::Retain, why)
}

/// What is written in another form, and what is added. Types only: a value may be a secret.
fn written(before: &Value, after: &Value) -> Vec<Finding> {
    let mut changed = BTreeMap::new();
    differences("spec", before, after, &mut changed);
    let mut findings = Vec::new();
    let mut added = Vec::new();
    for (path, (before, after)) in changed {
        match (before, after) {
            ("", _) if path == "spec.deletionPolicy" => {}
            ("", _) => added.push(path),
            (before, after) if before == after => findings.push(Finding::change(path, "is written in its legal form")),
            (before, after) => {
                findings.push(Finding::change(path, format!("is written as the schema wants it: {before} → {after}")));
            }
        }
    }
    if !added.is_empty() {
        let message = format!("are written down as this operator's settings have them now: {}", added.join(", "));
        findings.push(Finding::change("defaults", message));
    }
    findings
}

/// Paths at which a value is another, or new, with the types of both.
fn differences(path: &str, before: &Value, after: &Value, found: &mut BTreeMap<String, (&'static str, &'static str)>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, after) in after {
                match before.get(name) {
                    Some(before) => differences(&format!("{path}.{name}"), before, after, found),
                    None => drop(found.insert(format!("{path}.{name}"), ("", type_of(after)))),
                }
            }
        }
        (before, after) if before != after => {
            found.insert(path.to_owned(), (type_of(before), type_of(after)));
        }
        _ => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// The rules that an object breaks.
fn rules(stored: &Stored, object: &Value, ctx: &admission::Context<'_>) -> Vec<Finding> {
    if stored.kind == Kind::Instance {
        let Ok(instance) = serde_json::from_value::<OdooInstance>(object.clone()) else {
            return vec![Finding::attention("object", "cannot be read as v1 even when it is repaired")];
        };
        return match admission::guard(&instance, ctx) {
            Ok(guarded) => guarded
                .reported
                .iter()
                .map(|it| {
                    Finding::attention(&it.path, format!("{} (told on the object; it works all the same)", it.message))
                })
                .collect(),
            Err(stopping) => stopping
                .iter()
                .map(|it| Finding::attention(&it.path, format!("{} (phase Error until then; pods run on)", it.message)))
                .collect(),
        };
    }
    let phase = object["status"]["phase"].as_str();
    let Ok(spec) = stored.kind.decode(&object["spec"]) else {
        return vec![Finding::attention("spec", "cannot be read as v1 even when it is repaired")];
    };
    if matches!(phase, Some("Completed" | "Failed")) {
        return Vec::new();
    }
    let state = State::default();
    let case = Case {
        name: stored.meta("name"),
        generated: false,
        namespace: stored.meta("namespace"),
        spec: &spec,
        old: Some(&spec),
        state: &state,
        ctx: *ctx,
    };
    let violations = validation::apply(&case).violations;
    violations.iter().map(|it| Finding::attention(&it.path, it.message.clone())).collect()
}

/// References to objects in other namespaces that do not allow them.
fn unconsented(world: &World, known: &Known, stored: &Stored, object: &Value) -> Vec<Finding> {
    let own = stored.meta("namespace");
    let Ok(spec) = stored.kind.decode(&object["spec"]) else { return Vec::new() };
    let given = |reference: &Reference| {
        let ObjectKey { namespace, name } = &reference.key;
        let annotations = match reference.kind {
            Referred::Secret => world.secrets.get(&(namespace.clone(), name.clone())).and_then(Option::as_ref),
            Referred::Instance => known.named(namespace, name).map(ResourceExt::annotations),
        };
        let annotation = annotations.and_then(|found| found.get(ALLOW_FROM_NAMESPACES)).map(String::as_str);
        consent::given(annotation, own) == Consent::Given
    };
    consent::references(&spec, own)
        .into_iter()
        .filter(|(_, reference)| !given(reference))
        .map(|(path, reference)| Finding::attention(&path, reference.refusal(own)))
        .collect()
}

/// The Secrets in other namespaces that objects refer to.
pub fn foreign_secrets(objects: &[Stored]) -> BTreeSet<(String, String)> {
    let specs = objects.iter().filter_map(|stored| Some((stored, stored.kind.decode(&stored.object["spec"]).ok()?)));
    specs
        .flat_map(|(stored, spec)| consent::references(&spec, stored.meta("namespace")))
        .filter(|(_, reference)| reference.kind == Referred::Secret)
        .map(|(_, reference)| (reference.key.namespace, reference.key.name))
        .collect()
}

/// What another operator has begun and this one does not finish.
fn under_way(kind: Kind, phase: &str) -> Option<Finding> {
    let phase_of = serde_json::from_value(Value::from(phase));
    match kind {
        Kind::Instance if phase_of.is_ok_and(is_unsupported) => Some(Finding::blocks(
            "status.phase",
            format!("{phase}: an operation of the other operator is under way, and would stop there; let it end first"),
        )),
        Kind::Instance | Kind::InitJob | Kind::BackupSchedule => None,
        _ if phase == "Running" => Some(Finding::blocks(
            "status.phase",
            "Running: the other operator is at it, and this version does not carry it on; let it end first",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::crds::Version;
    use crate::api::labels::MIGRATED;

    fn stored(kind: Kind, name: &str, spec: Value) -> Stored {
        let metadata = json!({"name": name, "namespace": "eu", "uid": name, "finalizers": [KOPF_FINALIZER]});
        let object = json!({"apiVersion": "bemade.org/v1", "kind": kind.name(), "metadata": metadata, "spec": spec});
        Stored { kind, version: Version::V1, object }
    }

    fn world(versions: &[&str], objects: Vec<Stored>) -> World {
        let crd = json!({
            "metadata": {"name": "odooinstances.bemade.org"},
            "spec": {
                "group": "bemade.org", "names": {"kind": "OdooInstance", "plural": "odooinstances"},
                "scope": "Namespaced", "versions": [],
            },
            "status": {"storedVersions": versions},
        });
        World { crds: vec![serde_json::from_value(crd).unwrap()], objects, ..World::default() }
    }

    fn told(world: &World) -> Vec<String> {
        let settings = Settings::default();
        let known = Known::new(world, None);
        let all = judge(world, &settings, &known).into_iter().flat_map(|object| object.findings);
        all.map(|finding| format!("{:?} {}: {}", finding.level, finding.about, finding.message)).collect()
    }

    fn has(told: &[String], words: &str) -> bool {
        told.iter().any(|line| line.contains(words))
    }

    #[test]
    fn an_instance_of_the_python_operator_is_told_what_is_repaired_and_that_its_data_stays() {
        let spec = json!({
            "replicas": "2", "adminPassword": "v3ry-s3cret", "ingress": {"hosts": ["a.example.com"], "issuer": []},
            "adminPasword": "v3ry-s3cret",
        });
        let told = told(&world(&["v1"], vec![stored(Kind::Instance, "shop", spec)]));
        assert!(has(&told, "Change spec.replicas: is written as the schema wants it: text → number"), "{told:#?}");
        assert!(has(&told, "Attention spec.ingress.issuer: is taken out"), "{told:#?}");
        assert!(has(&told, "Attention spec.adminPasword: is dropped with the first write"), "{told:#?}");
        assert!(has(&told, "Change spec.deletionPolicy: becomes Retain"), "{told:#?}");
        assert!(has(&told, "Change metadata.finalizers"), "{told:#?}");
        assert!(!has(&told, "v3ry-s3cret"), "{told:#?}");
    }

    #[test]
    fn what_goes_with_an_instance_that_is_being_deleted_is_told() {
        let mut going = stored(Kind::Instance, "shop", json!({"ingress": {"hosts": ["a.example.com"]}}));
        going.object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(has(&told(&world(&["v1"], vec![going])), "its volume claim too"));
    }

    #[test]
    fn the_policy_depends_on_what_was_ever_stored_and_not_on_what_was_taken_over() {
        let spec = json!({"ingress": {"hosts": ["a.example.com"]}});
        for (versions, policy) in [(&["v1alpha1"][..], "Delete"), (&["v1alpha1", "v1"], "Retain"), (&["v1"], "Retain")]
        {
            let told = told(&world(versions, vec![stored(Kind::Instance, "shop", spec.clone())]));
            assert!(has(&told, &format!("becomes {policy}")), "{versions:?}: {told:#?}");
        }
        let mut ours = stored(Kind::Instance, "shop", spec);
        ours.object["metadata"]["annotations"] = json!({MIGRATED: "v1"});
        assert!(!has(&told(&world(&["v1alpha1"], vec![ours])), "deletionPolicy"));
    }

    #[test]
    fn a_reference_without_consent_is_told_with_the_annotation_that_is_missing() {
        let spec = json!({
            "odooInstanceRef": {"name": "shop"},
            "destination": {
                "bucket": "b", "objectKey": "k.zip", "endpoint": "https://s3.example.com",
                "s3CredentialsSecretRef": {"name": "keys", "namespace": "other"},
            },
        });
        let mut world = world(&["v1"], vec![stored(Kind::BackupJob, "backup", spec)]);
        let key = ("other".to_owned(), "keys".to_owned());
        assert_eq!(foreign_secrets(&world.objects), BTreeSet::from([key.clone()]));
        let missing = "bemade.org/allow-from-namespaces: \"eu\" has to be annotated on it";
        assert!(has(&told(&world), missing), "{:#?}", told(&world));
        world.secrets.insert(key.clone(), Some(BTreeMap::new()));
        assert!(has(&told(&world), missing));
        let allowed = BTreeMap::from([(ALLOW_FROM_NAMESPACES.to_owned(), "us, eu".to_owned())]);
        world.secrets.insert(key, Some(allowed));
        assert!(!has(&told(&world), "other/keys"), "{:#?}", told(&world));
    }
}
