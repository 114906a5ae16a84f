//! The HTTPS routes: reviews in, reviews out, always with status 200.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::{StreamExt as _, stream};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Version};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::body;
use super::hooks::{self, Answered, Hook, Hooks, Outcome, Review};
use super::lanes::{Held, Lanes, Share};
use super::limits::Limits;
use super::listener::Connection;

/// Where the existing operator's webhook configuration calls: answered as [`Review::Validate`].
pub const OLD_VALIDATE_PATH: &str = "/validate-bemade-org-v1alpha1-odooinstance";

/// Each may need 50 MiB for an admission review of the most values, and the largest list for a conversion.
const MOST_WORKERS: usize = 2;

/// One route: its hook and what its bodies may cost.
struct Route {
    review: Review,
    hook: Hook,
    answered: Arc<dyn Fn(Answered) + Send + Sync>,
    body_limit: usize,
    lanes: Lanes,
    /// Reviews judged at once off the threads that serve connections: one a core of those that are small all the same,
    /// and one a core of the large ones, so that nobody waits behind somebody larger.
    workers: [Arc<Semaphore>; 2],
    limits: Limits,
}

/// The router of the HTTPS port: `/mutate/v1`, `/validate/v1`, `/convert`, and the existing operator's path.
pub fn webhooks(hooks: &Hooks, limits: &Limits) -> Router {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = [(); 2].map(|()| Arc::new(Semaphore::new(cores.min(MOST_WORKERS))));
    let lanes = Lanes::new(limits);
    let route = |review, hook: &Hook| {
        let body_limit = match review {
            Review::Mutate | Review::Validate => limits.admission_body,
            Review::Convert => limits.convert_body,
        };
        post(answer).with_state(Arc::new(Route {
            review,
            hook: Arc::clone(hook),
            answered: Arc::clone(&hooks.answered),
            body_limit,
            lanes: lanes.clone(),
            workers: workers.clone(),
            limits: limits.clone(),
        }))
    };
    Router::new()
        .route("/mutate/v1", route(Review::Mutate, &hooks.mutate))
        .route("/validate/v1", route(Review::Validate, &hooks.validate))
        .route(OLD_VALIDATE_PATH, route(Review::Validate, &hooks.validate))
        .route("/convert", route(Review::Convert, &hooks.convert))
        .fallback(async || (StatusCode::NOT_FOUND, "no webhook is served at this path\n"))
}

