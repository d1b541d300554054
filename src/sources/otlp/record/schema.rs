//! Agno's tables, as Agno 3.1 makes them.

use chrono::Local;
use rusqlite::Connection;

use crate::sources::sql::identifier;
use crate::sources::sqlite::Tables;

/// What Agno calls this version of them.
const VERSION: &str = "3.0.0";

/// The columns by which Agno indexes a table of traces.
const TRACES: [&str; 9] = ["run_id", "session_id", "user_id", "agent_id", "team_id", "workflow_id", "status", "start_time", "created_at"];

/// The columns by which Agno indexes a table of spans.
const SPANS: [&str; 4] = ["trace_id", "parent_span_id", "start_time", "created_at"];

/// Makes the tables that are not there. What is there stays as it is.
pub(super) fn create(connection: &Connection, tables: &Tables) -> rusqlite::Result<()> {
    let (traces, spans) = (identifier(&tables.traces), identifier(&tables.spans));
    if !is_there(connection, &tables.traces)? {
        connection.execute_batch(&format!(
            "CREATE TABLE {traces} (trace_id VARCHAR NOT NULL, name VARCHAR NOT NULL, status VARCHAR NOT NULL, \
             start_time VARCHAR NOT NULL, end_time VARCHAR NOT NULL, duration_ms BIGINT NOT NULL, run_id VARCHAR, session_id VARCHAR, \
             user_id VARCHAR, agent_id VARCHAR, team_id VARCHAR, workflow_id VARCHAR, created_at VARCHAR NOT NULL, \
             PRIMARY KEY (trace_id))"
        ))?;
        index(connection, &tables.traces, &TRACES)?;
        note_version(connection, &tables.traces)?;
    }
    if !is_there(connection, &tables.spans)? {
        connection.execute_batch(&format!(
            "CREATE TABLE {spans} (span_id VARCHAR NOT NULL, trace_id VARCHAR NOT NULL, parent_span_id VARCHAR, name VARCHAR NOT NULL, \
             span_kind VARCHAR NOT NULL, status_code VARCHAR NOT NULL, status_message VARCHAR, start_time VARCHAR NOT NULL, \
             end_time VARCHAR NOT NULL, duration_ms BIGINT NOT NULL, attributes JSON, created_at VARCHAR NOT NULL, \
             PRIMARY KEY (span_id), FOREIGN KEY(trace_id) REFERENCES {traces} (trace_id))"
        ))?;
        index(connection, &tables.spans, &SPANS)?;
        note_version(connection, &tables.spans)?;
    }
    Ok(())
}

/// Notes the version of a table that was made here where Agno notes that of its own.
fn note_version(connection: &Connection, table: &str) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS agno_schema_versions (table_name VARCHAR NOT NULL, version VARCHAR NOT NULL, \
         created_at VARCHAR NOT NULL, updated_at VARCHAR, PRIMARY KEY (table_name)); \
         CREATE INDEX IF NOT EXISTS idx_agno_schema_versions_created_at ON agno_schema_versions (created_at)",
    )?;
    let now = Local::now().naive_local().format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    let sql = "INSERT INTO agno_schema_versions (table_name, version, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) \
               ON CONFLICT (table_name) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at";
    connection.execute(sql, [table, VERSION, &now]).map(drop)
}

fn index(connection: &Connection, table: &str, columns: &[&str]) -> rusqlite::Result<()> {
    for column in columns {
        let name = identifier(&format!("idx_{table}_{column}"));
        connection.execute_batch(&format!("CREATE INDEX IF NOT EXISTS {name} ON {} ({column})", identifier(table)))?;
    }
    Ok(())
}

/// Whether the file is one that Agno keeps: it holds these tables, or others of Agno's.
pub(super) fn is_agnos(connection: &Connection, tables: &Tables) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE 'agno\\_%' ESCAPE '\\'";
    let others: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(others > 0 || is_there(connection, &tables.traces)? || is_there(connection, &tables.spans)?)
}

fn is_there(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'view') AND lower(name) = lower(?1)";
    connection.query_row(sql, [table], |row| row.get::<_, i64>(0)).map(|count| count > 0)
}
