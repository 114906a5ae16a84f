//! Arguments to one subcommand. Every flag has an environment variable of the same name in upper snake case.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};
use odoo_operator::admission::wrong_defaults;
use odoo_operator::api::quantity;
use odoo_operator::api::settings::{Defaults, Settings, WebhookPolicy};
use odoo_operator::api::v1::GatewayRef;
use odoo_operator::app::{Config, TlsSource};
use odoo_operator::telemetry::LogFormat;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::commands::{Preflight, Uninstall};
use crate::postgres_flags::PostgresFlags;

/// Kubernetes operator for Odoo.
#[derive(Debug, Parser)]
#[command(name = "odoo-operator", version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without it, run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of run.
    #[command(flatten)]
    pub run: Run,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator (the default).
    Run(Box<Run>),
    /// Print the CustomResourceDefinitions as YAML.
    Crds {
        /// Print them as the chart carries them: v1alpha1 not served yet, no conversion.
        #[arg(long)]
        chart: bool,
    },
    /// Wait until the API server serves both versions.
    Wait {
        /// Give up after so many seconds.
        #[arg(long, default_value_t = 120)]
        timeout: u64,
    },
    /// Say what taking this cluster over will do, object by object, and change nothing. Ends with 0 when nothing stands
    /// in the way, with 1 when something has to be done first, with 2 when it cannot tell.
    Preflight(Box<Preflight>),
    /// Stop the operator and let go of every object, so that nothing waits for it. Instances run on.
    Uninstall(Box<Uninstall>),
    /// Print the state machine of an OdooInstance as Markdown with a Mermaid diagram.
    Diagram,
    /// Write the generated pages of the documentation.
    Docs {
        /// Folder to write them to.
        #[arg(long, default_value = "docs")]
        dir: PathBuf,
    },
}

