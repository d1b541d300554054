//! Reads approvals and evaluations, and the metrics of runs, from the tables beside the traces.

use rusqlite::{Connection, OptionalExtension, Row};

use super::access::Database;
use super::error::Error;
use super::rows::bytes;
use crate::model::review::{Approval, RunMetrics};
use crate::sources::agno_reviews::{
    self, APPROVALS, BEFORE, EVALUATIONS, LINKED, Links, RUNS, Stored, add_links, approval, approvals_mark, evaluation, evaluations_mark,
    select_approvals, select_evaluations, unknown,
};
use crate::sources::sql::{identifier, literal};

/// What was read in one transaction.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) approvals: Vec<Approval>,
    pub(super) evaluations: Vec<Stored>,
}

/// Returns a text that changes with the approvals and the evaluations.
pub(super) fn mark(database: &Database) -> Result<String, Error> {
    let text = |sql: &str| rows(&database.connection, sql, |row| row.get::<_, String>(0));
    let marks = [text(&approvals_mark(&identifier(APPROVALS)))?, text(&evaluations_mark(&identifier(EVALUATIONS)))?];
    Ok(marks.map(|mark| mark.concat()).join("|"))
}

/// Reads the approvals and the evaluations.
pub(super) fn read(database: &Database) -> Result<Found, Error> {
    let connection = &database.connection;
    let column = str::to_owned;
    let approvals = rows(connection, &select_approvals(&identifier(APPROVALS), column), |row| {
        let columns = cells::<10>(row)?;
        Ok(approval(columns.each_ref().map(Option::as_deref)))
    })?;
    let evaluations = rows(connection, &select_evaluations(&identifier(EVALUATIONS), column), |row| {
        let columns = cells::<5>(row)?;
        Ok(evaluation(columns.each_ref().map(Option::as_deref)))
    })?;
    Ok(Found { approvals, evaluations: evaluations.into_iter().flatten().collect() })
}

/// Looks up the runs of some evaluations that `links` does not have yet. Returns whether others are left.
pub(super) fn link(database: &Database, stored: &[Stored], links: &mut Links) -> Result<bool, Error> {
    let mut unknown = unknown(stored, links);
    let is_more = unknown.len() > LINKED;
    unknown.truncate(LINKED);
    if unknown.is_empty() {
        return Ok(false);
    }
    let ids = unknown.iter().map(|id| literal(id)).collect::<Vec<_>>().join(",");
    let value = |column: &str, path: &str| format!("CASE WHEN json_valid({column}) THEN json_extract({column}, '{path}') END");
    let part = |owner: &str| {
        format!(
            "SELECT e.run_id, r.run_id FROM {EVALUATIONS} AS e, {RUNS} AS r WHERE e.run_id IN ({ids}) AND r.{owner} = e.{owner} \
             AND r.created_at BETWEEN e.created_at - {BEFORE} AND e.created_at AND {} = {} AND {} = {}",
            value("r.run_data", "$.content"),
            value("e.eval_data", "$.results[0].output"),
            value("r.run_data", "$.input.input_content"),
            value("e.eval_data", "$.results[0].input"),
        )
    };
    let sql = format!("{} UNION ALL {}", part("agent_id"), part("team_id"));
    let pairs = rows(&database.connection, &sql, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    add_links(links, &unknown, &pairs);
    Ok(is_more)
}

/// Reads what a record states; `None` if there is none.
pub(super) fn stored_metrics(connection: &Connection, [table, key, column, name]: [&str; 4], id: &str) -> Option<RunMetrics> {
    let sql = format!("SELECT CASE WHEN json_valid({column}) THEN json_extract({column}, '$.{name}') END FROM {table} WHERE {key} = ?1");
    let mut statement = connection.prepare(&sql).ok()?;
    let metrics: Option<String> = statement.query_row([id], |row| row.get(0)).optional().ok()??;
    agno_reviews::stored_metrics(metrics?.as_bytes())
}

/// Reads the rows of a statement. None if a table is missing or has another shape.
fn rows<T>(connection: &Connection, sql: &str, mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, Error> {
    let Ok(mut statement) = connection.prepare(sql) else { return Ok(Vec::new()) };
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(Error::from)? {
        found.extend(read(row));
    }
    Ok(found)
}

fn cells<const N: usize>(row: &Row<'_>) -> rusqlite::Result<[Option<Vec<u8>>; N]> {
    let mut cells = [const { None }; N];
    for (index, cell) in cells.iter_mut().enumerate() {
        let value = row.get_ref(index)?;
        *cell = (!matches!(value, rusqlite::types::ValueRef::Null)).then(|| bytes(value).into_owned());
    }
    Ok(cells)
}
