//! The tree of traces as a picture: names, times, tokens, cost and bars, in the colours of a theme. It holds no script, link or request.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::markdown::label;
use super::record::status_name;
use super::{ExportedSpan, SpanWriter, TraceRecord};
use crate::format;
use crate::model::{Nanos, SpanType};
use crate::store::RunStatus;

/// The most rows of a picture.
const MAX_ROWS: usize = 2000;

/// The levels of the tree that are indented.
const LEVELS: usize = 24;

/// The size of a cell, and of the margins, in pixels.
const CELL: (usize, usize) = (8, 20);
const MARGIN: usize = 16;

/// The cells of a name with its error, and the right ends of the columns of numbers.
const NAME: usize = 70;
const NUMBERS: [usize; 3] = [80, 96, 107];

/// The first cell of the bars, and how many there are.
const BARS: (usize, usize) = (110, 44);

/// The parts of a bar in which the span itself ran; more are drawn as one.
const MAX_PARTS: usize = 64;

/// Colours as red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub background: [u8; 3],
    /// Names and numbers.
    pub text: [u8; 3],
    /// What matters less.
    pub dim: [u8; 3],
    /// The lines of the tree.
    pub frame: [u8; 3],
    /// Agents.
    pub agent: [u8; 3],
    /// Teams.
    pub team: [u8; 3],
    /// Workflows and steps.
    pub step: [u8; 3],
    /// Model calls.
    pub model: [u8; 3],
    /// Tool calls.
    pub tool: [u8; 3],
    /// Everything else.
    pub other: [u8; 3],
    /// What runs.
    pub running: [u8; 3],
    /// Failures.
    pub error: [u8; 3],
}

impl Default for Palette {
    /// Light on black.
    fn default() -> Self {
        Self {
            background: [8, 8, 8],
            text: [208, 208, 208],
            dim: [148, 148, 148],
            frame: [98, 98, 98],
            agent: [95, 175, 255],
            team: [175, 135, 255],
            step: [135, 175, 175],
            model: [95, 215, 175],
            tool: [215, 175, 95],
            other: [178, 178, 178],
            running: [255, 215, 0],
            error: [255, 95, 95],
        }
    }
}

impl Palette {
    fn css(&self) -> String {
        let colours = [
            ("t", self.text),
            ("i", self.dim),
            ("agent", self.agent),
            ("team", self.team),
            ("step", self.step),
            ("model", self.model),
            ("tool", self.tool),
            ("other", self.other),
            ("run", self.running),
            ("bad", self.error),
        ];
        let css: String = colours.iter().fold(String::new(), |css, (class, colour)| css + &format!(".{class}{{fill:{}}}", hex(*colour)));
        format!("{css}path{{fill:none;stroke:{}}}", hex(self.frame))
    }
}

/// A row of a picture.
#[derive(Debug)]
struct Row {
    depth: usize,
    kind: SpanType,
    status: RunStatus,
    name: String,
    error: String,
    numbers: [String; 3],
    times: (Nanos, Nanos),
}

/// A trace and its rows.
#[derive(Debug)]
struct Picture {
    title: String,
    facts: String,
    scope: Vec<String>,
    axis: (Nanos, Nanos),
    rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Svg {
    palette: Palette,
    pictures: Vec<Picture>,
    rows: usize,
    left_out: u64,
}

impl Svg {
    pub(super) fn new(palette: Palette) -> Self {
        Self { palette, pictures: Vec::new(), rows: 0, left_out: 0 }
    }
}

impl<W: Write> SpanWriter<W> for Svg {
    fn trace(&mut self, trace: &TraceRecord, _: &mut W) -> io::Result<()> {
        if self.rows < MAX_ROWS {
            self.pictures.push(Picture::new(trace));
        }
        Ok(())
    }

