//! Rule 2: quantities.

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
    for (name, Quantity(request)) in resources.requests.iter().flatten() {
        let limit = resources.limits.as_ref().and_then(|limits| limits.get(name));
        if let Some(nanos) = read(path, "requests", name, request, findings)
            && let Some(Quantity(limit)) = limit
            && legal(limit).is_ok_and(|most| nanos > most)
        {
            let message =
                format!("{} is more than the limit {}; lower it or raise the limit", quoted(request), quoted(limit));
            findings.invalid(format!("{path}.requests[{name}]"), message);
        }
    }
    for (name, Quantity(limit)) in resources.limits.iter().flatten() {
        read(path, "limits", name, limit, findings);
    }
}

fn read(path: &str, list: &str, name: &str, quantity: &str, findings: &mut Findings) -> Option<i128> {
    let legal = legal(quantity);
    if let Err(wrong) = legal {
        findings.invalid(format!("{path}.{list}[{name}]"), format!("{} {wrong}", quoted(quantity)));
    }
    legal.ok()
}

/// Its value in billionths, or what is wrong.
fn legal(quantity: &str) -> Result<i128, &'static str> {
    match nanos(quantity) {
        None => Err(HINT),
        Some(nanos) if nanos < 0 => Err("is negative; write 0 or more"),
        Some(nanos) => Ok(nanos),
    }
}
