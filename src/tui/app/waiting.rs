//! Batches that have arrived and wait to be applied: during a pause, and behind a batch that takes longer than the inputs may wait.

use std::collections::VecDeque;

use super::App;
use crate::model::{Batch, Nanos, Origin};
use crate::store::{Progress, Store};

/// Spans and batches to hold back at most during a pause; beyond it the oldest are applied.
pub(super) const HELD_BACK: usize = 200_000;

/// What may be held back beside what the store holds: one byte in this many of its limit.
const HELD_BACK_SHARE: u64 = 16;

/// The batches that wait, the oldest first. Of the first one, a part may be applied.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    batches: VecDeque<Arrived>,
    /// The spans that are not applied.
    spans: usize,
    /// The sum over the batches.
    bytes: u64,
    is_paused: bool,
}

#[derive(Debug)]
struct Arrived {
    batch: Batch,
    progress: Progress,
    /// Bytes that the batch takes, and that the source holds for its spans.
    bytes: u64,
}

impl Waiting {
    fn push(&mut self, batch: Batch) {
        let retained: u64 = batch.spans.iter().map(|span| u64::from(span.retained_bytes)).sum();
        let bytes = batch.memory() as u64 + retained;
        self.spans += batch.spans.len();
        self.bytes += bytes;
        self.batches.push_back(Arrived { progress: Progress::new(&batch), batch, bytes });
    }

    /// Takes the first batch, unless all are to be held back.
    fn pop(&mut self, store: &Store) -> Option<Arrived> {
        if !self.is_due(store) {
            return None;
        }
        let arrived = self.batches.pop_front()?;
        self.spans -= arrived.progress.left();
        self.bytes -= arrived.bytes;
        Some(arrived)
    }

    /// Puts back the first batch, of which spans are left.
    fn put_back(&mut self, arrived: Arrived) {
        self.spans += arrived.progress.left();
        self.bytes += arrived.bytes;
        self.batches.push_front(arrived);
    }

    /// Whether the first batch is to be applied, if there is one: always, but during a pause only if too much is held back.
    fn is_due(&self, store: &Store) -> bool {
        let is_full = self.spans > HELD_BACK || self.batches.len() > HELD_BACK || self.bytes > store.limits().bytes / HELD_BACK_SHARE;
        !self.batches.is_empty() && (!self.is_paused || is_full)
    }
}

impl App {
    /// Applies a batch and those that wait before it, or holds it back during a pause.
    pub fn receive(&mut self, store: &mut Store, batch: Batch, now: Nanos) {
        self.receive_in_part(store, batch, now, &mut || true);
    }

    /// Applies a batch like [`App::receive`], as long as `goes_on` returns true. [`App::catch_up`] applies the rest.
    pub fn receive_in_part(&mut self, store: &mut Store, batch: Batch, now: Nanos, goes_on: &mut dyn FnMut() -> bool) {
        if let Some(rate) = self.rates.back_mut().filter(|_| batch.origin == Origin::Live) {
            *rate += batch.spans.len() as u64;
        }
        self.waiting.push(batch);
        self.catch_up(store, now, goes_on);
    }

    /// Returns whether batches wait for [`App::catch_up`].
    #[must_use]
    pub fn is_behind(&self, store: &Store) -> bool {
        self.waiting.is_due(store)
    }

    /// Applies spans of the batches that wait, at least one, as long as `goes_on` returns true. It is asked after each span.
    pub fn catch_up(&mut self, store: &mut Store, now: Nanos, goes_on: &mut dyn FnMut() -> bool) {
        while let Some(mut arrived) = self.waiting.pop(store) {
            if !self.waiting.is_paused {
                self.now = now;
            }
            let changes = store.apply_part(&arrived.batch, &mut arrived.progress, now, goes_on);
            self.batch_applied(store, &arrived.batch, changes);
            if arrived.progress.left() > 0 {
                return self.waiting.put_back(arrived);
            }
            if !goes_on() {
                return;
            }
        }
    }

    /// Returns the number of spans held back; `None` unless paused.
    #[must_use]
    pub fn held_back_spans(&self) -> Option<usize> {
        self.is_paused().then_some(self.waiting.spans)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.waiting.is_paused
    }

