//! Tests over all objects at once.

mod conf;
mod fixture;
mod objects;
mod snapshots;
