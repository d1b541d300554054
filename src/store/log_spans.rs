//! Spans made from log events, beside the spans of the same calls.
//!
//! A program may tell of a call by a span, by log events, or by both. Where both come, in any order, the span stays:
//!
//! - A call made from log events goes once a span reports the same call, as [`dedup`](super::dedup) and
//!   [`tool_calls`](super::tool_calls) find. What only the event states remains: the cost, the counts, the input of a tool. A tool call whose
//!   event states no id is that of the same name, at the same time, in or directly below the span in which it was logged.
//! - A turn made from log events becomes part of the run that the same trace holds at that time. What named the turn as its parent then
//!   hangs under the run.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::ix::{NONE, RowIx, TraceIx};
use super::row::{FROM_LOG, Phase, Row, TOLD_INPUT};
use super::tree::ChildList;
use super::upsert::release_payload;
use super::{Changes, LastLookup, Store};
use crate::model::{Batch, Nanos, Span, SpanId, SpanType, TraceId, Withdrawn};

/// The most rows of a trace that are examined for a run.
const MAX_EXAMINED: usize = 16_384;

/// The most tool calls without an id of which it is remembered where they were logged.
const MAX_TOOLS: usize = 16_384;

/// The most children of a span that are compared with a tool call that was logged in it.
const MAX_CHILDREN: usize = 64;

/// The turns made from log events.
#[derive(Debug, Default)]
pub(super) struct LogSpans {
    /// The rows of turns that stand for themselves.
    turns: HashMap<TraceIx, SmallVec<[RowIx; 1]>>,
    /// The ids of turns that are part of a run.
    runs: HashMap<(TraceIx, SpanId), RowIx>,
    /// The trace and the span in which tool calls without an id were logged.
    logged_in: HashMap<RowIx, (TraceId, SpanId)>,
    /// The tool calls without an id by the trace in which they were logged.
    logged_tools: HashMap<TraceId, SmallVec<[RowIx; 1]>>,
}

impl Row {
    /// Returns whether the row was made from a log event.
    #[must_use]
    pub fn is_from_log(&self) -> bool {
        self.sender & FROM_LOG != 0
    }

    /// Returns whether the row is a turn made from log events.
    fn is_turn(&self) -> bool {
        self.is_from_log() && self.is_agent()
    }

    /// Returns whether the row is a run that a span reports.
    pub(super) fn is_real_run(&self) -> bool {
        self.is_agent() && !self.is_from_log()
    }

    fn overlaps(&self, start: Nanos, end: Nanos) -> bool {
        self.start <= end && (self.phase != Phase::Ended || self.end >= start)
    }
}

impl Store {
    /// Whether the row stands for a trace whose spans are not told, so that its id is not that of a span.
    #[must_use]
    pub fn stands_for_trace(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.is_from_log() && data.id == SpanId::of_trace(self.trace(data.trace()).id)
    }

    /// Returns the run that a turn with this id is part of.
    pub(super) fn run_of_turn(&self, trace: TraceIx, id: SpanId) -> Option<RowIx> {
        self.log_spans.runs.get(&(trace, id)).copied()
    }

    /// Gives the facts of an arriving turn to the run that it is part of. Returns `false` if it is part of none.
    pub(super) fn join_run(&mut self, trace: TraceIx, batch: &Batch, span: &Span, changes: &mut Changes) -> bool {
        if !span.facts.from_log || !span.facts.span_type.is_agentic() {
            return false;
        }
        let known = self.run_of_turn(trace, span.id);
        let end = span.end.unwrap_or(Nanos::MAX);
        let Some(run) = known.or_else(|| self.run_at(trace, span.start, end)).filter(|_| self.find(trace, span.id).is_none()) else {
            return false;
        };
        self.log_spans.runs.insert((trace, span.id), run);
        self.set_input(run, batch.text(span.facts.input), changes);
        true
    }

    /// Returns the topmost run of a trace that a span reports and that overlaps with a time.
    fn run_at(&self, trace: TraceIx, start: Nanos, end: Nanos) -> Option<RowIx> {
        // Most turns have no run, and each of their events asks for one.
        if self.trace(trace).runs == 0 {
            return None;
        }
        let mut open: Vec<RowIx> = self.trace(trace).roots().iter().rev().copied().collect();
        for _ in 0..MAX_EXAMINED {
            let row = open.pop()?;
            let data = self.row(row);
            if data.is_real_run() && data.overlaps(start, end) {
                return Some(row);
            }
            open.extend(self.children(row).iter().rev());
        }
        None
    }

