//! `agno-top stats`: calls, errors, durations, tokens and cost by group.

pub(super) mod count;
mod covered;
mod missed;
mod prefix;
mod sort;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufWriter, Write};

use eyre::Report;
use serde::Serialize;

use super::output::{Output, Style, StyledText};
use super::snapshot::Snapshot;
use super::table::{Table, number, text};
use super::{Outcome, ignore_broken_pipe, json, print_message};
use crate::cli::{GroupBy, SortBy, StatsArgs};
use crate::config::Config;
use crate::export::MissSum;
use crate::export::record::{UsageRecord, millis};
use crate::format;
use crate::store::RunStatus;
use crate::tui::display;
use count::{Group, count};
use covered::{Covered, CoveredRecord};

/// A group as JSON.
#[derive(Serialize)]
struct Record<'a> {
    by: &'static str,
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<&'a str>,
    calls: u64,
    errors: u64,
    failed_steps: u64,
    failed: bool,
    /// Refusals by guardrails, of agents only.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<u32>,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    #[serde(flatten)]
    usage: UsageRecord,
    cost_usd_per_1k_tokens: Option<f64>,
    /// How fast a model answers, of models only.
    #[serde(flatten)]
    answers: Option<AnswersRecord>,
    /// What caches missed, if that was asked for.
    #[serde(flatten)]
    missed: Option<MissRecord>,
    /// What all records of this output cover.
    covers: CoveredRecord,
}

/// How fast a model answers, over the calls that state it.
#[derive(Serialize)]
struct AnswersRecord {
    first_token_p50_ms: Option<f64>,
    first_token_p95_ms: Option<f64>,
    tokens_per_second_p50: Option<f64>,
    tokens_per_second_p95: Option<f64>,
}

impl AnswersRecord {
    fn new(group: &Group) -> Self {
        let first = |percent| group.first_token(percent).map(millis);
        let speed = |percent| group.speed(percent).map(|speed| (speed * 1e3).round() / 1e3);
        Self {
            first_token_p50_ms: first(50),
            first_token_p95_ms: first(95),
            tokens_per_second_p50: speed(50),
            tokens_per_second_p95: speed(95),
        }
    }
}

/// What caches missed. `None` where no call states cached tokens.
#[derive(Serialize)]
struct MissRecord {
    misses: Option<u64>,
    rebuilt_tokens: Option<u64>,
    misses_cost_usd: Option<f64>,
    misses_cost_incomplete: bool,
}

impl MissRecord {
    fn new(misses: Option<MissSum>) -> Self {
        Self {
            misses: misses.map(|misses| misses.count),
            rebuilt_tokens: misses.map(|misses| misses.rebuilt),
            misses_cost_usd: misses.and_then(|misses| misses.cost()).map(|cost| cost as f64 / 1e9),
            misses_cost_incomplete: misses.is_some_and(|misses| misses.is_cost_incomplete()),
        }
    }
}

/// Counts the selected traces.
pub(super) fn run(args: &StatsArgs, config: &Config) -> Result<Outcome, Report> {
    let Some((mut snapshot, traces)) = Snapshot::select(&args.selection, config, false)? else { return Ok(Outcome::Missing) };
    let prefixes = if args.by == GroupBy::Prefix { prefix::read(&mut snapshot, &traces)? } else { HashMap::new() };
    let mut groups = count(&mut snapshot.store, &traces, args.by, &prefixes);
    let counts_misses = args.misses || args.sort == Some(SortBy::Rebuilt);
    if counts_misses {
        let found = snapshot.misses(&traces)?;
        missed::add(&snapshot.store, &traces, &mut groups, args.by, &found, &prefixes);
    }
    if groups.is_empty() {
        let name = format::plural(0, args.by.name());
        print_message(&format!("no {} in {}", name.trim_start_matches("0 "), format::plural(traces.len() as u64, "trace")));
        return Ok(Outcome::Missing);
    }
    if let Some(column) = args.sort {
        sort::sort(&mut groups, column);
    }
    let total = Group::total(&groups);
    let covered = Covered::new(&snapshot.store, &traces, &args.selection, snapshot.now);
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        let record = |by, group| Record::new(by, args.by, group, counts_misses, covered.record());
        let total = args.total.then(|| record("total", &total));
        let records = groups.iter().map(|group| record(args.by.name(), group)).chain(total);
        records.into_iter().try_for_each(|record| json::line(&mut out, &record))
    } else {
        let output = Output::stdout(config.ascii);
        let line = [StyledText::new(&covered.sentence(), Style::Dim)];
        table(args.by, &groups, &total, args.total, counts_misses).write(&mut out, output).and_then(|()| output.line(&mut out, &line))
    };
    ignore_broken_pipe(result.and_then(|()| out.flush()), Outcome::Done)
}

