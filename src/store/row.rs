//! What the store keeps of a span and of a trace.

use smallvec::SmallVec;

use super::interner::Symbol;
use super::totals::Totals;
use crate::model::usage::NanoUsd;
use crate::model::{Nanos, PayloadRef, SourceId, SpanId, SpanType, Status, TraceId, Usage};

/// A row's place in the store. Stays with its span from placeholder to end; reused only after its trace was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIx(pub(super) u32);

/// A trace's place in the store; reused only after the trace was evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceIx(pub(super) u32);

impl RowIx {
    /// The place in tables that hold something for each row.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl TraceIx {
    /// The place in tables that hold something for each trace.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// "No index" in the packed links of a row.
pub(super) const NONE: u32 = u32::MAX;

/// How far a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It ended.
    Ended,
    /// It runs: its sender said so, or its children name it and it has not come.
    Running,
    /// It should run, but nothing was heard of its trace for a while.
    Lost,
}

/// A span in memory: 88 bytes. Texts are [`Symbol`]s; everything else that the span bears stays where [`Row::address`] says.
#[derive(Debug)]
pub struct Row {
    /// Its id.
    pub id: SpanId,
    /// When it began; of a placeholder, when its first known child did.
    pub start: Nanos,
    /// When it ended; of a row that did not end, the last moment of which anything is known.
    pub end: Nanos,
    /// Where the payload lies.
    pub payload_ref: PayloadRef,
    /// The span's name.
    pub name: Symbol,
    /// Who or what it is in its kind's terms: the agent, the model, the tool.
    pub label: Symbol,
    /// The beginning of its input.
    pub input: Symbol,
    /// Read it with [`Row::requested_tools`] or [`Row::argument_hash`]: its meaning depends on the span type.
    pub(super) calls: Symbol,
    /// The beginning of its status message.
    pub error: Symbol,
    /// The conversation, if this very span names it.
    pub session: Symbol,
    /// The user, if this very span names one.
    pub user: Symbol,
    pub(super) trace: u32,
    pub(super) parent: u32,
    pub(super) children: u32,
    pub(super) usage: u32,
    /// Bytes that the source holds in memory for it.
    pub retained_bytes: u32,
    /// Who sent it.
    pub source: SourceId,
    /// What it does; of a placeholder, a guess from its children.
    pub span_type: SpanType,
    /// As its sender set it.
    pub status: Status,
    /// How far it is.
    pub phase: Phase,
    /// Whether the span itself has not come: only its children name it.
    pub placeholder: bool,
    /// Whether the payload holds events, links, resource and scope.
    pub(super) rich: bool,
    /// Whether it is counted as a call of its agent, model or tool.
    pub(super) counted: bool,
}

impl Row {
    /// Returns the names of the tools that the span's output asks for; empty for a tool span.
    #[must_use]
    pub fn requested_tools(&self) -> Symbol {
        if self.span_type == SpanType::Tool { Symbol::EMPTY } else { self.calls }
    }

    /// Returns the hash of a tool span's arguments, which identifies equal arguments and is no text for the user. Empty for any other span, and
    /// where `input` holds all of the arguments.
    #[must_use]
    pub fn argument_hash(&self) -> Symbol {
        if self.span_type == SpanType::Tool { self.calls } else { Symbol::EMPTY }
    }

    /// The trace it belongs to.
    #[must_use]
    pub fn trace(&self) -> TraceIx {
        TraceIx(self.trace)
    }

    /// The span it hangs under; `None` at the top of its trace.
    #[must_use]
    pub fn parent(&self) -> Option<RowIx> {
        (self.parent != NONE).then_some(RowIx(self.parent))
    }

    /// How long it took, or at `now` has been running; a negative span took 0.
    #[must_use]
    pub fn duration(&self, now: Nanos) -> Nanos {
        let end = if self.phase == Phase::Running { self.end.max(now) } else { self.end };
        end.saturating_sub(self.start).max(0)
    }

