//! Requests fail, answers are lost and watches break: the end is the same.

use std::time::Duration;

use super::odoo;
use super::proxy::{Fault, Proxy};
use super::world::{Namespace, World, within};

const FAULTS: [Fault; 4] = [Fault::Conflict, Fault::Unanswered, Fault::Internal, Fault::TooManyRequests];
/// More than the requests that the operator makes about an instance until it runs.
const REQUESTS: usize = 23;
const AT_ONCE: usize = 5;
/// A watch that is cut again and again is begun again after up to 30 s, and an instance waits for several.
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn whichever_request_fails_the_end_is_the_same() {
    let world = World::bare("faults");
    world.install();
    let proxy = Proxy::start(&world);
    world.start_operator();
    let spaces: Vec<_> = (0..REQUESTS).map(|at| world.namespace(&format!("fault{at}"))).collect();
    // A few at a time: they wait more than they work.
    for (turn, some) in spaces.chunks(AT_ONCE).enumerate() {
        for (at, space) in some.iter().enumerate() {
            let at = turn * AT_ONCE + at;
            // The last one is left in peace, for the others to be compared with.
            let request = if at + 1 == REQUESTS { usize::MAX } else { at };
            proxy.plan(&space.name, request, FAULTS[at % FAULTS.len()]);
            space.apply(&space.quick_start("my-odoo"));
        }
        for space in some {
            space.phase_within(PATIENCE, "my-odoo", "Running");
        }
    }
    proxy.calm();
    for space in &spaces {
        let object = space.phase_within(PATIENCE, "my-odoo", "Running");
        within(PATIENCE, "the init job is let go", || {
            let job = space.json("odooinitjob", "my-odoo-auto-init")?;
            (job["status"]["phase"] == "Completed" && job["metadata"]["finalizers"].is_null()).then_some(())
        });
        let uid = object["metadata"]["uid"].as_str().unwrap();
        let databases = odoo::client("postgres").rows(&format!(
            "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE '%{uid}%'"
        ));
        assert_eq!(databases, [object["status"]["databaseName"].as_str().unwrap()], "{:?}", proxy.met(&space.name));
    }
    let undisturbed = spaces.last().unwrap();
    assert_eq!(proxy.met(&undisturbed.name), None);
    assert!(spaces.iter().filter(|space| proxy.met(&space.name).is_some()).count() > 12, "too few faults");
    let wanted = end_state(undisturbed);
    for space in &spaces {
        let state = end_state(space);
        let differ = |some: &[String], others: &[String]| -> Vec<String> {
            some.iter().filter(|object| !others.contains(object)).cloned().collect()
        };
        let (more, less) = (differ(&state, &wanted), differ(&wanted, &state));
        assert!(state == wanted, "{:?}: has {more:#?} instead of {less:#?}", proxy.met(&space.name));
        assert_eq!(created_jobs(&world, space), 1, "{:?}", proxy.met(&space.name));
    }
}

/// Every object of a namespace but for what differs between two instances of one manifest.
fn end_state(space: &Namespace<'_>) -> Vec<String> {
    let kinds = "deployments,services,ingresses,persistentvolumeclaims,secrets,poddisruptionbudgets,jobs.batch,odooinitjobs,odooinstances.v1.bemade.org";
    let all: serde_json::Value = serde_json::from_str(&space.ok(&["get", kinds, "--output=json"])).unwrap();
    let items = all["items"].as_array().unwrap();
    let mut state: Vec<_> = items
        .iter()
        .map(|item| {
            let status = &item["status"];
            let keys = item["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>());
            let kind = item["kind"].as_str().unwrap();
            let containers = &item["spec"]["template"]["spec"];
            format!(
                "{kind} labels {} finalizers {} replicas {} phase {} keys {keys:?} pods {containers}",
                item["metadata"]["labels"], item["metadata"]["finalizers"], item["spec"]["replicas"], status["phase"],
            )
        })
        .map(|text| own_words(&text, items, &space.name))
        .collect();
    state.sort();
    state
}

/// Without the namespace's name and the uids.
fn own_words(text: &str, items: &[serde_json::Value], namespace: &str) -> String {
    let mut text = text.replace(namespace, "NAMESPACE");
    for uid in items.iter().filter_map(|item| item["metadata"]["uid"].as_str()) {
        text = text.replace(uid, "UID").replace(&uid.replace('-', "_"), "UID").replace(&uid[..8], "UID");
    }
    text
}

fn created_jobs(world: &World, space: &Namespace<'_>) -> usize {
    let audit = std::fs::read_to_string(&world.audit_log).unwrap();
    let created = audit.lines().filter(|line| line.contains(&space.name) && line.contains("\"verb\":\"create\""));
    created.filter(|line| line.contains("\"resource\":\"jobs\"") && line.contains("\"code\":201")).count()
}
