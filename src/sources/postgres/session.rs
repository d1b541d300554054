//! Read-only transactions on one connection.
//!
//! All settings are local to a transaction, because a pooler passes the server session on to other programs.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection_config::ConnectionConfig;
use super::error::Error;
use crate::sources::tls::Mode;

/// The settings of a transaction: how long a statement may run and wait, in milliseconds, unless the user's own limit is lower.
const TIMEOUTS: [(&str, u32); 2] = [("statement_timeout", 5000), ("lock_timeout", 500)];
/// The other settings of a transaction: the planner never reads the whole table and compiles nothing.
const PLANNER: &str = "set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), \
    set_config('max_parallel_workers_per_gather', '0', true)";
/// Has the server send texts of a database without an encoding as they are: it would fail at the first one that is not UTF-8.
const AS_THEY_ARE: &str = ", set_config('client_encoding', 'SQL_ASCII', true)";
/// The oldest supported version of the server: the first that reads a range of blocks.
const MIN_VERSION: u32 = 14;
/// How long the server may take to answer before the connection counts as lost.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A parameter with its type. Typed parameters need no prepared statement, which poolers do not support.
pub(in crate::sources) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// An open connection.
pub(in crate::sources) struct Session {
    client: Client,
    /// The major version of the server.
    pub(super) version: u32,
    /// The statements that begin a transaction.
    begin: String,
}

impl Session {
    /// Connects, with or without TLS as the settings allow.
    pub(in crate::sources) async fn open(config: &ConnectionConfig) -> Result<Self, Error> {
        let tls = MakeRustlsConnect::new(config.tls.client_config().map_err(Error::Tls)?);
        let mut outcome = Err(Error::Slow);
        for &mode in attempts(config.tls.mode) {
            let mut options = config.config.clone();
            options.ssl_mode(mode);
            outcome = match timeout(TIMEOUT, options.connect(tls.clone())).await {
                Err(_) => Err(Error::Unreachable("it does not answer".to_owned())),
                Ok(Err(error)) => Err(Error::connecting(&error)),
                Ok(Ok((client, connection))) => {
                    let has_encoding = connection.parameter("server_encoding") != Some("SQL_ASCII");
                    let version = connection.parameter("server_version").unwrap_or_default().to_owned();
                    tokio::spawn(async move {
                        // Pending queries report the error.
                        let _ = connection.await;
                    });
                    return Self::begin_with(client, &version, has_encoding).await;
                }
            };
            if !matches!(&outcome, Err(error) if error.may_depend_on_tls()) {
                break;
            }
            if mode == SslMode::Prefer && matches!(outcome, Err(Error::NoTls)) {
                break;
            }
        }
        outcome
    }

    /// Checks the version, and reads the limits of the user.
    async fn begin_with(client: Client, full_version: &str, has_encoding: bool) -> Result<Self, Error> {
        let version = full_version.split(|char: char| !char.is_ascii_digit()).next().and_then(|major| major.parse().ok());
        let version = version.filter(|version| *version >= MIN_VERSION).ok_or_else(|| Error::TooOld(full_version.to_owned()))?;
        let mut session = Self { client, version, begin: String::new() };
        let limits = session.query("SELECT name::text, setting::text FROM pg_catalog.pg_settings WHERE unit = 'ms'", &[]).await?;
        let own = |name: &str| limits.iter().find(|row| text(row, 0) == Some(name)).and_then(|row| number::<u32>(row, 1)).unwrap_or(0);
        let timeouts = TIMEOUTS.map(|(name, most)| {
            let own = own(name);
            format!("set_config('{name}', '{}', true)", if own == 0 { most } else { own.min(most) })
        });
        let encoding = if has_encoding { "" } else { AS_THEY_ARE };
        session.begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT {}, {PLANNER}{encoding}", timeouts.join(", "));
        Ok(session)
    }

    /// Runs a statement that reads no table, outside of a transaction. Returns the value of its only row; `None` for null.
    pub(super) async fn value_outside(&self, sql: &str) -> Result<Option<String>, Error> {
        Ok(self.query(sql, &[]).await?.first().and_then(|row| text(row, 0)).map(ToOwned::to_owned))
    }

    /// Begins a transaction with one snapshot of the database, and runs its first statement.
    pub(super) async fn begin(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        // Both are sent before the first is answered.
        let (begun, rows) = tokio::join!(with_timeout(self.client.batch_execute(&self.begin)), self.query(sql, parameters));
        begun?;
        rows
    }

    /// Runs a statement, in the transaction if one has begun.
    pub(in crate::sources) async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        with_timeout(self.client.query_typed(sql, parameters)).await
    }

    /// Runs statements that return no rows.
    pub(in crate::sources) async fn execute(&self, sql: &str) -> Result<(), Error> {
        with_timeout(self.client.batch_execute(sql)).await
    }

    /// Ends the transaction, and returns its outcome unless that fails.
    pub(super) async fn end<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        let ended = with_timeout(self.client.batch_execute("ROLLBACK")).await;
        outcome.and_then(|value| ended.map(|()| value))
    }
}

async fn with_timeout<T>(answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
    timeout(TIMEOUT, answer).await.map_err(|_| Error::Lost("the server does not answer".to_owned()))?.map_err(Error::from)
}

/// The bytes of a value as the server sent them: the text, if the value is cast to text.
struct Bytes<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Returns the bytes of a column that is cast to text; `None` for null.
pub(super) fn bytes(row: &Row, column: usize) -> Option<&[u8]> {
    Some(row.try_get::<_, Option<Bytes<'_>>>(column).ok()??.0)
}

/// Returns a column that is cast to text; `None` for null.
pub(super) fn text(row: &Row, column: usize) -> Option<&str> {
    std::str::from_utf8(bytes(row, column)?).ok()
}

/// Parses a column that is cast to text and holds a number.
pub(super) fn number<T: std::str::FromStr>(row: &Row, column: usize) -> Option<T> {
    text(row, column)?.parse().ok()
}

/// Returns the modes to try, in order, until one succeeds.
fn attempts(mode: Mode) -> &'static [SslMode] {
    match mode {
        Mode::Disable => &[SslMode::Disable],
        Mode::Allow => &[SslMode::Disable, SslMode::Require],
        Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
    }
}
