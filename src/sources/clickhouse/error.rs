//! The reasons why a database can't be read, and their messages.

use super::config::Config;
use crate::sources::http::{self, Answer, quote};
use crate::sources::{State, agno_row};

/// The codes of the server that a message explains: <https://clickhouse.com/docs> lists them in `system.errors`.
mod code {
    pub(super) const NO_COLUMN: [u32; 2] = [16, 47];
    pub(super) const NO_TABLE: u32 = 60;
    pub(super) const NO_DATABASE: u32 = 81;
    /// Unknown setting, read-only, violated constraint.
    pub(super) const SETTINGS: [u32; 3] = [115, 164, 452];
    /// Rows, time, estimated time, memory, bytes, result.
    pub(super) const LIMITS: [u32; 6] = [158, 159, 160, 241, 307, 396];
    /// Unknown user, wrong password, password required, authentication failed.
    pub(super) const LOGIN: [u32; 4] = [192, 193, 194, 516];
    pub(super) const DENIED: u32 = 497;
    /// Too many queries at once, or while it stops.
    pub(super) const BUSY: [u32; 2] = [202, 236];
}

/// The reason why a database can't be read. [`Error::message`] tells the user about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Error {
    /// No answer.
    Http(http::Error),
    /// The server refuses the login.
    Login,
    /// There is no such database, or the user may not see it.
    NoDatabase,
    /// The table of spans is missing; the tables that there are.
    NoTable(Vec<String>),
    /// The user may not read the table.
    Denied,
    /// The table of spans lacks this column.
    NoColumn(&'static str),
    /// A column is gone: the table was altered.
    Changed,
    /// The server refuses settings.
    Settings,
    /// A limit of the server ended the question.
    Limit { code: u32, reason: String },
    /// A setting of the user's profile makes the server answer a part of a question only, and can't be changed.
    Cuts(String),
    /// The server has too much to do.
    Busy,
    /// What answers is no ClickHouse.
    Other(String),
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::Http(error)
    }
}

impl Error {
    /// Explains an answer without success.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        if text.trim_start().starts_with("Code: ") {
            return Self::of_server(answer.status, &text);
        }
        match answer.status {
            401 => Self::Login,
            _ => Self::Other(answer.refusal()),
        }
    }

    /// Explains a text of the server: `Code: 60. DB::Exception: reason. (UNKNOWN_TABLE) (version …)`.
    pub(super) fn of_server(status: u16, text: &str) -> Self {
        let text = text.trim_start();
        let digits: String = text.trim_start_matches("Code: ").chars().take_while(char::is_ascii_digit).collect();
        let number = digits.parse().unwrap_or(0);
        let reason = reason(text);
        match number {
            code::NO_TABLE => Self::NoTable(Vec::new()),
            code::NO_DATABASE => Self::NoDatabase,
            code::DENIED => Self::Denied,
            _ if code::NO_COLUMN.contains(&number) => Self::Changed,
            _ if code::SETTINGS.contains(&number) => Self::Settings,
            _ if code::LIMITS.contains(&number) => Self::Limit { code: number, reason },
            _ if code::LOGIN.contains(&number) => Self::Login,
            _ if code::BUSY.contains(&number) => Self::Busy,
            _ if number == 0 => Self::Other(format!("it answered with status {status}: {reason}")),
            _ => Self::Other(format!("{reason} (code {number})")),
        }
    }

    /// Explains the body of an answer with success that is no whole answer: the server appends the error that ended it.
    pub(super) fn in_answer(body: &[u8]) -> Self {
        let end = &body[body.len().saturating_sub(1 << 14)..];
        let end = String::from_utf8_lossy(end);
        if let Some(at) = end.rfind("Code: ").filter(|at| end[*at..].contains("DB::")) {
            return Self::of_server(200, &end[at..]);
        }
        let answer = Answer { status: 200, body: body.to_vec(), ..Answer::default() };
        if answer.is_page() {
            return Self::Other("a web page answers there, not ClickHouse".to_owned());
        }
        if body.trim_ascii_start().first() == Some(&b'{') {
            return Self::Http(http::Error::Cut);
        }
        Self::Other("what answers there is not ClickHouse".to_owned())
    }

    /// Returns the message for the user, without secrets. `table` is the one that is sought.
    pub(in crate::sources) fn message(&self, config: &Config, table: &str) -> String {
        let Config { name: server, user, database, .. } = config;
        let table = format!("{database}.{}", config.table.as_deref().unwrap_or(table));
        match self {
            Self::Http(error) => format!("{server} can't be read: {error}"),
            Self::Login => {
                format!(
                    "{server} refuses the login of {user}; put user and password into CLICKHOUSE_USER and CLICKHOUSE_PASSWORD, or the URL"
                )
            }
            Self::NoDatabase => {
                format!("{server} has no database {database} yet, or {user} may not see it; Agno creates it with the first trace")
            }
            Self::NoTable(others) => agno_row::missing_table(server, &table, others),
            Self::Denied => {
                format!("{user} may not read {table} in {server}; an administrator allows it: GRANT SELECT ON {table} TO {user}")
            }
            Self::NoColumn(column) => format!(
                "{table} in {server} has no column {column}; it is neither Agno's table of spans nor one of the OpenTelemetry collector"
            ),
            Self::Changed => format!("{table} in {server} changed while it was read"),
            Self::Settings => format!("{server} refuses the settings that agno-top asks with"),
            Self::Limit { reason, .. } => format!("a limit of {server} ends even a small question: {}", config.redact(reason)),
            Self::Cuts(setting) => format!(
                "{server} would answer only a part of a question: the profile of {user} has {setting} and does not let it be changed; \
                 name another user"
            ),
            Self::Busy => format!("{server} has too many questions to answer"),
            Self::Other(reason) => format!("{server} can't be read: {}", config.redact(reason)),
        }
    }

    /// Returns the state of a source with this error.
    pub(super) fn state(&self, config: &Config, table: &str) -> State {
        let message = self.message(config, table);
        if self.is_waiting() { State::Waiting(message) } else { State::Failing(message) }
    }

    /// Whether nothing has been written yet.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::NoDatabase | Self::NoTable(_))
    }

    /// Whether a smaller question may be answered.
    pub(in crate::sources) fn is_too_large(&self) -> bool {
        matches!(self, Self::Limit { .. } | Self::Http(http::Error::TooLarge(_) | http::Error::Slow(_)))
    }

    /// Whether the tables must be looked at again.
    pub(super) fn asks_for_inspection(&self) -> bool {
        self.is_waiting() || matches!(self, Self::Denied | Self::NoColumn(_) | Self::Changed | Self::Cuts(_))
    }
}

