//! The forms of names that Kubernetes has (apimachinery/pkg/util/validation).

/// A label of RFC 1123 in lower case, at most 63 bytes: the name of a namespace.
pub fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

/// Labels with dots between, at most 253 bytes: the name of most objects.
pub fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_part)
}

fn is_part(label: &str) -> bool {
    let bytes = label.as_bytes();
    let end = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    end(bytes.first()) && end(bytes.last()) && bytes.iter().all(inner)
}

/// A key of a label or a taint, of an annotation in lower case, or the name of a resource: possibly with a prefix.
pub fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_plain(name),
        None => is_plain(key),
    }
}

/// The value of a label.
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_plain(value)
}

fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 63 && end(bytes.first()) && end(bytes.last()) && bytes.iter().all(inner)
}
