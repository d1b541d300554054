//! `agno-top compare`: two traces, step by step.

use std::io::{self, BufWriter, Write};

use eyre::Report;
use serde::Serialize;

use super::output::{Output, Style, StyledText};
use super::snapshot::Snapshot;
use super::table::{Table, number, text};
use super::{Outcome, UsageError, ignore_broken_pipe, json};
use crate::cli::CompareArgs;
use crate::config::Config;
use crate::export::record::{TraceRecord, UsageRecord, millis, status_name};
use crate::format;
use crate::store::{RowIx, Store, TraceIx};
use crate::tui::app::Compare;
use crate::tui::app::compare::{Differences, StepPair};
use crate::tui::display::{self, INDENTED_LEVELS};
use crate::tui::view;

/// Compares two traces.
pub(super) fn run(args: &CompareArgs, config: &Config) -> Result<Outcome, Report> {
    let (ids, sources) = args.split().map_err(|message| Report::new(UsageError(message)))?;
    let mut snapshot = Snapshot::read_readable(&sources, None, config, false)?;
    let mut traces = Vec::new();
    for id in &ids {
        let Some(trace) = snapshot.find(id)? else { return Ok(Outcome::Missing) };
        traces.push(trace);
    }
    let (a, b) = (traces[0], traces[1]);
    if a == b {
        return Err(Report::new(UsageError(format!("both are trace {}; name two traces", snapshot.store.trace(a).id))));
    }
    let mut compare = Compare::new(&snapshot.store, [a, b]);
    compare.read_parameters(|calls| {
        let payloads = snapshot.payloads(calls)?;
        Ok::<_, Report>(payloads.into_iter().map(|payload| payload.ok().map(|payload| view::parameters(&payload))).collect())
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        json::line(&mut out, &Record::new(&snapshot, &compare))
    } else {
        write(&mut out, &snapshot, &compare, Output::stdout(config.ascii))
    };
    ignore_broken_pipe(result.and_then(|()| out.flush()), snapshot.outcome())
}

fn write(out: &mut impl Write, snapshot: &Snapshot, compare: &Compare, output: Output) -> io::Result<()> {
    let (store, now) = (&*snapshot.store, snapshot.now);
    for (side, trace) in ["A", "B"].into_iter().zip(compare.traces) {
        let (data, status) = (store.trace(trace), store.group_counts(trace).run_status());
        let left_out = match compare.omitted[usize::from(side == "B")] {
            0 => String::new(),
            count => format!(", the last {} not compared", format::plural(count as u64, "step")),
        };
        let line = [
            StyledText::new(side, Style::Strong),
            StyledText::from(format!("  {}  {}  ", data.id, format::date_time(data.start))),
            StyledText::new(status_name(status), Style::Status(status)),
            StyledText::from(format!("  {}{left_out}", display::lead_name(store, trace))),
        ];
        output.line(out, &line)?;
    }
    let differing = compare.difference_count(store, now);
    let count = match differing {
        0 => "no step differs".to_owned(),
        _ => format!("{} of {} differ", format::count(differing as u64), format::plural(compare.pairs.len() as u64, "step")),
    };
    let unread = match compare.unreadable() {
        0 => String::new(),
        count => format!("; the parameters of {} are unknown", format::plural(count as u64, "call")),
    };
    let sentence = heads(store, compare).map(|[a, b]| display::difference(store, a, b, now));
    output.line(out, &[StyledText::from(format!("{}; {count}{unread}", sentence.unwrap_or_default()))])?;
    out.write_all(b"\n")?;
    table(snapshot, compare).write(out, output)
}

/// Returns the first steps of the two traces, which stand for them.
fn heads(store: &Store, compare: &Compare) -> Option<[RowIx; 2]> {
    let [a, b] = compare.traces.map(|trace: TraceIx| store.trace(trace).roots().first().copied());
    Some([a?, b?])
}

fn table(snapshot: &Snapshot, compare: &Compare) -> Table {
    let (store, now) = (&*snapshot.store, snapshot.now);
    let mut columns = vec![number("TIME A"), number("TIME B"), number("TOK A").optional(), number("TOK B").optional()];
    let has_costs = compare.traces.iter().any(|&trace| store.group_totals(trace).cost().is_some());
    if has_costs {
        columns.extend([number("COST A").optional(), number("COST B").optional()]);
    }
    columns.extend([text(""), text("STEP"), text("DIFFERS")]);
    let mut table = Table::new(columns);
    for (at, pair) in compare.pairs.iter().enumerate() {
        let differences = compare.differences(store, at, now);
        let of = |value: &dyn Fn(RowIx) -> String| pair.rows.map(|row| vec![StyledText::from(row.map_or_else(String::new, value))]);
        let mut line: Vec<Vec<StyledText>> = Vec::new();
        line.extend(of(&|row| display::time(store, row, now)));
        line.extend(of(&|row| display::tokens(&store.shown_totals(row))));
        if has_costs {
            line.extend(of(&|row| format::align_money(&display::cost(&store.shown_totals(row)))));
        }
        let symbol = match pair.rows {
            [Some(_), None] => "←",
            [None, Some(_)] => "→",
            _ if differences.any() => "≠",
            _ => "=",
        };
        line.push(vec![StyledText::new(symbol, Style::Dim)]);
        line.push(step(store, pair));
        line.push(vec![StyledText::new(&words(pair, differences).join(", "), Style::Strong)]);
        table.push(line);
    }
    table
}

/// Returns the name of a step, indented; both names if they differ.
fn step(store: &Store, pair: &StepPair) -> Vec<StyledText> {
    let mut pieces = Vec::new();
    let mut names: Vec<(RowIx, usize, String)> = Vec::new();
    for (row, depth) in pair.rows.into_iter().zip(pair.depths) {
        let step = row.map(|row| (row, depth, display::name(store, store.row(row))));
        names.extend(step.filter(|(_, _, name)| names.iter().all(|(_, _, other)| other != name)));
    }
    for (at, (row, depth, name)) in names.into_iter().enumerate() {
        let before = if at == 0 { "  ".repeat(depth.min(INDENTED_LEVELS)) } else { " / ".to_owned() };
        let data = store.row(row);
        pieces.extend([
            before.into(),
            Output::symbol(data.span_type),
            StyledText::new(&format!(" {name}"), Style::SpanType(data.span_type)),
        ]);
    }
    pieces
}

/// Returns what differs.
fn words(pair: &StepPair, differences: Differences) -> Vec<&'static str> {
    match pair.rows {
        [Some(_), None] => return vec!["only in A"],
        [None, Some(_)] => return vec!["only in B"],
        _ => {}
    }
    let Differences { step, status, time, tokens, cost, text, parameters } = differences;
    let all = [
        (step, "step"),
        (status, "status"),
        (time, "time"),
        (tokens, "tokens"),
        (cost, "cost"),
        (text, "text"),
        (parameters, "parameters"),
    ];
    all.into_iter().filter_map(|(differs, word)| differs.then_some(word)).collect()
}

