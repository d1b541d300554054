//! The attribute keys that state each fact of a row.

use super::key_table::{KeyTable, is_same};
use super::log_events::{LOG_EVENT_KEY, LOG_NOTE_KEY};

/// The number of fields.
pub(super) const FIELDS: usize = KEYS.len();

/// The attribute of a recorded span that holds the name of the service.
pub(super) const STORED_SERVICE_KEY: &str = "agno_top.service";

/// The attribute of a recorded span that holds the name of the instrumentation scope.
pub(super) const STORED_SCOPE_KEY: &str = "agno_top.scope";

/// Marks a span whose process ended before it, with the time at which the process was heard of last, in nanoseconds since 1970.
pub(super) const CUT_KEY: &str = "agno_top.span.cut";

/// The prefix of the keys of a message that was sent to a model (OpenInference), before its number.
pub(crate) const INPUT_MESSAGES: &str = "llm.input_messages.";

/// The end of the key of a message's role, after its number.
pub(crate) const MESSAGE_ROLE: &str = ".message.role";

/// The end of the key of a message's text, after its number.
pub(crate) const MESSAGE_CONTENT: &str = ".message.content";

/// The role of the user's messages.
pub(crate) const USER_ROLE: &str = "user";

/// The most digits of a message's number.
pub(crate) const MESSAGE_DIGITS: usize = 6;

/// The prefix of the keys of a model's response messages (OpenInference).
pub(crate) const OUTPUT_MESSAGES: &str = "llm.output_messages.";

/// The end of the key of a called tool's name in a response message.
pub(crate) const CALLED_TOOL: &str = ".tool_call.function.name";

/// The key of the OpenInference span kind.
pub const SPAN_KIND_KEY: &str = "openinference.span.kind";

/// Keys, also at the end of longer keys, whose values are JSON text. Some programs store the parsed value instead.
pub const JSON_TEXT_KEYS: [&str; 4] = ["metadata", "tool.parameters", "llm.prompt_template.variables", "document.metadata"];

/// A sum over the spans below.
const AGGREGATED_INPUT: &str = "gen_ai.aggregated_usage.input_tokens";

/// The input tokens as the provider counts them: from Anthropic without cached tokens.
const RAW_INPUT: &str = "gen_ai.usage.details.input_tokens";

/// Whether the prompt key of this rank states input tokens as the provider counts them.
pub(super) fn is_raw_prompt(rank: u8) -> bool {
    Field::Prompt.keys().get(usize::from(rank)) == Some(&RAW_INPUT)
}

/// Whether the prompt key of this rank states a sum over the spans below.
pub(super) fn is_aggregated_prompt(rank: u8) -> bool {
    Field::Prompt.keys().get(usize::from(rank)) == Some(&AGGREGATED_INPUT)
}

/// Defines [`Field`] and [`KEYS`].
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident: [$($key:expr),* $(,)?],)*) => {
        /// A fact that attributes can state.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Field {
            $($(#[$doc])* $field,)*
        }

        /// The keys of each field, in order of precedence: the first key that a span has states the fact.
        const KEYS: &[(Field, &[&str])] = &[$((Field::$field, &[$($key),*])),*];
    };
}

