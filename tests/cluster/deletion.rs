//! What deleting an instance leaves, and what it does not.

use serde_json::{Value, json};

use super::odoo;
use super::world::{Namespace, eventually, shared};

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
    let repaired = |claim: &serde_json::Value| !claim["metadata"]["labels"]["app.kubernetes.io/part-of"].is_null();
    space.ok(&["label", "pvc", "my-odoo-filestore-pvc", "app.kubernetes.io/part-of-"]);
    eventually("the claim is repaired", || space.json("pvc", "my-odoo-filestore-pvc").filter(repaired));
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

/// Its database and volume are made; what is in them does not matter here.
const EMPTY: &str = "  initialization: {mode: none}\n";

/// An instance that is being deleted and cannot end yet: one of its pods does not.
struct Going<'a> {
    space: &'a Namespace<'a>,
    database: String,
    uid: String,
}

impl<'a> Going<'a> {
    fn new(space: &'a Namespace<'a>, more: &str) -> Self {
        space.apply(&format!("{}{EMPTY}{more}", space.quick_start("my-odoo")));
        let object = space.phase("my-odoo", "Uninitialized");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (database, uid) = (text(&object["status"]["databaseName"]), text(&object["metadata"]["uid"]));
        let labels = json!({
            "app.kubernetes.io/managed-by": "odoo-operator",
            "bemade.org/instance": "my-odoo",
            "bemade.org/instance-uid": uid,
        });
        let secure = json!({"runAsNonRoot": true, "runAsUser": 100, "seccompProfile": {"type": "RuntimeDefault"}});
        let bounds = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "last", "labels": labels},
            "spec": {"securityContext": secure,
                     "containers": [{"name": "odoo", "image": "odoo:19.0", "securityContext": bounds}]},
        });
        space.apply(&pod.to_string());
        space.ok(&["delete", "odooinstance", "my-odoo", "--wait=false"]);
        let going = Self { space, database, uid };
        eventually("the deletion has begun, and waits for the pod", || {
            let message = space.instance("my-odoo")["status"]["message"].as_str()?.to_owned();
            message.contains("waiting for").then_some(())
        });
        going
    }

    fn operation(&self) -> Value {
        self.space.instance("my-odoo")["status"]["operation"]["kind"].clone()
    }

    /// A merge patch as a user; what kubectl says, and whether it was taken.
    fn patch(&self, more: &[&str], patch: &Value) -> (bool, String) {
        let patch = patch.to_string();
        let mut all = vec!["patch", "odooinstance", "my-odoo", "--type=merge", "--patch", &patch];
        all.extend(more);
        let output = self.space.kubectl(&all, "");
        (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }

    fn refused(&self, patch: &Value, field: &str) {
        let (taken, said) = self.patch(&[], patch);
        assert!(!taken && said.contains(field), "{patch}: {said}");
    }

    fn taken(&self, patch: &Value) {
        let (taken, said) = self.patch(&[], patch);
        assert!(taken, "{patch}: {said}");
    }

    /// The pod ends, and with it the deletion.
    fn end(&self) {
        self.space.ok(&["delete", "pod", "last", "--grace-period=0", "--force"]);
        gone(self.space, "odooinstances.v1.bemade.org", "my-odoo");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The database with its COMMENT, if it is there.
fn database(name: &str) -> Vec<String> {
    let sql = format!("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{name}'");
    odoo::client("postgres").rows(&sql)
}

#[test]
fn while_it_goes_nothing_can_be_edited_that_decides_what_is_dropped() {
    let victim = shared().namespace("empty-victim");
    victim.apply(&format!("{}{EMPTY}", victim.quick_start("theirs")));
    let theirs = victim.phase("theirs", "Uninitialized")["status"]["databaseName"].as_str().unwrap().to_owned();
    let before = database(&theirs);

    let space = shared().namespace("empty-going");
    let going = Going::new(&space, "  deletionPolicy: Delete\n");
    // The first pass has recorded it.
    assert_eq!(going.operation(), "Delete");
    for (patch, field) in [
        (json!({"spec": {"database": {"name": theirs}}}), "spec.database"),
        (json!({"spec": {"database": {"cluster": "other"}}}), "spec.database"),
        (json!({"spec": {"environment": "Production"}}), "spec.environment"),
        (json!({"spec": {"image": "odoo:18.0"}}), "spec.image"),
        (json!({"spec": {"deletionPolicy": null, "filestore": {"storageSize": "9Gi"}}}), "spec.filestore"),
        (json!({"metadata": {"annotations": {"bemade.org/confirm-delete": "my-odoo"}}}), "bemade.org/confirm-delete"),
    ] {
        going.refused(&patch, field);
    }
    // Through the old version, server-side apply and a status in the body it is no easier.
    let old = json!({"spec": {"database": {"name": theirs}}}).to_string();
    let output =
        space.kubectl(&["patch", "odooinstances.v1alpha1.bemade.org/my-odoo", "--type=merge", "--patch", &old], "");
    assert!(!output.status.success() && text(&output.stderr).contains("spec.database"), "{output:?}");
    let applied = json!({
        "apiVersion": "bemade.org/v1", "kind": "OdooInstance", "metadata": {"name": "my-odoo"},
        "spec": {"database": {"name": theirs}},
    });
    let output = space.kubectl(&["apply", "--server-side", "--force-conflicts", "--filename=-"], &applied.to_string());
    assert!(!output.status.success() && text(&output.stderr).contains("spec.database"), "{output:?}");
    going.taken(&json!({"status": {"databaseName": theirs}}));
    assert_eq!(space.instance("my-odoo")["status"]["databaseName"], going.database.as_str());

    // A tenant without rights to it does not edit the status; one with them changes nothing about what is dropped.
    space.ok(&["create", "role", "tenant", "--verb=*", "--resource=odooinstances.bemade.org"]);
    space.ok(&["create", "rolebinding", "tenant", "--role=tenant", "--user=tenant"]);
    let status = json!({"status": {"databaseName": theirs, "operation": null}});
    let (taken, said) = going.patch(&["--subresource=status", "--as=tenant"], &status);
    assert!(!taken && said.contains("Forbidden") || said.contains("forbidden"), "{said}");
    let (taken, said) = going.patch(&["--subresource=status"], &status);
    assert!(taken, "{said}");
    eventually("what is done is recorded again", || (going.operation() == "Delete").then_some(()));

    // Metadata and suspend are nobody's data.
    going.taken(&json!({"metadata": {"labels": {"a": "b"}}, "spec": {"suspend": true}}));
    going.end();
    assert_eq!(database(&going.database), [""; 0], "its own database is dropped");
    assert_eq!(database(&theirs), before, "and no other");
    assert_eq!(victim.instance("theirs")["status"]["phase"], "Uninitialized");
}

#[test]
fn delete_can_still_become_retain_and_never_the_other_way() {
    let space = shared().namespace("empty-mind");
    let going = Going::new(&space, "  deletionPolicy: Delete\n");
    assert_eq!(going.operation(), "Delete");
    going.taken(&json!({"spec": {"deletionPolicy": "Retain"}}));
    eventually("it is heard", || (going.operation() == "Retain").then_some(()));
    going.refused(&json!({"spec": {"deletionPolicy": "Delete"}}), "spec.deletionPolicy");
    going.end();
    let comment = database(&going.database);
    assert!(comment[0].contains(&going.uid) && comment[0].contains("retainedAt"), "{comment:?}");
    assert!(space.json("pvc", "my-odoo-filestore-pvc").is_some());
}

#[test]
fn production_is_not_confirmed_any_more_once_it_goes() {
    let space = shared().namespace("empty-late");
    let going = Going::new(&space, "  deletionPolicy: Delete\n  environment: Production\n");
    assert_eq!(going.operation(), "Retain");
    let confirm = json!({"metadata": {"annotations": {"bemade.org/confirm-delete": "my-odoo"}}});
    going.refused(&confirm, "bemade.org/confirm-delete");
    going.refused(&json!({"spec": {"environment": "Staging"}}), "spec.environment");
    going.end();
    assert!(database(&going.database)[0].contains("retainedAt"));
}

#[test]
fn a_finalizer_taken_by_hand_comes_back_on_a_live_object_and_lets_a_dying_one_go() {
    let space = shared().namespace("empty-hand");
    let none = json!({"metadata": {"finalizers": null}});
    space.apply(&format!("{}{EMPTY}  deletionPolicy: Delete\n", space.quick_start("live")));
    let object = space.phase("live", "Uninitialized");
    space.ok(&["patch", "odooinstance", "live", "--type=merge", "--patch", &none.to_string()]);
    eventually("it comes back", || {
        (space.instance("live")["metadata"]["finalizers"] == json!(["bemade.org/postgres-cleanup"])).then_some(())
    });
    assert_eq!(space.instance("live")["status"]["phase"], "Uninitialized");
    assert_eq!(space.instance("live")["metadata"]["uid"], object["metadata"]["uid"]);

    let going = Going::new(&space, "  deletionPolicy: Delete\n");
    going.taken(&none);
    gone(&space, "odooinstances.v1.bemade.org", "my-odoo");
    // Whoever does that has to clean up: nothing is dropped behind his back.
    assert!(matches!(&database(&going.database)[..], [comment] if comment.contains(&going.uid)));
    space.ok(&["delete", "pod", "last", "--grace-period=0", "--force"]);
}
