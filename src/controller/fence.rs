//! What keeps a process that lost its lease, or slept through the end of it, from acting.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Instant;

use http::Request;
use kube::Client;
use kube::client::Body;

/// Open while the lease is held. A stopped process that goes on (SIGSTOP, a paused machine) finds it closed before any
/// of its tasks sends a request, whatever they had been about to do.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<Option<Instant>>>);

/// A request was not sent, or is not waited for.
#[derive(Debug, thiserror::Error)]
#[error("this replica does not hold the lease")]
struct Closed;

impl Fence {
    /// Closed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it until then.
    pub fn open_until(&self, end: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// Closes it.
    pub fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_open(&self) -> bool {
        let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.is_some_and(|end| Instant::now() < end)
    }

    /// A client whose requests fail while the fence is closed. They are looked at again whenever they could make
    /// progress: one that waits for a connection is not sent late.
    pub fn client(&self, client: &Client) -> Client {
        let (fence, inner) = (self.clone(), client.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (fence, inner) = (fence.clone(), inner.clone());
            async move {
                let mut answer = pin!(inner.send(request));
                std::future::poll_fn(|context| {
                    if fence.is_open() {
                        answer.as_mut().poll(context).map_err(tower::BoxError::from)
                    } else {
                        Poll::Ready(Err(Closed.into()))
                    }
                })
                .await
            }
        });
        Client::new(service, client.default_namespace())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use http::Response;

    use super::*;

    #[tokio::test]
    async fn only_an_open_fence_lets_requests_pass() {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        let server = tower::service_fn(move |_: Request<Body>| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, tower::BoxError>(Response::new(Body::from(br#"{"major":"1","minor":"36"}"#.to_vec()))) }
        });
        let fence = Fence::new();
        let client = fence.client(&Client::new(server, "default"));
        let ask = async || client.request_text(Request::get("/version").body(Vec::new()).unwrap()).await;
        let refused = ask().await.unwrap_err().to_string();
        assert!(refused.contains("does not hold the lease"), "{refused}");
        fence.open_until(Instant::now() + Duration::from_mins(1));
        ask().await.unwrap();
        fence.open_until(Instant::now());
        ask().await.unwrap_err();
        fence.open_until(Instant::now() + Duration::from_mins(1));
        fence.close();
        ask().await.unwrap_err();
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_request_that_waits_is_given_up_once_the_fence_is_closed() {
        let (let_go, gate) = tokio::sync::watch::channel(false);
        let server = tower::service_fn(move |_: Request<Body>| {
            let mut gate = gate.clone();
            async move {
                gate.wait_for(|open| *open).await?;
                Ok::<_, tower::BoxError>(Response::new(Body::empty()))
            }
        });
        let fence = Fence::new();
        fence.open_until(Instant::now() + Duration::from_mins(1));
        let client = fence.client(&Client::new(server, "default"));
        let mut asked = pin!(async move { client.request_text(Request::get("/").body(Vec::new()).unwrap()).await });
        assert!(futures::poll!(asked.as_mut()).is_pending());
        fence.close();
        let_go.send(true).unwrap();
        asked.await.unwrap_err();
    }
}
