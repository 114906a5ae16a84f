//! Over arbitrary JSON: it never fails, metadata is not touched, no leaf is lost.

use odoo_operator::conversion::KINDS;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::converted;

/// Names that the table knows, so that rows meet values of every type.
const NAMES: &[&str] = &[
    "adminPassword",
    "clone",
    "completionTime",
    "demo",
    "enabled",
    "filestoreJobName",
    "filestoreMethod",
    "init",
    "initialization",
    "instanceName",
    "instanceNamespace",
    "instanceRef",
    "migration",
    "migrationJobName",
    "mode",
    "modules",
    "name",
    "namespace",
    "phase",
    "phaseV1",
    "productionInstanceRef",
    "pvName",
    "restore",
    "secretTokenSecretRef",
    "source",
    "startTime",
    "tokenSecretRef",
    "url",
    "webhook",
    "other",
    "",
];

const TEXTS: &[&str] = &[
    "",
    "none",
    "fresh",
    "restore",
    "clone",
    "Deleting",
    "Stopped",
    "RestoreFailed",
    "InitFailed",
    "x",
    "é\"\\\n",
    "2026-11-21T04:05:06Z",
    "2026-11-21 04:05:06",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        proptest::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        let member = (proptest::sample::select(NAMES), inner.clone());
        prop_oneof![
            1 => proptest::collection::vec(inner, 0..3).prop_map(Value::from),
            5 => proptest::collection::vec(member, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

/// Blocks that the joint row looks at, in every mixture.
fn initialization() -> impl Strategy<Value = Value> {
    (json(), json(), json(), json(), json(), json()).prop_map(|(mode, clone, reference, restore, enabled, production)| {
        json!({
            "init": { "enabled": enabled },
            "productionInstanceRef": production,
            "initialization": { "mode": mode, "clone": { "instanceRef": reference, "x": clone }, "restore": restore },
        })
    })
}

/// Paths from both sides of the table.
const PATHS: &[&str] = &[
    "spec.init",
    "spec.init.enabled",
    "spec.productionInstanceRef",
    "spec.initialization.mode",
    "spec.initialization.clone",
    "spec.initialization.clone.instanceRef",
    "spec.initialization.restore",
    "spec.init.modules",
    "spec.init.demo",
    "spec.init.webhook",
    "spec.init.webhook.tokenSecretRef",
    "spec.init.webhook.secretTokenSecretRef",
    "spec.initialization",
    "spec.initialization.modules",
    "spec.initialization.demo",
    "spec.initialization.webhook",
    "spec.initialization.webhook.tokenSecretRef",
    "spec.webhook",
    "spec.webhook.tokenSecretRef",
    "spec.webhook.secretTokenSecretRef",
    "spec.source",
    "spec.source.instanceName",
    "spec.source.instanceNamespace",
    "spec.source.instanceRef",
    "spec.source.instanceRef.name",
    "spec.source.instanceRef.namespace",
    "status.migration",
    "status.migration.pvName",
    "status.migrationPvName",
    "status.migration.filestoreJobName",
    "status.migrationJobName",
    "status.startTime",
    "status.completionTime",
    "status.phase",
    "status.phaseV1",
];

/// `spec` and `status` with values at paths of the table, so that rows find their target taken.
fn placed() -> impl Strategy<Value = (Value, Value)> {
    proptest::collection::vec((proptest::sample::select(PATHS), json()), 0..16).prop_map(|values| {
        let mut object = json!({ "spec": {}, "status": {} });
        for (path, value) in values {
            let mut node = &mut object;
            for name in path.split('.') {
                if !node.is_object() {
                    *node = json!({});
                }
                node = node.as_object_mut().unwrap().entry(name).or_insert(Value::Null);
            }
            *node = value;
        }
        (object["spec"].take(), object["status"].take())
    })
}

/// Every leaf that is not `null`, as text; times in one form.
fn leaves(value: &Value, path: &str, skip: &[&str], found: &mut Vec<String>) {
    if skip.iter().any(|prefix| path.starts_with(prefix)) {
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(map) => map.iter().for_each(|(k, v)| leaves(v, &format!("{path}.{k}"), skip, found)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, &format!("{path}[]"), skip, found)),
        Value::String(text) if TEXTS.contains(&text.as_str()) && text.starts_with("2026") => {
            found.push("the time".to_owned());
        }
        leaf => found.push(leaf.to_string()),
    }
}

/// Fails if a leaf of `before`, outside of the paths that the table lets go, is not in `after`.
fn keeps_leaves(before: &Value, after: &Value, gone: &[&str]) -> Result<(), TestCaseError> {
    let (mut had, mut has) = (Vec::new(), Vec::new());
    leaves(before, "", gone, &mut had);
    leaves(after, "", &[], &mut has);
    for leaf in had {
        let at = has.iter().position(|found| *found == leaf);
        prop_assert!(at.is_some(), "{leaf} of {before} is not in {after}");
        has.swap_remove(at.unwrap());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost(
        kind in proptest::sample::select(KINDS.as_slice()),
        metadata in json(),
        (spec, status) in prop_oneof![(json(), json()), (initialization(), json()), placed()],
    ) {
        for (from, to, gone) in [
            // `none` is what `enabled: false` says.
            ("v1", "v1alpha1", &[".apiVersion", ".spec.initialization.mode"][..]),
            // Originals beside a projection that was edited; what absence says in v1; the projection itself.
            ("v1alpha1", "v1", &[
                ".apiVersion", ".spec.initialization.mode", ".spec.initialization.clone", ".spec.init.enabled",
                ".spec.adminPassword", ".status.phase",
            ][..]),
        ] {
            let object = json!({
                "apiVersion": format!("bemade.org/{from}"), "kind": kind, "metadata": metadata, "spec": spec,
                "status": status, "extra": spec,
            });
            let after = converted(&object, to);
            prop_assert_eq!(&after["metadata"], &metadata);
            prop_assert_eq!(&after["extra"], &spec);
            keeps_leaves(&object, &after, gone)?;
        }
    }

    #[test]
    fn a_v1_mode_is_kept_unless_enabled_says_it(spec in initialization()) {
        let object = json!({ "apiVersion": "bemade.org/v1", "kind": "OdooInstance", "spec": spec });
        let after = converted(&object, "v1alpha1");
        let (mode, left) = (&object["spec"]["initialization"]["mode"], &after["spec"]["initialization"]["mode"]);
        prop_assert!(left == mode || (mode == "none" && after["spec"]["init"]["enabled"] == false));
    }
}
