//! The laws once more, with the API server's own pruning, defaulting and storage in between.

use kube::api::{DynamicObject, PostParams};
use odoo_operator::conversion::{self, KINDS};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::schema::{Make, defaulted, drop_nulls, schema};
use crate::{cluster, objects, resource};

const MAKE: Make = Make {
    texts: &["x", "base", "2026-11-21T04:05:06Z", "https://h"],
    // Production instances must not have a clone source.
    without: &["spec.environment"],
    likely: &["spec.initialization", "spec.webhook", "spec.source"],
};

/// A v1 object read as v1alpha1 and written back unchanged is the same v1 object, but for v1alpha1's own defaults.
#[tokio::test]
async fn reading_and_writing_back_through_v1alpha1_changes_nothing() {
    let (client, namespace) = cluster().await;
    let mut runner = TestRunner::default();
    let mut compared = 0;
    for kind in KINDS {
        let (hub, frozen) = (schema(kind, "v1"), schema(kind, "v1alpha1"));
        let strategy = crate::schema::objects(kind, "v1", MAKE);
        let (v1, v1alpha1) = (objects(&client, &namespace, kind, "v1"), objects(&client, &namespace, kind, "v1alpha1"));
        for at in 0..if kind == "OdooInstance" { 60 } else { 10 } {
            let mut value = strategy.new_tree(&mut runner).unwrap().current();
            drop_nulls(&mut value);
            let name = format!("g-{at}");
            let mut object = DynamicObject::new(&name, &resource(kind, "v1"));
            object.data = json!({ "spec": value["spec"] });
            let stored = match v1.create(&PostParams::default(), &object).await {
                Ok(stored) => stored,
                // The schema's rules (CEL) are no part of the generator.
                Err(kube::Error::Api(status)) if status.code == 422 => continue,
                Err(error) => panic!("{error}: {object:?}"),
            };
            let seen = v1alpha1.get(&name).await.unwrap();
            v1alpha1.replace(&name, &PostParams::default(), &seen).await.unwrap();
            let back = v1.get(&name).await.unwrap();
            assert_eq!(back.data["spec"], expected(kind, &hub, &frozen, &stored.data["spec"]), "{stored:?}");
            compared += 1;
        }
    }
    assert!(compared > 40, "only {compared} objects were accepted");
}

/// What the API server makes of `spec` on the way through v1alpha1, computed here.
fn expected(kind: &str, hub: &Value, frozen: &Value, spec: &Value) -> Value {
    let Value::Object(mut object) = json!({ "spec": spec }) else { unreachable!() };
    conversion::to_v1alpha1(&mut object, kind);
    object.remove("apiVersion");
    let Value::Object(mut object) = defaulted(frozen, Value::Object(object)) else { unreachable!() };
    conversion::to_v1(&mut object, kind);
    object.remove("apiVersion");
    defaulted(hub, Value::Object(object))["spec"].clone()
}
