//! The server under test, and names that no other test uses.

use std::sync::atomic::{AtomicU32, Ordering};

use odoo_operator::postgres::config::{ClusterConfig, ClustersConfig, SslMode};
use odoo_operator::postgres::database::Wanted;
use odoo_operator::postgres::{Cluster, Clusters, Ident};
use odoo_operator::resources::names;
use secrecy::SecretString;
use tokio_postgres::{Client, NoTls};

/// The superuser's access to the server, from the environment.
pub fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: these tests need a real PostgreSQL. Run `scripts/dev/postgres up`, then \
             `eval \"$(scripts/dev/postgres env)\"`"
        )
    })
}

/// A cluster's configuration with the superuser as admin.
pub fn config() -> ClusterConfig {
    ClusterConfig {
        name: "main".to_owned(),
        host: env("PGHOST"),
        port: env("PGPORT").parse().expect("PGPORT is a port"),
        admin_user: env("PGUSER"),
        admin_password: SecretString::from(env("PGPASSWORD")),
        default: true,
        sslmode: SslMode::Prefer,
        ca_cert: None,
        admin_database: "postgres".to_owned(),
    }
}

pub fn cluster() -> Cluster {
    cluster_of(config())
}

pub fn cluster_of(config: ClusterConfig) -> Cluster {
    let clusters = ClustersConfig::from_flags(config).expect("the configuration is right");
    Clusters::new(clusters).expect("the CA can be used").get(None).expect("there is a default")
}

/// A superuser's plain session, to look and to meddle.
pub async fn superuser(database: &str) -> Client {
    login(&env("PGUSER"), &env("PGPASSWORD"), database).await.expect("the superuser of PG* can log in")
}

pub async fn login(role: &str, password: &str, database: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::Config::new()
        .host(env("PGHOST"))
        .port(env("PGPORT").parse().expect("PGPORT is a port"))
        .user(role)
        .password(password)
        .dbname(database)
        .connect(NoTls)
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

/// An instance that no other test has.
pub struct Instance {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub role: String,
    pub database: String,
    pub secret: String,
    pub password: SecretString,
}

impl Instance {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let unique = format!("{nanos:x}-{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (namespace, name) = (format!("t{unique}"), "web".to_owned());
        let secret = format!("clear-{unique}");
        Self {
            role: names::role(&namespace, &name),
            database: names::database(&unique),
            password: SecretString::from(secret.clone()),
            namespace,
            name,
            uid: unique,
            secret,
        }
    }

    /// With a database name of its owner's choice.
    pub fn named() -> Self {
        let mut instance = Self::new();
        instance.database = format!("shop \"of\" {}", instance.uid);
        instance
    }

    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            database: &self.database,
            namespace: &self.namespace,
            name: &self.name,
            uid: &self.uid,
            role: &self.role,
            legacy: false,
            isolate: true,
        }
    }

    /// Role and database, as the operator makes them.
    pub async fn make(&self, cluster: &Cluster) {
        cluster.ensure_role(&self.role, &self.password).await.expect("the role is made");
        cluster.ensure_database(&self.wanted(), &self.password).await.expect("the database is made");
    }

    pub async fn login(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        login(&self.role, &self.secret, database).await
    }

    /// Removes what the test left.
    pub async fn clean(&self, cluster: &Cluster) {
        cluster.drop_databases_of(&self.uid).await.expect("the databases go");
        cluster.drop_role(&self.role).await.expect("the role goes");
    }
}

/// The server's words.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, tokio_postgres::Error>) -> String {
    let error = result.expect_err("the server refuses");
    error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned())
}

/// An admin role of a test's own, so that the test can see and end its sessions.
pub struct Admin {
    pub role: String,
    secret: String,
}

impl Admin {
    /// `attributes`: `SUPERUSER`, or `CREATEDB CREATEROLE`.
    pub async fn new(attributes: &str) -> Self {
        let unique = Instance::new().uid;
        let admin = Self { role: format!("admin-{unique}"), secret: format!("clear-{unique}") };
        let sql = format!("CREATE ROLE {} LOGIN {attributes} PASSWORD '{}'", Ident(&admin.role), admin.secret);
        superuser("postgres").await.batch_execute(&sql).await.unwrap();
        admin
    }

    pub fn config(&self) -> ClusterConfig {
        ClusterConfig {
            admin_user: self.role.clone(),
            admin_password: SecretString::from(self.secret.clone()),
            ..config()
        }
    }

    pub fn cluster(&self) -> Cluster {
        cluster_of(self.config())
    }

    /// For each session: whether it uses TLS.
    pub async fn sessions(&self) -> Vec<bool> {
        superuser("postgres")
            .await
            .query("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = $1", &[&self.role])
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect()
    }

    /// Ends its sessions; how many there were.
    pub async fn end_sessions(&self) -> usize {
        superuser("postgres")
            .await
            .query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", &[&self.role])
            .await
            .unwrap()
            .len()
    }

    pub async fn clean(self) {
        self.end_sessions().await;
        superuser("postgres").await.batch_execute(&format!("DROP ROLE {}", Ident(&self.role))).await.unwrap();
    }
}

/// Waits until a statement that begins so waits for a transaction of somebody else.
pub async fn blocked(statement: &str) {
    let watcher = superuser("postgres").await;
    let sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND starts_with(query, $1)";
    eventually("a statement that waits", || async { watcher.query_opt(sql, &[&statement]).await.unwrap() }).await;
}

/// Waits until something outside of our control has happened; panics after 20 s.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        if let Some(seen) = probe().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < end, "not seen within 20 s: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
