//! The usage of spans in every convention, compared with sums made by hand.

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use agno_top::model::price::Prices;
use agno_top::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanId, Status, Text, TraceId, json};
use agno_top::semconv::Extractor;
use agno_top::store::{By, Limits, Store};

/// A span: the index of its parent in the list, its name, its scope, its attributes.
type SpanInput = (Option<usize>, &'static str, &'static str, &'static str);

/// Input, cache read, cache write, output and reasoning tokens; cost in billionths of a dollar; calls.
type Sums = (u64, u64, u64, u64, u64, Option<i64>, u32);

const AGNO: &str = "openinference.instrumentation.agno";

/// Prices of a token in billionths of a dollar. gpt-4o: input 2500, cache read 1250, output 10000. Claude Sonnet 4.5: input 3000, cache
/// read 300, cache write 3750, output 15000.
const TRUTHS: &[(&str, &[SpanInput], Sums)] = &[
    (
        "OpenInference, input includes cached tokens",
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
        "Agno's Anthropic, input excludes cached tokens",
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
        "LangChain's Anthropic, input includes cached tokens",
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
        "one call that Agno and Anthropic's SDK both report",
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
        "GenAI, current keys",
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
        "GenAI, deprecated keys",
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
        "the AI SDK: a call within a span that states the sum",
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
        "Traceloop, counts as text",
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
        "counts without a prefix on a model call",
        &[(
            None,
            "chat gpt-4o",
            "x",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "OPEN_AI", "gen_ai.request.model": "gpt-4o",
            "input_tokens": "1000", "output_tokens": "50", "cached_tokens": 200, "thoughts_token_count": 30}"#,
        )],
        (1000, 200, 0, 50, 30, Some(800 * 2500 + 200 * 1250 + 50 * 10_000), 1),
    ),
    (
        "counts without a prefix on other spans count nothing",
        &[
            (None, "step", "x", r#"{"input_tokens": 1000, "output_tokens": 50, "model": "gpt-4o"}"#),
            (None, "run", "x", r#"{"openinference.span.kind": "AGENT", "input_tokens": 1000, "total_tokens": 50}"#),
        ],
        (0, 0, 0, 0, 0, None, 0),
    ),
    (
        "Anthropic's own names on a model call exclude cached tokens",
        &[(
            None,
            "chat",
            "x",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
            "input_tokens": 200, "output_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}"#,
        )],
        (320, 100, 20, 10, 0, Some(200 * 3000 + 100 * 300 + 20 * 3750 + 10 * 15_000), 1),
    ),
    (
        "both in opposite senses: the names with a prefix count",
        &[(
            None,
            "llm_request",
            "x",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
            "input_tokens": 5, "output_tokens": 10, "cache_read_tokens": 100, "cache_creation_tokens": 20,
            "gen_ai.usage.input_tokens": 125, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 100,
            "gen_ai.usage.cache_write.input_tokens": 20}"#,
        )],
        (125, 100, 20, 10, 0, Some(5 * 3000 + 100 * 300 + 20 * 3750 + 10 * 15_000), 1),
    ),
    (
        "counts under any prefix of usage",
        &[(
            None,
            "agent",
            "x",
            r#"{"openinference.span.kind": "AGENT", "ai.model.name": "gpt-4o", "usage.prompt_tokens": 2000, "usage.completion_tokens": 100,
            "usage.total_tokens": 2100, "usage.cached_tokens": 1600, "usage.reasoning_tokens": 60,
            "usage.prompt_context.message_tokens_estimated": 12}"#,
        )],
        (2000, 1600, 0, 100, 60, Some(400 * 2500 + 1600 * 1250 + 100 * 10_000), 1),
    ),
    (
        "a turn of a coding agent, whose model is stated beside the sum, is no model call",
        &[
            (
                None,
                "turn",
                "x",
                r#"{"model": "gpt-4o", "codex.turn.token_usage.input_tokens": 1000, "codex.turn.token_usage.cached_input_tokens": 800,
                "codex.turn.token_usage.non_cached_input_tokens": 200, "codex.turn.token_usage.output_tokens": 50,
                "codex.turn.token_usage.reasoning_output_tokens": 30, "codex.turn.token_usage.total_tokens": 1050}"#,
            ),
            (
                Some(0),
                "responses",
                "x",
                r#"{"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 800,
                "gen_ai.usage.output_tokens": 50, "codex.usage.reasoning_output_tokens": 30, "codex.usage.total_tokens": 1050}"#,
            ),
        ],
        (1000, 800, 0, 50, 30, Some(200 * 2500 + 800 * 1250 + 50 * 10_000), 1),
    ),
    (
        "LangSmith, details as Python prints them",
        &[(
            None,
            "ChatAnthropic",
            "x",
            r#"{"langsmith.span.kind": "llm", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 44285, "gen_ai.usage.output_tokens": 300, "gen_ai.usage.total_tokens": 44585,
            "gen_ai.usage.input_token_details": "{'cache_read': 41000, 'cache_creation': 785}"}"#,
        )],
        (44_285, 41_000, 785, 300, 0, Some(2500 * 3000 + 41_000 * 300 + 785 * 3750 + 300 * 15_000), 1),
    ),
    (
        "LangSmith, details as JSON",
        &[(
            None,
            "ChatOpenAI",
            "x",
            r#"{"langsmith.span.kind": "llm", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 300,
            "gen_ai.usage.input_token_details": "{\"cache_read\": 1024}", "gen_ai.usage.output_token_details": "{\"reasoning\": 192}"}"#,
        )],
        (2000, 1024, 0, 300, 192, Some(976 * 2500 + 1024 * 1250 + 300 * 10_000), 1),
    ),
    (
        "Logfire: separate details, a stated cost",
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
        "the provider's usage, beside the counts",
        &[(
            None,
            "Chat Completion with {request_data[model]!r}",
            "logfire.openai",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 50, "gen_ai.usage.raw": "{\"prompt_tokens\": 1000, \"completion_tokens\": 50, \"prompt_tokens_details\":
            {\"cached_tokens\": 800}, \"completion_tokens_details\": {\"reasoning_tokens\": 30}}"}"#,
        )],
        (1000, 800, 0, 50, 30, Some(200 * 2500 + 800 * 1250 + 50 * 10_000), 1),
    ),
    (
        "a provider's whole response, input excludes cached tokens",
        &[(
            None,
            "Messages",
            "openinference.instrumentation.anthropic",
            r#"{"openinference.span.kind": "LLM", "llm.provider": "anthropic", "llm.model_name": "claude-sonnet-4-5", "llm.token_count.prompt": 6000,
            "llm.token_count.completion": 10, "output.value": "{\"id\": \"msg_1\", \"usage\": {\"input_tokens\": 6000, \"output_tokens\": 10,
            \"cache_read_input_tokens\": 500, \"cache_creation_input_tokens\": 100}}"}"#,
        )],
        (6600, 500, 100, 10, 0, Some(6000 * 3000 + 500 * 300 + 100 * 3750 + 10 * 15_000), 1),
    ),
    (
        "a response of another span: its counts do not matter",
        &[(
            None,
            "ChatOpenAI",
            "x",
            r#"{"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 70, "llm.token_count.completion": 1,
            "output.value": "{\"usage\": {\"input_tokens\": 6000, \"output_tokens\": 10}}"}"#,
        )],
        (70, 0, 0, 1, 0, Some(70 * 2500 + 10_000), 1),
    ),
    (
        "Langfuse: a map of counts and a map of costs",
        &[(
            None,
            "claude",
            "langfuse-sdk",
            r#"{"langfuse.observation.type": "generation", "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": "{\"input\": 6000, \"output\": 10, \"cache_read_input_tokens\": 500}",
            "langfuse.observation.cost_details": "{\"total\": 0.25}"}"#,
        )],
        (6500, 500, 0, 10, 0, Some(250_000_000), 1),
    ),
    (
        "Langfuse: a cost in whole dollars",
        &[(
            None,
            "claude",
            "langfuse-sdk",
            r#"{"langfuse.observation.type": "generation", "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": "{\"input\": 6000, \"output\": 10}", "langfuse.observation.cost_details": "{\"total\": 2}"}"#,
        )],
        (6000, 0, 0, 10, 0, Some(2_000_000_000), 1),
    ),
    (
        "MLflow: names and a map as JSON",
        &[(
            None,
            "Completions",
            "mlflow",
            r#"{"mlflow.spanType": "\"CHAT_MODEL\"", "mlflow.llm.model": "\"gpt-4o\"",
            "mlflow.chat.tokenUsage": "{\"input_tokens\": 1000, \"output_tokens\": 50, \"total_tokens\": 1050, \"cache_read_input_tokens\": 800}"}"#,
        )],
        (1000, 800, 0, 50, 0, Some(200 * 2500 + 800 * 1250 + 50 * 10_000), 1),
    ),
    (
        "LiteLLM: a map as Python prints it",
        &[(
            None,
            "litellm_request",
            "litellm",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "openai/gpt-4o", "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 50, "metadata.usage_object": "{'prompt_tokens': 1000, 'completion_tokens': 50, 'completion_tokens_details':
            {'reasoning_tokens': 30, 'audio_tokens': None}, 'prompt_tokens_details': {'cached_tokens': 800}}"}"#,
        )],
        (1000, 800, 0, 50, 30, Some(200 * 2500 + 800 * 1250 + 50 * 10_000), 1),
    ),
    (
        "a total that proves which details are excluded",
        &[(
            None,
            "chat",
            "x",
            r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.provider.name": "anthropic",
            "gen_ai.usage.input_tokens": 6000, "gen_ai.usage.cache_read_input_tokens": 500, "gen_ai.usage.cache_write_input_tokens": 100,
            "gen_ai.usage.output_tokens": 10, "gen_ai.usage.total_tokens": 6610}"#,
        )],
        (6600, 500, 100, 10, 0, Some(6000 * 3000 + 500 * 300 + 100 * 3750 + 10 * 15_000), 1),
    ),
    (
        "Gemini's total that holds more than input and output: what is missing is not guessed",
        &[(
            None,
            "generate_content",
            "x",
            r#"{"gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gcp.gen_ai", "gen_ai.request.model": "no-such-gemini",
            "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.total_tokens": 1050}"#,
        )],
        (1000, 0, 0, 20, 0, None, 1),
    ),
    (
        "the AI SDK 4: cached tokens in the provider metadata",
        &[(
            None,
            "ai.generateText.doGenerate",
            "ai",
            r#"{"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages", "ai.model.id": "claude-sonnet-4-5",
            "ai.usage.promptTokens": 6000, "ai.usage.completionTokens": 10,
            "ai.response.providerMetadata": "{\"anthropic\":{\"cacheCreationInputTokens\":100,\"cacheReadInputTokens\":500}}"}"#,
        )],
        (6600, 500, 100, 10, 0, Some(6000 * 3000 + 500 * 300 + 100 * 3750 + 10 * 15_000), 1),
    ),
    (
        "zero tokens are unknown, and so is a cost of zero",
        &[
            (
                None,
                "chat",
                "x",
                r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "gen_ai.usage.cost": 0}"#,
            ),
            (
                None,
                "chat",
                "x",
                r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.cost": 0}"#,
            ),
        ],
        (30, 0, 0, 20, 0, Some(30 * 2500 + 20 * 10_000), 1),
    ),
    (
        "an agent's aggregated usage, over calls that state less",
        &[
            (
                None,
                "invoke_agent x",
                "pydantic-ai",
                r#"{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "x", "gen_ai.aggregated_usage.input_tokens": 60,
                "gen_ai.aggregated_usage.output_tokens": 20}"#,
            ),
            (
                Some(0),
                "chat gpt-4o",
                "pydantic-ai",
                r#"{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 60, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.details.cached_tokens": 10}"#,
            ),
        ],
        (60, 10, 0, 20, 0, Some(50 * 2500 + 10 * 1250 + 20 * 10_000), 1),
    ),
    (
        "absurd numbers are ignored",
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

fn sums(spans: &[SpanInput], backwards: bool) -> Sums {
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
        let mut extractor = Extractor::default();
        json::scan(attributes.as_bytes(), |name, value| extractor.add(name, value)).unwrap();
        let facts = extractor.facts(name, Some(scope), &mut batch);
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
            payload_ref: PayloadRef(at as i64),
            retained_bytes: 0,
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

/// Returns agents, models and tools with their calls and failed calls.
fn calls(spans: &[(SpanInput, Status)]) -> Vec<(By, String, u32, u32)> {
    let mut store = Store::new(Limits::default());
    let id = |at: usize| SpanId::new((at as u64 + 1).to_be_bytes()).unwrap();
    for (at, &((parent, name, scope, attributes), status)) in spans.iter().enumerate().rev() {
        let mut batch = Batch::new(SourceId(0), Origin::History);
        let mut extractor = Extractor::default();
        json::scan(attributes.as_bytes(), |name, value| extractor.add(name, value)).unwrap();
        let facts = extractor.facts(name, Some(scope), &mut batch);
        let (trace, name, start) = (TraceId::new([1; 16]).unwrap(), batch.intern(name), 1_768_435_200_000_000_000 + at as i64 * 1000);
        // A span that starts later ends earlier.
        let (parent, end, address) = (parent.map(id), Some(start + 1_000_000 - at as i64 * 2000), PayloadRef(at as i64));
        batch.spans.push(Span {
            trace,
            id: id(at),
            parent,
            start,
            end,
            status,
            name,
            facts,
            error: Text::default(),
            payload_ref: address,
            retained_bytes: 0,
        });
        store.apply(&batch, start);
    }
    let trace = store.find_trace(TraceId::new([1; 16]).unwrap()).unwrap();
    let stats = store.stats_of(trace);
    let mut calls = Vec::new();
    for by in [By::Agent, By::Model, By::Tool] {
        let groups = stats.groups(by).map(|(name, group)| (by, store.text(name).to_owned(), group.calls, group.failed));
        let mut groups: Vec<_> = groups.filter(|(.., calls, _)| *calls > 0).collect();
        groups.sort_by(|one, other| one.1.cmp(&other.1));
        calls.extend(groups);
    }
    calls
}

#[test]
fn equal_names_of_two_instrumentations_are_one_call() {
    let agent = r#"{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer"}"#;
    let found = calls(&[
        ((None, "writer.run", "openinference", r#"{"openinference.span.kind": "AGENT"}"#), Status::Unset),
        ((Some(0), "invoke_agent writer", "framework", agent), Status::Unset),
        ((Some(1), "chat", "framework", r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}"#), Status::Error),
        ((Some(1), "search.__call__", "openinference", r#"{"openinference.span.kind": "TOOL"}"#), Status::Unset),
        ((Some(3), "execute_tool search", "framework", "{}"), Status::Error),
        ((Some(1), "create_agent writer", "framework", r#"{"gen_ai.operation.name": "create_agent"}"#), Status::Unset),
        (
            (Some(1), "prepare", "openinference", r#"{"openinference.span.kind": "LLM", "output.value": "{\"messages\": []}"}"#),
            Status::Unset,
        ),
        (
            (
                Some(1),
                "streamed",
                "logfire",
                r#"{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "logfire.span_type": "log"}"#,
            ),
            Status::Unset,
        ),
        (
            (
                Some(1),
                "record_usage model_call",
                "ag2",
                r#"{"ag2.usage.kind": "model_call", "gen_ai.response.model": "m", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 1}"#,
            ),
            Status::Unset,
        ),
    ]);
    let expected = [(By::Agent, "writer", 1, 1), (By::Model, "m", 1, 1), (By::Tool, "search", 1, 1)];
    assert_eq!(found, expected.map(|(by, name, calls, failed)| (by, name.to_owned(), calls, failed)));
}

#[test]
fn a_hook_that_names_the_tool_that_it_watches_is_no_call() {
    let found = calls(&[
        ((None, "execute_tool search", "framework", r#"{"gen_ai.operation.name": "execute_tool"}"#), Status::Unset),
        ((Some(0), "before_tool", "framework", r#"{"tool.name": "search"}"#), Status::Unset),
        (
            (Some(0), "tools/call search", "mcp", r#"{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}"#),
            Status::Unset,
        ),
        ((Some(0), "after_tool", "framework", r#"{"tool.name": "search"}"#), Status::Unset),
        ((Some(3), "audit", "framework", r#"{"tool.name": "search"}"#), Status::Unset),
        ((Some(0), "nested", "framework", r#"{"tool.name": "fetch"}"#), Status::Unset),
    ]);
    assert_eq!(found, [(By::Tool, "fetch".to_owned(), 1, 0), (By::Tool, "search".to_owned(), 1, 0)]);
}

#[test]
fn the_response_id_is_the_provider_s() {
    let response = |attributes: &str| {
        let mut batch = Batch::new(SourceId(0), Origin::History);
        let mut extractor = Extractor::default();
        json::scan(attributes.as_bytes(), |name, value| extractor.add(name, value)).unwrap();
        let facts = extractor.facts("x", None, &mut batch);
        batch.text(facts.response).to_owned()
    };
    assert_eq!(response(r#"{"gen_ai.response.id": "chatcmpl-1"}"#), "chatcmpl-1");
    assert_eq!(response(r#"{"ai.operationId": "ai.generateText.doGenerate", "ai.response.id": "resp_1"}"#), "resp_1");
    let answer = r#""output.value": "{\"id\": \"msg_1\", \"usage\": {\"input_tokens\": 1}}""#;
    assert_eq!(response(&format!(r#"{{"openinference.span.kind": "LLM", {answer}}}"#)), "msg_1");
    assert_eq!(response(&format!(r#"{{"openinference.span.kind": "TOOL", {answer}}}"#)), "", "a tool's output is not a response");
}
