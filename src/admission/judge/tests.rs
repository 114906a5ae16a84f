use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Change, Text, judge};
use crate::admission::subject::Kind;
use crate::admission::tests::{World, smallest, with};
use crate::admission::validation::State;
use crate::api::crds::{self, Version};

/// Two values of each member of an instance's spec, between which rules may tell.
fn members() -> Vec<(&'static str, [Value; 2])> {
    let s3 = |bucket: &str| json!({"bucket": bucket, "objectKey": "a/b.zip", "endpoint": "https://s3.example.com"});
    let requests = |cpu: &str| json!({"requests": {"cpu": cpu}});
    vec![
        ("adminPassword", [json!("one"), json!("two")]),
        ("adminPasswordSecretRef", [json!({"name": "a", "key": "k"}), json!({"name": "b", "key": "k"})]),
        ("affinity", [json!({}), json!({"nodeAffinity": {}})]),
        ("configOptions", [json!({"workers": "2"}), json!({"workers": "4"})]),
        ("cron", [json!({"replicas": 1}), json!({"replicas": 0, "resources": requests("1")})]),
        ("database", [json!({"cluster": "main", "name": "one"}), json!({"cluster": "spare", "name": "two"})]),
        ("deletionPolicy", [json!("Retain"), json!("Delete")]),
        ("environment", [json!("Production"), json!("Staging")]),
        ("extraEnv", [json!([{"name": "A", "value": "b"}]), json!([])]),
        ("extraEnvFrom", [json!([{"secretRef": {"name": "a"}}]), json!([])]),
        (
            "filestore",
            [
                json!({"storageSize": "2Gi", "storageClass": "fast", "accessMode": "ReadWriteMany"}),
                json!({"storageSize": "1Gi", "storageClass": "slow", "accessMode": "ReadWriteOnce"}),
            ],
        ),
        ("image", [json!("odoo:17.0"), json!("odoo:19.0")]),
        ("imagePullSecret", [json!("one"), json!("two")]),
        ("ingress", [json!({"hosts": ["a.example.com"]}), json!({"hosts": ["b.example.com"], "class": "nginx"})]),
        ("initialization", [json!({"mode": "Restore", "restore": {"s3": s3("a")}}), json!({"modules": ["sale"]})]),
        ("nodeSelector", [json!({"a": "b"}), json!({})]),
        ("podDisruptionBudget", [json!({"minAvailable": 1}), json!({"maxUnavailable": 1})]),
        ("priorityClassName", [json!("one"), json!("two")]),
        ("probes", [json!({}), json!({"startupSeconds": 900})]),
        ("readOnlySqlAccess", [json!({"enabled": true}), json!({"enabled": false})]),
        ("replicas", [json!(2), json!(0)]),
        ("resources", [requests("1"), requests("2")]),
        ("strategy", [json!({"type": "Recreate"}), json!({"type": "RollingUpdate"})]),
        ("suspend", [json!(true), json!(false)]),
        ("tolerations", [json!([{"key": "a"}]), json!([])]),
        (
            "topologySpreadConstraints",
            [json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]), json!([])],
        ),
        ("upgrade", [json!({"backup": {"destination": s3("a")}}), json!({"backup": {"destination": s3("b")}})]),
        ("webhook", [json!({"url": "https://a.example.com/"}), json!({"url": "https://b.example.com/"})]),
    ]
}

/// What is said of a change, and the spec with defaults. Trees are judged without the short cut.
fn judged(old: &Value, new: &Value, phase: &str, defaults: bool, short_cut: bool) -> (String, Option<Value>) {
    let mut world = World::new();
    world.settings.defaults.ingress_class = Some("nginx".to_owned());
    let (old_text, new_text) = (old.to_string(), new.to_string());
    let text = |raw, tree: &Value| if short_cut { Text::Raw(raw) } else { Text::Tree(Cow::Owned(tree.clone())) };
    let change = Change {
        kind: Kind::Instance,
        name: "shop",
        generated: false,
        namespace: "eu",
        sent_as: Version::V1,
        spec: text(&new_text, new),
        old: Some(text(&old_text, old)),
        state: State { phase: Some(phase.to_owned()), db_initialized: Some(true), ..State::default() },
        defaults,
    };
    let judged = judge(&change, world.ctx());
    (format!("{:?}", judged.findings), judged.defaulted)
}

fn assert_judged_the_same(old: &Value, new: &Value, phase: &str, defaults: bool) {
    let with_it = judged(old, new, phase, defaults, true);
    let without = judged(old, new, phase, defaults, false);
    assert_eq!(with_it, without, "{old} to {new} in {phase}, defaults: {defaults}");
}

#[test]
fn a_change_is_judged_the_same_whether_the_old_spec_is_read_or_not() {
    for (member, values) in members() {
        for (before, after) in [(Some(0), Some(1)), (Some(1), Some(0)), (None, Some(0)), (Some(0), None)] {
            let spec = |value: Option<usize>| match value {
                Some(value) => with(smallest(), json!({ member: values[value] })),
                None => smallest(),
            };
            let (old, mut new) = (spec(before), spec(after));
            for (broken, phase) in [(false, "Running"), (false, "Starting"), (false, "Provisioning"), (true, "Running")]
            {
                if broken {
                    new["configOptions"]["db_host"] = json!("x");
                }
                for defaults in [true, false] {
                    assert_judged_the_same(&old, &new, phase, defaults);
                }
            }
        }
    }
}

#[test]
fn two_members_changed_together_are_judged_the_same() {
    let all = members();
    for (at, (one, [one_before, one_after])) in all.iter().enumerate() {
        for (other, [other_before, other_after]) in &all[at + 1..] {
            let old = with(smallest(), json!({ *one: one_before, *other: other_before }));
            let new = with(smallest(), json!({ *one: one_after, *other: other_after }));
            assert_judged_the_same(&old, &new, "Running", true);
        }
    }
}

#[test]
fn a_member_that_is_taken_away_with_null_is_judged_the_same() {
    for (member, [before, _]) in members() {
        let old = with(smallest(), json!({ member: before }));
        let new = with(smallest(), json!({ member: null }));
        for defaults in [true, false] {
            assert_judged_the_same(&old, &new, "Running", defaults);
        }
    }
}

#[test]
fn an_old_member_that_cannot_be_read_is_judged_the_same() {
    for (member, [_, after]) in members() {
        let old = with(smallest(), json!({ member: [[1]] }));
        let new = with(smallest(), json!({ member: after }));
        assert_judged_the_same(&old, &new, "Running", true);
    }
}

#[test]
fn every_member_is_changed_once() {
    let crds = crds::all();
    let crd = crds.iter().find(|crd| crd.spec.names.kind == "OdooInstance").unwrap();
    let v1 = crd.spec.versions.iter().find(|version| version.name == "v1").unwrap();
    let schema = v1.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    let spec = &schema.properties.as_ref().unwrap()["spec"];
    let all: BTreeSet<&str> = spec.properties.as_ref().unwrap().keys().map(String::as_str).collect();
    let changed: BTreeSet<&str> = members().iter().map(|(member, _)| *member).collect();
    assert_eq!(all, changed);
}
