//! A real node, a real Odoo, the operator as a pod from its own image with the chart's rights. One installation serves
//! all tests; each has a namespace of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cluster;
mod outage;
mod rollout;

use cluster::{Space, eventually, space};
use serde_json::json;

#[test]
fn the_published_quick_start_becomes_an_odoo_that_people_can_log_into() {
    let here = space("quick");
    here.apply(&here.quick_start("my-odoo", ""));
    let object = here.running("my-odoo");
    assert_eq!(object["status"]["odooVersion"], "19.0");
    let database = object["status"]["databaseName"].as_str().unwrap();
    assert_eq!(here.http("my-odoo", "/web/login"), "200");
    assert_ne!(here.login("my-odoo", database, "my-admin-password"), json!(false));
    assert_eq!(here.login("my-odoo", database, "admin"), json!(false), "admin/admin is no login");
}

#[test]
fn no_password_is_on_a_command_line_and_a_tenant_stays_in_its_database() {
    let here = space("secrets");
    here.apply(&here.quick_start("one", "").replace("my-admin-password", "canary-passw0rd"));
    here.apply(&here.quick_start("two", ""));
    let (one, two) = (here.running("one"), here.running("two"));
    let password = here.secret("one-odoo-user", "password");
    for line in cluster::command_lines() {
        assert!(!line.contains(&password) && !line.contains("canary-passw0rd"), "{line}");
    }
    let own = one["status"]["databaseName"].as_str().unwrap();
    let other = two["status"]["databaseName"].as_str().unwrap();
    let role = format!("odoo.{}.one", here.name);
    assert!(cluster::psql(&role, &password, own, "SELECT 1").is_ok());
    let denied = cluster::psql(&role, &password, other, "SELECT 1").unwrap_err();
    assert!(denied.contains("permission denied"), "{denied}");
    let denied =
        cluster::psql(&role, &password, "postgres", &format!("DROP DATABASE \"{own}\" WITH (FORCE)")).unwrap_err();
    assert!(denied.contains("must be owner"), "{denied}");
}

#[test]
fn an_init_that_fails_shows_the_step_and_the_end_of_its_log() {
    let here = space("fails");
    here.apply(&here.quick_start("my-odoo", "  initialization:\n    modules: [no_such_module]\n"));
    let object = here.phase("my-odoo", "InitFailed");
    let message = object["status"]["message"].as_str().unwrap();
    assert!(message.contains("no_such_module") && message.contains("init.sh:"), "{message}");
    here.delete("my-odoo");
}

#[test]
fn a_v1alpha1_instance_runs_and_is_gone_with_its_data() {
    let here = space("alpha");
    here.apply(&format!(
        "apiVersion: bemade.org/v1alpha1\nkind: OdooInstance\nmetadata: {{name: old}}\nspec:\n  adminPassword: secret\n  \
         image: odoo:19.0\n  ingress: {{hosts: [old.{}.example.com]}}\n",
        here.name
    ));
    let object = here.running("old");
    let database = object["status"]["databaseName"].as_str().unwrap().to_owned();
    here.delete("old");
    let there = cluster::superuser(&format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'"));
    assert_eq!(there, "0");
    eventually("the volume is gone", || {
        let claims = here.ok(&["get", "pvc", "--output=name"]);
        claims.is_empty().then_some(())
    });
}

#[test]
fn the_objects_of_an_instance_meet_the_restricted_standard() {
    let here = space("restricted");
    here.ok(&["label", "namespace", &here.name, "pod-security.kubernetes.io/enforce=restricted"]);
    here.apply(&here.quick_start("my-odoo", ""));
    here.running("my-odoo");
}

impl Space {
    fn delete(&self, name: &str) {
        self.ok(&["delete", "odooinstance", name, "--timeout=120s"]);
    }
}
