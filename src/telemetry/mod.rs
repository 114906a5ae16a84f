//! What the operator tells of itself: logs, metrics, Kubernetes Events.
//!
//! Owns: the tracing subscriber, the metrics registry, the Event recorder. Must not: hold rules, or put a secret or an
//! object's name into a metric label.

mod events;
mod metrics;

pub use events::Events;
pub use metrics::{Metrics, Outcome};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error. `RUST_LOG` chooses what; without it, `info`.
pub fn start_logging(format: LogFormat) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube_runtime=warn,kube_client=warn"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A panic's message may quote an object, and with it a secret: only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "panic; this is a defect of the operator");
    }));
    // A second subscriber, in tests, is no harm: the first one stays.
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
