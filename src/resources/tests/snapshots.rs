//! Every object, as it goes over the wire.

use serde_json::{Value, json};

use super::fixture::Fixture;

/// The scripts are files of their own: a snapshot that repeats them only makes noise.
fn without_scripts(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with("#!/bin/sh\n") => *text = "<script>".to_owned(),
            Value::Array(items) => items.iter_mut().for_each(walk),
            Value::Object(map) => map.values_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut value);
    value
}

fn snapshot(set: &str, fixture: &Fixture) {
    for (name, object) in fixture.objects() {
        insta::assert_yaml_snapshot!(format!("{set}_{name}"), without_scripts(object));
    }
    for secret in fixture.secrets() {
        let name = secret.metadata.name.clone().unwrap();
        let texts: std::collections::BTreeMap<_, _> = secret
            .data
            .iter()
            .flatten()
            .map(|(key, bytes)| (key, String::from_utf8(bytes.0.clone()).unwrap()))
            .collect();
        let shown = json!({"metadata": secret.metadata, "type": secret.type_, "data as text": texts});
        insta::assert_yaml_snapshot!(format!("{set}_secret_{name}"), shown);
    }
}

#[test]
fn plain_instance() {
    snapshot("plain", &Fixture::plain());
}

#[test]
fn full_instance() {
    snapshot("full", &Fixture::full());
}

#[test]
fn gateway_instance() {
    let fixture = Fixture::of(&json!({
        "ingress": {
            "hosts": ["shop.example.com"],
            "annotations": {"a": "b"},
            "gatewayRef": {"name": "public", "namespace": "gateways", "sectionName": "https"},
        },
    }));
    let (_, route) = fixture.objects().into_iter().find(|(name, _)| *name == "routing").unwrap();
    insta::assert_yaml_snapshot!("gateway_routing", route);
}
