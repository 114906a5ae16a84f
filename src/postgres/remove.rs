use std::collections::BTreeSet;

use aws_lc_rs::digest;

use super::cluster::{Cluster, Session};
use super::database::as_member;
use super::error::Error;
use super::ident::{Ident, Literal};
use super::inventory::{self, Database};
use super::marker::Marker;
use crate::resources::names;

impl Cluster {
    /// Drops a database, sessions in it included, if its COMMENT carries this uid. False when it is not there.
    pub async fn drop_database(&self, database: &str, uid: &str) -> Result<bool, Error> {
        self.locked(uid, async |session| {
            let Some(found) = own(session, database, uid).await? else {
                return Ok(false);
            };
            drop_found(session, &found).await.map(|()| true)
        })
        .await
    }

    /// Drops every database whose COMMENT carries this uid, and the one whose creation was interrupted before it
    /// had a COMMENT. Answers with their names.
    pub async fn drop_databases_of(&self, uid: &str) -> Result<Vec<String>, Error> {
        self.locked(uid, async |session| {
            let inventory = inventory::read(session, None, false).await?;
            let stage = inventory
                .database(&names::database(uid))
                .filter(|found| found.owner == inventory.admin && found.comment.is_none() && !found.allow_connections);
            let mut dropped = Vec::new();
            for database in inventory.databases_of(uid).chain(stage) {
                drop_found(session, database).await?;
                dropped.push(database.name.clone());
            }
            Ok(dropped)
        })
        .await
    }

    /// Writes who left the database into its COMMENT, if that carries the marker's uid. False when there is none.
    pub async fn retain(&self, database: &str, marker: &Marker) -> Result<bool, Error> {
        self.locked(&marker.uid, async |session| {
            let Some(found) = own(session, database, &marker.uid).await? else {
                return Ok(false);
            };
            let comment = marker.to_comment();
            if found.comment.as_ref() != Some(&comment) {
                let sql = format!("COMMENT ON DATABASE {} IS {}", Ident(database), Literal(&comment));
                session.run(&format!("mark database {database:?} as retained"), &sql).await?;
            }
            Ok(true)
        })
        .await
    }

    /// Drops a role with what it holds in `adminDatabase`. False when it is not there; an error, with PostgreSQL's
    /// list of what depends on it, when it owns a database or anything in another one.
    pub async fn drop_role(&self, role: &str) -> Result<bool, Error> {
        self.bounded(async {
            let session = self.session().await?;
            let doing = format!("drop role {role:?}");
            let rows = session.rows(&doing, "SELECT rolsuper FROM pg_roles WHERE rolname = $1", &[&role]).await?;
            let Some(row) = rows.first() else {
                session.give_back();
                return Ok(false);
            };
            if row.get(0) {
                let holder = "it is a superuser".to_owned();
                return Err(Error::NameTaken { what: "role", name: role.to_owned(), holder });
            }
            let ident = Ident(role);
            // Every role can make temporary tables and large objects where Odoo's cron listens.
            session.run(&doing, &as_member(&session, role, &format!("DROP OWNED BY {ident}"))).await?;
            // A session outlives its role.
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1";
            let _ended = session.rows(&doing, end, &[&role]).await;
            session.run(&doing, &format!("DROP ROLE IF EXISTS {ident}")).await?;
            session.give_back();
            Ok(true)
        })
        .await
    }

    /// Runs `work` under the advisory lock of an instance.
    async fn locked<T>(&self, uid: &str, work: impl AsyncFnOnce(&Session) -> Result<T, Error>) -> Result<T, Error> {
        self.bounded(async {
            let session = self.session().await?;
            session.lock(uid).await?;
            let done = work(&session).await?;
            session.unlock(uid).await?;
            session.give_back();
            Ok(done)
        })
        .await
    }
}

/// The database as it is now, if it is there and this uid's.
async fn own(session: &Session, database: &str, uid: &str) -> Result<Option<Database>, Error> {
    let inventory = inventory::read(session, Some(&[database]), false).await?;
    let Some(found) = inventory.database(database) else {
        return Ok(None);
    };
    if inventory.databases_of(uid).next().is_some() {
        return Ok(Some(found.clone()));
    }
    let holder = if found.owner == inventory.admin {
        format!("its COMMENT does not carry uid {uid}")
    } else {
        "another role owns it".to_owned()
    };
    Err(Error::NameTaken { what: "database", name: database.to_owned(), holder })
}

async fn drop_found(session: &Session, database: &Database) -> Result<(), Error> {
    let doing = format!("drop database {:?}", database.name);
    let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident(&database.name));
    if session.superuser() {
        return session.run(&doing, &drop).await;
    }
    // FORCE ends the sessions of roles of which the admin is a member. What cannot be granted or revoked shows in
    // what DROP says.
    let roles: BTreeSet<_> = database.grants.iter().filter_map(|grant| grant.grantee.as_deref()).collect();
    for role in &roles {
        let _member = session.run(&doing, &format!("GRANT {} TO CURRENT_USER", Ident(role))).await;
    }
    let dropped = session.run(&doing, &drop).await;
    for role in &roles {
        let _left = session.run(&doing, &format!("REVOKE {} FROM CURRENT_USER", Ident(role))).await;
    }
    dropped
}

impl Session {
    /// Takes the advisory lock of an instance, which the session holds until it ends or [`Self::unlock`]. It ends, too,
    /// when nothing is heard of us for half a minute: a replica that was paused with the lock in its hand holds nobody up,
    /// and finds its session gone when it goes on.
    pub(super) async fn lock(&self, uid: &str) -> Result<(), Error> {
        let sql = format!("{}; SELECT pg_advisory_lock({})", idle_limit("30s"), lock_key(uid));
        self.run("wait for another operation on the same instance", &sql).await
    }

    pub(super) async fn unlock(&self, uid: &str) -> Result<(), Error> {
        let sql = format!("SELECT pg_advisory_unlock({}); {}", lock_key(uid), idle_limit("0"));
        self.run("end an operation", &sql).await
    }
}

/// How long the server waits for a session's next statement; PostgreSQL 13 has no such limit.
fn idle_limit(time: &str) -> String {
    format!(
        "SELECT set_config('idle_session_timeout', '{time}', false) \
         WHERE current_setting('idle_session_timeout', true) IS NOT NULL"
    )
}

fn lock_key(uid: &str) -> i64 {
    let digest = digest::digest(&digest::SHA256, uid.as_bytes());
    digest.as_ref().iter().take(8).fold(0, |key, byte| key << 8 | i64::from(*byte))
}
