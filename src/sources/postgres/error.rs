//! Why a database can't be read, and how to say so.

use tokio_postgres::error::SqlState;

use super::Location;
use super::connection_config::ConnectionConfig;
use crate::sources::State;

/// A reason why a database can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("{SERVER} can't be reached: {0}")]
    Unreachable(String),
    #[error("the connection to {SERVER} was lost: {0}")]
    Lost(String),
    #[error("{SERVER} refuses the password of {USER}; put the right one into ~/.pgpass, PGPASSWORD or the URL")]
    WrongPassword,
    #[error("{SERVER} asks for a password; put it into ~/.pgpass, PGPASSWORD or the URL")]
    NoPassword,
    #[error("{SERVER} refuses the connection: {0}")]
    Refused(String),
    #[error("there is no database of that name on the server: {SERVER}")]
    NoDatabase,
    #[error("{SERVER} has no connection left: {0}; trying again")]
    Full(String),
    #[error("{SERVER} does not offer TLS, which sslmode asks for")]
    NoTls,
    #[error("no encrypted connection to {SERVER}: {0}")]
    Tls(String),
    #[error("{SERVER} has no schema {SCHEMA} yet; Agno creates it with the first trace (--schema names another)")]
    NoSchema,
    #[error("{SERVER} has no table {TABLE} yet; Agno creates it with the first trace{}", others(.0))]
    NoTable(Vec<String>),
    #[error(
        "{USER} may not read {TABLE} in {SERVER}; its owner allows it: GRANT USAGE ON SCHEMA {SCHEMA} TO {USER}; GRANT SELECT ON {TABLE}, {TRACES} TO {USER}"
    )]
    Denied,
    #[error("{TABLE} in {SERVER} is {0}, which can't be followed; name a table with --spans-table")]
    NotATable(&'static str),
    #[error("{TABLE} in {SERVER} has no column {0}; it is not a table of spans as Agno 2.5 to 3 writes it")]
    NoColumn(&'static str),
    #[error("{TABLE} in {SERVER} has no index on {0}, without which every look would read the whole table; Agno creates one")]
    NoIndex(&'static str),
    #[error("{SERVER} is PostgreSQL {0}; version 14 or later is needed")]
    TooOld(String),
    #[error("{SERVER} took too long to answer; trying again")]
    Slow,
    #[error("{TABLE} changed while it was read; trying again")]
    Changed,
    #[error("{SERVER} can't be read: {0}")]
    Other(String),
}

/// These stand for names until [`Trouble::words`] puts them in.
const SERVER: &str = "\u{1}";
const TABLE: &str = "\u{2}";
const TRACES: &str = "\u{3}";
const SCHEMA: &str = "\u{4}";
const USER: &str = "\u{5}";

/// Tables that are named where the one that is looked for is missing.
const NAMED: usize = 8;

fn others(tables: &[String]) -> String {
    let named: Vec<&str> = tables.iter().take(NAMED).map(String::as_str).collect();
    let more = if tables.len() > NAMED { ", …" } else { "" };
    if named.is_empty() { String::new() } else { format!(" (there is {}{more}; --spans-table names another)", named.join(", ")) }
}

impl Error {
    /// For a person, with the names in it and nothing secret.
    pub(super) fn words(&self, target: &ConnectionConfig, place: &Location) -> String {
        let table = |name: &str| format!("{}.{name}", place.schema);
        let words = target.redact(&self.to_string());
        words
            .replace(SERVER, &target.name)
            .replace(TABLE, &table(&place.tables.spans))
            .replace(TRACES, &table(&place.tables.traces))
            .replace(SCHEMA, &place.schema)
            .replace(USER, &target.user)
    }

    /// The state that the source is in because of it.
    pub(super) fn state(&self, target: &ConnectionConfig, place: &Location) -> State {
        let words = self.words(target, place);
        if self.awaits() { State::Waiting(words) } else { State::Failing(words) }
    }

    /// Whether it means that Agno has not written anything yet.
    pub(super) fn awaits(&self) -> bool {
        matches!(self, Self::NoSchema | Self::NoTable(_))
    }

    /// Whether the connection is as good as before.
    pub(super) fn keeps_connection(&self) -> bool {
        self.awaits()
            || matches!(self, Self::Slow | Self::Denied | Self::NotATable(_) | Self::NoColumn(_) | Self::NoIndex(_) | Self::Changed)
    }

    /// Whether another way to connect may succeed: with encryption instead of without, or the other way round.
    pub(super) fn asks_for_another_way(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NoTls | Self::Tls(_))
    }

    /// What an error says while a connection comes about.
    pub(super) fn connecting(error: &tokio_postgres::Error) -> Self {
        let text = chain(error);
        match error.code() {
            Some(&SqlState::INVALID_PASSWORD) => Self::WrongPassword,
            Some(&SqlState::INVALID_CATALOG_NAME) => Self::NoDatabase,
            Some(&SqlState::TOO_MANY_CONNECTIONS) => Self::Full(said(error)),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Self::Refused(said(error)),
            Some(code) if code.code().starts_with("28") => Self::Refused(said(error)),
            Some(code) if code.code().starts_with("57") => Self::Unreachable(said(error)),
            Some(_) => Self::Other(said(error)),
            None if text.contains("server does not support TLS") => Self::NoTls,
            None if text.contains("password missing") => Self::NoPassword,
            None if text.starts_with("error performing TLS handshake") => Self::Tls(last(error)),
            None => Self::Unreachable(last(error)),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    /// What an error says once a connection is there.
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            None if error.is_closed() => Self::Lost("it was closed".to_owned()),
            None => Self::Lost(last(&error)),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Self::Denied,
            Some(&SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE) => Self::Slow,
            Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME | &SqlState::UNDEFINED_COLUMN) => Self::Changed,
            Some(code) if code.code().starts_with("57P") || code.code().starts_with("08") => Self::Lost(said(&error)),
            Some(_) => Self::Other(said(&error)),
        }
    }
}

/// What the server says.
fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| chain(error), |error| error.message().to_owned())
}

/// The error with its causes.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// The innermost cause.
fn last(error: &tokio_postgres::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}
