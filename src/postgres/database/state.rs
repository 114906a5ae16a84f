use std::fmt;

use crate::postgres::error::Error;
use crate::postgres::inventory::{Database, Inventory};

use super::Wanted;
use super::plan::{self, Step};

/// How what is there compares with what an instance needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// Neither the database nor a beginning of it is there.
    Absent,
    /// It may be made complete: role, owner, COMMENT or grants are not as they should be.
    Incomplete,
    /// Nothing is left to do.
    Ready,
    /// It cannot be this instance's; why, in words.
    Foreign(String),
}

/// Something about a complete database that somebody changed, and that nobody repairs unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// `ALLOW_CONNECTIONS false`.
    Closed,
    /// Every role can connect.
    PublicConnect,
    /// These roles can connect besides.
    OtherRoles(Vec<String>),
    /// `ALTER DATABASE … SET`.
    DatabaseSettings(Vec<String>),
    /// `ALTER ROLE … SET`.
    RoleSettings(Vec<String>),
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the database does not allow connections"),
            Self::PublicConnect => f.write_str("every role of the cluster can connect to the database"),
            Self::OtherRoles(roles) => write!(f, "other roles can connect to the database: {}", roles.join(", ")),
            Self::DatabaseSettings(set) => write!(f, "the database has settings of its own: {}", set.join(", ")),
            Self::RoleSettings(set) => write!(f, "the instance's role has settings of its own: {}", set.join(", ")),
        }
    }
}

impl Inventory {
    /// Whether the instance's role and database are as [`crate::postgres::Cluster::ensure_role`] and
    /// [`crate::postgres::Cluster::ensure_database`] leave them.
    pub fn database_state(&self, wanted: &Wanted<'_>) -> DatabaseState {
        match plan::plan(self, wanted) {
            Err(Error::NameTaken { holder, .. }) => DatabaseState::Foreign(holder),
            Err(error) => DatabaseState::Foreign(error.to_string()),
            Ok(steps) if matches!(steps.first(), Some(Step::Create { .. })) => DatabaseState::Absent,
            Ok(steps) if steps.is_empty() && self.role_is_right(wanted.role) => DatabaseState::Ready,
            Ok(_) => DatabaseState::Incomplete,
        }
    }

    fn role_is_right(&self, role: &str) -> bool {
        self.role(role).is_some_and(|role| role.login && !role.createdb && !role.createrole)
    }

    /// What else is unusual about the database; `known` are roles that may connect besides the tenant's.
    pub fn drift(&self, wanted: &Wanted<'_>, known: &[&str]) -> Vec<Drift> {
        let Some(database) = self.database(wanted.database) else {
            return Vec::new();
        };
        let mut drift = Vec::new();
        if !database.allow_connections {
            drift.push(Drift::Closed);
        }
        if database.grants(None, "CONNECT") {
            drift.push(Drift::PublicConnect);
        }
        let others = others(database, &[known, &[wanted.role, &self.admin]].concat());
        if !others.is_empty() {
            drift.push(Drift::OtherRoles(others));
        }
        if !database.settings.is_empty() {
            drift.push(Drift::DatabaseSettings(database.settings.clone()));
        }
        let set = self.role(wanted.role).map(|role| role.settings.clone()).unwrap_or_default();
        if !set.is_empty() {
            drift.push(Drift::RoleSettings(set));
        }
        drift
    }
}

fn others(database: &Database, known: &[&str]) -> Vec<String> {
    database
        .grants
        .iter()
        .filter(|grant| grant.privilege == "CONNECT")
        .filter_map(|grant| grant.grantee.clone())
        .filter(|role| !known.contains(&role.as_str()))
        .collect()
}
