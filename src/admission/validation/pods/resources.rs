//! Requests and limits of a container.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::admission::syntax::is_qualified;
use crate::admission::violation::{Findings, quoted};
use crate::api::quantity::{is_less, nanos};

const PAGES: &str = "hugepages-";

/// What is there, and what goes with what. (Rule 2 has judged quantities by themselves, and requests above limits.)
pub(super) fn judge(path: &str, resources: &ResourceRequirements, findings: &mut Findings) {
    let (mut pages, mut computes) = (false, false);
    for (list, quantities) in [("requests", &resources.requests), ("limits", &resources.limits)] {
        for (name, Quantity(quantity)) in quantities.iter().flatten() {
            let path = || format!("{path}.{list}[{name}]");
            computes |= matches!(name.as_str(), "cpu" | "memory");
            if !is_known(name) {
                let hint =
                    "is no resource of a container; write cpu, memory, ephemeral-storage, or one like example.com/gpu";
                findings.not_supported(path(), format!("{} {hint}", quoted(name)));
            } else if let Some(size) = name.strip_prefix(PAGES) {
                pages = true;
                if !is_of_pages(quantity, size) {
                    let message =
                        format!("{} is no multiple of the size of a page, {}", quoted(quantity), quoted(size));
                    findings.invalid(path(), message);
                }
            } else if is_extended(name) && !is_whole(quantity) {
                findings.invalid(path(), format!("{} is no whole number; write one such as 1", quoted(quantity)));
            }
        }
    }
    for (name, Quantity(request)) in resources.requests.iter().flatten() {
        if !is_known(name) || !(is_extended(name) || name.starts_with(PAGES)) {
            continue;
        }
        match resources.limits.as_ref().and_then(|limits| limits.get(name)) {
            None => {
                let message = format!("must be {}, as requested: {name} cannot be overcommitted", quoted(request));
                findings.required(format!("{path}.limits[{name}]"), message);
            }
            Some(Quantity(limit)) if is_less(request, limit) => {
                let message = format!("must be {}, the limit: {name} cannot be overcommitted", quoted(limit));
                findings.invalid(format!("{path}.requests[{name}]"), message);
            }
            Some(_) => {}
        }
    }
    if pages && !computes {
        findings.forbidden(path, "must have cpu or memory beside hugepages; set one of them");
    }
    if resources.claims.as_ref().is_some_and(|claims| !claims.is_empty()) {
        findings
            .forbidden(format!("{path}.claims"), "needs resource claims of the pod, which it does not have; remove it");
    }
}

fn is_known(name: &str) -> bool {
    match name {
        "cpu" | "memory" | "ephemeral-storage" => true,
        _ if name.starts_with(PAGES) => is_qualified(name),
        // A quota puts `requests.` before the name, and the whole has to be a name still.
        _ => name.find('/').is_some_and(|prefix| {
            is_qualified(name) && (!is_extended(name) || (!name.starts_with("requests.") && prefix <= 244))
        }),
    }
}

/// Whether somebody else than Kubernetes counts it: like a device, it is not shared.
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// What cannot be read, or is negative, is rule 2's.
fn is_whole(quantity: &str) -> bool {
    nanos(quantity).is_none_or(|nanos| nanos < 0 || is_whole_nanos(nanos))
}

fn is_of_pages(quantity: &str, size: &str) -> bool {
    let units = |nanos| rounded_up(nanos, 1_000_000_000);
    nanos(size)
        .filter(|size| *size > 0 && is_whole_nanos(*size))
        .is_some_and(|size| nanos(quantity).is_none_or(|quantity| quantity < 0 || units(quantity) % units(size) == 0))
}

/// As Kubernetes counts: after rounding up to thousandths.
fn is_whole_nanos(nanos: i128) -> bool {
    rounded_up(nanos, 1_000_000) % 1000 == 0
}

/// In units of `unit` billionths.
fn rounded_up(nanos: i128, unit: i128) -> i128 {
    nanos / unit + i128::from(nanos % unit != 0)
}
