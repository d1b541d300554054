//! The demo: a recorded run of real Agno agents, replayed in real time into a temporary database.
//!
//! Agno wrote the recording (`assets/demo/record.py`). Only the times change: the replay begins now, [`HEAD_START`] after the recording's
//! beginning, with everything there that was written until then.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use flate2::read::GzDecoder;
use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde::Deserialize;
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::model::time::to_isoformat;

/// JSON lines, compressed.
const RECORDING: &[u8] = include_bytes!("../assets/demo.jsonl.gz");
const SCHEMA: &str = include_str!("../assets/demo.sql");

/// The moment of the recording at which the demo begins: three runs have ended, one of them failed, and a team is at work.
pub const HEAD_START: Duration = Duration::from_millis(19_200);

/// A running demo. Dropping it stops the replay and removes the database.
#[derive(Debug)]
pub struct Demo {
    /// The database, in Agno's schema.
    pub path: PathBuf,
    /// Whether everything was played.
    pub is_over: Arc<AtomicBool>,
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

impl Write {
    /// Returns when it was written after the recording's beginning.
    fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }
}

fn replay(speed: f64) -> io::Result<Demo> {
    let directory = tempfile::Builder::new().prefix("agno-top-demo-").tempdir()?;
    let path = directory.path().join("traces.db");
    let mut connection = create(&path).map_err(io::Error::other)?;
    let mut recorded = recording()?;
    shift(&mut recorded);
    let later = recorded.split_off(recorded.partition_point(|write| write.at() <= HEAD_START));
    write_now(&mut connection, recorded).map_err(io::Error::other)?;
    let (stop, stopped) = mpsc::channel();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = is_over.clone();
    let writer = std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
        if let Err(error) = write_all(&connection, later, speed, &stopped) {
            tracing::warn!(%error, "the demo stopped early");
        }
        over.store(true, Ordering::Relaxed);
    })?;
    Ok(Demo { path, is_over, stop: Some(stop), writer: Some(writer), _directory: directory })
}

fn create(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

fn recording() -> io::Result<Vec<Write>> {
    BufReader::new(GzDecoder::new(RECORDING)).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// Moves all times, so that the demo begins now.
fn shift(writes: &mut [Write]) {
    // Agno keeps microseconds.
    let begin = Utc::now().trunc_subsecs(6) - HEAD_START;
    let shift = first_start(writes).map_or(TimeDelta::zero(), |first| begin - first);
    for write in writes {
        for column in ["start_time", "end_time", "created_at"] {
            if let Some(Value::String(text)) = write.row.get_mut(column)
                && let Some(time) = time(text)
            {
                *text = to_isoformat((time + shift).timestamp_nanos_opt().unwrap_or_default());
            }
        }
    }
}

/// Writes in one transaction.
fn write_now(connection: &mut Connection, writes: Vec<Write>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    writes.into_iter().try_for_each(|write| commit(&transaction, write))?;
    transaction.commit()
}

/// Writes each row in its time.
fn write_all(connection: &Connection, writes: Vec<Write>, speed: f64, stopped: &Receiver<()>) -> rusqlite::Result<()> {
    let start = Instant::now();
    for write in writes {
        let due = write.at().saturating_sub(HEAD_START).div_f64(speed);
        match stopped.recv_timeout(due.saturating_sub(start.elapsed())) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
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
        while !demo.is_over.load(Ordering::Relaxed) {
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
        assert!(begin + HEAD_START >= before && begin + HEAD_START <= Utc::now());
    }

    #[test]
    fn the_demo_begins_with_ended_runs_one_that_failed_and_one_that_runs() {
        let demo = start().unwrap();
        let connection = Connection::open(&demo.path).unwrap();
        let count = |condition: &str| -> i64 {
            let query = format!("SELECT count(DISTINCT trace_id) FROM agno_spans WHERE {condition}");
            connection.query_row(&query, [], |row| row.get(0)).unwrap()
        };
        let (all, ended) = (count("TRUE"), count("parent_span_id IS NULL"));
        assert_eq!((all, ended, count("status_code = 'ERROR'")), (4, 3, 1));
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
