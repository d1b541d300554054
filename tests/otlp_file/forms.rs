//! Forms in which other programs write spans: each is read with its tree, its tokens and what else it states, and refused with its reason.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use agno_top::model::{Payload, Skipped, SpanKind, SpanType, Status, Value};
use agno_top::sources::State;

use super::{Read, open_text};

/// The files of `tests/fixtures/forms`: spans, traces, spans whose parent is in the file, input tokens, output tokens.
const FORMS: [(&str, [u64; 5]); 10] = [
    ("grafana-tempo.json", [2, 1, 1, 10, 5]),
    ("tempo-api-v2.json", [2, 1, 1, 10, 5]),
    ("java-logging-otlp.jsonl", [2, 2, 0, 0, 0]),
    ("python-console.json", [2, 1, 1, 10, 5]),
    ("snake-case.jsonl", [1, 1, 0, 0, 0]),
    ("phoenix-otlpv1.json", [4, 1, 3, 2000, 100]),
    ("phoenix-traces-with-spans.json", [4, 1, 3, 0, 0]),
    ("mlflow-3.json", [4, 1, 3, 2000, 100]),
    ("zipkin-v2.json", [12, 3, 9, 296, 209]),
    ("zipkin-v2-trace.json", [6, 1, 5, 188, 122]),
];

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new("tests/fixtures/forms").join(name)).unwrap()
}

fn counts(read: &Read) -> [u64; 5] {
    let ids: HashSet<_> = read.spans.iter().map(|(span, ..)| (span.trace, span.id)).collect();
    let traces: HashSet<_> = read.spans.iter().map(|(span, ..)| span.trace).collect();
    let children = read.spans.iter().filter(|(span, ..)| span.parent.is_some_and(|parent| ids.contains(&(span.trace, parent))));
    let usage = || read.spans.iter().filter_map(|(span, ..)| span.facts.usage);
    let input = usage().filter_map(|usage| usage.input).map(u64::from).sum();
    let output = usage().filter_map(|usage| usage.output).map(u64::from).sum();
    [ids.len() as u64, traces.len() as u64, children.count() as u64, input, output]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.len() as u32).to_be_bytes()[..], part].concat()).collect()
}

