//! Agno's tables in a PostgreSQL database, open for writing.
//!
//! Values are moved as texts, in a form that no setting of the server changes.

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::row::by_trace;
use super::{Columns, Deleted, Error, Restored, TraceRows, Value};
use crate::sources::postgres::{ConnectionConfig, Error as Failure, Location, Parameter, Session};
use crate::sources::sql::{identifier, literal};

/// Begins a transaction. A writer waits for it only if it writes the same rows.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 30000; SET LOCAL lock_timeout = 5000; SET LOCAL datestyle = 'ISO'; \
    SET LOCAL intervalstyle = 'postgres'; SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1";
/// The table of runs that wait for a person.
const APPROVALS: &str = "agno_approvals";

pub(super) struct Postgres {
    runtime: Runtime,
    session: Session,
    config: ConnectionConfig,
    location: Location,
    columns: Columns,
    /// The types of the columns, in the same order.
    types: [Vec<String>; 2],
}

impl Postgres {
    pub(super) fn open(url: &str, location: &Location) -> Result<Self, Error> {
        let config = ConnectionConfig::parse(url, |name| std::env::var(name).ok())
            .map_err(|error| Error(format!("this is not the URL of a database: {error}")))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Error(error.to_string()))?;
        let opened = runtime.block_on(async {
            let session = Session::open(&config).await?;
            let traces = columns(&session, &location.schema, &location.tables.traces).await?;
            let spans = columns(&session, &location.schema, &location.tables.spans).await?;
            Ok((session, traces, spans))
        });
        let (session, traces, spans) = opened.map_err(|error: Failure| Error(error.message(&config, location)))?;
        let ((traces, trace_types), (spans, span_types)) = (traces, spans);
        let columns = Columns { traces, spans };
        if columns.of_span("trace_id").is_none() || columns.of_span("span_id").is_none() {
            return Err(Error(format!("{} has no table {} of spans", config.name, location.spans())));
        }
        Ok(Self { runtime, session, config, location: location.clone(), columns, types: [trace_types, span_types] })
    }

    /// Runs `work` in a transaction, which is committed if `work` returns `true` beside its result.
    fn transaction<T>(&mut self, work: impl AsyncFnOnce(&Session, &Location, &Columns) -> Result<(T, bool), Failure>) -> Result<T, Error> {
        let outcome = self.runtime.block_on(async {
            self.session.execute(BEGIN).await?;
            let outcome = work(&self.session, &self.location, &self.columns).await;
            let end = if matches!(outcome, Ok((_, true))) { "COMMIT" } else { "ROLLBACK" };
            let ended = self.session.execute(end).await;
            let (value, _) = outcome?;
            ended.map(|()| value)
        });
        outcome.map_err(|error: Failure| Error(error.message(&self.config, &self.location)))
    }
}

impl super::Tables for Postgres {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn read(&mut self, ids: &[String]) -> Result<Vec<TraceRows>, Error> {
        self.transaction(async |session, location, columns| {
            // One statement sees one moment; two do in this kind of transaction.
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
            let select = |table: String, columns: &[String]| format!("SELECT {} FROM {table} WHERE trace_id = ANY($1)", texts(columns));
            let ids_parameter: [Parameter<'_>; 1] = [(&ids, Type::TEXT_ARRAY)];
            let traces = if columns.traces.is_empty() {
                Vec::new()
            } else {
                session.query(&select(location.traces(), &columns.traces), &ids_parameter).await?
            };
            let spans = session.query(&select(location.spans(), &columns.spans), &ids_parameter).await?;
            Ok((collect(columns, ids, &traces, &spans)?, true))
        })
    }

    fn waiting_runs(&mut self) -> Result<Vec<String>, Error> {
        self.transaction(async |session, location, _| {
            let table = format!("{}.{}", identifier(&location.schema), identifier(APPROVALS));
            let (names, _) = columns(session, &location.schema, APPROVALS).await?;
            if !["run_id", "status"].iter().all(|column| names.iter().any(|other| other == column)) {
                return Ok((Vec::new(), true));
            }
            let sql = format!("SELECT DISTINCT run_id::text FROM {table} WHERE status::text = 'pending'");
            let rows = session.query(&sql, &[]).await?;
            Ok((rows.iter().filter_map(|row| row.try_get::<_, Option<String>>(0).ok().flatten()).collect(), true))
        })
    }

