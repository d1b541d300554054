//! The type of a span, from the words of each convention.

use crate::model::SpanType;
use crate::model::json::{Scalar, chars};

/// The most characters of a word that states a kind.
const MAX_WORD: usize = 64;

/// Reads the value of an attribute that states a kind. Returns `None` for an unknown word; then the next attribute decides.
pub(super) fn from_value(value: Scalar<'_>) -> Option<SpanType> {
    let mut word = [0; MAX_WORD];
    let mut length = 0;
    for (byte, char) in word.iter_mut().zip(chars(value)) {
        *byte = u8::try_from(char).ok()?.to_ascii_lowercase();
        length += 1;
    }
    // Some programs encode even a word as JSON.
    Some(match std::str::from_utf8(&word[..length]).ok()?.trim_matches('"') {
        "agent" | "invoke_agent" | "agent.run" | "agent_run" => SpanType::Agent,
        "invoke_workflow" | "workflow" | "workflow.run" | "workflow_run" | "flow" => SpanType::Workflow,
        // Creating an agent does not run it.
        "chain" | "task" | "execute_task" | "workflow_step" | "create_agent" => SpanType::Step,
        "llm" | "chat" | "chat_model" | "model" | "model_generation" | "model.step" | "model_step" | "generate_content"
        | "text_completion" | "completion" | "generation" => SpanType::Model,
        "tool" | "execute_tool" | "tool.execute" | "tool_call" | "mcp_tool_call" => SpanType::Tool,
        "retriever" | "retrieval" => SpanType::Retriever,
        "reranker" | "rerank" => SpanType::Reranker,
        "embedding" | "embeddings" | "embedder" => SpanType::Embedding,
        "guardrail" => SpanType::Guardrail,
        "evaluator" => SpanType::Evaluator,
        "prompt" => SpanType::Prompt,
        operation => return from_operation(operation),
    })
}

/// Reads an operation of the AI SDK: `ai.generateText` loops over `ai.generateText.doGenerate` and `ai.toolCall`.
fn from_operation(operation: &str) -> Option<SpanType> {
    let operation = operation.strip_prefix("ai.")?;
    Some(match operation.split('.').next_back()? {
        "dogenerate" | "dostream" => SpanType::Model,
        "toolcall" => SpanType::Tool,
        "doembed" => SpanType::Embedding,
        "dorerank" => SpanType::Reranker,
        "generatetext" | "streamtext" | "generateobject" | "streamobject" => SpanType::Agent,
        _ => return None,
    })
}

/// Reads a span name as the documentation of Agno and of other frameworks shows it, for a span without a kind attribute.
pub(super) fn from_name(name: &str) -> Option<SpanType> {
    match name {
        _ if ["invoke_agent ", "agent_run [", "Agent run: "].iter().any(|start| name.starts_with(start)) => Some(SpanType::Agent),
        _ if ["execute_tool ", "Function: "].iter().any(|start| name.starts_with(start)) => Some(SpanType::Tool),
        "agent.run" | "agent run" => Some(SpanType::Agent),
        "team.run" => Some(SpanType::Team),
        "workflow.run" => Some(SpanType::Workflow),
        "model.call" | "call_llm" => Some(SpanType::Model),
        "tool.execute" => Some(SpanType::Tool),
        _ => None,
    }
}
