//! Every span known, as compact rows in a forest, with totals kept as spans arrive.
//!
//! [`Store::apply`] costs the batch, never the number of spans held. A parent that is named and has not come is a placeholder row: that is
//! how a running span shows, since Agno writes a span when it ends. When the span comes it takes the placeholder's row.

mod attribution;
mod counterparts;
mod echoes;
mod habits;
mod histogram;
mod interner;
mod pricing;
mod retention;
mod row;
mod services;
mod slab;
mod split;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod totals;
mod tree;

pub use habits::{Habits, LOOKED_AT};
pub use histogram::Histogram;
pub use interner::{Interner, Symbol};
pub use row::{Counts, Phase, Row, RowIx, Standing, Trace, TraceIx};
pub use split::Split;
pub use stats::{By, Flow, Group, MINUTE, Stats};
pub use totals::Totals;

use std::collections::{BTreeSet, VecDeque};
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};

use crate::model::usage::NanoUsd;
use crate::model::{Address, Batch, Kind, Nanos, Origin, Skipped, SourceId, Span, SpanId, Status, TraceId, Usage};
use counterparts::Counterparts;
use pricing::Pricing;
use row::{Branch, Children, NONE, PackedUsage};
use services::Services;
use slab::Slab;
use table::Table;

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
    pub released: Vec<(SourceId, Address)>,
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

/// Spans of a trace that are found close together.
const CLOSE: u32 = 16;

/// Skipped pieces of input that [`Losses::recent`] remembers.
const RECENT: usize = 100;

/// The forest of spans.
#[derive(Debug, Default)]
pub struct Store {
    limits: Limits,
    rows: Slab<Row>,
    branches: Slab<Branch>,
    usages: Slab<PackedUsage>,
    traces: Slab<Trace>,
    by_span: Table,
    by_trace: Table,
    /// Rows that tell of a model's answer, by its id.
    by_response: Table,
    /// Ids that are no answer's, since many calls bear them.
    common_responses: HashSet<u32>,
    counterparts: Counterparts,
    hasher: DefaultHashBuilder,
    texts: Interner,
    services: Services,
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
    held: u64,
    losses: Losses,
    call: u32,
    near: Near,
}

/// What was found for the last span: of those that come together, many name the same.
#[derive(Debug, Default)]
struct Near {
    trace: Option<(TraceId, TraceIx)>,
    parent: Option<(TraceIx, SpanId, RowIx)>,
    /// By the kind of span.
    texts: [[Symbol; 7]; Kind::COUNT],
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
    pub fn held(&self) -> u64 {
        self.held
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
        if usage == NONE { Symbol::EMPTY } else { self.services.get(self.usages[usage].service).0 }
    }

