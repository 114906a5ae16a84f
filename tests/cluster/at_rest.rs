//! What a running instance costs.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::{Duration, Instant};

use super::odoo;
use super::world::{World, env, eventually};

/// How long nothing may happen.
const REST: Duration = Duration::from_mins(5);
/// Long enough for whatever follows from what was done, such as acknowledgements.
const SETTLED: Duration = Duration::from_secs(15);
/// The operator's role on PostgreSQL in this world: its statements are told from those of other worlds by it.
const ROLE: &str = "at_rest_admin";

#[test]
fn for_five_minutes_an_instance_costs_no_request_no_sql_and_no_conversion() {
    // Every five minutes the API server compares its caches with etcd, each version's through a conversion. That is not
    // ours to save, and would hide what is.
    let world = World::with("at-rest", "--feature-gates=DetectCacheInconsistency=false");
    own_role(&world);
    world.install();
    world.start_operator();
    let space = world.namespace("rest");
    space.apply(&space.quick_start("my-odoo"));
    space.phase("my-odoo", "Running");

    let (mut before, mut since) = (Activity::default(), Instant::now());
    eventually("nothing happens any more", || {
        let now = Activity::of(&world);
        if now != before {
            (before, since) = (now, Instant::now());
        }
        (since.elapsed() >= SETTLED).then_some(())
    });
    let log = std::fs::metadata(env("PG_LOG")).unwrap().len();
    std::thread::sleep(REST);
    // The audit log is in order: what is in it before this is all there was.
    space.ok(&["create", "configmap", "the-end"]);
    let after = eventually("the end of the rest", || {
        let log = std::fs::read_to_string(&world.audit_log).unwrap();
        log.contains("the-end").then(|| Activity::of(&world))
    });
    assert_eq!(after.requests[before.requests.len()..], [""; 0], "requests");
    assert_eq!(after.hooks, before.hooks, "calls by the API server");
    assert_eq!(after.log[before.log.len()..], *"", "log");
    let statements = statements(log);
    assert!(statements.len() <= 1 && statements.iter().all(|it| it.contains("pg_database")), "{statements:#?}");
}

/// What an operator has done so far.
#[derive(Default, PartialEq)]
struct Activity {
    /// Requests to the API server, watches and leases aside.
    requests: Vec<String>,
    /// How often each of its hooks was called, conversion among them.
    hooks: Vec<String>,
    log: String,
}

impl Activity {
    fn of(world: &World) -> Self {
        let audit = std::fs::read_to_string(&world.audit_log).unwrap();
        let requests = audit
            .lines()
            .filter(|line| line.contains("system:serviceaccount:odoo-operator:odoo-operator"))
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["verb"] != "watch" && event["objectRef"]["resource"] != "leases")
            .map(|event| format!("{} {}", event["verb"], event["requestURI"]))
            .collect();
        let metrics = world.metrics();
        let hooks = metrics.lines().filter(|line| line.starts_with("odoo_operator_webhook_requests_total"));
        Self { requests, hooks: hooks.map(str::to_owned).collect(), log: world.operator_log() }
    }
}

/// The statements of this world's operator in the server's log, from a byte of it on.
fn statements(from: u64) -> Vec<String> {
    let mut file = std::fs::File::open(env("PG_LOG")).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let log = String::from_utf8_lossy(&bytes);
    let ours = log.lines().filter(|line| line.contains(&format!(" {ROLE}@")));
    // A statement may go over many lines, of which only the first one says whose it is.
    ours.filter(|line| line.contains("LOG:  statement:") || line.contains("LOG:  execute")).map(str::to_owned).collect()
}

fn own_role(world: &World) {
    let password = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap().trim().to_owned();
    std::fs::write(world.folder.join("postgres-user"), ROLE).unwrap();
    std::fs::write(world.folder.join("password"), &password).unwrap();
    let postgres = odoo::client("postgres");
    // A password is no matter for the log.
    postgres.rows("SET log_statement = 'none'");
    if postgres.rows(&format!("SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'")).is_empty() {
        postgres.rows(&format!("CREATE ROLE {ROLE} LOGIN SUPERUSER"));
    }
    postgres.rows(&format!("ALTER ROLE {ROLE} PASSWORD '{password}'"));
}
