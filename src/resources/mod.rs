//! The Kubernetes objects that belong to an instance: pure, infallible builders.
//!
//! Owns: names, labels, odoo.conf, every child object of an `OdooInstance`, the batch Jobs of operations and what the
//! versions of Odoo can do. A builder takes [`Inputs`] (a validated, defaulted instance and what the operator found
//! out about it) and gives back the whole object as it should be: the same inputs give the same bytes. Must not:
//! decide whether an object is wanted now, do IO, read the clock, fail.

pub mod cron;
pub mod env;
mod hash;
pub mod ingress;
pub mod init_job_cr;
mod inputs;
pub mod jobs;
pub mod labels;
mod meta;
pub mod names;
pub mod odoo_conf;
mod odoo_version;
pub mod pdb;
mod pod;
mod probes;
pub mod pvc;
pub mod route;
mod routing;
pub mod secret;
pub mod service;
pub mod service_account;
mod spec_hash;
#[cfg(test)]
mod tests;
pub mod web;

pub use hash::{hex, hex_sha256};
pub use inputs::{DatabaseAccess, Inputs, InstanceSecrets};
pub use odoo_version::OdooVersion;
pub use probes::PUBLISHED_DEFAULT;
pub use route::HttpRoute;
pub use routing::Routing;
pub use spec_hash::spec_hash;
