//! Values from CRD schemas, and the schemas' verdict on values: what the API server would do, in a few lines.
//! Shared by the test binaries that need it through `#[path]`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "test support: not every test binary uses all of it"
)]

use std::sync::LazyLock;

use odoo_operator::api::crds;
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use serde_json::{Map, Value, json};

/// The OpenAPI schema of `kind` in `version` (`v1` or `v1alpha1`).
pub fn schema(kind: &str, version: &str) -> Value {
    static SCHEMAS: LazyLock<Vec<(String, String, Value)>> = LazyLock::new(|| {
        let mut schemas = Vec::new();
        for crd in crds::all() {
            for version in crd.spec.versions {
                let schema = serde_json::to_value(version.schema.unwrap().open_api_v3_schema.unwrap()).unwrap();
                schemas.push((crd.spec.names.kind.clone(), version.name, schema));
            }
        }
        schemas
    });
    SCHEMAS.iter().find(|(k, v, _)| k == kind && v == version).unwrap().2.clone()
}

/// What generated values are made of, beside what the schema says.
#[derive(Clone, Copy)]
pub struct Make {
    /// Texts for plain string fields.
    pub texts: &'static [&'static str],
    /// Paths of fields that are never there.
    pub without: &'static [&'static str],
    /// Beginnings of paths of fields that are there more often than not.
    pub likely: &'static [&'static str],
}

/// Fields whose types are Kubernetes' own.
const CORE: [&str; 7] =
    ["affinity", "conditions", "extraEnv", "extraEnvFrom", "resources", "tolerations", "topologySpreadConstraints"];

/// Whole objects of `kind` in `version` that its schema accepts.
pub fn objects(kind: &'static str, version: &'static str, make: Make) -> BoxedStrategy<Value> {
    let schema = schema(kind, version);
    let part = |part: &str| values(&schema["properties"][part], part, make);
    (part("spec"), proptest::option::of(part("status")), "[a-z]{1,8}")
        .prop_map(move |(spec, status, name)| {
            let mut object = json!({
                "apiVersion": format!("bemade.org/{version}"),
                "kind": kind,
                "metadata": { "name": name, "namespace": "ns", "uid": "u", "resourceVersion": "7" },
                "spec": spec,
            });
            if let Some(status) = status {
                object["status"] = status;
            }
            object
        })
        .boxed()
}

/// Values that `schema` accepts.
pub fn values(schema: &Value, path: &str, make: Make) -> BoxedStrategy<Value> {
    let plain = plain_values(schema, path, make);
    if schema["nullable"] == true { prop_oneof![12 => plain, 1 => Just(Value::Null)].boxed() } else { plain }
}

fn plain_values(schema: &Value, path: &str, make: Make) -> BoxedStrategy<Value> {
    if schema["x-kubernetes-int-or-string"] == true {
        return prop_oneof![(0..100i64).prop_map(Value::from), "[1-9][0-9]?%".prop_map(Value::from)].boxed();
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<Value> = words.iter().filter(|word| !word.is_null()).cloned().collect();
        return proptest::sample::select(words).boxed();
    }
    match schema["type"].as_str() {
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("integer") => {
            (schema["minimum"].as_f64().map_or(0, |minimum| minimum as i64)..1000).prop_map(Value::from).boxed()
        }
        Some("number") => (0..1000i64).prop_map(Value::from).boxed(),
        Some("string") if schema["format"] == "date-time" => Just(json!("2026-11-21T04:05:06Z")).boxed(),
        Some("string") => {
            prop_oneof![3 => proptest::sample::select(make.texts).prop_map(str::to_owned), 1 => "\\PC{1,6}"]
                .prop_map(Value::from)
                .boxed()
        }
        Some("array") => array(schema, path, make),
        _ => object(schema, path, make),
    }
}

