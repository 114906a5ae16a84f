use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{ClusterConfig, SslMode};

const KEYS: [&str; 8] = ["host", "port", "adminUser", "adminPassword", "default", "sslmode", "caCert", "adminDatabase"];

/// The key of what a map takes from others.
const MERGE: &str = "<<";
/// A map of maps, a list of what is merged, and some more, so that what is wrong can be said of a value.
const DEEPEST: usize = 8;
/// How long the text is at least for a value in it, on average, when there are thousands; a line of a setting is two.
const BYTES_A_VALUE: usize = 12;
/// What aliases may repeat, in values: hundreds of clusters that have most in common, and not so much that a short text
/// takes a lot of memory.
const MOST_REPEATED: usize = 12_000;
/// The same in bytes, of certificates for the most part.
const MOST_REPEATED_BYTES: usize = 1 << 20;
/// What may be kept for aliases: an anchor within an anchor is kept twice.
const MOST_KEPT: usize = 8_192;

/// Why a configuration of clusters is not usable: one line for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is not YAML.
    #[error("clusters.yaml is not YAML: {0}")]
    Syntax(String),
    /// The text is more than it looks.
    #[error(
        "clusters.yaml is nested too deep, holds too many values or repeats too much through anchors{0}: write one map of settings for each cluster"
    )]
    Excessive(String),
    /// The text is YAML of another shape.
    #[error(
        "clusters.yaml must be a map from cluster name to {{host, port, adminUser, adminPassword, …}}, and it is {0}"
    )]
    Shape(&'static str),
    /// There is no cluster in it.
    #[error(
        "clusters.yaml names no cluster: add one, e.g. `main: {{host: db.example.com, port: 5432, adminUser: postgres, adminPassword: …, default: true}}`"
    )]
    Empty,
    /// A value of an entry is wrong.
    #[error("cluster {entry:?}, {}: {problem}", field.escape_debug())]
    Field {
        /// The cluster's name.
        entry: String,
        /// The key.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// More than one default.
    #[error("clusters {} are all marked `default: true`: leave it on one of them", .0.join(", "))]
    ManyDefaults(Vec<String>),
    /// Several clusters and no default.
    #[error("none of the clusters {} is marked `default: true`: mark the one that instances without spec.database.cluster use", .0.join(", "))]
    NoDefault(Vec<String>),
}

pub(super) fn clusters(text: &str) -> Result<Vec<ClusterConfig>, ConfigError> {
    let budget = serde_saphyr::budget! {
        max_depth: DEEPEST,
        max_recorded_anchor_events: MOST_KEPT,
        max_nodes: text.len() / BYTES_A_VALUE + MOST_REPEATED,
        max_recorded_anchor_bytes: text.len() + MOST_REPEATED_BYTES,
        max_total_scalar_bytes: text.len() + MOST_REPEATED_BYTES,
        // Many clusters with one anchor are what anchors are for.
        enforce_alias_anchor_ratio: false,
    };
    // A snippet of the source would carry passwords into the message.
    // Merging is done below: the library keeps a copy of every level of what is merged.
    let merge_keys = serde_saphyr::options::MergeKeyPolicy::AsOrdinary;
    let options = serde_saphyr::options! { with_snippet: false, budget: budget, merge_keys: merge_keys };
    let value: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place =
            error.location().map_or_else(String::new, |at| format!(" at line {}, column {}", at.line(), at.column()));
        match error {
            // The second is what the first becomes in what an alias stands for.
            serde_saphyr::Error::Budget { .. } | serde_saphyr::Error::AliasError { .. } => {
                ConfigError::Excessive(place)
            }
            _ => ConfigError::Syntax(format!("check indentation, quotes and colons{place}")),
        }
    })?;
    let entries = match value {
        Value::Object(entries) => merged(entries).map_err(|problem| ConfigError::Field {
            entry: MERGE.to_owned(),
            field: "the entry".to_owned(),
            problem,
        })?,
        Value::Null => return Err(ConfigError::Empty),
        other => return Err(ConfigError::Shape(kind(&other))),
    };
    if entries.is_empty() {
        return Err(ConfigError::Empty);
    }
    let mut clusters = entries.into_iter().map(|(name, value)| entry(&name, value)).collect::<Result<Vec<_>, _>>()?;
    settle_default(&mut clusters)?;
    Ok(clusters)
}

/// The map with what it merges (<https://yaml.org/type/merge.html>): what it says itself holds before what is merged, and
/// of several maps the first. The error says what is wrong with what is merged.
fn merged(mut map: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let sources = match map.shift_remove(MERGE) {
        None => return Ok(map),
        Some(Value::Array(sources)) => sources,
        Some(source) => vec![source],
    };
    for source in sources {
        match source {
            Value::Object(source) => {
                for (key, value) in merged(source)? {
                    map.entry(key).or_insert(value);
                }
            }
            Value::Null => {}
            other => return Err(format!("must be a map such as *base, or a list of maps, and it is {}", kind(&other))),
        }
    }
    Ok(map)
}

fn settle_default(clusters: &mut [ClusterConfig]) -> Result<(), ConfigError> {
    let names = |of: &[&ClusterConfig]| of.iter().map(|c| c.name.escape_debug().to_string()).collect();
    let marked: Vec<_> = clusters.iter().filter(|c| c.default).collect();
    match (marked.len(), clusters.len()) {
        (1, _) => Ok(()),
        (0, 1) => {
            clusters[0].default = true;
            Ok(())
        }
        (0, _) => Err(ConfigError::NoDefault(names(&clusters.iter().collect::<Vec<_>>()))),
        _ => Err(ConfigError::ManyDefaults(names(&marked))),
    }
}

