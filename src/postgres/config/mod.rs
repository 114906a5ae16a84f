//! What the operator was told about PostgreSQL clusters: `clusters.yaml` of a Secret, or flags.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use secrecy::SecretString;

pub use parse::ConfigError;
pub(super) use parse::certificates;

/// The name of the cluster that the flags describe.
pub const FLAGS_CLUSTER: &str = "default";

/// How a connection is protected: the modes of libpq, with libpq's meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS without verification where the server has it, else plain.
    #[default]
    Prefer,
    /// TLS; the certificate is verified only when a CA is given, and then as `VerifyCa` does.
    Require,
    /// TLS, and the certificate must come from the CA.
    VerifyCa,
    /// TLS, the certificate must come from the CA and name the host.
    VerifyFull,
}

impl SslMode {
    /// All of them, in order of strength.
    pub const ALL: [Self; 5] = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// As libpq and `clusters.yaml` write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for SslMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            format!("{text:?} is not an sslmode: use disable, prefer, require, verify-ca or verify-full")
        })
    }
}

/// One cluster: where it is and how the operator logs in as its admin role.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The key in `clusters.yaml`, as `spec.database.cluster` names it.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// A role with CREATEDB and CREATEROLE, or a superuser.
    pub admin_user: String,
    /// Its password.
    pub admin_password: SecretString,
    /// Whether instances without `spec.database.cluster` go here.
    pub default: bool,
    /// Protection of connections.
    pub sslmode: SslMode,
    /// PEM text of the CA certificates.
    pub ca_cert: Option<String>,
    /// The database in which the admin's sessions live.
    pub admin_database: String,
}

impl PartialEq for ClusterConfig {
    fn eq(&self, other: &Self) -> bool {
        use secrecy::ExposeSecret;
        self.name == other.name
            && self.host == other.host
            && self.port == other.port
            && self.admin_user == other.admin_user
            && self.admin_password.expose_secret() == other.admin_password.expose_secret()
            && self.default == other.default
            && self.sslmode == other.sslmode
            && self.ca_cert == other.ca_cert
            && self.admin_database == other.admin_database
    }
}

/// All configured clusters: at least one, exactly one of them the default.
#[derive(Clone, Debug, PartialEq)]
pub struct ClustersConfig(Vec<ClusterConfig>);

impl ClustersConfig {
    /// Reads `clusters.yaml`.
    pub fn from_yaml(text: &str) -> Result<Self, ConfigError> {
        parse::clusters(text).map(Self)
    }

    /// The one cluster that the flags describe; its name becomes [`FLAGS_CLUSTER`], and it is the default.
    pub fn from_flags(config: ClusterConfig) -> Result<Self, ConfigError> {
        let config = ClusterConfig { name: FLAGS_CLUSTER.to_owned(), default: true, ..config };
        parse::check(&config)?;
        Ok(Self(vec![config]))
    }

    /// The clusters in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &ClusterConfig> {
        self.0.iter()
    }

    /// The names, in the order in which they were written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|cluster| cluster.name.as_str())
    }
}

impl IntoIterator for ClustersConfig {
    type Item = ClusterConfig;
    type IntoIter = std::vec::IntoIter<ClusterConfig>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
