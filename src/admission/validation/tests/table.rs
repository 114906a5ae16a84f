//! The table says of each rule what is true of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::admission::defaulting::{self, Source};
use crate::admission::subject::{Kind, Spec};
use crate::admission::tests::{World, smallest, with};
use crate::admission::validation::{Case, Outcome, State, rules};
use crate::admission::violation::Findings;

/// An object that breaks rules.
struct Sample {
    kind: Kind,
    name: &'static str,
    spec: Value,
    old: Option<Value>,
    phase: &'static str,
}

fn s3() -> Value {
    json!({"bucket": "backups", "objectKey": "a.zip", "endpoint": "https://s3.example.com"})
}

fn across() -> Value {
    with(s3(), json!({"s3CredentialsSecretRef": {"name": "s3", "namespace": "us"}}))
}

/// The smallest spec of a kind of job, about `target`.
fn job(kind: Kind, target: &str) -> Value {
    let target = json!({"name": target});
    match kind {
        Kind::Instance => smallest(),
        Kind::InitJob | Kind::UpgradeJob => json!({"odooInstanceRef": target}),
        Kind::BackupJob => json!({"odooInstanceRef": target, "destination": s3()}),
        Kind::RestoreJob => json!({"odooInstanceRef": target, "source": {"type": "s3", "s3": s3()}}),
        Kind::RefreshJob => json!({"odooInstanceRef": target, "source": {"instanceRef": {"name": "web-cron"}}}),
        Kind::BackupSchedule => {
            json!({"schedule": "0 3 * * *", "template": {"odooInstanceRef": target, "destination": s3()}})
        }
    }
}

fn instances() -> Vec<Sample> {
    let sample = |spec: Value| Sample {
        kind: Kind::Instance,
        name: "shop",
        spec: with(smallest(), spec),
        old: None,
        phase: "Provisioning",
    };
    let init = |init: Value| sample(json!({ "initialization": init }));
    let hook = json!({"url": "ftp://example.com", "token": "x", "tokenSecretRef": {"name": "A", "key": "b"}});
    let mut samples = vec![
        sample(json!({"ingress": {"hosts": ["No Host"]}})),
        sample(json!({"ingress": {"hosts": []}})),
        sample(json!({"filestore": {"storageSize": "x"}})),
        sample(json!({"database": {"cluster": "nowhere", "name": "postgres", "secondDatabase": "x"}})),
        sample(json!({"database": {"name": "_a"}})),
        sample(json!({"configOptions": {"db_host": "x", "list_db": "True"}})),
        sample(json!({"adminPassword": "x"})),
        sample(json!({"adminPassword": "x", "adminPasswordSecretRef": {"name": "a", "key": "b"}})),
        init(json!({"clone": {"instanceRef": {"name": "shop"}, "neutralize": false}})),
        init(json!({"clone": {"instanceRef": {"name": "far", "namespace": "us"}}})),
        init(json!({"clone": {"instanceRef": {"name": "far", "namespace": "dark"}}})),
        init(json!({"restore": {"s3": across()}})),
        init(json!({"mode": "restore", "modules": ["a-b"], "webhook": hook})),
        init(json!({"restore": {"s3": {"bucket": "", "objectKey": "a", "endpoint": "https://a.b"}}})),
        sample(json!({"replicas": 2, "filestore": {"accessMode": "ReadWriteOnce"}})),
        sample(json!({"strategy": {"rollingUpdate": {}}, "extraEnv": [{"name": "HOST"}], "image": "No"})),
        sample(json!({"environment": "Production", "deletionPolicy": "Delete"})),
        sample(json!({"ingress": {"class": "a", "gatewayRef": {"name": "a", "namespace": "b"}}})),
        sample(json!({"readOnlySqlAccess": {"enabled": true}})),
        sample(json!({"upgrade": {"onImageChange": "UpgradeModules"}, "nodeSelector": {"a b": "c"}})),
        sample(json!({"tolerations": [{"key": "a", "operator": "Gt", "value": "1"}]})),
        Sample { name: "web", ..sample(json!({})) },
    ];
    let before = with(smallest(), json!({"filestore": {"storageSize": "5Gi", "storageClass": "slow"}}));
    let moved = json!({"filestore": {"storageSize": "1Gi", "storageClass": "fast"}});
    samples.push(Sample { old: Some(before), phase: "Restoring", ..sample(moved) });
    samples
}

