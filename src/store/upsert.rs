//! Inserting or updating the row of a span.
//!
//! An upsert has four phases. The order matters: each phase relies on what the earlier ones left.
//!
//! 1. **Remove** ([`Store::remove`], only if the row exists): the row leaves everything that was derived from its old facts. It leaves the
//!    reports and its pairing slot first, while its usage is still there to find them; then the tree, so that its totals leave every sum;
//!    then the counts of calls and the attribution; last, its texts and usage are released.
//! 2. **Fill** ([`Store::fill`]): the span's facts are written into the row, which is not linked and not counted, and its own totals are
//!    attributed.
//! 3. **Link**: the row is linked to its parent, for which a placeholder is created if it has not arrived, or to the row that it ran in if
//!    that is another one (`placement`). Its totals reach every sum.
//! 4. **Reconcile** ([`Store::reconcile`]): what depends on neighbors is decided again. Calls are recounted around the row's old and new
//!    place; then primary rows are elected for the old and the new response and, since nesting decides elections, above the row; then the
//!    old and the new pairing slot are paired again, which may elect further primary rows. Last, the rows whose places depend on the row
//!    are placed again.
//!
//! After each upsert, every derived value equals one computed from scratch; the tests check that (`tests/invariants`).

use std::hash::BuildHasher;

use super::dedup::Belonging;
use super::interner::Symbol;
use super::ix::{NONE, RowIx, TraceIx};
use super::outcome::Outcome;
use super::packed_usage::PackedUsage;
use super::pairing::Slot;
use super::placement::StatedParent;
use super::response_ids::IdSlot;
use super::row::{FINAL, FROM_LOG, MISPLACED, Phase, RICH, Row, RunStatus, TRUNCATED};
use super::selection::NOT_SELECTED;
use super::told::Told;
use super::trace::{Counts, Trace};
use super::tree::Children;
use super::{By, Changes, Store};
use crate::model::{Batch, Ending, Nanos, Origin, PayloadRef, SourceId, Span, SpanId, SpanType, Text, TraceId, Usage};

/// The number of spans up to which a trace's rows are kept close together in the index.
const MAX_CLUSTERED_SPANS: u32 = 16;

/// The results of the lookups for the previous span: consecutive spans often have the same trace, parent and texts.
#[derive(Debug, Default)]
pub(super) struct LastLookup {
    trace: Option<(TraceId, TraceIx)>,
    parent: Option<(TraceIx, SpanId, RowIx)>,
    /// The number of the service by its name, and the same for its name.
    pub(super) service: Option<(Text, (u32, u16))>,
    /// By span type.
    texts: [[Symbol; 7]; SpanType::ALL.len()],
}

/// What a row was part of before it was removed; for a new row, of nothing.
#[derive(Default)]
struct Removed {
    parent: Option<RowIx>,
    span_type: SpanType,
    /// It was a tool call or named a tool.
    names_tool: bool,
    was_agent: bool,
    belonging: Belonging,
    response: u32,
    id_slot: Option<IdSlot>,
    slot: Option<Slot>,
    told: Told,
}

