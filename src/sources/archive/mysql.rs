//! Agno's tables in a MySQL or MariaDB database, open for writing.
//!
//! Values are moved as texts, and as bytes where the column holds bytes. A deletion locks the rows of its traces, and their places in the
//! indexes, before it compares them: a span that comes meanwhile waits, or its trace has changed.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::row::by_trace;
use super::{Columns, Deleted, Error, Restored, TraceRows, Value};
use crate::sources::mysql::{Config, Error as Failure, Session, identifier, literal};
use crate::sources::postgres::Location;

/// How the session writes and reads: nothing is cut or changed without an error, times are in UTC.
const SETTINGS: [&str; 5] = [
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION innodb_lock_wait_timeout = 5",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    // Agno writes spans whose trace has no row in other databases; such rows move as they are.
    "SET SESSION foreign_key_checks = 0",
];
/// The table of runs that wait for a person.
const APPROVALS: &str = "agno_approvals";
/// The length of an insertion after which another one begins, and the most that one statement may have.
const INSERTION: usize = 1 << 20;
const MAX_STATEMENT: usize = 15 << 20;

pub(super) struct MySql {
    session: Session,
    config: Config,
    location: Location,
    columns: Columns,
    /// The types of the columns, in the same order.
    types: [Vec<String>; 2],
}

impl MySql {
    pub(super) fn open(url: &str, location: &Location) -> Result<Self, Error> {
        let config = Config::parse(url, |name| std::env::var(name).ok())
            .map_err(|error| Error(format!("this is not the URL of a database: {error}")))?;
        let message = |error: Failure| Error(error.message(&config, &location.schema, &location.tables.spans));
        let mut session = config.connect().map_err(message)?;
        for setting in SETTINGS {
            session.query(setting, |_| {}).map_err(message)?;
        }
        let (traces, trace_types) = columns(&mut session, &location.schema, &location.tables.traces).map_err(message)?;
        let (spans, span_types) = columns(&mut session, &location.schema, &location.tables.spans).map_err(message)?;
        let columns = Columns { traces, spans };
        if columns.of_span("trace_id").is_none() || columns.of_span("span_id").is_none() {
            return Err(Error(format!("{} has no table {}.{} of spans", config.name, location.schema, location.tables.spans)));
        }
        Ok(Self { session, config, location: location.clone(), columns, types: [trace_types, span_types] })
    }

    fn error(&self, error: &Failure) -> Error {
        Error(error.message(&self.config, &self.location.schema, &self.location.tables.spans))
    }

    fn table(&self, name: &str) -> String {
        format!("{}.{}", identifier(&self.location.schema), identifier(name))
    }

    fn spans(&self) -> String {
        self.table(&self.location.tables.spans)
    }

    fn traces(&self) -> String {
        self.table(&self.location.tables.traces)
    }

    fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.session.query(sql, |_| {}).map_err(|error| self.error(&error))
    }

    /// Returns a column of an answer as text, without nulls.
    fn texts(&mut self, sql: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let outcome = self.session.query(sql, |row| {
            found.extend(row.first().copied().flatten().map(|text| String::from_utf8_lossy(text).into_owned()));
        });
        outcome.map_err(|error| self.error(&error))?;
        Ok(found)
    }

    /// Runs `work` in a transaction, which is committed if it succeeds.
    fn transaction<T>(&mut self, begin: &str, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.run(begin)?;
        match work(self) {
            Ok(value) => self.run("COMMIT").map(|()| value),
            Err(error) => {
                // After a lost connection the server does it.
                let _ = self.run("ROLLBACK");
                Err(error)
            }
        }
    }

    /// Returns the rows of traces; `lock` is what follows the statements that read them.
    fn rows_of(&mut self, ids: &[String], lock: &str) -> Result<Vec<TraceRows>, Error> {
        let (Some(trace_id), Some(span_id)) = (self.columns.of_span("trace_id"), self.columns.of_span("span_id")) else {
            return Ok(Vec::new());
        };
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (traces, spans) = (self.traces(), self.spans());
        let [trace_types, span_types] = self.types.clone();
        let Columns { traces: trace_columns, spans: span_columns } = self.columns.clone();
        let traces = if trace_columns.is_empty() { Vec::new() } else { self.select(&traces, &trace_columns, &trace_types, ids, lock)? };
        let spans = self.select(&spans, &span_columns, &span_types, ids, lock)?;
        Ok(by_trace(ids, (traces, self.columns.of_trace("trace_id")), (spans, trace_id, span_id)))
    }

    fn select(&mut self, table: &str, columns: &[String], types: &[String], ids: &[String], lock: &str) -> Result<Vec<Vec<Value>>, Error> {
        let read: Vec<String> = columns.iter().zip(types).map(|(column, kind)| as_text(column, kind)).collect();
        let sql = format!("SELECT {} FROM {table} WHERE trace_id IN ({}) {lock}", read.join(", "), list(ids));
        let (mut rows, mut is_valid) = (Vec::new(), true);
        let outcome = self.session.query(&sql, |row| {
            let value = |(cell, kind): (Option<&[u8]>, &String)| match cell {
                None => Some(Value::Null),
                Some(hex) if is_binary(kind) => bytes(hex).map(Value::Blob),
                // A value that can't be read must not become another one.
                Some(text) => std::str::from_utf8(text).ok().map(|text| Value::Text(text.to_owned())),
            };
            match row.iter().copied().zip(types).map(value).collect::<Option<Vec<_>>>() {
                Some(row) => rows.push(row),
                None => is_valid = false,
            }
        });
        outcome.map_err(|error| self.error(&error))?;
        if is_valid { Ok(rows) } else { Err(Error(format!("a value in {table} is not UTF-8, so that it can't be archived"))) }
    }

    /// Deletes rows by their keys. Returns how many.
    fn delete_rows(&mut self, table: &str, key: &str, ids: &[String]) -> Result<u64, Error> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.run(&format!("DELETE FROM {table} WHERE {key} IN ({})", list(ids)))?;
        Ok(self.texts("SELECT ROW_COUNT()")?.first().and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Writes the rows whose keys are not there. Returns the keys that were written.
    fn insert(
        &mut self,
        table: &str,
        key: &str,
        own: [&[String]; 2],
        columns: &[String],
        rows: &[&Vec<Value>],
    ) -> Result<HashSet<String>, Error> {
        let [own, types] = own;
        let Some(at) = columns.iter().position(|column| column == key).filter(|_| !rows.is_empty()) else { return Ok(HashSet::new()) };
        let mut kinds = Vec::new();
        for column in columns {
            let kind = own.iter().position(|other| other == column).and_then(|at| types.get(at));
            kinds.push(kind.ok_or_else(|| Error(format!("{table} in {} has no column {column}", self.config.name)))?);
        }
        let keys: Vec<String> = rows.iter().filter_map(|row| row.get(at)?.text().map(str::to_owned)).collect();
        let present: HashSet<String> =
            self.texts(&format!("SELECT {key} FROM {table} WHERE {key} IN ({})", list(&keys)))?.into_iter().collect();
        let names: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
        let head = format!("INSERT INTO {table} ({}) VALUES ", names.join(", "));
        let (mut sql, mut written) = (head.clone(), HashSet::new());
        for row in rows {
            let Some(id) = row.get(at).and_then(Value::text).filter(|id| !present.contains(*id)) else { continue };
            if !written.insert(id.to_owned()) {
                continue;
            }
            let values: Vec<String> = row.iter().map(as_literal).collect();
            if sql.len() > INSERTION {
                self.run(&std::mem::replace(&mut sql, head.clone()))?;
            }
            let _ = write!(sql, "{}({})", if sql.len() > head.len() { ", " } else { "" }, values.join(", "));
            if sql.len() > MAX_STATEMENT {
                return Err(Error(format!("the row {id} is too large to be written to {table}")));
            }
        }
        if sql.len() > head.len() {
            self.run(&sql)?;
        }
        Ok(written)
    }
}

