//! Updates from outside: spans, prices, the state of the sources and the time; and the work that they leave for the next frame.

use std::sync::Arc;
use std::time::Duration;

use super::{Action, App, Overlay, SeriesList, Slice, Table, TreeLine};
use crate::metrics::MetricLosses;
use crate::model::price::Prices;
use crate::model::{Batch, LogBatch, MetricBatch, Nanos, Origin, PayloadRef, SourceId};
use crate::sources::{State, Traffic};
use crate::store::{Changes, MINUTE, Store, TraceIx};

/// How long a frame works on what is too much for it.
const IN_FRAME: Duration = Duration::from_millis(1);

impl App {
    /// Adds log records. A pause does not hold them back: the open list stays as it is.
    pub fn receive_logs(&mut self, batch: LogBatch) {
        self.logs.apply(batch);
        self.detail.outdate_logs();
    }

    /// Adds points to the series of metrics. A pause does not hold them back: only what is drawn depends on them.
    pub fn receive_metrics(&mut self, batch: MetricBatch) {
        self.metrics.apply(batch);
    }

    /// Takes what the store changed for a batch, or for a part of it.
    pub(super) fn batch_applied(&mut self, store: &mut Store, batch: &Batch, changes: Changes) {
        let is_exceeded = self.budgets.check(store, &changes.traces, &changes.evicted);
        // Stored spans ring no bell: the money was spent before the program started.
        self.bell |= (is_exceeded && batch.origin == Origin::Live) || changes.asks;
        self.check_payloads(store, batch, &changes.rows);
        self.apply_changes(store, changes);
        if batch.reviews.is_some() {
            self.has_approvals = !store.all_approvals().is_empty();
            if let Some(table) = &mut self.table {
                table.outdate();
            }
        }
    }

    /// Sets the prices and recomputes all costs.
    pub fn set_prices(&mut self, store: &mut Store, prices: Arc<Prices>) {
        let changes = store.set_prices(prices);
        self.budgets.check(store, &changes.traces, &changes.evicted);
        self.apply_changes(store, changes);
    }

    /// Updates everything that depends on the time; call it once per second. Returns whether the screen is outdated.
    pub fn tick(&mut self, store: &mut Store, now: Nanos) -> bool {
        let before = self.now;
        let mut is_changing = self.rates.iter().any(|&rate| rate > 0) || store.all().running > 0;
        self.rates.pop_front();
        self.rates.push_back(0);
        let message_ends = self.message.as_ref().is_some_and(|message| message.until <= now);
        if message_ends {
            self.message = None;
        }
        if !self.is_paused() {
            self.now = now;
            let changes = store.expire(now);
            self.apply_changes(store, changes);
            if self.tree.tick(store, now) {
                self.show_detail(store);
                is_changing = true;
            }
            is_changing |= self.detail.tick();
            if store.all().running > 0 {
                self.detail.outdate_overview();
            }
        }
        if let Some(list) = &mut self.series_list {
            list.calls_changed();
        }
        // Results that wait to be recomputed may be due. The charts of the last hour move with each minute.
        is_changing || message_ends || self.has_stale(store) || before.div_euclid(MINUTE) != self.now.div_euclid(MINUTE)
    }

    /// Whether a result on the screen waits to be recomputed.
    #[must_use]
    pub fn has_stale(&self, store: &Store) -> bool {
        self.aggregates.is_stale()
            || self.insights.is_stale()
            || self.tree.has_stale_path(store)
            || self.table.as_ref().is_some_and(Table::is_stale)
            || self.log_list.as_ref().is_some_and(|list| list.is_stale(&self.logs))
            || self.series_list.as_ref().is_some_and(SeriesList::is_stale)
            || matches!(&self.overlay, Some(Overlay::Compare(compare)) if compare.is_stale())
    }

    /// Records that the program that was started has ended, and with it every process of it.
    pub fn end_processes(&mut self, store: &mut Store) {
        let changes = store.end_processes();
        self.apply_changes(store, changes);
    }

