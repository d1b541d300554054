//! Every known span as a compact row, with the tree of rows and sums that are kept up to date as spans arrive.
//!
//! # The model
//!
//! - A **row** ([`Row`]) is a span in memory: times, status and interned texts. Attributes stay in the source.
//! - A **placeholder** is the row of a span that has not arrived but that another span names as its parent. Agno writes a span when it
//!   ends, so a placeholder is how a running span shows. When the span arrives, it takes the placeholder's row.
//! - The **parent** of a row is the row that its span ran in. That is the parent that the span names, except where senders are known to
//!   name another one (`placement`).
//! - **Totals** ([`Totals`]) are sums over a row and all rows below it. If a row and a row below it state the same usage, as an agent
//!   span and its model calls do, the lower one counts; a run adds what it states beyond that (`nesting`, `running_totals`).
//! - **Own totals** are what a row adds to the totals below it. They are *attributed* to the row's model, to the nearest agent and to
//!   the nearest tool at or above the row, and to the minute in which the row ended ([`Stats`]).
//! - A **report** is a row that states usage for a model call and names the provider's response id, which may recur at another time. Two instrumentations in one program
//!   may report the same call. The **primary** row counts; the others are **duplicates**: their usage shows but counts nowhere.
//! - A **failed step** is a row that failed and below which no other row failed: a failure that only travels up counts once. The module
//!   `endings` tells which failures are none.
//! - **Pairing** finds reports of the same call when one of them lacks the response id, by equal token counts and overlapping times.
//!
//! The module `upsert` inserts or updates one span and documents the phases of that. [`Store::apply`] costs the size of the
//! batch, not the number of rows held.

mod anomalies;
mod answering;
mod apply;
mod attempts;
mod attribution;
mod cost_models;
mod critical_path;
mod dedup;
mod endings;
mod group_table;
mod groups;
mod hash_index;
mod histogram;
mod hosts;
mod idle;
mod index;
mod interner;
mod ix;
mod likeness;
mod log_spans;
mod memory;
mod model_ids;
mod naming;
mod nesting;
mod orphans;
mod outcome;
mod own_reason;
mod packed_usage;
mod pairing;
mod placement;
mod pricing;
mod processes;
mod propagation;
mod rare_tokens;
mod rates;
mod reach;
mod remote_parents;
mod response_ids;
mod retention;
mod retold;
mod reviews;
mod row;
mod run_calls;
mod running_totals;
mod selection;
mod sessions;
mod short_ids;
mod skew;
mod slab;
mod stats;
mod surroundings;
#[cfg(test)]
mod tests;
mod time_breakdown;
mod timeline;
mod told;
mod tool_calls;
mod totals;
mod trace;
mod tree;
mod unnamed;
mod upsert;
mod walk;

pub use anomalies::{Anomalies, MAX_ANALYZED_ROWS};
pub use apply::Progress;
pub use histogram::Histogram;
pub use idle::Idle;
pub use interner::{Interner, Symbol};
pub use ix::{RowIx, TraceIx};
pub use reach::Reach;
pub use reviews::Score;
pub use row::{Phase, Row, RunStatus};
pub use run_calls::RunCall;
pub use sessions::CallsBefore;
pub use short_ids::ShortIds;
pub use skew::{Clock, Skew};
pub use stats::{By, Group, MINUTE, MinuteTotals, RunCounts, Stats};
pub use time_breakdown::{TimeBreakdown, is_delegation};
pub use totals::Totals;
pub use trace::{Counts, Trace};
pub use walk::Walk;

use std::collections::{BTreeSet, VecDeque};

use hashbrown::{DefaultHashBuilder, HashMap};

