//! AgentOS as a source: what it is asked, what is shown of its answers, and what it answers wrongly. `live.rs` runs a real one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a test speaks to the user who runs it")]

mod bad_input;
mod following;
mod live;
#[path = "../agno/mod.rs"]
mod real;
mod server;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use agno_top::model::{SourceId, SpanId, TraceId};
use agno_top::sources::{Handle, ReadLimits, Request, State, Update, UpdateSender, Wanted, agentos};
use agno_top::store::{Limits, Store};
use tokio::sync::mpsc::Receiver;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source, and what it sent.
struct Source {
    handle: Handle,
    updates: Receiver<Update>,
    store: Store,
    states: Vec<State>,
    /// How often each span was sent.
    sent: BTreeMap<(TraceId, SpanId), usize>,
    skipped: Vec<String>,
    others: Vec<Update>,
}

impl Source {
    fn open(url: &str, key: Option<&str>, limits: ReadLimits) -> Self {
        Self::started(|updates| agentos::start(url, key, limits, updates))
    }

    fn started(start: impl FnOnce(UpdateSender) -> std::io::Result<Handle>) -> Self {
        let (sender, updates) = tokio::sync::mpsc::channel(64);
        let handle = start(UpdateSender::new(SourceId(0), sender)).unwrap();
        let store = Store::new(Limits { spans: 100_000, bytes: 1 << 30, stale: 60_000_000_000 });
        Self { handle, updates, store, states: Vec::new(), sent: BTreeMap::new(), skipped: Vec::new(), others: Vec::new() }
    }

    fn all(url: &str) -> Self {
        Self::open(url, None, ReadLimits::of(1_000_000))
    }

    /// Receives updates until this holds.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?} {:?} {:?}", self.states, self.sent.len(), self.skipped);
            let Ok(update) = self.updates.try_recv() else {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            match update {
                Update::Batch(batch) => {
                    for span in &batch.spans {
                        *self.sent.entry((span.trace, span.id)).or_default() += 1;
                    }
                    self.skipped.extend(batch.skipped.iter().map(|skipped| format!("{}: {}", skipped.place, skipped.reason)));
                    let _ = self.store.apply(&batch, agno_top::model::time::now());
                }
                Update::State(_, state) => self.states.push(state),
                other => self.others.push(other),
            }
        }
    }

    fn until_watching(&mut self) {
        self.until("it watches", |source| matches!(source.states.last(), Some(State::Watching { .. } | State::WatchingNewest { .. })));
    }

    /// Returns the message of the first failure.
    fn failure(&mut self) -> String {
        let found = |source: &Self| {
            source.states.iter().find_map(|state| if let State::Failing(reason) = state { Some(reason.clone()) } else { None })
        };
        self.until("it fails", |source| found(source).is_some());
        found(self).unwrap()
    }

    fn ask(&self, request: Request) {
        self.handle.requests.send(request).unwrap();
    }

    fn read(&mut self, wanted: Wanted) -> Option<agno_top::model::Nanos> {
        self.ask(Request::Read { ticket: 7, wanted });
        self.until("an answer", |source| source.others.iter().any(|update| matches!(update, Update::Read { .. })));
        let mut answers = self.others.drain(..).filter_map(|update| if let Update::Read { from, .. } = update { Some(from) } else { None });
        answers.next_back().unwrap()
    }

    /// The spans of the store.
    fn spans(&self) -> u64 {
        self.store.all().spans.into()
    }
}