    fn span(&mut self, span: ExportedSpan, _: &mut W) -> io::Result<()> {
        match self.pictures.last_mut() {
            Some(picture) if self.rows < MAX_ROWS => {
                self.rows += 1;
                let until = picture.axis.1;
                picture.rows.push(Row::new(&span, until));
            }
            _ => self.left_out += 1,
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        if self.pictures.is_empty() {
            return Ok(());
        }
        let (mut body, mut line) = (String::new(), 0);
        for picture in &self.pictures {
            picture.draw(&mut line, &mut body);
        }
        if self.left_out > 0 {
            text(0, line, "i", &format!("{} left out", format::plural(self.left_out, "more span")), &mut body);
            line += 1;
        }
        let (width, height) = ((BARS.0 + BARS.1 + 8) * CELL.0 + 2 * MARGIN, line.max(1) * CELL.1 + 2 * MARGIN);
        let title = self.pictures.first().map_or("Traces", |picture| &picture.title);
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
             <title>{}</title>\n<style>text{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre}}\
             .r{{text-anchor:end}}.c{{fill-opacity:.45}}{}</style>\n<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n\
             <g transform=\"translate({MARGIN} {MARGIN})\">\n{body}</g>\n</svg>\n",
            xml(title),
            self.palette.css(),
            hex(self.palette.background)
        )
    }
}

impl Picture {
    fn new(trace: &TraceRecord) -> Self {
        let took = match (trace.end, trace.duration_ms) {
            (None, _) => format!("running for {}", format::duration(trace.until.saturating_sub(trace.start).max(0))),
            (_, Some(millis)) => format::duration((millis * 1e6) as Nanos),
            (_, None) => trace.least_time(),
        };
        let mut facts = vec![trace.trace_id.to_string(), status_name(trace.status).to_owned(), took];
        facts.push(format::plural(trace.spans.into(), "span"));
        facts.extend(super::markdown::usage(&trace.usage));
        Self {
            title: trace.title().to_owned(),
            facts: facts.join(" · "),
            scope: trace.scope.clone(),
            axis: (trace.start, trace.until),
            rows: Vec::new(),
        }
    }

    fn draw(&self, line: &mut usize, body: &mut String) {
        text(0, *line, "t", &format::fit(&format::safe(&self.title), NAME), body);
        *line += 1;
        for fact in std::iter::once(&self.facts).chain(&self.scope) {
            text(0, *line, "i", fact, body);
            *line += 1;
        }
        let length = self.axis.1.saturating_sub(self.axis.0).max(0);
        for (column, title) in NUMBERS.iter().zip(["TIME", "TOKENS", "COST"]) {
            text(*column, *line, "i r", title, body);
        }
        text(BARS.0, *line, "i", "0s", body);
        text(BARS.0 + BARS.1, *line, "i r", &format::duration(length), body);
        *line += 1;
        // The line of the last row of each level.
        let mut above: Vec<usize> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let depth = row.depth.min(LEVELS);
            above.resize(depth + 1, *line);
            above[depth] = *line;
            if depth > 0 {
                let x = (depth - 1) * 2 * CELL.0 + 4;
                let (from, to) = (above[depth - 1] * CELL.1 + 17, *line * CELL.1 + 9);
                let _ = writeln!(body, "<path d=\"M{x} {from}V{to}h10\"/>");
            }
            self.draw_row(row, self.children(at), *line, body);
            *line += 1;
        }
        *line += 1;
    }

    /// Returns the times of the rows directly below a row.
    fn children(&self, at: usize) -> Vec<(Nanos, Nanos)> {
        let depth = self.rows[at].depth;
        let below = self.rows[at + 1..].iter().take_while(|row| row.depth > depth);
        below.filter(|row| row.depth == depth + 1).map(|row| row.times).collect()
    }

    fn draw_row(&self, row: &Row, children: Vec<(Nanos, Nanos)>, line: usize, body: &mut String) {
        let indent = row.depth.min(LEVELS) * 2;
        let class = class(row.kind);
        text(indent, line, class, row.kind.symbol(), body);
        let room = NAME - indent - 2;
        let name = format::fit(&row.name, room).into_owned();
        let is_agent = row.depth == 0 || row.kind.is_agentic();
        text(indent + 2, line, if is_agent { class } else { "t" }, &name, body);
        let used = format::width(&name) + 2;
        if !row.error.is_empty() && room > used + 4 {
            text(indent + 2 + used, line, "bad", &format::fit(&format!("✗ {}", row.error), room - used), body);
        }
        for (column, number) in NUMBERS.iter().zip(&row.numbers) {
            text(*column, line, "t r", number, body);
        }
        let class = match row.status {
            RunStatus::Error | RunStatus::Cut => "bad",
            RunStatus::Running | RunStatus::Paused => "run",
            RunStatus::Lost => "i",
            RunStatus::Ok => class,
        };
        self.bar(row.times, &format!("{class} c"), line, body);
        for part in own(row.times, children) {
            self.bar(part, class, line, body);
        }
    }

    fn bar(&self, (start, end): (Nanos, Nanos), class: &str, line: usize, body: &mut String) {
        let (from, to) = self.axis;
        let (length, width) = (to.saturating_sub(from), (BARS.1 * CELL.0) as f64);
        if length <= 0 {
            return;
        }
        let at = |time: Nanos| (time.saturating_sub(from) as f64 / length as f64 * width).clamp(0.0, width);
        let wide = (at(end) - at(start)).max(1.0);
        let x = (BARS.0 * CELL.0) as f64 + at(start).min(width - wide);
        let y = line * CELL.1 + 3;
        let _ = writeln!(body, "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{wide:.1}\" height=\"12\"/>");
    }
}

