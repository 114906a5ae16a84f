#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values")]

mod any;
mod hostile;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{mutate, validate};
use crate::admission::tests::{World, smallest, with};
use crate::api::labels::INSTANCE_FINALIZER;

type Hook = fn(&[u8], &super::Context<'_>) -> Result<Vec<u8>, super::NotAReview>;

/// A request about an instance `eu/shop`, sent as `version`.
fn request(operation: &str, version: &str, object: Value, old: Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": "bemade.org", "version": "v1", "kind": "OdooInstance"},
            "resource": {"group": "bemade.org", "version": "v1", "resource": "odooinstances"},
            "requestKind": {"group": "bemade.org", "version": version, "kind": "OdooInstance"},
            "name": "shop", "namespace": "eu", "operation": operation,
            "userInfo": {"username": "jane", "groups": ["dev"]},
            "object": object, "oldObject": old, "dryRun": false, "options": null,
        }
    })
}

fn object(spec: Value) -> Value {
    json!({
        "apiVersion": "bemade.org/v1", "kind": "OdooInstance",
        "metadata": {"name": "shop", "namespace": "eu", "uid": "1", "managedFields": [{"manager": "kubectl"}]},
        "spec": spec,
    })
}

fn create(spec: Value) -> Value {
    request("CREATE", "v1", object(spec), Value::Null)
}

fn update(old: Value, new: Value) -> Value {
    request("UPDATE", "v1", object(new), object(old))
}

fn call(hook: Hook, request: &Value) -> Value {
    let answer = hook(request.to_string().as_bytes(), &World::new().ctx()).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(answer["kind"], "AdmissionReview");
    assert_eq!(answer["response"]["uid"], "u-1");
    answer["response"].clone()
}

/// The object after the patch of a mutating review.
#[track_caller]
fn mutated(request: &Value) -> Value {
    let response = call(mutate, request);
    assert_eq!(response["allowed"], true, "{response}");
    let mut object = request["request"]["object"].clone();
    if let Some(patch) = response["patch"].as_str() {
        assert_eq!(response["patchType"], "JSONPatch");
        let patch: json_patch::Patch = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
        for operation in &patch.0 {
            let at = operation.path().to_string();
            let ours = at.starts_with("/spec/") || at.starts_with("/metadata/finalizers");
            assert!(ours, "a patch of {at}");
        }
        json_patch::patch(&mut object, &patch).unwrap();
    }
    object
}

