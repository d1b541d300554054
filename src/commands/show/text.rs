//! A trace for people: what it is, its tree with bars, and what went wrong.

use std::io::{self, Write};

use super::super::load::Snapshot;
use super::super::output::{Output, Style, StyledText};
use crate::export::record::{rfc3339, status_name};
use crate::format;
use crate::model::{Nanos, SpanType};
use crate::store::{Phase, Row, RowIx, RunStatus, Store, Symbol, TraceIx};
use crate::tui::display::{self, INDENTED_LEVELS, RowBar};
use crate::tui::widget::Axis;
use crate::tui::widget::waterfall::{Cell, Shade};

/// Cells of a bar where lines are not cut, and at least.
const BAR: usize = 32;
const LEAST_BAR: usize = 10;

/// Cells of numbers: time, tokens, cost.
const TIME: usize = 7;
const TOKENS: usize = 6;
const COST: usize = 8;

pub(super) fn write(out: &mut impl Write, loaded: &Snapshot, trace: TraceIx, rows: &[(RowIx, usize)], look: Output) -> io::Result<()> {
    heading(out, loaded, trace, look)?;
    out.write_all(b"\n")?;
    tree(out, loaded, trace, rows, look)?;
    errors(out, &loaded.store, rows, look)
}

/// The trace in a few lines: a word, and what there is to say.
fn heading(out: &mut impl Write, loaded: &Snapshot, trace: TraceIx, look: Output) -> io::Result<()> {
    let store = &loaded.store;
    let (data, standing) = (store.trace(trace), store.trace(trace).run_status());
    let totals = store.totals_of(trace);
    let end = if totals.running > 0 { loaded.now } else { data.end };
    let part = |known: u32, count| format::tokens((known > 0).then_some(count));
    let tokens = if totals.tokens().is_none() {
        "tokens unknown".to_owned()
    } else {
        format!("{} tokens in, {} out", part(totals.inputs, totals.input), part(totals.outputs, totals.output))
    };
    let cost = totals.cost().map_or("cost unknown".to_owned(), |cost| format::money(Some(cost)));
    let counts = [format::plural(totals.spans.into(), "span"), format::plural(totals.errors.into(), "error"), tokens, cost].join(" · ");
    let first = |fact: fn(&Row) -> Symbol| {
        let found = store.rows_of(trace).into_iter().map(|row| fact(store.row(row))).find(|symbol| !symbol.is_empty());
        found.map_or_else(|| format::UNKNOWN.to_owned(), |symbol| store.text(symbol).to_owned())
    };
    let line =
        |out: &mut _, word: &str, what: StyledText| look.line(out, &[StyledText::new(&format::pad_right(word, 9), Style::Dim), what]);
    line(out, "trace", StyledText::new(&data.id.to_string(), Style::Strong))?;
    line(out, "status", StyledText::new(status_name(standing), Style::Standing(standing)))?;
    line(out, "began", format!("{}, for {}", rfc3339(data.start), format::duration(end.saturating_sub(data.start))).into())?;
    line(out, "holds", counts.into())?;
    line(out, "session", first(|row| row.session).into())?;
    line(out, "user", first(|row| row.user).into())?;
    line(out, "source", loaded.source(trace).to_owned().into())
}

/// What all lines of a tree share.
struct Tree<'a> {
    store: &'a Store,
    now: Nanos,
    look: Output,
    axis: Axis,
    names: usize,
    priced: bool,
    bar: usize,
}

fn tree(out: &mut impl Write, loaded: &Snapshot, trace: TraceIx, rows: &[(RowIx, usize)], look: Output) -> io::Result<()> {
    let (store, now) = (&loaded.store, loaded.now);
    let data = store.trace(trace);
    let end = if data.counts().running > 0 { data.end.max(now) } else { data.end };
    let priced = store.totals_of(trace).cost().is_some();
    let widest = rows
        .iter()
        .map(|&(row, depth)| depth.min(INDENTED_LEVELS) * 2 + 2 + format::width(&format::safe(&display::name(store, store.row(row)))))
        .max();
    let numbers = TIME + TOKENS + if priced { COST } else { 0 };
    let names = widest.unwrap_or_default().min(look.width.map_or(usize::MAX, |width| (width * 2 / 5).max(12)));
    let bar = look.width.map_or(BAR, |width| (width.saturating_sub(names + numbers + 2) / 2).max(LEAST_BAR));
    let tree = Tree { store, now, look, axis: Axis { start: data.start, end }, names, priced, bar };
    tree.columns(out)?;
    let guides = guides(rows);
    rows.iter().zip(guides).try_for_each(|(&(row, depth), guide)| tree.line(out, row, depth, &guide))
}

