//! The forms of names that Kubernetes has (apimachinery/pkg/util/validation).

/// A label of RFC 1123 in lower case, at most 63 bytes: the name of a namespace.
pub fn is_label(name: &str) -> bool {
    name.len() <= 63 && !name.contains('.') && is_subdomain(name)
}

/// Labels with dots between, at most 253 bytes: the name of most objects.
pub fn is_subdomain(name: &str) -> bool {
    let mut before = b'.';
    for byte in name.bytes() {
        let is_legal = match byte {
            b'a'..=b'z' | b'0'..=b'9' => true,
            b'-' => before != b'.',
            b'.' => before != b'.' && before != b'-',
            _ => false,
        };
        if !is_legal {
            return false;
        }
        before = byte;
    }
    name.len() <= 253 && before != b'.' && before != b'-'
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

/// A key of what a Secret or a ConfigMap holds: it may be the name of a file.
pub fn is_data_key(key: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=253).contains(&key.len()) && key != "." && !key.starts_with("..") && key.bytes().all(is_legal)
}

/// The name of an environment variable: Kubernetes 1.32 and later take every printable character of ASCII but `=`.
pub fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}

fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 63 && end(bytes.first()) && end(bytes.last()) && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_objects() {
        for good in ["a", "0", "a-b", "a.b", "a1.b-2.c", &"a".repeat(253)] {
            assert!(is_subdomain(good), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "A", "a_b", "a b", "é", &"a".repeat(254)]
        {
            assert!(!is_subdomain(bad), "{bad}");
        }
        assert!(is_label("eu-1") && !is_label("eu.1") && !is_label(&"a".repeat(64)) && !is_label(""));
    }

    #[test]
    fn keys_of_what_objects_hold() {
        for good in ["a", "A.b-c_d", ".a", "-", "_", "a..b", &"a".repeat(253)] {
            assert!(is_data_key(good), "{good}");
        }
        for bad in ["", ".", "..", "..a", "a b", "a/b", "é", &"a".repeat(254)] {
            assert!(!is_data_key(bad), "{bad}");
        }
    }
}