fields! {
    /// What the span does, in the words of its convention.
    Kind: [
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
        "span.type",
    ],
    /// The kind of what [`Field::EntityName`] names.
    EntityType: ["entity.type"],
    EntityName: ["entity.name"],
    Agent: [
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
    /// The name of an agent where no other key names it: what a program calls the function that it traces, and the agent of a graph.
    Function: ["ai.telemetry.functionId"],
    GraphAgent: ["lc_agent_name"],
    AgentId: ["agno.agent.id"],
    TeamId: ["agno.team.id"],
    WorkflowId: ["agno.workflow.id"],
    /// The value for `{name}` in a span name that is a template.
    Name: ["name"],
    /// The name of the traced function: an agent, a step or a tool, depending on the kind.
    Entity: ["traceloop.entity.name", "genkit:name"],
    Model: [
        "llm.response.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "gen_ai.response.model",
        "gen_ai.request.model",
        "ai.response.model",
        "ai.model.id",
        "ai.model.name",
        "llm.model",
        "llm.request.model_name",
        "langfuse.observation.model.name",
        "mlflow.llm.model",
        "model",
        "model_name",
        "modelId",
        "genkit:name",
    ],
    /// The model that a call asked for: its name at a gateway, else the requested one.
    AskedModel: ["litellm.model_group", "model_group", "gen_ai.request.model", "llm.request.model_name"],
    Provider: [
        "llm.provider",
        "llm.system",
        "gen_ai.provider.name",
        "gen_ai.system",
        "ai.model.provider",
        "mlflow.llm.provider",
        "langsmith.metadata.ls_provider",
        "langfuse.observation.metadata.ls_provider",
    ],
    Tool: ["tool.name", "gen_ai.tool.name", "ai.toolCall.name"],
    Session: [
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
    User: [
        "user.id",
        "ai.telemetry.metadata.userId",
        "traceloop.association.properties.user_id",
        "langfuse.user.id",
        "enduser.id",
        "langsmith.metadata.user_id",
        "mlflow.trace.user",
    ],
    Run: ["agno.run.id"],
    /// The input, as plain text.
    Input: [
        "input.value",
        "gen_ai.tool.call.arguments",
        "ai.toolCall.args",
        "ai.toolCall.input",
        "traceloop.entity.input",
        "agent.input",
        "tool.arguments",
        "gcp.vertex.agent.tool_call_args",
        "langfuse.observation.input",
        "mlflow.spanInputs",
        "tool_arguments",
        "gen_ai.tool.args",
        "gen_ai.tool.input",
        "genkit:input",
        "mastra.agent_run.input",
        "mastra.model_generation.input",
        "mastra.model_step.input",
        "mastra.workflow_run.input",
        "mastra.workflow_step.input",
        "mastra.processor_run.input",
        "input",
        "user_prompt",
        "full_command",
    ],
    /// The arguments of a tool, or the JSON schema of its arguments, which states nothing.
    ToolParameters: ["tool.parameters"],
    /// Further facts as a JSON object.
    Metadata: ["metadata"],
    /// The input, as JSON messages.
    Messages: [
        "gen_ai.input.messages",
        "pydantic_ai.all_messages",
        "ai.prompt.messages",
        "ai.prompt",
        "gen_ai.prompt",
        "llm.messages",
        "agent.messages",
        "gcp.vertex.agent.llm_request",
    ],
    Prompt: [
        "llm.token_count.prompt",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
        "llm.usage.prompt_tokens",
        AGGREGATED_INPUT,
        RAW_INPUT,
    ],
    Completion: [
        "llm.token_count.completion",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "llm.usage.completion_tokens",
        "gen_ai.aggregated_usage.output_tokens",
        "gen_ai.usage.details.output_tokens",
    ],
    CacheRead: [
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
    CacheWrite: [
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
    Reasoning: [
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
        "codex.usage.reasoning_output_tokens",
        "thoughts_token_count",
    ],
    /// Cache writes that are kept for five minutes.
    CacheWrite5m: ["gen_ai.usage.cache_creation.ephemeral_5m_input_tokens"],
    /// Cache writes that are kept for an hour.
    CacheWrite1h: ["gen_ai.usage.cache_creation.ephemeral_1h_input_tokens"],
    AudioIn: ["llm.token_count.prompt_details.audio", "gen_ai.usage.details.input_audio_tokens"],
    AudioOut: ["llm.token_count.completion_details.audio", "gen_ai.usage.details.output_audio_tokens"],
    /// The part of the audio that was read from a cache.
    CachedAudio: ["gen_ai.usage.details.cache_audio_read_tokens"],
    /// Parts of the input tokens as a map.
    InputDetails: ["gen_ai.usage.input_token_details", "gen_ai.usage.prompt_tokens_details"],
    /// Parts of the output tokens as a map.
    OutputDetails: ["gen_ai.usage.output_token_details", "gen_ai.usage.completion_tokens_details"],
    Cost: ["llm.cost.total", "gen_ai.usage.cost", "operation.cost", "llm.cost", "gen_ai.cost.total_cost", "litellm.cost.total"],
    /// Input and output tokens.
    Total: ["llm.token_count.total", "gen_ai.usage.total_tokens", "llm.usage.total_tokens", "ai.usage.totalTokens"],
    /// Token counts as a map.
    UsageDetails: [
        "gen_ai.usage.raw",
        "langfuse.observation.usage_details",
        "langsmith.metadata.usage_metadata",
        "metadata.usage_object",
        "mlflow.chat.tokenUsage",
        "usage",
    ],
    /// The whole response, which may contain the provider's own usage.
    Response: [
        "output.value",
        "gcp.vertex.agent.llm_response",
        "gen_ai.completion",
        "mlflow.spanOutputs",
        "response",
        "response_data",
        "genkit:output",
        "body",
    ],
    /// The provider's id of the response.
    /// The id of a model's response, or of a tool call.
    ResponseId: [
        "gen_ai.response.id",
        "ai.response.id",
        "llm.response.id",
        "response_id",
        "gen_ai.tool.call.id",
        "ai.toolCall.id",
        "gen_ai.tool_call.id",
        "tool_call.id",
        "tool.call.id",
    ],
    /// The id of a tool call, on a span that is one for another reason.
    ToolCallId: ["tool.call_id", "call_id", "tool_use_id"],
    /// The tool that a span may be a call of: of one that has the tool's name itself.
    NamedTool: ["tool_name"],
    /// The sum over a turn, which only the span of the turn states.
    TurnTokens: ["codex.turn.token_usage.total_tokens"],
    /// Dollars as a map.
    CostDetails: ["langfuse.observation.cost_details"],
    /// The parameters of a model call, as JSON.
    Parameters: ["llm.invocation_parameters"],
    CostIn: ["llm.cost.prompt"],
    CostOut: ["llm.cost.completion"],
    /// The AI SDK's operation. Its presence marks a span of the AI SDK.
    SdkOperation: ["ai.operationId"],
    /// The input tokens that were not cached, as newer versions of the AI SDK state them. Their input count includes cached tokens.
    SdkFresh: ["ai.usage.inputTokenDetails.noCacheTokens"],
    /// What the provider returned beside the text, as JSON.
    ProviderMetadata: ["ai.response.providerMetadata"],
    /// The time to the first chunk in seconds.
    FirstSeconds: [
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.server.time_to_first_token",
        "gen_ai.client.operation.time_to_first_chunk",
    ],
    /// The time to the first chunk in milliseconds.
    FirstMillis: ["ai.response.msToFirstChunk", "ai.stream.msToFirstChunk", "ttft_ms"],
    Error: ["error.message", "exception.message", "error.type", "langfuse.observation.status_message"],
    /// Why a model stopped.
    FinishReason: [
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "ai.response.finishReason",
        "gen_ai.completion.0.finish_reason",
        "llm.response.finish_reason",
        "llm.finish_reason",
        "finish_reason",
    ],
    /// What a span returned, in addition to [`Field::Response`]. Only the presence counts, words for tools, and of the first key why the messages ended.
    Answer: [
        "gen_ai.output.messages",
        "gen_ai.tool.call.result",
        "ai.response.text",
        "ai.toolCall.result",
        "ai.toolCall.output",
        "traceloop.entity.output",
        "tool_response",
    ],
    /// The directory in which a program or a step works.
    Directory: ["working_directory", "cwd", "workspace.path", "workspace_path", "process.working_directory"],
    /// How a command ended.
    ExitStatus: ["process.exit.code", "exit_code", "exit_status"],
    /// The number of an attempt, from 1.
    Attempt: ["attempt"],
    /// What log events tell beside the facts of other conventions.
    LogNote: [LOG_NOTE_KEY],
    /// The log event that the span was made from.
    LogEvent: [LOG_EVENT_KEY],
    /// The service and the scope that sent a span, where its source has no other place for them.
    StoredService: [STORED_SERVICE_KEY],
    StoredScope: [STORED_SCOPE_KEY],
    /// The type of record: Logfire's, see [`PENDING`](super::attributes::PENDING), and whose usage a span of AG2 states.
    RecordType: ["logfire.span_type", "ag2.usage.kind"],
    PendingParent: ["logfire.pending_parent_id"],
    /// The mark of a span that was cut.
    Cut: [CUT_KEY],
}

/// The keys of the output, in order of precedence.
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
    "gcp.vertex.agent.llm_response",
    "mastra.agent_run.output",
    "mastra.model_generation.output",
    "mastra.model_step.output",
    "mastra.workflow_run.output",
    "mastra.workflow_step.output",
    "mastra.processor_run.output",
    "output",
];

impl Field {
    /// Returns the fields that a key states.
    pub(super) fn stated_by(key: &str) -> impl Iterator<Item = Self> {
        Entry::find(key.as_bytes()).into_iter().flat_map(Entry::fields).map(|(field, _)| field)
    }

    /// Returns the keys that state the fact, in order of precedence.
    pub(super) fn keys(self) -> &'static [&'static str] {
        KEYS[self as usize].1
    }
}

/// Returns whether an attribute states an agent, a model, a provider, a session, a tool or a user, by these names.
pub(crate) fn is_key_of(key: &str, field: &str) -> bool {
    let field = match field {
        "agent" => Field::Agent,
        "model" => Field::Model,
        "provider" => Field::Provider,
        "session" => Field::Session,
        "tool" => Field::Tool,
        "user" => Field::User,
        _ => return false,
    };
    // Programs name a tool in metrics without a prefix.
    (field == Field::Tool && key == "tool_name")
        || Field::stated_by(key).chain(by_end(key.as_bytes()).map(|entry| entry.field)).any(|stated| stated == field)
}

/// Ends of keys that state a fact under any prefix, as in `my.app.conversation.id`. The first end takes precedence, and an exact key before all.
pub(super) const ENDS: [(&str, Field); 29] = [
    ("conversation.id", Field::Session),
    ("conversation_id", Field::Session),
    ("conversationId", Field::Session),
    ("session.id", Field::Session),
    ("session_id", Field::Session),
    ("sessionId", Field::Session),
    ("thread_id", Field::Session),
    ("threadId", Field::Session),
    ("user.id", Field::User),
    ("user_id", Field::User),
    ("userId", Field::User),
    (TOOL_ARGUMENTS, Field::Input),
    ("tool.call.id", Field::ResponseId),
    ("lc_agent_name", Field::GraphAgent),
    ("model_group", Field::AskedModel),
    ("usage.input_token_details", Field::InputDetails),
    ("usage.input_tokens_details", Field::InputDetails),
    ("usage.prompt_token_details", Field::InputDetails),
    ("usage.prompt_tokens_details", Field::InputDetails),
    ("usage.output_token_details", Field::OutputDetails),
    ("usage.output_tokens_details", Field::OutputDetails),
    ("usage.completion_token_details", Field::OutputDetails),
    ("usage.completion_tokens_details", Field::OutputDetails),
    ("time_to_first_token", Field::FirstSeconds),
    ("time_to_first_chunk", Field::FirstSeconds),
    ("time_to_first_token_ms", Field::FirstMillis),
    ("time_to_first_chunk_ms", Field::FirstMillis),
    ("ttft_ms", Field::FirstMillis),
    ("msToFirstChunk", Field::FirstMillis),
];

/// The end of the key of a tool's arguments.
pub(super) const TOOL_ARGUMENTS: &str = "tool.call.arguments";

/// The end of the key of a tool's result.
pub(super) const TOOL_RESULT: &str = "tool.call.result";

/// Words of a prefix whose sessions and users are not those of a conversation: of a protocol, of the operating system, of another run.
const OTHER_SESSIONS: [&str; 10] = ["db", "http", "mcp", "messaging", "network", "parent", "previous", "process", "rpc", "tls"];

/// The rank of the first of [`ENDS`], after all exact keys.
const FIRST_END: u8 = 128;

/// The field that a key states by its end, and the rank of the key there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndEntry {
    pub(super) field: Field,
    pub(super) rank: u8,
}

/// Looks up a key by its end; `None` if it states no fact. Keys of [`KEYS`] are not for this function.
#[inline]
pub(super) fn by_end(key: &[u8]) -> Option<EndEntry> {
    // Few keys end in one of these, and then all ends are compared.
    match key.last_chunk()? {
        b"n.id" | b"n_id" | b"onId" | b"d_id" | b"adId" | b"r.id" | b"r_id" | b"erId" | b"l.id" | b"ents" | b"name" | b"ails" | b"roup"
        | b"oken" | b"hunk" | b"n_ms" | b"k_ms" | b"t_ms" => compare_ends(key),
        _ => None,
    }
}

fn compare_ends(key: &[u8]) -> Option<EndEntry> {
    let (rank, &(end, field)) = ENDS.iter().enumerate().find(|(_, (end, _))| has_end(key, end))?;
    let prefix = std::str::from_utf8(&key[..key.len() - end.len()]).ok()?;
    let is_other = || prefix.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| OTHER_SESSIONS.contains(&word));
    let is_refused = match field {
        Field::Session | Field::User => is_other(),
        Field::InputDetails | Field::OutputDetails => is_of_other_scope(prefix.as_bytes()),
        _ => false,
    };
    (!is_refused).then_some(EndEntry { field, rank: FIRST_END + rank as u8 })
}

