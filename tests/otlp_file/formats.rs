//! Formats of other programs: Jaeger's downloads, Phoenix's spans, the files of the OpenTelemetry collector.

use std::io::Write;

use agno_top::export::Format;
use agno_top::model::{Origin, Payload, SpanId, SpanKind, SpanType, Status, Value};
use agno_top::sources::{State, Update};

use super::roundtrip::agno_spans;
use super::{Read, open, open_text, sorted, written};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Returns the names and payloads of the spans.
fn payloads(read: &mut Read) -> Vec<(String, Payload)> {
    let payloads = read.payloads(read.spans.iter().map(|(span, ..)| span.payload_ref).collect());
    read.spans.iter().zip(payloads).map(|((_, name, _), payload)| (name.clone(), payload.unwrap())).collect()
}

const JAEGER: &str = r#"{"data":[{"traceID":"af7651916cd43dd8448eb211c80319c","spans":[
  {"traceID":"af7651916cd43dd8448eb211c80319c","spanID":"7ad6b7169203331","operationName":"agent.run","references":[],"startTime":1795327144229975,
   "duration":1500000,"tags":[{"key":"span.kind","type":"string","value":"internal"},{"key":"otel.scope.name","type":"string","value":"agno"},
   {"key":"openinference.span.kind","type":"string","value":"AGENT"},{"key":"agent.name","type":"string","value":"Clerk"}],
   "logs":[],"processID":"p1","warnings":["clock skew"]},
  {"traceID":"af7651916cd43dd8448eb211c80319c","spanID":"b7ad6b7169203332","operationName":"chat","references":[
   {"refType":"CHILD_OF","traceID":"af7651916cd43dd8448eb211c80319c","spanID":"7ad6b7169203331"},
   {"refType":"FOLLOWS_FROM","traceID":"1","spanID":"2"}],"startTime":1795327144300000,"duration":7,"tags":[
   {"key":"span.kind","type":"string","value":"client"},{"key":"error","type":"bool","value":true},
   {"key":"otel.status_code","type":"string","value":"ERROR"},{"key":"otel.status_description","type":"string","value":"no such model"},
   {"key":"big","type":"int64","value":"9007199254740993"},{"key":"n","type":"int64","value":12},{"key":"f","type":"float64","value":2},
   {"key":"raw","type":"binary","value":"AP8="}],
   "logs":[{"timestamp":1795327144300003,"fields":[{"key":"event","type":"string","value":"exception"},{"key":"exception.type","type":"string","value":"E"}]}],
   "processID":"p1","warnings":null}],
  "processes":{"p1":{"serviceName":"shop","tags":[{"key":"host.name","type":"string","value":"h"}]}},"warnings":null}],"total":0,"limit":0,"offset":0,"errors":null}"#;

