//! The HTTPS routes: reviews in, reviews out, always with status 200.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Version};
use tokio::sync::Semaphore;

use super::body;
use super::hooks::{self, Answered, Hook, Hooks, Outcome, Review};
use super::lanes::{Lanes, Share};
use super::limits::Limits;
use super::listener::Connection;

/// Where the existing operator's webhook configuration calls: answered as [`Review::Validate`].
pub const OLD_VALIDATE_PATH: &str = "/validate-bemade-org-v1alpha1-odooinstance";

/// Each may need a hundred MiB for the worst review.
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
    let started = Instant::now();
    let version = request.version();
    let (mut response, panicked) = judge(&route, request).await;
    if version < Version::HTTP_2 && !response.status().is_success() {
        // What is left of a refused body is not worth waiting for.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    (route.answered)(Answered { review: route.review, status: response.status(), took: started.elapsed(), panicked });
    response
}

async fn judge(route: &Arc<Route>, request: Request<Body>) -> (Response, bool) {
    let (mut head, mut body) = request.into_parts();
    let connection = head.extensions.remove::<Connection>().unwrap_or_default();
    // Over HTTP/2, each of many streams has a buffer.
    let buffered = if head.version == Version::HTTP_2 { 0 } else { route.limits.ahead as usize };
    let read = body::read(&mut body, route.body_limit, &route.lanes, route.limits.body_read);
    let (bytes, share) = match read.await {
        Ok(read) => read,
        Err(refused) => {
            tokio::spawn(body::linger(body));
            let (status, reason) = refused.answer();
            return (refusal(status, &reason), false);
        }
    };
    let most = route.limits.admission_values;
    if route.review != Review::Convert && bytes.len() > most && values(&bytes) > most {
        return (refusal(StatusCode::BAD_REQUEST, &format!("the review has more than {most} values")), false);
    }
    let bytes = Arc::new(bytes);
    let mut outcome = run(route, &route.hook, &bytes).await;
    if let Some(Outcome::After(reading)) = outcome {
        // The workers are free meanwhile; the bytes stay within the budget.
        outcome = run(route, &reading.await, &bytes).await;
    }
    let Some(outcome) = outcome else {
        return (refusal(StatusCode::SERVICE_UNAVAILABLE, "shutting down"), false);
    };
    match outcome {
        Outcome::Answer(answer) => (review(answer, share, buffered, connection), false),
        Outcome::Panicked(Some(answer)) => (review(answer, share, buffered, connection), true),
        // A hook that has read what it asked for does not ask again.
        Outcome::Panicked(None) | Outcome::After(_) => {
            (refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal error"), true)
        }
        Outcome::Refused(refused) => (refusal(StatusCode::BAD_REQUEST, &refused.0), false),
    }
}

/// Calls the hook, off the threads that serve connections if the body is large. `None` at shutdown.
async fn run(route: &Arc<Route>, hook: &Hook, bytes: &Arc<Vec<u8>>) -> Option<Outcome> {
    if bytes.len() <= route.limits.inline_body {
        return Some(hooks::call(route.review, hook, bytes));
    }
    let is_large = usize::from(bytes.len() > route.limits.small_body);
    let worker = Arc::clone(&route.workers[is_large]).acquire_owned().await.ok()?;
    let (review, hook, bytes) = (route.review, Arc::clone(hook), Arc::clone(bytes));
    let called = tokio::task::spawn_blocking(move || {
        let _worker = worker;
        hooks::call(review, &hook, &bytes)
    });
    Some(called.await.unwrap_or(Outcome::Panicked(None)))
}

/// No fewer than the values that JSON has which is nowhere nested deeper than parsers go.
fn values(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

/// The answer to a review. Its room is kept until it is written, unless it fits into the buffer of its connection.
fn review(answer: Vec<u8>, share: Share, buffered: usize, Connection(cut): Connection) -> Response {
    let length = answer.len();
    let answer = if length > buffered { share.hold(answer, cut) } else { Bytes::from(answer) };
    let mut response = Response::new(Body::from(answer));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, format!("{reason}\n")).into_response()
}
