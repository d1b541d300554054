//! How a span ended, beside its status.

use super::Extractor;
use crate::model::json::{Scalar, chars};
use crate::model::{Attribute, Ending, SpanType, Status, Value};
use crate::semconv::finish::is_limit;
use crate::semconv::keys::Field;
use crate::semconv::messages::first_text;
use crate::semconv::{kinds, values};

/// The status message of a failed run of Agno, up to the run's status. The reason is the run's output.
const WORDLESS: &[u8] = b"run status: ";

/// The beginnings of what Agno returns from a run that waits for a person.
const PAUSED: [&str; 2] = ["I have tools to execute, but ", "Team run paused."];

/// The exceptions of LangGraph by which a graph waits for a person.
const INTERRUPTS: [&str; 2] = ["GraphInterrupt", "NodeInterrupt"];

/// The exception of LangGraph by which a step hands over to a step of another graph.
const HAND_OVER: &[u8] = b"ParentCommand";

/// The most lines of an error text that are searched.
const MAX_LINES: usize = 8;

/// The finish reason of a message that ended by an error, as OpenTelemetry names it.
const ERROR_REASON: &str = "error";

/// Parts of words of which every form of a request for a tool has one.
const TOOL_WORDS: [&str; 2] = ["ool", "unction"];

/// Texts of which one is in every answer that matters: those and the error as JSON.
pub(in crate::semconv) const ANSWER_WORDS: [&str; 3] = ["\"error\"", TOOL_WORDS[0], TOOL_WORDS[1]];

/// The keys under which guardrails state why they refuse.
pub(in crate::semconv) const REASONS: [&str; 6] = ["reason", "explanation", "message", "error", "detail", "details"];

/// The most characters of an output in which a reason is looked for.
pub(in crate::semconv) const MAX_REASON_CHARS: usize = 1 << 16;

/// The most finish reasons of a call, one for each of its answers, that are read.
const MAX_REASONS: usize = 64;

/// What a span states about its end apart from its attributes.
pub(in crate::semconv) struct EndedSpan<'a> {
    pub(in crate::semconv) span_type: SpanType,
    pub(in crate::semconv) name: &'a str,
    /// The instrumentation scope, `None` where the source does not record it.
    pub(in crate::semconv) scope: Option<&'a str>,
    pub(in crate::semconv) status: Status,
    /// The status message, else the message of its exception.
    pub(in crate::semconv) message: &'a [u8],
    /// The type of its exception; empty if it has none.
    pub(in crate::semconv) exception_type: &'a [u8],
    /// Whether an exception occurred at its end or after it.
    pub(in crate::semconv) by_exception: bool,
    pub(in crate::semconv) has_ended: bool,
}

impl EndedSpan<'_> {
    /// Whether its error is an interrupt of a graph, which waits for a person.
    fn pauses(&self) -> bool {
        INTERRUPTS.iter().any(|name| self.exception_type.ends_with(name.as_bytes())) || is_interrupt(self.message)
    }

    /// Whether neither a message nor an exception tells why it failed.
    fn says_nothing(&self) -> bool {
        self.message.is_empty() && self.exception_type.is_empty()
    }

    /// Whether its error only hands over to a step of another graph: by the exception's type, or by a line of the text.
    fn hands_over(&self) -> bool {
        let is_line = |line: &[u8]| line.trim_ascii_start().starts_with(HAND_OVER);
        self.exception_type.ends_with(HAND_OVER) || self.message.split(|byte| *byte == b'\n').take(MAX_LINES).any(is_line)
    }
}

impl<'a> Extractor<'a> {
    /// Returns how the span ended.
    pub(in crate::semconv) fn ending(&self, span: &EndedSpan<'_>) -> Ending {
        let is_run = span.span_type.is_agentic();
        // A workflow in the background ends without a status though it is complete.
        let sets_status = (is_run && span.span_type != SpanType::Workflow) || span.span_type == SpanType::Model;
        let by_exception = span.by_exception && !self.has_answer();
        match span.status {
            _ if self.was_cut() => Ending::Cut,
            Status::Error if span.pauses() => Ending::Paused,
            Status::Error if span.hands_over() => Ending::HandedOver,
            Status::Error if is_run && is_wordless(span.message) => Ending::Refused,
            Status::Error if is_run && span.says_nothing() && self.states_reason(span) => Ending::Refused,
            Status::Error if span.span_type == SpanType::Guardrail => Ending::Refused,
            Status::Error if self.only_names_a_tool(span) => Ending::Watching,
            Status::Error => Ending::Plain,
            _ if by_exception && span.pauses() => Ending::Paused,
            _ if by_exception && span.hands_over() => Ending::HandedOver,
            _ if by_exception || self.ends_by_error() => Ending::Failed,
            Status::Ok if is_run && self.waits_for_a_person() && self.is_of_agno(span.name, span.span_type, span.scope) => Ending::Paused,
            // Agno always sets the status of the runs and model calls that come to an end.
            Status::Unset if sets_status && span.has_ended && self.is_of_agno(span.name, span.span_type, span.scope) => Ending::Cut,
            _ if self.only_names_a_tool(span) => Ending::Watching,
            _ => Ending::Plain,
        }
    }

