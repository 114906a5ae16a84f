//! Whatever arrives is answered.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{STANDARD, mutate, validate};
use crate::admission::subject::Kind;
use crate::admission::tests::World;
use base64::Engine;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["1Gi", "a.example.com", "odoo:18.0", "s3", "Production", "https://a.example.com"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z.\\[\\]]{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A spec with most of what there is in it.
fn rich(kind: Kind) -> Value {
    let s3 = json!({"bucket": "backups", "objectKey": "a/b.zip", "endpoint": "https://s3.example.com"});
    let webhook = json!({"url": "https://hooks.example.com/", "events": ["instance.phase"]});
    match kind {
        Kind::Instance => json!({
            "image": "odoo:18.0", "replicas": 2, "environment": "Staging", "suspend": false,
            "ingress": {"hosts": ["a.example.com", "b.example.com"], "annotations": {"a": "b"}},
            "cron": {"replicas": 1, "resources": {"requests": {"cpu": "1"}}},
            "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": 2}},
            "filestore": {"storageSize": "2Gi", "accessMode": "ReadWriteMany"},
            "configOptions": {"workers": "2"}, "database": {"name": "shop", "cluster": "main"},
            "initialization": {"modules": ["base"], "restore": {"s3": s3}, "webhook": webhook},
            "upgrade": {"modules": ["sale"], "backup": {"destination": s3}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}, "webhook": webhook,
            "tolerations": [{"key": "a"}], "extraEnv": [{"name": "A", "value": "b"}],
        }),
        Kind::InitJob => json!({"odooInstanceRef": {"name": "live"}, "modules": ["base"], "webhook": webhook}),
        Kind::UpgradeJob => json!({"odooInstanceRef": {"name": "live"}, "scheduledTime": "2026-11-21T03:00:00Z"}),
        Kind::BackupJob => json!({"odooInstanceRef": {"name": "live"}, "destination": s3, "format": "zip"}),
        Kind::RestoreJob => json!({"odooInstanceRef": {"name": "web-cron"}, "source": {"type": "s3", "s3": s3}}),
        Kind::RefreshJob => {
            json!({"odooInstanceRef": {"name": "web-cron"}, "source": {"instanceRef": {"name": "live"}}})
        }
        Kind::BackupSchedule => {
            json!({"schedule": "0 3 * * *", "template": {"odooInstanceRef": {"name": "live"}, "destination": s3}})
        }
    }
}

/// Puts `value` in the place of the part of `tree` that `turns` lead to.
fn put(tree: &mut Value, turns: &[u8], value: Value) {
    let Some((turn, rest)) = turns.split_first() else {
        *tree = value;
        return;
    };
    let next = match tree {
        Value::Object(map) if !map.is_empty() => {
            let index = usize::from(*turn) % map.len();
            map.values_mut().nth(index)
        }
        Value::Array(list) if !list.is_empty() => {
            let index = usize::from(*turn) % list.len();
            list.get_mut(index)
        }
        _ => None,
    };
    match next {
        Some(next) => put(next, rest, value),
        None => *tree = value,
    }
}

fn review(kind: Kind, version: &str, object: &Value, old: Option<&Value>) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "kind": {"group": "bemade.org", "version": "v1", "kind": kind.name()},
            "requestKind": {"group": "bemade.org", "version": version, "kind": kind.name()},
            "name": "shop", "namespace": "eu", "operation": if old.is_some() { "UPDATE" } else { "CREATE" },
            "object": object, "oldObject": old,
        }
    })
    .to_string()
}

fn answered(answer: &[u8]) -> Result<Value, TestCaseError> {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let response = answer["response"].clone();
    prop_assert_eq!(&response["uid"], "u");
    if response["allowed"] == false {
        for cause in response["status"]["details"]["causes"].as_array().unwrap() {
            let field = cause["field"].as_str().unwrap();
            prop_assert!(field.starts_with("spec") || field.starts_with("metadata"), "{}", field);
        }
    }
    Ok(response)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_object_is_answered_and_what_passes_rests(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        version in prop::sample::select(vec!["v1", "v1alpha1"]),
        damage in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..5), any_json()), 0..3),
        old_damage in prop::option::of((prop::collection::vec(any::<u8>(), 0..5), any_json())),
        status in any_json(),
    ) {
        let world = World::new();
        let object = |spec: Value| json!({"metadata": {"name": "shop", "namespace": "eu"}, "spec": spec, "status": status});
        let mut spec = rich(kind);
        for (turns, value) in damage {
            put(&mut spec, &turns, value);
        }
        let mut object_now = object(spec);
        let old = old_damage.map(|(turns, value)| {
            let mut spec = rich(kind);
            put(&mut spec, &turns, value);
            object(spec)
        });

        let body = review(kind, version, &object_now, old.as_ref());
        let response = answered(&mutate(body.as_bytes(), &world.ctx()).unwrap())?;
        answered(&validate(body.as_bytes(), &world.ctx()).unwrap())?;
        if response["allowed"] == true {
            if let Some(patch) = response["patch"].as_str() {
                let patch: json_patch::Patch = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
                json_patch::patch(&mut object_now, &patch).unwrap();
            }
            let again = review(kind, version, &object_now, old.as_ref());
            let response = answered(&mutate(again.as_bytes(), &world.ctx()).unwrap())?;
            prop_assert_eq!(&response["allowed"], true);
            prop_assert_eq!(response.get("patch"), None);
            let response = answered(&validate(again.as_bytes(), &world.ctx()).unwrap())?;
            prop_assert_eq!(&response["allowed"], true, "{}", response);
        }
    }

    #[test]
    fn any_bytes_are_answered_or_refused(body in prop::collection::vec(any::<u8>(), 0..200), any in any_json()) {
        let world = World::new();
        let _ = mutate(&body, &world.ctx());
        let _ = validate(&body, &world.ctx());
        let review = json!({"apiVersion": "v1", "kind": "AdmissionReview", "request": any});
        let _ = mutate(review.to_string().as_bytes(), &world.ctx());
    }
}
