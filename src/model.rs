//! What a span is, whoever sent it: ids, times, kind, status, usage, and the batches in which spans travel.
//!
//! Times are nanoseconds since the Unix epoch, UTC ([`Nanos`]). Nothing here knows where spans come from or how they are shown.

pub mod attributes;
pub mod errors;
pub mod json;
pub mod pattern;
pub mod payload_query;
pub mod price;
mod span_kind;
mod span_type;
mod status;
pub mod time;
pub mod usage;

use std::fmt;
use std::num::NonZeroU64;

pub use attributes::{Attribute, Value};
pub use pattern::Pattern;
pub use payload_query::PayloadQuery;
pub use span_kind::SpanKind;
pub use span_type::SpanType;
pub use status::Status;
pub use usage::Usage;

/// Nanoseconds since the Unix epoch, UTC.
pub type Nanos = i64;

/// A trace's id: 16 bytes that are not all zero, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// A span's id: 8 bytes that are not all zero, written as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// The id with these bytes; `None` if they are all zero, which OpenTelemetry reserves for "no trace".
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Reads exactly 32 hex digits of either case.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        unhex(text, &mut bytes)?;
        Self::new(bytes)
    }

    /// The 16 bytes, most significant first.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// The id with these bytes; `None` if they are all zero, which OpenTelemetry reserves for "no span".
    #[must_use]
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        NonZeroU64::new(u64::from_be_bytes(bytes)).map(Self)
    }

    /// Reads exactly 16 hex digits of either case.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 8];
        unhex(text, &mut bytes)?;
        Self::new(bytes)
    }

    /// The 8 bytes, most significant first.
    #[must_use]
    pub fn bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

fn unhex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    const BAD: u8 = 0xff;
    const DIGIT: [u8; 256] = {
        let mut table = [BAD; 256];
        let mut i = 0;
        while i < 16 {
            table[b"0123456789abcdef"[i] as usize] = i as u8;
            table[b"0123456789ABCDEF"[i] as usize] = i as u8;
            i += 1;
        }
        table
    };
    if text.len() != bytes.len() * 2 {
        return None;
    }
    let mut bad = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (DIGIT[pair[0] as usize], DIGIT[pair[1] as usize]);
        bad |= high | low;
        *byte = (high << 4) | (low & 0xf);
    }
    (bad & 0xf0 == 0).then_some(())
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Which source a span came from: its place in the list of sources that the program was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

/// Where a source finds a span's payload again, in the source's own terms (SQLite: the row id).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadRef(pub i64);

/// Text that lies in its batch's buffer; [`Batch::text`] reads it. The default is the empty text, which means "not stated".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    at: u32,
    len: u32,
}

/// One span on its way into the store: what a row needs, and the address of the rest.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its id, unique within the trace.
    pub id: SpanId,
    /// The span that it says it runs under.
    pub parent: Option<SpanId>,
    /// When it began.
    pub start: Nanos,
    /// When it ended; `None` while it runs. May lie before `start` if the sender's clock jumped.
    pub end: Option<Nanos>,
    /// As the sender set it.
    pub status: Status,
    /// The span's name, as it came.
    pub name: Text,
    /// The rest of what a row shows, read from the attributes.
    pub facts: SpanFacts,
    /// The status message, its beginning.
    pub error: Text,
    /// Where the payload lies.
    pub payload_ref: PayloadRef,
    /// Bytes that the source keeps in memory for as long as the span is held: 0 where the payload lies in a file.
    pub retained_bytes: u32,
}

/// What [`semantics`] reads out of a span's attributes for its row. Empty text and `None` mean "not stated".
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanFacts {
    /// What the span does.
    pub span_type: SpanType,
    /// The agent's, team's, workflow's or step's name.
    pub agent: Text,
    /// The model that answered, else the one asked for.
    pub model: Text,
    /// Who serves the model.
    pub provider: Text,
    /// The tool's name.
    pub tool: Text,
    /// The conversation.
    pub session: Text,
    /// The person the agent works for.
    pub user: Text,
    /// Agno's id of the run.
    pub run: Text,
    /// The beginning of what the span was given ([`semconv::INPUT_PREVIEW`] bytes at most); of a model call, of the user's last message.
    pub input: Text,
    /// The tools that a model asked for in its answer, by name; of a tool call, a digest of its arguments where they are JSON or `input`
    /// is not all of them.
    pub calls: Text,
    /// The provider's id of its answer: equal on every span that tells of the same call of a model.
    pub response: Text,
    /// The instrumentation that made the span: the name of OTLP's scope.
    pub scope: Text,
    /// Tokens and cost as stated on this very span.
    pub usage: Option<Usage>,
    /// How long the first piece of a model's answer took.
    pub first_token: Option<Nanos>,
}

