//! Which sources are read, and which of their traces are wanted.

use std::path::PathBuf;

use clap::Args;

use crate::model::{Nanos, time};
use crate::query::Query;

/// What is read and what of it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Selection {
    /// What to read: SQLite databases, PostgreSQL URLs, files; without any, the databases found here, as on the screen
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only traces with a span that passes this filter, written as on the screen: 'status:error agent:writer dur:>2s'
    #[arg(long, value_name = "EXPR", value_parser = parse_filter)]
    pub filter: Option<Query>,

    /// Only traces that began since then: 90s, 15m, 2h, 7d ago, or a time such as 2026-11-22 or 2026-11-22T07:30Z
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub since: Option<Since>,

    /// At most this many traces, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
}

/// A moment from which on something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So many nanoseconds before the program started.
    Ago(Nanos),
    /// This time.
    At(Nanos),
}

impl Since {
    /// The moment.
    #[must_use]
    pub fn moment(self, now: Nanos) -> Nanos {
        match self {
            Self::Ago(nanos) => now.saturating_sub(nanos),
            Self::At(time) => time,
        }
    }
}

/// Reads a filter expression; a mistake is told with its place.
pub fn parse_filter(line: &str) -> Result<Query, String> {
    line.parse().map_err(|mistake: crate::query::Mistake| format!("{mistake} (at character {})", mistake.at + 1))
}

/// Reads `15m`, `2h`, `7d`, or a time in ISO 8601, which is UTC if it does not say.
pub fn parse_since(text: &str) -> Result<Since, String> {
    const UNITS: [(&str, i64); 5] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
    let ago = UNITS.iter().find_map(|(unit, seconds)| {
        let number = text.trim().strip_suffix(unit)?.parse::<u32>().ok()?;
        i64::from(number).checked_mul(seconds * 1_000_000_000).map(Since::Ago)
    });
    ago.or_else(|| time::parse(text.as_bytes()).map(Since::At))
        .ok_or_else(|| format!("{text:?} is no time such as 15m, 2h, 7d or 2026-11-22T07:30Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_while_ago_or_a_time() {
        assert_eq!(parse_since("15m"), Ok(Since::Ago(900_000_000_000)));
        assert_eq!(parse_since("7d").map(|since| since.moment(i64::MAX)), Ok(i64::MAX - 604_800_000_000_000));
        assert_eq!(parse_since("2026-11-22T05:59:04Z"), Ok(Since::At(1_795_327_144_000_000_000)));
        for wrong in ["", "m", "-5m", "1.5h", "yesterday", "15", "99999999999h", "4294967295w"] {
            assert!(parse_since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mistake_in_a_filter_has_its_place() {
        assert!(parse_filter("ok dur:2s").is_err_and(|message| message.ends_with("(at character 4)")));
        assert!(parse_filter("status:error").is_ok());
    }
}
