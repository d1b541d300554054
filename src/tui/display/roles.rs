//! The theme roles of span types and statuses.

use crate::model::SpanType;
use crate::store::RunStatus;
use crate::tui::theme::Role;

/// Returns the role that colours spans of this type.
#[must_use]
pub fn span_type_role(span_type: SpanType) -> Role {
    match span_type {
        SpanType::Agent => Role::Agent,
        SpanType::Team => Role::Team,
        SpanType::Workflow | SpanType::Step => Role::Step,
        SpanType::Model | SpanType::Embedding => Role::Model,
        SpanType::Tool | SpanType::Retriever | SpanType::Reranker => Role::Tool,
        SpanType::Guardrail | SpanType::Evaluator | SpanType::Prompt | SpanType::Other => Role::Other,
    }
}

/// Returns the role that colours this status; `None` for success, which needs no colour.
#[must_use]
pub fn status_role(status: RunStatus) -> Option<Role> {
    match status {
        RunStatus::Error => Some(Role::Error),
        RunStatus::Running => Some(Role::Running),
        RunStatus::Lost => Some(Role::Dim),
        RunStatus::Ok => None,
    }
}
