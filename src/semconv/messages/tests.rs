use super::*;

fn read(attributes: &str) -> Conversation {
    messages(&json::parse(attributes.as_bytes()).unwrap())
}

fn said(role: &str, text: &str) -> Message {
    Message { role: role.to_owned(), text: text.to_owned(), ..Message::default() }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

#[test]
fn openinference_spreads_messages() {
    let found = read(
        r#"{"llm.input_messages.10.message.role": "user", "llm.input_messages.10.message.content": "last",
            "llm.input_messages.2.message.role": "tool", "llm.input_messages.2.message.tool_call_id": "c1", "llm.input_messages.2.message.content": "21C",
            "llm.input_messages.1.message.tool_calls.0.tool_call.id": "c1", "llm.input_messages.1.message.role": "assistant",
            "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "weather",
            "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": "{\"city\": \"Lisbon\"}",
            "llm.input_messages.4294967296.message.role": "nobody", "llm.input_messages.x": 1,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.contents.0.message_content.type": "text",
            "llm.output_messages.0.message.contents.0.message_content.text": "It is",
            "llm.output_messages.0.message.contents.1.message_content.type": "image"}"#,
    );
    let asked = Message { tool_calls: vec![call("c1", "weather", r#"{"city": "Lisbon"}"#)], ..said("assistant", "") };
    let told = Message { tool_call_id: Some("c1".to_owned()), ..said("tool", "21C") };
    assert_eq!(found.input, [asked, told, said("user", "last")]);
    assert_eq!(found.output, [said("assistant", "It is\n[image]")]);
}

#[test]
fn opentelemetry_holds_parts() {
    let found = read(
        r#"{"gen_ai.system_instructions": "[{\"type\":\"text\",\"content\":\"Use tools.\"}]",
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "result": {"c": 21}}]}],
            "gen_ai.output.messages": "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"thinking\",\"content\":\"hm\"},{\"type\":\"tool_call\",\"id\":\"c2\",\"name\":\"w\",\"arguments\":{\"a\":1}}]}]"}"#,
    );
    let told = Message { tool_call_id: Some("c1".to_owned()), ..said("tool", r#"{"c":21}"#) };
    assert_eq!(found.input, [said("system", "Use tools."), said("user", "Weather?"), told]);
    let answer = Message { reasoning: "hm".to_owned(), tool_calls: vec![call("c2", "w", r#"{"a":1}"#)], ..said("assistant", "") };
    assert_eq!(found.output, [answer]);
}

#[test]
fn other_conventions() {
    let found = read(
        r#"{"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi", "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "ho"}"#,
    );
    assert_eq!(found, Conversation { input: vec![said("user", "hi")], output: vec![said("assistant", "ho")] });
    let found = read(
        r#"{"ai.prompt.messages": "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]},{\"role\":\"tool\",\"content\":[{\"type\":\"tool-result\",\"toolCallId\":\"c\",\"output\":{\"type\":\"text\",\"value\":\"21\"}}]}]",
            "ai.response.text": "ho", "ai.response.toolCalls": "[{\"toolCallId\":\"c\",\"toolName\":\"w\",\"input\":\"{}\"}]"}"#,
    );
    assert_eq!(found.input, [said("user", "hi"), Message { tool_call_id: Some("c".to_owned()), ..said("tool", "21") }]);
    assert_eq!(found.output, [Message { tool_calls: vec![call("c", "w", "{}")], ..said("assistant", "ho") }]);
    let found = read(r#"{"ai.prompt": "{\"system\": \"be kind\", \"prompt\": \"hi\"}"}"#);
    assert_eq!(found.input, [said("system", "be kind"), said("user", "hi")]);
    assert_eq!(read(r#"{"x": 1}"#), Conversation::default());
}

fn returned(id: &str, name: &str, text: &str) -> Message {
    Message { tool_call_id: Some(id.to_owned()), name: name.to_owned(), ..said("tool", text) }
}

#[test]
fn what_several_tools_return_in_one_message_stays_apart() {
    let found = read(
        r#"{"gen_ai.input.messages": [{"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "21C"}]},
                {"type": "tool_call_response", "id": "b", "name": "clock", "result": "noon"},
                {"type": "text", "text": "and now?"}]}]}"#,
    );
    assert_eq!(found.input, [returned("a", "", "21C"), returned("b", "clock", "noon"), said("user", "and now?")]);
}

#[test]
fn pictures_and_files_are_told_in_words() {
    let picture = format!("data:image/png;base64,{}", "A".repeat(8000));
    let found = read(&format!(
        r#"{{"llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.image.image.url": "{picture}",
            "llm.input_messages.0.message.contents.0.message_content.type": "image",
            "llm.input_messages.0.message.contents.1.message_content.type": "image",
            "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://x.org/a.png",
            "gen_ai.output.messages": [{{"role": "assistant", "parts": [
                {{"type": "blob", "mime_type": "audio/wav", "content": "{}"}}, {{"type": "image_url", "image_url": {{"url": "https://x.org/b.png"}}}},
                {{"type": "sound"}}]}}]}}"#,
        "A".repeat(4000)
    ));
    assert_eq!(found.input, [said("user", "[image/png, 6 kB]\n[image https://x.org/a.png]")]);
    assert_eq!(found.output, [said("assistant", "[audio/wav, 3 kB]\n[image_url https://x.org/b.png]\n[sound]")]);
}

