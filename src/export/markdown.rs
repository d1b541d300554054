//! A report of a trace to read: its cost, tree, errors and conversation. Texts are escaped.

mod report;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::record::status_name;
use super::repeats::Repeats;
use super::{ExportedSpan, FindingRecord, SpanRecord, SpanWriter, TraceRecord, UsageRecord, WhyRecord};
use crate::format;
use crate::model::{Nanos, Payload, SpanType, Value};
use crate::semconv::{self, Message};
use crate::store::{By, RunStatus};
use report::Report;

#[derive(Debug)]
pub(super) struct Markdown {
    /// The report of the current trace.
    report: Option<Report>,
    written_messages: Repeats,
    /// The open agents, teams and so on, the innermost last; their answers follow their descendants.
    open: Vec<OpenSpan>,
    /// The characters that may still be written; `None` is no limit.
    remaining: Option<usize>,
    /// The number of traces without a report, for lack of space.
    omitted: usize,
    has_reports: bool,
}

impl Markdown {
    pub(super) fn new(max_chars: Option<usize>) -> Self {
        Self { report: None, written_messages: Repeats::default(), open: Vec::new(), remaining: max_chars, omitted: 0, has_reports: false }
    }

    /// Writes the answers of the open spans at `depth` or deeper.
    fn close(&mut self, depth: usize) {
        let Some(report) = &mut self.report else { return };
        while let Some(span) = self.open.pop_if(|span| span.depth >= depth) {
            write_messages(span.heading, &span.answer, self.written_messages.at(span.depth), report);
        }
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.close(0);
        let Some(report) = self.report.take() else { return Ok(()) };
        self.written_messages.clear();
        let mut text = String::new();
        if self.has_reports {
            text.push_str("\n---\n\n");
        }
        let limit = self.remaining.map(|remaining| remaining.saturating_sub(text.len() + NOTE_SIZE));
        match report.text(limit) {
            Some(report) => text.push_str(&report),
            None if !self.has_reports => text = report.beginning(self.remaining.unwrap_or_default()),
            None => {
                self.omitted += 1;
                return Ok(());
            }
        }
        self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(text.chars().count()));
        self.has_reports = true;
        out.write_all(text.as_bytes())
    }
}

/// The characters reserved for the note about omitted traces.
const NOTE_SIZE: usize = 60;

/// A span whose answer is not written yet.
#[derive(Debug)]
struct OpenSpan {
    depth: usize,
    heading: String,
    answer: Messages,
}

impl<W: Write> SpanWriter<W> for Markdown {
    fn trace(&mut self, trace: &TraceRecord, out: &mut W) -> io::Result<()> {
        self.flush(out)?;
        self.report = Some(Report::new(summary(trace)));
        Ok(())
    }

    fn findings(&mut self, why: WhyRecord) {
        if let Some(report) = &mut self.report {
            report.findings = why.findings.iter().map(finding).collect();
            report.findings.extend(left_out(&why).map(|note| format!("- {note}")));
        }
    }

    fn context(&mut self, context: String) {
        if let Some(report) = &mut self.report {
            report.contexts = context.lines().map(str::to_owned).collect();
        }
    }