/// Words in a prefix of counts that are not of one call or one run.
const OTHER_SCOPES: [&[u8]; 8] = [b"session", b"context", b"limit", b"budget", b"remaining", b"cumulative", b"conversation", b"quota"];

/// Whether counts under a prefix are of more than one call or run, or of none.
pub(super) fn is_of_other_scope(prefix: &[u8]) -> bool {
    OTHER_SCOPES.iter().any(|word| memchr::memmem::find(prefix, word).is_some())
}

/// Whether a key is `end`, or ends in it after a separator.
pub(super) fn has_end(key: &[u8], end: &str) -> bool {
    key.strip_suffix(end.as_bytes()).is_some_and(|prefix| matches!(prefix.last(), None | Some(b'.' | b':' | b'/')))
}

/// Returns every key that states a fact of a row, once. Keys of numbered messages are not among them.
pub fn row_keys() -> impl Iterator<Item = &'static str> {
    let is_first =
        |(at, (key, ..)): &(usize, &(&str, Field, u8))| Entry::find(key.as_bytes()).is_some_and(|entry| usize::from(entry.0) == *at);
    ENTRIES.iter().enumerate().filter(is_first).map(|(_, (key, ..))| *key)
}

/// The first entry of a key in [`ENTRIES`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry(u16);

