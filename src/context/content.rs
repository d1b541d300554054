//! The content of a model call as a list of segments, in the order in which a provider reads them: tools, then messages.

use std::collections::{HashMap, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};

use crate::format;
use crate::model::Payload;
use crate::semconv::{self, Message};

/// The characters of a prefix in its name.
const PREFIX_CHARS: usize = 60;

/// What a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SegmentKind {
    /// The schema of a tool.
    Tool,
    /// A message of the system or the developer.
    System,
    /// A message of the user.
    User,
    /// The result of a tool.
    Result,
    /// A message of the model, or of an unknown role.
    Other,
}

/// A tool's schema or a message.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) kind: SegmentKind,
    /// The tool's name, else the message's role.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) hash: u64,
}

impl Segment {
    fn new(kind: SegmentKind, name: String, text: String) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, &name, &text).hash(&mut hasher);
        Self { kind, name, text, hash: hasher.finish() }
    }

    /// Returns the size of the text: its bytes, since a token holds about four letters of English and about one sign of Chinese.
    pub(super) fn weight(&self) -> u64 {
        self.text.len() as u64
    }
}

/// What was sent to a model, and the tools that it asked for.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Tools first, then messages.
    pub(super) segments: Vec<Segment>,
    /// The number of tools at the beginning of `segments`.
    pub(super) tools: usize,
    /// The hashes of the messages that the model answered.
    pub(super) answers: Vec<u64>,
    /// The names of the tools that messages and the answer call.
    pub(super) called: Vec<String>,
    /// Whether messages are missing, since the sender limits the number of attributes.
    pub(super) is_partial: bool,
    /// Whether the span records any messages.
    pub(super) has_messages: bool,
}

impl Content {
    /// Reads the payload of a model call.
    #[must_use]
    pub fn read(payload: &Payload) -> Self {
        let schemas = semconv::tool_schemas(&payload.attributes);
        let conversation = semconv::conversation(payload);
        let calls = || conversation.input.iter().chain(&conversation.output).flat_map(|message| &message.tool_calls);
        let called: Vec<String> = calls().map(|call| call.name.clone()).collect();
        let names: HashMap<&str, &str> = calls().map(|call| (call.id.as_str(), call.name.as_str())).collect();
        let tools = schemas.len();
        let mut segments: Vec<Segment> =
            schemas.into_iter().map(|schema| Segment::new(SegmentKind::Tool, schema.name, schema.text)).collect();
        segments.extend(conversation.input.iter().map(|message| segment(message, &names)));
        Self {
            has_messages: segments.len() > tools,
            segments,
            tools,
            answers: conversation.output.iter().map(|message| segment(message, &names).hash).collect(),
            called,
            is_partial: payload.dropped.attributes > 0 || semconv::lacks_first_messages(&payload.attributes),
        }
    }

    /// Reads the payloads of the spans that report one call, and returns the content of the one that records most; `None` if none is given.
    #[must_use]
    pub fn fullest<'p>(payloads: impl IntoIterator<Item = &'p Payload>) -> Option<Self> {
        let contents = payloads.into_iter().map(Self::read);
        contents
            .reduce(|best, other| if (other.messages().len(), other.tools) > (best.messages().len(), best.tools) { other } else { best })
    }

    /// Returns a name for what comes before the conversation, the tools and the messages of the system: an id that equal ones share, the
    /// number of tools, and the beginning of the first message. `None` without messages, or if the first ones are missing.
    #[must_use]
    pub fn prefix(&self) -> Option<String> {
        let first = self.messages().first().filter(|_| !self.is_partial)?;
        let is_system = |segment: &&Segment| segment.kind == SegmentKind::System;
        let mut hasher = DefaultHasher::new();
        let prefix = self.tools().iter().chain(self.messages().iter().take_while(is_system));
        prefix.for_each(|segment| segment.hash.hash(&mut hasher));
        let beginning: String = if is_system(&first) {
            first.text.split_whitespace().flat_map(|word| [word, " "]).flat_map(str::chars).take(PREFIX_CHARS).collect()
        } else {
            "no system prompt".to_owned()
        };
        let tools = if self.tools == 0 { String::new() } else { format!("{}, ", format::plural(self.tools as u64, "tool")) };
        Some(format!("{:08x} {tools}{}", hasher.finish() as u32, beginning.trim_end()))
    }

    /// Returns the bytes of all texts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.segments.iter().map(|segment| segment.text.len()).sum()
    }

    /// Returns the user's last message, as an index into the segments.
    pub(super) fn last_question(&self) -> Option<usize> {
        self.segments.iter().rposition(|segment| segment.kind == SegmentKind::User)
    }

    pub(super) fn messages(&self) -> &[Segment] {
        &self.segments[self.tools..]
    }

    pub(super) fn tools(&self) -> &[Segment] {
        &self.segments[..self.tools]
    }
}

/// Returns the segment of a message. Its text has everything that is sent: also reasoning, calls and their ids.
fn segment(message: &Message, names: &HashMap<&str, &str>) -> Segment {
    let kind = match message.role.as_str() {
        "system" | "developer" => SegmentKind::System,
        "tool" | "function" => SegmentKind::Result,
        "user" | "human" if message.tool_call_id.is_none() => SegmentKind::User,
        _ if message.tool_call_id.is_some() => SegmentKind::Result,
        _ => SegmentKind::Other,
    };
    let mut text = message.text.clone();
    let mut append = |more: &str| {
        if !text.is_empty() && !more.is_empty() {
            text.push('\n');
        }
        text.push_str(more);
    };
    append(&message.reasoning);
    for call in &message.tool_calls {
        append(&format!("{}({}) {}", call.name, call.arguments, call.id));
    }
    let tool = || message.tool_call_id.as_deref().and_then(|id| names.get(id)).filter(|name| !name.is_empty());
    let name = match kind {
        SegmentKind::Result if !message.name.is_empty() => message.name.clone(),
        SegmentKind::Result => tool().map_or_else(|| message.role.clone(), |name| (*name).to_owned()),
        _ => message.role.clone(),
    };
    Segment::new(kind, name, text)
}
