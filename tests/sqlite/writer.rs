//! A process that writes to a database like an agent.

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

/// Returns a statement that writes spans `from..to`, each named `span N`.
pub(crate) fn spans(from: u64, to: u64) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {to}) \
         INSERT INTO agno_spans SELECT printf('%016x', i), printf('%032x', i / 10 + 1), NULL, 'span ' || i, 'INTERNAL', 'OK', NULL, \
         '2026-11-22T05:59:04.229975+00:00', '2026-11-22T05:59:05+00:00', 770, json_object('input.value', 'input ' || i), '2026-11-22' FROM n"
    )
}

/// A process that writes to one database. It is killed on drop.
pub(crate) struct Writer {
    child: Child,
    orders: Option<ChildStdin>,
    replies: Receiver<String>,
}

impl Writer {
    /// Opens or creates the database and runs `setup`.
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

    /// Creates a database with Agno's tables and a write-ahead log, like Agno 3.
    pub(crate) fn wal(path: &Path) -> Self {
        Self::open(path, &format!("PRAGMA journal_mode = WAL; {SCHEMA}"))
    }

    /// Creates a database with Agno's tables and a rollback journal, like Agno 2. Its writer waits for readers, like Python's.
    pub(crate) fn rollback(path: &Path) -> Self {
        Self::open(path, &format!("PRAGMA busy_timeout = 2000; PRAGMA journal_mode = DELETE; {SCHEMA}"))
    }

    /// Runs statements. The error is SQLite's message.
    pub(crate) fn try_run(&mut self, sql: &str) -> Result<(), String> {
        writeln!(self.orders.as_mut().unwrap(), "{}", sql.replace('\n', " ")).unwrap();
        let reply = self.replies.recv().expect("the writer lives");
        reply.strip_prefix("failed: ").map_or(Ok(()), |error| Err(error.to_owned()))
    }

    /// Runs statements that must succeed.
    pub(crate) fn run(&mut self, sql: &str) {
        assert_eq!(self.try_run(sql), Ok(()), "{sql}");
    }

    /// Closes the database and ends the process.
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

/// The code of the process; does nothing in the process of the tests.
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
