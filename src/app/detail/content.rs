//! What a payload holds, as documents.

use super::Tab;
use crate::format;
use crate::model::{Attribute, Payload, Value, semantics};
use crate::widget::text::{Document, Role};

/// The page of a tab; the overview has its own module.
pub(super) fn document(tab: Tab, payload: &Payload) -> Document {
    match tab {
        Tab::Overview => Document::new(),
        Tab::Messages => messages(payload),
        Tab::Input => value(semantics::input(&payload.attributes), "No input is recorded on this span."),
        Tab::Output => value(semantics::output(&payload.attributes), "No output is recorded on this span."),
        Tab::Attributes => attributes(payload),
        Tab::Events => events(payload),
    }
}

/// A line that says why there is nothing to show.
pub(super) fn note(text: &str) -> Document {
    let mut document = Document::new();
    document.line(0, 0);
    document.push(text, Role::Faint);
    document
}

fn messages(payload: &Payload) -> Document {
    let _ = payload;
    note("…")
}

fn value(value: Option<&Value>, none: &str) -> Document {
    value.map_or_else(|| note(none), |value| Document::plain(&text(value)))
}

fn attributes(payload: &Payload) -> Document {
    let mut document = Document::new();
    table(&mut document, &payload.attributes, 0);
    if !payload.resource.is_empty() {
        document.line(0, 0);
        document.push("resource", Role::Label);
        table(&mut document, &payload.resource, 0);
    }
    if payload.attributes.is_empty() && payload.resource.is_empty() {
        return note("This span has no attributes.");
    }
    document
}

/// Names and values by name; numbers in names count as numbers, so that message 10 follows message 9.
fn table(document: &mut Document, attributes: &[Attribute], indent: usize) {
    let mut sorted: Vec<&Attribute> = attributes.iter().collect();
    sorted.sort_by_cached_key(|(name, _)| natural(name));
    let column = sorted.iter().map(|(name, _)| format::width(&format::safe(name))).max().unwrap_or_default().min(44) + 2;
    for (name, value) in sorted {
        document.line(indent, indent + column);
        document.push(&format::pad_right(&format::safe(name), column), Role::Key);
        let role = match value {
            Value::Int(_) | Value::Float(_) => Role::Number,
            Value::Bool(_) | Value::Null => Role::Keyword,
            _ => Role::Plain,
        };
        document.push(&text(value), role);
    }
}

fn natural(name: &str) -> Vec<(u64, String)> {
    name.split('.').map(|part| part.parse().map_or_else(|_| (u64::MAX, part.to_owned()), |number| (number, String::new()))).collect()
}

fn events(payload: &Payload) -> Document {
    if payload.events.is_empty() {
        return note("No events. Agno's databases hold none; they come with OTLP.");
    }
    let mut document = Document::new();
    for event in &payload.events {
        document.line(0, 0);
        document.push(&event.name, Role::Label);
        document.push(&format!("  {}", format::rfc3339(event.time)), Role::Faint);
        table(&mut document, &event.attributes, 2);
    }
    document
}

/// A value as text: texts as they are, the rest as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.to_json(),
    }
}
