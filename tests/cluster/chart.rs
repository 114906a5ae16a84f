//! The chart as its users meet it: it lints, and what it renders is taken by a real API server.

use std::process::{Command, Output};

use super::world::shared;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/odoo-operator");

fn helm(arguments: &[&str]) -> Output {
    Command::new("helm").args(arguments).output().expect("helm cannot be run; use `scripts/test cluster`")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_chart_lints() {
    let lint = helm(&["lint", "--strict", CHART]);
    assert!(lint.status.success(), "{}", text(&lint.stdout));
}

#[test]
fn what_the_chart_renders_is_taken_without_a_warning() {
    for values in [
        "operator.logFormat=json",
        "postgresClustersSecretRef.name=clusters,odooManager.enabled=true",
        "database.host=db,database.adminPasswordSecret.name=admin,database.caSecret.name=ca,database.sslmode=verify-full",
        "webhook.url=https://127.0.0.1:9443,imagePullSecrets[0].domain=r,imagePullSecrets[0].username=u,imagePullSecrets[0].password=p",
    ] {
        let rendered = helm(&["template", "rendered", CHART, "--namespace=default", "--set", values]);
        assert!(rendered.status.success(), "{values}: {}", text(&rendered.stderr));
        let applied = shared().kubectl(&["apply", "--dry-run=server", "--filename=-"], &text(&rendered.stdout));
        assert!(applied.status.success() && applied.stderr.is_empty(), "{values}: {}", text(&applied.stderr));
        assert!(!text(&rendered.stdout).contains("PASSWORD"), "{values}: a password in the environment");
    }
}

#[test]
fn values_that_cannot_work_are_refused_by_name() {
    for (values, words) in [
        ("database.host=db", "database.adminPasswordSecret.name is required"),
        ("operator.imagePolicy=Always", "imagePolicy"),
        ("database.sslmode=tls", "sslmode"),
        ("webhook.url=http://127.0.0.1", "webhook/url"),
    ] {
        let rendered = helm(&["template", "rendered", CHART, "--set", values]);
        assert!(!rendered.status.success() && text(&rendered.stderr).contains(words), "{}", text(&rendered.stderr));
    }
}
