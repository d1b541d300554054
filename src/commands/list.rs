//! `agno-top list`: traces, newest first.

use std::io::{self, BufWriter, Write};
use std::thread::Builder;

use clap::Args;
use color_eyre::eyre::Report;

use super::load::Snapshot;
use super::output::{Output, Style, StyledText};
use super::select::{Selection, parse_filter};
use super::table::{Column, Table, number, words};
use super::{Outcome, json, print_message, written};
use crate::config::Config;
use crate::export::record::{TraceRecord, status_name};
use crate::format;
use crate::query::{Query, STATUSES};
use crate::store::{Phase, RowIx, RunStatus, TraceIx};
use crate::tui::display;

/// Digits of a trace's id that are shown, at least.
const DIGITS: usize = 8;

/// Traces that are named on standard error, at most.
const NAMED: usize = 5;

/// Traces whose lines are made at once.
const PIECE: usize = 8192;

/// What `list` is told.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct List {
    /// The traces.
    #[command(flatten)]
    pub selection: Selection,

    /// Write one JSON object a line
    ///
    /// Its fields: source, `trace_id`, name, status (ok, error, running, lost), start and end (RFC 3339, UTC), `duration_ms`, spans, errors, agent, session, user, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`. What is not known is null.
    #[arg(long)]
    pub json: bool,

    /// End with exit code 3 if one of the traces listed passes this filter: error, 'cost>0.5', 'dur>10s', or any other
    #[arg(long, value_name = "EXPR", value_parser = parse_short, allow_hyphen_values = true)]
    pub fail_on: Option<Query>,
}

impl List {
    /// Lists.
    pub fn run(&self, config: &Config) -> Result<Outcome, Report> {
        let numbers = self.json && self.selection.filter.is_none() && self.fail_on.is_none();
        let read = if numbers { Snapshot::read_numbers } else { Snapshot::read };
        let mut loaded = read(&self.selection.sources, self.selection.since.as_ref(), config)?;
        let traces = loaded.choose(&self.selection)?;
        if traces.is_empty() {
            return Ok(loaded.nothing(&self.selection));
        }
        let bad = self.fail_on.clone().map(|query| loaded.passing(&traces, query)).transpose()?.unwrap_or_default();
        let mut out = BufWriter::new(io::stdout().lock());
        let result = if self.json {
            lines(&loaded, &traces, &mut out)
        } else {
            table(&loaded, &traces).write(&mut out, Output::stdout(config.ascii))
        };
        let outcome = if bad.is_empty() { Outcome::Done } else { Outcome::Matched };
        let outcome = written(result.and_then(|()| out.flush()), outcome)?;
        if outcome == Outcome::Matched {
            let names: Vec<String> = bad.iter().take(NAMED).map(|&trace| loaded.store.trace(trace).id.to_string()).collect();
            let more = if bad.len() > NAMED { ", …" } else { "" };
            let count = format::count(bad.len() as u64);
            print_message(&format!(
                "{count} of {} are what --fail-on says: {}{more}",
                format::plural(traces.len() as u64, "trace"),
                names.join(", ")
            ));
        }
        Ok(outcome)
    }
}

/// Writes a line for each trace. Lines are made by two threads, since that takes longer than to write them.
fn lines(loaded: &Snapshot, traces: &[TraceIx], out: &mut impl Write) -> io::Result<()> {
    let make = |traces: &[TraceIx], made: &mut Vec<u8>| {
        made.clear();
        traces.iter().try_for_each(|&trace| json::line(made, &TraceRecord::of(&loaded.store, trace, loaded.source(trace))))
    };
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for traces in traces.chunks(PIECE) {
        let (newer, older) = traces.split_at(traces.len() / 2);
        std::thread::scope(|scope| {
            let newer = Builder::new().spawn_scoped(scope, || make(newer, &mut first))?;
            let older = make(older, &mut second);
            // A panic is told wherever it happens, and ends the program.
            newer.join().unwrap_or(Ok(())).and(older)
        })?;
        out.write_all(&first)?;
        out.write_all(&second)?;
    }
    Ok(())
}

/// Reads a filter that may be short: `error` for `status:error`. Another word alone is refused: it would be looked for in names, find
/// nothing, and nobody would be told that nothing is checked.
fn parse_short(line: &str) -> Result<Query, String> {
    let (sign, words) = line.trim().strip_prefix('-').map_or(("", line.trim()), |words| ("-", words));
    if words.is_empty() || !words.chars().all(|c| c.is_alphanumeric() || matches!(c, '|' | '_' | '-')) {
        return parse_filter(line);
    }
    let is_status = |word: &str| STATUSES.iter().any(|(name, _)| *name == word);
    if words.split('|').all(is_status) {
        return parse_filter(&format!("{sign}status:{words}"));
    }
    Err(format!("{words:?} is no status (error, running, lost, ok) and no comparison; to look for a word, name the field: name:{words}"))
}

