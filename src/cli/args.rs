//! The arguments of each subcommand.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::selection::{Selection, Since, parse_filter, parse_since};
use crate::config::Header;
use crate::export::Format;
use crate::query::{Query, STATUSES};

/// The arguments of `list`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ListArgs {
    /// The traces to list.
    #[command(flatten)]
    pub selection: Selection,

    /// Write one JSON object per line
    ///
    /// Fields: source, `trace_id`, name, root, status (ok, error, running, lost), start and end (RFC 3339, UTC), `duration_ms`, spans, errors, agent, session, user, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`. An unknown value is null.
    #[arg(long)]
    pub json: bool,

    /// Exit with code 3 if a listed trace matches this filter: error, 'cost>0.5', 'dur>10s', or any other
    #[arg(long, value_name = "EXPR", value_parser = parse_fail_on, allow_hyphen_values = true)]
    pub fail_on: Option<Query>,
}

/// The arguments of `show`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ShowArgs {
    /// The trace's id, or the start of it that no other id shares
    #[arg(value_name = "TRACE", value_parser = parse_id_prefix)]
    pub trace: String,

    /// SQLite databases, PostgreSQL URLs, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Write one JSON object
    ///
    /// Fields: those of `list --json`, with the spans in `spans` in tree order. Each span has depth, leaked, `trace_id`, `span_id`, `parent_id`, name, kind, status, error, start, end, `duration_ms`, `self_ms`, agent, model, provider, tool, session, user and the usage that the span itself reports.
    #[arg(long)]
    pub json: bool,

    /// Also write each span's attributes (an object) and events (a list of name, time, attributes)
    #[arg(long, requires = "json")]
    pub payload: bool,
}

/// The arguments of `stats`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct StatsArgs {
    /// The traces to count.
    #[command(flatten)]
    pub selection: Selection,

    /// What to group by
    ///
    /// Each token is counted in exactly one group, so the groups add up to the total. An agent's usage is what ran under it and under no other agent below it; the same holds for models, tools and sessions. The group without a key (null) holds what ran under none. Grouping by error counts failed spans only; messages that differ only in numbers, ids, paths or quoted text form one group.
    #[arg(long, value_enum, default_value_t = GroupBy::Agent)]
    pub by: GroupBy,

    /// Write one JSON object per line
    ///
    /// Fields: by, key, calls, errors, `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`. An unknown value is null.
    #[arg(long)]
    pub json: bool,
}

/// What `stats` groups calls by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupBy {
    /// Runs of agents, teams and workflows
    Agent,
    /// Model calls
    Model,
    /// Tool calls
    Tool,
    /// Runs in a session; a run failed if one of its spans did
    Session,
    /// Failed spans
    Error,
}

impl GroupBy {
    /// Returns the value of `--by`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["agent", "model", "tool", "session", "error"][self as usize]
    }
}

/// The arguments of `tail`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct TailArgs {
    /// SQLite databases, PostgreSQL URLs, files of JSON lines; other files are read once [default: the databases found here, and OTLP]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only spans that match this filter, in the syntax of the screen: 'kind:tool status:error'
    ///
    /// Agno writes an agent's span when the agent ends, after everything that ran under it. Until then the agent's name is unknown.
    #[arg(long, value_name = "EXPR", value_parser = parse_filter)]
    pub filter: Option<Query>,

    /// Start with the spans that ended since this age or time: 90s, 15m, 2h, 7d, 2026-11-22T07:30Z
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub since: Option<Since>,

    /// Exit after this many spans
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Write one JSON object per line
    ///
    /// Fields: `trace_id`, `span_id`, `parent_id`, name, kind, status, error, start and end (RFC 3339, UTC), `duration_ms`, `self_ms`, agent, model, provider, tool, session, user, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`. An unknown value is null.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `export`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ExportArgs {
    /// The traces to export.
    #[command(flatten)]
    pub selection: Selection,

    /// The output file, replaced if it exists; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,

    /// otlp (OTLP/JSON), otlp-proto (OTLP protobuf), agno (a trace per line in Agno's schema), jsonl (a span per line), csv (a span per row) or markdown (a report)
    #[arg(long, value_name = "FORMAT", default_value = "otlp")]
    pub format: Format,

    /// Hide API keys, tokens, passwords, e-mail addresses and matches of `redact_patterns`
    #[arg(long)]
    pub redact: bool,

    /// Cut a Markdown report to this many characters; the longest texts are cut first, and the report says so
    #[arg(long, value_name = "N")]
    pub max_chars: Option<usize>,
}

/// The arguments of `send`.
#[derive(Clone, Default, PartialEq, Args)]
pub struct SendArgs {
    /// The traces to send.
    #[command(flatten)]
    pub selection: Selection,

    /// OTLP/HTTP endpoint: `http://localhost:6006` means `http://localhost:6006/v1/traces`
    #[arg(long, value_name = "URL")]
    pub to: String,

    /// Header of every request, as NAME=VALUE; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub header: Vec<Header>,
}

/// Hides the headers and the URL, which may hold secrets.
impl std::fmt::Debug for SendArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendArgs").field("selection", &self.selection).finish_non_exhaustive()
    }
}

/// Parses a filter that may be a status alone: `error` for `status:error`. Any other single word is an error: as a search in names it would
/// match nothing, and the check would always pass.
fn parse_fail_on(line: &str) -> Result<Query, String> {
    let (sign, words) = line.trim().strip_prefix('-').map_or(("", line.trim()), |words| ("-", words));
    if words.is_empty() || !words.chars().all(|c| c.is_alphanumeric() || matches!(c, '|' | '_' | '-')) {
        return parse_filter(line);
    }
    let is_status = |word: &str| STATUSES.iter().any(|(name, _)| *name == word);
    if words.split('|').all(is_status) {
        return parse_filter(&format!("{sign}status:{words}"));
    }
    Err(format!("{words:?} is neither a status (error, running, lost, ok) nor a comparison; to search names, write name:{words}"))
}

/// Parses the start of a trace id.
fn parse_id_prefix(text: &str) -> Result<String, String> {
    let is_hex = !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { Ok(text.to_ascii_lowercase()) } else { Err("expected the first hex digits of a trace id".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_on_takes_a_status_alone() {
        assert_eq!(parse_fail_on("error"), parse_filter("status:error"));
        assert_eq!(parse_fail_on("dur>10s tokens>=5k agent:x"), parse_filter("dur:>10s tokens:>=5k agent:x"));
        assert_eq!(parse_fail_on("dur:>10s"), parse_filter("dur:>10s"));
        assert!(parse_fail_on("dur>much").is_err());
        assert!(parse_fail_on("colour>5").is_err());
    }
}