    /// The model that the row's usage was stated with.
    #[must_use]
    pub fn model(&self, row: RowIx) -> Symbol {
        let usage = self.row(row).usage;
        if usage == NONE { Symbol::EMPTY } else { self.services.get(self.usages[usage].service).1 }
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

    /// The trace with this id.
    #[must_use]
    pub fn find_trace(&self, id: TraceId) -> Option<TraceIx> {
        self.by_trace.find(self.hasher.hash_one(id), |&trace| self.traces[trace].id == id).map(|&trace| TraceIx(trace))
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

    /// The row of a span.
    #[must_use]
    pub fn find(&self, trace: TraceIx, id: SpanId) -> Option<RowIx> {
        let hash = place_of(&self.hasher, &self.traces, trace, id);
        let same = |&row: &u32| self.rows[row].id == id && self.rows[row].trace == trace.0;
        self.by_span.find(hash, same).map(|&row| RowIx(row))
    }

    /// About so many spans are about to come, says a source: room for them at once saves making it bit by bit.
    pub fn expect(&mut self, spans: u64) {
        let spans = usize::try_from(spans).unwrap_or(usize::MAX).min(self.limits.spans);
        self.by_span.expect(spans);
    }

    /// Takes in a batch; `now` is the time of its arrival.
    pub fn apply(&mut self, batch: &Batch, now: Nanos) -> Changes {
        self.call = self.call.wrapping_add(1);
        self.pass(now);
        self.near = Near::default();
        let mut changes = Changes::default();
        // A span is sent when it ends. In the order of their starts parents come before what runs under them, and need no placeholder first.
        let mut spans: Vec<&Span> = batch.spans.iter().collect();
        spans.sort_by_key(|span| span.start);
        for span in spans {
            self.take(batch, span, now, &mut changes);
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

    fn take(&mut self, batch: &Batch, span: &Span, now: Nanos, changes: &mut Changes) {
        let trace = self.trace_of(span, now, changes);
        if !self.trace(trace).spread && self.trace(trace).counts.spans >= CLOSE {
            self.spread(trace);
        }
        let known = self.find(trace, span.id);
        if known.is_none() && self.age.len() == 1 && !self.has_room() {
            return self.refuse(batch, span, changes);
        }
        self.hear(trace, batch.origin, span, now, changes);
        let row = known.unwrap_or_else(|| self.blank(trace, span.id, span.start));
        let (before, was) = (self.row(row).parent(), self.row(row).kind);
        let (mut told, mut left) = (0, None);
        if known.is_some() {
            if self.knows_better(row, batch, span) {
                return release(batch.source, span.address, span.weight, changes);
            }
            let data = self.row(row);
            if (data.source, data.address) != (batch.source, span.address) {
                release(data.source, data.address, data.weight, changes);
            }
            (told, left) = (self.untell(row, changes), self.leave_place(row));
            self.unlink(row);
            self.recount(row, false);
            self.settle(row, true);
            self.forget_facts(row);
        }

        self.fill(row, batch, span);
        self.settle(row, false);
        let parent = span.parent.and_then(|parent| self.parent_row(row, parent, now, changes));
        self.note_parent(row, span.parent, parent);
        self.link(row, parent);
        self.recount_around(row);
        if span.facts.kind != was {
            self.recount_neighbours(row, was);
        }
        if let Some(before) = before.filter(|&before| Some(before) != parent) {
            self.recount_around(before);
        }
        let tells = self.tell(row, self.response(batch.text(span.facts.response)));
        for response in [told, tells] {
            self.judge(response, changes);
        }
        if self.below(row).tells() {
            self.judge_above(row, before, changes);
        }
        let came = self.take_place(row);
        self.pair_around(came, changes);
        self.pair_around(left.filter(|_| left != came), changes);
        changes.rows.push(row);
    }

    /// Remembers the parent that a row names, if it hangs elsewhere.
    fn note_parent(&mut self, row: RowIx, stated: Option<SpanId>, parent: Option<RowIx>) {
        let odd = stated.filter(|&stated| parent.is_none_or(|parent| self.row(parent).id != stated));
        match odd {
            Some(stated) => self.odd_parents.insert(row, stated),
            None => self.odd_parents.remove(&row),
        };
    }

    fn has_room(&self) -> bool {
        (self.all().spans as usize) < self.limits.spans && self.held < self.limits.bytes
    }

    fn refuse(&mut self, batch: &Batch, span: &Span, changes: &mut Changes) {
        self.losses.refused += 1;
        release(batch.source, span.address, span.weight, changes);
    }

    /// Whether the row is a span that ended and has more to show than what comes now.
    fn knows_better(&self, row: RowIx, batch: &Batch, span: &Span) -> bool {
        let data = self.row(row);
        let ended = !data.placeholder && data.phase == Phase::Ended;
        ended && (span.end.is_none() || (data.rich && !batch.rich))
    }

    fn trace_of(&mut self, span: &Span, now: Nanos, changes: &mut Changes) -> TraceIx {
        let near = self.near.trace.filter(|(id, _)| *id == span.trace).map(|(_, trace)| trace);
        if let Some(trace) = near.or_else(|| self.find_trace(span.trace)) {
            self.near.trace = Some((span.trace, trace));
            self.touch(trace, changes);
            return trace;
        }
        let end = span.end.unwrap_or(span.start);
        let data = Trace {
            id: span.trace,
            start: span.start,
            end,
            heard: end.min(now),
            tops: Children::default(),
            sums: None,
            counts: Counts::default(),
            touched: 0,
            selected: false,
            spread: false,
        };
        let trace = TraceIx(self.traces.insert(data));
        let (traces, hasher) = (&self.traces, &self.hasher);
        self.by_trace.insert_unique(hasher.hash_one(span.trace), trace.0, |&trace| hasher.hash_one(traces[trace].id));
        self.stats.traces += 1;
        self.age.insert((span.start, trace));
        self.touch(trace, changes);
        trace
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

    /// Widens the trace's time to hold the span, and wakes what was thought lost.
    fn hear(&mut self, trace: TraceIx, origin: Origin, span: &Span, now: Nanos, changes: &mut Changes) {
        let end = span.end.unwrap_or(span.start);
        let data = &mut self.traces[trace.0];
        if span.start < data.start {
            self.age.remove(&(data.start, trace));
            self.age.insert((span.start, trace));
            data.start = span.start;
        }
        data.end = data.end.max(end);
        // An end that is yet to come must not keep the trace from being lost.
        data.heard = data.heard.max(if origin == Origin::Live { now } else { end.min(now) });
        if data.counts.lost > 0 && !self.is_stale(trace.0, now) {
            self.wake(trace, changes);
        }
    }

    fn wake(&mut self, trace: TraceIx, changes: &mut Changes) {
        for row in self.rows_of(trace) {
            if self.row(row).phase == Phase::Lost {
                self.set_phase(row, Phase::Running);
                changes.rows.push(row);
            }
        }
    }

    /// A row for a span of which only the id is known; it hangs nowhere yet.
    fn blank(&mut self, trace: TraceIx, id: SpanId, start: Nanos) -> RowIx {
        let row = Row {
            id,
            start,
            end: start,
            address: Address::default(),
            name: Symbol::EMPTY,
            label: Symbol::EMPTY,
            input: Symbol::EMPTY,
            calls: Symbol::EMPTY,
            error: Symbol::EMPTY,
            session: Symbol::EMPTY,
            user: Symbol::EMPTY,
            trace: trace.0,
            parent: NONE,
            branch: NONE,
            usage: NONE,
            source: SourceId::default(),
            kind: Kind::Other,
            status: Status::Unset,
            phase: Phase::Ended,
            weight: 0,
            placeholder: true,
            rich: false,
            counted: false,
        };
        let row = RowIx(self.rows.insert(row));
        self.enter(row);
        row
    }

    /// Makes a row one that [`Store::find`] finds.
    fn enter(&mut self, row: RowIx) {
        let (rows, traces, hasher) = (&self.rows, &self.traces, &self.hasher);
        let place = |&row: &u32| place_of(hasher, traces, rows[row].trace(), rows[row].id);
        self.by_span.insert_unique(place(&row.0), row.0, place);
    }

    /// Makes a row one that [`Store::find`] finds no more.
    fn leave(&mut self, row: RowIx) {
        let data = self.row(row);
        let place = place_of(&self.hasher, &self.traces, data.trace(), data.id);
        self.by_span.remove(place, |&at| at == row.0);
    }

    /// From now on the rows of this trace are found all over the table.
    fn spread(&mut self, trace: TraceIx) {
        let rows = self.rows_of(trace);
        for &row in &rows {
            self.leave(row);
        }
        self.traces[trace.0].spread = true;
        for &row in &rows {
            self.enter(row);
        }
    }

    /// Writes what the span says into its row, which must hang nowhere and say nothing yet.
    fn fill(&mut self, row: RowIx, batch: &Batch, span: &Span) {
        let facts = &span.facts;
        let label = match facts.kind {
            Kind::Model | Kind::Embedding | Kind::Reranker => facts.model,
            Kind::Tool => facts.tool,
            _ => facts.agent,
        };
        let texts = [span.name, label, facts.input, facts.calls, span.error, facts.session, facts.user];
        let near = &mut self.near.texts[facts.kind as usize];
        for (symbol, text) in near.iter_mut().zip(texts) {
            *symbol = self.texts.take_again(batch.text(text), *symbol);
        }
        let [name, label, input, calls, error, session, user] = *near;
        let usage = facts.usage.map_or(NONE, |usage| {
            let [provider, model, instrument] = [facts.provider, facts.model, facts.instrument].map(|text| batch.text(text));
            let service = self.services.take(&mut self.texts, provider, model, instrument);
            let mut usage = PackedUsage::new(usage, facts.first_token, service);
            let cost = self.pricing.cost(&mut self.texts, self.services.get(service), &usage, facts.kind, span.start);
            usage.price(cost);
            self.usages.insert(usage)
        });
        let phase = if span.end.is_some() { Phase::Ended } else { Phase::Running };
        let data = &mut self.rows[row.0];
        self.held = self.held - u64::from(data.weight) + u64::from(span.weight);
        (data.weight, data.rich) = (span.weight, batch.rich);
        (data.start, data.end, data.address, data.source) = (span.start, span.end.unwrap_or(span.start), span.address, batch.source);
        (data.name, data.label, data.input, data.calls) = (name, label, input, calls);
        (data.error, data.session, data.user) = (error, session, user);
        (data.usage, data.kind, data.status, data.placeholder) = (usage, facts.kind, span.status, false);
        self.enter_phase(row, phase);
    }

    fn forget_facts(&mut self, row: RowIx) {
        let data = &self.rows[row.0];
        let usage = data.usage;
        for symbol in [data.name, data.label, data.input, data.calls, data.error, data.session, data.user] {
            self.texts.release(symbol);
        }
        if usage != NONE {
            self.services.release(&mut self.texts, self.usages[usage].service);
            self.usages.free(usage);
        }
    }

    /// The row of the parent that `row` names, made as a placeholder if it has not come; `None` if it can't be the parent.
    fn parent_row(&mut self, row: RowIx, parent: SpanId, now: Nanos, changes: &mut Changes) -> Option<RowIx> {
        let (trace, start) = (self.row(row).trace(), self.row(row).start);
        let near = self.near.parent.filter(|near| (near.0, near.1) == (trace, parent)).map(|near| near.2);
        if let Some(parent) = near.or_else(|| self.find(trace, parent)) {
            self.near.parent = Some((trace, self.row(parent).id, parent));
            let cyclic = parent == row || (self.row(row).branch != NONE && self.is_below(parent, row));
            return (!cyclic).then(|| self.within_depth(parent));
        }
        let placeholder = self.blank(trace, parent, start);
        let phase = if self.is_stale(trace.0, now) { Phase::Lost } else { Phase::Running };
        self.enter_phase(placeholder, phase);
        self.link(placeholder, None);
        changes.rows.push(placeholder);
        Some(placeholder)
    }

    fn enter_phase(&mut self, row: RowIx, phase: Phase) {
        let before = std::mem::replace(&mut self.rows[row.0].phase, phase);
        if phase == Phase::Running {
            self.running.insert(row);
        } else if before == Phase::Running {
            self.running.remove(&row);
        }
    }

    fn set_phase(&mut self, row: RowIx, phase: Phase) {
        self.change(row, |store| store.enter_phase(row, phase));
    }
}

/// Under which hash a span is found: those of a small trace close together, since they come together, and memory is slow where it is
/// not near what was used last.
fn place_of(hasher: &DefaultHashBuilder, traces: &Slab<Trace>, trace: TraceIx, id: SpanId) -> u64 {
    let own = hasher.hash_one((trace, id));
    if traces[trace.0].spread { own } else { table::near(hasher.hash_one(trace), own) }
}

/// Notes that nobody will ask for a payload any more, if anybody holds it in memory.
fn release(source: SourceId, address: Address, weight: u32, changes: &mut Changes) {
    if weight > 0 {
        changes.released.push((source, address));
    }
}
