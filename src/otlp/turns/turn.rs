//! A turn: a prompt, and the calls that answer it.
//!
//! Events may come late and in any order, so a turn keeps its events and is built again, in the order of their times, when more come.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use hashbrown::{HashMap, HashSet};

use super::call::{self, REFUSED};
use super::state::{self, Calls, Event, Made, Order, Shown, State};
use super::writer::{SpanHead, Writer, encoded_attributes, push_encoded, push_fact, push_name};
use super::{Logs, hash, trace_id};
use crate::model::{LogNote, Nanos, SpanId, Status, TraceId, Withdrawn};
use crate::semconv::log_events::{FactValue, Told};

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
    /// The first event that names a trace, and that trace.
    first_named: Option<(Order, TraceId)>,
    /// The spans of the turn that events name, with their traces.
    named_spans: BTreeMap<Order, (TraceId, SpanId)>,
    /// What is known after all events, and where that ends.
    after: State,
    end: Option<End>,
    /// The first of the events that came after that.
    news_from: Option<Order>,
    /// What its span shows at present.
    now: Shown,
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
            first_named: None,
            named_spans: BTreeMap::new(),
            after: State::new(),
            end: None,
            news_from: None,
            now: State::new().shown,
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
            + self.now.stated.iter().map(state::bytes).sum::<usize>()
            + self.named_spans.len() * size_of::<(Order, (TraceId, SpanId))>()
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
        self.note_place(&event);
        self.events_bytes += event.bytes();
        if let Some(other) = self.events.insert(event.order, event) {
            self.events_bytes -= other.bytes();
        }
        true
    }

    fn note_place(&mut self, event: &Event) {
        let Some((trace, span)) = event.place else { return };
        if self.first_named.is_none_or(|(first, _)| event.order < first) {
            self.first_named = Some((event.order, trace));
        }
        self.named_spans.extend(span.map(|span| (event.order, (trace, span))));
    }

    /// Whether nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.settled.shown.is_empty()
    }

    /// Removes the events from a time on that name no prompt.
    pub(super) fn take_after(&mut self, time: Nanos) -> Vec<Event> {
        let later = self.events.split_off(&(time, 0, 0));
        let (taken, kept): (Vec<Event>, Vec<Event>) = later.into_values().partition(|event| event.follows);
        self.events.extend(kept.into_iter().map(|event| (event.order, event)));
        self.end = None;
        for event in &taken {
            self.events_bytes -= event.bytes();
            self.known.remove(&event.order.2);
        }
        (self.first_named, self.named_spans) = (None, BTreeMap::new());
        let events = std::mem::take(&mut self.events);
        for event in events.values() {
            self.note_place(event);
        }
        self.events = events;
        taken
    }

    /// Returns the trace and the span of the prompt, as the first events say that name them.
    fn find_place(&self) -> (TraceId, SpanId) {
        self.settled_place.unwrap_or_else(|| {
            let trace = self.first_named.map_or_else(|| trace_id(self.key), |(_, trace)| trace);
            let span = self.named_spans.values().find(|named| named.0 == trace).map(|(_, span)| *span);
            (trace, span.unwrap_or_else(|| SpanId::from_hash(self.key)))
        })
    }

    /// Drops the oldest event. What it said stays known.
    fn settle(&mut self, logs: Logs) {
        let place = self.place.filter(|(trace, _)| *trace != trace_id(self.key));
        let Some((order, event)) = self.events.pop_first() else { return };
        self.events_bytes -= event.bytes();
        self.named_spans.remove(&order);
        self.settled_place = self.settled_place.or(place);
        let mut calls = Calls::new();
        self.settled.tell(&event, self.key, logs, &mut calls);
        for id in calls.keys() {
            self.told.remove(id);
        }
    }

    /// Tells the turn. Adds the spans of calls that changed, and what is no longer so. Prompts of other turns and the end of the session came
    /// at the times `closings`, the oldest first.
    pub(super) fn tell(&mut self, logs: Logs, closings: &[Nanos], writer: &mut Writer, withdrawn: &mut Vec<Withdrawn>) {
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
        let mut now = after.shown.clone();
        now.is_running &= closings.len() <= passed;
        let place = (!now.is_empty()).then_some(named);
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
                self.write_call(id, made, writer);
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

    fn write_call(&self, id: SpanId, Made { event, start, asked, is_refused, until_event }: Made<'_>, writer: &mut Writer) {
        let (trace, root) = self.place();
        let (status, message) = if is_refused { (Status::Error, REFUSED) } else { (event.status, &*event.message) };
        let end = (event.told != Told::ToolBegins).then_some(event.order.0);
        let more = if matches!(event.told, Told::Call | Told::Details | Told::FailedCall) {
            call::first_token(event.first_token, until_event)
        } else {
            call::note(LogNote { asked, logged_in: event.logged_in })
        };
        let head = SpanHead { trace, id, parent: Some(root), start: start.max(1), end, status, message };
        writer.push(&event.origin, head, &event.call, more);
    }

    fn place(&self) -> (TraceId, SpanId) {
        self.place.unwrap_or_else(|| (trace_id(self.key), SpanId::from_hash(self.key)))
    }

    /// Ends the turn, since nothing more can come. Returns whether it ran.
    pub(super) fn end(&mut self) -> bool {
        self.is_told() && std::mem::replace(&mut self.now.is_running, false)
    }

    /// Writes the span of the prompt.
    pub(super) fn write_root(&self, writer: &mut Writer) {
        let Shown { start, end, is_running, asked, ref origin, ref stated } = self.now;
        let service =
            Some(String::from_utf8_lossy(&origin.service)).filter(|service| !service.is_empty()).unwrap_or(Cow::Borrowed("agent"));
        let mut facts = vec![("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.name", &service)];
        facts.extend((!self.session_id.is_empty()).then_some(("session.id", self.session_id.as_str())));
        let mut encoded = Vec::new();
        push_name(["invoke_agent", " ", &service], &mut encoded);
        let stated = stated.iter().flatten().flat_map(|stated| encoded_attributes(stated));
        for (_, attribute) in stated.filter(|(key, _)| facts.iter().all(|(name, _)| name.as_bytes() != *key)) {
            push_encoded(attribute, &mut encoded);
        }
        for (key, value) in facts {
            push_fact(key, &FactValue::Text(value.into()), &mut encoded);
        }
        let asked = asked.filter(|_| is_running).map(|asked| asked.at);
        let note = call::note(LogNote { asked, logged_in: None });
        let (trace, id) = self.place();
        let end = (!is_running).then_some(end);
        writer.push(origin, SpanHead { trace, id, parent: None, start, end, status: Status::Unset, message: "" }, &encoded, note);
    }
}