    /// Fills an input that a row lacks.
    pub(super) fn set_input(&mut self, row: RowIx, input: &str, changes: &mut Changes) {
        if self.row(row).input.is_empty() && !input.is_empty() {
            self.rows[row.0].input = self.texts.intern(input);
            self.rows[row.0].sender |= TOLD_INPUT;
            changes.rows.push(row);
            self.touch(self.row(row).trace(), changes);
        }
    }

    /// Remembers a turn that arrived; joins the turns of its trace to a run that arrived.
    pub(super) fn enter_log_spans(&mut self, row: RowIx, changes: &mut Changes) {
        let (trace, is_turn, is_run) = (self.row(row).trace(), self.row(row).is_turn(), self.row(row).is_real_run());
        if is_turn {
            // A call that names the turn came before it.
            let data = self.row(row);
            let end = if data.phase == Phase::Ended { data.end } else { Nanos::MAX };
            if let Some(run) = self.run_at(trace, data.start, end) {
                return self.join_turn(row, run, changes);
            }
            let turns = self.log_spans.turns.entry(trace).or_default();
            if !turns.contains(&row) {
                turns.push(row);
            }
        } else if is_run && let Some(turns) = self.log_spans.turns.get(&trace).cloned() {
            for turn in turns {
                // A span with the id of the turn has replaced it.
                if self.is_held(turn) && turn != row && self.row(turn).is_turn() {
                    let data = self.row(turn);
                    let (start, end) = (data.start, if data.phase == Phase::Ended { data.end } else { Nanos::MAX });
                    if self.run_at(trace, start, end) == Some(row) {
                        self.join_turn(turn, row, changes);
                    }
                }
            }
        }
    }

    /// Remembers where a tool call without an id was logged.
    pub(super) fn enter_logged_tool(&mut self, row: RowIx, span: &Span) {
        let logged_in = span.facts.log_note.logged_in;
        let Some((trace, span)) = logged_in.filter(|_| self.row(row).is_from_log()) else { return };
        if self.log_spans.logged_in.len() < MAX_TOOLS && self.log_spans.logged_in.insert(row, (trace, span)).is_none() {
            self.log_spans.logged_tools.entry(trace).or_default().push(row);
        }
    }

    /// Forgets where a tool call was logged that goes.
    fn leave_logged_tool(&mut self, row: RowIx) {
        if let Some((trace, _)) = self.log_spans.logged_in.remove(&row)
            && let Some(tools) = self.log_spans.logged_tools.get_mut(&trace)
        {
            tools.retain(|tool| *tool != row);
            if tools.is_empty() {
                self.log_spans.logged_tools.remove(&trace);
            }
        }
    }

    /// Returns the span of a tool call that was logged in a span.
    fn logged_tool(&self, row: RowIx) -> Option<RowIx> {
        let &(trace, span) = self.log_spans.logged_in.get(&row)?;
        let place = self.find_trace(trace).and_then(|trace| self.find(trace, span))?;
        let data = self.row(row);
        let end = if data.phase == Phase::Ended { data.end } else { Nanos::MAX };
        let is_call = |other: &RowIx| {
            let other = self.row(*other);
            let is_same = other.span_type == SpanType::Tool && other.label == data.label && other.overlaps(data.start, end);
            is_same && !other.is_from_log() && !other.placeholder
        };
        std::iter::once(place).chain(self.children(place).iter().copied().take(MAX_CHILDREN)).find(is_call)
    }

    /// Makes a turn that stands for itself part of a run.
    fn join_turn(&mut self, turn: RowIx, run: RowIx, changes: &mut Changes) {
        let (trace, id) = (self.row(turn).trace(), self.row(turn).id);
        self.log_spans.runs.insert((trace, id), run);
        let input = self.text(self.row(turn).input).to_owned();
        self.set_input(run, &input, changes);
        for child in self.children(turn).to_vec() {
            if !self.is_at_or_below(run, child) {
                self.relink(child, None, Some(run), changes);
            }
        }
        self.withdraw(turn, changes);
    }

