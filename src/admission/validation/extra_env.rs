//! Rule 14: environment variables.

use super::Case;
use crate::admission::violation::{Findings, quoted};

/// Variables that the operator sets on every Odoo container, each explicitly, so that extraEnvFrom cannot.
const RESERVED: [&str; 14] = [
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

/// Names are legal, there once, and not the operator's.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    let variables = spec.extra_env.as_deref().unwrap_or_default();
    for (index, variable) in variables.iter().enumerate() {
        let name = variable.name.as_str();
        let path = || format!("spec.extraEnv[{index}].name");
        if name.is_empty() || name.contains('=') || name.chars().any(char::is_control) {
            findings.invalid(path(), format!("{} is no name of a variable", quoted(name)));
        } else if RESERVED.contains(&name) {
            findings.forbidden(path(), format!("{name} is set by the operator; remove it"));
        } else if variables[..index].iter().any(|before| before.name == name) {
            findings.duplicate(path(), format!("{} is there twice; remove one", quoted(name)));
        }
        if variable.value.as_ref().is_some_and(|value| !value.is_empty()) && variable.value_from.is_some() {
            findings.forbidden(format!("spec.extraEnv[{index}].value"), "excludes valueFrom; remove one of both");
        }
    }
}