use crate::model::usage::NanoUsd;
use crate::model::{Naming, Nanos, PayloadMemory, PayloadRef, Skipped, SourceId, SpanId, Usage};
use answering::StatedModel;
use dedup::Reports;
use endings::{Pauses, Services};
use groups::Groups;
use hash_index::HashIndex;
use hosts::Hosts;
use ix::NONE;
use log_spans::LogSpans;
use model_ids::{ModelId, ModelIds};
use packed_usage::PackedUsage;
use pairing::Pairing;
use placement::StatedParent;
pub use pricing::PaidCall;
use pricing::Pricing;
use processes::Processes;
use rare_tokens::RareTable;
use response_ids::RecurringIds;
use reviews::RunReviews;
use running_totals::RunningTotals;
use sessions::Sessions;
pub(crate) use slab::Slab;
use surroundings::Surroundings;
use tool_calls::ToolCalls;
use tree::ChildList;
use unnamed::Unnamed;
use upsert::LastLookup;

/// What bounds the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of spans held. Beyond it the oldest ended traces are evicted.
    pub spans: usize,
    /// The bytes of memory for the spans held: payloads that sources retain, texts and tables. Beyond it the oldest ended traces are evicted.
    pub bytes: u64,
    /// The time without news of a trace after which its running rows count as lost.
    pub stale: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self { spans: 1_000_000, bytes: 1 << 30, stale: 60_000_000_000 }
    }
}

/// What one call changed. No list contains an item twice.
#[derive(Debug, Default)]
pub struct Changes {
    /// Rows that are new or changed.
    pub rows: Vec<RowIx>,
    /// Traces that are new or in which anything changed.
    pub traces: Vec<TraceIx>,
    /// Evicted traces. The next call may reuse their indexes.
    pub evicted: Vec<TraceIx>,
    /// The rows of the evicted traces. The next call may reuse their indexes.
    pub freed: Vec<RowIx>,
    /// Payloads that sources hold in memory and that are no longer needed.
    pub released: Vec<(SourceId, PayloadRef)>,
    /// Whether a run began to wait for an approval.
    pub asks: bool,
}

/// Counts of what the store could not hold or the sources could not read.
#[derive(Debug, Default)]
pub struct Losses {
    /// Spans that were evicted.
    pub evicted: u64,
    /// Spans that were refused because nothing could be evicted for them.
    pub refused: u64,
    /// Pieces of input that could not be read.
    pub skipped: u64,
    /// The latest skipped pieces, newest last.
    pub recent: VecDeque<(SourceId, Skipped)>,
}

/// The rows of all spans held, their trees and their sums.
#[derive(Debug, Default)]
pub struct Store {
    limits: Limits,
    rows: Slab<Row>,
    child_lists: Slab<ChildList>,
    usages: Slab<PackedUsage>,
    /// The tokens that few calls have, by index in `usages`.
    rare_tokens: RareTable,
    traces: Slab<Trace>,
    by_span: HashIndex,
    by_trace: HashIndex,
    reports: Reports,
    recurring_ids: RecurringIds,
    pairing: Pairing,
    /// The models that rows state which count for another one.
    stated_models: HashMap<RowIx, StatedModel>,
    /// The models of the calls below, for rows that add usage to them.
    cost_models: HashMap<RowIx, ModelId>,
    unnamed: Unnamed,
    running_totals: RunningTotals,
    tool_calls: ToolCalls,
    log_spans: LogSpans,
    surroundings: Surroundings,
    reviews: RunReviews,
    hasher: DefaultHashBuilder,
    texts: Interner,
    model_ids: ModelIds,
    /// All traces by start time.
    by_start: BTreeSet<(Nanos, TraceIx)>,
    /// Every trace before this position of `by_start` has a running row.
    first_evictable: (Nanos, TraceIx),
    /// The running rows.
    running: BTreeSet<RowIx>,
    /// The stated parents of rows that are not linked to them.
    stated_parents: HashMap<RowIx, StatedParent>,
    /// The rows above which others were placed, each with such a row. May hold pairs that no longer apply.
    passed: BTreeSet<(RowIx, RowIx)>,
    /// The rows that name a remote parent which has not arrived.
    waiting: BTreeSet<remote_parents::Waiting>,
    services: Services,
    hosts: Hosts,
    groups: Groups,
    sessions: Sessions,
    /// The idle traces of each service.
    idle_traces: Vec<Idle>,
    pauses: Pauses,
    /// The agents without a stated name.
    namings: HashMap<RowIx, Naming>,
    /// Agents without a name of which it has to be decided whether they are workflows.
    undecided_frames: Vec<RowIx>,
    /// Sums over all traces.
    stats: Stats,
    /// Sums over the selected traces.
    selection: Option<Box<Stats>>,
    /// The number of the last selection: traces with it are selected.
    selection_number: u16,
    pricing: Pricing,
    /// The sum of [`Row::retained_bytes`].
    retained_bytes: u64,
    /// The memory that they take, as the listener last reported it.
    payload_memory: PayloadMemory,
    processes: Processes,
    losses: Losses,
    /// The number of the current call that changes the store; [`Trace::version`] is set to it.
    version: u32,
    last_lookup: LastLookup,
}

