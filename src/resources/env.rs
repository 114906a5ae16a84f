//! Environment of the Odoo containers.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource, SecretKeySelector};

use super::{Inputs, names, odoo_conf, secret};

/// Variables that are the operator's. Each is set in every Odoo container, so that neither `extraEnv` nor
/// `extraEnvFrom` can: what `env` sets wins over `envFrom`.
pub const RESERVED: [&str; 14] = [
    "HOST",
    "PORT",
    "USER",
    "PASSWORD",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
    "PGSSLMODE",
    "PGHOST_REPLICA",
    "PGPORT_REPLICA",
    "ODOO_RC",
    "MAX_CRON_THREADS",
];

/// Cron threads of a cron pod where `configOptions` says nothing.
pub const CRON_THREADS: u32 = 2;

/// Certificates that the Debian family's images trust.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The environment of an Odoo container that runs `cron_threads` cron threads: ours, then `own`, then the user's,
/// which may refer to ours but replaces none.
pub(super) fn odoo(inputs: &Inputs<'_>, cron_threads: u32, own: Vec<EnvVar>) -> Vec<EnvVar> {
    let database = inputs.database;
    let mut all = Vec::new();
    let password = |name: &str| EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: names::user_secret(inputs.name()),
                key: secret::PASSWORD_KEY.to_owned(),
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
    };
    // The unprefixed four are what the official image's entrypoint reads: hooks and scripts of custom images do too.
    all.push(plain("HOST", &database.host));
    all.push(plain("PORT", database.port.to_string()));
    all.push(plain("USER", &database.user));
    all.push(password("PASSWORD"));
    all.push(plain("PGHOST", &database.host));
    all.push(plain("PGPORT", database.port.to_string()));
    all.push(plain("PGUSER", &database.user));
    all.push(plain("PGDATABASE", &database.name));
    all.push(password("PGPASSWORD"));
    all.push(plain("PGSSLMODE", &database.sslmode));
    if let Some(file) = root_certificates(inputs) {
        all.push(plain("PGSSLROOTCERT", file));
    }
    // Odoo 19 reads `None` as unset; an empty host would switch its development mode "replica" on.
    all.push(plain("PGHOST_REPLICA", inputs.option("db_replica_host").unwrap_or("None")));
    all.push(plain("PGPORT_REPLICA", inputs.option("db_replica_port").unwrap_or("None")));
    all.push(plain("ODOO_RC", format!("{}/{}", odoo_conf::DIRECTORY, secret::ODOO_CONF_KEY)));
    all.push(plain("MAX_CRON_THREADS", cron_threads.to_string()));
    all.extend(own);

    let mut extra: Vec<&EnvVar> = Vec::new();
    for variable in inputs.spec().extra_env.iter().flatten() {
        extra.retain(|earlier| earlier.name != variable.name);
        extra.push(variable);
    }
    extra.retain(|variable| {
        !RESERVED.contains(&variable.name.as_str()) && all.iter().all(|ours| ours.name != variable.name)
    });
    all.extend(extra.into_iter().cloned());
    all
}

/// The user's further sources.
pub(super) fn sources(inputs: &Inputs<'_>) -> Option<Vec<EnvFromSource>> {
    inputs.spec().extra_env_from.clone().filter(|sources| !sources.is_empty())
}

/// A variable with a plain value.
pub(super) fn plain(name: &str, value: impl Into<String>) -> EnvVar {
    // The kubelet expands $(NAME) in values, `$$` stands for one dollar.
    EnvVar { name: name.to_owned(), value: Some(value.into().replace('$', "$$")), value_from: None }
}

/// File that libpq checks the server's certificate against.
fn root_certificates(inputs: &Inputs<'_>) -> Option<String> {
    if inputs.database.ca.is_some() {
        Some(format!("{}/{}", odoo_conf::DIRECTORY, secret::CA_KEY))
    } else if inputs.database.sslmode.starts_with("verify-") {
        Some(SYSTEM_CA.to_owned())
    } else {
        None
    }
}
