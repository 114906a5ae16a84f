//! Certificates: where the webhook server's certificate comes from, how it is replaced without dropping a
//! connection, and how the API server learns to trust it.
//!
//! This room owns the CA Secret, the leaf in memory, the polled files and `caBundle`. It must not know what is
//! served over the connections it secures. [`pki`] is pure: no IO, no clock, no randomness.

pub mod authority;
pub mod config;
pub mod files;
pub mod inject;
pub mod pki;
pub mod resolver;
pub mod self_managed;

pub use config::server_config;
pub use files::Files;
pub use resolver::{Resolver, Served};
pub use self_managed::SelfManaged;

use std::sync::Arc;
use tokio::sync::watch;

/// A certificate source at work: what to serve now, and which CA the API server has to trust for it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The certificate for new handshakes; kept up to date until shutdown.
    pub resolver: Arc<Resolver>,
    /// PEM bundle for `caBundle`. None when somebody else (cert-manager's cainjector) writes it.
    pub ca: Option<watch::Receiver<String>>,
}
