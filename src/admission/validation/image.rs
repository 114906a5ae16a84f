//! Rule 15: the container image.

use super::Case;
use crate::admission::violation::{Findings, quoted};

/// The image is a reference that a kubelet can read.
pub(super) fn judge(case: &Case<'_>, findings: &mut Findings) {
    let Some((spec, _)) = case.instance() else { return };
    if let Some(image) = &spec.image
        && let Err(problem) = check(image)
    {
        findings.invalid("spec.image", format!("{} {problem}", quoted(image)));
    }
}

/// The grammar of the distribution project: `[registry[:port]/]path[:tag][@digest]`.
fn check(image: &str) -> Result<(), String> {
    let example = "write it like registry.example.com/odoo:18.0";
    if image.is_empty() {
        return Err(format!("is empty; {example}"));
    }
    if image.chars().any(char::is_whitespace) {
        return Err("has white space; remove it".to_owned());
    }
    if image.contains("://") {
        return Err("has a scheme; write it without".to_owned());
    }
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
        if digest.contains(['/', '.']) {
            return Err("has a user before the registry; put user and password into imagePullSecret".to_owned());
        }
        return Err("has no legal digest after @; write sha256: and 64 hexadecimal digits".to_owned());
    }
    // A colon after the last slash begins the tag; one before it, the registry's port.
    let slash = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[slash..].rfind(':') {
        Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
        None => (rest, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("has no legal tag after the colon: letters, digits, _ . -, at most 128".to_owned());
    }
    if name.is_empty() || name.len() > 255 {
        return Err(format!("has no legal name; {example}"));
    }
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" || has_capitals(first) => {
            (Some(first), path)
        }
        _ => (None, name),
    };
    if registry.is_some_and(|registry| !is_registry(registry)) {
        return Err(format!("has no legal registry before the first /; {example}"));
    }
    if has_capitals(path) {
        return Err("has capitals in its path; registries know lower case only".to_owned());
    }
    if !path.split('/').all(is_component) {
        return Err(format!("has no legal path; {example}"));
    }
    Ok(())
}

fn has_capitals(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        let legal = algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+._-".contains(&byte));
        let length = match algorithm {
            "sha256" => hex.len() == 64,
            "sha512" => hex.len() == 128,
            _ => hex.len() >= 32,
        };
        !algorithm.is_empty() && legal && length && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

fn is_registry(registry: &str) -> bool {
    if let Some(rest) = registry.strip_prefix('[') {
        let (address, port) = rest.split_once(']').unwrap_or((rest, "x"));
        return address.parse::<std::net::Ipv6Addr>().is_ok()
            && port.strip_prefix(':').map_or(port.is_empty(), is_port);
    }
    let (host, port) = registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
    port.is_none_or(is_port)
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// Lower-case letters and digits, with one `.`, one or two `_`, or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().is_some_and(|byte| plain(*byte)) || !bytes.last().is_some_and(|byte| plain(*byte)) {
        return false;
    }
    bytes
        .split(|byte| plain(*byte))
        .all(|between| matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn references_that_registries_know_are_legal() {
        let digest = format!("odoo@sha256:{}", "a".repeat(64));
        for image in [
            "odoo",
            "odoo:18.0",
            "odoo:18",
            "library/odoo",
            "registry.example.com/team/odoo:18.0-20260101",
            "registry.example.com:5000/odoo",
            "localhost/odoo",
            "localhost:5000/odoo:latest",
            "10.0.0.1:5000/odoo",
            "[2001:db8::1]:5000/odoo",
            "REGISTRY.example.com/odoo",
            "ghcr.io/a__b/c-d--e.f_g:V1",
            &digest,
            &format!("odoo:18.0{}", &digest[4..]),
        ] {
            assert_eq!(check(image), Ok(()), "{image}");
        }
    }

    #[test]
    fn others_are_refused() {
        for image in [
            "",
            " odoo",
            "odoo:",
            "odoo:18 0",
            "Odoo",
            "odoo/",
            "/odoo",
            "odoo::18",
            "https://example.com/odoo",
            "example.com/Odoo",
            "odoo@sha256:abc",
            "odoo@",
            "a..b/c",
            "a___b",
            "-odoo",
            "odoo-",
            "example.com:x/odoo",
            "example.com:99999/odoo",
            "odoo:-1",
            "odoo\n",
            "ödoo",
            "a//b",
        ] {
            assert!(check(image).is_err(), "{image:?}");
        }
        assert!(check(&format!("odoo:{}", "a".repeat(129))).is_err());
        assert!(check(&"a".repeat(256)).is_err());
    }
}
