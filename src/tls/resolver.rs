//! The certificate for new handshakes, replaceable while connections live.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::pki::Validity;

/// A certificate with its key, ready to serve.
#[derive(Clone)]
pub struct Served {
    /// Chain and signing key.
    pub key: Arc<CertifiedKey>,
    /// Validity of the first certificate of the chain.
    pub validity: Validity,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("validity", &self.validity).finish_non_exhaustive()
    }
}

/// Hands the current certificate to every new handshake. Connections that are open keep theirs.
#[derive(Debug)]
pub struct Resolver {
    current: ArcSwap<Served>,
}

impl Resolver {
    /// Starts with this certificate.
    pub fn new(served: Served) -> Self {
        Self { current: ArcSwap::from_pointee(served) }
    }

    /// Serves this certificate from the next handshake on.
    pub fn replace(&self, served: Served) {
        self.current.store(Arc::new(served));
    }

    /// The certificate served now, with its key.
    pub fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.load().key)
    }

    /// Validity of the certificate served now.
    pub fn validity(&self) -> Validity {
        self.current.load().validity
    }

    /// Seconds from `now` until the certificate served ends; negative when it has ended.
    pub fn seconds_to_expiry(&self, now: Timestamp) -> i64 {
        self.validity().not_after.duration_since(now).as_secs()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
