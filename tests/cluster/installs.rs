//! Installed, used and removed, again and again.

use super::world::{World, eventually};

#[test]
fn after_helm_install_the_next_apply_works_twenty_times_over() {
    let world = World::bare("installs");
    let space = world.namespace("empty-installs");
    let v1 = space.quick_start("my-odoo").replace("spec:\n", "spec:\n  deletionPolicy: Delete\n");
    let v1alpha1 = format!(
        r"apiVersion: bemade.org/v1alpha1
kind: OdooInstance
metadata: {{name: old}}
spec:
  adminPassword: secret
  image: odoo:19.0
  ingress: {{hosts: [old.{}.example.com]}}
",
        space.name
    );
    for round in 0..20 {
        world.install();
        // Ready, as `helm install --wait` sees it, then `odoo-operator wait`, as the chart's hook runs it.
        world.start_operator();
        let manifests = if round % 2 == 0 { [&v1, &v1alpha1] } else { [&v1alpha1, &v1] };
        for manifest in manifests {
            assert!(space.apply(manifest).contains("created"), "round {round}");
        }
        // What is made as soon as it can be is no older operator's.
        eventually("nothing is left to migrate", || {
            let crd = space.json("crd", "odooinstances.bemade.org")?;
            (crd["metadata"]["annotations"]["bemade.org/migrated"] == "v1").then_some(())
        });
        for name in ["my-odoo", "old"] {
            let metadata = &space.instance(name)["metadata"];
            assert_eq!(metadata["name"], name, "round {round}");
            assert!(metadata["annotations"]["bemade.org/migrated"].is_null(), "round {round}: {metadata}");
        }
        space.ok(&["delete", "odooinstances", "--all", "--timeout=30s"]);
        world.kill_operator();
        // Without its hook, which `helm` is about: what is left here is the most that can be left.
        world.helm(&["uninstall", "odoo-operator", "--wait", "--no-hooks"]);
        // What the next installation finds: nothing; the CRDs and their CA; CRDs that trust a CA that is gone.
        if round % 3 == 0 {
            world.ok(&["delete", "crd", "--all"]);
        }
        if round % 3 != 1 {
            world.ok(&["delete", "secret", "--all", "--namespace=odoo-operator"]);
        }
    }
}
