//! Builds the row of a span from what its sender states.

use std::borrow::Cow;

use super::extractor::{EndedSpan, is_wordless};
use super::{ERROR_PREVIEW, Extractor, KnownKey, preview};
use crate::model::json::Scalar;
use crate::model::{Batch, Ending, Nanos, PayloadRef, Span, SpanId, SpanType, Status, Text, TraceId};

/// The ids and times of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanHeader {
    /// The trace id.
    pub trace: TraceId,
    /// The span id.
    pub id: SpanId,
    /// The parent span id.
    pub parent: Option<SpanId>,
    /// The start time.
    pub start: Nanos,
    /// The end time, or `None` while the span runs.
    pub end: Option<Nanos>,
}

/// Collects the name, status, exception and attributes of one span, in any order, and builds its row.
///
/// Every source builds its rows here, so that the same span gives the same row from a database, a file and OTLP. The builder borrows its
/// input and copies only what the row keeps.
///
/// ```
/// use agno_top::model::json::Scalar;
/// use agno_top::model::{Batch, PayloadRef, SpanId, SpanType, Status, TraceId};
/// use agno_top::semconv::{SpanBuilder, SpanHeader};
///
/// # fn main() -> Option<()> {
/// let mut builder = SpanBuilder::default();
/// builder.name(b"execute_tool get_weather");
/// builder.attribute(b"gen_ai.operation.name", Scalar::Text(b"execute_tool"));
/// builder.status(Status::Error, b"");
/// builder.exception(b"OSError", b"no route to host");
///
/// let header = SpanHeader {
///     trace: TraceId::parse(b"0af7651916cd43dd8448eb211c80319c")?,
///     id: SpanId::parse(b"b7ad6b7169203331")?,
///     parent: None,
///     start: 1_000_000_000,
///     end: Some(2_000_000_000),
/// };
/// let mut batch = Batch::default();
/// let span = builder.build(header, None, PayloadRef(1), &mut batch);
/// assert_eq!(span.facts.span_type, SpanType::Tool);
/// assert_eq!(batch.text(span.facts.tool), "get_weather");
/// assert_eq!(batch.text(span.error), "no route to host");
/// # Some(())
/// # }
/// # main().unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct SpanBuilder<'a> {
    name: &'a [u8],
    status: Status,
    status_message: &'a [u8],
    exception_type: &'a [u8],
    exception_message: &'a [u8],
    /// Whether the exception occurred at the end of the span or after it.
    ends_by_exception: bool,
    service: &'a [u8],
    host: &'a [u8],
    has_remote_parent: bool,
    attributes: Extractor<'a>,
}

impl<'a> SpanBuilder<'a> {
    /// Forgets everything, for the next span.
    pub fn clear(&mut self) {
        (self.name, self.status, self.status_message) = (&[], Status::Unset, &[]);
        (self.exception_type, self.exception_message) = (&[], &[]);
        (self.ends_by_exception, self.service, self.host) = (false, &[], &[]);
        self.has_remote_parent = false;
        self.attributes.clear();
    }

    /// Sets the span's name. Bytes that are not UTF-8 become U+FFFD.
    pub fn name(&mut self, name: &'a [u8]) {
        self.name = name;
    }

    /// Sets the status and its message; an empty message is none.
    pub fn status(&mut self, status: Status, message: &'a [u8]) {
        (self.status, self.status_message) = (status, message);
    }

    /// Sets the `exception.type` and the `exception.message` of the span's last event named `exception`; an empty text is none.
    pub fn exception(&mut self, kind: &'a [u8], message: &'a [u8]) {
        (self.exception_type, self.exception_message) = (kind, message);
    }

    /// States that an exception occurred at the end of the span or after it. Without an answer, the span failed.
    pub fn ends_by_exception(&mut self) {
        self.ends_by_exception = true;
    }

    /// Sets the name of the service that sent the span; an empty name is none.
    pub fn service(&mut self, name: &'a [u8]) {
        self.service = name;
    }

    /// Sets the name of the host that the span ran on; an empty name is none.
    pub fn host(&mut self, name: &'a [u8]) {
        self.host = name;
    }

