//! The existing operator's cluster: v1alpha1 stored, children and databases of an instance in each of its phases.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::existing::{self, INSTANCES};
use crate::odoo;
use crate::world::{Namespace, World, eventually};

const CRDS: &str = include_str!("existing-crds.yaml");
const V1: &str = "odooinstances.v1.bemade.org";
const V1ALPHA1: &str = "odooinstances.v1alpha1.bemade.org";

/// uids of the pods that run, and the generation of every Deployment's template.
fn running(space: &Namespace<'_>) -> BTreeMap<String, String> {
    let all: Value = serde_json::from_str(&space.ok(&["get", "pods,deployments", "--output=json"])).unwrap();
    let of = |object: &Value| {
        let (kind, metadata) = (object["kind"].as_str().unwrap(), &object["metadata"]);
        let what = if kind == "Pod" {
            metadata["uid"].to_string()
        } else {
            json!([object["spec"]["template"], object["spec"]["replicas"]]).to_string()
        };
        (format!("{kind} {}", metadata["name"].as_str().unwrap()), what)
    };
    all["items"].as_array().unwrap().iter().map(of).collect()
}

fn of<'a>(running: &'a BTreeMap<String, String>, phase: &str) -> BTreeMap<&'a String, &'a String> {
    let name = existing::name(phase);
    let mine = |key: &str| {
        let object = key.split(' ').nth(1).unwrap();
        object == name || object.starts_with(&format!("{name}-"))
    };
    running.iter().filter(|(key, _)| mine(key)).collect()
}

fn crd(world: &World, plural: &str) -> Value {
    serde_json::from_str(&world.ok(&["get", "crd", &format!("{plural}.bemade.org"), "--output=json"])).unwrap()
}

/// Jobs that ended.
const ENDED: [(&str, &str); 3] =
    [("odoobackupjobs", "backed-up"), ("odoorestorejobs", "restored"), ("odoostagingrefreshjobs", "refreshed")];

