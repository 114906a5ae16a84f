use secrecy::SecretString;

use crate::postgres::cluster::{Cluster, Session};
use crate::postgres::connect::Login;
use crate::postgres::error::Error;
use crate::postgres::ident::{Ident, Literal};
use crate::postgres::marker::Marker;
use crate::postgres::tenant::TenantSession;

use super::plan::taken;
use super::{Step, Wanted};

/// Takes a step. Answers with the extensions that could not be made, and why.
pub(super) async fn run(
    session: &Session,
    wanted: &Wanted<'_>,
    password: &SecretString,
    step: &Step,
) -> Result<Vec<String>, Error> {
    let tenant = Ident(wanted.role);
    match step {
        Step::Create { database } => {
            // As Odoo would: template0, and collation C, so that sorting does not depend on the server's locale.
            let sql = format!(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' ALLOW_CONNECTIONS false",
                Ident(database)
            );
            session.run(&format!("create database {database:?}"), &sql).await?;
        }
        Step::Mark { database, marker, .. } => mark(session, wanted.role, database, marker).await?,
        Step::RevokePublic { database } => {
            let sql = format!("REVOKE ALL ON DATABASE {} FROM PUBLIC", Ident(database));
            session.run(&format!("close database {database:?} to other roles"), &sql).await?;
        }
        Step::GrantCreate { database } => {
            let sql = format!("GRANT CREATE, TEMPORARY ON DATABASE {} TO {tenant}", Ident(database));
            session.run(&format!("grant on database {database:?}"), &sql).await?;
        }
        Step::Open { database } => {
            let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", Ident(database));
            session.run(&format!("open database {database:?}"), &sql).await?;
        }
        Step::Fill { database } => return fill(session.cluster(), wanted.role, database).await,
        Step::Rename { from, to } => {
            let sql = format!("ALTER DATABASE {} RENAME TO {}", Ident(from), Ident(to));
            let renamed = session.run(&format!("rename database {from:?} to {to:?}"), &sql).await;
            return match renamed {
                Ok(()) => Ok(Vec::new()),
                Err(error) if error.is_duplicate() => Err(taken(to, "somebody created it just now")),
                Err(error) => Err(error),
            };
        }
        Step::HandSchema { database } => {
            let login = Login { role: wanted.role, password, database };
            TenantSession::open(session.cluster(), login).await?.own_schema_public().await?;
        }
        Step::TakeOwnership { database } => {
            let ident = Ident(database);
            let sql = format!(
                "ALTER DATABASE {ident} OWNER TO CURRENT_USER;
                 GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {ident} TO {tenant}"
            );
            let doing = format!("become owner of database {database:?}");
            session.run(&doing, &as_member(session, wanted.role, &sql)).await?;
        }
        Step::GrantTenant { database } => {
            let sql = format!("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {tenant}", Ident(database));
            session.run(&format!("grant on database {database:?}"), &sql).await?;
        }
    }
    Ok(Vec::new())
}

async fn mark(session: &Session, role: &str, database: &str, marker: &Marker) -> Result<(), Error> {
    let sql = format!("COMMENT ON DATABASE {} IS {}", Ident(database), Literal(&marker.to_comment()));
    // A database of an older operator is the tenant's still.
    let sql = if session.superuser() || !owned_by(session, database, role).await? {
        sql
    } else {
        as_member(session, role, &sql)
    };
    session.run(&format!("mark database {database:?}"), &sql).await
}

async fn owned_by(session: &Session, database: &str, role: &str) -> Result<bool, Error> {
    let rows = session
        .rows(
            "read a database's owner",
            "SELECT 1 FROM pg_database WHERE datname = $1 AND pg_get_userbyid(datdba) = $2",
            &[&database, &role],
        )
        .await?;
    Ok(!rows.is_empty())
}

/// Schema public for the tenant, and the extensions of Odoo, in one transaction.
async fn fill(cluster: &Cluster, role: &str, database: &str) -> Result<Vec<String>, Error> {
    let inside = cluster.session_in(database).await?;
    let doing = format!("make the extensions of database {database:?}");
    let rows = inside
        .rows(&doing, "SELECT name::text FROM pg_available_extensions WHERE name IN ('pg_trgm', 'unaccent')", &[])
        .await?;
    let available: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let has = |extension: &str| available.iter().any(|name| name == extension);
    let mut missing = Vec::new();
    let mut extensions = String::new();
    let mut immutable = "";
    if has("pg_trgm") {
        extensions.push_str("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;");
    } else {
        missing.push("pg_trgm: the server does not have it".to_owned());
    }
    if !has("unaccent") {
        missing.push("unaccent: the server does not have it".to_owned());
    } else if !inside.superuser() {
        missing.push("unaccent: the admin role is not superuser, and only one can make it IMMUTABLE".to_owned());
    } else {
        extensions.push_str("CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA public;");
        immutable = "ALTER FUNCTION public.unaccent(text) IMMUTABLE;";
    }
    let tenant = Ident(role);
    let sql = format!(
        "ALTER SCHEMA public OWNER TO {tenant};
         SET LOCAL ROLE {tenant};
         {extensions}
         RESET ROLE;
         {immutable}"
    );
    inside.run(&doing, &format!("BEGIN; {}; COMMIT", as_member(&inside, role, &sql))).await?;
    Ok(missing)
}

/// For what only a member of `role` may do; a superuser needs no membership. The statements are one transaction.
pub(in crate::postgres) fn as_member(session: &Session, role: &str, sql: &str) -> String {
    if session.superuser() {
        return sql.to_owned();
    }
    let role = Ident(role);
    format!("GRANT {role} TO CURRENT_USER; {sql}; REVOKE {role} FROM CURRENT_USER")
}
