//! Writes to a database like an agent.

use std::path::Path;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// A connection that writes like an agent.
pub(crate) struct Writer {
    runtime: Runtime,
    client: Client,
}

impl Writer {
    /// Connects through the socket in `dir`.
    pub(crate) fn open(dir: &Path, port: u16, database: &str) -> Result<Self, tokio_postgres::Error> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut config = Config::new();
        config.host_path(dir).port(port).user("postgres").dbname(database).connect_timeout(Duration::from_secs(5));
        let (client, connection) = runtime.block_on(config.connect(NoTls))?;
        runtime.spawn(connection);
        Ok(Self { runtime, client })
    }

    /// Runs statements.
    pub(crate) fn run(&mut self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap_or_else(|error| panic!("{error:?}: {sql}"));
    }

    /// Returns the first column of a query's rows, as text.
    pub(crate) fn ask(&mut self, sql: &str) -> Vec<String> {
        let first = |row: Vec<Option<String>>| row.into_iter().next().flatten().unwrap_or_else(|| "null".to_owned());
        self.rows(sql).into_iter().map(first).collect()
    }

    /// Returns the rows of a query, as text.
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages = self.runtime.block_on(self.client.simple_query(sql)).unwrap_or_else(|error| panic!("{error:?}: {sql}"));
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()),
            _ => None,
        };
        messages.iter().filter_map(row).collect()
    }
}

/// Returns statements that write spans `from..to`, each named `span N`, by a clock that is ahead by these seconds.
pub(crate) fn spans_at(from: u64, to: u64, ahead: i64) -> String {
    let last = to - 1;
    let created =
        format!("to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '{ahead} s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || '+00:00'");
    format!(
        "INSERT INTO ai.agno_traces SELECT lpad(to_hex(i), 32, '0'), 'trace', 'OK', '2026-11-22', '2026-11-22', 1, \
         NULL, 'session ' || i, NULL, NULL, NULL, NULL, '2026-11-22' FROM generate_series({from} / 10 + 1, {last} / 10 + 1) AS i \
         ON CONFLICT DO NOTHING; \
         INSERT INTO ai.agno_spans SELECT lpad(to_hex(i), 16, '0'), lpad(to_hex(i / 10 + 1), 32, '0'), NULL, 'span ' || i, 'INTERNAL', 'OK', \
         NULL, '2026-11-22T05:59:04.229975+00:00', '2026-11-22T05:59:05+00:00', 770, jsonb_build_object('input.value', 'input ' || i), \
         {created} FROM generate_series({from}, {last}) AS i"
    )
}

/// Like [`spans_at`], by a correct clock.
pub(crate) fn spans(from: u64, to: u64) -> String {
    spans_at(from, to, 0)
}
