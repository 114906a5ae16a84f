use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::{ClusterConfig, SslMode};
use super::error::{Error, chain, ends_session, is_io, words};
use super::tls;

/// From the first packet to the end of the login.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A peer that vanished without a word is noticed after 30 + 3 × 10 s.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// Settings of every session. They are startup options because those outrank what a tenant may have set on its
/// role or database to poison our sessions.
const SESSION_OPTIONS: &str = "-c search_path=pg_catalog -c standard_conforming_strings=on \
    -c default_transaction_read_only=off -c statement_timeout=60s -c lock_timeout=10s \
    -c idle_in_transaction_session_timeout=120s -c client_min_messages=warning";

/// Who logs in, and where.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The role.
    pub role: &'a str,
    /// Its password.
    pub password: &'a SecretString,
    /// The database.
    pub database: &'a str,
}

/// A server's address, and TLS as configured for it.
#[derive(Clone)]
pub(super) struct Endpoint {
    host: String,
    port: u16,
    sslmode: SslMode,
    tls: Option<MakeRustlsConnect>,
}

/// The task that moves a connection's bytes; it ends with the connection.
pub(super) type Driver = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// What the server said about itself and the session at login.
#[derive(Clone, Copy, Debug)]
pub(super) struct Greeting {
    pub superuser: bool,
}

impl Endpoint {
    /// The endpoint of a cluster; the certificates are read here, once.
    pub fn new(config: &ClusterConfig) -> Result<Self, String> {
        let tls = match config.sslmode {
            SslMode::Disable => None,
            mode => Some(MakeRustlsConnect::new(tls::client_config(mode, config.ca_cert.as_deref())?)),
        };
        Ok(Self { host: config.host.clone(), port: config.port, sslmode: config.sslmode, tls })
    }

    /// Host and port, for messages.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Opens a session. The driver must be spawned.
    pub async fn connect(&self, login: Login<'_>) -> Result<(Client, Driver, Greeting), Error> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.connect_as_configured(login)).await.unwrap_or_else(|_| {
            Err(self.unreachable(format!(
                "no answer within {} s; check host and port, and that no network policy or firewall is in between",
                CONNECT_TIMEOUT.as_secs()
            )))
        })
    }

    async fn connect_as_configured(&self, login: Login<'_>) -> Result<(Client, Driver, Greeting), Error> {
        use tokio_postgres::config::SslMode as Wire;
        let (wire, tls) = match (self.sslmode, &self.tls) {
            (SslMode::Disable, _) | (_, None) => return self.plain(login).await,
            (SslMode::Prefer, Some(tls)) => (Wire::Prefer, tls),
            (_, Some(tls)) => (Wire::Require, tls),
        };
        match self.settings(login).ssl_mode(wire).connect(tls.clone()).await {
            Ok((client, connection)) => Ok(opened(client, connection)),
            Err(error) if self.sslmode == SslMode::Prefer && plain_may_work(&error) => self.plain(login).await,
            Err(error) => Err(self.refused(login, &error)),
        }
    }

    async fn plain(&self, login: Login<'_>) -> Result<(Client, Driver, Greeting), Error> {
        let mut settings = self.settings(login);
        settings.ssl_mode(tokio_postgres::config::SslMode::Disable);
        match settings.connect(NoTls).await {
            Ok((client, connection)) => Ok(opened(client, connection)),
            Err(error) => Err(self.refused(login, &error)),
        }
    }

    fn settings(&self, login: Login<'_>) -> tokio_postgres::Config {
        let mut settings = tokio_postgres::Config::new();
        settings
            .host(&self.host)
            .port(self.port)
            .user(login.role)
            .password(login.password.expose_secret())
            .dbname(login.database)
            .application_name("odoo-operator")
            .options(SESSION_OPTIONS)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_RETRIES);
        settings
    }

    fn unreachable(&self, reason: String) -> Error {
        Error::Unreachable { address: self.address(), reason }
    }

    fn refused(&self, login: Login<'_>, error: &tokio_postgres::Error) -> Error {
        let auth = |reason| Error::Auth { address: self.address(), role: login.role.to_owned(), reason };
        match error.as_db_error() {
            Some(db) if ends_session(db.code()) => self.unreachable(words(db)),
            Some(db) if is_authorization(db.code()) => auth(words(db)),
            Some(db) => Error::Server {
                doing: format!("open a session of role {:?} in database {:?}", login.role, login.database),
                message: words(db),
                code: db.code().code().to_owned(),
            },
            None if is_tls(error) => {
                Error::Tls { address: self.address(), sslmode: self.sslmode.to_string(), reason: chain(error) }
            }
            None if is_io(error) || error.is_closed() => self.unreachable(chain(error)),
            None => auth(chain(error)),
        }
    }
}

fn opened<S, T>(client: Client, connection: Connection<S, T>) -> (Client, Driver, Greeting)
where
    Connection<S, T>: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let greeting = Greeting { superuser: connection.parameter("is_superuser") == Some("on") };
    (client, Box::pin(connection), greeting)
}

fn is_authorization(code: &SqlState) -> bool {
    *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
}

/// libpq, too, tries again without TLS when `prefer` met a broken TLS or a `hostnossl` line.
fn plain_may_work(error: &tokio_postgres::Error) -> bool {
    is_tls(error) || error.as_db_error().is_some_and(|db| *db.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// The server offers no TLS, or TLS failed for a reason other than a broken connection.
fn is_tls(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    let mut rustls = false;
    while let Some(cause) = source {
        let io = cause.downcast_ref::<std::io::Error>();
        rustls |= cause.is::<rustls::Error>()
            || io
                .and_then(std::io::Error::get_ref)
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
        source = cause.source();
    }
    rustls || (error.to_string().contains("TLS") && !is_io(error))
}

/// Spawns the driver; `ended` is told why a connection that we did not end has ended.
pub(super) fn spawn(driver: Driver, ended: impl FnOnce(Option<String>) + Send + 'static) {
    tokio::spawn(async move {
        let reason = driver.await.err().map(|error| match error.as_db_error() {
            Some(db) => words(db),
            None => chain(&error),
        });
        ended(reason);
    });
}
