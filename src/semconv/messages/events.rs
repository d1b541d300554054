//! Conversations recorded as events: the deprecated events of OpenTelemetry GenAI, and Logfire's attribute with a list of them.

use super::{Conversation, messages, parts};
use crate::model::{Attribute, Payload, Value};
use crate::semconv::values::{get, plain};

/// The keys of attributes with a list of such events.
const EVENT_LISTS: [&str; 2] = ["all_messages_events", "events"];

/// Reads a span's events, else a list of events among its attributes.
pub(super) fn read(payload: &Payload) -> Conversation {
    let mut found = Conversation::default();
    for event in &payload.events {
        take(&mut found, &event.name, &event.attributes);
    }
    for name in EVENT_LISTS {
        if !found.input.is_empty() || !found.output.is_empty() {
            break;
        }
        let Some(Value::List(events)) = get(&payload.attributes, name).and_then(parts::parsed) else { continue };
        for event in &events {
            if let Value::Map(event) = event
                && let Some(Value::Text(name)) = get(event, "event.name")
            {
                take(&mut found, name, event);
            }
        }
    }
    found
}

fn take(found: &mut Conversation, name: &str, attributes: &[Attribute]) {
    let role = match name {
        "gen_ai.system.message" => "system",
        "gen_ai.user.message" => "user",
        "gen_ai.assistant.message" => "assistant",
        "gen_ai.tool.message" => "tool",
        "gen_ai.choice" => {
            let answer = get(attributes, "message").cloned().unwrap_or_else(|| Value::Map(attributes.to_vec()));
            found.output.extend(parts::read(&answer, "assistant"));
            return;
        }
        "gen_ai.content.prompt" | "gen_ai.content.completion" | "gen_ai.client.inference.operation.details" => {
            let Conversation { input, output } = messages(attributes);
            found.input.extend(input);
            found.output.extend(output);
            return;
        }
        _ => return,
    };
    for mut message in parts::read(&Value::Map(attributes.to_vec()), role) {
        if role == "tool" && message.tool_call_id.is_none() {
            message.tool_call_id = get(attributes, "id").map(plain);
        }
        found.input.push(message);
    }
}