    fn obstacle(&mut self) -> Result<Option<String>, Error> {
        let user = self.config.user.clone();
        self.transaction(async |session, location, columns| {
            let mut tables = vec![location.spans()];
            if !columns.traces.is_empty() {
                tables.push(location.traces());
            }
            for table in &tables {
                let oid = format!("to_regclass({})", literal(table));
                let sql = format!(
                    "SELECT (SELECT relkind::text FROM pg_class WHERE oid = {oid}), has_table_privilege({oid}, 'SELECT')::text, \
                     has_table_privilege({oid}, 'DELETE')::text"
                );
                let rows = session.query(&sql, &[]).await?;
                let text = |column: usize| rows.first().and_then(|row| row.try_get::<_, Option<String>>(column).ok().flatten());
                if !matches!(text(0).as_deref(), Some("r" | "p")) {
                    return Ok((Some(format!("{table} is not a table, so that no rows can be deleted from it")), false));
                }
                if text(1).as_deref() != Some("true") || text(2).as_deref() != Some("true") {
                    let grant = format!("GRANT SELECT, DELETE ON {} TO {}", tables.join(", "), identifier(&user));
                    return Ok((Some(format!("{user} may not delete from {table}; its owner allows it: {grant}")), false));
                }
            }
            let oids = tables.iter().map(|table| format!("to_regclass({})", literal(table))).collect::<Vec<_>>().join(", ");
            let sql = format!(
                "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid IN ({oids}) \
                 AND conrelid NOT IN ({oids}) AND conparentid = 0"
            );
            let referring = session.query(&sql, &[]).await?;
            let names: Vec<String> = referring.iter().filter_map(|row| row.try_get(0).ok()).collect();
            let obstacle = (!names.is_empty()).then(|| format!("rows of {} refer to traces; delete them first", names.join(", ")));
            Ok((obstacle, false))
        })
    }

    fn delete(&mut self, traces: &[TraceRows]) -> Result<Deleted, Error> {
        let mut traces: Vec<&TraceRows> = traces.iter().collect();
        let mut changed = 0;
        loop {
            let attempt = self.transaction(async |session, location, columns| {
                let attempt = delete(session, location, columns, &traces).await?;
                let is_clean = attempt.changed.is_empty();
                Ok((attempt, is_clean))
            })?;
            if attempt.changed.is_empty() {
                let gone = traces.len() as u64 - attempt.traces;
                return Ok(Deleted { traces: attempt.traces, gone, spans: attempt.spans, changed });
            }
            // Rolled back: once more without the traces that changed. Those that are gone need no deletion.
            let before = traces.len();
            traces.retain(|trace| !attempt.changed.contains(&trace.id));
            changed += (before - traces.len()) as u64;
        }
    }

    fn restore(&mut self, from: &Columns, traces: &[TraceRows]) -> Result<Restored, Error> {
        let types = self.types.clone();
        self.transaction(async |session, location, columns| {
            let [trace_types, span_types] = &types;
            let row_types = |from: &[String], own: &[String], types: &[String]| -> Result<Vec<String>, Failure> {
                let find = |name: &String| own.iter().position(|column| column == name).and_then(|at| types.get(at)).cloned();
                from.iter().map(|name| find(name).ok_or_else(|| Failure::Other(format!("it has no column {name}")))).collect()
            };
            let trace_rows: Vec<&Vec<Value>> = traces.iter().filter_map(|trace| trace.trace.as_ref()).collect();
            let span_rows: Vec<&Vec<Value>> = traces.iter().flat_map(|trace| &trace.spans).collect();
            let types = row_types(&from.traces, &columns.traces, trace_types)?;
            let new_traces = insert(session, &location.traces(), "trace_id", &from.traces, &types, &trace_rows).await?;
            let types = row_types(&from.spans, &columns.spans, span_types)?;
            let new_spans = insert(session, &location.spans(), "trace_id", &from.spans, &types, &span_rows).await?;
            let written: std::collections::HashSet<&String> = new_traces.iter().chain(&new_spans).collect();
            let spans = new_spans.len() as u64;
            Ok((Restored { traces: written.len() as u64, spans, present: span_rows.len() as u64 - spans }, true))
        })
    }

