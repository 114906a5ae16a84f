use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use fearless_simd::Level;

use super::{Broken, Cursor, container, quoted};

/// Text in which everything that a scanner stumbles over is frequent, at all distances from a block's end.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z ]{0,40}",
        1 => prop::sample::select(vec!["\"", "\\", "\\\\", "\\\"", "{", "}", "[", "]", ",", ":", "\u{1}", "é", "😀"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn members(json: &str) -> Result<Option<BTreeMap<String, &str>>, Broken> {
    let mut members = BTreeMap::new();
    let mut cursor = Cursor::new(json);
    let is_object = cursor.object(|name, cursor| {
        members.insert(name.into_owned(), cursor.value()?);
        Ok(())
    })?;
    assert!(cursor.is_at_end());
    Ok(is_object.then_some(members))
}

proptest! {
    #[test]
    fn every_processor_finds_the_same(text in text()) {
        let string = format!("\"{text}");
        prop_assert_eq!(quoted(Level::new(), string.as_bytes()), quoted(Level::baseline(), string.as_bytes()));
        let object = format!("{{{text}");
        prop_assert_eq!(container(Level::new(), object.as_bytes()), container(Level::baseline(), object.as_bytes()));
    }

    #[test]
    fn what_is_found_is_what_a_parser_finds(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let padded = format!(" \n{text}\t");
        let mut cursor = Cursor::new(&padded);
        let before = cursor.clone();
        prop_assert_eq!(cursor.value(), Ok(&*text));
        prop_assert_eq!(before.until(&cursor), &text);
        prop_assert!(cursor.is_at_end());

        let mut elements = Vec::new();
        let is_list = Cursor::new(&text).list(|cursor| {
            elements.push(cursor.value()?);
            Ok(())
        });
        let wanted: Option<Vec<&RawValue>> = serde_json::from_str(&text).ok();
        prop_assert_eq!(is_list, Ok(wanted.is_some()));
        prop_assert_eq!(elements, wanted.iter().flatten().map(|value| value.get()).collect::<Vec<_>>());

        let found = members(&text).unwrap();
        let wanted: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(&text).ok().filter(|_| value.is_object());
        let wanted = wanted.map(|map| map.into_iter().map(|(name, value)| (name, value.get())).collect());
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn a_value_that_is_known_ends_where_it_would_otherwise(value in json(), known in json(), same: bool, tail: bool) {
        let known = if same { value.to_string() } else { known.to_string() };
        let text = format!(" {value}{}", if tail { ",[1]" } else { "" });
        let (mut found, mut wanted) = (Cursor::new(&text), Cursor::new(&text));
        prop_assert_eq!(found.value_like(["", &*known]), wanted.value());
        prop_assert_eq!(found.at(), wanted.at());
    }

    #[test]
    fn half_a_value_is_broken(value in json(), share in 0.0..1.0) {
        let text = Value::from(vec![value]).to_string();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "short")]
        let most = (text.len() as f64 * share) as usize;
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap();
        prop_assert!(Cursor::new(&text[..end]).value().is_err());
    }

    #[test]
    fn anything_ends(text in "[{}\\[\\]\",:\\\\a1 é]{0,200}") {
        let _ = Cursor::new(&text).value();
        let _ = Cursor::new(&text).object(|_, cursor| cursor.value().map(drop));
        let _ = Cursor::new(&text).list(|cursor| cursor.value().map(drop));
    }
}

#[test]
fn a_deep_value_takes_no_stack() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(Cursor::new(&deep).value(), Ok(&*deep));
}

#[test]
fn what_is_no_object_is_stepped_over() {
    for text in ["null", "5", "\"{}\"", "[{}]", "true"] {
        assert_eq!(members(text), Ok(None), "{text}");
    }
    for text in ["", "{", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{1:2}", "{\"a\":1]"] {
        assert!(members(text).is_err(), "{text}");
    }
}
