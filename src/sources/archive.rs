//! Whole traces as rows of Agno's tables: read, deleted and written back, with every column as it is stored.
//!
//! Everything else in this program reads what it knows of a span. An archive must return what it does not know, too, so that this module
//! moves values without looking at them: from a database into a file ([`mod@file`]) and back.

mod clickhouse;
pub mod file;
mod mysql;
mod postgres;
mod row;
mod sqlite;

use std::path::Path;

use super::postgres::Location;
use crate::model::Nanos;
pub use row::{Columns, TraceRows, Value};

/// How many spans a transaction of a deletion or of a restoration has at most, unless one trace has more.
pub const CHUNK: u64 = 500;

/// Why a database can't be read or changed: a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

/// What a deletion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The traces that were deleted.
    pub traces: u64,
    /// The traces that were gone before.
    pub gone: u64,
    /// The spans that were deleted.
    pub spans: u64,
    /// The traces that were left alone because they changed after they were archived.
    pub changed: u64,
}

impl std::ops::AddAssign for Deleted {
    fn add_assign(&mut self, other: Self) {
        self.traces += other.traces;
        self.gone += other.gone;
        self.spans += other.spans;
        self.changed += other.changed;
    }
}

/// Requests of logs and metrics that agno-top recorded beside Agno's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Requests of log records.
    pub logs: u64,
    /// Requests of metrics.
    pub metrics: u64,
}

/// What a restoration did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The traces with rows that were written.
    pub traces: u64,
    /// The spans that were written.
    pub spans: u64,
    /// The spans that were there before.
    pub present: u64,
}

/// Agno's tables of a database that can be changed.
pub trait Tables {
    /// Returns the columns of both tables, in their order.
    fn columns(&self) -> &Columns;

    /// Returns the rows of these traces, in the order of `ids`; ids without rows are left out. The rows are of one moment.
    fn read(&mut self, ids: &[String]) -> Result<Vec<TraceRows>, Error>;

    /// Returns the runs that wait for an approval.
    fn waiting_runs(&mut self) -> Result<Vec<String>, Error>;

    /// Returns why traces can't be deleted: missing rights, tables that refer to them; `None` if they can.
    fn obstacle(&mut self) -> Result<Option<String>, Error>;

    /// Deletes these traces in one transaction, but none that has other rows now than those given. Some databases delete later, at
    /// [`Tables::finish`] at the latest, and then count what they have deleted.
    fn delete(&mut self, traces: &[TraceRows]) -> Result<Deleted, Error>;

    /// Deletes what is still to be deleted.
    fn finish(&mut self) -> Result<Deleted, Error> {
        Ok(Deleted::default())
    }

    /// Returns how many recorded requests of logs and metrics came before a time. None are in a database that agno-top does not record into.
    fn recorded_before(&mut self, _before: Nanos) -> Result<Recorded, Error> {
        Ok(Recorded::default())
    }

    /// Deletes some of these requests in one transaction. Returns how many; none if none are left.
    fn delete_recorded(&mut self, _before: Nanos) -> Result<Recorded, Error> {
        Ok(Recorded::default())
    }

    /// Writes these traces in one transaction, without the rows that are there. `columns` are those of the rows.
    fn restore(&mut self, columns: &Columns, traces: &[TraceRows]) -> Result<Restored, Error>;

    /// Gives the space of deleted rows back to the file system; the error says why not.
    fn vacuum(&mut self) -> Result<(), Error>;
}

/// Opens the tables of a database. `create` creates a missing SQLite file and missing tables in it.
///
/// The error says what is wrong with the database, without its password.
pub fn open(source: &Path, location: &Location, create: bool) -> Result<Box<dyn Tables>, Error> {
    if let Some(url) = source.to_str().filter(|source| super::postgres::is_url(source)) {
        return Ok(Box::new(postgres::Postgres::open(url, location)?));
    }
    if let Some(url) = source.to_str().filter(|source| super::clickhouse::is_url(source)) {
        return Ok(Box::new(clickhouse::ClickHouse::open(url, location)?));
    }
    if let Some(url) = source.to_str().filter(|source| super::mysql::is_url(source)) {
        return Ok(Box::new(mysql::MySql::open(url, location)?));
    }
    Ok(Box::new(sqlite::Sqlite::open(source, &location.tables, create)?))
}
