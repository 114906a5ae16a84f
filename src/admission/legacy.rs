//! What an object becomes that an older operator stored: the existing one as v1alpha1, the Python one as v1.

use serde_json::{Value, json};

use super::context::Context;
use super::defaulting::{self, Source};
use super::overlay;
use super::shape::{self, Part};
use super::subject::Kind;
use super::violation::Violation;
use crate::api::labels::{INSTANCE_FINALIZER, KOPF_FINALIZER, MIGRATED};
use crate::api::v1::DeletionPolicy;

/// An object as it should be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Migrated {
    /// The whole object; its status is written through `/status`.
    pub object: Value,
    /// What could not be kept of spec and status, because it has not the form of the schema.
    pub lost: Vec<Violation>,
}

/// Whether an object was brought to this version already.
pub fn is_migrated(object: &Value) -> bool {
    object["metadata"]["annotations"][MIGRATED] == "v1"
}

/// Brings a stored object, as it is read in v1, to this version. `policy` is what its API meant by a deletion; one that
/// the object names itself is kept.
///
/// What the operator's settings decide is written down too: a setting that changes later changes no object that ran.
pub fn migrate(kind: Kind, stored: &Value, policy: DeletionPolicy, ctx: &Context<'_>) -> Migrated {
    let mut object = stored.clone();
    let mut lost = Vec::new();
    let going = object["metadata"].get("deletionTimestamp").is_some();
    settle_metadata(kind, &mut object["metadata"], going);
    if going {
        // Nothing that decides what goes with it is changed then.
        return Migrated { object, lost };
    }
    for (part, name) in [(Part::Spec, "spec"), (Part::Status, "status")] {
        if let Some(value) = object.get_mut(name).filter(|value| !value.is_null()) {
            lost.extend(shape::repair(kind, part, value));
        } else if part == Part::Spec {
            object["spec"] = json!({});
            lost.extend(shape::repair(kind, part, &mut object["spec"]));
        }
    }
    if kind == Kind::Instance
        && let Some(spec) = object["spec"].as_object_mut()
    {
        spec.entry("deletionPolicy").or_insert_with(|| json!(policy));
    }
    settle_defaults(kind, &mut object["spec"], ctx);
    Migrated { object, lost }
}

fn settle_defaults(kind: Kind, tree: &mut Value, ctx: &Context<'_>) {
    let Ok(mut spec) = kind.decode(tree) else { return };
    let before = spec.to_value();
    let clusters = ctx.lookup.clusters();
    let default_cluster = clusters.as_ref().and_then(|clusters| clusters.default.as_deref());
    if kind == Kind::Instance {
        defaulting::default(
            &mut spec,
            Source { defaults: &ctx.settings.defaults, default_cluster, is_new: true, old: None },
        );
    }
    overlay::overlay(tree, &before, &spec.to_value());
}

fn settle_metadata(kind: Kind, metadata: &mut Value, going: bool) {
    if !metadata["annotations"].is_object() {
        metadata["annotations"] = json!({});
    }
    metadata["annotations"][MIGRATED] = json!("v1");
    let Some(finalizers) = metadata.get_mut("finalizers").and_then(Value::as_array_mut) else { return };
    let held = finalizers.iter().any(|name| name == KOPF_FINALIZER);
    finalizers.retain(|name| name != KOPF_FINALIZER);
    // The API server takes no new finalizer on an object that is going.
    if held && kind == Kind::Instance && !going && !finalizers.iter().any(|name| name == INSTANCE_FINALIZER) {
        finalizers.push(json!(INSTANCE_FINALIZER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::tests::World;

    fn legacy(spec: Value) -> Value {
        json!({
            "apiVersion": "bemade.org/v1", "kind": "OdooInstance",
            "metadata": {"name": "shop", "namespace": "eu", "finalizers": [KOPF_FINALIZER]},
            "spec": spec,
        })
    }

    fn migrated(stored: &Value) -> Migrated {
        migrate(Kind::Instance, stored, DeletionPolicy::Retain, &World::new().ctx())
    }

    #[test]
    fn what_can_mean_one_thing_only_is_written_properly() {
        let found = migrated(&legacy(json!({
            "replicas": "2", "environment": "production", "ingress": {"hosts": "shop.example.com"},
            "configOptions": {"workers": 4, "proxy_mode": true}, "cron": {"replicas": 1.0},
        })));
        assert_eq!(found.lost, []);
        let spec = &found.object["spec"];
        assert_eq!(spec["replicas"], 2);
        assert_eq!(spec["environment"], "Production");
        assert_eq!(spec["ingress"]["hosts"], json!(["shop.example.com"]));
        assert_eq!(spec["configOptions"], json!({"workers": "4", "proxy_mode": "True"}));
        assert_eq!(spec["cron"]["replicas"], 1);
        assert!(Kind::Instance.decode(spec).is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_taken_out_and_told() {
        let found = migrated(&legacy(json!({
            "replicas": "many", "ingress": {"hosts": ["a.example.com"], "issuer": []}, "configOptions": "workers=2",
        })));
        let paths: Vec<_> = found.lost.iter().map(|lost| lost.path.as_str()).collect();
        assert_eq!(paths, ["spec.replicas", "spec.ingress.issuer", "spec.configOptions"]);
        assert!(Kind::Instance.decode(&found.object["spec"]).is_ok());
    }

    #[test]
    fn what_is_there_twice_is_taken_out_once() {
        let found = migrated(&legacy(json!({
            "ingress": {"hosts": ["a.example.com"]},
            "extraEnv": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}],
        })));
        let spec = &found.object["spec"];
        // The last holds in a container.
        assert_eq!(spec["extraEnv"], json!([{"name": "B", "value": "2"}, {"name": "A", "value": "3"}]));
        let paths: Vec<_> = found.lost.iter().map(|lost| lost.path.as_str()).collect();
        assert_eq!(paths, ["spec.extraEnv[0]"]);
    }

    #[test]
    fn a_status_of_another_form_is_repaired_too() {
        let mut stored = legacy(json!({"ingress": {"hosts": ["a.example.com"]}}));
        stored["status"] = json!({"phase": "running", "ready": "true", "conditions": "none", "url": "https://a"});
        let found = migrated(&stored);
        assert_eq!(found.object["status"], json!({"phase": "Running", "ready": true, "url": "https://a"}));
        assert_eq!(found.lost[0].path, "status.conditions");
    }

    #[test]
    fn finalizer_mark_and_policy_are_set_once() {
        let found = migrated(&legacy(json!({"ingress": {"hosts": ["a.example.com"]}})));
        assert!(is_migrated(&found.object));
        assert_eq!(found.object["metadata"]["finalizers"], json!([INSTANCE_FINALIZER]));
        assert_eq!(found.object["spec"]["deletionPolicy"], "Retain");
        assert_eq!(found.object["spec"]["image"], "odoo:18.0");
        let again = migrate(Kind::Instance, &found.object, DeletionPolicy::Delete, &World::new().ctx());
        assert_eq!(again.object, found.object);
    }

    #[test]
    fn one_that_is_going_gets_no_finalizer() {
        let mut stored = legacy(json!({"ingress": {"hosts": ["a.example.com"]}}));
        stored["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let found = migrated(&stored).object;
        assert_eq!((&found["metadata"]["finalizers"], &found["spec"]), (&json!([]), &stored["spec"]));
    }
}
