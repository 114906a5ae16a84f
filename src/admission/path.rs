//! Field paths as Kubernetes writes them: `spec.ingress.hosts[0]`, `spec.configOptions[a.b]`.

use serde_json::Value;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A field of an object, or a key of a map.
    Key(&'a str),
    /// An element of a list, or a key of a map that looks like a number.
    Index(&'a str, usize),
}

/// The steps of `path`.
pub fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').unwrap_or(inner.len());
            let key = &inner[..end];
            rest = inner.get(end + 1..).unwrap_or("");
            return Some(key.parse().map_or(Step::Key(key), |index| Step::Index(key, index)));
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let key = &rest[..end];
        rest = &rest[end..];
        Some(Step::Key(key))
    })
}

/// The value at `path` below `root`; `None` when there is none.
pub fn get<'v>(root: &'v Value, path: &str) -> Option<&'v Value> {
    steps(path).try_fold(root, |value, step| match (value, step) {
        (Value::Object(map), Step::Key(key) | Step::Index(key, _)) => map.get(key),
        (Value::Array(list), Step::Index(_, index)) => list.get(index),
        _ => None,
    })
}

/// Whether one of both is the other, or within it.
pub fn overlap(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_their_values() {
        let root = json!({"spec": {"hosts": ["a", {"b": 1}], "configOptions": {"a.b": "x", "7": "y"}}});
        for (path, found) in [
            ("spec.hosts[0]", Some(json!("a"))),
            ("spec.hosts[1].b", Some(json!(1))),
            ("spec.hosts[2]", None),
            ("spec.configOptions[a.b]", Some(json!("x"))),
            ("spec.configOptions[7]", Some(json!("y"))),
            ("spec.nothing.here", None),
        ] {
            assert_eq!(get(&root, path), found.as_ref(), "{path}");
        }
    }

    #[test]
    fn a_path_overlaps_what_is_within_it() {
        assert!(overlap("spec.ingress", "spec.ingress.hosts[0]"));
        assert!(overlap("spec.hosts[0]", "spec.hosts"));
        assert!(!overlap("spec.host", "spec.hosts"));
    }
}
