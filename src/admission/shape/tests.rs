#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values")]

use serde_json::{Value, json};

use super::check;
use crate::admission::subject::Kind;
use crate::admission::violation::Reason::{self, Duplicate, Invalid, NotSupported, Required, TypeInvalid};
use crate::api::crds::Version;

fn found(kind: Kind, mut spec: Value, sent_as: Version) -> Vec<(String, Reason, String)> {
    check(kind, &mut spec, sent_as).into_iter().map(|v| (v.path, v.reason, v.message)).collect()
}

#[track_caller]
fn finds(spec: Value, path: &str, reason: Reason, message: &str) {
    assert_eq!(found(Kind::Instance, spec, Version::V1), [(path.to_owned(), reason, message.to_owned())]);
}

#[test]
fn the_published_manifest_fits() {
    let spec = json!({
        "image": "odoo:18.0", "replicas": 1, "adminPassword": "x",
        "ingress": {"hosts": ["my-odoo.example.com"], "issuer": "letsencrypt-prod"},
        "resources": {"requests": {"cpu": "200m", "memory": 512}, "limits": {"cpu": 2, "memory": "2Gi"}},
        "filestore": {"storageSize": "5Gi", "storageClass": "standard"},
        "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}},
        "affinity": null,
    });
    assert_eq!(found(Kind::Instance, spec.clone(), Version::V1), []);
    assert_eq!(found(Kind::Instance, spec, Version::V1Alpha1), []);
}

#[test]
fn each_wrong_form_is_found_where_it_is() {
    let hosts = |more: Value| {
        let mut spec = json!({"ingress": {"hosts": ["a.example.com"]}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    finds(hosts(json!({"replicas": "two"})), "spec.replicas", TypeInvalid, "must be an integer, not a string");
    finds(hosts(json!({"replicas": 1.5})), "spec.replicas", TypeInvalid, "must be an integer, not 1.5");
    finds(hosts(json!({"replicas": -1})), "spec.replicas", Invalid, "-1 is too small; at least 0");
    finds(
        hosts(json!({"replicas": 3_000_000_000_u64})),
        "spec.replicas",
        Invalid,
        "3000000000 is too large; at most 2147483647",
    );
    finds(
        hosts(json!({"adminPassword": ""})),
        "spec.adminPassword",
        Invalid,
        "must not be empty; leave it out instead",
    );
    finds(
        hosts(json!({"environment": "production"})),
        "spec.environment",
        NotSupported,
        "\"production\" is none of Staging, Production; did you mean Production?",
    );
    finds(json!({}), "spec.ingress", Required, "is required: an object");
    finds(json!({"ingress": {}}), "spec.ingress.hosts", Required, "is required: a list");
    finds(json!({"ingress": {"hosts": "a"}}), "spec.ingress.hosts", TypeInvalid, "must be a list, not a string");
    finds(json!({"ingress": {"hosts": [1]}}), "spec.ingress.hosts[0]", TypeInvalid, "must be a string, not a number");
    finds(
        hosts(json!({"configOptions": {"workers": 4}})),
        "spec.configOptions[workers]",
        TypeInvalid,
        "must be a string, not a number",
    );
    finds(
        hosts(json!({"extraEnv": [{"name": "A"}, {"name": "A"}]})),
        "spec.extraEnv[1]",
        Duplicate,
        "\"A\" is there twice",
    );
    finds(hosts(json!({"extraEnv": [{"value": "A"}]})), "spec.extraEnv[0].name", Required, "is required: a string");
    assert_eq!(
        found(Kind::Instance, json!("text"), Version::V1),
        [("spec".to_owned(), TypeInvalid, "must be an object, not a string".to_owned())]
    );
}

#[test]
fn what_is_left_can_be_decoded() {
    for (kind, spec) in [
        (Kind::Instance, json!({"replicas": "x", "ingress": 3, "tolerations": [7], "cron": {"replicas": []}})),
        (Kind::RestoreJob, json!({"source": {"type": "tape"}})),
        (Kind::BackupJob, json!({"format": 1})),
        (Kind::BackupSchedule, json!({})),
        (Kind::RefreshJob, json!({"source": {"instanceRef": null}})),
        (Kind::UpgradeJob, json!({"modules": [1, 2]})),
        (Kind::InitJob, json!({"odooInstanceRef": "x"})),
    ] {
        let mut spec = spec;
        assert_ne!(check(kind, &mut spec, Version::V1), [], "{}", kind.name());
        kind.decode(&spec).unwrap_or_else(|error| panic!("{} {spec}: {error}", kind.name()));
    }
}

#[test]
fn unknown_fields_are_refused_only_where_nobody_else_does() {
    let spec = json!({"ingress": {"hosts": ["a.b"], "isuer": "x"}, "replcias": 2, "banana": 1});
    assert_eq!(found(Kind::Instance, spec.clone(), Version::V1), []);
    assert_eq!(
        found(Kind::Instance, spec, Version::V1Alpha1),
        [
            ("spec.ingress.isuer".to_owned(), Invalid, "there is no field \"isuer\"; did you mean issuer?".to_owned()),
            ("spec.replcias".to_owned(), Invalid, "there is no field \"replcias\"; did you mean replicas?".to_owned()),
            ("spec.banana".to_owned(), Invalid, "there is no field \"banana\"".to_owned()),
        ]
    );
}

#[test]
fn what_conversion_left_in_place_is_judged_in_the_words_of_v1alpha1() {
    let spec = json!({"ingress": {"hosts": ["a.b"]}, "init": {"modles": ["base"], "demo": "yes"}, "ini": 1});
    assert_eq!(
        found(Kind::Instance, spec, Version::V1Alpha1),
        [
            ("spec.init.modles".to_owned(), Invalid, "there is no field \"modles\"; did you mean modules?".to_owned()),
            ("spec.init.demo".to_owned(), TypeInvalid, "must be true or false, not a string".to_owned()),
            ("spec.ini".to_owned(), Invalid, "there is no field \"ini\"; did you mean init?".to_owned()),
        ]
    );
}
