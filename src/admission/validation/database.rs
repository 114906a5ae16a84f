//! Rule 6: the name of the database.

use super::Case;
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::OdooInstanceSpec;

/// Databases that belong to the server, or to those who run it as a service.
const SYSTEM: [&str; 8] =
    ["postgres", "template0", "template1", "rdsadmin", "cloudsqladmin", "azure_maintenance", "azure_sys", "defaultdb"];

const PATH: &str = "spec.database.name";

/// The name is no system database's, fixed once there is a database, and nobody else's.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    if let Some(in_use) = is_changed_in_use(case) {
        let known = if in_use.is_empty() { String::new() } else { format!(" {}", quoted(in_use)) };
        let message = format!("cannot change: database{known} is in use; restore into a new instance instead");
        findings.forbidden(PATH, message);
        return;
    }
    let Some(name) = name(spec) else { return };
    if SYSTEM.contains(&name) {
        findings.forbidden(PATH, format!("{} is a system database; choose another name", quoted(name)));
        return;
    }
    if let Some(cluster) = spec.cluster()
        && let Some(owner) = case.ctx.lookup.database_owner(cluster, name).filter(|owner| !case.is_self(owner))
    {
        let whose = case.called(&owner);
        findings
            .duplicate(PATH, format!("{} on cluster {cluster} belongs to {whose}; choose another name", quoted(name)));
    }
}

/// The name is legal for PostgreSQL and Odoo.
pub(super) fn legal(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    if is_changed_in_use(case).is_none()
        && let Some(name) = name(spec)
        && let Err(problem) = check(name)
    {
        findings.invalid(PATH, format!("{} {problem}", quoted(name)));
    }
}

fn name(spec: &OdooInstanceSpec) -> Option<&str> {
    spec.database.as_ref()?.name.as_deref()
}

/// Whether the name of a database in use would change; its name then, empty if it is not known.
fn is_changed_in_use<'a>(case: &Case<'a>) -> Option<&'a str> {
    let (spec, Some(old)) = case.instance()? else { return None };
    let (before, now) = (name(old), name(spec));
    // Status says which it is as soon as it is made, and from then on the spec has no say.
    let made = case.state.database_name.as_deref();
    if made.is_none() && case.state.db_initialized != Some(true) {
        return None;
    }
    let in_use = made.or(before);
    // Saying what is so anyway changes nothing; not saying it any more would mean another name.
    (now != before && (now.is_none() || now != in_use)).then(|| in_use.unwrap_or_default())
}

/// Odoo's own rule for names (its database manager refuses others), within PostgreSQL's length.
fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty; leave it out for a name from the uid");
    }
    if name.len() > 63 {
        return Err("has more than 63 bytes, PostgreSQL's limit");
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(legal) {
        return Err("is no legal name: a letter or digit first, then letters, digits, _ . -");
    }
    Ok(())
}
