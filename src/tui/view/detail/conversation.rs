//! Conversations with each tool result below its call.

use std::collections::{HashMap, VecDeque};

use crate::semconv::Message;
use crate::tui::widget::chat::{self, Part};

/// Returns the messages in order, with results moved to their calls. A result without a call keeps its place.
pub(super) fn pair_results<'a>(messages: &[&'a Message]) -> Vec<chat::Message<'a>> {
    let results = results_of_calls(messages);
    let mut is_moved = vec![false; messages.len()];
    results.iter().flatten().for_each(|&at| is_moved[at] = true);
    let mut results = results.into_iter();
    let mut shown = Vec::with_capacity(messages.len());
    for (message, is_moved) in messages.iter().zip(is_moved) {
        let own: Vec<Option<&Message>> =
            results.by_ref().take(message.tool_calls.len()).map(|result| result.map(|at| messages[at])).collect();
        if !is_moved || !own.is_empty() {
            shown.push(chat_message(message, &own));
        }
    }
    shown
}

fn is_result(message: &Message) -> bool {
    message.tool_call_id.is_some() || message.role == "tool"
}

/// The calls that have the same id and wait for a result.
#[derive(Default)]
struct SameId {
    /// The number of messages without calls before them.
    turn: usize,
    calls: VecDeque<usize>,
}

/// Returns, for each call of all messages in order, the index of the message with its result. A result is matched by its call id; calls of
/// one turn that have the same id are answered in their order. Without a match it goes to the first call of the last calling message that
/// has no result and the same name.
fn results_of_calls(messages: &[&Message]) -> Vec<Option<usize>> {
    let mut results: Vec<Option<usize>> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut by_id: HashMap<&str, SameId> = HashMap::new();
    let mut turn = 0;
    // The first call of the last calling message that may have no result yet.
    let mut first_open = 0;
    for (at, message) in messages.iter().enumerate() {
        if is_result(message) {
            let id = message.tool_call_id.as_deref().unwrap_or_default();
            while results.get(first_open).is_some_and(Option::is_some) {
                first_open += 1;
            }
            let fits = |call: &usize| results[*call].is_none() && (message.name.is_empty() || names[*call] == message.name);
            let same_id = by_id.get_mut(id).and_then(|same| same.calls.pop_front()).filter(|&call| results[call].is_none());
            if let Some(call) = same_id.or_else(|| (first_open..results.len()).find(fits)) {
                results[call] = Some(at);
            }
        }
        if message.tool_calls.is_empty() {
            turn += 1;
        } else {
            first_open = results.len();
        }
        for call in &message.tool_calls {
            if !call.id.is_empty() {
                let same = by_id.entry(&call.id).or_default();
                if same.turn != turn {
                    *same = SameId { turn, ..SameId::default() };
                }
                same.calls.push_back(results.len());
            }
            names.push(&call.name);
            results.push(None);
        }
    }
    results
}

fn chat_message<'a>(message: &'a Message, results: &[Option<&'a Message>]) -> chat::Message<'a> {
    let mut parts = Vec::new();
    if !message.reasoning.is_empty() {
        parts.push(Part::Thought(message.reasoning.as_str().into()));
    }
    if is_result(message) {
        let name = Some(message.name.as_str()).filter(|name| !name.is_empty()).map(Into::into);
        parts.push(Part::Result { name, value: message.text.as_str().into() });
    } else if !message.text.is_empty() {
        parts.push(Part::Text(message.text.as_str().into()));
    }
    for (call, result) in message.tool_calls.iter().zip(results) {
        parts.push(Part::Call { name: call.name.as_str().into(), arguments: call.arguments.as_str().into() });
        if let Some(result) = result {
            let value = if result.text.is_empty() { "(nothing)" } else { result.text.as_str() };
            parts.push(Part::Result { name: None, value: value.into() });
        }
    }
    if parts.is_empty() {
        parts.push(Part::Text("(empty)".into()));
    }
    chat::Message { role: message.role.as_str().into(), parts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semconv::ToolCall;

    fn calls(names: &[(&str, &str)]) -> Message {
        let call = |&(id, name): &(&str, &str)| ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: String::new() };
        Message { role: "assistant".to_owned(), tool_calls: names.iter().map(call).collect(), ..Message::default() }
    }

    fn result(id: Option<&str>, name: &str, text: &str) -> Message {
        let tool_call_id = id.map(str::to_owned);
        Message { role: "tool".to_owned(), text: text.to_owned(), name: name.to_owned(), tool_call_id, ..Message::default() }
    }

    /// Returns the messages with calls as `→name` and results as `←text`.
    fn render(messages: &[Message]) -> Vec<String> {
        let messages: Vec<&Message> = messages.iter().collect();
        let part = |part: &Part<'_>| match part {
            Part::Call { name, .. } => format!("→{name}"),
            Part::Result { value, .. } => format!("←{value}"),
            Part::Text(text) => text.to_string(),
            _ => String::new(),
        };
        pair_results(&messages).iter().map(|message| message.parts.iter().map(part).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn results_follow_their_calls() {
        let messages = [
            calls(&[("a", "weather"), ("b", "weather"), ("c", "clock")]),
            result(Some("c"), "", "noon"),
            result(Some("b"), "", "18C"),
            result(Some("a"), "", ""),
            calls(&[("d", "clock")]),
        ];
        assert_eq!(render(&messages), ["→weather ←(nothing) →weather ←18C →clock ←noon", "→clock"]);
    }

    #[test]
    fn calls_with_the_same_id_are_answered_in_their_order() {
        let messages = [
            calls(&[("w", "oslo"), ("w", "lima")]),
            result(Some("w"), "", "snow"),
            result(Some("w"), "", "fog"),
            calls(&[("w", "rome")]),
            calls(&[("w", "bern")]),
            result(Some("w"), "", "sun"),
            result(Some("w"), "", "rain"),
        ];
        assert_eq!(render(&messages), ["→oslo ←snow →lima ←fog", "→rome ←sun", "→bern ←rain"]);
    }

    #[test]
    fn results_without_an_id_are_matched_by_name_and_order() {
        let messages = [
            calls(&[("", "clock"), ("x", "weather"), ("", "weather")]),
            result(None, "weather", "21C"),
            result(Some("unknown"), "weather", "18C"),
            result(None, "", "noon"),
            result(None, "", "who asked?"),
        ];
        assert_eq!(render(&messages), ["→clock ←noon →weather ←21C →weather ←18C", "←who asked?"]);
    }

    #[test]
    fn a_repeated_id_belongs_to_the_next_call() {
        let messages = [
            calls(&[("a", "x")]),
            result(Some("a"), "", "1"),
            calls(&[("a", "x")]),
            result(Some("a"), "", "2"),
            result(Some("a"), "y", "3"),
            Message::default(),
        ];
        assert_eq!(render(&messages), ["→x ←1", "→x ←2", "←3", "(empty)"]);
    }
}
