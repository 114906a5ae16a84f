//! What people break by hand, and what the operator makes of it.

use serde_json::json;

use super::odoo;
use super::world::{Namespace, eventually, shared};

/// What is in a Secret.
pub fn decoded(space: &Namespace<'_>, secret: &str, key: &str) -> Option<String> {
    use base64::Engine as _;
    let secret = space.json("secret", secret)?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(secret["data"][key].as_str()?).unwrap();
    String::from_utf8(bytes).ok()
}

/// The verifier that PostgreSQL holds for the instance's role.
fn verifier(space: &Namespace<'_>, name: &str) -> String {
    let role = format!("odoo.{}.{name}", space.name);
    odoo::client("postgres").rows(&format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")).remove(0)
}

#[test]
fn the_roles_secret_deleted_or_edited_is_what_postgresql_lets_in_again() {
    let space = shared().namespace("role-secret");
    space.apply(&space.quick_start("my-odoo"));
    space.phase("my-odoo", "Running");
    let first = (decoded(&space, "my-odoo-odoo-user", "password").unwrap(), verifier(&space, "my-odoo"));
    space.ok(&["delete", "secret", "my-odoo-odoo-user"]);
    let second = eventually("another password is there, and PostgreSQL has it", || {
        let password = decoded(&space, "my-odoo-odoo-user", "password").filter(|new| *new != first.0)?;
        let verifier = verifier(&space, "my-odoo");
        (verifier != first.1).then_some((password, verifier))
    });
    eventually("odoo.conf has it too", || {
        decoded(&space, "my-odoo-odoo-conf", "odoo.conf").filter(|conf| conf.contains(&second.0)).map(drop)
    });
    let patch = json!({"stringData": {"password": "edited-by-hand"}}).to_string();
    space.ok(&["patch", "secret", "my-odoo-odoo-user", "--type=merge", "--patch", &patch]);
    eventually("PostgreSQL has the edited one", || (verifier(&space, "my-odoo") != second.1).then_some(()));
    space.phase("my-odoo", "Running");
}

#[test]
fn an_edited_odoo_conf_is_put_back() {
    let space = shared().namespace("conf");
    space.apply(&space.quick_start("my-odoo"));
    space.phase("my-odoo", "Running");
    let before = decoded(&space, "my-odoo-odoo-conf", "odoo.conf").unwrap();
    let patch = json!({"stringData": {"odoo.conf": "[options]\n"}}).to_string();
    space.ok(&["patch", "secret", "my-odoo-odoo-conf", "--type=merge", "--patch", &patch]);
    eventually("odoo.conf is as it was", || {
        (decoded(&space, "my-odoo-odoo-conf", "odoo.conf")? == before).then_some(())
    });
}

#[test]
fn an_init_job_that_is_deleted_while_its_pod_works_goes_and_another_is_made() {
    let space = shared().namespace("empty-interrupted");
    space.apply(&space.quick_start("my-odoo").replace("odoo:19.0", "odoo:19.0-outcome-hang"));
    let first = eventually("the pod of the init job works", || {
        let job = space.json("odooinitjob", "my-odoo-auto-init")?;
        let pods = space.json("pods", "--selector=bemade.org/job-uid")?;
        (pods["items"][0]["status"]["phase"] == "Running").then_some(job["metadata"]["uid"].clone())
    });
    space.ok(&["delete", "odooinitjob", "my-odoo-auto-init", "--timeout=45s"]);
    eventually("another init job is made", || {
        let job = space.json("odooinitjob", "my-odoo-auto-init")?;
        (job["metadata"]["uid"] != first).then_some(())
    });
}

#[test]
fn an_init_job_of_somebody_else_with_the_name_is_told_and_the_instance_goes_on_when_it_is_gone() {
    let space = shared().namespace("job-name");
    let job = "apiVersion: bemade.org/v1\nkind: OdooInitJob\nmetadata: {name: my-odoo-auto-init}\n\
               spec: {odooInstanceRef: {name: another}}\n";
    space.apply(job);
    space.apply(&space.quick_start("my-odoo"));
    let message = eventually("the instance says what is in the way", || {
        let object = space.instance("my-odoo");
        let ready = Namespace::condition(&object, "Ready");
        (ready["reason"] == "NameTaken").then(|| ready["message"].as_str().unwrap_or_default().to_owned())
    });
    assert!(message.contains("OdooInitJob") && message.contains("my-odoo-auto-init"), "{message}");
    space.ok(&["delete", "odooinitjob", "my-odoo-auto-init"]);
    space.phase("my-odoo", "Running");
}

#[test]
fn a_job_of_an_earlier_instance_of_the_name_does_not_hold_up_the_next_one() {
    let space = shared().namespace("past");
    let manifest = format!("{}  deletionPolicy: Delete\n", space.quick_start("my-odoo"));
    space.apply(&format!("{manifest}  initialization: {{mode: none}}\n"));
    space.phase("my-odoo", "Uninitialized");
    space.apply(
        "apiVersion: bemade.org/v1\nkind: OdooInitJob\nmetadata: {name: by-hand}\n\
         spec: {odooInstanceRef: {name: my-odoo}}\n",
    );
    space.phase("my-odoo", "Running");
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    assert_eq!(space.json("odooinitjob", "by-hand").unwrap()["status"]["phase"], "Completed");
    space.apply(&manifest);
    eventually("the new instance gets an init job of its own", || space.json("odooinitjob", "my-odoo-auto-init"));
}

#[test]
fn a_lost_database_is_made_and_filled_again_where_the_policy_says_so() {
    let space = shared().namespace("recreate");
    space.apply(&format!("{}  database: {{missingPolicy: Recreate}}\n", space.quick_start("my-odoo")));
    let object = space.phase("my-odoo", "Running");
    let database = object["status"]["databaseName"].as_str().unwrap();
    let filler = space.json("odooinitjob", "my-odoo-auto-init").unwrap()["metadata"]["uid"].clone();
    let oid = || {
        let rows =
            odoo::client("postgres").rows(&format!("SELECT oid::text FROM pg_database WHERE datname = '{database}'"));
        rows.into_iter().next()
    };
    let first = oid();
    odoo::client("postgres").rows(&format!("DROP DATABASE \"{database}\" WITH (FORCE)"));
    // The next inventory shows it; another instance's deletion asks for one at once.
    space.apply(&format!("{}  deletionPolicy: Delete\n", space.quick_start("another")));
    space.phase("another", "Running");
    space.ok(&["delete", "odooinstance", "another", "--timeout=60s"]);
    space.ok(&["annotate", "odooinstance", "my-odoo", "look=again"]);
    eventually("another database is there", || oid().filter(|new| Some(new) != first.as_ref()).map(drop));
    eventually("another init job fills it", || {
        let job = space.json("odooinitjob", "my-odoo-auto-init")?;
        (job["metadata"]["uid"] != filler && job["status"]["jobName"].is_string()).then_some(())
    });
}

#[test]
fn an_instance_is_deleted_with_its_data_though_one_of_its_name_left_another_database() {
    let space = shared().namespace("two-lives");
    let named = |database: &str, policy: &str| {
        let database = format!("{}_{database}", space.name.replace('-', "_"));
        let manifest = space.quick_start("my-odoo");
        format!("{manifest}  database: {{name: {database}}}\n  deletionPolicy: {policy}\n")
    };
    let databases = || {
        let like = format!("{}\\_%", space.name.replace('-', "\\_"));
        odoo::client("postgres").rows(&format!("SELECT datname FROM pg_database WHERE datname LIKE '{like}'"))
    };
    space.apply(&named("first", "Retain"));
    space.phase("my-odoo", "Running");
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    space.apply(&named("second", "Delete"));
    space.phase("my-odoo", "Running");
    assert_eq!(databases().len(), 2);
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    assert!(databases().iter().all(|name| name.ends_with("_first")), "{:?}", databases());
    space.apply(&named("first", "Delete"));
    space.phase("my-odoo", "Running");
    space.ok(&["delete", "odooinstance", "my-odoo", "--timeout=60s"]);
    assert_eq!(databases(), [""; 0]);
    let role = format!("odoo.{}.my-odoo", space.name);
    assert_eq!(odoo::client("postgres").rows(&format!("SELECT 1 FROM pg_roles WHERE rolname = '{role}'")), [""; 0]);
}