    /// States that the span's parent is in another process.
    pub fn has_remote_parent(&mut self) {
        self.has_remote_parent = true;
    }

    /// Lets the service name an agent that has no name of its own. This is right for a root span, and for the span of a turn.
    pub fn name_agent_by_service(&mut self, is_root: bool) {
        if is_root || self.attributes.is_turn() {
            self.attributes.service(self.service);
        }
    }

    /// Adds an attribute. Of attributes with equal keys the last one counts.
    #[inline]
    pub fn attribute(&mut self, key: &[u8], value: Scalar<'a>) {
        self.attributes.add(key, value);
    }

    /// Adds an attribute whose key is known to state a fact.
    #[inline]
    pub(crate) fn known_attribute(&mut self, key: KnownKey<'_>, value: Scalar<'a>) {
        self.attributes.add_known(key, value);
    }

    /// Builds the row and copies its texts into the batch. `scope` is the name of the instrumentation scope, `None` where the source does
    /// not record it.
    ///
    /// Logfire sends a record when a span starts, as a child of that span. Such a record becomes the row of its parent, still running. A span
    /// whose process ended first has no end, whatever a source needs to write there.
    #[must_use]
    pub fn build(&self, header: SpanHeader, scope: Option<&str>, payload_ref: PayloadRef, batch: &mut Batch) -> Span {
        let SpanHeader { trace, mut id, mut parent, start, mut end } = header;
        if let (Some(grandparent), Some(running)) = (self.attributes.pending(), parent) {
            (id, parent, end) = (running, grandparent, None);
        }
        let ran_until = if self.attributes.was_cut() { end.take().or_else(|| self.attributes.cut_at()) } else { None };
        let name = utf8_lossy(self.name);
        let [service, stored_scope] = self.attributes.stored_sender();
        let scope = scope.or(stored_scope.as_deref());
        let mut facts = self.attributes.facts(&name, scope, batch);
        let service = service.filter(|_| self.service.is_empty());
        facts.service = batch.intern_service(&service.map_or_else(|| utf8_lossy(self.service), Cow::Owned));
        facts.host = batch.intern_host(&utf8_lossy(self.host));
        facts.has_remote_parent = self.has_remote_parent;
        facts.ran_until = ran_until;
        facts.ending = self.attributes.ending(&EndedSpan {
            span_type: facts.span_type,
            name: &name,
            scope,
            status: self.status,
            message: self.message(),
            exception_type: self.exception_type,
            by_exception: self.ends_by_exception,
            has_ended: end.is_some(),
        });
        Span {
            trace,
            id,
            parent,
            start,
            end,
            status: self.status,
            facts,
            name: batch.intern(&name),
            error: self.error(facts.ending, facts.span_type == SpanType::Guardrail, batch),
            payload_ref,
            retained_bytes: 0,
        }
    }

    /// Returns the status message, else the exception's message.
    fn message(&self) -> &'a [u8] {
        if self.status_message.is_empty() { self.exception_message } else { self.status_message }
    }

    /// Copies the beginning of the error text: the status message, else the exception's message, else what an attribute states, else the
    /// exception's type. A message that does not say why a run was refused is replaced by the run's output, which does.
    fn error(&self, ending: Ending, is_guardrail: bool, batch: &mut Batch) -> Text {
        let message = Some(self.message()).filter(|text| !text.is_empty()).map(Scalar::Text);
        let says_nothing = self.message().is_empty() || is_wordless(self.message());
        let is_refused = ending == Ending::Refused && (is_guardrail || says_nothing);
        let reason = if is_refused { self.attributes.plain_output() } else { None };
        let stated = if is_refused && reason.is_none() { self.attributes.stated_reason() } else { None };
        let reason = reason.or(stated.as_deref().map(|text| Scalar::Text(text.as_bytes())));
        // Some exceptions, such as those of a time limit, have a type and no text.
        let exception = Some(self.exception_type).filter(|kind| !kind.is_empty() && self.status == Status::Error).map(Scalar::Text);
        let text = reason.or(message).or_else(|| self.attributes.error()).or(exception);
        // A failure without a text comes from the finish reason; the answer may be the text.
        let answer = if text.is_none() && ending == Ending::Failed { self.attributes.failed_answer() } else { None };
        let text = text.or_else(|| answer.as_deref().filter(|text| !text.is_empty()).map(|text| Scalar::Text(text.as_bytes())));
        let text = text.or((ending == Ending::Failed).then_some(Scalar::Text(b"finish reason: error")));
        text.map_or_else(Text::default, |text| preview::<ERROR_PREVIEW>(text, batch))
    }
}

