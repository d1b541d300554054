use proptest::strategy::Strategy;

use super::*;
use crate::model::json;
use crate::model::{Batch, Naming, Origin, SourceId, SpanFacts, Usage};
use crate::semconv::INPUT_PREVIEW;

/// Returns the facts in a JSON object, and the batch that holds their texts.
fn facts(name: &str, attributes: &str) -> (SpanFacts, Batch) {
    facts_by(name, None, attributes)
}

fn facts_by(name: &str, scope: Option<&str>, attributes: &str) -> (SpanFacts, Batch) {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    let mut extractor = Extractor::default();
    assert_eq!(json::scan(attributes.as_bytes(), |name, value| extractor.add(name, value)), Ok(()), "{attributes}");
    (extractor.facts(name, scope, &mut batch), batch)
}

fn usage(name: &str, attributes: &str) -> Usage {
    facts(name, attributes).0.usage.unwrap_or_default()
}

#[test]
fn an_agent_of_agno() {
    let (facts, batch) = facts(
        "Customer_Service_Agent.run",
        r#"{"graph.node.id": "fad1", "input.value": "Help me\n with \"my\" order", "graph.node.name": "node", "agent.name": "Customer Service Agent",
            "agno.agent.id": "customer-service", "session.id": "sess-1", "user.id": 42, "output.value": "Done", "agno.run.id": "364e",
            "openinference.span.kind": "AGENT", "agno.tools": ["x", {"a": null}]}"#,
    );
    assert_eq!(facts.span_type, SpanType::Agent);
    let texts = [facts.agent, facts.session, facts.user, facts.run, facts.input, facts.model].map(|text| batch.text(text));
    assert_eq!(texts, ["Customer Service Agent", "sess-1", "42", "364e", "Help me with \"my\" order", ""]);
    assert_eq!(facts.usage, None);
}