/// The traces for people.
fn table(loaded: &Snapshot, traces: &[TraceIx]) -> Table {
    let store = &loaded.store;
    let mut ids: Vec<String> = store.traces().map(|trace| store.trace(trace).id.to_string()).collect();
    ids.sort_unstable();
    let digits = digits(&ids);
    let priced = traces.iter().any(|&trace| store.totals_of(trace).cost().is_some());
    let mut sources: Vec<&str> = traces.iter().map(|&trace| loaded.source(trace)).collect();
    sources.dedup();
    let several = sources.len() > 1;
    let mut columns: Vec<Column> =
        vec![words("BEGAN"), words("STATUS"), words("ID"), number("TIME"), number("SPANS").spare(), number("ERR").spare(), number("TOK")];
    columns.extend(priced.then(|| number("COST").spare()));
    columns.extend(several.then(|| words("SOURCE")));
    columns.push(words("TRACE"));
    let mut table = Table::new(columns);
    for &trace in traces {
        let data = store.trace(trace);
        let (totals, standing) = (store.totals_of(trace), data.run_status());
        let errors = if totals.errors > 0 { Style::Standing(RunStatus::Error) } else { Style::Dim };
        let mut line = vec![
            vec![StyledText::new(&format::moment(data.start, loaded.now), Style::Dim)],
            vec![StyledText::new(status_name(standing), Style::Standing(standing))],
            vec![StyledText::from(data.id.to_string()[..digits].to_owned())],
            vec![time(loaded, trace)],
            vec![StyledText::from(format::count(totals.spans.into()))],
            vec![StyledText::new(&format::count(totals.errors.into()), errors)],
            vec![StyledText::from(format::tokens(totals.tokens()))],
        ];
        line.extend(priced.then(|| vec![StyledText::from(format::money(totals.cost()))]));
        line.extend(several.then(|| vec![StyledText::new(loaded.source(trace), Style::Dim)]));
        line.push(what(loaded, trace));
        table.push(line);
    }
    table
}

/// How long a trace took, or has been running.
fn time(loaded: &Snapshot, trace: TraceIx) -> StyledText {
    let data = loaded.store.trace(trace);
    if data.counts().running > 0 {
        StyledText::new(&format::clock(loaded.now.saturating_sub(data.start)), Style::Standing(RunStatus::Running))
    } else {
        StyledText::from(format::duration(data.end.saturating_sub(data.start)))
    }
}

/// Who ran, and what went wrong or in.
fn what(loaded: &Snapshot, trace: TraceIx) -> Vec<StyledText> {
    let store = &loaded.store;
    let Some(&head) = store.trace(trace).roots().first() else { return Vec::new() };
    let data = store.row(head);
    let mut pieces = vec![StyledText::new(&display::name(store, data), Style::Kind(data.span_type))];
    let failed = |row: &RowIx| store.totals(*row).errors > 0;
    let cause = store.trace(trace).roots().iter().copied().find(failed).map(|top| store.first_failure(top).unwrap_or(top));
    let error = cause.map_or("", |cause| store.text(store.row(cause).error));
    // A span that has not come shows what its first child was given.
    let input = if data.phase == Phase::Ended { Some(head) } else { store.children(head).first().copied() };
    let input = input.map_or("", |row| store.text(store.row(row).input));
    if !error.is_empty() {
        pieces.push(StyledText::new(&format!("  {error}"), Style::Standing(RunStatus::Error)));
    } else if !input.is_empty() {
        pieces.push(StyledText::new(&format!("  {input}"), Style::Dim));
    }
    pieces
}

/// Digits that tell all of these sorted ids apart.
fn digits(ids: &[String]) -> usize {
    let shared = |pair: &[String]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(left, right)| left == right).count();
    ids.windows(2).map(shared).max().map_or(DIGITS, |shared| (shared + 1).clamp(DIGITS, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_filters() {
        assert_eq!(parse_short("error"), parse_filter("status:error"));
        assert_eq!(parse_short("dur>10s tokens>=5k agent:x"), parse_filter("dur:>10s tokens:>=5k agent:x"));
        assert_eq!(parse_short("dur:>10s"), parse_filter("dur:>10s"));
        assert!(parse_short("dur>much").is_err());
        assert!(parse_short("colour>5").is_err());
    }

    #[test]
    fn ids_are_as_long_as_it_takes_to_tell_them_apart() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(digits(&ids(&["0123456789abcdef", "1123456789abcdef"])), 8);
        assert_eq!(digits(&ids(&["0123456789abcdef", "0123456789abcdff"])), 15);
        assert_eq!(digits(&[]), 8);
    }
}
