//! The arguments of `tail`, `export` and `send`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::selection::{Selection, Since, Until, parse_filter, parse_since, parse_until};
use crate::config::Header;
use crate::export::Format;
use crate::query::Query;

/// The arguments of `tail`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct TailArgs {
    /// SQLite databases, URLs of PostgreSQL or ClickHouse, files of JSON lines; other files are read once [default: the databases found here, and OTLP]
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
    /// Fields: `trace_id`, `span_id`, `parent_id`, name, kind, status (ok, error, running, lost, paused, cut), failed, `failed_steps`, error, start and end (RFC 3339, UTC), `duration_ms`, `self_ms`, agent, model, provider, tool, session, user, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`, `cache_unstated`, `cost_incomplete` (the cost is a lower bound), `tokens_incomplete` (the tokens are lower bounds), `requested_model`, `first_token_ms`, `tokens_per_second`, truncated, stalled (a token a second or less). An unknown value is null.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `export`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ExportArgs {
    /// The traces to export; beginnings of ids among the sources choose them.
    #[command(flatten)]
    pub selection: Selection,

    /// The output file, replaced if it exists; `-` is standard output, as is none.
    #[arg(short, long, value_name = "FILE", help = "The output file, replaced if it exists; - is standard output [default: -]")]
    output: Option<PathBuf>,

    /// otlp (OTLP/JSON), otlp-proto (OTLP protobuf), agno (a trace per line in Agno's schema), jsonl (a span per line), csv (a span per row), markdown (a report), html (a page for a browser, one file) or svg (the tree as a picture, in the theme); without it, as --output ends in .pb, .jsonl, .csv, .md, .html or .svg, else otlp
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Hide API keys, tokens, passwords, e-mail addresses and matches of `redact_patterns`
    #[arg(long)]
    pub redact: bool,

    /// As --redact, and also card and account numbers, phone numbers, IP addresses and e-mail addresses of any script
    #[arg(long)]
    pub redact_personal: bool,

    /// Cut a Markdown report to this many characters; the longest texts are cut first, and the report says so
    #[arg(long, value_name = "N")]
    pub max_chars: Option<usize>,

    /// Show the file of --format html or svg; without --output, it is a new one in the folder for temporary files
    #[arg(long)]
    pub open: bool,
}

impl ExportArgs {
    /// Returns the file to write; `None` for standard output.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|output| *output != Path::new("-"))
    }

    /// Whether `--output` names standard output.
    #[must_use]
    pub fn names_stdout(&self) -> bool {
        self.output.is_some() && self.file().is_none()
    }

    /// Returns the format: the stated one, or that whose files end like the output file; of those in `.jsonl`, that with this name.
    #[must_use]
    pub fn format(&self) -> Format {
        let output = self.output.as_deref().and_then(Path::extension);
        let has_ending = |format: &Format| output.is_some_and(|ending| ending.eq_ignore_ascii_case(format.extension()));
        let own = [Format::OtlpProto, Format::Jsonl, Format::Csv, Format::Markdown, Format::Html, Format::Svg];
        self.format.or_else(|| own.into_iter().find(has_ending)).unwrap_or_default()
    }
}

/// The arguments of `send`.
#[derive(Clone, Default, PartialEq, Args)]
pub struct SendArgs {
    /// The traces to send; beginnings of ids among the sources choose them.
    #[command(flatten)]
    pub selection: Selection,

    /// OTLP/HTTP endpoint, or @FILE that holds it: `http://localhost:6006` means `http://localhost:6006/v1/traces`
    #[arg(long, value_name = "URL", env = "AGNO_TOP_SEND_TO", hide_env_values = true)]
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
