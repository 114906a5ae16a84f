use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row};

use super::cluster::{CALL_TIMEOUT, Cluster};
use super::connect::{self, Login};
use super::error::Error;

/// A session in an instance's database as its own role: with no right that the tenant has not. It ends when dropped.
pub struct TenantSession {
    client: Client,
    address: String,
}

/// What of Odoo is in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseState {
    /// Table `ir_module_module` is there.
    pub has_modules: bool,
    /// Module base is in state `installed` or is being upgraded.
    pub installed: bool,
    /// Base's `latest_version`, e.g. `19.0.1.3`.
    pub latest_version: Option<String>,
}

impl Cluster {
    /// Opens a session as a tenant.
    pub async fn tenant_session(&self, login: Login<'_>) -> Result<TenantSession, Error> {
        TenantSession::open(self, login).await
    }
}

impl TenantSession {
    pub(super) async fn open(cluster: &Cluster, login: Login<'_>) -> Result<Self, Error> {
        let (client, driver, _) = cluster.endpoint().connect(login).await?;
        connect::spawn(driver, |_| {});
        Ok(Self { client, address: cluster.endpoint().address() })
    }

    /// Whether Odoo is initialised here.
    pub async fn base_state(&self) -> Result<BaseState, Error> {
        const DOING: &str = "look for Odoo's modules";
        let table = "SELECT to_regclass('public.ir_module_module') IS NOT NULL";
        let has_modules = self.rows(DOING, table, &[]).await?.first().is_some_and(|row| row.get(0));
        if !has_modules {
            return Ok(BaseState::default());
        }
        let base = "SELECT state::text, latest_version::text FROM public.ir_module_module WHERE name = 'base'";
        let rows = self.rows(DOING, base, &[]).await?;
        let state = rows.first().and_then(|row| row.get::<_, Option<String>>(0));
        Ok(BaseState {
            has_modules,
            installed: matches!(state.as_deref(), Some("installed" | "to upgrade")),
            latest_version: rows.first().and_then(|row| row.get(1)),
        })
    }

    /// Gives the login `admin` a password, as Odoo's hash of it.
    pub async fn set_admin_login(&self, hash: &SecretString) -> Result<(), Error> {
        const DOING: &str = "set the password of Odoo's login admin";
        let updated = self
            .rows(
                DOING,
                "UPDATE public.res_users u SET password = $1 FROM public.ir_model_data d
                 WHERE d.module = 'base' AND d.name = 'user_admin' AND d.model = 'res.users' AND u.id = d.res_id
                 RETURNING 1",
                &[&Hidden(hash)],
            )
            .await?;
        match updated.len() {
            1 => Ok(()),
            count => {
                Err(Error::Answer { doing: DOING.to_owned(), message: format!("{count} users are base.user_admin") })
            }
        }
    }

    /// Sets the URL under which Odoo fetches its own pages for reports.
    pub async fn set_report_url(&self, url: &str) -> Result<(), Error> {
        self.rows(
            "set report.url",
            "INSERT INTO public.ir_config_parameter AS p (key, value, create_date, write_date)
             VALUES ('report.url', $1, now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc')
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, write_date = excluded.write_date
             WHERE p.value IS DISTINCT FROM excluded.value",
            &[&url],
        )
        .await
        .map(drop)
    }

    /// What of Odoo's extensions is missing here, and what Odoo does without it.
    pub async fn missing_extensions(&self) -> Result<Vec<&'static str>, Error> {
        let rows = self
            .rows(
                "look for extensions",
                "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm'),
                        EXISTS (SELECT FROM pg_proc WHERE oid = to_regprocedure('public.unaccent(text)')
                                AND provolatile = 'i')",
                &[],
            )
            .await?;
        let has = |column| rows.first().is_some_and(|row| row.get(column));
        let gaps = [
            (has(0), "pg_trgm is missing: searches in long lists are slow"),
            (has(1), "unaccent is missing or not IMMUTABLE: searches tell é from e, and indexes are built without it"),
        ];
        Ok(gaps.into_iter().filter(|(has, _)| !has).map(|(_, words)| words).collect())
    }

    /// Makes the role owner of schema public where it is so only as owner of the database.
    pub(super) async fn own_schema_public(&self) -> Result<(), Error> {
        const DOING: &str = "become owner of schema public";
        let owner = "SELECT pg_get_userbyid(nspowner) = 'pg_database_owner' FROM pg_namespace WHERE nspname = 'public'";
        let by_database = self.rows(DOING, owner, &[]).await?.first().is_some_and(|row| row.get(0));
        if by_database {
            self.rows(DOING, "ALTER SCHEMA public OWNER TO CURRENT_USER", &[]).await?;
        }
        Ok(())
    }

    async fn rows(&self, doing: &str, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.client.query(sql, params)).await.map_err(|_| {
            let reason = format!("no answer within {} s", CALL_TIMEOUT.as_secs());
            Error::Unreachable { address: self.address.clone(), reason }
        })?;
        answer.map_err(|error| match Error::statement(&self.address, doing, &error) {
            // What the admin may do is not the matter here.
            Error::Privilege { doing, message } => Error::Server { doing, message, code: "42501".to_owned() },
            other => other,
        })
    }
}

impl fmt::Debug for TenantSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSession").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A bind parameter that tokio-postgres's debug log cannot show.
#[derive(Debug)]
struct Hidden<'a>(&'a SecretString);

impl ToSql for Hidden<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.expose_secret().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}
