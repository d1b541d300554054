//! Whatever a file contains, it gives spans or a message.

use agno_top::export::Format;
use agno_top::model::PayloadRef;
use agno_top::sources::State;
use proptest::prelude::*;

use super::roundtrip::agno_spans;
use super::{open_text, written};

const JAEGER: &str = r#"{"data":[{"traceID":"1","spans":[{"traceID":"1","spanID":"2","operationName":"a","references":[{"refType":"CHILD_OF","traceID":"1","spanID":"3"}],"startTime":5,"duration":7,"tags":[{"key":"error","type":"bool","value":true}],"logs":[{"timestamp":6,"fields":[]}],"processID":"p"}],"processes":{"p":{"serviceName":"s","tags":[]}}}]}"#;
const PHOENIX: &str = r#"{"name":"a","context":{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331"},"span_kind":"LLM","parent_id":null,"start_time":"2026-11-22T05:59:04Z","end_time":5,"status_code":"OK","attributes":{"a":{"b":[{"c":1}]}},"events":[{"name":"x","timestamp":1}]}"#;

const PRINTED: &str = r#"{"name":"a","context":{"trace_id":"0x0af7651916cd43dd8448eb211c80319c","span_id":"0xb7ad6b7169203331","trace_state":"[]"},"kind":"SpanKind.INTERNAL","parent_id":null,"start_time":"2026-11-22T05:59:04Z","status":{"status_code":"OK"},"resource":{"attributes":{"a":1},"schema_url":""}}"#;
const MLFLOW: &str = r#"{"info":{"trace_metadata":{"mlflow.trace.session":"s"},"tags":{}},"data":{"spans":[{"trace_id":"a3K3fy0ddUGYUFpppm1xLw==","span_id":"5qQtkvCM13w=","parent_span_id":null,"name":"a","start_time_unix_nano":1795938960347660702,"status":{"code":"STATUS_CODE_OK"},"attributes":{"a":"[1,{}]"}}]}}"#;
const ZIPKIN: &str = r#"[[{"traceId":"1","id":"2","name":"a","timestamp":5,"duration":7,"tags":{"error":"","otel.status_code":"ERROR"},"annotations":[{"timestamp":6,"value":"{\"e\":{\"a\":1}}"}],"localEndpoint":{"serviceName":"s"}},{"traceId":"1","id":"2","kind":"SERVER","shared":true,"timestamp":6}]]"#;
const GRAFANA: &str = r#"{"batches":[{"resource":{},"scopeSpans":[{"spans":[{"traceId":"hhoT6JDl8yIxCxQkytm+ww==","spanId":"69Q7hLV/uRs=","kind":"SPAN_KIND_CLIENT","startTimeUnixNano":"5","attributes":[{"key":"a","value":{"int_value":5}}]}]}]}]}"#;

/// Returns a valid file of every format.
fn files() -> Vec<Vec<u8>> {
    let spans = &agno_spans()[..2];
    let proto = written(spans, Format::OtlpProto);
    let mut files: Vec<_> = [Format::Otlp, Format::OtlpProto, Format::Jsonl, Format::Agno].map(|format| written(spans, format)).to_vec();
    files.push([&(proto.len() as u32).to_be_bytes()[..], &proto].concat());
    files.push(zstd::encode_all(&proto[..], 1).unwrap());
    files.extend([JAEGER, PHOENIX, PRINTED, MLFLOW, ZIPKIN, GRAFANA].map(|text| text.as_bytes().to_vec()));
    files
}

/// Opens a file and requests every payload.
fn read(file: &[u8]) -> usize {
    let mut read = open_text(file);
    let addresses: Vec<_> = read.spans.iter().map(|(span, ..)| span.payload_ref).chain([PayloadRef(-1), PayloadRef(i64::MAX)]).collect();
    let count = addresses.len();
    assert_eq!(read.payloads(addresses).len(), count);
    match &read.state {
        State::Failing(message) => {
            assert!(!message.contains('\n') && message.chars().count() < 400, "{message}");
            assert_eq!(read.spans.len(), 0);
        }
        State::Ended | State::Watching { .. } => {}
        other => panic!("{other:?}"),
    }
    assert!(read.skipped.iter().all(|skipped| !skipped.reason.is_empty() && skipped.reason.len() < 400), "{:?}", read.skipped);
    read.spans.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_are_read_or_reported(bytes in prop::collection::vec(any::<u8>(), 0..300), begin in prop::sample::select(vec![
        &b""[..], b"{", b"[", b"\x0a", b"\0\0\0", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"{\"resourceSpans\":", b"{\"trace_id\":", b"[{\"context.trace_id\":",
        b"{\"data\":[{\"spanID\":\"1\",\"operationName\":", b"{\"context\":{\"trace_id\":",
    ])) {
        read(&[begin, &bytes].concat());
    }

    #[test]
    fn changed_files_are_read_or_reported(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let files = files();
        let mut file = files[which.index(files.len())].clone();
        for (at, byte, how) in changes {
            if file.is_empty() {
                break;
            }
            let at = at.index(file.len());
            match how {
                0 => file[at] = byte,
                1 => drop(file.remove(at)),
                2 => file.insert(at, byte),
                _ => file.truncate(at),
            }
        }
        prop_assert!(read(&file) <= 4);
    }
}

#[test]
fn valid_files_of_every_format_are_read() {
    for file in files() {
        assert!(matches!(read(&file), 1 | 2), "{}", String::from_utf8_lossy(&file));
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack_in_any_format() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for value in [deep("[", "]"), deep("{\"a\":", "}")] {
        for text in [
            PHOENIX.replace("\"status_code\":\"OK\"", &format!("\"x\":{value}")),
            PHOENIX.replace("{\"b\":[{\"c\":1}]}", &value),
            JAEGER.replace("\"value\":true", &format!("\"value\":{value}")),
            PRINTED.replace("\"OK\"", &value),
            MLFLOW.replace("\"s\"", &value),
            MLFLOW.replace("[1,{}]", &value.replace('"', "\\\"")),
            ZIPKIN.replace("{\\\"a\\\":1}", &value.replace('"', "\\\"")),
            format!("{value}{ZIPKIN}"),
            GRAFANA.replace("\"resource\":{}", &format!("\"resource\":{value}")),
            format!("{{\"trace_id\":{value}"),
            format!("{{\"resourceSpans\":{value}}}"),
        ] {
            read(text.as_bytes());
        }
    }
    // Protobuf: a value in lists in lists.
    let mut message = Vec::new();
    for _ in 0..2000 {
        let mut outer = vec![0x2a];
        prost::encoding::encode_varint(message.len() as u64 + 12, &mut outer);
        message = [outer, vec![0x0a; 1], message].concat();
    }
    read(&[&[0x0a][..], &message].concat());
}

#[test]
fn a_decompression_bomb_is_refused() {
    use std::io::Write;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut layers = b"{}".to_vec();
    for _ in 0..8 {
        layers = gzip(&layers);
    }
    let read = open_text(layers);
    assert!(read.failure().contains("compressed too many times over"), "{}", read.failure());
}

#[test]
fn a_line_of_a_log_that_only_begins_as_json_is_refused() {
    // After the other lines were left out, it is no more JSON than before.
    for text in ["{\u{1b}[1m \"trace_id\"}\n", "log\n{\u{1b}\n \"scopeSpans\"\n}\n", "log \"scopeLogs\"\n"] {
        let read = open_text(text);
        assert!(read.failure().contains("not a file of spans"), "{text:?}: {}", read.failure());
    }
}
