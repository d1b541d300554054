//! A trace as text: a heading, the tree with bars, and the errors.

use std::io::{self, Write};

use super::super::output::{Output, Style, StyledText, description, usage};
use super::super::snapshot::Snapshot;
use super::PayloadFacts;
use crate::export::record::status_name;
use crate::format;
use crate::model::sort;
use crate::model::{Attribute, Dropped, Nanos, SpanType};
use crate::store::{Phase, RowIx, RunStatus, Store, Symbol, TraceIx};
use crate::tui::display::{self, INDENTED_LEVELS};
use crate::tui::widget::Axis;
use crate::tui::widget::waterfall::{Cell, Shade};
use crate::why;

/// The width of a bar if the width of lines is unlimited, and the minimum width.
const BAR_WIDTH: usize = 32;
const MIN_BAR_WIDTH: usize = 10;

/// The widths of the columns of numbers.
const TIME_WIDTH: usize = 7;
const TOKENS_WIDTH: usize = 6;

/// Writes a trace. `facts` are those that payloads hold.
pub(super) fn write(
    out: &mut impl Write,
    snapshot: &Snapshot,
    trace: TraceIx,
    rows: &[(RowIx, usize)],
    facts: &PayloadFacts,
    output: Output,
) -> io::Result<()> {
    heading(out, snapshot, trace, output)?;
    out.write_all(b"\n")?;
    tree(out, snapshot, trace, rows, output)?;
    errors(out, &snapshot.store, rows, output)?;
    parameters(out, &snapshot.store, &facts.parameters, output)?;
    losses(out, &snapshot.store, &facts.dropped, output)
}

/// Writes the facts about the trace, one per line.
fn heading(out: &mut impl Write, snapshot: &Snapshot, trace: TraceIx, output: Output) -> io::Result<()> {
    let store = &snapshot.store;
    let (data, status) = (store.trace(trace), store.trace(trace).run_status());
    let totals = store.totals_of(trace);
    let length = display::trace_time(store, trace, snapshot.now);
    let tokens = if totals.tokens().is_none() {
        "tokens unknown".to_owned()
    } else {
        let cache = if totals.cache_unstated > 0 { " (cache not stated)" } else { "" };
        format!("{} in{cache}, {} out", format::with_noun(&display::input(&totals), "token"), display::output(&totals))
    };
    let cost = if totals.cost().is_some() { display::cost(&totals) } else { "cost unknown".to_owned() };
    let counts =
        [format::plural(totals.spans.into(), "span"), format::plural(totals.failed.into(), "failed step"), tokens, cost].join(" · ");
    let first = |fact: &dyn Fn(RowIx) -> Symbol| {
        let found = store.rows_of(trace).into_iter().map(fact).find(|symbol| !symbol.is_empty());
        found.map_or_else(|| format::UNKNOWN.to_owned(), |symbol| store.text(symbol).to_owned())
    };
    let line =
        |out: &mut _, label: &str, value: StyledText| output.line(out, &[StyledText::new(&format::pad_right(label, 9), Style::Dim), value]);
    line(out, "trace", StyledText::new(&data.id.to_string(), Style::Strong))?;
    line(out, "status", StyledText::new(status_name(status), Style::Status(status)))?;
    line(out, "began", format!("{}, for {length}", format::date_time(data.start)).into())?;
    line(out, "holds", counts.into())?;
    line(out, "session", first(&|row| store.stated_session(row)).into())?;
    line(out, "user", first(&|row| store.row(row).user).into())?;
    if let Some(note) = display::group_note(store, trace) {
        line(out, "parts", note.into())?;
    }
    if let Some(note) = store.lead(trace).and_then(|lead| display::continuation_note(store, lead)) {
        line(out, "parts", note.into())?;
    }
    for sentence in why::scope(store, trace, snapshot.now) {
        line(out, "covers", sentence.into())?;
    }
    for row in store.reviewed(trace) {
        for approval in store.approvals(row) {
            let style = if store.awaited(row).is_some() && approval.waits { Style::Status(RunStatus::Paused) } else { Style::Plain };
            line(out, "approval", StyledText::new(&display::review::approval(approval, snapshot.now), style))?;
        }
        for score in store.scores(row) {
            line(out, "score", display::review::score(score).into())?;
        }
    }
    for skew in store.skews(trace) {
        line(out, "clock", display::skew(store, skew).into())?;
    }
    line(out, "source", snapshot.source(trace).to_owned().into())
}

/// The layout that all lines of a tree share.
struct Tree<'a> {
    store: &'a Store,
    now: Nanos,
    output: Output,
    axis: Axis,
    name_width: usize,
    cost_width: usize,
    bar_width: usize,
}

