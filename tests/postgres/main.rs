//! The PostgreSQL room against a real server, faults included.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod connections;
mod databases;
mod parts;
mod relay;
mod removal;
mod roles;
mod tenants;
