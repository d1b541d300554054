//! Makes spans of the log events of coding agents: a span for each call, and one for the prompt that they belong to.
//!
//! The prompt is the root of its turn and runs from its event on. Calls are joined to it by the ids of the prompt and of the session; where
//! events name no prompt, they belong to the last one of their session. A turn stands in the trace that the first of its events names. As
//! long as none does, it has a trace of its own, made from its ids.
//!
//! No event says that a turn is over. It counts as ended once a model has answered and no tool runs, and runs again when more comes; in a
//! session that logs answers only an answer ends it. Calls and answers beside the turn, for a title of the session, say, end nothing.
//!
//! A model that asked for a tool waits for the user's permission until an event tells of a decision: Codex says that it asked; where
//! answers are logged, an answer without a text asks. Nothing tells it of an answer with a text, until a hook says that the user is asked, or
//! the user has decided.
//!
//! Events may arrive in any order. What a turn and its calls are follows from the times of its events alone; what was told before and is
//! otherwise now is withdrawn.

mod call;
mod state;
mod turn;
mod writer;

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashMap;

use super::logs::{self, EncodedLog, LogHead};
use super::request::Group;
use super::value::{self, ShallowValue, decode_shallow, key_value};
use super::wire::{DecodeError, Fields};
use crate::model::sort;
use crate::model::{Nanos, SpanId, TraceId, Withdrawn};
use crate::semconv::log_events::{self, EventAttribute, EventAttributes, LogIds, Told};
use state::Event;
use turn::Turn;
use writer::{Origin, Writer};

/// The most turns that are remembered. The one without news for the longest time is forgotten first.
const MAX_TURNS: usize = 1024;

/// The most bytes of memory of all turns.
const MAX_BYTES: usize = 32 << 20;

/// The most sessions of which it is remembered what they log.
const MAX_SESSIONS: usize = 4096;

/// What the log records of a request tell of calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToldSpans {
    /// The spans, as a `TracesData` message.
    pub(crate) body: Vec<u8>,
    /// What earlier events told, and all events together tell otherwise.
    pub(crate) withdrawn: Vec<Withdrawn>,
}

/// The turns that events belong to.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    by_key: HashMap<u64, Turn>,
    /// The turns by their last news, the oldest first. A turn is in it again for each news.
    order: VecDeque<(u64, u64)>,
    /// The number of the last news.
    news: u64,
    sessions: HashMap<u64, Session>,
    bytes: usize,
    /// The program that the last record came from.
    origin: Arc<Origin>,
}

/// The most prompts of a session that are remembered, the latest ones.
const MAX_PROMPTS: usize = 64;

/// What is known of a session.
#[derive(Debug, Default)]
struct Session {
    /// The times of its prompts and their turns.
    prompts: BTreeSet<(Nanos, u64)>,
    /// When it ended last.
    ended: Option<Nanos>,
    logs: Logs,
}

/// What the program of a session logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Logs {
    /// The answers to prompts.
    answers: bool,
    /// Model calls, by events of its own.
    calls: bool,
}

/// A record that tells of a call.
struct Record<'r, 'a> {
    told: Told,
    name: Cow<'a, str>,
    time: Nanos,
    trace: Option<TraceId>,
    span: Option<SpanId>,
    /// The key of its session.
    session: Option<u64>,
    ids: LogIds<'a>,
    attributes: &'r EventAttributes<'a>,
    origin: Arc<Origin>,
    /// The hash of what happened and when.
    hash: u64,
}

/// What changes in one call of [`Turns::read`].
#[derive(Default)]
struct Output {
    writer: Writer,
    /// What is encoded at present.
    buffer: Vec<u8>,
    /// The turns to be told.
    changed: BTreeSet<u64>,
    /// The sessions whose turns may have ended.
    sessions: BTreeSet<u64>,
    withdrawn: Vec<Withdrawn>,
}

impl Session {
    /// Returns the turn of the last prompt until a time.
    fn turn_at(&self, time: Nanos) -> Option<u64> {
        self.prompts.range(..=(time, u64::MAX)).next_back().map(|(_, key)| *key)
    }

    /// Returns when prompts of other turns came, and the end, in order.
    fn closings(&self, turn: u64) -> Vec<Nanos> {
        let others = self.prompts.iter().filter(|(_, key)| *key != turn).map(|(time, _)| *time);
        let mut closings: Vec<Nanos> = others.chain(self.ended).collect();
        closings.sort_unstable();
        closings
    }
}

