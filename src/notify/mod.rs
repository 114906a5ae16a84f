//! Notifications of status changes to receivers outside.
//!
//! Owns: what an event says and how it is signed, which addresses may be called and when a call is tried again, the
//! outbox kept in status, and the sender. Must not: touch Kubernetes; the object's own reconcile writes what became of
//! a delivery. [`event`], [`signature`], [`policy`] and [`outbox`] are pure.

pub mod event;
pub mod outbox;
mod places;
pub mod policy;
mod queue;
mod resolver;
pub mod sender;
pub mod signature;

pub use queue::Target;
pub use sender::{Outcome, Sender, SetupError, Timing};
