//! Values that encodings treat differently: nested, duplicated, bytes and non-finite numbers. They are the same from every format.

use agno_top::export::{ExportedSpan, Format, SpanRecord};
use agno_top::model::attributes::{MAX_NESTING, TOO_DEEP};
use agno_top::model::{Event, Payload, SpanId, Status, TraceId, Value};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span};
use prost::Message;
use serde_json::json;

use super::{Read, open_text, written};

/// A map in a map, `depth` maps around a number.
fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Int(1), |value, _| Value::Map(vec![("a".to_owned(), value)]))
}

/// The same in OTLP's types.
fn any_value(value: Value) -> AnyValue {
    let value = match value {
        Value::Int(number) => any_value::Value::IntValue(number),
        Value::Float(number) => any_value::Value::DoubleValue(number),
        Value::Text(text) => any_value::Value::StringValue(text),
        Value::Bytes(bytes) => any_value::Value::BytesValue(bytes),
        Value::Map(entries) => {
            let values = entries.into_iter().map(|(key, value)| key_value(&key, value)).collect();
            any_value::Value::KvlistValue(KeyValueList { values })
        }
        other => panic!("{other:?}"),
    };
    AnyValue { value: Some(value) }
}

fn key_value(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any_value(value)), ..KeyValue::default() }
}

