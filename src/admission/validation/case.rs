//! What a rule gets to see.

use serde::Deserialize;

use crate::admission::context::{Context, ObjectKey};
use crate::admission::subject::Spec;
use crate::api::v1::OdooInstanceSpec;

/// One object to judge.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// Name of the object; with `generated`, the beginning of it.
    pub name: &'a str,
    /// Whether the API server will add five letters to the name.
    pub generated: bool,
    /// Namespace of the object.
    pub namespace: &'a str,
    /// What is asked for, with defaults.
    pub spec: &'a Spec,
    /// What was asked for before, with defaults; `None` for a new object.
    pub old: Option<&'a Spec>,
    /// What is known of its state.
    pub state: &'a State,
    /// What lies outside of it.
    pub ctx: Context<'a>,
}

impl<'a> Case<'a> {
    /// The spec of the instance that is judged, and the one before.
    pub fn instance(&self) -> Option<(&'a OdooInstanceSpec, Option<&'a OdooInstanceSpec>)> {
        Some((self.spec.instance()?, self.old.and_then(Spec::instance)))
    }

    /// Whether `key` is the object that is judged.
    pub fn is_self(&self, key: &ObjectKey) -> bool {
        !self.generated && key.name == self.name && key.namespace == self.namespace
    }

    /// How another instance is called in a message: other namespaces' names are none of the reader's business.
    pub fn called(&self, key: &ObjectKey) -> String {
        if key.namespace == self.namespace {
            format!("instance {}", key.name)
        } else {
            "an instance in another namespace".to_owned()
        }
    }
}

/// The part of an object's status that rules look at. Wrong types count as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// Where the object stands.
    pub phase: Option<String>,
    /// Whether the instance's database has an Odoo in it.
    pub db_initialized: Option<bool>,
    /// Name of the database in use.
    pub database_name: Option<String>,
    /// PostgreSQL cluster in use.
    pub active_cluster: Option<String>,
    /// A move that is under way.
    pub migration: Option<Migration>,
}

/// A move that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Migration {
    /// StorageClass before the move.
    pub previous_storage_class: Option<String>,
    /// PostgreSQL cluster before the move.
    pub previous_cluster: Option<String>,
}

impl State {
    /// Reads a status. Each field that has another type counts as absent.
    pub fn parse(status: &str) -> Self {
        if let Ok(state) = serde_json::from_str(status) {
            return state;
        }
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(status) else { return Self::default() };
        let mut state = Self::default();
        for (name, value) in fields {
            // One field at a time: what does not fit leaves the others.
            if let Ok(one) = serde_json::from_value::<Self>(serde_json::json!({ name: value })) {
                state = Self {
                    phase: one.phase.or(state.phase),
                    db_initialized: one.db_initialized.or(state.db_initialized),
                    database_name: one.database_name.or(state.database_name),
                    active_cluster: one.active_cluster.or(state.active_cluster),
                    migration: one.migration.or(state.migration),
                };
            }
        }
        state
    }
}
