//! The tables, as statements see them.

use rusqlite::{Connection, OptionalExtension, Statement};

use super::Tables;
use super::error::Error;
use crate::sources::agno_row::COLUMNS;

/// Whether both tables are there.
pub(in crate::sources) fn present(connection: &Connection, tables: &Tables) -> Result<bool, Error> {
    Ok(kind(connection, &tables.spans)?.is_some() && kind(connection, &tables.traces)?.is_some())
}

/// Says in plain words what is wrong with the table of spans, if something is.
pub(super) fn check(connection: &Connection, tables: &Tables) -> Result<(), Error> {
    select(connection, tables, "LIMIT 0").map(drop)
}

/// A statement that reads rows of spans: the row id, then the columns; `rest` follows the table's name.
///
/// The columns stand unquoted: SQLite takes a quoted name that it does not know for a text.
pub(super) fn select<'c>(connection: &'c Connection, tables: &Tables, rest: &str) -> Result<Statement<'c>, Error> {
    let sql = format!("SELECT rowid, {} FROM {} {rest}", COLUMNS.join(", "), quoted(&tables.spans));
    connection.prepare(&sql).map_err(|error| diagnose(connection, tables).unwrap_or_else(|trouble| trouble).unwrap_or_else(|| error.into()))
}

/// A table's name as it stands in a statement.
pub(super) fn quoted(table: &str) -> String {
    format!("\"{}\"", table.replace('"', "\"\""))
}

/// What is wrong with the table of spans.
fn diagnose(connection: &Connection, tables: &Tables) -> Result<Option<Error>, Option<Error>> {
    let Some(kind) = kind(connection, &tables.spans)? else {
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
    let rows = connection.prepare(&format!("SELECT rowid FROM {}", quoted(&tables.spans)));
    Ok(rows.is_err_and(|error| error.to_string().contains("rowid")).then_some(Error::WithoutRowId))
}

/// `table` or `view`, if there is one of that name.
fn kind(connection: &Connection, table: &str) -> Result<Option<String>, Error> {
    let sql = "SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    Ok(connection.query_row(sql, [table], |row| row.get(0)).optional()?)
}
