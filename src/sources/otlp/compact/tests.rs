use std::path::Path;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use prost::Message;
use tokio::sync::mpsc::{Receiver, channel};

use crate::model::payload_query::Condition;
use crate::model::{Pattern, Payload, PayloadQuery, PayloadRef, SourceId, SpanId};
use crate::sources::otlp::ingest::{ExportRequest, Ingest};
use crate::sources::otlp::search::{self, Scan};
use crate::sources::otlp::types::{Encoding, Signal};
use crate::sources::{Search, Update, UpdateSender};

/// The spans of ingested requests that are held.
struct Held {
    ingest: Ingest,
    updates: Receiver<Update>,
    /// The payload reference, the id, the retained bytes and the original payload of each span.
    spans: Vec<(PayloadRef, SpanId, u64, Payload)>,
}

impl Held {
    fn new() -> Self {
        let (sender, updates) = channel(1);
        Self { ingest: Ingest::new(UpdateSender::new(SourceId(0), sender), None, vec![], 1 << 20), updates, spans: vec![] }
    }

    fn ingest(&mut self, encoding: Encoding, body: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(self.ingest.ingest(ExportRequest::uncompressed(Signal::Traces, encoding, body.into()))).unwrap();
        while let Ok(Update::Batch(batch)) = self.updates.try_recv() {
            self.spans.extend(batch.spans.iter().map(|span| {
                let payload = self.ingest.payloads.read(span.payload_ref, span.id).unwrap();
                (span.payload_ref, span.id, u64::from(span.retained_bytes), payload)
            }));
        }
    }

    /// Releases spans by their indexes, twice, and returns the retained bytes of the others.
    fn release(&mut self, indexes: &[usize]) -> u64 {
        let released: Vec<PayloadRef> = indexes.iter().map(|&index| self.spans[index].0).collect();
        self.ingest.payloads.release(&released);
        self.ingest.payloads.release(&released);
        self.spans.retain(|(payload_ref, ..)| !released.contains(payload_ref));
        self.spans.iter().map(|(_, _, retained, _)| retained).sum()
    }

    /// Checks that the payloads of the held spans are unchanged and found.
    fn check(&self, query: &PayloadQuery) {
        for (payload_ref, id, _, payload) in &self.spans {
            assert_eq!(self.ingest.payloads.read(*payload_ref, *id).as_ref(), Ok(payload));
        }
        let expected = self.spans.iter().filter(|(.., payload)| query.matches(payload));
        let mut expected: Vec<SpanId> = expected.map(|(_, id, ..)| *id).collect();
        let held: Vec<_> = self.spans.iter().map(|(payload_ref, id, ..)| (*payload_ref, *id)).collect();
        let found = search::check(&held, query, &self.ingest.payloads);
        let mut found: Vec<SpanId> = found.into_iter().map(|(_, id)| id).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected);
        // A search through whole bodies may also find released spans.
        let mut scan =
            Scan::new(Search { ticket: 0, query: query.clone().into(), since: None, until: None }, self.ingest.payloads.bodies().parts());
        let mut everywhere = vec![];
        while scan.progress().done < scan.progress().total {
            everywhere.extend(scan.slice(&self.ingest.payloads).into_iter().map(|(_, id)| id));
        }
        assert!(expected.iter().all(|id| everywhere.contains(id)));
    }

    fn bytes(&self) -> u64 {
        self.ingest.traffic().retained_bytes
    }
}

fn query() -> PayloadQuery {
    PayloadQuery::new(Pattern::substring(&["ab".to_owned()]).map(|pattern| (false, Condition::Text(vec![pattern]))))
}

/// Field 50 as a group, which protobuf has deprecated.
const EMPTY_GROUP: [u8; 4] = [0x93, 0x03, 0x94, 0x03];

/// How a request is encoded.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// With unknown fields.
    Protobuf,
    /// With unknown fields, and with line breaks if `true`.
    Json(bool),
}

impl Style {
    fn encoding(self) -> Encoding {
        if let Self::Protobuf = self { Encoding::Protobuf } else { Encoding::Json }
    }

