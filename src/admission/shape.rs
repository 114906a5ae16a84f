//! The v1 schema of a kind, walked over a JSON value: everything that the API server's own check would refuse.
//!
//! For v1alpha1 requests the API server does not apply v1's schema, and for v1 requests it would do so after the
//! mutating call: a person would hear of wrong types and of broken rules in two rounds.

mod compile;
mod nearest;
mod walk;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::subject::Kind;
use super::violation::Violation;
use crate::api::crds::Version;
use compile::Node;

/// Reports everything in `spec`, a spec of `kind` in v1, that the v1 schema would refuse, and repairs it in place: what
/// has the wrong form is taken out, or replaced by an empty value where it is needed, so that the rules can judge the
/// rest.
///
/// Fields that v1 does not have are left alone in what came as v1: the API server has pruned or refused them before.
/// v1alpha1 preserves unknown fields, so in what came as v1alpha1 each is reported, with the field that it resembles.
pub fn check(kind: Kind, spec: &mut Value, sent_as: Version) -> Vec<Violation> {
    static V1: LazyLock<BTreeMap<Kind, Node>> = LazyLock::new(|| compile::all(Version::V1));
    static V1ALPHA1: LazyLock<BTreeMap<Kind, Node>> = LazyLock::new(|| compile::all(Version::V1Alpha1));
    let Some(v1) = V1.get(&kind) else { return Vec::new() };
    let mut walk = walk::Walk { refuse_unknown: sent_as == Version::V1Alpha1, found: Vec::new() };
    let v1alpha1 = if walk.refuse_unknown { V1ALPHA1.get(&kind) } else { None };
    walk.node(v1, v1alpha1, spec, "spec");
    walk.found
}

#[cfg(test)]
mod tests;
