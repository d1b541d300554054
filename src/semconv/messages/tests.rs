use super::*;
use crate::model::json;

fn read(attributes: &str) -> Conversation {
    messages(&json::parse(attributes.as_bytes()).unwrap())
}

fn text_message(role: &str, text: &str) -> Message {
    Message { role: role.to_owned(), text: text.to_owned(), ..Message::default() }
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
}

#[test]
fn openinference_messages_are_read_from_numbered_attributes() {
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
    let call = Message { tool_calls: vec![call("c1", "weather", r#"{"city": "Lisbon"}"#)], ..text_message("assistant", "") };
    let result = Message { tool_call_id: Some("c1".to_owned()), ..text_message("tool", "21C") };
    assert_eq!(found.input, [call, result, text_message("user", "last")]);
    assert_eq!(found.output, [text_message("assistant", "It is\n[image]")]);
}

#[test]
fn opentelemetry_messages_have_parts() {
    let found = read(
        r#"{"gen_ai.system_instructions": "[{\"type\":\"text\",\"content\":\"Use tools.\"}]",
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "result": {"c": 21}}]}],
            "gen_ai.output.messages": "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"thinking\",\"content\":\"hm\"},{\"type\":\"tool_call\",\"id\":\"c2\",\"name\":\"w\",\"arguments\":{\"a\":1}}]}]"}"#,
    );
    let result = Message { tool_call_id: Some("c1".to_owned()), ..text_message("tool", r#"{"c":21}"#) };
    assert_eq!(found.input, [text_message("system", "Use tools."), text_message("user", "Weather?"), result]);
    let response = Message { reasoning: "hm".to_owned(), tool_calls: vec![call("c2", "w", r#"{"a":1}"#)], ..text_message("assistant", "") };
    assert_eq!(found.output, [response]);
}

#[test]
fn other_conventions() {
    let found = read(
        r#"{"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi", "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "ho"}"#,
    );
    assert_eq!(found, Conversation { input: vec![text_message("user", "hi")], output: vec![text_message("assistant", "ho")] });
    let found = read(
        r#"{"ai.prompt.messages": "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]},{\"role\":\"tool\",\"content\":[{\"type\":\"tool-result\",\"toolCallId\":\"c\",\"output\":{\"type\":\"text\",\"value\":\"21\"}}]}]",
            "ai.response.text": "ho", "ai.response.toolCalls": "[{\"toolCallId\":\"c\",\"toolName\":\"w\",\"input\":\"{}\"}]"}"#,
    );
    assert_eq!(found.input, [text_message("user", "hi"), Message { tool_call_id: Some("c".to_owned()), ..text_message("tool", "21") }]);
    assert_eq!(found.output, [Message { tool_calls: vec![call("c", "w", "{}")], ..text_message("assistant", "ho") }]);
    let found = read(r#"{"ai.prompt": "{\"system\": \"be kind\", \"prompt\": \"hi\"}"}"#);
    assert_eq!(found.input, [text_message("system", "be kind"), text_message("user", "hi")]);
    assert_eq!(read(r#"{"x": 1}"#), Conversation::default());
}

fn returned(id: &str, name: &str, text: &str) -> Message {
    Message { tool_call_id: Some(id.to_owned()), name: name.to_owned(), ..text_message("tool", text) }
}

#[test]
fn results_of_several_tools_in_one_message_stay_separate() {
    let found = read(
        r#"{"gen_ai.input.messages": [{"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "21C"}]},
                {"type": "tool_call_response", "id": "b", "name": "clock", "result": "noon"},
                {"type": "text", "text": "and now?"}]}]}"#,
    );
    assert_eq!(found.input, [returned("a", "", "21C"), returned("b", "clock", "noon"), text_message("user", "and now?")]);
}

#[test]
fn images_and_files_are_described() {
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
    assert_eq!(found.input, [text_message("user", "[image/png, 6 kB]\n[image https://x.org/a.png]")]);
    assert_eq!(found.output, [text_message("assistant", "[audio/wav, 3 kB]\n[image_url https://x.org/b.png]\n[sound]")]);
}

fn conversation_of(attributes: &str, events: &[(&str, &str)]) -> Conversation {
    let events = events.iter().map(|(name, attributes)| crate::model::Event {
        name: (*name).to_owned(),
        attributes: json::parse(attributes.as_bytes()).unwrap(),
        ..crate::model::Event::default()
    });
    conversation(&Payload { attributes: json::parse(attributes.as_bytes()).unwrap(), events: events.collect(), ..Payload::default() })
}

#[test]
fn a_conversation_is_read_from_events() {
    let calls = r#"{"content": "", "tool_calls": "[{\"id\":\"c\",\"function\":{\"name\":\"w\",\"arguments\":\"{}\"}}]"}"#;
    let found = conversation_of(
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
    let request = Message { tool_calls: vec![call("c", "w", "{}")], ..text_message("assistant", "") };
    assert_eq!(found.input, [text_message("system", "be kind"), text_message("user", "hi"), request, returned("c", "", "21")]);
    assert_eq!(found.output, [text_message("assistant", "ho")]);
    let list = r#"{"events": "[{\"event.name\":\"gen_ai.user.message\",\"role\":\"user\",\"content\":\"hi\"},{\"event.name\":\"gen_ai.choice\",\"message\":{\"role\":\"assistant\",\"content\":\"ho\"}}]"}"#;
    assert_eq!(
        conversation_of(list, &[]),
        Conversation { input: vec![text_message("user", "hi")], output: vec![text_message("assistant", "ho")] }
    );
    let details = r#"{"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]}"#;
    assert_eq!(conversation_of("{}", &[("gen_ai.client.inference.operation.details", details)]).input, [text_message("user", "hi")]);
}

/// The conversation in attributes whose values are given as JSON.
fn of_values(values: &[(&str, serde_json::Value)]) -> Conversation {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let attributes = values.iter().map(|(name, value)| ((*name).to_owned(), Value::Text(text(value)))).collect();
    conversation(&Payload { attributes, ..Payload::default() })
}

#[test]
fn requests_and_responses_of_providers_are_read() {
    use serde_json::json;
    let answered = [text_message("assistant", "It is 21 degrees.")];
    let asked = [text_message("user", "Weather?")];
    let openai = of_values(&[
        ("gen_ai.prompt", json!({"model": "m", "messages": [{"role": "user", "content": "Weather?"}]})),
        (
            "gen_ai.completion",
            json!({"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "It is 21 degrees."}}]}),
        ),
    ]);
    assert_eq!((&openai.input[..], &openai.output[..]), (&asked[..], &answered[..]));
    let result = returned("a1", "w", r#"{"report":"21C"}"#);
    let request = Message { tool_calls: vec![call("a1", "w", r#"{"city":"Lisbon"}"#)], ..text_message("assistant", "") };
    let gemini = of_values(&[
        (
            "gcp.vertex.agent.llm_request",
            json!({"contents": [{"parts": [{"text": "Weather?"}], "role": "user"},
                    {"parts": [{"functionCall": {"id": "a1", "args": {"city": "Lisbon"}, "name": "w"}}], "role": "model"},
                    {"parts": [{"functionResponse": {"id": "a1", "name": "w", "response": {"report": "21C"}}}], "role": "user"},
                    {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"fileData": {"fileUri": "gs://x/y"}}], "role": "user"}],
                "config": {"systemInstruction": {"parts": [{"text": "Be kind."}], "role": "user"}}}),
        ),
        (
            "gcp.vertex.agent.llm_response",
            json!({"content": {"parts": [{"text": "hm", "thought": true}, {"text": "It is 21 degrees."}], "role": "model"}}),
        ),
    ]);
    let pictures = text_message("user", "[image/png AAAA]\n[file gs://x/y]");
    assert_eq!(gemini.input, [text_message("system", "Be kind."), asked[0].clone(), request.clone(), result, pictures]);
    assert_eq!(gemini.output, [Message { reasoning: "hm".to_owned(), ..answered[0].clone() }]);
    let genkit = of_values(&[
        (
            "genkit:input",
            json!({"messages": [{"content": [{"text": "Weather?"}], "role": "user"},
                {"content": [{"toolRequest": {"input": {"city": "Lisbon"}, "name": "w", "ref": "a1"}}], "role": "model"},
                {"content": [{"toolResponse": {"name": "w", "output": "21C", "ref": "a1"}}], "role": "tool"}]}),
        ),
        ("genkit:output", json!({"finishReason": "stop", "message": {"content": [{"text": "It is 21 degrees."}], "role": "model"}})),
    ]);
    assert_eq!(genkit.input, [asked[0].clone(), request.clone(), returned("a1", "w", "21C")]);
    assert_eq!(genkit.output, answered);
    let candidates = of_values(&[(
        "genkit:output",
        json!({"candidates": [{"index": 0, "message": {"content": [{"toolRequest": {"input": {"city": "Lisbon"}, "name": "w", "ref": "a1"}}],
            "role": "model"}}], "custom": {"candidates": [{"content": {"parts": [], "role": "model"}}]}}),
    )]);
    assert_eq!(candidates.output, [request]);
    let mastra = of_values(&[
        ("mastra.model_generation.input", json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}]})),
        ("gen_ai.system_instructions", json!("Be kind.")),
    ]);
    assert_eq!(mastra.input, [text_message("system", "Be kind."), asked[0].clone()]);
    let step = of_values(&[("mastra.model_step.input", json!([{"role": "user", "content": "Weather?"}]))]);
    assert_eq!(step.input, asked);
    let run = of_values(&[("mastra.agent_run.input", json!("Weather?")), ("gen_ai.system_instructions", json!("Be kind."))]);
    assert_eq!(run.input, [text_message("system", "Be kind."), asked[0].clone()]);
    for key in ["llm.messages", "agent.messages"] {
        assert_eq!(of_values(&[(key, json!([{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}]))]).input, asked, "{key}");
    }
}

#[test]
fn objects_of_langchain_are_messages() {
    use serde_json::json;
    let object = |class: &str, kwargs: serde_json::Value| json!({"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", class], "kwargs": kwargs});
    let found = of_values(&[
        ("input.value", json!({"messages": [object("HumanMessage", json!({"content": "Weather?"}))]})),
        (
            "output.value",
            json!({"messages": [
                object("HumanMessage", json!({"content": "Weather?"})),
                object("AIMessageChunk", json!({"content": "", "tool_calls": [{"name": "w", "args": {}, "id": "c"}]})),
                object("ToolMessage", json!({"content": "21", "name": "w", "tool_call_id": "c"}))]}),
        ),
    ]);
    assert_eq!(found.input, [text_message("user", "Weather?")]);
    let request = Message { tool_calls: vec![call("c", "w", "{}")], ..text_message("assistant", "") };
    assert_eq!(found.output, [request, returned("c", "w", "21")]);
    let result = of_values(&[("output.value", object("ToolMessage", json!({"content": "21", "tool_call_id": "c"})))]);
    assert_eq!(result.output, [returned("c", "", "21")]);
    let answer = object("AIMessage", json!({"content": "It is 21 degrees."}));
    for generations in [json!([[{"text": "It is 21 degrees.", "message": answer}]]), json!([{"message": answer}])] {
        let found = of_values(&[("output.value", json!({"generations": generations, "llm_output": {}}))]);
        assert_eq!(found.output, [text_message("assistant", "It is 21 degrees.")]);
    }
    let texts = of_values(&[("output.value", json!({"generations": [[{"text": "No message."}]]}))]);
    assert_eq!(texts.output, [], "a text alone is no message");
}

#[test]
fn sounds_are_told_and_files_named() {
    let flat = read(
        r#"{"llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.audio.audio.transcript": "where is my parcel?",
            "llm.input_messages.0.message.contents.0.message_content.audio.audio.url": "data:audio/wav;base64,AAAA",
            "llm.input_messages.0.message.contents.0.message_content.audio.audio.mime_type": "audio/wav",
            "llm.input_messages.0.message.contents.0.message_content.type": "audio"}"#,
    );
    assert_eq!(flat.input, [text_message("user", "[audio/wav, 1 kB]\nwhere is my parcel?")]);
    let parts = read(
        r#"{"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "file", "modality": "image", "file_id": "file-123"},
            {"type": "file", "file": {"filename": "a.pdf"}}, {"type": "input_audio", "input_audio": {"data": "AAAA", "transcript": "hello"}}]}]}"#,
    );
    assert_eq!(parts.input, [text_message("user", "[file file-123]\n[file a.pdf]\n[input_audio AAAA]\nhello")]);
}

