//! The demo: a recorded run of real Agno agents, replayed in real time into a temporary database.
//!
//! Agno wrote the recording (`assets/demo/record.py`). Only the times change: the replay begins now.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde::Deserialize;
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::model::time::to_isoformat;

const RECORDING: &str = include_str!("../assets/demo.jsonl");
const SCHEMA: &str = include_str!("../assets/demo.sql");

/// A running demo. Dropping it stops the replay and removes the database.
#[derive(Debug)]
pub struct Demo {
    /// The database, in Agno's schema.
    pub path: PathBuf,
    stop: Option<mpsc::Sender<()>>,
    writer: Option<JoinHandle<()>>,
    _directory: TempDir,
}

/// Creates the database and starts the replay.
pub fn start() -> io::Result<Demo> {
    replay(1.0)
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(writer) = self.writer.take() {
            // The panic hook reports a panic.
            let _ = writer.join();
        }
    }
}

/// A row that Agno wrote, and when.
#[derive(Deserialize)]
struct Write {
    at_ms: u64,
    table: String,
    row: Map<String, Value>,
}

fn replay(speed: f64) -> io::Result<Demo> {
    let directory = tempfile::Builder::new().prefix("agno-top-demo-").tempdir()?;
    let path = directory.path().join("traces.db");
    let connection = create(&path).map_err(io::Error::other)?;
    let recorded = recording()?;
    let (stop, stopped) = mpsc::channel();
    let writer = std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
        if let Err(error) = write_all(&connection, recorded, speed, &stopped) {
            tracing::warn!(%error, "the demo stopped early");
        }
    })?;
    Ok(Demo { path, stop: Some(stop), writer: Some(writer), _directory: directory })
}

fn create(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

fn recording() -> io::Result<Vec<Write>> {
    Ok(RECORDING.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn write_all(connection: &Connection, writes: Vec<Write>, speed: f64, stopped: &Receiver<()>) -> rusqlite::Result<()> {
    let start = Instant::now();
    // Agno keeps microseconds.
    let shift = first_start(&writes).map_or(TimeDelta::zero(), |first| Utc::now().trunc_subsecs(6) - first);
    for mut write in writes {
        let due = Duration::from_millis(write.at_ms).div_f64(speed);
        match stopped.recv_timeout(due.saturating_sub(start.elapsed())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        for column in ["start_time", "end_time", "created_at"] {
            if let Some(Value::String(text)) = write.row.get_mut(column)
                && let Some(time) = time(text)
            {
                *text = to_isoformat((time + shift).timestamp_nanos_opt().unwrap_or_default());
            }
        }
        commit(connection, write)?;
    }
    Ok(())
}

fn first_start(writes: &[Write]) -> Option<DateTime<Utc>> {
    let spans = writes.iter().filter(|write| write.table == "agno_spans");
    spans.filter_map(|write| time(write.row.get("start_time")?.as_str()?)).min()
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

fn commit(connection: &Connection, write: Write) -> rusqlite::Result<()> {
    let join = |format: fn(&str) -> String| write.row.keys().map(|column| format(column)).collect::<Vec<_>>().join(", ");
    let [names, places, update] = [join(str::to_owned), join(|_| "?".to_owned()), join(|column| format!("{column} = excluded.{column}"))];
    let statement = format!("INSERT INTO {} ({names}) VALUES ({places}) ON CONFLICT DO UPDATE SET {update}", write.table);
    let values = write.row.into_iter().map(|(_, value)| match value {
        Value::Null => Sql::Null,
        Value::Bool(value) => Sql::Integer(value.into()),
        Value::Number(value) => value.as_i64().map_or_else(|| value.as_f64().map_or(Sql::Null, Sql::Real), Sql::Integer),
        Value::String(value) => Sql::Text(value),
        value => Sql::Text(value.to_string()),
    });
    connection.prepare_cached(&statement)?.execute(rusqlite::params_from_iter(values)).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Returns the rows of a table by key, as JSON.
    fn rows(connection: &Connection, table: &str) -> HashMap<String, Map<String, Value>> {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let row = |row: &rusqlite::Row<'_>| {
            let value = |n: usize| match row.get_unwrap::<_, Sql>(n) {
                Sql::Null => Value::Null,
                Sql::Integer(value) => value.into(),
                Sql::Real(value) => value.into(),
                Sql::Text(value) => value.into(),
                Sql::Blob(_) => panic!("there are no blobs"),
            };
            Ok(names.iter().cloned().zip((0..names.len()).map(value)).collect::<Map<_, _>>())
        };
        let rows: Vec<_> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
        rows.into_iter().map(|row| (row[&names[0]].as_str().unwrap().to_owned(), row)).collect()
    }

    #[test]
    fn the_whole_recording_is_replayed_with_shifted_times() {
        let before = Utc::now().trunc_subsecs(6);
        let demo = replay(1e6).unwrap();
        while !demo.writer.as_ref().unwrap().is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let connection = Connection::open(&demo.path).unwrap();
        let mut recorded = [HashMap::new(), HashMap::new()];
        for write in recording().unwrap() {
            let (table, key) = if write.table == "agno_spans" { (0, "span_id") } else { (1, "trace_id") };
            recorded[table].insert(write.row[key].as_str().unwrap().to_owned(), write.row);
        }
        let mut shifts = Vec::new();
        for (recorded, table) in recorded.iter_mut().zip(["agno_spans", "agno_traces"]) {
            let mut played = rows(&connection, table);
            for (key, played) in &mut played {
                let recorded = recorded.get_mut(key).unwrap();
                for column in ["start_time", "end_time", "created_at"] {
                    let [new, old] = [&mut *played, recorded].map(|row| time(row.remove(column).unwrap().as_str().unwrap()).unwrap());
                    shifts.push(new - old);
                }
            }
            assert_eq!(&played, recorded, "{table}");
            assert!(played.len() > 10);
        }
        shifts.dedup();
        assert_eq!(shifts.len(), 1, "all times are shifted equally");
        let begin = first_start(&recording().unwrap()).unwrap() + shifts[0];
        assert!(begin >= before && begin <= Utc::now());
    }

    #[test]
    fn dropping_the_demo_stops_it_and_removes_the_database() {
        let demo = start().unwrap();
        let directory = demo.path.parent().unwrap().to_owned();
        assert!(demo.path.exists());
        let start = Instant::now();
        drop(demo);
        // Playing to the end takes longer.
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(!directory.exists());
    }
}
