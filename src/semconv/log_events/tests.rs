use super::*;

fn attributes(pairs: &[(&str, &str)]) -> Vec<Attribute> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::Text((*value).to_owned()))).collect()
}

fn stated(facts: &[Attribute], key: &str) -> Option<String> {
    facts.iter().find(|(name, _)| name == key).map(|(_, value)| value.to_json())
}

#[test]
fn events_are_known_by_the_last_part_of_their_names_and_by_their_facts() {
    let tokens = attributes(&[("input_token_count", "7")]);
    for (name, attributes, expected) in [
        ("user_prompt", vec![], Some(Told::Prompt { in_own_span: true })),
        ("codex.user_prompt", vec![], Some(Told::Prompt { in_own_span: false })),
        ("gemini_cli.api_response", tokens.clone(), Some(Told::Call)),
        ("api_request", attributes(&[("input_tokens", "1")]), Some(Told::Call)),
        ("codex.api_request", attributes(&[("http.response.status_code", "200")]), Some(Told::CallBegins)),
        ("codex.api_request", attributes(&[("http.response.status_code", "429")]), Some(Told::FailedCall)),
        ("api_error", vec![], Some(Told::FailedCall)),
        ("codex.sse_event", attributes(&[("event.kind", "response.completed")]), None),
        ("codex.sse_event", attributes(&[("event.kind", "response.completed"), ("output_token_count", "1")]), Some(Told::Call)),
        ("x.sse_event", attributes(&[("event.kind", "response.function_call_arguments.done")]), Some(Told::ToolProposed)),
        ("hook_execution_start", attributes(&[("hook_event", "PermissionRequest")]), Some(Told::UserAsked)),
        ("hook_execution_start", attributes(&[("hook_event", "PreToolUse")]), None),
        ("tool_decision", attributes(&[("decision", "accept")]), Some(Told::ToolBegins)),
        ("tool_decision", attributes(&[("decision", "Denied")]), Some(Told::ToolRefused)),
        ("qwen-code.tool_call", vec![], Some(Told::Tool)),
        ("session.end", vec![], Some(Told::SessionEnds)),
        ("gen_ai.client.inference.operation.details", vec![], None),
        ("gen_ai.client.inference.operation.details", attributes(&[("gen_ai.usage.input_tokens", "3")]), Some(Told::Details)),
        ("plugin_loaded", tokens, None),
        ("", vec![], None),
    ] {
        assert_eq!(told(name, &attributes), expected, "{name}");
        assert!(expected.is_none() || may_tell(name.as_bytes()), "{name}");
    }
}

#[test]
fn cached_tokens_are_part_of_the_input_where_the_event_counts_them_apart() {
    let claude = attributes(&[("input_tokens", "5"), ("cache_read_tokens", "100"), ("cache_creation_tokens", "20")]);
    assert_eq!(stated(&model_attributes(&claude), "gen_ai.usage.input_tokens").as_deref(), Some("125"));
    let codex = attributes(&[("input_token_count", "1000"), ("cached_token_count", "800")]);
    assert_eq!(stated(&model_attributes(&codex), "gen_ai.usage.input_tokens").as_deref(), Some("1000"));
}

#[test]
fn thoughts_count_as_output_where_only_the_total_includes_them() {
    let gemini = [("input_token_count", "700"), ("output_token_count", "40"), ("thoughts_token_count", "25")];
    for (total, output) in [("765", "65"), ("740", "40")] {
        let counts = attributes(&[&gemini[..], &[("total_token_count", total)]].concat());
        assert_eq!(stated(&model_attributes(&counts), "gen_ai.usage.output_tokens").as_deref(), Some(output), "{total}");
    }
}

#[test]
fn what_is_left_out_or_no_count_is_not_stated() {
    for text in ["<REDACTED>", "[redacted]", "REDACTED", " "] {
        assert_eq!(prompt(&attributes(&[("prompt", text)])), None, "{text}");
    }
    assert_eq!(prompt(&attributes(&[("prompt", "<REDACTED>"), ("prompt_text", "Hi")])).as_deref(), Some("Hi"));
    for tokens in ["-1", "NaN", "1.5", "1e30", "many"] {
        assert_eq!(told("api_request", &attributes(&[("input_token_count", tokens)])), Some(Told::CallBegins), "{tokens}");
    }
    assert_eq!(duration(&attributes(&[("duration_ms", "inf")])), None);
    assert_eq!(duration(&attributes(&[("duration_ms", "46")])), Some(46_000_000));
}

#[test]
fn calls_beside_the_turn_and_decisions_of_the_user_are_known_by_their_source() {
    for (source, expected) in
        [("", true), ("sdk", true), ("repl_main_thread:x", true), ("generate_session_title", false), ("agent:custom", false)]
    {
        assert_eq!(is_of_turn(&attributes(&[("query_source", source)])), expected, "{source}");
    }
    for (source, expected) in [("user_temporary", true), ("User", true), ("config", false), ("hook:PermissionRequest", false), ("", false)]
    {
        assert_eq!(was_user_asked(&attributes(&[("source", source)])), expected, "{source}");
    }
}