fn jobs() -> Vec<Sample> {
    let mut samples = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Instance) {
        let sample = |spec: Value| Sample { kind, name: "job", spec, old: None, phase: "" };
        // Whatever a kind does not have is not read.
        let hook = json!({"url": "ftp://example.com", "token": "x", "tokenSecretRef": {"name": "A", "key": "b"}});
        let wrong = json!({
            "odooInstanceRef": {"namespace": "us"}, "webhook": hook, "modules": ["a-b"], "scheduledTime": "x",
            "schedule": "x", "neutralize": false, "destination": {"bucket": ""},
            "source": {"s3": {"bucket": ""}, "odoo": {"url": "https://a.b", "masterPassword": "x"}},
            "template": {"odooInstanceRef": {"namespace": "us"}, "webhook": hook, "destination": {"bucket": ""}},
        });
        samples.push(sample(with(job(kind, "web-cron"), wrong.clone())));
        samples.push(sample(job(kind, "later")));
        let across = json!({
            "destination": across(), "template": {"destination": across()},
            "source": {"s3": across(), "instanceRef": {"namespace": "us"}},
        });
        samples.push(sample(with(job(kind, "web-cron"), across)));
        samples.push(sample(job(kind, "live")));
        let changed = with(job(kind, "web-cron"), wrong);
        samples.push(Sample { old: Some(job(kind, "web-cron")), phase: "Running", ..sample(changed) });
    }
    samples
}

#[test]
fn each_row_judges_the_kinds_that_it_names_and_answers_what_it_says() {
    let world = World::new();
    let ctx = world.ctx();
    let filled = |kind: Kind, spec: &Value| -> Spec {
        let mut spec = kind.decode(spec).unwrap();
        let default_cluster = Some("main");
        defaulting::default(
            &mut spec,
            Source { defaults: &ctx.settings.defaults, default_cluster, is_new: true, old: None },
        );
        spec
    };
    let mut seen: BTreeMap<usize, (BTreeSet<Kind>, bool, bool)> = BTreeMap::new();
    for sample in instances().into_iter().chain(jobs()) {
        let spec = filled(sample.kind, &sample.spec);
        let old = sample.old.as_ref().map(|old| filled(sample.kind, old));
        let state = State { phase: Some(sample.phase.to_owned()), ..State::default() };
        let case = Case {
            name: sample.name,
            generated: false,
            namespace: "eu",
            spec: &spec,
            old: old.as_ref(),
            state: &state,
            ctx,
        };
        for (row, rule) in rules().iter().enumerate() {
            // Every row, also of other kinds: what it finds there would be lost.
            let mut found = Findings::default();
            (rule.judge)(&case, &mut found);
            let (kinds, denies, warns) = seen.entry(row).or_default();
            if found != Findings::default() {
                kinds.insert(sample.kind);
            }
            *denies |= !found.violations.is_empty();
            *warns |= !found.warnings.is_empty();
        }
    }
    for (row, rule) in rules().iter().enumerate() {
        let (kinds, denies, warns) = &seen[&row];
        let claimed: BTreeSet<Kind> = rule.kinds.iter().copied().collect();
        assert_eq!(*kinds, claimed, "kinds of {} {}", rule.number, rule.title);
        let outcome = match (denies, warns) {
            (true, false) => Outcome::Denies,
            (false, true) => Outcome::Warns,
            (true, true) => Outcome::DeniesOrWarns,
            (false, false) => panic!("nothing here breaks {} {}", rule.number, rule.title),
        };
        assert_eq!(outcome, rule.outcome, "outcome of {} {}", rule.number, rule.title);
    }
}