impl<'a> Record<'a> {
    fn new(by: &'static str, counted: GroupBy, group: &'a Group, counts_misses: bool, covers: CoveredRecord) -> Self {
        let ms = |percent| group.percentile(percent).map(millis);
        Self {
            by,
            key: group.key.as_deref(),
            start: group.period.as_ref().map(|period| &*period.start),
            calls: group.calls,
            errors: group.errors,
            failed_steps: group.failed,
            failed: group.failed > 0,
            refused: (counted == GroupBy::Agent).then_some(group.usage.refused),
            p50_ms: ms(50),
            p95_ms: ms(95),
            p99_ms: ms(99),
            max_ms: ms(100),
            usage: UsageRecord::from_totals(&group.usage),
            cost_usd_per_1k_tokens: group.cost_per_1k_tokens().map(|cost| cost / 1e9),
            answers: (counted == GroupBy::Model).then(|| AnswersRecord::new(group)),
            missed: counts_misses.then(|| MissRecord::new(group.misses)),
            covers,
        }
    }
}

/// Returns the groups as a table, with a line for their total if there are several, or if it is asked for.
fn table(by: GroupBy, groups: &[Group], total: &Group, has_total: bool, counts_misses: bool) -> Table {
    let has_costs = total.usage.cost().is_some();
    let has_rates = has_costs && groups.iter().any(|group| group.cost_per_1k_tokens().is_some());
    let counted = if matches!(by, GroupBy::Model | GroupBy::Tool | GroupBy::Provider | GroupBy::Prefix) { "CALLS" } else { "RUNS" };
    let mut columns = [counted, "ERR", "P50", "P95", "P99", "MAX", "TOK IN", "CACHED", "OUT"].map(number).to_vec();
    for optional in [3, 4, 7] {
        if let Some(column) = columns.get_mut(optional) {
            column.is_optional = true;
        }
    }
    let has_refusals = by == GroupBy::Agent && total.usage.refused > 0;
    columns.extend(has_refusals.then(|| number("REFUSED")));
    if counts_misses {
        columns.extend(["MISSES", "REBUILT", "MISS COST"].map(number));
    }
    columns.extend(has_costs.then(|| number("COST")));
    columns.extend(has_rates.then(|| number("$/1K").optional()));
    columns.push(text(heading(by, groups)));
    let mut table = Table::new(columns);
    let mut push = |group: &Group, name: StyledText| {
        let UsageRecord { input_tokens, cached_tokens, output_tokens, tokens_incomplete, .. } = UsageRecord::from_totals(&group.usage);
        let errors = if group.failed > 0 { Style::Status(RunStatus::Error) } else { Style::Dim };
        // What ran outside of all calls has tokens and a cost, but no calls that could fail or take time.
        let of_calls = |text: String| if group.calls > 0 { text } else { String::new() };
        let duration = |percent| of_calls(group.percentile(percent).map_or(format::UNKNOWN.to_owned(), format::duration));
        let mut cells = vec![of_calls(format::count(group.calls)).into(), StyledText::new(&of_calls(format::count(group.failed)), errors)];
        cells.extend([50, 95, 99, 100].map(|percent| StyledText::from(duration(percent))));
        let counts = [(input_tokens, tokens_incomplete), (cached_tokens, false), (output_tokens, tokens_incomplete)];
        cells.extend(counts.map(|(count, is_bound)| StyledText::from(format::tokens_at_least(count, is_bound))));
        cells.extend(has_refusals.then(|| StyledText::from(format::count(group.usage.refused.into()))));
        if counts_misses {
            let count = group.misses.map_or_else(|| format::UNKNOWN.to_owned(), |misses| format::count(misses.count));
            let (rebuilt, cost) = (group.misses.map(|misses| misses.rebuilt), group.misses.and_then(|misses| misses.cost()));
            let is_bound = group.misses.is_some_and(|misses| misses.is_cost_incomplete());
            let cost = format::align_money(&format::money_at_least(cost, is_bound));
            cells.extend([count, format::tokens(rebuilt), cost].map(StyledText::from));
        }
        cells.extend(has_costs.then(|| StyledText::from(format::align_money(&display::cost(&group.usage)))));
        let rate = || format::align_money(&format::money(group.cost_per_1k_tokens().map(|cost| cost.round() as i64)));
        cells.extend(has_rates.then(|| StyledText::from(rate())));
        cells.push(name);
        table.push(cells.into_iter().map(|cell| vec![cell]).collect());
    };
    for group in groups {
        push(group, group.key.as_deref().map_or_else(|| StyledText::new(by.rest(), Style::Dim), |key| StyledText::new(key, Style::Strong)));
    }
    if groups.len() > 1 || has_total {
        push(total, StyledText::new("total", Style::Dim));
    }
    table
}

/// Returns the heading of the last column. That of days and months names the offsets of the time zone; hours have theirs in their names.
fn heading(by: GroupBy, groups: &[Group]) -> Cow<'static, str> {
    let offsets: BTreeSet<&str> = groups.iter().filter_map(|group| Some(&*group.period.as_ref()?.offset)).collect();
    if by == GroupBy::Hour || offsets.is_empty() {
        return by.name().into();
    }
    format!("{} ({})", by.name(), offsets.into_iter().collect::<Vec<_>>().join(", ")).into()
}