    fn span(&mut self, span: ExportedSpan, _: &mut W) -> io::Result<()> {
        self.close(span.depth);
        let Some(report) = &mut self.report else { return Ok(()) };
        report.tree.push(tree_line(&span));
        if span.record.status == RunStatus::Error {
            let message = Some(&span.payload.status_message).filter(|message| !message.is_empty()).or(span.record.error.as_ref());
            report.errors.push((title(&span.record), message.cloned().unwrap_or_default()));
            report.errors.extend(exceptions(&span.payload).map(|(name, text)| (plain(&name), text)));
        }
        self.written_messages.enter(span.depth, span.record.kind.is_agentic());
        let written = self.written_messages.at(span.depth);
        match span.record.kind {
            SpanType::Model => write_model_call(&span, written, report),
            kind if kind.calls_tool() => write_tool(&span, written, report),
            kind if kind.is_agentic() => self.open.extend(write_input(&span, written, report)),
            _ if span.depth == 0 => self.open.extend(write_input(&span, written, report)),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        self.flush(out)?;
        if self.omitted > 0 {
            let note = format!("\n*{} cut.*\n", format::plural(self.omitted as u64, "more trace"));
            if self.remaining.is_none_or(|remaining| note.chars().count() <= remaining) {
                out.write_all(note.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Returns the heading and the totals.
fn summary(trace: &TraceRecord) -> String {
    let mut text = format!("# {}\n\n", plain(trace.title()));
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "- {name}: {value}");
    };
    fact("trace", &format!("`{}`", trace.trace_id));
    fact("began", &super::record::rfc3339(trace.start));
    let took = match (trace.end, trace.duration_ms) {
        (None, _) => "still running".to_owned(),
        (Some(_), Some(millis)) => format::duration((millis * 1e6) as Nanos),
        (Some(_), None) => trace.least_time(),
    };
    fact("took", &took);
    fact("status", status_name(trace.status));
    let failed = if trace.failed_steps > 0 { format!(", {} failed", trace.failed_steps) } else { String::new() };
    fact("spans", &format!("{}{failed}", format::count(trace.spans.into())));
    if let Some(usage) = usage(&trace.usage) {
        fact("used", &usage);
    }
    for (name, value) in [("agent", &trace.agent), ("session", &trace.session), ("user", &trace.user)] {
        if let Some(value) = value {
            fact(name, &plain(value));
        }
    }
    for sentence in &trace.scope {
        fact("covers", &plain(sentence));
    }
    text
}

/// Returns the line of something that stands out.
fn finding(finding: &FindingRecord) -> String {
    let span = finding.spans.first().map(|span| format!(" (span `{span}`)")).unwrap_or_default();
    format!("- {}{span}", plain(&finding.sentence))
}

/// Returns what is missing among the things that stand out, if anything is.
pub(super) fn left_out(why: &WhyRecord) -> Option<String> {
    let more = format::plural(why.left_out as u64, "less important finding");
    match (why.left_out, why.truncated) {
        (0, false) => None,
        (0, true) => Some("only the first spans of the trace were analysed".to_owned()),
        (_, false) => Some(format!("{more} left out")),
        (_, true) => Some(format!("{more} left out, and only the first spans of the trace were analysed")),
    }
}

/// Returns the line of a span in the tree.
fn tree_line(span: &ExportedSpan) -> String {
    let record = &span.record;
    let mut line = format!("{}{} {}", "  ".repeat(span.depth.min(40)), record.kind.name(), label(record));
    let duration = record.took();
    let _ = write!(line, "  {}", duration.as_deref().unwrap_or(status_name(record.status)));
    if let Some(usage) = usage(&record.usage) {
        let _ = write!(line, "  {usage}");
    }
    if record.status == RunStatus::Error {
        let _ = write!(line, "  ERROR {}", record.error.as_deref().map(format::safe).unwrap_or_default());
    }
    line
}

/// Returns the name of the agent, model or tool, or else of the span.
pub(super) fn label(record: &SpanRecord) -> String {
    let label = match By::of(record.kind) {
        Some(By::Model) => &record.model,
        Some(By::Tool) => &record.tool,
        Some(By::Agent) => &record.agent,
        None => &None,
    };
    format::safe(label.as_deref().unwrap_or(&record.name)).into_owned()
}

fn title(record: &SpanRecord) -> String {
    plain(&format!("{} {}", record.kind.name(), label(record)))
}

pub(super) fn usage(usage: &UsageRecord) -> Option<String> {
    let mut parts = Vec::new();
    let bound = if usage.tokens_incomplete { "≥" } else { "" };
    for (count, what) in [(usage.input_tokens, "in"), (usage.output_tokens, "out")] {
        parts.extend(count.map(|count| format!("{bound}{} {what}", format::count(count))));
    }
    parts.extend(usage.cost_usd.map(|cost| format::money_at_least(Some((cost * 1e9).round() as i64), usage.cost_incomplete)));
    (!parts.is_empty()).then(|| parts.join(", "))
}

pub(super) fn exceptions(payload: &Payload) -> impl Iterator<Item = (String, String)> {
    payload.events.iter().filter(|event| event.name == "exception").flat_map(|event| {
        let shown = event.attributes.iter().filter(|(name, _)| name == "exception.stacktrace" || name == "exception.type");
        shown.map(|(name, value)| (name.clone(), text(value)))
    })
}

/// Writes the messages of a model call that no earlier call had, below the number of the call.
fn write_model_call(span: &ExportedSpan, written: &mut HashSet<String>, report: &mut Report) {
    let (mut messages, answer) = conversation(&span.payload);
    messages.extend(answer);
    let usage = usage(&span.record.usage).map(|usage| format!(" ({usage})")).unwrap_or_default();
    // Of a call that several spans report, one counts.
    let heading = if span.record.duplicate {
        format!("{}{usage}, a call that another span reports, too", title(&span.record))
    } else {
        report.calls += 1;
        format!("call {}: {}{usage}", report.calls, title(&span.record))
    };
    let parts = report.messages.len();
    write_messages(heading.clone(), &messages, written, report);
    if report.messages.len() == parts {
        report.messages.push((format!("### {heading}, no new messages"), None));
    }
}

/// Writes the input of a span that calls models. Returns what follows its descendants: its answer, and its messages, which usually repeat
/// those of the calls.
fn write_input(span: &ExportedSpan, written: &mut HashSet<String>, report: &mut Report) -> Option<OpenSpan> {
    let (mut input, answer) = conversation(&span.payload);
    let values = input.iter().filter(|(name, _)| name == INPUT).count();
    let mut later = input.split_off(values);
    write_messages(title(&span.record), &input, written, report);
    later.extend(answer);
    (!later.is_empty()).then(|| OpenSpan { depth: span.depth, heading: title(&span.record), answer: later })
}

/// The heading of an input that is not a message.
const INPUT: &str = "input";

/// Messages with their headings.
pub(super) type Messages = Vec<(String, Message)>;

/// Returns the input and the output of a span: its messages, or else its input and output values.
pub(super) fn conversation(payload: &Payload) -> (Messages, Messages) {
    let conversation = semconv::conversation(payload);
    let attributes = &payload.attributes;
    let messages = |messages: Vec<Message>, value: Option<&Value>, name: &str, role: &str| -> Messages {
        match value.map(text) {
            Some(text) if messages.is_empty() => {
                // The text may be a JSON string.
                let text = serde_json::from_str(&text).unwrap_or(text);
                vec![(name.to_owned(), Message { role: role.to_owned(), text, ..Message::default() })]
            }
            _ => messages
                .into_iter()
                .map(|message| (if message.role.is_empty() { name } else { &message.role }.to_owned(), message))
                .collect(),
        }
    };
    (
        messages(conversation.input, semconv::input(attributes), INPUT, "user"),
        messages(conversation.output, semconv::output_of(payload), "output", "assistant"),
    )
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_json(),
    }
}

/// Writes messages below a heading, except those that are in the report already.
fn write_messages(heading: String, messages: &[(String, Message)], written: &mut HashSet<String>, report: &mut Report) {
    let mut heading = Some(heading);
    for (name, message) in messages {
        if !written.insert(message_key(message)) || message.role == "tool" && written.contains(&result_key(&message.text)) {
            continue;
        }
        if let Some(heading) = heading.take() {
            report.messages.push((format!("### {heading}"), None));
        }
        let is_empty = message.text.is_empty() && message.reasoning.is_empty() && message.tool_calls.is_empty();
        let name = plain(name);
        let name = if is_empty { format!("**{name}** (empty)") } else { format!("**{name}**") };
        report.messages.push((name, Some(message.text.clone()).filter(|text| !text.is_empty())));
        if !message.reasoning.is_empty() {
            report.messages.push(("**reasoning**".to_owned(), Some(message.reasoning.clone())));
        }
        for call in &message.tool_calls {
            report.messages.push((format!("**calls** {}", plain(&call.name)), Some(call.arguments.clone())));
        }
    }
}

/// Returns a key that equal messages share, however their JSON is spaced.
pub(super) fn message_key(message: &Message) -> String {
    let calls = message.tool_calls.iter().map(|call| format!("{}({})", call.name, call.arguments.split_whitespace().collect::<String>()));
    let calls: Vec<_> = calls.collect();
    format!("{}\0{}\0{}", message.role, message.text.trim(), calls.join("\0"))
}

fn result_key(text: &str) -> String {
    format!("result\0{}", text.trim())
}

/// Writes the input and the result of a tool.
fn write_tool(span: &ExportedSpan, written: &mut HashSet<String>, report: &mut Report) {
    let (input, output) = (semconv::input(&span.payload.attributes).map(text), semconv::output_of(&span.payload).map(text));
    let nothing = if input.is_none() && output.is_none() { " (no input or output recorded)" } else { "" };
    report.messages.push((format!("### {}{nothing}", title(&span.record)), None));
    report.messages.extend(input.map(|input| ("**input**".to_owned(), Some(input))));
    if let Some(output) = output {
        written.insert(result_key(&output));
        report.messages.push(("**result**".to_owned(), Some(output)));
    }
}

/// What is said of the numbers of parts.
pub(super) const PARTS_NOTE: &str = "Parts marked ~ are estimated by length; they add up to the stated input.";

/// Escapes a name for one line of Markdown.
#[must_use]
pub fn plain(text: &str) -> String {
    format::safe(text)
        .chars()
        .flat_map(|c| matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '#' | '|').then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests;