/// A request with one span, which has these attributes, and an event with the same.
fn request(attributes: Vec<KeyValue>) -> ExportTraceServiceRequest {
    let event = span::Event { name: "e".to_owned(), attributes: attributes.clone(), ..span::Event::default() };
    let span =
        Span { trace_id: vec![7; 16], span_id: vec![1; 8], start_time_unix_nano: 5, attributes, events: vec![event], ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

/// The text of a request in OTLP/JSON whose attribute `a` has this value.
fn json_request(value: &str) -> String {
    let attributes = format!(r#"[{{"key":"a","value":{value}}}]"#);
    let event = format!(r#"{{"name":"e","attributes":{attributes}}}"#);
    let span = format!(
        r#"{{"traceId":"{}","spanId":"{}","startTimeUnixNano":"5","attributes":{attributes},"events":[{event}]}}"#,
        "07".repeat(16),
        "01".repeat(8)
    );
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
}

fn exported(payload: Payload) -> ExportedSpan {
    let record = SpanRecord::new(TraceId::new([7; 16]).unwrap(), SpanId::new([1; 8]).unwrap(), "x", 5, Some(6));
    ExportedSpan { record, status: Status::Ok, depth: 0, payload }
}

/// The payload of the only span.
fn payload(read: &mut Read) -> Payload {
    assert_eq!((read.spans.len(), &read.skipped[..]), (1, &[][..]), "{:?}", read.state);
    let addresses = vec![read.spans[0].0.payload_ref];
    read.payloads(addresses).remove(0).unwrap()
}

#[test]
fn deep_values_are_cut_and_the_span_is_kept_in_every_format() {
    let cut = |depth: usize| {
        let mut value = Value::Text(TOO_DEEP.to_owned());
        if depth <= MAX_NESTING {
            return nested(depth);
        }
        for _ in 0..MAX_NESTING {
            value = Value::Map(vec![("a".to_owned(), value)]);
        }
        value
    };
    for depth in [1, MAX_NESTING, MAX_NESTING + 1, 130, 1000] {
        let open = r#"{"kvlistValue":{"values":[{"key":"a","value":"#.repeat(depth);
        let json = json_request(&format!(r#"{open}{{"intValue":1}}{}"#, "}]}}".repeat(depth)));
        let record = format!(
            r#"{{"trace_id":"{}","span_id":"{}","name":"x","start":"1970-01-01T00:00:01Z","attributes":{{"a":{value}}},"events":[{{"name":"e","attributes":{{"a":{value}}}}}]}}"#,
            "07".repeat(16),
            "01".repeat(8),
            value = format_args!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)),
        );
        let protobuf = request(vec![key_value("a", nested(depth))]).encode_to_vec();
        for (format, file) in [("JSON", json.into_bytes()), ("record", record.into_bytes()), ("protobuf", protobuf)] {
            let payload = payload(&mut open_text(file));
            assert_eq!(payload.attributes, [("a".to_owned(), cut(depth))], "{format} {depth}");
            assert_eq!(payload.events[0].attributes, [("a".to_owned(), cut(depth))], "{format} {depth}");
        }
    }
}

#[test]
fn exports_of_deep_values_are_read_back_by_prost_and_serde() {
    let attributes = vec![("a".to_owned(), nested(130))];
    let events = vec![Event { name: "e".to_owned(), time: 5, attributes: attributes.clone() }];
    let span = exported(Payload { attributes: attributes.clone(), resource: attributes, events, ..Payload::default() });
    let json = written(std::slice::from_ref(&span), Format::Otlp);
    let proto = written(std::slice::from_ref(&span), Format::OtlpProto);
    let from_json: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
    assert_eq!(ExportTraceServiceRequest::decode(&proto[..]).unwrap(), from_json);
    let mut payloads = [json, proto, written(&[span], Format::Jsonl)].map(|file| payload(&mut open_text(file)));
    payloads[2].events[0].time = payloads[0].events[0].time;
    assert!(payloads[0].attributes[0].1.to_json().contains(TOO_DEEP));
    assert_eq!(payloads[0], payloads[1]);
    assert_eq!(payloads[0], payloads[2]);
}

#[test]
fn bytes_and_non_finite_numbers_in_a_map_are_the_same_from_json_and_protobuf() {
    let map = Value::Map(vec![
        ("b".to_owned(), Value::Bytes(vec![1, 2, 3])),
        ("f".to_owned(), Value::Float(f64::NAN)),
        ("i".to_owned(), Value::Float(f64::NEG_INFINITY)),
    ]);
    let protobuf = request(vec![key_value("openinference.span.kind", Value::Text("TOOL".to_owned())), key_value("input.value", map)]);
    let json = json_request(
        &json!({"kvlistValue": {"values": [
            {"key": "b", "value": {"bytesValue": "AQID"}},
            {"key": "f", "value": {"doubleValue": "NaN"}},
            {"key": "i", "value": {"doubleValue": "-Infinity"}},
        ]}})
        .to_string(),
    )
    .replace(
        r#""attributes":[{"key":"a""#,
        r#""attributes":[{"key":"openinference.span.kind","value":{"stringValue":"TOOL"}},{"key":"input.value""#,
    );
    let read = |file: Vec<u8>| {
        let mut read = open_text(file);
        let text = read.batches[0].text(read.spans[0].0.facts.input).to_owned();
        let payload = payload(&mut read);
        (text, payload.attributes.iter().map(|(_, value)| value.to_json()).collect::<Vec<_>>())
    };
    let expected = r#"{"b":"010203","f":"NaN","i":"-Infinity"}"#;
    for file in [json.into_bytes(), protobuf.encode_to_vec()] {
        assert_eq!(read(file), (expected.to_owned(), vec!["\"TOOL\"".to_owned(), expected.to_owned()]));
    }
}

#[test]
fn non_finite_numbers_survive_every_export_of_otlp() {
    let numbers = [f64::NAN, 1.5, f64::INFINITY, f64::NEG_INFINITY].map(Value::Float).to_vec();
    let attributes = vec![("a".to_owned(), Value::List(numbers)), ("b".to_owned(), Value::Null)];
    let events = vec![Event { name: "e".to_owned(), time: 5, attributes: vec![("c".to_owned(), Value::Float(f64::INFINITY))] }];
    let payload_of = Payload { resource: attributes.clone(), attributes, events, ..Payload::default() };
    let json = String::from_utf8(written(&[exported(payload_of.clone())], Format::Otlp)).unwrap();
    assert!(!json.contains("null") && json.contains(r#""doubleValue":"NaN""#), "{json}");
    for format in [Format::Otlp, Format::OtlpProto] {
        let payload = payload(&mut open_text(written(&[exported(payload_of.clone())], format)));
        // NaN is not equal to itself, but its text is.
        assert_eq!(format!("{payload:?}"), format!("{payload_of:?}"), "{format:?}");
    }
}

#[test]
fn the_last_of_duplicated_attributes_counts_everywhere() {
    let text = |text: &str| Value::Text(text.to_owned());
    let attributes = vec![
        key_value("openinference.span.kind", text("TOOL")),
        key_value("input.value", text("first")),
        key_value("other", Value::Map(vec![("x".to_owned(), Value::Int(1)), ("x".to_owned(), Value::Int(2))])),
        key_value("input.value", text("last")),
    ];
    let body = request(attributes);
    for file in [body.encode_to_vec(), serde_json::to_vec(&body).unwrap()] {
        let mut read = open_text(file);
        assert_eq!(read.batches[0].text(read.spans[0].0.facts.input), "last", "the row");
        let payload = payload(&mut read);
        let expected = [
            ("openinference.span.kind".to_owned(), text("TOOL")),
            ("input.value".to_owned(), text("last")),
            ("other".to_owned(), Value::Map(vec![("x".to_owned(), Value::Int(2))])),
        ];
        assert_eq!((&payload.attributes[..], &payload.events[0].attributes[..]), (&expected[..], &expected[..]), "the payload");
        for format in [Format::Jsonl, Format::Agno] {
            let line = String::from_utf8(written(&[exported(payload.clone())], format)).unwrap();
            assert!(line.contains(r#""input.value":"last""#) && !line.contains(r#""first""#), "{line}");
        }
    }
}
