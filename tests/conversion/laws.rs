//! The laws, over values that the schemas accept.

use odoo_operator::conversion::{self, KINDS};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Map, Value};

use crate::converted;
use crate::schema::{Make, defaulted, faults, objects, schema, values};

/// v1's times are RFC 3339; phaseV1 is written by conversion only.
const V1: Make = Make {
    texts: &["x", "base", "2026-11-21T04:05:06Z", "2026-11-21T04:05:06+01:00", "Deleting", "none", "é"],
    without: &["status.phaseV1"],
    likely: &[],
};

/// v1alpha1's times have a space.
const V1ALPHA1: Make = Make {
    texts: &["", "x", "base", "2026-11-21 04:05:06", "soon", "Deleting", "none", "é"],
    without: &[],
    likely: &[],
};

fn make(version: &str) -> Make {
    if version == "v1" { V1 } else { V1ALPHA1 }
}

fn other(version: &str) -> &'static str {
    if version == "v1" { "v1alpha1" } else { "v1" }
}

/// The version that an object is in, and the other one.
struct Sides {
    version: &'static str,
    other: &'static str,
    schema: Value,
    other_schema: Value,
}

/// Runs `law` over objects of every kind in both versions.
fn for_all(law: impl Fn(&Sides, Value) -> Result<(), TestCaseError>) {
    for kind in KINDS {
        for version in ["v1", "v1alpha1"] {
            // `scripts/fuzz conversion` asks for many more.
            let long_run = std::env::var("ROUND_TRIPS").ok().and_then(|text| text.parse::<u32>().ok());
            let cases = match long_run {
                Some(all) => all.div_ceil(2 * u32::try_from(KINDS.len()).unwrap()),
                None if kind == "OdooInstance" => 400,
                None => 80,
            };
            let sides = Sides {
                version,
                other: other(version),
                schema: schema(kind, version),
                other_schema: schema(kind, other(version)),
            };
            TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() })
                .run(&objects(kind, version, make(version)), |object| law(&sides, object))
                .unwrap();
        }
    }
}

#[test]
fn there_and_back_is_the_identity() {
    for_all(|sides, object| {
        let back = converted(&converted(&object, sides.other), sides.version);
        prop_assert_eq!(defaulted(&sides.schema, back), defaulted(&sides.schema, object));
        Ok(())
    });
}

#[test]
fn what_one_schema_accepts_the_other_accepts_after_conversion() {
    for_all(|sides, object| {
        prop_assert_eq!(faults(&sides.schema, &object), Vec::<String>::new(), "the generator is wrong");
        let there = converted(&object, sides.other);
        prop_assert_eq!(faults(&sides.other_schema, &there), Vec::<String>::new(), "{}", there);
        Ok(())
    });
}

/// Paths of the fields that a v1alpha1 client may write, down to blocks of blocks.
fn writable(schema: &Value, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, bool)>) {
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|found| found == name));
        path.push(name.clone());
        found.push((path.clone(), required));
        if !["affinity", "resources"].contains(&name.as_str()) {
            writable(child, path, found);
        }
        path.pop();
    }
}

fn schema_at(schema: &Value, path: &[String]) -> Value {
    path.iter().fold(schema, |schema, name| &schema["properties"][name]).clone()
}

