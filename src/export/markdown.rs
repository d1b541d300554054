//! A trace as a report for people: what it cost, its tree, what failed, and the conversation. Text is made safe to show.

mod report;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::record::status_name;
use super::{ExportedSpan, SpanRecord, SpanWriter, TraceRecord, UsageRecord};
use crate::format;
use crate::model::{Payload, SpanType, Value};
use crate::semconv::{self, Message};
use crate::store::{By, RunStatus};
use report::Report;

#[derive(Debug)]
pub(super) struct Markdown {
    /// The trace that is being taken in.
    report: Option<Report>,
    /// What was said already, which later calls repeat.
    said: HashSet<String>,
    /// Spans whose answers come after what runs under them: depth, heading, answer; the innermost last.
    open: Vec<(usize, String, Answer)>,
    /// Characters that may still be written.
    left: Option<usize>,
    /// Traces that found no room.
    cut: usize,
    written: bool,
}

impl Markdown {
    pub(super) fn new(max_chars: Option<usize>) -> Self {
        Self { report: None, said: HashSet::new(), open: Vec::new(), left: max_chars, cut: 0, written: false }
    }

    /// Writes the answers of the spans that are still open at `depth` or deeper.
    fn close(&mut self, depth: usize) {
        let Some(report) = &mut self.report else { return };
        while let Some((_, heading, answer)) = self.open.pop_if(|(open, ..)| *open >= depth) {
            say(heading, &answer, &mut self.said, report);
        }
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.close(0);
        let Some(report) = self.report.take() else { return Ok(()) };
        self.said.clear();
        let mut text = String::new();
        if self.written {
            text.push_str("\n---\n\n");
        }
        // Room is left to say how many traces were cut.
        let left = self.left.map(|left| left.saturating_sub(text.len() + CUT));
        match report.text(left) {
            Some(report) => text.push_str(&report),
            None if !self.written => text = report.cut_off(self.left.unwrap_or_default()),
            None => {
                self.cut += 1;
                return Ok(());
            }
        }
        self.left = self.left.map(|left| left.saturating_sub(text.chars().count()));
        self.written = true;
        out.write_all(text.as_bytes())
    }
}

/// Characters of the line that says how many traces were cut, at most.
const CUT: usize = 60;

impl<W: Write> SpanWriter<W> for Markdown {
    fn trace(&mut self, trace: &TraceRecord, out: &mut W) -> io::Result<()> {
        self.flush(out)?;
        self.report = Some(Report::new(head(trace)));
        Ok(())
    }

