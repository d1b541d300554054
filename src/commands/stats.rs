//! `agno-top stats`: calls, errors, durations, tokens and cost by group.

mod count;

use std::io::{self, BufWriter, Write};

use color_eyre::eyre::Report;
use serde::Serialize;

use super::output::{Output, Style, StyledText};
use super::snapshot::Snapshot;
use super::table::{Table, number, text};
use super::{Outcome, ignore_broken_pipe, json, print_message};
use crate::cli::{GroupBy, StatsArgs};
use crate::config::Config;
use crate::export::record::{UsageRecord, millis};
use crate::format;
use crate::store::RunStatus;
use count::{Group, count};

/// A group as JSON.
#[derive(Serialize)]
struct Record<'a> {
    by: &'static str,
    key: Option<&'a str>,
    calls: u64,
    errors: u64,
    failed_steps: u64,
    failed: bool,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    #[serde(flatten)]
    usage: UsageRecord,
}

/// Counts the selected traces.
pub(super) fn run(args: &StatsArgs, config: &Config) -> Result<Outcome, Report> {
    let Some((mut snapshot, traces)) = Snapshot::select(&args.selection, config, false)? else { return Ok(Outcome::NothingFound) };
    let groups = count(&mut snapshot.store, &traces, args.by);
    if groups.is_empty() {
        let name = format::plural(0, args.by.name());
        print_message(&format!("no {} in {}", name.trim_start_matches("0 "), format::plural(traces.len() as u64, "trace")));
        return Ok(Outcome::NothingFound);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        groups.iter().try_for_each(|group| json::line(&mut out, &Record::new(args.by, group)))
    } else {
        table(args.by, &groups).write(&mut out, Output::stdout(config.ascii))
    };
    ignore_broken_pipe(result.and_then(|()| out.flush()), Outcome::Done)
}

impl<'a> Record<'a> {
    fn new(by: GroupBy, group: &'a Group) -> Self {
        let ms = |percent| group.percentile(percent).map(millis);
        Self {
            by: by.name(),
            key: group.key.as_deref(),
            calls: group.calls,
            errors: group.errors,
            failed_steps: group.failed,
            failed: group.failed > 0,
            p50_ms: ms(50),
            p95_ms: ms(95),
            p99_ms: ms(99),
            max_ms: ms(100),
            usage: UsageRecord::from_totals(&group.usage),
        }
    }
}

fn table(by: GroupBy, groups: &[Group]) -> Table {
    let has_costs = groups.iter().any(|group| group.usage.cost().is_some());
    let mut columns = ["CALLS", "ERR", "P50", "P95", "P99", "MAX", "TOK IN", "CACHED", "OUT"].map(number);
    for optional in [3, 4, 7] {
        columns[optional] = columns[optional].optional();
    }
    let mut columns = columns.to_vec();
    columns.extend(has_costs.then(|| number("COST")));
    columns.push(text(by.name()));
    let mut table = Table::new(columns);
    for group in groups {
        let UsageRecord { input_tokens, cached_tokens, output_tokens, .. } = UsageRecord::from_totals(&group.usage);
        let errors = if group.failed > 0 { Style::Status(RunStatus::Error) } else { Style::Dim };
        let mut cells = vec![StyledText::from(format::count(group.calls)), StyledText::new(&format::count(group.failed), errors)];
        cells
            .extend([50, 95, 99, 100].map(|percent| group.percentile(percent).map_or(format::UNKNOWN.to_owned(), format::duration).into()));
        cells.extend([input_tokens, cached_tokens, output_tokens].map(|count| StyledText::from(format::tokens(count))));
        cells.extend(has_costs.then(|| StyledText::from(format::money(group.usage.cost()))));
        cells.push(StyledText::new(group.key.as_deref().unwrap_or(format::UNKNOWN), Style::Strong));
        table.push(cells.into_iter().map(|cell| vec![cell]).collect());
    }
    table
}
