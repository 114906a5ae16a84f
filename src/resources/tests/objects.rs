//! What holds for every object.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{OdooVersion, env, jobs, web};
use super::fixture::{CANARY, Fixture};

fn fixtures() -> [Fixture; 2] {
    [Fixture::plain(), Fixture::full()]
}

/// Pod specs of an object, with the labels of their pods.
fn pods(object: &Value) -> Option<(&Value, &Value)> {
    let template = object.pointer("/spec/template")?;
    Some((template.pointer("/metadata/labels")?, template.get("spec")?))
}

fn environment(object: &Value) -> Vec<(String, Value)> {
    let list = object.pointer("/spec/template/spec/containers/0/env").unwrap().as_array().unwrap();
    list.iter().map(|variable| (variable["name"].as_str().unwrap().to_owned(), variable.clone())).collect()
}

fn object(fixture: &Fixture, name: &str) -> Value {
    fixture.objects().into_iter().find(|(found, _)| *found == name).unwrap().1
}

#[test]
fn nothing_secret_stands_outside_secrets() {
    for fixture in fixtures() {
        for (name, object) in fixture.objects() {
            assert!(!object.to_string().contains(CANARY), "{name}");
        }
        assert!(!format!("{:?}", fixture.inputs()).contains(CANARY));
        for secret in fixture.secrets() {
            let without_data = json!({"metadata": secret.metadata, "type": secret.type_});
            assert!(!without_data.to_string().contains(CANARY));
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_objects() {
    for fixture in fixtures() {
        assert_eq!(fixture.objects(), fixture.objects());
        assert_eq!(fixture.secrets(), fixture.secrets());
    }
}

#[test]
fn every_object_says_whose_it_is() {
    for fixture in fixtures() {
        for (name, object) in fixture.objects() {
            let labels = &object["metadata"]["labels"];
            assert_eq!(labels["bemade.org/instance"], "shop", "{name}");
            assert_eq!(labels["bemade.org/instance-uid"], "3f2a9c1e-0b7d-4c55-9a10-77aa01fe23bd", "{name}");
            assert_eq!(labels["app.kubernetes.io/managed-by"], "odoo-operator", "{name}");
            assert_eq!(object["metadata"]["namespace"], "eu", "{name}");
            let owner = &object["metadata"]["ownerReferences"][0];
            match name {
                "pvc" => assert!(owner.is_null()),
                "init_job" => {
                    assert_eq!((&owner["kind"], &owner["name"]), (&json!("OdooInitJob"), &json!("shop-auto-init")));
                }
                _ => {
                    assert_eq!(
                        (&owner["kind"], &owner["controller"]),
                        (&json!("OdooInstance"), &json!(true)),
                        "{name}"
                    );
                }
            }
        }
    }
}

#[test]
fn pods_meet_the_restricted_standard() {
    for fixture in fixtures() {
        let mut seen = BTreeSet::new();
        for (name, object) in fixture.objects() {
            let Some((_, pod)) = pods(&object) else { continue };
            seen.insert(name);
            for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
                assert!(pod.get(forbidden).is_none(), "{name}: {forbidden}");
            }
            let security = &pod["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{name}");
            assert_ne!(security["runAsUser"], 0, "{name}");
            assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
            let allowed = [
                "configMap",
                "csi",
                "downwardAPI",
                "emptyDir",
                "ephemeral",
                "persistentVolumeClaim",
                "projected",
                "secret",
            ];
            for volume in pod["volumes"].as_array().unwrap() {
                let kinds: Vec<_> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
                assert!(kinds.iter().all(|kind| allowed.contains(&kind.as_str())), "{name}: {kinds:?}");
            }
            let lists = ["containers", "initContainers"].map(|list| pod.get(list).and_then(Value::as_array));
            for container in lists.into_iter().flatten().flatten() {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(security["capabilities"], json!({"drop": ["ALL"]}), "{name}");
                assert!(security.get("privileged").is_none(), "{name}");
                for port in container["ports"].as_array().into_iter().flatten() {
                    assert!(port.get("hostPort").is_none(), "{name}");
                }
            }
        }
        assert_eq!(seen, BTreeSet::from(["web", "cron", "init_job"]));
    }
}

#[test]
fn only_deployments_answer_to_the_selector() {
    for fixture in fixtures() {
        for (name, object) in fixture.objects() {
            let Some((labels, _)) = pods(&object) else { continue };
            let app = labels.get("app").cloned();
            match name {
                "web" => assert_eq!(app, Some(json!("shop"))),
                "cron" => assert_eq!(app, Some(json!("shop-cron"))),
                _ => assert_eq!(app, None, "{name}"),
            }
            if let Some(selector) = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object) {
                assert!(selector.iter().all(|(key, value)| labels.get(key) == Some(value)), "{name}");
            }
        }
    }
}

#[test]
fn reserved_variables_are_all_set_by_us_and_each_once() {
    let fixture = Fixture::full();
    for name in ["web", "cron", "init_job"] {
        let variables = environment(&object(&fixture, name));
        let names: Vec<_> = variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{name}: {names:?}");
        for reserved in env::RESERVED {
            assert!(names.contains(&reserved), "{name}: {reserved}");
        }
        let value =
            |key: &str| variables.iter().find(|(name, _)| name == key).map(|(_, variable)| variable["value"].clone());
        assert_eq!(value("PGHOST"), Some(json!("pg.example.com")), "{name}");
        assert_eq!(value("TZ"), Some(json!("Europe/Brussels")), "{name}: the last one wins");
        assert_eq!(value("URL"), Some(json!("https://$(PGHOST)")), "{name}: references stay");
        let modules = if name == "init_job" { "base,sale,stock" } else { "evil" };
        assert_eq!(value("INIT_MODULES"), Some(json!(modules)), "{name}");
    }
}

#[test]
fn values_that_look_like_references_are_not_expanded() {
    let mut fixture = Fixture::plain();
    fixture.database.name = "a$(PGPASSWORD)b".to_owned();
    let variables = environment(&object(&fixture, "web"));
    let (_, name) = variables.iter().find(|(name, _)| name == "PGDATABASE").unwrap();
    assert_eq!(name["value"], "a$$(PGPASSWORD)b");
}

#[test]
fn scripts_are_constants_that_the_kubelet_leaves_alone() {
    let scripts = |fixture: &Fixture| {
        let command = |object: Value, path: &str| object.pointer(path).unwrap()[2].as_str().unwrap().to_owned();
        [
            command(object(fixture, "init_job"), "/spec/template/spec/containers/0/command"),
            command(object(fixture, "cron"), "/spec/template/spec/containers/0/livenessProbe/exec/command"),
        ]
    };
    let [plain, full] = fixtures().map(|fixture| scripts(&fixture));
    assert_eq!(plain, full);
    for script in plain {
        assert!(!script.contains("$$"), "the kubelet makes one dollar of two");
        assert!(!script.contains("set -x"));
    }
}

#[test]
fn websockets_go_to_their_own_process_only_where_there_is_one() {
    let ports = |options: Value, version: &str| {
        let mut fixture = Fixture::of(&json!({"ingress": {"hosts": ["a.example.com"]}, "configOptions": options}));
        fixture.version = OdooVersion::parse(version);
        let ingress = object(&fixture, "routing");
        let paths = ingress.pointer("/spec/rules/0/http/paths").unwrap().as_array().unwrap().clone();
        paths
            .iter()
            .map(|path| {
                (
                    path["path"].as_str().unwrap().to_owned(),
                    path["backend"]["service"]["port"]["number"].as_i64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let list = |all: &[(&str, i64)]| all.iter().map(|(path, port)| ((*path).to_owned(), *port)).collect::<Vec<_>>();
    assert_eq!(ports(json!({}), "19.0"), list(&[("/websocket", 8069), ("/", 8069)]));
    assert_eq!(ports(json!({"workers": "0"}), "19.0"), list(&[("/websocket", 8069), ("/", 8069)]));
    assert_eq!(ports(json!({"workers": " 2 "}), "19.0"), list(&[("/websocket", 8072), ("/", 8069)]));
    assert_eq!(ports(json!({"workers": "2"}), "unknown"), list(&[("/websocket", 8072), ("/", 8069)]));
    assert_eq!(ports(json!({"workers": "2"}), "15.0"), list(&[("/longpolling", 8072), ("/", 8069)]));
}

#[test]
fn readiness_asks_for_a_page_that_the_version_has() {
    let path = |version: &str| {
        let mut fixture = Fixture::plain();
        fixture.version = OdooVersion::parse(version);
        object(&fixture, "web").pointer("/spec/template/spec/containers/0/readinessProbe/httpGet/path").unwrap().clone()
    };
    assert_eq!(path("19.0"), "/web/manifest.webmanifest");
    assert_eq!(path("17.0"), "/web/manifest.webmanifest");
    assert_eq!(path("16.0"), "/web/health?db_server_status=1");
    assert_eq!(path("unknown"), "/web/health?db_server_status=1");
}

#[test]
fn the_replicas_are_the_callers() {
    let fixture = Fixture::full();
    assert_eq!(web::deployment(&fixture.inputs(), 0).spec.unwrap().replicas, Some(0));
}

#[test]
fn a_job_is_named_after_its_object_and_never_tried_twice() {
    let fixture = Fixture::plain();
    let (job, again) = (fixture.init_job(), jobs::init::job(&fixture.inputs(), &fixture.init_cr()));
    assert_eq!(job, again);
    assert_eq!(job.metadata.name.as_deref(), Some("shop-auto-init-aa11bb22"));
    let spec = job.spec.unwrap();
    assert_eq!(spec.backoff_limit, Some(0));
    assert_eq!(spec.ttl_seconds_after_finished, None);
    assert_eq!(spec.template.spec.unwrap().restart_policy.as_deref(), Some("Never"));
}
