//! Reads a row's facts out of attributes, in one pass.

mod usage;

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::names::{FIELDS, Field, Name};
use super::response_usage::ResponseUsage;
use super::{ASKER, INPUT_PREVIEW, MESSAGE, PENDING, argument_hash, beginning, kinds, messages, preview, span_names, values};
use crate::model::json::{Scalar, chars};
use crate::model::{Batch, Nanos, SpanFacts, SpanId, SpanType, Text, Value};

/// Tools that an answer asks for whose names a row keeps.
const CALLS: usize = 3;

/// Whose messages are a model's answers.
const ANSWERER: &[u8] = b"assistant";

const _: () = assert!(FIELDS <= u64::BITS as usize);

/// A field's bit in [`Seen::fields`].
const fn bit(field: Field) -> u64 {
    1 << field as u64
}

/// What the names of a model's answers begin with.
const ANSWER: &[u8] = b"llm.output_messages.";

/// Takes a span's attributes one by one, in any order, and keeps what counts most for each fact.
#[derive(Clone, Debug)]
pub struct Extractor<'a> {
    /// The best that was found for each field, and its rank; only what `seen` names is of this span.
    slots: [(u8, Found<'a>); FIELDS],
    seen: Seen<'a>,
}

/// What was found beside the fields.
#[derive(Clone, Debug, Default)]
struct Seen<'a> {
    /// A bit for each field that was found.
    fields: u64,
    /// The message last seen among those that went into a model, by its number: its role and its text, whichever came.
    message: (usize, Option<bool>, Option<Scalar<'a>>),
    /// The number of the last message whose role is a user's.
    asked: Option<usize>,
    /// The last message of a user, with its number.
    question: Option<(usize, Scalar<'a>)>,
    /// The names of the first tools that the answer asks for, and how many it asks for.
    calls: ([Option<Scalar<'a>>; CALLS], usize),
    /// Whether messages of a model's answer were among the attributes.
    answered: bool,
}

#[derive(Clone, Copy, Debug)]
enum Found<'a> {
    Text(Scalar<'a>),
    Count(u32),
    /// Billionths of what is stated: of a dollar, of a second.
    Billionths(i64),
    Kind(SpanType),
}

/// What an attribute is about, by its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownKey<'n>(Part<'n>);

#[derive(Clone, Copy, Debug)]
enum Part<'n> {
    /// A message that went into a model: the rest of the name.
    Asked(&'n [u8]),
    /// A message of a model's answer: the rest of the name.
    Answered(&'n [u8]),
    Fact(Name),
}

impl<'n> KnownKey<'n> {
    /// `None` if an attribute of this name states nothing: whoever must build a value to hand it over asks first.
    #[inline]
    pub(crate) fn find(name: &'n [u8]) -> Option<Self> {
        // Most names are neither; both begin so.
        if let [b'l', b'l', b'm', b'.', b'i' | b'o', ..] = name {
            if let Some(rest) = name.strip_prefix(MESSAGE[0].0.as_bytes()) {
                return Some(Self(Part::Asked(rest)));
            }
            if let Some(rest) = name.strip_prefix(ANSWER) {
                return Some(Self(Part::Answered(rest)));
            }
        }
        Name::find(name).map(|name| Self(Part::Fact(name)))
    }
}

impl Default for Extractor<'_> {
    fn default() -> Self {
        Self { slots: [(0, Found::Count(0)); FIELDS], seen: Seen::default() }
    }
}

impl<'a> Extractor<'a> {
    /// Forgets everything, for the next span.
    pub fn clear(&mut self) {
        self.seen = Seen::default();
    }

    /// Looks at one attribute. Of equal names the last one counts.
    #[inline]
    pub fn add(&mut self, key: &[u8], value: Scalar<'a>) {
        if let Some(key) = KnownKey::find(key) {
            self.add_known(key, value);
        }
    }

    /// Looks at the value of an attribute that is about something.
    #[inline]
    pub(crate) fn add_known(&mut self, key: KnownKey<'_>, value: Scalar<'a>) {
        let name = match key.0 {
            Part::Asked(rest) => return self.take_message(rest, value),
            Part::Answered(rest) => {
                self.seen.answered = true;
                if rest.ends_with(b".tool_call.function.name") {
                    if let Some(place) = self.seen.calls.0.get_mut(self.seen.calls.1) {
                        *place = Some(value);
                    }
                    self.seen.calls.1 += 1;
                }
                return;
            }
            Part::Fact(name) => name,
        };
        for (field, rank) in name.facts() {
            let best = self.slot(field).map(|(best, _)| *best);
            if best.is_some_and(|best| best < rank) {
                continue;
            }
            if let Some(found) = Found::read(field, value) {
                self.slots[field as usize] = (rank, found);
                self.seen.fields |= bit(field);
            } else if best == Some(rank) {
                self.seen.fields &= !bit(field);
            }
        }
    }

    /// Looks at `N.message.role` and `N.message.content`, side by side in either order, or all roles before all texts as PostgreSQL
    /// sorts them, for the user's last question.
    fn take_message(&mut self, rest: &[u8], value: Scalar<'a>) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = rest[..digits.min(6)].iter().fold(0, |number, byte| number * 10 + usize::from(byte - b'0'));
        if self.seen.message.0 != number {
            self.seen.message = (number, None, None);
        }
        let what = &rest[digits..];
        if what == MESSAGE[0].1.as_bytes() {
            let asks = chars(value).eq(ASKER.chars());
            self.seen.message.1 = Some(asks);
            if asks {
                self.seen.asked = self.seen.asked.max(Some(number));
            }
        } else if what == MESSAGE[1].1.as_bytes() {
            self.seen.message.2 = Some(value);
        } else {
            return;
        }
        let (_, role, Some(text)) = self.seen.message else { return };
        let asks = role.unwrap_or(self.seen.asked == Some(number));
        if asks && self.seen.question.is_none_or(|(before, _)| before <= number) {
            self.seen.question = Some((number, text));
        }
    }

    /// The facts. `name` is the span's; `scope` is the name of the instrumentation that made the span, `None` where that is not
    /// stored.
    pub fn facts(&self, name: &str, scope: Option<&str>, batch: &mut Batch) -> SpanFacts {
        let kind = self.kind(name);
        let named = !matches!(kind, SpanType::Model | SpanType::Tool | SpanType::Embedding);
        let tool = self.text(Field::Tool).or(self.text(Field::Entity));
        let agent = self.text(Field::Agent).or_else(|| self.text(Field::Entity).filter(|_| named));
        let title = || {
            let filled = if name.contains("{name") { self.text(Field::Name) } else { None };
            Some(filled.unwrap_or_else(|| Scalar::Text(span_names::title(name).as_bytes())))
        };
        let tool = if kind == SpanType::Tool { tool.or_else(title) } else { None };
        let agent = if kind.is_agentic() { agent.or_else(title) } else { agent };
        let model = match self.text(Field::Model) {
            None if kind == SpanType::Model => {
                match self.part(Field::Parameters, "model").or_else(|| self.part(Field::Parameters, "model_name")) {
                    Some(Value::Text(model)) => batch.intern(&model),
                    _ => Text::default(),
                }
            }
            model => intern(model, batch),
        };
        let ResponseUsage { usage, id } = self.answer(kind);
        let response = match (self.text(Field::Response), id) {
            (None, Some(id)) => batch.intern(&id),
            (stated, _) => intern(stated, batch),
        };
        let instrument = scope.map_or_else(Text::default, |scope| batch.intern_scope(scope));
        let (input, calls) = if batch.numbers_only { Default::default() } else { (self.given(kind, batch), self.called(kind, batch)) };
        let mut intern = |text| intern(text, batch);
        SpanFacts {
            span_type: kind,
            agent: intern(agent),
            model,
            provider: intern(self.text(Field::Provider)),
            tool: intern(tool),
            session: intern(self.text(Field::Session)),
            user: intern(self.text(Field::User)),
            run: intern(self.text(Field::Run)),
            response,
            scope: instrument,
            input,
            calls,
            usage: self.usage(name, scope, usage),
            first_token: self.first_token(),
        }
    }

    /// Returns the error text that an attribute states.
    #[must_use]
    pub fn error(&self) -> Option<Scalar<'a>> {
        self.text(Field::Error)
    }

    /// If the record only says that another span began and still runs, that span's parent (`Some(None)`: it has none). The
    /// running span's id is what the record calls its parent.
    #[must_use]
    pub fn pending(&self) -> Option<Option<SpanId>> {
        let pending = chars(self.text(Field::RecordType)?).eq(PENDING.chars());
        let parent = self.text(Field::PendingParent).and_then(|text| SpanId::parse(chars(text).collect::<String>().as_bytes()));
        pending.then_some(parent)
    }

    fn kind(&self, name: &str) -> SpanType {
        let stated = match self.slot(Field::Kind) {
            Some((_, Found::Kind(kind))) => Some(*kind),
            _ => kinds::from_name(name),
        };
        match stated {
            // Logfire writes what a streamed call used when it is over, apart from the call.
            Some(SpanType::Model) if self.text(Field::RecordType).is_some_and(|text| chars(text).eq("log".chars())) => SpanType::Other,
            Some(SpanType::Model) if self.is_prepared() => SpanType::Step,
            Some(SpanType::Agent) if self.has(Field::TeamId) && !self.has(Field::AgentId) => SpanType::Team,
            Some(SpanType::Step) if self.has(Field::WorkflowId) => SpanType::Workflow,
            Some(kind) => kind,
            None if self.has(Field::Tool) => SpanType::Tool,
            None if self.has(Field::Model) && (self.has(Field::Prompt) || self.has(Field::Completion)) => SpanType::Model,
            None => SpanType::Other,
        }
    }

    /// Whether the span only makes ready what a model is to be asked: what came out are messages of which none is an answer, and nothing
    /// was counted.
    fn is_prepared(&self) -> bool {
        let is_counted =
            [Field::Prompt, Field::Completion, Field::Total, Field::Response, Field::UsageDetails].iter().any(|field| self.has(*field));
        let (Some((0, Found::Text(Scalar::Text(raw) | Scalar::Escaped(raw)))), false) = (self.slot(Field::Answer), is_counted) else {
            return false;
        };
        let has_messages = raw.starts_with(b"{\"messages\"") || raw.starts_with(b"{\\\"messages\\\"");
        let is_answer = |at: usize| matches!(raw[at + ANSWERER.len()..], [b'"', ..] | [b'\\', b'"', ..]);
        has_messages && !self.seen.answered && !memchr::memmem::find_iter(raw, ANSWERER).any(is_answer)
    }

    /// The beginning of what the span was given.
    fn given(&self, kind: SpanType, batch: &mut Batch) -> Text {
        if kind == SpanType::Model { self.asked(batch) } else { self.input(batch) }
    }

    /// The tools that a model asked for, or what tells a tool's arguments from others.
    fn called(&self, kind: SpanType, batch: &mut Batch) -> Text {
        if kind == SpanType::Tool { self.digest(batch) } else { self.calls(batch) }
    }

    fn calls(&self, batch: &mut Batch) -> Text {
        let (names, count) = &self.seen.calls;
        if let ([Some(name), ..], 1) = (names, count) {
            return preview::<INPUT_PREVIEW>(*name, batch);
        }
        let mut text = String::new();
        for name in names.iter().flatten() {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.extend(beginning(chars(*name), INPUT_PREVIEW));
        }
        if let Some(more @ 1..) = count.checked_sub(CALLS) {
            let _ = write!(text, " and {more} more");
        }
        batch.intern(&text)
    }

    /// What tells a tool's arguments from others: from those that begin alike, if the beginning is not all of them, and of an object from all
    /// that mean something else.
    fn digest(&self, batch: &mut Batch) -> Text {
        let Some(text) = self.text(Field::Input) else { return Text::default() };
        if let Some(digest) = argument_hash::digest(text) {
            return batch.intern(&format!("{digest:016x}"));
        }
        let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = text else { return Text::default() };
        if is_plain(raw) || beginning(chars(text), INPUT_PREVIEW).eq(chars(text)) {
            return Text::default();
        }
        let mut hasher = DefaultHasher::new();
        raw.hash(&mut hasher);
        batch.intern(&format!("{:016x}", hasher.finish()))
    }

    fn asked(&self, batch: &mut Batch) -> Text {
        self.seen.question.map_or_else(Text::default, |(_, text)| preview::<INPUT_PREVIEW>(text, batch))
    }

    fn input(&self, batch: &mut Batch) -> Text {
        let plain = self.text(Field::Input);
        let Some(text) = plain.or(self.text(Field::Messages)) else { return Text::default() };
        match if plain.is_none() { messages::last_question(text) } else { None } {
            Some(question) => batch.intern_chars(beginning(question.chars(), INPUT_PREVIEW)),
            None => preview::<INPUT_PREVIEW>(text, batch),
        }
    }

    fn first_token(&self) -> Option<Nanos> {
        self.billionths(Field::FirstSeconds).or_else(|| self.billionths(Field::FirstMillis).map(|millis| millis / 1000))
    }

    #[inline]
    fn slot(&self, field: Field) -> Option<&(u8, Found<'a>)> {
        self.has(field).then(|| &self.slots[field as usize])
    }

    #[inline]
    fn has(&self, field: Field) -> bool {
        self.seen.fields & bit(field) != 0
    }

    #[inline]
    fn text(&self, field: Field) -> Option<Scalar<'a>> {
        match self.slot(field) {
            Some((_, Found::Text(text))) => Some(*text),
            _ => None,
        }
    }

    fn count(&self, field: Field) -> Option<u32> {
        match self.slot(field) {
            Some((_, Found::Count(count))) => Some(*count),
            _ => None,
        }
    }

    fn billionths(&self, field: Field) -> Option<i64> {
        match self.slot(field) {
            Some((_, Found::Billionths(amount))) => Some(*amount),
            _ => None,
        }
    }
}

impl<'a> Found<'a> {
    /// The value in the fact's own terms; `None` if it states nothing.
    fn read(field: Field, value: Scalar<'a>) -> Option<Self> {
        match field {
            Field::Kind => kinds::from_value(value).map(Self::Kind),
            Field::Prompt | Field::Completion | Field::Total | Field::CacheRead | Field::CacheWrite | Field::Reasoning => {
                values::count(value).map(Self::Count)
            }
            Field::Cost | Field::CostIn | Field::CostOut | Field::FirstSeconds | Field::FirstMillis => {
                values::billionths(value).map(Self::Billionths)
            }
            Field::Input | Field::Messages | Field::UsageDetails | Field::Answer | Field::CostDetails | Field::Parameters => {
                (!values::is_empty(value)).then_some(Self::Text(value))
            }
            // Some write even a name as JSON.
            _ if let Scalar::Text([b'"', name @ .., b'"']) | Scalar::Escaped([b'\\', b'"', name @ .., b'\\', b'"']) = value => {
                (!name.is_empty()).then_some(Self::Text(Scalar::Escaped(name)))
            }
            _ => (!values::is_empty(value) && !matches!(value, Scalar::Other(_))).then_some(Self::Text(value)),
        }
    }
}

/// A fact's text in the batch; most facts are not stated.
#[inline]
fn intern(text: Option<Scalar<'_>>, batch: &mut Batch) -> Text {
    text.map_or_else(Text::default, |text| intern_stated(text, batch))
}

fn intern_stated(text: Scalar<'_>, batch: &mut Batch) -> Text {
    match text {
        Scalar::Int(number) => batch.intern(&number.to_string()),
        Scalar::Float(number) => batch.intern(&number.to_string()),
        Scalar::Bool(flag) => batch.intern(&flag.to_string()),
        Scalar::Text(raw) if let Ok(text) = std::str::from_utf8(raw) => batch.intern(text),
        text => batch.intern_chars(chars(text)),
    }
}

/// Whether a text is its own beginning for sure: short, and nothing in it could be folded.
fn is_plain(raw: &[u8]) -> bool {
    let folds = |pair: &[u8]| matches!(pair, b"  " | [b'\\', b'n' | b't' | b'r' | b'u' | b'f']) || !matches!(pair[0], b' '..=b'~');
    raw.len() <= INPUT_PREVIEW && matches!((raw.first(), raw.last()), (Some(b'!'..=b'~'), Some(b'!'..=b'~'))) && !raw.windows(2).any(folds)
}

#[cfg(test)]
mod tests;
