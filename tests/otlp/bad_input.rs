//! Malformed, hostile and unusual bodies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use prost::Message;

use crate::FIXTURE;
use crate::listener::Listener;

const PROTOBUF: [(&str, &str); 1] = [("content-type", "application/x-protobuf")];

/// The fixture with its first span changed.
fn with(change: impl FnOnce(&mut opentelemetry_proto::tonic::trace::v1::Span)) -> Vec<u8> {
    let mut request = ExportTraceServiceRequest::decode(FIXTURE).unwrap();
    let scope = &mut request.resource_spans[0].scope_spans[0];
    scope.spans.truncate(1);
    change(&mut scope.spans[0]);
    request.encode_to_vec()
}

#[test]
fn a_truncated_body_is_rejected_and_the_next_one_is_accepted() {
    let mut listener = Listener::start();
    let mut client = listener.client();
    for cut in (1..FIXTURE.len()).step_by(1999) {
        assert_eq!(client.post("/v1/traces", &PROTOBUF, &FIXTURE[..cut]).status, 400, "{cut}");
    }
    assert_eq!(listener.spans().len(), 0);
    assert_eq!(client.post("/v1/traces", &PROTOBUF, FIXTURE).status, 200);
    assert_eq!(listener.spans().len(), 75);
}

#[test]
fn a_broken_gzip_is_rejected_for_every_signal_and_the_next_body_is_accepted() {
    let packed = |body: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(body).unwrap();
        gzip.finish().unwrap()
    };
    // A request whose only group is empty, which every signal reads.
    let whole = packed(&[0x0a, 0]);
    let mut damaged = whole.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let mut listener = Listener::start();
    let mut client = listener.client();
    let headers = [PROTOBUF[0], ("content-encoding", "gzip")];
    for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        for broken in [&whole[..whole.len() - 9], &damaged, b"no gzip"] {
            assert_eq!(client.post(path, &headers, broken).status, 400, "{path} {broken:?}");
        }
        assert_eq!(client.post(path, &headers, &whole).status, 200, "{path}");
    }
    assert_eq!(listener.spans().len(), 0);
}

#[test]
fn impossible_times_are_rejected_or_kept() {
    let mut listener = Listener::start();
    for (start, end, kept) in [(5, 3, true), (u64::MAX, 5, false), (5, u64::MAX, false), (0, 5, false), (1, 0, true)] {
        let body = with(|span| (span.start_time_unix_nano, span.end_time_unix_nano) = (start, end));
        assert_eq!(listener.post(&body).body.is_empty(), kept, "{start} {end}");
    }
    let spans = listener.spans();
    assert_eq!((spans.len(), spans[0].0.start, spans[0].0.end, spans[1].0.end), (2, 5, Some(3), None));
}

#[test]
fn ten_thousand_attributes_and_deep_nesting_are_kept() {
    let mut listener = Listener::start();
    let mut deep = AnyValue { value: Some(any_value::Value::IntValue(1)) };
    for _ in 0..90 {
        deep = AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values: vec![deep] })) };
    }
    let body = with(|span| {
        for n in 0..10_000 {
            let value = Some(AnyValue { value: Some(any_value::Value::IntValue(n)) });
            span.attributes.push(KeyValue { key: format!("k{n}"), value, ..KeyValue::default() });
        }
        for key in ["input.value", "gen_ai.input.messages"] {
            span.attributes.push(KeyValue { key: key.to_owned(), value: Some(deep.clone()), ..KeyValue::default() });
        }
    });
    assert!(listener.post(&body).body.is_empty());
    let spans = listener.spans();
    let payload = listener.payload(&spans[0].0);
    assert!(payload.attributes.len() > 10_000);
    assert!(payload.attributes.last().unwrap().1.to_json().contains("nested too deep"));
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    // AnyValue { array_value { values: AnyValue { … } } }, 100 000 deep, each length written in five bytes.
    let mut deep: Vec<u8> = Vec::new();
    for _ in 0..100_000 {
        let mut outer = Vec::with_capacity(deep.len() + 12);
        for tag in [0x2a_u8, 0x0a] {
            let length = if tag == 0x2a { deep.len() + 6 } else { deep.len() };
            outer.push(tag);
            outer.extend((0..4).map(|n| (length >> (7 * n)) as u8 & 0x7f | 0x80).chain([(length >> 28) as u8]));
        }
        if outer.len() + deep.len() > 200_000 {
            break;
        }
        outer.extend_from_slice(&deep);
        deep = outer;
    }
    let attribute = field(1, b"input.value").into_iter().chain(field(2, &deep)).collect::<Vec<_>>();
    let span = [field(1, &[1; 16]), field(2, &[2; 8]), [0x39, 1, 0, 0, 0, 0, 0, 0, 0].to_vec(), field(9, &attribute)].concat();
    let body = field(1, &field(2, &field(2, &span)));
    let mut listener = Listener::start();
    assert_eq!(listener.post(&body).status, 200);
    let spans = listener.spans();
    assert!(listener.payload(&spans[0].0).attributes[0].1.to_json().contains("nested too deep"));
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encoding::encode_varint(value.len() as u64, &mut out);
    out.extend_from_slice(value);
    out
}

#[test]
fn invalid_utf8_is_replaced() {
    let span = [field(1, &[1; 16]), field(2, &[2; 8]), field(5, b"a\xff b"), [0x39, 1, 0, 0, 0, 0, 0, 0, 0].to_vec()].concat();
    let mut listener = Listener::start();
    assert_eq!(listener.post(&field(1, &field(2, &field(2, &span)))).status, 200);
    assert_eq!(listener.spans()[0].1, "a\u{fffd} b");
}

/// The listener accepts every changed body that `prost` accepts, with the same spans, and rejects only what `prost` rejects.
#[test]
fn changed_bodies_are_accepted_if_prost_accepts_them() {
    let mut listener = Listener::start();
    let mut client = listener.client();
    let small = with(|span| span.attributes.truncate(4));
    let changes = prop::collection::vec((0..small.len(), any::<u8>()), 1..4);
    let mut runner = TestRunner::new(Config { cases: 600, ..Config::default() });
    let check = |changes: Vec<(usize, u8)>| {
        let mut body = small.clone();
        for (at, byte) in changes {
            body[at] = byte;
        }
        let expected = ExportTraceServiceRequest::decode(&body[..]);
        let answer = client.post("/v1/traces", &PROTOBUF, &body);
        let held = listener.spans().len();
        if let Ok(request) = expected {
            prop_assert_eq!(answer.status, 200);
            let spans = request.resource_spans.iter().flat_map(|spans| &spans.scope_spans).flat_map(|spans| &spans.spans);
            let good = spans.filter(|span| span.trace_id.len() == 16 && span.span_id.len() == 8).count();
            prop_assert!(held <= good);
        }
        listener.batches.clear();
        Ok(())
    };
    let check = std::cell::RefCell::new(check);
    runner.run(&changes, |changes| (check.borrow_mut())(changes)).unwrap();
}
