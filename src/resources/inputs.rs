//! What the builders build from.

use kube::ResourceExt as _;
use secrecy::SecretString;

use super::{OdooVersion, env, odoo_conf};
use crate::api::v1::{OdooInstance, OdooInstanceSpec};

/// Everything that the objects of one instance are made of.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The instance, validated and defaulted.
    pub instance: &'a OdooInstance,
    /// Image that the pods run: `spec.image`, or the active one while a new one is held back.
    pub image: &'a str,
    /// Where the database is and how it is reached.
    pub database: &'a DatabaseAccess,
    /// What only Secrets may hold.
    pub secrets: &'a InstanceSecrets,
    /// Version of Odoo in the image, when it is known. It shows in the pod template (the readiness probe), so find it
    /// out before the Deployments are created: learning it later rolls the pods once.
    pub odoo_version: Option<OdooVersion>,
}

/// Where an instance's database is and how it is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseAccess {
    /// Host name or address of the PostgreSQL server.
    pub host: String,
    /// Port of the PostgreSQL server.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// The instance's own role.
    pub user: String,
    /// libpq's sslmode: disable, allow, prefer, require, verify-ca or verify-full.
    pub sslmode: String,
    /// PEM certificates of the authorities that may sign the server's certificate. libpq checks the certificate
    /// against them from `require` on. Without them the verify modes use the image's own list.
    pub ca: Option<String>,
}

/// What only Secrets may hold. The hashes are made once a password and kept: a fresh salt would roll every pod.
#[derive(Clone, Debug)]
pub struct InstanceSecrets {
    /// Password of the instance's role.
    pub db_password: SecretString,
    /// Hash for the login `admin`, as `res_users.password` holds it.
    pub admin_hash: SecretString,
    /// Hash of the master password, as `admin_passwd` in odoo.conf holds it.
    pub master_hash: SecretString,
    /// Keyed digest of the admin password: tells when the hashes must be made anew.
    pub digest: SecretString,
    /// Key of [`digest`](Self::digest).
    pub digest_key: SecretString,
}

impl InstanceSecrets {
    /// Passwords that are not known: only for what does not depend on them.
    pub fn unknown() -> Self {
        let none = || SecretString::from("");
        Self { db_password: none(), admin_hash: none(), master_hash: none(), digest: none(), digest_key: none() }
    }
}

impl<'a> Inputs<'a> {
    /// Name of the instance.
    pub fn name(&self) -> &'a str {
        self.instance.metadata.name.as_deref().unwrap_or_default()
    }

    /// Namespace of the instance and of everything built here.
    pub fn namespace(&self) -> &'a str {
        self.instance.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// uid of the instance.
    pub fn uid(&self) -> String {
        self.instance.uid().unwrap_or_default()
    }

    pub(super) fn spec(&self) -> &'a OdooInstanceSpec {
        &self.instance.spec
    }

    /// One of the user's `configOptions`.
    pub(super) fn option(&self, key: &str) -> Option<&'a str> {
        self.spec().config_options.as_ref()?.get(key).map(|value| value.trim())
    }

    /// Whether Odoo forks workers: only then a separate process serves the websocket port.
    pub(super) fn has_workers(&self) -> bool {
        self.option("workers").and_then(|value| value.parse::<u32>().ok()).is_some_and(|workers| workers > 0)
    }

    /// Port of the Service that websocket (or long polling) requests go to.
    pub(super) fn websocket_port(&self) -> i32 {
        if self.has_workers() { odoo_conf::WEBSOCKET_PORT } else { odoo_conf::HTTP_PORT }
    }

    /// Cron threads of a cron pod.
    pub(super) fn cron_threads(&self) -> u32 {
        self.option("max_cron_threads").and_then(|value| value.parse().ok()).unwrap_or(env::CRON_THREADS)
    }
}