fn tree(out: &mut impl Write, snapshot: &Snapshot, trace: TraceIx, rows: &[(RowIx, usize)], output: Output) -> io::Result<()> {
    let (store, now) = (&snapshot.store, snapshot.now);
    let data = store.trace(trace);
    let end = if data.counts().running > 0 { data.end.max(now) } else { data.end };
    let cost_width = display::cost_width(&store.totals_of(trace));
    let widest = rows
        .iter()
        .map(|&(row, depth)| depth.min(INDENTED_LEVELS) * 2 + 2 + format::width(&format::safe(&display::name(store, store.row(row)))))
        .max();
    let number_width = TIME_WIDTH + TOKENS_WIDTH + cost_width;
    let name_width = widest.unwrap_or_default().min(output.width.map_or(usize::MAX, |width| (width * 2 / 5).max(12)));
    let bar_width = output.width.map_or(BAR_WIDTH, |width| (width.saturating_sub(name_width + number_width + 2) / 2).max(MIN_BAR_WIDTH));
    let tree = Tree { store, now, output, axis: Axis { start: data.start, end }, name_width, cost_width, bar_width };
    tree.headings(out)?;
    let guides = guides(rows);
    rows.iter().zip(guides).try_for_each(|(&(row, depth), guide)| tree.line(out, row, depth, &guide))
}

impl Tree<'_> {
    /// Writes the headings; that of the bars shows the duration of the trace.
    fn headings(&self, out: &mut impl Write) -> io::Result<()> {
        let length = format::duration(self.axis.end.saturating_sub(self.axis.start));
        let line = "─".repeat(self.bar_width.saturating_sub(format::width(&length) + 4));
        let cost = if self.cost_width > 0 { format::pad_left("COST", self.cost_width) } else { String::new() };
        let [pad, time, tokens] =
            [" ".repeat(self.name_width), format::pad_left("TIME", TIME_WIDTH), format::pad_left("TOK", TOKENS_WIDTH)];
        self.output.line(out, &[StyledText::new(&format!("{pad}{time}{tokens}{cost}  0s {line} {length}"), Style::Dim)])
    }

    fn line(&self, out: &mut impl Write, row: RowIx, depth: usize, guide: &str) -> io::Result<()> {
        let Self { store, output, .. } = *self;
        let data = store.row(row);
        let room = self.name_width.saturating_sub(format::width(guide) + 2);
        let name = format::fit(&format::safe(&display::name(store, data)), room).into_owned();
        let pad = " ".repeat(self.name_width.saturating_sub(format::width(guide) + 2 + format::width(&name)));
        let label = if depth == 0 || data.span_type.is_agentic() { Style::SpanType(data.span_type) } else { Style::Plain };
        let mut pieces = vec![
            StyledText::new(guide, Style::Dim),
            Output::symbol(data.span_type),
            StyledText::from(" ".to_owned()),
            StyledText::new(&name, label),
            pad.into(),
        ];
        pieces.extend(self.numbers(row));
        pieces.push("  ".to_owned().into());
        pieces.extend(self.bar(row));
        pieces.push("  ".to_owned().into());
        pieces.push(description(store, row, data.span_type != SpanType::Model));
        let notes: Vec<String> = display::note(store, row).into_iter().chain(display::call_facts(store, row, self.now)).collect();
        if !notes.is_empty() {
            pieces.push(StyledText::new(&format!("  {}", notes.join(" · ")), Style::Dim));
        }
        output.line(out, &pieces)
    }

    fn numbers(&self, row: RowIx) -> Vec<StyledText> {
        let data = self.store.row(row);
        // The first root stands for the trace, as in a list of traces.
        let is_first = self.store.trace(data.trace()).roots().first() == Some(&row);
        let totals = if is_first { self.store.totals_of(data.trace()) } else { self.store.totals(row) };
        let time = if is_first { display::trace_time(self.store, data.trace(), self.now) } else { display::elapsed(data, self.now) };
        let style = match data.phase {
            Phase::Running => Style::Status(RunStatus::Running),
            _ if time == format::UNKNOWN => Style::Dim,
            _ => Style::Plain,
        };
        let [tokens, cost] = usage(data.span_type, &totals);
        let mut pieces = vec![StyledText::new(&format::pad_left(&time, TIME_WIDTH), style), format::pad_left(&tokens, TOKENS_WIDTH).into()];
        pieces.extend((self.cost_width > 0).then(|| StyledText::from(format::pad_left(&format::align_money(&cost), self.cost_width))));
        pieces
    }

    fn bar(&self, row: RowIx) -> Vec<StyledText> {
        let data = self.store.row(row);
        let children = self.store.children(row);
        let bar = display::row_bar(self.store, row, children.iter().copied(), children.len(), false, self.now);
        let cells = bar.cells(self.axis, self.bar_width, self.output.glyphs);
        let mut pieces: Vec<StyledText> = Vec::new();
        for cell in cells {
            let piece = self.cell(cell, data.span_type, self.store.run_status(row));
            match pieces.last_mut() {
                Some(last) if last.style == piece.style => last.text.push_str(&piece.text),
                _ => pieces.push(piece),
            }
        }
        pieces
    }

    /// A left edge is drawn in reverse: its symbol is the gap. Without colours, the nearest right-aligned block is used.
    fn cell(&self, cell: Cell, span_type: SpanType, status: RunStatus) -> StyledText {
        let mut buffer = [0; 4];
        let symbol: &str = cell.symbol.encode_utf8(&mut buffer);
        let style = match (status, cell.shade) {
            (_, Shade::Blank) => Style::Plain,
            (RunStatus::Ok, _) => Style::SpanType(span_type),
            (status, _) => Style::Status(status),
        };
        match (cell.reversed, self.output.colour) {
            (false, _) => StyledText::new(symbol, style),
            (true, true) => StyledText::new(symbol, Style::Reversed(span_type)),
            (true, false) => StyledText::new(if ('▏'..='▎').contains(&cell.symbol) { "▐" } else { "▕" }, style),
        }
    }
}

