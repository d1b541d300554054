//! A turn: a prompt, and the calls that answer it.

use std::collections::{HashMap, HashSet};

use super::{Record, hash, payload, trace_id};
use crate::model::attributes::heap_bytes;
use crate::model::{Attribute, LogNote, Nanos, Payload, SpanId, Status, TraceId, Value};
use crate::otlp::encode::SpanData;
use crate::semconv::log_events::{self, LOG_EVENT_KEY, LOG_NOTE_KEY, Told};

/// The most spans of a turn that are kept in case it moves to another trace, and the most of its events that are known again.
const MAX_KEPT: usize = 4096;

#[derive(Debug)]
pub(super) struct Turn {
    /// The number of its last news.
    pub(super) news: u64,
    trace: TraceId,
    /// Whether no event named the trace.
    is_own_trace: bool,
    root: SpanId,
    start: Nanos,
    /// The time of its last event.
    end: Nanos,
    is_running: bool,
    name: String,
    payload: Payload,
    /// When the model was called, and the time of the event that said so.
    call: Option<(Nanos, Nanos)>,
    /// Whether the model that answers has proposed a tool call.
    proposes: bool,
    /// When the model that answered last proposed a tool call about which nobody decided.
    asked: Option<Nanos>,
    /// The time of the last decision about a tool call.
    decided: Nanos,
    tools: HashMap<String, ToolState>,
    /// The bytes of their ids.
    tools_bytes: usize,
    /// The number of tools that run.
    running_tools: usize,
    /// The hashes of its events.
    known: HashSet<u64>,
    /// The spans of its calls, while they may have to move.
    spans: Vec<SpanData>,
    spans_bytes: usize,
}

/// The calls of a tool with one id. Some models count their calls from 0 each time.
#[derive(Debug, Default)]
struct ToolState {
    /// The number of its calls that ended.
    ended: u32,
    /// When the one that runs began.
    began: Option<Nanos>,
    /// When the user was asked to permit it.
    asked: Option<Nanos>,
}

impl Turn {
    pub(super) fn new(key: u64, record: &Record<'_>) -> Self {
        let in_own_span = record.told == Told::Prompt { in_own_span: true };
        let root = record.span.filter(|_| in_own_span && record.trace.is_some());
        let mut payload = payload(&record.group);
        let service = payload.resource.iter().find(|(key, _)| key == "service.name").map(|(_, value)| value.clone());
        let service = if let Some(Value::Text(service)) = service { service } else { "agent".to_owned() };
        payload.attributes = vec![
            ("gen_ai.operation.name".to_owned(), Value::Text("invoke_agent".to_owned())),
            ("gen_ai.agent.name".to_owned(), Value::Text(service.clone())),
            (LOG_EVENT_KEY.to_owned(), Value::Text(record.name.clone())),
        ];
        if !record.ids.session.is_empty() {
            payload.attributes.push(("session.id".to_owned(), Value::Text(record.ids.session.clone())));
        }
        Self {
            news: 0,
            trace: record.trace.unwrap_or_else(|| trace_id(key)),
            is_own_trace: record.trace.is_none(),
            root: root.unwrap_or_else(|| SpanId::from_hash(key)),
            start: record.time,
            end: record.time,
            is_running: true,
            name: format!("invoke_agent {service}"),
            payload,
            call: None,
            proposes: false,
            asked: None,
            decided: 0,
            tools: HashMap::new(),
            tools_bytes: 0,
            running_tools: 0,
            known: HashSet::new(),
            spans: Vec::new(),
            spans_bytes: 0,
        }
    }

