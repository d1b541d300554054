//! The table of the OpenTelemetry collector's exporter, with attributes of both types.

use agno_top::model::{SpanType, Value};

use crate::front::{Front, watch};
use crate::output;

/// The types of attributes that the exporter writes.
const TYPES: [&str; 2] = ["Map(LowCardinality(String), String)", "JSON"];

/// Two spans of a trace, 2026-11-25 10:00 UTC. Times are numbers, since the engine runs in another time zone.
const ROWS: &str = r#"{"Timestamp": "1795600800.123456789", "TraceId": "0af7651916cd43dd8448eb211c80319c", "SpanId": "0000000000000001", "SpanName": "invoke_agent Clerk", "SpanKind": "Internal", "ServiceName": "shop", "ResourceAttributes": {"service.name": "shop", "host.name": "h1"}, "ScopeName": "s", "SpanAttributes": {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Clerk", "a/b": "x/y"}, "Duration": 2000000000, "StatusCode": "Ok"}
{"Timestamp": "1795600800.500000000", "TraceId": "0af7651916cd43dd8448eb211c80319c", "SpanId": "0000000000000002", "ParentSpanId": "0000000000000001", "SpanName": "chat gpt-4o", "SpanKind": "SPAN_KIND_CLIENT", "ServiceName": "shop", "ResourceAttributes": {"service.name": "shop"}, "ScopeName": "s", "SpanAttributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "20", "error": "true", "error.type": "Boom"}, "Duration": 1000000000, "StatusCode": "STATUS_CODE_ERROR", "StatusMessage": "no", "Events.Timestamp": ["1795600801.500000000"], "Events.Name": ["exception"], "Events.Attributes": [{"exception.type": "Boom", "exception.message": "it failed"}]}"#;

fn filled(front: &Front, attributes: &str) -> String {
    let database = front.collector(attributes);
    // Twice, as after a retry.
    for _ in 0..2 {
        front.run(&format!("INSERT INTO {database}.otel_traces FORMAT JSONEachRow\n{ROWS}"));
    }
    database
}

#[test]
fn both_types_of_attributes_give_the_same_spans_in_every_time_zone() {
    let Some(front) = Front::shared() else { return };
    let lists = TYPES.map(|attributes| {
        let database = filled(front, attributes);
        let url = front.url(&database);
        let list = output(&["list", &url, "--json"]);
        for part in ["\"start\":\"2026-11-25T10:00:00.123456789Z\"", "\"spans\":2", "\"input_tokens\":100", "\"status\":\"error\"", "Clerk"]
        {
            assert!(list.contains(part), "{part} is not in {list}");
        }
        for filter in ["text:x/y", "agent:Clerk", "model:gpt-4o status:error", "since:2026-11-25T10:00Z until:2026-11-25T10:01Z"] {
            assert_eq!(output(&["list", &url, "--json", "--filter", filter]), list, "{filter}");
        }
        assert!(output(&["show", "0af7", &url]).contains("chat gpt-4o") || output(&["show", "0af7", &url]).contains("gpt-4o"));
        let mut watch = watch(&url, u64::MAX);
        watch.until_spans(2);
        watch.until_watching();
        assert_eq!((watch.spans[&crate::watch::id(1)].kind, watch.spans[&crate::watch::id(2)].kind), (SpanType::Agent, SpanType::Model));
        let payload = watch.payload(2).unwrap();
        let value = |key: &str| payload.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        assert_eq!((value("error"), value("error.type")), (Some(Value::Text("true".to_owned())), Some(Value::Text("Boom".to_owned()))));
        assert_eq!((payload.events.len(), payload.events[0].time, payload.status_message.as_str()), (1, 1_795_600_801_500_000_000, "no"));
        assert_eq!(watch.search("text:\"it failed\""), [2]);
        watch.end();
        list.replace(&database, "d")
    });
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn new_spans_that_began_long_ago_are_found() {
    let Some(front) = Front::shared() else { return };
    let database = filled(front, TYPES[0]);
    let mut watch = front.watch(&database);
    watch.until_spans(2);
    watch.until_watching();
    let late = ROWS.lines().next().unwrap().replace("0000000000000001", "0000000000000003").replace("1795600800.123456789", "1600000000.5");
    front.run(&format!("INSERT INTO {database}.otel_traces FORMAT JSONEachRow\n{late}"));
    watch.until_span(3);
    watch.end();
}
