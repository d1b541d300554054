//! The sources popup: the state of every source, the ports and counts of listeners, and their forwarding.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::header::{ranked, state_symbol};
use super::styling::Styling;
use super::{popup, put};
use crate::format;
use crate::model::PayloadMemory;
use crate::sources::{Forwarding, Port, State, Traffic};
use crate::tui::app::{App, SourceView};
use crate::tui::widget::text::row;

/// The largest width of the popup in cells, with its frame.
const WIDTH: u16 = 120;

/// Lines and columns of the frame.
const FRAME: u16 = 2;

/// Cells by which the details of a source are indented.
const INDENT: u16 = 4;

/// A line of the popup, with the styles of its symbol and its text.
struct Line {
    indent: u16,
    symbol: &'static str,
    text: String,
    styles: [Style; 2],
}

/// Returns all lines, wrapped to the width of the popup.
fn lines(app: &App, area: Rect, styling: Styling) -> Vec<Line> {
    let room = area.width.min(WIDTH).saturating_sub(FRAME + 1);
    let mut lines = Vec::new();
    for source in ranked(app) {
        if !lines.is_empty() {
            lines.push(Line { indent: 0, symbol: "", text: String::new(), styles: [Style::new(); 2] });
        }
        for line in source_lines(source, styling) {
            wrap(&line, room, &mut lines);
        }
    }
    lines
}

/// Wraps a line to `room` cells.
fn wrap(line: &Line, room: u16, lines: &mut Vec<Line>) {
    let text = format::safe(&line.text);
    let (mut remaining, mut symbol) = (&*text, line.symbol);
    loop {
        let cells = usize::from(room.saturating_sub(line.indent + 2)).max(1);
        let (first, after) = remaining.split_at(row(remaining, cells));
        lines.push(Line { symbol, text: first.trim_end().to_owned(), ..*line });
        if after.is_empty() {
            return;
        }
        (remaining, symbol) = (after, "");
    }
}

fn source_lines(source: &SourceView, styling: Styling) -> Vec<Line> {
    let Traffic { ports, forwards, recording, .. } = &source.traffic;
    let failed = ports.iter().filter(|port| port.error.is_some()).count();
    let (symbol, style) = state_symbol(source, styling);
    let (state, state_style) = match &source.state {
        State::Waiting(reason) => (source.without_name(reason).to_owned(), styling.running()),
        State::Failing(_) if failed > 0 && failed < ports.len() => ("listening on some of its ports".to_owned(), styling.error()),
        State::Failing(_) if failed > 0 => ("not listening".to_owned(), styling.error()),
        State::Failing(reason) => (source.without_name(reason).to_owned(), styling.error()),
        State::Loading { done, total } => {
            (format!("loading, {} of {} spans", format::count(*done), format::count(*total)), styling.running())
        }
        State::Watching { left_out: 0 } if !ports.is_empty() => ("listening".to_owned(), styling.good()),
        State::Watching { left_out: 0 } => ("watching".to_owned(), styling.good()),
        State::Watching { left_out } => (format!("watching; {} left out", format::plural(*left_out, "older span")), styling.good()),
        State::WatchingNewest { left_out } => (format!("watching; {} left out", format::plural(*left_out, "older trace")), styling.good()),
        State::Ended => ("read to its end".to_owned(), styling.dim()),
    };
    let name = Line { indent: 0, symbol, text: source.name.clone(), styles: [style, styling.title()] };
    let detail = |symbol, text, style| Line { indent: INDENT, symbol, text, styles: [style, style] };
    let mut lines = vec![name, Line { indent: 0, symbol: "", text: state, styles: [state_style; 2] }];
    for port in ports {
        lines.extend(port_lines(port, styling).map(|(symbol, text, style)| detail(symbol, text, style)));
    }
    if !ports.is_empty() {
        lines.extend(counts(&source.traffic, styling).into_iter().map(|(text, style)| detail("", text, style)));
    }
    if let Some(path) = recording {
        let (symbol, style) = if source.traffic.failure.is_some() { ("✗", styling.error()) } else { ("●", styling.good()) };
        lines.push(detail(symbol, format!("recording into {}", path.display()), style));
    }
    for forward in forwards {
        lines.extend(forward_lines(forward, styling).map(|(symbol, text, style)| detail(symbol, text, style)));
    }
    lines
}

fn port_lines(port: &Port, styling: Styling) -> impl Iterator<Item = (&'static str, String, Style)> {
    let reachable = port.reachable.map_or_else(String::new, |address| format!(", for other machines {address}"));
    let first = match &port.error {
        Some(error) => ("✗", format!("{}; retrying", error.message), styling.error()),
        None => ("●", format!("{}{reachable}", port.address), styling.good()),
    };
    std::iter::once(first).chain(port.warning.clone().map(|warning| ("!", warning, styling.running())))
}

