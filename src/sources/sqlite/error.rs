//! Why a database can't be read, and how to say so.

use rusqlite::ErrorCode;

use super::Tables;
use crate::sources::State;

/// A reason why a database can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sources) enum Error {
    #[error("{FILE} does not exist yet; Agno creates it with the first trace")]
    Missing,
    #[error("{FILE} is empty; Agno fills it with the first trace")]
    Empty,
    #[error("{FILE} has no table {TABLE} yet; Agno creates it with the first trace{}", others(.0))]
    NoTable(Vec<String>),
    #[error("{FILE} is a folder; name the database file in it")]
    Folder,
    #[error("{FILE} is no regular file")]
    Special,
    #[error("{FILE} can't be read: permission denied; allow this user to read the file and its folder")]
    Denied,
    #[error("{FILE} is no SQLite database")]
    NotSqlite,
    #[error("{TABLE} in {FILE} is a view; name the table behind it with --spans-table")]
    View,
    #[error("{TABLE} in {FILE} is a table without row ids, which can't be followed")]
    WithoutRowId,
    #[error("{TABLE} in {FILE} has no column {0}; it is not a table of spans as Agno 2.5 to 3 writes it")]
    NoColumn(String),
    #[error("{FILE} is locked by another program; trying again")]
    Busy,
    #[error("{FILE} was left in the middle of a write by a program that died; open it once with that program or `sqlite3` to repair it")]
    HotJournal,
    #[error("{FILE}-wal holds rows that only a program that may write can bring in; run the agent, or `sqlite3 {FILE} .tables`, once")]
    LoneWal,
    #[error("{FILE} is damaged ({0}); `sqlite3 {FILE} .recover` may save what is in it")]
    Damaged(String),
    #[error("{FILE} can't be read: {0}")]
    Other(String),
}

/// Stands for the file's name until [`Trouble::words`] puts it in.
const FILE: &str = "\u{1}";
/// Stands for the table's name.
const TABLE: &str = "\u{2}";
/// Tables that are named where the one that is looked for is missing.
const NAMED: usize = 8;

fn others(tables: &[String]) -> String {
    let named: Vec<&str> = tables.iter().take(NAMED).map(String::as_str).collect();
    let more = if tables.len() > NAMED { ", …" } else { "" };
    if named.is_empty() { String::new() } else { format!(" (it has {}{more}; --spans-table names another)", named.join(", ")) }
}

impl Error {
    /// For a person, with the names in it.
    pub(super) fn words(&self, file: &str, tables: &Tables, was_there: bool) -> String {
        match self {
            Self::Missing if was_there => format!("{file} was deleted; waiting for it to come back"),
            _ => self.to_string().replace(FILE, file).replace(TABLE, &tables.spans),
        }
    }

    /// The state that the source is in because of it.
    pub(super) fn state(&self, file: &str, tables: &Tables, was_there: bool) -> State {
        let words = self.words(file, tables, was_there);
        if matches!(self, Self::Missing | Self::Empty | Self::NoTable(_)) { State::Waiting(words) } else { State::Failing(words) }
    }

    /// Whether it mostly passes by itself in a moment, as what a writer does while it opens or closes the file.
    pub(super) fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::LoneWal | Self::Other(_))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // A name below a file that should be a folder is missing, too.
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Self::Missing,
            std::io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let Some(cause) = error.sqlite_error() else { return Self::Other(error.to_string()) };
        match (cause.code, cause.extended_code) {
            (_, rusqlite::ffi::SQLITE_READONLY_ROLLBACK) => Self::HotJournal,
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::ReadOnly | ErrorCode::SchemaChanged, _) => Self::Busy,
            (ErrorCode::NotADatabase, _) => Self::NotSqlite,
            (ErrorCode::DatabaseCorrupt, _) => Self::Damaged(error.to_string()),
            (ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied, _) => Self::Denied,
            _ => Self::Other(error.to_string()),
        }
    }
}
