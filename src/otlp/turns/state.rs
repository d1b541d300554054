//! What the events of a turn say, told in the order of their times.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::writer::{Origin, push_encoded, push_fact};
use super::{Logs, Record, call, hash};
use crate::model::{Nanos, SpanId, Status, TraceId};
use crate::semconv::log_events::{self, FactValue, LOG_EVENT_KEY, Told};

/// The most tools whose calls are known, and the most calls that run.
pub(super) const MAX_TOOLS: usize = 4096;

/// The place of an event among those of its turn: its time, its step where times are equal, and its hash.
pub(super) type Order = (Nanos, u8, u64);

/// An event of a turn.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) order: Order,
    pub(super) told: Told,
    name: Box<str>,
    pub(super) origin: Arc<Origin>,
    /// The encoded name and attributes of the call in the event.
    pub(super) call: Box<[u8]>,
    /// How the call ended, and why.
    pub(super) status: Status,
    pub(super) message: Box<str>,
    /// What a prompt or an answer states about the turn.
    stated: Stated,
    pub(super) first_token: Option<Nanos>,
    duration: Option<Nanos>,
    /// The trace that the record names, and the span if that is the turn itself.
    pub(super) place: Option<(TraceId, Option<SpanId>)>,
    /// The trace and the span in which a tool call without an id was logged.
    pub(super) logged_in: Option<(TraceId, SpanId)>,
    /// Whether it belongs to the last prompt, since it names none.
    pub(super) follows: bool,
    is_of_turn: bool,
    was_user_asked: bool,
    tool: Tool,
}

/// Encoded attributes of a turn, if anything is stated.
pub(super) type Stated = Option<Arc<[u8]>>;

/// What joins the events of a tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Tool {
    /// The hash of the call's id.
    Call(u64),
    /// The hash of the tool's name, where events state no id.
    Name(u64),
}

impl Event {
    /// Returns the event of a record. Uses a buffer to encode it.
    pub(super) fn new(record: &Record<'_, '_>, buffer: &mut Vec<u8>) -> Self {
        let attributes = record.attributes;
        let is_tool = matches!(record.told, Told::ToolBegins | Told::ToolRefused | Told::Tool);
        let is_call = is_tool || matches!(record.told, Told::Call | Told::Details | Told::FailedCall);
        let (status, message) = call::outcome(record);
        buffer.clear();
        let (mut call, mut stated) = (Box::default(), None);
        if is_call {
            call::encode(record, buffer);
            call = Box::from(buffer.as_slice());
        } else {
            encode_stated(record, buffer);
            stated = (!buffer.is_empty()).then(|| Arc::from(buffer.as_slice()));
        }
        let id = &record.ids.call;
        let tool = if id.is_empty() { Tool::Name(hash(&log_events::tool(attributes))) } else { Tool::Call(hash(id)) };
        let step = match record.told {
            Told::Prompt { .. } => 0,
            Told::CallBegins => 1,
            Told::ToolProposed => 2,
            Told::Call | Told::Details | Told::FailedCall => 3,
            Told::Answer => 4,
            Told::UserAsked => 5,
            Told::ToolBegins | Told::ToolRefused => 6,
            Told::Tool | Told::SessionEnds => 7,
        };
        let is_prompt = matches!(record.told, Told::Prompt { .. });
        let in_own_span = record.told == Told::Prompt { in_own_span: true };
        Self {
            order: (record.time, step, record.hash),
            told: record.told,
            name: record.name.as_ref().into(),
            origin: record.origin.clone(),
            call,
            status,
            message: message.into(),
            stated,
            first_token: log_events::first_token(attributes),
            duration: log_events::duration(attributes),
            place: record.trace.map(|trace| (trace, record.span.filter(|_| in_own_span))),
            logged_in: record.trace.zip(record.span).filter(|_| is_tool && id.is_empty()),
            follows: record.ids.prompt.is_empty() && !is_prompt,
            is_of_turn: log_events::is_of_turn(attributes),
            was_user_asked: log_events::was_user_asked(attributes),
            tool,
        }
    }