/// Returns the counts of a listener: accepted spans, failures, and dropped signals.
fn counts(traffic: &Traffic, styling: Styling) -> Vec<(String, Style)> {
    let Traffic {
        spans,
        rejected_spans,
        deferred,
        refused,
        refusal,
        failure,
        turned_away,
        logs,
        metrics,
        rejected_points,
        retained_bytes,
        memory,
        ..
    } = traffic;
    let mut counts =
        vec![(format!("{} received, {}", format::plural(*spans, "span"), payloads_held(*retained_bytes, *memory)), Style::new())];
    if rejected_spans + refused + deferred > 0 {
        let failed = [(*rejected_spans, "span", "rejected"), (*refused, "request", "refused"), (*deferred, "request", "put off")];
        let failed = failed.into_iter().filter(|(count, ..)| *count > 0);
        let texts: Vec<_> = failed.map(|(count, noun, what)| format!("{} {what}", format::plural(count, noun))).collect();
        counts.push((texts.join(", "), styling.error()));
    }
    if let Some(refusal) = refusal {
        counts.push((format!("last refused: {refusal}"), styling.error()));
    }
    if let Some(failure) = failure {
        counts.push((format!("last put off: {failure}"), styling.error()));
    }
    if *turned_away > 0 {
        counts.push((format!("{} turned away: all were busy", format::plural(*turned_away, "connection")), styling.error()));
    }
    if *logs > 0 {
        counts.push((format!("{} received", format::plural(*logs, "log record")), Style::new()));
    }
    if *metrics > 0 {
        let rejected = if *rejected_points > 0 { format!(", {} rejected", format::count(*rejected_points)) } else { String::new() };
        let style = if *rejected_points > 0 { styling.error() } else { Style::new() };
        counts.push((format!("{} of metrics received{rejected}", format::plural(*metrics, "point")), style));
    }
    counts
}

fn forward_lines(forward: &Forwarding, styling: Styling) -> impl Iterator<Item = (&'static str, String, Style)> {
    let [sent, waiting, dropped] = [forward.sent, forward.waiting, forward.dropped].map(format::count);
    let is_bad = forward.error.is_some() || forward.dropped > 0;
    let style = if is_bad { styling.error() } else { styling.good() };
    let text = format!("{}  requests: {sent} sent, {waiting} waiting, {dropped} dropped", forward.url);
    let error = forward.error.clone().map(|error| ("✗", format!("last attempt failed: {error}"), styling.error()));
    std::iter::once(("→", text, style)).chain(error)
}

/// Returns the largest scroll position, in lines, on a screen of this size.
pub(super) fn max_scroll(app: &App, area: Rect, styling: Styling) -> usize {
    lines(app, area, styling).len().saturating_sub(usize::from(area.height.saturating_sub(FRAME)))
}

/// Draws the popup from the line `scroll` on.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, scroll: usize, styling: Styling) {
    let lines = lines(app, area, styling);
    let end = max_scroll(app, area, styling);
    let title = if end == 0 { "Sources · esc closes" } else { "Sources · j k scroll, esc closes" };
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(FRAME);
    let inner = popup::draw(buffer, area, (WIDTH, height), title, styling);
    for (y, line) in (inner.top()..inner.bottom()).zip(lines.iter().skip(scroll.min(end))) {
        let x = inner.x + 1 + line.indent;
        let room = |x: u16| inner.right().saturating_sub(x);
        put(buffer, x, y, room(x).min(2), line.symbol, line.styles[0]);
        put(buffer, x + 2, y, room(x + 2), &line.text, line.styles[1]);
    }
}

/// Returns the size of the payloads, and the memory that they take if they are compressed.
fn payloads_held(bytes: u64, memory: PayloadMemory) -> String {
    // Less by more than what rounding hides.
    let is_compressed = memory.taken < bytes - bytes / 8;
    let within = if is_compressed { format!(" in {} of memory", format::bytes(memory.taken)) } else { String::new() };
    format!("{} of payloads held{within}", format::bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_compressed_payloads_is_told() {
        let held = |bytes, taken| payloads_held(bytes, PayloadMemory { counted: bytes, taken });
        assert_eq!(held(3_800_000_000, 300_000_000), "3.8 GB of payloads held in 300 MB of memory");
        assert_eq!(held(1_000_000, 1_100_000), "1.0 MB of payloads held");
        assert_eq!(held(0, 0), "0 B of payloads held");
    }
}
