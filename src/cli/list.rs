//! The arguments of `list`.

use clap::{Args, ValueEnum};

use super::selection::{Selection, positioned};
use crate::query::{Query, quote};

/// The arguments of `list`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ListArgs {
    /// The traces to list.
    #[command(flatten)]
    pub selection: Selection,

    /// Sort by a column: began with the newest first, trace by the name, numbers with the largest first
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t = ListSort::Began, hide_default_value = true)]
    pub sort: ListSort,

    /// Write one JSON object per line
    ///
    /// Fields: source, `trace_id`, name (as received), label (the name on the screen), root, status (ok, error, running, lost, paused, cut), start and end (RFC 3339, UTC), `duration_ms`, spans, errors, `failed_steps`, failed, agent, session, user, `other_traces`, `covers_other_traces`, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`, `cache_unstated`, `cost_incomplete` (the cost is a lower bound), `tokens_incomplete` (the tokens are lower bounds), approvals and scores (of its runs, lists). An unknown value is null. `other_traces` are parts of the same run, which the numbers cover.
    #[arg(long)]
    pub json: bool,

    /// List also traces without agents, models and tools of services that send such: polls, queries, health checks
    ///
    /// Without it, and without a filter, the table counts them in a line for each service; with --limit, those that began since the last listed trace. JSON always has them.
    #[arg(long)]
    pub all: bool,

    /// Exit with code 3 if a listed trace matches this filter: error, 'cost>0.5', 'time>10s', or any other
    #[arg(long, value_name = "EXPR", value_parser = parse_fail_on, allow_hyphen_values = true)]
    pub fail_on: Option<Query>,

    /// Exit with code 3 if the listed traces together match: 'cost>1', 'tokens>200k'
    #[arg(long, value_name = "EXPR", value_parser = parse_fail_on_total)]
    pub fail_on_total: Option<Query>,
}

/// The arguments of `search`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct SearchArgs {
    /// The text to look for in names, inputs, outputs, messages and attributes, without regard to case
    #[arg(value_name = "TEXT", value_parser = parse_text)]
    pub text: Text,

    /// The traces to search, and how to list those found.
    #[command(flatten)]
    pub list: ListArgs,
}

/// A text to search for, as a filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text(Query);

impl SearchArgs {
    /// Returns what `list` takes to list the traces with the text.
    #[must_use]
    pub fn to_list(&self) -> ListArgs {
        let mut list = self.list.clone();
        list.selection.filter = Some(self.text.0.clone().and(list.selection.filter.unwrap_or_default()));
        list
    }
}

fn parse_text(text: &str) -> Result<Text, String> {
    if text.trim().is_empty() {
        return Err("expected the text to look for".to_owned());
    }
    Query::parse_of_spans(&format!("text:{}", quote(text))).map(Text).map_err(|error| error.kind.to_string())
}

/// A column of `list` to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListSort {
    /// When the trace began
    #[default]
    Began,
    /// How long it took, or has been running
    Time,
    /// The number of spans
    Spans,
    /// Failed steps
    #[value(alias = "err")]
    Errors,
    /// Input and output tokens
    #[value(alias = "tok")]
    Tokens,
    /// Cost
    Cost,
    /// The name
    #[value(alias = "name")]
    Trace,
}

/// Parses a filter whose bare words are statuses: `error` for `status:error`.
pub(super) fn parse_fail_on(line: &str) -> Result<Query, String> {
    Query::parse_condition(line).map_err(|error| positioned(&error))
}

/// Parses a filter that asks of sums only.
fn parse_fail_on_total(line: &str) -> Result<Query, String> {
    let query = parse_fail_on(line)?;
    if query.asks_only_amounts() {
        Ok(query)
    } else {
        Err("a sum over traces has a cost and tokens only: 'cost>1', 'tokens>200k'".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::selection::parse_filter;
    use super::*;

    #[test]
    fn a_search_is_a_list_with_a_filter() {
        let search = |text, filter: Option<&str>| {
            let selection = Selection { filter: filter.map(|filter| parse_filter(filter).unwrap()), ..Selection::default() };
            let list = ListArgs { selection, ..ListArgs::default() };
            SearchArgs { text: parse_text(text).unwrap(), list }.to_list().selection.filter
        };
        assert_eq!(search("refund", None), parse_filter("text:\"refund\"").ok());
        assert_eq!(search("a \"b\" *", Some("status:error")), parse_filter(r#"text:"a \"b\" \*" status:error"#).ok());
        assert!(parse_text("").is_err());
    }

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

    #[test]
    fn fail_on_total_takes_cost_and_tokens() {
        assert_eq!(parse_fail_on_total("cost>1 in>5k"), parse_filter("cost:>1 in:>5k"));
        for refused in ["", "error", "cost>1 error", "time>10s", "refund"] {
            assert!(parse_fail_on_total(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn fail_on_refuses_what_no_span_matches() {
        for refused in
            ["level:error", "-level:error", "error LOG:x", "event:tool|mcp", "agent:\"\"", "agent=\"\"", "\"\"", "agent:'x'", "agent=“x”"]
        {
            assert!(parse_fail_on(refused).is_err(), "{refused}");
        }
        assert!(parse_fail_on("agent!=\"\" name:\"'\" name:it's").is_ok());
        assert!(parse_filter("level:error").is_err() && parse_filter("agent:'x'").is_ok());
    }
}