/// Fields and messages of a refusal.
#[track_caller]
fn causes(response: &Value) -> Vec<(String, String)> {
    assert_eq!(response["allowed"], false, "{response}");
    assert_eq!(response["status"]["code"], 422);
    assert_eq!(response["status"]["reason"], "Invalid");
    let causes = response["status"]["details"]["causes"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    causes.iter().map(|cause| (text(&cause["field"]), text(&cause["message"]))).collect()
}

#[track_caller]
fn fields(response: &Value) -> Vec<String> {
    causes(response).into_iter().map(|(field, _)| field).collect()
}

#[test]
fn a_new_instance_gets_its_defaults_and_the_finalizer() {
    let request = create(smallest());
    let object = mutated(&request);
    assert_eq!(object["metadata"]["finalizers"], json!([INSTANCE_FINALIZER]));
    assert_eq!(
        object["spec"],
        json!({
            "ingress": {"hosts": ["shop.example.com"]},
            "image": "odoo:18.0", "replicas": 1, "cron": {"replicas": 1}, "environment": "Staging",
            "filestore": {"storageSize": "2Gi", "storageClass": "standard", "accessMode": "ReadWriteMany"},
            "database": {"cluster": "main", "missingPolicy": "Ignore"},
        })
    );
}

#[test]
fn what_has_its_defaults_gets_no_patch() {
    let object = mutated(&create(smallest()));
    let mut again = create(object["spec"].clone());
    again["request"]["object"] = object;
    let response = call(mutate, &again);
    assert_eq!(response, json!({"uid": "u-1", "allowed": true}));
}

#[test]
fn another_finalizer_stays() {
    let mut request = create(smallest());
    request["request"]["object"]["metadata"]["finalizers"] = json!(["example.com/mine"]);
    assert_eq!(mutated(&request)["metadata"]["finalizers"], json!(["example.com/mine", INSTANCE_FINALIZER]));
}

#[test]
fn unknown_fields_survive_the_defaults() {
    let spec = with(smallest(), json!({"future": {"a": [1, null]}, "cron": {"future": true}, "image": null}));
    let object = mutated(&create(spec));
    assert_eq!(object["spec"]["future"], json!({"a": [1, null]}));
    assert_eq!(object["spec"]["cron"], json!({"future": true, "replicas": 1}));
    assert_eq!(object["spec"]["image"], "odoo:18.0");
}

#[test]
fn an_absent_field_takes_the_old_value_before_the_setting() {
    let old = with(
        smallest(),
        json!({"image": "odoo:17.0", "filestore": {"storageSize": "9Gi"}, "ingress": {"class": "nginx"}}),
    );
    let object = mutated(&update(old, smallest()));
    assert_eq!(object["spec"]["image"], "odoo:17.0");
    assert_eq!(object["spec"]["filestore"]["storageSize"], "9Gi");
    assert_eq!(object["spec"]["ingress"]["class"], "nginx");
    assert_eq!(object["metadata"].get("finalizers"), None);
}

const FIVE: fn() -> Value = || {
    json!({
        "ingress": {"hosts": ["Shop.example.com"]},
        "replicas": "two",
        "resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "2"}},
        "configOptions": {"db_host": "elsewhere"},
        "initialization": {"modules": ["sale!"], "webhook": {"url": "http://127.0.0.1/"}},
    })
};

#[test]
fn a_job_that_began_before_regions_were_written_down_can_be_edited() {
    let job = |annotations: Value, region: Option<&str>| {
        let mut destination = json!({"bucket": "b", "objectKey": "k.zip", "endpoint": "https://s3.example.com"});
        if let Some(region) = region {
            destination["region"] = json!(region);
        }
        json!({
            "apiVersion": "bemade.org/v1", "kind": "OdooBackupJob",
            "metadata": {"name": "old", "namespace": "eu", "annotations": annotations},
            "spec": {"odooInstanceRef": {"name": "shop"}, "destination": destination, "format": "zip",
                     "withFilestore": true},
            "status": {"phase": "Completed"},
        })
    };
    let change = |new: Value| {
        let mut request = request("UPDATE", "v1", new, job(json!({}), None));
        for kind in ["kind", "requestKind"] {
            request["request"][kind]["kind"] = json!("OdooBackupJob");
        }
        request["request"]["resource"]["resource"] = json!("odoobackupjobs");
        request
    };
    let annotated = mutated(&change(job(json!({"x": "y"}), None)));
    assert_eq!(annotated["spec"]["destination"].get("region"), None);
    assert_eq!(call(validate, &change(annotated))["allowed"], true);
    for hook in [mutate, validate] {
        assert_eq!(fields(&call(hook, &change(job(json!({}), Some("eu-west-1"))))), ["spec.destination"]);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let response = call(mutate, &create(FIVE()));
    let causes = causes(&response);
    assert_eq!(
        causes.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
        [
            "spec.replicas",
            "spec.ingress.hosts[0]",
            "spec.resources.requests[cpu]",
            "spec.configOptions[db_host]",
            "spec.initialization.webhook.url",
            "spec.initialization.modules[0]",
        ]
    );
    assert_eq!(causes[0].1, "Invalid value: must be an integer, not a string");
    assert_eq!(causes[1].1, "Invalid value: \"Shop.example.com\" has capitals; write \"shop.example.com\"");
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("OdooInstance.bemade.org \"shop\" is invalid: ["), "{message}");
    for (field, _) in causes {
        assert!(message.contains(&format!("{field}: ")), "{field} in {message}");
    }
    assert_eq!(response["status"]["details"]["name"], "shop");
    assert_eq!(response["status"]["details"]["group"], "bemade.org");
    assert_eq!(response["status"]["details"]["kind"], "OdooInstance");
}

#[test]
fn paths_are_those_of_the_version_that_was_sent() {
    let request = request("CREATE", "v1alpha1", object(with(FIVE(), json!({"replcias": 1}))), Value::Null);
    assert_eq!(
        causes(&call(mutate, &request)),
        causes(&call(mutate, &create(FIVE())))
            .into_iter()
            .map(|(field, message)| (field.replace("spec.initialization", "spec.init"), message))
            .chain([])
            .fold(Vec::new(), |mut all: Vec<_>, cause| {
                if all.len() == 1 {
                    all.push((
                        "spec.replcias".to_owned(),
                        "Invalid value: there is no field \"replcias\"; did you mean replicas?".to_owned(),
                    ));
                }
                all.push(cause);
                all
            })
    );
}

/// As the API server sends it: converted by us before.
fn sent_as_v1alpha1(mut spec: Value) -> Value {
    let mut object = object(spec.take());
    crate::conversion::to_v1(object.as_object_mut().unwrap(), "OdooInstance");
    request("CREATE", "v1alpha1", object, Value::Null)
}

#[test]
fn what_both_versions_words_say_is_not_dropped() {
    let spec = |more: Value| with(with(smallest(), json!({"adminPassword": "x"})), more);
    for fine in [
        json!({"init": {}}),
        json!({"init": {"enabled": true}}),
        json!({"init": {"enabled": false}, "productionInstanceRef": {"name": "live"}}),
        json!({"init": {"modules": ["sale"], "demo": true, "webhook": {"url": "https://hooks.example.com"}}}),
        json!({"init": {"modules": ["sale"]}, "initialization": {"languages": ["fr_BE"]}}),
        json!({"init": null, "initialization": {"modules": ["crm"]}}),
    ] {
        let response = call(validate, &sent_as_v1alpha1(spec(fine.clone())));
        assert_eq!(response["allowed"], true, "{fine}: {response}");
    }
    let both = json!({"init": {"modules": ["sale"]}, "initialization": {"modules": ["crm"]}});
    let response = call(validate, &sent_as_v1alpha1(spec(both)));
    assert_eq!(fields(&response), ["spec.init"], "{response}");
}

#[test]
fn bounds_of_the_schema_join_a_refusal() {
    let spec = with(smallest(), json!({"replicas": -1, "image": "No Image"}));
    assert_eq!(fields(&call(mutate, &create(spec))), ["spec.replicas", "spec.image"]);
}

#[test]
fn v1alpha1_deletes_with_the_instance_unless_it_says_otherwise() {
    let sent = |spec| request("CREATE", "v1alpha1", object(spec), Value::Null);
    let spec = mutated(&sent(smallest()))["spec"].clone();
    assert_eq!(spec["deletionPolicy"], "Delete");
    assert_eq!(spec["cron"]["replicas"], 1);
    let kept = sent(with(smallest(), json!({"deletionPolicy": "Retain"})));
    assert_eq!(mutated(&kept)["spec"]["deletionPolicy"], "Retain");
    assert_eq!(mutated(&create(smallest()))["spec"].get("deletionPolicy"), None);
}

#[test]
fn what_a_v1alpha1_client_dropped_comes_back() {
    let old = with(smallest(), json!({"deletionPolicy": "Retain", "suspend": true}));
    let request = request("UPDATE", "v1alpha1", object(with(smallest(), json!({"replicas": 2}))), object(old));
    let spec = mutated(&request)["spec"].clone();
    assert_eq!(spec["deletionPolicy"], "Retain");
    assert_eq!(spec["suspend"], true);
    assert_eq!(spec["replicas"], 2);
}

#[test]
fn what_was_wrong_before_and_not_touched_is_a_warning() {
    let bad = with(smallest(), json!({"configOptions": {"Bad": "1"}, "image": "odoo:18.0"}));
    let better = with(bad.clone(), json!({"image": "odoo:19.0"}));
    assert_eq!(call(mutate, &update(bad.clone(), better.clone()))["allowed"], true);
    let response = call(validate, &update(bad.clone(), better));
    assert_eq!(response["allowed"], true);
    assert_eq!(
        response["warnings"],
        json!(["spec.configOptions[Bad]: \"Bad\" is no legal key; only a-z, 0-9 and _ (as before)"])
    );
    let touched = with(bad.clone(), json!({"configOptions": {"Bad": "2"}}));
    assert_eq!(fields(&call(validate, &update(bad, touched))), ["spec.configOptions[Bad]"]);
}

#[test]
fn an_old_wrong_type_does_not_hold_a_change_up() {
    let bad = with(smallest(), json!({"replicas": "two"}));
    let better = with(bad.clone(), json!({"image": "odoo:19.0"}));
    assert_eq!(call(mutate, &update(bad.clone(), better))["allowed"], true);
    assert_eq!(mutated(&update(bad, smallest()))["spec"]["replicas"], 1);
}

fn going(old: Value, new: Value) -> Value {
    let mut request = update(old, new);
    for object in ["object", "oldObject"] {
        request["request"][object]["metadata"]["deletionTimestamp"] = json!("2026-11-21T00:00:00Z");
    }
    request
}

#[test]
fn metadata_of_what_is_being_deleted_passes_unjudged() {
    let bad = json!({"ingress": {"hosts": []}});
    let mut request = going(bad.clone(), bad);
    request["request"]["object"]["metadata"]["finalizers"] = json!([]);
    for hook in [mutate as Hook, validate] {
        assert_eq!(call(hook, &request), json!({"uid": "u-1", "allowed": true}));
    }
}

#[test]
fn nothing_that_decides_what_is_dropped_changes_during_deletion() {
    let base = with(smallest(), json!({"deletionPolicy": "Retain", "database": {"name": "mine"}}));
    for hook in [mutate as Hook, validate] {
        for (change, field) in [
            (json!({"deletionPolicy": "Delete"}), "spec.deletionPolicy"),
            (json!({"database": {"name": "yours"}}), "spec.database"),
        ] {
            assert_eq!(fields(&call(hook, &going(base.clone(), with(base.clone(), change)))), [field]);
        }
        let delete = with(base.clone(), json!({"deletionPolicy": "Delete"}));
        for allowed in [json!({"deletionPolicy": "Retain"}), json!({"suspend": true}), json!({"replicas": 1})] {
            let request = going(delete.clone(), with(delete.clone(), allowed));
            assert_eq!(call(hook, &request)["allowed"], true, "{request}");
        }
        let mut confirmed = going(base.clone(), base.clone());
        confirmed["request"]["object"]["metadata"]["annotations"] = json!({"bemade.org/confirm-delete": "shop"});
        assert_eq!(fields(&call(hook, &confirmed)), ["metadata.annotations[bemade.org/confirm-delete]"]);
        confirmed["request"]["oldObject"]["metadata"]["annotations"] = json!({"bemade.org/confirm-delete": "shop"});
        assert_eq!(call(hook, &confirmed)["allowed"], true);
    }
}

#[test]
fn a_v1alpha1_client_can_release_what_is_being_deleted() {
    let old = with(smallest(), json!({"deletionPolicy": "Retain"}));
    let mut request = going(old, smallest());
    request["request"]["requestKind"]["version"] = json!("v1alpha1");
    assert_eq!(mutated(&request)["spec"], with(smallest(), json!({"deletionPolicy": "Retain"})));
}

#[test]
fn what_v1alpha1s_schema_writes_into_a_request_is_no_change() {
    let old = with(smallest(), json!({"probes": {"livenessPath": "/up"}, "initialization": {"languages": ["fr"]}}));
    let written = json!({
        "probes": {"startupPath": "/web/health", "readinessPath": "/web/health"},
        "initialization": {"modules": ["base"], "demo": false}, "cron": {"replicas": 1}, "environment": "Staging",
    });
    let mut request = going(old.clone(), with(old.clone(), written));
    request["request"]["requestKind"]["version"] = json!("v1alpha1");
    for hook in [mutate as Hook, validate] {
        assert_eq!(call(hook, &request)["allowed"], true);
        let other = going(old.clone(), with(old.clone(), json!({"initialization": {"modules": ["sale"]}})));
        assert_eq!(fields(&call(hook, &other)), ["spec.initialization"]);
    }
}

#[test]
fn what_is_not_ours_passes_untouched() {
    let ours = create(json!({"ingress": {"hosts": []}}));
    for (path, value) in [
        ("/request/kind/group", json!("example.com")),
        ("/request/kind/kind", json!("OdooThing")),
        ("/request/operation", json!("DELETE")),
        ("/request/operation", json!("CONNECT")),
        ("/request/kind/version", json!("v2")),
    ] {
        for hook in [mutate as Hook, validate] {
            let mut request = ours.clone();
            *request.pointer_mut(path).unwrap() = value.clone();
            assert_eq!(call(hook, &request), json!({"uid": "u-1", "allowed": true}), "{path} {value}");
        }
    }
    let mut status = ours.clone();
    status["request"]["subResource"] = json!("status");
    assert_eq!(call(validate, &status)["allowed"], true);
    assert_eq!(call(validate, &ours)["allowed"], false);
}

#[test]
fn the_operators_own_writes_are_not_defaulted() {
    let mut request = create(smallest());
    request["request"]["userInfo"]["username"] = json!("system:serviceaccount:op:odoo-operator");
    assert_eq!(call(mutate, &request), json!({"uid": "u-1", "allowed": true}));
}

#[test]
fn what_is_no_review_is_said_to_be_none() {
    let world = World::new();
    let mut no_object = create(smallest());
    no_object["request"]["object"] = Value::Null;
    let mut no_old = update(smallest(), smallest());
    no_old["request"]["oldObject"] = Value::Null;
    let no_object = no_object.to_string();
    let no_old = no_old.to_string();
    for body in ["", "{", "[]", "{\"kind\":\"AdmissionReview\"}", "\u{0}", &no_object, &no_old] {
        for hook in [mutate as Hook, validate] {
            assert!(hook(body.as_bytes(), &world.ctx()).is_err(), "{body}");
        }
    }
    assert!(mutate(&[0xff, 0xfe], &world.ctx()).is_err());
    let other = json!({"apiVersion": "v1", "kind": "ConversionReview", "request": create(smallest())["request"]});
    let error = mutate(other.to_string().as_bytes(), &world.ctx()).unwrap_err();
    assert_eq!(error.to_string(), "not an AdmissionReview: kind is \"ConversionReview\", expected \"AdmissionReview\"");
}

#[test]
fn what_cannot_be_read_is_not_untouched() {
    let spec = smallest().to_string();
    for request in [update(smallest(), smallest()), going(smallest(), smallest())] {
        for broken in ["{\"image\":x}", "{\"image\" 1}", "5", "[]", "{\"image\":[1,]}"] {
            let body = request.to_string().replace(&spec, broken);
            assert_ne!(body, request.to_string());
            for hook in [mutate as Hook, validate] {
                let answer = hook(body.as_bytes(), &World::new().ctx()).unwrap();
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                assert_eq!(answer["response"]["allowed"], false, "{body}");
                assert_eq!(answer["response"]["status"]["details"]["causes"][0]["field"], "spec", "{answer}");
            }
        }
    }
    for metadata in ["5", "[]", "\"a\""] {
        let mut request = update(smallest(), smallest());
        request["request"]["oldObject"]["metadata"] = serde_json::from_str(metadata).unwrap();
        assert!(validate(request.to_string().as_bytes(), &World::new().ctx()).is_err());
    }
}

#[test]
fn a_name_may_be_written_with_escapes() {
    let bad = json!({"ingress": {"hosts": []}});
    let plain = update(smallest(), bad).to_string();
    let escaped = plain.replace("\"spec\"", "\"sp\\u0065c\"").replace("\"operation\"", "\"oper\\u0061tion\"");
    assert_ne!(plain, escaped);
    for hook in [mutate as Hook, validate] {
        let answer = |body: &str| hook(body.as_bytes(), &World::new().ctx()).unwrap();
        assert_eq!(answer(&plain), answer(&escaped));
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = create(with(smallest(), json!({"tolerations": "DEEP"}))).to_string().replace("\"DEEP\"", &deep);
    let answer = mutate(body.as_bytes(), &World::new().ctx()).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["response"]["allowed"], false);
}

#[test]
fn the_old_registration_sends_v1alpha1_itself() {
    let old = with(smallest(), json!({"filestore": {"storageSize": "5Gi"}, "init": {"modules": ["base"]}}));
    let mut request = update(old.clone(), with(old, json!({"filestore": {"storageSize": "4Gi"}})));
    request["request"]["kind"]["version"] = json!("v1alpha1");
    request["request"]["requestKind"] = Value::Null;
    assert_eq!(fields(&call(validate, &request)), ["spec.filestore.storageSize"]);
    assert_eq!(call(mutate, &request), json!({"uid": "u-1", "allowed": true}));
}

#[test]
fn no_secret_value_is_repeated() {
    let secret = "hunter2-very-secret";
    let spec = with(
        smallest(),
        json!({
            "adminPassword": secret, "adminPasswordSecretRef": {"name": "a", "key": "b"},
            "configOptions": {"smtp_password": format!("{secret}\n"), "db_password": secret},
            "webhook": {"url": format!("http://user:{secret}@example.com/"), "token": secret},
            "extraEnv": [{"name": "PASSWORD", "value": secret}],
            "initialization": {"restore": {"masterPassword": secret}},
        }),
    );
    for hook in [mutate as Hook, validate] {
        let response = call(hook, &create(spec.clone()));
        assert_eq!(response["allowed"], false);
        assert!(!response.to_string().contains(secret), "{response}");
    }
}
