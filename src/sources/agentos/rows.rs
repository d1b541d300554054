//! The rows and the payloads of spans as AgentOS tells them.
//!
//! AgentOS takes what it tells from attributes of the stored span, which get their names back here. What it leaves out stays unknown: the
//! messages, the provider, parts of the tokens and, without these, the cost.

use super::answer::{Node, Object, Trace};
use crate::model::json::{Scalar, parse_value, unescape};
use crate::model::{Batch, Nanos, Payload, PayloadRef, Span, SpanId, SpanType, Value};
use crate::semconv::{AGNO_SCOPE, SPAN_KIND_KEY, SpanBuilder, SpanHeader};
use crate::sources::agno_row;

/// What the metadata of a span holds, and the attribute that it comes from.
const METADATA: [(&str, &str); 12] = [
    ("model", "llm.model_name"),
    ("input_tokens", "llm.token_count.prompt"),
    ("output_tokens", "llm.token_count.completion"),
    ("run_id", "agno.run.id"),
    ("tool_name", "tool.name"),
    ("parameters", "tool.parameters"),
    ("description", "agno.workflow.description"),
    ("steps_count", "agno.workflow.steps_count"),
    ("steps", "agno.workflow.steps"),
    ("step_types", "agno.workflow.step_types"),
    ("session_id", "session.id"),
    ("user_id", "user.id"),
];

/// What is stated about a trace, and the attribute of its root that it comes from.
const IDS: [(&str, &str); 6] = [
    ("run_id", "agno.run.id"),
    ("session_id", "session.id"),
    ("user_id", "user.id"),
    ("agent_id", "agno.agent.id"),
    ("team_id", "agno.team.id"),
    ("workflow_id", "agno.workflow.id"),
];

/// Builds the row of a span, with its texts in `batch`.
pub(super) fn span(trace: &Trace<'_>, node: &Node<'_>, payload_ref: PayloadRef, batch: &mut Batch) -> Span {
    let (name, error) = (node.object.text("name"), error(trace, node));
    let mut builder = SpanBuilder::default();
    builder.name(name.as_bytes());
    builder.status(node.object.status(), error.as_bytes());
    for (key, value) in attributes(trace, node) {
        builder.attribute(key.as_bytes(), value);
    }
    // Only Agno's own instrumentation gives runs these ids.
    let is_agno = ["run_id", "steps_count", "step_types"].iter().any(|name| node.metadata.get(name).is_some())
        || node.is_bare && is_run(node) && trace.object.get("run_id").is_some();
    let header = SpanHeader { trace: trace.id, id: node.id, parent: node.parent, start: node.start, end: node.end };
    let mut span = builder.build(header, is_agno.then_some(AGNO_SCOPE), payload_ref, batch);
    if let Some(usage) = &mut span.facts.usage {
        usage.parts_unknown = true;
        // Agno stores the input of Anthropic's models without cached tokens, which AgentOS does not tell.
        let model = batch.text(span.facts.model).to_ascii_lowercase();
        usage.cache_unstated = span.facts.span_type == SpanType::Model
            && (model.contains("claude") || name.starts_with("Claude.") || name.starts_with("AwsBedrock."));
    }
    span
}

/// Builds the row that stands for a trace whose spans AgentOS does not tell. `end` is `None` while it may run.
pub(super) fn summary(trace: &Trace<'_>, end: Option<Nanos>, payload_ref: PayloadRef, batch: &mut Batch) -> Span {
    let name = trace.object.text("name");
    let mut builder = SpanBuilder::default();
    builder.name(name.as_bytes());
    builder.status(trace.object.status(), b"");
    for (key, value) in ids(trace) {
        builder.attribute(key.as_bytes(), value);
    }
    let header = SpanHeader { trace: trace.id, id: SpanId::of_trace(trace.id), parent: None, start: trace.start, end };
    let mut span = builder.build(header, None, payload_ref, batch);
    (span.facts.span_type, span.facts.from_log) = (SpanType::Other, true);
    span
}