    fn span(&mut self, span: ExportedSpan, _: &mut W) -> io::Result<()> {
        self.close(span.depth);
        let Some(report) = &mut self.report else { return Ok(()) };
        report.tree.push(line(&span));
        if span.record.status == RunStatus::Error {
            let message = if span.payload.status_message.is_empty() {
                span.record.error.clone().unwrap_or_default()
            } else {
                span.payload.status_message.clone()
            };
            report.errors.push((title(&span.record), message));
            for (title, text) in exceptions(&span.payload) {
                report.errors.push((title, text));
            }
        }
        match span.record.kind {
            SpanType::Model => conversation(&span, &mut self.said, report),
            kind if kind.calls_tool() => tool(&span, &mut self.said, report),
            kind if kind.is_agentic() => self.open.extend(exchange(&span, &mut self.said, report)),
            _ if span.depth == 0 => self.open.extend(exchange(&span, &mut self.said, report)),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        self.flush(out)?;
        if self.cut > 0 {
            let note = format!("\n*{} more traces were cut.*\n", self.cut);
            if self.left.is_none_or(|left| note.chars().count() <= left) {
                out.write_all(note.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// The heading and the sums.
fn head(trace: &TraceRecord) -> String {
    let mut text = format!("# {}\n\n", plain(if trace.name.is_empty() { "Trace" } else { &trace.name }));
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "- {name}: {value}");
    };
    fact("trace", &format!("`{}`", trace.trace_id));
    fact("began", &super::record::rfc3339(trace.start));
    let took = trace.end.map_or("still running".to_owned(), |end| format::duration(end.saturating_sub(trace.start)));
    fact("took", &took);
    fact("status", status_name(trace.status));
    let failed = if trace.errors > 0 { format!(", {} failed", trace.errors) } else { String::new() };
    fact("spans", &format!("{}{failed}", format::count(trace.spans.into())));
    if let Some(usage) = usage(&trace.usage) {
        fact("used", &usage);
    }
    for (name, value) in [("agent", &trace.agent), ("session", &trace.session), ("user", &trace.user)] {
        if let Some(value) = value {
            fact(name, &plain(value));
        }
    }
    text
}

/// A span's line in the tree.
fn line(span: &ExportedSpan) -> String {
    let record = &span.record;
    let mut line = format!("{}{} {}", "  ".repeat(span.depth.min(40)), record.kind.name(), who(record));
    match record.end {
        Some(end) => {
            let _ = write!(line, "  {}", format::duration(end.saturating_sub(record.start)));
        }
        None => {
            let _ = write!(line, "  {}", status_name(record.status));
        }
    }
    if let Some(usage) = usage(&record.usage) {
        let _ = write!(line, "  {usage}");
    }
    if record.status == RunStatus::Error {
        let _ = write!(line, "  ERROR {}", record.error.as_deref().map(format::safe).unwrap_or_default());
    }
    line
}

/// Who or what ran, in its kind's terms.
fn who(record: &SpanRecord) -> String {
    let label = match By::of(record.kind) {
        Some(By::Model) => &record.model,
        Some(By::Tool) => &record.tool,
        Some(By::Agent) => &record.agent,
        None => &None,
    };
    format::safe(label.as_deref().unwrap_or(&record.name)).into_owned()
}

fn title(record: &SpanRecord) -> String {
    plain(&format!("{} {}", record.kind.name(), who(record)))
}

fn usage(usage: &UsageRecord) -> Option<String> {
    let mut parts = Vec::new();
    for (count, what) in [(usage.input_tokens, "in"), (usage.output_tokens, "out")] {
        parts.extend(count.map(|count| format!("{} {what}", format::count(count))));
    }
    parts.extend(usage.cost_usd.map(|cost| format::money(Some((cost * 1e9).round() as i64))));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn exceptions(payload: &Payload) -> impl Iterator<Item = (String, String)> {
    let text = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        other => other.to_json(),
    };
    payload.events.iter().filter(|event| event.name == "exception").flat_map(move |event| {
        let shown = event.attributes.iter().filter(|(name, _)| name == "exception.stacktrace" || name == "exception.type");
        shown.map(move |(name, value)| (plain(name), text(value)))
    })
}

/// What a model was told and said, without what an earlier call of the trace was told.
fn conversation(span: &ExportedSpan, said: &mut HashSet<String>, report: &mut Report) {
    let (mut given, answer) = talk(&span.payload);
    given.extend(answer);
    let usage = usage(&span.record.usage).map(|usage| format!(" ({usage})")).unwrap_or_default();
    say(format!("{}{usage}", title(&span.record)), &given, said, report);
}

/// What something that calls models was given. Given back is what comes after all that ran under it: its answer, and messages, which
/// are those of the calls again, as a rule.
fn exchange(span: &ExportedSpan, said: &mut HashSet<String>, report: &mut Report) -> Option<(usize, String, Answer)> {
    let (mut given, answer) = talk(&span.payload);
    let values = given.iter().filter(|(name, _)| name == INPUT).count();
    let mut later = given.split_off(values);
    say(title(&span.record), &given, said, report);
    later.extend(answer);
    (!later.is_empty()).then(|| (span.depth, title(&span.record), later))
}

/// What heads a text that a span was given, which is no message.
const INPUT: &str = "input";

/// Messages, each with what it is headed.
type Answer = Vec<(String, Message)>;

/// What a span was given and what it answered: its messages, or else its input and output.
fn talk(payload: &Payload) -> (Answer, Answer) {
    let talk = semconv::conversation(payload);
    let attributes = &payload.attributes;
    let messages = |messages: Vec<Message>, value: Option<&Value>, name: &str, role: &str| -> Answer {
        match text(value) {
            Some(text) if messages.is_empty() => {
                // Text that was written as JSON.
                let text = serde_json::from_str(&text).unwrap_or(text);
                vec![(name.to_owned(), Message { role: role.to_owned(), text, ..Message::default() })]
            }
            _ => messages.into_iter().map(|message| (plain(&message.role), message)).collect(),
        }
    };
    (
        messages(talk.input, semconv::input(attributes), INPUT, "user"),
        messages(talk.output, semconv::output(attributes), "output", "assistant"),
    )
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Text(text) => Some(text.clone()),
        other => Some(other.to_json()),
    }
}

/// Messages below a heading, without those that were said before.
fn say(heading: String, messages: &[(String, Message)], said: &mut HashSet<String>, report: &mut Report) {
    let mut heading = Some(heading);
    for (name, message) in messages {
        if !said.insert(key(message)) || message.role == "tool" && said.contains(&result_key(&message.text)) {
            continue;
        }
        if let Some(heading) = heading.take() {
            report.messages.push((format!("### {heading}"), None));
        }
        report.messages.push((format!("**{name}**"), Some(message.text.clone()).filter(|text| !text.is_empty())));
        if !message.reasoning.is_empty() {
            report.messages.push(("**reasoning**".to_owned(), Some(message.reasoning.clone())));
        }
        for call in &message.tool_calls {
            report.messages.push((format!("**calls** {}", plain(&call.name)), Some(call.arguments.clone())));
        }
    }
}

/// What is equal in messages that say the same, however JSON is spaced.
fn key(message: &Message) -> String {
    let calls = message.tool_calls.iter().map(|call| format!("{}({})", call.name, call.arguments.split_whitespace().collect::<String>()));
    let calls: Vec<_> = calls.collect();
    format!("{}\0{}\0{}", message.role, message.text.trim(), calls.join("\0"))
}

fn result_key(text: &str) -> String {
    format!("result\0{}", text.trim())
}

/// What a tool was given and gave.
fn tool(span: &ExportedSpan, said: &mut HashSet<String>, report: &mut Report) {
    let (input, output) = (text(semconv::input(&span.payload.attributes)), text(semconv::output(&span.payload.attributes)));
    report.messages.push((format!("### {}", title(&span.record)), None));
    report.messages.extend(input.map(|input| ("**input**".to_owned(), Some(input))));
    if let Some(output) = output {
        said.insert(result_key(&output));
        report.messages.push(("**result**".to_owned(), Some(output)));
    }
}

/// A name for a line of Markdown: on one line, without marks that Markdown would take for its own.
fn plain(text: &str) -> String {
    format::safe(text)
        .chars()
        .flat_map(|c| matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '#' | '|').then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests;
