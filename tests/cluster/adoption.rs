//! Names that are taken, and both versions of the API.

use serde_json::json;

use super::takeover::existing;
use super::world::{Namespace, eventually, shared, text};

#[test]
fn a_foreign_object_with_the_name_of_a_child_is_not_touched() {
    for (kind, name, manifest) in [
        (
            "service",
            "my-odoo",
            "apiVersion: v1\nkind: Service\nmetadata: {name: my-odoo, labels: {of: theirs}}\nspec: {ports: [{port: 80}]}",
        ),
        (
            "secret",
            "my-odoo-odoo-user",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: my-odoo-odoo-user}\nstringData: {password: theirs}",
        ),
        (
            "deployment",
            "my-odoo",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: my-odoo}\nspec: {replicas: 0, selector: {matchLabels: {of: theirs}}, \
             template: {metadata: {labels: {of: theirs}}, spec: {containers: [{name: theirs, image: theirs}]}}}",
        ),
    ] {
        let space = shared().namespace("taken");
        space.apply(manifest);
        let before = eventually("its own controller is done with it", || {
            let object = space.json(kind, name)?;
            (kind != "deployment" || object["status"]["conditions"].is_array()).then_some(object)
        });
        space.apply(&space.quick_start("my-odoo"));
        let object = eventually("the condition says which", || {
            let object = space.instance("my-odoo");
            (Namespace::condition(&object, "Ready")["reason"] == "NameTaken").then_some(object)
        });
        let message = object["status"]["message"].as_str().unwrap_or_default().to_lowercase();
        assert!(message.contains(&format!("{kind} {}/{name} ", space.name)), "{message}");
        assert_eq!(Namespace::condition(&object, "Stalled")["status"], "True");
        assert_eq!(of_its_owner(space.json(kind, name).unwrap()), of_its_owner(before));
        let managers = "--output=jsonpath={.metadata.managedFields[*].manager}";
        let managers = space.ok(&["get", kind, name, "--show-managed-fields", managers]);
        assert!(managers.contains("kubectl") && !managers.contains("odoo-operator"), "{managers}");
        // Once it is out of the way, the instance goes on by itself.
        space.ok(&["delete", kind, name]);
        space.phase("my-odoo", "Running");
    }
}

/// An object without what its own controller goes on writing.
fn of_its_owner(mut object: serde_json::Value) -> serde_json::Value {
    object["metadata"]["resourceVersion"].take();
    object["status"].take();
    object
}

#[test]
fn both_versions_show_the_same_object_and_lose_nothing() {
    let space = shared().namespace("versions");
    space.apply(&format!(
        r"apiVersion: bemade.org/v1alpha1
kind: OdooInstance
metadata: {{name: old}}
spec:
  adminPassword: secret
  image: odoo:19.0
  ingress: {{hosts: [old.{}.example.com]}}
  init: {{enabled: true, modules: [base, web], demo: false}}
",
        space.name
    ));
    let v1 = space.phase("old", "Running");
    assert_eq!(v1["spec"]["initialization"]["modules"], serde_json::json!(["base", "web"]));
    // That API's meaning of a deletion.
    assert_eq!(v1["spec"]["deletionPolicy"], "Delete");
    let v1alpha1 = space.json("odooinstances.v1alpha1.bemade.org", "old").unwrap();
    assert_eq!(v1alpha1["spec"]["init"]["modules"], serde_json::json!(["base", "web"]));
    assert_eq!(v1alpha1["status"]["phase"], "Running");

    // A v1-only field survives a replacement through v1alpha1 by a client that has never heard of it.
    space.ok(&[
        "patch",
        "odooinstances.v1.bemade.org",
        "old",
        "--type=merge",
        "--patch",
        r#"{"spec": {"suspend": false, "deletionPolicy": "Retain"}}"#,
    ]);
    let mut known = space.json("odooinstances.v1alpha1.bemade.org", "old").unwrap();
    let spec = known["spec"].as_object_mut().unwrap();
    spec.remove("deletionPolicy");
    spec.remove("suspend");
    spec.insert("replicas".into(), 2.into());
    known.as_object_mut().unwrap().remove("status");
    let replaced = space.kubectl(&["replace", "--filename=-"], &known.to_string());
    assert!(replaced.status.success(), "{}", String::from_utf8_lossy(&replaced.stderr));
    let v1 = space.instance("old");
    assert_eq!((&v1["spec"]["replicas"], &v1["spec"]["deletionPolicy"]), (&2.into(), &"Retain".into()), "{v1:#}");
}

