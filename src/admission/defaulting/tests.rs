#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values")]

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Source, default};
use crate::admission::overlay::overlay;
use crate::admission::subject::{Kind, Spec};
use crate::admission::tests::{smallest, with};
use crate::api::crds;
use crate::api::settings::Defaults;
use crate::api::v1::GatewayRef;

fn s3() -> Value {
    json!({"bucket": "backups", "objectKey": "a/b.zip", "endpoint": "https://s3.example.com"})
}

/// A spec of each kind with every block in it, and nothing that has a default.
fn bare(kind: Kind) -> Value {
    let target = json!({"name": "shop"});
    match kind {
        Kind::Instance => json!({
            "ingress": {"hosts": ["shop.example.com"]}, "cron": {}, "filestore": {}, "database": {},
            "initialization": {"restore": {"s3": s3()}, "clone": {"instanceRef": target}},
            "upgrade": {"backup": {"destination": s3()}}, "strategy": {"rollingUpdate": {}}, "readOnlySqlAccess": {},
        }),
        Kind::InitJob | Kind::UpgradeJob => json!({"odooInstanceRef": target}),
        Kind::BackupJob => json!({"odooInstanceRef": target, "destination": s3()}),
        Kind::RestoreJob => json!({"odooInstanceRef": target, "source": {"type": "s3", "s3": s3()}}),
        Kind::RefreshJob => json!({"odooInstanceRef": target, "source": {"instanceRef": {"name": "live"}}}),
        Kind::BackupSchedule => {
            json!({"schedule": "0 3 * * *", "template": {"odooInstanceRef": target, "destination": s3()}})
        }
    }
}

/// What the API server does with a schema's defaults.
fn lay_schema_defaults(schema: &Value, value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(default) = field.get("default") {
            object.entry(name.clone()).or_insert_with(|| default.clone());
        }
        if let Some(value) = object.get_mut(name) {
            lay_schema_defaults(field, value);
        }
    }
}

#[test]
fn constants_are_those_of_the_schema() {
    for kind in Kind::ALL {
        let crd = crds::all().into_iter().find(|crd| crd.spec.names.kind == kind.name()).unwrap();
        let v1 = crd.spec.versions.into_iter().find(|version| version.name == "v1").unwrap();
        let schema = serde_json::to_value(v1.schema.unwrap().open_api_v3_schema.unwrap()).unwrap();
        for start in [bare(kind), json!({"ingress": {"hosts": []}})] {
            let Ok(mut spec) = kind.decode(&start) else { continue };
            super::constants(&mut spec);
            let mut expected = start;
            lay_schema_defaults(&schema["properties"]["spec"], &mut expected);
            assert_eq!(spec.to_value(), expected, "{}", kind.name());
        }
    }
}

fn settings() -> Defaults {
    Defaults {
        image: "registry.example.com/odoo:19.0".to_owned(),
        resources: Some(ResourceRequirements::default()),
        tolerations: Some(vec![Toleration { key: Some("odoo".to_owned()), ..Toleration::default() }]),
        ingress_class: Some("nginx".to_owned()),
        ingress_issuer: Some("letsencrypt".to_owned()),
        region: "eu-west-1".to_owned(),
        ..Defaults::default()
    }
}

fn filled(spec: Value, old: Option<Value>, defaults: &Defaults) -> Value {
    let decode = |spec: &Value| Kind::Instance.decode(spec).unwrap();
    let old = old.as_ref().map(decode);
    let mut spec = decode(&spec);
    default(&mut spec, Source { defaults, default_cluster: Some("main"), is_new: old.is_none(), old: old.as_ref() });
    spec.to_value()
}

#[test]
fn settings_fill_what_is_absent_and_nothing_else() {
    let spec = filled(smallest(), None, &settings());
    assert_eq!(spec["image"], "registry.example.com/odoo:19.0");
    assert_eq!(spec["resources"], json!({}));
    assert_eq!(spec["tolerations"], json!([{"key": "odoo"}]));
    assert_eq!(spec["ingress"], json!({"hosts": ["shop.example.com"], "class": "nginx", "issuer": "letsencrypt"}));
    assert_eq!(spec["cron"], json!({"replicas": 1}));
    let given =
        json!({"image": "odoo:17.0", "ingress": {"class": "traefik", "issuer": ""}, "database": {"cluster": "spare"}});
    let spec = filled(with(smallest(), given), None, &settings());
    assert_eq!(spec["image"], "odoo:17.0");
    assert_eq!(spec["ingress"], json!({"hosts": ["shop.example.com"], "class": "traefik", "issuer": ""}));
    assert_eq!(spec["database"]["cluster"], "spare");
}