    /// Returns the bytes of memory that the turn takes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + heap_bytes(&self.payload.attributes) + self.spans_bytes + self.tools_bytes + self.known.len() * 16
    }

    /// Adds an event. Returns `false` if it came before.
    pub(super) fn push(
        &mut self,
        record: &Record<'_>,
        logs_answers: bool,
        spans: &mut Vec<SpanData>,
        withdrawn: &mut Vec<TraceId>,
    ) -> bool {
        if self.known.contains(&record.hash) {
            return false;
        }
        if self.known.len() < MAX_KEPT {
            self.known.insert(record.hash);
        }
        self.move_to(record, spans, withdrawn);
        let before = self.end;
        self.end = before.max(record.time);
        let from = spans.len();
        match record.told {
            Told::Prompt { .. } => self.begin(record),
            Told::CallBegins => {
                let begin = record.time.saturating_sub(log_events::duration(&record.attributes).unwrap_or_default());
                self.call = Some((begin, record.time));
                (self.asked, self.proposes) = (None, false);
                self.is_running = true;
            }
            Told::Call | Told::Details | Told::FailedCall => {
                let span = self.model_call(record);
                if log_events::is_of_turn(&record.attributes) {
                    let has_failed = record.told == Told::FailedCall;
                    // Where answers are logged, one without a text asks for a tool.
                    let proposes = !has_failed && (self.proposes || logs_answers) && self.decided < span.start;
                    self.asked = proposes.then_some(record.time);
                    self.proposes = false;
                    self.is_running = proposes || self.running_tools > 0 || logs_answers && !has_failed;
                }
                spans.push(span);
            }
            Told::ToolProposed => self.proposes = true,
            Told::ToolBegins | Told::ToolRefused | Told::Tool => {
                let asked = self.asked.take().unwrap_or(before);
                if record.told != Told::Tool {
                    self.decided = self.decided.max(record.time);
                }
                spans.push(self.tool_call(record, asked));
                self.is_running = true;
            }
            Told::Answer if log_events::is_of_turn(&record.attributes) => {
                if let Some(answer) = log_events::answer(&record.attributes) {
                    self.state("output.value", Value::Text(answer));
                }
                self.asked = None;
                self.is_running = self.running_tools > 0;
            }
            Told::Answer | Told::SessionEnds => {}
        }
        for span in &spans[from..] {
            self.start = self.start.min(span.start);
            if self.is_own_trace && self.spans.len() < MAX_KEPT {
                self.spans_bytes += size_of::<SpanData>() + heap_bytes(&span.payload.attributes) + heap_bytes(&span.payload.resource);
                self.spans.push(span.clone());
            }
        }
        true
    }

    /// Moves the turn to the trace that a record names, if it has none but its own.
    fn move_to(&mut self, record: &Record<'_>, spans: &mut Vec<SpanData>, withdrawn: &mut Vec<TraceId>) {
        let Some(trace) = record.trace.filter(|trace| self.is_own_trace && *trace != self.trace) else { return };
        spans.retain(|span| span.trace != self.trace);
        withdrawn.push(self.trace);
        (self.trace, self.is_own_trace) = (trace, false);
        self.spans_bytes = 0;
        spans.extend(std::mem::take(&mut self.spans).into_iter().map(|span| SpanData { trace, ..span }));
    }

    fn begin(&mut self, record: &Record<'_>) {
        self.start = record.time;
        self.is_running = true;
        for (key, value) in kept(&record.attributes) {
            self.state(&key, value);
        }
        if let Some(prompt) = log_events::prompt(&record.attributes) {
            self.state("input.value", Value::Text(prompt));
        }
        self.state(LOG_EVENT_KEY, Value::Text(record.name.clone()));
    }

    fn state(&mut self, key: &str, value: Value) {
        match self.payload.attributes.iter_mut().find(|(name, _)| name == key) {
            Some((_, known)) => *known = value,
            None => self.payload.attributes.push((key.to_owned(), value)),
        }
    }

    /// Ends the turn, since nothing more can come. Returns whether it ran.
    pub(super) fn end_session(&mut self) -> bool {
        self.running_tools = 0;
        std::mem::replace(&mut self.is_running, false)
    }

    /// Returns the span of the prompt.
    pub(super) fn root(&self) -> SpanData {
        let mut payload = self.payload.clone();
        payload.attributes.extend(note(LogNote { asked: self.asked.filter(|_| self.is_running), logged_in: None }));
        SpanData {
            trace: self.trace,
            id: self.root,
            parent: None,
            start: self.start,
            end: (!self.is_running).then_some(self.end),
            status: Status::Unset,
            name: self.name.clone(),
            payload,
        }
    }

    fn model_call(&mut self, record: &Record<'_>) -> SpanData {
        let begun = self.call.take();
        let duration = log_events::duration(&record.attributes);
        let start = duration.map(|duration| record.time.saturating_sub(duration)).or(begun.map(|(start, _)| start));
        let mut span = call(record, start.unwrap_or(record.time), self.trace, SpanId::from_hash(hash(&(self.root, record.hash))));
        span.parent = Some(self.root);
        // Without a duration, the time counts from the event that said that the answer begins.
        let until_event = if duration.is_none() { begun.map_or(0, |(start, event)| event.saturating_sub(start)) } else { 0 };
        state_first_token(&mut span, record, until_event);
        span
    }

    /// Returns the span of a tool call. If the user decided about it, that was since `asked`.
    fn tool_call(&mut self, record: &Record<'_>, asked: Nanos) -> SpanData {
        let id = &record.ids.call;
        let was_asked = record.told != Told::Tool && log_events::was_user_asked(&record.attributes) && asked <= record.time;
        let (mut number, mut began, mut asked) = (0, None, was_asked.then_some(asked));
        if !id.is_empty() && (self.tools.len() < MAX_KEPT || self.tools.contains_key(id)) {
            if !self.tools.contains_key(id) {
                self.tools_bytes += size_of::<(String, ToolState)>() + id.len();
            }
            let state = self.tools.entry(id.clone()).or_default();
            number = state.ended;
            began = state.began;
            state.asked = asked.or(state.asked);
            asked = state.asked;
            if record.told == Told::ToolBegins {
                self.running_tools += usize::from(state.began.is_none());
                state.began.get_or_insert(record.time);
            } else {
                self.running_tools = self.running_tools.saturating_sub(usize::from(state.began.take().is_some()));
                state.asked = None;
                state.ended += 1;
            }
        }
        let unique = if id.is_empty() { hash(&(self.root, record.hash)) } else { hash(&(self.root, id, number)) };
        let duration = log_events::duration(&record.attributes);
        let start = match (record.told, duration) {
            // Some count the wait for the user as a part of the call.
            (Told::Tool, Some(duration)) => {
                let start = record.time.saturating_sub(duration);
                began.filter(|_| asked.is_some()).map_or(start, |began| began.max(start))
            }
            _ => began.unwrap_or(record.time),
        };
        let mut span = call(record, start, self.trace, SpanId::from_hash(unique));
        span.parent = Some(self.root);
        let logged_in = record.trace.zip(record.span).filter(|_| id.is_empty());
        span.payload.attributes.extend(note(LogNote { asked, logged_in }));
        span
    }
}

