//! Subcommands that look at, or change, a whole cluster once: their flags, and from flags to the call.

use std::time::Duration;

use clap::{Args, ValueEnum};
use odoo_operator::api::settings::Settings;
use odoo_operator::app::{self, ClustersSource};
use odoo_operator::controller::preflight;
use odoo_operator::controller::uninstall::{self, Options};
use odoo_operator::postgres::Clusters;

use crate::Outcome;
use crate::cli::given;
use crate::postgres_flags::PostgresFlags;

/// Flags of `preflight`.
#[derive(Debug, Args)]
pub struct Preflight {
    /// How the answer is written.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Namespace of the clusters Secret; without it, and without --postgres-host, PostgreSQL is not looked at.
    #[arg(long, env, default_value = "")]
    operator_namespace: String,
    /// Where PostgreSQL is.
    #[command(flatten)]
    postgres: PostgresFlags,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Preflight {
    /// Prints what would happen. Fails with 1 when something has to be done first.
    pub async fn run(self) -> Outcome {
        let failed = |why: String| (2, why);
        let client = app::connect("preflight").await.map_err(|why| failed(why.to_string()))?;
        let source = self.postgres.clusters().map_err(failed)?;
        let clusters = if given(&self.operator_namespace).is_some() || matches!(source, ClustersSource::Flags(_)) {
            let (config, _) = app::clusters(&client, &source, &self.operator_namespace)
                .await
                .map_err(|why| failed(why.to_string()))?;
            Some(Clusters::new(config).map_err(failed)?)
        } else {
            None
        };
        let settings = Settings { operator_namespace: self.operator_namespace, ..Settings::default() };
        let report =
            preflight::preflight(&client, &settings, clusters.as_ref()).await.map_err(|why| failed(why.to_string()))?;
        match self.output {
            Output::Text => print!("{report}"),
            Output::Json => println!("{:#}", report.to_json()),
        }
        match report.blocking() {
            0 => Ok(()),
            count => Err((1, format!("{count} to be done first"))),
        }
    }
}

/// Flags of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Set deletionPolicy Retain on every instance, instead of refusing while one has Delete.
    #[arg(long)]
    retain: bool,
    /// Go back to the operator of v1alpha1: store everything as v1alpha1, and give databases back to their roles and
    /// volume claims to their instances.
    #[arg(long)]
    to_v1alpha1: bool,
    /// Namespace that the operator runs in.
    #[arg(long, env)]
    operator_namespace: String,
    /// The operator's Deployment; empty when it does not run in this cluster, and was stopped.
    #[arg(long, env = "OPERATOR_DEPLOYMENT", default_value = "odoo-operator")]
    deployment: String,
    /// Name of both webhook configurations.
    #[arg(long, env, default_value = "odoo-operator")]
    webhook_configuration: String,
    /// Seconds that the operator's pods may take to end.
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    /// Where PostgreSQL is; asked only for --to-v1alpha1.
    #[command(flatten)]
    postgres: PostgresFlags,
}

impl Uninstall {
    /// Lets go of everything, and prints what was done.
    pub async fn run(self) -> Outcome {
        let client = app::connect("uninstall").await.map_err(|why| (1, why.to_string()))?;
        let way_back = if self.to_v1alpha1 {
            let source = self.postgres.clusters().map_err(|why| (2, why))?;
            let (config, _) =
                app::clusters(&client, &source, &self.operator_namespace).await.map_err(|why| (1, why.to_string()))?;
            Some(Clusters::new(config).map_err(|why| (1, why))?.all())
        } else {
            None
        };
        let options = Options {
            retain: self.retain,
            namespace: self.operator_namespace,
            deployment: given(&self.deployment),
            configuration: self.webhook_configuration,
            timeout: Duration::from_secs(self.timeout),
            way_back,
        };
        uninstall::uninstall(&client, &options, &|line| println!("{line}")).await.map_err(|why| (1, why.to_string()))
    }
}