/// The existing operator's cluster, without the operator; its instances by phase.
fn prepare(space: &Namespace<'_>) -> BTreeMap<&'static str, Value> {
    let instances: Vec<_> =
        INSTANCES.iter().map(|(phase, _, replicas)| existing::instance(space, phase, *replicas)).collect();
    existing::create(space, &instances);
    let (mut applied, mut created, mut objects) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (phase, initialized, replicas) in INSTANCES {
        existing::set_status(
            space,
            "odooinstances",
            &existing::name(phase),
            &existing::status(space, phase, initialized, replicas),
        );
        let object = space.json("odooinstances", &existing::name(phase)).unwrap();
        applied.extend(existing::applied(&object, phase, replicas));
        created.extend(existing::created(&object));
        existing::postgres(&object, initialized);
        objects.insert(phase, object);
    }
    existing::create(space, &created);
    existing::apply(space, &applied);

    let reference = |name: &str| json!({"odooInstanceRef": {"name": name}});
    let job = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "bemade.org/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": space.name}, "spec": spec,
        })
    };
    let mut backup = reference("backingup");
    backup["destination"] = json!({"bucket": "b", "objectKey": "k.zip", "endpoint": "https://s3.example.com", "s3CredentialsSecretRef": {"name": "s3"}});
    let mut restore = reference("running");
    restore["source"] = json!({"type": "s3", "s3": backup["destination"]});
    let mut refresh = reference("running");
    refresh["source"] = json!({"instanceName": "stopped"});
    existing::create(
        space,
        &[
            job("OdooInitJob", "initializing-auto-init", reference("initializing")),
            job("OdooInitJob", "initfailed-auto-init", reference("initfailed")),
            job("OdooUpgradeJob", "upgrade", reference("upgrading")),
            job("OdooBackupJob", "backup", backup.clone()),
            job("OdooBackupJob", "backed-up", backup.clone()),
            job("OdooRestoreJob", "restored", restore),
            job("OdooStagingRefreshJob", "refreshed", refresh),
        ],
    );
    for (resource, name) in ENDED {
        let ended = json!({"phase": "Completed", "completionTime": "2026-01-02 03:04:05"});
        existing::set_status(space, resource, name, &ended);
    }
    let started = |job: &str| json!({"phase": "Running", "jobName": job, "startTime": "2026-01-02 03:04:05"});
    existing::set_status(space, "odooinitjobs", "initializing-auto-init", &started("initializing-auto-init-x7k2p"));
    existing::set_status(
        space,
        "odooinitjobs",
        "initfailed-auto-init",
        &json!({"phase": "Failed", "message": "init job failed"}),
    );
    existing::set_status(space, "odooupgradejobs", "upgrade", &started("upgrade-x"));
    existing::set_status(space, "odoobackupjobs", "backup", &started("backup-x"));
    let owner = space.json("odooinitjobs", "initializing-auto-init").unwrap();
    existing::create(
        space,
        &[json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": "initializing-auto-init-x7k2p", "namespace": space.name,
                "labels": {"bemade.org/instance": "initializing"},
                "ownerReferences": [{
                    "apiVersion": "bemade.org/v1alpha1", "kind": "OdooInitJob", "name": "initializing-auto-init",
                    "uid": owner["metadata"]["uid"], "controller": true,
                }],
            },
            "spec": {
                "backoffLimit": 0,
                "template": {
                    "metadata": {
                        "labels": {"bemade.org/instance": "initializing"},
                        "annotations": {"test.bemade.org/outcome": "hang"},
                    },
                    "spec": {"restartPolicy": "Never", "containers": [{"name": "init", "image": "odoo:18.0"}]},
                },
            },
        })],
    );
    for (phase, _, replicas) in INSTANCES {
        let (web, cron) = existing::pods(phase, replicas);
        for (name, pods) in [(existing::name(phase), web), (format!("{}-cron", existing::name(phase)), cron)] {
            eventually("the pods run", || {
                let ready = space.json("deployment", &name)?["status"]["readyReplicas"].as_i64().unwrap_or(0);
                (ready == i64::from(pods)).then_some(())
            });
        }
    }
    objects
}

