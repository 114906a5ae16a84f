//! The v1 schema of a kind, walked over a JSON value: everything that the API server's own check would refuse.
//!
//! For v1alpha1 requests the API server does not apply v1's schema, and for v1 requests it would do so after the
//! mutating call: a person would hear of wrong types and of broken rules in two rounds.

mod coerce;
mod compile;
mod nearest;
mod walk;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::subject::Kind;
use super::violation::Violation;
use crate::api::crds::{self, Version};
use compile::Node;
pub use nearest::nearest;

/// The schemas of every kind.
struct Schemas {
    specs: BTreeMap<Kind, Node>,
    statuses: BTreeMap<Kind, Node>,
    /// Specs of v1alpha1.
    old_specs: BTreeMap<Kind, Node>,
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let crds = crds::all();
    Schemas {
        specs: compile::all(&crds, Version::V1, "spec"),
        statuses: compile::all(&crds, Version::V1, "status"),
        old_specs: compile::all(&crds, Version::V1Alpha1, "spec"),
    }
});

/// Compiles the schemas, which takes a tenth of a second of processor time, before anybody waits for it.
pub fn prepare() {
    LazyLock::force(&SCHEMAS);
}

/// Brings `value`, the `spec` or `status` of a stored object of `kind` in v1, into the form of v1's schema: what has
/// another type but one meaning (`"2"` for 2, one host for a list of one) is written properly, the rest is taken out
/// or, where it is required, replaced by an empty value. Answers with what could not be kept.
pub fn repair(kind: Kind, part: Part, value: &mut Value) -> Vec<Violation> {
    let (nodes, path) = match part {
        Part::Spec => (&SCHEMAS.specs, "spec"),
        Part::Status => (&SCHEMAS.statuses, "status"),
    };
    let Some(node) = nodes.get(&kind) else { return Vec::new() };
    coerce::coerce(node, value);
    let mut walk = walk::Walk { refuse_unknown: false, drop_twice: true, found: Vec::new() };
    if !walk.node(node, None, value, path) {
        *value = node.placeholder();
    }
    walk.found
}

/// The fields of `spec`, which has the form of v1's schema otherwise, that v1 does not have: the API server drops them
/// with the next write.
pub fn unknown(kind: Kind, spec: &Value) -> Vec<Violation> {
    let Some(v1) = SCHEMAS.specs.get(&kind) else { return Vec::new() };
    let mut walk = walk::Walk { refuse_unknown: true, drop_twice: false, found: Vec::new() };
    walk.node(v1, None, &mut spec.clone(), "spec");
    walk.found
}

/// A part of an object that has a schema of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the user asks for.
    Spec,
    /// What an operator reports.
    Status,
}

/// Reports everything in `spec`, a spec of `kind` in v1, that the v1 schema would refuse, and repairs it in place: what
/// has the wrong form is taken out, or replaced by an empty value where it is needed, so that the rules can judge the
/// rest.
///
/// Fields that v1 does not have are left alone in what came as v1: the API server has pruned or refused them before.
/// v1alpha1 preserves unknown fields, so in what came as v1alpha1 each is reported, with the field that it resembles.
pub fn check(kind: Kind, spec: &mut Value, sent_as: Version) -> Vec<Violation> {
    let Some(v1) = SCHEMAS.specs.get(&kind) else { return Vec::new() };
    let mut walk = walk::Walk { refuse_unknown: sent_as == Version::V1Alpha1, drop_twice: false, found: Vec::new() };
    let v1alpha1 = if walk.refuse_unknown { SCHEMAS.old_specs.get(&kind) } else { None };
    walk.node(v1, v1alpha1, spec, "spec");
    walk.found
}

#[cfg(test)]
mod tests;
