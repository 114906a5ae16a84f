//! What people see of defaults and rules, through kubectl and a real API server.

use super::world::{Namespace, shared};

fn text(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Namespace<'_> {
    /// A merge patch that must be accepted.
    fn patched(&self, kind: &str, name: &str, patch: &str, more: &[&str]) -> String {
        let output = self.try_patch(kind, name, patch, more);
        assert!(output.status.success(), "{patch}: {}", text(&output));
        text(&output)
    }

    /// A merge patch that must be refused; what kubectl says.
    fn patch_refused(&self, kind: &str, name: &str, patch: &str) -> String {
        let output = self.try_patch(kind, name, patch, &[]);
        assert!(!output.status.success(), "{patch} was accepted");
        text(&output)
    }

    fn try_patch(&self, kind: &str, name: &str, patch: &str, more: &[&str]) -> std::process::Output {
        let mut arguments = vec!["patch", kind, name, "--type=merge", "--patch", patch];
        arguments.extend(more);
        self.kubectl(&arguments, "")
    }

    /// A stopped instance in v1alpha1, with a host of this namespace.
    fn old_manifest(&self, name: &str) -> String {
        format!(
            r"apiVersion: bemade.org/v1alpha1
kind: OdooInstance
metadata: {{name: {name}}}
spec:
  adminPassword: my-admin-password
  replicas: 0
  ingress: {{hosts: [{name}.{}.example.com]}}
  init: {{enabled: false}}
",
            self.name
        )
    }
}

#[test]
fn applying_a_manifest_again_changes_nothing() {
    let space = shared().namespace("again");
    for (name, manifest) in [("new", space.quick_start("new")), ("old", space.old_manifest("old"))] {
        space.apply(&manifest);
        let again = space.apply(&manifest);
        assert!(again.contains(&format!("{name} unchanged")), "{again}");
        let diff = space.kubectl(&["diff", "--filename=-"], &manifest);
        assert!(diff.status.success(), "{}", text(&diff));
        let server_side = ["apply", "--server-side", "--force-conflicts", "--filename=-"];
        let applied = space.kubectl(&server_side, &manifest);
        assert!(applied.status.success(), "{}", text(&applied));
        let before = space.instance(name)["metadata"]["generation"].clone();
        space.kubectl(&server_side, &manifest);
        assert_eq!(space.instance(name)["metadata"]["generation"], before);
    }
    let spec = space.instance("old")["spec"].clone();
    assert_eq!(spec["deletionPolicy"], "Delete");
    assert_eq!(spec["environment"], "Staging");
    assert_eq!(space.instance("new")["spec"]["deletionPolicy"], serde_json::Value::Null);
}

#[test]
fn a_warning_is_given_once() {
    let space = shared().namespace("warn");
    let said = space.apply(&space.quick_start("my-odoo"));
    assert_eq!(said.matches("spec.adminPassword: is in plain text; use adminPasswordSecretRef").count(), 1, "{said}");
}

#[test]
fn an_unknown_field_of_v1alpha1_is_refused_with_the_one_that_was_meant() {
    let space = shared().namespace("typo");
    let refused = space.refused(&space.old_manifest("my-odoo").replace("replicas:", "replcias:"));
    let said = "spec.replcias: Invalid value: there is no field \"replcias\"; did you mean replicas?";
    assert!(refused.contains(said), "{refused}");
}

#[test]
fn what_was_stored_can_be_scaled_changed_and_reported_on() {
    let space = shared().namespace("change");
    space.apply(&space.old_manifest("my-odoo"));
    let refused = space.patch_refused("odooinstance", "my-odoo", r#"{"spec": {"filestore": {"storageSize": "1Gi"}}}"#);
    assert!(refused.contains("spec.filestore.storageSize: Forbidden: \"1Gi\" is less than \"2Gi\""), "{refused}");
    space.patched("odooinstance", "my-odoo", r#"{"spec": {"filestore": {"storageSize": "3Gi"}}}"#, &[]);
    space.patched("odooinstance", "my-odoo", r#"{"status": {"message": "hello"}}"#, &["--subresource=status"]);
    space.ok(&["scale", "odooinstance", "my-odoo", "--replicas=0"]);
    space.ok(&["scale", "odooinstances.v1alpha1.bemade.org", "my-odoo", "--replicas=0"]);
    // The schema's own rules hold for scale, which calls no webhook.
    space.apply(&space.quick_start("once").replace("storageSize: 5Gi", "accessMode: ReadWriteOnce"));
    let scaled = space.kubectl(&["scale", "odooinstances.v1.bemade.org", "once", "--replicas=2"], "");
    assert!(
        text(&scaled).contains("more than 1 web pod needs filestore.accessMode ReadWriteMany"),
        "{}",
        text(&scaled)
    );
}

#[test]
fn a_job_is_fixed_once_it_has_begun() {
    let space = shared().namespace("fixed");
    space.apply(
        r"apiVersion: bemade.org/v1
kind: OdooUpgradeJob
metadata: {name: job}
spec: {odooInstanceRef: {name: nobody}, modules: [base]}
",
    );
    space.patched("odooupgradejob", "job", r#"{"spec": {"modules": ["sale"]}}"#, &[]);
    space.patched("odooupgradejob", "job", r#"{"status": {"phase": "Running"}}"#, &["--subresource=status"]);
    let refused = space.patch_refused("odooupgradejob", "job", r#"{"spec": {"modules": ["crm"]}}"#);
    let said = "spec.modules: Forbidden: cannot change in phase Running; create a new job, or set cancel: true";
    assert!(refused.contains(said), "{refused}");
    space.patched("odooupgradejob", "job", r#"{"spec": {"cancel": true}}"#, &[]);
}

#[test]
fn nothing_that_decides_what_is_dropped_changes_while_an_instance_goes() {
    let space = shared().namespace("going");
    space.apply(
        &space.old_manifest("my-odoo").replace("{name: my-odoo}", "{name: my-odoo, finalizers: [example.com/hold]}"),
    );
    space.patched("odooinstance", "my-odoo", r#"{"spec": {"deletionPolicy": "Retain"}}"#, &[]);
    space.ok(&["delete", "odooinstance", "my-odoo", "--wait=false"]);
    for (patch, path) in [
        (r#"{"spec": {"deletionPolicy": "Delete"}}"#, "spec.deletionPolicy"),
        (r#"{"spec": {"database": {"name": "postgres_of_others"}}}"#, "spec.database"),
        (r#"{"metadata": {"annotations": {"bemade.org/confirm-delete": "my-odoo"}}}"#, "metadata.annotations"),
    ] {
        let refused = space.patch_refused("odooinstance", "my-odoo", patch);
        assert!(refused.contains(path), "{refused}");
    }
    space.patched("odooinstance", "my-odoo", r#"{"spec": {"suspend": true}}"#, &[]);
    space.patched("odooinstance", "my-odoo", r#"{"metadata": {"labels": {"a": "b"}}}"#, &[]);
    space.patched("odooinstances.v1alpha1.bemade.org", "my-odoo", r#"{"metadata": {"finalizers": null}}"#, &[]);
    super::world::eventually("it is gone", || space.json("odooinstance", "my-odoo").is_none().then_some(()));
}
