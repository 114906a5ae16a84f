//! What is to be done, by name. Every effect says what it ensures and may be done again.

use super::observed::Child;
use crate::api::v1::Phase;

/// Something to do in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Passwords and their hashes are in the instance's Secrets.
    EnsureCredentials,
    /// Role and database are there, complete and marked as this instance's.
    EnsureDatabase,
    /// The role is let in with the password of its Secret.
    EnsureLogin,
    /// Whether Odoo is in the database is known.
    InspectDatabase,
    /// An object is as it should be.
    Ensure(Child),
    /// An object is not there any more.
    Remove(Child),
    /// An OdooInitJob for this instance is there.
    EnsureInitJob,
    /// Neither Deployments nor Jobs of this instance make pods any more.
    StopPods,
    /// Database, role and volume are marked with whose they were.
    RetainData,
    /// Database, role and volume are gone.
    DropData,
    /// The API server may remove the object.
    ReleaseFinalizer,
}

/// What is to be done, and the phase that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Phase after this step.
    pub phase: Phase,
    /// What to do, in this order.
    pub effects: Vec<Effect>,
}
