//! Conversion between v1 and v1alpha1, without loss.
//!
//! Owns: the table of mappings ([`table`]), what a row does ([`lens`]), the answer to a ConversionReview ([`review`]),
//! and what else follows from the table: field paths for error messages, what a v1alpha1 client dropped, the
//! documentation. Must not: go through typed objects (unknown fields would vanish), fail on any JSON, judge, do IO.

pub(crate) mod cursor;
mod docs;
mod dropped;
mod envelope;
mod init_mode;
mod lens;
mod paths;
pub mod review;
mod table;
mod tree;

use serde_json::{Map, Value};

pub use docs::docs;
pub use dropped::{prepare, restore_dropped};
pub use paths::path_in_v1alpha1;
pub use table::KINDS;

use tree::Object;

/// Rewrites a whole v1 object of `kind` as v1alpha1, apiVersion included. Kinds that v1alpha1 does not have stay as
/// they are. [`review::convert`] does the same to bytes, and much faster.
pub fn to_v1alpha1(object: &mut Map<String, Value>, kind: &str) {
    through_text(object, kind, "v1alpha1", rows_to_v1alpha1);
}

/// Rewrites a whole v1alpha1 object of `kind` as v1, apiVersion included. Kinds that v1alpha1 does not have stay as
/// they are. [`review::convert`] does the same to bytes, and much faster.
pub fn to_v1(object: &mut Map<String, Value>, kind: &str) {
    through_text(object, kind, "v1", rows_to_v1);
}

fn through_text(object: &mut Map<String, Value>, kind: &str, version: &str, rows: fn(&mut Object<'_>, &str)) {
    if !KINDS.contains(&kind) {
        return;
    }
    let text = serde_json::to_string(object).expect("a JSON object is written to memory");
    let mut tree = Object::parse(&text).expect("the text of a JSON object is one");
    rows(&mut tree, kind);
    let mut converted = Vec::with_capacity(text.len() + 64);
    tree.write(&mut converted);
    *object = serde_json::from_slice(&converted).expect("a tree is written as JSON");
    object.insert("apiVersion".to_owned(), Value::from(format!("{}/{version}", crate::api::GROUP)));
}

fn rows_to_v1alpha1(object: &mut Object<'_>, kind: &str) {
    for row in table::rows(kind) {
        row.lens.to_v1alpha1(object);
    }
}

fn rows_to_v1(object: &mut Object<'_>, kind: &str) {
    for row in table::rows(kind).rev() {
        row.lens.to_v1(object);
    }
}
