//! What one client may cost.

use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Limits of the HTTPS server. The defaults are those that are documented.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest body of an admission review, bytes.
    pub admission_body: usize,
    /// Largest body of a conversion review, bytes: a list is one review with every object in it.
    pub convert_body: usize,
    /// A body that announces no more than this is small, bytes.
    pub small_body: usize,
    /// Bytes of small bodies held at once; more wait.
    pub small_in_flight: usize,
    /// Bytes of large bodies held at once; more wait. One of the largest must fit.
    pub large_in_flight: usize,
    /// A body larger than this is handled off the threads that serve connections, bytes.
    pub inline_body: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// From the handshake to the first complete request head.
    pub first_request: Duration,
    /// For a request body, from its head to its last byte. The API server itself waits 30 s at most.
    pub body_read: Duration,
    /// A connection without a request is closed after this. Longer than the 90 s after which the API server itself
    /// lets go, so that it never writes into a connection that is just being closed.
    pub idle: Duration,
    /// For open requests after shutdown began, or for a last answer on a connection that is being closed.
    pub drain: Duration,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
    /// What is buffered of a connection in each direction, bytes: at most that of a head, and of bodies over HTTP/2.
    pub ahead: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            admission_body: 16 * MIB,
            convert_body: 256 * MIB,
            small_body: MIB,
            small_in_flight: 64 * MIB,
            large_in_flight: 256 * MIB,
            inline_body: MIB / 8,
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(30),
            body_read: Duration::from_secs(30),
            idle: Duration::from_mins(2),
            drain: Duration::from_secs(20),
            connections: 4096,
            streams: 32,
            ahead: 32 * 1024,
        }
    }
}
