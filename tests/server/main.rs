//! The HTTPS server as its clients see it: through the routers, and through a real TLS listener.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificates;
mod connections;
mod hostile;
mod overload;
mod probes;
mod reviews;
mod support;