#[test]
fn a_jaeger_download_is_read() {
    let mut read = open_text(JAEGER);
    assert_eq!((&read.state, &read.skipped[..]), (&State::Ended, &[][..]));
    let (agent, chat) = (read.spans[0].0.clone(), read.spans[1].0.clone());
    assert_eq!(agent.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((agent.id.to_string().as_str(), agent.parent), ("07ad6b7169203331", None));
    assert_eq!((agent.start, agent.end), (1_795_327_144_229_975_000, Some(1_795_327_145_729_975_000)));
    assert_eq!((chat.parent, chat.status, agent.status), (Some(agent.id), Status::Error, Status::Unset));
    assert_eq!(
        (agent.facts.span_type, read.batches[0].text(agent.facts.agent), read.spans[1].2.as_str()),
        (SpanType::Agent, "Clerk", "no such model")
    );
    let payloads = payloads(&mut read);
    let (_, agent) = &payloads[0];
    assert_eq!(agent.resource, [("service.name".to_owned(), text("shop")), ("host.name".to_owned(), text("h"))]);
    assert_eq!((agent.span_kind, agent.scope.0.as_str(), agent.attributes.len()), (SpanKind::Internal, "agno", 2));
    assert_eq!(agent.notes, [("warning".to_owned(), "clock skew".to_owned())]);
    let (name, chat) = &payloads[1];
    assert_eq!((name.as_str(), chat.span_kind, chat.status_message.as_str()), ("chat", SpanKind::Client, "no such model"));
    let values: Vec<_> = chat.attributes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    assert_eq!(
        values,
        [("big", Value::Int(9_007_199_254_740_993)), ("n", Value::Int(12)), ("f", Value::Float(2.0)), ("raw", Value::Bytes(vec![0, 255]))]
    );
    assert_eq!((chat.events[0].name.as_str(), chat.events[0].time), ("exception", 1_795_327_144_300_003_000));
    assert_eq!(chat.events[0].attributes, [("exception.type".to_owned(), text("E"))]);
    assert_eq!(chat.links.iter().map(|link| link.span).collect::<Vec<_>>(), [SpanId::new([0, 0, 0, 0, 0, 0, 0, 2]).unwrap()]);
}

/// One span in each format of Phoenix: a line of its client, a row of its data frame, a response of its REST API.
#[test]
fn spans_of_phoenix_are_read_in_every_format() {
    let line = r#"{"name": "chat", "context": {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}, "span_kind": "LLM", "parent_id": "00f067aa0ba902b7", "start_time": "2026-11-22T05:59:04.229975+00:00", "end_time": "2026-11-22T05:59:05+00:00", "status_code": "ERROR", "status_message": "no", "attributes": {"llm": {"model_name": "gpt-5", "token_count": {"prompt": 10}, "input_messages": [{"message": {"role": "user", "content": "hi"}}], "temperature": NaN}, "metadata": {"a": {"b": 1}}, "tags": ["x", "y"]}, "events": [{"name": "exception", "attributes": {"exception.message": "m"}, "timestamp": "2026-11-22T05:59:04.500000+00:00"}], "conversation": null}"#;
    let row = r#"{"name":"chat","span_kind":"LLM","parent_id":"00f067aa0ba902b7","start_time":1795327144229,"end_time":"2026-11-22T05:59:05Z","status_code":"ERROR","status_message":"no","events":[{"name":"exception","attributes":{"exception.message":"m"},"timestamp":1795327144500}],"context.span_id":"b7ad6b7169203331","context.trace_id":"0af7651916cd43dd8448eb211c80319c","attributes.llm.model_name":"gpt-5","attributes.llm.token_count.prompt":10,"attributes.llm.input_messages":[{"message.role":"user","message.content":"hi"}],"attributes.metadata":{"a":{"b":1}},"attributes.tags":["x","y"],"attributes.tool.name":null,"attributes.llm.temperature":null}"#;
    let rest = r#"{"next_cursor": null, "data": [{"id": "U3Bhbjox", "name": "chat", "context": {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}, "span_kind": "LLM", "parent_id": "00f067aa0ba902b7", "start_time": "2026-11-22T05:59:04.229975Z", "end_time": "2026-11-22T05:59:05Z", "status_code": "ERROR", "status_message": "no", "attributes": {"llm.model_name": "gpt-5", "llm.token_count.prompt": 10, "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi", "metadata": "{\"a\":{\"b\":1}}", "tags": ["x", "y"]}, "events": [{"name": "exception", "attributes": {"exception.message": "m"}, "timestamp": "2026-11-22T05:59:04.5Z"}]}]}"#;
    let list = format!("[{row}]");
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(rest).unwrap()).unwrap();
    for file in [line, row, rest, &list, &pretty] {
        let mut read = open_text(file);
        assert_eq!((&read.state, &read.skipped[..], read.spans.len()), (&State::Ended, &[][..], 1), "{file}");
        let (span, name, error) = read.spans[0].clone();
        assert_eq!((span.start / 1_000_000, span.end, span.status), (1_795_327_144_229, Some(1_795_327_145_000_000_000), Status::Error));
        assert_eq!((name.as_str(), error.as_str(), span.parent.unwrap().to_string().as_str()), ("chat", "no", "00f067aa0ba902b7"));
        let batch = &read.batches[0];
        assert_eq!(
            (span.facts.span_type, batch.text(span.facts.model), batch.text(span.facts.input)),
            (SpanType::Model, "gpt-5", "hi"),
            "{file}"
        );
        assert_eq!(span.facts.usage.unwrap().input, Some(10));
        let (_, payload) = payloads(&mut read).remove(0);
        let get = |name: &str| payload.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        assert_eq!(get("openinference.span.kind"), Some(&text("LLM")));
        assert_eq!(get("metadata"), Some(&text(r#"{"a":{"b":1}}"#)));
        assert_eq!(get("llm.input_messages.0.message.role"), Some(&text("user")));
        assert_eq!(get("tags"), Some(&Value::List(vec![text("x"), text("y")])));
        assert_eq!(get("tool.name"), None);
        assert_eq!((payload.events[0].name.as_str(), payload.events[0].time), ("exception", 1_795_327_144_500_000_000));
    }
}

#[test]
fn compressed_and_framed_files_are_unpacked() {
    let spans = agno_spans();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let framed =
        |parts: &[Vec<u8>]| parts.iter().flat_map(|part| [&(part.len() as u32).to_be_bytes()[..], part].concat()).collect::<Vec<u8>>();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    let (first, second) = spans.split_at(30);
    let proto = [written(first, Format::OtlpProto), written(second, Format::OtlpProto)];
    let json = [written(first, Format::Otlp), written(second, Format::Otlp)];
    for (name, file) in [
        ("gzip", gzip(&json.concat())),
        ("protobuf, gzip", gzip(&proto.concat())),
        ("protobuf, framed", framed(&proto)),
        ("protobuf, framed and zstd", framed(&proto.clone().map(|part| zstd(&part)))),
        ("JSON, framed and zstd", framed(&json.clone().map(|part| zstd(&part)))),
        ("zstd", zstd(&json.concat())),
    ] {
        let mut read = open_text(file);
        assert_eq!((&read.state, read.skipped.len()), (&State::Ended, 0), "{name}");
        assert_eq!(sorted(read.exported()), sorted(spans.clone()), "{name}");
    }
}

#[test]
fn appended_lines_are_read() {
    let spans = agno_spans();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.json");
    let lines: Vec<_> = spans.chunks(20).map(|chunk| written(chunk, Format::Otlp)).collect();
    std::fs::write(&path, [&lines[0][..], &lines[1]].concat()).unwrap();
    let mut read = open(&path);
    assert_eq!((&read.state, read.spans.len()), (&State::Watching { left_out: 0 }, 40));
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    // A line may be written in two parts.
    let (begin, end) = lines[2].split_at(lines[2].len() / 2);
    file.write_all(begin).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    file.write_all(end).unwrap();
    file.write_all(&lines[3]).unwrap();
    while read.spans.len() < spans.len() {
        let Update::Batch(batch) = read.updates.blocking_recv().unwrap() else { panic!() };
        assert_eq!((batch.origin, batch.skipped.len()), (Origin::Live, 0));
        read.spans.extend(batch.spans.iter().map(|span| (span.clone(), batch.text(span.name).to_owned(), String::new())));
    }
    assert_eq!(sorted(read.exported()), sorted(spans));
}
