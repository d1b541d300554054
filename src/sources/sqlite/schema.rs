//! Statements on the tables, and what is wrong with a table.

use rusqlite::{Connection, OptionalExtension, Statement};

use super::Tables;
use super::error::Error;
use crate::sources::agno_row::COLUMNS;
use crate::sources::sql::identifier;

/// Whether both tables exist.
pub(in crate::sources) fn tables_exist(connection: &Connection, tables: &Tables) -> Result<bool, Error> {
    Ok(object_type(connection, &tables.spans)?.is_some() && object_type(connection, &tables.traces)?.is_some())
}

/// Returns an error if the table of spans cannot be read.
pub(super) fn check(connection: &Connection, tables: &Tables) -> Result<(), Error> {
    select(connection, tables, "LIMIT 0")?;
    // A view may have a column called rowid, and may never end.
    if object_type(connection, &tables.spans)?.is_some_and(|kind| kind == "view") { Err(Error::View) } else { Ok(()) }
}

/// Prepares a statement that reads the row id and the columns of spans; `clauses` follow the table name.
///
/// The column names are not quoted, because SQLite reads an unknown quoted name as a text.
pub(super) fn select<'c>(connection: &'c Connection, tables: &Tables, clauses: &str) -> Result<Statement<'c>, Error> {
    let sql = format!("SELECT rowid, {} FROM {} {clauses}", COLUMNS.join(", "), identifier(&tables.spans));
    connection.prepare(&sql).map_err(|error| diagnose(connection, tables).unwrap_or_else(|failed| failed).unwrap_or_else(|| error.into()))
}

/// Returns the lowest and the highest row id of the table of spans, if it has rows.
pub(super) fn bounds(connection: &Connection, tables: &Tables) -> Result<Option<(i64, i64)>, Error> {
    // Two subqueries, because SQLite scans the whole table for `min` and `max` in one.
    let table = identifier(&tables.spans);
    let sql = format!("SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})");
    let (lowest, highest): (Option<i64>, Option<i64>) = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(lowest.zip(highest))
}

/// Finds out why the table of spans cannot be read. `Err` is a failure to find out.
fn diagnose(connection: &Connection, tables: &Tables) -> Result<Option<Error>, Option<Error>> {
    let Some(kind) = object_type(connection, &tables.spans)? else {
        let mut names = connection
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
            .map_err(Error::from)?;
        let names = names.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(Error::from)?;
        return Ok(Some(Error::NoTable(names)));
    };
    if kind == "view" {
        return Ok(Some(Error::View));
    }
    for column in COLUMNS {
        let sql = "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 COLLATE NOCASE";
        if connection.query_row(sql, [tables.spans.as_str(), column], |_| Ok(())).optional().map_err(Error::from)?.is_none() {
            return Ok(Some(Error::NoColumn(column.to_owned())));
        }
    }
    let rows = connection.prepare(&format!("SELECT rowid FROM {}", identifier(&tables.spans)));
    Ok(rows.is_err_and(|error| error.to_string().contains("rowid")).then_some(Error::WithoutRowId))
}

/// Returns `table` or `view` if there is one of that name.
fn object_type(connection: &Connection, table: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    Ok(connection.query_row(sql, [table], |row| row.get(0)).optional()?)
}
