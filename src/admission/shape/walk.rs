//! The walk over one value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::compile::{Node, Unique};
use super::nearest::nearest;
use crate::admission::violation::{Reason, Violation, quoted, quoted_name};

/// What was found so far.
pub(super) struct Walk {
    /// Whether fields that the schema does not have are reported.
    pub refuse_unknown: bool,
    /// Whether what must not be there twice is taken out.
    pub drop_twice: bool,
    /// What does not fit.
    pub found: Vec<Violation>,
}

impl Walk {
    /// Checks `value` and what is in it. False when it does not fit and has to be taken out; what is in it does fit
    /// afterwards.
    ///
    /// `v1alpha1` is that version's schema at the same path: conversion leaves in place what it cannot place, so
    /// fields that only v1alpha1 has may be there, and are then judged by its schema.
    pub fn node(&mut self, v1: &Node, v1alpha1: Option<&Node>, value: &mut Value, path: &str) -> bool {
        match (v1, value) {
            (Node::Any, _)
            | (Node::Boolean, Value::Bool(_))
            | (Node::Number, Value::Number(_))
            | (Node::IntegerOrText { .. }, Value::String(_)) => true,
            (Node::IntegerOrText { max }, Value::Number(number)) if number.as_i128().is_some() => {
                self.integer(None, *max, number, path)
            }
            (Node::Text { one_of, min_length }, Value::String(text)) => self.text(one_of, *min_length, text, path),
            (Node::Integer { min, max }, Value::Number(number)) => self.integer(*min, *max, number, path),
            (Node::Map(values), Value::Object(map)) => {
                map.retain(|key, value| self.node(values, None, value, &format!("{path}[{key}]")));
                true
            }
            (Node::List { items, unique }, Value::Array(list)) => {
                let v1alpha1 = match v1alpha1 {
                    Some(Node::List { items, .. }) => Some(&**items),
                    _ => None,
                };
                for (index, item) in list.iter_mut().enumerate() {
                    // It keeps its place: paths of the others count from it.
                    if !self.node(items, v1alpha1, item, &format!("{path}[{index}]")) {
                        *item = items.placeholder();
                    }
                }
                self.twice(unique, list, path);
                true
            }
            (Node::Object { fields, required }, Value::Object(map)) => {
                // null is absence.
                map.retain(|_, value| !value.is_null());
                map.retain(|key, value| {
                    let older = match v1alpha1 {
                        Some(Node::Object { fields, .. }) => fields.get(key),
                        _ => None,
                    };
                    let path = format!("{path}.{key}");
                    match (fields.get(key), older) {
                        (Some(field), older) => self.node(field, older, value, &path),
                        (None, Some(older)) => self.left(older, value, &path),
                        (None, None) => self.unknown(fields, v1alpha1, key, &path),
                    }
                });
                for name in required.iter().filter(|name| !name.is_empty()) {
                    if let Some(field) = fields.get(name) {
                        self.required(map, name, field, path);
                    }
                }
                true
            }
            (_, other) => {
                let message = format!("must be {}, not {}", v1.wanted(), type_of(other));
                self.wrong(Reason::TypeInvalid, path, message)
            }
        }
    }

    fn wrong(&mut self, reason: Reason, path: &str, message: String) -> bool {
        Violation { path: path.to_owned(), reason, message }.tell(&mut self.found);
        false
    }

    fn text(&mut self, one_of: &[String], min_length: i64, text: &str, path: &str) -> bool {
        if !one_of.is_empty() && !one_of.iter().any(|legal| legal == text) {
            if Violation::is_enough(&self.found) {
                return false;
            }
            let hint = nearest(text, one_of.iter().map(String::as_str));
            let hint = hint.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            let message = format!("{} is none of {}{hint}", quoted(text), one_of.join(", "));
            return self.wrong(Reason::NotSupported, path, message);
        }
        if min_length > 0 && text.is_empty() {
            return self.wrong(Reason::Invalid, path, "must not be empty; leave it out instead".to_owned());
        }
        true
    }

