//! The field that a misspelt one was meant to be.

/// The candidate that is most like `name`, if any is alike enough to be worth naming.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Names of a body of 16 MiB must not cost more than a look.
    if name.len() > 64 {
        return None;
    }
    let lower = name.to_lowercase();
    let limit = (lower.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found_and_nothing_is_made_up() {
        let fields = ["replicas", "image", "imagePullSecret", "ingress"];
        for (written, meant) in [
            ("replcias", Some("replicas")),
            ("replica", Some("replicas")),
            ("Image", Some("image")),
            ("imagepullsecret", Some("imagePullSecret")),
            ("ingres", Some("ingress")),
            ("banana", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, fields.into_iter()), meant, "{written}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), fields.into_iter()), None);
    }
}
