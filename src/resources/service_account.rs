//! The identity of an instance's pods.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::{Inputs, meta, names};

/// `<name>-odoo`: an identity of its own without any right. No token is mounted: Odoo does not talk to the API server.
pub fn pods(inputs: &Inputs<'_>) -> ServiceAccount {
    ServiceAccount {
        metadata: meta::owned(inputs, names::service_account(inputs.name()), "config"),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
