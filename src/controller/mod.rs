//! The shell around the lifecycle: observe, decide, act, report.
//!
//! Owns: watches and their stores, the reconcile queues, every write to Kubernetes. Must not: hold rules; what is to be
//! done is decided in `lifecycle`, what is allowed in `admission`, what objects look like in `resources`.

mod act;
mod adopt;
pub mod apply;
pub mod cache;
mod clusters_secret;
pub mod consents;
pub mod crds;
mod creator;
pub mod credentials;
pub mod databases;
mod desired;
mod error;
mod fence;
pub mod init_job;
pub mod instance;
mod leader;
mod lease;
mod lookup;
mod memory;
pub mod migrate;
pub mod notifications;
pub mod objects;
mod observe;
mod owners;
pub mod preflight;
mod pull_secret;
pub mod run;
mod status;
pub mod stores;
pub mod uninstall;
mod unsupported;
mod upkeep;
pub mod watches;

pub use adopt::Adoptions;
pub use clusters_secret::ClustersSecret;
pub use error::{Error, Result};
pub use fence::Fence;
pub use leader::Leader;
pub use lease::Loss;
pub use memory::{Backoff, Contents, Foreign};
pub use upkeep::Upkeep;