/// Builds the payload of a span.
pub(super) fn payload(trace: &Trace<'_>, node: &Node<'_>) -> Payload {
    let attributes = attributes(trace, node).into_iter().map(|(key, value)| (key.to_owned(), owned(value))).collect();
    let mut payload = Payload { attributes, status_message: error(trace, node), ..Payload::default() };
    if let Some(step) = node.object.get("step_type") {
        payload.notes.push(("step type".to_owned(), text(step)));
    }
    payload
        .notes
        .push(("not told".to_owned(), "messages, provider, cached and reasoning tokens, events: AgentOS leaves them out".to_owned()));
    payload.notes.extend(notes(trace));
    payload
}

/// Builds the payload of the row that stands for a trace.
pub(super) fn summary_payload(trace: &Trace<'_>) -> Payload {
    let attributes = ids(trace).into_iter().map(|(key, value)| (key.to_owned(), owned(value))).collect();
    Payload { attributes, notes: notes(trace), ..Payload::default() }
}

fn notes(trace: &Trace<'_>) -> Vec<(String, String)> {
    let mut notes = agno_row::notes(|column| {
        if column == "duration_ms" {
            return Some(format!("{:.3}", trace.end.saturating_sub(trace.start) as f64 / 1e6));
        }
        trace.object.get(column).map(text)
    });
    if trace.nodes.is_empty() {
        let missing = trace.missing();
        notes.push((
            "spans".to_owned(),
            format!("{missing} stored; AgentOS tells them once the root is stored, which may be in another program"),
        ));
    } else {
        notes.extend(trace.gap().map(|gap| ("left out".to_owned(), gap)));
    }
    notes
}

fn is_run(node: &Node<'_>) -> bool {
    matches!(node.object.text("type").as_str(), "AGENT" | "TEAM" | "WORKFLOW")
}

/// Returns the message of a failure.
fn error(trace: &Trace<'_>, node: &Node<'_>) -> String {
    let stated = if node.is_bare { trace.object.get("error") } else { node.object.get("error") };
    stated.map(text).unwrap_or_default()
}

fn attributes<'a>(trace: &Trace<'a>, node: &Node<'a>) -> Vec<(&'static str, Scalar<'a>)> {
    let mut attributes: Vec<(&'static str, Scalar<'a>)> = Vec::new();
    if let Some(kind) = node.object.get("type").filter(|kind| *kind != Scalar::Text(b"UNKNOWN")) {
        // AgentOS calls the steps of a workflow workflows, too, which state no steps.
        let has_steps = ["steps_count", "steps", "step_types", "description"].iter().any(|name| node.metadata.get(name).is_some());
        let is_whole = has_steps || node.is_bare && trace.object.get("workflow_id").is_some();
        let kind = if kind == Scalar::Text(b"WORKFLOW") && !is_whole { Scalar::Text(b"CHAIN") } else { kind };
        attributes.push((SPAN_KIND_KEY, kind));
    }
    let texts = if node.is_bare { &trace.object } else { &node.object };
    attributes
        .extend([("input", "input.value"), ("output", "output.value")].into_iter().filter_map(|(name, key)| Some((key, texts.get(name)?))));
    let told = |object: &Object<'a>, names: &[(&str, &'static str)]| {
        names.iter().filter_map(|(name, key)| Some((*key, object.get(name)?))).collect::<Vec<_>>()
    };
    attributes.extend(told(&node.metadata, &METADATA));
    if node.is_bare && is_run(node) {
        attributes.extend(ids(trace));
    }
    attributes
}

fn ids<'a>(trace: &Trace<'a>) -> Vec<(&'static str, Scalar<'a>)> {
    IDS.iter().filter_map(|(name, key)| Some((*key, trace.object.get(name)?))).collect()
}

fn owned(value: Scalar<'_>) -> Value {
    match value {
        Scalar::Text(_) | Scalar::Escaped(_) => Value::Text(text(value)),
        Scalar::Int(number) => Value::Int(number),
        Scalar::Float(number) => Value::Float(number),
        Scalar::Bool(flag) => Value::Bool(flag),
        Scalar::Other(json) => parse_value(json).unwrap_or_default(),
    }
}

fn text(value: Scalar<'_>) -> String {
    match value {
        Scalar::Text(raw) => String::from_utf8_lossy(raw).into_owned(),
        Scalar::Escaped(raw) => unescape(raw),
        other => crate::model::json::chars(other).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
