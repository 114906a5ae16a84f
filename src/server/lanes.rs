//! Bytes of bodies that may be held at once, and who has to go when there are too many.
//!
//! Small bodies and large ones have a lane each, so that the usual review never waits behind a list of ten thousand
//! objects. A small body takes its room as it arrives, so that a promise costs nothing; a large one all of it before its
//! first byte, in turn. While somebody waits for room, whoever is slow loses theirs, and those that wait half-read are no
//! exception: no two bodies can wait for each other. A slow network alone is no offence.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::limits::Limits;

/// Unit of room, bytes.
const UNIT: usize = 1024;
/// What everybody is given before they can be slow.
const GRACE: Duration = Duration::from_millis(250);
/// Bytes a second below which a body, or the reading of an answer, is slow.
const SLOW: u32 = 16 * 1024 * 1024;

/// The two lanes.
#[derive(Clone)]
pub struct Lanes {
    small: Lane,
    large: Lane,
    small_body: usize,
}

impl Lanes {
    /// Lanes of these sizes.
    pub fn new(limits: &Limits) -> Self {
        Self {
            small: Lane::new(limits.small_in_flight),
            large: Lane::new(limits.large_in_flight),
            small_body: limits.small_body,
        }
    }

    /// Room for a body of `announced` bytes, `limit` at most: waits for its turn.
    pub async fn enter(&self, announced: Option<usize>, limit: usize) -> Share {
        let (lane, at_once) = match announced {
            Some(length) if length <= self.small_body => (&self.small, 0),
            _ => (&self.large, announced.unwrap_or(limit)),
        };
        Share { permit: lane.take(at_once).await, lane: lane.clone() }
    }
}

#[derive(Clone)]
struct Lane {
    room: Arc<Semaphore>,
    /// How many wait for room.
    waiting: watch::Sender<usize>,
}

impl Lane {
    fn new(bytes: usize) -> Self {
        let room = Semaphore::new(bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS));
        Self { room: Arc::new(room), waiting: watch::Sender::new(0) }
    }

    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(units) {
            return Some(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        // It is never closed.
        Arc::clone(&self.room).acquire_many_owned(units).await.ok()
    }
}

struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|waiting| *waiting += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

/// One body's room, to be kept until its answer is written.
pub struct Share {
    lane: Lane,
    permit: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes what is missing for so many bytes in all.
    pub async fn grow(&mut self, bytes: usize) {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * UNIT;
        if bytes > held {
            let more = self.lane.take(bytes - held).await;
            match (&mut self.permit, more) {
                (Some(held), Some(more)) => held.merge(more),
                (held, more) => *held = more,
            }
        }
    }

    /// Ends when so many bytes, begun now, were slow to move and somebody waits for room.
    pub fn crowded_out(&self, bytes: usize) -> impl Future<Output = ()> + Send + 'static {
        let lane = self.lane.clone();
        let patience = GRACE + Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / SLOW;
        async move {
            sleep(patience).await;
            let mut waiting = lane.waiting.subscribe();
            // The lane is held here: it cannot end.
            let _ = waiting.wait_for(|waiting| *waiting > 0).await;
        }
    }

    /// Keeps the room while an answer of about so many bytes, begun now, is written. A client that is slow to read it
    /// while somebody waits has its connection cut.
    pub fn hold(self, bytes: usize, cut: CancellationToken) -> Held {
        let (written, crowded_out) = (CancellationToken::new(), self.crowded_out(bytes));
        let held = Held { _share: self, _written: written.clone().drop_guard() };
        tokio::spawn(async move {
            tokio::select! {
                () = written.cancelled() => {}
                () = crowded_out => cut.cancel(),
            }
        });
        held
    }
}

/// The room of an answer, until this is dropped.
pub struct Held {
    _share: Share,
    _written: DropGuard,
}

impl Held {
    /// The end of the answer: what is held is kept until its last byte is written, or dropped.
    pub fn end(self, answer: Vec<u8>) -> Bytes {
        Bytes::from_owner(End { answer, _held: self })
    }
}

struct End {
    answer: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for End {
    fn as_ref(&self) -> &[u8] {
        &self.answer
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn lanes() -> Lanes {
        Lanes::new(&Limits { small_body: 1000, small_in_flight: 4096, large_in_flight: 8192, ..Limits::default() })
    }

    #[tokio::test]
    async fn a_slow_body_goes_when_another_waits_and_only_then() {
        let lanes = lanes();
        let mut slow = lanes.enter(Some(900), 10_000).await;
        slow.grow(4096).await;
        let mut crowded_out = Box::pin(slow.crowded_out(900));
        tokio::time::timeout(2 * GRACE, &mut crowded_out).await.expect_err("nobody waits");
        let mut next = lanes.enter(Some(100), 10_000).await;
        let mut grown = Box::pin(next.grow(100));
        assert!(grown.as_mut().now_or_never().is_none());
        crowded_out.await;
        drop(slow);
        grown.await;
    }

    #[tokio::test]
    async fn an_answer_that_is_not_read_holds_its_room_until_somebody_waits() {
        let (lanes, cut) = (lanes(), CancellationToken::new());
        let mut share = lanes.enter(Some(900), 10_000).await;
        share.grow(4096).await;
        let answer = share.hold(10, cut.clone()).end(vec![0; 10]);
        let part = answer.slice(5..);
        drop(answer);
        let mut next = lanes.enter(Some(900), 10_000).await;
        let mut grown = Box::pin(next.grow(1));
        assert!(grown.as_mut().now_or_never().is_none(), "a part of it is not written");
        cut.cancelled().await;
        drop(part);
        grown.await;
    }

    #[tokio::test]
    async fn large_bodies_come_in_turn_and_small_ones_do_not_wait_for_them() {
        let lanes = lanes();
        let first = lanes.enter(Some(8000), 10_000).await;
        let mut second = Box::pin(lanes.enter(None, 8000));
        assert!(second.as_mut().now_or_never().is_none());
        lanes.enter(Some(900), 10_000).await.grow(900).await;
        drop(first);
        second.await;
    }
}
