//! From a manifest to a running instance, and at rest.

use aws_lc_rs::hmac;
use serde_json::json;

use super::damage::decoded;
use super::odoo;
use super::world::{Namespace, World, eventually, shared};

#[test]
fn the_published_quick_start_goes_to_running() {
    let space = shared().namespace("quick");
    space.apply(&space.quick_start("my-odoo"));
    let object = space.phase("my-odoo", "Running");
    assert_eq!(object["status"]["ready"], true);
    assert_eq!(object["status"]["url"], format!("https://my-odoo.{}.example.com", space.name));
    assert_eq!(Namespace::condition(&object, "Ready")["status"], "True");
    assert_eq!(Namespace::condition(&object, "DatabaseReady")["status"], "True");
    assert_eq!(object["metadata"]["finalizers"], json!(["bemade.org/postgres-cleanup"]));
    let columns = space.ok(&["get", "odoo", "my-odoo"]);
    for word in ["PHASE", "READY", "VERSION", "URL", "LAST BACKUP", "Running", "True"] {
        assert!(columns.contains(word), "{word}:\n{columns}");
    }
    // The login admin has the given password's hash, and the database belongs to the operator, not to the instance.
    let database = object["status"]["databaseName"].as_str().unwrap();
    let password = odoo::client(database).rows("SELECT password FROM res_users WHERE login = 'admin'");
    assert!(password[0].starts_with("$pbkdf2-sha512$600000$"), "{password:?}");
    let owner = odoo::client("postgres")
        .rows(&format!("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{database}'"));
    assert_eq!(owner, [super::world::env("PG_ADMIN_USER")]);
}

#[test]
fn applying_the_same_manifest_again_changes_nothing() {
    let space = shared().namespace("again");
    space.apply(&space.quick_start("my-odoo"));
    space.phase("my-odoo", "Running");
    let again = space.apply(&space.quick_start("my-odoo"));
    assert!(again.contains("unchanged"), "{again}");
    let difference = space.kubectl(&["diff", "--filename=-"], &space.quick_start("my-odoo"));
    assert!(difference.status.success(), "{}", String::from_utf8_lossy(&difference.stdout));
}

#[test]
fn from_create_to_running_takes_few_requests() {
    let space = shared().namespace("requests");
    space.apply(&space.quick_start("frugal"));
    space.phase("frugal", "Running");
    eventually("the init job is let go", || {
        let job = space.json("odooinitjob", "frugal-auto-init")?;
        job["metadata"]["finalizers"].is_null().then_some(())
    });
    let requests = requests(space.world, &space.name);
    let counted: Vec<_> = requests.iter().filter(|request| !request.contains("events")).collect();
    assert!(counted.len() <= 20, "{} requests: {counted:#?}", counted.len());
    let events = requests.len() - counted.len();
    // Uninitialized, Initializing, Starting, Running.
    assert!(events <= 4, "{events} Events");
}