#[test]
fn the_project_the_exit_status_and_the_attempt() {
    let stated = |attributes: &str| {
        let (facts, batch) = facts("step", attributes);
        (batch.text(facts.project).to_owned(), facts.exit_status, facts.attempt)
    };
    assert_eq!(stated(r#"{"cwd": "/home/ann/shop/", "process.exit.code": 3, "attempt": "2"}"#), ("shop".to_owned(), Some(3), Some(2)));
    assert_eq!(stated(r#"{"exit_code": "-1", "attempt": 1}"#), (String::new(), Some(-1), None));
    assert_eq!(stated(r#"{"cwd": 7, "exit_code": 0, "attempt": "soon"}"#), (String::new(), None, None));
    assert_eq!(
        stated(&format!(r#"{{"cwd": "{}", "exit_code": 99999999999, "attempt": -4}}"#, "x".repeat(9000))),
        (String::new(), None, None)
    );
}

#[test]
fn a_model_call_of_agno() {
    let (facts, batch) = facts(
        "OpenAIChat.invoke",
        r#"{"llm.model_name": "gpt-5-mini", "llm.system": "openai", "llm.provider": "OpenAI", "input.value": "{\"messages\": []}",
            "llm.token_count.prompt": 45, "llm.token_count.completion": 53, "llm.token_count.prompt_details.cache_read": 20,
            "openinference.span.kind": "LLM"}"#,
    );
    assert_eq!((facts.span_type, batch.text(facts.model), batch.text(facts.provider)), (SpanType::Model, "gpt-5-mini", "OpenAI"));
    assert_eq!(batch.text(facts.input), "");
    let expected = Usage { input: Some(45), output: Some(53), cache_read: Some(20), ..Usage::default() };
    assert_eq!(facts.usage, Some(expected));
}

#[test]
fn the_input_of_a_model_call_is_the_user_s_last_message() {
    let asked = |attributes: &str| {
        let (facts, batch) = facts("OpenAIChat.invoke", &format!(r#"{{"openinference.span.kind": "LLM", {attributes}}}"#));
        batch.text(facts.input).to_owned()
    };
    let message =
        |n, role, text| format!(r#""llm.input_messages.{n}.message.role": "{role}", "llm.input_messages.{n}.message.content": "{text}""#);
    let conversation =
        [message(0, "system", "be good"), message(1, "user", "one"), message(2, "assistant", "two"), message(10, "user", "three")];
    assert_eq!(asked(&conversation.join(", ")), "three");
    assert_eq!(asked(&[&*conversation[3], &conversation[1]].join(", ")), "three", "by number, not by position");
    assert_eq!(
        asked(r#""llm.input_messages.0.message.content": "first the text", "llm.input_messages.0.message.role": "user""#),
        "first the text"
    );
    assert_eq!(asked(&conversation[0]), "");
}

#[test]
fn calls_are_the_names_of_the_called_tools() {
    let asked = |count: usize| {
        let calls: Vec<String> =
            (0..count).map(|n| format!(r#""llm.output_messages.0.message.tool_calls.{n}.tool_call.function.name": "tool{n}""#)).collect();
        let (facts, batch) = facts("OpenAIChat.invoke", &format!("{{{}}}", calls.join(", ")));
        batch.text(facts.calls).to_owned()
    };
    assert_eq!([asked(0), asked(1), asked(3), asked(5)], ["", "tool0", "tool0, tool1, tool2", "tool0, tool1, tool2 and 2 more"]);
}

#[test]
fn span_types_in_every_convention() {
    for (name, attributes, kind) in [
        ("Report_Team.run", r#"{"openinference.span.kind": "AGENT", "agno.team.id": "t"}"#, SpanType::Team),
        ("member.run", r#"{"openinference.span.kind": "AGENT", "agno.team.id": "t", "agno.agent.id": "a"}"#, SpanType::Agent),
        ("Order_Processing.run", r#"{"openinference.span.kind": "CHAIN", "agno.workflow.id": "w"}"#, SpanType::Workflow),
        ("validate_order.execute", r#"{"openinference.span.kind": "CHAIN"}"#, SpanType::Step),
        ("x", r#"{"openinference.span.kind": "UNKNOWN", "gen_ai.operation.name": "execute_tool"}"#, SpanType::Tool),
        ("x", r#"{"gen_ai.operation.name": "invoke_agent"}"#, SpanType::Agent),
        ("x", r#"{"gen_ai.operation.name": "chat", "traceloop.span.kind": "task"}"#, SpanType::Model),
        ("x", r#"{"ai.operationId": "ai.streamText"}"#, SpanType::Agent),
        ("x", r#"{"ai.operationId": "ai.streamText.doStream"}"#, SpanType::Model),
        ("x", r#"{"ai.operationId": "ai.toolCall"}"#, SpanType::Tool),
        ("x", r#"{"langfuse.observation.type": "generation"}"#, SpanType::Model),
        ("model.call", "{}", SpanType::Model),
        ("agent.run", "{}", SpanType::Agent),
        ("x", r#"{"gen_ai.response.model": "m", "gen_ai.usage.output_tokens": 1}"#, SpanType::Model),
        ("x", r#"{"tool.name": "t"}"#, SpanType::Tool),
        ("x", r#"{"gen_ai.operation.name": "acompletion"}"#, SpanType::Model),
        ("x", r#"{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "(merged tools)", "input": "N/A"}"#, SpanType::Step),
        ("x", r#"{"genkit:metadata:subtype": "tool.v2", "genkit:name": "t"}"#, SpanType::Tool),
        ("x", r#"{"span.type": "llm", "entity.type": "agent"}"#, SpanType::Model),
        ("x", r#"{"span.type": "memory", "entity.type": "agent"}"#, SpanType::Other),
        ("x", r#"{"entity.type": "agent", "entity.name": "x"}"#, SpanType::Agent),
        ("x", r#"{"entity.type": "workflow", "entity.name": "x"}"#, SpanType::Other),
        ("bot", r#"{"openinference.span.kind": "CHAIN", "metadata": "{\"lc_agent_name\": \"bot\"}"}"#, SpanType::Agent),
        ("tools", r#"{"openinference.span.kind": "CHAIN", "metadata": "{\"lc_agent_name\": \"bot\"}"}"#, SpanType::Step),
        ("generate", r#"{"genkit:metadata:subtype": "util", "genkit:name": "generate", "llm.token_count.prompt": 1}"#, SpanType::Other),
        ("route gpt-4o", r#"{"gen_ai.request.model": "gpt-4o"}"#, SpanType::Other),
        ("route gpt-4o", r#"{"gen_ai.request.model": "gpt-4o", "openinference.span.kind": "LLM"}"#, SpanType::Other),
        (
            "chat gpt-4o",
            r#"{"gen_ai.request.model": "gpt-4o", "gen_ai.system": "openai", "openinference.span.kind": "LLM"}"#,
            SpanType::Model,
        ),
        ("x", r#"{"openinference.span.kind": 7}"#, SpanType::Other),
        ("x", "null", SpanType::Other),
    ] {
        assert_eq!(facts(name, attributes).0.span_type, kind, "{name} {attributes}");
    }
}

#[test]
fn the_key_of_the_highest_rank_wins_in_any_order() {
    for attributes in [
        r#"{"gen_ai.request.model": "c", "llm.model_name": "b", "llm.response.model_name": "a"}"#,
        r#"{"llm.response.model_name": "a", "gen_ai.request.model": "c", "llm.model_name": "b"}"#,
        r#"{"llm.response.model_name": "z", "llm.response.model_name": "a"}"#,
        r#"{"llm.response.model_name": "", "llm.model_name": "a", "gen_ai.request.model": "c"}"#,
    ] {
        let (facts, batch) = facts("x", attributes);
        assert_eq!(batch.text(facts.model), "a", "{attributes}");
    }
}

#[test]
fn the_name_that_a_call_asked_for_is_kept_if_another_model_answered() {
    for (attributes, asked) in [
        (r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "fast", "gen_ai.response.model": "gpt-5"}"#, "fast"),
        (r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "litellm.model_group": "fast"}"#, "fast"),
        (r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "metadata.model_group": "fast"}"#, ""),
        (r#"{"gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-5", "metadata.model_group": "fast"}"#, "fast"),
        (r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "model_group": "None"}"#, ""),
        (r#"{"gen_ai.operation.name": "execute_tool", "gen_ai.request.model": "fast", "gen_ai.response.model": "gpt-5"}"#, ""),
    ] {
        let (facts, batch) = facts("x", attributes);
        assert_eq!(batch.text(facts.asked_model), asked, "{attributes}");
    }
}

#[test]
fn numbers_of_every_type() {
    for (number, expected) in [
        ("12", Some(12)),
        ("12.0", Some(12)),
        ("\"12\"", Some(12)),
        ("\" 12.0 \"", Some(12)),
        ("2147483647", Some(i32::MAX as u32)),
        ("2147483648", None),
        ("\"4000000000\"", None),
        ("4294967296", None),
        ("12.5", None),
        ("-1", None),
        ("-1.5", None),
        ("NaN", None),
        ("\"nan\"", None),
        ("Infinity", None),
        ("1e300", None),
        ("\"\"", None),
        ("\"many\"", None),
        ("true", None),
        ("null", None),
        ("[1]", None),
    ] {
        assert_eq!(usage("x", &format!("{{\"llm.token_count.prompt\": {number}}}")).input, expected, "{number}");
    }
    assert_eq!(usage("x", r#"{"llm.token_count.prompt": -1, "gen_ai.usage.input_tokens": "7"}"#).input, Some(7));
}

#[test]
fn a_model_without_a_name_is_the_requested_one() {
    for none in ["none", "unknown", "", "null", "None"] {
        let attributes = format!(
            r#"{{"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini", "gen_ai.response.model": "{none}",
            "gen_ai.provider.name": "{none}", "gen_ai.system": "openai"}}"#
        );
        let (facts, batch) = facts("chat gpt-5-mini", &attributes);
        assert_eq!((batch.text(facts.model), batch.text(facts.provider)), ("gpt-5-mini", "openai"), "{none}");
    }
}

#[test]
fn a_claude_call_without_any_cache_count_is_incomplete() {
    let lacks = |name, scope, attributes: &str| {
        let attributes = format!("{{\"openinference.span.kind\": \"LLM\", {attributes}}}");
        facts_by(name, scope, &attributes).0.usage.unwrap().cache_unstated
    };
    let call = r#""llm.model_name": "claude-sonnet-4-5", "llm.token_count.prompt": 5, "llm.token_count.completion": 20"#;
    assert!(lacks("chat claude", Some("koog"), call));
    assert!(lacks("chat", None, &call.replace("claude-sonnet-4-5", "us.anthropic.Claude-x")));
    assert!(!lacks("chat", None, &format!(r#"{call}, "llm.token_count.prompt_details.cache_read": 0"#)), "0 is stated");
    assert!(!lacks("chat", None, &format!(r#"{call}, "llm.token_count.prompt_details.cache_write": 7"#)));
    assert!(!lacks("chat", None, &call.replace("claude-sonnet-4-5", "gpt-4o")));
    assert!(!lacks("Claude.invoke", None, call), "Agno states cached tokens unless there are none");
    assert!(!lacks("Claude.invoke", Some("openinference.instrumentation.agno"), call));
    assert!(
        !lacks("chat", None, r#""llm.model_name": "claude-sonnet-4-5", "llm.token_count.completion": 20"#),
        "no input to be incomplete"
    );
    let agent = facts("run", &format!(r#"{{"openinference.span.kind": "AGENT", {call}}}"#)).0;
    assert!(!agent.usage.unwrap().cache_unstated);
}

#[test]
fn cost_is_stated_or_unknown() {
    assert_eq!(usage("x", r#"{"operation.cost": 0.00017}"#).cost, Some(170_000));
    assert_eq!(usage("x", r#"{"llm.cost.prompt": 0.5, "llm.cost.completion": "0.25"}"#).cost, Some(750_000_000));
    assert_eq!(usage("x", r#"{"llm.cost.prompt": 0.5}"#).cost, None);
    assert_eq!(usage("x", r#"{"llm.cost.total": -0.5}"#).cost, None);
    assert_eq!(usage("x", r#"{"llm.cost.total": 0.0}"#).cost, None, "zero means that the price is unknown");
}

#[test]
fn the_input_includes_cached_tokens() {
    let details = r#""llm.token_count.prompt_details.cache_read": 100, "llm.token_count.prompt_details.cache_write": 10"#;
    for (name, scope, provider, prompt, input) in [
        ("Claude.invoke", None, "Anthropic", 5, 115),
        ("Claude.ainvoke_stream", None, "Anthropic", 500, 610),
        ("Claude.invoke", None, "VertexAI", 500, 610),
        ("AwsBedrock.invoke", None, "AwsBedrock", 500, 610),
        ("OpenAIChat.invoke", None, "OpenAI", 500, 500),
        ("ChatAnthropic", None, "anthropic", 500, 500),
        ("ChatAnthropic", None, "anthropic", 109, 219),
        ("Claude.invoke", Some("openinference.instrumentation.langchain"), "Anthropic", 500, 500),
        ("any name", Some("openinference.instrumentation.agno"), "Anthropic", 500, 610),
    ] {
        let attributes = format!("{{\"llm.provider\": \"{provider}\", \"llm.token_count.prompt\": {prompt}, {details}}}");
        let usage = facts_by(name, scope, &attributes).0.usage.unwrap_or_default();
        assert_eq!((usage.input, usage.cache_read, usage.cache_write), (Some(input), Some(100), Some(10)), "{name} {provider} {prompt}");
    }
}

#[test]
fn the_input_is_the_user_s_question() {
    for (attributes, input) in [
        (r#"{"gen_ai.input.messages": "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"Weather?\"}]}]"}"#, "Weather?"),
        (r#"{"ai.prompt": "{\"prompt\":\"Weather?\"}"}"#, "Weather?"),
        (r#"{"gen_ai.prompt": "plain"}"#, "plain"),
        (r#"{"input.value": ["a", 1]}"#, r#"["a", 1]"#),
        (r#"{"gen_ai.tool.call.arguments": "{\"city\": \"Lisbon\"}"}"#, r#"{"city": "Lisbon"}"#),
    ] {
        let (facts, batch) = facts("x", attributes);
        assert_eq!(batch.text(facts.input), input);
    }
    let long = format!("{{\"input.value\": \"{}\"}}", "é".repeat(1000));
    let (facts, batch) = facts("x", &long);
    assert_eq!(batch.text(facts.input).len(), INPUT_PREVIEW);
}

#[test]
fn a_schema_of_arguments_is_no_input() {
    let input = |attributes: &str| {
        let (facts, batch) = facts("get_weather", &format!(r#"{{"openinference.span.kind": "TOOL", {attributes}}}"#));
        batch.text(facts.input).to_owned()
    };
    let schema = r#""tool.parameters": "{\"type\": \"object\", \"properties\": {\"city\": {\"type\": \"string\"}}}""#;
    assert_eq!(input(schema), "");
    assert_eq!(input(&format!(r#"{schema}, "input": "{{\"city\":\"Lisbon\"}}""#)), r#"{"city":"Lisbon"}"#);
    assert_eq!(input(r#""tool.parameters": "{\"city\": \"Lisbon\"}""#), r#"{"city": "Lisbon"}"#);
    assert_eq!(input(r#""tool.parameters": {"city": "Lisbon"}"#), r#"{"city": "Lisbon"}"#);
    assert_eq!(input(r#""spring.ai.tool.call.arguments": "{\"city\": \"Porto\"}""#), r#"{"city": "Porto"}"#);
    assert_eq!(input(r#""x.tool.call.arguments": "no", "gen_ai.tool.call.arguments": "yes""#), "yes", "exact names first");
}

#[test]
fn sessions_and_users_are_found_under_any_prefix_and_in_metadata() {
    for (attributes, session, user) in [
        (r#"{"spring.ai.chat.client.conversation.id": "s"}"#, "s", ""),
        (r#"{"conversation.id": "s", "session.id": "exact"}"#, "exact", ""),
        (r#"{"session.id": "exact", "conversation.id": "s"}"#, "exact", ""),
        (r#"{"mastra.metadata.threadId": "t", "mastra.metadata.sessionId": "s", "mastra.metadata.userId": 7}"#, "s", "7"),
        (r#"{"metadata": "{\"thread_id\": \"t\", \"user_id\": \"u\"}"}"#, "t", "u"),
        (r#"{"metadata": {"session_id": "s", "thread_id": "t", "user_id": 7, "x": [{"user_id": 8}]}}"#, "s", "7"),
        (r#"{"metadata": "{\"thread_id\": \"t\", \"user_id\": \"u\"}", "session.id": "exact"}"#, "exact", "u"),
        (r#"{"metadata": "{'thread_id': 't'}"}"#, "", ""),
        (r#"{"metadata": "{\"thread_id\": null, \"user_id\": \"\"}"}"#, "", ""),
        (r#"{"mcp.session.id": "m", "process.user.id": 0, "thread.id": 1}"#, "", ""),
    ] {
        let (facts, batch) = facts("x", attributes);
        assert_eq!([facts.session, facts.user].map(|text| batch.text(text)), [session, user], "{attributes}");
    }
}

#[test]
fn an_agent_is_named_by_its_keys_then_by_its_span_then_by_its_service() {
    let agent = |name: &str, attributes: &str| {
        let attributes = attributes.to_owned();
        let mut extractor = Extractor::default();
        let mut batch = Batch::new(SourceId(0), Origin::History);
        assert_eq!(json::scan(attributes.as_bytes(), |name, value| extractor.add(name, value)), Ok(()), "{attributes}");
        extractor.service(b"my-service");
        let facts = extractor.facts(name, None, &mut batch);
        (batch.text(facts.agent).to_owned(), facts.naming)
    };
    let invoked = r#"{"gen_ai.operation.name": "invoke_agent"}"#;
    let openinference = r#"{"openinference.span.kind": "AGENT"}"#;
    let in_metadata = r#"{"openinference.span.kind": "AGENT", "metadata": "{\"lc_agent_name\": \"bot\"}"}"#;
    for (name, attributes, expected, naming) in [
        ("x", r#"{"gen_ai.operation.name": "invoke_agent", "agent.name": "bot", "lc_agent_name": "no"}"#, "bot", Naming::Stated),
        ("LangGraph", in_metadata, "bot", Naming::Stated),
        ("x", r#"{"openinference.span.kind": "AGENT", "lc_agent_name": "bot"}"#, "bot", Naming::Stated),
        ("root", r#"{"entity.type": "agent", "entity.name": "bot"}"#, "bot", Naming::Stated),
        ("ai.streamText", r#"{"ai.operationId": "ai.streamText", "ai.telemetry.functionId": "bot"}"#, "bot", Naming::Stated),
        ("ai.streamText", r#"{"ai.operationId": "ai.streamText"}"#, "my-service", Naming::None),
        ("ai.streamText", r#"{"ai.operationId": "ai.streamText", "ai.telemetry.functionId": "session.llm"}"#, "my-service", Naming::None),
        ("invoke_agent bot", invoked, "bot", Naming::Stated),
        ("bot.run", openinference, "bot", Naming::Stated),
        ("invoke_agent", invoked, "my-service", Naming::None),
        ("agent.run", invoked, "my-service", Naming::None),
        ("claude_code.interaction", invoked, "my-service", Naming::None),
        ("Agent workflow", openinference, "Agent workflow", Naming::None),
        ("Agent.run", r#"{"openinference.span.kind": "AGENT", "agno.agent.id": "crisp-wright-b8a512be"}"#, "Agent", Naming::GeneratedId),
        ("Team.run", r#"{"openinference.span.kind": "AGENT", "agno.team.id": "zesty-euler-ff10ef23"}"#, "Team", Naming::GeneratedId),
        ("Agent.run", r#"{"openinference.span.kind": "AGENT", "agno.agent.id": "only-id"}"#, "only-id", Naming::Stated),
    ] {
        assert_eq!(agent(name, attributes), (expected.to_owned(), naming), "{name} {attributes}");
    }
    let unnamed = |service: &'static [u8]| {
        let mut extractor = Extractor::default();
        extractor.add(b"gen_ai.operation.name", json::Scalar::Text(b"invoke_agent"));
        extractor.service(service);
        let mut batch = Batch::new(SourceId(0), Origin::History);
        let facts = extractor.facts("invoke_agent", None, &mut batch);
        batch.text(facts.agent).to_owned()
    };
    assert_eq!([unnamed(b"unknown_service:node"), unnamed(b"")], ["", ""]);
}

#[test]
fn a_pending_record_states_the_parent() {
    let pending = |attributes: &'static str| {
        let mut extractor = Extractor::default();
        assert_eq!(json::scan(attributes.as_bytes(), |name, value| extractor.add(name, value)), Ok(()));
        extractor.pending()
    };
    assert_eq!(pending(r#"{"logfire.span_type": "pending_span", "logfire.pending_parent_id": "0000000000000000"}"#), Some(None));
    assert_eq!(
        pending(r#"{"logfire.span_type": "pending_span", "logfire.pending_parent_id": "00000000000000ff"}"#),
        Some(SpanId::parse(b"00000000000000ff"))
    );
    assert_eq!(pending(r#"{"logfire.span_type": "span"}"#), None);
}

#[test]
fn the_ai_sdk_excludes_anthropic_s_cache_unless_it_states_uncached_tokens() {
    let sdk = |attributes: &str| {
        usage(
            "ai.generateText.doGenerate",
            &format!(r#"{{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages", {attributes}}}"#),
        )
    };
    let old = sdk(
        r#""gen_ai.usage.input_tokens": 5000, "ai.usage.inputTokens": 5000, "ai.usage.outputTokens": 9, "ai.usage.cachedInputTokens": 1000,
        "ai.response.providerMetadata": "{\"anthropic\":{\"cacheCreationInputTokens\":2000}}""#,
    );
    let expected = Usage { input: Some(8000), output: Some(9), cache_read: Some(1000), cache_write: Some(2000), ..Usage::default() };
    assert_eq!(old, expected);
    let new = sdk(r#""ai.usage.inputTokens": 8000, "ai.usage.outputTokens": 9, "ai.usage.inputTokenDetails.noCacheTokens": 5000,
        "ai.usage.inputTokenDetails.cacheReadTokens": 1000, "ai.usage.inputTokenDetails.cacheWriteTokens": 2000"#);
    assert_eq!(new, expected);
    let broken = sdk(r#""ai.usage.inputTokens": 8, "ai.usage.cachedInputTokens": 1, "ai.response.providerMetadata": "{\"anthropic\":""#);
    assert_eq!((broken.input, broken.cache_write), (Some(9), None));
}

#[test]
fn the_first_token_is_read_in_seconds_or_milliseconds() {
    let first = |attributes: &str| facts("chat", attributes).0.first_token;
    assert_eq!(first(r#"{"gen_ai.response.time_to_first_chunk": 0.25}"#), Some(250_000_000));
    assert_eq!(first(r#"{"ai.response.msToFirstChunk": "312.5"}"#), Some(312_500_000));
    assert_eq!(first(r#"{"ai.response.msToFirstChunk": -1}"#), None);
}

#[test]
fn arguments_with_equal_beginnings_have_different_hashes() {
    let hash = |arguments: &str| {
        let arguments = serde_json::Value::from(arguments);
        let (facts, batch) =
            facts("search", &format!(r#"{{"openinference.span.kind": "TOOL", "tool.name": "search", "input.value": {arguments}}}"#));
        batch.text(facts.calls).to_owned()
    };
    let long = |end: &str| hash(&format!("{}{end}", "x".repeat(INPUT_PREVIEW)));
    assert_eq!(hash("AI agents"), "", "the input is the whole text");
    assert_eq!(hash(r#"{"query": "AI agents"}"#), hash(r#"{"query":"AI agents"}"#));
    assert_ne!(hash(r#"{"query": "AI agents"}"#), hash(r#"{"query": "AIagents"}"#));
    assert_ne!(long("a"), long("b"));
    assert_eq!(long("a"), long("a"));
    assert_ne!(hash("a  b"), hash("a b"), "collapsed blanks would hide the difference");
}

#[test]
fn a_batch_of_numbers_has_no_input_and_calls() {
    for attributes in [
        r#"{"openinference.span.kind": "TOOL", "tool.name": "add", "input.value": "{\"a\": 1}"}"#,
        r#"{"openinference.span.kind": "LLM", "llm.model_name": "gpt-5", "llm.token_count.prompt": 45,
            "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "add",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "add"}"#,
    ] {
        let mut extractor = Extractor::default();
        assert_eq!(json::scan(attributes.as_bytes(), |name, value| extractor.add(name, value)), Ok(()));
        let mut batches = [(); 2].map(|()| Batch::new(SourceId(0), Origin::History));
        batches[1].numbers_only = true;
        let [all, numbers] = batches.each_mut().map(|batch| extractor.facts("a", None, batch));
        assert!(!batches[0].text(all.input).is_empty() && !batches[0].text(all.calls).is_empty(), "{attributes}");
        assert!(batches[1].text(numbers.input).is_empty() && batches[1].text(numbers.calls).is_empty(), "{attributes}");
        let same = |facts: &SpanFacts, batch: &Batch| {
            let names = [facts.tool, facts.model, facts.agent].map(|text| batch.text(text).to_owned());
            (facts.span_type, facts.usage, names)
        };
        assert_eq!(same(&all, &batches[0]), same(&numbers, &batches[1]));
    }
}

#[test]
fn only_the_user_s_last_message_is_the_input() {
    let input = |attributes: &str| {
        let (facts, batch) = facts("OpenAIChat.invoke", &format!(r#"{{"openinference.span.kind": "LLM", {attributes}}}"#));
        batch.text(facts.input).to_owned()
    };
    let first = r#""llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "first""#;
    let last = r#""llm.input_messages.1.message.role": "user", "llm.input_messages.1.message.contents.0.message_content.type": "image""#;
    assert_eq!(input(&format!("{first}, {last}")), "", "the last message has no text");
    let invalid = r#""llm.input_messages.01.message.role": "user", "llm.input_messages.1234567.message.role": "user""#;
    assert_eq!(input(&format!("{first}, {invalid}")), "first", "message numbers have one form");
}

#[test]
fn a_question_under_a_name_is_the_input_whichever_key_holds_it() {
    for key in ["input.value", "gen_ai.prompt", "traceloop.entity.input"] {
        let (facts, batch) = facts("sdk", &format!(r#"{{"gen_ai.operation.name": "chain", "{key}": "{{\"input\":\"Weather?\"}}"}}"#));
        assert_eq!(batch.text(facts.input), "Weather?", "{key}");
    }
}

#[test]
fn candidates_exclude_reasoning_and_other_outputs_include_it() {
    let output = |counts: &str| {
        let usage =
            facts("chat", &format!(r#"{{"openinference.span.kind": "LLM", "llm.model_name": "gemini-2.5-pro", {counts}}}"#)).0.usage;
        usage.map(|usage| (usage.output, usage.reasoning))
    };
    let thoughts = r#""thoughts_token_count": 30"#;
    for (counts, expected) in [
        (r#""candidates_token_count": 50, "#, 80),
        (r#""acme.usage.candidatesTokenCount": 50, "acme.usage.promptTokenCount": 9, "#, 80),
        (r#""candidates_token_count": 50, "prompt_token_count": 9, "total_token_count": 59, "#, 50),
        (r#""gen_ai.usage.output_tokens": 50, "#, 50),
        (r#""gen_ai.usage.output_tokens": 50, "candidates_token_count": 20, "#, 50),
    ] {
        assert_eq!(output(&format!("{counts}{thoughts}")), Some((Some(expected), Some(30))), "{counts}");
    }
}

#[test]
fn an_output_that_is_only_usage_adds_parts_if_the_stated_counts_agree() {
    let hourly = |counts: &str| {
        let output =
            r#"{\"usage\": {\"input_tokens\": 10, \"output_tokens\": 7, \"cache_creation\": {\"ephemeral_1h_input_tokens\": 90}}}"#;
        let attributes =
            format!(r#"{{"openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-5", "output.value": "{output}"{counts}}}"#);
        facts("chat", &attributes).0.usage.map(|usage| (usage.input, usage.output, usage.cache_write, usage.rare.cache_write_1h))
    };
    let stated = |input: u32, output: u32| format!(r#", "llm.token_count.prompt": {input}, "llm.token_count.completion": {output}"#);
    for input in [10, 100] {
        assert_eq!(hourly(&stated(input, 7)), Some((Some(100), Some(7), Some(90), 90)), "{input}");
    }
    assert_eq!(hourly(&stated(10, 8)), Some((Some(10), Some(8), None, 0)), "a model wrote it");
    assert_eq!(hourly(r#", "llm.token_count.prompt": 10"#), Some((Some(10), None, None, 0)));
    assert_eq!(hourly(""), None);
}

/// Keys of token counts in several conventions, with prefixes and without.
const COUNT_KEYS: [&str; 26] = [
    "llm.token_count.prompt",
    "llm.token_count.completion",
    "llm.token_count.total",
    "llm.token_count.prompt_details.cache_read",
    "llm.token_count.prompt_details.audio",
    "llm.token_count.completion_details.reasoning",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
    "gen_ai.usage.details.input_tokens",
    "gen_ai.usage.input_token_details",
    "usage.prompt_tokens",
    "acme.usage.completion_tokens",
    "acme.usage.inputTokens",
    "usage.cached_tokens",
    "usage.total_tokens",
    "input_tokens",
    "prompt_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_tokens",
    "thoughts_token_count",
    "candidates_token_count",
    "acme.usage.candidatesTokenCount",
];

proptest::proptest! {
    #[test]
    fn counts_are_the_same_in_any_order_and_never_beyond_what_can_be(
        (attributes, shuffled) in proptest::collection::btree_map(0..COUNT_KEYS.len(), proptest::prop_oneof![
            (-3i64..2000).prop_map(|count| count.to_string()),
            (0u64..u64::MAX).prop_map(|count| count.to_string()),
            (0u32..5000).prop_map(|count| format!("\"{count}\"")),
            (0u32..5000).prop_map(|count| format!("{{\"cache_read\": {count}, \"ephemeral_1h\": {count}, \"audio\": 3}}")),
            proptest::prelude::Just("12.5".to_owned()),
        ], 0..12).prop_flat_map(|map| {
            let list: Vec<(usize, String)> = map.into_iter().collect();
            (proptest::prelude::Just(list.clone()), proptest::prelude::Just(list).prop_shuffle())
        }),
        model in proptest::sample::select(&["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro"][..]),
        is_call in proptest::prelude::any::<bool>(),
    ) {
        let read = |attributes: &[(usize, String)]| {
            let kind = if is_call { "LLM" } else { "AGENT" };
            let named = [("openinference.span.kind", kind), ("llm.model_name", model)].map(|(key, value)| format!("\"{key}\": \"{value}\""));
            let counts = attributes.iter().map(|(key, value)| format!("\"{}\": {value}", COUNT_KEYS[*key]));
            facts("x", &format!("{{{}}}", named.into_iter().chain(counts).collect::<Vec<_>>().join(", "))).0.usage
        };
        let usage = read(&attributes);
        proptest::prop_assert_eq!(usage, read(&shuffled));
        if let Some(usage) = usage {
            for count in [usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning].into_iter().flatten() {
                proptest::prop_assert!(count <= crate::model::usage::MAX_COUNT);
            }
            proptest::prop_assert!(usage.reasoning.unwrap_or_default() <= usage.output.unwrap_or(u32::MAX));
        }
    }
}

#[test]
fn an_answer_is_final_unless_anything_says_that_it_requests_tools() {
    let is_final = |attributes: &str| facts("chat", &format!(r#"{{"gen_ai.operation.name": "chat"{attributes}}}"#)).0.is_final;
    for attributes in [
        "",
        r#", "gen_ai.response.finish_reasons": ["stop"], "output.value": "Sunny""#,
        r#", "llm.output_messages.0.message.content": "This tool is a function", "output.value": "This tool is a function""#,
    ] {
        assert!(is_final(attributes), "{attributes}");
    }
    for attributes in [
        r#", "gen_ai.response.finish_reasons": ["tool_calls"]"#,
        r#", "ai.response.finishReason": "tool-calls""#,
        r#", "gen_ai.response.finish_reasons": ["stop", "FUNCTION_CALL"]"#,
        r#", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f""#,
        r#", "gcp.vertex.agent.llm_response": "{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}}""#,
        r#", "gen_ai.output.messages": "[{\"parts\":[{\"type\":\"tool_call\"}]}]""#,
    ] {
        assert!(!is_final(attributes), "{attributes}");
    }
    let tool = facts("f", r#"{"gen_ai.operation.name": "execute_tool"}"#).0;
    assert!(!tool.is_final);
}