/// `object` with `value` at `path` (`None`: without it); `None` if there is no such place.
fn edited(object: &Value, path: &[String], value: Option<&Value>) -> Option<Value> {
    let mut edited = object.clone();
    let (last, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(&mut edited, |value, name| value.get_mut(name))?.as_object_mut()?;
    match value {
        Some(value) => parent.insert(last.clone(), value.clone()),
        None => parent.remove(last),
    };
    Some(edited)
}

/// Paths at which two values differ, as deep as they can be told apart.
fn differences(a: &Value, b: &Value, path: &str, found: &mut Vec<String>) {
    match (a.as_object(), b.as_object()) {
        (Some(_) | None, Some(_)) | (Some(_), None)
            if (a.is_object() || a.is_null()) && (b.is_object() || b.is_null()) =>
        {
            let mut names: Vec<&String> = a.as_object().into_iter().chain(b.as_object()).flat_map(Map::keys).collect();
            names.sort();
            names.dedup();
            for name in names {
                differences(&a[name], &b[name], &format!("{path}.{name}"), found);
            }
        }
        _ if a == b => {}
        _ => found.push(path.trim_start_matches('.').to_owned()),
    }
}

#[test]
fn an_edit_through_v1alpha1_survives_and_changes_nothing_else() {
    for kind in KINDS {
        edits(kind, V1, if kind == "OdooInstance" { 800 } else { 200 }, |_| true);
    }
}

#[test]
fn an_edit_of_the_joint_row_survives_and_changes_nothing_else() {
    let make = Make {
        likely: &["spec.initialization"],
        without: &[
            "status.phaseV1",
            "spec.affinity",
            "spec.resources",
            "spec.topologySpreadConstraints",
            "spec.extraEnv",
            "spec.extraEnvFrom",
            "spec.tolerations",
            "spec.cron",
            "spec.upgrade",
            "spec.initialization.webhook",
        ],
        ..V1
    };
    let joint = ["spec.init", "spec.init.enabled", "spec.productionInstanceRef", "spec.productionInstanceRef.name"];
    edits("OdooInstance", make, 4000, |path| joint.contains(&path));
}

/// The law, over `cases` edits of v1 objects of `kind` at those paths that are `wanted`.
fn edits(kind: &'static str, make: Make, cases: u32, wanted: impl Fn(&str) -> bool) {
    let (hub, old) = (schema(kind, "v1"), schema(kind, "v1alpha1"));
    let mut paths = Vec::new();
    for part in ["spec", "status"] {
        writable(&old["properties"][part], &mut vec![part.to_owned()], &mut paths);
    }
    paths.retain(|(path, _)| wanted(&path.join(".")));
    let schema_of_edit = old.clone();
    let edits = (objects(kind, "v1", make), proptest::sample::select(paths)).prop_flat_map(
        move |(object, (path, required))| {
            let value = values(&schema_at(&schema_of_edit, &path), &path.join("."), V1ALPHA1);
            let value =
                if required { value.prop_map(Some).boxed() } else { proptest::option::weighted(0.7, value).boxed() };
            (Just(object), Just(path), value)
        },
    );
    let config =
        ProptestConfig { cases, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&edits, |(object, path, value)| {
            let seen = converted(&object, "v1alpha1");
            let Some(sent) = edited(&seen, &path, value.as_ref()) else {
                return Err(TestCaseError::reject("no such place"));
            };
            let both = !sent["spec"]["productionInstanceRef"].is_null()
                && !sent["spec"]["initialization"]["restore"].is_null();
            prop_assume!(!both, "restore and clone together are refused");
            let stored = converted(&sent, "v1");
            prop_assert_eq!(faults(&hub, &stored), Vec::<String>::new(), "{}", stored);

            let shown = converted(&stored, "v1alpha1");
            prop_assert_eq!(without_dropped(&old, shown), without_dropped(&old, sent));

            let mut changed = Vec::new();
            differences(&object, &stored, "", &mut changed);
            let edit = path.join(".");
            for change in changed {
                let in_v1alpha1 = conversion::path_in_v1alpha1(kind, &change);
                let related = in_v1alpha1.starts_with(&edit) || edit.starts_with(&in_v1alpha1);
                prop_assert!(related || joint(&edit, &change), "editing {} changed {}", edit, change);
            }
            Ok(())
        })
        .unwrap();
}

/// Fields that one row ties together.
fn joint(edit: &str, change: &str) -> bool {
    let initialization = ["spec.init", "spec.productionInstanceRef"];
    (initialization.iter().any(|prefix| edit.starts_with(prefix))
        && ["spec.initialization.mode", "spec.initialization.clone"].iter().any(|prefix| change.starts_with(prefix)))
        || (edit == "status.phase" && change == "status.phaseV1")
}

/// A v1alpha1 object without the v1 originals that an edit may make go, and without the blocks that are empty then.
fn without_dropped(schema: &Value, object: Value) -> Value {
    let mut object = defaulted(schema, object);
    for (part, block, originals) in
        [("spec", "initialization", &["mode", "clone"][..]), ("status", "migration", &[]), ("", "status", &["phaseV1"])]
    {
        let parent = if part.is_empty() { Some(&mut object) } else { object.get_mut(part) };
        let Some(parent) = parent.and_then(Value::as_object_mut) else { continue };
        let Some(fields) = parent.get_mut(block).and_then(Value::as_object_mut) else { continue };
        fields.retain(|name, _| !originals.contains(&name.as_str()));
        if fields.is_empty() {
            parent.remove(block);
        }
    }
    object
}
