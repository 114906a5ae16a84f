//! The HTTPS routes that the API server calls, and the plain HTTP port of probes and metrics.
//!
//! This room owns routes, limits, time-outs, the panic guard and graceful shutdown. It must not hold rules: what a
//! review says is decided by the [`Hooks`] it is given, bytes in, bytes out.

mod body;
pub mod hooks;
mod lanes;
mod leaving;
pub mod limits;
pub mod listener;
pub mod probes;
pub mod readiness;
pub mod routes;
pub mod threads;

pub use hooks::{Answered, Hook, Hooks, NotAReview, Reply, Review};
pub use leaving::leaving;
pub use limits::Limits;
pub use listener::{bind, serve, serve_plain};
pub use probes::probes;
pub use readiness::{Gate, Readiness};
pub use routes::webhooks;
pub use threads::Threads;
