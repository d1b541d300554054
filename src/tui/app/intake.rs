//! What comes in: spans, prices, what sources say of themselves, and the time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Action, App, Overlay, Table};
use crate::model::price::Prices;
use crate::model::{Batch, Nanos, Origin, PayloadRef, SourceId};
use crate::sources::{State, Traffic};
use crate::store::{Changes, MINUTE, Store};

/// Spans that a paused view holds back, and batches; beyond it the oldest are let in.
pub(super) const HELD_BACK: usize = 200_000;

impl App {
    /// Takes in spans, or holds them back while the view is paused.
    pub fn receive(&mut self, store: &mut Store, batch: Batch, now: Nanos) {
        if let Some(rate) = self.rates.back_mut().filter(|_| batch.origin == Origin::Live) {
            *rate += batch.spans.len() as u64;
        }
        let Some(held_back) = &mut self.held_back else {
            self.now = now;
            return self.take_in(store, &batch, now);
        };
        self.held_back_spans += batch.spans.len();
        self.held_back_bytes += weight(&batch);
        held_back.push_back(batch);
        while let Some(batch) = self.overdue(store.limits().bytes) {
            self.held_back_spans -= batch.spans.len();
            self.held_back_bytes -= weight(&batch);
            self.take_in(store, &batch, now);
        }
    }

    /// The oldest batch held back, if more is held back than may be.
    fn overdue(&mut self, bytes: u64) -> Option<Batch> {
        let is_full = self.held_back_spans > HELD_BACK || self.held_back_bytes > bytes;
        self.held_back.as_mut().filter(|held_back| is_full || held_back.len() > HELD_BACK)?.pop_front()
    }

    fn take_in(&mut self, store: &mut Store, batch: &Batch, now: Nanos) {
        let changes = store.apply(batch, now);
        let news = self.budgets.check(store, &changes.traces, &changes.evicted);
        // What was spent before anybody looked is no news.
        self.bell |= news && batch.origin == Origin::Live;
        self.check(store, batch, &changes.rows);
        self.changed(store, changes);
    }

    /// The prices are there.
    pub fn take_prices(&mut self, store: &mut Store, prices: Arc<Prices>) {
        let changes = store.set_prices(prices);
        self.budgets.check(store, &changes.traces, &changes.evicted);
        self.changed(store, changes);
    }

    /// A second passed. Returns whether anything on the screen changed.
    pub fn tick(&mut self, store: &mut Store, now: Nanos) -> bool {
        let before = self.now;
        let mut moving = self.rates.iter().any(|&rate| rate > 0) || store.all().running > 0;
        self.rates.pop_front();
        self.rates.push_back(0);
        let message_ends = self.message.as_ref().is_some_and(|message| message.until <= now);
        if message_ends {
            self.message = None;
        }
        if self.held_back.is_none() {
            self.now = now;
            let changes = store.expire(now);
            self.changed(store, changes);
            if self.tree.tick(store, now) {
                self.look(store);
                moving = true;
            }
            if store.all().running > 0 {
                self.detail.outdate_overview();
            }
        }
        // What rests is made anew, and with each minute the last hour is another one.
        let waits = self.aggregates.is_stale()
            || self.insights.is_stale()
            || self.tree.has_stale_path(store)
            || self.table.as_ref().is_some_and(Table::is_stale)
            || matches!(&self.overlay, Some(Overlay::Compare(compare)) if compare.is_stale());
        moving || message_ends || waits || before.div_euclid(MINUTE) != self.now.div_euclid(MINUTE)
    }

    fn changed(&mut self, store: &Store, mut changes: Changes) {
        self.released.append(&mut changes.released);
        for trace in &changes.evicted {
            self.marks.remove(trace);
        }
        if let Some(Overlay::Export(dialog)) = &mut self.overlay
            && !dialog.forget(&changes.evicted)
        {
            self.overlay = None;
            self.say("what was to be exported is held no longer", true, self.now);
        }
        self.tree.update(store, &changes, self.now);
        self.insights.forget(&changes.evicted);
        if let Some(table) = &mut self.table {
            table.forget(&changes.evicted);
            table.traces_changed(&changes.traces);
        }
        self.compare_again(&changes);
        self.look(store);
        if !changes.traces.is_empty() {
            self.detail.outdate_overview();
        }
    }

    /// A source says how it is.
    pub fn source_state(&mut self, source: usize, state: State) {
        if let Some(view) = self.sources.get_mut(source) {
            // The header may have no room for all of it.
            let news = if let State::Failing(why) = &state { Some(format!("{}: {why}", view.name)) } else { None };
            view.state = state;
            if let Some(news) = news {
                self.say(news, true, self.now);
            }
        }
    }

    /// A listener says what went through it.
    pub fn source_traffic(&mut self, source: usize, traffic: Traffic) {
        let Some(view) = self.sources.get_mut(source) else { return };
        let is_open = |traffic: &Traffic, address| traffic.ports.iter().any(|port| port.address == address && port.warning.is_some());
        let opened =
            traffic.ports.iter().map(|port| port.address).find(|&address| is_open(&traffic, address) && !is_open(&view.traffic, address));
        view.traffic = traffic;
        if let Some(address) = opened {
            // The whole warning is longer than most screens are wide.
            self.warn(format!("{address} is open to other machines · {} tells more", self.keymap.hint(Action::Sources)));
        }
    }

    /// Whether the terminal's bell is to ring.
    pub fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.bell)
    }

    /// Payloads that sources need to hold no longer; each is told once.
    pub fn released(&mut self) -> Vec<(SourceId, PayloadRef)> {
        std::mem::take(&mut self.released)
    }

    /// Spans held back; `None` unless paused.
    #[must_use]
    pub fn held_back_spans(&self) -> Option<usize> {
        self.held_back.as_ref().map(|_| self.held_back_spans)
    }

    pub(super) fn toggle_pause(&mut self, store: &mut Store, now: Nanos) {
        match self.held_back.take() {
            None => self.held_back = Some(VecDeque::new()),
            Some(batches) => {
                (self.now, self.held_back_spans, self.held_back_bytes) = (now, 0, 0);
                for batch in batches {
                    self.take_in(store, &batch, now);
                }
            }
        }
    }
}

/// Bytes that the source holds in memory for the spans of a batch.
fn weight(batch: &Batch) -> u64 {
    batch.spans.iter().map(|span| u64::from(span.retained_bytes)).sum()
}