/// Whether spans were just written or were there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Found when the source was opened, or read again.
    #[default]
    History,
    /// Written while the source was watched.
    Live,
}

/// A piece of input that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it lies, for a person: `row 17`.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Spans that travel together. Their texts share one buffer, so that a span costs no allocation.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Who sent them.
    pub source: SourceId,
    /// Whether they are new.
    pub origin: Origin,
    /// The spans, in the order in which they were read.
    pub spans: Vec<Span>,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
    /// Whether the payloads hold events, links, resource and scope, as OTLP has them. Of a span that comes from two sources the
    /// payload of such a batch is the one to keep.
    pub rich: bool,
    /// Whoever asked wants numbers and names alone: rows are made without what a span was given and asked for, which takes a while to read.
    pub numbers_only: bool,
    buffer: String,
    /// The instrument that was named last: nearly always the next one, too.
    scope: Text,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new(source: SourceId, origin: Origin) -> Self {
        Self { source, origin, ..Self::default() }
    }

    /// An empty batch of the same kind.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { rich: self.rich, numbers_only: self.numbers_only, ..Self::new(self.source, self.origin) }
    }

    /// Makes room for so many more spans and so many more bytes of text.
    pub fn reserve(&mut self, spans: usize, text: usize) {
        self.spans.reserve(spans);
        self.buffer.reserve(text);
    }

    /// Copies `text` into the buffer. A buffer holds 4 GiB; what would not fit is not stated.
    pub fn intern(&mut self, text: &str) -> Text {
        let (Ok(at), Ok(len)) = (u32::try_from(self.buffer.len()), u32::try_from(text.len())) else { return Text::default() };
        if at.checked_add(len).is_none() {
            return Text::default();
        }
        self.buffer.push_str(text);
        Text { at, len }
    }

    /// Copies the characters into the buffer, as [`Batch::intern`] does.
    pub fn intern_chars(&mut self, chars: impl Iterator<Item = char>) -> Text {
        let Ok(at) = u32::try_from(self.buffer.len()) else { return Text::default() };
        self.buffer.extend(chars);
        let end = u32::try_from(self.buffer.len()).ok();
        end.map_or_else(Text::default, |end| Text { at, len: end - at })
    }

    /// The name of an instrument, in the buffer once where it is named again and again.
    pub fn intern_scope(&mut self, name: &str) -> Text {
        if self.text(self.scope) != name {
            self.scope = self.intern(name);
        }
        self.scope
    }

    /// The text behind `text`, which must come from this batch.
    #[must_use]
    pub fn text(&self, text: Text) -> &str {
        self.buffer.get(text.at as usize..(text.at + text.len) as usize).unwrap_or_default()
    }

    /// Bytes that the batch occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

/// Everything that is known of one span, read again from its source for whoever looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload {
    /// The attributes in the order in which they were stored.
    pub attributes: Vec<Attribute>,
    /// Span events; Agno's databases hold none.
    pub events: Vec<Event>,
    /// Links to other spans; Agno's databases hold none.
    pub links: Vec<Link>,
    /// What the sender left out for its own limits.
    pub dropped: Dropped,
    /// The status message, whole.
    pub status_message: String,
    /// What the program that made the span says of itself.
    pub resource: Vec<Attribute>,
    /// The instrumentation's name and version.
    pub scope: (String, String),
    /// What else the instrumentation says of itself.
    pub scope_attributes: Vec<Attribute>,
    /// Its part in a call between programs.
    pub span_kind: SpanKind,
    /// What systems on the way handed on with the trace: W3C's `tracestate`.
    pub trace_state: String,
    /// What else the source says of the span or its trace, for a person: name and value.
    pub notes: Vec<(String, String)>,
}

/// Something that happened at one moment of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What happened: `exception`.
    pub name: String,
    /// When.
    pub time: Nanos,
    /// Details: `exception.type`, `exception.message`, `exception.stacktrace`.
    pub attributes: Vec<Attribute>,
}

/// A span's pointer at another one, mostly of another trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The other span's trace.
    pub trace: TraceId,
    /// The other span.
    pub span: SpanId,
    /// What systems on the way handed on with the other trace.
    pub trace_state: String,
    /// What the link says of itself.
    pub attributes: Vec<Attribute>,
}

/// How many pieces of a span its sender dropped before it sent the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Attributes.
    pub attributes: u32,
    /// Events.
    pub events: u32,
    /// Links.
    pub links: u32,
}
