use super::*;
use crate::model::{Origin, SourceId, Status};

/// A run that calls a model and a tool, under a request.
const TREE: &str = r#"{"trace_id": "0123456789abcdef0123456789abcdef", "name": "fastapi.dependencies", "status": "OK", "total_spans": 6,
    "start_time": "2026-11-30T03:38:00Z", "end_time": "2026-11-30T03:38:09Z", "tree": [
    {"id": "0000000000000001", "name": "POST /agents/{agent_id}/runs", "type": "UNKNOWN", "status": "UNSET",
     "start_time": "2026-11-30T03:38:00Z", "end_time": "2026-11-30T03:38:09Z", "metadata": {"total_input_tokens": 42}, "spans": [
      {"id": "0000000000000002", "name": "Helper.arun", "type": "AGENT", "status": "OK", "input": "hi", "output": "line\n\u001b[2J",
       "start_time": "2026-11-30T03:38:01.5Z", "end_time": "2026-11-30T03:38:08Z", "metadata": {"run_id": "r1", "session_id": "s", "user_id": "u"},
       "spans": [
        {"id": "0000000000000003", "name": "OpenAIChat.ainvoke", "type": "LLM", "status": "OK", "start_time": "2026-11-30T03:38:02Z",
         "end_time": "2026-11-30T03:38:03Z", "input": "{}", "metadata": {"model": "gpt-5-mini", "input_tokens": 42, "output_tokens": 51}},
        {"id": "0000000000000004", "name": "Claude.ainvoke", "type": "LLM", "status": "OK", "start_time": "2026-11-30T03:38:02Z",
         "end_time": "2026-11-30T03:38:03Z", "metadata": {"model": "claude-sonnet-4-5", "input_tokens": 4, "output_tokens": 5}},
        {"id": "0000000000000005", "name": "refund", "type": "TOOL", "status": "ERROR", "error": "HTTP 502", "start_time": "2026-11-30T03:38:04Z",
         "end_time": "2026-11-30T03:38:05Z", "metadata": {"tool_name": "refund", "parameters": "{\"id\": 7}"}},
        {"id": "0000000000000006", "name": "pay.aexecute", "type": "WORKFLOW", "status": "OK", "start_time": "2026-11-30T03:38:06Z",
         "end_time": "2026-11-30T03:38:07Z", "step_type": "Step"}]}]}]}"#;

/// Returns the rows by the last digit of their ids.
fn rows(text: &str) -> (Batch, Vec<Span>) {
    let trace = Trace::read(text.as_bytes()).unwrap();
    let mut batch = Batch::new(SourceId(0), Origin::History);
    let mut spans: Vec<Span> = trace.nodes.iter().map(|node| span(&trace, node, PayloadRef(3), &mut batch)).collect();
    spans.sort_by_key(|span| span.id);
    (batch, spans)
}

#[test]
fn spans_state_what_agentos_tells() {
    let (batch, spans) = rows(TREE);
    let [request, run, call, claude, tool, step] = spans.as_slice() else { panic!("{}", spans.len()) };
    let types = spans.iter().map(|span| span.facts.span_type).collect::<Vec<_>>();
    assert_eq!(types, [SpanType::Other, SpanType::Agent, SpanType::Model, SpanType::Model, SpanType::Tool, SpanType::Step]);
    assert_eq!((request.parent, run.parent, step.parent), (None, Some(request.id), Some(run.id)));
    assert_eq!((run.start, run.end), (1_796_009_881_500_000_000, Some(1_796_009_888_000_000_000)));
    let texts =
        [run.facts.agent, run.facts.session, run.facts.user, run.facts.run, run.facts.input].map(|text| batch.text(text).to_owned());
    assert_eq!(texts, ["Helper", "s", "u", "r1", "hi"]);
    let usage = call.facts.usage.unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.cache_read, usage.parts_unknown, usage.cache_unstated),
        (Some(42), Some(51), None, true, false)
    );
    assert!(claude.facts.usage.unwrap().cache_unstated, "Agno stores the input of Claude without cached tokens");
    assert_eq!((tool.status, batch.text(tool.error), batch.text(tool.facts.tool)), (Status::Error, "HTTP 502", "refund"));
    assert!(request.facts.usage.is_none(), "sums over other spans are no usage of the request");
}

#[test]
fn payloads_have_the_names_that_the_database_has() {
    let trace = Trace::read(TREE.as_bytes()).unwrap();
    let found = |digit: char| payload(&trace, trace.nodes.iter().find(|node| node.id.to_string().ends_with(digit)).unwrap());
    let names = |digit| found(digit).attributes.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names('2'), [SPAN_KIND_KEY, "input.value", "output.value", "agno.run.id", "session.id", "user.id"]);
    assert_eq!(names('5'), [SPAN_KIND_KEY, "tool.name", "tool.parameters"]);
    assert_eq!(found('5').status_message, "HTTP 502");
    assert!(found('2').attributes.contains(&("output.value".to_owned(), Value::Text("line\n\u{1b}[2J".to_owned()))));
    assert_eq!(found('6').attributes[0].1, Value::Text("CHAIN".to_owned()));
    assert!(found('6').notes.iter().any(|(name, value)| name == "step type" && value == "Step"));
}

#[test]
fn the_root_has_the_texts_of_the_trace() {
    let text = r#"{"trace_id": "0123456789abcdef0123456789abcdef", "name": "Flow.run", "status": "OK", "total_spans": 1, "input": "in", "output": "out",
        "run_id": "r", "session_id": "s", "workflow_id": "flow", "start_time": "2026-11-30T03:38:00Z", "end_time": "2026-11-30T03:38:09Z", "tree": [
        {"id": "0000000000000001", "name": "Flow.run", "type": "WORKFLOW", "status": "OK", "start_time": "2026-11-30T03:38:00Z",
         "end_time": "2026-11-30T03:38:09Z", "metadata": {"steps": ["a", "b"]}}]}"#;
    let (batch, spans) = rows(text);
    assert_eq!(spans[0].facts.span_type, SpanType::Workflow);
    assert_eq!([spans[0].facts.input, spans[0].facts.session].map(|text| batch.text(text)), ["in", "s"]);
    let trace = Trace::read(text.as_bytes()).unwrap();
    let payload = payload(&trace, &trace.nodes[0]);
    let steps = Value::List(vec![Value::Text("a".to_owned()), Value::Text("b".to_owned())]);
    assert!(payload.attributes.contains(&("agno.workflow.steps".to_owned(), steps)));
    assert!(payload.notes.contains(&("stored time".to_owned(), "9000.000 ms".to_owned())));
}

#[test]
fn a_row_stands_for_a_trace_without_a_tree() {
    let text = r#"{"trace_id": "0123456789abcdef0123456789abcdef", "name": "agent.run", "status": "OK", "total_spans": 5, "session_id": "s",
        "start_time": "2026-11-30T03:38:00Z", "end_time": "2026-11-30T03:38:09Z", "tree": []}"#;
    let trace = Trace::read(text.as_bytes()).unwrap();
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let row = summary(&trace, None, PayloadRef(0), &mut batch);
    assert_eq!((row.facts.span_type, row.end, row.id), (SpanType::Other, None, SpanId::of_trace(trace.id)));
    assert_eq!((batch.text(row.name), batch.text(row.facts.session)), ("agent.run", "s"));
    let notes = summary_payload(&trace).notes;
    assert!(notes.iter().any(|(name, value)| name == "spans" && value.starts_with("5 stored; ")), "{notes:?}");
}
