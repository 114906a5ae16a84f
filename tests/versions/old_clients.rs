//! What v1alpha1 clients do to an object that says more than they know.

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::{cluster, objects, resource};

const KIND: &str = "OdooInstance";

/// An object with a v1-only field in every block that v1alpha1 has.
fn spec() -> Value {
    json!({
        "adminPasswordSecretRef": { "name": "s", "key": "k" },
        "deletionPolicy": "Retain", "suspend": false, "nodeSelector": { "disk": "fast" }, "replicas": 1,
        "ingress": {
            "hosts": ["a.example.com"], "annotations": { "x": "y" },
            "gatewayRef": { "name": "g", "namespace": "ns", "sectionName": "https" },
        },
        "filestore": { "storageSize": "5Gi", "accessMode": "ReadWriteMany" },
        "database": { "name": "d", "secondDatabase": "e", "missingPolicy": "Ignore" },
        "initialization": {
            "mode": "clone", "languages": ["fr_BE"], "modules": ["base"], "demo": false,
            "clone": {
                "instanceRef": { "name": "prod" }, "filestoreMethod": "copy", "skipFilestore": false, "neutralize": true,
            },
            "webhook": {
                "url": "https://h", "tokenSecretRef": { "name": "s", "key": "t" }, "events": ["job.failed"],
            },
        },
        "upgrade": { "modules": ["sale"], "onImageChange": "UpgradeModules", "rollback": true, "keepWebRunning": false },
        "webhook": {
            "url": "https://h", "tokenSecretRef": { "name": "s", "key": "t" }, "events": ["instance.phase"],
            "signingSecretRef": { "name": "s", "key": "w" },
        },
        "cron": { "replicas": 1 }, "environment": "Staging",
    })
}

/// With a v1-only field, a moved one and a phase that v1alpha1 does not know.
fn status() -> Value {
    json!({
        "phase": "Deleting", "observedGeneration": 1, "lastSequence": 3, "migration": { "pvName": "pv-1" },
        "operation": { "kind": "Delete", "step": "Scale" }, "ready": false, "readyReplicas": 0, "dbInitialized": false,
        "notifications": [{ "id": "u-3", "type": "instance.phase", "sequence": 3, "time": "t", "phase": "Deleting" }],
    })
}

struct Subject {
    v1: Api<DynamicObject>,
    v1alpha1: Api<DynamicObject>,
}

impl Subject {
    async fn create(client: &Client, namespace: &str) -> Self {
        let subject =
            Self { v1: objects(client, namespace, KIND, "v1"), v1alpha1: objects(client, namespace, KIND, "v1alpha1") };
        let mut object = DynamicObject::new("shop", &resource(KIND, "v1"));
        object.data = json!({ "spec": spec() });
        subject.v1.create(&PostParams::default(), &object).await.unwrap();
        let patch = Patch::Merge(json!({ "status": status() }));
        subject.v1.patch_status("shop", &PatchParams::default(), &patch).await.unwrap();
        subject
    }

    /// Fails unless the stored object is the one that was created, but for `spec_changes` and `status_changes`.
    async fn is(&self, after: &str, spec_changes: Value, status_changes: Value) {
        let stored = self.v1.get("shop").await.unwrap().data;
        for (part, mut expected, changes) in [("spec", spec(), spec_changes), ("status", status(), status_changes)] {
            json_patch::merge(&mut expected, &changes);
            assert_eq!(stored[part], expected, "{part} after {after}");
        }
    }
}

