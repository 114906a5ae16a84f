//! The plain HTTP port: liveness, readiness, metrics.

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::readiness::Readiness;

/// Gives the text of all metrics in OpenMetrics format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// The router of the probes port: `/healthz`, `/readyz`, `/metrics`.
pub fn probes(readiness: Readiness, metrics: Metrics) -> Router {
    let ready = async move || match readiness.missing() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    };
    let metrics = async move || {
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(CONTENT_TYPE, content_type)], metrics()).into_response()
    };
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).route("/metrics", get(metrics))
}