    fn encode(self, request: &[ResourceSpans]) -> Vec<u8> {
        if let Self::Json(pretty) = self {
            let mut groups = serde_json::to_value(request).unwrap();
            for group in groups.as_array_mut().unwrap() {
                group["a key of its own"] = serde_json::json!([{"spans": [{}, null]}, "]}\\\"[{"]);
            }
            let request = serde_json::json!({ "asked, as [{": "no", "resourceSpans": groups, "zuletzt ü": {} });
            return if pretty { serde_json::to_vec_pretty(&request) } else { serde_json::to_vec(&request) }.unwrap();
        }
        let mut body = vec![];
        prost::encoding::bytes::encode(7, &b"before".to_vec(), &mut body);
        for group in request {
            let mut message = EMPTY_GROUP.to_vec();
            prost::encoding::bytes::encode(100, &b"in a group".to_vec(), &mut message);
            message.extend(EMPTY_GROUP);
            message.extend(group.encode_to_vec());
            body.extend(EMPTY_GROUP);
            prost::encoding::bytes::encode(1, &message, &mut body);
        }
        prost::encoding::bytes::encode(2, &b"behind".to_vec(), &mut body);
        body
    }
}

fn attributes(pairs: Vec<(String, String)>) -> Vec<KeyValue> {
    let value = |text| Some(AnyValue { value: Some(any_value::Value::StringValue(text)) });
    pairs.into_iter().map(|(key, text)| KeyValue { key, value: value(text), ..KeyValue::default() }).collect()
}

fn some_attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let text = prop_oneof![4 => "[abc\"\\[{,ü]{0,12}", 1 => "[ab]{300,2000}"];
    prop::collection::vec(("[a-c]{1,3}", text), 0..4).prop_map(attributes)
}

/// A span; one in eight is invalid, since it has no id.
fn some_span() -> impl Strategy<Value = Span> {
    let around = (some_attributes(), some_attributes(), some_attributes());
    (1_u8.., prop::bool::weighted(0.875), "[ab]{0,9}", 0_u32..9, around).prop_map(|(trace, is_valid, text, count, (own, event, link))| {
        Span {
            trace_id: vec![trace; 16],
            span_id: if is_valid { vec![1; 8] } else { vec![] },
            name: text.clone(),
            trace_state: text.clone(),
            kind: 3,
            start_time_unix_nano: 1_700_000_000_000_000_000,
            end_time_unix_nano: 1_700_000_001_000_000_000,
            attributes: own,
            dropped_attributes_count: count,
            events: vec![Event { name: text.clone(), attributes: event, time_unix_nano: 1_700_000_000_500_000_000, ..Event::default() }],
            dropped_events_count: count * 2,
            links: vec![Link { trace_id: vec![trace; 16], span_id: vec![2; 8], attributes: link, ..Link::default() }],
            dropped_links_count: count * 3,
            status: Some(Status { code: 2, message: text }),
            ..Span::default()
        }
    })
}

fn some_request() -> impl Strategy<Value = Vec<ResourceSpans>> {
    let scope = (some_attributes(), prop::collection::vec(some_span(), 0..9)).prop_map(|(attributes, spans)| ScopeSpans {
        scope: Some(InstrumentationScope { name: "ab".into(), version: "1".into(), attributes, ..InstrumentationScope::default() }),
        schema_url: "https://a/scope".into(),
        spans,
    });
    let group = (some_attributes(), prop::collection::vec(scope, 0..4)).prop_map(|(attributes, scope_spans)| ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        schema_url: "https://a/resource".into(),
        scope_spans,
    });
    prop::collection::vec(group, 1..4).prop_map(|mut request| {
        let spans = request.iter_mut().flat_map(|group| &mut group.scope_spans).flat_map(|scope| &mut scope.spans);
        for (n, span) in (1_u64..).zip(spans.filter(|span| !span.span_id.is_empty())) {
            span.span_id = n.to_be_bytes().into();
        }
        request
    })
}

/// The size of the request with the held spans only.
fn needed(style: Style, request: &[ResourceSpans], held: &Held) -> u64 {
    let mut request = request.to_vec();
    let id = |span: &Span| SpanId::new(span.span_id.as_slice().try_into().ok()?);
    for group in &mut request {
        for scope in &mut group.scope_spans {
            scope.spans.retain(|span| held.spans.iter().any(|(_, held, ..)| Some(*held) == id(span)));
        }
        group.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    request.retain(|group| !group.scope_spans.is_empty());
    style.encode(&request).len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn held_spans_are_unchanged_and_little_else_is_kept(
        request in some_request(),
        style in prop_oneof![2 => Just(Style::Protobuf), 1 => any::<bool>().prop_map(Style::Json)],
        steps in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..9), 1..20),
    ) {
        let mut held = Held::new();
        held.ingest(style.encoding(), style.encode(&request));
        held.check(&query());
        for step in steps {
            if held.spans.is_empty() {
                break;
            }
            let indexes: Vec<usize> = step.iter().map(|index| index.index(held.spans.len())).collect();
            let retained = held.release(&indexes);
            held.check(&query());
            if !held.spans.is_empty() {
                // Length prefixes take five bytes, and each resource, scope, event and link has several.
                let most = needed(style, &request, &held).max(retained) * 2 + 1500;
                prop_assert!(held.bytes() <= most, "{} of {most}", held.bytes());
            }
        }
        held.release(&(0..held.spans.len()).collect::<Vec<_>>());
        prop_assert_eq!(held.bytes(), 0);
    }
}

