//! Whether this replica may be called.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What must have happened before the replica is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Gate {
    /// The HTTPS server is serving a certificate.
    Certificate = 1,
    /// Both webhook configurations carry the CA of that certificate.
    CaBundle = 2,
}

const ALL: [(Gate, &str); 2] =
    [(Gate::Certificate, "the serving certificate"), (Gate::CaBundle, "caBundle in the webhook configurations")];
const SHUTTING_DOWN: u8 = 0x80;

/// Shared by whoever makes the replica ready and the probe that tells. Never a matter of leadership or caches.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Not ready: every gate is closed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a gate. It stays open.
    pub fn open(&self, gate: Gate) {
        self.0.fetch_or(gate as u8, Ordering::Relaxed);
    }

    /// Unready from now on, whatever the gates say: endpoints go before the listener does.
    pub fn shut_down(&self) {
        self.0.fetch_or(SHUTTING_DOWN, Ordering::Relaxed);
    }

    /// Why the replica is not ready; None when it is.
    pub fn missing(&self) -> Option<String> {
        let state = self.0.load(Ordering::Relaxed);
        if state & SHUTTING_DOWN != 0 {
            return Some("shutting down".to_owned());
        }
        let missing: Vec<&str> =
            ALL.iter().filter(|(gate, _)| state & *gate as u8 == 0).map(|(_, name)| *name).collect();
        (!missing.is_empty()).then(|| format!("waiting for {}", missing.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_gate_is_open_and_never_again_after_shutdown() {
        let readiness = Readiness::new();
        assert!(readiness.missing().unwrap().contains("certificate"));
        readiness.open(Gate::Certificate);
        let missing = readiness.missing().unwrap();
        assert!(missing.contains("caBundle") && !missing.contains("certificate"), "{missing}");
        readiness.open(Gate::CaBundle);
        assert_eq!(readiness.missing(), None);
        readiness.shut_down();
        readiness.open(Gate::CaBundle);
        assert_eq!(readiness.missing().unwrap(), "shutting down");
    }
}
