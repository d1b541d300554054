//! Reads the facts of a row out of attributes, in one pass.

mod ending;
mod facts;
mod metadata;
mod naming;
mod texts;
mod usage;

pub(super) use ending::{ANSWER_WORDS, EndedSpan, MAX_REASON_CHARS, REASONS, is_wordless};
pub(super) use facts::PROMPT_PREFIX;
pub(super) use metadata::METADATA_WORDS;
pub(super) use usage::MAX_MAP_CHARS;

pub(crate) use usage::AGNO_SCOPE;

use super::attributes::PENDING;
use super::keys::{
    CALLED_TOOL, EndEntry, Entry, FIELDS, Field, INPUT_MESSAGES, MESSAGE_CONTENT, MESSAGE_DIGITS, MESSAGE_ROLE, OUTPUT_MESSAGES, USER_ROLE,
    by_end,
};
use super::token_names::{CountKey, count_key};
use super::{json_schema, kinds, values};
use crate::model::json::{Scalar, chars};
use crate::model::{Nanos, SpanId, SpanType};

/// The most names of called tools that a row keeps.
const CALLED_TOOLS: usize = 3;

const _: () = assert!(FIELDS <= u64::BITS as usize);

/// The rank of a token count under a prefix of no known convention.
const PREFIXED: u8 = u8::MAX - 1;

/// The rank of a token count without a prefix.
const BARE: u8 = u8::MAX;

/// Returns the bit of a field in [`Seen::fields`].
const fn bit(field: Field) -> u64 {
    1 << field as u64
}

