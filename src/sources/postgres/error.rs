//! The reasons why a database can't be read, and their messages.

use tokio_postgres::error::SqlState;

use super::Location;
use super::connection_config::ConnectionConfig;
use crate::sources::{State, agno_row};

/// The reason why a database can't be read. [`Error::message`] tells the user about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Error {
    /// The server does not answer.
    Unreachable(String),
    /// The connection broke.
    Lost(String),
    /// The server refuses the password.
    WrongPassword,
    /// The server asks for a password.
    NoPassword,
    /// The server refuses the user.
    Refused(String),
    /// The server has no such database.
    NoDatabase,
    /// The server has too many connections.
    Full(String),
    /// The server does not offer TLS.
    NoTls,
    /// The TLS handshake failed.
    Tls(String),
    /// The schema does not exist.
    NoSchema,
    /// The table of spans is missing; the tables that there are.
    NoTable(Vec<String>),
    /// The user may not read the table.
    Denied,
    /// The table has no rows that row-level security shows to the user.
    Hidden,
    /// The table is something else: a view, a partitioned table.
    NotATable(&'static str),
    /// The table of spans lacks this column.
    NoColumn(&'static str),
    /// The table of spans lacks an index on this column.
    NoIndex(&'static str),
    /// The server's version is too old.
    TooOld(String),
    /// A statement timed out.
    Slow,
    /// The table was altered during a read.
    Changed,
    /// Any other reason.
    Other(String),
}

impl Error {
    /// Returns the message for the user, without secrets.
    pub(in crate::sources) fn message(&self, config: &ConnectionConfig, location: &Location) -> String {
        let ConnectionConfig { name: server, user, .. } = config;
        // Only texts from outside can contain the password; it may equal the user's or the server's name.
        let redact = |reason: &str| config.redact(reason);
        let schema = &location.schema;
        let [table, traces] = [&location.tables.spans, &location.tables.traces].map(|table| format!("{schema}.{table}"));
        match self {
            Self::Unreachable(reason) => format!("{server} can't be reached: {}", redact(reason)),
            Self::Lost(reason) => format!("the connection to {server} was lost: {}", redact(reason)),
            Self::WrongPassword => {
                format!("{server} refuses the password of {user}; put the right one into ~/.pgpass, PGPASSWORD or the URL")
            }
            Self::NoPassword => format!("{server} asks for a password; put it into ~/.pgpass, PGPASSWORD or the URL"),
            Self::Refused(reason) => format!("{server} refuses the connection: {}", redact(reason)),
            Self::NoDatabase => format!("there is no database of that name on the server: {server}"),
            Self::Full(reason) => format!("{server} has no connection left: {}", redact(reason)),
            Self::NoTls => format!("{server} does not offer TLS, which sslmode asks for"),
            Self::Tls(reason) => format!("no encrypted connection to {server}: {}", redact(reason)),
            Self::NoSchema => {
                format!("{server} has no schema {schema} yet; Agno creates it with the first trace (--schema names another)")
            }
            Self::NoTable(others) => agno_row::missing_table(server, &table, others),
            Self::Denied => format!(
                "{user} may not read {table} in {server}; its owner allows it: GRANT USAGE ON SCHEMA {schema} TO {user}; \
                 GRANT SELECT ON {table}, {traces} TO {user}"
            ),
            Self::Hidden => format!(
                "{table} in {server} shows no rows to {user}: row-level security hides those that its policies do not allow; its owner adds a \
                 policy for {user}, or the URL names another user"
            ),
            Self::NotATable(what) => format!("{table} in {server} is {what}, which can't be followed; name a table with --spans-table"),
            Self::NoColumn(column) => agno_row::missing_column(server, &table, column),
            Self::NoIndex(column) => {
                format!("{table} in {server} has no index on {column}, so that every poll would read the whole table; Agno creates one")
            }
            Self::TooOld(version) => format!("{server} is PostgreSQL {version}; version 14 or later is needed"),
            Self::Slow => format!("{server} took too long to answer"),
            Self::Changed => format!("{table} changed while it was read"),
            Self::Other(reason) => format!("{server} can't be read: {}", redact(reason)),
        }
    }

    /// Returns the state of a source with this error.
    pub(super) fn state(&self, config: &ConnectionConfig, location: &Location) -> State {
        let message = self.message(config, location);
        if self.is_waiting() { State::Waiting(message) } else { State::Failing(message) }
    }

    /// Whether Agno has not written anything yet.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::NoSchema | Self::NoTable(_) | Self::Hidden)
    }

    /// Whether the connection can still be used.
    pub(super) fn keeps_connection(&self) -> bool {
        self.is_waiting()
            || matches!(self, Self::Slow | Self::Denied | Self::NotATable(_) | Self::NoColumn(_) | Self::NoIndex(_) | Self::Changed)
    }

    /// Whether to try again with TLS instead of without, or the other way round.
    pub(super) fn may_depend_on_tls(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NoTls | Self::Tls(_))
    }

    /// Converts an error while connecting.
    pub(super) fn connecting(error: &tokio_postgres::Error) -> Self {
        let text = with_causes(error);
        match error.code() {
            Some(&SqlState::INVALID_PASSWORD) => Self::WrongPassword,
            Some(&SqlState::INVALID_CATALOG_NAME) => Self::NoDatabase,
            Some(&SqlState::TOO_MANY_CONNECTIONS) => Self::Full(server_message(error)),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Self::Refused(server_message(error)),
            Some(code) if code.code().starts_with("28") => Self::Refused(server_message(error)),
            Some(code) if code.code().starts_with("57") => Self::Unreachable(server_message(error)),
            Some(_) => Self::Other(server_message(error)),
            None if text.contains("server does not support TLS") => Self::NoTls,
            None if text.contains("password missing") => Self::NoPassword,
            None if text.starts_with("error performing TLS handshake") => Self::Tls(root_cause(error)),
            None => match root_cause(error) {
                cause if cause.contains("reset by peer") => Self::Unreachable(format!(
                    "{cause}; a server that takes one connection at a time, such as PGlite, refuses a second one"
                )),
                cause => Self::Unreachable(cause),
            },
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    /// Converts an error on an open connection.
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            None if error.is_closed() => Self::Lost("it was closed".to_owned()),
            None => Self::Lost(root_cause(&error)),
            Some(_) if server_message(&error).contains("statement pooling mode") => {
                let hint = "its pooler hands out single statements; name the server itself, or a pool in session or transaction mode";
                Self::Other(hint.to_owned())
            }
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Self::Denied,
            Some(&SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE) => Self::Slow,
            Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME | &SqlState::UNDEFINED_COLUMN) => Self::Changed,
            Some(code) if code.code().starts_with("57P") || code.code().starts_with("08") => Self::Lost(server_message(&error)),
            Some(_) => Self::Other(server_message(&error)),
        }
    }
}

/// Returns the server's message.
fn server_message(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| with_causes(error), |error| error.message().to_owned())
}

/// Formats the error with its causes.
fn with_causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Formats the innermost cause.
fn root_cause(error: &tokio_postgres::Error) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

/// Returns the error and its causes, the innermost last.
fn causes(error: &tokio_postgres::Error) -> impl Iterator<Item = &dyn std::error::Error> {
    std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
}
