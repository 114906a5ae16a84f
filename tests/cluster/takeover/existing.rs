//! What the existing operator leaves in a cluster: an instance in each of its phases, with its children, role and
//! database.

use serde_json::{Value, json};

use crate::odoo;
use crate::world::{Namespace, eventually, text};

/// Phase, whether the database is initialised, replicas.
pub const INSTANCES: [(&str, bool, i32); 17] = [
    ("Provisioning", false, 1),
    ("Uninitialized", false, 1),
    ("Initializing", false, 1),
    ("InitFailed", false, 1),
    ("Starting", true, 1),
    ("Running", true, 2),
    ("Degraded", true, 1),
    ("Stopped", true, 0),
    ("Error", true, 1),
    ("Upgrading", true, 1),
    ("Restoring", true, 1),
    ("CloningFromSource", true, 1),
    ("BackingUp", true, 1),
    ("MigratingFilestore", true, 1),
    ("FinalizingFilestoreMigration", true, 1),
    ("MigratingDatabase", true, 1),
    ("FinalizingDatabaseMigration", true, 1),
];

/// Phases whose operation this version does not run.
pub fn is_unsupported(phase: &str) -> bool {
    INSTANCES.iter().position(|(other, ..)| *other == phase).is_some_and(|at| at >= 9)
}

/// Web and cron pods that run in a phase.
pub fn pods(phase: &str, replicas: i32) -> (i32, i32) {
    match phase {
        "Starting" | "Running" | "Degraded" | "BackingUp" | "Error" => (replicas, 1),
        "Upgrading" => (replicas, 0),
        _ => (0, 0),
    }
}

pub fn name(phase: &str) -> String {
    phase.to_lowercase()
}

pub fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Applies as the existing operator does.
pub fn apply(space: &Namespace<'_>, items: &[Value]) {
    let arguments = ["apply", "--server-side", "--field-manager=odoo-operator", "--filename=-"];
    let output = space.kubectl(&arguments, &list(items));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Creates as the existing operator does what it never changes.
pub fn create(space: &Namespace<'_>, items: &[Value]) {
    let output = space.kubectl(&["create", "--field-manager=odoo-operator", "--filename=-"], &list(items));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub fn set_status(space: &Namespace<'_>, resource: &str, name: &str, status: &Value) {
    let patch = json!({"status": status}).to_string();
    let arguments = ["patch", resource, name, "--subresource=status", "--type=merge", "--patch", &patch];
    // A busy API server finds the subresources of a new kind some time after the kind.
    eventually("the status is written", || {
        let output = space.kubectl(&arguments, "");
        let said = text(&output);
        assert!(output.status.success() || said.contains("could not find the requested resource"), "{said}");
        output.status.success().then_some(())
    });
}

/// An instance as it is stored once the existing operator wrote its defaults into it.
pub fn instance(space: &Namespace<'_>, phase: &str, replicas: i32) -> Value {
    let name = name(phase);
    let host = format!("{name}.{}.example.com", space.name);
    // What that operator takes and today's rules refuse.
    let hosts = if phase == "Stopped" { json!([]) } else { json!([host]) };
    let strategy = match phase {
        "Starting" => json!({"type": "Recreate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}),
        _ => json!({"type": "Recreate"}),
    };
    json!({
        "apiVersion": "bemade.org/v1alpha1", "kind": "OdooInstance",
        "metadata": {
            "name": name, "namespace": space.name,
            "annotations": {"bemade.org/isolate": (phase == "Running").to_string()},
            "finalizers": ["kopf.zalando.org/KopfFinalizerMarker", "bemade.org/postgres-cleanup"],
        },
        "spec": {
            "adminPassword": "secret", "image": "odoo:18.0", "replicas": replicas, "cron": {"replicas": 1},
            "strategy": strategy, "ingress": {"hosts": hosts, "issuer": "letsencrypt", "class": "nginx"},
            "filestore": {"storageSize": "3Gi", "storageClass": "standard"},
            "configOptions": {"limit_time_real": "600"},
            "init": {"enabled": true, "modules": ["base", "web"], "demo": false},
            "resources": {"requests": {"cpu": "200m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
            "database": {"cluster": "default"},
        },
    })
}

pub fn status(space: &Namespace<'_>, phase: &str, initialized: bool, replicas: i32) -> Value {
    let name = name(phase);
    json!({
        "phase": phase, "ready": phase == "Running", "readyReplicas": pods(phase, replicas).0, "targetReplicas": replicas,
        "selector": format!("app={name}"), "dbInitialized": initialized, "activeCluster": "default",
        "url": format!("https://{name}.{}.example.com", space.name),
        "conditions": [{
            "type": "Ready", "status": "False", "reason": phase, "message": "as it was", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }],
        "migrationJobName": if phase == "MigratingFilestore" { json!("old-migration") } else { Value::Null },
    })
}

fn metadata(object: &Value, name: &str) -> Value {
    let of = &object["metadata"];
    json!({
        "name": name, "namespace": of["namespace"], "labels": {"app": name},
        "ownerReferences": [{
            "apiVersion": "bemade.org/v1alpha1", "kind": "OdooInstance", "name": of["name"], "uid": of["uid"],
            "controller": true, "blockOwnerDeletion": true,
        }],
    })
}

fn deployment(object: &Value, name: &str, container: &str, arguments: &[&str], replicas: i32) -> Value {
    let instance = &object["metadata"]["name"];
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(object, name),
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {
                    "labels": {"app": name, "bemade.org/instance": instance, "bemade.org/environment": "staging"},
                    "annotations": {"bemade.org/odoo-conf-hash": "0f0f"},
                },
                "spec": {
                    "securityContext": {"runAsUser": 100, "runAsGroup": 101, "fsGroup": 101},
                    "containers": [{
                        "name": container, "image": "odoo:18.0", "imagePullPolicy": "IfNotPresent", "args": arguments,
                        "env": [{"name": "PGDATABASE", "value": "odoo"}],
                        "ports": [{"name": "http", "containerPort": 8069}, {"name": "websocket", "containerPort": 8072}],
                        "volumeMounts": [
                            {"name": "filestore", "mountPath": "/var/lib/odoo"}, {"name": "odoo-conf", "mountPath": "/etc/odoo"},
                        ],
                    }],
                    "volumes": [
                        {"name": "filestore", "persistentVolumeClaim": {"claimName": format!("{}-filestore-pvc", instance.as_str().unwrap())}},
                        {"name": "odoo-conf", "configMap": {"name": format!("{}-odoo-conf", instance.as_str().unwrap())}},
                    ],
                },
            },
        },
    })
}

/// What the existing operator applies for an instance, as it stands in the cluster.
pub fn applied(object: &Value, phase: &str, replicas: i32) -> Vec<Value> {
    let name = object["metadata"]["name"].as_str().unwrap();
    let (web, cron) = pods(phase, replicas);
    let path = |path: &str, port: i32| json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"number": port}}}});
    let hosts = &object["spec"]["ingress"]["hosts"];
    let http = json!({"paths": [path("/websocket", 8072), path("/", 8069)]});
    let rules: Vec<_> = hosts.as_array().unwrap().iter().map(|host| json!({"host": host, "http": http})).collect();
    let mut ingress = metadata(object, name);
    ingress["annotations"] = json!({"cert-manager.io/cluster-issuer": "letsencrypt"});
    vec![
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(object, &format!("{name}-odoo-conf")),
            "data": {"odoo.conf": "[options]\nadmin_passwd = secret\n", "db_password": password(name)},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata(object, name),
            "spec": {
                "type": "ClusterIP", "selector": {"app": name},
                "ports": [{"name": "http", "port": 8069, "targetPort": 8069}, {"name": "websocket", "port": 8072, "targetPort": 8072}],
            },
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": ingress,
            "spec": {
                "ingressClassName": "nginx",
                "rules": rules, "tls": [{"hosts": hosts, "secretName": format!("{name}-tls")}],
                "defaultBackend": {"service": {"name": name, "port": {"number": 8069}}},
            },
        }),
        deployment(object, name, &format!("odoo-{name}"), &["odoo", "--max-cron-threads", "0"], web),
        deployment(
            object,
            &format!("{name}-cron"),
            &format!("odoo-cron-{name}"),
            &["odoo", "--workers", "0", "--no-http"],
            cron,
        ),
    ]
}

