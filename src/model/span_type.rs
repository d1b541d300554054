//! What a span does: its type, and the groups that types belong to.

/// What a span does. [`semconv`](crate::semconv) derives it from the attributes.
///
/// This is not OpenTelemetry's span kind, which is [`SpanKind`](super::SpanKind).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanType {
    /// A run of a single agent.
    Agent,
    /// A run of a team: an agent that leads other agents.
    Team,
    /// A run of a workflow.
    Workflow,
    /// A step of a workflow, or a link in a chain of calls.
    Step,
    /// A call to a language model.
    Model,
    /// A tool call.
    Tool,
    /// A document search.
    Retriever,
    /// A call to a model that ranks documents.
    Reranker,
    /// A call to an embedding model.
    Embedding,
    /// A check of an input or an output.
    Guardrail,
    /// An evaluation of an output.
    Evaluator,
    /// The rendering of a prompt.
    Prompt,
    /// Anything else, and spans that do not state a type.
    #[default]
    Other,
}

impl SpanType {
    /// Returns the symbol on the screen and in pictures.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Agent => "◆",
            Self::Team => "◈",
            Self::Workflow => "▣",
            Self::Step => "▫",
            Self::Model | Self::Embedding => "✦",
            Self::Tool => "⚙",
            Self::Retriever | Self::Reranker => "⌕",
            Self::Guardrail => "⛨",
            Self::Evaluator | Self::Prompt | Self::Other => "·",
        }
    }

    /// Every type.
    pub const ALL: [Self; 13] = [
        Self::Agent,
        Self::Team,
        Self::Workflow,
        Self::Step,
        Self::Model,
        Self::Tool,
        Self::Retriever,
        Self::Reranker,
        Self::Embedding,
        Self::Guardrail,
        Self::Evaluator,
        Self::Prompt,
        Self::Other,
    ];

    /// Returns whether the span is a run of an agent, a team or a workflow.
    #[must_use]
    pub const fn is_agentic(self) -> bool {
        matches!(self, Self::Agent | Self::Team | Self::Workflow)
    }

    /// Returns whether the span calls a model: a language model, an embedding model or a reranker.
    #[must_use]
    pub const fn calls_model(self) -> bool {
        matches!(self, Self::Model | Self::Embedding | Self::Reranker)
    }

    /// Returns whether the span calls a tool or searches documents, as models ask for either.
    #[must_use]
    pub const fn calls_tool(self) -> bool {
        matches!(self, Self::Tool | Self::Retriever)
    }

    /// Returns whether the span is a step of an agent's work. Other spans, such as HTTP requests, may fail without any harm to it.
    #[must_use]
    pub const fn is_agent_work(self) -> bool {
        !matches!(self, Self::Prompt | Self::Other)
    }

    /// Returns the name that filters, exports and JSON output use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Team => "team",
            Self::Workflow => "workflow",
            Self::Step => "step",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Retriever => "retriever",
            Self::Reranker => "reranker",
            Self::Embedding => "embedding",
            Self::Guardrail => "guardrail",
            Self::Evaluator => "evaluator",
            Self::Prompt => "prompt",
            Self::Other => "other",
        }
    }

    /// Returns the name for running text, where "other" reads as "span".
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Other => "span",
            _ => self.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_type_in_order_of_its_discriminant() {
        for (index, span_type) in SpanType::ALL.into_iter().enumerate() {
            assert_eq!(span_type as usize, index, "{}", span_type.name());
        }
        assert_eq!(SpanType::ALL.last(), Some(&SpanType::Other));
    }
}