impl Store {
    /// Inserts or updates the row of a span that arrived at `now`.
    pub(super) fn upsert(&mut self, batch: &Batch, span: &Span, now: Nanos, changes: &mut Changes) {
        let trace = self.upsert_trace(span, now, changes);
        if !self.trace(trace).scattered && self.trace(trace).counts.spans >= MAX_CLUSTERED_SPANS {
            self.scatter(trace);
        }
        if self.join_run(trace, batch, span, changes) {
            self.extend_trace(trace, batch.origin, span, now, changes);
            return release_payload(batch.source, span.payload_ref, span.retained_bytes, changes);
        }
        let existing = self.find(trace, span.id);
        if existing.is_none() && self.by_start.len() == 1 && !self.has_room() {
            self.losses.refused += 1;
            return release_payload(batch.source, span.payload_ref, span.retained_bytes, changes);
        }
        self.extend_trace(trace, batch.origin, span, now, changes);
        if let Some(row) = existing.filter(|&row| self.is_newer(row, batch, span)) {
            if span.facts.from_log {
                self.set_input(row, batch.text(span.facts.input), changes);
            }
            return release_payload(batch.source, span.payload_ref, span.retained_bytes, changes);
        }
        let row = existing.unwrap_or_else(|| self.insert_placeholder(trace, span.id, span.start));
        let was_cut_off = self.row(row).is_cut_off();
        let removed = if existing.is_some() {
            self.replace_payload(row, batch, span, changes);
            self.remove(row, changes)
        } else {
            Removed::default()
        };
        self.fill(row, batch, span);
        self.traces[trace.0].work += u32::from(self.row(row).is_work());
        self.traces[trace.0].runs += u32::from(self.row(row).is_real_run());
        let freed = self.enter_endings(row, batch, span);
        // The clock of its sender must be known.
        self.refresh_inner(row);
        self.enter_review(row, batch, span);
        self.attribute(row, true);
        let is_remote = span.facts.has_remote_parent;
        let stated = span.parent.and_then(|parent| self.parent_row(row, parent, is_remote, now, changes));
        let (place, is_moved) = stated.map_or((None, false), |stated| self.place(row, stated));
        self.set_stated_parent(row, span.parent, place, is_moved);
        self.link(row, place);
        if was_cut_off {
            self.refresh_end(trace);
        }
        self.enter_unnamed(row);
        self.settle_cost_model(row);
        self.settle_endings(row, freed, changes);
        let response = self.hash_response(batch.text(span.facts.response));
        self.reconcile(row, response, &removed, changes);
        self.restore_told(row, &removed.told, changes);
        self.enter_tool_calls(row, batch, span, changes);
        self.place_dependents(row, removed.parent, removed.was_agent, changes);
        for present in [Some(row), stated].into_iter().flatten() {
            self.adopt(present, changes);
        }
        changes.rows.push(row);
        self.enter_log_spans(row, changes);
        self.enter_logged_tool(row, span);
    }

    /// Removes a row, which is linked and has no rows below it, and decides again what depends on it.
    pub(super) fn remove_row(&mut self, row: RowIx, changes: &mut Changes) {
        let Removed { parent, span_type, response, id_slot, slot, told, .. } = self.remove(row, changes);
        self.forget_told(&told);
        if let Some(parent) = parent {
            self.recount_around(parent);
            self.mark_execution(parent, changes);
            self.settle_cost_models(parent);
            match self.row(parent).span_type {
                SpanType::Model => self.mark_reports(parent, changes),
                _ => self.mark_watchers(parent, changes),
            }
            self.mark_attempts(parent, changes);
            self.mark_own_reasons(parent, changes);
            if span_type.calls_model() {
                self.elect_primary_above(parent, None, changes);
            }
        }
        self.elect_primary(response, changes);
        if let Some(slot) = id_slot {
            self.identify_around(slot, changes);
        }
        self.pair_around(slot, changes);
    }

    /// Phase 1: removes a row from everything that is derived from its facts.
    fn remove(&mut self, row: RowIx, changes: &mut Changes) -> Removed {
        let was_agent = self.row(row).is_agent();
        let trace = self.row(row).trace;
        self.traces[trace].work -= u32::from(self.row(row).is_work());
        self.traces[trace].runs -= u32::from(self.row(row).is_real_run());
        let (parent, span_type, belonging) = (self.row(row).parent(), self.row(row).span_type, self.belonging(row));
        let names_tool = span_type == SpanType::Tool || self.row(row).ending() == Ending::Watching;
        self.forget_caller(row);
        self.leave_running_totals(row, changes);
        self.leave_endings(row, changes);
        self.leave_review(row);
        self.leave_tool_calls(row, changes);
        let response = self.retract_report(row, changes);
        let id_slot = self.leave_recurring(row);
        let slot = self.leave_pairing(row);
        self.unlink(row);
        self.forget_sender(row);
        self.set_counted(row, false);
        self.attribute(row, false);
        self.cost_models.remove(&row);
        self.leave_unnamed(row);
        let told = self.take_told(row);
        self.release_facts(row);
        Removed { parent, span_type, names_tool, was_agent, belonging, response, id_slot, slot, told }
    }

