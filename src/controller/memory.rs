//! What the controllers remember between passes, and may forget without harm.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::lifecycle::Child;

/// Objects of others that have the name of a child. They are not in our stores, so that only a failed create shows them.
#[derive(Default)]
pub struct Foreign {
    seen: Mutex<HashMap<String, Found>>,
}

/// When each child's name was found taken, and by what.
type Found = HashMap<Child, (Instant, String)>;

impl Foreign {
    /// How long a find holds before the create is tried again.
    pub const RETRY: Duration = Duration::from_secs(30);

    /// An object of somebody else's was found.
    pub fn remember(&self, uid: &str, child: Child, what: String) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(uid.to_owned()).or_default().insert(child, (Instant::now(), what));
    }

    /// What was found for an instance not too long ago.
    pub fn of(&self, uid: &str) -> Vec<(Child, String)> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(children) = seen.get_mut(uid) else { return Vec::new() };
        children.retain(|_, (since, _)| since.elapsed() < Self::RETRY);
        children.iter().map(|(child, (_, what))| (*child, what.clone())).collect()
    }

    /// The instance is gone.
    pub fn forget(&self, uid: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Versions of the Secrets with odoo.conf that held what we wrote: their contents are in no store.
#[derive(Default)]
pub struct Contents {
    seen: Mutex<HashMap<String, String>>,
}

impl Contents {
    /// Whether somebody wrote to an instance's Secret since we did. The first version that is seen counts as ours.
    pub fn moved(&self, uid: &str, version: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(uid.to_owned()).or_insert_with(|| version.to_owned()) != version
    }

    /// This version has what we want.
    pub fn wrote(&self, uid: &str, version: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), version.to_owned());
    }

    /// The instance is gone.
    pub fn forget(&self, uid: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Failures in a row, and the wait that follows from them.
#[derive(Default)]
pub struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_secs(1);
    const LAST: Duration = Duration::from_mins(5);

    /// Another failure: how long to wait. Doubles from 1 s to 5 min, with up to a quarter more, so that objects that
    /// failed together are not tried together.
    pub fn next(&self, uid: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        let wait = Self::FIRST.saturating_mul(1_u32.checked_shl(*count).unwrap_or(u32::MAX)).min(Self::LAST);
        *count = count.saturating_add(1);
        let spread = uid.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        wait + wait / 400 * (spread % 100)
    }

    /// It went well.
    pub fn reset(&self, uid: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_anew() {
        let backoff = Backoff::default();
        let first = backoff.next("u");
        assert!(first >= Backoff::FIRST && first < Backoff::FIRST * 2);
        for _ in 0..40 {
            assert!(backoff.next("u") <= Backoff::LAST + Backoff::LAST / 4);
        }
        backoff.reset("u");
        assert!(backoff.next("u") < Backoff::FIRST * 2);
    }
}
