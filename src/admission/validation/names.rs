//! Rule 12: names that follow from the instance's.

use super::Case;
use crate::admission::context::ObjectKey;
use crate::admission::violation::{Findings, quoted};

/// Labels, Services and hosts names take 63 bytes.
const LIMIT: usize = 63;
/// The longest of what is put behind an instance's name: its volume claim.
const LONGEST: &str = "-filestore-pvc";
/// Letters that the API server adds to a `generateName`.
const GENERATED: usize = 5;

const PATH: &str = "metadata.name";

/// A new name is a Service's, every name derived from it fits, and none is another instance's. (What is there already
/// keeps its name for good: the builders cope with long ones, and an object of another's name is never touched.)
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    if case.instance().is_none() || case.name.is_empty() || case.old.is_some() {
        return;
    }
    let name = case.name;
    let length = name.len() + if case.generated { GENERATED } else { 0 };
    let longest = LIMIT - LONGEST.len();
    if length > longest {
        let message = format!("has {length} characters; at most {longest}, since <name>{LONGEST} must fit {LIMIT}");
        findings.invalid(PATH, message);
    }
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.bytes().all(legal) {
        let message = format!(
            "{} must begin with a letter and have only a-z, 0-9 and -: a Service is named after it",
            quoted(name)
        );
        findings.invalid(PATH, message);
    }
    if !case.generated {
        clashes(case, findings);
    }
}

fn clashes(case: &Case<'_>, findings: &mut Findings) {
    let name = case.name;
    let exists = |other: &str| case.ctx.lookup.instance(case.namespace, other).is_some();
    let whose = |other: &str| case.called(&ObjectKey::new(case.namespace, other));
    let longer = format!("{name}-cron");
    if exists(&longer) {
        let message = format!("its cron pods would have the name of {}; choose another name", whose(&longer));
        findings.duplicate(PATH, message);
    }
    if let Some(shorter) = name.strip_suffix("-cron").filter(|shorter| !shorter.is_empty() && exists(shorter)) {
        let message = format!("is the name of the cron pods of {}; choose another name", whose(shorter));
        findings.duplicate(PATH, message);
    }
}
