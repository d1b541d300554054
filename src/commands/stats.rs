//! `agno-top stats`: calls, errors, times, tokens and cost, counted by what made them.

mod count;

use std::io::{self, BufWriter, Write};

use clap::{Args, ValueEnum};
use color_eyre::eyre::Report;
use serde::Serialize;

use super::load::Snapshot;
use super::output::{Output, Style, StyledText};
use super::select::Selection;
use super::table::{Table, number, words};
use super::{Outcome, json, print_message, written};
use crate::config::Config;
use crate::export::record::{UsageRecord, millis};
use crate::format;
use crate::store::RunStatus;
use count::{Line, count};

/// What `stats` is told.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct Stats {
    /// The traces.
    #[command(flatten)]
    pub selection: Selection,

    /// What a line is about
    ///
    /// Each token is counted on one line, so that the lines sum up to the whole: an agent's usage is what ran under it and under no other agent below it, and so for models, tools and sessions. What ran under none is on the line without a key (null). Lines by error are about failed spans only, messages alike but for numbers, ids, paths and quoted texts on one line.
    #[arg(long, value_enum, default_value_t = By::Agent)]
    pub by: By,

    /// Write one JSON object a line
    ///
    /// Its fields: by, key, calls, errors, `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`. What is not known is null.
    #[arg(long)]
    pub json: bool,
}

/// What calls are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Runs of agents, teams and workflows
    Agent,
    /// Calls of models
    Model,
    /// Calls of tools
    Tool,
    /// Runs in a session; one failed if any span in it did
    Session,
    /// Failed spans
    Error,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Session => "session",
            Self::Error => "error",
        }
    }
}

/// A line as programs read it.
#[derive(Serialize)]
struct Record<'a> {
    by: &'static str,
    key: Option<&'a str>,
    calls: u64,
    errors: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    #[serde(flatten)]
    usage: UsageRecord,
}

impl Stats {
    /// Counts.
    pub fn run(&self, config: &Config) -> Result<Outcome, Report> {
        let mut loaded = Snapshot::read(&self.selection.sources, self.selection.since.as_ref(), config)?;
        let traces = loaded.choose(&self.selection)?;
        if traces.is_empty() {
            return Ok(loaded.nothing(&self.selection));
        }
        let lines = count(&mut loaded.store, &traces, self.by);
        if lines.is_empty() {
            print_message(&format!(
                "no {} in {}",
                format::plural(0, self.by.name()).trim_start_matches("0 "),
                format::plural(traces.len() as u64, "trace")
            ));
            return Ok(Outcome::Nothing);
        }
        let mut out = BufWriter::new(io::stdout().lock());
        let result = if self.json {
            lines.iter().try_for_each(|line| json::line(&mut out, &self.record(line)))
        } else {
            self.table(&lines).write(&mut out, Output::stdout(config.ascii))
        };
        Ok(written(result.and_then(|()| out.flush()), Outcome::Done)?)
    }

    fn record<'a>(&self, line: &'a Line) -> Record<'a> {
        let ms = |share| line.percentile(share).map(millis);
        Record {
            by: self.by.name(),
            key: line.key.as_deref(),
            calls: line.calls,
            errors: line.errors,
            p50_ms: ms(50),
            p95_ms: ms(95),
            p99_ms: ms(99),
            max_ms: ms(100),
            usage: UsageRecord::of_totals(&line.usage),
        }
    }

    fn table(&self, lines: &[Line]) -> Table {
        let priced = lines.iter().any(|line| line.usage.cost().is_some());
        let mut columns = ["CALLS", "ERR", "P50", "P95", "P99", "MAX", "TOK IN", "CACHED", "OUT"].map(number);
        for spare in [3, 4, 7] {
            columns[spare] = columns[spare].spare();
        }
        let mut columns = columns.to_vec();
        columns.extend(priced.then(|| number("COST")));
        columns.push(words(match self.by {
            By::Agent => "AGENT",
            By::Model => "MODEL",
            By::Tool => "TOOL",
            By::Session => "SESSION",
            By::Error => "ERROR",
        }));
        let mut table = Table::new(columns);
        for line in lines {
            let UsageRecord { input_tokens, cached_tokens, output_tokens, .. } = UsageRecord::of_totals(&line.usage);
            let errors = if line.errors > 0 { Style::Standing(RunStatus::Error) } else { Style::Dim };
            let mut cells = vec![StyledText::from(format::count(line.calls)), StyledText::new(&format::count(line.errors), errors)];
            cells.extend([50, 95, 99, 100].map(|share| line.percentile(share).map_or(format::UNKNOWN.to_owned(), format::duration).into()));
            cells.extend([input_tokens, cached_tokens, output_tokens].map(|count| StyledText::from(format::tokens(count))));
            cells.extend(priced.then(|| StyledText::from(format::money(line.usage.cost()))));
            cells.push(StyledText::new(line.key.as_deref().unwrap_or(format::UNKNOWN), Style::Strong));
            table.push(cells.into_iter().map(|cell| vec![cell]).collect());
        }
        table
    }
}
