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
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut cost = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[other.len()]
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

    #[test]
    fn distances_are_those_of_the_textbook() {
        for (one, other, steps) in [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1), ("abc", "abc", 0)] {
            assert_eq!(distance(one, other), steps, "{one} {other}");
        }
    }
}
