//! Two instances that ask for the same host or the same database at the same moment.

use serde_json::Value;

use super::odoo;
use super::world::{Namespace, World, eventually};

const PAIRS: usize = 4;
/// Everything was made for it, but for the pods.
const ACTED_ON: &str = "Uninitialized";

/// A pair that collides: who runs, and who is told why it does not.
struct Pair {
    winner: String,
    loser: String,
}

/// An instance that waits for an OdooInitJob when everything is made.
fn resting(space: &Namespace<'_>, name: &str) -> String {
    format!("{}  initialization: {{mode: none}}\n", space.quick_start(name))
}

/// The same host for all of that number.
fn shared_host(space: &Namespace<'_>, name: &str, number: usize) -> String {
    resting(space, name).replace(&format!("{name}.cl"), &format!("h{number}.cl"))
}

/// Creates `a0 … aN` and `b0 … bN` at the same time; which of them were taken.
fn create(space: &Namespace<'_>, manifest: impl Fn(&str, usize) -> String + Sync) -> Vec<(bool, bool)> {
    let one = |name: &str, at: usize| {
        space.kubectl(&["create", "--filename=-"], &manifest(&format!("{name}{at}"), at)).status.success()
    };
    (0..PAIRS)
        .map(|at| {
            std::thread::scope(|scope| {
                let (a, b) = (scope.spawn(|| one("a", at)), scope.spawn(|| one("b", at)));
                (a.join().unwrap(), b.join().unwrap())
            })
        })
        .collect()
}

/// Waits until one of both runs and the other is in phase Error.
fn settled(space: &Namespace<'_>, at: usize) -> Pair {
    let names = [format!("a{at}"), format!("b{at}")];
    eventually(&format!("one of {names:?} runs and the other is told why not"), || {
        let [a, b] = names.each_ref().map(|name| space.instance(name)["status"]["phase"].clone());
        match (a.as_str(), b.as_str()) {
            (Some(ACTED_ON), Some("Error")) => Some(Pair { winner: names[0].clone(), loser: names[1].clone() }),
            (Some("Error"), Some(ACTED_ON)) => Some(Pair { winner: names[1].clone(), loser: names[0].clone() }),
            _ => None,
        }
    })
}

/// Nothing was done for it: no object, no role, no database.
fn untouched(space: &Namespace<'_>, name: &str) {
    for (kind, child) in [("ingress", name), ("service", name), ("deployment", name)] {
        assert!(space.json(kind, child).is_none(), "{kind} {child} is there");
    }
    assert!(space.json("pvc", &format!("{name}-filestore-pvc")).is_none());
    let role = format!("odoo.{}.{name}", space.name);
    assert_eq!(odoo::client("postgres").rows(&format!("SELECT 1 FROM pg_roles WHERE rolname = '{role}'")), [""; 0]);
}

fn message(object: &Value) -> &str {
    object["status"]["message"].as_str().unwrap_or_default()
}

