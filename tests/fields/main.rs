//! Nothing is accepted and silently ignored: every field of every v1 spec, changed alone, shows in an object that is
//! built, in behaviour that a named test covers, in a refusal, or in a warning.
//!
//! [`table`] says for each field where. It has to name every field of the schemas and no other, and what it says is
//! tried: objects are really built with and without the change, webhooks are really asked, tests are looked up.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests; `json!` makes values")]

mod build;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use odoo_operator::admission::review::{mutate, validate};
use odoo_operator::admission::{Clusters, Context, InstanceFacts, Lookup, ObjectKey};
use odoo_operator::api::crds;
use odoo_operator::api::settings::Settings;
use serde_json::{Value, json};
use table::{Row, Shows};

/// Types of Kubernetes: a field of one of them counts as a whole.
const CORE: [&str; 7] =
    ["affinity", "resources", "tolerations", "topologySpreadConstraints", "extraEnv", "extraEnvFrom", "conditions"];

/// Paths of every field of a v1 spec that holds a value and not further fields.
fn leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let fields = schema["properties"].as_object();
    for (name, field) in fields.into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if field["properties"].is_object() && !CORE.contains(&name.as_str()) {
            leaves(field, &path, found);
        } else {
            found.insert(path);
        }
    }
}

fn fields() -> BTreeMap<String, BTreeSet<String>> {
    crds::all()
        .into_iter()
        .map(|crd| {
            let v1 = crd.spec.versions.into_iter().find(|version| version.name == "v1").unwrap();
            let schema = serde_json::to_value(v1.schema.unwrap().open_api_v3_schema.unwrap()).unwrap();
            let mut found = BTreeSet::new();
            leaves(&schema["properties"]["spec"], "", &mut found);
            (crd.spec.names.kind, found)
        })
        .collect()
}

#[test]
fn the_table_names_every_field_and_no_other() {
    for (kind, fields) in fields() {
        let rows = table::rows(&kind);
        let named: Vec<String> = rows.iter().map(|row| row.field.to_owned()).collect();
        let unique: BTreeSet<String> = named.iter().cloned().collect();
        assert_eq!(unique.len(), named.len(), "{kind}: a field is there twice");
        if table::NOT_RUN.contains(&kind.as_str()) {
            assert_eq!(unique, BTreeSet::new(), "{kind} is not run: no field of it has an effect yet");
            continue;
        }
        let missing: Vec<_> = fields.difference(&unique).collect();
        let surplus: Vec<_> = unique.difference(&fields).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "{kind}: missing {missing:#?}, surplus {surplus:#?}");
    }
}

/// `base` with the fields of `more` laid over it; `null` removes one.
fn with(mut base: Value, more: &Value) -> Value {
    json_patch::merge(&mut base, more);
    base
}

/// The field's value, if it is there.
fn at<'v>(spec: &'v Value, field: &str) -> Option<&'v Value> {
    field.split('.').try_fold(spec, |value, name| value.get(name))
}

