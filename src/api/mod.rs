//! The wire types of group `bemade.org` and the names that go over the wire with them.
//!
//! Owns: the Rust types of both API versions, the CRDs made from them, conditions, labels, annotations, and the
//! operator's settings as plain data. Must not: decide anything, do IO, read the clock.

pub mod conditions;
pub mod crds;
pub mod labels;
pub mod quantity;
pub mod reference;
pub mod settings;
pub mod v1;
pub mod v1alpha1;

/// API group of every kind.
pub const GROUP: &str = "bemade.org";
