//! Reads a row's facts out of attributes, in one pass.

use super::names::{FIELDS, Field, lookup};
use super::{PREVIEW, beginning, kinds, messages, values};
use crate::model::json::{Scalar, chars};
use crate::model::{Batch, Facts, Kind, SpanId, Text, Usage, usage::NanoUsd};

/// What Agno's instrumentation is called where the sender names its instrumentation.
const AGNO_SCOPE: &str = "openinference.instrumentation.agno";

/// What the names of the messages that went into a model begin with.
const MESSAGE: &[u8] = b"llm.input_messages.";

/// Takes a span's attributes one by one, in any order, and keeps what counts most for each fact.
#[derive(Clone, Debug)]
pub struct Picker<'a> {
    slots: [Option<(u8, Found<'a>)>; FIELDS],
    /// The message last seen among those that went into a model, by its number: its role and its text, whichever came.
    message: (usize, Option<bool>, Option<Scalar<'a>>),
    /// The last message of a user, with its number.
    question: Option<(usize, Scalar<'a>)>,
}

#[derive(Clone, Copy, Debug)]
enum Found<'a> {
    Text(Scalar<'a>),
    Count(u32),
    Money(NanoUsd),
    Kind(Kind),
}

impl Default for Picker<'_> {
    fn default() -> Self {
        Self { slots: [None; FIELDS], message: (0, None, None), question: None }
    }
}

impl<'a> Picker<'a> {
    /// Forgets everything, for the next span.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether an attribute of this name can state anything; whoever must build a value to hand it over asks first.
    #[must_use]
    pub fn knows(name: &[u8]) -> bool {
        name.starts_with(MESSAGE) || lookup(name).next().is_some()
    }

    /// Looks at one attribute. Of equal names the last one counts.
    #[inline]
    pub fn take(&mut self, name: &[u8], value: Scalar<'a>) {
        if let Some(rest) = name.strip_prefix(MESSAGE) {
            return self.take_message(rest, value);
        }
        for (field, rank) in lookup(name) {
            let slot = &mut self.slots[field as usize];
            if slot.is_some_and(|(best, _)| best < rank) {
                continue;
            }
            if let Some(found) = Found::read(field, value) {
                *slot = Some((rank, found));
            } else if slot.is_some_and(|(best, _)| best == rank) {
                *slot = None;
            }
        }
    }

    /// Looks at `N.message.role` and `N.message.content`, in either order, for the user's last question.
    fn take_message(&mut self, rest: &[u8], value: Scalar<'a>) {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = rest[..digits.min(6)].iter().fold(0, |number, byte| number * 10 + usize::from(byte - b'0'));
        if self.message.0 != number {
            self.message = (number, None, None);
        }
        match &rest[digits..] {
            b".message.role" => self.message.1 = Some(chars(value).eq("user".chars())),
            b".message.content" => self.message.2 = Some(value),
            _ => return,
        }
        if let (_, Some(true), Some(text)) = self.message
            && self.question.is_none_or(|(before, _)| before <= number)
        {
            self.question = Some((number, text));
        }
    }

    /// The facts. `name` is the span's; `scope` is the name of the instrumentation that made the span, `None` where that is not
    /// stored.
    pub fn facts(&self, name: &str, scope: Option<&str>, batch: &mut Batch) -> Facts {
        let kind = self.kind(name);
        let named = !matches!(kind, Kind::Model | Kind::Tool | Kind::Embedding);
        let tool = if kind == Kind::Tool { self.text(Field::Tool).or(self.text(Field::Entity)) } else { None };
        let agent = self.text(Field::Agent).or_else(|| self.text(Field::Entity).filter(|_| named));
        let mut intern = |text| intern(text, batch);
        Facts {
            kind,
            agent: intern(agent),
            model: intern(self.text(Field::Model)),
            provider: intern(self.text(Field::Provider)),
            tool: intern(tool),
            session: intern(self.text(Field::Session)),
            user: intern(self.text(Field::User)),
            run: intern(self.text(Field::Run)),
            input: if kind == Kind::Model { self.asked(batch) } else { self.input(batch) },
            usage: self.usage(name, scope),
        }
    }

    /// What went wrong, where an attribute says so; for spans whose status has no message.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.text(Field::Error).map(|text| chars(text).collect())
    }

    /// If the record only says that another span began and still runs, that span's parent (`Some(None)`: it has none). The
    /// running span's id is what the record calls its parent.
    #[must_use]
    pub fn pending(&self) -> Option<Option<SpanId>> {
        let pending = chars(self.text(Field::RecordType)?).eq("pending_span".chars());
        let parent = self.text(Field::PendingParent).and_then(|text| SpanId::parse(chars(text).collect::<String>().as_bytes()));
        pending.then_some(parent)
    }

    fn kind(&self, name: &str) -> Kind {
        let stated = match self.slots[Field::Kind as usize] {
            Some((_, Found::Kind(kind))) => Some(kind),
            _ => kinds::from_name(name),
        };
        match stated {
            Some(Kind::Agent) if self.has(Field::TeamId) && !self.has(Field::AgentId) => Kind::Team,
            Some(Kind::Step) if self.has(Field::WorkflowId) => Kind::Workflow,
            Some(kind) => kind,
            None if self.has(Field::Tool) => Kind::Tool,
            None if self.has(Field::Model) && (self.has(Field::Prompt) || self.has(Field::Completion)) => Kind::Model,
            None => Kind::Other,
        }
    }

    fn asked(&self, batch: &mut Batch) -> Text {
        self.question.map_or_else(Text::default, |(_, text)| batch.intern_beginning(text, PREVIEW))
    }

    fn input(&self, batch: &mut Batch) -> Text {
        let plain = self.text(Field::Input);
        let Some(text) = plain.or(self.text(Field::Messages)) else { return Text::default() };
        match if plain.is_none() { messages::last_question(text) } else { None } {
            Some(question) => batch.intern_chars(beginning(question.chars(), PREVIEW)),
            None => batch.intern_beginning(text, PREVIEW),
        }
    }

    fn usage(&self, name: &str, scope: Option<&str>) -> Option<Usage> {
        let (cache_read, cache_write) = (self.count(Field::CacheRead), self.count(Field::CacheWrite));
        let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        let input = self.count(Field::Prompt).map(|prompt| {
            let apart = cached > prompt || (cached > 0 && self.leaves_out_cached(name, scope));
            if apart { prompt.saturating_add(cached) } else { prompt }
        });
        let both = || Some(self.money(Field::CostIn)?.saturating_add(self.money(Field::CostOut)?));
        let usage = Usage {
            input,
            output: self.count(Field::Completion),
            cache_read,
            cache_write,
            reasoning: self.count(Field::Reasoning),
            cost: self.money(Field::Cost).or_else(both),
        };
        usage.is_some().then_some(usage)
    }

    /// Whether the span comes from Agno's own instrumentation of a provider that counts cached tokens apart. A database does not
    /// say who made a span, but Agno names it after the model's class and method: `Claude.ainvoke_stream`.
    fn leaves_out_cached(&self, name: &str, scope: Option<&str>) -> bool {
        let (class, method) = name.rsplit_once('.').unwrap_or_default();
        let named = || matches!(method, "invoke" | "ainvoke" | "invoke_stream" | "ainvoke_stream");
        let stated_by_agno =
            matches!(self.slots[Field::Prompt as usize], Some((0, _))) && scope.map_or_else(named, |scope| scope == AGNO_SCOPE);
        let provider =
            || self.text(Field::Provider).map(|text| chars(text).take(64).collect::<String>().to_ascii_lowercase()).unwrap_or_default();
        stated_by_agno && (class == "Claude" || ["anthropic", "bedrock"].iter().any(|apart| provider().contains(apart)))
    }

    fn has(&self, field: Field) -> bool {
        self.slots[field as usize].is_some()
    }

    fn text(&self, field: Field) -> Option<Scalar<'a>> {
        match self.slots[field as usize] {
            Some((_, Found::Text(text))) => Some(text),
            _ => None,
        }
    }

    fn count(&self, field: Field) -> Option<u32> {
        match self.slots[field as usize] {
            Some((_, Found::Count(count))) => Some(count),
            _ => None,
        }
    }

    fn money(&self, field: Field) -> Option<NanoUsd> {
        match self.slots[field as usize] {
            Some((_, Found::Money(money))) => Some(money),
            _ => None,
        }
    }
}