#[test]
fn a_changed_setting_changes_new_objects_only() {
    let old = filled(smallest(), None, &settings());
    let newer = Defaults { image: "odoo:20.0".to_owned(), ingress_class: Some("other".to_owned()), ..settings() };
    assert_eq!(filled(old.clone(), Some(old.clone()), &newer), old);
    assert_eq!(filled(smallest(), Some(old.clone()), &newer), old);
}

/// Every setting that has a value, of those that have none at first.
fn set_later() -> Defaults {
    let gateway = GatewayRef { name: "gw".to_owned(), namespace: "infra".to_owned(), section_name: None };
    Defaults {
        storage_class: Some("fast".to_owned()),
        cron_resources: Some(ResourceRequirements::default()),
        affinity: Some(Affinity::default()),
        gateway_ref: Some(gateway),
        ..settings()
    }
}

#[test]
fn a_setting_that_had_no_value_changes_nothing_that_is_there() {
    let before = Defaults::default();
    for spec in [smallest(), bare(Kind::Instance)] {
        let old = filled(spec.clone(), None, &before);
        assert_eq!(filled(old.clone(), Some(old.clone()), &set_later()), old);
        assert_eq!(filled(spec, Some(old.clone()), &set_later()), old);
        // Nor does the reconciler work with it.
        let mut stored = Kind::Instance.decode(&old).unwrap();
        let source = Source { defaults: &set_later(), default_cluster: Some("main"), is_new: false, old: None };
        default(&mut stored, source);
        assert_eq!(stored.to_value(), old);
    }
}

#[test]
fn a_location_keeps_having_no_region() {
    fn fill(new: &mut Spec, old: &Spec) {
        default(new, Source { defaults: &settings(), default_cluster: None, is_new: false, old: Some(old) });
    }
    for kind in [Kind::Instance, Kind::BackupJob, Kind::RestoreJob, Kind::BackupSchedule] {
        let spec = kind.decode(&bare(kind)).unwrap();
        let mut new = spec.clone();
        fill(&mut new, &spec);
        for (path, location) in new.s3_locations() {
            assert_eq!(location.region, None, "{} {path}", kind.name());
        }
    }
    // One that a change brings gets it.
    let (old, mut new) =
        (Kind::Instance.decode(&smallest()).unwrap(), Kind::Instance.decode(&bare(Kind::Instance)).unwrap());
    fill(&mut new, &old);
    assert!(new.s3_locations().iter().all(|(_, location)| location.region.as_deref() == Some("eu-west-1")));
}

#[test]
fn a_gateway_and_a_class_exclude_each_other() {
    let gateway = GatewayRef { name: "gw".to_owned(), namespace: "infra".to_owned(), section_name: None };
    let defaults = Defaults { gateway_ref: Some(gateway), ..settings() };
    let ingress = |spec: Value, old: Option<Value>| filled(spec, old, &defaults)["ingress"].clone();
    let gateway = json!({"name": "gw", "namespace": "infra"});
    assert_eq!(ingress(smallest(), None)["gatewayRef"], gateway);
    assert_eq!(ingress(smallest(), None).get("class"), None);
    let classy = with(smallest(), json!({"ingress": {"class": "nginx"}}));
    assert_eq!(ingress(classy.clone(), None).get("gatewayRef"), None);
    let routed = with(smallest(), json!({"ingress": {"gatewayRef": {"name": "mine", "namespace": "eu"}}}));
    assert_eq!(ingress(routed.clone(), None).get("class"), None);
    // From one to the other, and absent after either.
    assert_eq!(ingress(routed.clone(), Some(classy.clone())).get("class"), None);
    assert_eq!(ingress(classy.clone(), Some(routed)).get("gatewayRef"), None);
    assert_eq!(ingress(smallest(), Some(classy))["class"], "nginx");
}

