//! Traces as one HTML file for people: sums, what stands out, the tree with bars, messages and errors. It needs no other file and no script; the
//! script only searches. A policy in it allows this style and this script, and no request.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::markdown::{PARTS_NOTE, conversation, exceptions, label, left_out, message_key, text, usage};
use super::record::{rfc3339, status_name};
use super::repeats::Repeats;
use super::{ExportedSpan, SpanWriter, TraceRecord, WhyRecord};
use crate::format;
use crate::model::{Nanos, SpanType};
use crate::semconv::{self, Message};
use crate::store::RunStatus;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The SHA-256 of the style and of the script, in Base64.
const STYLE_HASH: &str = "htcKzxv6Pww2E7cxMzUOrhYgPUzNDFACF0AsMJLcNNo=";
const SCRIPT_HASH: &str = "x7SEqspo1svbcxmQY0NNvFyGcn5iz6N8tSCa6DYnsSA=";

/// The levels of the tree that are indented.
const LEVELS: usize = 24;

/// The width of the coordinate system of bars, and the narrowest bar.
const WIDTH: f64 = 1000.0;
const MIN_WIDTH: f64 = 2.0;

#[derive(Debug, Default)]
pub(super) struct Html {
    is_open: bool,
    /// Whether the sums of a trace were written and its findings were not.
    has_head: bool,
    /// The start of the current trace and its length until its end or now; not above 0 if clocks jumped.
    axis: (Nanos, Nanos),
    written: Repeats,
    findings: Option<WhyRecord>,
    /// What fills the contexts of the current trace's model calls, lines of Markdown.
    contexts: String,
}

impl<W: Write> SpanWriter<W> for Html {
    fn trace(&mut self, trace: &TraceRecord, out: &mut W) -> io::Result<()> {
        if !self.is_open {
            write!(out, "{}", head())?;
            self.is_open = true;
        }
        self.end_head(out)?;
        self.written.clear();
        self.has_head = true;
        self.axis = (trace.start, trace.until.saturating_sub(trace.start));
        write!(out, "{}", summary(trace))
    }

    fn findings(&mut self, why: WhyRecord) {
        self.findings = Some(why);
    }

    fn context(&mut self, context: String) {
        self.contexts = context;
    }

    fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()> {
        self.end_head(out)?;
        self.written.enter(span.depth, span.record.kind.is_agentic());
        write!(out, "{}", self.details(&span))
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        if self.is_open {
            self.end_head(out)?;
            write!(out, "<script>{SCRIPT}</script>\n</body>\n</html>\n")?;
        }
        Ok(())
    }
}

impl Html {
    /// Writes what stands in front of the steps of a trace, once.
    fn end_head(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !std::mem::take(&mut self.has_head) {
            return Ok(());
        }
        if let Some(why) = self.findings.take().filter(|why| !why.findings.is_empty()) {
            writeln!(out, "<h2>What stands out</h2>\n<ol>")?;
            for finding in &why.findings {
                let span = finding.spans.first().map_or_else(String::new, |span| format!(" <span class=\"dim\">span {span}</span>"));
                writeln!(out, "<li>{}{span}</li>", line(&finding.sentence))?;
            }
            let more = left_out(&why).map_or_else(String::new, |note| format!("<p class=\"dim\">{note}</p>\n"));
            write!(out, "</ol>\n{more}")?;
        }
        let contexts = std::mem::take(&mut self.contexts);
        if !contexts.is_empty() {
            writeln!(out, "<h2>Context</h2>\n<p class=\"dim\">{PARTS_NOTE}</p>\n<ul>")?;
            for text in contexts.lines() {
                let depth = if text.starts_with(' ') { " class=\"d1\"" } else { "" };
                writeln!(out, "<li{depth}>{}</li>", line(&unescaped(text.trim_start().trim_start_matches("- "))))?;
            }
            writeln!(out, "</ul>")?;
        }
        writeln!(out, "<h2>Steps</h2>")
    }

    /// Returns a span as a line that unfolds.
    fn details(&mut self, span: &ExportedSpan) -> String {
        let record = &span.record;
        let depth = span.depth.min(LEVELS);
        let took = record.took();
        let class = class(record.kind);
        let failed = record.status == RunStatus::Error;
        let mut html = format!("<details><summary><span class=\"d{depth}\"><span class=\"{class}\">{}</span> ", record.kind.name());
        let name = if failed { format!("<span class=\"bad\">✗ {}</span>", line(&label(record))) } else { line(&label(record)) };
        let _ = write!(html, "{name}</span><span class=\"n\">{}</span>", took.as_deref().unwrap_or(status_name(record.status)));
        let bound = if record.usage.tokens_incomplete { "≥" } else { "" };
        let count =
            |count: Option<u64>| count.map_or_else(|| format::UNKNOWN.to_owned(), |count| format!("{bound}{}", format::count(count)));
        let tokens = record.usage.input_tokens.or(record.usage.output_tokens).is_some();
        let tokens =
            if tokens { format!("{} → {}", count(record.usage.input_tokens), count(record.usage.output_tokens)) } else { String::new() };
        let cost =
            record.usage.cost_usd.map(|cost| format::money_at_least(Some((cost * 1e9).round() as i64), record.usage.cost_incomplete));
        let _ = write!(html, "<span class=\"n\">{tokens}</span><span class=\"n\">{}</span>", cost.unwrap_or_default());
        let _ = writeln!(html, "{}</summary><div>", self.bar(record.start, record.known_end(), if failed { "bad" } else { class }));
        let status = status_name(record.status);
        let id = record.stated_id.map_or_else(|| format::UNKNOWN.to_owned(), |id| id.to_string());
        let _ = writeln!(html, "<p class=\"dim\">span {id} · {status} · began {}</p>", rfc3339(record.start));
        self.contents(span, &mut html);
        html.push_str("</div></details>\n");
        html
    }

