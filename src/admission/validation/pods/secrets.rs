//! Secrets that an object names: what no Secret can be called is never there.

use super::{CLASS, DATA_KEY};
use crate::admission::subject::Spec;
use crate::admission::syntax::{is_data_key, is_subdomain};
use crate::admission::validation::Case;
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::SecretKeyRef;

/// Names that Secrets can have, and keys that they can hold.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    match case.spec {
        Spec::Instance(spec) => {
            // An empty one is none.
            named(|| "spec.imagePullSecret".to_owned(), spec.image_pull_secret.as_deref(), findings);
            key("spec", "adminPasswordSecretRef", spec.admin_password_secret_ref.as_ref(), findings);
            let restore = spec.initialization.as_ref().and_then(|init| init.restore.as_ref());
            let password = restore.and_then(|restore| restore.master_password_secret_ref.as_ref());
            key("spec.initialization.restore", "masterPasswordSecretRef", password, findings);
        }
        Spec::RestoreJob(spec) => {
            let password = spec.source.odoo.as_ref().and_then(|odoo| odoo.master_password_secret_ref.as_ref());
            key("spec.source.odoo", "masterPasswordSecretRef", password, findings);
        }
        _ => {}
    }
    for (path, webhook) in case.spec.webhooks() {
        key(path, "tokenSecretRef", webhook.token_secret_ref.as_ref(), findings);
        key(path, "signingSecretRef", webhook.signing_secret_ref.as_ref(), findings);
    }
    for (path, location) in case.spec.s3_locations() {
        let credentials = location.s3_credentials_secret_ref.as_ref().and_then(|secret| secret.name.as_deref());
        named(|| format!("{path}.s3CredentialsSecretRef.name"), credentials, findings);
        key(path, "caSecretRef", location.ca_secret_ref.as_ref(), findings);
    }
}

fn key(path: &str, field: &str, reference: Option<&SecretKeyRef>, findings: &mut Findings) {
    let Some(SecretKeyRef { name, key }) = reference else { return };
    if name.is_empty() {
        findings.required(format!("{path}.{field}.name"), "name the Secret");
    }
    named(|| format!("{path}.{field}.name"), Some(name), findings);
    if key.is_empty() {
        findings.required(format!("{path}.{field}.key"), "name a key of the Secret");
    } else if !is_data_key(key) {
        findings.invalid(format!("{path}.{field}.key"), format!("{} {DATA_KEY}", quoted(key)));
    }
}

fn named(path: impl FnOnce() -> String, name: Option<&str>, findings: &mut Findings) {
    if let Some(name) = name.filter(|name| !name.is_empty() && !is_subdomain(name)) {
        findings.invalid(path(), format!("{} {CLASS}", quoted(name)));
    }
}
