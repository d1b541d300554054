//! A span as sources deliver it to the store.

use super::{Ending, LogNote, Nanos, PayloadRef, SpanId, SpanType, Status, TraceId, Usage};

/// A span: the facts for its row in the store, and the address of its payload.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace it belongs to.
    pub trace: TraceId,
    /// Its id, unique within the trace.
    pub id: SpanId,
    /// The parent span it names.
    pub parent: Option<SpanId>,
    /// The start time.
    pub start: Nanos,
    /// The end time; `None` while the span runs, and if its process ended first. May be before `start` if the sender's clock jumped.
    pub end: Option<Nanos>,
    /// The status as the sender set it.
    pub status: Status,
    /// The span's name.
    pub name: Text,
    /// The facts derived from the attributes.
    pub facts: SpanFacts,
    /// The beginning of the error message.
    pub error: Text,
    /// The address of the payload.
    pub payload_ref: PayloadRef,
    /// Bytes of memory that the source retains while the store holds the span; 0 if the payload is in a file or a database.
    pub retained_bytes: u32,
}

impl Span {
    /// Returns the latest time at which the span is known to have run.
    #[must_use]
    pub fn latest(&self) -> Nanos {
        let ran_until = self.facts.ran_until.map_or(self.start, |until| until.max(self.start));
        self.end.unwrap_or(ran_until)
    }
}

/// The facts that [`semconv`](crate::semconv) derives from a span's attributes. An empty text and `None` mean "not stated".
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct SpanFacts {
    /// What the span does.
    pub span_type: SpanType,
    /// The name of the agent, the team, the workflow or the step.
    pub agent: Text,
    /// How that name is known.
    pub naming: Naming,
    /// The model that answered, else the requested one.
    pub model: Text,
    /// Of a model call, the model that was asked for, if that is another name than `model`: the one at a gateway, say.
    pub asked_model: Text,
    /// The provider that serves the model.
    pub provider: Text,
    /// The tool's name.
    pub tool: Text,
    /// The session (conversation) id.
    pub session: Text,
    /// The id of the end user.
    pub user: Text,
    /// Agno's run id.
    pub run: Text,
    /// The beginning of the input (at most [`semconv::INPUT_PREVIEW`](crate::semconv::INPUT_PREVIEW) bytes); of a model call, of the last user message.
    pub input: Text,
    /// Of a model call, the names of the tools it requested. Of a tool call, a hash of its arguments, if they are JSON or if `input` is cut.
    pub calls: Text,
    /// The provider's response id: equal on every span that reports the same model call. Of a tool call, the id that the model gave it.
    pub response: Text,
    /// The name of the instrumentation scope.
    pub scope: Text,
    /// Whether the span's sender sometimes names a parent that the span did not run in, since it keeps no proper track of what is running.
    pub misplaced: bool,
    /// The name of the service that sent the span.
    pub service: Text,
    /// The name of the host that the span ran on.
    pub host: Text,
    /// Whether the span's parent is in another process, which may never send it.
    pub has_remote_parent: bool,
    /// Whether it continues the run that its run id names.
    pub continues: bool,
    /// Whether it was made from a log event, or stands for the spans of a trace that are not told.
    pub from_log: bool,
    /// How it ended, beside its status.
    pub ending: Ending,
    /// If its process ended first, when that lived last.
    pub ran_until: Option<Nanos>,
    /// Tokens and cost that this span itself states.
    pub usage: Option<Usage>,
    /// The time from the start of a model call to the first token of its answer.
    pub first_token: Option<Nanos>,
    /// Whether the answer of a model call was cut because it reached the limit of tokens.
    pub truncated: bool,
    /// Whether the span is a model call, and nothing says that its answer requests tools.
    pub is_final: bool,
    /// The last part of the directory that the span worked in.
    pub project: Text,
    /// The exit status of the command that the span ran, if it is not 0.
    pub exit_status: Option<i32>,
    /// The number of the attempt that the span was, from 2 on.
    pub attempt: Option<u32>,
    /// What log events tell beside the other facts.
    pub log_note: LogNote,
}

/// How the name of an agent is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The span states it.
    #[default]
    Stated,
    /// The span states no name, but an id that its framework made up.
    GeneratedId,
    /// The span of an agent states neither a name nor an id: it may be only the frame around the runs of agents.
    None,
}

/// A text in the buffer of a [`Batch`](super::Batch); read it with [`Batch::text`](super::Batch::text). The default is the empty text, which
/// means "not stated".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub(super) start: u32,
    pub(super) len: u32,
}
