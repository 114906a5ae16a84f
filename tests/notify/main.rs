//! The sender as receivers see it: real sockets, signatures checked by a library that nobody here wrote.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod addresses;
mod delivery;
mod example;
mod retries;
mod support;
