//! Rule 14: environment variables.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::EnvVarSource;

use super::Case;
use crate::admission::syntax::is_variable;
use crate::admission::violation::{Findings, quoted, quoted_name};
use crate::api::v1::OdooInstanceSpec;
use crate::resources::env::RESERVED;

/// Names are legal, there once, and not the operator's.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    let variables = spec.extra_env.as_deref().unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (index, variable) in variables.iter().enumerate() {
        let name = variable.name.as_str();
        let path = || format!("spec.extraEnv[{index}].name");
        let is_there = !seen.insert(name);
        if !is_variable(name) {
            let message =
                format!("{} is no name of a variable; write one like LOG_LEVEL, without =", quoted_name(name));
            findings.invalid(path(), message);
        } else if RESERVED.contains(&name) {
            findings.forbidden(path(), format!("{name} is set by the operator; remove it"));
        } else if is_there {
            findings.duplicate(path(), format!("{} is there twice; remove one", quoted(name)));
        }
        if variable.value.as_ref().is_some_and(|value| !value.is_empty()) && variable.value_from.is_some() {
            findings.forbidden(format!("spec.extraEnv[{index}].value"), "excludes valueFrom; remove one of both");
        }
    }
}

/// What the API server would refuse in a pod goes. (The builders leave out the operator's own, and all but the last of
/// one name.)
pub(super) fn without_illegal(spec: &mut OdooInstanceSpec) {
    for variable in spec.extra_env.iter_mut().flatten() {
        variable.value_from.take_if(|from| *from == EnvVarSource::default());
        variable.value.take_if(|_| variable.value_from.is_some());
    }
    if let Some(variables) = &mut spec.extra_env {
        variables.retain(|variable| is_variable(&variable.name));
    }
}
