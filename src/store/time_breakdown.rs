//! Where the time of a trace and of a row went.

use super::Store;
use super::ix::{RowIx, TraceIx};
use super::row::{Phase, Row};
use crate::model::{Nanos, SpanType};

/// By how much sources may differ in the end of a span: Agno's databases round it to microseconds, OTLP states nanoseconds.
const PRECISION: Nanos = 1_000;

/// The time in which anything ran in a trace, by what ran. Time in which several spans ran counts once: as model time if a model ran, else
/// as tool time if a tool ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeBreakdown {
    /// Model calls.
    pub model: Nanos,
    /// Tool calls and document searches, while no model ran.
    pub tool: Nanos,
    /// Anything else.
    pub other: Nanos,
}

impl TimeBreakdown {
    /// Returns the time in which anything ran.
    #[must_use]
    pub fn total(&self) -> Nanos {
        self.model.saturating_add(self.tool).saturating_add(self.other)
    }
}

/// Whether the name of a tool is one with which a team hands a task to its members.
#[must_use]
pub fn is_delegation(tool: &str) -> bool {
    tool.starts_with("delegate_task")
}

impl Store {
    /// Returns where the time of a trace and of its parts went, up to `now`. Costs their rows, sorted.
    #[must_use]
    pub fn time_breakdown(&self, trace: TraceIx, now: Nanos) -> TimeBreakdown {
        // Each row adds 1 at its start and -1 at its end; at equal times, ends sort first.
        let mut steps: Vec<(Nanos, i32, usize)> = Vec::new();
        for (row, _) in self.group(trace).flat_map(|trace| self.walk(trace)) {
            if let Some((start, end)) = self.run_time(row, now) {
                let category = match self.row(row).span_type {
                    span_type if span_type.calls_model() => 0,
                    span_type if span_type.calls_tool() && !self.is_delegation(row) => 1,
                    _ => 2,
                };
                steps.extend([(start, 1, category), (end, -1, category)]);
            }
        }
        steps.sort_unstable();
        let (mut times, mut running, mut last_step) = ([0 as Nanos; 3], [0; 3], 0 as Nanos);
        for (time, step, category) in steps {
            if let Some(first) = running.iter().position(|&count| count > 0) {
                times[first] = times[first].saturating_add(time.saturating_sub(last_step));
            }
            running[category] += step;
            last_step = time;
        }
        let [model, tool, other] = times;
        TimeBreakdown { model, tool, other }
    }

    /// Returns the first root of a trace into which runs leaked: it alone decides the time of the trace. `None` for any other trace.
    pub(super) fn head_beside_leaked(&self, trace: TraceIx) -> Option<RowIx> {
        self.trace(trace).roots().first().copied().filter(|_| self.has_leaked(trace))
    }

    /// Returns the time that a trace took, up to `now` while it runs, without runs that leaked. Never negative.
    #[must_use]
    pub fn length(&self, trace: TraceIx, now: Nanos) -> Nanos {
        let data = self.trace(trace);
        let end = match self.head_beside_leaked(trace).map(|head| self.row(head)) {
            Some(head) => head.start.saturating_add(head.duration(now)),
            None if data.counts.running > 0 => data.end.max(now),
            None => data.end,
        };
        end.saturating_sub(data.start).max(0)
    }

    /// Whether the time of a trace still grows, see [`Store::length`].
    #[must_use]
    pub fn is_time_running(&self, trace: TraceIx) -> bool {
        match self.head_beside_leaked(trace) {
            Some(head) => self.row(head).phase == Phase::Running,
            None => self.trace(trace).counts.running > 0,
        }
    }

    /// Returns the time that a trace took, like [`Store::length`]; `None` if it is unknown: its first root was lost, or all of it ends before it
    /// starts.
    #[must_use]
    pub fn trace_time(&self, trace: TraceIx, now: Nanos) -> Option<Nanos> {
        let data = self.trace(trace);
        let is_lost = data.roots().first().is_some_and(|&head| self.row(head).phase == Phase::Lost && self.row(head).time(now).is_none());
        let is_known = self.is_time_running(trace) || (!is_lost && data.end >= data.start);
        is_known.then(|| self.length(trace, now))
    }