/// Takes the attributes of a span one by one, in any order, and keeps for each fact the value that takes precedence.
///
/// ```
/// use agno_top::model::json::Scalar;
/// use agno_top::model::{Batch, SpanType};
/// use agno_top::semconv::Extractor;
///
/// let mut extractor = Extractor::default();
/// extractor.add(b"llm.model_name", Scalar::Text(b"gpt-5-mini"));
/// extractor.add(b"openinference.span.kind", Scalar::Text(b"LLM"));
/// extractor.add(b"llm.token_count.prompt", Scalar::Int(45));
///
/// let mut batch = Batch::default();
/// let facts = extractor.facts("OpenAIChat.invoke", None, &mut batch);
/// assert_eq!(facts.span_type, SpanType::Model);
/// assert_eq!(batch.text(facts.model), "gpt-5-mini");
/// assert_eq!(facts.usage.and_then(|usage| usage.input), Some(45));
/// ```
#[derive(Clone, Debug)]
pub struct Extractor<'a> {
    /// The rank and value of the best key of each field. Only the slots in [`Seen::fields`] belong to this span; the others are stale.
    slots: [(u8, FieldValue<'a>); FIELDS],
    seen: Seen<'a>,
}

/// What the attributes of this span have stated so far, apart from the slots.
#[derive(Clone, Debug, Default)]
struct Seen<'a> {
    /// One bit for each field with a value.
    fields: u64,
    /// The last input message: its number, whether it is the user's, and its text.
    message: (usize, Option<bool>, Option<Scalar<'a>>),
    /// The number of the user's last message.
    last_question: Option<usize>,
    /// The text of the user's last message that has one, with its number.
    question: Option<(usize, Scalar<'a>)>,
    /// The names of the first tools that the response calls, and the number of all of them.
    called_tools: ([Option<Scalar<'a>>; CALLED_TOOLS], usize),
    /// Whether there are messages of a model's response.
    has_response: bool,
    /// Whether any key states a kind, even if it is unknown.
    states_kind: bool,
    /// The output tokens in the words of Gemini, which exclude reasoning.
    candidates: Option<u32>,
    /// The name of the service, of a root span.
    service: Option<Scalar<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum FieldValue<'a> {
    Text(Scalar<'a>),
    Count(u32),
    /// Billionths of a dollar or of a second.
    Billionths(i64),
    Kind(SpanType),
}

/// An attribute key that states a fact.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KnownKey<'k> {
    /// The key of an input message, after its prefix.
    InputMessage(&'k [u8]),
    /// The key of a response message, after its prefix.
    OutputMessage(&'k [u8]),
    /// A key that states fields.
    Fields(Entry),
    /// The key of a token count in no known convention.
    Count(CountKey),
    /// A key whose end states a field.
    End(EndEntry),
}

impl<'k> KnownKey<'k> {
    /// Looks up a key; `None` if it states no fact. Callers use it to skip the values of other attributes.
    #[inline]
    pub(crate) fn find(key: &'k [u8]) -> Option<Self> {
        // Both prefixes begin like this, and most keys do not.
        if let [b'l', b'l', b'm', b'.', b'i' | b'o', ..] = key {
            if let Some(rest) = key.strip_prefix(INPUT_MESSAGES.as_bytes()) {
                return Some(Self::InputMessage(rest));
            }
            if let Some(rest) = key.strip_prefix(OUTPUT_MESSAGES.as_bytes()) {
                return Some(Self::OutputMessage(rest));
            }
        }
        match Entry::find(key) {
            Some(entry) => Some(Self::Fields(entry)),
            None => by_end(key).map(Self::End).or_else(|| count_key(key).map(Self::Count)),
        }
    }

    /// Returns whether an encoded list or map may state the fact. Nearly every model call lists finish reasons, and few of them matter.
    pub(crate) fn may_state(self, encoded: &[u8]) -> bool {
        let Self::Fields(entry) = self else { return true };
        !entry.fields().all(|(field, _)| field == Field::FinishReason) || ending::mentions_a_cause(encoded)
    }
}

impl Default for Extractor<'_> {
    fn default() -> Self {
        Self { slots: [(0, FieldValue::Count(0)); FIELDS], seen: Seen::default() }
    }
}

impl<'a> Extractor<'a> {
    /// Forgets everything, for the next span.
    pub fn clear(&mut self) {
        self.seen = Seen::default();
    }

    /// Adds an attribute. Of attributes with equal keys the last one counts.
    #[inline]
    pub fn add(&mut self, key: &[u8], value: Scalar<'a>) {
        if let Some(key) = KnownKey::find(key) {
            self.add_known(key, value);
        }
    }

    /// Adds an attribute whose key is known to state a fact.
    #[inline]
    pub(crate) fn add_known(&mut self, key: KnownKey<'_>, value: Scalar<'a>) {
        let entry = match key {
            KnownKey::InputMessage(rest) => return self.add_input_message(rest, value),
            KnownKey::OutputMessage(rest) => {
                self.seen.has_response = true;
                if rest.ends_with(CALLED_TOOL.as_bytes()) {
                    let (names, count) = &mut self.seen.called_tools;
                    if let Some(name) = names.get_mut(*count) {
                        *name = Some(value);
                    }
                    *count += 1;
                }
                return;
            }
            KnownKey::Fields(entry) => entry,
            KnownKey::Count(key) => return self.add_count(key, value),
            KnownKey::End(entry) => return self.state(entry.field, entry.rank, value),
        };
        for (field, rank) in entry.fields() {
            self.state(field, rank, value);
        }
    }

    /// Adds a token count whose key is in no known convention. Of several keys of one rank the largest count holds, in any order.
    fn add_count(&mut self, CountKey { field, is_bare, is_of_candidates }: CountKey, value: Scalar<'a>) {
        let Some(count) = values::count(value) else { return };
        let rank = if is_bare { BARE } else { PREFIXED };
        if is_of_candidates {
            self.seen.candidates = self.seen.candidates.max(Some(count));
        }
        let count = match self.slot(field) {
            Some((best, _)) if *best < rank => return,
            Some((best, FieldValue::Count(other))) if *best == rank => count.max(*other),
            _ => count,
        };
        self.slots[field as usize] = (rank, FieldValue::Count(count));
        self.seen.fields |= bit(field);
    }

    /// Keeps what a key states, unless a key of a higher rank has stated the field.
    #[inline]
    fn state(&mut self, field: Field, rank: u8, value: Scalar<'a>) {
        self.seen.states_kind |= field == Field::Kind;
        let best = self.slot(field).map(|(best, _)| *best);
        if best.is_some_and(|best| best < rank) {
            return;
        }
        if let Some(value) = FieldValue::read(field, rank, value) {
            self.slots[field as usize] = (rank, value);
            self.seen.fields |= bit(field);
        } else if best == Some(rank) {
            self.seen.fields &= !bit(field);
        }
    }

    /// Sets the name of the service that sent a root span; if it is empty, an attribute may hold it. It names an agent that has no name of its
    /// own.
    pub fn service(&mut self, name: &'a [u8]) {
        self.seen.service = if name.is_empty() { self.text(Field::StoredService) } else { Some(Scalar::Text(name)) };
    }

    /// Adds `N.message.role` or `N.message.content`. They come side by side in either order, or all roles before all texts, as PostgreSQL
    /// sorts the keys of a `jsonb`.
    fn add_input_message(&mut self, rest: &[u8], value: Scalar<'a>) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > MESSAGE_DIGITS || matches!(rest, [b'0', b'0'..=b'9', ..]) {
            return;
        }
        let number = rest[..digits].iter().fold(0, |number, byte| number * 10 + usize::from(byte - b'0'));
        if self.seen.message.0 != number {
            self.seen.message = (number, None, None);
        }
        let member = &rest[digits..];
        if member == MESSAGE_ROLE.as_bytes() {
            let is_user = chars(value).eq(USER_ROLE.chars());
            self.seen.message.1 = Some(is_user);
            if is_user {
                self.seen.last_question = self.seen.last_question.max(Some(number));
            }
        } else if member == MESSAGE_CONTENT.as_bytes() {
            self.seen.message.2 = Some(value);
        } else {
            return;
        }
        let (_, is_user, Some(text)) = self.seen.message else { return };
        let is_user = is_user.unwrap_or(self.seen.last_question == Some(number));
        if is_user && self.seen.question.is_none_or(|(before, _)| before <= number) {
            self.seen.question = Some((number, text));
        }
    }

    /// Returns the error text that an attribute states.
    #[must_use]
    pub fn error(&self) -> Option<Scalar<'a>> {
        self.text(Field::Error)
    }

    /// Returns the parent of the running span if the attributes belong to a record of a started span; the inner `None` is a root. The
    /// running span's own id is the record's parent id.
    #[must_use]
    pub fn pending(&self) -> Option<Option<SpanId>> {
        let is_pending = chars(self.text(Field::RecordType)?).eq(PENDING.chars());
        let parent = self.text(Field::PendingParent).and_then(|text| SpanId::parse(chars(text).collect::<String>().as_bytes()));
        is_pending.then_some(parent)
    }

    /// Whether the process of the span ended first.
    pub(in crate::semconv) fn was_cut(&self) -> bool {
        self.has(Field::Cut)
    }

    /// Returns when the process of a span that was cut lived last, as the mark states it.
    pub(in crate::semconv) fn cut_at(&self) -> Option<Nanos> {
        match self.text(Field::Cut)? {
            Scalar::Int(time) => Some(time),
            _ => None,
        }
    }

    #[inline]
    fn slot(&self, field: Field) -> Option<&(u8, FieldValue<'a>)> {
        self.has(field).then(|| &self.slots[field as usize])
    }

    #[inline]
    fn has(&self, field: Field) -> bool {
        self.seen.fields & bit(field) != 0
    }

    #[inline]
    fn text(&self, field: Field) -> Option<Scalar<'a>> {
        if let Some((_, FieldValue::Text(text))) = self.slot(field) { Some(*text) } else { None }
    }

    /// Returns a token count. A count without a prefix counts only on a span that calls a model.
    fn count(&self, field: Field, span_type: SpanType) -> Option<u32> {
        match self.slot(field) {
            Some((rank, FieldValue::Count(count))) if *rank != BARE || span_type.calls_model() => Some(*count),
            _ => None,
        }
    }

    /// Whether a known convention states input or output tokens.
    fn counts_tokens(&self) -> bool {
        [Field::Prompt, Field::Completion].iter().any(|field| self.slot(*field).is_some_and(|(rank, _)| *rank < PREFIXED))
    }

    fn billionths(&self, field: Field) -> Option<i64> {
        if let Some((_, FieldValue::Billionths(amount))) = self.slot(field) { Some(*amount) } else { None }
    }
}

impl<'a> FieldValue<'a> {
    /// Reads an attribute's value as the field needs it; `None` if it states nothing.
    fn read(field: Field, rank: u8, value: Scalar<'a>) -> Option<Self> {
        match field {
            Field::Agent if naming::is_generated_id(rank, value) => None,
            Field::ToolParameters if json_schema::is_in_scalar(value) => None,
            Field::Kind => kinds::from_value(value).map(Self::Kind),
            Field::Prompt
            | Field::Completion
            | Field::Total
            | Field::TurnTokens
            | Field::CacheRead
            | Field::CacheWrite
            | Field::CacheWrite5m
            | Field::CacheWrite1h
            | Field::Reasoning
            | Field::AudioIn
            | Field::AudioOut
            | Field::CachedAudio => values::count(value).map(Self::Count),
            Field::Cost | Field::CostIn | Field::CostOut | Field::FirstSeconds | Field::FirstMillis => {
                values::billionths(value).map(Self::Billionths)
            }
            Field::FinishReason => (ending::is_error_reason(value) || ending::is_limit_reason(value) || ending::is_tool_reason(value))
                .then_some(Self::Text(value)),
            Field::Input
            | Field::Messages
            | Field::UsageDetails
            | Field::InputDetails
            | Field::OutputDetails
            | Field::Response
            | Field::CostDetails
            | Field::Parameters
            | Field::ToolParameters
            | Field::Metadata
            | Field::Answer => (!values::is_empty(value)).then_some(Self::Text(value)),
            Field::Model | Field::AskedModel | Field::Provider if values::is_placeholder(value) => None,
            // Some programs encode even a plain name as JSON.
            _ if let Scalar::Text([b'"', name @ .., b'"']) | Scalar::Escaped([b'\\', b'"', name @ .., b'\\', b'"']) = value => {
                (!name.is_empty()).then_some(Self::Text(Scalar::Escaped(name)))
            }
            _ => (!values::is_empty(value) && !matches!(value, Scalar::Other(_))).then_some(Self::Text(value)),
        }
    }
}

#[cfg(test)]
mod tests;
