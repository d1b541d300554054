use super::*;

use crate::model::json::Scalar;

fn attributes<'a>(pairs: &[(&'a str, &'a str)]) -> EventAttributes<'a> {
    let mut attributes = EventAttributes::default();
    for (key, value) in pairs {
        attributes.push(EventAttribute { key: key.as_bytes(), value: Ok(Scalar::Text(value.as_bytes())), encoded: b"" });
    }
    attributes
}

fn stated(facts: &[Fact<'_>], key: &str) -> Option<i64> {
    let (_, value) = facts.iter().find(|(name, _)| *name == key)?;
    if let FactValue::Int(count) = value { Some(*count) } else { None }
}

#[test]
fn the_last_attribute_of_a_key_counts_and_what_is_no_text_is_json() {
    let mut attributes = attributes(&[("prompt", "one"), ("prompt", "two")]);
    assert_eq!(prompt(&attributes).as_deref(), Some("two"));
    for (value, expected) in [
        (Ok(Scalar::Int(7)), Some("7")),
        (Ok(Scalar::Bool(true)), Some("true")),
        (Ok(Scalar::Float(0.5)), Some("0.5")),
        (Err("[1]".to_owned()), Some("[1]")),
        (Ok(Scalar::Other(b"null")), None),
    ] {
        attributes.push(EventAttribute { key: b"prompt", value, encoded: b"" });
        assert_eq!(prompt(&attributes).as_deref(), expected);
    }
}

#[test]
fn events_are_known_by_the_last_part_of_their_names_and_by_their_facts() {
    let tokens = || attributes(&[("input_token_count", "7")]);
    for (name, stated, expected) in [
        ("user_prompt", attributes(&[]), Some(Told::Prompt { in_own_span: true })),
        ("codex.user_prompt", attributes(&[]), Some(Told::Prompt { in_own_span: false })),
        ("gemini_cli.api_response", tokens(), Some(Told::Call)),
        ("api_request", attributes(&[("input_tokens", "1")]), Some(Told::Call)),
        ("codex.api_request", attributes(&[("http.response.status_code", "200")]), Some(Told::CallBegins)),
        ("codex.api_request", attributes(&[("http.response.status_code", "429")]), Some(Told::FailedCall)),
        ("api_error", attributes(&[]), Some(Told::FailedCall)),
        ("codex.sse_event", attributes(&[("event.kind", "response.completed")]), None),
        ("codex.sse_event", attributes(&[("event.kind", "response.completed"), ("output_token_count", "1")]), Some(Told::Call)),
        ("x.sse_event", attributes(&[("event.kind", "response.function_call_arguments.done")]), Some(Told::ToolProposed)),
        ("hook_execution_start", attributes(&[("hook_event", "PermissionRequest")]), Some(Told::UserAsked)),
        ("hook_execution_start", attributes(&[("hook_event", "PreToolUse")]), None),
        ("tool_decision", attributes(&[("decision", "accept")]), Some(Told::ToolBegins)),
        ("tool_decision", attributes(&[("decision", "Denied")]), Some(Told::ToolRefused)),
        ("qwen-code.tool_call", attributes(&[]), Some(Told::Tool)),
        ("session.end", attributes(&[]), Some(Told::SessionEnds)),
        ("gen_ai.client.inference.operation.details", attributes(&[]), None),
        ("gen_ai.client.inference.operation.details", attributes(&[("gen_ai.usage.input_tokens", "3")]), Some(Told::Details)),
        ("plugin_loaded", tokens(), None),
        ("", attributes(&[]), None),
    ] {
        assert_eq!(told(name, &stated), expected, "{name}");
        assert!(expected.is_none() || may_tell(name.as_bytes()), "{name}");
    }
}

#[test]
fn cached_tokens_are_part_of_the_input_where_the_event_counts_them_apart() {
    let claude = attributes(&[("input_tokens", "5"), ("cache_read_tokens", "100"), ("cache_creation_tokens", "20")]);
    assert_eq!(stated(&model_facts(&claude), "gen_ai.usage.input_tokens"), Some(125));
    let codex = attributes(&[("input_token_count", "1000"), ("cached_token_count", "800")]);
    assert_eq!(stated(&model_facts(&codex), "gen_ai.usage.input_tokens"), Some(1000));
}

#[test]
fn thoughts_count_as_output_where_only_the_total_includes_them() {
    let gemini = [("input_token_count", "700"), ("output_token_count", "40"), ("thoughts_token_count", "25")];
    for (total, output) in [("765", 65), ("740", 40)] {
        let counts = [&gemini[..], &[("total_token_count", total)]].concat();
        let counts = attributes(&counts);
        assert_eq!(stated(&model_facts(&counts), "gen_ai.usage.output_tokens"), Some(output), "{total}");
    }
}

#[test]
fn what_is_left_out_or_no_count_is_not_stated() {
    for text in ["<REDACTED>", "[redacted]", "REDACTED", "«Redacted»", " "] {
        assert_eq!(prompt(&attributes(&[("prompt", text)])), None, "{text}");
    }
    for text in ["redacted text", "é", "un-redacted"] {
        assert_eq!(prompt(&attributes(&[("prompt", text)])).as_deref(), Some(text));
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
