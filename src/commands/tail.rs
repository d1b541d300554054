//! `agno-top tail`: a line for each span as it ends.

mod follow;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::Report;

use super::output::{Output, Style, StyledText};
use super::select::{Since, parse_filter, parse_since};
use super::{Outcome, json};
use crate::config::Config;
use crate::export::record::SpanRecord;
use crate::format;
use crate::model::{SpanType, Status};
use crate::query::Query;
use crate::store::{RowIx, RunStatus, Store};
use crate::tui::display;

/// What `tail` is told.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Tail {
    /// What to follow: SQLite databases, PostgreSQL URLs, files of lines; other files are written out and end; without any, the databases found here, and OTLP
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Only spans that pass this filter, written as on the screen: 'kind:tool status:error'
    ///
    /// Agno writes an agent's span when the agent ends, after all that ran under it: until then its name is not known.
    #[arg(long, value_name = "EXPR", value_parser = parse_filter)]
    pub filter: Option<Query>,

    /// Begin with the spans that ended since then: 90s, 15m, 2h, 7d ago, or a time such as 2026-11-22T07:30Z
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub since: Option<Since>,

    /// End after so many spans
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Write one JSON object a line
    ///
    /// Its fields: `trace_id`, `span_id`, `parent_id`, name, kind, status, error, start and end (RFC 3339, UTC), `duration_ms`, `self_ms`, agent, model, provider, tool, session, user, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`. What is not known is null.
    #[arg(long)]
    pub json: bool,
}

impl Tail {
    /// Follows until it is interrupted, nobody reads any more, or everything has ended.
    pub fn run(&self, config: &Config) -> Result<Outcome, Report> {
        follow::run(self, config)
    }

    /// Writes a span at once, whoever reads.
    fn write(&self, store: &Store, row: RowIx, look: Output) -> io::Result<()> {
        let mut line = Vec::new();
        if self.json {
            json::line(&mut line, &SpanRecord::of(store, row))?;
        } else {
            look.line(&mut line, &pieces(store, row))?;
        }
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()
    }
}

/// When it ended, how long it took, tokens and cost, who and what, and what went wrong.
fn pieces(store: &Store, row: RowIx) -> Vec<StyledText> {
    let data = store.row(row);
    let totals = store.totals(row);
    let number = |text: String, cells| StyledText::from(format::pad_left(&text, cells));
    // A tool that called no model has no tokens to know.
    let none = data.span_type == SpanType::Tool && totals.tokens().is_none();
    let known = |text: String| if none { String::new() } else { text };
    let mut pieces = vec![
        StyledText::new(&format::time_of_day(data.end), Style::Dim),
        number(format::duration(data.end.saturating_sub(data.start)), 8),
        number(known(format::tokens(totals.tokens())), 7),
        number(known(format::money(totals.cost())), 8),
        "  ".to_owned().into(),
        Output::kind(data.span_type),
        " ".to_owned().into(),
    ];
    let (agent, name) = (store.text(store.agent(row)), display::name(store, data));
    if !agent.is_empty() && agent != name {
        pieces.push(StyledText::new(agent, Style::Kind(SpanType::Agent)));
        pieces.push(StyledText::new(" / ", Style::Dim));
    }
    pieces.push(StyledText::new(&name, Style::Kind(data.span_type)));
    let [error, tools, input] = [data.error, data.requested_tools(), data.input].map(|symbol| store.text(symbol));
    if data.status == Status::Error {
        pieces.push(StyledText::new(&format!("  ✗ {error}"), Style::Standing(RunStatus::Error)));
    } else if !tools.is_empty() {
        pieces.push(StyledText::new(&format!("  → {tools}"), Style::Dim));
    } else if data.span_type == SpanType::Tool && !input.is_empty() {
        pieces.push(StyledText::new(&format!("  {input}"), Style::Dim));
    }
    pieces
}
