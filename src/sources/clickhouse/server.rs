//! Questions to the server.

use std::fmt::Write as _;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{Rows, array, escaped};
use super::config::Config;
use super::error::Error;
use crate::sources::http::{Ask, Client};

/// The time limit of a question, for the server and for the answer.
const SECONDS: u64 = 20;
const TIMEOUT: Duration = Duration::from_secs(SECONDS + 5);
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 96 << 20;

/// What every question asks of the server: few threads, little memory, an error instead of a part of the answer, and text that is UTF-8.
const SETTINGS: [(&str, &str); 13] = [
    ("max_execution_time", "20"),
    ("max_threads", "2"),
    ("max_memory_usage", "2000000000"),
    ("read_overflow_mode", "throw"),
    ("result_overflow_mode", "throw"),
    ("timeout_overflow_mode", "throw"),
    ("distinct_overflow_mode", "throw"),
    ("set_overflow_mode", "throw"),
    ("sort_overflow_mode", "throw"),
    ("limit", "0"),
    ("offset", "0"),
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_json_validate_utf8", "1"),
];

/// The settings by which a server may answer a part of a question without saying so.
const CUTTING: &str = "SELECT concat(name, ' = ', value) FROM system.settings WHERE \
    (name IN ('read_overflow_mode', 'read_overflow_mode_leaf', 'result_overflow_mode', 'timeout_overflow_mode', \
    'timeout_overflow_mode_leaf', 'distinct_overflow_mode', 'set_overflow_mode', 'sort_overflow_mode') AND value = 'break') \
    OR (name IN ('limit', 'offset') AND value != '0')";

/// What the server lets a question set, from most to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manners {
    /// `readonly` and the settings.
    ReadOnly,
    /// The settings: the user's profile reads only.
    Settings,
    /// Nothing.
    Plain,
}

/// A value that is bound to a parameter of a statement, `{name:Type}`.
#[derive(Clone, Debug)]
pub(in crate::sources) struct Parameter(&'static str, String);

impl Parameter {
    pub(in crate::sources) fn text(name: &'static str, value: &str) -> Self {
        Self(name, escaped(value))
    }

    pub(in crate::sources) fn number(name: &'static str, value: i64) -> Self {
        Self(name, value.to_string())
    }

    pub(in crate::sources) fn texts<T: AsRef<str>>(name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        Self(name, array(values))
    }
}

/// A condition on rows, with its parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) parameters: Vec<Parameter>,
}

impl Condition {
    /// Adds a condition that must hold, too.
    pub(super) fn and(mut self, sql: &str, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(sql);
        self.parameters.extend(parameters);
        self
    }

    /// Adds another condition.
    pub(super) fn and_all(self, other: &Self) -> Self {
        if other.sql.is_empty() { self } else { self.and(&format!("({})", other.sql), other.parameters.iter().cloned()) }
    }
}

/// A server.
#[derive(Debug)]
pub(in crate::sources) struct Server {
    client: Client,
    manners: Manners,
    /// The rows of tables that the server read for the questions so far.
    pub(super) rows_read: u64,
}

impl Server {
    /// The error says why the URL can't be used.
    pub(in crate::sources) fn new(config: &Config) -> Result<Self, String> {
        let client = Client::new(&config.origin, config.roots.as_deref(), config.headers.clone())?;
        Ok(Self { client, manners: Manners::ReadOnly, rows_read: 0 })
    }

    /// Asks a `SELECT`, without its format.
    pub(in crate::sources) fn query(&mut self, sql: &str, parameters: &[Parameter]) -> Result<Rows, Error> {
        loop {
            match self.query_once(sql, parameters) {
                Err(Error::Settings) if self.manners != Manners::Plain => {
                    self.manners = if self.manners == Manners::ReadOnly { Manners::Settings } else { Manners::Plain };
                    tracing::debug!(manners = ?self.manners, "the server refuses settings");
                }
                outcome => return outcome,
            }
        }
    }

    /// Runs a statement that may change something, with the rights and the settings of the user. `data` are the rows that it inserts. Since it
    /// may not be run twice, a broken connection is an error. Returns the answer as it is.
    pub(in crate::sources) fn execute(&mut self, sql: &str, parameters: &[Parameter], data: &[u8]) -> Result<Vec<u8>, Error> {
        let mut path = "/?wait_end_of_query=1".to_owned();
        push_parameters(&mut path, parameters);
        let body = [sql.as_bytes(), data].concat();
        let ask = Ask { path: &path, headers: &[], body: Some(&body), timeout: TIMEOUT, limit: MAX_ANSWER };
        let answer = self.client.ask_once(&ask)?;
        if answer.is_success() { Ok(answer.body) } else { Err(Error::of_answer(&answer)) }
    }

    fn query_once(&mut self, sql: &str, parameters: &[Parameter]) -> Result<Rows, Error> {
        // The whole answer is ready before the first byte, so that an error has a status of its own.
        let mut path = "/?wait_end_of_query=1".to_owned();
        if self.manners == Manners::ReadOnly {
            path.push_str("&readonly=2");
        }
        let settings = if self.manners == Manners::Plain { &[][..] } else { &SETTINGS };
        for (name, value) in settings {
            let _ = write!(path, "&{name}={value}");
        }
        push_parameters(&mut path, parameters);
        let body = format!("{sql} FORMAT JSONCompact");
        let ask = Ask { path: &path, headers: &[], body: Some(body.as_bytes()), timeout: TIMEOUT, limit: MAX_ANSWER };
        let answer = self.client.ask(&ask)?;
        if !answer.is_success() {
            return Err(Error::of_answer(&answer));
        }
        let rows = Rows::parse(answer.body)?;
        self.rows_read += rows.read;
        tracing::debug!(rows = rows.count, read = rows.read, sql, "asked ClickHouse");
        Ok(rows)
    }

    /// Fails if the server would answer only a part of a question without saying so.
    pub(super) fn check_completeness(&mut self) -> Result<(), Error> {
        let found = self.query(CUTTING, &[])?.texts(0);
        if found.is_empty() { Ok(()) } else { Err(Error::Cuts(found.join(", "))) }
    }
}

fn push_parameters(path: &mut String, parameters: &[Parameter]) {
    for Parameter(name, value) in parameters {
        let _ = write!(path, "&param_{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
}
