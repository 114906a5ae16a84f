//! The HTTPS server as its clients see it: through the routers, and through a real TLS listener.

mod certificates;
mod connections;
mod hostile;
mod probes;
mod reviews;
mod support;
