//! Rules 8 and 27: secrets, and copies that are not made harmless.

use super::Case;
use crate::admission::subject::Spec;
use crate::admission::violation::Findings;
use crate::api::v1::Environment;

/// Rule 8: the admin password is given in one way at most; plain text warns.
pub(super) fn admin(case: &Case<'_>, findings: &mut Findings) {
    const PATH: &str = "spec.adminPassword";
    let Some((spec, _)) = case.instance() else { return };
    if spec.admin_password.is_none() {
        return;
    }
    if spec.admin_password_secret_ref.is_some() {
        findings.forbidden(PATH, "excludes adminPasswordSecretRef; remove one of both");
    } else {
        findings.warn(PATH, "is in plain text; use adminPasswordSecretRef");
    }
}

/// Rule 27: other plain-text secrets warn, as does a copy onto Staging that keeps mails and crons going.
pub(super) fn others(case: &Case<'_>, findings: &mut Findings) {
    for (path, webhook) in case.spec.webhooks() {
        if webhook.token.is_some() {
            findings.warn(format!("{path}.token"), "is in plain text; use tokenSecretRef");
        }
    }
    let plain = "is in plain text; use masterPasswordSecretRef";
    match case.spec {
        Spec::RestoreJob(spec) if spec.source.odoo.as_ref().is_some_and(|odoo| odoo.master_password.is_some()) => {
            findings.warn("spec.source.odoo.masterPassword", plain);
        }
        Spec::Instance(spec) => {
            let restore = spec.initialization.as_ref().and_then(|init| init.restore.as_ref());
            if restore.is_some_and(|restore| restore.master_password.is_some()) {
                findings.warn("spec.initialization.restore.masterPassword", plain);
            }
        }
        _ => {}
    }
    for (path, environment) in live_copies(case) {
        if environment == Environment::Staging {
            findings.warn(path, "is false: the copy on Staging will send mail and run its scheduled actions");
        }
    }
}

/// Where `neutralize: false` is asked for, and for what kind of instance.
fn live_copies(case: &Case<'_>) -> Vec<(&'static str, Environment)> {
    let target = || {
        let (_, target) = case.spec.instance_ref()?;
        Some(case.ctx.lookup.instance(case.namespace, &target.name)?.environment)
    };
    let live = |neutralize: Option<bool>| neutralize == Some(false);
    let mut found = Vec::new();
    match case.spec {
        Spec::RestoreJob(spec) if live(spec.neutralize) => {
            found.extend(target().map(|environment| ("spec.neutralize", environment)));
        }
        Spec::RefreshJob(spec) if live(spec.neutralize) => {
            found.extend(target().map(|environment| ("spec.neutralize", environment)));
        }
        Spec::Instance(spec) => {
            let init = spec.initialization.as_ref();
            if init.and_then(|init| init.restore.as_ref()).is_some_and(|restore| live(restore.neutralize)) {
                found.push(("spec.initialization.restore.neutralize", spec.environment()));
            }
            if init.and_then(|init| init.clone.as_ref()).is_some_and(|clone| live(clone.neutralize)) {
                found.push(("spec.initialization.clone.neutralize", spec.environment()));
            }
        }
        _ => {}
    }
    found
}
