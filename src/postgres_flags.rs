//! Flags that say where PostgreSQL is: those of `run`, and of the subcommands that look there.

use std::path::PathBuf;

use clap::Args;
use odoo_operator::app::ClustersSource;
use odoo_operator::postgres::config::{ClusterConfig, ClustersConfig, FLAGS_CLUSTER, SslMode};
use secrecy::SecretString;

use crate::cli::given;

/// Where PostgreSQL is.
#[derive(Debug, Clone, Args)]
pub struct PostgresFlags {
    /// Secret in the operator's namespace with the PostgreSQL clusters, key clusters.yaml. --postgres-host takes its
    /// place.
    #[arg(long, env, default_value = "postgres-clusters")]
    pub postgres_clusters_secret: String,
    /// Host of the one PostgreSQL cluster, instead of a clusters Secret.
    #[arg(long, env, default_value = "")]
    pub postgres_host: String,
    /// Port of the one PostgreSQL cluster.
    #[arg(long, env, default_value_t = 5432)]
    pub postgres_port: u16,
    /// Admin role of the one PostgreSQL cluster.
    #[arg(long, env, default_value = "postgres")]
    pub postgres_admin_user: String,
    /// File with the admin role's password.
    #[arg(long, env)]
    pub postgres_admin_password_file: Option<PathBuf>,
    /// Database of the admin role's sessions.
    #[arg(long, env, default_value = "postgres")]
    pub postgres_admin_database: String,
    /// disable, prefer, require, verify-ca or verify-full.
    #[arg(long, env, default_value = "prefer")]
    pub postgres_sslmode: SslMode,
    /// PEM file of the authorities that may sign the PostgreSQL server's certificate.
    #[arg(long, env)]
    pub postgres_ca_file: Option<PathBuf>,
}

impl PostgresFlags {
    /// The clusters, or where they are described; an error names the flag.
    pub fn clusters(&self) -> Result<ClustersSource, String> {
        let Some(host) = given(&self.postgres_host) else {
            return Ok(ClustersSource::Secret(self.postgres_clusters_secret.clone()));
        };
        let file = self
            .postgres_admin_password_file
            .as_ref()
            .ok_or("--postgres-admin-password-file: is required with --postgres-host")?;
        let read = |flag: &str, file: &PathBuf| {
            std::fs::read_to_string(file).map_err(|why| format!("--{flag}: cannot read {}: {why}", file.display()))
        };
        let password = read("postgres-admin-password-file", file)?;
        let ca_cert = self.postgres_ca_file.as_ref().map(|file| read("postgres-ca-file", file)).transpose()?;
        let cluster = ClusterConfig {
            name: FLAGS_CLUSTER.to_owned(),
            host,
            port: self.postgres_port,
            admin_user: self.postgres_admin_user.clone(),
            admin_password: SecretString::from(password.trim_end_matches(['\r', '\n'])),
            default: true,
            sslmode: self.postgres_sslmode,
            ca_cert,
            admin_database: self.postgres_admin_database.clone(),
        };
        ClustersConfig::from_flags(cluster).map(ClustersSource::Flags).map_err(|why| format!("--postgres-…: {why}"))
    }
}
