//! Before this replica goes: clients are told to use its connections no more.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use http::header::CONNECTION;
use http::{HeaderValue, Version};
use tokio_util::sync::CancellationToken;

/// From `leaving` on, each answer over HTTP/1.1 is the last one of its connection, and says so. The API server calls over
/// HTTP/1.1, keeps connections, and does not repeat a call that meets one which is just being closed. HTTP/2 has a frame
/// for it, which the listener sends.
pub fn leaving(app: Router, leaving: CancellationToken) -> Router {
    app.layer(from_fn(move |request: Request, next: Next| {
        let leaving = leaving.clone();
        async move {
            let version = request.version();
            let mut response = next.run(request).await;
            if version < Version::HTTP_2 && leaving.is_cancelled() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }))
}