impl Tree<'_> {
    /// Names the columns; the bars' tells how long the trace took.
    fn columns(&self, out: &mut impl Write) -> io::Result<()> {
        let length = format::duration(self.axis.end.saturating_sub(self.axis.start));
        let line = "─".repeat(self.bar.saturating_sub(format::width(&length) + 4));
        let cost = if self.priced { format::pad_left("COST", COST) } else { String::new() };
        let [pad, time, tokens] = [" ".repeat(self.names), format::pad_left("TIME", TIME), format::pad_left("TOK", TOKENS)];
        self.look.line(out, &[StyledText::new(&format!("{pad}{time}{tokens}{cost}  0s {line} {length}"), Style::Dim)])
    }

    fn line(&self, out: &mut impl Write, row: RowIx, depth: usize, guide: &str) -> io::Result<()> {
        let Self { store, look, .. } = *self;
        let data = store.row(row);
        let room = self.names.saturating_sub(format::width(guide) + 2);
        let name = format::fit(&format::safe(&display::name(store, data)), room).into_owned();
        let pad = " ".repeat(self.names.saturating_sub(format::width(guide) + 2 + format::width(&name)));
        let label = if depth == 0 || data.span_type.is_agentic() { Style::Kind(data.span_type) } else { Style::Plain };
        let mut pieces = vec![
            StyledText::new(guide, Style::Dim),
            Output::kind(data.span_type),
            StyledText::from(" ".to_owned()),
            StyledText::new(&name, label),
            pad.into(),
        ];
        pieces.extend(self.numbers(row));
        pieces.push("  ".to_owned().into());
        pieces.extend(self.bar(row));
        pieces.push("  ".to_owned().into());
        pieces.push(self.about(row));
        look.line(out, &pieces)
    }

    fn numbers(&self, row: RowIx) -> Vec<StyledText> {
        let data = self.store.row(row);
        let totals = self.store.totals(row);
        let time = display::elapsed(data, self.now);
        let tone = match data.phase {
            Phase::Running => Style::Standing(RunStatus::Running),
            Phase::Lost => Style::Dim,
            Phase::Ended => Style::Plain,
        };
        // A tool that called no model has no tokens to know.
        let none = data.span_type == SpanType::Tool && totals.tokens().is_none();
        let tokens = if none { String::new() } else { format::tokens(totals.tokens()) };
        let cost = if none { String::new() } else { format::money(totals.cost()) };
        let mut pieces = vec![StyledText::new(&format::pad_left(&time, TIME), tone), format::pad_left(&tokens, TOKENS).into()];
        pieces.extend(self.priced.then(|| StyledText::from(format::pad_left(&cost, COST))));
        pieces
    }

    fn bar(&self, row: RowIx) -> Vec<StyledText> {
        let data = self.store.row(row);
        let children = self.store.children(row);
        let times = RowBar::new(self.store, row, children.iter().copied(), children.len(), self.now);
        let cells = times.bar(false).cells(self.axis, self.bar, self.look.glyphs);
        let mut pieces: Vec<StyledText> = Vec::new();
        for cell in cells {
            let piece = self.cell(cell, data);
            match pieces.last_mut() {
                Some(last) if last.joins(&piece) => last.join(&piece),
                _ => pieces.push(piece),
            }
        }
        pieces
    }

    /// A left edge is drawn by what it leaves free, colours exchanged; without colours by the half or eighth that is nearest.
    fn cell(&self, cell: Cell, data: &Row) -> StyledText {
        let mut buffer = [0; 4];
        let symbol: &str = cell.symbol.encode_utf8(&mut buffer);
        let tone = match (data.run_status(), cell.shade) {
            (_, Shade::Blank) => Style::Plain,
            (RunStatus::Ok, _) => Style::Kind(data.span_type),
            (standing, _) => Style::Standing(standing),
        };
        match (cell.reversed, self.look.colour) {
            (false, _) => StyledText::new(symbol, tone),
            (true, true) => StyledText::new(symbol, Style::Reversed(data.span_type)),
            (true, false) => StyledText::new(if ('▏'..='▎').contains(&cell.symbol) { "▐" } else { "▕" }, tone),
        }
    }

    /// What went wrong, what was asked for, or what was given.
    fn about(&self, row: RowIx) -> StyledText {
        let data = self.store.row(row);
        let [error, calls, input] = [data.error, data.requested_tools(), data.input].map(|symbol| self.store.text(symbol));
        if data.status == crate::model::Status::Error {
            StyledText::new(&format!("✗ {error}"), Style::Standing(RunStatus::Error))
        } else if !calls.is_empty() {
            StyledText::new(&format!("→ {calls}"), Style::Dim)
        } else if data.span_type == SpanType::Model {
            StyledText::from(String::new())
        } else {
            StyledText::new(input, Style::Dim)
        }
    }
}

/// The lines before each row that lead to its parent.
fn guides(rows: &[(RowIx, usize)]) -> Vec<String> {
    // From the end: whether another row follows at each level before one that is higher.
    let mut follows: Vec<bool> = Vec::new();
    let mut guides: Vec<String> = Vec::with_capacity(rows.len());
    for &(_, depth) in rows.iter().rev() {
        let depth = depth.min(INDENTED_LEVELS);
        follows.resize(depth + 1, false);
        let above = (1..depth).map(|level| if follows[level] { "│ " } else { "  " });
        let own = (depth > 0).then(|| if follows[depth] { "├ " } else { "└ " });
        guides.push(above.chain(own).collect());
        follows[depth] = true;
    }
    guides.reverse();
    guides
}

/// What went wrong, whole as far as rows know it, where it went wrong first.
fn errors(out: &mut impl Write, store: &Store, rows: &[(RowIx, usize)], look: Output) -> io::Result<()> {
    let failed = |&(row, _): &(RowIx, usize)| store.row(row).status == crate::model::Status::Error;
    let mut failures: Vec<RowIx> = rows.iter().copied().filter(failed).map(|(row, _)| row).collect();
    if failures.is_empty() {
        return Ok(());
    }
    failures.sort_by_key(|&row| store.row(row).end);
    writeln!(out)?;
    for row in failures {
        let data = store.row(row);
        let error = store.text(data.error);
        let error = if error.is_empty() { "no message" } else { error };
        let place = format!("{} {}: ", data.span_type.name(), display::name(store, data));
        let look = Output { width: None, ..look };
        look.line(
            out,
            &[
                StyledText::new("✗ ", Style::Standing(RunStatus::Error)),
                StyledText::new(&place, Style::Strong),
                StyledText::new(error, Style::Plain),
            ],
        )?;
    }
    Ok(())
}
