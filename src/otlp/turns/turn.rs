//! A turn: a prompt, and the calls that answer it.
//!
//! Events may come late and in any order, so a turn keeps its events and is built again, in the order of their times, when more come.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use super::call::{self, REFUSED};
use super::state::{Calls, Event, Made, Order, State};
use super::{Logs, hash, trace_id};
use crate::model::attributes::heap_bytes;
use crate::model::{LogNote, Nanos, SpanId, Status, TraceId, Value, Withdrawn};
use crate::otlp::encode::SpanData;
use crate::semconv::log_events::Told;

/// The most events of a turn from which a turn is built again when a late one comes, and the most that are known if they come again.
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
    key: u64,
    /// The trace and the span of the prompt as they were told; `None` if nothing was.
    place: Option<(TraceId, SpanId)>,
    /// The place, once an event that decided about it is no longer kept.
    settled_place: Option<(TraceId, SpanId)>,
    /// What is known after the events that are no longer kept.
    settled: State,
    events: BTreeMap<Order, Event>,
    events_bytes: usize,
    /// What is known after all events, and where that ends.
    after: State,
    end: Option<End>,
    /// The first of the events that came after that.
    news_from: Option<Order>,
    /// What is known at present.
    now: State,
    /// The hashes of its events.
    known: HashSet<u64>,
    /// The spans of its calls as they were told, by their hashes.
    told: HashMap<SpanId, u64>,
}

/// The last event that was told, and what was known of the session then.
#[derive(Debug)]
struct End {
    order: Order,
    logs: Logs,
    /// The prompts of other turns and the ends of the session before it.
    closings: Vec<Nanos>,
}

impl Turn {
    pub(super) fn new(key: u64, session: u64, session_id: &str) -> Self {
        Self {
            session,
            session_id: session_id.to_owned(),
            news: 0,
            counted: 0,
            key,
            place: None,
            settled_place: None,
            settled: State::new(),
            events: BTreeMap::new(),
            events_bytes: 0,
            after: State::new(),
            end: None,
            news_from: None,
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
            + self.after.bytes()
            + heap_bytes(&self.now.payload.attributes)
            + (self.known.len() + self.told.len()) * 16
    }

    pub(super) fn is_running(&self) -> bool {
        self.is_told() && self.now.is_running
    }

    /// Whether anything of it was told.
    pub(super) fn is_told(&self) -> bool {
        self.place.is_some()
    }

    /// Adds an event. Returns `false` if it came before.
    pub(super) fn push(&mut self, event: Event) -> bool {
        let hash = event.order.2;
        if self.known.contains(&hash) {
            return false;
        }
        if self.known.len() < MAX_KEPT {
            self.known.insert(hash);
        }
        self.news_from = Some(self.news_from.map_or(event.order, |first| first.min(event.order)));
        self.events_bytes += bytes(&event);
        if let Some(other) = self.events.insert(event.order, event) {
            self.events_bytes -= bytes(&other);
        }
        true
    }

    /// Whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.settled.start == Nanos::MAX
    }

    /// Removes the events from a time on that name no prompt.
    pub(super) fn take_after(&mut self, time: Nanos) -> Vec<Event> {
        let later = self.events.split_off(&(time, 0, 0));
        let (taken, kept): (Vec<Event>, Vec<Event>) = later.into_values().partition(|event| event.follows);
        self.events.extend(kept.into_iter().map(|event| (event.order, event)));
        self.end = None;
        for event in &taken {
            self.events_bytes -= bytes(event);
            self.known.remove(&event.order.2);
        }
        taken
    }

    /// Returns the trace and the span of the prompt, as the first events say that name them.
    fn find_place(&self) -> (TraceId, SpanId) {
        let own = (trace_id(self.key), SpanId::from_hash(self.key));
        let mut named = self.events.values().filter_map(|event| event.place);
        self.settled_place
            .or_else(|| {
                let first = named.next()?;
                let prompt = std::iter::once(first).chain(named).find(|(trace, span)| *trace == first.0 && span.is_some());
                Some((first.0, prompt.and_then(|(_, span)| span).unwrap_or(own.1)))
            })
            .unwrap_or(own)
    }

