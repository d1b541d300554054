//! A turn: a prompt, and the calls that answer it.
//!
//! Events may come late and in any order, so a turn keeps its events and is told anew, in the order of their times, when more come.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::call::{self, REFUSED};
use super::state::{Calls, Event, Made, Order, State};
use super::{Record, hash, trace_id};
use crate::model::attributes::heap_bytes;
use crate::model::{LogNote, Nanos, SpanId, Status, TraceId, Value};
use crate::otlp::encode::SpanData;
use crate::semconv::log_events::Told;

/// The most events of a turn that are told anew when a late one comes, and the most that are known again.
const MAX_KEPT: usize = 4096;

/// The most bytes of such events, once the turn cannot move to another trace.
const MAX_KEPT_BYTES: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) session: u64,
    /// The id of the session, as events state it.
    session_id: String,
    /// The number of its last news.
    pub(super) news: u64,
    /// The bytes that are counted of it.
    pub(super) counted: usize,
    trace: TraceId,
    /// Whether no event named the trace.
    is_own_trace: bool,
    root: SpanId,
    /// What is known after the events that are no longer kept.
    settled: State,
    events: BTreeMap<Order, Event>,
    events_bytes: usize,
    /// What is known after all events.
    now: State,
    /// The hashes of its events.
    known: HashSet<u64>,
    /// The spans of its calls as they were told, by their hashes.
    told: HashMap<SpanId, u64>,
}

impl Turn {
    pub(super) fn new(key: u64, session: u64, record: &Record<'_>) -> Self {
        let in_own_span = record.told == Told::Prompt { in_own_span: true };
        let root = record.span.filter(|_| in_own_span && record.trace.is_some());
        Self {
            session,
            session_id: record.ids.session.clone(),
            news: 0,
            counted: 0,
            trace: record.trace.unwrap_or_else(|| trace_id(key)),
            is_own_trace: record.trace.is_none(),
            root: root.unwrap_or_else(|| SpanId::from_hash(key)),
            settled: State::new(),
            events: BTreeMap::new(),
            events_bytes: 0,
            now: State::new(),
            known: HashSet::new(),
            told: HashMap::new(),
        }
    }

    /// Returns the bytes of memory that the turn takes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.session_id.len()
            + self.events_bytes
            + self.settled.bytes()
            + heap_bytes(&self.now.payload.attributes)
            + (self.known.len() + self.told.len()) * 16
    }

    pub(super) fn is_running(&self) -> bool {
        self.now.is_running
    }

    /// Adds an event. Returns `false` if it came before.
    pub(super) fn push(&mut self, record: &Record<'_>, withdrawn: &mut Vec<TraceId>) -> bool {
        if self.known.contains(&record.hash) {
            return false;
        }
        if self.known.len() < MAX_KEPT {
            self.known.insert(record.hash);
        }
        self.move_to(record, withdrawn);
        let event = Event::new(record, self.trace);
        self.events_bytes += bytes(&event);
        if let Some(other) = self.events.insert(event.order, event) {
            self.events_bytes -= bytes(&other);
        }
        true
    }

    /// Moves the turn to the trace that a record names, if it has none but its own.
    fn move_to(&mut self, record: &Record<'_>, withdrawn: &mut Vec<TraceId>) {
        let Some(trace) = record.trace.filter(|trace| self.is_own_trace && *trace != self.trace) else { return };
        withdrawn.push(self.trace);
        (self.trace, self.is_own_trace) = (trace, false);
        self.told.clear();
    }

    /// Drops the oldest event. What it said stays known.
    fn settle(&mut self, logs_answers: bool) {
        let Some((_, event)) = self.events.pop_first() else { return };
        self.events_bytes -= bytes(&event);
        self.settled.tell(&event, self.root, logs_answers, &mut Calls::new());
    }

    /// Tells the turn. Adds the spans of calls that changed. Prompts of other turns and the end of the session came at the times `closings`,
    /// the oldest first.
    pub(super) fn tell(&mut self, logs_answers: bool, closings: &[Nanos], spans: &mut Vec<SpanData>) {
        let (mut now, mut calls) = (self.settled.clone(), Calls::new());
        let mut closings = closings.iter().copied().peekable();
        for event in self.events.values() {
            while closings.next_if(|closing| *closing < event.order.0).is_some() {
                now.close();
            }
            now.tell(event, self.root, logs_answers, &mut calls);
        }
        if closings.next().is_some() {
            now.close();
        }
        let mut told = HashMap::with_capacity(calls.len());
        for (id, made) in calls {
            let hash = hash(&(made.event.order, made.start, made.asked, made.is_refused, made.until_event));
            if self.told.get(&id) != Some(&hash) {
                spans.push(self.span(id, made));
            }
            told.insert(id, hash);
        }
        (self.told, self.now) = (told, now);
        while self.events.len() > MAX_KEPT || !self.is_own_trace && self.events_bytes > MAX_KEPT_BYTES {
            self.settle(logs_answers);
        }
    }

    fn span(&self, id: SpanId, made: Made<'_>) -> SpanData {
        let Made { event, start, asked, is_refused, until_event } = made;
        let mut span = SpanData { trace: self.trace, id, parent: Some(self.root), start: start.max(1), ..event.span.clone() };
        if is_refused {
            (span.status, span.payload.status_message) = (Status::Error, REFUSED.to_owned());
        }
        if matches!(event.told, Told::Call | Told::Details | Told::FailedCall) {
            call::state_first_token(&mut span, event.first_token, until_event);
        } else {
            span.payload.attributes.extend(call::note(LogNote { asked, logged_in: event.logged_in() }));
        }
        span
    }

    /// Ends the turn, since nothing more can come. Returns whether it ran.
    pub(super) fn end(&mut self) -> bool {
        std::mem::replace(&mut self.now.is_running, false)
    }

    /// Returns the span of the prompt.
    pub(super) fn root(&self) -> SpanData {
        let State { start, end, is_running, asked, .. } = self.now;
        let mut payload = self.now.payload.clone();
        let service = payload.resource.iter().find(|(key, _)| key == "service.name").map(|(_, value)| value.clone());
        let service = if let Some(Value::Text(service)) = service { service } else { "agent".to_owned() };
        let mut facts = vec![("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.name", &service)];
        facts.extend((!self.session_id.is_empty()).then_some(("session.id", self.session_id.as_str())));
        payload.attributes.retain(|(key, _)| facts.iter().all(|(name, _)| name != key));
        payload.attributes.extend(facts.into_iter().map(|(key, value)| (key.to_owned(), Value::Text(value.to_owned()))));
        payload.attributes.extend(call::note(LogNote { asked: asked.filter(|_| is_running), logged_in: None }));
        SpanData {
            trace: self.trace,
            id: self.root,
            parent: None,
            start,
            end: (!is_running).then_some(end),
            status: Status::Unset,
            name: format!("invoke_agent {service}"),
            payload,
        }
    }
}

/// Returns the bytes of memory that an event takes, about.
fn bytes(event: &Event) -> usize {
    size_of::<(Order, Event)>() + heap_bytes(&event.span.payload.attributes) + heap_bytes(&event.span.payload.resource)
}