impl super::Tables for MySql {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn read(&mut self, ids: &[String]) -> Result<Vec<TraceRows>, Error> {
        self.transaction("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", |database| database.rows_of(ids, ""))
    }

    fn waiting_runs(&mut self) -> Result<Vec<String>, Error> {
        let schema = self.location.schema.clone();
        let (names, _) = columns(&mut self.session, &schema, APPROVALS).map_err(|error| self.error(&error))?;
        if !["run_id", "status"].iter().all(|column| names.iter().any(|other| other == column)) {
            return Ok(Vec::new());
        }
        let table = self.table(APPROVALS);
        self.texts(&format!("SELECT DISTINCT run_id FROM {table} WHERE status = 'pending'"))
    }

    fn obstacle(&mut self) -> Result<Option<String>, Error> {
        let (schema, user) = (literal(self.location.schema.as_bytes()), self.config.user.clone());
        let names = [self.location.tables.spans.clone(), self.location.tables.traces.clone()];
        let count = if self.columns.traces.is_empty() { 1 } else { 2 };
        for name in &names[..count] {
            let table = self.table(name);
            let sql = format!(
                "SELECT coalesce(engine, table_type) FROM information_schema.tables WHERE table_schema = {schema} AND table_name = {}",
                literal(name.as_bytes())
            );
            let engine = self.texts(&sql)?.concat();
            if !engine.eq_ignore_ascii_case("InnoDB") {
                return Ok(Some(format!("{table} has the engine {engine}, which has no transactions")));
            }
            let outcome = self.session.query(&format!("DELETE FROM {table} WHERE FALSE"), |_| {});
            match outcome {
                Err(Failure::Denied) => {
                    let grant = format!("GRANT SELECT, DELETE ON {table} TO {user}");
                    return Ok(Some(format!("{user} may not delete from {table}; its owner allows it: {grant}")));
                }
                outcome => outcome.map_err(|error| self.error(&error))?,
            }
        }
        let tables = list(&names);
        let sql = format!(
            "SELECT DISTINCT concat(table_schema, '.', table_name) FROM information_schema.key_column_usage \
             WHERE referenced_table_schema = {schema} AND referenced_table_name IN ({tables}) \
             AND NOT (table_schema = {schema} AND table_name IN ({tables}))"
        );
        let referring = self.texts(&sql)?;
        Ok((!referring.is_empty()).then(|| format!("rows of {} refer to traces; delete them first", referring.join(", "))))
    }

    fn delete(&mut self, traces: &[TraceRows]) -> Result<Deleted, Error> {
        let ids: Vec<String> = traces.iter().map(|trace| trace.id.clone()).collect();
        self.transaction("START TRANSACTION", |database| {
            let now = database.rows_of(&ids, "FOR UPDATE")?;
            let now: HashMap<&str, &TraceRows> = now.iter().map(|trace| (trace.id.as_str(), trace)).collect();
            let (mut same, mut spans, mut deleted) = (Vec::new(), Vec::new(), Deleted::default());
            let at = database.columns.of_span("span_id");
            for trace in traces {
                match now.get(trace.id.as_str()) {
                    Some(current) if *current != trace => deleted.changed += 1,
                    // It was deleted before.
                    None => deleted.gone += 1,
                    Some(_) => {
                        deleted.traces += 1;
                        same.push(trace.id.clone());
                        spans.extend(trace.spans.iter().filter_map(|row| row.get(at?)?.text().map(str::to_owned)));
                    }
                }
            }
            let (span_table, trace_table) = (database.spans(), database.traces());
            deleted.spans = database.delete_rows(&span_table, "span_id", &spans)?;
            if !database.columns.traces.is_empty() {
                database.delete_rows(&trace_table, "trace_id", &same)?;
            }
            Ok(deleted)
        })
    }

