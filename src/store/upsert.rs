//! A span into its row: found or made, filled, and hung under the row of the parent that it names.

use std::hash::BuildHasher;

use super::interner::Symbol;
use super::row::{Children, Counts, NONE, PackedUsage, Phase, Row, RowIx, Trace, TraceIx};
use super::{By, Changes, Store};
use crate::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanId, SpanType, Status, TraceId};

/// Spans of a trace that are found close together.
const CLOSE: u32 = 16;

/// What was found for the last span: of those that come together, many name the same.
#[derive(Debug, Default)]
pub(super) struct LastLookup {
    trace: Option<(TraceId, TraceIx)>,
    parent: Option<(TraceIx, SpanId, RowIx)>,
    /// By the kind of span.
    texts: [[Symbol; 7]; SpanType::ALL.len()],
}

impl Store {
    pub(super) fn upsert(&mut self, batch: &Batch, span: &Span, now: Nanos, changes: &mut Changes) {
        let trace = self.trace_of(span, now, changes);
        if !self.trace(trace).spread && self.trace(trace).counts.spans >= CLOSE {
            self.spread(trace);
        }
        let known = self.find(trace, span.id);
        if known.is_none() && self.age.len() == 1 && !self.has_room() {
            return self.reject(batch, span, changes);
        }
        self.extend_trace(trace, batch.origin, span, now, changes);
        let row = known.unwrap_or_else(|| self.insert_placeholder(trace, span.id, span.start));
        let (before, was) = (self.row(row).parent(), self.row(row).span_type);
        let (mut told, mut left) = (0, None);
        if known.is_some() {
            if self.knows_better(row, batch, span) {
                return release(batch.source, span.payload_ref, span.retained_bytes, changes);
            }
            let data = self.row(row);
            if (data.source, data.payload_ref) != (batch.source, span.payload_ref) {
                release(data.source, data.payload_ref, data.retained_bytes, changes);
            }
            (told, left) = (self.retract(row, changes), self.leave_pairing(row));
            self.unlink(row);
            self.recount(row, false);
            self.attribute(row, true);
            self.forget_facts(row);
        }

        self.fill(row, batch, span);
        self.attribute(row, false);
        let parent = span.parent.and_then(|parent| self.parent_row(row, parent, now, changes));
        self.note_parent(row, span.parent, parent);
        self.link(row, parent);
        self.recount_around(row);
        if span.facts.span_type != was {
            self.recount_neighbours(row, was);
        }
        if let Some(before) = before.filter(|&before| Some(before) != parent) {
            self.recount_around(before);
        }
        let tells = self.report(row, self.response(batch.text(span.facts.response)));
        for response in [told, tells] {
            self.elect_primary(response, changes);
        }
        if self.below(row).tells() {
            self.elect_primary_above(row, before, changes);
        }
        let came = self.enter_pairing(row);
        self.pair_neighbours(came, changes);
        self.pair_neighbours(left.filter(|_| left != came), changes);
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
        (self.all().spans as usize) < self.limits.spans && self.retained_bytes < self.limits.bytes
    }