    /// Records that the clock was set forward by so many nanoseconds, or back. What waits for a time waits as long as before.
    pub fn clock_was_set(&mut self, store: &mut Store, by: Nanos) {
        store.clock_was_set(by);
        if let Some(message) = self.message.as_mut().filter(|message| !message.is_sticky()) {
            message.until = message.until.saturating_add(by);
        }
    }

    fn apply_changes(&mut self, store: &Store, mut changes: Changes) {
        self.released.append(&mut changes.released);
        for trace in &changes.evicted {
            self.marks.remove(trace);
        }
        if let Some(Overlay::Export(dialog)) = &mut self.overlay
            && !dialog.forget(&changes.evicted)
        {
            self.overlay = None;
            self.show_message("the traces to export were evicted from memory", true, self.now);
        }
        self.note_running(store, &changes);
        if self.notes_changes {
            self.changed.extend(&changes.traces);
        }
        if !changes.traces.is_empty() || !changes.evicted.is_empty() {
            self.aggregates.store_changed();
        }
        self.tree.update(store, &changes, self.now);
        self.insights.forget(&changes.evicted);
        self.survey.forget(&changes.evicted);
        if !changes.evicted.is_empty() {
            self.detail.context.forget_kept();
        }
        self.survey.traces_changed(changes.traces.iter().copied());
        if let Some(table) = &mut self.table {
            table.forget(&changes.evicted);
            table.traces_changed(&changes.traces);
        }
        self.update_compare(&changes);
        self.show_detail(store);
        if !changes.traces.is_empty() {
            self.detail.spans_changed(store);
        }
    }

    fn note_running(&mut self, store: &Store, changes: &Changes) {
        for trace in &changes.evicted {
            self.running.remove(trace);
        }
        for &trace in &changes.traces {
            let main = store.main_of(trace);
            if main != trace {
                self.running.remove(&trace);
            }
            if store.group_counts(main).running > 0 {
                self.running.insert(main);
            } else {
                self.running.remove(&main);
            }
        }
    }

    /// Returns the number of shown traces that run, each with its parts once. Costs the running traces.
    #[must_use]
    pub fn running_traces(&self, store: &Store) -> usize {
        if self.tree.is_filtered() {
            self.running.iter().filter(|&&trace| self.tree.shows(store, trace)).count()
        } else {
            self.running.len()
        }
    }