impl Entry {
    /// Looks up a key; `None` if it states no fact.
    #[inline]
    pub(super) fn find(key: &[u8]) -> Option<Self> {
        TABLE.find(key).map(Self)
    }

    /// Returns the fields that the key states, each with the key's rank there: 0 takes precedence.
    #[inline]
    pub(super) fn fields(self) -> impl Iterator<Item = (Field, u8)> {
        let mut at = self.0;
        std::iter::from_fn(move || {
            let (_, field, rank) = *ENTRIES.get(usize::from(at))?;
            at = NEXT[usize::from(at)];
            Some((field, rank))
        })
    }
}

const COUNT: usize = {
    let (mut count, mut row) = (0, 0);
    while row < KEYS.len() {
        count += KEYS[row].1.len();
        row += 1;
    }
    count
};

/// [`KEYS`], flat: key, field, rank.
static ENTRIES: [(&str, Field, u8); COUNT] = {
    let mut entries = [("", Field::Kind, 0); COUNT];
    let (mut at, mut row) = (0, 0);
    while row < KEYS.len() {
        let mut rank = 0;
        while rank < KEYS[row].1.len() {
            entries[at] = (KEYS[row].1[rank], KEYS[row].0, rank as u8);
            at += 1;
            rank += 1;
        }
        row += 1;
    }
    entries
};