#[test]
fn a_message_that_is_only_a_role_is_left_out() {
    let found = read(
        r#"{"gen_ai.input.messages": [{"role": "tool", "content": ""}, {"role": "User", "parts": []}, {"role": "user", "content": "hi"},
            {"role": "tool", "tool_call_id": "c", "content": ""}], "gen_ai.output.messages": [{"role": "assistant", "content": null}]}"#,
    );
    assert_eq!((found.input, found.output), (vec![text_message("user", "hi"), returned("c", "", "")], vec![]));
}

#[test]
fn a_graph_s_state_is_a_conversation() {
    let found = conversation_of(
        r#"{"llm.input_messages.0.message.role": "user", "input.value": "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}",
            "output.value": "{\"messages\": [{\"type\": \"human\", \"data\": {\"content\": \"hi\"}}, {\"type\": \"ai\", \"data\": {\"content\": \"\", \"tool_calls\": [{\"name\": \"w\", \"args\": {}, \"id\": \"c\"}]}}, {\"type\": \"tool\", \"data\": {\"content\": \"21\", \"name\": \"w\", \"tool_call_id\": \"c\"}}]}"}"#,
        &[],
    );
    let request = Message { tool_calls: vec![call("c", "w", "{}")], ..text_message("assistant", "") };
    assert_eq!(found, Conversation { input: vec![text_message("user", "hi")], output: vec![request, returned("c", "w", "21")] });
    assert_eq!(
        conversation_of(r#"{"input.value": "{\"messages\": 3}", "output.value": "[1, {\"role\": \"x\"}]"}"#, &[]),
        Conversation::default()
    );
}

#[test]
fn prompts_and_outputs_of_coding_agents_are_found() {
    let attributes = |json: &str| json::parse(json.as_bytes()).unwrap();
    assert_eq!(input(&attributes(r#"{"user_prompt": "Fix it", "user_prompt_length": 6}"#)), Some(&Value::Text("Fix it".to_owned())));
    assert_eq!(input(&attributes(r#"{"user_prompt": "<REDACTED>"}"#)), None);
    let event = crate::model::Event {
        name: "tool.output".to_owned(),
        attributes: attributes(r#"{"bash_command": "ls", "output": "a.txt"}"#),
        ..crate::model::Event::default()
    };
    let tool = Payload { attributes: attributes(r#"{"full_command": "ls"}"#), events: vec![event], ..Payload::default() };
    assert_eq!((input(&tool.attributes), output_of(&tool)), (Some(&Value::Text("ls".to_owned())), Some(&Value::Text("a.txt".to_owned()))));
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