    fn integer(&mut self, min: Option<i64>, max: Option<i64>, number: &serde_json::Number, path: &str) -> bool {
        let Some(whole) = number.as_i128() else {
            return self.wrong(Reason::TypeInvalid, path, format!("must be an integer, not {number}"));
        };
        if let Some(min) = min.filter(|min| whole < i128::from(*min)) {
            return self.wrong(Reason::Invalid, path, format!("{whole} is too small; at least {min}"));
        }
        if let Some(max) = max.filter(|max| whole > i128::from(*max)) {
            return self.wrong(Reason::Invalid, path, format!("{whole} is too large; at most {max}"));
        }
        true
    }

    fn unknown(&mut self, fields: &Fields, v1alpha1: Option<&Node>, key: &str, path: &str) -> bool {
        if self.refuse_unknown && !Violation::is_enough(&self.found) {
            let older = match v1alpha1 {
                Some(Node::Object { fields, .. }) => Some(fields),
                _ => None,
            };
            // The words of the version that was sent come first.
            let known = older.into_iter().chain([fields]).flat_map(|fields| fields.keys());
            let hint = nearest(key, known.map(String::as_str));
            let hint = hint.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            self.wrong(Reason::Invalid, path, format!("there is no field {}{hint}", quoted(key)));
        }
        true
    }

    /// What conversion left at its v1alpha1 path. If nothing is wrong with it, its place in v1 was taken, and the API
    /// server would drop it without a word.
    fn left(&mut self, older: &Node, value: &mut Value, path: &str) -> bool {
        let before = self.found.len();
        let kept = self.node(older, Some(older), value, path);
        let is_empty = value.as_object().is_some_and(Map::is_empty);
        if !kept || is_empty || self.found.len() > before || !self.refuse_unknown {
            return kept;
        }
        let message = "is given by the field that v1 has for it, too; remove one of both".to_owned();
        self.wrong(Reason::Duplicate, path, message)
    }

    fn required(&mut self, map: &mut Map<String, Value>, name: &str, field: &Node, path: &str) {
        if map.contains_key(name) {
            return;
        }
        let path = format!("{path}.{name}");
        // A value of the wrong form was taken out, and is reported already.
        if !Violation::is_enough(&self.found) && !self.found.iter().any(|violation| violation.path == path) {
            self.wrong(Reason::Required, &path, format!("is required: {}", field.wanted()));
        }
        map.insert(name.to_owned(), field.placeholder());
    }

    fn twice(&mut self, unique: &Unique, list: &mut Vec<Value>, path: &str) {
        let key_of = |item: &Value| match unique {
            Unique::No => None,
            Unique::Elements => Some(item.as_str().map_or_else(|| item.to_string(), str::to_owned)),
            Unique::Keys(keys) => {
                let values = keys.iter().map(|key| item.get(key).and_then(Value::as_str).unwrap_or_default());
                Some(values.collect::<Vec<_>>().join(", "))
            }
        };
        let mut order: Vec<usize> = (0..list.len()).collect();
        // Of two variables with one name the last holds in a container.
        if self.drop_twice && matches!(unique, Unique::Keys(_)) {
            order.reverse();
        }
        let (mut seen, mut again) = (BTreeSet::new(), BTreeSet::new());
        for index in order {
            if let Some(key) = key_of(&list[index])
                && !seen.insert(key.clone())
            {
                let path = format!("{path}[{index}]");
                self.wrong(Reason::Duplicate, &path, format!("{} is there twice", quoted_name(&key)));
                again.insert(index);
            }
        }
        if self.drop_twice && !again.is_empty() {
            let mut index = 0..;
            list.retain(|_| !index.next().is_some_and(|index| again.contains(&index)));
        }
    }
}

type Fields = std::collections::BTreeMap<String, Node>;

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
