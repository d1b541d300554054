//! The tables of Agno 3.1.

use chrono::Local;
use rusqlite::Connection;

use crate::sources::sql::identifier;
use crate::sources::sqlite::Tables;

/// The schema version that Agno records.
const VERSION: &str = "3.0.0";

/// The indexed columns of the trace table.
const TRACE_INDEXES: [&str; 9] =
    ["run_id", "session_id", "user_id", "agent_id", "team_id", "workflow_id", "status", "start_time", "created_at"];

/// The indexed columns of the span table.
const SPAN_INDEXES: [&str; 4] = ["trace_id", "parent_span_id", "start_time", "created_at"];

/// Creates missing tables. Existing ones stay unchanged.
pub(super) fn create(connection: &Connection, tables: &Tables) -> rusqlite::Result<()> {
    let trace_columns = "trace_id VARCHAR NOT NULL, name VARCHAR NOT NULL, status VARCHAR NOT NULL, start_time VARCHAR NOT NULL, \
         end_time VARCHAR NOT NULL, duration_ms BIGINT NOT NULL, run_id VARCHAR, session_id VARCHAR, user_id VARCHAR, agent_id VARCHAR, \
         team_id VARCHAR, workflow_id VARCHAR, created_at VARCHAR NOT NULL, PRIMARY KEY (trace_id)";
    let span_columns = format!(
        "span_id VARCHAR NOT NULL, trace_id VARCHAR NOT NULL, parent_span_id VARCHAR, name VARCHAR NOT NULL, \
         span_kind VARCHAR NOT NULL, status_code VARCHAR NOT NULL, status_message VARCHAR, start_time VARCHAR NOT NULL, \
         end_time VARCHAR NOT NULL, duration_ms BIGINT NOT NULL, attributes JSON, created_at VARCHAR NOT NULL, \
         PRIMARY KEY (span_id), FOREIGN KEY(trace_id) REFERENCES {} (trace_id)",
        identifier(&tables.traces)
    );
    create_table(connection, &tables.traces, trace_columns, &TRACE_INDEXES)?;
    create_table(connection, &tables.spans, &span_columns, &SPAN_INDEXES)
}

/// Creates a missing table with its indexes, and records its version as Agno does.
fn create_table(connection: &Connection, table: &str, columns: &str, indexed: &[&str]) -> rusqlite::Result<()> {
    if table_exists(connection, table)? {
        return Ok(());
    }
    let quoted = identifier(table);
    connection.execute_batch(&format!("CREATE TABLE {quoted} ({columns})"))?;
    for column in indexed {
        let name = identifier(&format!("idx_{table}_{column}"));
        connection.execute_batch(&format!("CREATE INDEX IF NOT EXISTS {name} ON {quoted} ({column})"))?;
    }
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

/// Whether the database is Agno's: it holds these tables or other ones of Agno.
pub(super) fn is_agno_database(connection: &Connection, tables: &Tables) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE 'agno\\_%' ESCAPE '\\'";
    let agno_tables: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(agno_tables > 0 || table_exists(connection, &tables.traces)? || table_exists(connection, &tables.spans)?)
}

fn table_exists(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'view') AND lower(name) = lower(?1)";
    connection.query_row(sql, [table], |row| row.get::<_, i64>(0)).map(|count| count > 0)
}
