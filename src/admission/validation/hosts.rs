//! Rule 1: host names.

use std::collections::BTreeSet;

use super::Case;
use crate::admission::syntax::is_subdomain;
use crate::admission::violation::{Findings, quoted};
use crate::api::v1::OdooInstanceSpec;

/// Each host is a legal DNS name and no other instance's.
pub(super) fn names(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    let mut seen = BTreeSet::new();
    for (index, host) in spec.ingress.hosts.iter().enumerate() {
        let path = || format!("spec.ingress.hosts[{index}]");
        if let Err(problem) = check(host) {
            findings.invalid(path(), format!("{} {problem}", quoted(host)));
        } else if seen.insert(host)
            && let Some(owner) = case.ctx.lookup.host_owner(host).filter(|owner| !case.is_self(owner))
        {
            let whose = case.called(&owner);
            findings.duplicate(path(), format!("{} belongs to {whose}; choose another name", quoted(host)));
        }
    }
}

/// At least one host, none twice, and the first one a full name: it is the instance's URL.
pub(super) fn list(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    let hosts = &spec.ingress.hosts;
    if hosts.is_empty() {
        findings.required("spec.ingress.hosts", "name at least one host, such as shop.example.com");
    }
    let mut seen = BTreeSet::new();
    for (index, host) in hosts.iter().enumerate().filter(|(_, host)| check(host).is_ok()) {
        let path = || format!("spec.ingress.hosts[{index}]");
        let is_there = !seen.insert(host);
        if index == 0 && is_wildcard(host) {
            let problem = "is a wildcard, and the first host is the instance's URL; put a full name first";
            findings.invalid(path(), format!("{} {problem}", quoted(host)));
        } else if is_there {
            findings.duplicate(path(), format!("{} is there twice; remove one", quoted(host)));
        }
    }
}

/// Each host once, full names first.
pub(super) fn tidy(spec: &mut OdooInstanceSpec) {
    let mut seen = BTreeSet::new();
    spec.ingress.hosts.retain(|host| seen.insert(host.clone()));
    spec.ingress.hosts.sort_by_key(|host| is_wildcard(host));
}

fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// Whether a name can be a host of an Ingress: a lower-case DNS name, its first label possibly `*`.
fn check(host: &str) -> Result<(), String> {
    let name = host.strip_prefix("*.").unwrap_or(host);
    // What nearly all are; an address has no letter that a name could have.
    if name.len() <= 63 && is_subdomain(name) && name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Ok(());
    }
    if host.is_empty() {
        return Err("is empty; write a DNS name such as shop.example.com".to_owned());
    }
    if host.contains("://") || host.contains('/') {
        return Err("is a URL or has a path; write the host name alone".to_owned());
    }
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Err("is an address; write a DNS name".to_owned());
    }
    if let Some((name, port)) = host.rsplit_once(':')
        && !name.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err("has a port; write the host name alone".to_owned());
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("has capitals; write {}", quoted(&host.to_ascii_lowercase())));
    }
    if host.len() > 253 {
        return Err("has more than 253 characters, the limit of DNS; write a shorter name".to_owned());
    }
    for label in name.split('.') {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        if ends.into_iter().any(|byte| !byte.is_some_and(u8::is_ascii_alphanumeric)) {
            return Err(format!("is no DNS name: label {} must begin and end with a letter or digit", quoted(label)));
        }
        if label.len() > 63 {
            return Err("has more than 63 characters between two dots, the limit of DNS; shorten it".to_owned());
        }
        if let Some(bad) = label.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
            let bad = quoted(&bad.to_string());
            return Err(format!("is no DNS name: {bad} is not allowed, only a-z, 0-9, - and ."));
        }
    }
    Ok(())
}
