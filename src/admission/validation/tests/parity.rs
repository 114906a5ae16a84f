//! What the schema's own rules (CEL) refuse, ours refuse at the same path, and the table says so.

use std::collections::BTreeSet;

use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde_json::{Value, json};

use super::Trial;
use crate::admission::subject::Kind;
use crate::admission::tests::{smallest, with};
use crate::api::crds;

fn schema(kind: Kind) -> Value {
    let crd = crds::all().into_iter().find(|crd| crd.spec.names.kind == kind.name()).unwrap();
    let v1 = crd.spec.versions.into_iter().find(|version| version.name == "v1").unwrap();
    let mut schema = serde_json::to_value(v1.schema.unwrap().open_api_v3_schema.unwrap()).unwrap();
    for rule in schema["properties"]["spec"]["x-kubernetes-validations"].as_array_mut().into_iter().flatten() {
        for_new_objects(rule);
    }
    schema
}

/// A rule without what it says of an old object: `kube`'s engine has no optional `oldSelf`. (That part is tried with
/// the API server's, in `tests/cluster/ratchet.rs`.)
fn for_new_objects(rule: &mut Value) {
    let text = rule["rule"].as_str().unwrap();
    let (new, old) =
        text.split_once(" || (oldSelf.hasValue() && ").expect("a rule of the whole spec looks at the old one");
    assert!(old.ends_with(')') && rule["optionalOldSelf"] == true, "{rule}");
    rule["rule"] = json!(new);
    rule.as_object_mut().unwrap().remove("optionalOldSelf");
}

/// Every rule that stands in a schema.
fn rules_in(schema: &Value, found: &mut BTreeSet<String>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        found.insert(rule["rule"].as_str().unwrap().to_owned());
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|field| rules_in(field, found)),
        Value::Array(items) => items.iter().for_each(|item| rules_in(item, found)),
        _ => {}
    }
}

/// Every combination of one choice a list.
fn combinations(base: Value, lists: &[Vec<Value>]) -> Vec<Value> {
    lists.iter().fold(vec![base], |specs, list| {
        specs.iter().flat_map(|spec| list.iter().map(|more| with(spec.clone(), more.clone()))).collect()
    })
}

fn instances() -> Vec<Value> {
    let s3 = json!({"bucket": "backups", "objectKey": "a", "endpoint": "https://s3.example.com"});
    let restore = |restore: Value| json!({"initialization": {"restore": restore}});
    combinations(
        smallest(),
        &[
            vec![json!({}), json!({"adminPassword": "x", "adminPasswordSecretRef": {"name": "a", "key": "b"}})],
            vec![json!({}), json!({"environment": "Production"})],
            vec![json!({}), json!({"initialization": {"clone": {"instanceRef": {"name": "live"}}}})],
            vec![
                json!({}),
                restore(json!({})),
                restore(json!({"url": "https://a.example.com"})),
                restore(json!({"url": "https://a.example.com", "s3": s3})),
            ],
            vec![
                json!({}),
                json!({"initialization": {"mode": "restore"}}),
                json!({"initialization": {"mode": "clone"}}),
            ],
            vec![json!({}), json!({"filestore": {"accessMode": "ReadWriteOnce"}})],
            vec![json!({}), json!({"replicas": 2})],
            vec![
                json!({}),
                json!({"strategy": {"type": "RollingUpdate"}}),
                json!({"strategy": {"rollingUpdate": {"maxSurge": 1}}}),
            ],
        ],
    )
}

fn restores() -> Vec<Value> {
    let s3 = json!({"bucket": "backups", "objectKey": "a", "endpoint": "https://s3.example.com"});
    combinations(
        json!({"odooInstanceRef": {"name": "web-cron"}}),
        &[
            vec![json!({"source": {"type": "s3"}}), json!({"source": {"type": "odoo"}})],
            vec![json!({}), json!({"source": {"s3": s3}})],
            vec![json!({}), json!({"source": {"odoo": {"url": "https://a.example.com"}}})],
        ],
    )
}

/// What refused an object both ways.
#[derive(Default)]
struct Heard {
    /// Rules of the schema.
    schema: BTreeSet<String>,
    /// Numbers of our rules, and where.
    ours: BTreeSet<(u8, String)>,
}

/// Judges `spec` both ways.
fn compare(kind: Kind, schema: &CompiledSchema, spec: Value, heard: &mut Heard) {
    let object = json!({"metadata": {"name": "shop"}, "spec": spec});
    let Err(refused) = Validator::new().validate_compiled(schema, &object, None) else { return };
    let ours = Trial::of(kind, spec).broken();
    for error in refused {
        let there: Vec<_> = ours.iter().filter(|(_, path)| *path == error.field_path).cloned().collect();
        assert!(
            !there.is_empty(),
            "{} is refused at {} by the schema alone: {ours:?}",
            object["spec"],
            error.field_path
        );
        heard.ours.extend(there);
        heard.schema.insert(error.rule);
    }
}

#[test]
fn what_the_schema_refuses_our_rules_refuse_at_the_same_path_and_the_table_says_so() {
    let mut claimed = BTreeSet::new();
    for rule in crate::admission::validation::rules() {
        claimed.extend(rule.in_schema.iter().map(|path| (rule.number, (*path).to_owned())));
    }
    let mut ours = BTreeSet::new();
    for (kind, specs) in [(Kind::Instance, instances()), (Kind::RestoreJob, restores())] {
        let schema = schema(kind);
        let mut written = BTreeSet::new();
        rules_in(&schema, &mut written);
        let compiled = compile_schema(&schema);
        assert!(!compiled.has_errors(), "{:?}", compiled.compilation_errors());
        let mut heard = Heard::default();
        for spec in specs {
            compare(kind, &compiled, spec, &mut heard);
        }
        assert_eq!(heard.schema, written, "each rule of {}'s schema has to refuse something here", kind.name());
        ours.extend(heard.ours);
    }
    assert_eq!(ours, claimed, "column schema of the table");
}

#[test]
fn only_these_kinds_have_rules_in_their_schema() {
    for kind in Kind::ALL {
        let mut written = BTreeSet::new();
        rules_in(&schema(kind), &mut written);
        assert_eq!(written.is_empty(), !matches!(kind, Kind::Instance | Kind::RestoreJob), "{}", kind.name());
    }
}