#[tokio::test]
async fn lose_nothing() {
    let (client, namespace) = cluster().await;
    let subject = Subject::create(&client, &namespace).await;
    subject.is("create", json!({}), json!({})).await;

    let scale = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    subject.v1alpha1.patch_scale("shop", &PatchParams::default(), &scale).await.unwrap();
    subject.is("scale", json!({ "replicas": 3 }), json!({})).await;

    let image = Patch::Merge(json!({ "spec": { "image": "odoo:19.0" } }));
    subject.v1alpha1.patch("shop", &PatchParams::default(), &image).await.unwrap();
    let edits = json!({ "replicas": 3, "image": "odoo:19.0" });
    subject.is("a merge patch", edits.clone(), json!({})).await;

    let message = Patch::Merge(json!({ "status": { "message": "hello" } }));
    subject.v1alpha1.patch_status("shop", &PatchParams::default(), &message).await.unwrap();
    subject.is("a status patch", edits, json!({ "message": "hello" })).await;

    // Read, change, write back: what `kubectl edit` and `kubectl replace` do.
    let mut object = subject.v1alpha1.get("shop").await.unwrap();
    assert_eq!(object.data["status"]["phase"], "Stopped");
    object.data["spec"]["image"] = json!("odoo:20.0");
    subject.v1alpha1.replace("shop", &PostParams::default(), &object).await.unwrap();
    let edits = json!({ "replicas": 3, "image": "odoo:20.0" });
    subject.is("a replace", edits, json!({ "message": "hello" })).await;

    let apply = PatchParams::apply("gitops").force();
    let manifest = json!({
        "apiVersion": "bemade.org/v1alpha1", "kind": KIND, "metadata": { "name": "shop" },
        "spec": {
            "adminPassword": "", "ingress": { "hosts": ["b.example.com"] }, "webhook": { "url": "https://other" },
            "init": { "webhook": { "url": "https://h", "secretTokenSecretRef": { "name": "other", "key": "t" } } },
        },
    });
    for _ in 0..2 {
        subject.v1alpha1.patch("shop", &apply, &Patch::Apply(&manifest)).await.unwrap();
    }
    let edits = json!({
        "replicas": 3, "image": "odoo:20.0", "ingress": { "hosts": ["b.example.com"] },
        "webhook": { "url": "https://other" },
        "initialization": { "webhook": { "tokenSecretRef": { "name": "other" } } },
    });
    subject.is("server-side apply", edits, json!({ "message": "hello" })).await;
}

#[tokio::test]
async fn edit_what_v1_says_in_more_words() {
    let (client, namespace) = cluster().await;
    let subject = Subject::create(&client, &namespace).await;
    let edit = async |spec: Value| {
        let patch = Patch::Merge(json!({ "spec": spec }));
        subject.v1alpha1.patch("shop", &PatchParams::default(), &patch).await.unwrap();
        subject.v1.get("shop").await.unwrap().data["spec"]["initialization"].clone()
    };
    let other = edit(json!({ "productionInstanceRef": { "name": "other" } })).await;
    assert_eq!(other["mode"], "clone");
    assert_eq!(other["clone"]["instanceRef"], json!({ "name": "other" }));
    assert_eq!(other["clone"]["filestoreMethod"], "copy");

    let disabled = edit(json!({ "init": { "enabled": false } })).await;
    assert_eq!(disabled["mode"], "none");
    assert_eq!(disabled["clone"]["instanceRef"]["name"], "other");

    let fresh = edit(json!({ "init": { "enabled": true }, "productionInstanceRef": null })).await;
    assert_eq!((fresh.get("mode"), fresh.get("clone")), (None, None));
    assert_eq!(fresh["languages"], json!(["fr_BE"]));

    let phase = Patch::Merge(json!({ "status": { "phase": "Running" } }));
    subject.v1alpha1.patch_status("shop", &PatchParams::default(), &phase).await.unwrap();
    let status = subject.v1.get("shop").await.unwrap().data["status"].clone();
    assert_eq!((status["phase"].as_str(), status.get("phaseV1")), (Some("Running"), None));
}

#[tokio::test]
async fn see_their_own_columns_and_rules() {
    let (client, namespace) = cluster().await;
    let old = objects(&client, &namespace, KIND, "v1alpha1");
    let create = async |name: &str, spec: Value| {
        let mut object = DynamicObject::new(name, &resource(KIND, "v1alpha1"));
        object.data = json!({ "spec": spec });
        old.create(&PostParams::default(), &object).await
    };
    let refused = create(
        "p",
        json!({
            "adminPassword": "x", "environment": "Production", "ingress": { "hosts": ["a"] },
            "productionInstanceRef": { "name": "q" },
        }),
    )
    .await
    .unwrap_err()
    .to_string();
    assert!(refused.contains("spec.productionInstanceRef is forbidden on production instances"), "{refused}");

    // Accepted by the existing operator, so accepted here: the last one counts.
    let twice = json!([{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }]);
    create("t", json!({ "adminPassword": "x", "ingress": { "hosts": ["a"] }, "extraEnv": twice })).await.unwrap();
    let v1 = objects(&client, &namespace, KIND, "v1");
    let finalizers = Patch::Merge(json!({ "metadata": { "labels": { "seen": "yes" } } }));
    let stored = v1.patch("t", &PatchParams::default(), &finalizers).await.unwrap();
    assert_eq!(stored.data["spec"]["extraEnv"], twice);
}
