//! Metrics, in the OpenMetrics text format. Labels are words of this program, never names of objects.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    /// Nothing is left to do until something changes.
    Done,
    /// Somebody else wrote the object in between.
    Conflict,
    /// It failed and is tried again.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    controller: &'static str,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerLabels {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabels {
    phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    hook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

/// Every metric of the operator. Names begin with `odoo_operator_`.
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_time: Family<ControllerLabels, Histogram, fn() -> Histogram>,
    phases: Family<PhaseLabels, Gauge>,
    webhook_requests: Family<HookLabels, Counter>,
    webhook_time: Family<HookLabels, Histogram, fn() -> Histogram>,
    deliveries: Family<ResultLabels, Counter>,
    certificate: Gauge<f64, AtomicU64>,
    leader: Gauge,
    migrated: Family<ResultLabels, Counter>,
    migrating: Family<KindLabels, Gauge>,
}

fn reconcile_buckets() -> Histogram {
    // From a pass that finds nothing to do to one that waits for PostgreSQL's statement time-out.
    Histogram::new(exponential_buckets(0.000_1, 4.0, 10))
}

fn webhook_buckets() -> Histogram {
    // A review takes some 20 µs; the API server gives up after 5 s.
    Histogram::new(exponential_buckets(0.000_01, 4.0, 10))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// An empty registry with every metric in it.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("odoo_operator");
        let reconciles = Family::<ReconcileLabels, Counter>::default();
        registry.register(
            "reconcile",
            "Reconciles by controller and outcome. A steady rate of Failed means an object that cannot be helped without a person",
            reconciles.clone(),
        );
        let reconcile_time =
            Family::<ControllerLabels, Histogram, fn() -> Histogram>::new_with_constructor(reconcile_buckets);
        registry.register_with_unit("reconcile", "Time of a reconcile", Unit::Seconds, reconcile_time.clone());
        let phases = Family::<PhaseLabels, Gauge>::default();
        registry.register("instance_phase", "Instances in each phase", phases.clone());
        let webhook_requests = Family::<HookLabels, Counter>::default();
        registry.register("webhook_requests", "Calls of the API server by hook", webhook_requests.clone());
        let webhook_time = Family::<HookLabels, Histogram, fn() -> Histogram>::new_with_constructor(webhook_buckets);
        registry.register_with_unit("webhook", "Time of a call of the API server", Unit::Seconds, webhook_time.clone());
        let deliveries = Family::<ResultLabels, Counter>::default();
        registry.register(
            "notify_deliveries",
            "Notifications by result. dropped and given_up never reached their receiver",
            deliveries.clone(),
        );
        let certificate = Gauge::<f64, AtomicU64>::default();
        registry.register_with_unit(
            "certificate_not_after",
            "When the serving certificate ends, in seconds since 1970. Alert when it is less than a day away",
            Unit::Seconds,
            certificate.clone(),
        );
        let leader = Gauge::default();
        registry.register(
            "leader",
            "1 on the replica that holds the lease and acts, 0 on those that stand by. Alert when the sum is 0 for a minute",
            leader.clone(),
        );
        let migrated = Family::<ResultLabels, Counter>::default();
        registry.register(
            "migration_objects",
            "Stored objects of an older operator by result. refused ones wait for a person; an Event on each says why",
            migrated.clone(),
        );
        let migrating = Family::<KindLabels, Gauge>::default();
        registry.register(
            "migration_remaining",
            "Stored objects of an older operator that are not brought to this version yet, by kind",
            migrating.clone(),
        );
        Self {
            registry,
            reconciles,
            reconcile_time,
            phases,
            webhook_requests,
            webhook_time,
            deliveries,
            certificate,
            leader,
            migrated,
            migrating,
        }
    }

    /// A reconcile ended.
    pub fn reconciled(&self, controller: &'static str, outcome: Outcome, seconds: f64) {
        self.reconciles.get_or_create(&ReconcileLabels { controller, outcome }).inc();
        self.reconcile_time.get_or_create(&ControllerLabels { controller }).observe(seconds);
    }

    /// An instance went from one phase to another; `None` is before its life and after.
    pub fn moved(&self, from: Option<&str>, to: Option<&str>) {
        for (phase, step) in [(from, -1), (to, 1)] {
            if let Some(phase) = phase {
                self.phases.get_or_create(&PhaseLabels { phase: phase.to_owned() }).inc_by(step);
            }
        }
    }

    /// A call of the API server was answered.
    pub fn hook(&self, hook: &'static str, seconds: f64) {
        self.webhook_requests.get_or_create(&HookLabels { hook }).inc();
        self.webhook_time.get_or_create(&HookLabels { hook }).observe(seconds);
    }

    /// A notification was delivered, failed, dropped or given up.
    pub fn delivery(&self, result: &'static str) {
        self.deliveries.get_or_create(&ResultLabels { result }).inc();
    }

    /// A stored object of an older operator was brought to this version, or refused to be.
    pub fn migrated(&self, result: &'static str) {
        self.migrated.get_or_create(&ResultLabels { result }).inc();
    }

    /// So many stored objects of an older operator are left of a kind.
    pub fn migrating(&self, kind: &'static str, remaining: i64) {
        self.migrating.get_or_create(&KindLabels { kind }).set(remaining);
    }

    /// The serving certificate ends at this Unix time, in seconds.
    #[allow(clippy::cast_precision_loss)]
    pub fn certificate_not_after(&self, unix_seconds: i64) {
        self.certificate.set(unix_seconds as f64);
    }

    /// Whether this replica holds the lease.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Every metric with its type and what it means, as a Markdown page.
    pub fn reference() -> String {
        let sample = Self::new();
        sample.reconciled("instance", Outcome::Done, 0.0);
        sample.moved(None, Some("Running"));
        sample.hook("mutate", 0.0);
        sample.delivery("delivered");
        sample.migrated("migrated");
        sample.migrating("OdooInstance", 0);
        let mut page = String::from(
            "# Metrics\n\n<!-- Generated by `odoo-operator docs`. Do not edit. -->\n\nServed in the OpenMetrics text format \
             at `/metrics` on the probes' port (8081).\n\n| metric | type | meaning |\n|---|---|---|\n",
        );
        let text = sample.text();
        let described = |line: &str, word: &str| {
            let (name, rest) = line.strip_prefix(word)?.trim().split_once(' ')?;
            Some((name.to_owned(), rest.trim_end_matches('.').to_owned()))
        };
        for (name, help) in text.lines().filter_map(|line| described(line, "# HELP")) {
            let type_ = text.lines().filter_map(|line| described(line, "# TYPE")).find(|(other, _)| *other == name);
            let type_ = type_.map_or_else(String::new, |(_, type_)| type_);
            page.push_str(&["| `", &name, "` | ", &type_, " | ", &help, " |\n"].concat());
        }
        page
    }

    /// All metrics as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut page = String::new();
        // Writing into a String cannot fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_names_that_dashboards_know() {
        let metrics = Metrics::new();
        metrics.reconciled("instance", Outcome::Done, 0.01);
        metrics.moved(None, Some("Starting"));
        metrics.moved(Some("Starting"), Some("Running"));
        let page = metrics.text();
        assert!(page.contains(r#"odoo_operator_reconcile_total{controller="instance",outcome="Done"} 1"#), "{page}");
        assert!(page.contains(r#"odoo_operator_instance_phase{phase="Running"} 1"#), "{page}");
        assert!(page.contains(r#"odoo_operator_instance_phase{phase="Starting"} 0"#), "{page}");
        assert!(page.ends_with("# EOF\n"));
    }
}
