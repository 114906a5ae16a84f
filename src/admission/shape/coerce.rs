//! Values of another type that can mean only one thing.

use serde_json::{Number, Value};

use super::compile::Node;

/// Writes values of another type, wherever they are in `value`, in the type that `node` wants.
pub(super) fn coerce(node: &Node, value: &mut Value) {
    match node {
        Node::Object { fields, .. } => {
            for (name, field) in value.as_object_mut().into_iter().flatten() {
                if let Some(node) = fields.get(name) {
                    coerce(node, field);
                }
            }
        }
        Node::Map(values) => {
            value.as_object_mut().into_iter().flatten().for_each(|(_, value)| coerce(values, value));
        }
        Node::List { items, .. } => {
            // One host, written without its list.
            if value.is_string() && !matches!(**items, Node::Object { .. }) {
                *value = Value::Array(vec![value.take()]);
            }
            value.as_array_mut().into_iter().flatten().for_each(|item| coerce(items, item));
        }
        _ => {
            if let Some(same) = scalar(node, value) {
                *value = same;
            }
        }
    }
}

fn scalar(node: &Node, value: &Value) -> Option<Value> {
    match (node, value) {
        (Node::Text { one_of, .. }, Value::String(text)) => {
            let legal = one_of.iter().find(|legal| legal.eq_ignore_ascii_case(text))?;
            Some(Value::from(legal.clone()))
        }
        (Node::Text { .. }, Value::Number(number)) => Some(Value::from(number.to_string())),
        // As Odoo's configuration writes them.
        (Node::Text { .. }, Value::Bool(is)) => Some(Value::from(if *is { "True" } else { "False" })),
        (Node::Integer { .. }, Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        (Node::Integer { .. }, Value::Number(number)) => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e9)?;
            #[expect(clippy::cast_possible_truncation, reason = "whole, and smaller than 1e9")]
            let whole = whole as i64;
            Some(Value::from(whole))
        }
        (Node::Number, Value::String(text)) => text.trim().parse::<Number>().ok().map(Value::Number),
        (Node::Boolean, Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(Value::from(true)),
            "false" => Some(Value::from(false)),
            _ => None,
        },
        _ => None,
    }
}
