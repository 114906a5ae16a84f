//! Rules 29 and 30: nothing is ignored without a word.

use serde_json::{Value, json};

use super::Trial;
use crate::admission::subject::Kind;
use crate::admission::violation::Reason::NotSupported;

fn instance(more: Value) -> Trial {
    Trial::instance(more).in_this_release()
}

fn s3() -> Value {
    json!({"bucket": "backups", "objectKey": "a", "endpoint": "https://s3.example.com"})
}

#[test]
fn rule_29_what_would_surprise_is_refused() {
    let elsewhere = "is not carried out by this release, which makes the database itself; use spec.database.cluster";
    for (database, path) in [
        (json!({"credentialsSecretRef": {"name": "app"}}), "spec.database.credentialsSecretRef"),
        (json!({"caSecretRef": {"name": "ca", "key": "ca.crt"}}), "spec.database.caSecretRef"),
        (json!({"secondDatabase": "copy"}), "spec.database.secondDatabase"),
    ] {
        instance(json!({ "database": database })).refused(path, NotSupported, elsewhere);
    }
    instance(json!({"upgrade": {"onImageChange": "None"}})).clean();
    instance(json!({"upgrade": {"onImageChange": "UpgradeModules"}})).refused(
        "spec.upgrade.onImageChange",
        NotSupported,
        "UpgradeModules is not carried out by this release: a new image would meet a database that was not upgraded \
         to it; use None, and upgrade the modules yourself",
    );
}

#[test]
fn rule_29_moves_are_refused_at_rest_too() {
    let change = |field: &str, old: Value, new: Value| {
        let (block, name) = field.split_once('.').unwrap();
        instance(json!({ block: {name: new} })).was(json!({ block: {name: old} })).state(json!({"phase": "Running"}))
    };
    for (field, old, new, why) in [
        ("filestore.storageClass", "slow", "fast", "this release moves no volume"),
        ("database.cluster", "main", "spare", "this release moves no database"),
        ("filestore.accessMode", "ReadWriteOnce", "ReadWriteMany", "a volume keeps its access mode"),
    ] {
        change(field, json!(old), json!(old)).clean();
        change(field, json!(old), json!(new)).refused(
            &format!("spec.{field}"),
            NotSupported,
            &format!("cannot change from \"{old}\" to \"{new}\": {why}; keep \"{old}\""),
        );
    }
    // Before there is a volume, nothing has to keep its mode.
    change("filestore.accessMode", json!("ReadWriteOnce"), json!("ReadWriteMany")).state(json!({})).clean();
}

#[test]
fn rule_29_what_does_no_harm_warns() {
    let by_hand = "is not carried out by this release: upgrade modules with Odoo itself";
    let none = "is not carried out by this release, which runs no upgrades";
    let waits = "is not carried out by this release: the database waits for an OdooInitJob of yours";
    for (spec, path, message) in [
        (json!({"upgrade": {"modules": ["sale"]}}), "spec.upgrade.modules", by_hand),
        (json!({"upgrade": {"modulesInstall": ["sale"]}}), "spec.upgrade.modulesInstall", by_hand),
        (json!({"upgrade": {"backup": {"destination": s3()}}}), "spec.upgrade.backup", none),
        (json!({"upgrade": {"rollback": false}}), "spec.upgrade.rollback", none),
        (json!({"upgrade": {"keepWebRunning": true}}), "spec.upgrade.keepWebRunning", none),
        (
            json!({"readOnlySqlAccess": {"enabled": true}}),
            "spec.readOnlySqlAccess",
            "is not carried out by this release: no such role is made",
        ),
        (json!({"initialization": {"restore": {"s3": s3()}}}), "spec.initialization.restore", waits),
        (json!({"initialization": {"clone": {"instanceRef": {"name": "live"}}}}), "spec.initialization.clone", waits),
    ] {
        instance(spec).warned(path, message);
    }
    instance(json!({"upgrade": {"modules": [], "rollback": true}, "readOnlySqlAccess": {"connectionLimit": 3}}))
        .clean();
    // Once the database is filled, it does not matter how that was to be done.
    let restored = json!({"initialization": {"restore": {"s3": s3()}}});
    instance(restored.clone()).was(restored).state(json!({"dbInitialized": true})).clean();
}

#[test]
fn rule_29_kinds_that_are_not_run() {
    let target = json!({"name": "web-cron"});
    for (kind, spec) in [
        (Kind::UpgradeJob, json!({"odooInstanceRef": target})),
        (Kind::BackupJob, json!({"odooInstanceRef": target, "destination": s3()})),
        (Kind::RestoreJob, json!({"odooInstanceRef": target, "source": {"type": "s3", "s3": s3()}})),
        (Kind::RefreshJob, json!({"odooInstanceRef": target, "source": {"instanceRef": {"name": "live"}}})),
        (
            Kind::BackupSchedule,
            json!({"schedule": "0 3 * * *", "template": {"odooInstanceRef": target, "destination": s3()}}),
        ),
    ] {
        let trial = || Trial::of(kind, spec.clone()).in_this_release();
        let message = format!("this release does not run {}: it is kept, with Accepted=False", kind.name());
        trial().warned("kind", &message);
        trial().was(spec.clone()).clean();
    }
    Trial::of(Kind::InitJob, json!({"odooInstanceRef": target})).in_this_release().clean();
}

#[test]
fn rule_30_what_has_no_effect_beside_another_field() {
    let gateway = json!({"name": "gw", "namespace": "infra"});
    instance(json!({"ingress": {"gatewayRef": gateway}})).clean();
    instance(json!({"ingress": {"class": "nginx", "issuer": "letsencrypt"}})).clean();
    instance(json!({"ingress": {"gatewayRef": gateway, "class": "nginx"}}))
        .warned("spec.ingress.class", "has no effect with gatewayRef; remove it, or write gatewayRef: null");
    instance(json!({"ingress": {"gatewayRef": gateway, "issuer": "letsencrypt"}}))
        .warned("spec.ingress.issuer", "has no effect with gatewayRef: TLS is the Gateway's; remove it");
    let budget = |replicas: u8, budget: Value| instance(json!({"replicas": replicas, "podDisruptionBudget": budget}));
    budget(2, json!({"minAvailable": 1})).clean();
    budget(1, json!({"enabled": true, "minAvailable": 1})).clean();
    for (replicas, without) in [(1, json!({"minAvailable": 1})), (2, json!({"enabled": false, "minAvailable": 1}))] {
        budget(replicas, without)
            .warned("spec.podDisruptionBudget.minAvailable", "has no effect without a budget; set enabled: true");
    }
    for name in ["PGSSLROOTCERT", "INIT_MODULES"] {
        instance(json!({"extraEnv": [{"name": name, "value": "x"}]}))
            .warned("spec.extraEnv[0].name", "has no effect in containers where the operator sets it");
    }
}
