//! The operator is replaced while people go on writing: nobody notices.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::cluster::{Space, space_alone, within};

const OPERATOR: &str = "deployment/odoo-operator";
/// For each step of a rollout.
const PATIENCE: Duration = Duration::from_secs(45);

/// Writers end however the test does.
struct Writing<'a>(&'a AtomicBool);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Applies again and again until it is told to stop; what failed.
fn write(here: &Space, name: &str, running: &AtomicBool, count: &AtomicUsize) -> Vec<String> {
    let mut failed = Vec::new();
    let mut round = 0;
    while running.load(Ordering::Relaxed) {
        round += 1;
        // In the other version, and of another name: it is judged and converted, never stored.
        let old = format!(
            "apiVersion: bemade.org/v1alpha1\nkind: OdooInstance\nmetadata: {{name: {name}-old}}\n\
             spec: {{adminPassword: secret, image: 'odoo:19.0', ingress: {{hosts: [{name}-old.{}.example.com]}}}}\n",
            here.name
        );
        let new = here
            .quick_start(name, "")
            .replace("replicas: 1", "replicas: 0")
            .replace(&format!("name: {name}\n"), &format!("name: {name}\n  labels: {{round: r{round}}}\n"));
        for (manifest, options) in [(&new, &[][..]), (&old, &["--dry-run=server"])] {
            if let Err(why) = here.try_apply(manifest, options) {
                failed.push(why);
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    failed
}

#[test]
fn no_write_fails_while_the_operator_is_replaced() {
    let here = space_alone("rollout");
    let (running, count) = (AtomicBool::new(true), AtomicUsize::new(0));
    let (started, failed) = std::thread::scope(|scope| {
        let writing = Writing(&running);
        let writers = ["one", "two"].map(|name| {
            scope.spawn({
                let (here, running, count) = (&here, &running, &count);
                move || write(here, name, running, count)
            })
        });
        let written = |more: usize| {
            let before = count.load(Ordering::Relaxed);
            within(PATIENCE, "writes go on", || (count.load(Ordering::Relaxed) >= before + more).then_some(()));
        };
        written(6);
        let pods = here.operators();
        here.operator(&["rollout", "restart", OPERATOR]);
        here.operator(&["rollout", "status", OPERATOR, "--timeout=60s"]);
        // The last pod of before has gone, and the API server has nothing left that leads to it.
        within(PATIENCE, "the old pods are gone", || {
            here.operators().iter().all(|pod| !pods.contains(pod)).then_some(())
        });
        written(6);
        drop(writing);
        let failed: Vec<String> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        (pods, failed)
    });
    assert!(started.len() >= 2, "{started:?}: the chart's default is two replicas");
    println!("{} writes during the rollout, {} failed", count.load(Ordering::Relaxed), failed.len());
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), count.load(Ordering::Relaxed));
    // Somebody leads again.
    here.operator(&["wait", "lease/odoo-operator", "--for=jsonpath={.spec.holderIdentity}", "--timeout=30s"]);
}

impl Space {
    /// kubectl in the operator's namespace.
    fn operator(&self, arguments: &[&str]) -> String {
        self.ok(&[&["--namespace=odoo-operator"], arguments].concat())
    }

    /// The operator's pods, those that end included.
    fn operators(&self) -> Vec<String> {
        let pods = self.operator(&["get", "pods", "--selector=app.kubernetes.io/name=odoo-operator", "--output=name"]);
        pods.lines().map(str::to_owned).collect()
    }
}
