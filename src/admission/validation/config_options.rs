//! Rule 7: options of odoo.conf.

use super::Case;
use crate::admission::violation::{Findings, quoted};

/// Keys of the database connection: the operator writes them.
const CONNECTION: [&str; 5] = ["db_host", "db_port", "db_user", "db_password", "db_name"];

/// Keys that the operator relies on, and why.
const RELIED_ON: [(&str, &str); 4] = [
    ("list_db", "opens or closes the database manager; the operator closes it"),
    ("admin_passwd", "overrides adminPassword, in plain text; use adminPasswordSecretRef"),
    ("data_dir", "moves files off the instance's volume, where no backup finds them"),
    ("http_port", "moves Odoo away from the port of its Service and probes"),
];

/// Keys and values that can stand in a file of lines, and leave the operator's own alone.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    for (key, value) in spec.config_options.iter().flatten() {
        let path = || format!("spec.configOptions[{key}]");
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if key.is_empty() || !key.bytes().all(legal) {
            findings.invalid(path(), format!("{} is no legal key; only a-z, 0-9 and _", quoted(key)));
            continue;
        }
        if CONNECTION.contains(&key.as_str()) {
            findings.forbidden(path(), "the operator sets the connection; use spec.database, or remove the key");
        }
        // The value may be a secret: it is not repeated.
        if value.contains(['\n', '\r', '\0']) {
            findings.invalid(path(), "the value has a line break or NUL; odoo.conf takes one line a key");
        }
        if let Some((_, why)) = RELIED_ON.iter().find(|(relied_on, _)| relied_on == key) {
            findings.warn(path(), *why);
        }
    }
}
