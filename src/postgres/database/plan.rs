use crate::postgres::error::Error;
use crate::postgres::inventory::{Database, Inventory};
use crate::postgres::marker::Marker;

use super::Wanted;

/// One step; each is atomic in PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// CREATE DATABASE, closed to everybody.
    Create {
        /// The name it has until it is complete.
        database: String,
    },
    /// COMMENT.
    Mark {
        /// The database.
        database: String,
        /// What the COMMENT says.
        marker: Marker,
        /// Whether it was another instance's, or nobody's, before.
        adopts: bool,
    },
    /// Takes everything from PUBLIC.
    RevokePublic {
        /// The database.
        database: String,
    },
    /// What the tenant needs to own extensions, and not CONNECT.
    GrantCreate {
        /// The database.
        database: String,
    },
    /// ALLOW_CONNECTIONS.
    Open {
        /// The database.
        database: String,
    },
    /// Schema and extensions, in a session of the admin role inside: only before the tenant could connect.
    Fill {
        /// The database.
        database: String,
    },
    /// To its final name.
    Rename {
        /// The name until now.
        from: String,
        /// The final name.
        to: String,
    },
    /// The tenant, database owner still, becomes owner of schema public, which would go with the database else.
    HandSchema {
        /// The database.
        database: String,
    },
    /// The admin becomes owner of the database, and the tenant gets its grants, at once.
    TakeOwnership {
        /// The database.
        database: String,
    },
    /// CONNECT, CREATE, TEMPORARY for the tenant.
    GrantTenant {
        /// The database.
        database: String,
    },
}

const TENANT: [&str; 3] = ["CONNECT", "CREATE", "TEMPORARY"];

/// The steps from what was found to what is wanted; none when all is well.
pub(super) fn plan(found: &Inventory, wanted: &Wanted<'_>) -> Result<Vec<Step>, Error> {
    let stage = wanted.stage();
    if let Some(database) = found.database(wanted.database) {
        claim(database, &found.admin, wanted)?;
        usable(database)?;
        return Ok(if is_stage(database, found, wanted) {
            complete(Some(database), &database.name, wanted)
        } else {
            repair(database, &found.admin, wanted)
        });
    }
    match found.database(&stage) {
        None => Ok(complete(None, &stage, wanted)),
        Some(database) => {
            claim(database, &found.admin, wanted)?;
            usable(database)?;
            if is_stage(database, found, wanted) {
                Ok(complete(Some(database), &stage, wanted))
            } else {
                Err(taken(&stage, "it is this instance's under its first name, and a database in use is not renamed"))
            }
        }
    }
}

/// Whether the database is one that we were making when we were interrupted.
fn is_stage(database: &Database, found: &Inventory, wanted: &Wanted<'_>) -> bool {
    match database.marker() {
        Some(marker) => marker.preparing,
        None => database.owner == found.admin && database.name == wanted.stage() && !database.allow_connections,
    }
}

/// From CREATE DATABASE, or from wherever it stopped, to the final COMMENT.
fn complete(database: Option<&Database>, name: &str, wanted: &Wanted<'_>) -> Vec<Step> {
    let lacks = |privilege: &str| database.is_none_or(|found| !found.grants(Some(wanted.role), privilege));
    let mut steps = Vec::new();
    let preparing = Marker { preparing: true, ..wanted.marker() };
    if lacks("CONNECT") {
        if database.is_none() {
            steps.push(Step::Create { database: name.to_owned() });
        }
        if database.is_none_or(|found| found.marker().as_ref() != Some(&preparing)) {
            steps.push(Step::Mark { database: name.to_owned(), marker: preparing, adopts: false });
        }
        if database.is_none_or(|found| found.grants.iter().any(|grant| grant.grantee.is_none())) {
            steps.push(Step::RevokePublic { database: name.to_owned() });
        }
        if lacks("CREATE") {
            steps.push(Step::GrantCreate { database: name.to_owned() });
        }
        if database.is_none_or(|found| !found.allow_connections) {
            steps.push(Step::Open { database: name.to_owned() });
        }
        steps.push(Step::Fill { database: name.to_owned() });
        if name != wanted.database {
            steps.push(Step::Rename { from: name.to_owned(), to: wanted.database.to_owned() });
        }
    }
    let database = || wanted.database.to_owned();
    if TENANT.into_iter().any(lacks) {
        steps.push(Step::GrantTenant { database: database() });
    }
    steps.push(Step::Mark { database: database(), marker: wanted.marker(), adopts: false });
    steps
}

/// What a database that is complete, retained or an older operator's lacks.
fn repair(database: &Database, admin: &str, wanted: &Wanted<'_>) -> Vec<Step> {
    let name = || wanted.database.to_owned();
    let mut steps = Vec::new();
    // First of all, so that it stays provably ours when the next step takes the old proof away.
    let marker = database.marker();
    if marker.as_ref() != Some(&wanted.marker()) {
        let adopts = marker.is_none_or(|marker| marker.uid != wanted.uid);
        steps.push(Step::Mark { database: name(), marker: wanted.marker(), adopts });
    }
    let owned = database.owner == admin;
    if !owned {
        steps.push(Step::HandSchema { database: name() });
        steps.push(Step::TakeOwnership { database: name() });
    }
    if wanted.isolate && database.grants(None, "CONNECT") {
        steps.push(Step::RevokePublic { database: name() });
    }
    if owned && TENANT.into_iter().any(|privilege| !database.grants(Some(wanted.role), privilege)) {
        steps.push(Step::GrantTenant { database: name() });
    }
    steps
}

/// Whether the instance may have this database.
fn claim(database: &Database, admin: &str, wanted: &Wanted<'_>) -> Result<(), Error> {
    let admins = database.owner == admin;
    let tenants = database.owner == wanted.role;
    if !(admins || tenants) {
        return Err(taken(&database.name, "another role owns it"));
    }
    // An owner can write the COMMENT: it proves something only on a database of the admin or of the instance's role.
    match database.marker() {
        Some(marker) if marker.same_instance(&wanted.marker()) => Ok(()),
        Some(marker) if marker.namespace == wanted.namespace => {
            Err(taken(&database.name, &format!("it is the one of instance {}/{}", marker.namespace, marker.name)))
        }
        Some(_) => Err(taken(&database.name, "it is the one of an instance in another namespace")),
        None if database.name == wanted.stage() => Ok(()),
        None if tenants && wanted.legacy => Ok(()),
        None => Err(taken(&database.name, "it carries no mark of this operator")),
    }
}

fn usable(database: &Database) -> Result<(), Error> {
    if database.valid {
        return Ok(());
    }
    Err(Error::Server {
        doing: format!("use database {:?}", database.name),
        message: "an interrupted DROP DATABASE left it unusable; drop it once more".to_owned(),
        code: "55000".to_owned(),
    })
}

/// The answer to an instance that wants the name of a database which is not its own.
pub(super) fn taken(name: &str, holder: &str) -> Error {
    Error::NameTaken { what: "database", name: name.to_owned(), holder: holder.to_owned() }
}
