//! The reasons why a database can't be read, and their messages.

use std::io;
use std::time::Duration;

use super::config::Config;
use crate::sources::{State, agno_row};

/// What is said where an answer does not come in time.
pub(super) const NO_ANSWER: &str = "the server does not answer";

/// The reason why a database can't be read. [`Error::message`] tells the user about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Error {
    /// The server does not answer.
    Unreachable(String),
    /// The connection broke.
    Lost(String),
    /// It accepts connections and says nothing for so long.
    Silent(Duration),
    /// What answers speaks another protocol.
    NoServer,
    /// The server asks for the password itself, and the connection is not encrypted.
    NotPrivate,
    /// The server asks for an unknown way to prove the password.
    Plugin(String),
    /// The server does not offer TLS.
    NoTls,
    /// The TLS handshake failed.
    Tls(String),
    /// The server refuses the user or the password.
    Refused(String),
    /// The table of spans is missing; the tables that there are.
    NoTable(Vec<String>),
    /// The user may not read the table.
    Denied,
    /// The table of spans lacks this column.
    NoColumn(&'static str),
    /// Any other reason.
    Other(String),
}

impl Error {
    /// Converts an error of the server.
    pub(super) fn of_server(code: u16, text: String) -> Self {
        match code {
            1045 | 1130 | 1698 | 3118 => Self::Refused(text),
            1044 | 1142 | 1143 | 1227 => Self::Denied,
            1146 | 1049 => Self::NoTable(Vec::new()),
            1053 | 1077 | 1927 | 4031 => Self::Lost(text),
            _ => Self::Other(text),
        }
    }

    /// Whether Agno has not written anything yet.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::NoTable(_))
    }

    /// Whether the connection can still be used.
    pub(super) fn keeps_connection(&self) -> bool {
        matches!(self, Self::NoTable(_) | Self::NoColumn(_) | Self::Denied)
    }

    /// Returns the message for the user, without secrets.
    pub(in crate::sources) fn message(&self, config: &Config, schema: &str, table: &str) -> String {
        let (server, user) = (&config.name, &config.user);
        let redact = |reason: &str| config.redact(reason);
        let table = format!("{schema}.{table}");
        match self {
            Self::Unreachable(reason) => format!("{server} can't be reached: {}", redact(reason)),
            Self::Lost(reason) => format!("the connection to {server} was lost: {}", redact(reason)),
            Self::Silent(time) => {
                format!(
                    "{server} says nothing within {} seconds, where MySQL and MariaDB greet at once; is the port right?",
                    time.as_secs()
                )
            }
            Self::NoServer => format!("{server} does not answer as MySQL or MariaDB do"),
            Self::NotPrivate => {
                format!("{server} asks for the password itself, which is only sent over TLS; add ?sslmode=require to the URL")
            }
            Self::Plugin(name) => {
                format!("{server} asks {user} for {}, which agno-top does not know; name a user with a password", redact(name))
            }
            Self::NoTls => format!("{server} does not offer TLS, which sslmode asks for"),
            Self::Tls(reason) => format!("no encrypted connection to {server}: {}", redact(reason)),
            Self::Refused(reason) => format!("{server} refuses the connection: {}", redact(reason)),
            Self::NoTable(others) => agno_row::missing_table(server, &table, others),
            Self::Denied => format!("{user} may not read {table} in {server}; its owner allows it: GRANT SELECT ON {table} TO {user}"),
            Self::NoColumn(column) => agno_row::missing_column(server, &table, column),
            Self::Other(reason) => format!("{server}: {}", redact(reason)),
        }
    }

    /// Returns the state of a source that can't be read.
    pub(super) fn state(&self, config: &Config, schema: &str, table: &str) -> State {
        let message = self.message(config, schema, table);
        if self.is_waiting() { State::Waiting(message) } else { State::Failing(message) }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Lost("it was closed".to_owned()),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Lost(NO_ANSWER.to_owned()),
            _ => Self::Lost(error.to_string()),
        }
    }
}