/// Returns what an error says, without code, name and version, in one line.
fn reason(text: &str) -> String {
    let text = text.split_once("DB::Exception: ").map_or(text, |(_, text)| text);
    let text = text.rsplit_once(" (version ").map_or(text, |(text, _)| text);
    let text = match text.trim_end().rsplit_once(" (") {
        Some((text, name)) if name.ends_with(')') && name.bytes().all(|b| b == b')' || b == b'_' || b.is_ascii_uppercase()) => text,
        _ => text,
    };
    quote(text.trim_end().trim_end_matches('.').as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(status: u16, body: &str) -> String {
        let config = Config::parse("clickhouse://me:pa55word@h/d", |_| None).unwrap();
        let answer = Answer { status, body: body.into(), ..Answer::default() };
        Error::of_answer(&answer).message(&config, "agno_spans")
    }

    #[test]
    fn answers_without_success_are_explained() {
        for (status, body, part) in [
            (401, "", "refuses the login of me"),
            (
                403,
                "Code: 516. DB::Exception: me: Authentication failed: pa55word. (AUTHENTICATION_FAILED) (version 24.8.1.1)",
                "refuses the login",
            ),
            (404, "Code: 81. DB::Exception: Database d does not exist. (UNKNOWN_DATABASE)", "has no database d yet"),
            (404, "Code: 60. DB::Exception: Table d.t does not exist. (UNKNOWN_TABLE)", "has no table d.agno_spans yet"),
            (500, "Code: 497. DB::Exception: me: Not enough privileges. (ACCESS_DENIED)", "GRANT SELECT ON d.agno_spans TO me"),
            (
                500,
                "Code: 158. DB::Exception: Limit for rows exceeded: pa55word. (TOO_MANY_ROWS)",
                "ends even a small question: Limit for rows exceeded: ***",
            ),
            (500, "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)", "too many questions"),
            (400, "Code: 62. DB::Exception: Syntax error: a\nb. (SYNTAX_ERROR) (version 1)", "can't be read: Syntax error: a b (code 62)"),
            (400, "Port 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.", "You must use port 8123 for HTTP."),
            (502, "<html>Bad Gateway</html>", "with a web page"),
            (302, "", "redirects to another address"),
        ] {
            let message = message(status, body);
            assert!(message.contains(part) && message.contains("clickhouse://me@h/d") && !message.contains("pa55"), "{message}");
        }
        assert!(matches!(Error::of_server(500, "Code: 164. DB::Exception: Cannot modify (READONLY)"), Error::Settings));
        assert_eq!(Error::in_answer(b"<!doctype html>"), Error::Other("a web page answers there, not ClickHouse".to_owned()));
        assert_eq!(Error::in_answer(b"hello"), Error::Other("what answers there is not ClickHouse".to_owned()));
    }
}
