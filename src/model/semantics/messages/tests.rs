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
