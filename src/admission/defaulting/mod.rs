//! What a manifest leaves open.
//!
//! Constants are v1's schema defaults: the API server lays them over v1 requests itself, but not over v1alpha1's.
//! Settings are the operator's, and they change new objects only: an absent field takes the old object's value first, and
//! one that may stay open is not filled in any more once the object is there.

mod constants;
mod settings;

use super::subject::Spec;
use crate::api::settings::Defaults;

/// What decides a field that is absent.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The operator's settings for new objects.
    pub defaults: &'a Defaults,
    /// The PostgreSQL cluster of instances that name none.
    pub default_cluster: Option<&'a str>,
    /// Whether the object is new to the operator. Of one that is not, only what it cannot be served without is filled in.
    pub is_new: bool,
    /// The spec before this change.
    pub old: Option<&'a Spec>,
}

/// Fills what `spec` leaves open. True if that changed anything; doing it again never does.
pub fn default(spec: &mut Spec, source: Source<'_>) -> bool {
    let constants = constants::fill(spec);
    let settings = settings::fill(spec, source);
    constants || settings
}

/// Fills the schema's constants alone.
pub fn constants(spec: &mut Spec) -> bool {
    constants::fill(spec)
}

/// Fills a field that is absent. True if it was.
fn put<T>(field: &mut Option<T>, value: impl FnOnce() -> T) -> bool {
    let absent = field.is_none();
    if absent {
        *field = Some(value());
    }
    absent
}

#[cfg(test)]
mod tests;