#[test]
fn every_field_shows_where_the_table_says() {
    let mut wrong = Vec::new();
    for kind in ["OdooInstance", "OdooInitJob"] {
        for Row { field, base, change, shows } in table::rows(kind) {
            let before = with(table::smallest(kind), &base);
            let after = with(before.clone(), &change);
            if at(&before, field) == at(&after, field) {
                wrong.push(format!("{kind} {field}: the change does not touch it"));
            }
            if let Err(why) = shows_there(kind, &before, &after, &shows) {
                wrong.push(format!("{kind} {field}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn shows_there(kind: &str, before: &Value, after: &Value, shows: &Shows) -> Result<(), String> {
    match shows {
        Shows::Objects(names) => {
            let differ = build::that_differ(kind, before, after);
            let same = differ == names.iter().copied().collect::<BTreeSet<_>>();
            same.then_some(()).ok_or_else(|| format!("these differ: {differ:?}"))
        }
        Shows::Refusal(path) => {
            let (at_rest, said) = ask(kind, before);
            let (allowed, refused) = ask(kind, after);
            let there = at_rest && !allowed && refused.contains(&format!("spec.{path}: "));
            there.then_some(()).ok_or_else(|| format!("not refused there: {said} {refused}"))
        }
        Shows::Warning(path) => {
            let (allowed, said) = ask(kind, after);
            let warned = said.contains(&format!("spec.{path}: is not carried out by this release"));
            (allowed && warned).then_some(()).ok_or(said)
        }
        Shows::Test(file, name, word) => tested(file, name, word),
    }
}

/// The test is there, and has to do with the field.
fn tested(file: &str, name: &str, word: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).map_err(|why| format!("{file}: {why}"))?;
    let (before, rest) = text.split_once(&format!("fn {name}(")).ok_or_else(|| format!("no test {name}"))?;
    // Nothing but its attribute, and what makes it async, stands before it on the lines above.
    let attribute = before.trim_end_matches("async ").trim_end().lines().next_back().unwrap_or_default().trim();
    if !attribute.ends_with("test]") {
        return Err(format!("{name} is no test"));
    }
    let body = rest.split("test]").next().unwrap_or_default();
    body.contains(word).then_some(()).ok_or_else(|| format!("{name} does not speak of {word}"))
}

#[test]
fn kinds_that_are_not_run_are_told_so_at_once_and_the_test_of_their_condition_names_each() {
    let mut not_run = BTreeSet::new();
    for kind in fields().into_keys() {
        let (allowed, said) = ask(&kind, &table::smallest(&kind));
        assert!(allowed, "{kind}: {said}");
        if said.contains(&format!("kind: this release does not run {kind}: it is kept, with Accepted=False")) {
            not_run.insert(kind);
        }
    }
    assert_eq!(not_run, table::NOT_RUN.iter().map(|kind| (*kind).to_owned()).collect());
    for kind in table::NOT_RUN {
        let test = "kinds_without_an_operation_yet_are_told_so";
        tested("tests/cluster/adoption.rs", test, &format!("kind: {kind}\n")).unwrap();
    }
}

/// Both webhooks' answer to the creation of an object: whether it is allowed, and everything that is said.
fn ask(kind: &str, spec: &Value) -> (bool, String) {
    let kind_of = json!({"group": "bemade.org", "version": "v1", "kind": kind});
    let metadata = json!({"name": "shop", "namespace": "eu"});
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": kind_of, "requestKind": kind_of, "name": "shop", "namespace": "eu",
            "operation": "CREATE", "userInfo": {"username": "jane"}, "oldObject": null,
            "object": {"apiVersion": "bemade.org/v1", "kind": kind, "metadata": metadata, "spec": spec},
        },
    });
    let settings = Settings::default();
    let context = Context { settings: &settings, lookup: &Cluster };
    let mut said = String::new();
    let mut allowed = true;
    for hook in [mutate, validate] {
        let answer = hook(review.to_string().as_bytes(), &context).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        allowed &= answer["response"]["allowed"] == true;
        let warnings = answer["response"]["warnings"].as_array().into_iter().flatten();
        said.extend(warnings.map(|warning| format!("{}\n", warning.as_str().unwrap_or_default())));
        said.push_str(answer["response"]["status"]["message"].as_str().unwrap_or_default());
    }
    (allowed, said)
}

/// One PostgreSQL cluster, and an instance to refer to.
struct Cluster;

impl Lookup for Cluster {
    fn host_owner(&self, _: &str) -> Option<ObjectKey> {
        None
    }
    fn database_owner(&self, _: &str, _: &str) -> Option<ObjectKey> {
        None
    }
    fn instance(&self, namespace: &str, name: &str) -> Option<InstanceFacts> {
        (namespace == "eu" && name == "live").then(InstanceFacts::default)
    }
    fn clusters(&self) -> Option<Clusters> {
        Some(Clusters { names: vec!["main".to_owned()], default: Some("main".to_owned()) })
    }
}
