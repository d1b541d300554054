//! Which attribute states which fact.

/// A fact that attributes can state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Kind,
    Agent,
    AgentId,
    TeamId,
    WorkflowId,
    /// What the traced function is called: an agent, a step or a tool, by the kind.
    Entity,
    /// What stands in the span's name for `{name}`, where that is a template.
    Name,
    Model,
    Provider,
    Tool,
    Session,
    User,
    Run,
    /// What went in, as plain text.
    Input,
    /// What went in, as JSON messages.
    Messages,
    Prompt,
    Completion,
    CacheRead,
    CacheWrite,
    Reasoning,
    /// Tokens in and out.
    Total,
    /// Tokens as a map.
    UsageDetails,
    /// The whole answer, which may hold the provider's own words on what it used.
    Answer,
    /// The provider's id of the answer.
    Response,
    Cost,
    /// Dollars as a map.
    CostDetails,
    /// What a model was called with, as JSON.
    Parameters,
    CostIn,
    CostOut,
    /// The AI SDK's name for what the span does: the span is its own.
    SdkOperation,
    /// The AI SDK's way of saying how much of the input was not cached: its input then holds all of it.
    SdkFresh,
    /// What the provider answered beside the text, as JSON.
    ProviderMetadata,
    /// Seconds until the first piece of an answer came.
    FirstSeconds,
    /// Milliseconds until then.
    FirstMillis,
    Error,
    /// `pending_span`: the record stands for another span that still runs.
    RecordType,
    PendingParent,
}

/// How many facts there are.
pub(super) const FIELDS: usize = Field::PendingParent as usize + 1;

/// The input as the provider counts it, where it is kept among the details: Anthropic's without its cached part.
const RAW_INPUT: &str = "gen_ai.usage.details.input_tokens";

/// Whether the attribute of this rank states a prompt as the provider counts it.
pub(super) fn is_raw_prompt(rank: u8) -> bool {
    of(Field::Prompt).get(usize::from(rank)) == Some(&RAW_INPUT)
}