/// For each entry the next one of the same key.
static NEXT: [u16; COUNT] = {
    let (mut next, mut at) = ([EMPTY; COUNT], 0);
    while at < COUNT {
        let mut later = at + 1;
        while later < COUNT {
            if next[at] == EMPTY && is_same(ENTRIES[at].0.as_bytes(), ENTRIES[later].0.as_bytes()) {
                next[at] = later as u16;
            }
            later += 1;
        }
        at += 1;
    }
    next
};

/// The key of each entry.
static NAMES: [&str; COUNT] = {
    let (mut names, mut at) = ([""; COUNT], 0);
    while at < COUNT {
        names[at] = ENTRIES[at].0;
        at += 1;
    }
    names
};

/// Finds the first entry of each key. A span has about twenty attributes, and most state no fact.
static TABLE: KeyTable<1024> = KeyTable::new(&NAMES);

const EMPTY: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_at_its_rank() {
        for (field, keys) in KEYS {
            for (rank, key) in keys.iter().enumerate() {
                let entry = Entry::find(key.as_bytes()).unwrap();
                assert!(entry.fields().any(|found| found == (*field, rank as u8)), "{key}");
            }
        }
        assert_eq!(Entry::find(b"agno.team.id").unwrap().fields().count(), 2);
        assert_eq!(row_keys().filter(|key| *key == "agno.team.id").count(), 1);
    }

    #[test]
    fn keys_are_found_by_their_ends() {
        for (key, field) in [
            ("spring.ai.chat.client.conversation.id", Field::Session),
            ("conversation.id", Field::Session),
            ("mastra.metadata.sessionId", Field::Session),
            ("my:session_id", Field::Session),
            ("mastra.metadata.threadId", Field::Session),
            ("thread_id", Field::Session),
            ("app.user_id", Field::User),
            ("mastra.metadata.userId", Field::User),
            ("spring.ai.tool.call.arguments", Field::Input),
            ("metadata.lc_agent_name", Field::GraphAgent),
            ("langsmith.usage.input_token_details", Field::InputDetails),
            ("usage.prompt_tokens_details", Field::InputDetails),
            ("llm.usage.completion_tokens_details", Field::OutputDetails),
            ("my.app.time_to_first_token", Field::FirstSeconds),
            ("ttft_ms", Field::FirstMillis),
            ("metrics.time_to_first_chunk_ms", Field::FirstMillis),
        ] {
            assert_eq!(by_end(key.as_bytes()).map(|entry| entry.field), Some(field), "{key}");
        }
        for key in [
            "",
            "id",
            "thread.id",
            "enduser.id",
            "superuser_id",
            "litellm.metadata.user_api_key_user_id",
            "mcp.session.id",
            "process.user.id",
            "messaging.message.conversation_id",
            "parent.session_id",
            "llm.model_name",
            "tool.call.argument",
            "app.session.usage.input_token_details",
            "request.input_token_details",
        ] {
            assert_eq!(by_end(key.as_bytes()), None, "{key}");
        }
        let rank = |key: &str| by_end(key.as_bytes()).unwrap().rank;
        assert!(rank("x.session_id") < rank("thread_id"));
        assert!(KEYS.iter().all(|(_, keys)| keys.len() < usize::from(FIRST_END)));
    }

    #[test]
    fn other_keys_state_nothing() {
        for key in ["", "a", "input.valuf", "llm.input_messages.0.message.content", "llm.token_count.totals"] {
            assert!(Entry::find(key.as_bytes()).is_none(), "{key}");
        }
    }
}
