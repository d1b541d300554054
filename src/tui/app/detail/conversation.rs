//! A conversation as one reads it: what a tool returned stands under the call that asked for it.

use std::collections::HashMap;

use crate::semconv::Message;
use crate::tui::widget::chat::{self, Part};

/// The messages in order, with results moved to their calls. A result that belongs to no call stays where it is.
pub(super) fn talk<'a>(messages: &[&'a Message]) -> Vec<chat::Message<'a>> {
    let answers = answers(messages);
    let mut moved = vec![false; messages.len()];
    answers.iter().flatten().for_each(|&at| moved[at] = true);
    let mut answers = answers.into_iter();
    let mut said = Vec::with_capacity(messages.len());
    for (message, moved) in messages.iter().zip(moved) {
        let results = answers.by_ref().take(message.tool_calls.len()).map(|answer| answer.map(|at| messages[at]));
        let results: Vec<Option<&Message>> = results.collect();
        if !moved || !results.is_empty() {
            said.push(say(message, &results));
        }
    }
    said
}

fn is_result(message: &Message) -> bool {
    message.tool_call_id.is_some() || message.role == "tool"
}

/// For each call of all messages, in order, the place of the message that answers it: found by its id, else the first result that may
/// mean a call of the last who called.
fn answers(messages: &[&Message]) -> Vec<Option<usize>> {
    let mut answers: Vec<Option<usize>> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let mut by_id: HashMap<&str, Vec<usize>> = HashMap::new();
    // The calls of the last who called that may have no answer yet.
    let mut last = 0;
    for (at, message) in messages.iter().enumerate() {
        if is_result(message) {
            let id = message.tool_call_id.as_deref().unwrap_or_default();
            while answers.get(last).is_some_and(Option::is_some) {
                last += 1;
            }
            let meant = |call: &usize| answers[*call].is_none() && (message.name.is_empty() || names[*call] == message.name);
            let by_its_id = by_id.get_mut(id).and_then(Vec::pop).filter(|&call| answers[call].is_none());
            if let Some(call) = by_its_id.or_else(|| (last..answers.len()).find(meant)) {
                answers[call] = Some(at);
            }
        }
        if !message.tool_calls.is_empty() {
            last = answers.len();
        }
        for call in &message.tool_calls {
            if !call.id.is_empty() {
                by_id.entry(&call.id).or_default().push(answers.len());
            }
            names.push(&call.name);
            answers.push(None);
        }
    }
    answers
}

fn say<'a>(message: &'a Message, results: &[Option<&'a Message>]) -> chat::Message<'a> {
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

    /// Calls as `→name`, results as `←text`, by message.
    fn read(messages: &[Message]) -> Vec<String> {
        let messages: Vec<&Message> = messages.iter().collect();
        let part = |part: &Part<'_>| match part {
            Part::Call { name, .. } => format!("→{name}"),
            Part::Result { value, .. } => format!("←{value}"),
            Part::Text(text) => text.to_string(),
            _ => String::new(),
        };
        talk(&messages).iter().map(|message| message.parts.iter().map(part).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn results_stand_under_their_calls() {
        let said = [
            calls(&[("a", "weather"), ("b", "weather"), ("c", "clock")]),
            result(Some("c"), "", "noon"),
            result(Some("b"), "", "18C"),
            result(Some("a"), "", ""),
            calls(&[("d", "clock")]),
        ];
        assert_eq!(read(&said), ["→weather ←(nothing) →weather ←18C →clock ←noon", "→clock"]);
    }

    #[test]
    fn without_an_id_names_and_order_tell() {
        let said = [
            calls(&[("", "clock"), ("x", "weather"), ("", "weather")]),
            result(None, "weather", "21C"),
            result(Some("unknown"), "weather", "18C"),
            result(None, "", "noon"),
            result(None, "", "who asked?"),
        ];
        assert_eq!(read(&said), ["→clock ←noon →weather ←21C →weather ←18C", "←who asked?"]);
    }

    #[test]
    fn an_id_that_comes_again_is_the_next_call() {
        let said = [
            calls(&[("a", "x")]),
            result(Some("a"), "", "1"),
            calls(&[("a", "x")]),
            result(Some("a"), "", "2"),
            result(Some("a"), "y", "3"),
            Message::default(),
        ];
        assert_eq!(read(&said), ["→x ←1", "→x ←2", "←3", "(empty)"]);
    }
}
