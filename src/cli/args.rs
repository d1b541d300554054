//! The arguments of each subcommand.

use std::path::PathBuf;

use clap::Args;

use super::selection::{Selection, Since, Until, id_prefix, parse_filter, parse_since, parse_until, positioned, split_ids};
use crate::config::Header;
use crate::export::Format;
use crate::query::Query;

/// The arguments of `list`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ListArgs {
    /// The traces to list.
    #[command(flatten)]
    pub selection: Selection,

    /// Write one JSON object per line
    ///
    /// Fields: source, `trace_id`, name, root, status (ok, error, running, lost, paused, cut), start and end (RFC 3339, UTC), `duration_ms`, spans, errors, `failed_steps`, failed, agent, session, user, `other_traces`, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`, `cache_unstated`. An unknown value is null. `other_traces` are parts of the same run, which the numbers cover.
    #[arg(long)]
    pub json: bool,

    /// List also traces without agents, models and tools of services that send such: polls, queries, health checks
    ///
    /// Without it, and without a filter, the table counts them in a line for each service. JSON always has them.
    #[arg(long)]
    pub all: bool,

    /// Exit with code 3 if a listed trace matches this filter: error, 'cost>0.5', 'dur>10s', or any other
    #[arg(long, value_name = "EXPR", value_parser = parse_fail_on, allow_hyphen_values = true)]
    pub fail_on: Option<Query>,
}

/// The arguments of `show`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ShowArgs {
    /// The trace's id, or the start of it that no other id shares; may also follow the sources
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,

    /// SQLite databases, PostgreSQL URLs, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Write one JSON object
    ///
    /// Fields: those of `list --json`, with the spans in `spans` in tree order. Each span has depth, leaked, `trace_id`, `span_id`, `parent_id`, name, kind, status, error, start, end, `duration_ms`, `self_ms`, agent, model, provider, tool, session, user, the usage that the span itself reports, and parameters (of a model call, an object).
    #[arg(long)]
    pub json: bool,

    /// Also write each span's attributes (an object) and events (a list of name, time, attributes)
    #[arg(long, requires = "json")]
    pub payload: bool,
}

impl ShowArgs {
    /// Returns the beginning of the trace's id, and the sources. The error says that there is no id, or several.
    pub fn split(&self) -> Result<(String, Vec<PathBuf>), String> {
        let words: Vec<PathBuf> = std::iter::once(&self.trace).chain(&self.sources).cloned().collect();
        let (mut ids, sources) = split_ids(&words);
        let first = self.trace.to_string_lossy();
        match (ids.pop(), id_prefix(&first)) {
            (Some(id), _) if ids.is_empty() => Ok((id, sources)),
            (Some(_), _) => Err("one trace at a time: this names several".to_owned()),
            // A file may be named like an id.
            (None, Some(id)) => Ok((id, self.sources.clone())),
            (None, None) => Err(format!("expected the first hex digits of a trace id, found {first:?}")),
        }
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

    /// Start with the spans that ended since then: 15m, 7d, today, yesterday, monday, week, month, 2026-11-22T07:30Z
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub since: Option<Since>,

    /// Only spans that ended until then, and exit when it is over
    #[arg(long, value_name = "WHEN", value_parser = parse_until)]
    pub until: Option<Until>,

    /// Exit after this many spans
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Write one JSON object per line
    ///
    /// Fields: `trace_id`, `span_id`, `parent_id`, name, kind, status, error, start and end (RFC 3339, UTC), `duration_ms`, `self_ms`, agent, model, provider, tool, session, user, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`, `cache_unstated`. An unknown value is null.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `export`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ExportArgs {
    /// The traces to export; beginnings of ids among the sources choose them.
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

    /// As --redact, and also card and account numbers, phone numbers, IP addresses and e-mail addresses of any script
    #[arg(long)]
    pub redact_personal: bool,

    /// Cut a Markdown report to this many characters; the longest texts are cut first, and the report says so
    #[arg(long, value_name = "N")]
    pub max_chars: Option<usize>,
}

/// The arguments of `send`.
#[derive(Clone, Default, PartialEq, Args)]
pub struct SendArgs {
    /// The traces to send; beginnings of ids among the sources choose them.
    #[command(flatten)]
    pub selection: Selection,

    /// OTLP/HTTP endpoint: `http://localhost:6006` means `http://localhost:6006/v1/traces`
    #[arg(long, value_name = "URL")]
    pub to: String,

    /// Header of every request, as NAME=VALUE, or NAME=@FILE to hide the value from other users; repeatable
    #[arg(long, value_name = "NAME=VALUE", env = "AGNO_TOP_SEND_HEADER", hide_env_values = true)]
    pub header: Vec<Header>,
}

/// Hides the headers and the URL, which may hold secrets.
impl std::fmt::Debug for SendArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendArgs").field("selection", &self.selection).finish_non_exhaustive()
    }
}

/// Parses a filter whose bare words are statuses: `error` for `status:error`.
fn parse_fail_on(line: &str) -> Result<Query, String> {
    Query::parse_condition(line).map_err(|error| positioned(&error))
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
        assert_eq!(parse_fail_on("error|LOST kind:tool"), parse_filter("status:error|lost kind:tool"));
        assert_eq!(parse_fail_on("-ok name:\"a b\""), parse_filter("-status:ok name:\"a b\""));
        assert!(parse_fail_on("\"a b\" /x/").is_ok());
        for refused in ["", " ", "colour>5", "errors", "error refund", "err*", "cost > 0.5", "error|refund", "total_cost>1", "a=b"] {
            assert!(parse_fail_on(refused).is_err(), "{refused}");
        }
    }
}
