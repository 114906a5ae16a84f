//! The operator's binary against a real API server, with the chart's own rights, and a real PostgreSQL. Nodes are
//! simulated: pods are ready at once, and what Odoo would write into a new database is written by the tests
//! ([`odoo`]). Every test has a namespace of its own; they share one control plane and one operator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admission;
mod adoption;
mod at_rest;
mod behaviour;
mod chart;
mod collisions;
mod consent;
mod damage;
mod deletion;
mod faults;
mod helm;
mod installs;
mod kubelet;
mod leader;
mod life;
mod manifests;
mod notifications;
mod odoo;
mod outage;
mod proxy;
mod pull_secret;
mod ratchet;
mod refusals;
mod relay;
mod settings;
mod startup;
mod takeover;
mod way_back;
mod world;