/// Flags of `run`.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools)]
pub struct Run {
    /// Image of new instances that name none.
    #[arg(long, env, default_value = "odoo:18.0")]
    pub default_odoo_image: String,
    /// StorageClass of new instances that name none; empty means the cluster's default.
    #[arg(long, env, default_value = "standard")]
    pub default_storage_class: String,
    /// Volume size of new instances that name none.
    #[arg(long, env, default_value = "2Gi", value_parser = size)]
    pub default_storage_size: String,
    /// Access mode of new instances' volumes that name none.
    #[arg(long, env, default_value = "ReadWriteMany")]
    pub default_access_mode: String,
    /// IngressClass of new instances that name none.
    #[arg(long, env, default_value = "")]
    pub default_ingress_class: String,
    /// cert-manager ClusterIssuer of new instances that name none.
    #[arg(long, env, default_value = "")]
    pub default_ingress_issuer: String,
    /// Gateway of new instances that name neither class nor Gateway.
    #[arg(long, env, default_value = "")]
    pub default_gateway_ref_name: String,
    /// Namespace of that Gateway.
    #[arg(long, env, default_value = "")]
    pub default_gateway_ref_namespace: String,
    /// Resources of new instances' web pods, as JSON.
    #[arg(long, env, default_value = "")]
    pub default_odoo_resources: String,
    /// Resources of new instances' cron pods, as JSON; empty means those of the web pods.
    #[arg(long, env, default_value = "")]
    pub default_cron_resources: String,
    /// Affinity of new instances, as JSON.
    #[arg(long, env, default_value = "")]
    pub default_odoo_affinity: String,
    /// Tolerations of new instances, as JSON.
    #[arg(long, env, default_value = "")]
    pub default_odoo_tolerations: String,
    /// Region of S3 locations that name none.
    #[arg(long, env, default_value = "us-east-1")]
    pub default_region: String,
    /// Host of the mail sink of Staging instances (used when copies are neutralised).
    #[arg(long, env, default_value = "")]
    pub default_staging_smtp_host: String,
    /// Port of the mail sink.
    #[arg(long, env, default_value_t = 1025)]
    pub default_staging_smtp_port: u16,
    /// Encryption of the mail sink.
    #[arg(long, env, default_value = "none")]
    pub default_staging_smtp_encryption: String,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub postgres: PostgresFlags,
    /// Take PUBLIC's CONNECT from databases that were there before this operator.
    #[arg(long, env)]
    pub isolate_adopted_databases: bool,
    /// Pull Secrets of the operator's namespace, separated by commas, that are mirrored to instances that name them.
    #[arg(long, env, value_delimiter = ',')]
    pub pull_secret_allow_list: Vec<String>,
    /// When pods of instances that another operator ran move to this operator's template, which restarts them.
    #[arg(long, env, value_enum, default_value_t = Adopt::OnChange)]
    pub adopt: Adopt,
    /// Namespace that the operator runs in.
    #[arg(long, env, default_value = "")]
    pub operator_namespace: String,
    /// User name of the operator at the API server.
    #[arg(long, env)]
    pub operator_user: Option<String>,
    /// Name of the operator's pod.
    #[arg(long, env)]
    pub pod_name: Option<String>,
    /// Port of the HTTPS server.
    #[arg(long, env, default_value_t = 9443)]
    pub webhook_port: u16,
    /// Address that the HTTPS server listens on.
    #[arg(long, env, default_value = "0.0.0.0")]
    pub webhook_bind_address: std::net::IpAddr,
    /// Service in front of the HTTPS server.
    #[arg(long, env, default_value = "odoo-operator-webhook")]
    pub webhook_service_name: String,
    /// URL of the HTTPS server, when the operator runs outside the cluster.
    #[arg(long, env)]
    pub webhook_url: Option<Url>,
    /// Name of both webhook configurations.
    #[arg(long, env, default_value = "odoo-operator")]
    pub webhook_configuration: String,
    /// Where the serving certificate comes from.
    #[arg(long, env, value_enum, default_value_t = TlsKind::SelfManaged)]
    pub tls_source: TlsKind,
    /// Secret in the operator's namespace with the self-managed CA.
    #[arg(long, env, default_value = "odoo-operator-webhook-ca")]
    pub webhook_ca_secret: String,
    /// PEM certificate chain, with --tls-source files.
    #[arg(long, env, default_value = "/tmp/k8s-webhook-server/serving-certs/tls.crt")]
    pub webhook_tls_cert: PathBuf,
    /// PEM key, with --tls-source files.
    #[arg(long, env, default_value = "/tmp/k8s-webhook-server/serving-certs/tls.key")]
    pub webhook_tls_key: PathBuf,
    /// PEM bundle for caBundle, with --tls-source files; without it somebody else writes that.
    #[arg(long, env)]
    pub webhook_tls_ca: Option<PathBuf>,
    /// PEM file of the authority of the API server's client certificate; with it, others are refused.
    #[arg(long, env)]
    pub client_ca_file: Option<PathBuf>,
    /// Networks that notifications are never sent to, besides loopback, link-local and the like.
    #[arg(long, env, value_delimiter = ',')]
    pub webhook_deny_cidr: Vec<IpNet>,
    /// Networks that notifications may be sent to whatever denies them.
    #[arg(long, env, value_delimiter = ',')]
    pub webhook_allow_cidr: Vec<IpNet>,
    /// Refuse receivers without TLS.
    #[arg(long, env)]
    pub webhook_require_https: bool,
    /// PEM certificates that receivers' certificates may be signed by, besides the public ones.
    #[arg(long, env)]
    pub webhook_ca_file: Option<PathBuf>,
    /// Address of probes and metrics.
    #[arg(long, env, default_value = ":8081")]
    pub health_probe_bind_address: String,
    /// How log lines look.
    #[arg(long, env, value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
    /// Finished job objects that are kept for each instance and kind; 0 keeps all.
    #[arg(long, env, default_value_t = 10)]
    pub job_history_limit: usize,
}

/// Where the serving certificate comes from.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TlsKind {
    /// The operator makes it.
    SelfManaged,
    /// Somebody else keeps files up to date.
    Files,
}

/// When pods of instances that another operator ran move to this operator's template.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Adopt {
    /// When something changes that shows in them, or their instance has annotation `bemade.org/adopt: now`.
    OnChange,
    /// At once.
    Now,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

/// The flags of `run` as a Markdown page.
pub fn reference() -> String {
    use clap::CommandFactory as _;
    let mut page = String::from(
        "# Flags of `odoo-operator run`\n\n<!-- Generated by `odoo-operator docs`. Do not edit. -->\n\nDefaults concern new \
         instances only: an instance keeps what it was created with.\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n",
    );
    for flag in Cli::command().get_arguments().filter(|flag| flag.get_long().is_some()) {
        let name = flag.get_long().unwrap_or_default();
        let variable = flag.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let default: Vec<_> = flag.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = default.join(",");
        let default = if default.is_empty() { default } else { format!("`{default}`") };
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        page.push_str(&["| `--", name, "` | ", &variable, " | ", &default, " | ", &help, " |\n"].concat());
    }
    page
}

fn size(text: &str) -> Result<String, String> {
    match quantity::nanos(text) {
        Some(value) if value > 0 => Ok(text.to_owned()),
        _ => Err("is not a size; write it like 2Gi".to_owned()),
    }
}