/// Each fact's attributes: the first one that a span bears states it.
const NAMES: &[(Field, &[&str])] = &[
    (
        Field::Kind,
        &[
            "openinference.span.kind",
            "langsmith.span.kind",
            "gen_ai.operation.name",
            "ai.operationId",
            "traceloop.span.kind",
            "langfuse.observation.type",
            "llm.request.type",
            "mlflow.spanType",
            "mastra.span.type",
            "genkit:metadata:subtype",
        ],
    ),
    (
        Field::Agent,
        &[
            "agent.name",
            "graph.node.name",
            "agno.agent.id",
            "agno.team.id",
            "agno.workflow.id",
            "gen_ai.agent.name",
            "gen_ai.agent.id",
            "gen_ai.workflow.name",
            "agent_name",
            "agent.id",
        ],
    ),
    (Field::AgentId, &["agno.agent.id"]),
    (Field::TeamId, &["agno.team.id"]),
    (Field::WorkflowId, &["agno.workflow.id"]),
    (Field::Name, &["name"]),
    (Field::Entity, &["traceloop.entity.name", "genkit:name"]),
    (
        Field::Model,
        &[
            "llm.response.model_name",
            "llm.model_name",
            "embedding.model_name",
            "reranker.model_name",
            "gen_ai.response.model",
            "gen_ai.request.model",
            "ai.response.model",
            "ai.model.id",
            "llm.model",
            "llm.request.model_name",
            "langfuse.observation.model.name",
            "mlflow.llm.model",
            "model",
            "model_name",
            "modelId",
            "genkit:name",
        ],
    ),
    (
        Field::Provider,
        &[
            "llm.provider",
            "llm.system",
            "gen_ai.provider.name",
            "gen_ai.system",
            "ai.model.provider",
            "mlflow.llm.provider",
            "langsmith.metadata.ls_provider",
            "langfuse.observation.metadata.ls_provider",
        ],
    ),
    (Field::Tool, &["tool.name", "gen_ai.tool.name", "ai.toolCall.name"]),
    (
        Field::Session,
        &[
            "session.id",
            "gen_ai.conversation.id",
            "ai.telemetry.metadata.sessionId",
            "traceloop.association.properties.session_id",
            "langfuse.session.id",
            "langsmith.metadata.session_id",
            "langsmith.metadata.thread_id",
            "langsmith.trace.session_id",
            "traceloop.association.properties.thread_id",
            "gcp.vertex.agent.session_id",
            "mlflow.trace.session",
        ],
    ),
    (
        Field::User,
        &[
            "user.id",
            "ai.telemetry.metadata.userId",
            "traceloop.association.properties.user_id",
            "langfuse.user.id",
            "enduser.id",
            "langsmith.metadata.user_id",
            "mlflow.trace.user",
        ],
    ),
    (Field::Run, &["agno.run.id"]),
    (
        Field::Input,
        &[
            "input.value",
            "gen_ai.tool.call.arguments",
            "ai.toolCall.args",
            "ai.toolCall.input",
            "traceloop.entity.input",
            "agent.input",
            "tool.arguments",
            "tool.parameters",
            "gcp.vertex.agent.tool_call_args",
            "langfuse.observation.input",
            "mlflow.spanInputs",
            "tool_arguments",
            "gen_ai.tool.args",
            "gen_ai.tool.input",
            "genkit:input",
            "input",
        ],
    ),
    (Field::Messages, &["gen_ai.input.messages", "pydantic_ai.all_messages", "ai.prompt.messages", "ai.prompt", "gen_ai.prompt"]),
    (
        Field::Prompt,
        &[
            "llm.token_count.prompt",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "ai.usage.inputTokens",
            "ai.usage.promptTokens",
            "ai.usage.tokens",
            "llm.usage.prompt_tokens",
            "gen_ai.aggregated_usage.input_tokens",
            RAW_INPUT,
        ],
    ),
    (
        Field::Completion,
        &[
            "llm.token_count.completion",
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "ai.usage.outputTokens",
            "ai.usage.completionTokens",
            "llm.usage.completion_tokens",
            "gen_ai.aggregated_usage.output_tokens",
            "gen_ai.usage.details.output_tokens",
        ],
    ),
    (
        Field::CacheRead,
        &[
            "llm.token_count.prompt_details.cache_read",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.details.cache_read_tokens",
            "ai.usage.cachedInputTokens",
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "gen_ai.usage.details.cache_read_input_tokens",
            "gen_ai.usage.details.cached_tokens",
            "gen_ai.usage.details.cached_content_tokens",
            "gen_ai.aggregated_usage.cache_read.input_tokens",
            "gen_ai.usage.cached_input_tokens",
        ],
    ),
    (
        Field::CacheWrite,
        &[
            "llm.token_count.prompt_details.cache_write",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.details.cache_creation_input_tokens",
            "gen_ai.aggregated_usage.cache_creation.input_tokens",
        ],
    ),
    (
        Field::Reasoning,
        &[
            "llm.token_count.completion_details.reasoning",
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.details.reasoning_tokens",
            "gen_ai.usage.reasoning_tokens",
            "ai.usage.reasoningTokens",
            "ai.usage.outputTokenDetails.reasoningTokens",
            "gen_ai.usage.output_tokens_details.reasoning",
            "gen_ai.usage.details.thoughts_tokens",
            "gen_ai.aggregated_usage.details.reasoning_tokens",
            "gen_ai.aggregated_usage.details.thoughts_tokens",
        ],
    ),
    (Field::Cost, &["llm.cost.total", "gen_ai.usage.cost", "operation.cost", "llm.cost", "gen_ai.cost.total_cost"]),
    (Field::Total, &["llm.token_count.total", "gen_ai.usage.total_tokens", "llm.usage.total_tokens", "ai.usage.totalTokens"]),
    (
        Field::UsageDetails,
        &[
            "gen_ai.usage.raw",
            "langfuse.observation.usage_details",
            "langsmith.metadata.usage_metadata",
            "metadata.usage_object",
            "mlflow.chat.tokenUsage",
            "usage",
        ],
    ),
    (
        Field::Answer,
        &[
            "output.value",
            "gcp.vertex.agent.llm_response",
            "gen_ai.completion",
            "mlflow.spanOutputs",
            "response",
            "response_data",
            "genkit:output",
            "body",
        ],
    ),
    (Field::Response, &["gen_ai.response.id", "ai.response.id", "llm.response.id", "response_id"]),
    (Field::CostDetails, &["langfuse.observation.cost_details"]),
    (Field::Parameters, &["llm.invocation_parameters"]),
    (Field::CostIn, &["llm.cost.prompt"]),
    (Field::CostOut, &["llm.cost.completion"]),
    (Field::SdkOperation, &["ai.operationId"]),
    (Field::SdkFresh, &["ai.usage.inputTokenDetails.noCacheTokens"]),
    (Field::ProviderMetadata, &["ai.response.providerMetadata"]),
    (
        Field::FirstSeconds,
        &["gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token", "gen_ai.client.operation.time_to_first_chunk"],
    ),
    (Field::FirstMillis, &["ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"]),
    (Field::Error, &["error.message", "exception.message", "error.type", "langfuse.observation.status_message"]),
    (Field::RecordType, &["logfire.span_type"]),
    (Field::PendingParent, &["logfire.pending_parent_id"]),
];

