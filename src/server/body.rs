//! Reading a request body within its limits.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Unit of the bytes-in-flight budget.
const UNIT: usize = 1024;

/// Bytes of bodies that may be held at once.
#[derive(Clone)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    /// A budget of this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS))))
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Larger than the limit, bytes.
    TooLarge(usize),
    /// Did not arrive in time.
    TooSlow(Duration),
    /// Too many other bodies are held.
    Busy,
    /// The client went away or sent a broken frame.
    Broken,
}

impl Refused {
    /// Status and reason for the client.
    pub fn answer(self) -> (StatusCode, String) {
        match self {
            Self::TooLarge(limit) => {
                (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {} MiB", limit / (1024 * 1024)))
            }
            Self::TooSlow(limit) => {
                (StatusCode::REQUEST_TIMEOUT, format!("the body did not arrive within {} s", limit.as_secs()))
            }
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too many large requests at once; try again".to_owned()),
            Self::Broken => (StatusCode::BAD_REQUEST, "the body ended early".to_owned()),
        }
    }
}

/// Reads a whole body. Memory is taken from the budget as bytes arrive, not as they are announced, so that a promise
/// costs nothing. The permit is to be kept as long as the bytes are.
pub async fn read(
    body: Body,
    announced: Option<usize>,
    limit: usize,
    budget: &Budget,
    within: Duration,
) -> Result<(Vec<u8>, OwnedSemaphorePermit), Refused> {
    if announced.is_some_and(|length| length > limit) {
        return Err(Refused::TooLarge(limit));
    }
    let deadline = Instant::now() + within;
    let mut body = body;
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(64 * UNIT));
    let mut permit = take(budget, 1, deadline).await?;
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| Refused::TooSlow(within))?;
        let Some(frame) = frame else {
            return Ok((bytes, permit));
        };
        let Ok(data) = frame.map_err(|_| Refused::Broken)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            return Err(Refused::TooLarge(limit));
        }
        let held = permit.num_permits() * UNIT;
        let wanted = bytes.len() + data.len();
        if wanted > held {
            permit.merge(take(budget, (wanted - held).div_ceil(UNIT), deadline).await?);
        }
        bytes.extend_from_slice(&data);
    }
}

async fn take(budget: &Budget, units: usize, deadline: Instant) -> Result<OwnedSemaphorePermit, Refused> {
    let units = u32::try_from(units).map_err(|_| Refused::Busy)?;
    timeout_at(deadline, Arc::clone(&budget.0).acquire_many_owned(units))
        .await
        .map_err(|_| Refused::Busy)?
        .map_err(|_| Refused::Busy)
}
