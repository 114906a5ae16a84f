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

/// Every default for new instances is a value of the chart, and reaches its flag.
#[test]
fn each_default_is_a_value_and_reaches_its_flag() {
    let defaults = [
        ("odooImage", "odoo:17.0", "--default-odoo-image=odoo:17.0"),
        ("storageClass", "fast", "--default-storage-class=fast"),
        ("storageSize", "7Gi", "--default-storage-size=7Gi"),
        ("accessMode", "ReadWriteOnce", "--default-access-mode=ReadWriteOnce"),
        ("ingressClass", "traefik", "--default-ingress-class=traefik"),
        ("ingressIssuer", "ca", "--default-ingress-issuer=ca"),
        ("gatewayRefName", "gw", "--default-gateway-ref-name=gw"),
        ("gatewayRefNamespace", "infra", "--default-gateway-ref-namespace=infra"),
        ("region", "eu-west-1", "--default-region=eu-west-1"),
        ("resources.limits.memory", "3Gi", "--default-odoo-resources={"),
        ("cronResources.limits.memory", "1Gi", "--default-cron-resources={"),
        ("affinity.podAffinity.x", "y", "--default-odoo-affinity={"),
        ("tolerations[0].operator", "Exists", "--default-odoo-tolerations=[{"),
        ("mail.stagingSmtpHost", "sink", "--default-staging-smtp-host=sink"),
        ("mail.stagingSmtpPort", "2525", "--default-staging-smtp-port=2525"),
        ("mail.stagingSmtpEncryption", "ssl", "--default-staging-smtp-encryption=ssl"),
    ];
    let values: Vec<String> = defaults.iter().map(|(name, value, _)| format!("defaults.{name}={value}")).collect();
    let rendered = helm(&["template", "rendered", CHART, "--set", &values.join(",")]);
    assert!(rendered.status.success(), "{}", text(&rendered.stderr));
    let rendered = text(&rendered.stdout).replace("\\\"", "\"");
    let values = std::fs::read_to_string(format!("{CHART}/values.yaml")).unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_odoo-operator")).args(["run", "--help"]).output().unwrap();
    for (name, value, argument) in defaults {
        assert!(rendered.contains(argument) && rendered.contains(value), "{name}: {argument} is not in {rendered}");
        let first = name.split(['.', '[']).next().unwrap();
        assert!(values.contains(&format!("\n  {first}:")), "{first} is not in values.yaml");
        assert!(text(&help.stdout).contains(argument.split('=').next().unwrap()), "{argument}");
    }
    assert!(values.contains("A change concerns new instances only"));
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
