//! Every span known, as compact rows in a forest, with totals kept as spans arrive.
//!
//! [`Store::apply`] costs the batch, never the number of spans held. A parent that is named and has not come is a placeholder row: that is
//! how a running span shows, since Agno writes a span when it ends. When the span comes it takes the placeholder's row.

mod anomalies;
mod attribution;
mod dedup;
mod hash_index;
mod histogram;
mod index;
mod interner;
mod model_ids;
mod pairing;
mod pricing;
mod retention;
mod row;
mod slab;
mod stats;
#[cfg(test)]
mod tests;
mod time_breakdown;
mod totals;
mod tree;
mod upsert;
mod walk;

pub use anomalies::{Anomalies, LOOKED_AT};
pub use histogram::Histogram;
pub use interner::{Interner, Symbol};
pub use row::{Counts, Phase, Row, RowIx, RunStatus, Trace, TraceIx};
pub use stats::{By, Group, MINUTE, MinuteTotals, Stats};
pub use time_breakdown::TimeBreakdown;
pub use totals::Totals;
pub use walk::Walk;

use std::collections::{BTreeSet, VecDeque};

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};

use crate::model::usage::NanoUsd;
use crate::model::{Batch, Nanos, PayloadRef, Skipped, SourceId, Span, SpanId, Usage};
use hash_index::HashIndex;
use model_ids::ModelIds;
use pairing::Pairing;
use pricing::Pricing;
use row::{ChildList, NONE, PackedUsage};
use slab::Slab;
use upsert::LastLookup;

/// What bounds the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Spans held; beyond it the oldest traces that ended go first.
    pub spans: usize,
    /// Bytes that sources may hold in memory for the spans held; likewise.
    pub bytes: u64,
    /// After this long without a word of a trace, what runs in it counts as lost. Nanoseconds.
    pub stale: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self { spans: 1_000_000, bytes: 1 << 30, stale: 60_000_000_000 }
    }
}

/// What one call changed. Every list names a thing once.
#[derive(Debug, Default)]
pub struct Changes {
    /// Rows that are new or bear other facts than before.
    pub rows: Vec<RowIx>,
    /// Traces in which anything changed, new ones too.
    pub traces: Vec<TraceIx>,
    /// Traces that are gone. Their indexes may be used again by the next call.
    pub evicted: Vec<TraceIx>,
    /// The rows of these, likewise.
    pub freed: Vec<RowIx>,
    /// Payloads that sources hold in memory and nobody will ask for any more.
    pub released: Vec<(SourceId, PayloadRef)>,
}

/// Things that could not be shown, counted.
#[derive(Debug, Default)]
pub struct Losses {
    /// Spans given up for the limit.
    pub evicted: u64,
    /// Spans that did not fit, since nothing could be given up for them.
    pub refused: u64,
    /// Pieces of input that could not be read.
    pub skipped: u64,
    /// The last of these, newest last.
    pub recent: VecDeque<(SourceId, Skipped)>,
}

/// Skipped pieces of input that [`Losses::recent`] remembers.
const RECENT: usize = 100;

/// The forest of spans.
#[derive(Debug, Default)]
pub struct Store {
    limits: Limits,
    rows: Slab<Row>,
    branches: Slab<ChildList>,
    usages: Slab<PackedUsage>,
    traces: Slab<Trace>,
    by_span: HashIndex,
    by_trace: HashIndex,
    /// Rows that tell of a model's answer, by its id.
    by_response: HashIndex,
    /// Ids that are no answer's, since many calls bear them.
    common_responses: HashSet<u32>,
    counterparts: Pairing,
    hasher: DefaultHashBuilder,
    texts: Interner,
    model_ids: ModelIds,
    /// Traces by start, for eviction.
    age: BTreeSet<(Nanos, TraceIx)>,
    /// In all traces older than this place something runs.
    ended_from: (Nanos, TraceIx),
    /// Rows that run.
    running: BTreeSet<RowIx>,
    /// The parents that rows name and do not hang under.
    odd_parents: HashMap<RowIx, SpanId>,
    /// Sums over everything held.
    stats: Stats,
    /// Sums over the traces that are selected.
    selection: Option<Box<Stats>>,
    pricing: Pricing,
    /// The sum of the rows' weights.
    retained_bytes: u64,
    losses: Losses,
    call: u32,
    near: LastLookup,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// What bounds it.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// A row. The index must be of this store and its trace not evicted since.
    #[must_use]
    pub fn row(&self, row: RowIx) -> &Row {
        &self.rows[row.0]
    }

    /// A trace. The index must be of this store and not evicted since.
    #[must_use]
    pub fn trace(&self, trace: TraceIx) -> &Trace {
        &self.traces[trace.0]
    }

