//! Manifests that are refused, and in which words.

use super::world::shared;

/// What kubectl prints of a refusal: a line for each cause.
fn causes(refused: &str) -> Vec<&str> {
    refused.lines().filter_map(|line| line.strip_prefix("* ")).collect()
}

#[test]
fn ten_broken_rules_are_told_at_once_with_what_would_be_right() {
    let space = shared().namespace("ten");
    let refused = space.refused(
        r"apiVersion: bemade.org/v1
kind: OdooInstance
metadata: {name: bad}
spec:
  image: 'Not An Image'
  replicas: 2
  ingress: {hosts: [Shop.example.com]}
  filestore: {storageSize: 5GiB, accessMode: ReadWriteOnce}
  configOptions: {db_host: elsewhere}
  database: {cluster: nowhere, name: postgres}
  strategy: {rollingUpdate: {maxSurge: 1}}
  webhook: {url: 'ftp://receiver.example.com'}
  extraEnv: [{name: PGHOST, value: elsewhere}]
",
    );
    assert_eq!(
        causes(&refused),
        [
            "spec.ingress.hosts[0]: Invalid value: \"Shop.example.com\" has capitals; write \"shop.example.com\"",
            "spec.filestore.storageSize: Invalid value: \"5GiB\" is no quantity; write a number with a suffix, such as \
             500m, 2, 1.5Gi or 10G",
            "spec.database.cluster: Unsupported value: \"nowhere\" is no cluster of the operator's configuration: there \
             is default",
            "spec.database.name: Forbidden: \"postgres\" is a system database; choose another name",
            "spec.configOptions[db_host]: Forbidden: the operator sets the connection; use spec.database, or remove the \
             key",
            "spec.replicas: Invalid value: 2 web pods need filestore.accessMode ReadWriteMany, and it is ReadWriteOnce; \
             1 is possible",
            "spec.strategy.rollingUpdate: Forbidden: goes with type RollingUpdate only; set the type or remove it",
            "spec.webhook.url: Invalid value: has scheme ftp; write http or https",
            "spec.extraEnv[0].name: Forbidden: PGHOST is set by the operator; remove it",
            "spec.image: Invalid value: \"Not An Image\" has white space; remove it",
        ],
        "{refused}"
    );
}

#[test]
fn ten_broken_rules_of_v1alpha1_are_told_with_its_own_paths() {
    let space = shared().namespace("tenold");
    let refused = space.refused(
        r"apiVersion: bemade.org/v1alpha1
kind: OdooInstance
metadata: {name: bad}
spec:
  adminPassword: x
  image: registry.example.com/Odoo
  replicas: -1
  ingress: {hosts: ['https://shop.example.com/']}
  resources: {requests: {cpu: '3'}, limits: {cpu: '2'}}
  configOptions: {Workers: '2'}
  database: {cluster: nowhere}
  strategy: {rollingUpdate: {maxSurge: 1}}
  init:
    modules: [sale-stock]
    webhook: {url: 'ftp://receiver.example.com'}
  extraEnv: [{name: HOST, value: elsewhere}]
",
    );
    assert_eq!(
        causes(&refused),
        [
            "spec.replicas: Invalid value: -1 is too small; at least 0",
            "spec.ingress.hosts[0]: Invalid value: \"https://shop.example.com/\" is a URL or has a path; write the host \
             name alone",
            "spec.resources.requests[cpu]: Invalid value: \"3\" is more than the limit \"2\"; lower it or raise the limit",
            "spec.database.cluster: Unsupported value: \"nowhere\" is no cluster of the operator's configuration: there \
             is default",
            "spec.configOptions[Workers]: Invalid value: \"Workers\" is no legal key; only a-z, 0-9 and _",
            "spec.strategy.rollingUpdate: Forbidden: goes with type RollingUpdate only; set the type or remove it",
            "spec.init.webhook.url: Invalid value: has scheme ftp; write http or https",
            "spec.extraEnv[0].name: Forbidden: HOST is set by the operator; remove it",
            "spec.image: Invalid value: \"registry.example.com/Odoo\" has capitals in its path; registries know lower \
             case only",
            "spec.init.modules[0]: Invalid value: \"sale-stock\" is no module name; only a-z, 0-9 and _",
        ],
        "{refused}"
    );
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
