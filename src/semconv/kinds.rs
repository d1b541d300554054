//! What a span does, in each convention's words.

use crate::model::Kind;
use crate::model::json::{Scalar, chars};

/// The longest word that states a kind.
const LONGEST: usize = 64;

/// Reads the value of an attribute that states a kind. `None` if it says nothing of use: then the next attribute decides.
pub(super) fn from_value(value: Scalar<'_>) -> Option<Kind> {
    let mut word = [0; LONGEST];
    let mut length = 0;
    for (place, char) in word.iter_mut().zip(chars(value)) {
        *place = u8::try_from(char).ok()?.to_ascii_lowercase();
        length += 1;
    }
    // Some write even a word as JSON.
    Some(match std::str::from_utf8(&word[..length]).ok()?.trim_matches('"') {
        "agent" | "invoke_agent" | "agent.run" | "agent_run" => Kind::Agent,
        "invoke_workflow" | "workflow" | "workflow.run" | "workflow_run" | "flow" => Kind::Workflow,
        // An agent that is made does not run yet.
        "chain" | "task" | "execute_task" | "workflow_step" | "create_agent" => Kind::Step,
        "llm" | "chat" | "chat_model" | "model" | "model_generation" | "model.step" | "model_step" | "generate_content"
        | "text_completion" | "completion" | "generation" => Kind::Model,
        "tool" | "execute_tool" | "tool.execute" | "tool_call" | "mcp_tool_call" => Kind::Tool,
        "retriever" | "retrieval" => Kind::Retriever,
        "reranker" | "rerank" => Kind::Reranker,
        "embedding" | "embeddings" | "embedder" => Kind::Embedding,
        "guardrail" => Kind::Guardrail,
        "evaluator" => Kind::Evaluator,
        "prompt" => Kind::Prompt,
        operation => return from_operation(operation),
    })
}

/// The AI SDK's operations: `ai.generateText` loops over `ai.generateText.doGenerate` and `ai.toolCall`.
fn from_operation(operation: &str) -> Option<Kind> {
    let operation = operation.strip_prefix("ai.")?;
    Some(match operation.split('.').next_back()? {
        "dogenerate" | "dostream" => Kind::Model,
        "toolcall" => Kind::Tool,
        "doembed" => Kind::Embedding,
        "dorerank" => Kind::Reranker,
        "generatetext" | "streamtext" | "generateobject" | "streamobject" => Kind::Agent,
        _ => return None,
    })
}

/// The names that Agno's and others' documentation shows, where no attribute states a kind.
pub(super) fn from_name(name: &str) -> Option<Kind> {
    match name {
        _ if ["invoke_agent ", "agent_run [", "Agent run: "].iter().any(|start| name.starts_with(start)) => Some(Kind::Agent),
        _ if ["execute_tool ", "Function: "].iter().any(|start| name.starts_with(start)) => Some(Kind::Tool),
        "agent.run" | "agent run" => Some(Kind::Agent),
        "team.run" => Some(Kind::Team),
        "workflow.run" => Some(Kind::Workflow),
        "model.call" | "call_llm" => Some(Kind::Model),
        "tool.execute" => Some(Kind::Tool),
        _ => None,
    }
}
