//! The operator is killed, PostgreSQL goes away, and nothing is lost or done twice.

use std::time::{Duration, Instant};

use super::odoo;
use super::relay::Relay;
use super::world::{Namespace, World, env, eventually};

#[test]
fn a_kill_after_any_write_leads_to_the_same_end() {
    let world = World::start("kills");
    // Killed after its first write, its second, … to beyond the last one that leads to Running: what comes before a
    // write comes after the one before.
    for round in 0..20 {
        let space = world.namespace(&format!("kill{round}"));
        space.apply(&space.quick_start("my-odoo"));
        let until = Instant::now() + Duration::from_secs(5);
        while writes(&world, &space.name) < round && Instant::now() < until {
            std::thread::yield_now();
        }
        world.kill_operator();
        world.start_operator();
        let object = space.phase("my-odoo", "Running");
        let uid = object["metadata"]["uid"].as_str().unwrap();
        let databases = odoo::client("postgres").rows(&format!(
            "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE '%{uid}%'"
        ));
        assert_eq!(databases, [object["status"]["databaseName"].as_str().unwrap()], "round {round}");
        let jobs = std::fs::read_to_string(&world.audit_log).unwrap();
        let created = jobs
            .lines()
            .filter(|line| line.contains(&space.name) && line.contains("\"verb\":\"create\""))
            .filter(|line| line.contains("\"resource\":\"jobs\"") && line.contains("\"code\":201"))
            .count();
        assert_eq!(created, 1, "round {round}: one init Job");
        eventually("the init job is let go", || {
            let job = space.json("odooinitjob", "my-odoo-auto-init")?;
            (job["status"]["phase"] == "Completed" && job["metadata"]["finalizers"].is_null()).then_some(())
        });
    }
}

/// What the operator wrote into a namespace, Events aside.
fn writes(world: &World, namespace: &str) -> usize {
    let all = super::life::requests(world, namespace);
    let reads = ["get ", "list ", "watch "];
    all.iter().filter(|it| !reads.iter().any(|read| it.starts_with(read)) && !it.contains("events/")).count()
}

#[test]
fn an_unreachable_postgresql_is_reported_and_nothing_is_destroyed() {
    let world = World::start("outage");
    let space = world.namespace("outage");
    let postgres = env("PGPORT").parse().unwrap();
    let relay = Relay::listen(0);
    relay.point_at(postgres);
    std::fs::write(world.folder.join("postgres-port"), relay.port.to_string()).unwrap();
    world.kill_operator();
    world.start_operator();
    space.apply(&space.quick_start("my-odoo"));
    let running = space.phase("my-odoo", "Running");
    relay.cut();
    let object = eventually("the condition says so", || {
        let object = space.instance("my-odoo");
        (Namespace::condition(&object, "DatabaseReady")["status"] == "Unknown").then_some(object)
    });
    let message = Namespace::condition(&object, "DatabaseReady")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("cannot be reached"), "{message}");
    for (kind, name) in [("deployment", "my-odoo"), ("pvc", "my-odoo-filestore-pvc"), ("secret", "my-odoo-odoo-user")] {
        assert!(space.json(kind, name).is_some(), "{kind} {name}");
    }
    assert_eq!(object["status"]["databaseName"], running["status"]["databaseName"]);
    relay.point_at(postgres);
    eventually("the condition is True again", || {
        let object = space.instance("my-odoo");
        (Namespace::condition(&object, "DatabaseReady")["status"] == "True").then_some(())
    });
}