    fn bar(&self, start: Nanos, end: Option<Nanos>, class: &str) -> String {
        let (from, length) = self.axis;
        if length <= 0 {
            return "<span></span>".to_owned();
        }
        // What runs has a bar up to now.
        let end = end.unwrap_or(from.saturating_add(length));
        let at = |time: Nanos| (time.saturating_sub(from) as f64 / length as f64 * WIDTH).clamp(0.0, WIDTH);
        let width = (at(end) - at(start)).max(MIN_WIDTH);
        let x = at(start).min(WIDTH - width);
        format!(
            "<svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\"><rect class=\"{class}\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"10\"/></svg>"
        )
    }

    /// Writes the error, the messages, and the input and output of a span.
    fn contents(&mut self, span: &ExportedSpan, html: &mut String) {
        let record = &span.record;
        if record.status == RunStatus::Error {
            let message = Some(&span.payload.status_message).filter(|message| !message.is_empty()).or(record.error.as_ref());
            // A run that failed with a step in it has no message of its own.
            match message {
                Some(message) => part("error", "bad", message, html),
                None if record.kind.is_agentic() => {}
                None => part("error", "bad", "no message was recorded", html),
            }
            exceptions(&span.payload).for_each(|(name, text)| part(&name, "bad", &text, html));
        }
        if record.kind.calls_tool() {
            let values = [("input", semconv::input(&span.payload.attributes)), ("result", semconv::output_of(&span.payload))];
            for (name, value) in values {
                if let Some(value) = value.map(text) {
                    part(name, "dim", &value, html);
                }
            }
            return;
        }
        let (input, output) = conversation(&span.payload);
        // What a run was told and answered stands with it in full, and so does the answer of each call.
        let is_run = record.kind.is_agentic();
        let written = self.written.at(span.depth);
        let mut repeated = 0;
        for (name, message) in &input {
            if !is_run && !written.insert(message_key(message)) {
                repeated += 1;
                continue;
            }
            note_repeated(&mut repeated, html);
            message_parts(name, message, html);
        }
        note_repeated(&mut repeated, html);
        for (name, message) in &output {
            if !is_run {
                written.insert(message_key(message));
            }
            message_parts(name, message, html);
        }
    }
}

/// Writes how many messages of earlier calls were passed over, if any.
fn note_repeated(count: &mut u64, html: &mut String) {
    if *count > 0 {
        let _ = writeln!(html, "<p class=\"dim\">{} of earlier calls of this run</p>", format::plural(std::mem::take(count), "message"));
    }
}

fn message_parts(name: &str, message: &Message, html: &mut String) {
    if !message.text.is_empty() {
        part(name, "dim", &message.text, html);
    }
    if !message.reasoning.is_empty() {
        part("reasoning", "dim", &message.reasoning, html);
    }
    for call in &message.tool_calls {
        part(&format!("calls {}", call.name), "tool", &call.arguments, html);
    }
}

/// Returns the beginning of the file.
fn head() -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; \
         script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Traces</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <p hidden><label>Find <input id=\"find\" type=\"search\" autocomplete=\"off\"></label> <span id=\"count\" class=\"dim\"></span></p>\n"
    )
}

/// Returns the heading and the sums of a trace.
fn summary(trace: &TraceRecord) -> String {
    let mut html = format!("<h1>{}</h1>\n<dl>\n", line(trace.title()));
    let took = match (trace.end, trace.duration_ms) {
        (None, _) => "still running".to_owned(),
        (Some(_), Some(millis)) => format::duration((millis * 1e6) as Nanos),
        (Some(_), None) => trace.least_time(),
    };
    let failed = if trace.failed_steps > 0 { format!(", {} failed", trace.failed_steps) } else { String::new() };
    let facts = [
        ("trace", Some(trace.trace_id.to_string())),
        ("status", Some(status_name(trace.status).to_owned())),
        ("began", Some(rfc3339(trace.start))),
        ("took", Some(took)),
        ("spans", Some(format!("{}{failed}", format::count(trace.spans.into())))),
        ("used", usage(&trace.usage)),
        ("agent", trace.agent.clone()),
        ("session", trace.session.clone()),
        ("user", trace.user.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            let _ = writeln!(html, "<dt>{name}</dt><dd>{}</dd>", line(&value));
        }
    }
    for sentence in &trace.scope {
        let _ = writeln!(html, "<dt>covers</dt><dd>{}</dd>", line(sentence));
    }
    html.push_str("</dl>\n");
    html
}

/// Writes a titled text.
fn part(title: &str, class: &str, text: &str, html: &mut String) {
    let _ = writeln!(html, "<p class=\"{class}\">{}</p><pre>{}</pre>", line(title), escape(&format::safe_lines(text)));
}

fn class(kind: SpanType) -> &'static str {
    match kind {
        kind if kind.is_agentic() => "agent",
        kind if kind.calls_model() => "model",
        kind if kind.calls_tool() => "tool",
        _ => "other",
    }
}

/// Returns a text without the escapes of Markdown.
fn unescaped(text: &str) -> String {
    let (mut plain, mut is_escaped) = (String::with_capacity(text.len()), false);
    for c in text.chars() {
        is_escaped = c == '\\' && !is_escaped;
        if !is_escaped {
            plain.push(c);
        }
    }
    plain
}

/// Escapes a text for one line.
fn line(text: &str) -> String {
    escape(&format::safe(text))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