    /// Siblings stand in this order.
    pub(super) fn order(&self) -> (Nanos, SpanId) {
        (self.start, self.id)
    }
}

/// Rows that hang at one place. Most are few, and need no memory of their own.
pub(super) type Children = SmallVec<[RowIx; 4]>;

/// The rows under a row, in the order of their starts, and the sum of their totals.
#[derive(Debug, Default)]
pub(super) struct ChildList {
    pub(super) children: Children,
    pub(super) below: Totals,
}

/// A trace: its time, and the rows that hang under no other.
#[derive(Debug)]
pub struct Trace {
    /// Its id.
    pub id: TraceId,
    /// The earliest start of its spans.
    pub start: Nanos,
    /// The latest end of its spans.
    pub end: Nanos,
    /// When a span of it was last heard of: its end, or its arrival if it arrived while watched.
    pub heard: Nanos,
    pub(super) roots: Children,
    /// Sums over its rows where several hang at its top; where one does, they are that row's.
    pub(super) sums: Option<Box<Totals>>,
    pub(super) counts: Counts,
    pub(super) touched: u32,
    pub(super) selected: bool,
    /// Whether its rows are found all over the table of spans, since they are many.
    pub(super) spread: bool,
}

/// Of a trace's [`Totals`] what is asked of one trace after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans; placeholders are not counted.
    pub spans: u32,
    /// Spans that failed.
    pub errors: u32,
    /// Rows that run.
    pub running: u32,
    /// Rows that are lost.
    pub lost: u32,
}

impl Counts {
    /// Adds a difference, whose fields wrap below zero.
    pub(super) fn add(&mut self, change: &Totals) {
        self.spans = self.spans.wrapping_add(change.spans);
        self.errors = self.errors.wrapping_add(change.errors);
        self.running = self.running.wrapping_add(change.running);
        self.lost = self.lost.wrapping_add(change.lost);
    }
}

impl Trace {
    /// The rows at its top, in the order of their starts; never empty. The first stands for the trace.
    #[must_use]
    pub fn roots(&self) -> &[RowIx] {
        &self.roots
    }

    /// Another number whenever anything in it changed.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.touched
    }

    /// How many spans it holds, and how they stand. [`Store::totals_of`](super::Store::totals_of) has the rest.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The trace's status, from its spans: failed if any failed, running while any runs, else how it ended.
    #[must_use]
    pub fn standing(&self) -> RunStatus {
        let Counts { errors, running, lost, .. } = self.counts;
        if errors > 0 {
            RunStatus::Error
        } else if running > 0 {
            RunStatus::Running
        } else if lost > 0 {
            RunStatus::Lost
        } else {
            RunStatus::Ok
        }
    }
}

/// A row's or a trace's status as shown and filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunStatus {
    /// It, or a span in the trace, failed.
    Error,
    /// It runs.
    Running,
    /// It was running when last heard of.
    Lost,
    /// It ended well.
    Ok,
}

impl Row {
    /// The row's own status, whatever lies below it.
    #[must_use]
    pub fn standing(&self) -> RunStatus {
        match (self.status, self.phase) {
            (Status::Error, _) => RunStatus::Error,
            (_, Phase::Running) => RunStatus::Running,
            (_, Phase::Lost) => RunStatus::Lost,
            (_, Phase::Ended) => RunStatus::Ok,
        }
    }
}

/// A row's own usage, packed: most rows have none, so it lies apart from them.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedUsage {
    cost: NanoUsd,
    counts: [u32; 5],
    /// Who serves which model: a place in the store's services.
    pub(super) model_id: u32,
    /// Which answer it tells of; 0: unknown.
    response: u32,
    /// Microseconds until the first token, and above them the flags.
    first_token: u32,
}

impl PackedUsage {
    const NO_COUNT: u32 = u32::MAX;
    const NO_COST: NanoUsd = NanoUsd::MIN;
    /// The cost was stated.
    const STATED: u32 = 1 << 31;
    /// The call counts with another row.
    const ECHO: u32 = 1 << 30;
    /// Which answer it tells of is known from another row alone.
    const ADOPTED: u32 = 1 << 29;
    const NO_TIME: u32 = Self::ADOPTED - 1;
    /// Of a count: another row that tells of the same call states it, and this one does not.
    const LEARNED: u32 = 1 << 31;

