//! Admission: what a manifest leaves open, and what is wrong with it.
//!
//! Owns: the defaults ([`defaulting`]), the rules ([`validation`], one small function a rule), the judgement of a whole
//! object by them, and the answers to `AdmissionReview`s ([`review`]). The reconciler applies the same through
//! [`guard`]. Must not: do IO, read the clock, remember anything between two calls. What lies outside of the object
//! (settings, other instances) comes in with [`Context`].

pub mod consent;
pub mod context;
pub mod defaulting;
mod deletion;
mod envelope;
mod guard;
mod judge;
pub mod legacy;
pub mod overlay;
mod own_defaults;
pub mod path;
pub mod review;
pub mod shape;
pub mod subject;
mod syntax;
pub mod validation;
pub mod violation;

pub use context::{Clusters, Context, InstanceFacts, Lookup, ObjectKey};
pub use envelope::NotAReview;
pub use guard::{Guarded, guard, guard_init_job};
pub use own_defaults::wrong_defaults;
pub use violation::{Reason, Violation, Warning};

#[cfg(test)]
mod tests;
