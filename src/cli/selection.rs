//! Which sources a command reads, and which of their traces it selects.

use std::path::PathBuf;

use clap::Args;

use crate::model::Nanos;
use crate::query::{self, ParseError, Query};

/// The sources to read, and the traces to select from them.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Selection {
    /// SQLite databases, URLs of PostgreSQL or ClickHouse, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only traces with a span that matches this filter, in the syntax of the screen: 'status:error agent:writer time:>2s'
    #[arg(long, value_name = "EXPR", value_parser = parse_filter, allow_hyphen_values = true)]
    pub filter: Option<Query>,

    /// Only traces that began since then: 15m, 7d, today, yesterday, monday, week, month, 2026-11-22, 2026-11-22T07:30Z
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub since: Option<Since>,

    /// Only traces that began until then; a day, a week or a month counts to its end
    #[arg(long, value_name = "WHEN", value_parser = parse_until)]
    pub until: Option<Until>,

    /// At most this many traces, the first in the order
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// The beginnings of the ids of the only traces to select; empty for all. See [`Selection::with_ids`].
    #[arg(skip)]
    pub ids: Vec<String>,
}

impl Selection {
    /// Returns the selection with those sources that are ids of traces in [`Selection::ids`].
    #[must_use]
    pub fn with_ids(&self) -> Self {
        let (ids, sources) = split_ids(&self.sources);
        Self { sources, ids, ..self.clone() }
    }
}

impl Selection {
    /// Returns an error for a word that is neither a file, nor looks like one, nor is the beginning of an id: it is a mistake.
    pub fn refuse_unknown_words(&self) -> Result<(), String> {
        // No file that agno-top reads has an ending that begins with a digit.
        let has_ending = |text: &str| text.rsplit_once('.').is_some_and(|(_, ending)| !ending.starts_with(|c: char| c.is_ascii_digit()));
        let is_word = |text: &str| !text.contains(['/', '\\', ':']) && !has_ending(text);
        let is_unknown = |word: &&PathBuf| word.to_str().is_some_and(is_word) && !word.exists();
        let sources = self.with_ids().sources;
        match sources.iter().find(is_unknown) {
            Some(word) => Err(format!("{} is no file and no beginning of a trace id, which are hex digits, or last", word.display())),
            None => Ok(()),
        }
    }
}

/// Splits words into beginnings of trace ids, in lower case, and sources. A word that is a file is a source.
pub(super) fn split_ids(words: &[PathBuf]) -> (Vec<String>, Vec<PathBuf>) {
    let id = |word: &PathBuf| word.to_str().and_then(id_prefix).filter(|_| !word.exists());
    let sources = words.iter().filter(|word| id(word).is_none()).cloned().collect();
    (words.iter().filter_map(id).collect(), sources)
}

/// The word that stands for the id of the newest trace.
pub const LAST: &str = "last";

/// Returns the beginning of a trace id in lower case, or [`LAST`]; `None` if the text is something else.
pub(super) fn id_prefix(text: &str) -> Option<String> {
    let is_hex = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex || text == LAST).then(|| text.to_ascii_lowercase())
}

/// The start of a period: an age or a time, as `since:` in a filter takes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Since(Query);

impl Since {
    /// Returns the start of the period in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn resolve(&self, now: Nanos) -> Nanos {
        self.0.start_bounds(now).0.unwrap_or(Nanos::MIN)
    }
}

/// The end of a period, as `until:` in a filter takes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Until(Query);

impl Until {
    /// Returns the end of the period in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn resolve(&self, now: Nanos) -> Nanos {
        self.0.start_bounds(now).1.unwrap_or(Nanos::MAX)
    }
}

/// Parses a filter of spans. The error names the position of the mistake.
pub(super) fn parse_filter(line: &str) -> Result<Query, String> {
    Query::parse_of_spans(line).map_err(|error| positioned(&error))
}

/// Parses a filter of log records or metrics, which leave aside what it asks of spans.
pub(super) fn parse_record_filter(line: &str) -> Result<Query, String> {
    line.parse().map_err(|error: ParseError| positioned(&error))
}

/// Returns the message of an error with its position.
pub(super) fn positioned(error: &ParseError) -> String {
    format!("{error} (at character {})", error.at + 1)
}

/// Parses an age such as `15m`, `2h` or `7d`, a word such as `today`, or an ISO 8601 time, which is local if it names no zone.
pub(super) fn parse_since(text: &str) -> Result<Since, String> {
    parse_bound("since", text).map(Since)
}

/// Parses the same for the end of a period.
pub(super) fn parse_until(text: &str) -> Result<Until, String> {
    parse_bound("until", text).map(Until)
}

fn parse_bound(field: &str, text: &str) -> Result<Query, String> {
    format!("{field}:{}", query::quote(text.trim())).parse().map_err(|error: ParseError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_an_age_or_a_time() {
        let resolved = |text| parse_since(text).map(|since| since.resolve(i64::MAX));
        assert_eq!(resolved("15m"), Ok(i64::MAX - 900_000_000_000));
        assert_eq!(resolved("7d"), Ok(i64::MAX - 604_800_000_000_000));
        assert_eq!(resolved("2026-11-22T05:59:04Z"), Ok(1_795_327_144_000_000_000));
        assert!(resolved("yesterday") < resolved("today"));
        let until = |text| parse_until(text).map(|until| until.resolve(i64::MAX));
        assert_eq!(until("2026-11-22T05:59:04Z"), Ok(1_795_327_144_000_000_000));
        assert!(until("2026-11-22") > resolved("2026-11-22"));
        for wrong in ["", "m", "-5m", "yesterdy", "15", "99999999999999h", "1h\" status:error", "1h|2h"] {
            assert!(parse_since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_filter_error_names_its_position() {
        assert!(parse_filter("ok colour:2s").is_err_and(|message| message.ends_with("(at character 4)")));
        assert!(parse_filter("status:error").is_ok());
    }
}
