//! odoo.conf.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Inputs, hex_sha256};

/// Port of the web server.
pub const HTTP_PORT: i32 = 8069;
/// Port of the process that serves websockets (long polling before Odoo 16) beside workers.
pub const WEBSOCKET_PORT: i32 = 8072;
/// Directory of odoo.conf in the pods.
pub const DIRECTORY: &str = "/etc/odoo";
/// Directory of files and sessions in the pods.
pub const DATA_DIR: &str = "/var/lib/odoo";

/// Keys that come first, in this order; the rest follows sorted.
const ORDER: [&str; 18] = [
    "data_dir",
    "logfile",
    "log_level",
    "proxy_mode",
    "addons_path",
    "db_host",
    "db_port",
    "db_name",
    "db_user",
    "db_password",
    "db_sslmode",
    "list_db",
    "http_interface",
    "http_port",
    "max_cron_threads",
    "limit_time_real_cron",
    "workers",
    "admin_passwd",
];

/// The connection is the operator's: `configOptions` cannot change it.
const CONNECTION: [&str; 5] = ["db_host", "db_port", "db_name", "db_user", "db_password"];

/// Seconds that a cron may run. Left at Odoo's own −1, a cron process restarts itself after two minutes; 0 means the
/// same two minutes in threaded mode.
pub const CRON_TIME_LIMIT: u32 = 3600;

/// The text of odoo.conf: `configOptions` over the operator's own values. Nothing in a value can begin another line.
pub fn text(inputs: &Inputs<'_>) -> SecretString {
    let mut options = own_options(inputs);
    for (key, value) in inputs.spec().config_options.iter().flatten() {
        let legal = !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if legal && !CONNECTION.contains(&key.as_str()) {
            options.insert(key, one_line(value));
        }
    }
    let mut text = "[options]\n".to_owned();
    for key in ORDER {
        if let Some(value) = options.remove(key) {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    for (key, value) in options {
        let _ = writeln!(text, "{key} = {value}");
    }
    text.into()
}

/// SHA-256 of what `/etc/odoo` holds. On the pod template it makes a change roll the pods.
pub fn hash(inputs: &Inputs<'_>) -> String {
    let mut content = text(inputs).expose_secret().to_owned();
    content.push_str(inputs.database.ca.as_deref().unwrap_or_default());
    hex_sha256(content.as_bytes())
}

fn own_options<'a>(inputs: &Inputs<'a>) -> BTreeMap<&'a str, String> {
    let database = inputs.database;
    let mut options = BTreeMap::from([
        ("data_dir", DATA_DIR.to_owned()),
        ("logfile", String::new()),
        ("log_level", "info".to_owned()),
        ("proxy_mode", "True".to_owned()),
        ("addons_path", "/mnt/extra-addons".to_owned()),
        ("db_host", one_line(&database.host)),
        ("db_port", database.port.to_string()),
        ("db_name", one_line(&database.name)),
        ("db_user", one_line(&database.user)),
        ("db_sslmode", one_line(&database.sslmode)),
        ("list_db", "False".to_owned()),
        ("http_interface", "0.0.0.0".to_owned()),
        ("http_port", HTTP_PORT.to_string()),
        ("max_cron_threads", super::env::CRON_THREADS.to_string()),
        ("admin_passwd", one_line(inputs.secrets.master_hash.expose_secret())),
    ]);
    let password = inputs.secrets.db_password.expose_secret();
    // A password that a line cannot hold is left out here: libpq takes it from PGPASSWORD.
    if one_line(password) == password {
        options.insert("db_password", password.to_owned());
    }
    options
}

/// Odoo's parser ends a value at the line's end and strips blanks around it.
fn one_line(value: &str) -> String {
    value.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ").trim().to_owned()
}
