//! What a payload holds, as documents.

use std::borrow::Cow;

use super::{Tab, conversation};
use crate::format;
use crate::model::{Attribute, Payload, Value};
use crate::semconv::{self, Message};
use crate::tui::widget::chat::{self, Part};
use crate::tui::widget::json::LazyTail;
use crate::tui::widget::text::{Document, TextRole};
use crate::tui::widget::{Glyphs, json};

/// The page of a tab, its beginning if it is long; the overview has its own module.
pub(super) fn document(tab: Tab, payload: &Payload) -> (Document, Option<LazyTail>) {
    let page = match tab {
        Tab::Overview => Document::new(),
        Tab::Messages => messages(payload, Glyphs::Unicode),
        Tab::Input => return value(semconv::input(&payload.attributes), "No input is recorded on this span."),
        Tab::Output => return value(semconv::output(&payload.attributes), "No output is recorded on this span."),
        Tab::Attributes => attributes(payload).0,
        Tab::Events => events(payload),
    };
    (page, None)
}

/// A line that says why there is nothing to show.
pub(super) fn note(text: &str) -> Document {
    let mut document = Document::new();
    document.line(0, 0);
    document.push(text, TextRole::Faint);
    document
}

/// The conversation with a model; of a span that is none, what it was given and what it answered.
fn messages(payload: &Payload, glyphs: Glyphs) -> Document {
    let attributes = &payload.attributes;
    let talk = semconv::conversation(payload);
    let heard: Vec<&Message> = talk.input.iter().chain(&talk.output).collect();
    let mut said = conversation::talk(&heard);
    let (given, answered) = exchanged(payload);
    if talk.input.is_empty() {
        said.splice(0..0, given);
    }
    if talk.output.is_empty() {
        said.extend(answered);
    }
    if heard.is_empty() && semconv::tool(attributes).is_none() && !said.is_empty() {
        let hint = "What the models were told, word by word, is on the model calls below it.";
        said.push(chat::Message { role: "".into(), parts: vec![Part::Media(hint.into())] });
    }
    if !payload.status_message.is_empty() {
        said.push(chat::Message { role: "error".into(), parts: vec![Part::Error(payload.status_message.as_str().into())] });
    }
    if said.is_empty() { note("No messages are recorded on this span.") } else { chat::document(&said, glyphs) }
}

/// What a span was given and what it answered: of a model call the messages, else the values.
pub(in crate::tui::app) fn exchange(payload: &Payload) -> [Document; 2] {
    let talk = semconv::conversation(payload);
    if talk.input.is_empty() && talk.output.is_empty() {
        let value = |value: Option<&Value>| value.map_or_else(Document::new, |value| json::document(&text(value)));
        return [value(semconv::input(&payload.attributes)), value(semconv::output(&payload.attributes))];
    }
    [talk.input, talk.output].map(|messages| chat::document(&conversation::talk(&messages.iter().collect::<Vec<_>>()), Glyphs::Unicode))
}

/// What a span was given, and what it answered.
fn exchanged(payload: &Payload) -> (Option<chat::Message<'static>>, Option<chat::Message<'static>>) {
    let attributes = &payload.attributes;
    let text = |value: &Value| json::string(&text(value)).into_owned().into();
    let (given, answered) = (semconv::input(attributes).map(text), semconv::output(attributes).map(text));
    let message = |role: &'static str, part| chat::Message { role: role.into(), parts: vec![part] };
    if let Some(name) = semconv::tool(attributes) {
        let call = given.map(|given| message("call", Part::Call { name: name.to_owned().into(), arguments: given }));
        return (call, answered.map(|answer| message("result", Part::Result { name: None, value: answer })));
    }
    (given.map(|given| message("input", Part::Text(given))), answered.map(|answer| message("output", Part::Text(answer))))
}

fn value(value: Option<&Value>, none: &str) -> (Document, Option<LazyTail>) {
    value.map_or_else(|| (note(none), None), |value| json::open(&text(value)))
}

/// Every attribute, and the line at which each begins.
fn attributes(payload: &Payload) -> (Document, Vec<(usize, &Attribute)>) {
    let mut document = Document::new();
    let mut places = table(&mut document, &payload.attributes, 0);
    if !payload.resource.is_empty() {
        document.line(0, 0);
        document.push("resource", TextRole::Label);
        places.append(&mut table(&mut document, &payload.resource, 0));
    }
    if places.is_empty() {
        document = note("This span has no attributes.");
    }
    (document, places)
}

/// The value that a line of a tab shows, as it came, with its name; `None` where a tab shows no one value.
pub(super) fn value_at(tab: Tab, payload: &Payload, line: usize) -> Option<(String, String)> {
    let (name, value) = match tab {
        Tab::Input => ("input", semconv::input(&payload.attributes)?),
        Tab::Output => ("output", semconv::output(&payload.attributes)?),
        Tab::Attributes => {
            let (_, places) = attributes(payload);
            let (_, (name, value)) = places.iter().rev().find(|(begins, _)| *begins <= line).or(places.first())?;
            (name.as_str(), value)
        }
        _ => return None,
    };
    Some((name.to_owned(), text(value)))
}

/// Names and values by name; numbers in names count as numbers, so that message 10 follows message 9.
///
/// Returns the line at which each begins.
fn table<'a>(document: &mut Document, attributes: &'a [Attribute], indent: usize) -> Vec<(usize, &'a Attribute)> {
    let mut places = Vec::with_capacity(attributes.len());
    let mut sorted: Vec<&Attribute> = attributes.iter().collect();
    sorted.sort_by_cached_key(|(name, _)| natural(name));
    let column = sorted.iter().map(|(name, _)| format::width(&format::safe(name))).max().unwrap_or_default().min(44) + 2;
    for attribute in sorted {
        let (name, value) = attribute;
        places.push((document.lines(), attribute));
        document.line(indent, indent + column);
        document.push(&format::pad_right(&middle_out(&format::safe(name), column - 2), column), TextRole::Key);
        let role = match value {
            Value::Int(_) | Value::Float(_) => TextRole::Number,
            Value::Bool(_) | Value::Null => TextRole::Keyword,
            _ => TextRole::Plain,
        };
        document.push(&text(value), role);
    }
    places
}

/// A name cut in its middle, since the ends of long names are what tells them apart.
fn middle_out(name: &str, cells: usize) -> Cow<'_, str> {
    if format::width(name) <= cells {
        return name.into();
    }
    let (head, tail) = (cells / 3, cells - cells / 3);
    format!("{}{}", format::fit(name, head).trim_end_matches('…'), format::fit_end(name, tail + 1)).into()
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
        document.push(&event.name, TextRole::Label);
        document.push(&format!("  {}", format::rfc3339(event.time)), TextRole::Faint);
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
