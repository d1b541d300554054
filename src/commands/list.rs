//! `agno-top list`: traces, newest first or by a column.

mod sort;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::thread::Builder;

use eyre::Report;

use super::first::{First, mains};
use super::gate;
use super::output::{Output, Style, StyledText};
use super::snapshot::Snapshot;
use super::table::{Column, Table, number, text};
use super::{Outcome, ignore_broken_pipe, json, print_message};
use crate::cli::{ListArgs, ListSort, Selection};
use crate::config::Config;
use crate::export::record::{TraceRecord, status_name};
use crate::format;
use crate::store::{Phase, RowIx, RunStatus, ShortIds, TraceIx};
use crate::tui::display;

/// The maximum number of traces to name in a message.
const MAX_NAMED: usize = 5;

/// The number of traces that two threads format at a time.
const CHUNK: usize = 8192;

/// Lists traces.
pub(super) fn run(args: &ListArgs, config: &Config) -> Result<Outcome, Report> {
    let needs_numbers_only = args.json && args.selection.filter.is_none() && args.fail_on.is_none();
    let folds = !args.json && !args.all && args.selection.filter.is_none() && args.selection.with_ids().ids.is_empty();
    let limit = args.selection.limit.map_or(usize::MAX, |limit| limit as usize);
    // Traces that are folded or parts of others do not count for the limit, and all are sorted before the first ones are known.
    let selection = Selection { limit: None, ..args.selection.clone() };
    let first = match args.sort {
        ListSort::Began => args.selection.limit.map_or(First::All, |limit| First::Mains { limit: limit as usize, folds }),
        _ => First::All,
    };
    let selected = Snapshot::select_readable(&selection, first, config, needs_numbers_only)?;
    let Some((mut snapshot, traces)) = selected else {
        for (flag, condition) in [("--fail-on", &args.fail_on), ("--fail-on-total", &args.fail_on_total)] {
            if condition.is_some() {
                print_message(&format!("{flag} had no trace to judge"));
            }
        }
        return Ok(Outcome::Missing);
    };
    let mut mains = mains(&snapshot.store, traces);
    sort::sort(&snapshot, &mut mains, args.sort);
    let (mut folded, mut listed): (Vec<TraceIx>, Vec<TraceIx>) =
        mains.into_iter().partition(|&trace| folds && snapshot.store.is_ordinary(trace));
    if let Some(&last) = listed.get(limit.saturating_sub(1)).filter(|_| args.sort == ListSort::Began) {
        // What began before the last trace is not asked for.
        folded.retain(|&trace| snapshot.store.trace(trace).start >= snapshot.store.trace(last).start);
    }
    listed.truncate(limit);
    let traces: Vec<TraceIx> = listed.iter().chain(&folded).take(limit).flat_map(|&trace| snapshot.store.group(trace)).collect();
    let matched = args.fail_on.clone().map(|query| snapshot.matching(&traces, query)).transpose()?.unwrap_or_default();
    let unjudged =
        args.fail_on.as_ref().map(|query| gate::unjudged(&mut snapshot, &traces, &matched, query)).transpose()?.unwrap_or_default();
    let (exceeds, total) = args.fail_on_total.as_ref().map(|query| gate::total(&snapshot.store, &traces, query)).unwrap_or_default();
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        write_json(&snapshot, &listed, &mut out)
    } else {
        let output = Output::stdout(config.ascii);
        snapshot.read_beside(&listed)?;
        table(&snapshot, &listed).write(&mut out, output).and_then(|()| write_folded(&snapshot, &folded, &mut out, output))
    };
    let outcome = if matched.is_empty() && !exceeds { snapshot.outcome() } else { Outcome::Matched };
    let outcome = ignore_broken_pipe(result.and_then(|()| out.flush()), outcome)?;
    if outcome == Outcome::Matched && !matched.is_empty() {
        let ids: Vec<String> = matched.iter().take(MAX_NAMED).map(|&trace| snapshot.store.trace(trace).id.to_string()).collect();
        let more = if matched.len() > MAX_NAMED { ", …" } else { "" };
        let (count, traces) = (format::count(matched.len() as u64), format::plural(traces.len() as u64, "trace"));
        print_message(&format!("{count} of {traces} match --fail-on: {}{more}", ids.join(", ")));
    }
    for sentence in unjudged.iter().chain(&total) {
        print_message(sentence);
    }
    Ok(outcome)
}

/// Writes a line for each service with the number of its traces that are not listed.
fn write_folded(snapshot: &Snapshot, folded: &[TraceIx], out: &mut impl Write, output: Output) -> io::Result<()> {
    // The traces of each service, and those with errors.
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for &trace in folded {
        let rows = snapshot.store.rows_of(trace);
        let service = rows.iter().map(|&row| snapshot.store.service(row)).find(|service| !service.is_empty());
        let (count, failed) = counts.entry(service.unwrap_or_else(|| snapshot.source(trace))).or_default();
        (*count, *failed) = (*count + 1, *failed + u64::from(snapshot.store.totals_of(trace).errors > 0));
    }
    counts.into_iter().try_for_each(|(service, (count, failed))| {
        let traces = format::plural(count, "more trace");
        let failed = if failed > 0 { format!(", {} with errors", format::count(failed)) } else { String::new() };
        let text = format!("{traces} of {service} without agents, models and tools{failed}; --all lists them");
        output.line(out, &[StyledText::new(&text, Style::Dim)])
    })
}

