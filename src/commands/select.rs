//! Which sources are read, and which of their traces are wanted.

use std::path::PathBuf;

use clap::Args;

use crate::model::Nanos;
use crate::query::Query;

/// What is read and what of it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Selection {
    /// What to read: SQLite databases, PostgreSQL URLs, files; without any, the databases found here, as on the screen
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only traces with a span that passes this filter, written as on the screen: 'status:error agent:writer dur:>2s'
    #[arg(long, value_name = "EXPR", value_parser = parse_filter, allow_hyphen_values = true)]
    pub filter: Option<Query>,

    /// Only traces that began since then: 90s, 15m, 2h or 7d ago, or a time such as 2026-11-22 or 2026-11-22T07:30Z
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub since: Option<Since>,

    /// At most this many traces, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
}

/// A moment from which on something is wanted, as `since:` in a filter has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Since(Query);

impl Since {
    /// The moment, at `now`.
    #[must_use]
    pub fn moment(&self, now: Nanos) -> Nanos {
        self.0.start_bounds(now).0.unwrap_or(Nanos::MIN)
    }
}

/// Reads a filter expression; a mistake is told with its place.
pub fn parse_filter(line: &str) -> Result<Query, String> {
    line.parse().map_err(|mistake: crate::query::ParseError| format!("{mistake} (at character {})", mistake.at + 1))
}

/// Reads an age such as `15m`, `2h` or `7d`, or a time in ISO 8601, which is local if it names no zone.
pub fn parse_since(text: &str) -> Result<Since, String> {
    let expected = || "expected an age such as 15m, 2h or 7d, or a time such as 2026-11-22 or 2026-11-22T09:30".to_owned();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || ":-+. ".contains(c));
    let query = plain.then(|| format!("since:\"{}\"", text.trim()).parse().ok()).flatten();
    query.map(Since).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_while_ago_or_a_time() {
        let moment = |text| parse_since(text).map(|since| since.moment(i64::MAX));
        assert_eq!(moment("15m"), Ok(i64::MAX - 900_000_000_000));
        assert_eq!(moment("7d"), Ok(i64::MAX - 604_800_000_000_000));
        assert_eq!(moment("2026-11-22T05:59:04Z"), Ok(1_795_327_144_000_000_000));
        for wrong in ["", "m", "-5m", "yesterday", "15", "99999999999999h", "1h\" status:error", "1h|2h"] {
            assert!(parse_since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mistake_in_a_filter_has_its_place() {
        assert!(parse_filter("ok colour:2s").is_err_and(|message| message.ends_with("(at character 4)")));
        assert!(parse_filter("status:error").is_ok());
    }
}