#[test]
fn of_two_at_the_same_moment_one_wins_and_the_other_is_told_and_waits() {
    let world = World::start("collisions");
    through_the_webhooks(&world);
    // What two replicas, or one whose store is behind, would let through.
    world.ok(&["delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "--all"]);
    hosts(&world);
    databases(&world);
}

fn through_the_webhooks(world: &World) {
    let space = world.namespace("empty-both");
    let taken = create(&space, |name, at| shared_host(&space, name, at));
    for (at, taken) in taken.into_iter().enumerate() {
        match taken {
            (true, true) => drop(settled(&space, at)),
            (true, false) => drop(space.phase(&format!("a{at}"), ACTED_ON)),
            (false, true) => drop(space.phase(&format!("b{at}"), ACTED_ON)),
            (false, false) => panic!("both were refused"),
        }
    }
}

fn hosts(world: &World) {
    let space = world.namespace("empty-hosts");
    let taken = create(&space, |name, at| shared_host(&space, name, at));
    assert!(taken.iter().all(|taken| *taken == (true, true)), "{taken:?}");
    let pairs: Vec<Pair> = (0..PAIRS).map(|at| settled(&space, at)).collect();
    for Pair { winner, loser } in &pairs {
        let object = space.instance(loser);
        let expected = format!("belongs to instance {winner}; choose another name");
        assert!(
            message(&object).starts_with("spec.ingress.hosts[0]") && message(&object).contains(&expected),
            "{object:#}"
        );
        let ready = Namespace::condition(&object, "Ready");
        assert_eq!((&ready["status"], &ready["reason"]), (&"False".into(), &"InvalidSpec".into()));
        assert_eq!(Namespace::condition(&object, "Stalled")["status"], "True");
        untouched(&space, loser);
    }
    // It begins by itself when the name is free: because its owner went, or moved.
    space.ok(&["delete", "odooinstance", &pairs[0].winner, "--timeout=60s"]);
    space.phase(&pairs[0].loser, ACTED_ON);
    let elsewhere = format!(r#"{{"spec":{{"ingress":{{"hosts":["elsewhere.{}.example.com"]}}}}}}"#, space.name);
    space.ok(&["patch", "odooinstance", &pairs[1].winner, "--type=merge", "--patch", &elsewhere]);
    space.phase(&pairs[1].loser, ACTED_ON);
    space.phase(&pairs[1].winner, ACTED_ON);
    let ingress = space.json("ingress", &pairs[1].loser).unwrap();
    let host = format!("h1.{}.example.com", space.name);
    assert_eq!(ingress["spec"]["rules"][0]["host"], host.as_str());

    // An instance that runs is not pushed aside by an older one that asks for its host.
    let (older, running) = (&pairs[1].winner, &pairs[1].loser);
    let back = format!(r#"{{"spec":{{"ingress":{{"hosts":["{host}"]}}}}}}"#);
    space.ok(&["patch", "odooinstance", older, "--type=merge", "--patch", &back]);
    let told = space.phase(older, "Error");
    assert!(message(&told).contains(&format!("belongs to instance {running}")), "{told:#}");
    assert_eq!(space.instance(running)["status"]["phase"], ACTED_ON);

    // Who it is in another namespace is none of the reader's business.
    let other = world.namespace("empty-other");
    let manifest = shared_host(&space, "nosy", 2);
    assert!(other.kubectl(&["create", "--filename=-"], &manifest).status.success());
    let told = other.phase("nosy", "Error");
    assert!(message(&told).contains("belongs to an instance in another namespace"), "{told:#}");
    untouched(&other, "nosy");
}

fn databases(world: &World) {
    let space = world.namespace("empty-names");
    let database = |at: usize| format!("shared_{at}_{}", space.name.replace('-', "_"));
    let taken = create(&space, |name, at| {
        format!("{}  database: {{name: {}}}\n  deletionPolicy: Delete\n", resting(&space, name), database(at))
    });
    assert!(taken.iter().all(|taken| *taken == (true, true)), "{taken:?}");
    let postgres = odoo::client("postgres");
    let comment = |at: usize| {
        let name = database(at);
        postgres
            .rows(&format!("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{name}'"))
    };
    let pairs: Vec<Pair> = (0..PAIRS).map(|at| settled(&space, at)).collect();
    for (at, Pair { winner, loser }) in pairs.iter().enumerate() {
        let object = space.instance(loser);
        let expected = format!(
            "spec.database.name: {:?} on cluster default belongs to instance {winner}; choose another name",
            database(at)
        );
        assert_eq!(message(&object), expected);
        untouched(&space, loser);
        let uid = space.instance(winner)["metadata"]["uid"].as_str().unwrap().to_owned();
        assert!(matches!(&comment(at)[..], [one] if one.contains(&uid)), "{:?}", comment(at));
    }
    space.ok(&["delete", "odooinstance", &pairs[0].winner, "--timeout=60s"]);
    let object = space.phase(&pairs[0].loser, ACTED_ON);
    let uid = object["metadata"]["uid"].as_str().unwrap();
    assert!(matches!(&comment(0)[..], [one] if one.contains(uid)), "{:?}", comment(0));
}