/// Writes a line of JSON for each trace. Two threads format the lines, which takes longer than writing them.
fn write_json(snapshot: &Snapshot, traces: &[TraceIx], out: &mut impl Write) -> io::Result<()> {
    let format = |traces: &[TraceIx], lines: &mut Vec<u8>| {
        lines.clear();
        traces.iter().try_for_each(|&trace| json::line(lines, &TraceRecord::from_group(&snapshot.store, trace, snapshot.source(trace))))
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for traces in traces.chunks(CHUNK) {
        let (newer, older) = traces.split_at(traces.len() / 2);
        std::thread::scope(|scope| {
            let newer = Builder::new().spawn_scoped(scope, || format(newer, &mut first))?;
            let older = format(older, &mut second);
            // The panic hook reports a panic.
            newer.join().unwrap_or(Ok(())).and(older)
        })?;
        out.write_all(&first)?;
        out.write_all(&second)?;
    }
    Ok(())
}

/// Returns the traces as a table.
fn table(snapshot: &Snapshot, traces: &[TraceIx]) -> Table {
    let store = &snapshot.store;
    let ids = ShortIds::new(store);
    let digits = traces.iter().map(|&trace| ids.digits(store, trace)).max().unwrap_or_default();
    let has_costs = traces.iter().any(|&trace| store.group_totals(trace).cost().is_some());
    let mut sources: Vec<&str> = traces.iter().map(|&trace| snapshot.source(trace)).collect();
    sources.dedup();
    let has_several_sources = sources.len() > 1;
    let mut columns: Vec<Column> = vec![
        text("BEGAN"),
        text("STATUS"),
        text("ID"),
        number("TIME"),
        number("SPANS").optional(),
        number("ERR").optional(),
        number("TOK"),
    ];
    columns.extend(has_costs.then(|| number("COST").optional()));
    columns.extend(has_several_sources.then(|| text("SOURCE")));
    columns.push(text("TRACE"));
    let mut table = Table::new(columns);
    for &trace in traces {
        let data = store.trace(trace);
        let (totals, status) = (store.group_totals(trace), store.group_counts(trace).run_status());
        let errors = if totals.failed > 0 { Style::Status(RunStatus::Error) } else { Style::Dim };
        let mut line = vec![
            vec![StyledText::new(&format::moment(data.start, snapshot.now), Style::Dim)],
            vec![StyledText::new(status_name(status), Style::Status(status))],
            vec![StyledText::from(data.id.to_string()[..digits].to_owned())],
            vec![time(snapshot, trace)],
            vec![StyledText::from(format::count(totals.spans.into()))],
            vec![StyledText::new(&format::count(totals.failed.into()), errors)],
            vec![StyledText::from(display::tokens(&totals))],
        ];
        line.extend(has_costs.then(|| vec![StyledText::from(format::align_money(&display::cost(&totals)))]));
        line.extend(has_several_sources.then(|| vec![StyledText::new(snapshot.source(trace), Style::Dim)]));
        line.push(description(snapshot, trace));
        table.push(line);
    }
    table
}

/// Returns the duration of a trace, or how long it has been running.
fn time(snapshot: &Snapshot, trace: TraceIx) -> StyledText {
    let (store, now) = (&snapshot.store, snapshot.now);
    let Some(&head) = store.trace(trace).roots().first() else { return StyledText::from(format::UNKNOWN.to_owned()) };
    let time = display::time(store, head, now);
    if store.is_shown_time_running(head) { StyledText::new(&time, Style::Status(RunStatus::Running)) } else { StyledText::from(time) }
}

/// Returns what ran, with its error or input.
fn description(snapshot: &Snapshot, trace: TraceIx) -> Vec<StyledText> {
    let store = &snapshot.store;
    let Some(&head) = store.trace(trace).roots().first() else { return Vec::new() };
    let lead = store.lead(trace).unwrap_or(head);
    let told = store.telling(lead);
    let data = store.row(told);
    let mut pieces = vec![StyledText::new(&display::name(store, data), Style::SpanType(data.span_type))];
    let failed = |row: &RowIx| store.totals(*row).fatal > 0;
    let error = store
        .group(trace)
        .flat_map(|trace| store.trace(trace).roots())
        .copied()
        .find(failed)
        .map_or("", |top| store.text(store.failure_text(top)));
    // A span that has not arrived shows the input of its first child.
    let input = if data.phase == Phase::Ended { Some(told) } else { store.children(lead).first().copied() };
    let input = input.map_or("", |row| store.text(store.row(row).input));
    if lead != head && (input.is_empty() || !error.is_empty()) {
        pieces.push(StyledText::new(&format!("  {}", display::name(store, store.row(head))), Style::Dim));
    }
    let awaiting = display::review::awaiting(store, trace, snapshot.now);
    if let Some(awaiting) = awaiting.filter(|_| error.is_empty()) {
        pieces.push(StyledText::new(&format!("  {awaiting}"), Style::Status(RunStatus::Paused)));
    } else if !error.is_empty() {
        pieces.push(StyledText::new(&format!("  {error}"), Style::Status(RunStatus::Error)));
    } else if !input.is_empty() {
        pieces.push(StyledText::new(&format!("  {input}"), Style::Dim));
    }
    let anomalies = display::anomalies_of_turn(store, trace);
    let turn = display::turn_facts(store, trace, anomalies.as_ref(), snapshot.now);
    let run = if data.span_type.is_agentic() { display::call_facts(store, lead, snapshot.now) } else { Vec::new() };
    let notes: Vec<String> = run.into_iter().chain(display::note(store, lead)).chain(turn).collect();
    if !notes.is_empty() {
        pieces.push(StyledText::new(&format!("  {}", notes.join(" · ")), Style::Dim));
    }
    pieces
}
