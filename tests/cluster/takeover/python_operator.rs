//! The Python operator's cluster: v1 stored without a schema, its finalizer on everything, values of any type.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::existing::{create, set_status};
use crate::world::{Namespace, World, eventually};

/// Enough for the operator to die in the middle at 20 objects a second.
const JOBS: usize = 60;
const KOPF: &str = "kopf.zalando.org/KopfFinalizerMarker";

fn crd(kind: &str) -> Value {
    let plural = format!("{}s", kind.to_lowercase());
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.bemade.org")},
        "spec": {
            "group": "bemade.org", "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": anything, "status": anything},
                }},
            }],
        },
    })
}

fn object(space: &Namespace<'_>, kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "bemade.org/v1", "kind": kind,
        "metadata": {"name": name, "namespace": space.name, "finalizers": [KOPF]}, "spec": spec,
    })
}

fn marked(space: &Namespace<'_>) -> BTreeMap<String, String> {
    let all = space.ok(&["get", "odoorestorejobs.v1.bemade.org", "--output=json"]);
    let all: Value = serde_json::from_str(&all).unwrap();
    let done = |job: &&Value| job["metadata"]["annotations"]["bemade.org/migrated"] == "v1";
    let of = |job: &Value| (job["metadata"]["name"].to_string(), job["metadata"]["generation"].to_string());
    all["items"].as_array().unwrap().iter().filter(done).map(of).collect()
}

#[test]
fn the_python_operators_objects_are_repaired_also_when_the_operator_dies_over_it() {
    let world = World::bare("takeover-python");
    let kinds = ["OdooInstance", "OdooBackupJob", "OdooRestoreJob"];
    let space = world.namespace("python");
    create(&space, &kinds.map(crd));
    world.ok(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=30s"]);
    let restore = |at: usize| {
        let source = json!({"type": "odoo", "odoo": {"url": "https://a.example.com"}});
        let spec = json!({"odooInstanceRef": {"name": "shop"}, "source": source, "neutralize": "true", "old": at});
        object(&space, "OdooRestoreJob", &format!("restore-{at}"), spec)
    };
    let mut objects: Vec<_> = (0..JOBS).map(restore).collect();
    objects.push(object(
        &space,
        "OdooInstance",
        "shop",
        json!({
            "image": "odoo:18.0", "replicas": "0", "adminPassword": "secret", "initialization": {"mode": "none"},
            "ingress": {"hosts": "shop.example.com", "issuer": "letsencrypt"},
            "configOptions": {"workers": 2, "proxy_mode": true},
            "resources": "small", "unknownToV1": {"a": 1},
        }),
    ));
    create(&space, &objects);
    set_status(
        &space,
        "odooinstances",
        "shop",
        &json!({"phase": "Running", "ready": "True", "conditions": "none", "dbInitialized": 1}),
    );
    // Deletions that waited for the operator that is gone.
    create(&space, &[object(&space, "OdooBackupJob", "going", json!({"odooInstanceRef": {"name": "shop"}}))]);
    space.ok(&["delete", "odoobackupjobs", "going", "--wait=false"]);

    world.install();
    world.start_operator();
    let first = eventually("the migration is under way", || Some(marked(&space)).filter(|done| done.len() >= 5));
    world.kill_operator();
    let first = {
        drop(first);
        marked(&space)
    };
    assert!(first.len() < JOBS, "the migration was over before the operator was killed");
    world.start_operator();
    for kind in kinds {
        let name = format!("{}s.bemade.org", kind.to_lowercase());
        eventually("every object of the kind is done", || {
            let crd: Value = serde_json::from_str(&world.ok(&["get", "crd", &name, "--output=json"])).unwrap();
            let mark = &crd["metadata"]["annotations"]["bemade.org/migrated"];
            (crd["status"]["storedVersions"] == json!(["v1"]) && *mark == "v1").then_some(())
        });
    }
    let all = marked(&space);
    assert_eq!(all.len(), JOBS);
    for (name, generation) in &first {
        assert_eq!(all[name], *generation, "{name} was written twice");
    }
    let restored = space.json("odoorestorejobs.v1.bemade.org", "restore-7").unwrap();
    assert_eq!(restored["spec"]["neutralize"], true);
    assert_eq!((&restored["spec"]["old"], &restored["metadata"]["finalizers"]), (&Value::Null, &Value::Null));
    assert!(space.json("odoobackupjobs", "going").is_none(), "its finalizer was nobody's any more");

    let shop = eventually("our finalizer", || {
        let shop = space.instance("shop");
        (shop["metadata"]["finalizers"] == json!(["bemade.org/postgres-cleanup"])).then_some(shop)
    });
    let spec = &shop["spec"];
    assert_eq!((&spec["replicas"], &spec["deletionPolicy"]), (&json!(0), &json!("Retain")));
    assert_eq!(spec["ingress"]["hosts"], json!(["shop.example.com"]));
    assert_eq!(spec["configOptions"], json!({"workers": "2", "proxy_mode": "True"}));
    assert!(spec["resources"].is_null() || spec["resources"].is_object(), "{spec:#}");
    eventually("an Event says what was taken out", || {
        let events = space.ok(&["get", "events", "--output=json"]);
        (events.contains("Repaired") && events.contains("spec.resources")).then_some(())
    });
    let old = space.json("odooinstances.v1alpha1.bemade.org", "shop").unwrap();
    assert_eq!(old["spec"]["init"]["enabled"], false, "{old:#}");
    // Whoever looks at the object is told how it stands, so its status can be written.
    eventually("its status is written", || (space.instance("shop")["status"]["conditions"].is_array()).then_some(()));

    // Done once: a start reads the CRDs and nothing else of it.
    let before = world.ok(&[
        "get",
        "crd,odoorestorejobs.v1.bemade.org",
        "--all-namespaces",
        "--output=jsonpath={.items[*].metadata.resourceVersion}",
    ]);
    world.kill_operator();
    world.start_operator();
    space.ok(&["annotate", "odooinstances.v1.bemade.org", "shop", "look=again"]);
    eventually("the operator works", || world.metrics().contains("odoo_operator_reconcile_total").then_some(()));
    let after = world.ok(&[
        "get",
        "crd,odoorestorejobs.v1.bemade.org",
        "--all-namespaces",
        "--output=jsonpath={.items[*].metadata.resourceVersion}",
    ]);
    assert_eq!(before, after);
}
