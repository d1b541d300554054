//! The reasons why a database can't be read, and their messages.

use std::path::Path;

use rusqlite::ErrorCode;

use super::Tables;
use crate::sources::{self, State, agno_row};

/// The reason why a database can't be read. [`Error::message`] tells the user about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Error {
    /// There is no such file.
    Missing,
    /// The file has no bytes.
    Empty,
    /// The table of spans is missing; the tables that there are.
    NoTable(Vec<String>),
    /// The path is a folder.
    Folder,
    /// The path is a device, a socket or the like.
    NotAFile,
    /// The user may not read the file.
    Denied,
    /// The file has no SQLite header.
    NotSqlite,
    /// The table is a view.
    View,
    /// The table was created `WITHOUT ROWID`.
    WithoutRowId,
    /// The table of spans lacks this column.
    NoColumn(String),
    /// Another program holds a lock.
    Busy,
    /// A rollback journal must be applied first, which takes write access.
    HotJournal,
    /// A write-ahead log without its index must be applied first, which takes write access.
    WalWithoutIndex,
    /// SQLite found the file corrupt.
    Damaged(String),
    /// Any other reason.
    Other(String),
}

impl Error {
    /// Returns the message for the user. `existed` tells whether the file was there before.
    pub(super) fn message(&self, file: &str, tables: &Tables, existed: bool) -> String {
        let table = &tables.spans;
        match self {
            Self::Missing if existed => format!("{file} was deleted; waiting for it to come back"),
            Self::Missing => sources::missing_file(file),
            Self::Empty => format!("{file} is empty; Agno fills it with the first trace"),
            Self::NoTable(others) => agno_row::missing_table(file, table, others),
            Self::Folder => format!("{file} is a folder; name the database file in it"),
            Self::NotAFile => format!("{file} is not a regular file"),
            Self::Denied => format!("{file} can't be read: permission denied; allow this user to read the file and its folder"),
            Self::NotSqlite => format!("{file} is not an SQLite database"),
            Self::View => format!("{table} in {file} is a view; name the table behind it with --spans-table"),
            Self::WithoutRowId => format!("{table} in {file} is a table without row ids, which can't be followed"),
            Self::NoColumn(column) => agno_row::missing_column(file, table, column),
            Self::Busy => format!("{file} is locked by another program"),
            Self::HotJournal => {
                format!(
                    "{file} was left in the middle of a write; open it once with the program that writes it, or with `sqlite3`, to repair it"
                )
            }
            Self::WalWithoutIndex => {
                format!(
                    "{file}-wal holds rows that only a program with write access can apply; run the agent, or `sqlite3 {file} .tables`, once"
                )
            }
            // A file that is replaced leaves the log of the file before, which SQLite takes for its own.
            Self::Damaged(reason) if Path::new(&format!("{file}-wal")).exists() => {
                format!(
                    "{file} is damaged ({reason}). If it was replaced, {file}-wal is that of the file before: stop the agents, and move {file}-wal and \
                     {file}-shm away. Else `sqlite3 {file} .recover` may save its contents"
                )
            }
            Self::Damaged(reason) => format!("{file} is damaged ({reason}); `sqlite3 {file} .recover` may save its contents"),
            Self::Other(reason) => format!("{file} can't be read: {reason}"),
        }
    }

    /// Returns the state of a source with this error: waiting if Agno has not written anything yet, else failing.
    pub(super) fn state(&self, file: &str, tables: &Tables, existed: bool) -> State {
        let message = self.message(file, tables, existed);
        if matches!(self, Self::Missing | Self::Empty | Self::NoTable(_)) { State::Waiting(message) } else { State::Failing(message) }
    }

    /// Whether the error mostly passes by itself in a moment, because a writer opens or closes the file.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::WalWithoutIndex | Self::Other(_))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // A path below a file instead of a folder does not exist either.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_replaced_file_is_named_where_there_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("traces.db").display().to_string();
        let message = || Error::Damaged("malformed".to_owned()).message(&file, &Tables::default(), true);
        assert!(!message().contains("-wal"), "{}", message());
        std::fs::write(format!("{file}-wal"), "").unwrap();
        assert!(message().contains("If it was replaced") && message().contains(".recover"), "{}", message());
    }
}