/// Returns the lines that connect each row to its parent.
fn guides(rows: &[(RowIx, usize)]) -> Vec<String> {
    // From the last row: per level, whether a sibling follows.
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

/// Writes the parameters of the model calls: a line for calls of the same model with the same ones.
fn parameters(out: &mut impl Write, store: &Store, calls: &[(RowIx, Vec<Attribute>)], output: Output) -> io::Result<()> {
    let mut groups: Vec<(RowIx, &[Attribute], u64)> = Vec::new();
    for (row, parameters) in calls {
        let is_same =
            |(other, stated, _): &&mut (RowIx, &[Attribute], u64)| store.row(*other).label == store.row(*row).label && stated == parameters;
        match groups.iter_mut().find(is_same) {
            Some((.., count)) => *count += 1,
            None => groups.push((*row, parameters, 1)),
        }
    }
    if !groups.is_empty() {
        writeln!(out)?;
    }
    for (row, parameters, count) in groups {
        let data = store.row(row);
        let name = format!(" {}: ", display::name(store, data));
        let calls = if count == 1 { String::new() } else { format!(" · {}", format::plural(count, "call")) };
        let line = [
            Output::symbol(data.span_type),
            StyledText::new(&name, Style::Strong),
            StyledText::new(&display::parameters(parameters), Style::Plain),
            StyledText::new(&calls, Style::Dim),
        ];
        Output { width: None, ..output }.line(out, &line)?;
    }
    Ok(())
}

/// Writes what senders dropped because of their limits.
fn losses(out: &mut impl Write, store: &Store, dropped: &[(RowIx, Dropped)], output: Output) -> io::Result<()> {
    if dropped.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for &(row, Dropped { attributes, events, links }) in dropped {
        let counts = [(attributes, "attribute"), (events, "event"), (links, "link")];
        let counts: Vec<String> =
            counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| format::plural(count.into(), noun)).collect();
        let data = store.row(row);
        let name = format!("{} {}: ", data.span_type.name(), display::name(store, data));
        let what = format!("{} dropped by the sender", counts.join(", "));
        let line = [StyledText::new("! ", Style::Dim), StyledText::new(&name, Style::Strong), StyledText::new(&what, Style::Plain)];
        Output { width: None, ..output }.line(out, &line)?;
    }
    Ok(())
}

/// Writes the errors in full, earliest first.
fn errors(out: &mut impl Write, store: &Store, rows: &[(RowIx, usize)], output: Output) -> io::Result<()> {
    let has_failed = |&(row, _): &(RowIx, usize)| store.is_failed_step(row);
    let mut failed: Vec<RowIx> = rows.iter().copied().filter(has_failed).map(|(row, _)| row).collect();
    if failed.is_empty() {
        return Ok(());
    }
    sort::by_key(&mut failed, |&row| store.row(row).end);
    writeln!(out)?;
    for row in failed {
        let data = store.row(row);
        let error = store.text(store.failure_text(row));
        let error = if error.is_empty() { "no message" } else { error };
        let name = format!("{} {}: ", data.span_type.name(), display::name(store, data));
        let symbol = StyledText::new("✗ ", Style::Status(RunStatus::Error));
        let line = [symbol, StyledText::new(&name, Style::Strong), StyledText::new(error, Style::Plain)];
        Output { width: None, ..output }.line(out, &line)?;
    }
    Ok(())
}
