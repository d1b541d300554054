//! The sources in full: how each is, where it listens, what went through it, and how passing on goes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::header::{beside_name, ranked, sign};
use super::styling::Styling;
use super::{popup, put};
use crate::format;
use crate::sources::{Forwarding, Port, State, Traffic};
use crate::tui::app::{App, SourceView};
use crate::tui::widget::text::row;

/// Cells of the box at most, frame included.
const WIDTH: u16 = 120;

/// Lines and columns of the frame.
const FRAME: u16 = 2;

/// Cells by which what belongs to a source is indented, and by which what a line has no room for is.
const INDENT: u16 = 4;

/// A line: how far it is indented, its sign, its text, and the looks of both.
struct Line {
    indent: u16,
    sign: &'static str,
    text: String,
    styles: [Style; 2],
}

/// Everything, each line as wide as the box allows.
fn lines(app: &App, area: Rect, theme: Styling) -> Vec<Line> {
    let room = area.width.min(WIDTH).saturating_sub(FRAME + 1);
    let mut lines = Vec::new();
    for source in ranked(app) {
        if !lines.is_empty() {
            lines.push(Line { indent: 0, sign: "", text: String::new(), styles: [Style::new(); 2] });
        }
        for line in of_source(source, theme) {
            wrap(&line, room, &mut lines);
        }
    }
    lines
}

/// Divides a line into as many as it takes.
fn wrap(line: &Line, room: u16, lines: &mut Vec<Line>) {
    let text = format::safe(&line.text);
    let (mut rest, mut sign) = (&*text, line.sign);
    loop {
        let cells = usize::from(room.saturating_sub(line.indent + 2)).max(1);
        let (first, after) = rest.split_at(row(rest, cells));
        lines.push(Line { sign, text: first.trim_end().to_owned(), ..*line });
        if after.is_empty() {
            return;
        }
        (rest, sign) = (after, "");
    }
}

fn of_source(source: &SourceView, theme: Styling) -> Vec<Line> {
    let Traffic { ports, forwards, .. } = &source.traffic;
    let failed = ports.iter().filter(|port| port.trouble.is_some()).count();
    let (symbol, style) = sign(source, theme);
    let (what, look) = match &source.state {
        State::Waiting(why) => (beside_name(source, why), theme.running()),
        State::Failing(_) if failed > 0 && failed < ports.len() => ("listening, but not everywhere".to_owned(), theme.error()),
        State::Failing(_) if failed > 0 => ("not listening".to_owned(), theme.error()),
        State::Failing(why) => (beside_name(source, why), theme.error()),
        State::Loading { done, total } => {
            (format!("loading, {} of {} spans", format::count(*done), format::count(*total)), theme.running())
        }
        State::Watching { left_out: 0 } if !ports.is_empty() => ("listening".to_owned(), theme.good()),
        State::Watching { left_out: 0 } => ("watching".to_owned(), theme.good()),
        State::Watching { left_out } => (format!("watching; {} older are left out", format::plural(*left_out, "span")), theme.good()),
        State::Ended => ("read to its end".to_owned(), theme.dim()),
    };
    let name = Line { indent: 0, sign: symbol, text: source.name.clone(), styles: [style, theme.title()] };
    let below = |sign, text, style| Line { indent: INDENT, sign, text, styles: [style, style] };
    let mut lines = vec![name, Line { indent: 0, sign: "", text: what, styles: [look; 2] }];
    for port in ports {
        lines.extend(of_port(port, theme).map(|(sign, text, style)| below(sign, text, style)));
    }
    if !ports.is_empty() {
        lines.extend(counts(&source.traffic, theme).into_iter().map(|(text, style)| below("", text, style)));
    }
    for forward in forwards {
        lines.extend(of_forward(forward, theme).map(|(sign, text, style)| below(sign, text, style)));
    }
    lines
}

fn of_port(port: &Port, theme: Styling) -> impl Iterator<Item = (&'static str, String, Style)> {
    let first = match &port.trouble {
        Some(trouble) => ("✗", format!("{}; it is tried again", trouble.words), theme.error()),
        None => ("●", port.address.to_string(), theme.good()),
    };
    std::iter::once(first).chain(port.warning.clone().map(|warning| ("!", warning, theme.running())))
}

/// What went through a listener, good and bad apart.
fn counts(traffic: &Traffic, theme: Styling) -> Vec<(String, Style)> {
    let Traffic { spans, rejected, put_off, refused, logs, metrics, held, .. } = traffic;
    let mut counts = vec![(format!("{} taken, {} of payloads held", format::plural(*spans, "span"), format::bytes(*held)), Style::new())];
    if rejected + refused + put_off > 0 {
        let [rejected, refused] = [(rejected, "span"), (refused, "request")].map(|(count, what)| format::plural(*count, what));
        counts.push((format!("{rejected} rejected, {refused} refused, {} put off", format::count(*put_off)), theme.error()));
    }
    if logs + metrics > 0 {
        let [logs, metrics] = [(logs, "log record"), (metrics, "metric data point")].map(|(count, what)| format::plural(*count, what));
        counts.push((format!("{logs} and {metrics} dropped"), theme.dim()));
    }
    counts
}

fn of_forward(forward: &Forwarding, theme: Styling) -> impl Iterator<Item = (&'static str, String, Style)> {
    let [sent, waiting, dropped] = [forward.sent, forward.waiting, forward.dropped].map(format::count);
    let is_bad = forward.trouble.is_some() || forward.dropped > 0;
    let style = if is_bad { theme.error() } else { theme.good() };
    let text = format!("{}  requests: {sent} sent, {waiting} waiting, {dropped} dropped", forward.url);
    let trouble = forward.trouble.clone().map(|trouble| ("✗", format!("the last try failed: {trouble}"), theme.error()));
    std::iter::once(("→", text, style)).chain(trouble)
}

/// By how many lines it can be scrolled on a screen of this size.
pub(super) fn end(app: &App, area: Rect, theme: Styling) -> usize {
    lines(app, area, theme).len().saturating_sub(usize::from(area.height.saturating_sub(FRAME)))
}

/// Paints it, scrolled by so many lines.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, scroll: usize, theme: Styling) {
    let lines = lines(app, area, theme);
    let end = end(app, area, theme);
    let title = if end == 0 { "Sources · esc closes" } else { "Sources · j k scroll, esc closes" };
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(FRAME);
    let inner = popup::draw(buffer, area, (WIDTH, height), title, theme);
    for (y, line) in (inner.top()..inner.bottom()).zip(lines.iter().skip(scroll.min(end))) {
        let x = inner.x + 1 + line.indent;
        let room = |x: u16| inner.right().saturating_sub(x);
        put(buffer, x, y, room(x).min(2), line.sign, line.styles[0]);
        put(buffer, x + 2, y, room(x + 2), &line.text, line.styles[1]);
    }
}
