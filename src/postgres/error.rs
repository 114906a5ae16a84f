use tokio_postgres::error::SqlState;

/// What went wrong with PostgreSQL, told to the person who can do something about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke, or no answer came in time. Nothing is known about what is there.
    #[error("PostgreSQL at {address} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The server is there, and TLS with it did not come about as sslmode demands.
    #[error("no TLS connection to PostgreSQL at {address} with sslmode {sslmode}: {reason}")]
    Tls {
        /// Host and port.
        address: String,
        /// The configured mode.
        sslmode: String,
        /// What happened.
        reason: String,
    },
    /// The server does not let the role in.
    #[error("PostgreSQL at {address} does not let role {role:?} in: {reason}")]
    Auth {
        /// Host and port.
        address: String,
        /// Who tried to log in.
        role: String,
        /// The server's words.
        reason: String,
    },
    /// Something of that name is there and is not this instance's. It was not touched.
    #[error(
        "{what} {name:?} exists already and is not this instance's: {holder}. Choose another name, or remove it by hand if nobody needs it"
    )]
    NameTaken {
        /// `database` or `role`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Whose it is, in words.
        holder: String,
    },
    /// The admin role may not do what is needed.
    #[error("the admin role may not {doing}: {message}. Give it CREATEDB and CREATEROLE, or make it superuser")]
    Privilege {
        /// The operation.
        doing: String,
        /// The server's words.
        message: String,
    },
    /// The server refused an operation for another reason.
    #[error("PostgreSQL refused to {doing}: {message} (SQLSTATE {code})")]
    Server {
        /// The operation.
        doing: String,
        /// The server's words, detail and hint included.
        message: String,
        /// Five characters.
        code: String,
    },
    /// The answer could not be understood.
    #[error("PostgreSQL's answer to {doing} was not as expected: {message}")]
    Answer {
        /// The operation.
        doing: String,
        /// What was wrong with it.
        message: String,
    },
}

impl Error {
    /// Whether nothing was learnt about the state of the server: facts stay unknown.
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Tls { .. } | Self::Auth { .. })
    }

    /// Classifies an error of a statement that was to do `doing`.
    pub(super) fn statement(address: &str, doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        let doing = doing.into();
        match error.as_db_error() {
            Some(db) if ends_session(db.code()) => {
                Self::Unreachable { address: address.to_owned(), reason: db.message().to_owned() }
            }
            Some(db) if *db.code() == SqlState::INSUFFICIENT_PRIVILEGE => Self::Privilege { doing, message: words(db) },
            Some(db) => Self::Server { doing, message: words(db), code: db.code().code().to_owned() },
            None if error.is_closed() || is_io(error) => Self::Unreachable {
                address: address.to_owned(),
                reason: format!("the connection broke while it was to {doing}; {}", chain(error)),
            },
            None => Self::Answer { doing, message: chain(error) },
        }
    }

    /// Whether somebody was faster and has the name of a role or a database: as the server sees it once their
    /// transaction has ended (`duplicate_object`, `duplicate_database`), or while it was open (`unique_violation`, of
    /// the catalogue's index).
    pub(super) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Server { code, .. } if matches!(code.as_str(), "42710" | "42P04" | "23505"))
    }
}

/// Shutdown, crash, termination by an administrator, recovery, too many connections.
pub(super) fn ends_session(code: &SqlState) -> bool {
    *code == SqlState::ADMIN_SHUTDOWN
        || *code == SqlState::CRASH_SHUTDOWN
        || *code == SqlState::CANNOT_CONNECT_NOW
        || *code == SqlState::TOO_MANY_CONNECTIONS
        || code.code().starts_with("08")
}

pub(super) fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// A server's message with its detail and hint.
pub(super) fn words(error: &tokio_postgres::error::DbError) -> String {
    let mut words = error.message().to_owned();
    for more in [error.detail(), error.hint()].into_iter().flatten() {
        words.push_str("; ");
        words.push_str(&more.replace('\n', ", "));
    }
    words
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words.push_str(": ");
            words.push_str(&cause_words);
        }
        source = cause.source();
    }
    words
}
