//! What an update changes, found without reading either side: the API server writes both alike, and most of both is the
//! same.

use std::borrow::Cow;

use crate::conversion::cursor::Cursor;

/// A member whose text is not the same in both objects.
#[derive(Debug, PartialEq)]
pub(super) struct Member<'a> {
    pub name: Cow<'a, str>,
    /// Its text in the old one.
    pub before: &'a str,
    /// And in the new one.
    pub after: &'a str,
}

/// The members whose text is not the same in both objects. `None` when the one has other members than the other, or has
/// them in another order, or one of both is no object.
pub(super) fn differing<'a>(new: &'a str, old: &'a str) -> Option<Vec<Member<'a>>> {
    let mut members = Vec::new();
    let mut alike = true;
    // Up to where both were compared.
    let (mut new_at, mut old_at) = (0, 0);
    let is_object = Cursor::new(new).object(|name, json| {
        let value = json.at();
        let after = json.value()?;
        if !alike {
            return Ok(());
        }
        let rest = old.as_bytes().get(old_at..).unwrap_or_default();
        // With the byte behind it, without which a number would be the same as a longer one.
        if new.as_bytes().get(new_at..=json.at()).is_some_and(|member| rest.starts_with(member)) {
            old_at += json.at() - new_at;
        } else if rest.starts_with(&new.as_bytes()[new_at..value]) {
            let mut beside = Cursor::resume(old, old_at + value - new_at);
            let before = beside.value()?;
            old_at = beside.at();
            members.push(Member { name, before, after });
        } else {
            alike = false;
        }
        new_at = json.at();
        Ok(())
    });
    let ends_alike = || new.as_bytes().get(new_at..) == old.as_bytes().get(old_at..);
    (is_object == Ok(true) && alike && ends_alike()).then_some(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::{Member, differing};

    fn object() -> impl Strategy<Value = Map<String, Value>> {
        let value = prop_oneof![
            (0..120_u32).prop_map(Value::from),
            "[a\"{}\\\\,: é]{0,4}".prop_map(Value::from),
            Just(json!({"a": [1, {}]})),
            Just(json!([])),
            Just(Value::Null),
        ];
        prop::collection::btree_map("[a-d\"\\\\]{1,2}", value, 0..6).prop_map(|map| map.into_iter().collect())
    }

    fn text(object: &Map<String, Value>, pretty: bool) -> String {
        if pretty { serde_json::to_string_pretty(object) } else { serde_json::to_string(object) }.unwrap()
    }

    proptest! {
        #[test]
        fn what_differs_is_what_differs_once_it_is_read(new in object(), mut old in object(), like: bool, pretty: bool) {
            if like {
                old = new.iter().map(|(name, value)| (name.clone(), old.get(name).unwrap_or(value).clone())).collect();
            }
            let (new_text, old_text) = (text(&new, pretty), text(&old, pretty));
            let found = differing(&new_text, &old_text);
            if new.keys().eq(old.keys()) {
                let read = |text| serde_json::from_str::<Value>(text).unwrap();
                let found: Vec<_> = found
                    .unwrap()
                    .into_iter()
                    .map(|Member { name, before, after }| (name.into_owned(), read(before), read(after)))
                    .collect();
                let all = old.into_iter().zip(new).map(|((name, before), (_, after))| (name, before, after));
                let wanted: Vec<_> = all.filter(|(_, before, after)| before != after).collect();
                prop_assert_eq!(found, wanted);
            } else {
                prop_assert_eq!(found, None);
            }
        }
    }

    #[test]
    fn a_number_is_not_the_beginning_of_another() {
        let a = || Some(vec![Member { name: "a".into(), before: "25", after: "2" }]);
        assert_eq!(differing(r#"{"a":2,"b":1}"#, r#"{"a":25,"b":1}"#), a());
        assert_eq!(differing(r#"{"a":2}"#, r#"{"a":25}"#), a());
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_said_to_be_the_same() {
        for (new, old) in [
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
            (r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
            ("{}", r#"{"a":1}"#),
            ("null", "null"),
            ("[]", "[]"),
            (r#"{"a":1"#, r#"{"a":1"#),
            (r#"{"a":1}"#, r#"{"a":"#),
        ] {
            assert_eq!(differing(new, old), None, "{new} {old}");
        }
    }
}
