//! Agno's tables in a ClickHouse database, open for writing.
//!
//! ClickHouse deletes by mutations, each of which rewrites large parts of a table. So what is to be deleted is compared and collected, and one
//! mutation deletes many traces: their rows that were written up to the time of those that were compared. It is awaited, and what is left of
//! them is counted. Values are moved as texts, times in UTC.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::row::by_trace;
use super::{Columns, Deleted, Error, Restored, TraceRows, Value};
use crate::sources::clickhouse::{Config, Error as Failure, Parameter, Server, Shape, Table, identifier, quoted, text};
use crate::sources::postgres::Location;

/// The traces that are read at once.
const READ: usize = 64;
/// The traces that a mutation deletes.
const MUTATION: usize = 10_000;
/// The interval of asking whether a mutation has ended, and how long it may take.
const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(3600);
/// The column with the time at which a row was written.
const WRITTEN: &str = "created_at";

pub(super) struct ClickHouse {
    server: Server,
    config: Config,
    tables: [OpenTable; 2],
    columns: Columns,
    /// The traces that are to be deleted, the number of their spans, and the latest time at which one of their rows was written.
    pending: Vec<String>,
    spans: u64,
    latest: String,
}

/// A table, its columns and their types, in the same order; no columns if there is no such table.
struct OpenTable {
    name: String,
    columns: Vec<String>,
    types: Vec<String>,
}

impl ClickHouse {
    pub(super) fn open(url: &str, location: &Location) -> Result<Self, Error> {
        let invalid = |error| Error(format!("this is not the URL of a database: {error}"));
        let config = Config::parse(url, |name| std::env::var(name).ok()).map_err(invalid)?;
        let mut server = Server::new(&config).map_err(invalid)?;
        let message = |error: Failure| Error(error.message(&config, &location.tables.spans));
        let table = Table::find(&mut server, &config, &location.tables).map_err(message)?;
        if table.shape != Shape::Agno {
            return Err(Error(format!(
                "{} in {} is a table of the OpenTelemetry collector, which is not archived or pruned here; its TTL or ALTER TABLE … DROP \
                 PARTITION deletes old spans",
                table.name, config.name
            )));
        }
        let traces = OpenTable::open(&mut server, &config, &location.tables.traces).map_err(message)?;
        let spans = OpenTable::open(&mut server, &config, &table.name).map_err(message)?;
        let columns = Columns { traces: traces.columns.clone(), spans: spans.columns.clone() };
        Ok(Self { server, config, tables: [traces, spans], columns, pending: Vec::new(), spans: 0, latest: String::new() })
    }

    fn error(&self, error: &Failure) -> Error {
        Error(error.message(&self.config, &self.tables[1].name))
    }

    /// Returns the rows of a table that belong to these traces, in the same order each time.
    fn rows(&mut self, table: usize, ids: &[String]) -> Result<Vec<Vec<Value>>, Error> {
        let OpenTable { name, columns, types } = &self.tables[table];
        if columns.is_empty() || ids.is_empty() {
            return Ok(Vec::new());
        }
        let read: Vec<String> = columns.iter().zip(types).map(|(column, kind)| as_text(column, kind)).collect();
        let texts = columns.iter().zip(types).filter(|(_, kind)| kind.contains("String"));
        let valid: Vec<String> = texts.map(|(column, _)| format!("isValidUTF8(coalesce(toString({}), ''))", identifier(column))).collect();
        let places: Vec<String> = (1..=read.len()).map(|place| place.to_string()).collect();
        let sql = format!(
            "SELECT {}, {} FROM {} WHERE trace_id IN {{ids:Array(String)}} ORDER BY {}",
            read.join(", "),
            if valid.is_empty() { "true".to_owned() } else { valid.join(" AND ") },
            quoted(&self.config.database, name),
            places.join(", ")
        );
        let count = columns.len();
        let found = match self.server.query(&sql, &[Parameter::texts("ids", ids)]) {
            Err(error) if error.is_too_large() && ids.len() > 1 => {
                let (first, second) = ids.split_at(ids.len() / 2);
                let mut rows = self.rows(table, first)?;
                rows.extend(self.rows(table, second)?);
                return Ok(rows);
            }
            found => found.map_err(|error| self.error(&error))?,
        };
        let (mut rows, mut is_valid) = (Vec::new(), true);
        found.for_each(|cells| {
            let value = |cell: &&[u8]| text(cell).map_or(Value::Null, Value::Text);
            rows.push(cells.iter().take(count).map(value).collect());
            is_valid &= cells.get(count).is_some_and(|cell| matches!(*cell, b"1" | b"true"));
        });
        if !is_valid {
            return Err(Error(format!("a value in {name} is not UTF-8, so that it can't be archived")));
        }
        Ok(rows)
    }