impl Row {
    fn new(span: &ExportedSpan, until: Nanos) -> Self {
        let record = &span.record;
        let end = record.known_end().unwrap_or(until).max(record.start);
        let took = record.took().unwrap_or_else(|| status_name(record.status).to_owned());
        let usage = &record.usage;
        let count = |count: Option<u64>| count.map_or_else(|| format::UNKNOWN.to_owned(), format::count);
        let has_tokens = usage.input_tokens.or(usage.output_tokens).is_some();
        let tokens = if has_tokens { format!("{} → {}", count(usage.input_tokens), count(usage.output_tokens)) } else { String::new() };
        let cost = usage.cost_usd.map(|cost| format::money_at_least(Some((cost * 1e9).round() as i64), usage.cost_incomplete));
        let error = if record.failed && !record.kind.is_agentic() { record.error.as_deref().unwrap_or_default() } else { "" };
        Self {
            depth: span.depth,
            kind: record.kind,
            status: record.status,
            name: label(record),
            error: format::safe(error).into_owned(),
            numbers: [took, tokens, cost.unwrap_or_default()],
            times: (record.start, end),
        }
    }
}

/// Returns the parts of a time in which none of the children ran; the whole time if there are too many.
fn own((start, end): (Nanos, Nanos), mut children: Vec<(Nanos, Nanos)>) -> Vec<(Nanos, Nanos)> {
    children.sort_unstable();
    let (mut parts, mut at) = (Vec::new(), start);
    for (from, to) in children {
        if from > at && at < end {
            parts.push((at, from.min(end)));
        }
        at = at.max(to);
    }
    if at < end {
        parts.push((at, end));
    }
    if parts.len() > MAX_PARTS { vec![(start, end)] } else { parts }
}

fn class(kind: SpanType) -> &'static str {
    match kind {
        SpanType::Agent => "agent",
        SpanType::Team => "team",
        SpanType::Workflow | SpanType::Step => "step",
        kind if kind.calls_model() => "model",
        kind if kind.calls_tool() => "tool",
        _ => "other",
    }
}

/// Writes a text at a cell.
fn text(column: usize, line: usize, class: &str, text: &str, body: &mut String) {
    if !text.is_empty() {
        let (x, y) = (column * CELL.0, line * CELL.1 + 14);
        let _ = writeln!(body, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", xml(text));
    }
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Returns a text for XML, without the characters that it forbids.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in format::safe(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => escaped.push(c),
            _ => {}
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
