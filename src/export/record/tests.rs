use super::*;
use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, Status, Text, Usage};
use crate::store::Limits;

fn add(batch: &mut Batch, id: u8, parent: u8, kind: SpanType, label: &str, times: (Nanos, Option<Nanos>)) {
    let (name, label) = (batch.intern("a name"), batch.intern(label));
    let facts = match kind {
        SpanType::Model => SpanFacts { span_type: kind, model: label, ..SpanFacts::default() },
        SpanType::Tool => SpanFacts { span_type: kind, tool: label, ..SpanFacts::default() },
        _ => SpanFacts { span_type: kind, agent: label, ..SpanFacts::default() },
    };
    batch.spans.push(Span {
        trace: TraceId::new([7; 16]).unwrap(),
        id: SpanId::new([id; 8]).unwrap(),
        parent: SpanId::new([parent; 8]),
        start: times.0,
        end: times.1,
        status: Status::Unset,
        name,
        facts,
        error: Text::default(),
        payload_ref: PayloadRef(0),
        retained_bytes: 0,
    });
}

fn store(batch: &Batch) -> Store {
    let mut store = Store::new(Limits::default());
    store.apply(batch, 100_000_000);
    store
}

#[test]
fn records_have_stable_field_names() {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    add(&mut batch, 1, 0, SpanType::Agent, "Clerk", (1_000_000, Some(9_000_000)));
    let (session, user) = (batch.intern("s1"), batch.intern("ann"));
    (batch.spans[0].facts.session, batch.spans[0].facts.user) = (session, user);
    // Two overlap, and one ends after its parent.
    add(&mut batch, 2, 1, SpanType::Model, "gpt-5", (2_000_000, Some(4_000_000)));
    add(&mut batch, 3, 1, SpanType::Tool, "look_up", (3_000_000, Some(5_000_000)));
    add(&mut batch, 4, 1, SpanType::Tool, "look_up", (8_500_000, Some(12_000_000)));
    let provider = batch.intern("OpenAI");
    batch.spans[1].facts.provider = provider;
    batch.spans[1].facts.usage = Some(Usage { input: Some(10), output: Some(3), cost: Some(1_500_000), ..Usage::default() });
    let error = batch.intern("no such customer");
    (batch.spans[2].error, batch.spans[2].status) = (error, Status::Error);
    let store = store(&batch);
    let trace = store.traces().next().unwrap();
    let rows = store.rows_of(trace);
    let json = |row: usize| serde_json::to_value(SpanRecord::from_row(&store, rows[row])).unwrap();
    assert_eq!(
        json(0),
        serde_json::json!({
            "trace_id": "07".repeat(16), "span_id": "01".repeat(8), "parent_id": null, "name": "a name", "kind": "agent", "status": "error",
            "failed": true, "failed_steps": 1, "error": null, "start": "1970-01-01T00:00:00.001Z", "end": "1970-01-01T00:00:00.009Z", "duration_ms": 8.0, "self_ms": 4.5,
            "agent": "Clerk", "model": null, "provider": null, "tool": null, "session": "s1", "user": "ann", "input_tokens": null,
            "cached_tokens": null, "cache_write_tokens": null, "output_tokens": null, "reasoning_tokens": null, "cost_usd": null,
            "cache_unstated": false,
            "cost_incomplete": false, "tokens_incomplete": false, "requested_model": null, "first_token_ms": null, "tokens_per_second": null, "truncated": false, "stalled": false, "duplicate": false
        })
    );
    let model = json(1);
    assert_eq!((&model["model"], &model["provider"], &model["agent"]), (&"gpt-5".into(), &"OpenAI".into(), &"Clerk".into()));
    assert_eq!((&model["input_tokens"], &model["cached_tokens"], &model["cost_usd"]), (&10.into(), &().into(), &0.0015.into()));
    let tool = json(2);
    assert_eq!((&tool["status"], &tool["error"], &tool["tool"]), (&"error".into(), &"no such customer".into(), &"look_up".into()));
    assert_eq!((&tool["parent_id"], &tool["session"]), (&"01".repeat(8).into(), &"s1".into()));
    let trace = serde_json::to_value(TraceRecord::from_trace(&store, trace, "traces.db")).unwrap();
    assert_eq!(
        trace,
        serde_json::json!({
            "source": "traces.db", "trace_id": "07".repeat(16), "name": "a name", "label": "Clerk", "root": "a name", "status": "error", "start": "1970-01-01T00:00:00.001Z",
            "end": "1970-01-01T00:00:00.012Z", "duration_ms": 11.0, "spans": 4, "errors": 1, "failed_steps": 1, "failed": true, "agent": "Clerk", "session": "s1",
            "user": "ann", "other_traces": [], "covers_other_traces": false, "input_tokens": 10, "cached_tokens": null, "cache_write_tokens": null, "output_tokens": 3, "reasoning_tokens": null,
            "cost_usd": 0.0015, "cache_unstated": false, "cost_incomplete": false, "tokens_incomplete": false, "approvals": [], "scores": []
        })
    );
}

#[test]
fn a_running_span_has_no_end_and_a_missing_span_has_no_name() {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    add(&mut batch, 2, 1, SpanType::Model, "", (2_000_000, Some(4_000_000)));
    let store = store(&batch);
    let trace = store.traces().next().unwrap();
    let missing = serde_json::to_value(SpanRecord::from_row(&store, store.rows_of(trace)[0])).unwrap();
    for field in ["name", "end", "duration_ms", "self_ms", "agent"] {
        assert!(missing[field].is_null(), "{field}");
    }
    assert_eq!(missing["status"], "running");
    let trace = serde_json::to_value(TraceRecord::from_trace(&store, trace, "x")).unwrap();
    for field in ["name", "end", "duration_ms", "agent", "session", "input_tokens", "cost_usd"] {
        assert!(trace[field].is_null(), "{field}");
    }
    assert_eq!((&trace["status"], &trace["spans"]), (&"running".into(), &1.into()));
}

#[test]
fn a_span_that_was_cut_by_the_end_of_its_process_took_at_least_the_time_until_then() {
    let (trace, id) = (TraceId::new([1; 16]).unwrap(), SpanId::new([2; 8]).unwrap());
    let record = |status, end, until| SpanRecord { status, until, ..SpanRecord::new(trace, id, "x", 1_000_000_000, end) };
    let took = |record: SpanRecord| record.took();
    assert_eq!(took(record(RunStatus::Ok, Some(3_000_000_000), 3_000_000_000)).as_deref(), Some("2.00s"));
    assert_eq!(took(record(RunStatus::Cut, None, 2_500_000_000)).as_deref(), Some("≥1.50s"));
    assert_eq!(took(record(RunStatus::Cut, None, 1_000_000_000)), None, "of its process nothing more is known");
    assert_eq!(took(record(RunStatus::Running, None, 2_500_000_000)), None);
}
