//! PostgreSQL goes away for two minutes, under a real Odoo, and comes back.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::cluster::{self, eventually, space_alone, within};

/// How long it is away.
const OUTAGE: Duration = Duration::from_mins(2);
/// How soon the operator knows that it is back.
const RECOVERY: Duration = Duration::from_secs(15);
/// How soon scheduled actions run again.
const CRON: Duration = Duration::from_secs(90);

/// The server of these tests, stopped; it is started again however the test ends.
struct Stopped;

impl Stopped {
    fn postgres(word: &str) -> bool {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/dev/postgres");
        Command::new(script).arg(word).status().is_ok_and(|status| status.success())
    }

    fn now() -> Self {
        assert!(Self::postgres("down"), "PostgreSQL does not stop");
        Self
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let up = Self::postgres("up");
        assert!(up || std::thread::panicking(), "PostgreSQL does not start");
    }
}

#[test]
fn two_minutes_without_postgresql_destroy_nothing_and_end_by_themselves() {
    let here = space_alone("outage");
    here.apply(&here.quick_start("my-odoo", ""));
    let running = here.running("my-odoo");
    let database = running["status"]["databaseName"].as_str().unwrap();
    let kinds = "deployments,services,persistentvolumeclaims,secrets,ingresses";
    let columns = "--output=custom-columns=KIND:.kind,NAME:.metadata.name,UID:.metadata.uid,REPLICAS:.spec.replicas";
    let children = || here.ok(&["get", kinds, columns]);
    let before = children();

    let stopped = Stopped::now();
    let since = std::time::Instant::now();
    let object = eventually("the condition says so", || {
        let object = here.instance("my-odoo");
        (database_ready(&object)["status"] == "Unknown").then_some(object)
    });
    let message = database_ready(&object)["message"].as_str().unwrap();
    assert!(message.contains("cannot be reached"), "{message}");
    std::thread::sleep(OUTAGE.saturating_sub(since.elapsed()));
    assert_eq!(database_ready(&here.instance("my-odoo"))["status"], "Unknown");
    assert_eq!(children(), before);

    drop(stopped);
    within(RECOVERY, "the condition is True again", || {
        (database_ready(&here.instance("my-odoo"))["status"] == "True").then_some(())
    });
    let sql = |sql: &str| cluster::superuser_in(database, sql);
    let due =
        sql("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '1 minute' WHERE active RETURNING id");
    assert!(!due.is_empty(), "no scheduled action is active");
    within(CRON, "a scheduled action ran", || {
        (sql("SELECT 1 FROM ir_cron WHERE active AND nextcall > now() AT TIME ZONE 'UTC' LIMIT 1") == "1").then_some(())
    });
    here.running("my-odoo");
    eventually("the login page", || (here.http("my-odoo", "/web/login") == "200").then_some(()));
    assert_eq!(children(), before);
}

fn database_ready(object: &Value) -> &Value {
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    conditions.iter().find(|condition| condition["type"] == "DatabaseReady").unwrap_or(&Value::Null)
}