/// The flag that decides a field of new instances.
fn flag_of(path: &str) -> &'static str {
    let flags = [
        ("spec.image", "default-odoo-image"),
        ("spec.resources", "default-odoo-resources"),
        ("spec.cron.resources", "default-cron-resources"),
        ("spec.filestore.storageSize", "default-storage-size"),
        ("spec.filestore.accessMode", "default-access-mode"),
    ];
    flags.into_iter().find(|(field, _)| path.starts_with(field)).map_or("default-…", |(_, flag)| flag)
}

pub(crate) fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn json<T: DeserializeOwned + Serialize>(flag: &str, text: &str) -> Result<Option<T>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = |why: &dyn std::fmt::Display| format!("--{flag}: is not the JSON of this field: {why}");
    let said: Value = serde_json::from_str(text).map_err(|why| wrong(&why))?;
    let read: T = serde_json::from_value(said.clone()).map_err(|why| wrong(&why))?;
    // A misspelt name would otherwise be dropped without a word.
    match serde_json::to_value(&read).ok().and_then(|read| unread(&said, &read)) {
        Some(name) => Err(wrong(&format_args!("unknown field {name:?}"))),
        None => Ok(Some(read)),
    }
}

/// The first name in `said` that `read` has not.
fn unread(said: &Value, read: &Value) -> Option<String> {
    match (said, read) {
        (Value::Object(said), Value::Object(read)) => {
            said.iter().filter(|(_, value)| !value.is_null()).find_map(|(name, value)| match read.get(name) {
                Some(read) => unread(value, read),
                None => Some(name.clone()),
            })
        }
        (Value::Array(said), Value::Array(read)) => said.iter().zip(read).find_map(|(said, read)| unread(said, read)),
        _ => None,
    }
}

/// clap's answer to a wrong command line as one line.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let said: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    format!("{}; see odoo-operator run --help", said.join(" ").trim_start_matches("error: "))
}

impl Run {
    /// The flags as the operator's configuration; an error names the flag and says what would be right.
    pub fn config(&self) -> Result<Config, String> {
        let namespace = given(&self.operator_namespace)
            .ok_or("--operator-namespace: is required; name the namespace that the operator runs in")?;
        let probe_address = self.health_probe_bind_address.strip_prefix(':').map_or_else(
            || self.health_probe_bind_address.parse(),
            |port| format!("0.0.0.0:{port}").parse::<SocketAddr>(),
        );
        let tls = match self.tls_source {
            TlsKind::SelfManaged => TlsSource::SelfManaged(self.webhook_ca_secret.clone()),
            TlsKind::Files => TlsSource::Files {
                certificate: self.webhook_tls_cert.clone(),
                key: self.webhook_tls_key.clone(),
                ca: self.webhook_tls_ca.clone(),
            },
        };
        self.files_are_there()?;
        Ok(Config {
            settings: self.settings(namespace)?,
            clusters: self.postgres.clusters()?,
            webhook_address: SocketAddr::new(self.webhook_bind_address, self.webhook_port),
            probe_address: probe_address.map_err(|_| {
                format!(
                    "--health-probe-bind-address: {:?} is not an address; write it like :8081",
                    self.health_probe_bind_address
                )
            })?,
            tls,
            client_ca_file: self.client_ca_file.clone(),
            service: self.webhook_service_name.clone(),
            webhook_url: self.webhook_url.clone(),
            configurations: (self.webhook_configuration.clone(), self.webhook_configuration.clone()),
            receiver_ca_file: self.webhook_ca_file.clone(),
            pod_name: self.pod_name.clone(),
        })
    }

    /// Files that are read later, by parts that do not know which flag named them.
    fn files_are_there(&self) -> Result<(), String> {
        let files = matches!(self.tls_source, TlsKind::Files);
        let named = [
            ("client-ca-file", self.client_ca_file.as_ref()),
            ("webhook-ca-file", self.webhook_ca_file.as_ref()),
            ("webhook-tls-cert", Some(&self.webhook_tls_cert).filter(|_| files)),
            ("webhook-tls-key", Some(&self.webhook_tls_key).filter(|_| files)),
            ("webhook-tls-ca", self.webhook_tls_ca.as_ref().filter(|_| files)),
        ];
        for (flag, file) in named.into_iter().filter_map(|(flag, file)| Some((flag, file?))) {
            if let Err(why) = std::fs::File::open(file) {
                return Err(format!("--{flag}: cannot read {}: {why}; name a PEM file that is there", file.display()));
            }
        }
        Ok(())
    }