#[test]
fn the_existing_operators_instances_run_on_and_move_over_when_told() {
    let world = World::bare("takeover");
    let crds = world.kubectl(&["create", "--filename=-"], CRDS);
    assert!(crds.status.success(), "{}", String::from_utf8_lossy(&crds.stderr));
    world.ok(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=30s"]);
    let space = world.namespace("takeover");
    // The existing operator's pods do not meet the strictest standard.
    world.ok(&["label", "namespace", &space.name, "pod-security.kubernetes.io/enforce-"]);
    let objects = prepare(&space);
    let claims = claims(&space);
    let before = running(&space);

    world.install();
    world.start_operator();
    for plural in [
        "odooinstances",
        "odooinitjobs",
        "odooupgradejobs",
        "odoobackupjobs",
        "odoorestorejobs",
        "odoostagingrefreshjobs",
    ] {
        eventually("v1 is the only stored version", || {
            (crd(&world, plural)["status"]["storedVersions"] == json!(["v1"])).then_some(())
        });
    }
    // Nothing of the old schemas is left in ours, which would keep what v1 does not know.
    let schema = crd(&world, "odooinstances")["spec"]["versions"].clone();
    let v1 = schema.as_array().unwrap().iter().find(|version| version["name"] == "v1").unwrap();
    assert_eq!(v1["schema"]["openAPIV3Schema"]["x-kubernetes-preserve-unknown-fields"], Value::Null);

    for (phase, _, _) in INSTANCES {
        let name = existing::name(phase);
        let (v1, v1alpha1) = (space.json(V1, &name).unwrap(), space.json(V1ALPHA1, &name).unwrap());
        assert_eq!(v1["metadata"]["annotations"]["bemade.org/migrated"], "v1", "{phase}");
        assert_eq!(v1["metadata"]["finalizers"], json!(["bemade.org/postgres-cleanup"]), "{phase}");
        assert_eq!(v1["spec"]["deletionPolicy"], "Delete", "v1alpha1's meaning: {phase}");
        assert_eq!(v1alpha1["spec"]["init"]["modules"], json!(["base", "web"]), "{phase}");
        assert_eq!(v1["spec"]["initialization"]["modules"], json!(["base", "web"]), "{phase}");
    }

    settled_phases(&space);
    adopted_databases(&objects);
    unsupported(&space, &objects);
    let secret = space.json("secret", "stopped-odoo-user").unwrap();
    assert_eq!(secret["data"]["password"], base64(&existing::password("stopped")), "the one that its pods know");
    for (phase, wanted) in [
        ("Starting", "Running"),
        ("Running", "Running"),
        ("Degraded", "Running"),
        ("Stopped", "Stopped"),
        ("Error", "Running"),
    ] {
        let object = space.phase(&existing::name(phase), wanted);
        assert!(object["status"]["adopted"]["specHash"].is_string(), "{phase}: {object:#}");
        assert_eq!(Namespace::condition(&object, "UpToDate")["reason"], "TakenOver", "{phase}");
    }
    let after = running(&space);
    for (phase, ..) in INSTANCES.iter().filter(|(phase, ..)| !["Provisioning", "Uninitialized"].contains(phase)) {
        assert_eq!(of(&before, phase), of(&after, phase), "{phase}");
    }
    assert_eq!(self::claims(&space), claims);

    finish_initialization(&space, &objects["Initializing"]);
    scale_only(&space);
    move_over(
        &space,
        "running",
        "image",
        &["patch", V1ALPHA1, "running", "--type=merge", "--patch", r#"{"spec":{"image":"odoo:19.0"}}"#],
    );
    move_over(&space, "degraded", "told", &["annotate", V1, "degraded", "bemade.org/adopt=now"]);
    let still = running(&space);
    assert_eq!(of(&before, "Starting"), of(&still, "Starting"), "nobody asked");
    delete_unsupported(&space, &objects["BackingUp"]);
}

/// What must not change of the volume claims.
fn claims(space: &Namespace<'_>) -> BTreeMap<String, Value> {
    let all: Value = serde_json::from_str(&space.ok(&["get", "pvc", "--output=json"])).unwrap();
    let of = |claim: &Value| (claim["metadata"]["name"].to_string(), json!([claim["spec"], claim["metadata"]["uid"]]));
    all["items"].as_array().unwrap().iter().map(of).collect()
}

fn settled_phases(space: &Namespace<'_>) {
    for phase in ["Starting", "Running", "Degraded", "Stopped", "Upgrading", "Restoring"] {
        let name = format!("{}-filestore-pvc", existing::name(phase));
        let claim = eventually("the claim has no owner", || {
            space.json("pvc", &name).filter(|claim| claim["metadata"]["ownerReferences"].is_null())
        });
        assert!(claim["metadata"]["labels"]["bemade.org/instance-uid"].is_string(), "{phase}");
        // The garbage collector finds the owner also when v1alpha1 is not served any more.
        let web = space.json("deployment", &existing::name(phase)).unwrap();
        assert_eq!(web["metadata"]["ownerReferences"][0]["apiVersion"], "bemade.org/v1", "{phase}");
    }
    assert_eq!(space.phase("initfailed", "InitFailed")["status"]["phase"], "InitFailed");
    assert_eq!(space.phase("initializing", "Initializing")["status"]["phase"], "Initializing");
}

fn adopted_databases(objects: &BTreeMap<&str, Value>) {
    let server = odoo::client("postgres");
    let admin = crate::world::env("PG_ADMIN_USER");
    for phase in ["Starting", "Running", "Degraded", "Stopped", "Error"] {
        let (database, role) = (existing::database(&objects[phase]), existing::role(&objects[phase]));
        eventually("the database is ours", || {
            let row = server.rows(&format!(
                "SELECT pg_get_userbyid(datdba), shobj_description(d.oid, 'pg_database'), r.rolcreatedb
                 FROM pg_database d, pg_roles r WHERE datname = '{database}' AND rolname = '{role}'"
            ));
            // One after another.
            let ours =
                |row: &String| row.starts_with(&admin) && row.contains("bemade.org/instance") && row.ends_with("|f");
            row.first().is_some_and(ours).then_some(())
        });
        let public = server.rows(&format!("SELECT has_database_privilege('public', '{database}', 'CONNECT')"));
        assert_eq!(public, [if phase == "Running" { "f" } else { "t" }], "{phase}");
        let content = odoo::client(&database).rows("SELECT name, state FROM ir_module_module");
        assert_eq!(content, ["base|installed"], "{phase}");
        // An existing login keeps its password.
        assert_eq!(odoo::client(&database).rows("SELECT password FROM res_users"), ["admin"], "{phase}");
    }
}

/// An operation that this version does not run: left as it is, and told.
fn unsupported(space: &Namespace<'_>, objects: &BTreeMap<&str, Value>) {
    let server = odoo::client("postgres");
    for (phase, ..) in INSTANCES.iter().filter(|(phase, ..)| existing::is_unsupported(phase)) {
        let object = eventually("it says so", || {
            let object = space.instance(&existing::name(phase));
            (Namespace::condition(&object, "Stalled")["status"] == "True").then_some(object)
        });
        assert_eq!(object["status"]["phase"], *phase);
        assert_eq!(Namespace::condition(&object, "Ready")["reason"], "NotSupported", "{phase}");
        assert!(object["status"]["message"].as_str().unwrap().contains(phase), "{object:#}");
        let (database, role) = (existing::database(&objects[phase]), existing::role(&objects[phase]));
        let row = server.rows(&format!(
            "SELECT pg_get_userbyid(datdba), coalesce(shobj_description(d.oid, 'pg_database'), ''), r.rolcreatedb
             FROM pg_database d, pg_roles r WHERE datname = '{database}' AND rolname = '{role}'"
        ));
        assert_eq!(row, [format!("{role}||t")], "{phase}");
    }
    let moving = space.instance("migratingfilestore");
    assert_eq!(moving["status"]["migration"]["filestoreJobName"], "old-migration", "{:#}", moving["status"]);
    for (kind, name) in [("odooupgradejobs", "upgrade"), ("odoobackupjobs", "backup")] {
        eventually("the job says so", || {
            let job = space.json(kind, name)?;
            (Namespace::condition(&job, "Accepted")["reason"] == "NotSupported").then_some(())
        });
        assert_eq!(space.json(kind, name).unwrap()["status"]["phase"], "Running");
    }
    // Whatever has begun or ended can be read in both versions, and be annotated in both.
    for (resource, name) in ENDED.into_iter().chain([("odoobackupjobs", "backup"), ("odooupgradejobs", "upgrade")]) {
        for version in ["v1", "v1alpha1"] {
            let resource = format!("{resource}.{version}.bemade.org");
            let before = space.json(&resource, name).unwrap();
            space.ok(&["annotate", &resource, name, &format!("example.com/{version}=seen")]);
            let after = space.json(&resource, name).unwrap();
            assert_eq!(after["spec"], before["spec"], "{resource} {name}");
            assert_eq!(after["status"]["phase"], before["status"]["phase"], "{resource} {name}");
        }
    }
}

/// The other operator's Job goes on to its end, and no second one is made.
fn finish_initialization(space: &Namespace<'_>, object: &Value) {
    let jobs: Value = serde_json::from_str(&space.ok(&["get", "jobs", "--output=json"])).unwrap();
    let mine = |job: &&Value| job["metadata"]["name"].as_str().unwrap().starts_with("initializing-");
    assert_eq!(jobs["items"].as_array().unwrap().iter().filter(mine).count(), 1);
    // Odoo makes the database with its role's CREATEDB, and fills it.
    let (role, database) = (existing::role(object), existing::database(object));
    let server = odoo::client("postgres");
    assert_eq!(server.rows(&format!("SELECT rolcreatedb FROM pg_roles WHERE rolname = '{role}'")), ["t"]);
    server.rows(&format!("CREATE DATABASE \"{database}\" OWNER \"{role}\" TEMPLATE template0"));
    odoo::client(&database).rows(&format!("BEGIN; SET LOCAL ROLE \"{role}\"; {} COMMIT", odoo::TABLES));
    let selector = "--selector=job-name=initializing-auto-init-x7k2p";
    space.ok(&["annotate", "pods", selector, "--overwrite", "test.bemade.org/outcome=succeed"]);
    space.phase("initializing", "Running");
    assert_eq!(space.json("odooinitjobs", "initializing-auto-init").unwrap()["status"]["phase"], "Completed");
}

/// Scaling shows in no pod: it works at once and moves nothing.
fn scale_only(space: &Namespace<'_>) {
    let template = || space.json("deployment", "starting").unwrap()["spec"]["template"].clone();
    let before = template();
    space.ok(&["scale", V1ALPHA1, "starting", "--replicas=2"]);
    eventually("it scales", || {
        let deployment = space.json("deployment", "starting")?;
        (deployment["status"]["readyReplicas"] == 2).then_some(())
    });
    assert_eq!(template(), before);
    space.ok(&["scale", V1ALPHA1, "starting", "--replicas=1"]);
    eventually("and back", || (space.json("deployment", "starting")?["status"]["replicas"] == 1).then_some(()));
    let object = space.phase("starting", "Running");
    assert!(object["status"]["adopted"]["specHash"].is_string());
}

fn move_over(space: &Namespace<'_>, name: &str, why: &str, change: &[&str]) {
    assert!(space.json("configmap", &format!("{name}-odoo-conf")).is_some());
    space.ok(change);
    eventually("the ConfigMap goes", || space.json("configmap", &format!("{name}-odoo-conf")).is_none().then_some(()));
    for deployment in [name.to_owned(), format!("{name}-cron")] {
        let pod = &space.json("deployment", &deployment).unwrap()["spec"]["template"];
        assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/managed-by"], "odoo-operator", "{why}");
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        assert!(volumes.iter().all(|volume| volume["configMap"].is_null()), "{why}: {volumes:?}");
        assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 1, "{why}");
        assert_eq!(pod["spec"]["containers"][0]["command"], json!(["odoo"]), "{why}");
    }
    let object = eventually("the take-over ends", || {
        let object = space.phase(name, "Running");
        object["status"]["adopted"].is_null().then_some(object)
    });
    assert_eq!(Namespace::condition(&object, "UpToDate")["status"], "True", "{why}");
    let secret = space.json("secret", &format!("{name}-odoo-user")).unwrap();
    let kept = base64(&existing::password(name));
    assert_eq!(secret["data"]["password"], kept, "the role's password is kept");
    assert_eq!(secret["metadata"]["ownerReferences"][0]["apiVersion"], "bemade.org/v1");
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(text)
}

/// An instance that was never worked on by us leaves nothing behind either.
fn delete_unsupported(space: &Namespace<'_>, object: &Value) {
    space.ok(&["delete", V1, "backingup", "--timeout=60s"]);
    let server = odoo::client("postgres");
    let (database, role) = (existing::database(object), existing::role(object));
    assert_eq!(server.rows(&format!("SELECT 1 FROM pg_database WHERE datname = '{database}'")), [""; 0]);
    assert_eq!(server.rows(&format!("SELECT 1 FROM pg_roles WHERE rolname = '{role}'")), [""; 0]);
    eventually("its pods are gone", || space.json("deployment", "backingup").is_none().then_some(()));
    eventually("its files are gone", || space.json("pvc", "backingup-filestore-pvc").is_none().then_some(()));
}