    /// Prepares the state for a frame with this many lines for rows, and this size of the detail pane in columns and lines. Returns whether
    /// work is left for [`App::work`] and for further frames.
    pub fn prepare_frame(&mut self, store: &mut Store, lines: usize, detail: (u16, u16)) -> bool {
        self.tree.set_lines(store, lines);
        self.detail.set_size(detail);
        if let Some(table) = &mut self.table {
            table.set_size(lines, detail);
        }
        if let Some(list) = &mut self.log_list {
            let has_notes = list.leaves_filter_aside() || self.logs.first() > 0;
            list.pane.set_size(lines.saturating_sub(usize::from(has_notes)), detail);
        }
        let has_more = self.work(store, Slice::in_frame(IN_FRAME));
        if let Some(table) = &mut self.table {
            table.write_shown(store, &self.aggregates);
            self.show_detail(store);
        } else {
            let (lines, _) = self.tree.window(store, self.tree.height());
            let rows: Vec<_> = lines.into_iter().filter_map(TreeLine::row).collect();
            self.insights.update(store, &rows, self.now);
        }
        if let Some(list) = &mut self.log_list {
            list.read_lines(&self.logs);
        }
        if let Some(list) = &mut self.series_list {
            // A line below the list says what it leaves out.
            let has_notes = list.leaves_filter_aside() || list.difference().is_some() || self.metrics.losses() != MetricLosses::default();
            list.set_size(lines.saturating_sub(usize::from(has_notes)), detail);
        }
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.refresh_if_due(store);
        }
        has_more
    }

    /// Works for a moment on what is too much for a frame: the filter, the totals, the rankings and the open list. Returns whether work is left.
    pub fn work(&mut self, store: &mut Store, slice: Slice) -> bool {
        let mut has_more = self.advance_filter(store, slice.share());
        if std::mem::take(&mut self.is_refiltered) {
            let old = self.aggregates.restart(store, &mut self.tree);
            self.trash.put(old);
            self.survey.outdate();
            if let Some(table) = &mut self.table {
                let old = table.restart(store);
                self.trash.put(old);
            }
        }
        let changes = self.tree.take_visibility_changes();
        has_more |= self.aggregates.advance(store, &self.tree, &changes, slice.share());
        if let Some(table) = &mut self.table {
            table.traces_changed(&changes);
            has_more |= table.refresh(store, &self.tree, &self.aggregates, slice.share());
        }
        if !changes.is_empty() {
            self.survey.outdate();
        }
        has_more |= self.advance_survey(store, slice.share());
        let trace = self.tree.cursor().map(|row| store.main_of(store.row(row).trace()));
        has_more |= self.aggregates.update_trace(store, trace, self.now, slice);
        has_more |= self.aggregates.rank(store, slice.share());
        if let Some(Overlay::Picker(picker)) = &mut self.overlay {
            has_more |= picker.advance(store, slice.share());
        }
        let is_paused = self.is_paused();
        if let Some(list) = self.log_list.as_mut().filter(|_| !is_paused) {
            has_more |= list.refresh(&self.logs, self.now, slice.share());
        }
        if let Some(list) = self.series_list.as_mut().filter(|_| !is_paused) {
            has_more |= list.refresh(&self.metrics, self.now, slice.share());
            has_more |= list.compare(&self.metrics, store, slice.share());
        }
        self.trash.put(self.tree.take_discarded());
        has_more |= self.trash.advance(slice.share());
        has_more || self.tree.is_filtering()
    }

    /// Sets the state of a source. A message about its trouble goes with the trouble.
    pub fn source_state(&mut self, source: usize, state: State) {
        let Some(view) = self.sources.get_mut(source) else { return };
        // The header may have no room for the whole error.
        let error = if let State::Failing(why) = &state { Some(format!("{}: {}", view.name, view.without_name(why))) } else { None };
        view.state = state;
        match error {
            Some(error) => {
                self.show_message(error, true, self.now);
                self.message.iter_mut().for_each(|message| message.source = Some(source));
            }
            None => {
                self.message.take_if(|message| message.source == Some(source));
            }
        }
    }

    /// Sets the traffic of a listener. Warns when a port opens to other machines.
    pub fn source_traffic(&mut self, store: &mut Store, source: usize, traffic: Traffic) {
        store.set_payload_memory(traffic.memory);
        // Payloads may take more than was estimated when traces were evicted, and no further batch may come.
        if !self.is_paused() {
            let changes = store.evict_excess();
            self.apply_changes(store, changes);
        }
        let Some(view) = self.sources.get_mut(source) else { return };
        let is_open = |traffic: &Traffic, address| traffic.ports.iter().any(|port| port.address == address && port.warning.is_some());
        let opened =
            traffic.ports.iter().map(|port| port.address).find(|&address| is_open(&traffic, address) && !is_open(&view.traffic, address));
        let token = if traffic.has_token { " with the token" } else { "" };
        view.traffic = traffic;
        if let Some(address) = opened {
            // The full warning is in the list of sources.
            self.show_warning(format!("{address} is open to others{token} · {} says more", self.keymap.hint(Action::Sources)));
        }
    }

    /// Returns the traces that changed since the last call, if they are noted. One of them may be gone.
    pub fn take_changed(&mut self) -> Vec<TraceIx> {
        self.changed.drain().collect()
    }

    /// Returns whether to ring the terminal's bell, once.
    pub fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.bell)
    }

    /// Returns the payloads that sources can release, once.
    pub fn take_released(&mut self) -> Vec<(SourceId, PayloadRef)> {
        std::mem::take(&mut self.released)
    }
}