    fn settings(&self, operator_namespace: String) -> Result<Settings, String> {
        let gateway_ref = match (given(&self.default_gateway_ref_name), given(&self.default_gateway_ref_namespace)) {
            (None, None) => None,
            (Some(name), Some(namespace)) => Some(GatewayRef { name, namespace, section_name: None }),
            _ => {
                return Err("--default-gateway-ref-name: and --default-gateway-ref-namespace go together".to_owned());
            }
        };
        let settings = Settings {
            operator_namespace,
            operator_user: self.operator_user.clone(),
            defaults: Defaults {
                image: self.default_odoo_image.clone(),
                resources: json::<ResourceRequirements>("default-odoo-resources", &self.default_odoo_resources)?,
                cron_resources: json::<ResourceRequirements>("default-cron-resources", &self.default_cron_resources)?,
                storage_size: self.default_storage_size.clone(),
                storage_class: given(&self.default_storage_class),
                access_mode: self.default_access_mode.clone(),
                ingress_class: given(&self.default_ingress_class),
                ingress_issuer: given(&self.default_ingress_issuer),
                gateway_ref,
                affinity: json::<Affinity>("default-odoo-affinity", &self.default_odoo_affinity)?,
                tolerations: json::<Vec<Toleration>>("default-odoo-tolerations", &self.default_odoo_tolerations)?,
                region: self.default_region.clone(),
            },
            job_history_limit: self.job_history_limit,
            webhook_policy: WebhookPolicy {
                deny: self.webhook_deny_cidr.clone(),
                allow: self.webhook_allow_cidr.clone(),
                require_https: self.webhook_require_https,
            },
            pull_secret_allow_list: self.pull_secret_allow_list.clone(),
            isolate_adopted_databases: self.isolate_adopted_databases,
            adopt_now: matches!(self.adopt, Adopt::Now),
        };
        match wrong_defaults(&settings).first() {
            Some(wrong) => Err(format!("--{}: {}", flag_of(&wrong.path), wrong.message)),
            None => Ok(settings),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use odoo_operator::app::ClustersSource;

    use super::*;

    fn config(arguments: &[&str]) -> Result<Config, String> {
        let all = ["odoo-operator", "--operator-namespace", "odoo"].iter().chain(arguments);
        Cli::try_parse_from(all).map_err(|why| why.to_string())?.run.config()
    }

    #[test]
    fn flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_flag_is_named_with_what_would_be_right() {
        for (arguments, words) in [
            (&["--default-odoo-resources", "{"][..], "--default-odoo-resources"),
            (&["--default-odoo-resources", r#"{"requets": {"cpu": "1"}}"#], "unknown field \"requets\""),
            (&["--default-odoo-tolerations", r#"[{"kye": "a"}]"#], "unknown field \"kye\""),
            (&["--client-ca-file", "/no/such"], "--client-ca-file: cannot read /no/such"),
            (&["--webhook-ca-file", "/no/such"], "--webhook-ca-file: cannot read /no/such"),
            (&["--tls-source", "files", "--webhook-tls-cert", "/no/such"], "--webhook-tls-cert: cannot read /no/such"),
            (&["--default-gateway-ref-name", "x"], "go together"),
            (&["--postgres-host", "db"], "--postgres-admin-password-file: is required"),
            (&["--postgres-host", "db", "--postgres-admin-password-file", "/no/such"], "/no/such"),
            (&["--health-probe-bind-address", "8081"], "write it like :8081"),
            (&["--default-storage-size", "2GiB"], "2Gi"),
            (&["--default-odoo-image", "No Image"], "--default-odoo-image: \"No Image\" has white space; remove it"),
            (&["--default-access-mode", "Many"], "--default-access-mode: \"Many\" is none of ReadWriteMany"),
            (
                &["--default-cron-resources", r#"{"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}"#],
                "--default-cron-resources: \"2\" is more than the limit \"1\"",
            ),
            (&["--postgres-sslmode", "tls"], "verify-full"),
        ] {
            let problem = config(arguments).map(|_| ()).unwrap_err();
            assert!(problem.contains(words), "{arguments:?}: {problem}");
        }
    }

    #[test]
    fn a_command_line_that_cannot_be_read_is_one_line_too() {
        for (arguments, words) in [
            (&["odoo-operator", "--no-such"][..], "'--no-such'"),
            (&["odoo-operator", "run", "--log-format=xml"], "[possible values: text, json]"),
            (&["odoo-operator", "--webhook-port=x"], "--webhook-port"),
            (&["odoo-operator", "frob"], "'frob'"),
        ] {
            let said = one_line(&Cli::try_parse_from(arguments).unwrap_err());
            assert!(said.contains(words) && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn the_published_defaults_hold() {
        let config = config(&[]).unwrap();
        assert_eq!(config.settings.defaults.image, "odoo:18.0");
        assert_eq!(config.webhook_address.port(), 9443);
        assert_eq!(config.probe_address.to_string(), "0.0.0.0:8081");
        assert!(matches!(config.clusters, ClustersSource::Secret(name) if name == "postgres-clusters"));
    }
}