    /// Drops the oldest event. What it said stays known.
    fn settle(&mut self, logs: Logs) {
        let place = self.place.filter(|(trace, _)| *trace != trace_id(self.key));
        let Some((_, event)) = self.events.pop_first() else { return };
        self.events_bytes -= bytes(&event);
        self.settled_place = self.settled_place.or(place);
        let mut calls = Calls::new();
        self.settled.tell(&event, self.key, logs, &mut calls);
        for id in calls.keys() {
            self.told.remove(id);
        }
    }

    /// Tells the turn. Adds the spans of calls that changed, and what is no longer so. Prompts of other turns and the end of the session came
    /// at the times `closings`, the oldest first.
    pub(super) fn tell(&mut self, logs: Logs, closings: &[Nanos], spans: &mut Vec<SpanData>, withdrawn: &mut Vec<Withdrawn>) {
        // Events that come in order go on from where the others ended.
        let (named, news_from) = (self.find_place(), self.news_from.take());
        let end = self.end.take().filter(|end| {
            let closed_later = |at: &Nanos| *at >= end.order.0;
            end.logs == logs
                && closings.starts_with(&end.closings)
                && closings.get(end.closings.len()).is_none_or(closed_later)
                && news_from.is_none_or(|first| first > end.order)
                && self.place.is_none_or(|place| place == named)
        });
        let (mut after, from) = match &end {
            Some(end) => (std::mem::replace(&mut self.after, State::new()), Bound::Excluded(end.order)),
            None => (self.settled.clone(), Bound::Unbounded),
        };
        let (goes_on, mut passed, mut calls) = (end.is_some(), end.map_or(0, |end| end.closings.len()), Calls::new());
        for event in self.events.range((from, Bound::Unbounded)).map(|(_, event)| event) {
            while closings.get(passed).is_some_and(|closing| *closing < event.order.0) {
                after.close();
                passed += 1;
            }
            after.tell(event, self.key, logs, &mut calls);
        }
        let mut now = after.clone();
        if closings.len() > passed {
            now.close();
        }
        let place = (now.start != Nanos::MAX).then_some(named);
        let (mut told, before) =
            if goes_on { (std::mem::take(&mut self.told), None) } else { (HashMap::new(), Some(std::mem::take(&mut self.told))) };
        if let Some((trace, root)) = std::mem::replace(&mut self.place, place) {
            let has_moved = place.is_none_or(|place| place.0 != trace);
            let gone = before.iter().flat_map(HashMap::keys).filter(|&id| has_moved || !calls.contains_key(id)).copied();
            let root = Some(root).filter(|root| Some((trace, *root)) != place);
            // The calls go before the row above them.
            withdrawn.extend(gone.chain(root).map(|span| Withdrawn { trace, span: Some(span) }));
        }
        for (id, made) in calls {
            let hash = hash(&(place, made.event.order, made.start, made.asked, made.is_refused, made.until_event));
            if before.as_ref().unwrap_or(&told).get(&id) != Some(&hash) {
                spans.push(self.span(id, made));
            }
            told.insert(id, hash);
        }
        (self.told, self.after, self.now) = (told, after, now);
        let last = self.events.last_key_value().map(|(order, _)| *order);
        self.end = last.map(|order| End { order, logs, closings: closings[..passed].to_vec() });
        while self.events.len() > MAX_KEPT || self.settled_place.is_some() && self.events_bytes > MAX_KEPT_BYTES {
            self.settle(logs);
        }
    }

    fn span(&self, id: SpanId, made: Made<'_>) -> SpanData {
        let Made { event, start, asked, is_refused, until_event } = made;
        let (trace, root) = self.place();
        let mut span = SpanData { trace, id, parent: Some(root), start: start.max(1), ..event.span.clone() };
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

    fn place(&self) -> (TraceId, SpanId) {
        self.place.unwrap_or_else(|| (trace_id(self.key), SpanId::from_hash(self.key)))
    }

    /// Ends the turn, since nothing more can come. Returns whether it ran.
    pub(super) fn end(&mut self) -> bool {
        self.is_told() && std::mem::replace(&mut self.now.is_running, false)
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
        let (trace, id) = self.place();
        SpanData {
            trace,
            id,
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
