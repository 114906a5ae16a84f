//! From the existing operator's Helm release to ours, and back: preflight first, and nothing is lost on either way.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::kubelet::{self, IMAGE};
use crate::odoo;
use crate::takeover::existing;
use crate::world::{Namespace, World, env, eventually, text};

/// The existing operator's chart, as far as it matters: its CRDs, its webhook, its Deployment.
fn install_existing(world: &World) {
    let chart = world.folder.join("odoo-chart");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "{apiVersion: v2, name: odoo-operator, version: 2.5.0}").unwrap();
    std::fs::write(chart.join("templates/crds.yaml"), include_str!("takeover/existing-crds.yaml")).unwrap();
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "odoo-webhook"},
        "webhooks": [{
            "name": "vodooinstance.bemade.org", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "clientConfig": {"url": "https://127.0.0.1:1/validate"},
            "rules": [{
                "apiGroups": ["bemade.org"], "apiVersions": ["v1alpha1"], "operations": ["UPDATE"],
                "resources": ["odooinstances"],
            }],
        }],
    });
    let labels = json!({"app": "theirs"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "odoo"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "operator", "image": "registry.example.com/bemade/odoo-operator:2.5.0"}]},
            },
        },
    });
    std::fs::write(chart.join("templates/rest.yaml"), format!("{webhook}\n---\n{deployment}\n")).unwrap();
    let install = Command::new("helm")
        .args(["upgrade", "--install", "odoo", &chart.display().to_string()])
        .args(["--namespace=odoo-old", "--create-namespace", "--kubeconfig"])
        .arg(world.folder.join("plane/admin.kubeconfig"))
        .env("HOME", &world.folder)
        .output()
        .unwrap();
    assert!(install.status.success(), "{}", text(&install));
}

/// What it says, as an account that may only read.
fn preflight(world: &World, arguments: &[&str]) -> Output {
    let reader = world.folder.join("reader.kubeconfig");
    if !reader.exists() {
        world.ok(&["create", "namespace", "odoo-operator"]);
        world.ok(&["create", "serviceaccount", "reader", "--namespace=odoo-operator"]);
        world.ok(&["create", "clusterrole", "reader", "--verb=get,list", "--resource=*.*"]);
        let account = "--serviceaccount=odoo-operator:reader";
        world.ok(&["create", "clusterrolebinding", "reader", "--clusterrole=reader", account]);
        world.log_in("reader", &reader);
        std::fs::write(world.folder.join("password"), env("PG_ADMIN_PASSWORD")).unwrap();
    }
    Command::new(env!("CARGO_BIN_EXE_odoo-operator"))
        .arg("preflight")
        .args([format!("--postgres-host={}", env("PGHOST")), format!("--postgres-port={}", env("PGPORT"))])
        .arg(format!("--postgres-admin-user={}", env("PG_ADMIN_USER")))
        .arg(format!("--postgres-admin-database={}", env("PG_ADMIN_DATABASE")))
        .arg(format!("--postgres-admin-password-file={}", world.folder.join("password").display()))
        .args(arguments)
        .env("KUBECONFIG", reader)
        .output()
        .unwrap()
}

fn crd(world: &World) -> Value {
    serde_json::from_str(&world.ok(&["get", "crd", "odooinstances.bemade.org", "-ojson"])).unwrap()
}

fn pods(space: &Namespace<'_>) -> String {
    space.ok(&["get", "pods", "-ocustom-columns=NAME:.metadata.name,UID:.metadata.uid", "--sort-by=.metadata.uid"])
}

/// Owner of the database, its COMMENT, and whether the role may make databases.
fn postgres(instance: &Value) -> Vec<String> {
    let (role, database) = (existing::role(instance), existing::database(instance));
    odoo::client("postgres").rows(&format!(
        "SELECT pg_get_userbyid(datdba) || ' ' || coalesce(shobj_description(oid, 'pg_database'), 'none') || ' ' ||
                (SELECT rolcreatedb FROM pg_roles WHERE rolname = '{role}')
         FROM pg_database WHERE datname = '{database}'"
    ))
}

