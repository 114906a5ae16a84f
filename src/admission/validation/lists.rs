//! Rule 25: names of modules and languages.

use super::Case;
use crate::admission::subject::Spec;
use crate::admission::violation::{Findings, quoted};

/// Module and language names are legal: they become arguments of a command.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    match case.spec {
        Spec::Instance(spec) => {
            if let Some(init) = &spec.initialization {
                modules("spec.initialization.modules", init.modules.as_deref(), findings);
                languages("spec.initialization.languages", init.languages.as_deref(), findings);
            }
            if let Some(upgrade) = &spec.upgrade {
                modules("spec.upgrade.modules", upgrade.modules.as_deref(), findings);
                modules("spec.upgrade.modulesInstall", upgrade.modules_install.as_deref(), findings);
            }
        }
        Spec::InitJob(spec) => {
            modules("spec.modules", spec.modules.as_deref(), findings);
            languages("spec.languages", spec.languages.as_deref(), findings);
        }
        Spec::UpgradeJob(spec) => {
            modules("spec.modules", spec.modules.as_deref(), findings);
            modules("spec.modulesInstall", spec.modules_install.as_deref(), findings);
        }
        _ => {}
    }
}

fn modules(path: &str, names: Option<&[String]>, findings: &mut Findings) {
    for (index, name) in names.into_iter().flatten().enumerate() {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(legal) {
            findings.invalid(
                format!("{path}[{index}]"),
                format!("{} is no module name; only a-z, 0-9 and _", quoted(name)),
            );
        }
    }
}

/// `fr`, `fr_BE`, `es_419`, `sr@latin`.
fn languages(path: &str, names: Option<&[String]>, findings: &mut Findings) {
    for (index, name) in names.into_iter().flatten().enumerate() {
        let language = name.split(['_', '@']).next().unwrap_or_default();
        let legal = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase())
            && name
                .split(['_', '@'])
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if !legal {
            findings.invalid(
                format!("{path}[{index}]"),
                format!("{} is no language; write it like fr or fr_BE", quoted(name)),
            );
        }
    }
}