/// A comparison, as JSON.
#[derive(Serialize)]
struct Record {
    a: TraceRecord,
    b: TraceRecord,
    sentence: Option<String>,
    differing_steps: usize,
    /// The numbers of steps that are not compared.
    omitted_steps: [usize; 2],
    steps: Vec<PairRecord>,
}

#[derive(Serialize)]
struct PairRecord {
    a: Option<StepRecord>,
    b: Option<StepRecord>,
    differs: Vec<&'static str>,
}

#[derive(Serialize)]
struct StepRecord {
    depth: usize,
    span_id: String,
    name: String,
    status: &'static str,
    duration_ms: Option<f64>,
    #[serde(flatten)]
    usage: UsageRecord,
}

impl Record {
    fn new(snapshot: &Snapshot, compare: &Compare) -> Self {
        let (store, now) = (&*snapshot.store, snapshot.now);
        let [a, b] = compare.traces.map(|trace| TraceRecord::from_group(store, trace, snapshot.source(trace)));
        let step = |row: RowIx, depth: usize| StepRecord {
            depth,
            span_id: store.row(row).id.to_string(),
            name: display::name(store, store.row(row)),
            status: status_name(store.run_status(row)),
            duration_ms: store
                .shown_time(row, now)
                .filter(|_| !store.is_shown_time_running(row) && !store.is_shown_time_bound(row))
                .map(millis),
            usage: UsageRecord::from_totals(&store.shown_totals(row)),
        };
        let pair = |(at, pair): (usize, &StepPair)| {
            let [a, b] = [0, 1].map(|side| pair.rows[side].map(|row| step(row, pair.depths[side])));
            PairRecord { a, b, differs: words(pair, compare.differences(store, at, now)) }
        };
        Self {
            a,
            b,
            sentence: heads(store, compare).map(|[a, b]| display::difference(store, a, b, now)),
            differing_steps: compare.difference_count(store, now),
            omitted_steps: compare.omitted,
            steps: compare.pairs.iter().enumerate().map(pair).collect(),
        }
    }
}
