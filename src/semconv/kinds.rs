//! The type of a span, from the words of each convention.

use crate::model::SpanType;
use crate::model::json::{Scalar, chars};

/// The most characters of a value or a name that states a kind.
const MAX_CHARS: usize = 64;

/// Reads the value of an attribute that states a kind. Returns `None` for an unknown value; then the next attribute decides.
pub(super) fn from_value(value: Scalar<'_>) -> Option<SpanType> {
    let words = Words::new(chars(value))?;
    // Some programs encode even a word as JSON.
    let text = words.as_str().trim_matches('_');
    match text.strip_prefix("ai_") {
        _ if matches!(text, "function_call" | "call_function") => Some(SpanType::Tool),
        Some(operation) if chars(value).skip_while(|c| *c == '"').take(3).eq("ai.".chars()) => from_sdk_operation(operation),
        _ => from_words(text.split('_')),
    }
}

/// Decides by the words of an operation, such as `call_llm`, `tool.v2` or `workflowStep`: the last one that names a kind decides, and each
/// other one must be known to change nothing, so that `tool_result` is no tool call.
fn from_words<'w>(words: impl Iterator<Item = &'w str>) -> Option<SpanType> {
    let (mut kind, mut is_creation) = (None, false);
    for word in words {
        // An asynchronous call has the name of the other one with an `a`.
        match named(word).or_else(|| named(word.strip_prefix('a')?)) {
            // A step of a model, and a model for embeddings, are named by their first word.
            Some(SpanType::Step) if word == "step" && kind == Some(SpanType::Model) => {}
            Some(SpanType::Model) if kind.is_some_and(SpanType::calls_model) => {}
            Some(named) => kind = Some(named),
            None if word == "create" => is_creation = true,
            None if changes_nothing(word) || word.strip_prefix('a').is_some_and(changes_nothing) => {}
            None => return None,
        }
    }
    // Creating an agent does not run it.
    if is_creation && kind.is_some_and(SpanType::is_agentic) { Some(SpanType::Step) } else { kind }
}

/// Returns the kind that a word names.
fn named(word: &str) -> Option<SpanType> {
    Some(match word {
        "agent" => SpanType::Agent,
        "team" => SpanType::Team,
        "workflow" | "flow" => SpanType::Workflow,
        "chain" | "task" | "step" => SpanType::Step,
        "llm" | "chat" | "model" | "completion" | "completions" | "generation" | "generate" | "responses" => SpanType::Model,
        "tool" => SpanType::Tool,
        "retriever" | "retrieval" | "retrieve" => SpanType::Retriever,
        "reranker" | "rerank" => SpanType::Reranker,
        "embedding" | "embeddings" | "embedder" | "embed" => SpanType::Embedding,
        "guardrail" => SpanType::Guardrail,
        "evaluator" => SpanType::Evaluator,
        "prompt" => SpanType::Prompt,
        _ => return None,
    })
}

/// Whether a word beside the name of a kind does not change what the span does.
fn changes_nothing(word: &str) -> bool {
    let is_version = |word: &str| word.strip_prefix('v').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    matches!(word, "call" | "run" | "execute" | "execution" | "invoke" | "request" | "stream" | "text" | "content" | "mcp" | "rag")
        || is_version(word)
}

/// Reads an operation of the AI SDK: `ai.generateText` loops over `ai.generateText.doGenerate` and `ai.toolCall`.
fn from_sdk_operation(operation: &str) -> Option<SpanType> {
    let ends = |ends: &[&str]| ends.iter().any(|end| operation.ends_with(end));
    match operation {
        "generate_text" | "stream_text" | "generate_object" | "stream_object" => Some(SpanType::Agent),
        _ if ends(&["do_generate", "do_stream"]) => Some(SpanType::Model),
        _ if ends(&["tool_call"]) => Some(SpanType::Tool),
        _ if ends(&["do_embed"]) => Some(SpanType::Embedding),
        _ if ends(&["do_rerank"]) => Some(SpanType::Reranker),
        _ => None,
    }
}

/// Reads a span name as the documentation of Agno and of other frameworks shows it, for a span without a kind attribute.
pub(super) fn from_name(name: &str) -> Option<SpanType> {
    match name {
        _ if ["invoke_agent ", "agent_run [", "Agent run: "].iter().any(|start| name.starts_with(start)) => Some(SpanType::Agent),
        _ if ["execute_tool ", "Function: "].iter().any(|start| name.starts_with(start)) => Some(SpanType::Tool),
        // A turn of Claude Code, some versions of which state no operation.
        "claude_code.interaction" => Some(SpanType::Agent),
        _ => call_in_name(name),
    }
}

/// Reads a name that is a noun and a verb: `agent.run`, `call_llm`. Ordinary programs have such names, too, so only few are known.
pub(super) fn call_in_name(name: &str) -> Option<SpanType> {
    let (one, other) = name.split_once(['.', '_', '-', ' '])?;
    let call = |noun, verb| match (noun, verb) {
        ("agent", "run" | "invoke" | "call") => Some(SpanType::Agent),
        ("team", "run" | "invoke") => Some(SpanType::Team),
        ("workflow", "run" | "invoke") => Some(SpanType::Workflow),
        ("llm" | "model", "call") => Some(SpanType::Model),
        ("tool", "call" | "execute") => Some(SpanType::Tool),
        _ => None,
    };
    call(one, other).or_else(|| call(other, one))
}

