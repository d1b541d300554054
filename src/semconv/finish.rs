//! Why a model stopped, from any convention.

use super::keys::Field;
use super::values::get;
use crate::model::{Attribute, Value, json};

/// What `finish_reason` calls every reason that says that the limit of tokens was reached.
pub const LENGTH: &str = "length";

/// The words of such reasons, in small letters and without separators.
const LIMITS: [&str; 6] = ["length", "modellength", "maxtokens", "maxoutputtokens", "maxcompletiontokens", "modelcontextwindowexceeded"];

/// Members of responses and of messages that state a reason.
const MEMBERS: [&str; 6] = ["finish_reason", "finishReason", "finish_reasons", "stop_reason", "stopReason", "done_reason"];

/// Members of responses in which such members stand.
const INNER: [&str; 7] = ["choices", "candidates", "incomplete_details", "response_metadata", "generation_info", "generations", "message"];

/// Texts of which one is in every payload that states why a model stopped.
pub const FINISH_WORDS: [&str; 4] = ["finish", "stop", "done_reason", "incomplete"];

/// How deep a response is searched.
const MAX_DEPTH: usize = 6;

/// Longer texts are not read.
const MAX_CHARS: usize = 1 << 20;

/// Returns whether a reason says that the limit of tokens was reached.
pub(super) fn is_limit(reason: &str) -> bool {
    let mut plain = String::with_capacity(reason.len().min(32));
    plain.extend(reason.chars().filter(char::is_ascii_alphanumeric).take(32).map(|c| c.to_ascii_lowercase()));
    LIMITS.contains(&plain.as_str())
}

/// Returns why a model stopped, in small letters: the reason that its attributes state, else the one in its response. All reasons that say
/// that the limit of tokens was reached are `length`. Several answers have their different reasons with blanks between them.
#[must_use]
pub fn finish_reason(attributes: &[Attribute]) -> Option<String> {
    let mut found = Vec::new();
    for key in Field::FinishReason.keys() {
        if let Some(value) = get(attributes, key) {
            add(value, &mut found);
            break;
        }
    }
    if found.is_empty() {
        let keys = Field::Response.keys().iter().chain(&["gen_ai.output.messages", "gen_ai.completion.0"]);
        keys.filter_map(|key| get(attributes, key)).for_each(|value| search(value, 0, &mut found));
    }
    (!found.is_empty()).then(|| found.join(" "))
}

/// Adds the reasons in a text, a list of texts, or the JSON text of one.
fn add(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::List(items) => items.iter().for_each(|item| add(item, found)),
        Value::Text(text) if let Some(list) = parsed(text) => add(&list, found),
        Value::Text(text) => {
            let reason = text.trim();
            // The name of a Python enumeration stands before its member.
            let reason = reason.rsplit('.').next().unwrap_or(reason).to_lowercase();
            let reason = if is_limit(&reason) { LENGTH.to_owned() } else { reason };
            if !reason.is_empty() && reason.len() <= 64 && !found.contains(&reason) {
                found.push(reason);
            }
        }
        _ => {}
    }
}

fn parsed(text: &str) -> Option<Value> {
    (text.len() <= MAX_CHARS && text.trim_start().starts_with(['[', '{'])).then(|| json::parse_value(text.as_bytes()).ok()).flatten()
}

/// Searches a response.
fn search(value: &Value, depth: usize, found: &mut Vec<String>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Text(text) if depth == 0 => {
            if let Some(value) = parsed(text) {
                search(&value, depth + 1, found);
            }
        }
        Value::List(items) => items.iter().for_each(|item| search(item, depth + 1, found)),
        Value::Map(map) => {
            for (name, inner) in map {
                let is_limit_of_response = || name == "reason" && matches!(inner, Value::Text(reason) if is_limit(reason));
                if MEMBERS.contains(&name.as_str()) || is_limit_of_response() {
                    add(inner, found);
                } else if INNER.contains(&name.as_str()) {
                    search(inner, depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(attributes: &str) -> Option<String> {
        finish_reason(&json::parse(attributes.as_bytes()).unwrap())
    }

    #[test]
    fn reasons_are_read_in_every_convention() {
        for (attributes, expected) in [
            (r#"{"gen_ai.response.finish_reasons": ["length"]}"#, "length"),
            (r#"{"gen_ai.response.finish_reasons": "[\"tool_calls\", \"stop\"]"}"#, "tool_calls stop"),
            (r#"{"ai.response.finishReason": "max_tokens"}"#, "length"),
            (r#"{"gen_ai.completion.0.finish_reason": "end_turn"}"#, "end_turn"),
            (r#"{"output.value": "{\"choices\": [{\"finish_reason\": \"length\"}]}"}"#, "length"),
            (r#"{"output.value": "{\"stop_reason\": \"max_tokens\", \"content\": []}"}"#, "length"),
            (r#"{"output.value": "{\"candidates\": [{\"finishReason\": \"MAX_TOKENS\"}]}"}"#, "length"),
            (r#"{"output.value": "{\"status\": \"incomplete\", \"incomplete_details\": {\"reason\": \"max_output_tokens\"}}"}"#, "length"),
            (r#"{"gen_ai.output.messages": "[{\"role\": \"assistant\", \"parts\": [], \"finish_reason\": \"stop\"}]"}"#, "stop"),
            (r#"{"genkit:output": "{\"finishReason\": \"FinishReason.STOP\"}"}"#, "stop"),
        ] {
            assert_eq!(reason(attributes).as_deref(), Some(expected), "{attributes}");
        }
        for attributes in ["{}", r#"{"output.value": "finish_reason: length"}"#, r#"{"output.value": "{\"reason\": \"I am late\"}"}"#] {
            assert_eq!(reason(attributes), None, "{attributes}");
        }
        let deep = format!(r#"{{"output.value": {}{{"finish_reason": "stop"}}{}}}"#, r#"{"message":"#.repeat(40), "}".repeat(40));
        assert_eq!(reason(&deep), None);
    }
}
