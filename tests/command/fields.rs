//! The fields of JSON output: names, order, units, and null for unknown values.

use serde_json::{Value, json};

use super::{Program, names};

const USAGE: [&str; 9] = [
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "cache_unstated",
    "cost_incomplete",
    "tokens_incomplete",
];

const TRACE: [&str; 18] = [
    "source",
    "trace_id",
    "name",
    "label",
    "root",
    "status",
    "start",
    "end",
    "duration_ms",
    "spans",
    "errors",
    "failed_steps",
    "failed",
    "agent",
    "session",
    "user",
    "other_traces",
    "covers_other_traces",
];

const REVIEWS: [&str; 2] = ["approvals", "scores"];

const SPAN: [&str; 19] = [
    "trace_id",
    "span_id",
    "parent_id",
    "name",
    "kind",
    "status",
    "failed",
    "failed_steps",
    "error",
    "start",
    "end",
    "duration_ms",
    "self_ms",
    "agent",
    "model",
    "provider",
    "tool",
    "session",
    "user",
];

const ANSWER: [&str; 6] = ["requested_model", "first_token_ms", "tokens_per_second", "truncated", "stalled", "duplicate"];

const STATS: [&str; 10] = ["by", "key", "calls", "errors", "failed_steps", "failed", "p50_ms", "p95_ms", "p99_ms", "max_ms"];

const FAILED: &str = "f1da07c790e40640405b376d69e46dbc";

#[test]
fn list_writes_these_fields() {
    let traces = Program::new().objects(&["list", "--json", "traces.db"]);
    for trace in &traces {
        assert_eq!(names(trace), [&TRACE[..], &USAGE, &REVIEWS].concat());
    }
    let trace = |id: &str| traces.iter().find(|trace| trace["trace_id"] == id).unwrap();
    assert_eq!(
        *trace(FAILED),
        json!({
            "source": "traces.db", "trace_id": FAILED, "name": "Unlucky_Agent.run", "label": "Unlucky Agent", "root": "Unlucky_Agent.run", "status": "error",
            "start": "2026-11-22T05:59:05.347970Z", "end": "2026-11-22T05:59:05.453921Z", "duration_ms": 105.951,
            "spans": 2, "errors": 2, "failed_steps": 1, "failed": true, "agent": "Unlucky Agent", "session": "sess-5", "user": null, "other_traces": [], "covers_other_traces": false,
            "input_tokens": null, "cached_tokens": null, "cache_write_tokens": null, "output_tokens": null, "reasoning_tokens": null,
            "cost_usd": null, "cache_unstated": false, "cost_incomplete": false, "tokens_incomplete": false, "approvals": [], "scores": [],
        })
    );
    let team = trace("bcc844e18edeb6510135150b6e8fc602");
    assert_eq!((&team["input_tokens"], &team["output_tokens"], &team["user"]), (&json!(1831), &json!(764), &json!("erin")));
}

#[test]
fn show_tells_what_a_sender_dropped() {
    let program = Program::empty();
    std::fs::copy(super::fixture("dropped-by-the-sender.pb"), program.path("traces.pb")).unwrap();
    let text = program.text(&["show", "987d", "traces.pb"]);
    assert!(text.ends_with("! other many attributes: 176 attributes, 72 events dropped by the sender\n"), "{text}");
    let trace: Value = serde_json::from_str(&program.text(&["show", "987d", "traces.pb", "--json"])).unwrap();
    let dropped: Vec<&Value> = trace["spans"].as_array().unwrap().iter().map(|span| &span["dropped"]).collect();
    assert_eq!(dropped, [&Value::Null, &Value::Null, &json!({"attributes": 176, "events": 72, "links": 0}), &Value::Null]);
}

#[test]
fn traces_come_newest_first() {
    let traces = Program::new().objects(&["list", "--json", "traces.db"]);
    let starts: Vec<&str> = traces.iter().map(|trace| trace["start"].as_str().unwrap()).collect();
    assert_eq!(starts.len(), 11);
    assert!(starts.is_sorted_by(|left, right| left >= right), "{starts:?}");
}