fn array(schema: &Value, path: &str, make: Make) -> BoxedStrategy<Value> {
    let keys: Vec<String> = match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => serde_json::from_value(schema["x-kubernetes-list-map-keys"].clone()).unwrap(),
        _ => Vec::new(),
    };
    let unique = !keys.is_empty() || schema["x-kubernetes-list-type"] == "set" || path.ends_with("extraEnv");
    proptest::collection::vec(plain_values(&schema["items"], &format!("{path}[]"), make), 0..3)
        .prop_map(move |items| {
            let mut seen = Vec::new();
            let identity = |item: &Value| match item.get("name").filter(|_| keys.is_empty()) {
                Some(name) => json!(name),
                None if keys.is_empty() => item.clone(),
                None => keys.iter().map(|key| item[key].clone()).collect(),
            };
            let first = items.into_iter().filter(|item| {
                let new = !seen.contains(&identity(item));
                seen.push(identity(item));
                new || !unique
            });
            Value::Array(first.collect())
        })
        .boxed()
}

fn object(schema: &Value, path: &str, make: Make) -> BoxedStrategy<Value> {
    if schema["additionalProperties"].is_object() {
        let values = plain_values(&schema["additionalProperties"], &format!("{path}{{}}"), make);
        return proptest::collection::btree_map("[a-z_]{1,6}", values, 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
            .boxed();
    }
    let mut all = Just(Map::new()).boxed();
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if make.without.contains(&path.as_str()) {
            continue;
        }
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|found| found == name));
        // The core types are large and the same in both versions: of them only the upper part.
        let in_core = CORE.iter().any(|core| path.split('.').rev().skip(2).any(|name| name.starts_with(core)));
        if in_core && !required && (child["properties"].is_object() || child["items"].is_object()) {
            continue;
        }
        let child = values(child, &path, make);
        let member =
            if required { child.prop_map(Some).boxed() } else { proptest::option::weighted(0.4, child).boxed() };
        let name = name.clone();
        all = (all, member)
            .prop_map(move |(mut map, member)| {
                if let Some(member) = member {
                    map.insert(name.clone(), member);
                }
                map
            })
            .boxed();
    }
    all.prop_map(Value::Object).boxed()
}

/// Fills in the schema's defaults, as the API server does. `null` is taken for absence first.
pub fn defaulted(schema: &Value, mut value: Value) -> Value {
    drop_nulls(&mut value);
    fill(schema, &mut value);
    value
}

/// Takes every member out that is `null`.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, child) in schema["properties"].as_object().into_iter().flatten() {
                if let (Some(default), false) = (child.get("default"), map.contains_key(name)) {
                    map.insert(name.clone(), default.clone());
                }
                if let Some(member) = map.get_mut(name) {
                    fill(child, member);
                }
            }
            if schema["additionalProperties"].is_object() {
                map.values_mut().for_each(|member| fill(&schema["additionalProperties"], member));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(&schema["items"], item)),
        _ => {}
    }
}

/// Where `value` breaks `schema`: `path: what`, for shape, enums and bounds (not CEL). Unknown fields are no fault: the
/// API server prunes or keeps them.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let mut fault = |what: String| found.push(format!("{path}: {what}"));
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        if !value.is_i64() && !value.is_string() {
            fault(format!("{value} is no int or string"));
        }
        return;
    }
    let fits = match schema["type"].as_str() {
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        return fault(format!("{value} is no {}", schema["type"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        fault(format!("{value} is none of {words:?}"));
    }
    if let (Some(minimum), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < minimum
    {
        fault(format!("{number} is less than {minimum}"));
    }
    if let (Some(length), Some(text)) = (schema["minLength"].as_u64(), value.as_str())
        && (text.chars().count() as u64) < length
    {
        fault(format!("{text:?} is shorter than {length}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            fault(format!("{name} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let child = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
        if child.is_object() {
            check(child, member, &format!("{path}.{name}"), found);
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        check(&schema["items"], item, &format!("{path}[{at}]"), found);
    }
}
