//! What spans say they used, by every convention, against sums made by hand.

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use agno_top::model::price::Prices;
use agno_top::model::semantics::Picker;
use agno_top::model::{Address, Batch, Origin, SourceId, Span, SpanId, Status, Text, TraceId, json};
use agno_top::store::{Limits, Store};

/// A span: its parent's place in the list, its name, its scope, its attributes.
type Told = (Option<usize>, &'static str, &'static str, &'static str);

/// Tokens in, from and into the cache, out, of these reasoning; cost in billionths of a dollar; calls.
type Sums = (u64, u64, u64, u64, u64, Option<i64>, u32);

const AGNO: &str = "openinference.instrumentation.agno";

/// gpt-4o: 2500 a token in, 1250 from the cache, 10000 out. Claude Sonnet 4.5: 3000, 300, 3750 into the cache, 15000 out.
const TRUTHS: &[(&str, &[Told], Sums)] = &[
    (
        "OpenInference, input with its cached part",
        &[(
            None,
            "OpenAIChat.invoke",
            AGNO,
            r#"{"openinference.span.kind": "LLM", "llm.provider": "OpenAI", "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 1000, "llm.token_count.completion": 100, "llm.token_count.prompt_details.cache_read": 200}"#,
        )],
        (1000, 200, 0, 100, 0, Some(800 * 2500 + 200 * 1250 + 100 * 10_000), 1),
    ),
    (
        "Agno's Anthropic, which leaves the cache out",
        &[(
            None,
            "Claude.invoke",
            AGNO,
            r#"{"openinference.span.kind": "LLM", "llm.provider": "Anthropic", "llm.model_name": "claude-sonnet-4-5",
            "llm.token_count.prompt": 100, "llm.token_count.completion": 10, "llm.token_count.prompt_details.cache_read": 50,
            "llm.token_count.prompt_details.cache_write": 20}"#,
        )],
        (170, 50, 20, 10, 0, Some(100 * 3000 + 50 * 300 + 20 * 3750 + 10 * 15_000), 1),
    ),
    (
        "LangChain's Anthropic, which holds it",
        &[(
            None,
            "ChatAnthropic",
            "openinference.instrumentation.langchain",
            r#"{"openinference.span.kind": "LLM", "llm.provider": "anthropic",
            "llm.model_name": "claude-sonnet-4-5", "llm.token_count.prompt": 170, "llm.token_count.completion": 10,
            "llm.token_count.prompt_details.cache_read": 50, "llm.token_count.prompt_details.cache_write": 20}"#,
        )],
        (170, 50, 20, 10, 0, Some(100 * 3000 + 50 * 300 + 20 * 3750 + 10 * 15_000), 1),
    ),
    (
        "one call that Agno and Anthropic's SDK both tell of",
        &[
            (None, "Agent.run", AGNO, r#"{"openinference.span.kind": "AGENT"}"#),
            (
                Some(0),
                "Claude.invoke",
                AGNO,
                r#"{"openinference.span.kind": "LLM", "llm.provider": "Anthropic", "llm.model_name": "claude-sonnet-4-5",
                "llm.token_count.prompt": 5, "llm.token_count.completion": 10, "llm.token_count.prompt_details.cache_read": 100}"#,
            ),
            (
                Some(1),
                "anthropic.messages.create",
                "anthropic",
                r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
                "gen_ai.response.model": "claude-sonnet-4-5", "gen_ai.usage.input_tokens": 105, "gen_ai.usage.output_tokens": 10,
                "gen_ai.usage.cache_read.input_tokens": 100}"#,
            ),
        ],
        (105, 100, 0, 10, 0, Some(5 * 3000 + 100 * 300 + 10 * 15_000), 1),
    ),
    (
        "GenAI as it is now",
        &[(
            None,
            "chat gpt-4o",
            "x",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.cache_read.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 5}"#,
        )],
        (30, 10, 0, 20, 5, Some(20 * 2500 + 10 * 1250 + 20 * 10_000), 1),
    ),
    (
        "GenAI as it was",
        &[(
            None,
            "chat",
            "x",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 30, "gen_ai.usage.completion_tokens": 20}"#,
        )],
        (30, 0, 0, 20, 0, Some(30 * 2500 + 20 * 10_000), 1),
    ),
    (
        "the AI SDK: a call within a text that states the sum",
        &[
            (
                None,
                "ai.generateText",
                "ai",
                r#"{"ai.operationId": "ai.generateText", "ai.model.provider": "openai.responses", "ai.model.id": "gpt-4o",
                "ai.usage.promptTokens": 70, "ai.usage.completionTokens": 9}"#,
            ),
            (
                Some(0),
                "ai.generateText.doGenerate",
                "ai",
                r#"{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "openai.responses",
                "ai.model.id": "gpt-4o", "ai.usage.inputTokens": 40, "ai.usage.outputTokens": 4, "ai.usage.cachedInputTokens": 10,
                "ai.usage.reasoningTokens": 1}"#,
            ),
            (
                Some(0),
                "ai.generateText.doGenerate",
                "ai",
                r#"{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "openai.responses",
                "ai.model.id": "gpt-4o", "ai.usage.inputTokens": 30, "ai.usage.outputTokens": 5}"#,
            ),
        ],
        (70, 10, 0, 9, 1, Some(60 * 2500 + 10 * 1250 + 9 * 10_000), 2),
    ),
    (
        "Traceloop, with counts in text",
        &[(
            None,
            "openai.chat",
            "x",
            r#"{"traceloop.span.kind": "llm", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o",
            "llm.usage.prompt_tokens": "12", "llm.usage.completion_tokens": "3.0"}"#,
        )],
        (12, 0, 0, 3, 0, Some(12 * 2500 + 3 * 10_000), 1),
    ),
    (
        "Logfire: details apart, a cost of its own",
        &[(
            None,
            "chat gpt-4o",
            "logfire",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 8, "gen_ai.usage.details.reasoning_tokens": 6, "operation.cost": 0.5}"#,
        )],
        (10, 0, 0, 8, 6, Some(500_000_000), 1),
    ),
    (
        "the documentation's keys",
        &[
            (None, "agent.run", "x", r#"{"agent.name": "Writer", "agent.id": "w"}"#),
            (
                Some(0),
                "model.call",
                "x",
                r#"{"llm.model": "gpt-4o", "llm.provider": "openai", "llm.token_count.prompt": 8, "llm.token_count.completion": 2, "llm.cost": 0.25}"#,
            ),
        ],
        (8, 0, 0, 2, 0, Some(250_000_000), 1),
    ),
    (
        "an agent that repeats its children's sums, and a model row around a model row",
        &[
            (
                None,
                "invoke_agent",
                "x",
                r#"{"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 300, "gen_ai.usage.output_tokens": 30}"#,
            ),
            (
                Some(0),
                "ChatModel",
                "x",
                r#"{"openinference.span.kind": "LLM", "llm.token_count.prompt": 100, "llm.token_count.completion": 10}"#,
            ),
            (
                Some(1),
                "Completions",
                "x",
                r#"{"openinference.span.kind": "LLM", "llm.token_count.prompt": 101, "llm.token_count.completion": 11}"#,
            ),
            (
                Some(0),
                "ChatModel",
                "x",
                r#"{"openinference.span.kind": "LLM", "llm.token_count.prompt": 200, "llm.token_count.completion": 20}"#,
            ),
        ],
        (301, 0, 0, 31, 0, None, 2),
    ),
    (
        "an agent alone that states its sums",
        &[(
            None,
            "invoke_agent",
            "x",
            r#"{"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 300, "gen_ai.usage.output_tokens": 30}"#,
        )],
        (300, 0, 0, 30, 0, Some(300 * 2500 + 30 * 10_000), 1),
    ),
    (
        "absurd numbers are not stated",
        &[(
            None,
            "chat",
            "x",
            r#"{"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.provider": "OpenAI", "llm.token_count.prompt": -5,
            "llm.token_count.completion": 1e300, "llm.cost.total": -1}"#,
        )],
        (0, 0, 0, 0, 0, None, 0),
    ),
    (
        "a local model has no price",
        &[(
            None,
            "chat",
            "x",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "ollama", "gen_ai.request.model": "llama3.2",
            "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 20}"#,
        )],
        (30, 0, 0, 20, 0, None, 1),
    ),
];

