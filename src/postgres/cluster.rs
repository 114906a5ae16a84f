use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::config::ClusterConfig;
use super::connect::{self, Endpoint, Greeting, Login};
use super::error::Error;

/// Sessions of the admin role at once. At rest there is one.
const SESSIONS: usize = 4;

/// Of one call on a cluster, however many statements it takes.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(90);

/// Between probes of a server that does not answer: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Whether a cluster's server can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nobody tried yet, or the kept connection has just ended and is being opened again: nothing follows.
    Unknown,
    /// The last attempt to get a session succeeded.
    Up,
    /// The last attempt failed.
    Down {
        /// [`Error`] in words.
        reason: String,
    },
}

/// A handle on one cluster, cheap to clone. All calls go through few sessions of the admin role, of which one
/// stays open; its end is how an outage is seen at rest.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    config: ClusterConfig,
    endpoint: Endpoint,
    /// At most one: the kept connection, while nobody uses it.
    idle: Mutex<Option<(Client, Greeting)>>,
    permits: Arc<Semaphore>,
    open: watch::Sender<usize>,
    health: watch::Sender<Health>,
}

impl Cluster {
    /// A handle; nothing is connected yet. Fails when the CA certificates cannot be used.
    pub fn new(config: ClusterConfig) -> Result<Self, String> {
        let endpoint =
            Endpoint::new(&config).map_err(|problem| format!("cluster {:?}, caCert: {problem}", config.name))?;
        Ok(Self(Arc::new(Inner {
            config,
            endpoint,
            idle: Mutex::new(None),
            permits: Arc::new(Semaphore::new(SESSIONS)),
            open: watch::Sender::new(0),
            health: watch::Sender::new(Health::Unknown),
        })))
    }

    /// As configured.
    pub fn config(&self) -> &ClusterConfig {
        &self.0.config
    }

    /// The health, now and from now on.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.0.health.subscribe()
    }

    /// Tries to get a session: a probe that sends no SQL when the kept connection is there.
    pub async fn ping(&self) -> Result<(), Error> {
        self.session().await?.give_back();
        Ok(())
    }

    /// Keeps the connection open, and probes a server that is away until it is back. Never returns; [`Self::health`]
    /// tells what it sees.
    pub async fn supervise(&self) {
        let mut open = self.0.open.subscribe();
        let mut pause = FIRST_PAUSE;
        loop {
            let since = Instant::now();
            if self.ping().await.is_ok() && open.wait_for(|open| *open == 0).await.is_err() {
                return;
            }
            // A connection that lived is replaced at once, one that breaks as soon as it is open is not.
            if since.elapsed() > LAST_PAUSE {
                pause = FIRST_PAUSE;
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
        }
    }

    /// A session of the admin role in `adminDatabase`, for exclusive use.
    pub(super) async fn session(&self) -> Result<Session, Error> {
        let permit = Arc::clone(&self.0.permits).acquire_owned().await.expect("the semaphore is never closed");
        let kept = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((client, greeting)) = kept
            && tokio::time::timeout(Duration::from_secs(2), client.check_connection())
                .await
                .is_ok_and(|alive| alive.is_ok())
        {
            self.set_health(Health::Up);
            return Ok(Session { client, greeting, cluster: self.clone(), kept: true, permit: Some(permit) });
        }
        let mut session = self.open(&self.0.config.admin_database, true).await?;
        session.permit = Some(permit);
        Ok(session)
    }

    /// A session of the admin role in a database of ours that no tenant could connect to yet. It ends when dropped.
    pub(super) async fn session_in(&self, database: &str) -> Result<Session, Error> {
        self.open(database, false).await
    }

    async fn open(&self, database: &str, kept: bool) -> Result<Session, Error> {
        let login = Login { role: &self.0.config.admin_user, password: &self.0.config.admin_password, database };
        let (client, driver, greeting) = match self.0.endpoint.connect(login).await {
            Ok(opened) => opened,
            Err(error) => {
                if error.is_unreachable() {
                    self.set_health(Health::Down { reason: error.to_string() });
                }
                return Err(error);
            }
        };
        self.set_health(Health::Up);
        if kept {
            self.0.open.send_modify(|open| *open += 1);
        }
        let inner = Arc::downgrade(&self.0);
        connect::spawn(driver, move |lost| {
            if let Some(inner) = inner.upgrade().filter(|_| kept) {
                if lost.is_some() && *inner.open.borrow() == 1 {
                    Self(Arc::clone(&inner)).set_health(Health::Unknown);
                }
                inner.open.send_modify(|open| *open -= 1);
            }
        });
        Ok(Session { client, greeting, cluster: self.clone(), kept, permit: None })
    }

    fn set_health(&self, health: Health) {
        self.0.health.send_if_modified(|current| {
            let changed = *current != health;
            *current = health;
            changed
        });
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Bounds a call, for servers and networks that answer nothing. The session in use is closed then.
    pub(super) async fn bounded<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::time::timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|_| {
            Err(Error::Unreachable {
                address: self.0.endpoint.address(),
                reason: format!("no answer within {} s", CALL_TIMEOUT.as_secs()),
            })
        })
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cluster").field(&self.0.config).finish()
    }
}

/// A session in exclusive use. Dropped, it ends, and with it transactions and locks; [`Self::give_back`] is for a
/// session without either.
pub(super) struct Session {
    client: Client,
    greeting: Greeting,
    cluster: Cluster,
    kept: bool,
    permit: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// The cluster that it is on.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Whether the admin role is superuser.
    pub fn superuser(&self) -> bool {
        self.greeting.superuser
    }

    /// Keeps the connection for the next call.
    pub fn give_back(self) {
        if self.kept && !self.client.is_closed() {
            let mut idle = self.cluster.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.get_or_insert((self.client, self.greeting));
        }
    }

    /// Runs statements without parameters.
    pub async fn run(&self, doing: &str, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await.map_err(|error| self.error(doing, &error))
    }

    /// Runs a query.
    pub async fn rows(&self, doing: &str, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.client.query(sql, params).await.map_err(|error| self.error(doing, &error))
    }

    fn error(&self, doing: &str, error: &tokio_postgres::Error) -> Error {
        Error::statement(&self.cluster.0.endpoint.address(), doing, error)
    }
}
