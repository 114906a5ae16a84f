//! The life of the chart: installed, upgraded, removed with and without instances, installed again.

use serde_json::{Value, json};

use super::kubelet::{self, IMAGE};
use super::world::{Namespace, World, text};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/odoo-operator");

fn crd(world: &World) -> Value {
    serde_json::from_str(&world.ok(&["get", "crd", "odooinstances.bemade.org", "-ojson"])).unwrap()
}

fn served(crd: &Value) -> Vec<&str> {
    let versions = crd["spec"]["versions"].as_array().unwrap();
    versions.iter().filter(|version| version["served"] == true).map(|it| it["name"].as_str().unwrap()).collect()
}

/// What must not change while the operator comes and goes: pods with their uids and restarts, volumes, Secrets.
fn untouched(space: &Namespace<'_>) -> String {
    let columns = "-ocustom-columns=KIND:.kind,NAME:.metadata.name,UID:.metadata.uid,VERSION:.metadata.generation";
    space.ok(&["get", "pods,persistentvolumeclaims,secrets,services,deployments", columns, "--sort-by=.metadata.uid"])
}

fn uninstall(world: &World) -> String {
    let (helm, said) = kubelet::helm(world, &["uninstall", "odoo-operator", "--timeout=90s"]);
    assert!(helm.status.success(), "{}\n{said}", text(&helm));
    assert!(!world.runs(), "the operator was not stopped first");
    said
}

#[test]
fn the_operator_comes_and_goes_and_instances_run_on() {
    let world = World::bare("helm");
    world.install_with(&[IMAGE]);
    world.start_operator();
    // As a Deployment would have it.
    world.ok(&["scale", "deployment/odoo-operator", "--replicas=1", "--namespace=odoo-operator"]);
    let space = world.namespace("helm");
    space.apply(&space.quick_start("kept"));
    let old = format!(
        "{{apiVersion: bemade.org/v1alpha1, kind: OdooInstance, metadata: {{name: old}}, spec: {{adminPassword: secret, \
         image: 'odoo:19.0', ingress: {{hosts: [old.{}.example.com]}}}}}}",
        space.name
    );
    space.apply(&old);
    space.phase("kept", "Running");
    assert_eq!(space.phase("old", "Running")["spec"]["deletionPolicy"], "Delete");

    // An upgrade leaves the CRDs to the operator.
    let before = crd(&world);
    assert_eq!(served(&before), ["v1", "v1alpha1"]);
    let upgrade = ["upgrade", "odoo-operator", CHART, "--reuse-values", "--force-conflicts", "--set"];
    let upgraded = kubelet::helm(&world, &[&upgrade[..], &["defaults.storageSize=3Gi"]].concat()).0;
    assert!(upgraded.status.success(), "{}", text(&upgraded));
    let after = crd(&world);
    assert_eq!(before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]);
    world.ok(&["scale", "deployment/odoo-operator", "--replicas=1", "--namespace=odoo-operator"]);

    // Refused, with the instance's name, and nothing is changed.
    let was = (untouched(&space), space.instance("old"));
    let (refused, said) = kubelet::helm(&world, &["uninstall", "odoo-operator", "--timeout=60s"]);
    assert!(!refused.status.success(), "{}", text(&refused));
    assert!(said.contains(&format!("{}/old", space.name)) && said.contains("--retain"), "{said}");
    assert!(!said.contains("/kept"), "{said}");
    assert!(world.runs(), "the operator was stopped all the same");
    assert_eq!((untouched(&space), space.instance("old")), was);

    // Helm has begun to uninstall the release, and takes it back with a rollback only.
    let back = kubelet::helm(&world, &["rollback", "odoo-operator", "2", "--force-conflicts"]).0;
    assert!(back.status.success(), "{}", text(&back));
    let upgraded = kubelet::helm(&world, &[&upgrade[..], &["uninstall.retain=true"]].concat()).0;
    assert!(upgraded.status.success(), "{}", text(&upgraded));
    world.ok(&["scale", "deployment/odoo-operator", "--replicas=1", "--namespace=odoo-operator"]);
    uninstall(&world);
    let gone = crd(&world);
    assert_eq!(served(&gone), ["v1"]);
    assert_eq!(gone["spec"]["conversion"], json!({"strategy": "None"}));
    for kind in ["mutatingwebhookconfigurations", "validatingwebhookconfigurations", "clusterroles"] {
        let left = world.ok(&["get", kind, "-oname"]);
        assert!(!left.contains("odoo-operator"), "{left}");
    }
    for name in ["kept", "old"] {
        let instance = space.instance(name);
        assert_eq!(instance["metadata"]["finalizers"], Value::Null, "{name}");
        assert_ne!(instance["spec"]["deletionPolicy"], "Delete", "{name}");
    }
    assert_eq!(untouched(&space), was.0);
    // Nothing waits for an operator that is gone.
    world.ok(&["create", "namespace", "left"]);
    let manifest = space.quick_start("left").replace("metadata:", "metadata:\n  finalizers: []\n  namespace: left");
    assert!(world.kubectl(&["apply", "--filename=-"], &manifest).status.success());
    world.ok(&["delete", "namespace", "left", "--timeout=60s"]);

    // Installed again, everything is as if nothing had been.
    world.install_with(&[IMAGE]);
    world.start_operator();
    for name in ["kept", "old"] {
        super::world::eventually("the instance is held again", || {
            (space.instance(name)["metadata"]["finalizers"] == json!(["bemade.org/postgres-cleanup"])).then_some(())
        });
        space.phase(name, "Running");
    }
    assert_eq!(served(&crd(&world)), ["v1", "v1alpha1"]);
    assert_eq!(untouched(&space), was.0);
    assert_eq!(space.json("odooinstances.v1alpha1.bemade.org", "old").unwrap()["spec"]["adminPassword"], "secret");

    // And without instances.
    space.ok(&["delete", "odooinstances", "--all", "--timeout=60s"]);
    world.ok(&["scale", "deployment/odoo-operator", "--replicas=1", "--namespace=odoo-operator"]);
    uninstall(&world);
}