fn sums(spans: &[Told], backwards: bool) -> Sums {
    let mut store = Store::new(Limits::default());
    store.set_prices(Arc::new(Prices::bundled()));
    let id = |at: usize| SpanId::new((at as u64 + 1).to_be_bytes()).unwrap();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    if backwards {
        order.reverse();
    }
    for at in order {
        let (parent, name, scope, attributes) = spans[at];
        let mut batch = Batch::new(SourceId(0), Origin::History);
        let mut picker = Picker::default();
        json::scan(attributes.as_bytes(), |name, value| picker.take(name, value)).unwrap();
        let facts = picker.facts(name, Some(scope), &mut batch);
        let name = batch.intern(name);
        let start = 1_768_435_200_000_000_000 + at as i64 * 1000;
        batch.spans.push(Span {
            trace: TraceId::new([1; 16]).unwrap(),
            id: id(at),
            parent: parent.map(id),
            start,
            end: Some(start + 1_000_000),
            status: Status::Unset,
            name,
            facts,
            error: Text::default(),
            address: Address(at as i64),
            weight: 0,
        });
        store.apply(&batch, start);
    }
    let all = store.all();
    (all.input, all.cache_read, all.cache_write, all.output, all.reasoning, all.cost(), all.calls)
}

#[test]
fn every_convention_adds_up() {
    for (what, spans, truth) in TRUTHS {
        for backwards in [false, true] {
            assert_eq!(sums(spans, backwards), *truth, "{what}");
        }
    }
}
