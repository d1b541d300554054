//! One connection, and transactions that read and leave nothing behind.
//!
//! What a transaction needs is set for it alone: behind a pooler the server's session is handed on to programs that write.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row};

use super::connection_config::ConnectionConfig;
use super::error::Error;

/// How a transaction begins. Without the planner's other ways a look never reads the whole table, and nothing is compiled for it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 500; \
    SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0";
/// How long the server may be silent, past which the connection is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// A parameter with its type, so that a statement needs no name on the server.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that works.
pub(super) struct Session {
    client: Client,
}

impl Session {
    /// Connects, in whichever of the ways that the settings allow.
    pub(super) async fn open(target: &ConnectionConfig) -> Result<Self, Error> {
        let tls = target.tls.connector().map_err(Error::Tls)?;
        let mut outcome = Err(Error::Slow);
        for &mode in target.tls.attempts() {
            let mut config = target.config.clone();
            config.ssl_mode(mode);
            outcome = match timeout(SILENCE, config.connect(tls.clone())).await {
                Err(_) => Err(Error::Unreachable("it does not answer".to_owned())),
                Ok(Err(error)) => Err(Error::connecting(&error)),
                Ok(Ok((client, connection))) => {
                    tokio::spawn(async move {
                        // Whoever waits for an answer hears of the end, too.
                        let _ = connection.await;
                    });
                    Ok(Self { client })
                }
            };
            if !matches!(&outcome, Err(trouble) if trouble.may_depend_on_tls()) {
                break;
            }
            if mode == SslMode::Prefer && matches!(outcome, Err(Error::NoTls)) {
                break;
            }
        }
        outcome
    }

    /// Runs a statement that touches no table, outside of any transaction.
    pub(super) async fn ask(&self, sql: &str) -> Result<Vec<Row>, Error> {
        patient(self.client.query_typed(sql, &[])).await
    }

    /// Begins a transaction that sees one state of the database, and runs its first statement.
    pub(super) async fn begin(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        // Both are on their way before the first is answered.
        let (begun, rows) = tokio::join!(patient(self.client.batch_execute(BEGIN)), patient(self.client.query_typed(sql, parameters)));
        begun?;
        rows
    }

    /// Runs a statement in the transaction.
    pub(super) async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        patient(self.client.query_typed(sql, parameters)).await
    }

    /// Ends the transaction.
    pub(super) async fn end(&self) -> Result<(), Error> {
        patient(self.client.batch_execute("ROLLBACK")).await
    }
}

async fn patient<T>(answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
    timeout(SILENCE, answer).await.map_err(|_| Error::Lost("the server does not answer".to_owned()))?.map_err(Error::from)
}

/// A value's bytes as the server sent them: text for whatever is cast to text, in any encoding.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A column that was cast to text; `None` for null.
pub(super) fn text(row: &Row, column: usize) -> Option<&str> {
    std::str::from_utf8(row.try_get::<_, Option<Bytes<'_>>>(column).ok()??.0).ok()
}

/// A column that was cast to text and holds a number.
pub(super) fn number<T: std::str::FromStr>(row: &Row, column: usize) -> Option<T> {
    text(row, column)?.parse().ok()
}
