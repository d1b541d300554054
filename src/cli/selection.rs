//! Which sources a command reads, and which of their traces it selects.

use std::path::PathBuf;

use clap::Args;

use crate::model::Nanos;
use crate::query::{ParseError, Query};

/// The sources to read, and the traces to select from them.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Selection {
    /// SQLite databases, PostgreSQL URLs, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only traces with a span that matches this filter, in the syntax of the screen: 'status:error agent:writer dur:>2s'
    #[arg(long, value_name = "EXPR", value_parser = parse_filter, allow_hyphen_values = true)]
    pub filter: Option<Query>,

    /// Only traces that began since this age or time: 90s, 15m, 2h, 7d, 2026-11-22, 2026-11-22T07:30Z
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub since: Option<Since>,

    /// At most this many traces, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
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

/// Parses a filter expression. The error names the position of the mistake.
pub(super) fn parse_filter(line: &str) -> Result<Query, String> {
    line.parse().map_err(|error: ParseError| format!("{error} (at character {})", error.at + 1))
}

/// Parses an age such as `15m`, `2h` or `7d`, or an ISO 8601 time, which is local if it names no zone.
pub(super) fn parse_since(text: &str) -> Result<Since, String> {
    let expected = || "expected an age such as 15m, 2h or 7d, or a time such as 2026-11-22 or 2026-11-22T09:30".to_owned();
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || ":-+. ".contains(c));
    let query = is_plain.then(|| format!("since:\"{}\"", text.trim()).parse().ok()).flatten();
    query.map(Since).ok_or_else(expected)
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
        for wrong in ["", "m", "-5m", "yesterday", "15", "99999999999999h", "1h\" status:error", "1h|2h"] {
            assert!(parse_since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_filter_error_names_its_position() {
        assert!(parse_filter("ok colour:2s").is_err_and(|message| message.ends_with("(at character 4)")));
        assert!(parse_filter("status:error").is_ok());
    }
}
