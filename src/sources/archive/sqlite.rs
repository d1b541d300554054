//! Agno's tables in an SQLite file, open for writing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params_from_iter};

use super::row::by_trace;
use super::{Columns, Deleted, Error, Recorded, Restored, TraceRows, Value};
use crate::model::Nanos;
use crate::sources::sql::{LOGS_TABLE, METRICS_TABLE, identifier};
use crate::sources::sqlite::Tables as Names;

/// How long a transaction waits for another program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The time without a write before the file is made smaller.
const QUIET: Duration = Duration::from_secs(1);
/// The table of runs that wait for a person.
const APPROVALS: &str = "agno_approvals";

pub(super) struct Sqlite {
    connection: Connection,
    path: PathBuf,
    names: Names,
    columns: Columns,
}

impl Sqlite {
    pub(super) fn open(path: &Path, names: &Names, create: bool) -> Result<Self, Error> {
        let failed = |reason: &dyn std::fmt::Display| Error(format!("{}: {reason}", path.display()));
        if !create {
            crate::regular_file::check(path).map_err(|error| failed(&error))?;
            std::fs::metadata(path).map_err(|error| failed(&error))?;
        }
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| failed(&error))?;
        // Rows move as they are: Agno writes spans whose trace has no row yet.
        connection.pragma_update(None, "foreign_keys", false).map_err(|error| failed(&error))?;
        if create {
            crate::sources::otlp::create_agno_tables(&connection, names).map_err(|error| failed(&error))?;
        }
        let columns = |table: &str| columns(&connection, table).map_err(|error| failed(&error));
        let columns = Columns { traces: columns(&names.traces)?, spans: columns(&names.spans)? };
        if columns.of_span("trace_id").is_none() || columns.of_span("span_id").is_none() {
            return Err(failed(&format!("it has no table {} of spans", names.spans)));
        }
        Ok(Self { connection, path: path.to_owned(), names: names.clone(), columns })
    }

    fn error(&self, error: &rusqlite::Error) -> Error {
        Error(format!("{}: {error}", self.path.display()))
    }

    /// Runs `work` in a transaction that no other writer can enter.
    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>, &Names, &Columns) -> rusqlite::Result<T>) -> Result<T, Error> {
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let outcome = work(&transaction, &self.names, &self.columns)?;
            transaction.commit()?;
            Ok(outcome)
        };
        run(&mut self.connection).map_err(|error: rusqlite::Error| Error(format!("{}: {error}", self.path.display())))
    }
}

