//! Two replicas: one acts, both answer webhooks, and the other goes on when the first is stopped, killed, paused or cut
//! off from the API server.

use std::cell::RefCell;
use std::process::{Child, Command, ExitStatus};

use super::relay::Relay;
use super::world::{World, eventually, free_port, http_get};

const LEASE: &[&str] = &["get", "lease", "odoo-operator", "--namespace=odoo-operator"];

/// A process of the operator, which reaches the API server through a relay of its own.
struct Replica<'a> {
    world: &'a World,
    name: &'static str,
    https: u16,
    probes: u16,
    api: Relay,
    /// Port of the API server itself.
    server: u16,
    process: RefCell<Option<Child>>,
}

impl<'a> Replica<'a> {
    fn new(world: &'a World, name: &'static str) -> Self {
        let api = Relay::listen(0);
        let config = std::fs::read_to_string(world.folder.join("operator.kubeconfig")).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
        let server = server.rsplit(':').next().unwrap().parse().unwrap();
        api.point_at(server);
        config["clusters"][0]["cluster"]["server"] = format!("https://127.0.0.1:{}", api.port).into();
        std::fs::write(world.folder.join(format!("{name}.kubeconfig")), config.to_string()).unwrap();
        Self { world, name, https: free_port(), probes: free_port(), api, server, process: RefCell::default() }
    }

    /// Starts it, and waits until it is ready: that needs no lease.
    fn start(&self) {
        let process = self.world.operator_command(self.name, self.https, self.probes).spawn().unwrap();
        *self.process.borrow_mut() = Some(process);
        eventually("the replica is ready", || {
            assert_eq!(self.ended(), None, "{}", self.log());
            http_get(&self.probes(), "/readyz").filter(|answer| answer.starts_with("HTTP/1.1 200")).map(drop)
        });
    }

    fn probes(&self) -> String {
        format!("127.0.0.1:{}", self.probes)
    }

    fn leads(&self) -> bool {
        let page = http_get(&self.probes(), "/metrics").unwrap_or_default();
        page.lines().any(|line| line == "odoo_operator_leader 1")
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.borrow().as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    fn ended(&self) -> Option<ExitStatus> {
        self.process.borrow_mut().as_mut().unwrap().try_wait().unwrap()
    }

    fn end(&self) -> ExitStatus {
        eventually("the replica ends", || self.ended())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.world.folder.join(format!("{}.log", self.name))).unwrap_or_default()
    }

    /// Its writes that the API server took, as times and lines; which replica it was, the user agent says.
    fn writes(&self) -> Vec<(String, String)> {
        let agent = format!("({})", self.name);
        let log = std::fs::read_to_string(&self.world.audit_log).unwrap();
        log.lines()
            .filter(|line| line.contains(&agent))
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["userAgent"].as_str().is_some_and(|it| it.ends_with(&agent)))
            .filter(|event| {
                event["stage"] == "ResponseComplete" && event["responseStatus"]["code"].as_u64() < Some(400)
            })
            .filter(|event| !["get", "list", "watch"].contains(&event["verb"].as_str().unwrap()))
            .map(|event| {
                let (target, field) = (&event["objectRef"], |field: &str| event[field].as_str().unwrap_or_default());
                let what = [&target["namespace"], &target["resource"], &target["name"]]
                    .map(|it| it.as_str().unwrap_or_default());
                (field("requestReceivedTimestamp").to_owned(), format!("{} {}", field("verb"), what.join("/")))
            })
            .collect()
    }
}

impl Drop for Replica<'_> {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.borrow_mut().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

/// When the present holder took the lease, as the audit log writes times.
fn taken_at(world: &World, holder: &str) -> String {
    let lease: serde_json::Value = serde_json::from_str(&world.ok(&[LEASE, &["--output=json"]].concat())).unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], holder);
    lease["spec"]["acquireTime"].as_str().unwrap().to_owned()
}

#[test]
fn of_two_replicas_one_acts_and_the_other_takes_over() {
    let world = World::bare("leader");
    world.install();
    let front = Relay::listen(world.ports.0);
    let (one, two) = (Replica::new(&world, "one"), Replica::new(&world, "two"));
    front.point_at(one.https);
    one.start();
    eventually("the first leads", || one.leads().then_some(()));
    world.wait_until_served();
    two.start();
    let space = world.namespace("leader");

    // One acts, both answer webhooks.
    space.apply(&space.quick_start("first"));
    space.phase("first", "Running");
    front.point_at(two.https);
    let said = space.refused(&space.quick_start("twin").replace("twin.cl-", "first.cl-"));
    assert!(said.contains("belongs to instance first"), "the one that stands by knows the other instances: {said}");
    assert!(!two.leads());
    assert_eq!(two.writes(), [], "the one that stands by writes nothing");

    // Told to stop, it gives the lease up: the other one leads while the first still answers webhooks.
    one.signal("TERM");
    eventually("the second leads", || two.leads().then_some(()));
    assert_eq!(one.ended(), None, "the second waited until the first had ended");
    assert_eq!(one.end().code(), Some(0), "{}", one.log());
    space.apply(&space.quick_start("second"));
    space.phase("second", "Running");

    // Killed, it leaves a lease that has to run out.
    one.start();
    assert!(!one.leads());
    front.point_at(one.https);
    space.apply(&space.quick_start("third"));
    two.signal("KILL");
    two.end();
    eventually("the first leads", || one.leads().then_some(()));
    space.phase("third", "Running");

    // Paused for longer than its lease and in the middle of work, it does nothing more when it goes on.
    two.start();
    front.point_at(two.https);
    for name in ["a", "b", "c", "d"] {
        space.apply(&space.quick_start(name));
    }
    eventually("the first is at work", || {
        one.writes().iter().any(|(_, it)| it.contains("/deployments/a")).then_some(())
    });
    one.signal("STOP");
    // What it had handed to a connection before that is as good as sent: nobody can take it back.
    one.api.point_at(one.server);
    eventually("the second leads", || two.leads().then_some(()));
    let taken = taken_at(&world, "two");
    for name in ["a", "b", "c", "d"] {
        space.phase(name, "Running");
        space.ok(&["scale", "odooinstance", name, "--replicas=2"]);
    }
    one.signal("CONT");
    assert_eq!(one.end().code(), Some(1), "{}", one.log());
    let late: Vec<_> = one.writes().into_iter().filter(|(time, _)| *time >= taken).collect();
    assert_eq!(late, [], "the second leads since {taken}");
    let log = one.log();
    assert!(last_line(&log).starts_with("odoo-operator: the lease is lost: "), "{log}");

    // Without an API server it cannot know whether it still leads, and ends.
    one.start();
    front.point_at(one.https);
    two.api.cut();
    assert_eq!(two.end().code(), Some(1), "{}", two.log());
    let log = two.log();
    assert!(last_line(&log).contains("the lease is lost: it could not be renewed for 10 s"), "{log}");
    eventually("the first leads", || one.leads().then_some(()));
    space.ok(&["scale", "odooinstance", "a", "--replicas=0"]);
    space.phase("a", "Stopped");
}