/// What the operator asked of the API server about one namespace, watches and leases aside.
pub fn requests(world: &World, namespace: &str) -> Vec<String> {
    let log = std::fs::read_to_string(&world.audit_log).unwrap();
    log.lines()
        .filter(|line| line.contains("system:serviceaccount:odoo-operator:odoo-operator") && line.contains(namespace))
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|event| event["objectRef"]["namespace"] == namespace && event["stage"] == "ResponseComplete")
        .map(|event| {
            let target = &event["objectRef"];
            format!(
                "{} {}/{} {}",
                event["verb"].as_str().unwrap_or_default(),
                target["resource"].as_str().unwrap_or_default(),
                target["subresource"].as_str().unwrap_or_default(),
                target["name"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn replicas_0_stops_and_more_starts_again() {
    let space = shared().namespace("stop");
    space.apply(&space.quick_start("my-odoo"));
    space.phase("my-odoo", "Running");
    space.ok(&["scale", "odooinstance", "my-odoo", "--replicas=0"]);
    let stopped = space.phase("my-odoo", "Stopped");
    assert_eq!(Namespace::condition(&stopped, "Ready")["reason"], "Stopped");
    for deployment in ["my-odoo", "my-odoo-cron"] {
        eventually("the pods are gone", || {
            let object = space.json("deployment", deployment)?;
            (object["spec"]["replicas"] == 0 && object["status"]["replicas"].as_i64().unwrap_or(0) == 0).then_some(())
        });
    }
    space.ok(&["scale", "odooinstance", "my-odoo", "--replicas=1"]);
    space.phase("my-odoo", "Running");
}

#[test]
fn a_hand_edit_of_a_child_is_put_back() {
    let space = shared().namespace("edit");
    space.apply(&space.quick_start("my-odoo"));
    space.phase("my-odoo", "Running");
    let patch = r#"{"spec": {"ports": [{"name": "http", "port": 8069, "targetPort": 1}]}}"#;
    space.ok(&["patch", "service", "my-odoo", "--type=merge", "--patch", patch]);
    eventually("the Service is as it was", || {
        let service = space.json("service", "my-odoo")?;
        let ports = service["spec"]["ports"].as_array()?;
        (ports.len() == 2 && ports[0]["targetPort"] == 8069).then_some(())
    });
}

#[test]
fn a_field_that_is_given_up_goes_from_the_child_too() {
    let space = shared().namespace("drop");
    let manifest = space.quick_start("my-odoo");
    space.apply(&format!("{manifest}  nodeSelector:\n    kubernetes.io/os: linux\n"));
    space.phase("my-odoo", "Running");
    let selector = || space.json("deployment", "my-odoo").unwrap()["spec"]["template"]["spec"]["nodeSelector"].clone();
    assert_eq!(selector(), json!({"kubernetes.io/os": "linux"}));
    space.apply(&manifest);
    eventually("the node selector is gone", || selector().is_null().then_some(()));
}

#[test]
fn an_init_that_fails_says_why_and_can_be_tried_again() {
    let space = shared().namespace("empty-fail");
    let manifest = space.quick_start("my-odoo").replace("odoo:19.0", "odoo:outcome-fail");
    space.apply(&manifest);
    let failed = space.phase("my-odoo", "InitFailed");
    let message = failed["status"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("exit code"), "{message}");
    assert_eq!(Namespace::condition(&failed, "Stalled")["status"], "True");
    let job = space.json("odooinitjob", "my-odoo-auto-init").unwrap();
    assert_eq!(job["status"]["phase"], "Failed");
    let first = job["metadata"]["uid"].clone();
    space.ok(&["delete", "odooinitjob", "my-odoo-auto-init"]);
    eventually("another init job is made", || {
        let job = space.json("odooinitjob", "my-odoo-auto-init")?;
        (job["metadata"]["uid"] != first).then_some(())
    });
}

#[test]
fn no_secret_is_anywhere_but_in_secrets() {
    let space = shared().namespace("secrets");
    space.apply(&space.quick_start("my-odoo").replace("my-admin-password", "canary-passw0rd"));
    space.phase("my-odoo", "Running");
    let secrets = ["password", "adminHash", "digestKey"].map(|key| decoded(&space, "my-odoo-odoo-user", key).unwrap());
    let kinds = "deployments,jobs,pods,configmaps,services,ingresses,events,persistentvolumeclaims,odooinitjobs";
    let mut everything = space.ok(&["get", kinds, "--output=yaml"]);
    let object = space.instance("my-odoo");
    everything.push_str(&object["status"].to_string());
    everything.push_str(&space.world.operator_log());
    everything.push_str(&space.world.metrics());
    for secret in secrets.iter().map(String::as_str).chain(["canary-passw0rd"]) {
        assert!(!everything.contains(secret), "a secret of {} bytes is outside of Secrets", secret.len());
    }
}

#[test]
fn a_missing_secret_is_named_and_the_instance_goes_on_once_it_is_there() {
    let space = shared().namespace("later");
    let manifest = space
        .quick_start("my-odoo")
        .replace("adminPassword: \"my-admin-password\"", "adminPasswordSecretRef: {name: later, key: password}");
    space.apply(&manifest);
    eventually("the message names it", || {
        let object = space.instance("my-odoo");
        let message = object["status"]["message"].as_str().unwrap_or_default().to_owned();
        (message.contains("spec.adminPasswordSecretRef") && message.contains("later")).then_some(())
    });
    space.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: later}\nstringData: {password: a-good-one}\n");
    space.phase("my-odoo", "Running");
}

#[test]
fn a_password_that_comes_while_the_one_before_is_hashed_is_the_one_that_counts() {
    let space = shared().namespace("hashed");
    let give = |password: &str| {
        space.apply(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: admin}}\nstringData: {{password: {password}}}\n"
        ));
    };
    give("the-first-one");
    let reference = "adminPasswordSecretRef: {name: admin, key: password}";
    space.apply(&space.quick_start("my-odoo").replace("adminPassword: \"my-admin-password\"", reference));
    // A hash takes half a second, which is longer than the next one takes to come.
    for at in 0..8 {
        give(&format!("changed-{at}"));
    }
    eventually("the last one counts", || {
        let stored = |key| decoded(&space, "my-odoo-odoo-user", key);
        let key = hmac::Key::new(hmac::HMAC_SHA256, stored("digestKey")?.as_bytes());
        let digest = stored("digest")?;
        let digest: Option<Vec<u8>> =
            (0..digest.len()).step_by(2).map(|at| u8::from_str_radix(digest.get(at..at + 2)?, 16).ok()).collect();
        hmac::verify(&key, b"changed-7", &digest?).ok()
    });
}

#[test]
fn a_name_that_no_secret_can_have_is_asked_for_nowhere() {
    let world = World::start("odd-secret");
    // As it was stored before rule 31 was there.
    world.ok(&["delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "--all"]);
    let space = world.namespace("odd-secret");
    for (at, odd) in ["../configmaps/theirs", "later?watch=true", "Later"].into_iter().enumerate() {
        let name = format!("odoo{at}");
        let secret = format!("adminPasswordSecretRef: {{name: \"{odd}\", key: password}}");
        space.apply(&space.quick_start(&name).replace("adminPassword: \"my-admin-password\"", &secret));
        eventually("the message names it", || {
            let object = space.instance(&name);
            let message = object["status"]["message"].as_str().unwrap_or_default().to_owned();
            (message.contains("spec.adminPasswordSecretRef") && message.contains(odd)).then_some(())
        });
    }
    let asked = requests(&world, &space.name);
    assert!(!asked.iter().any(|request| request.contains("theirs") || request.contains("ater")), "{asked:#?}");
}