    /// Removes the calls made from log events that spans report, among the changed rows, and what a batch withdraws.
    pub(super) fn settle_log_spans(&mut self, withdrawn: &[Withdrawn], changes: &mut Changes) {
        for Withdrawn { trace, span } in withdrawn {
            let Some(trace) = self.find_trace(*trace) else { continue };
            let row = span.and_then(|span| self.find(trace, span));
            let is_last = self.trace(trace).counts.spans <= 1;
            if span.is_none() || row.is_some() && is_last {
                if self.rows_of(trace).iter().all(|&row| self.row(row).is_from_log() || self.row(row).placeholder) {
                    let evicted = self.losses.evicted;
                    self.evict(trace, changes);
                    self.losses.evicted = evicted;
                }
            } else if let Some(row) = row.filter(|&row| self.row(row).is_from_log()) {
                self.withdraw(row, changes);
            }
        }
        if !self.log_spans.logged_in.is_empty() {
            self.settle_logged_tools(changes);
        }
        let is_from_log = |&row: &RowIx| self.is_held(row) && self.row(row).is_from_log();
        let mut rows: Vec<RowIx> = changes.rows.iter().copied().filter(is_from_log).collect();
        rows.sort_unstable();
        rows.dedup();
        for row in rows {
            if self.is_held(row) && self.row(row).is_from_log() && self.is_reported_by_span(row) {
                self.withdraw_call(row, changes);
            }
        }
        if !changes.freed.is_empty() {
            changes.traces.retain(|&trace| self.is_trace_held(trace));
            changes.rows.retain(|&row| self.is_held(row));
        }
    }

    /// Removes the tool calls without an id that spans report, around the changed traces.
    fn settle_logged_tools(&mut self, changes: &mut Changes) {
        let mut tools = changes.rows.clone();
        for &trace in changes.traces.iter().filter(|&&trace| self.is_trace_held(trace)) {
            tools.extend(self.log_spans.logged_tools.get(&self.trace(trace).id).into_iter().flatten());
        }
        tools.sort_unstable();
        tools.dedup();
        let reported: Vec<(RowIx, RowIx)> = tools.into_iter().filter_map(|row| Some((row, self.logged_tool(row)?))).collect();
        for (row, other) in reported {
            let input = self.text(self.row(row).input).to_owned();
            self.set_input(other, &input, changes);
            self.withdraw(row, changes);
        }
    }

    /// Returns whether a span, or another event, reports the call that a row was made from.
    fn is_reported_by_span(&self, row: RowIx) -> bool {
        self.row(row).children == NONE && (self.is_duplicate(row) || self.counts_with_another_tool_call(row))
    }

    fn withdraw_call(&mut self, row: RowIx, changes: &mut Changes) {
        if let Some(other) = self.other_tool_call(row) {
            let input = self.text(self.row(row).input).to_owned();
            self.set_input(other, &input, changes);
        }
        // What the primary row was filled with remains.
        self.leave_report(row);
        self.withdraw(row, changes);
    }

    /// Removes a row without children.
    fn withdraw(&mut self, row: RowIx, changes: &mut Changes) {
        if self.row(row).children != NONE && !self.children(row).is_empty() {
            return;
        }
        let data = self.row(row);
        let (trace, source, payload_ref, retained) = (data.trace(), data.source, data.payload_ref, data.retained_bytes);
        self.touch(trace, changes);
        release_payload(source, payload_ref, retained, changes);
        self.retained_bytes -= u64::from(retained);
        self.remove_row(row, changes);
        self.enter_phase(row, Phase::Ended);
        self.stated_parents.remove(&row);
        self.forget_passing(row);
        self.leave_logged_tool(row);
        self.forget_told_report(row);
        self.unindex_row(row);
        let list = self.rows[row.0].children;
        if list != NONE {
            self.child_lists[list] = ChildList::default();
            self.child_lists.free(list);
        }
        if let Some(turns) = self.log_spans.turns.get_mut(&trace) {
            turns.retain(|turn| *turn != row);
            if turns.is_empty() {
                self.log_spans.turns.remove(&trace);
            }
        }
        self.rows[row.0].trace = NONE;
        self.rows.free(row.0);
        self.last_lookup = LastLookup::default();
        changes.freed.push(row);
    }

    /// Forgets the turns of a trace that is evicted.
    pub(super) fn leave_log_spans(&mut self, trace: TraceIx) {
        if !self.log_spans.logged_in.is_empty() {
            self.rows_of(trace).into_iter().for_each(|row| self.leave_logged_tool(row));
        }
        self.log_spans.turns.remove(&trace);
        if !self.log_spans.runs.is_empty() {
            self.log_spans.runs.retain(|(other, _), _| *other != trace);
        }
    }
}