    /// Phase 4: decides again what depends on the row and its neighbors.
    fn reconcile(&mut self, row: RowIx, response: u32, removed: &Removed, changes: &mut Changes) {
        let (parent, span_type) = (self.row(row).parent(), self.row(row).span_type);
        self.recount_around(row);
        if span_type != removed.span_type {
            self.recount_neighbors(row, removed.span_type);
        }
        if let Some(old_parent) = removed.parent.filter(|&old_parent| Some(old_parent) != parent) {
            self.recount_around(old_parent);
        }
        if span_type == SpanType::Tool || removed.names_tool {
            for row in [Some(row), parent, removed.parent].into_iter().flatten() {
                self.mark_watchers(row, changes);
            }
        }
        for row in [Some(row), parent, removed.parent].into_iter().flatten() {
            self.mark_execution(row, changes);
        }
        for row in [Some(row), removed.parent].into_iter().flatten() {
            self.settle_cost_models(row);
        }
        for (row, is_call) in [(Some(row), removed.span_type == SpanType::Model), (parent, false), (removed.parent, false)] {
            if let Some(row) = row.filter(|&row| is_call || self.row(row).span_type == SpanType::Model) {
                self.mark_reports(row, changes);
            }
        }
        for request in [Some(row), parent, removed.parent].into_iter().flatten() {
            self.mark_attempts(request, changes);
        }
        // Which rows failed must be known before.
        for row in [Some(row), removed.parent].into_iter().flatten() {
            self.mark_own_reasons(row, changes);
        }

        let response = self.report(row, response, changes);
        for response in [removed.response, response] {
            self.elect_primary(response, changes);
        }
        if let Some(slot) = removed.id_slot {
            self.identify_around(slot, changes);
        }
        if self.below(row).has_reports() {
            self.elect_primary_above(row, removed.parent, changes);
            self.elect_primary_below(row, removed.belonging, changes);
        }

        self.enter_running_totals(row, changes);
        let slot = self.enter_pairing(row);
        self.pair_around(slot, changes);
        self.pair_around(removed.slot.filter(|_| removed.slot != slot), changes);
    }

    /// Remembers the stated parent if the row is not to be linked to it.
    pub(super) fn set_stated_parent(&mut self, row: RowIx, stated: Option<SpanId>, parent: Option<RowIx>, is_moved: bool) {
        match self.stated_elsewhere(stated, parent, is_moved) {
            Some(stated) => self.stated_parents.insert(row, stated),
            None => self.stated_parents.remove(&row),
        };
    }

    /// Returns what to remember of a row's stated parent if the row is linked to `parent`; `None` if that is the stated one.
    pub(super) fn stated_elsewhere(&self, stated: Option<SpanId>, parent: Option<RowIx>, is_moved: bool) -> Option<StatedParent> {
        let unlinked = stated.filter(|&stated| parent.is_none_or(|parent| self.row(parent).id != stated));
        unlinked.map(|id| StatedParent { id: Some(id), is_moved })
    }

    fn has_room(&self) -> bool {
        (self.all().spans as usize) < self.limits.spans && self.held_bytes() < self.limits.bytes
    }

    /// Returns whether the row is an ended span that has more to show than the arriving record of it.
    fn is_newer(&self, row: RowIx, batch: &Batch, span: &Span) -> bool {
        let data = self.row(row);
        if span.facts.from_log || data.is_from_log() {
            // A span tells more than a log event, and the latest event knows the others.
            return span.facts.from_log && !data.is_from_log() && !data.placeholder;
        }
        let has_ended = !data.placeholder && data.phase == Phase::Ended;
        has_ended && (span.end.is_none() || (data.is_rich() && !batch.rich))
    }

    /// Releases the row's payload if the arriving record has another one.
    fn replace_payload(&self, row: RowIx, batch: &Batch, span: &Span, changes: &mut Changes) {
        let data = self.row(row);
        if (data.source, data.payload_ref) != (batch.source, span.payload_ref) {
            release_payload(data.source, data.payload_ref, data.retained_bytes, changes);
        }
    }