    fn vacuum(&mut self) -> Result<(), Error> {
        Err(Error(format!("{} reuses the space of deleted rows by itself (autovacuum); --vacuum is for SQLite files", self.config.name)))
    }
}

/// What a deletion found.
struct Attempt {
    /// The traces with other rows than expected. If there are any, nothing may be committed.
    changed: Vec<String>,
    /// The traces that were deleted.
    traces: u64,
    /// The spans that were deleted.
    spans: u64,
}

async fn delete(session: &Session, location: &Location, columns: &Columns, traces: &[&TraceRows]) -> Result<Attempt, Failure> {
    let ids: Vec<String> = traces.iter().map(|trace| trace.id.clone()).collect();
    let ids_parameter: [Parameter<'_>; 1] = [(&ids, Type::TEXT_ARRAY)];
    // What is returned is what is deleted, whatever other transactions have done meanwhile.
    let delete = |table: String, columns: &[String]| format!("DELETE FROM {table} WHERE trace_id = ANY($1) RETURNING {}", texts(columns));
    let spans = session.query(&delete(location.spans(), &columns.spans), &ids_parameter).await?;
    let rows = if columns.traces.is_empty() {
        Vec::new()
    } else {
        session.query(&delete(location.traces(), &columns.traces), &ids_parameter).await?
    };
    let deleted = collect(columns, &ids, &rows, &spans)?;
    let deleted: std::collections::HashMap<&str, &TraceRows> = deleted.iter().map(|trace| (trace.id.as_str(), trace)).collect();
    let is_other = |trace: &&&TraceRows| deleted.get(trace.id.as_str()).is_some_and(|now| *now != **trace);
    let changed = traces.iter().filter(is_other).map(|trace| trace.id.clone()).collect();
    Ok(Attempt { changed, traces: deleted.len() as u64, spans: spans.len() as u64 })
}

/// Writes rows that are not there. Returns the trace id of each row that was written.
async fn insert(
    session: &Session,
    table: &str,
    trace_id: &str,
    columns: &[String],
    types: &[String],
    rows: &[&Vec<Value>],
) -> Result<Vec<String>, Failure> {
    let key = if columns.iter().any(|column| column == "span_id") { "span_id" } else { trace_id };
    let Some(key_at) = columns.iter().position(|column| column == key).filter(|_| !rows.is_empty()) else { return Ok(Vec::new()) };
    let values: Vec<Vec<Option<String>>> = (0..columns.len()).map(|at| rows.iter().map(|row| as_text(&row[at])).collect()).collect();
    let parameters: Vec<Parameter<'_>> =
        values.iter().map(|column| (column as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT_ARRAY)).collect();
    let (mut names, mut arrays, mut aliases, mut casts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, (column, kind)) in columns.iter().zip(types).enumerate() {
        names.push(identifier(column));
        arrays.push(format!("${}", at + 1));
        aliases.push(format!("c{at}"));
        casts.push(format!("c{at}::{kind}"));
    }
    let sql = format!(
        "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS archived({}) \
         WHERE NOT EXISTS (SELECT 1 FROM {table} AS present WHERE present.{}::text = c{key_at}) ON CONFLICT DO NOTHING RETURNING {}::text",
        names.join(", "),
        casts.join(", "),
        arrays.join(", "),
        aliases.join(", "),
        identifier(key),
        identifier(trace_id)
    );
    let written = session.query(&sql, &parameters).await?;
    Ok(written.iter().filter_map(|row| row.try_get(0).ok()).collect())
}

/// Returns the columns of a table that hold values, and their types; none if there is no such table.
async fn columns(session: &Session, schema: &str, table: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
    let name = literal(&format!("{}.{}", identifier(schema), identifier(table)));
    let sql = format!(
        "SELECT attname::text, format_type(atttypid, atttypmod)::text FROM pg_attribute \
         WHERE attrelid = to_regclass({name}) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
    );
    let rows = session.query(&sql, &[]).await?;
    let text = |row: &Row, column: usize| row.try_get::<_, String>(column).unwrap_or_default();
    Ok(rows.iter().map(|row| (text(row, 0), text(row, 1))).unzip())
}

/// Returns the expressions that read columns as texts.
fn texts(columns: &[String]) -> String {
    columns.iter().map(|column| format!("{}::text", identifier(column))).collect::<Vec<_>>().join(", ")
}

fn collect(columns: &Columns, ids: &[String], traces: &[Row], spans: &[Row]) -> Result<Vec<TraceRows>, Failure> {
    // A value that can't be read must not become null.
    let value = |row: &Row, at: usize| match row.try_get::<_, Option<String>>(at) {
        Ok(text) => Ok(text.map_or(Value::Null, Value::Text)),
        Err(_) => Err(Failure::Other("a value is not UTF-8, so that it can't be archived".to_owned())),
    };
    let rows = |rows: &[Row]| rows.iter().map(|row| (0..row.len()).map(|at| value(row, at)).collect()).collect::<Result<Vec<_>, _>>();
    let (traces, spans) = (rows(traces)?, rows(spans)?);
    let (Some(trace_id), Some(span_id)) = (columns.of_span("trace_id"), columns.of_span("span_id")) else { return Ok(Vec::new()) };
    Ok(by_trace(ids, (traces, columns.of_trace("trace_id")), (spans, trace_id, span_id)))
}

/// Returns a value as PostgreSQL reads it.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::BrokenText(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Blob(bytes) => Some(bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))),
    }
}