    /// Begins a pause, or ends it; [`App::catch_up`] applies what was held back.
    pub(super) fn toggle_pause(&mut self) {
        self.waiting.is_paused = !self.waiting.is_paused;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crossterm::event::KeyCode;

    use super::super::test_harness::{TestHarness, span, span_id, trace_id};
    use super::super::{Action, Overlay};
    use super::*;
    use crate::model::{SourceId, SpanFacts, SpanType, Usage};
    use crate::store::{Limits, Totals};

    /// A chain in which agents and model calls alternate.
    fn chain(trace: u8, spans: u64) -> Batch {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        for id in 1..=spans {
            let name = batch.intern(&format!("step {id}"));
            let usage = Some(Usage { input: Some(id as u32), output: Some(5), ..Usage::default() });
            let facts = match id % 2 {
                0 => SpanFacts { span_type: SpanType::Model, model: name, usage, ..SpanFacts::default() },
                _ => SpanFacts { span_type: SpanType::Agent, agent: name, ..SpanFacts::default() },
            };
            batch.spans.push(span(trace, id, id - 1, (id as Nanos, Some(2000 - id as Nanos)), name, facts));
        }
        batch
    }

    fn totals(harness: &TestHarness, trace: u8, spans: u64) -> Vec<Totals> {
        let store = &harness.store;
        let trace = store.find_trace(trace_id(trace)).unwrap();
        (1..=spans).map(|id| store.totals(store.find(trace, span_id(id)).unwrap())).collect()
    }

    #[test]
    fn keys_are_handled_while_a_deep_chain_arrives_and_the_batches_keep_their_order() {
        const SPANS: u64 = 200;
        let mut harness = TestHarness::new(Limits::default());
        harness.app.receive_in_part(&mut harness.store, chain(1, SPANS), 10, &mut || false);
        harness.press(KeyCode::Char('?'));
        assert!(matches!(harness.app.overlay, Some(Overlay::Help(_))), "a key was handled");
        assert_eq!(harness.store.all().spans, 1, "before the chain was whole");
        harness.app.receive_in_part(&mut harness.store, chain(2, 3), 10, &mut || false);
        for spans in 3..SPANS as u32 + 4 {
            assert_eq!((harness.app.is_behind(&harness.store), harness.app.held_back_spans()), (true, None));
            harness.app.catch_up(&mut harness.store, 10, &mut || false);
            assert_eq!((harness.store.all().spans, harness.store.trace_count()), (spans, 1 + usize::from(spans > SPANS as u32)));
        }
        assert!(!harness.app.is_behind(&harness.store));
        assert_eq!(harness.app.rates.back(), Some(&(SPANS + 3)), "a span counts once");
        let mut whole = TestHarness::new(Limits::default());
        whole.receive(chain(1, SPANS), 10);
        whole.receive(chain(2, 3), 0);
        assert_eq!(harness.store.all(), whole.store.all());
        assert_eq!(totals(&harness, 1, SPANS), totals(&whole, 1, SPANS));
        assert_eq!(totals(&harness, 1, SPANS)[0].input, (1..=SPANS).filter(|id| id % 2 == 0).sum::<u64>());
    }

    #[test]
    fn a_pause_holds_the_rest_of_a_batch_back() {
        let mut harness = TestHarness::new(Limits::default());
        harness.app.receive_in_part(&mut harness.store, chain(1, 8), 10, &mut || false);
        harness.act(Action::Pause);
        harness.receive(chain(2, 3), 0);
        assert_eq!((harness.app.is_behind(&harness.store), harness.app.held_back_spans()), (false, Some(10)));
        assert_eq!(harness.store.all().spans, 1);
        harness.press(KeyCode::Char(' '));
        assert!(harness.app.is_behind(&harness.store), "the end of a pause does not wait for what was held back");
        harness.app.catch_up(&mut harness.store, 20, &mut || true);
        assert_eq!((harness.store.all().spans, harness.store.trace_count(), harness.app.now), (11, 2, 20));
    }
}