    /// Finds the trace of a span or inserts it.
    fn upsert_trace(&mut self, span: &Span, now: Nanos, changes: &mut Changes) -> TraceIx {
        let last = self.last_lookup.trace.filter(|(id, _)| *id == span.trace).map(|(_, trace)| trace);
        if let Some(trace) = last.or_else(|| self.find_trace(span.trace)) {
            self.last_lookup.trace = Some((span.trace, trace));
            self.touch(trace, changes);
            return trace;
        }
        let end = span.latest();
        let data = Trace {
            id: span.trace,
            start: span.start,
            end,
            last_news: end.min(now),
            roots: Children::default(),
            sums: None,
            leaked: 0,
            work: 0,
            runs: 0,
            counts: Counts::default(),
            version: 0,
            selected_in: NOT_SELECTED,
            previous: NONE,
            next: NONE,
            idle: None,
            scattered: false,
        };
        let trace = TraceIx(self.traces.insert(data));
        let (traces, hasher) = (&self.traces, &self.hasher);
        self.by_trace.insert_unique(hasher.hash_one(span.trace), trace.0, |&trace| hasher.hash_one(traces[trace].id));
        self.by_start.insert((span.start, trace));
        self.touch(trace, changes);
        trace
    }

    /// Extends the trace's time to include the span. If that is news of the trace, its lost rows run again.
    fn extend_trace(&mut self, trace: TraceIx, origin: Origin, span: &Span, now: Nanos, changes: &mut Changes) {
        let end = span.latest();
        let data = &mut self.traces[trace.0];
        if span.start < data.start {
            self.by_start.remove(&(data.start, trace));
            self.by_start.insert((span.start, trace));
            data.start = span.start;
        }
        data.end = data.end.max(end);
        // An end in the future must not keep the trace from becoming stale.
        data.last_news = data.last_news.max(if origin == Origin::Live { now } else { end.min(now) });
        if data.counts.lost > 0 && !self.is_stale(trace.0, now) {
            self.resume_lost(trace, changes);
        }
    }

    fn resume_lost(&mut self, trace: TraceIx, changes: &mut Changes) {
        for row in self.rows_of(trace) {
            // A span whose process is gone runs again only if the process is not.
            if self.row(row).own_status() == RunStatus::Lost && !self.is_over(row) {
                self.set_phase(row, Phase::Running);
                changes.rows.push(row);
            }
        }
    }