    pub(super) fn new(usage: Usage, first_token: Option<Nanos>, service: u32) -> Self {
        let counts = [usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning];
        let pack = |count: Option<u32>| count.map_or(Self::NO_COUNT, |count| count.min(Self::LEARNED - 1));
        let micros =
            first_token.and_then(|nanos| u32::try_from(nanos / 1000).ok()).map_or(Self::NO_TIME, |micros| micros.min(Self::NO_TIME));
        let stated = if usage.cost.is_some() { Self::STATED } else { 0 };
        Self {
            cost: usage.cost.unwrap_or(Self::NO_COST),
            counts: counts.map(pack),
            model_id: service,
            response: 0,
            first_token: micros | stated,
        }
    }

    /// What the row states, with its cost as stated or else as computed.
    pub(super) fn usage(&self) -> Usage {
        let unpack = |count| (count != Self::NO_COUNT).then_some(count & !Self::LEARNED);
        let [input, output, cache_read, cache_write, reasoning] = self.counts.map(unpack);
        let cost = (self.cost != Self::NO_COST).then_some(self.cost);
        Usage { input, output, cache_read, cache_write, reasoning, cost }
    }

    /// Whether the row states its cost itself.
    pub(super) fn states_cost(&self) -> bool {
        self.first_token & Self::STATED != 0
    }

    /// Puts a computed cost where none is stated.
    pub(super) fn price(&mut self, cost: Option<NanoUsd>) {
        if !self.states_cost() {
            self.cost = cost.unwrap_or(Self::NO_COST);
        }
    }

    /// Takes parts of tokens in and out that it does not state from another row that tells of the same call, and has learnt nothing itself.
    pub(super) fn fill_from(&mut self, other: &Self) {
        for (at, told) in other.counts.into_iter().enumerate().skip(2) {
            let whole = if at == 4 { self.counts[1] } else { self.counts[0] };
            if self.counts[at] == Self::NO_COUNT && told <= whole && whole != Self::NO_COUNT {
                self.counts[at] = told | Self::LEARNED;
            }
        }
    }

    /// The row's own word, without what it learnt.
    pub(super) fn without_filled(&self) -> Self {
        let own = |count: u32| if count & Self::LEARNED == 0 { count } else { Self::NO_COUNT };
        Self { counts: self.counts.map(own), ..*self }
    }

    /// Whether it counts the same, and knows it from the same.
    pub(super) fn counts_like(&self, other: &Self) -> bool {
        self.counts == other.counts
    }

    /// Which answer it tells of, by its own word or another row's; 0: unknown.
    pub(super) fn response(&self) -> u32 {
        self.response
    }

    /// Which answer it tells of by its own word; 0: none.
    pub(super) fn named(&self) -> u32 {
        if self.first_token & Self::ADOPTED == 0 { self.response } else { 0 }
    }

    /// Notes which answer it tells of, and whether that is known from another row alone.
    pub(super) fn set_response(&mut self, response: u32, is_adopted: bool) {
        self.response = response;
        self.first_token = self.first_token & !Self::ADOPTED | if is_adopted { Self::ADOPTED } else { 0 };
    }

    /// Whether another row tells of the same call, and it counts there.
    pub(super) fn is_duplicate(&self) -> bool {
        self.first_token & Self::ECHO != 0
    }

    pub(super) fn set_echo(&mut self, is_echo: bool) {
        self.first_token = self.first_token & !Self::ECHO | if is_echo { Self::ECHO } else { 0 };
    }

    pub(super) fn first_token(&self) -> Option<Nanos> {
        let micros = self.first_token & Self::NO_TIME;
        (micros != Self::NO_TIME).then(|| Nanos::from(micros) * 1000)
    }
}
