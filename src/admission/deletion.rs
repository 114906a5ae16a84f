//! While an object is being deleted, nothing that decides what is dropped can be edited.

use serde_json::Value;

use super::subject::Spec;
use super::violation::Findings;
use crate::api::labels::CONFIRM_DELETE;
use crate::api::v1::DeletionPolicy;
use crate::resources::PUBLISHED_DEFAULT;

const UNTOUCHED: &str =
    "cannot change while the object is being deleted; only suspend, cancel and deletionPolicy Retain can";

/// Names of the fields of spec whose values differ.
pub(super) fn changed_fields(old: &Spec, new: &Spec) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    fields_that_differ(&old.to_value(), &new.to_value())
}

fn fields_that_differ(old: &Value, new: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let old = old.as_object().unwrap_or(&empty);
    let new = new.as_object().unwrap_or(&empty);
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(value)).map(|(key, _)| key);
    changed.chain(gone).cloned().collect()
}

/// Writes out what v1alpha1's schema writes into a request and v1 leaves absent: neither is a change.
pub(super) fn level(spec: &mut Spec) {
    let Spec::Instance(spec) = spec else { return };
    let init = spec.initialization.get_or_insert_default();
    init.modules.get_or_insert_with(|| vec!["base".to_owned()]);
    init.demo.get_or_insert(false);
    let probes = spec.probes.get_or_insert_default();
    for path in [&mut probes.startup_path, &mut probes.liveness_path, &mut probes.readiness_path] {
        path.get_or_insert_with(|| PUBLISHED_DEFAULT.to_owned());
    }
}

/// Judges the fields of spec: only `suspend`, `cancel`, and deletionPolicy from Delete to Retain may change.
pub(super) fn judge_spec(old: &Spec, new: &Spec, findings: &mut Findings) {
    let is_delete = new.instance().is_some_and(|spec| spec.deletion_policy() == DeletionPolicy::Delete);
    let policy = is_delete.then_some("cannot become Delete while the object is being deleted");
    judge_fields(changed_fields(old, new), policy, findings);
}

/// Judges the raw fields of a spec that does not decode, by the same measure.
pub(super) fn judge_raw(old: &Value, new: &Value, findings: &mut Findings) {
    // Absent means Retain.
    let retains = new.get("deletionPolicy").is_none_or(|policy| policy.is_null() || policy == "Retain");
    judge_fields(fields_that_differ(old, new), (!retains).then_some(UNTOUCHED), findings);
}

/// `policy` is what is wrong with the new deletionPolicy, if anything.
fn judge_fields(changed: Vec<String>, policy: Option<&str>, findings: &mut Findings) {
    for field in changed {
        let wrong = match field.as_str() {
            "suspend" | "cancel" => None,
            "deletionPolicy" => policy,
            _ => Some(UNTOUCHED),
        };
        if let Some(wrong) = wrong {
            findings.forbidden(format!("spec.{field}"), wrong);
        }
    }
}

/// Judges the confirmation: it can be withdrawn, not given or changed.
pub(super) fn judge_confirmation(old: Option<&str>, new: Option<&str>, findings: &mut Findings) {
    if new.is_some() && new != old {
        findings.forbidden(
            format!("metadata.annotations[{CONFIRM_DELETE}]"),
            "cannot be given any more while the object is being deleted; its data is retained",
        );
    }
}