/// Preflight says what stands in the way and what will change, and can do nothing about it itself.
fn told_first(world: &World, space: &Namespace<'_>, object: &Value) {
    let theirs = postgres(object);
    let first = preflight(world, &[]);
    let said = text(&first);
    assert_eq!(first.status.code(), Some(1), "{said}");
    let blocking: Vec<_> = said.lines().filter(|line| line.trim_start().starts_with("BLOCKS")).collect();
    assert_eq!(blocking.len(), 3, "{said}");
    for words in [
        "kubectl delete validatingwebhookconfiguration odoo-webhook",
        "scale deployment odoo --replicas=0",
        "Restoring: an operation of the other operator",
        "Helm release odoo-old/odoo, which leaves it",
        "spec.deletionPolicy: becomes Delete",
        "Deployment running: keeps its pods",
        "PersistentVolumeClaim running-filestore-pvc: loses its owner reference",
        "loses CREATEDB",
        "belongs to the admin role from then on",
        "spec.ingress.hosts[0]",
        "KopfFinalizerMarker is removed",
    ] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    assert!(!said.contains("v3ry-s3cret"), "a password:\n{said}");
    let json: Value = serde_json::from_slice(&preflight(world, &["--output=json"]).stdout).unwrap();
    assert_eq!((&json["blocking"], json["objects"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(postgres(object), theirs);
    assert_eq!(space.json("odooinstances", "running").unwrap(), *object);
    let mut nowhere = Command::new(env!("CARGO_BIN_EXE_odoo-operator"));
    let nowhere = nowhere.arg("preflight").env("KUBECONFIG", "/no/such").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2), "{}", text(&nowhere));
}

#[test]
fn from_the_existing_operator_to_ours_and_back() {
    let world = World::bare("way-back");
    install_existing(&world);
    let space = world.namespace("way-back");
    // The existing operator's pods do not meet it.
    world.ok(&["label", "namespace", &space.name, "pod-security.kubernetes.io/enforce-"]);
    let mut running = existing::instance(&space, "Running", 2);
    running["spec"]["adminPassword"] = json!("v3ry-s3cret");
    let mut restoring = existing::instance(&space, "Restoring", 1);
    restoring["spec"]["ingress"]["hosts"] = running["spec"]["ingress"]["hosts"].clone();
    existing::create(&space, &[running, restoring]);
    for (phase, replicas) in [("Running", 2), ("Restoring", 1)] {
        let status = existing::status(&space, phase, true, replicas);
        existing::set_status(&space, "odooinstances", &existing::name(phase), &status);
    }
    let backup = json!({
        "apiVersion": "bemade.org/v1alpha1", "kind": "OdooBackupJob",
        "metadata": {"name": "backed-up", "namespace": space.name},
        "spec": {
            "odooInstanceRef": {"name": "running"},
            "destination": {"bucket": "b", "objectKey": "k.zip", "endpoint": "https://s3.example.com"},
        },
    });
    existing::create(&space, &[backup]);
    existing::set_status(&space, "odoobackupjobs", "backed-up", &json!({"phase": "Completed"}));
    let object = space.json("odooinstances", "running").unwrap();
    existing::create(&space, &existing::created(&object));
    existing::apply(&space, &existing::applied(&object, "Running", 2));
    existing::postgres(&object, true);
    space.ok(&["rollout", "status", "deployment/running", "--timeout=60s"]);
    let theirs = postgres(&object);
    assert!(theirs[0].ends_with(" none true"), "{theirs:?}");

    told_first(&world, &space, &object);
    world.ok(&["delete", "validatingwebhookconfiguration", "odoo-webhook"]);
    world.ok(&["scale", "deployment/odoo", "--replicas=0", "--namespace=odoo-old"]);
    space.ok(&["patch", "odooinstances", "restoring", "--type=merge", "-p", r#"{"metadata": {"finalizers": []}}"#]);
    space.ok(&["delete", "odooinstances", "restoring"]);
    let second = preflight(&world, &[]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second));

    // Ours, beside the other release; then that one goes.
    let before = pods(&space);
    let values: Vec<String> = [
        IMAGE.to_owned(),
        "uninstall.toV1alpha1=true".to_owned(),
        format!("database.host={}", env("PGHOST")),
        format!("database.port={}", env("PGPORT")),
        format!("database.adminUser={}", env("PG_ADMIN_USER")),
        format!("database.adminDatabase={}", env("PG_ADMIN_DATABASE")),
        "database.adminPasswordSecret.name=postgres-admin".to_owned(),
    ]
    .into();
    world.install_with(&values.iter().map(String::as_str).collect::<Vec<_>>());
    world.start_operator();
    eventually("everything is migrated", || (crd(&world)["status"]["storedVersions"] == json!(["v1"])).then_some(()));
    eventually("the database is ours", || (postgres(&object) != theirs).then_some(()));
    eventually("the claim is the instance's no more", || {
        let claim = space.json("persistentvolumeclaim", "running-filestore-pvc")?;
        claim["metadata"]["ownerReferences"].is_null().then_some(())
    });
    let taken = crd(&world);
    assert_eq!(taken["metadata"]["annotations"]["meta.helm.sh/release-name"], "odoo");
    let gone = Command::new("helm")
        .args(["uninstall", "odoo", "--namespace=odoo-old", "--kubeconfig"])
        .arg(world.folder.join("plane/admin.kubeconfig"))
        .env("HOME", &world.folder)
        .output()
        .unwrap();
    assert!(gone.status.success(), "{}", text(&gone));
    assert_eq!(space.phase("running", "Running")["spec"]["deletionPolicy"], "Delete");
    assert_eq!(pods(&space), before);

    // And back.
    world.ok(&["scale", "deployment/odoo-operator", "--replicas=1", "--namespace=odoo-operator"]);
    let (helm, said) = kubelet::helm(&world, &["uninstall", "odoo-operator", "--timeout=100s"]);
    assert!(helm.status.success(), "{}\n{said}", text(&helm));
    as_it_was(&world, &space, &object, &theirs);
    assert_eq!(pods(&space), before, "{said}");
    install_existing(&world);
}

#[test]
fn what_an_unfinished_way_back_stored_is_stored_as_v1_again() {
    let world = World::start("unfinished-way-back");
    let space = world.namespace("unfinished");
    eventually("the CRD is marked", || {
        (crd(&world)["metadata"]["annotations"]["bemade.org/migrated"] == "v1").then_some(())
    });
    let fresh = "  initialization: {mode: fresh, modules: [base, web]}\n  replicas: 1";
    space.apply(&space.quick_start("shop").replace("  replicas: 1", fresh));
    space.phase("shop", "Running");
    let patch = |changes: Value| {
        let changes = changes.to_string();
        world.ok(&["patch", "crd", "odooinstances.bemade.org", "--type=json", "-p", &changes]);
    };
    let discovery = || world.ok(&["get", "--raw", "/apis/bemade.org/v1"]);
    let before = discovery();
    let versions = crd(&world)["spec"]["versions"].as_array().unwrap().clone();
    let storage = |(at, version): (usize, &Value)| json!({"op": "replace", "path": format!("/spec/versions/{at}/storage"), "value": version["name"] == "v1alpha1"});
    patch(versions.iter().enumerate().map(storage).collect());
    eventually("the API server has heard", || (discovery() != before).then_some(()));
    // As somebody wrote it before it came to its turn.
    space.ok(&["annotate", "odooinstances.v1.bemade.org", "shop", "bemade.org/migrated=v1"]);
    assert_eq!(crd(&world)["status"]["storedVersions"], json!(["v1", "v1alpha1"]));

    world.kill_operator();
    world.start_operator();
    eventually("v1 alone is stored", || (crd(&world)["status"]["storedVersions"] == json!(["v1"])).then_some(()));
    // Nobody converts any more: this is what is stored.
    world.kill_operator();
    patch(json!([{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}]));
    let modules = space.instance("shop")["spec"]["initialization"]["modules"].clone();
    assert_eq!(modules, json!(["base", "web"]));

    // And none begins while an instance is on its way out: its volume would go with it.
    space.ok(&["delete", "odooinstances.v1.bemade.org", "shop", "--wait=false"]);
    let held = crd(&world);
    let mut back = Command::new(env!("CARGO_BIN_EXE_odoo-operator"));
    back.args(["uninstall", "--to-v1alpha1", "--operator-namespace=odoo-operator", "--deployment="])
        .args([format!("--postgres-host={}", env("PGHOST")), format!("--postgres-port={}", env("PGPORT"))])
        .arg(format!("--postgres-admin-user={}", env("PG_ADMIN_USER")))
        .arg(format!("--postgres-admin-password-file={}", world.folder.join("password").display()))
        .env("KUBECONFIG", world.folder.join("plane/admin.kubeconfig"));
    let back = back.output().unwrap();
    assert!(!back.status.success() && text(&back).contains("are being deleted"), "{}", text(&back));
    assert_eq!(crd(&world), held);
    world.start_operator();
}

/// The existing operator finds what it left.
fn as_it_was(world: &World, space: &Namespace<'_>, object: &Value, theirs: &[String]) {
    let back = crd(world);
    assert_eq!(back["status"]["storedVersions"], json!(["v1alpha1"]));
    assert_eq!(back["spec"]["conversion"], json!({"strategy": "None"}));
    for version in back["spec"]["versions"].as_array().unwrap() {
        let old = version["name"] == "v1alpha1";
        assert_eq!((&version["served"], &version["storage"]), (&json!(old), &json!(old)));
    }
    // Nobody converts any more: this is what is stored.
    let stored = space.json("odooinstances.v1alpha1.bemade.org", "running").unwrap();
    assert_eq!(stored["spec"]["init"], object["spec"]["init"]);
    assert_eq!(stored["spec"]["initialization"], Value::Null);
    assert_eq!(stored["status"]["phase"], "Running");
    let left = stored["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    assert!(!left.contains_key("bemade.org/migrated"), "{left:?}");
    assert_eq!(postgres(object), theirs);
    let backup = space.json("odoobackupjobs.v1alpha1.bemade.org", "backed-up").unwrap();
    assert_eq!(
        (&backup["spec"]["destination"]["bucket"], &backup["status"]["phase"]),
        (&json!("b"), &json!("Completed"))
    );
    let claim = space.json("persistentvolumeclaim", "running-filestore-pvc").unwrap();
    assert_eq!(claim["metadata"]["ownerReferences"][0]["uid"], object["metadata"]["uid"]);
    let children = ["get", "secrets,services,deployments,ingresses,serviceaccounts,persistentvolumeclaims", "-ojson"];
    let children: Value = serde_json::from_str(&space.ok(&children)).unwrap();
    for child in children["items"].as_array().unwrap() {
        let owner = &child["metadata"]["ownerReferences"][0]["apiVersion"];
        assert!(owner.is_null() || owner == "bemade.org/v1alpha1", "{child:#}");
    }
}
