//! The arguments of `logs`.

use std::path::PathBuf;

use clap::Args;

use super::OtlpFormat;
use super::selection::parse_record_filter;
use crate::query::Query;

/// The arguments of `logs`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct LogsArgs {
    /// Files of OTLP logs [default: the sources found here]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only records that match this filter: 'level:>=warn service:codex event:tool log:"exit code"'; what it asks of spans only is left aside
    #[arg(long, value_name = "EXPR", value_parser = parse_record_filter, allow_hyphen_values = true)]
    pub filter: Option<Query>,

    /// At most this many records, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Write the records as OTLP: otlp (JSON, a request per line) or otlp-proto, which agno-top and other programs read
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true, conflicts_with = "json")]
    pub format: Option<OtlpFormat>,

    /// Hide API keys, tokens, passwords, e-mail addresses and matches of `redact_patterns`
    #[arg(long)]
    pub redact: bool,

    /// As --redact, and also card and account numbers, phone numbers, IP addresses and e-mail addresses of any script
    #[arg(long)]
    pub redact_personal: bool,

    /// Write one JSON object per line
    ///
    /// Fields: source, time (RFC 3339, UTC), severity (OpenTelemetry's number), level (trace, debug, info, warn, error, fatal), service, logger, event, body, attributes, resource, `trace_id`, `span_id`. An unknown value is null.
    #[arg(long)]
    pub json: bool,
}
