//! What deleting an instance leaves, and what it does not.

use super::odoo;
use super::world::{eventually, shared};

fn gone(space: &super::world::Namespace<'_>, kind: &str, name: &str) {
    eventually(&format!("{kind} {name} is gone"), || space.json(kind, name).is_none().then_some(()));
}

#[test]
fn retain_leaves_database_role_and_volume_marked_also_under_foreground_deletion() {
    let space = shared().namespace("retain");
    space.apply(&space.quick_start("my-odoo"));
    let object = space.phase("my-odoo", "Running");
    let database = object["status"]["databaseName"].as_str().unwrap().to_owned();
    let uid = object["metadata"]["uid"].as_str().unwrap().to_owned();
    space.ok(&["delete", "odooinstance", "my-odoo", "--cascade=foreground", "--timeout=60s"]);
    gone(&space, "deployment", "my-odoo");
    let postgres = odoo::client("postgres");
    let comment = postgres
        .rows(&format!("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{database}'"));
    assert!(comment[0].contains(&uid) && comment[0].contains("retainedAt"), "{comment:?}");
    let role = format!("odoo.{}.my-odoo", space.name);
    assert_eq!(postgres.rows(&format!("SELECT rolname FROM pg_roles WHERE rolname = '{role}'")), [role]);
    let claim = space.json("pvc", "my-odoo-filestore-pvc").expect("the volume is kept");
    let mark = claim["metadata"]["annotations"]["bemade.org/retained"].as_str().unwrap_or_default();
    assert!(mark.contains(&uid), "{mark}");

    // A new instance of the same name takes over what was left.
    space.apply(&space.quick_start("my-odoo"));
    let again = space.phase("my-odoo", "Running");
    assert_eq!(again["status"]["databaseName"], database.as_str());
    assert_ne!(again["metadata"]["uid"], uid.as_str());
    let claim = space.json("pvc", "my-odoo-filestore-pvc").unwrap();
    assert!(claim["metadata"]["annotations"]["bemade.org/retained"].is_null(), "{claim:#}");
    assert_eq!(claim["metadata"]["labels"]["bemade.org/instance-uid"], again["metadata"]["uid"]);
    assert!(space.json("odooinitjob", "my-odoo-auto-init").is_none(), "nothing is initialised over what was left");
}

#[test]
fn delete_leaves_nothing() {
    let space = shared().namespace("delete");
    space.apply(&format!("{}  deletionPolicy: Delete\n", space.quick_start("my-odoo")));
    let object = space.phase("my-odoo", "Running");
    let database = object["status"]["databaseName"].as_str().unwrap().to_owned();
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    let postgres = odoo::client("postgres");
    assert_eq!(postgres.rows(&format!("SELECT 1 FROM pg_database WHERE datname = '{database}'")), [""; 0]);
    let role = format!("odoo.{}.my-odoo", space.name);
    assert_eq!(postgres.rows(&format!("SELECT 1 FROM pg_roles WHERE rolname = '{role}'")), [""; 0]);
    for (kind, name) in [
        ("pvc", "my-odoo-filestore-pvc"),
        ("secret", "my-odoo-odoo-user"),
        ("secret", "my-odoo-odoo-conf"),
        ("service", "my-odoo"),
        ("deployment", "my-odoo"),
        ("deployment", "my-odoo-cron"),
    ] {
        gone(&space, kind, name);
    }
}

#[test]
fn production_is_kept_unless_its_name_is_confirmed() {
    let space = shared().namespace("prod");
    let manifest = format!("{}  deletionPolicy: Delete\n  environment: Production\n", space.quick_start("my-odoo"));
    space.apply(&manifest);
    let object = space.phase("my-odoo", "Running");
    let database = object["status"]["databaseName"].as_str().unwrap().to_owned();
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    let there = || odoo::client("postgres").rows(&format!("SELECT 1 FROM pg_database WHERE datname = '{database}'"));
    assert_eq!(there(), ["1"]);
    eventually("an Event says so", || {
        space.ok(&["get", "events", "--output=yaml"]).contains("DeletionRetained").then_some(())
    });
    space.apply(&manifest);
    space.phase("my-odoo", "Running");
    space.ok(&["annotate", "odooinstance", "my-odoo", "bemade.org/confirm-delete=my-odoo"]);
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    assert_eq!(there(), [""; 0]);
}

#[test]
fn a_database_of_somebody_else_is_refused_and_not_touched() {
    let space = shared().namespace("foreign");
    let postgres = odoo::client("postgres");
    let database = format!("theirs_{}", space.name.replace('-', "_"));
    postgres.rows(&format!("CREATE DATABASE {database}"));
    let before = postgres.rows(&format!("SELECT * FROM pg_database WHERE datname = '{database}'"));
    let manifest = format!("{}  database:\n    name: {database}\n", space.quick_start("my-odoo"));
    space.apply(&manifest);
    let object = eventually("the condition says so", || {
        let object = space.instance("my-odoo");
        let condition = super::world::Namespace::condition(&object, "DatabaseReady");
        (condition["reason"] == "NameTaken").then_some(object)
    });
    let message = object["status"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(&database) && message.contains("database.name"), "{message}");
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    assert_eq!(postgres.rows(&format!("SELECT * FROM pg_database WHERE datname = '{database}'")), before);
    postgres.rows(&format!("DROP DATABASE {database}"));
}
