//! The arguments of `metrics`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::selection::parse_record_filter;
use crate::export::Format;
use crate::query::Query;

/// The arguments of `metrics`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct MetricsArgs {
    /// Files of OTLP metrics, and databases that agno-top recorded into [default: the databases found here]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only series that match this filter: 'token service:claude-code attr.type:input'; what it asks of spans only is left aside
    #[arg(long, value_name = "EXPR", value_parser = parse_record_filter, allow_hyphen_values = true)]
    pub filter: Option<Query>,

    /// Sort by a column: metric by the name, numbers with the largest first, seen with the newest first
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t = MetricSort::Metric, hide_default_value = true)]
    pub sort: MetricSort,

    /// At most this many series, the first in the order
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Write the points of the series as OTLP: otlp (JSON, a request per line) or otlp-proto, which agno-top and other programs read
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true, conflicts_with_all = ["json", "sort", "limit"])]
    pub format: Option<OtlpFormat>,

    /// Hide API keys, tokens, passwords, e-mail addresses and matches of `redact_patterns`
    #[arg(long)]
    pub redact: bool,

    /// As --redact, and also card and account numbers, phone numbers, IP addresses and e-mail addresses of any script
    #[arg(long)]
    pub redact_personal: bool,

    /// Write one JSON object per line
    ///
    /// Fields: source, service, metric, type, temporality (delta, cumulative), unit, description, scope, attributes, resource, value (of a gauge, or the total of a sum), count, sum, mean, min, max, p50, p95 (estimates), buckets (lists of lower bound, upper bound, count), quantiles (stated by the sender), `per_minute` (counted in the minute before the newest point), points, resets, compared (of counters of tokens and cost: what, counted, calls of the same service, agrees), exemplars, time (RFC 3339, UTC). An unknown value is null.
    #[arg(long)]
    pub json: bool,
}

/// A format of metrics and logs for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OtlpFormat {
    /// A request of OTLP/JSON per line
    Otlp,
    /// Requests of OTLP in protobuf
    OtlpProto,
}

impl From<OtlpFormat> for Format {
    fn from(format: OtlpFormat) -> Self {
        match format {
            OtlpFormat::Otlp => Self::Otlp,
            OtlpFormat::OtlpProto => Self::OtlpProto,
        }
    }
}

/// A column of `metrics` to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MetricSort {
    /// The name
    #[default]
    #[value(alias = "name")]
    Metric,
    /// The value, the total, or the number of values
    Value,
    /// What was counted in the last minute
    Rate,
    /// The time of the newest point
    Seen,
}
