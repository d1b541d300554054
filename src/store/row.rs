//! A span in memory.

use super::interner::Symbol;
use super::ix::{NONE, RowIx, TraceIx};
use super::outcome::{Mark, Outcome};
use crate::model::{Ending, Nanos, PayloadRef, SourceId, SpanId, SpanType, Status};

/// How far a span has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It ended.
    Ended,
    /// It runs: its sender says so, or it is the placeholder of a parent.
    Running,
    /// It did not end, and its trace had no news for [`Limits::stale`](super::Limits::stale), or its process is gone.
    Lost,
}

/// A row's or a trace's status for display and filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunStatus {
    /// It, or a span in the trace, failed.
    Error,
    /// It runs.
    Running,
    /// It waits for a person.
    Paused,
    /// It was stopped from outside: cancelled, timed out, or its reader went away.
    Cut,
    /// It was running at the last news of it.
    Lost,
    /// It ended without failure.
    Ok,
}

/// A span in memory: 88 bytes. Texts are [`Symbol`]s; everything else is in the payload, which [`Row::payload_ref`] locates.
#[derive(Debug)]
pub struct Row {
    /// The span id.
    pub id: SpanId,
    /// The start time; of a placeholder, the earliest start of its children.
    pub start: Nanos,
    /// The end time; of a row that did not end, the latest time known of it.
    pub end: Nanos,
    /// The address of the payload.
    pub payload_ref: PayloadRef,
    /// The span's name.
    pub name: Symbol,
    /// The name of the agent, the model or the tool, depending on the span type. [`Store::label`](super::Store::label) reads one kind.
    pub label: Symbol,
    /// The beginning of the input.
    pub input: Symbol,
    /// Read with [`Row::requested_tools`] or [`Row::argument_hash`]: the meaning depends on the span type.
    pub(super) calls: Symbol,
    /// The beginning of the error message.
    pub error: Symbol,
    /// The session, if this span itself names it.
    pub session: Symbol,
    /// The user, if this span itself names one.
    pub user: Symbol,
    pub(super) trace: u32,
    pub(super) parent: u32,
    pub(super) children: u32,
    pub(super) usage: u32,
    /// Bytes of memory that the source retains for the span.
    pub retained_bytes: u32,
    /// The source that delivered the span.
    pub source: SourceId,
    /// What the span does; of a placeholder, a guess from its children.
    pub span_type: SpanType,
    /// How the span ended.
    pub(super) outcome: Outcome,
    /// How far the span has come.
    pub phase: Phase,
    /// Whether the span itself has not arrived.
    pub placeholder: bool,
    /// What is known of the sender: [`RICH`], [`MISPLACED`] and [`FROM_LOG`]; [`OWN_REASON`], [`RETRIED`], [`TRUNCATED`], [`FINAL`]
    /// and [`TOLD_INPUT`].
    pub(super) sender: u8,
    /// Whether the row is counted as a call of its agent, model or tool.
    pub(super) counted: bool,
}

/// The payload includes events, links, resource and scope.
pub(super) const RICH: u8 = 1;

/// The sender may name a parent that the span did not run in.
pub(super) const MISPLACED: u8 = 2;

/// The row is a run that failed for another reason than the rows below it.
pub(super) const OWN_REASON: u8 = 4;

/// The row was made from a log event.
pub(super) const FROM_LOG: u8 = 8;

/// The row is a failed model call that the same request made again and got an answer.
pub(super) const RETRIED: u8 = 16;

/// The answer of the model call was cut because it reached the limit of tokens.
pub(super) const TRUNCATED: u8 = 32;

/// Nothing says that the answer of the model call requests tools.
pub(super) const FINAL: u8 = 64;

/// The input is what a log event told of the call.
pub(super) const TOLD_INPUT: u8 = 128;

impl Row {
    /// Returns whether the row is a run that failed for another reason than the rows below it.
    pub(super) fn has_own_reason(&self) -> bool {
        self.sender & OWN_REASON != 0
    }

    /// Returns whether the row is a failed model call that the same request made again and got an answer.
    pub(super) fn was_retried(&self) -> bool {
        self.sender & RETRIED != 0
    }

    pub(super) fn is_rich(&self) -> bool {
        self.sender & RICH != 0
    }

