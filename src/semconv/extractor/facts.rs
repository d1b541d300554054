//! Puts the facts of a row together.

use super::usage::AGNO_SCOPE;
use super::{Extractor, FieldValue, ending};
use crate::model::json::{Scalar, chars};
use crate::model::{Batch, Ending, LogNote, Naming, Nanos, SpanFacts, SpanType, Text, Value};
use crate::semconv::keys::Field;
use crate::semconv::response_usage::ResponseUsage;
use crate::semconv::surroundings::last_part;
use crate::semconv::{kinds, span_names};

/// The beginning of a JSON list of messages that LangChain's prompt templates return.
pub(in crate::semconv) const PROMPT_PREFIX: &str = "{\"messages\"";

/// The key of the name of an action of Genkit: of a model, a tool or a flow.
const ACTION_NAME: &str = "genkit:name";

/// The most characters of a path; a longer text is none.
const MAX_PATH: usize = 1024;

/// The most digits of a whole number in a text.
const MAX_DIGITS: usize = 20;

/// The role of a model's messages.
const ASSISTANT: &[u8] = b"assistant";

impl Extractor<'_> {
    /// Returns the facts and copies their texts into the batch. `name` is the span's name; `scope` is the name of its instrumentation scope,
    /// `None` where the source does not record it.
    pub fn facts(&self, name: &str, scope: Option<&str>, batch: &mut Batch) -> SpanFacts {
        let metadata = self.metadata();
        let span_type = self.span_type(name, metadata.agent.as_deref());
        let may_be_agent = !matches!(span_type, SpanType::Model | SpanType::Tool | SpanType::Embedding);
        let tool = self.text(Field::Tool).or(self.text(Field::Entity)).or(self.text(Field::NamedTool));
        let tool = if span_type == SpanType::Tool {
            tool.or_else(|| if kinds::is_execution(name) { None } else { Some(self.title(name)) })
        } else {
            None
        };
        let (agent, naming) = if span_type.is_agentic() {
            self.agent_name(span_type, name, &metadata)
        } else {
            (self.text(Field::Agent).or_else(|| self.text(Field::Entity).filter(|_| may_be_agent)), Naming::Stated)
        };
        let misplaced = self.is_of_agno(name, span_type, scope);
        // Agno names groups of steps by their spans only: `payment_and_stock.execute`.
        let agent = agent.or_else(|| (misplaced && span_type == SpanType::Step).then(|| self.title(name)));
        let model = match self.text(Field::Model).filter(|_| span_type.calls_model() || !self.has_action_for_model()) {
            None if span_type == SpanType::Model => {
                match self.member(Field::Parameters, "model").or_else(|| self.member(Field::Parameters, "model_name")) {
                    Some(Value::Text(model)) => batch.intern(&model),
                    _ => Text::default(),
                }
            }
            model => intern(model, batch),
        };
        let asked =
            self.text(Field::AskedModel).filter(|asked| span_type == SpanType::Model && !chars(*asked).eq(batch.text(model).chars()));
        let asked_model = intern(asked, batch);
        let ResponseUsage { usage, id } = self.response_usage(span_type);
        let call_id = || if span_type == SpanType::Tool { self.text(Field::ToolCallId) } else { None };
        let response = match (self.text(Field::ResponseId).or_else(call_id), id) {
            (None, Some(id)) => batch.intern(&id),
            (stated, _) => intern(stated, batch),
        };
        // A database records no scope, but Agno's own spans are known.
        let scope_name = scope.or(misplaced.then_some(AGNO_SCOPE)).map_or_else(Text::default, |scope| batch.intern_scope(scope));
        let (input, calls) =
            if batch.numbers_only { Default::default() } else { (self.input(span_type, batch), self.calls(span_type, batch)) };
        let project = self.text(Field::Directory).map_or_else(Text::default, |path| {
            let path: String = chars(path).take(MAX_PATH + 1).collect();
            if path.chars().count() > MAX_PATH { Text::default() } else { batch.intern(last_part(&path)) }
        });
        let mut intern = |text| intern(text, batch);
        SpanFacts {
            span_type,
            agent: intern(agent),
            naming,
            model,
            asked_model,
            provider: intern(self.text(Field::Provider)),
            tool: intern(tool),
            session: intern(self.text(Field::Session).or_else(|| metadata.session.as_deref().map(plain))),
            user: intern(self.text(Field::User).or_else(|| metadata.user.as_deref().map(plain))),
            run: intern(self.text(Field::Run)),
            response,
            service: Text::default(),
            host: Text::default(),
            has_remote_parent: false,
            from_log: self.has(Field::LogEvent),
            continues: self.has(Field::Run) && ending::is_continuation(name),
            ran_until: None,
            ending: Ending::default(),
            scope: scope_name,
            misplaced,
            input,
            calls,
            usage: self.usage(name, scope, span_type, usage),
            first_token: self.first_token(),
            truncated: span_type == SpanType::Model && self.text(Field::FinishReason).is_some_and(ending::is_limit_reason),
            is_final: span_type == SpanType::Model && !self.may_request_tools(),
            project,
            exit_status: self.whole(Field::ExitStatus).filter(|status| *status != 0),
            attempt: self.whole(Field::Attempt).filter(|attempt| *attempt > 1),
            log_note: self
                .text(Field::LogNote)
                .map_or_else(LogNote::default, |note| LogNote::parse(&chars(note).take(MAX_PATH).collect::<String>())),
        }
    }

    /// Returns the names of the service and of the scope that stand in attributes.
    pub(in crate::semconv) fn stored_sender(&self) -> [Option<String>; 2] {
        [Field::StoredService, Field::StoredScope].map(|field| self.text(field).map(|name| chars(name).collect()))
    }

    /// Decides what the span does. `graph_agent` is the agent that its metadata names.
    fn span_type(&self, name: &str, graph_agent: Option<&str>) -> SpanType {
        let stated = match self.slot(Field::Kind) {
            Some((_, FieldValue::Kind(kind))) => Some(*kind),
            _ => kinds::from_name(name),
        };
        match stated {
            _ if self.only_repeats_usage() => SpanType::Other,
            // After a streamed call Logfire sends its usage in a record of its own.
            Some(SpanType::Model) if self.text(Field::RecordType).is_some_and(|text| chars(text).eq("log".chars())) => SpanType::Other,
            Some(SpanType::Model) if self.only_builds_a_prompt() => SpanType::Step,
            Some(SpanType::Model) if self.only_routes() => SpanType::Other,
            Some(SpanType::Agent) if self.has(Field::TeamId) && !self.has(Field::AgentId) => SpanType::Team,
            Some(SpanType::Step) if self.has(Field::WorkflowId) => SpanType::Workflow,
            // The steps of a graph name its agent, too, but only the run of the whole graph has the agent's name.
            Some(SpanType::Step) if self.is_graph_agent(name, graph_agent) => SpanType::Agent,
            Some(SpanType::Tool) if self.only_merges_results() => SpanType::Step,
            Some(kind) => kind,
            None if self.has_agent_entity() && !self.seen.states_kind => SpanType::Agent,
            None if self.has(Field::TurnTokens) => SpanType::Agent,
            None if self.has(Field::Tool) || self.is_named_like_its_tool(name) => SpanType::Tool,
            None if self.has(Field::Model) && !self.has_action_for_model() && self.counts_tokens() => SpanType::Model,
            None if [Field::Prompt, Field::Completion].iter().all(|field| self.has(*field)) && self.counts_tokens() => SpanType::Model,
            None => SpanType::Other,
        }
    }

    /// Whether the span only repeats the usage of a model call beside it, or the sum of an agent below. AG2 records other usage in the same
    /// way, such as that of compacting a history, which no other span states.
    pub(super) fn only_repeats_usage(&self) -> bool {
        let repeats = |kind: Scalar<'_>| ["model_call", "subtask"].iter().any(|word| chars(kind).eq(word.chars()));
        self.text(Field::RecordType).is_some_and(repeats)
    }

    /// Whether the span has the name of a tool that it names, and the id of a call.
    fn is_named_like_its_tool(&self, name: &str) -> bool {
        self.has(Field::ToolCallId) && self.text(Field::NamedTool).is_some_and(|tool| chars(tool).eq(name.chars()))
    }

    /// Whether the span is a turn, whose agent may have no name but that of the service.
    pub(in crate::semconv) fn is_turn(&self) -> bool {
        self.has(Field::TurnTokens) && self.slot(Field::Kind).is_none()
    }

    /// Whether the kind is stated in OpenInference's own key.
    pub(super) fn has_openinference_kind(&self) -> bool {
        matches!(self.slot(Field::Kind), Some((0, _)))
    }

    fn is_graph_agent(&self, name: &str, in_metadata: Option<&str>) -> bool {
        let is_name = |agent: Scalar<'_>| chars(agent).eq(name.chars());
        in_metadata == Some(name) || self.text(Field::GraphAgent).is_some_and(is_name)
    }

    /// Whether the span joins the results of several tools: it states that it has no arguments, and what it calls a tool's name is a remark
    /// in parentheses.
    fn only_merges_results(&self) -> bool {
        let is_remark = |name| matches!(name, Scalar::Text([b'(', .., b')']) | Scalar::Escaped([b'(', .., b')']));
        self.text(Field::Tool).is_some_and(is_remark) && self.text(Field::Input).is_some_and(|text| chars(text).eq("N/A".chars()))
    }

    /// Whether the only key that may name a model names any action of Genkit.
    fn has_action_for_model(&self) -> bool {
        self.slot(Field::Model).is_some_and(|(rank, _)| Field::Model.keys().get(usize::from(*rank)) == Some(&ACTION_NAME))
    }

    /// Whether the span only knows which model is requested, as a gateway's span that chooses a deployment does: some tools take it for a
    /// model call.
    fn only_routes(&self) -> bool {
        let of_calls =
            [Field::Prompt, Field::Completion, Field::Total, Field::UsageDetails, Field::Provider, Field::Parameters, Field::Input];
        let is_requested = |rank: u8| Field::Model.keys().get(usize::from(rank)) == Some(&"gen_ai.request.model");
        self.has_openinference_kind()
            && self.slot(Field::Model).is_some_and(|(rank, _)| is_requested(*rank))
            && !self.seen.has_response
            && self.seen.last_question.is_none()
            && ![&of_calls[..], &[Field::Messages, Field::Response, Field::ResponseId]].concat().iter().any(|field| self.has(*field))
    }

    /// Whether the span only builds a prompt: its output is a message list without an assistant message, and it has no token counts.
    fn only_builds_a_prompt(&self) -> bool {
        let counted = [Field::Prompt, Field::Completion, Field::Total, Field::ResponseId, Field::UsageDetails];
        if counted.iter().any(|field| self.has(*field)) || self.seen.has_response {
            return false;
        }
        // Only `output.value`, the key of rank 0.
        let Some((0, FieldValue::Text(output))) = self.slot(Field::Response) else { return false };
        let (Scalar::Text(raw) | Scalar::Escaped(raw)) = *output else { return false };
        let is_role = |at: usize| matches!(raw[at + ASSISTANT.len()..], [b'"', ..] | [b'\\', b'"', ..]);
        chars(*output).take(PROMPT_PREFIX.len()).eq(PROMPT_PREFIX.chars()) && !memchr::memmem::find_iter(raw, ASSISTANT).any(is_role)
    }

    /// Whether Agno's own instrumentation sent the span. Without a scope, its name and its attributes tell.
    pub(super) fn is_of_agno(&self, name: &str, span_type: SpanType, scope: Option<&str>) -> bool {
        if let Some(scope) = scope {
            return scope == AGNO_SCOPE;
        }
        let has_id = || [Field::AgentId, Field::TeamId, Field::WorkflowId].iter().any(|field| self.has(*field));
        let is_named = || span_type == SpanType::Tool || span_names::is_of_agno(name);
        self.has_openinference_kind() && is_named() && (!span_type.is_agentic() || has_id())
    }

    fn whole<T: TryFrom<i64>>(&self, field: Field) -> Option<T> {
        let number = match self.text(field)? {
            Scalar::Int(number) => number,
            text => chars(text).take(MAX_DIGITS).collect::<String>().trim().parse().ok()?,
        };
        T::try_from(number).ok()
    }

    fn first_token(&self) -> Option<Nanos> {
        self.billionths(Field::FirstSeconds).or_else(|| self.billionths(Field::FirstMillis).map(|millis| millis / 1000))
    }
}

fn plain(text: &str) -> Scalar<'_> {
    Scalar::Text(text.as_bytes())
}

/// Copies the text of a fact into the batch; most facts are not stated.
#[inline]
fn intern(text: Option<Scalar<'_>>, batch: &mut Batch) -> Text {
    text.map_or_else(Text::default, |text| intern_stated(text, batch))
}

fn intern_stated(text: Scalar<'_>, batch: &mut Batch) -> Text {
    match text {
        Scalar::Int(number) => batch.intern(&number.to_string()),
        Scalar::Float(number) => batch.intern(&number.to_string()),
        Scalar::Bool(flag) => batch.intern(&flag.to_string()),
        Scalar::Text(raw) if let Ok(text) = std::str::from_utf8(raw) => batch.intern(text),
        text => batch.intern_chars(chars(text)),
    }
}