/// What the existing operator creates once.
pub fn created(object: &Value) -> Vec<Value> {
    let (name, namespace) =
        (object["metadata"]["name"].as_str().unwrap(), object["metadata"]["namespace"].as_str().unwrap());
    // Older releases had another name for it.
    let secret = if name == "degraded" { format!("{name}-db-password") } else { format!("{name}-odoo-user") };
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata(object, &secret),
        "stringData": {"username": format!("odoo.{namespace}.{name}"), "password": password(name)},
    });
    // And somebody may have lost it, while the pods ran on.
    let secret = Some(secret).filter(|_| name != "stopped");
    secret
        .into_iter()
        .chain([json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata(object, &format!("{name}-filestore-pvc")),
            "spec": {
                "accessModes": ["ReadWriteMany"], "storageClassName": "standard",
                "resources": {"requests": {"storage": "3Gi"}},
            },
        })])
        .collect()
}

pub fn password(name: &str) -> String {
    format!("{name:0<48}")
}

pub fn role(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!("odoo.{}.{}", metadata["namespace"].as_str().unwrap(), metadata["name"].as_str().unwrap())
}

pub fn database(object: &Value) -> String {
    format!("odoo_{}", object["metadata"]["uid"].as_str().unwrap().replace('-', "_"))
}

/// The instance's role, with CREATEDB, and the database that Odoo made with it.
pub fn postgres(object: &Value, with_database: bool) {
    let (role, database) = (role(object), database(object));
    let password = password(object["metadata"]["name"].as_str().unwrap());
    let server = odoo::client("postgres");
    server.rows(&format!("CREATE ROLE \"{role}\" LOGIN CREATEDB PASSWORD '{password}'"));
    if with_database {
        server.rows(&format!("CREATE DATABASE \"{database}\" OWNER \"{role}\" TEMPLATE template0"));
        odoo::client(&database).rows(&format!("BEGIN; SET LOCAL ROLE \"{role}\"; {} COMMIT", odoo::TABLES));
    }
}