    /// Returns the bytes of memory that the event takes, about.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.name.len() + self.call.len() + self.message.len() + bytes(&self.stated);
        size_of::<(Order, Self)>() + texts + self.origin.bytes()
    }
}

/// Returns the bytes of memory that attributes take.
pub(super) fn bytes(stated: &Stated) -> usize {
    stated.as_ref().map_or(0, |stated| stated.len())
}

/// Appends what a prompt or an answer states about the turn.
fn encode_stated(record: &Record<'_, '_>, out: &mut Vec<u8>) {
    match record.told {
        Told::Prompt { .. } => {
            call::kept(record).for_each(|attribute| push_encoded(attribute.encoded, out));
            if let Some(prompt) = log_events::prompt(record.attributes) {
                push_fact("input.value", &FactValue::Text(prompt), out);
            }
            push_fact(LOG_EVENT_KEY, &FactValue::Text(Cow::Borrowed(&record.name)), out);
        }
        Told::Answer => {
            if let Some(answer) = log_events::answer(record.attributes) {
                push_fact("output.value", &FactValue::Text(answer), out);
            }
        }
        _ => {}
    }
}

/// A call: the event that tells the most of it, and what the others add.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    pub(super) event: &'a Event,
    pub(super) start: Nanos,
    /// When the user was asked to permit it.
    pub(super) asked: Option<Nanos>,
    pub(super) is_refused: bool,
    /// From the start to the event from which the time to the first token counts.
    pub(super) until_event: Nanos,
}

/// The calls in the events of a turn.
pub(super) type Calls<'a> = BTreeMap<SpanId, Made<'a>>;

/// The calls of a tool: those with one id, as some models count their calls from 0 each time; or those without an id.
#[derive(Clone, Debug, Default)]
struct ToolCalls {
    /// The number of its calls.
    number: u32,
    /// Those about which somebody decided and that have no result, the oldest first.
    open: VecDeque<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    number: u32,
    began: Nanos,
    asked: Option<Nanos>,
    is_refused: bool,
    runs: bool,
}

/// What the span of a turn shows.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) start: Nanos,
    /// The time of the last event.
    pub(super) end: Nanos,
    pub(super) is_running: bool,
    /// That the user has to permit a tool call.
    pub(super) asked: Option<Asked>,
    pub(super) origin: Arc<Origin>,
    /// What the first prompt states, the last one and the last answer; before a prompt, which event the turn was made from. Of two that
    /// state the same, the later one counts.
    pub(super) stated: [Stated; 3],
}

/// That a model which answered last proposed a tool call that has no decision yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Nanos,
    /// Whether an event says so. Otherwise it follows from the answer.
    is_stated: bool,
}

/// What is known of a turn after some of its events.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) shown: Shown,
    has_prompt: bool,
    /// When the model was called, and the time of the event that said so.
    call: Option<(Nanos, Nanos)>,
    /// Whether the model that answers has proposed a tool call.
    proposes: bool,
    /// The time of the last decision about a tool call.
    decided: Nanos,
    tools: HashMap<Tool, ToolCalls>,
    /// The number of tool calls without a result.
    open: usize,
}

impl Shown {
    /// Whether there was no event.
    pub(super) fn is_empty(&self) -> bool {
        self.start == Nanos::MAX
    }

    /// Ends the wait for the user. Returns when it began: with the event before, if nothing says so.
    fn end_wait(&mut self, before: Nanos) -> Nanos {
        self.asked.take().map_or(before, |asked| asked.at)
    }
}

impl State {
    /// Returns what is known before the first event.
    pub(super) fn new() -> Self {
        Self {
            shown: Shown { start: Nanos::MAX, end: 0, is_running: true, asked: None, origin: Arc::default(), stated: [const { None }; 3] },
            has_prompt: false,
            call: None,
            proposes: false,
            decided: 0,
            tools: HashMap::new(),
            open: 0,
        }
    }