    pub(super) fn is_misplaced(&self) -> bool {
        self.sender & MISPLACED != 0
    }

    /// Returns the trace.
    #[must_use]
    pub fn trace(&self) -> TraceIx {
        TraceIx(self.trace)
    }

    /// Returns the parent row; `None` for a root.
    #[must_use]
    pub fn parent(&self) -> Option<RowIx> {
        (self.parent != NONE).then_some(RowIx(self.parent))
    }

    /// Returns the names of the tools that the span's output requests; empty for a tool call.
    #[must_use]
    pub fn requested_tools(&self) -> Symbol {
        if self.span_type == SpanType::Tool { Symbol::EMPTY } else { self.calls }
    }

    /// Returns the hash of a tool call's arguments. It identifies equal arguments and is not text for the user. Empty for other spans, and
    /// if `input` holds the complete arguments and they are not JSON.
    #[must_use]
    pub fn argument_hash(&self) -> Symbol {
        if self.span_type == SpanType::Tool { self.calls } else { Symbol::EMPTY }
    }

    /// Returns how long the span took, or has been running at `now`; 0 if it ends before it starts.
    #[must_use]
    pub fn duration(&self, now: Nanos) -> Nanos {
        let end = if self.phase == Phase::Running { self.end.max(now) } else { self.end };
        end.saturating_sub(self.start).max(0)
    }

    /// Returns whether the span was cut by the end of its process. Its end is when that lived last: it took at least so long.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.phase == Phase::Lost && self.ending() == Ending::Cut
    }

    /// Returns how long the span took, or has been running at `now`; of one that was cut off, how long at least. `None` if that is unknown: it
    /// was lost, or it ends before it starts.
    #[must_use]
    pub fn time(&self, now: Nanos) -> Option<Nanos> {
        let is_known = match self.phase {
            Phase::Running => true,
            Phase::Lost => self.is_cut_off() && self.end > self.start,
            Phase::Ended => self.end >= self.start,
        };
        is_known.then(|| self.duration(now))
    }

    /// Returns the status as the sender set it.
    #[must_use]
    pub fn status(&self) -> Status {
        self.outcome.status()
    }

    /// Returns how the span ended, as its sender states it.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.outcome.ending()
    }

    /// Returns whether the row itself is a failed step, whatever happened below it; of a tool call, whether its execution failed. What is
    /// shown is [`Store::has_failed`](super::Store::has_failed).
    #[must_use]
    pub fn own_failure(&self) -> bool {
        self.fails() || self.outcome.has(Mark::FailedElsewhere)
    }

    /// Returns whether the span itself failed and that harms an agent's work.
    pub(super) fn fails(&self) -> bool {
        self.outcome.has_own_failure() && !self.outcome.has(Mark::Harmless)
    }

    /// Returns whether the span failed without harm: it is no step of an agent's work, and its service sends such steps, too.
    #[must_use]
    pub fn has_failed_harmlessly(&self) -> bool {
        self.outcome.has_own_failure() && self.outcome.has(Mark::Harmless)
    }

    /// Returns the row's own status, whatever the status of the rows below it. What is shown is
    /// [`Store::run_status`](super::Store::run_status).
    #[must_use]
    pub fn own_status(&self) -> RunStatus {
        match (self.phase, self.outcome.ending()) {
            _ if self.own_failure() => RunStatus::Error,
            (Phase::Running, _) => RunStatus::Running,
            (Phase::Ended, Ending::Paused) if !self.outcome.has(Mark::Continued) => RunStatus::Paused,
            (Phase::Lost | Phase::Ended, Ending::Cut) => RunStatus::Cut,
            (Phase::Lost, _) => RunStatus::Lost,
            (Phase::Ended, _) => RunStatus::Ok,
        }
    }

    /// Returns whether the row is a step of an agent's work, or states usage.
    pub(super) fn is_work(&self) -> bool {
        // What a row stands for that was made from something else may be more than the row tells.
        !self.placeholder && (self.span_type.is_agent_work() || self.usage != NONE || self.is_from_log())
    }

    /// Returns the sort key among siblings.
    pub(super) fn order(&self) -> (Nanos, SpanId) {
        (self.start, self.id)
    }
}