    /// Returns the time that stands beside a row: its own, and beside the first root of a trace that of the trace and of the traces that are
    /// parts of it, as in a list of traces. `None` if it is unknown.
    #[must_use]
    pub fn shown_time(&self, row: RowIx, now: Nanos) -> Option<Nanos> {
        let data = self.row(row);
        match self.trace(data.trace()).roots().first() {
            Some(&first) if first == row && self.is_part(data.trace()) => self.trace_time(data.trace(), now),
            Some(&first) if first == row => self.group_time(data.trace(), now),
            _ => data.time(now),
        }
    }

    /// Whether the time that stands beside a row still grows.
    #[must_use]
    pub fn is_shown_time_running(&self, row: RowIx) -> bool {
        let data = self.row(row);
        match self.trace(data.trace()).roots().first() {
            Some(&first) if first == row && self.is_part(data.trace()) => self.is_time_running(data.trace()),
            Some(&first) if first == row => self.group(data.trace()).any(|part| self.is_time_running(part)),
            _ => data.phase == Phase::Running,
        }
    }

    /// Whether a trace took at least the time that stands beside it: its root, or what ran after that, was cut off.
    #[must_use]
    pub fn is_time_bound(&self, trace: TraceIx) -> bool {
        let data = self.trace(trace);
        let is_exceeded = |head: &Row| data.end.saturating_sub(head.end) >= PRECISION;
        let reaches_end = |head: &Row| head.is_cut_off() || (!self.has_leaked(trace) && is_exceeded(head));
        data.counts.cut > 0 && data.roots().first().is_some_and(|&head| reaches_end(self.row(head)))
    }

    /// Whether a main trace and its parts took at least the time that stands beside it.
    #[must_use]
    pub fn is_group_time_bound(&self, main: TraceIx) -> bool {
        self.group(main).any(|part| self.is_time_bound(part))
    }

    /// Whether the row took at least the time that stands beside it.
    #[must_use]
    pub fn is_shown_time_bound(&self, row: RowIx) -> bool {
        let data = self.row(row);
        match self.trace(data.trace()).roots().first() {
            Some(&first) if first == row && self.is_part(data.trace()) => self.is_time_bound(data.trace()),
            Some(&first) if first == row => self.is_group_time_bound(data.trace()),
            _ => data.is_cut_off(),
        }
    }

    /// Whether the row is the call with which a team hands a task to a member, whose run stands below it, though it names the team as its parent.
    #[must_use]
    pub fn is_delegation(&self, row: RowIx) -> bool {
        self.row(row).is_misplaced() && self.has_name_of_delegation(row)
    }

    /// Whether the row is a tool call with the name of a delegation, of any sender.
    pub(super) fn has_name_of_delegation(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.span_type == SpanType::Tool && is_delegation(self.text(data.label))
    }

    /// Whether the row is a call of a model that asks to hand a task to a member, as only that of a team does.
    pub(super) fn requests_delegation(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.span_type == SpanType::Model && data.is_misplaced() && self.text(data.requested_tools()).split(", ").any(is_delegation)
    }

    /// Returns the part of the row's time, up to `now`, in which no child ran.
    #[must_use]
    pub fn own_time(&self, row: RowIx, now: Nanos) -> Nanos {
        let interval = |row: RowIx| (self.row(row).start, self.row(row).start.saturating_add(self.row(row).duration(now)));
        let (start, end) = interval(row);
        let (mut own, mut covered_until) = (0 as Nanos, start);
        // Children are sorted by start.
        for &child in self.children(row) {
            let (child_start, child_end) = interval(child);
            own = own.saturating_add(child_start.min(end).saturating_sub(covered_until).max(0));
            covered_until = covered_until.max(child_end.min(end));
        }
        own.saturating_add(end.saturating_sub(covered_until).max(0))
    }

    /// Returns the start and the end of a row, if both are known and it took time.
    fn run_time(&self, row: RowIx, now: Nanos) -> Option<(Nanos, Nanos)> {
        let data = self.row(row);
        let is_known = (data.phase != Phase::Lost || data.is_cut_off()) && !(data.placeholder && data.phase == Phase::Ended);
        let end = data.start.checked_add(data.duration(now))?;
        (is_known && end > data.start).then_some((data.start, end))
    }
}