impl Turns {
    /// Reads log records that may report calls. A repeated event changes nothing.
    pub(crate) fn read(&mut self, records: &[EncodedLog<'_>]) -> ToldSpans {
        let mut output = Output::default();
        let mut records: Vec<_> = records.iter().map(|log| (log, self.origin(&log.group))).collect();
        // Prompts must be known before the events that follow them.
        sort::by_key(&mut records, |(log, _)| log.head.time);
        // One at a time: the attributes take several times the memory of a record.
        let mut attributes = EventAttributes::default();
        for (log, origin) in records {
            if let Some(record) = record(log, origin, &mut attributes) {
                self.note_logs(&record, &mut output);
                self.push(&record, &mut output);
            }
        }
        // Only now is it known of all sessions which events they log.
        self.tell(&mut output);
        for turn in output.changed.iter().filter_map(|key| self.by_key.get(key)).filter(|turn| turn.is_told()) {
            turn.write_root(&mut output.writer);
        }
        self.forget(&mut output.writer);
        ToldSpans { body: output.writer.finish(), withdrawn: output.withdrawn }
    }

    /// Returns the program that a group of records comes from.
    fn origin(&mut self, group: &Group<'_>) -> Arc<Origin> {
        if !self.origin.is_of(group) {
            self.origin = Arc::new(Origin::new(group));
        }
        self.origin.clone()
    }

    /// Notes which events the program of a session logs, as a record shows.
    fn note_logs(&mut self, record: &Record<'_, '_>, output: &mut Output) {
        let (Some(key), Told::Call | Told::Answer) = (record.session, record.told) else { return };
        let logs = &mut known(&mut self.sessions, key).logs;
        let logs = if record.told == Told::Call { &mut logs.calls } else { &mut logs.answers };
        if !std::mem::replace(logs, true) {
            output.changed.extend(self.by_key.iter().filter(|(_, turn)| turn.session == key).map(|(key, _)| *key));
        }
    }

    fn push(&mut self, record: &Record<'_, '_>, output: &mut Output) {
        let Record { ids, time, .. } = record;
        // A title for the session, say, which may be asked for before the first prompt.
        let is_aside = ids.prompt.is_empty() && !log_events::is_of_turn(record.attributes);
        let Some(session_key) = record.session.filter(|_| !is_aside) else {
            call::alone(record, &mut output.buffer, &mut output.writer);
            return;
        };
        let session = known(&mut self.sessions, session_key);
        if record.told == Told::SessionEnds {
            session.ended = session.ended.max(Some(*time));
            output.sessions.insert(session_key);
            return;
        }
        let is_prompt = matches!(record.told, Told::Prompt { .. });
        let key = match (is_prompt, ids.prompt.is_empty(), session.turn_at(*time)) {
            (_, false, _) => hash(&(session_key, &ids.prompt)),
            (true, true, _) => hash(&(session_key, time)),
            (false, true, Some(turn)) => turn,
            (false, true, None) => session_key,
        };
        let (mut late, before) = (Vec::new(), session.turn_at(*time).unwrap_or(session_key));
        if is_prompt && session.prompts.insert((*time, key)) {
            if session.prompts.len() > MAX_PROMPTS {
                session.prompts.pop_first();
            }
            output.sessions.insert(session_key);
            // The prompt came late: what followed it was taken for a part of the turn before.
            if let Some(turn) = self.by_key.get_mut(&before).filter(|_| before != key) {
                late = turn.take_after(*time);
                output.changed.extend((!late.is_empty()).then_some(before));
            }
        }
        let turn = self.by_key.entry(key).or_insert_with(|| Turn::new(key, session_key, &ids.session));
        let events = late.into_iter().chain([Event::new(record, &mut output.buffer)]);
        if events.map(|event| turn.push(event)).fold(false, |is_news, is_new| is_news | is_new) {
            output.changed.insert(key);
            self.news += 1;
            turn.news = self.news;
            self.order.push_back((key, self.news));
        }
    }

    /// Tells the turns that changed.
    fn tell(&mut self, output: &mut Output) {
        if !output.sessions.is_empty() {
            let turns = self.by_key.iter().filter(|(_, turn)| turn.is_running() && output.sessions.contains(&turn.session));
            output.changed.extend(turns.map(|(key, _)| *key));
        }
        for key in &output.changed {
            let Some(turn) = self.by_key.get_mut(key) else { continue };
            let session = known(&mut self.sessions, turn.session);
            turn.tell(session.logs, &session.closings(*key), &mut output.writer, &mut output.withdrawn);
            if turn.is_empty() {
                self.bytes -= turn.counted;
                self.by_key.remove(key);
                continue;
            }
            self.bytes = self.bytes + turn.bytes() - turn.counted;
            turn.counted = turn.bytes();
        }
    }

    /// Forgets the oldest turns beyond the limits. One that runs ends at its last event.
    fn forget(&mut self, writer: &mut Writer) {
        while self.by_key.len() > MAX_TURNS || self.bytes > MAX_BYTES || self.order.len() > 64 * MAX_TURNS {
            let Some((key, news)) = self.order.pop_front() else { return };
            if self.by_key.get(&key).is_none_or(|turn| turn.news != news) {
                continue;
            }
            if let Some(mut turn) = self.by_key.remove(&key) {
                self.bytes -= turn.counted;
                if turn.end() {
                    turn.write_root(writer);
                }
            }
        }
    }
}

/// Reads the record of a call.
fn record<'r, 'a>(log: &EncodedLog<'a>, origin: Arc<Origin>, attributes: &'r mut EventAttributes<'a>) -> Option<Record<'r, 'a>> {
    let head = &log.head;
    let name = String::from_utf8_lossy(head.name);
    read_attributes(log.message, attributes).ok()?;
    let told = log_events::told(&name, attributes)?;
    // OpenTelemetry's own event is one of the span that it names.
    if told == Told::Details && head.span.is_some() {
        return None;
    }
    let (ids, hash) = (log_events::ids(attributes), event_hash(&name, head, attributes));
    let LogHead { time, trace, span, .. } = *head;
    let session = session_key(&ids, &origin);
    Some(Record { told, name, time, trace, span, session, ids, attributes, origin, hash })
}

/// Returns what is known of a session.
fn known(sessions: &mut HashMap<u64, Session>, key: u64) -> &mut Session {
    if sessions.len() >= MAX_SESSIONS && !sessions.contains_key(&key) {
        sessions.clear();
    }
    sessions.entry(key).or_default()
}

/// Returns the key of the session that a record names, or of its prompt; `None` if it names neither.
fn session_key(ids: &LogIds<'_>, origin: &Origin) -> Option<u64> {
    let id = if ids.session.is_empty() { &ids.prompt } else { &ids.session };
    (!id.is_empty()).then(|| hash(&(hash(&origin.service), id)))
}

/// Returns whether a record may report a call.
pub(crate) fn may_tell(record: &EncodedLog<'_>) -> bool {
    log_events::may_tell(record.head.name) && record.head.time > 0
}

/// Returns the records of an `ExportLogsServiceRequest` that may report calls.
pub(crate) fn telling(body: &[u8]) -> Result<Vec<EncodedLog<'_>>, DecodeError> {
    let mut found = Vec::new();
    logs::for_each(body, |record| {
        found.extend(may_tell(&record).then_some(record));
        Ok(())
    })?;
    Ok(found)
}

