//! The parts of a span as text.

use std::fmt::Write as _;

use super::calls::Part;
use crate::export::ExportedSpan;
use crate::format;
use crate::model::{Payload, Value};
use crate::semconv::{self, Message};

/// Returns so many characters of a part of a span from one on, and what was left out.
pub(super) fn part(span: &ExportedSpan, facts: &str, part: Part, from: usize, max_chars: usize) -> (String, String) {
    let whole = match part {
        Part::Overview => format!("{facts}{}", sizes(&span.payload)),
        other => text(&span.payload, other),
    };
    if whole.is_empty() {
        return (String::new(), format!("The span has no {}.", name(part)));
    }
    let all = whole.chars().count();
    let shown: String = whole.chars().skip(from).take(max_chars).collect();
    let until = from.saturating_add(shown.chars().count());
    let note = match () {
        () if from >= all => format!("The part has {} characters: from is beyond its end.", format::count(all as u64)),
        () if from == 0 && until == all => String::new(),
        () if until == all => format!("Characters {from} to {all}, the end."),
        () => format!("Characters {from} to {until} of {all}: call get_span with from {until} for more."),
    };
    (shown, note)
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Overview => "overview",
        Part::Messages => "messages",
        Part::Input => "input",
        Part::Output => "output",
        Part::Error => "error",
        Part::Attributes => "attributes",
    }
}

/// Returns the sizes of the parts that are not empty.
fn sizes(payload: &Payload) -> String {
    let parts = [Part::Messages, Part::Input, Part::Output, Part::Error, Part::Attributes];
    let sizes = parts.map(|part| (name(part), text(payload, part).chars().count()));
    let sizes: Vec<String> =
        sizes.iter().filter(|(_, size)| *size > 0).map(|(name, size)| format!("{name} {}", format::count(*size as u64))).collect();
    if sizes.is_empty() { "parts: none\n".to_owned() } else { format!("parts, in characters: {}\n", sizes.join(", ")) }
}

fn text(payload: &Payload, part: Part) -> String {
    let value = |value: Option<&Value>| value.map(plain).unwrap_or_default();
    match part {
        Part::Overview => String::new(),
        Part::Input => value(semconv::input(&payload.attributes)),
        Part::Output => value(semconv::output_of(payload)),
        Part::Messages => {
            let conversation = semconv::conversation(payload);
            conversation.input.iter().chain(&conversation.output).map(message).collect()
        }
        Part::Error => {
            let exceptions = payload.events.iter().filter(|event| event.name == "exception").flat_map(|event| &event.attributes);
            let mut text = payload.status_message.clone();
            for (key, value) in exceptions {
                let _ = write!(text, "\n{key}: {}", plain(value));
            }
            text.trim_start().to_owned()
        }
        Part::Attributes => payload.attributes.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect::<Vec<_>>().join("\n"),
    }
}

fn plain(value: &Value) -> String {
    if let Value::Text(text) = value { text.clone() } else { value.to_json() }
}

fn message(message: &Message) -> String {
    let mut text = format!("[{}] {}\n", message.role, message.text);
    if !message.reasoning.is_empty() {
        let _ = writeln!(text, "[reasoning] {}", message.reasoning);
    }
    for call in &message.tool_calls {
        let _ = writeln!(text, "[calls {}] {}", call.name, call.arguments);
    }
    text
}