    /// Inserts an unlinked placeholder.
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
            outcome: Outcome::default(),
            phase: Phase::Ended,
            retained_bytes: 0,
            placeholder: true,
            sender: 0,
            counted: false,
        };
        let row = RowIx(self.rows.insert(row));
        self.index_row(row);
        row
    }

    /// Phase 2: writes the facts of a span into its row, which must be unlinked and hold no facts.
    fn fill(&mut self, row: RowIx, batch: &Batch, span: &Span) {
        let facts = &span.facts;
        let label = match By::of(facts.span_type) {
            Some(By::Model) => facts.model,
            Some(By::Tool) => facts.tool,
            _ => facts.agent,
        };
        let texts = [span.name, label, facts.input, facts.calls, span.error, facts.session, facts.user];
        let symbols = &mut self.last_lookup.texts[facts.span_type as usize];
        for (symbol, text) in symbols.iter_mut().zip(texts) {
            *symbol = self.texts.intern_with_guess(batch.text(text), *symbol);
        }
        let [name, label, input, calls, error, session, user] = *symbols;
        // A call that ended without usage may be one that another span reports with its usage or its failure.
        let is_call = facts.span_type.calls_model() && span.end.is_some();
        let usage = facts.usage.or(is_call.then(Usage::default)).map_or(NONE, |usage| {
            let [provider, model, scope, service] = [facts.provider, facts.model, facts.scope, facts.service].map(|text| batch.text(text));
            let model_id = self.model_ids.intern(&mut self.texts, [provider, model], [scope, service]);
            let rare = usage.rare;
            let mut usage = PackedUsage::new(usage, facts.first_token, model_id);
            let counts = Usage { rare, ..usage.usage() };
            let cost = self.pricing.cost(&mut self.texts, self.model_ids.get(model_id), counts, facts.span_type, span.start);
            usage.set_computed_cost(cost);
            let index = self.usages.insert(usage);
            self.rare_tokens.insert(index, rare);
            index
        });
        let phase = match span.end {
            Some(_) => Phase::Ended,
            None if facts.ending == Ending::Cut => Phase::Lost,
            None => Phase::Running,
        };
        let data = &mut self.rows[row.0];
        self.retained_bytes = self.retained_bytes - u64::from(data.retained_bytes) + u64::from(span.retained_bytes);
        let flags = [
            (batch.rich, RICH),
            (facts.misplaced, MISPLACED),
            (facts.from_log, FROM_LOG),
            (facts.truncated, TRUNCATED),
            (facts.is_final, FINAL),
        ];
        let sender = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |sender, (_, flag)| sender | flag);
        (data.retained_bytes, data.sender) = (span.retained_bytes, sender);
        (data.start, data.end, data.payload_ref, data.source) = (span.start, span.latest(), span.payload_ref, batch.source);
        (data.name, data.label, data.input, data.calls) = (name, label, input, calls);
        (data.error, data.session, data.user) = (error, session, user);
        (data.usage, data.span_type, data.placeholder) = (usage, facts.span_type, false);
        data.outcome = Outcome::new(span.status, facts.ending);
        self.enter_phase(row, phase);
        self.processes.set(row, batch.process.filter(|_| phase == Phase::Running));
        self.set_naming(row, facts.naming);
        self.enter_surroundings(row, batch, facts);
        self.set_asked_model(row, batch.text(facts.asked_model));
    }

    /// Releases the texts and the usage of a row.
    pub(super) fn release_facts(&mut self, row: RowIx) {
        self.leave_surroundings(row);
        if !self.namings.is_empty() {
            self.namings.remove(&row);
        }
        let data = &self.rows[row.0];
        let usage = data.usage;
        for symbol in [data.name, data.label, data.input, data.calls, data.error, data.session, data.user] {
            self.texts.release(symbol);
        }
        if usage != NONE {
            self.release_stated_model(row);
            self.release_asked_model(row);
            self.model_ids.release(&mut self.texts, self.usages[usage].model_id);
            self.usages.free(usage);
            self.rare_tokens.remove(usage);
        }
    }

    /// Phase 3: finds the row of the stated parent, or inserts a placeholder. Returns `None` if the parent is `row` or below it, or if it
    /// is in another process and has not arrived.
    fn parent_row(&mut self, row: RowIx, parent: SpanId, is_remote: bool, now: Nanos, changes: &mut Changes) -> Option<RowIx> {
        let (trace, start) = (self.row(row).trace(), self.row(row).start);
        let last = self.last_lookup.parent.filter(|last| (last.0, last.1) == (trace, parent)).map(|last| last.2);
        if let Some(parent) = last.or_else(|| self.run_of_turn(trace, parent)).or_else(|| self.find(trace, parent)) {
            self.last_lookup.parent = Some((trace, self.row(parent).id, parent));
            let is_cyclic = parent == row || (self.row(row).children != NONE && self.is_at_or_below(parent, row));
            return (!is_cyclic).then_some(parent);
        }
        if is_remote {
            self.wait_for_caller(row, parent);
            return None;
        }
        let placeholder = self.insert_placeholder(trace, parent, start);
        let phase = if self.is_stale(trace.0, now) { Phase::Lost } else { Phase::Running };
        self.enter_phase(placeholder, phase);
        self.link(placeholder, None);
        changes.rows.push(placeholder);
        Some(placeholder)
    }

    /// Sets the phase of an unlinked row.
    pub(super) fn enter_phase(&mut self, row: RowIx, phase: Phase) {
        let before = std::mem::replace(&mut self.rows[row.0].phase, phase);
        if phase == Phase::Running {
            self.running.insert(row);
        } else if before == Phase::Running {
            self.running.remove(&row);
        }
    }

    /// Sets the phase of a linked row.
    pub(super) fn set_phase(&mut self, row: RowIx, phase: Phase) {
        self.change(row, |store| store.enter_phase(row, phase));
    }
}

/// Adds a payload that is no longer needed to the changes, if its source holds it in memory.
pub(super) fn release_payload(source: SourceId, payload_ref: PayloadRef, retained_bytes: u32, changes: &mut Changes) {
    if retained_bytes > 0 {
        changes.released.push((source, payload_ref));
    }
}