#[test]
fn a_database_elsewhere_gets_no_cluster() {
    let elsewhere = with(smallest(), json!({"database": {"credentialsSecretRef": {"name": "app"}}}));
    assert_eq!(filled(elsewhere, None, &settings())["database"].get("cluster"), None);
}

#[test]
fn regions_and_formats_are_said_explicitly() {
    let spec = filled(bare(Kind::Instance), None, &settings());
    let restore = &spec["initialization"]["restore"];
    assert_eq!(restore["format"], "zip");
    assert_eq!(restore["withFilestore"], true);
    assert_eq!(restore["neutralize"], true);
    assert_eq!(restore["s3"]["region"], "eu-west-1");
    assert_eq!(spec["upgrade"]["backup"]["destination"]["region"], "eu-west-1");
    for (kind, at) in [
        (Kind::BackupJob, "/destination/region"),
        (Kind::RestoreJob, "/source/s3/region"),
        (Kind::BackupSchedule, "/template/destination/region"),
    ] {
        let mut spec = kind.decode(&bare(kind)).unwrap();
        default(&mut spec, Source { defaults: &settings(), default_cluster: None, is_new: true, old: None });
        assert_eq!(spec.to_value().pointer(at), Some(&json!("eu-west-1")), "{}", kind.name());
    }
}

/// `full` with some of its fields gone and some unknown ones added.
fn parts_of(full: Value, choices: &mut dyn FnMut() -> u8) -> Value {
    match full {
        Value::Object(fields) => {
            let mut kept = serde_json::Map::new();
            for (name, value) in fields {
                let value = parts_of(value, choices);
                let needed = [
                    "ingress",
                    "hosts",
                    "odooInstanceRef",
                    "name",
                    "source",
                    "type",
                    "instanceRef",
                    "destination",
                    "bucket",
                    "objectKey",
                    "endpoint",
                    "schedule",
                    "template",
                    "namespace",
                ];
                if needed.contains(&name.as_str()) || !choices().is_multiple_of(3) {
                    kept.insert(name, value);
                }
            }
            if choices().is_multiple_of(4) {
                kept.insert("unknownToUs".to_owned(), json!({"kept": [1, {"a": null}]}));
            }
            Value::Object(kept)
        }
        other => other,
    }
}

fn count_unknown(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| usize::from(name == "unknownToUs") + count_unknown(value)).sum()
        }
        Value::Array(items) => items.iter().map(count_unknown).sum(),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn defaulting_is_idempotent_and_keeps_the_unknown(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        seed in prop::collection::vec(any::<u8>(), 1..64),
        has_old in any::<bool>(),
    ) {
        let mut at = 0;
        let mut choices = || { at += 1; seed[at % seed.len()] };
        let mut full = kind.decode(&bare(kind)).unwrap();
        let defaults = settings();
        let source = |old| Source { defaults: &defaults, default_cluster: Some("main"), is_new: Option::is_none(&old), old };
        default(&mut full, source(None));
        let raw = parts_of(full.to_value(), &mut choices);
        let old: Option<Spec> = has_old.then(|| kind.decode(&parts_of(full.to_value(), &mut choices)).unwrap());

        let mut spec = kind.decode(&raw).unwrap();
        let before = spec.to_value();
        let changed = default(&mut spec, source(old.as_ref()));
        prop_assert_eq!(changed, spec.to_value() != before);
        let mut overlaid = raw.clone();
        overlay(&mut overlaid, &before, &spec.to_value());
        prop_assert_eq!(kind.decode(&overlaid).unwrap(), spec.clone());
        prop_assert_eq!(count_unknown(&overlaid), count_unknown(&raw));

        let patch = json_patch::diff(&raw, &overlaid);
        let mut patched = raw;
        json_patch::patch(&mut patched, &patch).unwrap();
        prop_assert_eq!(patched, overlaid);

        let once = spec.clone();
        prop_assert!(!default(&mut spec, source(old.as_ref())));
        prop_assert_eq!(spec, once);
    }
}