    fn restore(&mut self, from: &Columns, traces: &[TraceRows]) -> Result<Restored, Error> {
        self.transaction("START TRANSACTION", |database| {
            let trace_rows: Vec<&Vec<Value>> = traces.iter().filter_map(|trace| trace.trace.as_ref()).collect();
            let span_rows: Vec<&Vec<Value>> = traces.iter().flat_map(|trace| &trace.spans).collect();
            let (trace_table, span_table) = (database.traces(), database.spans());
            let [trace_types, span_types] = database.types.clone();
            let own = database.columns.clone();
            let mut written = if own.traces.is_empty() {
                HashSet::new()
            } else {
                database.insert(&trace_table, "trace_id", [&own.traces, &trace_types], &from.traces, &trace_rows)?
            };
            let spans = database.insert(&span_table, "span_id", [&own.spans, &span_types], &from.spans, &span_rows)?;
            let at = from.of_span("span_id");
            let is_new = |row: &Vec<Value>| at.and_then(|at| row.get(at)?.text()).is_some_and(|id| spans.contains(id));
            written.extend(traces.iter().filter(|trace| trace.spans.iter().any(is_new)).map(|trace| trace.id.clone()));
            let count = spans.len() as u64;
            Ok(Restored { traces: written.len() as u64, spans: count, present: span_rows.len() as u64 - count })
        })
    }

    fn vacuum(&mut self) -> Result<(), Error> {
        Err(Error(format!("{} reuses the space of deleted rows by itself; --vacuum is for SQLite files", self.config.name)))
    }
}

/// Returns the columns of a table that hold values, and their types; none if there is no such table.
fn columns(session: &mut Session, schema: &str, table: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
    let sql = format!(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = {} AND table_name = {} \
         AND coalesce(generation_expression, '') = '' ORDER BY ordinal_position",
        literal(schema.as_bytes()),
        literal(table.as_bytes())
    );
    let (mut names, mut types) = (Vec::new(), Vec::new());
    session.query(&sql, |row| {
        let text = |column: usize| String::from_utf8_lossy(row.get(column).copied().flatten().unwrap_or_default()).into_owned();
        names.push(text(0));
        types.push(text(1).to_ascii_lowercase());
    })?;
    Ok((names, types))
}

/// Returns the expression that reads a column: bytes as hex digits, short floating-point numbers with all of their digits.
fn as_text(column: &str, kind: &str) -> String {
    let column = identifier(column);
    match kind {
        kind if is_binary(kind) => format!("HEX({column})"),
        "float" => format!("CAST({column} AS DOUBLE)"),
        _ => column,
    }
}

fn is_binary(kind: &str) -> bool {
    kind.ends_with("blob") || kind.ends_with("binary") || kind == "bit"
}

fn bytes(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn list(ids: &[String]) -> String {
    ids.iter().map(|id| literal(id.as_bytes())).collect::<Vec<_>>().join(", ")
}

fn as_literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => literal(number.to_string().as_bytes()),
        Value::Text(text) => literal(text.as_bytes()),
        Value::BrokenText(bytes) | Value::Blob(bytes) => {
            bytes.iter().fold("X'".to_owned(), |text, byte| text + &format!("{byte:02X}")) + "'"
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_so_that_nothing_ends_a_literal() {
        assert_eq!(as_literal(&Value::Text("a'\\".to_owned())), "_utf8mb4 X'61275C'");
        assert_eq!(as_literal(&Value::Blob(vec![0, 255])), "X'00FF'");
        assert_eq!(bytes(b"00fF"), Some(vec![0, 255]));
        assert_eq!((bytes(b"0"), bytes(b"zz")), (None, None));
        assert_eq!(as_text("a`b", "varbinary"), "HEX(`a``b`)");
    }
}
