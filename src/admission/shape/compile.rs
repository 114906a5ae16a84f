//! From OpenAPI to what the walk needs.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use crate::admission::subject::Kind;
use crate::api::crds::Version;

/// What a value may be.
#[derive(Debug)]
pub(super) enum Node {
    /// Anything.
    Any,
    /// An object with fields.
    Object { fields: BTreeMap<String, Node>, required: Vec<String> },
    /// An object with keys of the user's choice.
    Map(Box<Node>),
    /// A list, and what must not be there twice.
    List { items: Box<Node>, unique: Unique },
    /// Text.
    Text { one_of: Vec<String>, min_length: i64 },
    /// A whole number.
    Integer { min: Option<i64>, max: Option<i64> },
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// A whole number or text.
    IntegerOrText { max: Option<i64> },
}

/// What must not be in a list twice.
#[derive(Debug)]
pub(super) enum Unique {
    /// Nothing is said.
    No,
    /// No element.
    Elements,
    /// No combination of these fields.
    Keys(Vec<String>),
}

/// The `part` (`spec` or `status`) of every kind that `version` has.
pub(super) fn all(crds: &[CustomResourceDefinition], version: Version, part: &str) -> BTreeMap<Kind, Node> {
    Kind::ALL
        .into_iter()
        .filter_map(|kind| {
            let crd = crds.iter().find(|crd| crd.spec.names.kind == kind.name())?;
            let version = crd.spec.versions.iter().find(|found| found.name == version.name())?;
            let root = version.schema.as_ref()?.open_api_v3_schema.as_ref()?;
            Some((kind, compile(root.properties.as_ref()?.get(part)?)))
        })
        .collect()
}

fn compile(schema: &JSONSchemaProps) -> Node {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return Node::IntegerOrText { max: bound(schema.maximum) };
    }
    match schema.type_.as_deref() {
        Some("object") => object(schema),
        Some("array") => list(schema),
        Some("string") => Node::Text {
            one_of: schema.enum_.iter().flatten().filter_map(|value| value.0.as_str().map(str::to_owned)).collect(),
            min_length: schema.min_length.unwrap_or(0),
        },
        Some("integer") => {
            let int32 = schema.format.as_deref() == Some("int32");
            Node::Integer {
                min: bound(schema.minimum).or(int32.then_some(i64::from(i32::MIN))),
                max: bound(schema.maximum).or(int32.then_some(i64::from(i32::MAX))),
            }
        }
        Some("number") => Node::Number,
        Some("boolean") => Node::Boolean,
        _ => Node::Any,
    }
}

fn bound(bound: Option<f64>) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "bounds of integer fields are small integers")]
    bound.map(|bound| bound as i64)
}

fn object(schema: &JSONSchemaProps) -> Node {
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        return Node::Map(Box::new(compile(values)));
    }
    let Some(properties) = &schema.properties else { return Node::Any };
    Node::Object {
        fields: properties.iter().map(|(name, schema)| (name.clone(), compile(schema))).collect(),
        required: schema.required.clone().unwrap_or_default(),
    }
}

fn list(schema: &JSONSchemaProps) -> Node {
    let items = match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => compile(items),
        _ => Node::Any,
    };
    let unique = match schema.x_kubernetes_list_type.as_deref() {
        Some("set") => Unique::Elements,
        Some("map") => Unique::Keys(schema.x_kubernetes_list_map_keys.clone().unwrap_or_default()),
        _ => Unique::No,
    };
    Node::List { items: Box::new(items), unique }
}

impl Node {
    /// What to say of a value of another type.
    pub(super) fn wanted(&self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Object { .. } => "an object",
            Self::Map(_) => "a map",
            Self::List { .. } => "a list",
            Self::Text { .. } => "a string",
            Self::Integer { .. } => "an integer",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::IntegerOrText { .. } => "an integer or a string",
        }
    }

    /// The emptiest value of this form, to stand in for a required one that is missing.
    pub(super) fn placeholder(&self) -> Value {
        match self {
            Self::Any => Value::Null,
            Self::Object { fields, required } => Value::Object(
                required.iter().filter_map(|name| Some((name.clone(), fields.get(name)?.placeholder()))).collect(),
            ),
            Self::Map(_) => Value::Object(serde_json::Map::new()),
            Self::List { .. } => Value::Array(Vec::new()),
            Self::Text { one_of, .. } => Value::from(one_of.first().cloned().unwrap_or_default()),
            Self::Integer { .. } | Self::Number | Self::IntegerOrText { .. } => Value::from(0),
            Self::Boolean => Value::from(false),
        }
    }
}
