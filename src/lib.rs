//! Kubernetes operator for Odoo.
//!
//! The interesting code is synchronous and does no IO; the rooms that do IO are a thin skin around it.

pub mod admission;
pub mod api;
pub mod app;
pub mod controller;
pub mod conversion;
pub mod docs;
pub mod lifecycle;
pub mod notify;
pub mod postgres;
pub mod resources;
pub mod server;
pub mod telemetry;
pub mod tls;