#[test]
fn kinds_without_an_operation_yet_are_told_so() {
    let space = shared().namespace("unsupported");
    let place = "{bucket: odoo, objectKey: a.zip, endpoint: 'https://s3.example.com'}";
    let said = space.apply(&format!(
        r"apiVersion: bemade.org/v1
kind: OdooUpgradeJob
metadata: {{name: later}}
spec: {{odooInstanceRef: {{name: my-odoo}}}}
---
apiVersion: bemade.org/v1
kind: OdooBackupJob
metadata: {{name: later}}
spec: {{odooInstanceRef: {{name: my-odoo}}, destination: {place}}}
---
apiVersion: bemade.org/v1
kind: OdooRestoreJob
metadata: {{name: later}}
spec: {{odooInstanceRef: {{name: my-odoo}}, source: {{type: s3, s3: {place}}}}}
---
apiVersion: bemade.org/v1
kind: OdooStagingRefreshJob
metadata: {{name: later}}
spec: {{odooInstanceRef: {{name: my-odoo}}, source: {{instanceRef: {{name: other}}}}}}
---
apiVersion: bemade.org/v1
kind: OdooBackupSchedule
metadata: {{name: later}}
spec: {{schedule: '0 3 * * *', template: {{odooInstanceRef: {{name: my-odoo}}, destination: {place}}}}}
"
    ));
    for kind in ["OdooUpgradeJob", "OdooBackupJob", "OdooRestoreJob", "OdooStagingRefreshJob", "OdooBackupSchedule"] {
        let warning = format!("Warning: kind: this release does not run {kind}: it is kept, with Accepted=False");
        assert!(said.contains(&warning), "{said}");
        eventually("the condition says so", || {
            let job = space.json(kind, "later")?;
            let accepted = Namespace::condition(&job, "Accepted");
            (accepted["status"] == "False" && accepted["reason"] == "NotSupported").then_some(())
        });
    }
}

#[test]
fn a_deployment_that_another_client_created_becomes_ours_altogether() {
    let space = shared().namespace("creator");
    space.apply(&space.quick_start("py").replace("  replicas: 1", "  suspend: true\n  replicas: 1"));
    let object =
        eventually("it is there", || Some(space.instance("py")).filter(|it| it["status"]["phase"].is_string()));
    let labels =
        json!({"app.kubernetes.io/managed-by": "odoo-operator", "bemade.org/instance-uid": object["metadata"]["uid"]});
    let made = existing::applied(&object, "Running", 1).into_iter().filter(|it| it["kind"] == "Deployment");
    let made: Vec<_> = made
        .map(|mut deployment| {
            deployment["metadata"]["labels"] = labels.clone();
            deployment["spec"]["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
            deployment["spec"]["template"]["spec"]["containers"][0]["name"] = json!("odoo");
            deployment
        })
        .collect();
    let created =
        space.kubectl(&["create", "--field-manager=OpenAPI-Generator", "--filename=-"], &existing::list(&made));
    assert!(created.status.success(), "{}", text(&created));
    existing::set_status(&space, "odooinstances.v1.bemade.org", "py", &json!({"adopted": {}}));
    space.ok(&["patch", "odooinstances.v1.bemade.org", "py", "--type=merge", "-p", r#"{"spec": {"suspend": false}}"#]);
    space.phase("py", "Running");
    for name in ["py", "py-cron"] {
        let deployment = space.json("deployment", name).unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["containers"].as_array().unwrap().len(), 1, "{pod:#}");
        assert!(pod["volumes"].as_array().unwrap().iter().all(|volume| volume["configMap"].is_null()), "{pod:#}");
        assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
    }
}

#[test]
fn a_cancelled_job_of_another_operator_has_stopped_when_it_is_said_to_have_failed() {
    let space = shared().namespace("cancelled");
    space.world.ok(&["label", "namespace", &space.name, "pod-security.kubernetes.io/enforce-"]);
    space.apply(&space.quick_start("shop").replace("  replicas: 1", "  suspend: true\n  replicas: 1"));
    eventually("it is there", || space.instance("shop")["status"]["phase"].is_string().then_some(()));
    existing::set_status(&space, "odooinstances.v1.bemade.org", "shop", &json!({"phase": "Initializing"}));
    space.apply(
        "{apiVersion: bemade.org/v1, kind: OdooInitJob, metadata: {name: old}, spec: {odooInstanceRef: {name: shop}}}",
    );
    let uid = space.json("odooinitjob", "old").unwrap()["metadata"]["uid"].clone();
    let owner = json!({"apiVersion": "bemade.org/v1", "kind": "OdooInitJob", "name": "old", "uid": uid});
    let labels = json!({"bemade.org/instance": "shop"});
    let batch = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "old-x7k2p", "namespace": space.name, "labels": labels, "ownerReferences": [owner]},
        "spec": {"backoffLimit": 0, "template": {
            "metadata": {"labels": labels, "annotations": {"test.bemade.org/outcome": "hang"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "init", "image": "odoo:18.0"}]},
        }},
    });
    existing::create(&space, &[batch]);
    let pods = || space.ok(&["get", "pods", "--selector=job-name=old-x7k2p", "-ojsonpath={.items[*].status.phase}"]);
    eventually("its pod works", || (pods() == "Running").then_some(()));
    existing::set_status(&space, "odooinitjobs", "old", &json!({"phase": "Running", "jobName": "old-x7k2p"}));
    space.ok(&["patch", "odooinitjobs", "old", "--type=merge", "-p", r#"{"spec": {"cancel": true}}"#]);
    eventually("it has failed", || (space.json("odooinitjob", "old")?["status"]["phase"] == "Failed").then_some(()));
    assert_eq!(pods(), "", "two would fill one database");
}