/// The payload of the span with this name.
fn payload(read: &mut Read, name: &str) -> (Status, Payload) {
    let (span, ..) = read.spans.iter().find(|(_, other, _)| other == name).unwrap().clone();
    (span.status, read.payloads(vec![span.payload_ref]).remove(0).unwrap())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn value<'a>(attributes: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

#[test]
fn every_form_is_read_plain_and_compressed() {
    for (name, expected) in FORMS {
        let plain = fixture(name);
        for (packing, file) in [("plain", plain.clone()), ("gzip", gzip(&plain)), ("zstd", zstd(&plain))] {
            let read = open_text(file);
            assert!(!matches!(read.state, State::Failing(_)), "{name} {packing}: {:?}", read.state);
            assert_eq!((counts(&read), &read.skipped[..]), (expected, &[][..]), "{name} {packing}");
        }
    }
}

#[test]
fn the_kinds_in_phoenixs_list_of_traces_are_those_of_openinference() {
    let mut read = open_text(fixture("phoenix-traces-with-spans.json"));
    let mut types: Vec<SpanType> = read.spans.iter().map(|(span, ..)| span.facts.span_type).collect();
    types.sort_unstable();
    assert_eq!(types, [SpanType::Agent, SpanType::Model, SpanType::Model, SpanType::Tool]);
    assert_eq!(payload(&mut read, "chat gpt-4o-mini").1.span_kind, SpanKind::Unspecified);
    let mut read = open_text(fixture("python-console.json"));
    assert_ne!(payload(&mut read, "agent.run").1.span_kind, SpanKind::Unspecified, "a kind of OpenTelemetry");
}

#[test]
fn a_form_that_is_cut_or_changed_gives_spans_or_a_message() {
    for (name, expected) in FORMS {
        let file = fixture(name);
        for part in 1..24 {
            let cut = &file[..file.len() * part / 24];
            assert!(open_text(cut).spans.len() as u64 <= expected[0], "{name} {part}");
        }
        let text = String::from_utf8(file).unwrap();
        let deep = "[".repeat(100_000);
        for (from, to) in
            [("\": \"", "\": 5, \"x\": \""), ("\":\"", "\":{},\"x\":\""), ("\": {", "\": [], \"x\": {"), ("\":[", "\":7,\"x\":[")]
        {
            let read = open_text(text.replace(from, to));
            assert!(read.spans.len() as u64 <= expected[0], "{name} {from} {to}");
        }
        for value in [format!("{deep}{}", "]".repeat(100_000)), deep] {
            open_text(text.replacen("\"attributes\": ", &format!("\"x\": {value}, \"attributes\": "), 1));
            open_text(text.replacen("\"tags\":", &format!("\"x\": {value}, \"tags\":"), 1));
        }
    }
}

#[test]
fn a_printed_span_of_python_has_its_fields() {
    let printed = String::from_utf8(fixture("python-console.json")).unwrap();
    let mut read = open_text(&printed);
    let (status, chat) = payload(&mut read, "chat");
    assert_eq!((status, chat.span_kind, chat.trace_state.as_str()), (Status::Unset, SpanKind::Internal, ""));
    assert_eq!(value(&chat.resource, "telemetry.sdk.language"), Some(&text("python")));
    assert_eq!(value(&chat.attributes, "llm.token_count.prompt"), Some(&Value::Int(10)));
    // What else a program prints costs at most the object beside it.
    let read = open_text(printed.replacen("\n}\n{", "\n}\nTraceback:\n{", 1));
    assert_eq!((read.spans.len(), read.skipped.len()), (2, 1), "{:?}", read.skipped);
    let link = r#""links": [{"context": {"trace_id": "0x22dc3197b014a3af362d1f2cd6a5a354", "span_id": "0x0000000000000007", "trace_state": "[]"}, "attributes": {}}]"#;
    let failed = printed.replacen("\"links\": []", link, 1).replacen(
        "\"status_code\": \"UNSET\"",
        "\"status_code\": \"ERROR\", \"description\": \"no such model\"",
        1,
    );
    let (status, chat) = payload(&mut open_text(failed), "chat");
    assert_eq!((status, chat.status_message.as_str(), chat.links.len()), (Status::Error, "no such model", 1));
}

#[test]
fn a_trace_of_mlflow_has_typed_attributes_and_its_session() {
    let mut read = open_text(fixture("mlflow-3.json"));
    let (_, chat) = payload(&mut read, "chat gpt-4o-mini");
    assert_eq!(value(&chat.attributes, "gen_ai.usage.input_tokens"), Some(&Value::Int(1000)));
    assert_eq!(value(&chat.attributes, "gen_ai.provider.name"), Some(&text("openai")));
    assert_eq!(value(&chat.attributes, "gen_ai.response.finish_reasons"), Some(&Value::List(vec![text("tool_calls")])));
    assert!(matches!(value(&chat.attributes, "gen_ai.input.messages"), Some(Value::Text(_))));
    assert_eq!(value(&chat.resource, "service.name"), Some(&text("agno-app")));
    let (_, root) = payload(&mut read, "invoke_agent Weather Agent");
    assert_eq!(value(&root.attributes, "mlflow.trace.session"), Some(&text("s1")));
    let second = r#"{"info": {"request_id": "r"}, "data": {"spans": [{"name": "a", "context": {"trace_id": "0x0af7651916cd43dd8448eb211c80319c", "span_id": "0xb7ad6b7169203331"},
        "parent_id": null, "start_time": 1795937400000000000, "end_time": 1795937400100000000, "status_code": "OK", "status_message": "", "events": [],
        "attributes": {"mlflow.spanType": "\"CHAT_MODEL\"", "n": "1", "odd": "{"}}], "request": "{}", "response": "{}"}}"#;
    let (status, span) = payload(&mut open_text(second), "a");
    assert_eq!((status, span.attributes.len()), (Status::Ok, 3));
    assert_eq!((value(&span.attributes, "n"), value(&span.attributes, "odd")), (Some(&Value::Int(1)), Some(&text("{"))));
}

#[test]
fn a_span_of_zipkin_gets_its_fields_back() {
    let mut read = open_text(fixture("zipkin-v2.json"));
    let failed = read.spans.iter().position(|(_, name, error)| name == "openaichat.invoke" && !error.is_empty()).unwrap();
    assert_eq!(read.spans[failed].2, "ModelProviderError: upstream model exploded");
    let address = read.spans[failed].0.payload_ref;
    let payload = read.payloads(vec![address]).remove(0).unwrap();
    assert_eq!(payload.scope, ("openinference.instrumentation.agno".to_owned(), "1.0.15".to_owned()));
    assert_eq!(value(&payload.resource, "service.name"), Some(&text("Shop-Agents")));
    assert_eq!(payload.events[0].name, "exception");
    assert_eq!(value(&payload.events[0].attributes, "exception.type"), Some(&text("agno.exceptions.ModelProviderError")));
    assert!(payload.attributes.iter().all(|(name, _)| !name.starts_with("otel.") && name != "error"));
}

