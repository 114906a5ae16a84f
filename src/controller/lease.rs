//! Who holds the Lease: decided from what was seen of it, and when.
//!
//! A candidate counts the end of a lease from when it saw the record change last, by its own monotonic clock: the times
//! in the record are for people, and clocks of two nodes need not agree. Every write replaces the version that it was
//! decided on (compare-and-swap), so of two that want the lease one gets it. A holder counts from when it *sent* the
//! renewal that was stored, and gives up five seconds before anybody else may take the lease.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// How long candidates wait for a record that does not change.
pub const DURATION: Duration = Duration::from_secs(15);
/// How long a holder goes on without a renewal.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// Between two renewals, and between two tries of a call that failed.
pub const RETRY: Duration = Duration::from_secs(2);

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Read the Lease.
    Look,
    /// Create it.
    Create(Lease),
    /// Replace the version that it names.
    Replace(Lease),
    /// Nothing, until then or until the Lease changes.
    Wait(Instant),
    /// This process no longer holds it.
    Lost(Loss),
}

/// Why a lease was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// No renewal was stored in time.
    #[error("it could not be renewed for {} s", RENEW_DEADLINE.as_secs())]
    NotRenewed,
    /// Somebody else holds it.
    #[error("{0} holds it")]
    Taken(String),
}

/// One process' part in the election.
#[derive(Debug)]
pub struct Election {
    identity: String,
    /// The Lease as last seen; `None` when it was not there.
    lease: Option<Lease>,
    /// When its record was seen to change.
    changed: Instant,
    /// What is known of it is not enough to act on.
    look: bool,
    /// Nothing is tried before.
    next: Instant,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Candidate,
    /// When the renewal that was stored last had been sent.
    Holder(Instant),
    Lost(Loss),
}

impl Election {
    /// A candidate that has seen nothing yet. A lease held under the same identity is that of its own earlier life (a
    /// container that was restarted in its pod), and is taken back at once.
    pub fn new(identity: impl Into<String>, now: Instant) -> Self {
        let identity = identity.into();
        Self { identity, lease: None, changed: now, look: true, next: now, role: Role::Candidate }
    }

    /// Until when this process may act as the holder; `None` when it is not.
    pub fn holds_until(&self) -> Option<Instant> {
        match self.role {
            Role::Holder(renewed) => Some(renewed + RENEW_DEADLINE),
            Role::Candidate | Role::Lost(_) => None,
        }
    }

    /// What to do at `now`; `wall` goes into the record.
    pub fn step(&self, now: Instant, wall: Timestamp) -> Step {
        let end = match &self.role {
            Role::Lost(loss) => return Step::Lost(loss.clone()),
            Role::Candidate => None,
            Role::Holder(renewed) => Some(*renewed + RENEW_DEADLINE),
        };
        if end.is_some_and(|end| now >= end) {
            return Step::Lost(Loss::NotRenewed);
        }
        if now < self.next {
            return Step::Wait(end.map_or(self.next, |end| end.min(self.next)));
        }
        if self.look {
            return Step::Look;
        }
        let lease = match &self.lease {
            Some(lease) if lease.metadata.resource_version.is_some() => lease,
            _ => return Step::Create(Lease { spec: Some(self.record(wall)), ..Lease::default() }),
        };
        if end.is_none() && self.is_anothers(lease) {
            let free = self.changed + DURATION.max(promised(lease));
            if now < free {
                return Step::Wait(free);
            }
        }
        Step::Replace(Lease { spec: Some(self.record(wall)), ..lease.clone() })
    }

    /// The Lease that gives it up, if it is this process' to give.
    pub fn release(&self, now: Instant, wall: Timestamp) -> Option<Lease> {
        self.holds_until().filter(|end| now < *end)?;
        let mut lease = self.lease.clone()?;
        let spec = lease.spec.as_mut()?;
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(wall));
        Some(lease)
    }

    /// The Lease as it was read or watched at `now`; `None` when it is not there.
    pub fn saw(&mut self, lease: Option<Lease>, now: Instant) {
        self.look = false;
        if let (Role::Holder(_), Some(seen)) = (&self.role, &lease)
            && !self.lease.as_ref().is_some_and(|ours| is_same_term(ours, seen))
        {
            let holder = holder(seen).unwrap_or("nobody").to_owned();
            self.role = Role::Lost(Loss::Taken(holder));
        }
        // A label that somebody put on it is no sign of life.
        let spec = |lease: &Option<Lease>| lease.as_ref().and_then(|lease| lease.spec.clone());
        if spec(&self.lease) != spec(&lease) {
            self.changed = now;
        }
        match (&self.role, lease, &mut self.lease) {
            // Deleted under its holder, who writes the same record again.
            (Role::Holder(_), None, Some(ours)) => ours.metadata.resource_version = None,
            (_, lease, ours) => *ours = lease,
        }
    }

    /// A write that was sent at `sent` was stored, as `lease`.
    pub fn wrote(&mut self, lease: Lease, sent: Instant) {
        self.lease = Some(lease);
        self.role = Role::Holder(sent);
        self.next = sent + RETRY;
    }

    /// A write found another version than the one it was about.
    pub fn conflicted(&mut self, now: Instant) {
        self.look = true;
        self.next = now;
    }

    /// A call that was sent at `sent` failed, or was not answered.
    pub fn failed(&mut self, sent: Instant) {
        // If it was stored all the same, the next write conflicts, and the answer to that is to look.
        self.next = sent + RETRY;
    }

    fn is_anothers(&self, lease: &Lease) -> bool {
        holder(lease).is_some_and(|holder| holder != self.identity)
    }

    fn record(&self, wall: Timestamp) -> LeaseSpec {
        let known = self.lease.as_ref().and_then(|lease| lease.spec.clone());
        let held = matches!(self.role, Role::Holder(_));
        let transitions = known.as_ref().and_then(|spec| spec.lease_transitions);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if held { known.and_then(|spec| spec.acquire_time) } else { Some(MicroTime(wall)) },
            renew_time: Some(MicroTime(wall)),
            lease_transitions: match transitions {
                // A new term of the same identity counts too: so its earlier life, were it still there, knows.
                Some(count) if !held => Some(count.saturating_add(1)),
                other => Some(other.unwrap_or(0)),
            },
            ..LeaseSpec::default()
        }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// How long the holder may go on by its own account: another version of this program may have other times.
fn promised(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn is_same_term(one: &Lease, other: &Lease) -> bool {
    let term = |lease: &Lease| {
        let spec = lease.spec.clone().unwrap_or_default();
        (spec.holder_identity, spec.acquire_time, spec.lease_transitions)
    };
    term(one) == term(other)
}

#[cfg(test)]
mod tests;
