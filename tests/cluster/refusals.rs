//! Manifests that are refused, and in which words.

use super::world::shared;

#[test]
fn five_broken_rules_are_told_at_once_in_the_version_that_was_sent() {
    let space = shared().namespace("five");
    let refused = space.refused(
        r"apiVersion: bemade.org/v1
kind: OdooInstance
metadata: {name: bad}
spec:
  image: 'Not An Image'
  replicas: 2
  ingress: {hosts: ['not a host']}
  filestore: {storageSize: 5GiB, accessMode: ReadWriteOnce}
  configOptions: {db_host: elsewhere}
",
    );
    for path in
        ["spec.image", "spec.ingress.hosts[0]", "spec.filestore.storageSize", "spec.configOptions", "spec.replicas"]
    {
        assert!(refused.contains(path), "{path} is not in:\n{refused}");
    }
    let refused = space.refused(
        r"apiVersion: bemade.org/v1alpha1
kind: OdooInstance
metadata: {name: bad}
spec:
  adminPassword: x
  image: 'Not An Image'
  ingress: {hosts: ['not a host']}
  filestore: {storageSize: 5GiB}
  init: {modules: ['no such-module']}
",
    );
    for path in ["spec.image", "spec.ingress.hosts[0]", "spec.filestore.storageSize", "spec.init.modules"] {
        assert!(refused.contains(path), "{path} is not in:\n{refused}");
    }
}

#[test]
fn a_host_belongs_to_one_instance() {
    let space = shared().namespace("host");
    space.apply(&space.quick_start("one"));
    let taken = space.quick_start("two").replace("two.", "one.");
    let refused = super::world::eventually("the store has the first one", || {
        let output = space.kubectl(&["apply", "--dry-run=server", "--filename=-"], &taken);
        (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
    });
    assert!(refused.contains("spec.ingress.hosts[0]") && refused.contains("belongs to instance one"), "{refused}");
}