/// Whether a span name is that of a tool call in the Model Context Protocol, `tools/call add`. By itself it makes no call: the client names its
/// request so, too.
pub(super) fn is_mcp_call(name: &str) -> bool {
    name.starts_with("tools/call ")
}

/// Whether a span name is that of the execution of a tool call, `app.tool.execution`. It names no tool: the span of the call does.
pub(super) fn is_execution(name: &str) -> bool {
    name.ends_with(".execution")
}

/// Whether a span name only says what the span does, as `invoke_agent` and `ai.streamText` do, and has no name in it.
pub(super) fn is_operation(name: &str) -> bool {
    let is_small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'-');
    match name.strip_prefix("ai.") {
        Some(_) => from_value(Scalar::Text(name.as_bytes())).is_some(),
        None => call_in_name(name).is_some() || name.contains('.') && name.bytes().all(is_small),
    }
}

/// A text in lower case, with `_` between its words: before a capital after a small letter or before one, and for each other character that is
/// no letter or digit.
struct Words {
    bytes: [u8; MAX_CHARS],
    length: usize,
}

impl Words {
    /// Returns `None` if the text is not ASCII or too long.
    fn new(chars: impl Iterator<Item = char>) -> Option<Self> {
        let mut words = Self { bytes: [0; MAX_CHARS], length: 0 };
        let (mut before, mut chars) = (b'_', chars.peekable());
        while let Some(char) = chars.next() {
            let byte = u8::try_from(char).ok().filter(u8::is_ascii)?;
            // The last capital of an abbreviation begins the next word: `LLMCall`.
            let ends_abbreviation = before.is_ascii_uppercase() && chars.peek().is_some_and(char::is_ascii_lowercase);
            if byte.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit() || ends_abbreviation) {
                words.push(b'_')?;
            }
            words.push(if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'_' })?;
            before = byte;
        }
        Some(words)
    }

    fn push(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.length)? = byte;
        self.length += 1;
        Some(())
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_read_by_its_words() {
        for (kind, values) in [
            (
                SpanType::Agent,
                &["agent", "AGENT", "invoke_agent", "agent.run", "agent_run", "invokeAgent", "ai.streamText", "run_agent"][..],
            ),
            (SpanType::Workflow, &["workflow", "flow", "invoke_workflow", "workflow.run", "WORKFLOW"]),
            (SpanType::Step, &["chain", "task", "execute_task", "workflow_step", "flowStep", "agent_step", "create_agent", "llm_chain"]),
            (
                SpanType::Model,
                &[
                    "llm",
                    "LLM",
                    "\"llm\"",
                    "chat",
                    "CHAT_MODEL",
                    "model_generation",
                    "model.step",
                    "model_step",
                    "generate_content",
                    "text_completion",
                    "completion",
                    "chat.completions",
                    "generation",
                    "llm_call",
                    "call_llm",
                    "llm-call",
                    "llmCall",
                    "LLMCall",
                    "llm_request",
                    "model_request",
                    "acompletion",
                    "atext_completion",
                    "aresponses",
                    "agenerate_content_stream",
                    "ai.generateText.doGenerate",
                    "ai.streamObject.doStream",
                ],
            ),
            (
                SpanType::Tool,
                &[
                    "tool",
                    "execute_tool",
                    "tool.execute",
                    "tool.execution",
                    "tool_call",
                    "toolCall",
                    "MCPToolCall",
                    "function_call",
                    "mcp_tool_call",
                    "tool.v2",
                    "ai.toolCall",
                ],
            ),
            (
                SpanType::Embedding,
                &["embedding", "embeddings", "embedder", "aembedding", "embed_content", "embedding_model", "rag_embedding"],
            ),
            (SpanType::Reranker, &["reranker", "arerank"]),
            (SpanType::Retriever, &["retriever", "retrieval"]),
            (SpanType::Guardrail, &["guardrail"]),
        ] {
            for value in values {
                assert_eq!(from_value(Scalar::Text(value.as_bytes())), Some(kind), "{value}");
            }
        }
    }

    #[test]
    fn other_words_are_unknown() {
        let long = "tool_".repeat(20);
        for value in [
            "",
            "_",
            "a",
            "call",
            "run",
            "framework",
            "function",
            "LLMs",
            "unknown",
            "util",
            "memory",
            "interaction",
            "tool.blocked_on_user",
            "code_execution",
            "tool_result",
            "model_chunk",
            "image_generation",
            "execute_event_loop_cycle",
            "ai.embed",
            "ai_streamText",
            "гент",
            "atool_x",
            &long,
        ] {
            assert_eq!(from_value(Scalar::Text(value.as_bytes())), None, "{value}");
        }
    }

    #[test]
    fn the_execution_of_a_tool_call_names_no_tool() {
        assert!(is_execution("app.tool.execution"));
        assert!(["execution", "tool_execution", "get_weather", ""].iter().all(|name| !is_execution(name)));
    }

    #[test]
    fn a_name_that_only_says_what_the_span_does_is_an_operation() {
        for name in ["invoke_agent", "agent.run", "ai.streamText", "claude_code.interaction", "agent_run", "call_llm"] {
            assert!(is_operation(name), "{name}");
        }
        for name in ["Agent", "agent", "Agent workflow", "weather_agent", "chat_agent", "Chat Agent", "research-agent-v2", "workflow", ""] {
            assert!(!is_operation(name), "{name}");
        }
        assert_eq!(from_name("claude_code.interaction"), Some(SpanType::Agent));
    }
}
