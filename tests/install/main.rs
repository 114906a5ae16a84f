//! What the operator installs for itself, against a real API server: the CA, `caBundle`, the CRDs.
//!
//! These tests change CRDs and webhook configurations, so they start a control plane of their own
//! (`scripts/dev/control-plane`), one for all of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ca_bundle;
mod ca_secret;
mod crds;
mod plane;