/// Reads the attributes of an encoded record. One whose list or map can't be read is left out.
fn read_attributes<'a>(message: &'a [u8], attributes: &mut EventAttributes<'a>) -> Result<(), DecodeError> {
    attributes.clear();
    let mut fields = Fields(message);
    while let Some(field) = fields.find(6)? {
        let encoded = field.bytes()?;
        let (key, value) = key_value(encoded)?;
        let value = match decode_shallow(value)? {
            ShallowValue::Scalar(scalar) => Ok(scalar),
            ShallowValue::Nested => match value::decode(value) {
                Ok(value) => Err(value.to_json()),
                Err(_) => continue,
            },
        };
        attributes.push(EventAttribute { key, value, encoded });
    }
    Ok(())
}

/// Returns a hash of what an event says. When it was observed is no part of it: that differs if the event is sent again.
fn event_hash(name: &str, head: &LogHead<'_>, attributes: &EventAttributes<'_>) -> u64 {
    // The name is an attribute or a field. The sum is the same in any order.
    let stated = attributes.all().iter().filter(|attribute| attribute.key != logs::EVENT_NAME.as_bytes());
    let sum = stated.map(|attribute| hash(attribute.encoded)).fold(0, u64::wrapping_add);
    hash(&(head.time, name, head.trace, head.span, sum))
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    // Its keys are fixed, so that the same event gives the same span in every run.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn trace_id(key: u64) -> TraceId {
    TraceId::from_hash(hash(&(key, "trace")), key)
}

#[cfg(test)]
mod tests;