#[test]
fn a_trace_takes_as_long_without_a_leaked_run_in_every_text() {
    let program = Program::empty();
    std::fs::copy(super::fixture("frameworks/agno-team-nested/traces.sqlite"), program.path("traces.db")).unwrap();
    let duration = program.objects(&["list", "--json", "traces.db"])[0]["duration_ms"].as_f64().unwrap();
    assert!((3925.0..3935.0).contains(&duration), "{duration}");
    assert!(program.text(&["list", "traces.db"]).contains(" 3.93s "));
    assert!(program.text(&["show", "last", "traces.db"]).contains(", for 3.93s\n"));
    assert!(program.text(&["show", "last", "traces.db", "--format", "markdown"]).contains("- took: 3.93s\n"));
}

#[test]
fn show_writes_spans_in_tree_order() {
    let program = Program::new();
    let text = program.text(&["show", "--json", "bcc8", "traces.db"]);
    assert_eq!(text.matches("\"spans\":").count(), 1, "no name comes twice");
    let trace: Value = serde_json::from_str(&text).unwrap();
    let without_count: Vec<&str> =
        [&TRACE[..], &USAGE, &REVIEWS].concat().into_iter().filter(|name| *name != "spans").chain(["spans"]).collect();
    assert_eq!(names(&trace), without_count);
    let spans = trace["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 38);
    let (mut path, mut leaked) = (Vec::<&Value>::new(), 0);
    for span in spans {
        assert_eq!(
            names(span),
            [
                &["depth", "leaked"],
                &SPAN[..],
                &USAGE,
                &ANSWER,
                &["parameters"],
                &REVIEWS,
                &["stored_run", "stored_session", "context", "dropped"]
            ]
            .concat()
        );
        let depth = usize::try_from(span["depth"].as_u64().unwrap()).unwrap();
        assert!(depth <= path.len());
        path.truncate(depth);
        let above = path.last().map_or(Value::Null, |parent| (*parent).clone());
        let is_leaked = span["leaked"] == json!(true);
        // A leaked run, and the run of a member below its delegation, name the team.
        let names_team = is_leaked || span["agent"] == "Researcher" && span["kind"] == "agent";
        assert!(if names_team { span["parent_id"] == spans[0]["span_id"] } else { above == span["parent_id"] });
        assert!(!is_leaked || above.is_null());
        leaked += usize::from(is_leaked);
        path.push(&span["span_id"]);
    }
    assert_eq!(leaked, 5, "runs that began after the team had ended");
    let tool = spans.iter().find(|span| span["kind"] == "tool").unwrap();
    assert_eq!((&tool["tool"], &tool["agent"], &tool["model"]), (&json!("delegate_task_to_member"), &json!("Report Team"), &Value::Null));
    assert_eq!(
        (&tool["input_tokens"], &tool["span_id"]),
        (&spans[3]["input_tokens"], &spans[2]["span_id"]),
        "those of the member below it"
    );
    let model = &spans[1];
    assert_eq!((&model["model"], &model["status"], &model["error"]), (&json!("gpt-5"), &json!("ok"), &Value::Null));
    assert!(model["input_tokens"].as_u64().unwrap() > 0);
    assert!(spans[0]["self_ms"].as_f64().unwrap() < spans[0]["duration_ms"].as_f64().unwrap());
}

#[test]
fn payload_adds_attributes_and_events() {
    let program = Program::new();
    let [trace] = program.objects(&["show", "--json", "--payload", &FAILED.to_uppercase(), "traces.db"]).try_into().unwrap();
    for span in trace["spans"].as_array().unwrap() {
        assert_eq!(
            names(span),
            [
                &["depth", "leaked"],
                &SPAN[..],
                &USAGE,
                &ANSWER,
                &["parameters"],
                &REVIEWS,
                &["stored_run", "stored_session", "context", "attributes", "events", "dropped"]
            ]
            .concat()
        );
        assert!(span["attributes"]["openinference.span.kind"].is_string());
        assert_eq!(span["events"], json!([]), "Agno's databases hold none");
    }
    assert_eq!(trace["spans"][1]["error"], "ModelProviderError: upstream model exploded");
}

#[test]
fn parameters_of_model_calls_are_shown_and_filtered() {
    let program = Program::empty();
    std::fs::write(program.path("a.json"), include_str!("../fixtures/parameters.json")).unwrap();
    let of = |trace: &str| {
        let [trace] = program.objects(&["show", "--json", trace, "a.json"]).try_into().unwrap();
        trace["spans"].as_array().unwrap().iter().map(|span| span["parameters"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        of("0a"),
        [
            Value::Null,
            json!({"temperature": 0.2, "max_tokens": 100, "stop": ["END"]}),
            json!({"temperature": 0.2, "max_tokens": 100, "stop": ["END"]})
        ]
    );
    assert_eq!(of("0b"), [Value::Null, json!({"temperature": 0.9, "reasoning_effort": "high"})]);
    let text = program.text(&["show", "0a", "a.json"]);
    assert!(text.ends_with("✦ gpt-5-mini: temperature 0.2 · max_tokens 100 · stop [\"END\"] · 2 calls\n"), "{text}");
    let found = |filter: &str| {
        let traces = program.objects(&["list", "--json", "--filter", filter, "a.json"]);
        traces.iter().map(|trace| trace["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("param.temperature:>0.5"), ["second"]);
    assert_eq!(found("param.temperature<0.5"), ["first"]);
    assert_eq!(found("param.reasoning_effort:high kind:model"), ["second"]);
    assert_eq!(found("param.maxTokens=100"), ["first"]);
    assert_eq!(found("param.stop:end"), ["first"]);
    assert_eq!(found("param.temperature:*"), ["second", "first"]);
}

#[test]
fn a_span_that_ends_before_its_start_has_no_duration() {
    let program = Program::empty();
    let span = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"a","startTimeUnixNano":"1795327144000000000","endTimeUnixNano":"1795327143000000000"}"#;
    std::fs::write(program.path("a.json"), format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)).unwrap();
    assert!(program.objects(&["list", "--json", "a.json"])[0]["duration_ms"].is_null());
    let shown = program.objects(&["show", "0af7", "--json", "a.json"]).remove(0);
    assert!(shown["spans"][0]["duration_ms"].is_null() && shown["spans"][0]["self_ms"].is_null(), "{shown}");
    assert!(shown["spans"][0]["end"].is_string());
    assert!(program.text(&["show", "0af7", "a.json"]).contains("for –\n"));
    let exported = program.objects(&["export", "a.json", "--format", "agno"]).remove(0);
    assert_eq!((&exported["trace"]["duration_ms"], &exported["spans"][0]["duration_ms"]), (&0.into(), &0.into()));
}

#[test]
fn stats_writes_these_fields() {
    let program = Program::new();
    for by in ["agent", "model", "tool", "session", "error", "user", "provider", "service", "hour", "day", "month", "prefix"] {
        for line in program.objects(&["stats", "--json", "--by", by, "traces.db"]) {
            let mut fields = [&STATS[..], &USAGE, &["cost_usd_per_1k_tokens"]].concat();
            if by == "agent" {
                fields.insert(6, "refused");
            }
            if by == "model" {
                fields.extend(["first_token_p50_ms", "first_token_p95_ms", "tokens_per_second_p50", "tokens_per_second_p95"]);
            }
            if ["hour", "day", "month"].contains(&by) {
                fields.insert(2, "start");
            }
            fields.push("covers");
            assert_eq!(line["covers"]["traces"], 11, "{line}");
            assert_eq!(names(&line), fields);
            assert_eq!(line["by"], by);
        }
    }
}

#[test]
fn tail_writes_the_fields_of_show() {
    let program = Program::new();
    let spans = program.objects(&["tail", "--json", "--since", "2026-01-01", "--limit", "75", "traces.db"]);
    assert_eq!(spans.len(), 75);
    for span in &spans {
        assert_eq!(names(span), [&SPAN[..], &USAGE, &ANSWER].concat());
    }
    let ends: Vec<&str> = spans.iter().map(|span| span["end"].as_str().unwrap()).collect();
    assert!(ends.is_sorted(), "{ends:?}");
}
