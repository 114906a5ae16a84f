use secrecy::SecretString;

use super::cluster::{Cluster, Session};
use super::connect::Login;
use super::error::Error;
use super::ident::{Ident, Literal};
use super::password::scram_verifier;

/// What [`Cluster::ensure_role`] had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleChange {
    /// The role was not there.
    pub created: bool,
    /// It had another password, or could not log in.
    pub password: bool,
    /// It had CREATEDB or CREATEROLE, and has them no more.
    pub rights: bool,
}

impl Cluster {
    /// A role that can log in with `password` and do nothing beyond its grants.
    ///
    /// A role that is there is altered only as far as needed: where PostgreSQL is managed, the admin may not alter
    /// one whose password is right already. A superuser is refused.
    pub async fn ensure_role(&self, role: &str, password: &SecretString) -> Result<RoleChange, Error> {
        self.bounded(async {
            let session = self.session().await?;
            let change = ensure(self, &session, role, password).await?;
            session.give_back();
            Ok(change)
        })
        .await
    }

    /// Whether `role` is let in with `password`: false only when the server says that it is not.
    pub async fn password_works(&self, role: &str, password: &SecretString) -> Result<bool, Error> {
        let login = Login { role, password, database: &self.config().admin_database };
        match self.endpoint().connect(login).await {
            Ok(_) => Ok(true),
            // Said after the password was accepted: no CONNECT here, or no such database.
            Err(Error::Server { code, .. }) if code == "42501" || code == "3D000" => Ok(true),
            Err(Error::Auth { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

async fn ensure(
    cluster: &Cluster,
    session: &Session,
    role: &str,
    password: &SecretString,
) -> Result<RoleChange, Error> {
    let ident = Ident(role);
    let Some(found) = find(session, role).await? else {
        let verifier = scram_verifier(password);
        let created = session
            .run(
                &format!("create role {role:?}"),
                &format!(
                    "CREATE ROLE {ident} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {}",
                    Literal(&verifier)
                ),
            )
            .await;
        return match created {
            Ok(()) => Ok(RoleChange { created: true, ..RoleChange::default() }),
            // Look at what they made.
            Err(error) if error.is_duplicate() => Box::pin(ensure(cluster, session, role, password)).await,
            Err(error) => Err(error),
        };
    };
    if found.superuser {
        return Err(Error::NameTaken { what: "role", name: role.to_owned(), holder: "it is a superuser".to_owned() });
    }
    let mut change = RoleChange::default();
    if found.createdb || found.createrole {
        let createrole = if found.createrole { " NOCREATEROLE" } else { "" };
        session
            .run(&format!("take CREATEDB from role {role:?}"), &format!("ALTER ROLE {ident} NOCREATEDB{createrole}"))
            .await?;
        change.rights = true;
    }
    if !cluster.password_works(role, password).await? {
        let verifier = scram_verifier(password);
        session
            .run(
                &format!("set the password of role {role:?}"),
                &format!("ALTER ROLE {ident} LOGIN PASSWORD {}", Literal(&verifier)),
            )
            .await?;
        change.password = true;
    }
    Ok(change)
}

struct Found {
    superuser: bool,
    createdb: bool,
    createrole: bool,
}

async fn find(session: &Session, role: &str) -> Result<Option<Found>, Error> {
    let rows = session
        .rows(
            "look for a role",
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = $1",
            &[&role],
        )
        .await?;
    Ok(rows.first().map(|row| Found { superuser: row.get(0), createdb: row.get(1), createrole: row.get(2) }))
}
