//! What a rule gets to see.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::admission::context::{Context, ObjectKey};
use crate::admission::subject::Spec;
use crate::api::v1::OdooInstanceSpec;
use crate::conversion::cursor::Cursor;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
        let mut state = Self::default();
        // A status that is no object, or breaks off, says no more than what was read of it.
        let _ = Cursor::new(status).object(|name, json| {
            let value = json.value()?;
            match &*name {
                "phase" => state.phase = read(value),
                "dbInitialized" => state.db_initialized = read(value),
                "databaseName" => state.database_name = read(value),
                "activeCluster" => state.active_cluster = read(value),
                "migration" => state.migration = read(value),
                _ => {}
            }
            Ok(())
        });
        state
    }
}

fn read<T: DeserializeOwned>(value: &str) -> Option<T> {
    serde_json::from_str(value).ok()
}
