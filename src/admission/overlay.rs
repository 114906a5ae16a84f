//! A typed change laid on raw JSON: fields that the types do not know stay where they are.

use serde_json::{Map, Value};

/// Lays the difference between `before` and `after` on `raw`, of which `before` is what the types understood.
///
/// Objects are entered, and arrays of equal length; everything else that differs is replaced as a whole. A parent that
/// `raw` lacks comes from `after`.
pub fn overlay(raw: &mut Value, before: &Value, after: &Value) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            if !raw.is_object() {
                *raw = Value::Object(Map::new());
            }
            let Value::Object(raw) = raw else { return };
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                raw.remove(key);
            }
            for (key, new) in after {
                match (before.get(key), raw.get_mut(key)) {
                    (Some(old), Some(raw)) => overlay(raw, old, new),
                    (Some(old), None) if old == new => {}
                    _ => {
                        raw.insert(key.clone(), new.clone());
                    }
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => match raw {
            Value::Array(raw) if raw.len() == before.len() => {
                for ((raw, old), new) in raw.iter_mut().zip(before).zip(after) {
                    overlay(raw, old, new);
                }
            }
            _ => *raw = Value::Array(after.clone()),
        },
        _ => *raw = after.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_stay() {
        let mut raw = json!({"future": 1, "hosts": [{"name": "a", "futureHost": true}]});
        let before = json!({"hosts": [{"name": "a"}]});
        let after = json!({"hosts": [{"name": "a", "port": 80}], "database": {"cluster": "main"}});
        overlay(&mut raw, &before, &after);
        assert_eq!(
            raw,
            json!({"future": 1, "hosts": [{"name": "a", "futureHost": true, "port": 80}],
                   "database": {"cluster": "main"}})
        );
    }

    #[test]
    fn a_null_that_the_types_read_as_absent_is_filled() {
        let mut raw = json!({"image": null, "filestore": null});
        overlay(&mut raw, &json!({}), &json!({"image": "odoo:18.0", "filestore": {"storageSize": "2Gi"}}));
        assert_eq!(raw, json!({"image": "odoo:18.0", "filestore": {"storageSize": "2Gi"}}));
    }

    #[test]
    fn what_the_change_removed_goes() {
        let mut raw = json!({"a": 1, "b": {"c": 2, "unknown": 3}});
        overlay(&mut raw, &json!({"a": 1, "b": {"c": 2}}), &json!({"b": {}}));
        assert_eq!(raw, json!({"b": {"unknown": 3}}));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i8>().prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn with_nothing_unknown_the_result_is_the_change(before in json_value(), after in json_value()) {
            let mut raw = before.clone();
            overlay(&mut raw, &before, &after);
            prop_assert_eq!(raw, after);
        }

        #[test]
        fn the_patch_always_applies(raw in json_value(), before in json_value(), after in json_value()) {
            let mut overlaid = raw.clone();
            overlay(&mut overlaid, &before, &after);
            let patch = json_patch::diff(&raw, &overlaid);
            let mut patched = raw;
            json_patch::patch(&mut patched, &patch).expect("a difference applies to what it was taken from");
            prop_assert_eq!(patched, overlaid);
        }
    }
}
