//! OTLP files of other writers are read, and invalid parts are reported.

use std::path::Path;
use std::sync::Arc;

use agno_top::export::Format;
use agno_top::model::{Dropped, Payload, PayloadRef, SpanKind, SpanType, Status, Usage, Value};
use agno_top::sources::{Progress, Request, Search, State, Update};

use super::{open, open_text, written};

const SPAN: &str = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","startTimeUnixNano":"5","name":"a""#;

fn request(span: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
}

fn one_payload(fields: &str) -> Payload {
    let mut read = open_text(request(&format!("{SPAN},{fields}}}")));
    assert_eq!(read.skipped, []);
    read.payloads(vec![PayloadRef(0)]).remove(0).unwrap()
}

#[test]
fn spellings_of_other_writers_are_read() {
    let payload = one_payload(
        r#""kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR","message":"m"},"links":[{},{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}],"droppedAttributesCount":3,"droppedLinksCount":"4","new":{"x":[1]},"endTimeUnixNano":7,
        "attributes":[{"key":"a","value":{"intValue":5}},{"key":"b","value":{"intValue":"-5"}},{"key":"c","value":{"doubleValue":"NaN"}},{"key":"d","value":{"arrayValue":{}}},
        {"key":"e","value":{"intValue":5.0}},{"key":"f"},{"key":"g","value":null},{"key":"h","value":{"bytesValue":"_-8"}}],"events":null"#,
    );
    let values: Vec<_> = payload.attributes.into_iter().map(|(_, value)| value).collect();
    assert!(matches!(values[2], Value::Float(float) if float.is_nan()));
    assert_eq!(values[..2], [Value::Int(5), Value::Int(-5)]);
    assert_eq!(values[3..], [Value::List(vec![]), Value::Int(5), Value::Null, Value::Null, Value::Bytes(vec![255, 239])]);
    assert_eq!(payload.status_message, "m");
    assert_eq!(payload.span_kind, SpanKind::Client);
    assert_eq!(payload.dropped, Dropped { attributes: 3, events: 0, links: 4 });
    assert_eq!(payload.links.iter().map(|link| link.span.to_string()).collect::<Vec<_>>(), ["b7ad6b7169203331"]);
}

#[test]
fn a_remote_parent_and_a_host_are_read_in_both_encodings() {
    let resource = r#""resource":{"attributes":[{"key":"service.instance.id","value":{"stringValue":"i"}}]},"#;
    for (flags, host, expected) in [
        ("768", "", (true, "i")),
        ("\"769\"", r#"{"key":"host.name","value":{"stringValue":"h"}},"#, (true, "h")),
        ("256", "", (false, "i")),
        ("512", "", (false, "i")),
    ] {
        let text = request(&format!(r#"{SPAN},"parentSpanId":"00f067aa0ba902b7","flags":{flags}}}"#));
        let resource = resource.replace('[', &format!("[{host}"));
        let mut json = open_text(text.replacen("{\"scopeSpans\"", &format!("{{{resource}\"scopeSpans\""), 1));
        let exported = written(&json.exported(), Format::OtlpProto);
        for read in [&json, &open_text(exported)] {
            let facts = &read.spans[0].0.facts;
            assert_eq!((facts.has_remote_parent, read.batches[0].text(facts.host)), expected, "{flags}");
        }
    }
}

#[test]
fn invalid_lines_among_requests_are_skipped() {
    let good = request(&format!("{SPAN}}}"));
    let text = format!("\u{feff}{good}\n\n{{\"other\":[]}}\n{}\n{good}\r\n{}", &good[..60], &good[..90]);
    let read = open_text(text);
    assert_eq!(read.state, State::Watching { left_out: 0 });
    assert_eq!(read.spans.len(), 2);
    let places: Vec<_> = read.skipped.iter().map(|skipped| skipped.place.as_str()).collect();
    assert_eq!(places, ["line 3", "line 4 column 60", "line 6 column 90"]);
    assert_eq!(read.skipped[0].reason, "it has no \"resourceSpans\"");
    assert!(read.skipped[2].reason.starts_with("it ends in the middle"), "{:?}", read.skipped[2]);
}

#[test]
fn logs_and_empty_metrics_among_traces_are_ignored() {
    let others = [r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"1"}]}]}]}"#, r#"{"resourceMetrics":[]}"#];
    let read = open_text(format!("{}\n{}\n{}\n[]\n", others[0], request(&format!("{SPAN}}}")), others[1]).as_bytes());
    assert_eq!(read.spans.len(), 1);
    let skipped: Vec<_> = read.skipped.iter().map(|skipped| (skipped.place.as_str(), skipped.reason.as_str())).collect();
    assert_eq!(skipped, [("line 4 column 2", "it is a list, which no request of OTLP/JSON is")]);
}