/// Returns a span of Zipkin's with these fields.
fn zipkin(fields: &str) -> String {
    format!(r#"{{"traceId":"48eb211c80319c","id":"2","timestamp":1795945012157783,{fields}}}"#)
}

#[test]
fn zipkin_leaves_out_zeros_durations_and_parents() {
    let spans = [
        zipkin(r#""name":"short","tags":{"otel.scope.name":"x"},"parentId":"2""#),
        zipkin(r#""id":"3","name":"open","parentId":"0000000000000002","annotations":[{"timestamp":1795945012157784,"value":"plain"}]"#)
            .replacen(r#""id":"2","#, "", 1),
        zipkin(r#""id":"4","name":"failed","duration":5,"tags":{"error":""},"remoteEndpoint":{"serviceName":"db","port":5432}"#).replacen(
            r#""id":"2","#,
            "",
            1,
        ),
    ];
    let mut read = open_text(format!("[{}]", spans.join(",")));
    assert_eq!(read.skipped, []);
    let find = |name: &str| read.spans.iter().find(|(_, other, _)| other == name).unwrap().0.clone();
    let (short, open) = (find("short"), find("open"));
    assert_eq!(short.trace.to_string(), "00000000000000000048eb211c80319c");
    assert_eq!((short.end, short.parent), (Some(short.start), None));
    assert_eq!((open.end, open.parent), (None, Some(short.id)));
    let (status, failed) = payload(&mut read, "failed");
    assert_eq!((status, value(&failed.attributes, "network.peer.port")), (Status::Error, Some(&Value::Int(5432))));
    assert_eq!(payload(&mut read, "open").1.events[0].name, "plain");
}

#[test]
fn parts_of_a_zipkin_span_are_joined_and_the_server_half_is_a_child() {
    let client = zipkin(r#""name":"get","kind":"CLIENT","tags":{"a":"1"}"#);
    let more = zipkin(r#""duration":40,"tags":{"a":"2","b":"3"}"#);
    let server = zipkin(r#""name":"handle","kind":"SERVER","shared":true,"duration":20"#);
    let mut read = open_text(format!("[[{client},{server}],[{more}]]"));
    assert_eq!((read.spans.len(), &read.skipped[..]), (2, &[][..]));
    let find = |name: &str| read.spans.iter().find(|(_, other, _)| other == name).unwrap().0.clone();
    let (get, handle) = (find("get"), find("handle"));
    assert_eq!((get.end, handle.parent), (Some(get.start + 40_000), Some(get.id)));
    let (_, get) = payload(&mut read, "get");
    assert_eq!(get.attributes, [("a".to_owned(), text("1")), ("b".to_owned(), text("3"))]);
}

#[test]
fn spans_are_found_in_what_a_program_prints() {
    let python = format!("Hello\n{}Bye\n", String::from_utf8(fixture("python-console.json")).unwrap());
    let java = String::from_utf8(fixture("java-logging-otlp.jsonl")).unwrap();
    let java =
        java.lines().fold(String::new(), |printed, line| printed + "Nov 29, 2026 8:00:00 AM io.example.Writer write\nINFO: " + line + "\n");
    for (text, expected) in [(python, [2, 1, 1, 10, 5]), (java, [2, 2, 0, 0, 0])] {
        let read = open_text(&text);
        assert_eq!((counts(&read), &read.skipped[..], &read.state), (expected, &[] as &[Skipped], &State::Ended), "{text}");
    }
    assert!(open_text("name,context.trace_id\na,b\n").failure().contains("it is neither JSON nor OTLP in protobuf"));
}

#[test]
fn answers_of_jaeger_s_api_v3_are_read() {
    let tempo = String::from_utf8(fixture("tempo-api-v2.json")).unwrap();
    let read = open_text(tempo.replacen("{\"trace\":", "{\"result\":", 1));
    assert_eq!((counts(&read), &read.skipped[..]), ([2, 1, 1, 10, 5], &[] as &[Skipped]));
}

#[test]
fn a_data_frame_by_columns_is_read() {
    let table = r#"{"name": {"a1": "chat", "a2": "ask"}, "span_kind": {"a1": "LLM", "a2": "AGENT"}, "parent_id": {"a1": "00f067aa0ba902b7", "a2": null},
        "start_time": {"a1": 1795327144229, "a2": 1795327144200}, "end_time": {"a1": 1795327145229, "a2": 1795327145300},
        "context.span_id": {"a1": "b7ad6b7169203331", "a2": "00f067aa0ba902b7"}, "attributes.llm.token_count.prompt": {"a1": 10, "a2": null},
        "context.trace_id": {"a1": "0af7651916cd43dd8448eb211c80319c", "a2": "0af7651916cd43dd8448eb211c80319c"}, "x": 5}"#;
    let read = open_text(table);
    assert_eq!((counts(&read), &read.skipped[..]), ([2, 1, 1, 10, 0], &[] as &[Skipped]));
}

const LOGS: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"5","body":{"stringValue":"x"}}]}]}]}"#;
/// A request of a log record, with its time and severity, in protobuf.
const LOGS_PROTO: &[u8] = &[0x0a, 0x0f, 0x12, 0x0d, 0x12, 0x0b, 0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0x10, 9];
/// A request of a metric that is called `m` and has an empty sum.
const METRICS_PROTO: &[u8] = &[0x0a, 0x09, 0x12, 0x07, 0x12, 0x05, 0x0a, 1, b'm', 0x3a, 0];

