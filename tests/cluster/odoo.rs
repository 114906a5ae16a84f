//! What Odoo leaves in a new database, for init Jobs that only a simulated kubelet runs.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, Once};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};

use super::world::env;

/// For one answer of an API server.
const PATIENCE: Duration = Duration::from_secs(2);

/// The few tables that the operator reads and writes, owned by the instance's role.
pub const TABLES: &str = "
CREATE TABLE ir_module_module (name varchar UNIQUE, state varchar, latest_version varchar);
INSERT INTO ir_module_module VALUES ('base', 'installed', '19.0.1.3');
CREATE TABLE res_users (id serial PRIMARY KEY, login varchar, password varchar);
INSERT INTO res_users (id, login, password) VALUES (2, 'admin', 'admin');
CREATE TABLE ir_model_data (module varchar, name varchar, model varchar, res_id integer);
INSERT INTO ir_model_data VALUES ('base', 'user_admin', 'res.users', 2);
CREATE TABLE ir_config_parameter (key varchar UNIQUE, value text, create_date timestamp, write_date timestamp);";

pub fn client(database: &str) -> Client {
    try_client(database).unwrap_or_else(|why| panic!("{database}: {why}"))
}

fn try_client(database: &str) -> Result<Client, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut config = tokio_postgres::Config::new();
    config
        .host(env("PGHOST"))
        .port(env("PGPORT").parse().unwrap())
        .user(env("PGUSER"))
        .password(env("PGPASSWORD"))
        .dbname(database);
    let client = runtime.block_on(async {
        let (client, connection) = config.connect(tls()).await?;
        tokio::spawn(connection);
        Ok(client)
    })?;
    Ok(Client { runtime, client })
}

fn tls() -> tokio_postgres_rustls::MakeRustlsConnect {
    use rustls_pki_types::pem::PemObject as _;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(env("PGSSLROOTCERT")).unwrap();
    for certificate in rustls_pki_types::CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.unwrap()).unwrap();
    }
    tokio_postgres_rustls::MakeRustlsConnect::new(
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
    )
}

/// A session of the superuser, for looking at what a test left in the server.
pub struct Client {
    runtime: tokio::runtime::Runtime,
    client: tokio_postgres::Client,
}

impl Client {
    /// The rows of a query, each as text.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        self.try_rows(sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    fn try_rows(&self, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        let rows = self.runtime.block_on(self.client.simple_query(sql))?;
        Ok(rows
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => {
                    let columns = (0..row.len()).map(|at| row.get(at).unwrap_or_default());
                    Some(columns.collect::<Vec<_>>().join("|"))
                }
                _ => None,
            })
            .collect())
    }
}

/// The namespaces of this run's tests, and the kubeconfig of the world that each is in.
static NAMESPACES: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

/// Who asks the API servers. One thread for all: a process for each look would come too late on a busy machine.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

fn api_server(kubeconfig: &str) -> kube::Client {
    static CLIENTS: LazyLock<Mutex<HashMap<String, kube::Client>>> = LazyLock::new(Mutex::default);
    let mut clients = CLIENTS.lock().unwrap();
    let new = || {
        RUNTIME.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig).unwrap();
            let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
            kube::Client::try_from(config).unwrap()
        })
    };
    clients.entry(kubeconfig.to_owned()).or_insert_with(new).clone()
}

fn is_initializing(client: &kube::Client, namespace: &str, name: &str) -> bool {
    let path = format!("/apis/bemade.org/v1/namespaces/{namespace}/odooinstances/{name}");
    let request = http::Request::get(path).body(Vec::new()).unwrap();
    let asked = async { tokio::time::timeout(PATIENCE, client.request::<serde_json::Value>(request)).await };
    matches!(RUNTIME.block_on(asked), Ok(Ok(object)) if object["status"]["phase"] == "Initializing")
}

/// Fills every new database of a namespace once it is being initialised, as the init Job's Odoo would.
pub fn pretend(kubeconfig: &str, namespace: &str) {
    static ONCE: Once = Once::new();
    NAMESPACES.lock().unwrap().insert(namespace.to_owned(), kubeconfig.to_owned());
    ONCE.call_once(|| {
        std::thread::spawn(|| {
            let postgres = client("postgres");
            let mut seen = std::collections::HashSet::new();
            loop {
                let new = postgres.try_rows(
                    "SELECT d.datname, c->>'namespace', c->>'name' FROM pg_database d,
                       LATERAL (SELECT substr(shobj_description(d.oid, 'pg_database'), 21)::jsonb AS c) AS comment
                     WHERE shobj_description(d.oid, 'pg_database') LIKE 'bemade.org/instance {%'
                       AND c->>'namespace' LIKE 'cl-%'
                       AND NOT coalesce((c->>'preparing')::boolean, false)",
                );
                let new = new.unwrap_or_default();
                // One that was dropped and made again is new again.
                seen.retain(|database: &String| new.iter().any(|row| row.split('|').next() == Some(database)));
                for row in new {
                    let words: Vec<_> = row.split('|').map(str::to_owned).collect();
                    let [database, namespace, name] = <[String; 3]>::try_from(words).unwrap();
                    let kubeconfig = NAMESPACES.lock().unwrap().get(&namespace).cloned();
                    if let Some(kubeconfig) = kubeconfig
                        && seen.insert(database.clone())
                    {
                        // Each by itself: one world that is slow, paused or gone holds up no other.
                        std::thread::spawn(move || fill_when_asked(&kubeconfig, &database, &namespace, &name));
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    });
}

fn fill_when_asked(kubeconfig: &str, database: &str, namespace: &str, name: &str) {
    let client = api_server(kubeconfig);
    while NAMESPACES.lock().unwrap().contains_key(namespace) {
        if is_initializing(&client, namespace, name) && fill(database, namespace, name).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Fails while the database is being dropped or renamed; the next look tries again.
fn fill(database: &str, namespace: &str, name: &str) -> Result<(), tokio_postgres::Error> {
    let inside = try_client(database)?;
    if inside.try_rows("SELECT 1 WHERE to_regclass('public.ir_module_module') IS NOT NULL")?.is_empty() {
        inside.try_rows(&format!("BEGIN; SET LOCAL ROLE \"odoo.{namespace}.{name}\"; {TABLES} COMMIT"))?;
    }
    Ok(())
}

/// Removes what a test's instances left in the server.
pub fn sweep(namespace: &str) {
    NAMESPACES.lock().unwrap().remove(namespace);
    let postgres = client("postgres");
    let marked = format!("shobj_description(oid, 'pg_database') LIKE '%\"namespace\":\"{namespace}\"%'");
    for database in postgres.rows(&format!("SELECT datname FROM pg_database WHERE {marked}")) {
        let _gone_meanwhile = postgres.try_rows(&format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)"));
    }
    for role in postgres.rows(&format!("SELECT rolname FROM pg_roles WHERE rolname LIKE 'odoo.{namespace}.%'")) {
        let _gone_meanwhile = postgres.try_rows(&format!("DROP ROLE IF EXISTS \"{role}\""));
    }
}