/// Attributes that hold what came out, the one to show first.
pub(super) const OUTPUT: &[&str] = &[
    "output.value",
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
    "ai.toolCall.output",
    "gcp.vertex.agent.tool_response",
    "tool_response",
    "gen_ai.tool.output",
    "genkit:output",
    "langfuse.observation.output",
    "mlflow.spanOutputs",
    "ai.response.text",
    "ai.response.object",
    "ai.response.toolCalls",
    "traceloop.entity.output",
    "agent.output",
    "tool.result",
    "final_result",
    "gen_ai.output.messages",
    "gen_ai.completion",
    "output",
];

/// The attributes that state a fact, the one that counts most first.
pub(super) fn of(field: Field) -> &'static [&'static str] {
    NAMES.iter().find(|(other, _)| *other == field).map_or(&[], |(_, names)| names)
}

/// Every attribute that states a fact, but for whole answers; some are named twice.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    FLAT.iter().filter(|(_, field, _)| *field != Field::Answer).map(|(name, ..)| *name)
}

/// A name that states something: where it stands first in [`FLAT`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Name(u8);

impl Name {
    /// Looks a name up; `None` if it states nothing.
    #[inline]
    pub(super) fn find(name: &[u8]) -> Option<Self> {
        let mut slot = hash(name);
        loop {
            let at = SLOTS[slot % SLOTS.len()];
            if FLAT.get(usize::from(at))?.0.as_bytes() == name {
                return Some(Self(at));
            }
            slot += 1;
        }
    }

    /// What it states, and its rank there: 0 counts most.
    #[inline]
    pub(super) fn facts(self) -> impl Iterator<Item = (Field, u8)> {
        let mut at = self.0;
        std::iter::from_fn(move || {
            let (_, field, rank) = *FLAT.get(usize::from(at))?;
            at = AGAIN[usize::from(at)];
            Some((field, rank))
        })
    }
}

const COUNT: usize = {
    let (mut count, mut row) = (0, 0);
    while row < NAMES.len() {
        count += NAMES[row].1.len();
        row += 1;
    }
    count
};

/// [`NAMES`], one line a name.
static FLAT: [(&str, Field, u8); COUNT] = {
    let mut flat = [("", Field::Kind, 0); COUNT];
    let (mut at, mut row) = (0, 0);
    while row < NAMES.len() {
        let mut rank = 0;
        while rank < NAMES[row].1.len() {
            flat[at] = (NAMES[row].1[rank], NAMES[row].0, rank as u8);
            at += 1;
            rank += 1;
        }
        row += 1;
    }
    flat
};

/// Where the name of each line of [`FLAT`] stands again.
static AGAIN: [u8; COUNT] = {
    let (mut again, mut at) = ([EMPTY; COUNT], 0);
    while at < COUNT {
        let mut later = at + 1;
        while later < COUNT {
            if again[at] == EMPTY && is_same(FLAT[at].0.as_bytes(), FLAT[later].0.as_bytes()) {
                again[at] = later as u8;
            }
            later += 1;
        }
        at += 1;
    }
    again
};

/// An open hash table over the first line of each name in [`FLAT`]: a span bears twenty attributes, and most of them state nothing.
static SLOTS: [u8; 1024] = {
    assert!(COUNT < EMPTY as usize);
    let mut slots = [EMPTY; 1024];
    let mut at = 0;
    while at < COUNT {
        let name = FLAT[at].0.as_bytes();
        let mut slot = hash(name);
        while slots[slot % 1024] != EMPTY && !is_same(FLAT[slots[slot % 1024] as usize].0.as_bytes(), name) {
            slot += 1;
        }
        if slots[slot % 1024] == EMPTY {
            slots[slot % 1024] = at as u8;
        }
        at += 1;
    }
    slots
};

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

const EMPTY: u8 = u8::MAX;

#[inline]
const fn hash(name: &[u8]) -> usize {
    let word = match name.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => name.len() as u64,
    };
    ((word ^ (name.len() as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_at_its_rank() {
        for (field, names) in NAMES {
            for (rank, name) in names.iter().enumerate() {
                let name = Name::find(name.as_bytes()).unwrap();
                assert!(name.facts().any(|found| found == (*field, rank as u8)), "{name:?}");
            }
        }
        assert_eq!(Name::find(b"agno.team.id").unwrap().facts().count(), 2);
    }

    #[test]
    fn other_names_state_nothing() {
        for name in ["", "a", "input.valuf", "llm.input_messages.0.message.content", "llm.token_count.totals"] {
            assert!(Name::find(name.as_bytes()).is_none(), "{name}");
        }
    }
}
