//! The appearance of log records on the screen and on standard output.

use crate::format;
use crate::model::payload_query::value_text;
use crate::model::{Attribute, LogContent, LogRecord, Nanos, Value, is_identity};
use crate::tui::theme::Role;

/// The most characters of a line about a record.
const MAX_LINE: usize = 1000;

/// The most attributes in a line.
const MAX_ATTRIBUTES: usize = 32;

/// Attributes that the other columns tell, or that are the same in every record of a program.
const TOLD: [&str; 15] = [
    "event.name",
    "event.timestamp",
    "event.sequence",
    "session.id",
    "conversation.id",
    "prompt.id",
    "prompt_id",
    "message.uuid",
    "user.id",
    "terminal.type",
    "app.version",
    "originator",
    "slug",
    "anthropic.provider",
    "anthropic.custom_base_url",
];

/// The severity number from which a record is an error.
pub const ERROR: u8 = 17;

/// The lowest severity number of a warning.
pub const WARN: u8 = 13;

/// Whether a record is marked on the bar of its span: a warning, an error, or a line on standard error.
#[must_use]
pub fn is_marked(record: &LogRecord) -> bool {
    record.severity >= WARN || record.is_line()
}

/// Formats the time of a record in local time; [`format::UNKNOWN`] if it is 0.
#[must_use]
pub fn time(time: Nanos) -> String {
    if time > 0 { format::time_of_day_millis(time) } else { format::UNKNOWN.to_owned() }
}

/// Returns the theme's role for a level.
#[must_use]
pub fn level_role(severity: u8) -> Option<Role> {
    match severity {
        ERROR.. => Some(Role::Error),
        WARN.. => Some(Role::Running),
        9.. => None,
        _ => Some(Role::Dim),
    }
}

/// Returns the level: the name of the severity, else the sender's word, else `–`.
#[must_use]
pub fn level(record: &LogRecord, content: &LogContent) -> String {
    match (record.level(), content.severity_text.as_str()) {
        ("", "") => "–".to_owned(),
        ("", word) => word.to_lowercase(),
        (level, _) => level.to_owned(),
    }
}

/// Returns the record in one line: its body, and the attributes that tell something of it. It is not yet safe for a terminal.
#[must_use]
pub fn line(record: &LogRecord, content: &LogContent) -> String {
    let mut line = String::new();
    let event = record.event();
    match &content.body {
        Value::Null => {}
        // Some senders repeat the event's name.
        Value::Text(text) if !event.is_empty() && text.ends_with(&*event) => {}
        Value::List(items) => {
            for item in items.iter().take(MAX_ATTRIBUTES) {
                push(&mut line, &value_text(item));
            }
        }
        body => push(&mut line, &value_text(body)),
    }
    let telling = || content.attributes.iter().filter(|attribute| is_telling(attribute));
    // Identities say whose record it is, and are mostly the same in all; what happened comes first.
    let (identities, facts): (Vec<_>, Vec<_>) = telling().partition(|(name, _)| is_identity(name));
    for (name, value) in facts.into_iter().chain(identities).take(MAX_ATTRIBUTES) {
        push(&mut line, &format!("{name}={}", value_text(value)));
    }
    line.trim_end().to_owned()
}

fn is_telling((name, value): &Attribute) -> bool {
    !TOLD.contains(&name.as_str()) && *value != Value::Null && !matches!(value, Value::Text(text) if text.is_empty())
}

/// Appends the beginning of a text after a blank, in one line.
fn push(line: &mut String, text: &str) {
    let room = MAX_LINE.saturating_sub(line.chars().count());
    if room > 1 {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(text.chars().take(room - 1).map(|c| if c.is_whitespace() { ' ' } else { c }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_body_and_what_attributes_tell() {
        let record = LogRecord {
            time: 0,
            severity: 0,
            trace: None,
            span: None,
            session: 0,
            event: (0, 6),
            group: std::sync::Arc::default(),
            encoded: b"prompt"[..].into(),
        };
        let text = |text: &str| Value::Text(text.to_owned());
        let mut content = LogContent { body: text("coder.prompt"), ..LogContent::default() };
        content.attributes = vec![("session.id".to_owned(), text("s")), ("size".to_owned(), Value::Int(7)), ("empty".to_owned(), text(""))];
        assert_eq!(line(&record, &content), "size=7");
        content.attributes.insert(0, ("organization.id".to_owned(), text("o")));
        assert_eq!(line(&record, &content), "size=7 organization.id=o");
        content.attributes.remove(0);
        content.body = text("two\nlines");
        assert_eq!(line(&record, &content), "two lines size=7");
        content.body = text(&"x".repeat(5 << 20));
        assert!(line(&record, &content).len() <= MAX_LINE);
        assert_eq!(level(&record, &content), "–");
        assert_eq!(level(&record, &LogContent { severity_text: "NOTICE".to_owned(), ..content }), "notice");
    }
}