impl super::Tables for Sqlite {
    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn read(&mut self, ids: &[String]) -> Result<Vec<TraceRows>, Error> {
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            read(&transaction, &self.names, &self.columns, ids)
        };
        run(&mut self.connection).map_err(|error| Error(format!("{}: {error}", self.path.display())))
    }

    fn waiting_runs(&mut self) -> Result<Vec<String>, Error> {
        let has = columns(&self.connection, APPROVALS).map_err(|error| self.error(&error))?;
        if !["run_id", "status"].iter().all(|column| has.iter().any(|other| other == column)) {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT DISTINCT run_id FROM {} WHERE status = 'pending' AND run_id IS NOT NULL", identifier(APPROVALS));
        let run = || self.connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>();
        run().map_err(|error| self.error(&error))
    }

    fn obstacle(&mut self) -> Result<Option<String>, Error> {
        let run = |connection: &mut Connection| -> rusqlite::Result<Option<String>> {
            let sql = "SELECT DISTINCT m.name FROM sqlite_master m, pragma_foreign_key_list(m.name) f \
                WHERE m.type = 'table' AND lower(f.\"table\") IN (lower(?1), lower(?2)) AND lower(m.name) NOT IN (lower(?1), lower(?2))";
            let mut statement = connection.prepare(sql)?;
            let names = statement.query_map([&self.names.traces, &self.names.spans], |row| row.get::<_, String>(0))?;
            let names = names.collect::<Result<Vec<_>, _>>()?;
            drop(statement);
            if !names.is_empty() {
                return Ok(Some(format!("rows of {} refer to traces; delete them first", names.join(", "))));
            }
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // A read-only file is noticed at the first change.
            transaction.execute(&format!("DELETE FROM {} WHERE 0", identifier(&self.names.spans)), [])?;
            Ok(None)
        };
        run(&mut self.connection).map_err(|error| Error(format!("{}: {error}", self.path.display())))
    }

    fn delete(&mut self, traces: &[TraceRows]) -> Result<Deleted, Error> {
        self.write(|transaction, names, columns| {
            let ids: Vec<String> = traces.iter().map(|trace| trace.id.clone()).collect();
            let now = read(transaction, names, columns, &ids)?;
            let mut now = now.into_iter().map(|trace| (trace.id.clone(), trace)).collect::<std::collections::HashMap<_, _>>();
            let mut spans =
                transaction.prepare(&format!("DELETE FROM {} WHERE trace_id = ?1 AND span_id = ?2", identifier(&names.spans)))?;
            let mut row = if columns.traces.is_empty() {
                None
            } else {
                Some(transaction.prepare(&format!("DELETE FROM {} WHERE trace_id = ?1", identifier(&names.traces)))?)
            };
            let mut deleted = Deleted::default();
            for trace in traces {
                match now.remove(&trace.id) {
                    // It was deleted before.
                    None => deleted.gone += 1,
                    Some(current) if current == *trace => {
                        for span in
                            columns.of_span("span_id").into_iter().flat_map(|column| trace.spans.iter().map(move |row| &row[column]))
                        {
                            deleted.spans += spans.execute((&trace.id, span.text()))? as u64;
                        }
                        if let Some(row) = &mut row {
                            row.execute([&trace.id])?;
                        }
                        deleted.traces += 1;
                    }
                    Some(_) => deleted.changed += 1,
                }
            }
            Ok(deleted)
        })
    }

    fn recorded_before(&mut self, before: Nanos) -> Result<Recorded, Error> {
        let count = |table: &str| -> rusqlite::Result<u64> {
            if columns(&self.connection, table)?.is_empty() {
                return Ok(0);
            }
            let sql = format!("SELECT count(*) FROM {table} WHERE received_at < ?1");
            self.connection.query_row(&sql, [before], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
        };
        let run = || Ok(Recorded { logs: count(LOGS_TABLE)?, metrics: count(METRICS_TABLE)? });
        run().map_err(|error| self.error(&error))
    }

    fn delete_recorded(&mut self, before: Nanos) -> Result<Recorded, Error> {
        self.write(|transaction, _, _| {
            let delete = |table: &str| -> rusqlite::Result<u64> {
                if columns(transaction, table)?.is_empty() {
                    return Ok(0);
                }
                let sql =
                    format!("DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE received_at < ?1 LIMIT {})", super::CHUNK);
                transaction.execute(&sql, [before]).map(|count| count as u64)
            };
            Ok(Recorded { logs: delete(LOGS_TABLE)?, metrics: delete(METRICS_TABLE)? })
        })
    }

    fn restore(&mut self, columns: &Columns, traces: &[TraceRows]) -> Result<Restored, Error> {
        self.write(|transaction, names, _| {
            let mut insert_trace = insert(transaction, &names.traces, &columns.traces, "trace_id")?;
            let mut insert_span = insert(transaction, &names.spans, &columns.spans, "span_id")?;
            let mut restored = Restored::default();
            for trace in traces {
                let mut changed = 0;
                if let (Some(row), Some(statement)) = (&trace.trace, &mut insert_trace) {
                    changed += statement.execute(params_from_iter(row))?;
                }
                for row in &trace.spans {
                    let Some(statement) = &mut insert_span else { continue };
                    let count = statement.execute(params_from_iter(row))?;
                    changed += count;
                    restored.spans += count as u64;
                    restored.present += u64::from(count == 0);
                }
                restored.traces += u64::from(changed > 0);
            }
            Ok(restored)
        })
    }

    fn vacuum(&mut self) -> Result<(), Error> {
        let failed = |error: &rusqlite::Error| {
            Error(format!("{} is in use, so that it keeps its size ({error}); run with --vacuum when no agent writes", self.path.display()))
        };
        let version = |connection: &Connection| connection.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0));
        let run = |connection: &Connection| -> rusqlite::Result<bool> {
            let before = version(connection)?;
            std::thread::sleep(QUIET);
            if version(connection)? != before {
                return Ok(false);
            }
            connection.busy_timeout(Duration::ZERO)?;
            // Fails if another program has the file open in WAL mode, or is in a transaction in another mode.
            connection
                .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT; VACUUM")?;
            Ok(true)
        };
        let outcome = run(&self.connection);
        let _ = self.connection.execute_batch("PRAGMA locking_mode = NORMAL; SELECT 1 FROM sqlite_master LIMIT 1");
        let _ = self.connection.busy_timeout(BUSY_TIMEOUT);
        match outcome {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(Error(format!("an agent writes to {}, so that it keeps its size; run with --vacuum later", self.path.display())))
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

/// Returns the columns of a table that hold values; none if there is no such table.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    // Hidden and generated columns can't be written.
    let sql = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid";
    connection.prepare(sql)?.query_map([table], |row| row.get(0))?.collect()
}

fn read(transaction: &Transaction<'_>, names: &Names, columns: &Columns, ids: &[String]) -> rusqlite::Result<Vec<TraceRows>> {
    let rows = |table: &str, columns: &[String]| -> rusqlite::Result<Vec<Vec<Value>>> {
        if columns.is_empty() || ids.is_empty() {
            return Ok(Vec::new());
        }
        let list: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
        let places = vec!["?"; ids.len()].join(",");
        let sql = format!("SELECT {} FROM {} WHERE trace_id IN ({places})", list.join(", "), identifier(table));
        let mut statement = transaction.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(ids), |row| (0..columns.len()).map(|at| Ok(value(row.get_ref(at)?))).collect())?;
        rows.collect()
    };
    let (traces, spans) = (rows(&names.traces, &columns.traces)?, rows(&names.spans, &columns.spans)?);
    let (Some(trace_id), Some(span_id)) = (columns.of_span("trace_id"), columns.of_span("span_id")) else { return Ok(Vec::new()) };
    Ok(by_trace(ids, (traces, columns.of_trace("trace_id")), (spans, trace_id, span_id)))
}

/// Prepares a statement that writes a row unless one with the same id is there; `None` for a table without columns.
fn insert<'t>(
    transaction: &'t Transaction<'_>,
    table: &str,
    columns: &[String],
    id: &str,
) -> rusqlite::Result<Option<rusqlite::Statement<'t>>> {
    let Some(at) = columns.iter().position(|column| column == id) else { return Ok(None) };
    let list: Vec<String> = columns.iter().map(|column| identifier(column)).collect();
    let places: Vec<String> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
    let (table, id) = (identifier(table), identifier(id));
    let sql = format!(
        "INSERT INTO {table} ({}) SELECT {} WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {id} = ?{})",
        list.join(", "),
        places.join(", "),
        at + 1
    );
    transaction.prepare(&sql).map(Some)
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::BrokenText(bytes.to_owned()),
        },
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ToSqlOutput::Borrowed;
        Ok(Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::BrokenText(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