/// Returns the span of a call that belongs to no session.
pub(super) fn call_alone(record: &Record<'_>) -> Option<SpanData> {
    if !matches!(record.told, Told::Call | Told::Details | Told::FailedCall | Told::Tool) {
        return None;
    }
    let start = record.time.saturating_sub(log_events::duration(&record.attributes).unwrap_or_default());
    let trace = record.trace.unwrap_or_else(|| trace_id(record.hash));
    let mut span = call(record, start, trace, SpanId::from_hash(record.hash));
    span.parent = record.span.filter(|_| record.trace.is_some());
    state_first_token(&mut span, record, 0);
    Some(span)
}

/// Returns the span of a call, without its parent.
fn call(record: &Record<'_>, start: Nanos, trace: TraceId, id: SpanId) -> SpanData {
    let attributes = &record.attributes;
    let is_tool = matches!(record.told, Told::ToolBegins | Told::ToolRefused | Told::Tool);
    let facts = if is_tool { log_events::tool_attributes(attributes) } else { log_events::model_attributes(attributes) };
    let title = |key: &str| facts.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let (verb, title) = if is_tool { ("execute_tool", title("gen_ai.tool.name")) } else { ("chat", title("gen_ai.response.model")) };
    let name = if let Some(Value::Text(title)) = title { format!("{verb} {title}") } else { verb.to_owned() };
    let (status, message) = match record.told {
        Told::FailedCall => (Status::Error, log_events::error_text(attributes)),
        Told::ToolRefused => (Status::Error, "permission denied".to_owned()),
        Told::Tool if log_events::success(attributes) == Some(false) => (Status::Error, log_events::error_text(attributes)),
        _ => (Status::Unset, String::new()),
    };
    let mut payload = payload(&record.group);
    payload.status_message = message;
    // Of a tool, that would be the answer that asked for it.
    let attempt = if record.told == Told::FailedCall { log_events::attempt(&record.name, attributes) } else { None };
    let is_fact = |key: &str| {
        (is_tool && key == "response_id") || (attempt.is_some() && key == "attempt") || facts.iter().any(|(name, _)| name == key)
    };
    payload.attributes = kept(attributes).filter(|(key, _)| !is_fact(key)).collect();
    payload.attributes.extend(facts);
    let attempt = attempt.and_then(|attempt| i64::try_from(attempt).ok());
    payload.attributes.extend(attempt.map(|attempt| ("attempt".to_owned(), Value::Int(attempt))));
    payload.attributes.push((LOG_EVENT_KEY.to_owned(), Value::Text(record.name.clone())));
    let end = (record.told != Told::ToolBegins).then_some(record.time);
    SpanData { trace, id, parent: None, start: start.max(1), end, status, name, payload }
}

fn note(note: LogNote) -> Option<Attribute> {
    Some(note.text()).filter(|text| !text.is_empty()).map(|text| (LOG_NOTE_KEY.to_owned(), Value::Text(text)))
}

fn state_first_token(span: &mut SpanData, record: &Record<'_>, until_event: Nanos) {
    if let Some(first) = log_events::first_token(&record.attributes) {
        let seconds = first.saturating_add(until_event) as f64 / 1e9;
        span.payload.attributes.push(("gen_ai.response.time_to_first_chunk".to_owned(), Value::Float(seconds)));
    }
}

/// Returns the attributes of a record without those whose text is left out.
fn kept(attributes: &[Attribute]) -> impl Iterator<Item = Attribute> {
    let is_kept = |(_, value): &&Attribute| !matches!(value, Value::Text(text) if log_events::is_left_out(text));
    attributes.iter().filter(is_kept).cloned()
}