#[test]
fn a_response_without_traces_has_no_spans() {
    for text in [r#"{"data":[],"total":0}"#, r#"{"data":[{"traceID":"1","spans":[],"processes":{}}]}"#] {
        let read = open_text(text.as_bytes());
        assert_eq!((read.spans.len(), read.skipped.len(), &read.state), (0, 0, &State::Ended), "{text}");
    }
}

#[test]
fn an_invalid_span_is_skipped_and_named() {
    let bad = |fields: &str| request(&format!("{SPAN}}},{{{fields},\"name\":\"b\"}}"));
    let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331""#;
    for (fields, reason) in [
        (r#""spanId":"b7ad6b7169203331","startTimeUnixNano":1"#.to_owned(), r#"the trace id "" is not 16 bytes"#),
        (r#""traceId":"00000000000000000000000000000000","spanId":"b7ad6b7169203331","startTimeUnixNano":1"#.to_owned(), "the trace id"),
        (
            r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"xyz","startTimeUnixNano":1"#.to_owned(),
            r#"the span id "xyz" is not a number of bytes in hex digits"#,
        ),
        (format!("{ids},\"startTimeUnixNano\":1,\"parentSpanId\":\"12\""), r#"the parent span id "12""#),
        (ids.to_owned(), "it has no start time"),
        (format!("{ids},\"startTimeUnixNano\":\"99999999999999999999\""), "the start time \"99999999999999999999\""),
        (format!("{ids},\"startTimeUnixNano\":1,\"endTimeUnixNano\":-4"), "the end time \"-4\""),
        (
            format!("{ids},\"startTimeUnixNano\":1,\"attributes\":[{{\"key\":\"k\",\"value\":{{\"intValue\":\"x\"}}}}]"),
            r#"attribute "k": "x" is not a whole"#,
        ),
        (format!("{ids},\"startTimeUnixNano\":1,\"status\":{{\"code\":9}}"), "\"9\" is no status code"),
        (format!("{ids},\"startTimeUnixNano\":1,\"attributes\":5"), "invalid type: integer `5`"),
    ] {
        let mut read = open_text(bad(&fields));
        assert_eq!((read.spans.len(), &read.state), (1, &State::Ended), "{fields}");
        assert_eq!(read.skipped[0].place, "span 2");
        assert!(read.skipped[0].reason.contains(reason), "{:?} lacks {reason}", read.skipped[0]);
        assert!(read.payloads(vec![PayloadRef(9), PayloadRef(-1)]).iter().all(Result::is_err));
    }
}

#[test]
fn a_file_without_spans_gives_one_message() {
    let good = request(&format!("{SPAN}}}"));
    for (text, reason) in [
        (&b""[..], "it is empty"),
        (b"  \n", "it is empty"),
        (b"PK\x03\x04", "neither JSON nor OTLP in protobuf"),
        (b"\xff\xfe{", "neither JSON nor OTLP in protobuf"),
        (b"{\"resourceSpans\": \"\xff\"}", "invalid utf-8"),
        (b"\x1f\x8b\x08", "the compressed data is malformed"),
        (b"\x0a\x7fabc", "it ends in the middle of a field"),
        (b"{\"data\":[{\"spans\":[{\"spanID\":\"1\",\"operationName\"", "EOF while parsing"),
        (b"{\"trace_id\": \"12\"}\n", "the trace id \"12\" is not 32 hex digits"),
        (b"{\"trace_id\": [[[[", "the text ends too early (line 1)"),
        (b"{}", "it has no \"resourceSpans\" (line 1)"),
        (b"[]", "not a file of spans: it is an empty list"),
        (b" [1, 2]", "it is a list, and what it lists has no trace ids"),
        (b"[{\"name\": \"x\"}]", "it is a list, and what it lists has no trace ids"),
        (b"{\"data\": [{\"name\": 1}]}", "it has no \"resourceSpans\" (line 1)"),
        (b"{\"resourceSpans\": 7}", "invalid type: integer `7`"),
        (&good.as_bytes()[..good.len() - 9], "it ends in the middle"),
        (&b"[".repeat(1_000_000), "at line 1 column"),
    ] {
        let mut read = open_text(text);
        assert!(read.failure().contains("traces.json: not a ") && read.failure().contains(reason), "{}", read.failure());
        assert_eq!(read.payloads(vec![PayloadRef(0)]), [Err("the file could not be read".to_owned())]);
    }
    assert!(open(Path::new("no/such/file.json")).failure().starts_with("no/such/file.json: "));
    assert!(open(Path::new("/")).failure().starts_with("/: "));
}

#[test]
fn unknown_fields_may_be_nested_without_limit() {
    let unknown = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let read = open_text(request(&format!("{SPAN},\"unknown\":{unknown}}}")));
    assert_eq!((read.spans.len(), read.skipped.len()), (1, 0));
}

#[test]
fn spans_are_sent_in_batches_the_oldest_first() {
    let spans: Vec<_> = (0..5000u32)
        .map(|n| format!(r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{:016x}","startTimeUnixNano":{}}}"#, n + 1, 9000 - n))
        .collect();
    let read = open_text(request(&spans.join(",")));
    assert_eq!(read.spans.len(), 5000);
    assert!(read.spans.is_sorted_by_key(|(span, ..)| span.start));
}

#[test]
fn rows_have_the_facts_of_their_attributes() {
    let text = |name: &str, value: &str| format!(r#"{{"key":"{name}","value":{{"stringValue":"{value}"}}}}"#);
    let count = |name: &str, value: u32| format!(r#"{{"key":"{name}","value":{{"intValue":"{value}"}}}}"#);
    let attributes = [
        text("openinference.span.kind", "LLM"),
        text("llm.model_name", "gpt-5"),
        text("session.id", "s"),
        count("llm.token_count.prompt", 10),
        count("llm.token_count.completion", 3),
    ];
    let event =
        r#"{"name":"exception","timeUnixNano":6,"attributes":[{"key":"exception.message","value":{"stringValue":"too  many requests"}}]}"#;
    let read = open_text(request(&format!("{SPAN},\"attributes\":[{}],\"events\":[{event}]}}", attributes.join(","))));
    let (batch, span) = (&read.batches[0], &read.batches[0].spans[0]);
    assert_eq!((span.facts.span_type, batch.text(span.facts.model), batch.text(span.facts.session)), (SpanType::Model, "gpt-5", "s"));
    assert_eq!(span.facts.usage, Some(Usage { input: Some(10), output: Some(3), ..Usage::default() }));
    assert_eq!(batch.text(span.error), "too many requests");
}

#[test]
fn a_pending_record_becomes_the_row_of_its_parent() {
    let attributes = r#"[{"key":"logfire.span_type","value":{"stringValue":"pending_span"}},{"key":"logfire.pending_parent_id","value":{"stringValue":"0000000000000000"}}]"#;
    let read =
        open_text(request(&format!("{SPAN},\"parentSpanId\":\"00f067aa0ba902b7\",\"endTimeUnixNano\":5,\"attributes\":{attributes}}}")));
    let (span, ..) = &read.spans[0];
    assert_eq!((span.id.to_string().as_str(), span.parent, span.end), ("00f067aa0ba902b7", None, None));
}

/// Requests that the Vercel AI SDK sent, one per line: 24 spans of 7 traces, 3 of them failed.
#[test]
fn requests_of_the_vercel_ai_sdk_are_read() {
    let read = open(Path::new("tests/fixtures/vercel-ai-5.jsonl"));
    assert_eq!((&read.state, read.skipped.len()), (&State::Watching { left_out: 0 }, 0));
    let traces: std::collections::HashSet<_> = read.spans.iter().map(|(span, ..)| span.trace).collect();
    let failed = read.spans.iter().filter(|(span, ..)| span.status == Status::Error).count();
    assert_eq!((read.spans.len(), traces.len(), failed), (24, 7, 3));
    let models = read.spans.iter().filter(|(span, ..)| span.facts.span_type == SpanType::Model && span.facts.usage.is_some()).count();
    assert!(models >= 10, "{models} calls with usage");
}

#[test]
fn a_search_matches_decoded_values_the_newest_first() {
    let span = |id: u8, text: &str| {
        format!(
            r#"{{"traceId": "07070707070707070707070707070707", "spanId": "{id:016x}", "name": "x", "startTimeUnixNano": "17900000000000000{id:02}",
             "attributes": [{{"key": "input.value", "value": {{"stringValue": "{text}"}}}}]}}"#
        )
    };
    let spans = [span(1, "Gr\\u00f6\\u00dfe"), span(2, "say \\\"hi\\\""), span(3, "größe")].join(",").replace('\n', " ");
    let mut read = open_text(format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{spans}]}}]}}]}}"#));
    for (line, expected) in
        [("text:größe", &[3, 1][..]), ("text:\"\\\"hi\\\"\"", &[2]), ("text:stringvalue", &[]), ("-attr.input.value:*e", &[2])]
    {
        let query: agno_top::query::Query = line.parse().unwrap();
        let search = Search { ticket: 1, query: Arc::new(query.payload_query()), since: None, until: None };
        read.handle.requests.send(Request::Search(search)).unwrap();
        let Some(Update::SearchHits(found)) = read.updates.blocking_recv() else { panic!("an answer") };
        assert_eq!(found.progress, Some(Progress { done: 3, total: 3 }));
        assert_eq!(found.spans.iter().map(|(_, span)| u64::from_be_bytes(span.bytes())).collect::<Vec<_>>(), expected, "{line}");
    }
}
