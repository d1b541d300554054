//! What a span does, in each convention's words.

use crate::model::SpanType;
use crate::model::json::{Scalar, chars};

/// The longest word that states a kind.
const LONGEST: usize = 64;

/// Reads the value of an attribute that states a kind. `None` if it says nothing of use: then the next attribute decides.
pub(super) fn from_value(value: Scalar<'_>) -> Option<SpanType> {
    let mut word = [0; LONGEST];
    let mut length = 0;
    for (place, char) in word.iter_mut().zip(chars(value)) {
        *place = u8::try_from(char).ok()?.to_ascii_lowercase();
        length += 1;
    }
    // Some write even a word as JSON.
    Some(match std::str::from_utf8(&word[..length]).ok()?.trim_matches('"') {
        "agent" | "invoke_agent" | "agent.run" | "agent_run" => SpanType::Agent,
        "invoke_workflow" | "workflow" | "workflow.run" | "workflow_run" | "flow" => SpanType::Workflow,
        // An agent that is made does not run yet.
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

/// The AI SDK's operations: `ai.generateText` loops over `ai.generateText.doGenerate` and `ai.toolCall`.
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

/// The names that Agno's and others' documentation shows, where no attribute states a kind.
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