#[test]
fn a_file_of_logs_is_read_and_one_without_anything_to_show_is_named_as_what_it_is() {
    for file in [LOGS.as_bytes().to_vec(), LOGS_PROTO.to_vec(), framed(&[&zstd(LOGS_PROTO), &zstd(LOGS_PROTO)])] {
        let read = open_text(&file);
        assert_eq!((read.spans.len(), &read.skipped[..], &read.state), (0, &[] as &[Skipped], &State::Ended));
    }
    for (file, signal) in [
        (br#"{"resource_metrics":[{"scope_metrics":[]}]}"#.to_vec(), "metrics"),
        (br#"{"resourceProfiles":[]}"#.to_vec(), "profiles"),
        (METRICS_PROTO.to_vec(), "metrics"),
    ] {
        let read = open_text(&file);
        assert!(read.failure().ends_with(&format!("not a file of spans: it holds OpenTelemetry's {signal}")), "{:?}", read.state);
    }
    let record = r#"{"body": "x", "severity_number": 9, "trace_id": "0x22dc3197b014a3af362d1f2cd6a5a354", "span_id": "0x81a932223c79c8e8", "timestamp": "2026-11-29T07:55:06Z"}"#;
    assert!(open_text(record).failure().contains("it is a log record"), "{}", open_text(record).failure());
}

#[test]
fn logs_between_spans_with_a_length_are_passed_over() {
    let spans = super::written(&super::roundtrip::agno_spans()[..2], agno_top::export::Format::OtlpProto);
    for file in [framed(&[LOGS_PROTO, &spans, METRICS_PROTO, LOGS_PROTO]), framed(&[&zstd(LOGS_PROTO), &zstd(&spans)])] {
        let read = open_text(file);
        assert_eq!((read.spans.len(), &read.skipped[..], &read.state), (2, &[] as &[Skipped], &State::Ended));
    }
}

#[test]
fn what_is_refused_is_refused_with_its_reason() {
    for (text, reason) in [
        (r#"{"trace_id": null, "name": "a"}"#, "it has no trace id"),
        (r#"{"trace_id": "tr-1", "name": "a"}"#, r#"the trace id "tr-1" is not 32 hex digits"#),
        (r#"{"trace_id": "22dc3197b014a3af362d1f2cd6a5a354"}"#, "it has no span id"),
        (r#"[{"traceId": "xyz", "id": "1"}]"#, r#"the trace id "xyz" is not up to 32 hex digits"#),
        (r#"[{"traceId": "1", "id": "1"}]"#, "it has no start time"),
        (
            r#"[{"id": "o", "traceId": "t", "type": "GENERATION", "startTime": "2026-11-29T07:55:06Z"}]"#,
            "observations of Langfuse are not read",
        ),
        (r#"{"batches": [{"scopeSpans": 5}]}"#, "invalid type: integer `5`"),
    ] {
        let read = open_text(text);
        assert!(read.failure().contains(reason), "{} lacks {reason}", read.failure());
    }
}
