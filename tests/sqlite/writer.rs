//! A process that writes to a database, as an agent does.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

const PATH: &str = "AGNO_TOP_TEST_WRITES_TO";

/// The tables as Agno 3 creates them.
pub(crate) const SCHEMA: &str = "CREATE TABLE agno_traces (trace_id VARCHAR NOT NULL, name VARCHAR NOT NULL, status VARCHAR NOT NULL, \
    start_time VARCHAR NOT NULL, end_time VARCHAR NOT NULL, duration_ms BIGINT NOT NULL, run_id VARCHAR, session_id VARCHAR, user_id VARCHAR, \
    agent_id VARCHAR, team_id VARCHAR, workflow_id VARCHAR, created_at VARCHAR NOT NULL, PRIMARY KEY (trace_id)); \
    CREATE TABLE agno_spans (span_id VARCHAR NOT NULL, trace_id VARCHAR NOT NULL, parent_span_id VARCHAR, name VARCHAR NOT NULL, \
    span_kind VARCHAR NOT NULL, status_code VARCHAR NOT NULL, status_message VARCHAR, start_time VARCHAR NOT NULL, end_time VARCHAR NOT NULL, \
    duration_ms BIGINT NOT NULL, attributes JSON, created_at VARCHAR NOT NULL, PRIMARY KEY (span_id))";

/// A statement that writes spans `from..to`, of the name `span N`.
pub(crate) fn spans(from: u64, to: u64) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to}) \
         INSERT INTO agno_spans SELECT printf('%016x', i), printf('%032x', i / 10 + 1), NULL, 'span ' || i, 'INTERNAL', 'OK', NULL, \
         '2026-11-22T05:59:04.229975+00:00', '2026-11-22T05:59:05+00:00', 770, json_object('input.value', 'input ' || i), '2026-11-22' FROM n"
    )
}

/// A process that writes to one database. It dies with its value, as hard as it can.
pub(crate) struct Writer {
    child: Child,
    orders: Option<ChildStdin>,
    replies: Receiver<String>,
}

impl Writer {
    /// Opens (and creates) the database; `setup` is run first.
    pub(crate) fn open(path: &Path, setup: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["writer::writer_process", "--exact", "--nocapture"])
            .env(PATH, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, replies) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut writer = Self { orders: child.stdin.take(), child, replies };
        writer.run(setup);
        writer
    }

    /// A database with Agno's tables in a write-ahead log, as Agno 3 has it.
    pub(crate) fn wal(path: &Path) -> Self {
        Self::open(path, &format!("PRAGMA journal_mode = WAL; {SCHEMA}"))
    }

    /// A database with Agno's tables and a rollback journal, as Agno 2 has it; its writer waits for readers, as Python's does.
    pub(crate) fn rollback(path: &Path) -> Self {
        Self::open(path, &format!("PRAGMA busy_timeout = 2000; PRAGMA journal_mode = DELETE; {SCHEMA}"))
    }

    /// Runs statements; the error, if there is one, in SQLite's words.
    pub(crate) fn try_run(&mut self, sql: &str) -> Result<(), String> {
        writeln!(self.orders.as_mut().unwrap(), "{}", sql.replace('\n', " ")).unwrap();
        let reply = self.replies.recv().expect("the writer lives");
        reply.strip_prefix("failed: ").map_or(Ok(()), |error| Err(error.to_owned()))
    }

    /// Runs statements that succeed.
    pub(crate) fn run(&mut self, sql: &str) {
        assert_eq!(self.try_run(sql), Ok(()), "{sql}");
    }

    /// Closes the database in order.
    pub(crate) fn close(mut self) {
        drop(self.orders.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process does; in the tests' own process, nothing.
#[test]
fn writer_process() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let database = rusqlite::Connection::open(path).unwrap();
    database.busy_timeout(std::time::Duration::ZERO).unwrap();
    for line in std::io::stdin().lines() {
        match database.execute_batch(&line.unwrap()) {
            Ok(()) => eprintln!("done"),
            Err(error) => eprintln!("failed: {error}"),
        }
    }
}
