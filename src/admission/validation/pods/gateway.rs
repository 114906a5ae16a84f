//! The Gateway that an HTTPRoute is attached to, as the Gateway API's own schema asks for it.

use crate::admission::syntax::{is_label, is_subdomain};
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::Ingress;

/// How many names an HTTPRoute takes.
const HOSTS: usize = 16;

/// Names of the Gateway and its parts, and how many hosts there are.
pub(super) fn judge(ingress: &Ingress, findings: &mut Findings) {
    const PATH: &str = "spec.ingress.gatewayRef";
    let Some(gateway) = &ingress.gateway_ref else { return };
    if gateway.name.is_empty() || gateway.name.chars().count() > 253 {
        let message = format!("{} is no name of a Gateway; write 1 to 253 characters", quoted(&gateway.name));
        findings.invalid(format!("{PATH}.name"), message);
    }
    if !is_label(&gateway.namespace) {
        let hint = "is no name of a namespace; write lower-case letters, digits and -";
        findings.invalid(format!("{PATH}.namespace"), format!("{} {hint}", quoted(&gateway.namespace)));
    }
    if let Some(section) = gateway.section_name.as_ref().filter(|section| !is_subdomain(section)) {
        let hint = "is no name of a listener; write lower-case letters, digits, - and ., or remove it";
        findings.invalid(format!("{PATH}.sectionName"), format!("{} {hint}", quoted(section)));
    }
    if ingress.hosts.len() > HOSTS {
        let message = format!(
            "are {}, and an HTTPRoute takes {HOSTS}; use a wildcard, a second instance, or an Ingress",
            ingress.hosts.len()
        );
        findings.invalid("spec.ingress.hosts", message);
    }
}