    /// Deletes the traces that were collected.
    fn delete_pending(&mut self) -> Result<Deleted, Error> {
        let (ids, spans) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.spans));
        if ids.is_empty() {
            return Ok(Deleted::default());
        }
        // The traces go last: Agno finds spans by them.
        for table in [1, 0] {
            self.mutate(table, &ids)?;
        }
        Ok(Deleted { traces: ids.len() as u64, spans, ..Deleted::default() })
    }

    /// Deletes the rows of traces from a table, waits for that, and counts what is left.
    fn mutate(&mut self, table: usize, ids: &[String]) -> Result<(), Error> {
        let OpenTable { name, columns, .. } = &self.tables[table];
        if columns.is_empty() {
            return Ok(());
        }
        let name = name.clone();
        let (table, mut parameters) = (quoted(&self.config.database, &name), vec![Parameter::texts("ids", ids)]);
        let mut condition = "trace_id IN {ids:Array(String)}".to_owned();
        if columns.iter().any(|column| column == WRITTEN) && !self.latest.is_empty() {
            condition = format!("{condition} AND {WRITTEN} <= parseDateTime64BestEffort({{latest:String}}, 9, 'UTC')");
            parameters.push(Parameter::text("latest", &self.latest));
        }
        let before: HashSet<String> = self.mutations(&name)?.into_iter().map(|(id, ..)| id).collect();
        let delete = format!("ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 0");
        self.server.execute(&delete, &parameters, b"").map_err(|error| self.error(&error))?;
        let begun = Instant::now();
        loop {
            let own: Vec<_> = self.mutations(&name)?.into_iter().filter(|(id, ..)| !before.contains(id)).collect();
            if let Some((id, _, reason)) = own.iter().find(|(_, is_done, reason)| !is_done && !reason.is_empty()) {
                return Err(Error(format!("the mutation {id} of {table} fails: {reason}; KILL MUTATION ends it")));
            }
            if own.iter().all(|(_, is_done, _)| *is_done) {
                break;
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error(format!("the mutation of {table} has not ended within an hour; it goes on in the server")));
            }
            std::thread::sleep(POLL);
        }
        let left = self.server.query(&format!("SELECT count() FROM {table} WHERE {condition}"), &parameters);
        match left.map_err(|error| self.error(&error))?.first_number(0) {
            Some(0) => Ok(()),
            left => Err(Error(format!("{table} still holds rows of the deleted traces: {}", left.unwrap_or_default()))),
        }
    }

    /// Returns the ids of the mutations of a table, whether each has ended, and why it fails.
    fn mutations(&mut self, table: &str) -> Result<Vec<(String, bool, String)>, Error> {
        let sql = "SELECT mutation_id, toString(is_done), latest_fail_reason FROM system.mutations \
            WHERE database = {database:String} AND table = {table:String}";
        let parameters = [Parameter::text("database", &self.config.database), Parameter::text("table", table)];
        let found = self.server.query(sql, &parameters).map_err(|error| self.error(&error))?;
        let (ids, done, reasons) = (found.texts(0), found.texts(1), found.texts(2));
        Ok(ids.into_iter().zip(done).zip(reasons).map(|((id, done), reason)| (id, done == "1", reason)).collect())
    }

    /// Inserts rows, of which each has these columns.
    fn insert(&mut self, table: usize, columns: &[String], rows: &[&Vec<Value>]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let OpenTable { name, columns: own, types } = &self.tables[table];
        let mut kinds = Vec::new();
        for column in columns {
            let kind = own.iter().position(|other| other == column).and_then(|at| types.get(at));
            kinds.push(kind.ok_or_else(|| Error(format!("{name} in {} has no column {column}", self.config.name)))?);
        }
        let names: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
        let mut data = Vec::new();
        for row in rows {
            let cells: Option<Vec<Json>> = row.iter().zip(&kinds).map(|(value, kind)| to_json(value, kind)).collect();
            let cells = cells.ok_or_else(|| Error(format!("a value that is no text can't be written to {name}")))?;
            data.extend_from_slice(Json::from(cells).to_string().as_bytes());
            data.push(b'\n');
        }
        let sql = format!(
            "INSERT INTO {} ({}) SETTINGS date_time_input_format = 'best_effort' FORMAT JSONCompactEachRow\n",
            quoted(&self.config.database, name),
            names.join(", ")
        );
        self.server.execute(&sql, &[], &data).map(drop).map_err(|error| self.error(&error))
    }
}

