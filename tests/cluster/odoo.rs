//! Odoo in the pods of init Jobs, which nothing runs on simulated nodes.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client as ApiClient, ResourceExt as _};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::world::{PATIENCE, env};

/// Tells the simulated kubelet (`scripts/dev/kube/kwok.yaml`) what becomes of a pod.
const OUTCOME: &str = "test.bemade.org/outcome";
/// Between two tries.
const RETRY: Duration = Duration::from_millis(20);
/// Tests whose namespaces begin like this have their databases left empty.
const EMPTY: &str = "cl-empty";

/// One thread for all that waits for PostgreSQL and for API servers.
pub static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

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
    Client(RUNTIME.block_on(connect(database)).unwrap_or_else(|why| panic!("{database}: {why}")))
}

async fn connect(database: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(env("PGHOST"))
        .port(env("PGPORT").parse().unwrap())
        .user(env("PGUSER"))
        .password(env("PGPASSWORD"))
        .dbname(database);
    let (client, connection) = config.connect(tls()).await?;
    tokio::spawn(connection);
    Ok(client)
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
pub struct Client(tokio_postgres::Client);

impl Client {
    /// The rows of a query, each as text.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        self.try_rows(sql).unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    fn try_rows(&self, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        RUNTIME.block_on(rows(&self.0, sql))
    }
}

async fn rows(client: &tokio_postgres::Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    Ok(messages
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

/// Odoo in one cluster, until this is dropped.
pub struct Odoo(JoinHandle<()>);

impl Drop for Odoo {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Odoo {
    /// Fills the database of every init Job whose pod runs, and then lets the pod end: never the other way round,
    /// however slow the machine is.
    pub fn start(client: ApiClient) -> Self {
        Self(RUNTIME.spawn(async move {
            let init = watcher::Config::default().labels("app.kubernetes.io/component=init");
            let mut pods = pin!(watcher(Api::<Pod>::all(client.clone()), init).applied_objects());
            let mut seen = HashSet::new();
            while let Some(pod) = pods.next().await {
                let Ok(pod) = pod else {
                    tokio::time::sleep(RETRY).await;
                    continue;
                };
                let runs = pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
                if runs && !has_outcome(&pod) && seen.insert(pod.uid()) {
                    tokio::spawn(initialize(client.clone(), pod));
                }
            }
        }))
    }
}

/// Whether the test says itself what becomes of a pod.
fn has_outcome(pod: &Pod) -> bool {
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    pod.annotations().contains_key(OUTCOME)
        || containers.any(|container| container.image.as_deref().unwrap_or_default().contains("outcome-"))
}

/// What goes wrong because the test has broken something, or is over, is tried again for as long as a test waits.
async fn initialize(client: ApiClient, pod: Pod) {
    let namespace = pod.namespace().unwrap();
    let uid = &pod.labels()["bemade.org/instance-uid"];
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let ended = serde_json::json!({"metadata": {"annotations": {OUTCOME: "succeed"}}});
    let mut filled = namespace.starts_with(EMPTY);
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        filled = filled || fill(uid).await.is_ok_and(|filled| filled);
        if filled && pods.patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&ended)).await.is_ok() {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Fills the database of an instance as Odoo would; whether there is one.
async fn fill(uid: &str) -> Result<bool, tokio_postgres::Error> {
    let sql = format!(
        "SELECT d.datname, c->>'namespace', c->>'name' FROM pg_database d,
           LATERAL (SELECT substr(shobj_description(d.oid, 'pg_database'), 21)::jsonb AS c) AS comment
         WHERE shobj_description(d.oid, 'pg_database') LIKE 'bemade.org/instance {{%{uid}%'"
    );
    let found = rows(&connect("postgres").await?, &sql).await?;
    let Some((database, owner)) = found.first().and_then(|row| row.split_once('|')) else { return Ok(false) };
    let inside = connect(database).await?;
    if rows(&inside, "SELECT 1 WHERE to_regclass('public.ir_module_module') IS NOT NULL").await?.is_empty() {
        let role = owner.replace('|', ".");
        rows(&inside, &format!("BEGIN; SET LOCAL ROLE \"odoo.{role}\"; {TABLES} COMMIT")).await?;
    }
    Ok(true)
}

/// Removes what a test's instances left in the server.
pub fn sweep(namespace: &str) {
    let postgres = client("postgres");
    let marked = format!("shobj_description(oid, 'pg_database') LIKE '%\"namespace\":\"{namespace}\"%'");
    for database in postgres.rows(&format!("SELECT datname FROM pg_database WHERE {marked}")) {
        let _gone_meanwhile = postgres.try_rows(&format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)"));
    }
    for role in postgres.rows(&format!("SELECT rolname FROM pg_roles WHERE rolname LIKE 'odoo.{namespace}.%'")) {
        let _gone_meanwhile = postgres.try_rows(&format!("DROP ROLE IF EXISTS \"{role}\""));
    }
}
