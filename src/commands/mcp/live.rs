//! The traces that the server on standard input answers about, kept up to date while it runs; and the calls that a screen answers instead.

use tokio::time::Instant;

use super::calls::Call;
use super::desk::{Desk, Held};
use super::find;
use super::relay::{self, Relayed, Relays};
use super::server::Question;
use crate::export::Redactor;
use crate::model::clock::Clock;
use crate::model::{Batch, Nanos};
use crate::sources::{Hub, State, Update};
use crate::store::Store;

/// The sources, the store, and the calls that wait.
pub(super) struct Live {
    hub: Hub,
    store: Store,
    clock: Clock,
    now: Nanos,
    desk: Desk,
    relays: Relays,
    /// Whether no source was named: then a screen of this folder knows more.
    prefers_screen: bool,
    /// Per source, whether everything it held at first was read, and why it can't be read.
    sources: Vec<(bool, Option<String>)>,
    /// The calls that came before everything was read.
    early: Vec<Question>,
    /// Whether all sources have ended; nothing new will come.
    has_ended: bool,
}

/// Something that happened.
pub(super) enum Event {
    /// An update of a source; `None` after all have ended.
    Update(Option<Update>),
    /// A screen answered, or there was none.
    Relayed(Relayed),
}

impl Live {
    pub(super) fn new(hub: Hub, store: Store, redactor: Option<Redactor>, prefers_screen: bool) -> Self {
        let sources = hub.sources().iter().map(|_| (false, None)).collect();
        let mut clock = Clock::default();
        let now = clock.read().0;
        let (desk, relays) = (Desk::new(redactor, u64::MAX), Relays::default());
        Self { hub, store, clock, now, desk, relays, prefers_screen, sources, early: Vec::new(), has_ended: false }
    }

    pub(super) fn into_hub(self) -> Hub {
        self.hub
    }

    /// Waits until something happens. Cancel safe.
    pub(super) async fn next(&mut self) -> Event {
        let Self { hub, relays, has_ended, .. } = self;
        tokio::select! {
            relayed = relays.next() => Event::Relayed(relayed),
            update = hub.recv(), if !*has_ended => Event::Update(update),
        }
    }

    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Update(None) => self.has_ended = true,
            Event::Update(Some(Update::Batch(batch))) => self.apply(&batch),
            Event::Update(Some(Update::State(source, state))) => self.source_state(usize::from(source.0), state),
            Event::Update(Some(Update::Payloads { ticket, payloads })) => self.desk.payloads(ticket, payloads),
            Event::Update(Some(Update::Traffic(_, traffic))) => {
                self.store.set_payload_memory(traffic.memory);
                let changes = self.store.evict_excess();
                self.hub.release(changes.released);
            }
            Event::Update(Some(_)) => {}
            Event::Relayed(Relayed { question, answer: Some(answer) }) => question.reply.send(answer),
            Event::Relayed(Relayed { question, answer: None }) => self.ask_own(question),
        }
    }

    /// Marks traces without news as lost.
    pub(super) fn tick(&mut self) {
        self.read_clock();
        let changes = self.store.expire(self.now);
        self.with_desk(|desk, held| desk.changed(held, &changes.traces));
    }

    /// Returns when the first wait is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.desk.deadline()
    }

    /// Ends waits that are over.
    pub(super) fn end_overdue(&mut self) {
        self.desk.end_overdue();
    }

    /// Takes a call of the client.
    pub(super) fn ask(&mut self, question: Question) {
        let screens = match question.call {
            Call::CurrentView => relay::screens(false),
            _ if self.prefers_screen => relay::screens(true),
            _ => Vec::new(),
        };
        if screens.is_empty() { self.ask_own(question) } else { self.relays.begin(question, screens) }
    }

    /// Answers from the own sources; a call about a trace that they do not hold goes to a screen, which may have named it.
    fn ask_own(&mut self, mut question: Question) {
        if !self.is_read() {
            return self.early.push(question);
        }
        if !self.holds(&question.call) && !std::mem::replace(&mut question.is_relayed, true) {
            let screens = relay::screens(false);
            if !screens.is_empty() {
                return self.relays.begin(question, screens);
            }
        }
        self.read_clock();
        let Question { call, reply, .. } = question;
        self.with_desk(|desk, held| desk.ask(held, call, reply));
    }

    /// Whether the store holds the traces that a call names, or the call names none.
    fn holds(&self, call: &Call) -> bool {
        let is_held = |id: &String| find::is_known(&self.store, id);
        match call {
            Call::GetTrace { id, .. } | Call::GetSpan { id, .. } | Call::Why { id } => is_held(id),
            Call::Compare { a, b } => is_held(a) && is_held(b),
            Call::FindTraces { .. } | Call::Stats { .. } | Call::WaitFor { .. } | Call::CurrentView => true,
        }
    }

    fn with_desk(&mut self, act: impl FnOnce(&mut Desk, &mut Held<'_>)) {
        let failures = self.sources.iter().filter_map(|(_, error)| error.as_deref());
        let notes: Vec<String> = failures.map(|reason| format!("A source can't be read: {reason}")).collect();
        act(&mut self.desk, &mut Held { hub: &mut self.hub, store: &mut self.store, now: self.now, notes: &notes });
    }

    fn read_clock(&mut self) {
        let (now, by) = self.clock.read();
        if by != 0 {
            self.store.clock_was_set(by);
        }
        self.now = now;
    }

    fn is_read(&self) -> bool {
        self.sources.iter().all(|(is_read, _)| *is_read)
    }

    fn source_state(&mut self, source: usize, state: State) {
        let was_read = self.is_read();
        let Some((is_read, error)) = self.sources.get_mut(source) else { return };
        match state {
            State::Loading { total, .. } => return self.store.reserve(total),
            State::Watching { .. } | State::WatchingNewest { .. } | State::Ended => (*is_read, *error) = (true, None),
            State::Waiting(reason) | State::Failing(reason) => (*is_read, *error) = (true, Some(reason)),
        }
        if !was_read && self.is_read() {
            // What ended long ago without its last span is lost, not running.
            self.read_clock();
            self.store.expire(self.now);
            for question in std::mem::take(&mut self.early) {
                self.ask_own(question);
            }
        }
    }

    fn apply(&mut self, batch: &Batch) {
        self.read_clock();
        let changes = self.store.apply(batch, self.now);
        self.hub.release(changes.released);
        if self.is_read() {
            self.with_desk(|desk, held| desk.changed(held, &changes.traces));
        }
    }
}