impl super::Tables for ClickHouse {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn read(&mut self, ids: &[String]) -> Result<Vec<TraceRows>, Error> {
        let (Some(trace_id), Some(span_id)) = (self.columns.of_span("trace_id"), self.columns.of_span("span_id")) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for ids in ids.chunks(READ) {
            let (traces, spans) = (self.rows(0, ids)?, self.rows(1, ids)?);
            found.extend(by_trace(ids, (traces, self.columns.of_trace("trace_id")), (spans, trace_id, span_id)));
        }
        Ok(found)
    }

    /// Agno keeps no approvals in ClickHouse.
    fn waiting_runs(&mut self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    fn obstacle(&mut self) -> Result<Option<String>, Error> {
        for OpenTable { name, columns, .. } in &self.tables {
            let table = quoted(&self.config.database, name);
            if columns.is_empty() {
                continue;
            }
            let sql = "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {table:String}";
            let parameters = [Parameter::text("database", &self.config.database), Parameter::text("table", name)];
            let engine = self.server.query(sql, &parameters).map_err(|error| Error(error.message(&self.config, name)))?.texts(0).concat();
            if !engine.ends_with("MergeTree") {
                return Ok(Some(format!("{table} has the engine {engine}, which deletes no rows")));
            }
            // Older servers do not know the question: there the deletion itself is refused.
            let allowed = self.server.execute(&format!("CHECK GRANT ALTER DELETE ON {table} FORMAT TabSeparated"), &[], b"");
            if allowed.is_ok_and(|allowed| allowed.trim_ascii() == b"0") {
                let user = &self.config.user;
                let grant = format!("GRANT ALTER DELETE ON {table} TO {user}");
                return Ok(Some(format!("{user} may not delete from {table}; an administrator allows it: {grant}")));
            }
        }
        Ok(None)
    }

    fn delete(&mut self, traces: &[TraceRows]) -> Result<Deleted, Error> {
        let ids: Vec<String> = traces.iter().map(|trace| trace.id.clone()).collect();
        let now = self.read(&ids)?;
        let mut deleted = Deleted::default();
        for trace in traces {
            match now.iter().find(|other| other.id == trace.id) {
                // It was deleted before.
                None => deleted.gone += 1,
                Some(current) if current == trace => {
                    let written = [(self.columns.of_span(WRITTEN), &trace.spans), (self.columns.of_trace(WRITTEN), &trace.more)];
                    let rows = written.into_iter().flat_map(|(at, rows)| rows.iter().filter_map(move |row| row.get(at?)?.text()));
                    let first = trace.trace_value(&self.columns, WRITTEN).and_then(Value::text);
                    if let Some(latest) = rows.chain(first).max().filter(|latest| **latest > *self.latest) {
                        self.latest = latest.to_owned();
                    }
                    self.spans += trace.spans.len() as u64;
                    self.pending.push(trace.id.clone());
                }
                Some(_) => deleted.changed += 1,
            }
        }
        if self.pending.len() >= MUTATION {
            deleted += self.delete_pending()?;
        }
        Ok(deleted)
    }

    fn finish(&mut self) -> Result<Deleted, Error> {
        self.delete_pending()
    }

    fn restore(&mut self, from: &Columns, traces: &[TraceRows]) -> Result<Restored, Error> {
        let ids: Vec<String> = traces.iter().map(|trace| trace.id.clone()).collect();
        let (mut known, mut present) = (HashSet::new(), HashSet::new());
        for trace in self.read(&ids)? {
            known.extend(trace.trace.is_some().then(|| trace.id.clone()));
            let at = self.columns.of_span("span_id");
            present.extend(trace.spans.iter().filter_map(|row| Some((trace.id.clone(), row.get(at?)?.text()?.to_owned()))));
        }
        let (mut trace_rows, mut span_rows, mut restored) = (Vec::new(), Vec::new(), Restored::default());
        for trace in traces {
            let before = trace_rows.len() + span_rows.len();
            if !known.contains(&trace.id) {
                trace_rows.extend(trace.trace.iter().chain(&trace.more));
            }
            for row in &trace.spans {
                let id = from.of_span("span_id").and_then(|at| row.get(at)?.text()).unwrap_or_default();
                if present.contains(&(trace.id.clone(), id.to_owned())) {
                    restored.present += 1;
                } else {
                    span_rows.push(row);
                }
            }
            restored.traces += u64::from(trace_rows.len() + span_rows.len() > before);
        }
        restored.spans = span_rows.len() as u64;
        if !self.columns.traces.is_empty() {
            self.insert(0, &from.traces, &trace_rows)?;
        }
        self.insert(1, &from.spans, &span_rows)?;
        Ok(restored)
    }

    fn vacuum(&mut self) -> Result<(), Error> {
        Err(Error(format!("{} gives the space of deleted rows back by itself; --vacuum is for SQLite files", self.config.name)))
    }
}

impl OpenTable {
    fn open(server: &mut Server, config: &Config, name: &str) -> Result<Self, Failure> {
        let sql = "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String} \
            AND default_kind NOT IN ('MATERIALIZED', 'ALIAS', 'EPHEMERAL') ORDER BY position";
        let parameters = [Parameter::text("database", &config.database), Parameter::text("table", name)];
        let found = server.query(sql, &parameters)?;
        Ok(Self { name: name.to_owned(), columns: found.texts(0), types: found.texts(1) })
    }
}

/// Returns the expression that reads a column as text: times as ISO 8601 in UTC, lists and maps as JSON.
fn as_text(column: &str, kind: &str) -> String {
    let column = identifier(column);
    if is_time(kind) {
        format!("formatDateTime({column}, '%Y-%m-%dT%H:%i:%S.%f+00:00', 'UTC')")
    } else if is_json(kind) {
        format!("toJSONString({column})")
    } else {
        format!("toString({column})")
    }
}

/// Returns a value as it is inserted; `None` for bytes.
fn to_json(value: &Value, kind: &str) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Integer(number) => json!(number.to_string()),
        Value::Real(number) => json!(number.to_string()),
        Value::Text(text) if is_json(kind) => serde_json::from_str(text).ok()?,
        Value::Text(text) => json!(text),
        Value::BrokenText(_) | Value::Blob(_) => return None,
    })
}

fn is_time(kind: &str) -> bool {
    plain(kind).starts_with("DateTime")
}

/// Whether values of a type are read and inserted as JSON: those that are no text within quotes.
fn is_json(kind: &str) -> bool {
    ["Array(", "Map(", "Tuple(", "Nested(", "JSON", "Object(", "Variant(", "Dynamic", "Bool"]
        .iter()
        .any(|start| plain(kind).starts_with(start))
}

fn plain(kind: &str) -> &str {
    kind.trim_start_matches("LowCardinality(").trim_start_matches("Nullable(")
}
