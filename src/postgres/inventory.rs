//! What is on a cluster, by one query.

use serde::Deserialize;

use super::cluster::{Cluster, Session};
use super::error::Error;
use super::marker::Marker;

/// All databases and roles of a cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The operator's own role there.
    pub admin: String,
    databases: Vec<Database>,
    roles: Vec<Role>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// `pg_database.oid`: stays when it is renamed.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// The role that owns it.
    pub owner: String,
    /// Its COMMENT.
    pub comment: Option<String>,
    /// `ALLOW_CONNECTIONS`.
    pub allow_connections: bool,
    /// False for what an interrupted DROP left: only DROP works on it.
    pub valid: bool,
    /// Who may do what, the defaults included.
    pub grants: Vec<Grant>,
    /// `ALTER DATABASE … SET`, as `name=value`.
    pub settings: Vec<String>,
    /// Bytes, when they were asked for and the admin may know.
    pub size: Option<i64>,
}

/// A privilege on a database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Grant {
    /// The role; none is PUBLIC.
    pub grantee: Option<String>,
    /// `CONNECT`, `CREATE` or `TEMPORARY`.
    pub privilege: String,
}

/// A role, with PostgreSQL's own attributes.
#[expect(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// SUPERUSER.
    pub superuser: bool,
    /// CREATEDB.
    pub createdb: bool,
    /// CREATEROLE.
    pub createrole: bool,
    /// LOGIN.
    pub login: bool,
    /// `ALTER ROLE … SET`, as `name=value`.
    pub settings: Vec<String>,
}

impl Database {
    /// Whose it is, as its COMMENT says. Trustworthy only where the owner is the admin or the instance's own role.
    pub fn marker(&self) -> Option<Marker> {
        Marker::parse(self.comment.as_deref()?)
    }

    /// Whether `grantee` (none: PUBLIC) was granted `privilege`, not counting membership.
    pub fn grants(&self, grantee: Option<&str>, privilege: &str) -> bool {
        self.grants.iter().any(|grant| grant.grantee.as_deref() == grantee && grant.privilege == privilege)
    }
}

impl Inventory {
    /// The database of that name.
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|database| database.name == name)
    }

    /// All databases.
    pub fn databases(&self) -> impl Iterator<Item = &Database> {
        self.databases.iter()
    }

    /// The role of that name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// The databases whose COMMENT carries the uid, and whose owner is the admin.
    pub fn databases_of<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Database> {
        self.ours().filter(move |(_, marker)| marker.uid == uid).map(|(database, _)| database)
    }

    /// The database that a deleted instance of this namespace and name left; the youngest when there are several.
    pub fn retained(&self, namespace: &str, name: &str) -> Option<&Database> {
        self.ours()
            .filter(|(_, marker)| marker.namespace == namespace && marker.name == name && marker.retained_at.is_some())
            .max_by(|(_, a), (_, b)| a.retained_at.cmp(&b.retained_at))
            .map(|(database, _)| database)
    }

    fn ours(&self) -> impl Iterator<Item = (&Database, Marker)> {
        self.databases
            .iter()
            .filter(|database| database.owner == self.admin)
            .filter_map(|database| Some((database, database.marker()?)))
    }
}

impl Cluster {
    /// Everything that is there, by one query. Sizes make it slow: ask for them seldom.
    pub async fn inventory(&self, sizes: bool) -> Result<Inventory, Error> {
        self.bounded(async {
            let session = self.session().await?;
            let inventory = read(&session, None, sizes).await?;
            session.give_back();
            Ok(inventory)
        })
        .await
    }
}

/// `only`: these databases and no roles.
pub(super) async fn read(session: &Session, only: Option<&[&str]>, sizes: bool) -> Result<Inventory, Error> {
    const DOING: &str = "list databases and roles";
    let rows = session.rows(DOING, QUERY, &[&only, &sizes]).await?;
    let answer = |message: String| Error::Answer { doing: DOING.to_owned(), message };
    let row = rows.first().ok_or_else(|| answer("no row".to_owned()))?;
    let list = |column: usize| row.try_get::<_, serde_json::Value>(column).map_err(|error| answer(error.to_string()));
    Ok(Inventory {
        admin: row.try_get(0).map_err(|error| answer(error.to_string()))?,
        databases: serde_json::from_value(list(1)?).map_err(|error| answer(error.to_string()))?,
        roles: serde_json::from_value(list(2)?).map_err(|error| answer(error.to_string()))?,
    })
}

/// JSON lists, because one statement answers with one row type; in a fixed order, so that inventories compare.
const QUERY: &str = "
SELECT current_user::text,
  (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'oid', d.oid::bigint, 'name', d.datname, 'owner', pg_get_userbyid(d.datdba),
      'comment', shobj_description(d.oid, 'pg_database'),
      'allowConnections', d.datallowconn, 'valid', d.datconnlimit <> -2,
      'grants', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
                    'privilege', a.privilege_type) ORDER BY a.grantee, a.privilege_type), '[]')
                 FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a),
      'settings', (SELECT coalesce(jsonb_agg(s), '[]') FROM pg_db_role_setting r, unnest(r.setconfig) s
                   WHERE r.setdatabase = d.oid AND r.setrole = 0),
      'size', CASE WHEN $2 AND d.datconnlimit <> -2 AND has_database_privilege(d.oid, 'CONNECT')
                   THEN pg_database_size(d.oid) END) ORDER BY d.oid), '[]')
   FROM pg_database d WHERE $1::text[] IS NULL OR d.datname = ANY($1)),
  (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'name', r.rolname, 'superuser', r.rolsuper, 'createdb', r.rolcreatedb, 'createrole', r.rolcreaterole,
      'login', r.rolcanlogin,
      'settings', (SELECT coalesce(jsonb_agg(s), '[]') FROM pg_db_role_setting g, unnest(g.setconfig) s
                   WHERE g.setrole = r.oid AND g.setdatabase = 0)) ORDER BY r.oid), '[]')
   FROM pg_roles r WHERE $1::text[] IS NULL)";