    fn reject(&mut self, batch: &Batch, span: &Span, changes: &mut Changes) {
        self.losses.refused += 1;
        release(batch.source, span.payload_ref, span.retained_bytes, changes);
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
            roots: Children::default(),
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

    /// Widens the trace's time to hold the span, and wakes what was thought lost.
    fn extend_trace(&mut self, trace: TraceIx, origin: Origin, span: &Span, now: Nanos, changes: &mut Changes) {
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
    fn insert_placeholder(&mut self, trace: TraceIx, id: SpanId, start: Nanos) -> RowIx {
        let row = Row {
            id,
            start,
            end: start,
            payload_ref: PayloadRef::default(),
            name: Symbol::EMPTY,
            label: Symbol::EMPTY,
            input: Symbol::EMPTY,
            calls: Symbol::EMPTY,
            error: Symbol::EMPTY,
            session: Symbol::EMPTY,
            user: Symbol::EMPTY,
            trace: trace.0,
            parent: NONE,
            children: NONE,
            usage: NONE,
            source: SourceId::default(),
            span_type: SpanType::Other,
            status: Status::Unset,
            phase: Phase::Ended,
            retained_bytes: 0,
            placeholder: true,
            rich: false,
            counted: false,
        };
        let row = RowIx(self.rows.insert(row));
        self.enter(row);
        row
    }

    /// Writes what the span says into its row, which must hang nowhere and say nothing yet.
    fn fill(&mut self, row: RowIx, batch: &Batch, span: &Span) {
        let facts = &span.facts;
        let label = match By::of(facts.span_type) {
            Some(By::Model) => facts.model,
            Some(By::Tool) => facts.tool,
            _ => facts.agent,
        };
        let texts = [span.name, label, facts.input, facts.calls, span.error, facts.session, facts.user];
        let near = &mut self.near.texts[facts.span_type as usize];
        for (symbol, text) in near.iter_mut().zip(texts) {
            *symbol = self.texts.intern_again(batch.text(text), *symbol);
        }
        let [name, label, input, calls, error, session, user] = *near;
        let usage = facts.usage.map_or(NONE, |usage| {
            let [provider, model, instrument] = [facts.provider, facts.model, facts.scope].map(|text| batch.text(text));
            let service = self.model_ids.intern(&mut self.texts, provider, model, instrument);
            let mut usage = PackedUsage::new(usage, facts.first_token, service);
            let cost = self.pricing.cost(&mut self.texts, self.model_ids.get(service), &usage, facts.span_type, span.start);
            usage.price(cost);
            self.usages.insert(usage)
        });
        let phase = if span.end.is_some() { Phase::Ended } else { Phase::Running };
        let data = &mut self.rows[row.0];
        self.retained_bytes = self.retained_bytes - u64::from(data.retained_bytes) + u64::from(span.retained_bytes);
        (data.retained_bytes, data.rich) = (span.retained_bytes, batch.rich);
        (data.start, data.end, data.payload_ref, data.source) =
            (span.start, span.end.unwrap_or(span.start), span.payload_ref, batch.source);
        (data.name, data.label, data.input, data.calls) = (name, label, input, calls);
        (data.error, data.session, data.user) = (error, session, user);
        (data.usage, data.span_type, data.status, data.placeholder) = (usage, facts.span_type, span.status, false);
        self.enter_phase(row, phase);
    }

    pub(super) fn forget_facts(&mut self, row: RowIx) {
        let data = &self.rows[row.0];
        let usage = data.usage;
        for symbol in [data.name, data.label, data.input, data.calls, data.error, data.session, data.user] {
            self.texts.release(symbol);
        }
        if usage != NONE {
            self.model_ids.release(&mut self.texts, self.usages[usage].model_id);
            self.usages.free(usage);
        }
    }

    /// The row of the parent that `row` names, made as a placeholder if it has not come; `None` if it can't be the parent.
    fn parent_row(&mut self, row: RowIx, parent: SpanId, now: Nanos, changes: &mut Changes) -> Option<RowIx> {
        let (trace, start) = (self.row(row).trace(), self.row(row).start);
        let near = self.near.parent.filter(|near| (near.0, near.1) == (trace, parent)).map(|near| near.2);
        if let Some(parent) = near.or_else(|| self.find(trace, parent)) {
            self.near.parent = Some((trace, self.row(parent).id, parent));
            let cyclic = parent == row || (self.row(row).children != NONE && self.is_below(parent, row));
            return (!cyclic).then(|| self.within_depth(parent));
        }
        let placeholder = self.insert_placeholder(trace, parent, start);
        let phase = if self.is_stale(trace.0, now) { Phase::Lost } else { Phase::Running };
        self.enter_phase(placeholder, phase);
        self.link(placeholder, None);
        changes.rows.push(placeholder);
        Some(placeholder)
    }

    pub(super) fn enter_phase(&mut self, row: RowIx, phase: Phase) {
        let before = std::mem::replace(&mut self.rows[row.0].phase, phase);
        if phase == Phase::Running {
            self.running.insert(row);
        } else if before == Phase::Running {
            self.running.remove(&row);
        }
    }

    pub(super) fn set_phase(&mut self, row: RowIx, phase: Phase) {
        self.change(row, |store| store.enter_phase(row, phase));
    }
}

/// Notes that nobody will ask for a payload any more, if anybody holds it in memory.
pub(super) fn release(source: SourceId, address: PayloadRef, weight: u32, changes: &mut Changes) {
    if weight > 0 {
        changes.released.push((source, address));
    }
}
