//! Where each field shows.

use serde_json::{Value, json};

/// Where a field shows when it alone is changed.
pub enum Shows {
    /// In these objects and no others.
    Objects(&'static [&'static str]),
    /// The change is refused, at this path.
    Refusal(&'static str),
    /// The change is taken, with a warning at this path that it is not carried out.
    Warning(&'static str),
    /// In behaviour: file, name of a test, and a word that the test speaks of.
    Test(&'static str, &'static str, &'static str),
}

/// A field.
pub struct Row {
    /// Its path below `spec`.
    pub field: &'static str,
    /// What it needs beside it.
    pub base: Value,
    /// The change, as a merge patch of the spec.
    pub change: Value,
    /// Where that shows.
    pub shows: Shows,
}

/// Kinds whose objects get `Accepted=False`, `NotSupported`, and a warning when they are created.
pub const NOT_RUN: [&str; 5] =
    ["OdooUpgradeJob", "OdooBackupJob", "OdooRestoreJob", "OdooStagingRefreshJob", "OdooBackupSchedule"];

const PODS: &[&str] = &["web", "cron", "init job"];
/// It is a label of everything.
const EVERY: &[&str] =
    &["auto init", "cron", "init job", "odoo.conf", "pvc", "routing", "service", "service account", "user", "web"];
const CONF: &[&str] = &["odoo.conf", "web", "cron"];
const INIT: &[&str] = &["auto init", "init job"];

const LIFE: &str = "tests/cluster/life.rs";
const DELETION: &str = "tests/cluster/deletion.rs";
const BEHAVIOUR: &str = "tests/cluster/behaviour.rs";
const LIFECYCLE: &str = "src/lifecycle/tests.rs";
const JOBS: &str = "src/lifecycle/job.rs";

/// The smallest spec of a kind.
pub fn smallest(kind: &str) -> Value {
    let target = json!({"name": "live"});
    match kind {
        "OdooInstance" => json!({"ingress": {"hosts": ["shop.example.com"]}}),
        "OdooInitJob" | "OdooUpgradeJob" => json!({"odooInstanceRef": target}),
        "OdooBackupJob" => json!({"odooInstanceRef": target, "destination": s3()}),
        "OdooRestoreJob" => json!({"odooInstanceRef": target, "source": {"type": "s3", "s3": s3()}}),
        "OdooStagingRefreshJob" => {
            json!({"odooInstanceRef": {"name": "shop"}, "source": {"instanceRef": target}})
        }
        _ => json!({"schedule": "0 3 * * *", "template": {"odooInstanceRef": target, "destination": s3()}}),
    }
}

fn s3() -> Value {
    json!({"bucket": "backups", "objectKey": "a.zip", "endpoint": "https://s3.example.com"})
}

/// The rows of a kind.
pub fn rows(kind: &str) -> Vec<Row> {
    match kind {
        "OdooInstance" => [plain(), ingress(), database(), initialization(), restore(), clone(), upgrade(), pods()]
            .into_iter()
            .flatten()
            .chain(webhook("webhook"))
            .collect(),
        "OdooInitJob" => init_job(),
        _ => Vec::new(),
    }
}

fn row(field: &'static str, change: Value, shows: Shows) -> Row {
    Row { field, base: json!({}), change, shows }
}

fn beside(base: Value, row: Row) -> Row {
    Row { base, ..row }
}

use Shows::{Objects, Refusal, Test, Warning};

#[rustfmt::skip]
fn plain() -> Vec<Row> {
    let secret_ref = |name: &str, key: &str| json!({"adminPasswordSecretRef": {"name": name, "key": key}});
    let missing = || Test(LIFE, "a_missing_secret_is_named_and_the_instance_goes_on_once_it_is_there", "adminPasswordSecretRef");
    vec![
        row("image", json!({"image": "odoo:19.0"}), Objects(PODS)),
        row("imagePullSecret", json!({"imagePullSecret": "registry"}), Objects(PODS)),
        row("adminPassword", json!({"adminPassword": "x"}),
            Test("tests/e2e/main.rs", "the_published_quick_start_becomes_an_odoo_that_people_can_log_into", "password")),
        row("adminPasswordSecretRef.name", secret_ref("a", "b"), missing()),
        beside(secret_ref("a", "c"), row("adminPasswordSecretRef.key", secret_ref("a", "b"), missing())),
        row("replicas", json!({"replicas": 2}), Objects(&["web", "pdb"])),
        row("environment", json!({"environment": "Production"}), Objects(EVERY)),
        row("configOptions", json!({"configOptions": {"limit_time_real": "600"}}), Objects(CONF)),
        row("filestore.storageSize", json!({"filestore": {"storageSize": "9Gi"}}), Objects(&["pvc"])),
        row("filestore.storageClass", json!({"filestore": {"storageClass": "fast"}}), Objects(&["pvc"])),
        row("filestore.accessMode", json!({"filestore": {"accessMode": "ReadWriteOnce"}}), Objects(&["pvc"])),
        row("deletionPolicy", json!({"deletionPolicy": "Delete"}), Test(DELETION, "delete_leaves_nothing", "Delete")),
        row("suspend", json!({"suspend": true}), Test(LIFECYCLE, "a_suspended_instance_gets_no_effects", "suspend")),
        row("readOnlySqlAccess.enabled", json!({"readOnlySqlAccess": {"enabled": true}}), Warning("readOnlySqlAccess")),
        beside(json!({"readOnlySqlAccess": {"enabled": true}}),
            row("readOnlySqlAccess.connectionLimit", json!({"readOnlySqlAccess": {"connectionLimit": 9}}),
                Warning("readOnlySqlAccess"))),
    ]
}

#[rustfmt::skip]
fn ingress() -> Vec<Row> {
    let gateway = |more: Value| {
        let mut gateway = json!({"name": "gw", "namespace": "infra"});
        json_patch::merge(&mut gateway, &more);
        json!({"ingress": {"gatewayRef": gateway}})
    };
    let routing = || Objects(&["routing"]);
    vec![
        // The first one is in the Host header of the probes.
        row("ingress.hosts", json!({"ingress": {"hosts": ["b.example.com"]}}), Objects(&["routing", "web"])),
        row("ingress.issuer", json!({"ingress": {"issuer": "letsencrypt"}}), routing()),
        row("ingress.class", json!({"ingress": {"class": "nginx"}}), routing()),
        row("ingress.annotations", json!({"ingress": {"annotations": {"a": "b"}}}), routing()),
        beside(gateway(json!({})), row("ingress.gatewayRef.name", gateway(json!({"name": "b"})), routing())),
        beside(gateway(json!({})), row("ingress.gatewayRef.namespace", gateway(json!({"namespace": "b"})), routing())),
        beside(gateway(json!({})), row("ingress.gatewayRef.sectionName", gateway(json!({"sectionName": "b"})), routing())),
    ]
}

#[rustfmt::skip]
fn database() -> Vec<Row> {
    vec![
        row("database.cluster", json!({"database": {"cluster": "nowhere"}}), Refusal("database.cluster")),
        row("database.name", json!({"database": {"name": "theirs"}}),
            Test(DELETION, "a_database_of_somebody_else_is_refused_and_not_touched", "name: {database}")),
        row("database.missingPolicy", json!({"database": {"missingPolicy": "Recreate"}}),
            Test(LIFECYCLE, "a_lost_database_is_made_anew_where_that_is_asked_for", "Recreate")),
        row("database.credentialsSecretRef.name", json!({"database": {"credentialsSecretRef": {"name": "a"}}}), Refusal("database.credentialsSecretRef")),
        row("database.caSecretRef.name", json!({"database": {"caSecretRef": {"name": "a", "key": "b"}}}), Refusal("database.caSecretRef")),
        row("database.caSecretRef.key", json!({"database": {"caSecretRef": {"name": "a", "key": "b"}}}), Refusal("database.caSecretRef")),
        row("database.secondDatabase", json!({"database": {"secondDatabase": "a"}}), Refusal("database.secondDatabase")),
    ]
}

#[rustfmt::skip]
fn initialization() -> Vec<Row> {
    let init = |init: Value| json!({ "initialization": init });
    let mut rows = vec![
        row("initialization.mode", init(json!({"mode": "none"})),
            Test(LIFECYCLE, "an_init_job_is_made_in_mode_fresh_only", "Mode::None")),
        row("initialization.modules", init(json!({"modules": ["sale"]})), Objects(INIT)),
        row("initialization.languages", init(json!({"languages": ["fr_BE"]})), Objects(INIT)),
        row("initialization.demo", init(json!({"demo": true})), Objects(INIT)),
    ];
    // They are the OdooInitJob's.
    for mut row in webhook("webhook") {
        row.base = init(row.base);
        row.change = init(row.change);
        row.shows = Objects(&["auto init"]);
        row.field = match row.field {
            "webhook.url" => "initialization.webhook.url",
            "webhook.token" => "initialization.webhook.token",
            "webhook.tokenSecretRef.name" => "initialization.webhook.tokenSecretRef.name",
            "webhook.tokenSecretRef.key" => "initialization.webhook.tokenSecretRef.key",
            "webhook.signingSecretRef.name" => "initialization.webhook.signingSecretRef.name",
            "webhook.signingSecretRef.key" => "initialization.webhook.signingSecretRef.key",
            _ => "initialization.webhook.events",
        };
        rows.push(row);
    }
    rows
}

/// Fields of a block that a warning speaks of as a whole.
fn told(fields: &[(&'static str, Value)], path: &'static str, block: impl Fn(&Value) -> Value) -> Vec<Row> {
    fields.iter().map(|(field, change)| row(field, block(change), Warning(path))).collect()
}

#[rustfmt::skip]
fn restore() -> Vec<Row> {
    let url = json!({"url": "https://a.example.com"});
    let more = |more: Value| { let mut all = url.clone(); json_patch::merge(&mut all, &more); all };
    let from_s3 = |more: Value| { let mut all = s3(); json_patch::merge(&mut all, &more); json!({ "s3": all }) };
    let reference = || json!({"name": "a", "key": "b"});
    told(&[
        ("initialization.restore.url", url.clone()),
        ("initialization.restore.sourceDatabase", more(json!({"sourceDatabase": "a"}))),
        ("initialization.restore.masterPassword", more(json!({"masterPassword": "a"}))),
        ("initialization.restore.masterPasswordSecretRef.name", more(json!({"masterPasswordSecretRef": reference()}))),
        ("initialization.restore.masterPasswordSecretRef.key", more(json!({"masterPasswordSecretRef": reference()}))),
        ("initialization.restore.format", more(json!({"format": "dump"}))),
        ("initialization.restore.withFilestore", more(json!({"withFilestore": false}))),
        ("initialization.restore.neutralize", more(json!({"neutralize": false}))),
        ("initialization.restore.s3.bucket", from_s3(json!({}))),
        ("initialization.restore.s3.objectKey", from_s3(json!({}))),
        ("initialization.restore.s3.endpoint", from_s3(json!({}))),
        ("initialization.restore.s3.region", from_s3(json!({"region": "a"}))),
        ("initialization.restore.s3.insecure", from_s3(json!({"insecure": true}))),
        ("initialization.restore.s3.s3CredentialsSecretRef.name", from_s3(json!({"s3CredentialsSecretRef": {"name": "a"}}))),
        ("initialization.restore.s3.s3CredentialsSecretRef.namespace", from_s3(json!({"s3CredentialsSecretRef": {"name": "a", "namespace": "eu"}}))),
        ("initialization.restore.s3.addressingStyle", from_s3(json!({"addressingStyle": "path"}))),
        ("initialization.restore.s3.caSecretRef.name", from_s3(json!({"caSecretRef": reference()}))),
        ("initialization.restore.s3.caSecretRef.key", from_s3(json!({"caSecretRef": reference()}))),
        ("initialization.restore.s3.storageClass", from_s3(json!({"storageClass": "a"}))),
        ("initialization.restore.s3.serverSideEncryption", from_s3(json!({"serverSideEncryption": "a"}))),
    ], "initialization.restore", |restore| json!({"initialization": {"restore": restore}}))
}

#[rustfmt::skip]
fn clone() -> Vec<Row> {
    let of = |more: Value| { let mut all = json!({"instanceRef": {"name": "live"}}); json_patch::merge(&mut all, &more); all };
    told(&[
        ("initialization.clone.instanceRef.name", of(json!({}))),
        ("initialization.clone.instanceRef.namespace", of(json!({"instanceRef": {"namespace": "eu"}}))),
        ("initialization.clone.filestoreMethod", of(json!({"filestoreMethod": "copy"}))),
        ("initialization.clone.skipFilestore", of(json!({"skipFilestore": true}))),
        ("initialization.clone.neutralize", of(json!({"neutralize": false}))),
    ], "initialization.clone", |clone| json!({"initialization": {"clone": clone}}))
}

#[rustfmt::skip]
fn upgrade() -> Vec<Row> {
    let upgrade = |upgrade: Value| json!({ "upgrade": upgrade });
    let mut rows = vec![
        row("upgrade.modules", upgrade(json!({"modules": ["sale"]})), Warning("upgrade.modules")),
        row("upgrade.modulesInstall", upgrade(json!({"modulesInstall": ["sale"]})), Warning("upgrade.modulesInstall")),
        row("upgrade.onImageChange", upgrade(json!({"onImageChange": "UpgradeModules"})), Refusal("upgrade.onImageChange")),
        row("upgrade.rollback", upgrade(json!({"rollback": false})), Warning("upgrade.rollback")),
        row("upgrade.keepWebRunning", upgrade(json!({"keepWebRunning": true})), Warning("upgrade.keepWebRunning")),
    ];
    let to = |more: Value| { let mut all = s3(); json_patch::merge(&mut all, &more); all };
    let reference = || json!({"name": "a", "key": "b"});
    rows.extend(told(&[
        ("upgrade.backup.destination.bucket", to(json!({}))),
        ("upgrade.backup.destination.objectKey", to(json!({}))),
        ("upgrade.backup.destination.endpoint", to(json!({}))),
        ("upgrade.backup.destination.region", to(json!({"region": "a"}))),
        ("upgrade.backup.destination.insecure", to(json!({"insecure": true}))),
        ("upgrade.backup.destination.s3CredentialsSecretRef.name", to(json!({"s3CredentialsSecretRef": {"name": "a"}}))),
        ("upgrade.backup.destination.s3CredentialsSecretRef.namespace", to(json!({"s3CredentialsSecretRef": {"name": "a", "namespace": "eu"}}))),
        ("upgrade.backup.destination.addressingStyle", to(json!({"addressingStyle": "path"}))),
        ("upgrade.backup.destination.caSecretRef.name", to(json!({"caSecretRef": reference()}))),
        ("upgrade.backup.destination.caSecretRef.key", to(json!({"caSecretRef": reference()}))),
        ("upgrade.backup.destination.storageClass", to(json!({"storageClass": "a"}))),
        ("upgrade.backup.destination.serverSideEncryption", to(json!({"serverSideEncryption": "a"}))),
    ], "upgrade.backup", |to| json!({"upgrade": {"backup": {"destination": to}}})));
    rows
}

#[rustfmt::skip]
fn pods() -> Vec<Row> {
    let memory = |memory: &str| json!({"limits": {"memory": memory}});
    let rolling = |bounds: Value| json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": bounds}});
    let web = || Objects(&["web"]);
    vec![
        row("resources", json!({"resources": memory("1Gi")}), Objects(PODS)),
        row("cron.replicas", json!({"cron": {"replicas": 2}}), Objects(&["cron"])),
        row("cron.resources", json!({"cron": {"resources": memory("1Gi")}}), Objects(&["cron"])),
        row("strategy.type", json!({"strategy": {"type": "RollingUpdate"}}), web()),
        beside(rolling(json!({})), row("strategy.rollingUpdate.maxUnavailable", rolling(json!({"maxUnavailable": 1})), web())),
        beside(rolling(json!({})), row("strategy.rollingUpdate.maxSurge", rolling(json!({"maxSurge": 1})), web())),
        row("probes.startupPath", json!({"probes": {"startupPath": "/up"}}), web()),
        row("probes.livenessPath", json!({"probes": {"livenessPath": "/up"}}), web()),
        row("probes.readinessPath", json!({"probes": {"readinessPath": "/up"}}), web()),
        row("affinity", json!({"affinity": {"podAffinity": {}}}), Objects(PODS)),
        row("tolerations", json!({"tolerations": [{"operator": "Exists"}]}), Objects(PODS)),
        row("nodeSelector", json!({"nodeSelector": {"a": "b"}}), Objects(PODS)),
        row("topologySpreadConstraints", json!({"topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        ]}), web()),
        row("priorityClassName", json!({"priorityClassName": "high"}), Objects(PODS)),
        row("extraEnv", json!({"extraEnv": [{"name": "A", "value": "b"}]}), Objects(PODS)),
        row("extraEnvFrom", json!({"extraEnvFrom": [{"secretRef": {"name": "a"}}]}), Objects(PODS)),
        row("podDisruptionBudget.enabled", json!({"podDisruptionBudget": {"enabled": true}}), Objects(&["pdb"])),
        beside(json!({"podDisruptionBudget": {"enabled": true}}),
            row("podDisruptionBudget.minAvailable", json!({"podDisruptionBudget": {"minAvailable": 2}}), Objects(&["pdb"]))),
    ]
}

/// The block `webhook` of an instance or job, in front of a receiver.
#[rustfmt::skip]
fn webhook(block: &'static str) -> Vec<Row> {
    let hook = |more: Value| { let mut all = json!({"url": "https://a.example.com"}); json_patch::merge(&mut all, &more); json!({ block: all }) };
    let heard = |word: &'static str| Test(BEHAVIOUR, "receivers_get_what_each_field_of_a_webhook_asks_for", word);
    let token = || json!({"tokenSecretRef": {"name": "a", "key": "b"}});
    let signing = || json!({"signingSecretRef": {"name": "a", "key": "b"}});
    vec![
        row("webhook.url", hook(json!({})), heard("url")),
        beside(hook(json!({})), row("webhook.token", hook(json!({"token": "a"})), heard("token: plain"))),
        beside(hook(json!({})), row("webhook.tokenSecretRef.name", hook(token()), heard("tokenSecretRef"))),
        beside(hook(json!({})), row("webhook.tokenSecretRef.key", hook(token()), heard("tokenSecretRef"))),
        beside(hook(json!({})), row("webhook.signingSecretRef.name", hook(signing()), heard("signingSecretRef"))),
        beside(hook(json!({})), row("webhook.signingSecretRef.key", hook(signing()), heard("signingSecretRef"))),
        beside(hook(json!({})), row("webhook.events", hook(json!({"events": ["job.failed"]})), heard("events"))),
    ]
}

#[rustfmt::skip]
fn init_job() -> Vec<Row> {
    let mut rows = vec![
        row("odooInstanceRef.name", json!({"odooInstanceRef": {"name": "other"}}),
            Test(BEHAVIOUR, "receivers_get_what_each_field_of_a_webhook_asks_for", "odooInstanceRef")),
        row("odooInstanceRef.namespace", json!({"odooInstanceRef": {"namespace": "us"}}), Refusal("odooInstanceRef.namespace")),
        row("modules", json!({"modules": ["sale"]}), Objects(&["init job"])),
        row("languages", json!({"languages": ["fr_BE"]}), Objects(&["init job"])),
        row("demo", json!({"demo": true}), Objects(&["init job"])),
        row("cancel", json!({"cancel": true}), Test(JOBS, "a_cancelled_job_ends", "cancel")),
    ];
    rows.extend(webhook("webhook"));
    rows
}