    /// The text of a row's symbol, as it came: not yet safe for a terminal.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        self.texts.text(symbol)
    }

    /// The distinct texts of all rows.
    #[must_use]
    pub fn texts(&self) -> &Interner {
        &self.texts
    }

    /// Sums over everything held.
    #[must_use]
    pub fn all(&self) -> &Totals {
        self.stats.totals()
    }

    /// What every agent, model and tool did.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The same over the traces selected; `None` if there is no selection.
    #[must_use]
    pub fn selection(&self) -> Option<&Stats> {
        self.selection.as_deref()
    }

    /// Bytes that sources hold in memory for the spans held.
    #[must_use]
    pub fn retained_bytes(&self) -> u64 {
        self.retained_bytes
    }

    /// Number of traces held.
    #[must_use]
    pub fn trace_count(&self) -> usize {
        self.age.len()
    }

    /// Every trace held, oldest first.
    #[must_use]
    pub fn traces(&self) -> impl DoubleEndedIterator<Item = TraceIx> {
        self.age.iter().map(|&(_, trace)| trace)
    }

    /// The newest trace that is older than one, given by its start; the newest of all for `None`.
    #[must_use]
    pub fn newest_before(&self, than: Option<(Nanos, TraceIx)>) -> Option<(Nanos, TraceIx)> {
        match than {
            Some(than) => self.age.range(..than).next_back().copied(),
            None => self.age.last().copied(),
        }
    }

    /// Whether the row is held still.
    #[must_use]
    pub fn is_held(&self, row: RowIx) -> bool {
        row.0 < self.rows.end() && self.rows[row.0].trace != NONE
    }

    /// Every row held, placeholders too, in no order.
    pub fn rows(&self) -> impl Iterator<Item = RowIx> {
        (0..self.rows.end()).filter(|&row| self.rows[row].trace != NONE).map(RowIx)
    }

    /// What could not be shown.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// What the row itself states, counted or not.
    #[must_use]
    pub fn usage(&self, row: RowIx) -> Option<Usage> {
        let usage = self.row(row).usage;
        (usage != NONE).then(|| self.usages[usage].usage())
    }

    /// Who served the row's model, if usage was stated with it.
    #[must_use]
    pub fn provider(&self, row: RowIx) -> Symbol {
        let usage = self.row(row).usage;
        if usage == NONE { Symbol::EMPTY } else { self.model_ids.get(self.usages[usage].model_id).0 }
    }

    /// The model that the row's usage was stated with.
    #[must_use]
    pub fn model(&self, row: RowIx) -> Symbol {
        let usage = self.row(row).usage;
        if usage == NONE { Symbol::EMPTY } else { self.model_ids.get(self.usages[usage].model_id).1 }
    }

    /// How long the first token took, if the row states it with its usage.
    #[must_use]
    pub fn first_token(&self, row: RowIx) -> Option<Nanos> {
        let usage = self.row(row).usage;
        (usage != NONE).then(|| self.usages[usage].first_token()).flatten()
    }

    /// What the row itself says that it cost, in billionths of a dollar.
    #[must_use]
    pub fn stated_cost(&self, row: RowIx) -> Option<NanoUsd> {
        let usage = self.row(row).usage;
        (usage != NONE && self.usages[usage].states_cost()).then(|| self.usages[usage].usage().cost).flatten()
    }

    /// The parent that the row's span names, wherever it hangs.
    #[must_use]
    pub fn stated_parent(&self, row: RowIx) -> Option<SpanId> {
        let parent = self.row(row).parent().map(|parent| self.row(parent).id);
        self.odd_parents.get(&row).copied().or(parent)
    }

    /// Whether the row names a parent that it can't hang under: itself, a row below it, or one too deep.
    #[must_use]
    pub fn has_odd_parent(&self, row: RowIx) -> bool {
        self.odd_parents.contains_key(&row)
    }

    /// Takes in a batch; `now` is the time of its arrival.
    pub fn apply(&mut self, batch: &Batch, now: Nanos) -> Changes {
        self.call = self.call.wrapping_add(1);
        self.pass(now);
        self.near = LastLookup::default();
        let mut changes = Changes::default();
        // A span is sent when it ends. In the order of their starts parents come before what runs under them, and need no placeholder first.
        let mut spans: Vec<&Span> = batch.spans.iter().collect();
        spans.sort_by_key(|span| span.start);
        for span in spans {
            self.upsert(batch, span, now, &mut changes);
        }
        self.losses.skipped += batch.skipped.len() as u64;
        for skipped in &batch.skipped {
            if self.losses.recent.len() == RECENT {
                self.losses.recent.pop_front();
            }
            self.losses.recent.push_back((batch.source, skipped.clone()));
        }
        self.note_ends(&changes.traces);
        self.shrink(&mut changes);
        changes.rows.sort_unstable();
        changes.rows.dedup();
        changes
    }

    /// Declares lost what ran and was not heard of for [`Limits::stale`]. Costs the number of running rows.
    pub fn expire(&mut self, now: Nanos) -> Changes {
        self.call = self.call.wrapping_add(1);
        self.pass(now);
        let mut changes = Changes::default();
        let stale: Vec<RowIx> = self.running.iter().copied().filter(|&row| self.is_stale(self.row(row).trace, now)).collect();
        for row in stale {
            self.set_phase(row, Phase::Lost);
            changes.rows.push(row);
            self.touch(self.row(row).trace(), &mut changes);
        }
        self.note_ends(&changes.traces);
        changes
    }

    /// Rows that run now.
    pub fn running(&self) -> impl Iterator<Item = RowIx> {
        self.running.iter().copied()
    }

    fn pass(&mut self, now: Nanos) {
        let is_back = self.stats.pass(now);
        if let Some(selection) = &mut self.selection {
            selection.pass(now);
        }
        if is_back {
            self.fill_minutes();
        }
    }

    fn is_stale(&self, trace: u32, now: Nanos) -> bool {
        now.saturating_sub(self.traces[trace].heard) > self.limits.stale
    }

    /// Notes of the traces that nothing may run in them any more.
    fn note_ends(&mut self, traces: &[TraceIx]) {
        for &trace in traces {
            let data = &self.traces[trace.0];
            if data.counts.running == 0 {
                self.ended_from = self.ended_from.min((data.start, trace));
            }
        }
    }

    fn touch(&mut self, trace: TraceIx, changes: &mut Changes) {
        let data = &mut self.traces[trace.0];
        if data.touched != self.call {
            data.touched = self.call;
            changes.traces.push(trace);
        }
    }
}
