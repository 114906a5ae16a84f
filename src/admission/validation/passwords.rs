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

/// Rule 27: other plain-text secrets warn; beside a reference they have no effect.
pub(super) fn plain(case: &Case<'_>, findings: &mut Findings) {
    for (path, webhook) in case.spec.webhooks() {
        if webhook.token.is_some() {
            tell(&format!("{path}.token"), webhook.token_secret_ref.is_some(), "tokenSecretRef", findings);
        }
    }
    let (path, plain, reference) = match case.spec {
        Spec::RestoreJob(spec) => {
            let Some(odoo) = &spec.source.odoo else { return };
            ("spec.source.odoo.masterPassword", &odoo.master_password, &odoo.master_password_secret_ref)
        }
        Spec::Instance(spec) => {
            let Some(restore) = spec.initialization.as_ref().and_then(|init| init.restore.as_ref()) else { return };
            let path = "spec.initialization.restore.masterPassword";
            (path, &restore.master_password, &restore.master_password_secret_ref)
        }
        _ => return,
    };
    if plain.is_some() {
        tell(path, reference.is_some(), "masterPasswordSecretRef", findings);
    }
}

fn tell(path: &str, referred: bool, reference: &str, findings: &mut Findings) {
    if referred {
        findings.warn(path, format!("has no effect beside {reference}; remove it"));
    } else {
        findings.warn(path, format!("is in plain text; use {reference}"));
    }
}

/// Rule 27: a copy onto Staging that keeps mails and crons going warns.
pub(super) fn live_copy(case: &Case<'_>, findings: &mut Findings) {
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
