//! An app with a store for tests, and spans to fill it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Action, App, Effect, Slice};
use crate::model::{Batch, Nanos, PayloadRef, Span, SpanFacts, SpanId, Status, Text, TraceId};
use crate::store::{Limits, Store};

pub(super) struct TestHarness {
    pub(super) app: App,
    pub(super) store: Store,
    pub(super) now: Nanos,
}

impl TestHarness {
    /// An empty screen of ten lines.
    pub(super) fn new(limits: Limits) -> Self {
        let mut app = App::new(Vec::new(), false, 0);
        app.tree.set_height(10);
        Self { app, store: Store::new(limits), now: 0 }
    }

    /// Receives a batch after some time.
    pub(super) fn receive(&mut self, batch: Batch, elapsed: Nanos) {
        self.now += elapsed;
        self.app.receive(&mut self.store, batch, self.now);
    }

    pub(super) fn act(&mut self, action: Action) -> Option<Effect> {
        let effect = self.app.update(&mut self.store, action, self.now);
        self.app.catch_up(&mut self.store, self.now, &mut || true);
        self.app.advance_filter(&self.store, slice());
        effect
    }

    pub(super) fn press(&mut self, code: KeyCode) -> Option<Effect> {
        self.app.key(&mut self.store, KeyEvent::new(code, KeyModifiers::NONE), self.now)
    }
}

/// More time than any test needs.
pub(super) fn slice() -> Slice {
    Slice::of(Duration::from_secs(60))
}

pub(super) fn trace_id(number: u8) -> TraceId {
    TraceId::new([number; 16]).unwrap()
}

pub(super) fn span_id(number: u64) -> SpanId {
    SpanId::new(number.to_be_bytes()).unwrap()
}

/// Returns a successful span. It is a root if `parent` is 0, and still running without an end.
#[allow(clippy::large_types_passed_by_value, reason = "tests make few spans")]
pub(super) fn span(trace: u8, id: u64, parent: u64, (start, end): (Nanos, Option<Nanos>), name: Text, facts: SpanFacts) -> Span {
    Span {
        trace: trace_id(trace),
        id: span_id(id),
        parent: (parent > 0).then(|| span_id(parent)),
        start,
        end,
        status: Status::Ok,
        name,
        facts,
        error: Text::default(),
        payload_ref: PayloadRef(id as i64),
        retained_bytes: 0,
    }
}
