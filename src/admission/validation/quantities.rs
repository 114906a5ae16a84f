//! Rule 2: quantities.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::Case;
use crate::admission::violation::{Findings, quoted};
use crate::api::quantity::nanos;

const HINT: &str = "is no quantity; write a number with a suffix, such as 500m, 2, 1.5Gi or 10G";

/// Every quantity can be read and is not negative; no request is more than its limit.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    if let Some(resources) = &spec.resources {
        requirements("spec.resources", resources, findings);
    }
    if let Some(resources) = spec.cron.as_ref().and_then(|cron| cron.resources.as_ref()) {
        requirements("spec.cron.resources", resources, findings);
    }
    if let Some(size) = spec.filestore.as_ref().and_then(|filestore| filestore.storage_size.as_ref()) {
        let path = "spec.filestore.storageSize";
        match nanos(size) {
            None => findings.invalid(path, format!("{} {HINT}", quoted(size))),
            Some(nanos) if nanos <= 0 => {
                findings.invalid(path, format!("{} is no size; it must be more than 0", quoted(size)));
            }
            Some(_) => {}
        }
    }
}

fn requirements(path: &str, resources: &ResourceRequirements, findings: &mut Findings) {
    let requests = read(&format!("{path}.requests"), resources.requests.as_ref(), findings);
    let limits = read(&format!("{path}.limits"), resources.limits.as_ref(), findings);
    for (name, (nanos, request)) in requests {
        if let Some((most, limit)) = limits.get(name)
            && nanos > *most
        {
            let message =
                format!("{} is more than the limit {}; lower it or raise the limit", quoted(request), quoted(limit));
            findings.invalid(format!("{path}.requests[{name}]"), message);
        }
    }
}

type Read<'a> = BTreeMap<&'a str, (i128, &'a str)>;

fn read<'a>(path: &str, quantities: Option<&'a BTreeMap<String, Quantity>>, findings: &mut Findings) -> Read<'a> {
    let mut read = Read::new();
    for (name, Quantity(quantity)) in quantities.into_iter().flatten() {
        match nanos(quantity) {
            None => findings.invalid(format!("{path}[{name}]"), format!("{} {HINT}", quoted(quantity))),
            Some(nanos) if nanos < 0 => {
                findings
                    .invalid(format!("{path}[{name}]"), format!("{} is negative; write 0 or more", quoted(quantity)));
            }
            Some(nanos) => {
                read.insert(name, (nanos, quantity));
            }
        }
    }
    read
}