async fn answer(State(route): State<Arc<Route>>, request: Request<Body>) -> Response {
    let version = request.version();
    let mut response = judge(Call { route, started: Instant::now() }, request).await;
    if version < Version::HTTP_2 && !response.status().is_success() {
        // What is left of a refused body is not worth waiting for.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A request that is being answered.
struct Call {
    route: Arc<Route>,
    started: Instant,
}

impl Call {
    /// Tells that the answer is there.
    fn answered(&self, status: StatusCode, panicked: bool) {
        let Route { review, answered, .. } = &*self.route;
        answered(Answered { review: *review, status, took: self.started.elapsed(), panicked });
    }

    fn refuse(&self, status: StatusCode, reason: &str) -> Response {
        self.answered(status, false);
        (status, format!("{reason}\n")).into_response()
    }
}

async fn judge(call: Call, request: Request<Body>) -> Response {
    let (mut head, mut body) = request.into_parts();
    let connection = head.extensions.remove::<Connection>().unwrap_or_default();
    let route = &call.route;
    // Over HTTP/2, each of many streams has a buffer.
    let buffered = if head.version == Version::HTTP_2 { 0 } else { route.limits.ahead as usize };
    let read = body::read(&mut body, route.body_limit, &route.lanes, route.limits.body_read);
    let (bytes, share) = match read.await {
        Ok(read) => read,
        Err(refused) => {
            tokio::spawn(body::linger(body));
            let (status, reason) = refused.answer();
            return call.refuse(status, &reason);
        }
    };
    let mut said = run(route, &route.hook, &bytes).await;
    if let Some(Said::All(Outcome::After(reading))) = said {
        // The workers are free meanwhile; the bytes stay within the budget.
        said = run(route, &reading.await, &bytes).await;
    }
    let outcome = match said {
        Some(Said::All(outcome)) => outcome,
        Some(Said::Beginning(beginning)) => return in_pieces(call, beginning, share.hold(bytes.len(), connection.0)),
        None => return call.refuse(StatusCode::SERVICE_UNAVAILABLE, "shutting down"),
    };
    let panicked = matches!(outcome, Outcome::Panicked(_));
    match outcome {
        Outcome::Answer(answer) | Outcome::Panicked(Some(answer)) => {
            call.answered(StatusCode::OK, panicked);
            whole(answer, share, buffered, connection)
        }
        // A hook that has read what it asked for does not ask again.
        Outcome::Panicked(None) | Outcome::After(_) => {
            call.answered(StatusCode::INTERNAL_SERVER_ERROR, true);
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
        }
        Outcome::Refused(refused) => call.refuse(StatusCode::BAD_REQUEST, &refused.0),
    }
}

/// What a hook has said so far.
enum Said {
    All(Outcome),
    Beginning(Beginning),
}

/// An answer that is still being made.
struct Beginning {
    first: Vec<u8>,
    next: mpsc::UnboundedReceiver<Vec<u8>>,
    end: JoinHandle<Outcome>,
}

/// Calls the hook, off the threads that serve connections if the body is large. `None` at shutdown.
async fn run(route: &Route, hook: &Hook, bytes: &Bytes) -> Option<Said> {
    let review = route.review;
    if bytes.len() <= route.limits.inline_body {
        return Some(Said::All(hooks::call_whole(review, hook, bytes)));
    }
    let is_large = usize::from(bytes.len() > route.limits.small_body);
    let worker = Arc::clone(&route.workers[is_large]).acquire_owned().await.ok()?;
    // Without a bound: whoever is slow to read an answer must not keep a worker.
    let (send, mut next) = mpsc::unbounded_channel();
    let (hook, bytes) = (Arc::clone(hook), bytes.clone());
    let end = tokio::task::spawn_blocking(move || {
        let _worker = worker;
        // A client that went away does not read on.
        hooks::call(review, &hook, &bytes, &mut |piece| drop(send.send(piece)))
    });
    Some(match next.recv().await {
        Some(first) => Said::Beginning(Beginning { first, next, end }),
        None => Said::All(end.await.unwrap_or(Outcome::Panicked(None))),
    })
}

/// The answer to a review. Its room is kept until it is written, unless it fits into the buffer of its connection.
fn whole(answer: Vec<u8>, share: Share, buffered: usize, Connection(cut): Connection) -> Response {
    let length = answer.len();
    let answer = if length > buffered { share.hold(length, cut).end(answer) } else { Bytes::from(answer) };
    let mut response = review(Body::from(answer));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// The same, sent while it is made. A hook that fails behind its first piece has the connection closed: the client sees
/// that the end is missing.
fn in_pieces(call: Call, Beginning { first, next, end }: Beginning, held: Held) -> Response {
    // By itself, so that the room is kept, and the answer is counted, also when the client goes away.
    let end = tokio::spawn(async move {
        let outcome = end.await.unwrap_or(Outcome::Panicked(None));
        if let Outcome::Answer(end) = outcome {
            call.answered(StatusCode::OK, false);
            return Ok(held.end(end));
        }
        if let Outcome::Refused(hooks::NotAReview(reason)) = &outcome {
            // It may quote what came, which may be long.
            let reason: String = reason.chars().take(200).collect();
            tracing::warn!(hook = call.route.review.name(), reason, "an answer breaks off: what came was no review");
        }
        call.answered(StatusCode::INTERNAL_SERVER_ERROR, matches!(outcome, Outcome::Panicked(_)));
        Err(io::Error::other("the answer has no end"))
    });
    let pieces = stream::iter([first]).chain(UnboundedReceiverStream::new(next)).map(|piece| Ok(Bytes::from(piece)));
    let end = async { end.await.map_err(io::Error::other)? };
    review(Body::from_stream(pieces.chain(stream::once(end))))
}

fn review(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
