//! Reading a request body within its limits.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::lanes::{Lanes, Share};

/// An honest client has read its answer by then.
const LINGER: Duration = Duration::from_millis(250);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Larger than the limit, bytes.
    TooLarge(usize),
    /// Did not arrive in time.
    TooSlow(Duration),
    /// Too many other bodies are held: its turn did not come, or it was slow while others waited.
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
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too many requests at once; try again".to_owned()),
            Self::Broken => (StatusCode::BAD_REQUEST, "the body ended early".to_owned()),
        }
    }
}

/// Reads a whole body. The share is to be kept as long as the bytes and their answer are.
pub async fn read(body: &mut Body, limit: usize, lanes: &Lanes, within: Duration) -> Result<(Bytes, Share), Refused> {
    let announced = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced.is_some_and(|length| length > limit) {
        return Err(Refused::TooLarge(limit));
    }
    let deadline = Instant::now() + within;
    let share = timeout_at(deadline, lanes.enter(announced, limit)).await.map_err(|_| Refused::Busy)?;
    let crowded_out = share.crowded_out(announced.unwrap_or(limit));
    tokio::select! {
        biased;
        read = collect(body, announced, limit, share) => read,
        () = crowded_out => Err(Refused::Busy),
        () = sleep_until(deadline) => Err(Refused::TooSlow(within)),
    }
}

/// Takes what a refused client still sends, for a moment: were it left unread, the refusal would be lost with it.
pub async fn linger(mut body: Body) {
    let _ = timeout(LINGER, async { while let Some(Ok(_)) = body.frame().await {} }).await;
}

async fn collect(
    body: &mut Body,
    announced: Option<usize>,
    limit: usize,
    mut share: Share,
) -> Result<(Bytes, Share), Refused> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refused::Broken)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            return Err(Refused::TooLarge(limit));
        }
        share.grow(bytes.len() + data.len()).await;
        if bytes.is_empty() {
            // The usual review comes in one piece.
            if body.is_end_stream() {
                return Ok((data, share));
            }
            // What is not written to is not held: of what a client announces, only address space is taken.
            bytes.reserve_exact(announced.unwrap_or(0));
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.into(), share))
}