    /// Whether the output of a failed run of Agno is the reason. A run that an exception ended has no output.
    fn states_reason(&self, span: &EndedSpan<'_>) -> bool {
        let has_reason = self.plain_output().is_some_and(|output| chars(output).any(|char| !char.is_whitespace()));
        has_reason && self.is_of_agno(span.name, span.span_type, span.scope)
    }

    /// Whether nothing but the name of a tool tells that the span is a tool call.
    fn only_names_a_tool(&self, span: &EndedSpan<'_>) -> bool {
        let states_call = || kinds::from_name(span.name).is_some() || kinds::is_mcp_call(span.name);
        span.span_type == SpanType::Tool && !self.has(Field::Kind) && !states_call()
    }

    pub(super) fn has_answer(&self) -> bool {
        self.has(Field::Response) || self.has(Field::Answer) || self.seen.has_response
    }

    /// Whether anything says that the answer requests tools: a request, the finish reason, or words in the text of the answer, of which every
    /// form of such requests has one.
    pub(super) fn may_request_tools(&self) -> bool {
        let mentions = |field| {
            let Some(Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = self.text(field) else { return false };
            TOOL_WORDS.iter().any(|word| memchr::memmem::find(raw, word.as_bytes()).is_some())
        };
        let by_reason = || self.text(Field::FinishReason).is_some_and(is_tool_reason);
        let by_text = || !self.seen.has_response && [Field::Response, Field::Answer].into_iter().any(mentions);
        self.seen.called_tools.1 > 0 || by_reason() || by_text()
    }

    fn waits_for_a_person(&self) -> bool {
        self.plain_output().is_some_and(|output| PAUSED.iter().any(|start| chars(output).take(start.len()).eq(start.chars())))
    }

    /// Returns `output.value` unless it is JSON.
    pub(in crate::semconv) fn plain_output(&self) -> Option<Scalar<'a>> {
        let Some((0, super::FieldValue::Text(output))) = self.slot(Field::Response) else { return None };
        let (Scalar::Text(raw) | Scalar::Escaped(raw)) = *output else { return None };
        (!matches!(raw.trim_ascii_start(), [b'{' | b'[', ..])).then_some(*output)
    }

    /// Whether every finish reason is an error.
    fn ends_by_error(&self) -> bool {
        self.text(Field::FinishReason).is_some_and(is_error_reason) || self.failed_answer().is_some()
    }

    /// Returns the text of the answer's messages if all of them ended by an error. A run that failed without an exception may say so only there.
    pub(in crate::semconv) fn failed_answer(&self) -> Option<String> {
        let Some((0, super::FieldValue::Text(messages))) = self.slot(Field::Answer) else { return None };
        let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = messages else { return None };
        memchr::memmem::find(raw, ERROR_REASON.as_bytes())?;
        let parsed = values::parse(*messages, MAX_REASON_CHARS)?;
        let Value::List(items) = &parsed else { return None };
        let has_failed = |message: &Value| match message {
            Value::Map(map) => matches!(values::get(map, "finish_reason"), Some(Value::Text(reason)) if reason == ERROR_REASON),
            _ => false,
        };
        (!items.is_empty() && items.iter().all(has_failed)).then(|| first_text(&parsed).unwrap_or_default())
    }

    /// Returns the text under a key for reasons, in an output that is a JSON object or has one in it.
    pub(in crate::semconv) fn stated_reason(&self) -> Option<String> {
        let Some((_, super::FieldValue::Text(output))) = self.slot(Field::Response) else { return None };
        let Some(Value::Map(output)) = values::parse_printed(*output, MAX_REASON_CHARS) else { return None };
        let stated = |map: &[Attribute]| {
            REASONS.iter().find_map(|key| match values::get(map, key)? {
                Value::Text(text) if !text.trim().is_empty() => Some(text.clone()),
                _ => None,
            })
        };
        let inner = || output.iter().find_map(|(_, value)| if let Value::Map(map) = value { stated(map) } else { None });
        stated(&output).or_else(inner)
    }
}

/// Whether the name of a run says that it continues another.
pub(super) fn is_continuation(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, method)| matches!(method, "continue_run" | "acontinue_run"))
}

/// Whether a status message does not say why a run failed.
pub(in crate::semconv) fn is_wordless(message: &[u8]) -> bool {
    message.starts_with(WORDLESS)
}

/// Whether every finish reason is an error: `error`, or a list of it, which may be JSON text.
pub(super) fn is_error_reason(value: Scalar<'_>) -> bool {
    let mut reasons = reasons(&value).peekable();
    reasons.peek().is_some() && reasons.all(|reason| reason.eq_ignore_ascii_case(b"error"))
}

/// Whether a finish reason says that the answer reached the limit of tokens.
pub(super) fn is_limit_reason(value: Scalar<'_>) -> bool {
    reasons(&value).any(|reason| std::str::from_utf8(reason).is_ok_and(is_limit))
}

