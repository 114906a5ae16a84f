//! Rules 9 and 28: what is in another namespace is used with its owner's consent only.

use super::Case;
use crate::admission::consent::{Consent, Reference, Referred, references};
use crate::admission::subject::Kind;
use crate::admission::violation::Findings;
use crate::api::labels::ALLOW_FROM_NAMESPACES;

const UNKNOWN: &str = "could not be read now; asked again before it is used";

/// Rule 9: the instance that is copied consents. Once the copy is made, it is asked no more.
pub(super) fn clone(case: &Case<'_>, findings: &mut Findings) {
    if case.spec.kind() != Kind::Instance || case.state.db_initialized == Some(true) {
        return;
    }
    for (path, source) in asked(case).filter(|(_, reference)| reference.kind == Referred::Instance) {
        match case.ctx.lookup.consent(&source, case.namespace) {
            Consent::Given => {}
            Consent::Missing => findings.forbidden(path, source.refusal(case.namespace)),
            Consent::Unknown => findings.warn(path, UNKNOWN),
        }
    }
}

/// Rule 28: Secrets, and what a refresh copies. The annotation may come later: a job waits for it.
pub(super) fn others(case: &Case<'_>, findings: &mut Findings) {
    let instance = case.spec.kind() == Kind::Instance;
    let ended = matches!(case.state.phase.as_deref(), Some("Completed" | "Failed")) && !instance;
    if ended {
        return;
    }
    for (path, reference) in asked(case).filter(|(_, reference)| !instance || reference.kind == Referred::Secret) {
        match case.ctx.lookup.consent(&reference, case.namespace) {
            Consent::Given => {}
            Consent::Missing => {
                findings.warn(path, format!("absent, or lacks {ALLOW_FROM_NAMESPACES}: {}", case.namespace));
            }
            Consent::Unknown => findings.warn(path, UNKNOWN),
        }
    }
}

fn asked(case: &Case<'_>) -> impl Iterator<Item = (String, Reference)> + use<> {
    references(case.spec, case.namespace).into_iter()
}