fn entry(name: &str, value: Value) -> Result<ClusterConfig, ConfigError> {
    let wrong =
        |field: &str, problem: String| ConfigError::Field { entry: name.to_owned(), field: field.to_owned(), problem };
    let fields = match value {
        Value::Object(fields) => merged(fields).map_err(|problem| wrong(MERGE, problem))?,
        other => {
            let problem = format!("must be a map with {}, and it is {}", KEYS[..4].join(", "), kind(&other));
            return Err(wrong("the entry", problem));
        }
    };
    if let Some(unknown) = fields.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let problem = match nearest(unknown) {
            Some(known) if unknown.starts_with(known) => format!("needs a colon and a space: `{known}: …`"),
            Some(known) => format!("is not a setting; did you mean {known}?"),
            None => format!("is not a setting; there are {}", KEYS.join(", ")),
        };
        // `adminPassword:secret`, without a space, is a key.
        return Err(wrong(unknown.split([':', '=']).next().unwrap_or_default(), problem));
    }
    let text = |field: &str| text(&fields, field).map_err(|problem| wrong(field, problem));
    let required = |field: &str| text(field)?.ok_or_else(|| wrong(field, "is missing".to_owned()));
    let config = ClusterConfig {
        host: required("host")?,
        port: port(fields.get("port")).map_err(|problem| wrong("port", problem))?,
        admin_user: required("adminUser")?,
        admin_password: SecretString::from(required("adminPassword")?),
        default: match fields.get("default") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(default)) => *default,
            Some(other) => return Err(wrong("default", format!("must be true or false, and it is {}", kind(other)))),
        },
        sslmode: match text("sslmode")? {
            None => SslMode::default(),
            Some(mode) => mode.parse().map_err(|problem| wrong("sslmode", problem))?,
        },
        ca_cert: text("caCert")?,
        admin_database: text("adminDatabase")?.unwrap_or_else(|| "postgres".to_owned()),
        name: name.to_owned(),
    };
    check(&config)?;
    Ok(config)
}

/// What must hold of a cluster wherever it was configured.
pub(super) fn check(config: &ClusterConfig) -> Result<(), ConfigError> {
    let wrong = |field: &str, problem: String| {
        Err(ConfigError::Field { entry: config.name.clone(), field: field.to_owned(), problem })
    };
    let host = &config.host;
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if host.is_empty() || (!is_address && host.contains(|c: char| !(c.is_ascii_alphanumeric() || "-._".contains(c)))) {
        return wrong(
            "host",
            // Not shown: in a URL there may be a password.
            "is not a host name or address: write it without scheme, user, port or path, e.g. db.example.com"
                .to_owned(),
        );
    }
    if config.port == 0 {
        return wrong("port", "0 is not a port: use a number from 1 to 65535, usually 5432".to_owned());
    }
    for (field, value) in [("adminUser", &config.admin_user), ("adminDatabase", &config.admin_database)] {
        if value.is_empty() || value.len() > 63 || value.contains('\0') {
            return wrong(field, "must have 1 to 63 bytes".to_owned());
        }
    }
    let password = config.admin_password.expose_secret();
    if password.is_empty() || password.contains('\0') {
        return wrong("adminPassword", "is empty: give the password of adminUser".to_owned());
    }
    if let Some(pem) = &config.ca_cert {
        if let Err(problem) = certificates(pem) {
            return wrong("caCert", problem);
        }
        if config.sslmode == SslMode::Disable {
            return wrong("sslmode", "is disable, and there is a caCert: use verify-full, or remove caCert".to_owned());
        }
    }
    Ok(())
}

/// The certificates of a PEM text; at least one.
pub(in crate::postgres) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    const RIGHT: &str =
        "give the CA certificate as PEM text, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----";
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| format!("is not valid PEM: {RIGHT}"))?;
    if certificates.is_empty() {
        return Err(format!("has no certificate in it: {RIGHT}"));
    }
    for certificate in &certificates {
        if x509_parser::parse_x509_certificate(certificate).is_err() {
            return Err(format!("holds a block that is not a certificate: {RIGHT}"));
        }
    }
    Ok(certificates)
}

fn text(fields: &Map<String, Value>, field: &str) -> Result<Option<String>, String> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("must be text, and it is {}: put it in quotes", kind(other))),
    }
}

fn port(value: Option<&Value>) -> Result<u16, String> {
    const RIGHT: &str = "use a number from 1 to 65535, usually 5432";
    match value {
        None | Some(Value::Null) => Err(format!("is missing: {RIGHT}")),
        Some(Value::Number(number)) => number
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| format!("{number} is not a port: {RIGHT}")),
        Some(other) => Err(format!("is {}: {RIGHT}, without quotes", kind(other))),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// The setting that somebody who wrote `key` most likely meant.
fn nearest(key: &str) -> Option<&'static str> {
    if let Some(known) = KEYS.into_iter().find(|known| key.starts_with(&format!("{known}:"))) {
        return Some(known);
    }
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let meant = match plain(key).as_str() {
        "user" | "username" => return Some("adminUser"),
        "password" | "pass" => return Some("adminPassword"),
        "database" | "dbname" | "db" => return Some("adminDatabase"),
        "ca" | "cacertificate" | "sslrootcert" | "rootcert" => return Some("caCert"),
        other => other.to_owned(),
    };
    KEYS.into_iter()
        .map(|known| (strsim::damerau_levenshtein(&meant, &known.to_lowercase()), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .map(|(_, known)| known)
}