    /// Returns the bytes of memory that the tools take, about.
    pub(super) fn bytes(&self) -> usize {
        self.tools.len() * size_of::<(Tool, ToolCalls)>() + self.open * size_of::<Open>()
    }

    /// Adds the next event of the turn with a key.
    pub(super) fn tell<'a>(&mut self, event: &'a Event, turn: u64, logs: Logs, calls: &mut Calls<'a>) {
        if event.told == Told::Details && logs.calls {
            return;
        }
        let time = event.order.0;
        if self.shown.is_empty() {
            self.shown.origin = event.origin.clone();
            let mut made = Vec::new();
            push_fact(LOG_EVENT_KEY, &FactValue::Text(Cow::Borrowed(&event.name)), &mut made);
            self.shown.stated[0] = Some(made.into());
        }
        let before = self.shown.end;
        (self.shown.start, self.shown.end) = (self.shown.start.min(time), before.max(time));
        match event.told {
            Told::Prompt { .. } => {
                if std::mem::replace(&mut self.has_prompt, true) {
                    self.shown.stated[1].clone_from(&event.stated);
                } else {
                    self.shown.origin = event.origin.clone();
                    self.shown.stated = [event.stated.clone(), None, None];
                }
                (self.shown.asked, self.proposes, self.shown.is_running) = (None, false, true);
            }
            Told::CallBegins => {
                self.call = Some((time.saturating_sub(event.duration.unwrap_or_default()), time));
                (self.shown.asked, self.proposes, self.shown.is_running) = (None, false, true);
            }
            Told::Call | Told::Details | Told::FailedCall => {
                let start = self.model_call(event, turn, calls);
                if event.is_of_turn {
                    let has_failed = event.told == Told::FailedCall;
                    // Where answers are logged, one without a text asks for a tool.
                    let proposes = !has_failed && (self.proposes || logs.answers) && self.decided < start;
                    let follows = proposes.then_some(Asked { at: time, is_stated: false });
                    // The user may be asked before the answer is complete.
                    self.shown.asked = self.stated_wait().or(follows);
                    self.proposes = false;
                    self.shown.is_running = self.shown.asked.is_some() || self.runs_tool() || logs.answers && !has_failed;
                }
            }
            Told::ToolProposed => self.proposes = true,
            Told::UserAsked => {
                let at = self.shown.asked.map_or(time, |asked| asked.at);
                (self.shown.asked, self.shown.is_running) = (Some(Asked { at, is_stated: true }), true);
            }
            Told::ToolBegins | Told::ToolRefused => {
                self.decide(event, before, turn, calls);
                self.shown.is_running = true;
            }
            Told::Tool => {
                self.end_tool(event, turn, calls);
                (self.shown.asked, self.shown.is_running) = (None, true);
            }
            Told::Answer if event.is_of_turn => {
                if event.stated.is_some() {
                    self.shown.stated[2].clone_from(&event.stated);
                }
                self.shown.asked = self.stated_wait();
                self.shown.is_running = self.shown.asked.is_some() || self.runs_tool();
            }
            Told::Answer | Told::SessionEnds => {}
        }
    }

    /// Returns that the user was asked, if an event said so.
    fn stated_wait(&self) -> Option<Asked> {
        self.shown.asked.filter(|asked| asked.is_stated)
    }

    /// Ends the turn, since another prompt came or the session ended.
    pub(super) fn close(&mut self) {
        self.shown.is_running = false;
        self.tools.values_mut().flat_map(|calls| &mut calls.open).for_each(|call| call.runs = false);
    }

    fn runs_tool(&self) -> bool {
        self.open > 0 && self.tools.values().any(|calls| calls.open.iter().any(|call| call.runs))
    }

    /// Adds a model call. Returns its start.
    fn model_call<'a>(&mut self, event: &'a Event, turn: u64, calls: &mut Calls<'a>) -> Nanos {
        let begun = self.call.take();
        let time = event.order.0;
        let start = event.duration.map(|duration| time.saturating_sub(duration)).or(begun.map(|(start, _)| start)).unwrap_or(time);
        // Without a duration, the time counts from the event that said that the answer begins.
        let until_event = if event.duration.is_none() { begun.map_or(0, |(start, event)| event.saturating_sub(start)) } else { 0 };
        let id = SpanId::from_hash(hash(&(turn, event.order.2)));
        self.add(id, Made { event, start, asked: None, is_refused: false, until_event }, calls);
        start
    }

    fn add<'a>(&mut self, id: SpanId, made: Made<'a>, calls: &mut Calls<'a>) {
        self.shown.start = self.shown.start.min(made.start);
        calls.insert(id, made);
    }

    /// Begins the tool call about which an event says that somebody decided, or ends it if it was refused.
    fn decide<'a>(&mut self, event: &'a Event, before: Nanos, turn: u64, calls: &mut Calls<'a>) {
        let time = event.order.0;
        let is_refused = event.told == Told::ToolRefused;
        self.decided = self.decided.max(time);
        if let Some(asked) = &mut self.shown.asked {
            asked.is_stated = false;
        }
        let has_id = matches!(event.tool, Tool::Call(_));
        let is_known = self.tools.len() < MAX_TOOLS || self.tools.contains_key(&event.tool);
        if !is_known || self.open >= MAX_TOOLS {
            let asked = Some(self.shown.end_wait(before)).filter(|_| event.was_user_asked);
            let id = SpanId::from_hash(hash(&(turn, event.order.2)));
            self.add(id, Made { event, start: time, asked, is_refused, until_event: 0 }, calls);
            return;
        }
        let tool = self.tools.entry(event.tool).or_default();
        let known = tool.open.back().copied().filter(|call| has_id && !call.is_refused);
        // A call that is decided twice was asked for once.
        if known.is_some() && !is_refused {
            return;
        }
        let asked = Some(self.shown.end_wait(before)).filter(|_| event.was_user_asked);
        let mut call = known.unwrap_or(Open { number: tool.number, began: time, asked, is_refused, runs: true });
        (call.is_refused, call.runs) = (is_refused, !is_refused);
        tool.number = tool.number.max(call.number + 1);
        // With an id, one call is open at a time; without one, no result of a refused call is to be told from that of another.
        self.open -= if has_id { tool.open.drain(..).len() } else { 0 };
        if has_id || !is_refused {
            tool.open.push_back(call);
            self.open += 1;
        }
        let id = event.tool.span(turn, call.number);
        self.add(id, Made { event, start: call.began, asked: call.asked, is_refused, until_event: 0 }, calls);
    }

    /// Ends the oldest call of a tool, or adds one about which no decision is known.
    fn end_tool<'a>(&mut self, event: &'a Event, turn: u64, calls: &mut Calls<'a>) {
        let time = event.order.0;
        let is_known = self.tools.len() < MAX_TOOLS || self.tools.contains_key(&event.tool);
        let mut open = None;
        let mut id = SpanId::from_hash(hash(&(turn, event.order.2)));
        if is_known {
            let tool = self.tools.entry(event.tool).or_default();
            open = tool.open.pop_front();
            self.open -= usize::from(open.is_some());
            let number = open.map_or(tool.number, |call| call.number);
            tool.number = tool.number.max(number + 1);
            id = event.tool.span(turn, number);
        }
        let asked = open.and_then(|call| call.asked);
        // Some count the wait for the user as a part of the call.
        let start = match (open, event.duration) {
            (Some(call), Some(_)) if asked.is_some() => call.began,
            (_, Some(duration)) => time.saturating_sub(duration),
            (Some(call), None) => call.began,
            (None, None) => time,
        };
        let is_refused = open.is_some_and(|call| call.is_refused);
        self.add(id, Made { event, start, asked, is_refused, until_event: 0 }, calls);
    }
}

impl Tool {
    /// Returns the id of the span of its call with this number.
    fn span(self, turn: u64, number: u32) -> SpanId {
        SpanId::from_hash(hash(&(turn, self, number)))
    }
}
