//! The functions that judge reviews, and the guard that answers for one that panics.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

/// The body is no review of the kind that the route takes: answered 400 with this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAReview(pub String);

impl NotAReview {
    /// Takes the reason from any error.
    pub fn because(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

/// Body of a review to its answer.
pub type Hook = Arc<dyn Fn(&[u8], Pieces<'_>) -> Result<Reply, NotAReview> + Send + Sync>;

/// Takes the beginning of a long answer, a piece at a time, to be sent while the rest is made. What is behind it must be
/// the [`Reply::Answer`]: there is no other way back.
pub type Pieces<'a> = &'a mut dyn FnMut(Vec<u8>);

/// What a hook says to a review.
pub enum Reply {
    /// The body of the answer, behind the pieces that were handed on.
    Answer(Vec<u8>),
    /// Something has to be read first. It ends soon, whatever happens, with the hook that knows it and answers.
    After(BoxFuture<'static, Hook>),
}

impl From<Vec<u8>> for Reply {
    fn from(answer: Vec<u8>) -> Self {
        Self::Answer(answer)
    }
}

/// A request was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// By which hook.
    pub review: Review,
    /// HTTP status: 200 for every review, whatever its outcome; 500 also for an answer that breaks off.
    pub status: StatusCode,
    /// From the request's head until the answer is made.
    pub took: Duration,
    /// The hook panicked; unless the answer had begun, the guard answered.
    pub panicked: bool,
}

/// What the server calls.
#[derive(Clone)]
pub struct Hooks {
    /// Mutating admission.
    pub mutate: Hook,
    /// Validating admission.
    pub validate: Hook,
    /// Conversion.
    pub convert: Hook,
    /// Told of every answer; for metrics.
    pub answered: Arc<dyn Fn(Answered) + Send + Sync>,
}

/// Which hook a route calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Mutating admission.
    Mutate,
    /// Validating admission.
    Validate,
    /// Conversion.
    Convert,
}

impl Review {
    /// Name for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
            Self::Convert => "convert",
        }
    }
}

/// What became of one call of a hook.
pub(super) enum Outcome {
    /// The hook's own answer.
    Answer(Vec<u8>),
    /// The hook that comes out of this answers.
    After(BoxFuture<'static, Hook>),
    /// The hook says that this is no review.
    Refused(NotAReview),
    /// The hook panicked: a failure review when the request says enough for one.
    Panicked(Option<Vec<u8>>),
}

/// Calls the hook; a panic becomes a proper review that refuses.
pub(super) fn call(review: Review, hook: &Hook, body: &[u8], pieces: Pieces<'_>) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| hook(body, pieces))) {
        Ok(Ok(Reply::Answer(answer))) => Outcome::Answer(answer),
        Ok(Ok(Reply::After(reading))) => Outcome::After(reading),
        Ok(Err(refused)) => Outcome::Refused(refused),
        Err(panic) => {
            let message = panic
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
                .unwrap_or("(no message)");
            // The message may quote the object, and with it a secret: it is logged at debug level only.
            tracing::error!(hook = review.name(), "a webhook handler panicked; the request is refused");
            tracing::debug!(hook = review.name(), message, "panic message");
            Outcome::Panicked(failure(review, body))
        }
    }
}

/// The same; what the hook hands on stays with the rest.
pub(super) fn call_whole(review: Review, hook: &Hook, body: &[u8]) -> Outcome {
    let mut answer = Vec::new();
    match call(review, hook, body, &mut |piece| answer.extend(piece)) {
        Outcome::Answer(end) if !answer.is_empty() => {
            answer.extend(end);
            Outcome::Answer(answer)
        }
        outcome => outcome,
    }
}

/// The little of a review that an answer must repeat.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(rename = "apiVersion", borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

/// A review that refuses because of a fault of ours; None when the body has no uid to answer to.
fn failure(review: Review, body: &[u8]) -> Option<Vec<u8>> {
    const MESSAGE: &str = "odoo-operator failed on this request (a fault of the operator; its log has the time)";
    let outline: Outline<'_> = serde_json::from_slice(body).ok()?;
    let uid = outline.request.uid;
    let answer = match review {
        Review::Mutate | Review::Validate => json!({
            "apiVersion": outline.api_version,
            "kind": "AdmissionReview",
            "response": {
                "uid": uid,
                "allowed": false,
                "status": { "status": "Failure", "code": 500, "reason": "InternalError", "message": MESSAGE },
            },
        }),
        Review::Convert => json!({
            "apiVersion": outline.api_version,
            "kind": "ConversionReview",
            "response": {
                "uid": uid,
                "convertedObjects": [],
                "result": { "status": "Failure", "message": MESSAGE },
            },
        }),
    };
    serde_json::to_vec(&answer).ok()
}