/// Whether a finish reason says that the answer requests tools: `tool_calls`, `tool-calls`, `tool_use`, `function_call`.
pub(super) fn is_tool_reason(value: Scalar<'_>) -> bool {
    reasons(&value).any(|reason| {
        let starts = |word: &str| reason.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
        starts("tool") || starts("function")
    })
}

/// Returns the finish reasons in a text, or in a list of texts, which may be JSON text.
fn reasons<'v>(value: &'v Scalar<'_>) -> impl Iterator<Item = &'v [u8]> {
    let raw: &[u8] = if let Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw) = value { raw } else { &[] };
    let is_between = |byte: &u8| matches!(byte, b'[' | b']' | b'"' | b'\'' | b'\\' | b',') || byte.is_ascii_whitespace();
    raw.split(is_between).filter(|reason| !reason.is_empty()).take(MAX_REASONS)
}

/// Whether encoded finish reasons may contain an error or a limit.
pub(super) fn mentions_a_cause(encoded: &[u8]) -> bool {
    encoded.windows(4).any(|word| CAUSES.iter().any(|cause| word.eq_ignore_ascii_case(cause.as_slice())))
}

/// The beginnings of words in finish reasons that matter: error, length, max, limit, tool, function.
const CAUSES: [&[u8; 4]; 7] = [b"erro", b"leng", b"max_", b"maxt", b"limi", b"tool", b"func"];

/// Whether the text of an error is an interrupt of a graph, which waits for a person: in JavaScript a JSON list, in Python an exception.
fn is_interrupt(message: &[u8]) -> bool {
    let message = message.trim_ascii_start();
    INTERRUPTS.iter().any(|name| message.starts_with(name.as_bytes())) || is_list_of_interrupts(message)
}

/// Whether a text begins like `[{"id": "…", "value":`. A source may have cut the rest.
fn is_list_of_interrupts(text: &[u8]) -> bool {
    fn skip<'t>(text: &'t [u8], start: &[u8]) -> Option<&'t [u8]> {
        text.trim_ascii_start().strip_prefix(start)
    }
    /// Skips a member of an object, up to its colon, if it has one of the names.
    fn skip_name<'t>(text: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
        skip(skip(skip(skip(text, b"\"")?, name)?, b"\"")?, b":")
    }
    fn id(text: &[u8]) -> Option<&[u8]> {
        let rest = skip(skip_name(text, b"id")?, b"\"")?;
        rest.iter().position(|byte| *byte == b'"').map(|end| &rest[end + 1..])
    }
    let Some(object) = skip(text, b"[").and_then(|text| skip(text, b"{")) else { return false };
    match skip_name(object, b"value") {
        // The value comes first, and its end is not known.
        Some(value) => memchr::memmem::find_iter(value, b"\"id\"").any(|at| id(&value[at..]).is_some()),
        None => id(object).and_then(|rest| skip(rest, b",")).and_then(|rest| skip_name(rest, b"value")).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finish_reason_is_an_error_if_all_are() {
        for reasons in ["error", "[\"error\"]", "[\\\"error\\\"]", "['ERROR', 'error']", " error "] {
            assert!(is_error_reason(Scalar::Text(reasons.as_bytes())), "{reasons}");
            assert!(mentions_a_cause(reasons.as_bytes()), "{reasons}");
        }
        for reasons in ["", "stop", "[]", "[\"stop\", \"error\"]", "errors", "no error"] {
            assert!(!is_error_reason(Scalar::Text(reasons.as_bytes())), "{reasons}");
        }
        assert!(!is_error_reason(Scalar::Int(1)));
    }

    #[test]
    fn a_finish_reason_tells_that_the_limit_was_reached() {
        for reasons in ["length", "[\"max_tokens\"]", "[\\\"MAX_TOKENS\\\"]", "['stop', 'length']", "max_output_tokens", "maxTokens"] {
            assert!(is_limit_reason(Scalar::Text(reasons.as_bytes())), "{reasons}");
            assert!(mentions_a_cause(reasons.as_bytes()), "{reasons}");
        }
        for reasons in ["", "stop", "[]", "end_turn", "content_filter", "error", "lengthy"] {
            assert!(!is_limit_reason(Scalar::Text(reasons.as_bytes())), "{reasons}");
        }
    }

    #[test]
    fn an_interrupt_is_told_from_other_errors() {
        for text in [
            "[\n  {\n    \"id\": \"d240\",\n    \"value\": \"May I?\"\n  }\n]\n\nGraphInterrupt: [",
            "[{\"id\":\"1\",\"value\":{\"question\":\"cut",
            "[{\"value\": [1, \"]\"], \"id\": \"1\"}]",
            "GraphInterrupt((Interrupt(value='May I?', id='1'),))Traceback (most recent call last):",
            "NodeInterrupt('wait')",
        ] {
            assert!(is_interrupt(text.as_bytes()), "{text}");
        }
        for text in
            ["", "[", "[{", "[]", "[{}]", "[{\"id\": 3, \"value\": 4}]", "[{\"id\": \"x\"}]", "timed out", "{\"id\": \"1\", \"value\": 2}"]
        {
            assert!(!is_interrupt(text.as_bytes()), "{text}");
        }
    }
}
