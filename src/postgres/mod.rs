//! PostgreSQL: the configured clusters, connections to them, and what instances have there.
//!
//! Owns: `clusters.yaml` and its flags, TLS towards servers, the kept connection of each cluster and its
//! health, roles, databases with their ownership COMMENT, the inventory, and sessions as a tenant's own role.
//! Must not: decide when any of it is done, read Kubernetes objects, or open a session as the admin role in a
//! database to which a tenant has (or had) CONNECT. Nothing here logs SQL or puts a secret into an error.

mod cluster;
mod clusters;
pub mod config;
mod connect;
pub mod database;
mod error;
mod hand_back;
mod harden;
mod ident;
pub mod inventory;
mod marker;
pub mod password;
mod remove;
mod role;
mod tenant;
mod tls;

pub use cluster::{Cluster, Health};
pub use clusters::{Clusters, UnknownCluster};
pub use connect::Login;
pub use error::Error;
pub use ident::Ident;
pub use marker::Marker;
pub use role::RoleChange;
pub use tenant::{BaseState, TenantSession};
