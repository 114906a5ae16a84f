//! Condition types, and the one way to lay a new condition over the old ones.

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// The object does what its spec says (kstatus).
pub const READY: &str = "Ready";
/// Work is under way (kstatus).
pub const RECONCILING: &str = "Reconciling";
/// Nothing more happens until a person acts (kstatus).
pub const STALLED: &str = "Stalled";
/// v1alpha1's name for work under way.
pub const PROGRESSING: &str = "Progressing";
/// The database is there, ours and reachable.
pub const DATABASE_READY: &str = "DatabaseReady";
/// The volume is there.
pub const STORAGE_READY: &str = "StorageReady";
/// Some pods are missing.
pub const DEGRADED: &str = "Degraded";
/// The pods run what the spec says: image, modules, this operator's template.
pub const UP_TO_DATE: &str = "UpToDate";
/// Notifications reach their receiver.
pub const NOTIFICATIONS_DELIVERED: &str = "NotificationsDelivered";
/// A job can run; False says what it waits for, or why it never can.
pub const ACCEPTED: &str = "Accepted";
/// A job succeeded.
pub const COMPLETE: &str = "Complete";
/// A job failed.
pub const FAILED: &str = "Failed";

/// `True`, `False` or `Unknown`, as the API writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be told now.
    Unknown,
}

impl ConditionStatus {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A condition as it should be now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Condition type.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One word in CamelCase.
    pub reason: String,
    /// A sentence for a person.
    pub message: String,
}

impl Wanted {
    /// A condition with its reason and message.
    pub fn new(
        type_: &'static str,
        status: impl Into<ConditionStatus>,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, status: status.into(), reason: reason.into(), message: message.into() }
    }
}

/// Lays `wanted` over `old`: types that are not wanted are kept, and `lastTransitionTime` moves only when the status
/// of a condition changes.
pub fn merge(old: &[Condition], wanted: &[Wanted], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let mut merged = old.to_vec();
    for want in wanted {
        let previous = merged.iter().position(|condition| condition.type_ == want.type_);
        let since = previous
            .map(|at| &merged[at])
            .filter(|condition| condition.status == want.status.as_str())
            .map_or(Time(now), |condition| condition.last_transition_time.clone());
        let condition = Condition {
            type_: want.type_.to_owned(),
            status: want.status.as_str().to_owned(),
            reason: want.reason.clone(),
            message: want.message.clone(),
            observed_generation: generation,
            last_transition_time: since,
        };
        match previous {
            Some(at) => merged[at] = condition,
            None => merged.push(condition),
        }
    }
    merged
}

/// Whether the condition `type_` is `True` in `conditions`.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_time_moves_only_with_the_status() {
        let first = Timestamp::from_second(1_000).unwrap();
        let later = Timestamp::from_second(2_000).unwrap();
        let old = merge(&[], &[Wanted::new(READY, false, "Starting", "")], Some(1), first);
        let same = merge(&old, &[Wanted::new(READY, false, "Degraded", "one pod")], Some(2), later);
        assert_eq!(same[0].last_transition_time.0, first);
        assert_eq!(same[0].reason, "Degraded");
        assert_eq!(same[0].observed_generation, Some(2));
        let changed = merge(&same, &[Wanted::new(READY, true, "Running", "")], Some(2), later);
        assert_eq!(changed[0].last_transition_time.0, later);
    }

    #[test]
    fn conditions_of_others_are_kept() {
        let now = Timestamp::from_second(1).unwrap();
        let old = merge(&[], &[Wanted::new(DEGRADED, true, "x", "y")], None, now);
        let new = merge(&old, &[Wanted::new(READY, true, "Running", "")], None, now);
        assert_eq!(new.len(), 2);
        assert!(is_true(&new, DEGRADED) && is_true(&new, READY));
    }
}