impl<'a> Found<'a> {
    /// The value in the fact's own terms; `None` if it states nothing.
    fn read(field: Field, value: Scalar<'a>) -> Option<Self> {
        match field {
            Field::Kind => kinds::from_value(&chars(value).take(64).collect::<String>()).map(Self::Kind),
            Field::Prompt | Field::Completion | Field::CacheRead | Field::CacheWrite | Field::Reasoning => {
                values::count(value).map(Self::Count)
            }
            Field::Cost | Field::CostIn | Field::CostOut => values::money(value).map(Self::Money),
            Field::Input | Field::Messages => (!values::is_empty(value)).then_some(Self::Text(value)),
            _ => (!values::is_empty(value) && !matches!(value, Scalar::Other(_))).then_some(Self::Text(value)),
        }
    }
}

fn intern(text: Option<Scalar<'_>>, batch: &mut Batch) -> Text {
    match text {
        None => Text::default(),
        Some(Scalar::Int(number)) => batch.intern(&number.to_string()),
        Some(Scalar::Float(number)) => batch.intern(&number.to_string()),
        Some(Scalar::Bool(flag)) => batch.intern(&flag.to_string()),
        Some(Scalar::Text(raw)) if let Ok(text) = std::str::from_utf8(raw) => batch.intern(text),
        Some(text) => batch.intern_chars(chars(text)),
    }
}

#[cfg(test)]
mod tests;
