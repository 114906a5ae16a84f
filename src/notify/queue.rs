//! One object's queue: what it has to say, to whom, and which of it is next.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;

use super::event::Subject;
use super::signature::Keys;
use crate::api::v1::NotificationItem;

/// The longest wait that status can remember: its last one, with its spread.
const LONGEST: Duration = Duration::from_hours(14);

/// Where an object's notifications go.
#[derive(Clone, Debug)]
pub struct Target {
    /// What they are about.
    pub subject: Subject,
    /// URL of the receiver.
    pub url: String,
    /// Bearer token.
    pub token: Option<SecretString>,
    /// Signing keys.
    pub keys: Option<Keys>,
    /// Generation of the object's spec: a receiver that said 410 is called again only when it changed.
    pub generation: i64,
}

/// What an object has to say, and to whom.
#[derive(Clone)]
pub(super) struct Queue {
    /// To whom.
    pub(super) target: Target,
    /// What, oldest first.
    pub(super) items: Vec<NotificationItem>,
}

/// What a queue does next.
#[derive(Debug, PartialEq)]
pub(super) enum Step<'a> {
    /// Send this.
    Send(&'a NotificationItem),
    /// Wait until then, or until the queue changes.
    Wait(Instant),
    /// Wait until the queue changes.
    Rest,
    /// There is nothing.
    End,
}

/// How far a queue has come. A new process knows what status says: it may repeat an item, and leaves none out.
#[derive(Default)]
pub(super) struct Progress {
    /// Sequence number up to which all was delivered or given up; status says so a little later.
    settled: i64,
    /// The receiver said 410 at this generation.
    stopped: Option<i64>,
    /// The item that is being tried.
    tries: Tries,
}

#[derive(Default)]
struct Tries {
    id: String,
    generation: i64,
    failed: u32,
    not_before: Option<Instant>,
}

impl Progress {
    /// What to do next about a queue that looks like this.
    pub(super) fn next<'a>(&mut self, queue: &'a Queue) -> Step<'a> {
        let generation = queue.target.generation;
        let Some(item) = queue.items.iter().find(|item| item.sequence > self.settled) else {
            return if queue.items.is_empty() { Step::End } else { Step::Rest };
        };
        if self.stopped == Some(generation) {
            return Step::Rest;
        }
        if self.tries.id != item.id {
            self.tries = Tries {
                id: item.id.clone(),
                generation,
                failed: item.attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(0),
                not_before: remembered(item),
            };
        }
        // Whoever changed the spec may have put right what was wrong.
        if self.tries.generation != generation {
            self.tries.generation = generation;
            self.tries.not_before = None;
        }
        match self.tries.not_before {
            Some(until) if until > Instant::now() => Step::Wait(until),
            _ => Step::Send(item),
        }
    }

    /// It was delivered or given up.
    pub(super) fn settle(&mut self, item: &NotificationItem) {
        self.settled = item.sequence;
    }

    /// A try failed. How many have.
    pub(super) fn fail(&mut self) -> u32 {
        self.tries.failed = self.tries.failed.saturating_add(1);
        self.tries.failed
    }

    /// The next try is not made before this time has passed.
    pub(super) fn wait(&mut self, wait: Duration) {
        self.tries.not_before = Some(Instant::now() + wait);
    }

    /// No more is sent until the spec changes.
    pub(super) fn stop(&mut self) {
        self.stopped = Some(self.tries.generation);
    }
}

/// When status says that an item is tried next. Nobody can ask for a wait that the schedule does not have.
fn remembered(item: &NotificationItem) -> Option<Instant> {
    let next: Timestamp = item.next_attempt.as_deref()?.parse().ok()?;
    let wait = Duration::try_from(next.duration_since(Timestamp::now())).ok()?;
    Some(Instant::now() + wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(generation: i64, sequences: &[i64]) -> Queue {
        let item = |&sequence: &i64| NotificationItem { id: format!("u-{sequence}"), sequence, ..Default::default() };
        let target = Target { subject: Subject::default(), url: String::new(), token: None, keys: None, generation };
        Queue { target, items: sequences.iter().map(item).collect() }
    }

    fn sent(step: &Step<'_>) -> Option<i64> {
        if let Step::Send(item) = step { Some(item.sequence) } else { None }
    }

    #[test]
    fn what_was_settled_is_not_sent_again_though_status_still_lists_it() {
        let mut progress = Progress::default();
        let two = queue(1, &[1, 2]);
        assert_eq!(sent(&progress.next(&two)), Some(1));
        progress.settle(&two.items[0]);
        assert_eq!(sent(&progress.next(&two)), Some(2));
        progress.settle(&two.items[1]);
        assert_eq!(progress.next(&two), Step::Rest);
        // A reader that lags behind shows the first one once more.
        assert_eq!(progress.next(&queue(1, &[2])), Step::Rest);
        assert_eq!(progress.next(&two), Step::Rest);
        assert_eq!(progress.next(&queue(1, &[])), Step::End);
    }

    #[test]
    fn a_failed_item_holds_up_the_next_until_its_time_or_another_spec() {
        let mut progress = Progress::default();
        progress.next(&queue(1, &[1, 2]));
        assert_eq!(progress.fail(), 1);
        progress.wait(Duration::from_hours(1));
        assert!(matches!(progress.next(&queue(1, &[1, 2, 3])), Step::Wait(_)));
        assert_eq!(sent(&progress.next(&queue(2, &[1, 2]))), Some(1), "the spec may have put it right");
        assert_eq!(progress.fail(), 2);
        progress.wait(Duration::from_hours(1));
        assert_eq!(sent(&progress.next(&queue(2, &[2]))), Some(2), "the first one had to give way");
    }

    #[test]
    fn a_receiver_that_is_gone_is_left_alone_until_another_spec() {
        let mut progress = Progress::default();
        progress.next(&queue(1, &[1]));
        progress.stop();
        assert_eq!(progress.next(&queue(1, &[1, 2])), Step::Rest);
        assert_eq!(progress.next(&queue(1, &[2, 3])), Step::Rest, "also when another item is the first");
        assert_eq!(sent(&progress.next(&queue(2, &[2, 3]))), Some(2));
    }

    #[test]
    fn a_new_process_waits_as_status_says_and_counts_on() {
        let later = Timestamp::now() + jiff::SignedDuration::from_hours(2);
        let mut two = queue(1, &[1, 2]);
        two.items[0].attempts = Some(4);
        two.items[0].next_attempt = Some(later.to_string());
        let mut progress = Progress::default();
        let Step::Wait(until) = progress.next(&two) else { panic!("it waits") };
        let wait = until - Instant::now();
        assert!(wait > Duration::from_mins(119) && wait <= Duration::from_hours(2), "{wait:?}");
        assert_eq!(progress.fail(), 5);

        two.items[0].next_attempt = Some("2020-01-01T00:00:00Z".to_owned());
        assert_eq!(sent(&Progress::default().next(&two)), Some(1), "its time has come meanwhile");
        two.items[0].next_attempt = Some("9999-01-01T00:00:00Z".to_owned());
        let Step::Wait(until) = Progress::default().next(&two) else { panic!("it waits") };
        assert!(until - Instant::now() <= LONGEST, "not for ever");
    }
}
