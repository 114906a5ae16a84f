//! Settings of the operator, and objects that were stored while no webhook was there.

use super::world::{Namespace, World, eventually};

fn manifest(space: &Namespace<'_>, name: &str, more: &str) -> String {
    format!(
        "apiVersion: bemade.org/v1\nkind: OdooInstance\nmetadata: {{name: {name}}}\nspec:\n  ingress: {{hosts: [{name}.{}.example.com]}}\n{more}",
        space.name
    )
}

#[test]
fn a_changed_setting_changes_new_objects_only_and_what_no_webhook_saw_runs_or_is_reported() {
    let world = World::start("settings");
    let space = world.namespace("settings");
    let idle = "  replicas: 0\n";
    let old = manifest(&space, "old", "");
    space.apply(&old);
    let spec = |name: &str| space.instance(name)["spec"].clone();
    assert_eq!(spec("old")["image"], "odoo:19.0");
    space.phase("old", "Running");
    let before = spec("old");
    let objects = || {
        let names = ["deployments.apps/old", "deployments.apps/old-cron", "ingresses.networking.k8s.io/old"];
        let one = |name: &str| space.ok(&["get", name, "-ojsonpath={.metadata.uid} {.metadata.generation}"]);
        names.map(one)
    };
    let made = objects();

    world.kill_operator();
    world.set_defaults(&[
        "--default-odoo-image=registry.example.com/odoo:20.0",
        "--default-storage-class=fast",
        "--default-ingress-class=other",
        "--default-ingress-issuer=letsencrypt",
        r#"--default-odoo-resources={"limits": {"memory": "2Gi"}}"#,
        r#"--default-cron-resources={"limits": {"memory": "1Gi"}}"#,
        r#"--default-odoo-affinity={"nodeAffinity": {}}"#,
        r#"--default-odoo-tolerations=[{"operator": "Exists"}]"#,
    ]);
    world.start_operator();
    space.apply(&manifest(&space, "new", idle));
    // The old one has had its turn by then.
    eventually("the new one is worked on", || space.instance("new")["status"]["phase"].is_string().then_some(()));
    let new = spec("new");
    // Neither the restart nor applying it again, nor another edit, brings a new setting to an old object.
    assert!(space.apply(&old).contains("old unchanged"));
    assert_eq!(objects(), made);
    space.ok(&["patch", "odoo", "old", "--type=merge", "--patch", r#"{"spec": {"suspend": true}}"#]);
    let mut after = spec("old");
    assert_eq!(after.as_object_mut().unwrap().remove("suspend"), Some(serde_json::json!(true)));
    assert_eq!(after, before);
    for setting in [
        "/image",
        "/filestore/storageClass",
        "/ingress/class",
        "/ingress/issuer",
        "/resources",
        "/cron/resources",
        "/affinity",
        "/tolerations",
    ] {
        assert!(new.pointer(setting).is_some() && new.pointer(setting) != before.pointer(setting), "{setting}: {new}");
    }
    let pods = |name: &str| {
        let deployment = space.json("deployment", name)?;
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned)
    };

    for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"] {
        world.ok(&["delete", kind, "--all"]);
    }
    // As an existing operator left it: no host, bounds that were never applied, a pooler in configOptions.
    space.apply(
        "apiVersion: bemade.org/v1alpha1
kind: OdooInstance
metadata: {name: taken}
spec:
  adminPassword: x
  image: odoo:19.0
  ingress: {hosts: []}
  filestore: {storageSize: 1Gi}
  strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}
  configOptions: {db_host: pooler, workers: '2'}
",
    );
    let object = space.phase("taken", "Running");
    let message = object["status"]["message"].as_str().unwrap_or_default();
    for said in ["spec.ingress.hosts: name at least one", "spec.configOptions[db_host]", "spec.strategy.rollingUpdate"]
    {
        assert!(message.contains(said), "{said} is not in {message}");
    }
    assert_eq!(Namespace::condition(&object, "Ready")["status"], "True");
    assert!(space.json("ingress", "taken").is_none(), "an Ingress without a host takes every one");
    let deployment = space.json("deployment", "taken").unwrap();
    assert_eq!(deployment["spec"]["strategy"], serde_json::json!({"type": "Recreate"}));
    assert_eq!(pods("taken").as_deref(), Some("odoo:19.0"));

    // What cannot be served stops: the pods that are there stay.
    space.ok(&["patch", "odoo", "taken", "--type=merge", "--patch", r#"{"spec": {"image": "Not An Image"}}"#]);
    let object = space.phase("taken", "Error");
    assert_eq!(Namespace::condition(&object, "Ready")["reason"], "InvalidSpec");
    assert!(object["status"]["message"].as_str().unwrap_or_default().starts_with("spec.image: "), "{object:#}");
    assert_eq!(pods("taken").as_deref(), Some("odoo:19.0"));

    // The same for a job: it is not run.
    space.apply(
        "apiVersion: bemade.org/v1
kind: OdooInitJob
metadata: {name: bad}
spec: {odooInstanceRef: {name: new}, modules: ['--config=/etc/passwd']}
",
    );
    eventually("the job has failed", || {
        let job = space.json("odooinitjob", "bad")?;
        let failed = Namespace::condition(&job, "Failed");
        (failed["reason"] == "InvalidSpec" && job["status"]["phase"] == "Failed").then_some(())
    });
}
