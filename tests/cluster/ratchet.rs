//! What was stored before a rule could refuse it: it can be edited, reported and removed, and it runs.

use serde_json::json;

use super::world::{Namespace, eventually, shared};

fn text(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const OLD: &str = "spec.replicas: 2 web pods need filestore.accessMode ReadWriteMany, and it is ReadWriteOnce; 1 is \
                   possible (as before)";

/// An instance with two pods on a volume for one: `kubectl scale` through v1alpha1 meets neither a webhook nor v1's
/// schema.
fn stored_violation(space: &Namespace<'_>) {
    let manifest = space.quick_start("my-odoo").replace("storageSize: 5Gi", "accessMode: ReadWriteOnce");
    space.apply(&manifest);
    space.phase("my-odoo", "Running");
    space.ok(&["scale", "odooinstances.v1alpha1.bemade.org", "my-odoo", "--replicas=2"]);
    assert_eq!(space.instance("my-odoo")["spec"]["replicas"], 2);
}

#[test]
fn an_old_violation_that_nobody_touches_is_a_warning_and_the_instance_runs() {
    let space = shared().namespace("ratchet");
    stored_violation(&space);
    let patch = |patch: &str| space.kubectl(&["patch", "odoo", "my-odoo", "--type=merge", "--patch", patch], "");

    // It runs with the one pod that its volume can carry, and says why.
    let object = eventually("the message says what is left out", || {
        let object = space.instance("my-odoo");
        object["status"]["message"].as_str()?.contains("spec.replicas: 2 web pods need").then_some(object)
    });
    assert_eq!(object["status"]["phase"], "Running", "{object:#}");
    assert_eq!(Namespace::condition(&object, "Ready")["status"], "True");
    assert_eq!(space.json("deployment", "my-odoo").unwrap()["spec"]["replicas"], 1);
    let events = [
        "get",
        "events",
        "--field-selector=reason=InvalidSpec",
        "--output=jsonpath={.items[*].message}{.items[*].note}",
    ];
    eventually("an Event tells it", || space.ok(&events).contains("2 web pods need").then_some(()));

    for unrelated in
        [r#"{"metadata": {"labels": {"team": "a"}}}"#, r#"{"spec": {"configOptions": {"limit_time_real": "600"}}}"#]
    {
        let patched = patch(unrelated);
        assert!(patched.status.success(), "{unrelated}: {}", text(&patched));
        assert!(text(&patched).contains(&format!("Warning: {OLD}")), "{}", text(&patched));
    }
    // Also through the other version.
    let labelled =
        space.kubectl(&["label", "odooinstances.v1alpha1.bemade.org", "my-odoo", "team=b", "--overwrite"], "");
    assert!(labelled.status.success() && text(&labelled).contains(OLD), "{}", text(&labelled));
    let touched = patch(r#"{"spec": {"replicas": 3}}"#);
    assert!(!touched.status.success() && text(&touched).contains("spec.replicas"), "{}", text(&touched));
    let mended = patch(r#"{"spec": {"replicas": 1}}"#);
    assert!(mended.status.success() && !text(&mended).contains("Warning: spec.replicas"), "{}", text(&mended));
    eventually("nothing is left to say", || space.instance("my-odoo")["status"]["message"].is_null().then_some(()));
}

#[test]
fn an_old_violation_does_not_hold_a_deletion_up() {
    let space = shared().namespace("ratchetgo");
    stored_violation(&space);
    let patch = |patch: &str| {
        let patched = space.kubectl(&["patch", "odoo", "my-odoo", "--type=merge", "--patch", patch], "");
        assert!(patched.status.success(), "{patch}: {}", text(&patched));
    };
    patch(r#"{"metadata": {"finalizers": ["bemade.org/postgres-cleanup", "example.com/hold"]}}"#);
    space.ok(&["delete", "odoo", "my-odoo", "--wait=false"]);
    eventually("the operator has let go", || {
        let object = space.instance("my-odoo");
        (object["metadata"]["finalizers"] == json!(["example.com/hold"])).then_some(())
    });
    // Metadata, status and the finalizer itself, in both versions.
    patch(r#"{"metadata": {"annotations": {"note": "going"}}}"#);
    let status = ["patch", "odoo", "my-odoo", "--subresource=status", "--type=merge", "--patch"];
    space.ok(&[&status[..], &[r#"{"status": {"message": "going"}}"#]].concat());
    space.ok(&["annotate", "odooinstances.v1alpha1.bemade.org", "my-odoo", "note=still", "--overwrite"]);
    let finalizers = ["patch", "odooinstances.v1alpha1.bemade.org", "my-odoo", "--type=merge", "--patch"];
    space.ok(&[&finalizers[..], &[r#"{"metadata": {"finalizers": null}}"#]].concat());
    eventually("it is gone", || space.json("odoo", "my-odoo").is_none().then_some(()));
}

#[test]
fn a_dry_run_says_what_would_be_and_stores_nothing() {
    let space = shared().namespace("dry");
    let dry = ["apply", "--dry-run=server", "--output=json", "--filename=-"];
    let would = space.kubectl(&dry, &space.quick_start("my-odoo").replace("  image: odoo:19.0\n", ""));
    assert!(would.status.success(), "{}", text(&would));
    let object: serde_json::Value = serde_json::from_slice(&would.stdout).unwrap();
    assert_eq!(object["spec"]["image"], "odoo:19.0", "the operator's setting");
    assert_eq!(object["metadata"]["finalizers"], json!(["bemade.org/postgres-cleanup"]));
    assert!(String::from_utf8_lossy(&would.stderr).contains("Warning: spec.adminPassword: is in plain text"));
    let refused = space.kubectl(&dry, &space.quick_start("my-odoo").replace("5Gi", "5GiB"));
    assert!(text(&refused).contains("spec.filestore.storageSize: Invalid value"), "{}", text(&refused));
    assert!(space.json("odoo", "my-odoo").is_none());
}