/// Recorded requests.
fn recorded() -> Vec<(Encoding, Vec<u8>)> {
    use std::io::Read;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut bodies = vec![(Encoding::Protobuf, std::fs::read(fixtures.join("agno-3.1.10.otlp.pb")).unwrap())];
    for framework in std::fs::read_dir(fixtures.join("frameworks")).unwrap() {
        for file in std::fs::read_dir(framework.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let mut body = std::fs::read(&path).unwrap();
            if path.extension().is_some_and(|extension| extension == "gz") {
                let packed = std::mem::take(&mut body);
                GzDecoder::new(&packed[..]).read_to_end(&mut body).unwrap();
            }
            match name.trim_end_matches(".gz").rsplit('.').next() {
                Some("pb") => bodies.push((Encoding::Protobuf, body)),
                Some("json") if name != "truth.json" => bodies.push((Encoding::Json, body)),
                _ => {}
            }
        }
    }
    bodies
}

#[test]
fn a_held_span_keeps_little_more_than_itself() {
    let mut counts = (0, 0);
    for (encoding, body) in recorded() {
        let mut all = Held::new();
        all.ingest(encoding, body.clone());
        // A few spans of each request, from the first to the last.
        for kept in (0..all.spans.len()).step_by(all.spans.len() / 5 + 1).chain(all.spans.len().checked_sub(1)) {
            let mut held = Held::new();
            held.ingest(encoding, body.clone());
            let others: Vec<usize> = (0..held.spans.len()).filter(|n| *n != kept).collect();
            let (half, others) = others.split_at(others.len() / 2);
            let before = held.spans[kept].2;
            held.release(half);
            let others: Vec<usize> = others.iter().map(|n| n - half.len()).collect();
            assert_eq!(held.release(&others), before);
            held.check(&query());
            // A resource and a scope take less than 2 KiB together.
            assert!(held.bytes() <= before * 2 + 2560, "{} for {before} of {}", held.bytes(), body.len());
            *(if encoding == Encoding::Json { &mut counts.1 } else { &mut counts.0 }) += usize::from(held.bytes() < body.len() as u64);
        }
    }
    assert!(counts.0 > 100 && counts.1 > 1, "{counts:?}");
}

#[test]
fn one_held_span_of_each_request_does_not_keep_the_requests() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let style = if encoding == Encoding::Protobuf { Style::Protobuf } else { Style::Json(false) };
        let mut held = Held::new();
        for body in 0..40_u64 {
            let spans = (0..100).map(|n| Span {
                trace_id: vec![1 + n as u8; 16],
                span_id: ((body << 32) | (n + 1)).to_be_bytes().into(),
                start_time_unix_nano: 1,
                attributes: attributes(vec![("text".into(), "ab".repeat(if n == 42 { 2000 } else { 500 }))]),
                ..Span::default()
            });
            let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
            held.ingest(encoding, style.encode(&[ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }]));
        }
        let is_kept = |n: usize| n % 100 == 42;
        let retained = held.release(&(0..4000).filter(|n| !is_kept(*n)).collect::<Vec<_>>());
        assert!(retained > 40 * 4000, "{retained}");
        assert!((retained / 2..retained * 2).contains(&held.bytes()), "{} for {retained}", held.bytes());
        held.check(&query());
    }
}

#[test]
fn a_json_request_of_arrays_without_field_names_is_compacted() {
    let span = |n: u64| {
        let (text, id) = ("ab".repeat(500), n + 1);
        format!(r#"{{"traceId": "{id:032x}", "spanId": "{id:016x}", "startTimeUnixNano": "1", "name": "{text}"}}"#)
    };
    let body = format!(r#"[[[null, [[{{"name": "ab"}}, [{}]]]]], null, null]"#, (0..9).map(span).collect::<Vec<_>>().join(" , "));
    let mut held = Held::new();
    held.ingest(Encoding::Json, body.into_bytes());
    held.release(&[0, 1, 2, 3, 5, 7, 8]);
    held.check(&query());
    assert_eq!(held.spans.len(), 2);
    assert!(held.bytes() < 2500, "{}", held.bytes());
}
