//! How many requests run at once: enough for many receivers, and never all of them for one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for requests. One endpoint gets a part of them only: a receiver that lets each request run into its time limit
/// delays nobody else's notifications, however many objects name it.
pub(super) struct Places {
    all: Arc<Semaphore>,
    endpoints: Mutex<HashMap<String, Weak<Semaphore>>>,
    for_one: usize,
}

/// A place; dropping it gives it back.
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _endpoint: OwnedSemaphorePermit,
    // Held, so that the next request of this endpoint finds it.
    _semaphore: Arc<Semaphore>,
}

impl Places {
    /// So many places in all, and for one endpoint.
    pub(super) fn new(all: usize, for_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), endpoints: Mutex::default(), for_one }
    }

    /// Waits for a place to call `endpoint` (host and port).
    pub(super) async fn take(&self, endpoint: &str) -> Place {
        let semaphore = self.endpoint(endpoint);
        let closed = "these semaphores are never closed";
        // In this order: who waits for a busy endpoint must not hold a place that others could use.
        let of_endpoint = semaphore.clone().acquire_owned().await.expect(closed);
        let of_all = self.all.clone().acquire_owned().await.expect(closed);
        Place { _all: of_all, _endpoint: of_endpoint, _semaphore: semaphore }
    }

    fn endpoint(&self, endpoint: &str) -> Arc<Semaphore> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = endpoints.get(endpoint).and_then(Weak::upgrade) {
            return semaphore;
        }
        endpoints.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.for_one));
        endpoints.insert(endpoint.to_owned(), Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn an_endpoint_that_has_all_its_places_taken_leaves_those_of_others() {
        let places = Places::new(3, 2);
        let slow = [places.take("slow:443").now_or_never(), places.take("slow:443").now_or_never()];
        assert!(slow.iter().all(Option::is_some));
        let mut third = Box::pin(places.take("slow:443"));
        assert!(third.as_mut().now_or_never().is_none(), "the slow one has its two");
        let other = places.take("other:443").now_or_never();
        assert!(other.is_some(), "waiting for the slow one holds no place");
        drop(slow);
        assert!(third.now_or_never().is_some());
    }

    #[test]
    fn endpoints_that_nobody_calls_are_forgotten() {
        let places = Places::new(8, 2);
        for host in 0..100 {
            drop(places.take(&format!("{host}:443")).now_or_never());
        }
        assert_eq!(places.endpoints.lock().unwrap().len(), 1);
    }
}