/// Returns the same as [`String::from_utf8_lossy`], which is slower on valid text.
fn utf8_lossy(text: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn span_id(byte: u8) -> SpanId {
        SpanId::new([byte; 8]).unwrap()
    }

    fn header() -> SpanHeader {
        SpanHeader { trace: TraceId::new([1; 16]).unwrap(), id: span_id(2), parent: None, start: 1, end: Some(2) }
    }

    fn error(builder: &SpanBuilder<'_>) -> String {
        let mut batch = Batch::default();
        let span = builder.build(header(), None, PayloadRef(0), &mut batch);
        batch.text(span.error).to_owned()
    }

    #[test]
    fn the_error_text_is_the_status_message_then_the_exception_then_an_attribute() {
        let mut builder = SpanBuilder::default();
        assert_eq!(error(&builder), "");
        builder.attribute(b"error.message", Scalar::Text(b"from an attribute"));
        assert_eq!(error(&builder), "from an attribute");
        builder.exception(b"", b"from the exception");
        assert_eq!(error(&builder), "from the exception");
        builder.status(Status::Error, b"from\n the status");
        assert_eq!(error(&builder), "from the status");
        builder.clear();
        assert_eq!(error(&builder), "");
    }

    #[test]
    fn every_error_text_is_cut_at_the_same_length() {
        let long = "é".repeat(ERROR_PREVIEW);
        let expected = "é".repeat(ERROR_PREVIEW / 2);
        let (mut status, mut exception, mut attribute) = (SpanBuilder::default(), SpanBuilder::default(), SpanBuilder::default());
        status.status(Status::Error, long.as_bytes());
        exception.exception(b"", long.as_bytes());
        attribute.attribute(b"exception.message", Scalar::Text(long.as_bytes()));
        for builder in [status, exception, attribute] {
            assert_eq!(error(&builder), expected);
        }
    }

    /// Builds a span of a kind and returns how it ended, and its error text.
    fn ending(kind: &'static [u8], scope: Option<&str>, fill: impl FnOnce(&mut SpanBuilder<'static>)) -> (Ending, String) {
        let mut builder = SpanBuilder::default();
        builder.name(b"Helper.arun");
        builder.attribute(b"openinference.span.kind", Scalar::Text(kind));
        fill(&mut builder);
        let mut batch = Batch::default();
        let span = builder.build(header(), scope, PayloadRef(0), &mut batch);
        (span.facts.ending, batch.text(span.error).to_owned())
    }

    #[test]
    fn an_exception_at_the_end_is_a_failure_unless_there_is_an_answer() {
        let exception = |builder: &mut SpanBuilder<'_>| {
            builder.status(Status::Ok, b"");
            builder.exception(b"", b"no route");
            builder.ends_by_exception();
        };
        assert_eq!(ending(b"TOOL", Some("x"), exception), (Ending::Failed, "no route".to_owned()));
        for key in ["output.value", "gen_ai.tool.call.result", "llm.output_messages.0.message.content"] {
            let answered = |builder: &mut SpanBuilder<'_>| {
                exception(builder);
                builder.attribute(key.as_bytes(), Scalar::Text(b"42"));
            };
            assert_eq!(ending(b"TOOL", Some("x"), answered).0, Ending::Plain, "{key}");
        }
        let reason = |builder: &mut SpanBuilder<'_>| builder.attribute(b"gen_ai.response.finish_reasons", Scalar::Other(b"[\"error\"]"));
        assert_eq!(ending(b"LLM", Some("x"), reason), (Ending::Failed, "finish reason: error".to_owned()));
    }

    #[test]
    fn an_answer_whose_messages_all_ended_by_an_error_is_a_failure() {
        let ended = |status, messages: Scalar<'static>| {
            ending(b"AGENT", Some("x"), |builder| {
                builder.status(status, b"");
                builder.attribute(b"gen_ai.output.messages", messages);
            })
        };
        let failed = br#"[{"role": "assistant", "parts": [{"type": "text", "content": "model exploded"}], "finish_reason": "error"}]"#;
        for messages in [Scalar::Text(failed), Scalar::Other(failed)] {
            assert_eq!(ended(Status::Unset, messages), (Ending::Failed, "model exploded".to_owned()));
        }
        let escaped = br#"[{\"role\": \"assistant\", \"parts\": [], \"finish_reason\": \"error\"}]"#;
        assert_eq!(ended(Status::Ok, Scalar::Escaped(escaped)), (Ending::Failed, "finish reason: error".to_owned()));
        for other in [
            &br#"[{"finish_reason": "error"}, {"finish_reason": "stop"}]"#[..],
            br#"[{"parts": [{"type": "tool_call", "arguments": {"finish_reason": "error"}}], "finish_reason": "tool_call"}]"#,
            br#"[{"parts": [{"content": "\"finish_reason\": \"error\""}], "finish_reason": "stop"}]"#,
            br#"[{"finish_reason": "error""#,
            b"error",
            b"[]",
        ] {
            assert_eq!(ended(Status::Unset, Scalar::Text(other)).0, Ending::Plain, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn what_only_names_a_tool_watches_its_call_but_the_protocol_executes_it() {
        for (name, expected) in [("after_tool", Ending::Watching), ("tools/call search", Ending::Plain)] {
            for status in [Status::Ok, Status::Error] {
                let mut builder = SpanBuilder::default();
                builder.name(name.as_bytes());
                builder.attribute(b"gen_ai.tool.name", Scalar::Text(b"search"));
                builder.status(status, b"");
                let facts = builder.build(header(), None, PayloadRef(0), &mut Batch::default()).facts;
                assert_eq!((facts.span_type, facts.ending), (SpanType::Tool, expected), "{name} {status:?}");
            }
        }
    }

    #[test]
    fn a_guardrail_that_refuses_tells_its_reason_by_its_output() {
        for message in [&b""[..], b"tripped"] {
            let refused = |builder: &mut SpanBuilder<'_>| {
                builder.status(Status::Error, message);
                builder.attribute(b"output.value", Scalar::Text(b"PII found: email"));
            };
            assert_eq!(ending(b"GUARDRAIL", Some("x"), refused), (Ending::Refused, "PII found: email".to_owned()));
        }
        for (output, reason) in [
            (r#"{"passed": false, "reason": "PII found"}"#, "PII found"),
            (r#"{"result": {"explanation": "too long"}}"#, "too long"),
            (r#"{"passed": false}"#, "tripped"),
            (r#"{"reason": ""#, "tripped"),
        ] {
            let refused = |builder: &mut SpanBuilder<'_>| {
                builder.status(Status::Error, b"tripped");
                builder.attribute(b"output.value", Scalar::Text(output.as_bytes()));
            };
            assert_eq!(ending(b"GUARDRAIL", Some("x"), refused), (Ending::Refused, reason.to_owned()), "{output}");
        }
    }

    #[test]
    fn a_failure_without_a_message_has_the_text_of_the_output_or_the_type_of_the_exception() {
        let agno = Some("openinference.instrumentation.agno");
        let run = |scope, output: &'static str, exception: &'static [u8]| {
            ending(b"AGENT", scope, |builder| {
                builder.status(Status::Error, b"");
                builder.exception(exception, b"");
                if !output.is_empty() {
                    builder.attribute(b"output.value", Scalar::Text(output.as_bytes()));
                }
            })
        };
        assert_eq!(run(agno, "No secrets, please.", b""), (Ending::Refused, "No secrets, please.".to_owned()));
        assert_eq!(run(agno, "", b"TimeoutError"), (Ending::Plain, "TimeoutError".to_owned()));
        assert_eq!(run(agno, "half an answer", b"TimeoutError"), (Ending::Plain, "TimeoutError".to_owned()));
        assert_eq!(
            [run(agno, "", b""), run(agno, "{}", b""), run(Some("other"), "half an answer", b"")].map(|(ending, text)| {
                assert_eq!(text, "");
                ending
            }),
            [Ending::Plain; 3]
        );
    }

    #[test]
    fn exceptions_that_steer_a_graph_are_no_failures() {
        for (status, kind, message, expected) in [
            (Status::Ok, &b"langgraph.errors.GraphInterrupt"[..], &b"(Interrupt(value='May I?', id='1'),)"[..], Ending::Paused),
            (Status::Ok, b"langgraph.errors.ParentCommand", b"Command(graph='__parent__', goto='next')", Ending::HandedOver),
            (Status::Error, b"", b"\n\nParentCommand: \n    at node", Ending::HandedOver),
            (Status::Ok, b"ValueError", b"no ParentCommand here", Ending::Failed),
            (Status::Error, b"ValueError", b"disk full", Ending::Plain),
        ] {
            let ended = |builder: &mut SpanBuilder<'_>| {
                builder.status(status, if status == Status::Error { message } else { b"" });
                builder.exception(kind, message);
                builder.ends_by_exception();
            };
            assert_eq!(ending(b"CHAIN", Some("x"), ended).0, expected, "{}", String::from_utf8_lossy(message));
        }
        assert!(!Ending::HandedOver.has_failed(Status::Error));
    }

    #[test]
    fn agno_cuts_refuses_and_pauses_runs() {
        let agno = Some("openinference.instrumentation.agno");
        let id = |builder: &mut SpanBuilder<'_>| builder.attribute(b"agno.agent.id", Scalar::Text(b"helper"));
        // In a database there is no scope.
        for (kind, scope, expected) in [
            (&b"AGENT"[..], agno, Ending::Cut),
            (b"AGENT", None, Ending::Cut),
            (b"LLM", agno, Ending::Cut),
            (b"CHAIN", agno, Ending::Plain),
            (b"AGENT", Some("other"), Ending::Plain),
        ] {
            assert_eq!(ending(kind, scope, id).0, expected, "{scope:?}");
        }
        assert_eq!(ending(b"AGENT", None, |_| {}).0, Ending::Plain, "an agent of another framework");
        let refused = |builder: &mut SpanBuilder<'_>| {
            builder.status(Status::Error, b"run status: error");
            builder.attribute(b"output.value", Scalar::Text(b"Potential jailbreaking detected."));
        };
        assert_eq!(ending(b"AGENT", agno, refused), (Ending::Refused, "Potential jailbreaking detected.".to_owned()));
        let paused = |builder: &mut SpanBuilder<'_>| {
            id(builder);
            builder.status(Status::Ok, b"");
            builder.attribute(b"output.value", Scalar::Text(b"I have tools to execute, but I need confirmation."));
        };
        assert_eq!([agno, None].map(|scope| ending(b"AGENT", scope, paused).0), [Ending::Paused; 2]);
        assert_eq!(ending(b"AGENT", Some("other"), paused).0, Ending::Plain);
    }

    #[test]
    fn a_record_of_a_started_span_becomes_the_row_of_its_parent() {
        let mut builder = SpanBuilder::default();
        let grandparent = span_id(4).to_string();
        builder.attribute(b"logfire.span_type", Scalar::Text(b"pending_span"));
        builder.attribute(b"logfire.pending_parent_id", Scalar::Text(grandparent.as_bytes()));
        let mut batch = Batch::default();
        let mut build = |parent| builder.build(SpanHeader { parent, ..header() }, None, PayloadRef(0), &mut batch);
        let pending = build(Some(span_id(3)));
        assert_eq!((pending.id, pending.parent, pending.end), (span_id(3), Some(span_id(4)), None));
        let root = build(None);
        assert_eq!((root.id, root.parent, root.end), (span_id(2), None, Some(2)), "without a parent it stands for itself");
    }
}