fn talk(attributes: &str, events: &[(&str, &str)]) -> Conversation {
    let events = events.iter().map(|(name, attributes)| crate::model::Event {
        name: (*name).to_owned(),
        attributes: json::parse(attributes.as_bytes()).unwrap(),
        ..crate::model::Event::default()
    });
    conversation(&Payload { attributes: json::parse(attributes.as_bytes()).unwrap(), events: events.collect(), ..Payload::default() })
}

#[test]
fn events_tell_a_conversation() {
    let calls = r#"{"content": "", "tool_calls": "[{\"id\":\"c\",\"function\":{\"name\":\"w\",\"arguments\":\"{}\"}}]"}"#;
    let found = talk(
        "{}",
        &[
            ("gen_ai.system.message", r#"{"content": "be kind"}"#),
            ("gen_ai.user.message", r#"{"content": "hi"}"#),
            ("gen_ai.assistant.message", calls),
            ("gen_ai.tool.message", r#"{"content": "21", "id": "c"}"#),
            ("exception", r#"{"exception.message": "no"}"#),
            ("gen_ai.choice", r#"{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ho"}}"#),
        ],
    );
    let asked = Message { tool_calls: vec![call("c", "w", "{}")], ..said("assistant", "") };
    assert_eq!(found.input, [said("system", "be kind"), said("user", "hi"), asked, returned("c", "", "21")]);
    assert_eq!(found.output, [said("assistant", "ho")]);
    let list = r#"{"events": "[{\"event.name\":\"gen_ai.user.message\",\"role\":\"user\",\"content\":\"hi\"},{\"event.name\":\"gen_ai.choice\",\"message\":{\"role\":\"assistant\",\"content\":\"ho\"}}]"}"#;
    assert_eq!(talk(list, &[]), Conversation { input: vec![said("user", "hi")], output: vec![said("assistant", "ho")] });
    let details = r#"{"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]}"#;
    assert_eq!(talk("{}", &[("gen_ai.client.inference.operation.details", details)]).input, [said("user", "hi")]);
}

#[test]
fn a_graph_s_state_is_a_conversation() {
    let found = talk(
        r#"{"llm.input_messages.0.message.role": "user", "input.value": "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
            "output.value": "{\"messages\": [{\"type\": \"human\", \"data\": {\"content\": \"hi\"}}, {\"type\": \"ai\", \"data\": {\"content\": \"\", \"tool_calls\": [{\"name\": \"w\", \"args\": {}, \"id\": \"c\"}]}}, {\"type\": \"tool\", \"data\": {\"content\": \"21\", \"name\": \"w\", \"tool_call_id\": \"c\"}}]}"}"#,
        &[],
    );
    let asked = Message { tool_calls: vec![call("c", "w", "{}")], ..said("assistant", "") };
    assert_eq!(found, Conversation { input: vec![said("user", "hi")], output: vec![asked, returned("c", "w", "21")] });
    assert_eq!(talk(r#"{"input.value": "{\"messages\": 3}", "output.value": "[1, {\"role\": \"x\"}]"}"#, &[]), Conversation::default());
}

#[test]
fn the_value_to_show() {
    let attributes = json::parse(
        br#"{"tool.parameters": "schema", "input.value": "", "ai.toolCall.args": "args", "output.value": null, "tool.result": "r"}"#,
    )
    .unwrap();
    assert_eq!(input(&attributes), Some(&Value::Text("args".to_owned())));
    assert_eq!(output(&attributes), Some(&Value::Text("r".to_owned())));
    assert_eq!(input(&[]), None);
}