impl Store {
    /// Returns an empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns a row. The index must be of this store and its trace still held.
    #[must_use]
    pub fn row(&self, row: RowIx) -> &Row {
        &self.rows[row.0]
    }

    /// Returns a trace. The index must be of this store and the trace still held.
    #[must_use]
    pub fn trace(&self, trace: TraceIx) -> &Trace {
        &self.traces[trace.0]
    }

    /// Returns the text of a row's symbol as the sender wrote it. It may contain terminal control characters.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        self.texts.text(symbol)
    }

    /// Returns the distinct texts of all rows.
    #[must_use]
    pub fn texts(&self) -> &Interner {
        &self.texts
    }

    /// Returns the sums over all spans.
    #[must_use]
    pub fn all(&self) -> &Totals {
        self.stats.totals()
    }

    /// Returns the statistics over all traces.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the statistics over the selected traces; `None` if there is no selection.
    #[must_use]
    pub fn selection(&self) -> Option<&Stats> {
        self.selection.as_deref()
    }

    /// Returns the bytes of memory that sources retain for the spans held.
    #[must_use]
    pub fn retained_bytes(&self) -> u64 {
        self.retained_bytes
    }

    /// Returns the number of traces held.
    #[must_use]
    pub fn trace_count(&self) -> usize {
        self.by_start.len()
    }

    /// Returns all traces, oldest first.
    #[must_use]
    pub fn traces(&self) -> impl DoubleEndedIterator<Item = TraceIx> {
        self.by_start.iter().map(|&(_, trace)| trace)
    }

    /// Returns the newest trace before `position` (start time and index), or the newest of all for `None`.
    #[must_use]
    pub fn newest_before(&self, position: Option<(Nanos, TraceIx)>) -> Option<(Nanos, TraceIx)> {
        match position {
            Some(position) => self.by_start.range(..position).next_back().copied(),
            None => self.by_start.last().copied(),
        }
    }

    /// Returns whether the row is held.
    #[must_use]
    pub fn is_held(&self, row: RowIx) -> bool {
        self.rows.get(row.0).is_some_and(|row| row.trace != NONE)
    }

    /// Returns all rows, including placeholders, in no order.
    pub fn rows(&self) -> impl Iterator<Item = RowIx> {
        (0..self.row_places()).filter_map(|place| self.row_at(place))
    }

    /// Returns the number of places of rows, for a pass over them that pauses.
    #[must_use]
    pub fn row_places(&self) -> u32 {
        self.rows.end()
    }

    /// Returns the row at a place; `None` if it has none.
    #[must_use]
    pub fn row_at(&self, place: u32) -> Option<RowIx> {
        Some(RowIx(place)).filter(|&row| self.is_held(row))
    }

    /// Returns the running rows.
    pub fn running(&self) -> impl Iterator<Item = RowIx> {
        self.running.iter().copied()
    }

    /// Returns the counts of what could not be held or read.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Returns the usage that the row itself states, whether it counts or not, with what other reports of the call state beyond it.
    #[must_use]
    pub fn usage(&self, row: RowIx) -> Option<Usage> {
        self.packed_usage(row).filter(|usage| usage.is_known()).map(PackedUsage::usage)
    }

    /// Returns the provider of the row's model, if the row states usage or called the model.
    #[must_use]
    pub fn provider(&self, row: RowIx) -> Symbol {
        self.packed_usage(row).map_or(Symbol::EMPTY, |usage| self.model_ids.get(usage.model_id).0)
    }

    /// Returns the model that the row called or states usage for; else it is empty. [`Self::attributed_model`] also finds the model of other rows.
    #[must_use]
    pub fn model(&self, row: RowIx) -> Symbol {
        self.packed_usage(row).map_or(Symbol::EMPTY, |usage| self.model_ids.get(usage.model_id).1)
    }

    /// Returns the cost that the row itself states, in billionths of a dollar.
    #[must_use]
    pub fn stated_cost(&self, row: RowIx) -> Option<NanoUsd> {
        self.packed_usage(row).filter(|usage| usage.states_cost() && !usage.has_filled_cost())?.usage().cost
    }

    fn packed_usage(&self, row: RowIx) -> Option<&PackedUsage> {
        let usage = self.row(row).usage;
        (usage != NONE).then(|| &self.usages[usage])
    }

    /// Returns the parent that the row's span names, even if the row is not linked to it.
    #[must_use]
    pub fn stated_parent(&self, row: RowIx) -> Option<SpanId> {
        let parent = self.row(row).parent().map(|parent| self.row(parent).id);
        self.stated_parents.get(&row).map_or(parent, |stated| stated.id)
    }

    /// Returns whether the row names a parent that it cannot be linked to: itself, a row below it, or a row at the maximum depth.
    #[must_use]
    pub fn has_invalid_parent(&self, row: RowIx) -> bool {
        self.stated_parents.get(&row).is_some_and(|stated| !stated.is_moved) && !self.has_absent_caller(row)
    }

    /// Marks running rows as lost if their trace had no news for [`Limits::stale`], and as cut if their process fell silent. Costs the number
    /// of running rows.
    pub fn expire(&mut self, now: Nanos) -> Changes {
        self.version = self.version.wrapping_add(1);
        self.advance_clock(now);
        let mut changes = Changes::default();
        let stale: Vec<RowIx> = self.running.iter().copied().filter(|&row| self.is_stale(self.row(row).trace, now)).collect();
        for row in stale {
            self.set_phase(row, Phase::Lost);
            changes.rows.push(row);
            self.touch(self.row(row).trace(), &mut changes);
        }
        self.cut_silent(now, &mut changes);
        self.note_evictable(&changes.traces);
        changes.rows.sort_unstable();
        changes.rows.dedup();
        changes
    }

    /// Records that the clock was set forward by so many nanoseconds, or back: no trace was silent for this time. Costs the number of
    /// traces.
    pub fn clock_was_set(&mut self, by: Nanos) {
        self.shift_heard(by);
        let traces: Vec<TraceIx> = self.traces().collect();
        for trace in traces {
            let last_news = &mut self.traces[trace.0].last_news;
            *last_news = last_news.saturating_add(by);
        }
    }

    fn advance_clock(&mut self, now: Nanos) {
        let is_reset = self.stats.advance_clock(now);
        if let Some(selection) = &mut self.selection {
            selection.advance_clock(now);
        }
        if is_reset {
            self.refill_minutes();
        }
    }

    fn is_stale(&self, trace: u32, now: Nanos) -> bool {
        now.saturating_sub(self.traces[trace].last_news) > self.limits.stale
    }

    /// Moves `first_evictable` back to the oldest of these traces that has no running row.
    fn note_evictable(&mut self, traces: &[TraceIx]) {
        for &trace in traces {
            let data = &self.traces[trace.0];
            if data.counts.running == 0 {
                self.first_evictable = self.first_evictable.min((data.start, trace));
            }
        }
    }

    /// Adds a trace to the changes, once per call.
    fn touch(&mut self, trace: TraceIx, changes: &mut Changes) {
        let data = &mut self.traces[trace.0];
        if data.version != self.version {
            data.version = self.version;
            changes.traces.push(trace);
        }
    }
}
