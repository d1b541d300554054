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
use crate::otlp::wire::put_bytes;
use crate::sources::otlp::ingest::{ExportRequest, Ingest};
use crate::sources::otlp::search::{self, Scan};
use crate::sources::otlp::types::{Encoding, Signal};
use crate::sources::{Search, Update, UpdateSender};

/// What an intake holds of one request.
struct Held {
    intake: Ingest,
    updates: Receiver<Update>,
    /// Its spans: address, id, weight, payload as it came.
    spans: Vec<(PayloadRef, SpanId, u64, Payload)>,
}

impl Held {
    fn new() -> Self {
        let (sender, updates) = channel(1);
        Self { intake: Ingest::new(UpdateSender::new(SourceId(0), sender), None, vec![]), updates, spans: vec![] }
    }

    /// Takes a request.
    fn take(&mut self, form: Encoding, body: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(self.intake.ingest(ExportRequest::uncompressed(Signal::Traces, form, body.into()))).unwrap();
        while let Ok(Update::Batch(batch)) = self.updates.try_recv() {
            self.spans.extend(batch.spans.iter().map(|span| {
                let payload = self.intake.payloads.read(span.payload_ref, span.id).unwrap();
                (span.payload_ref, span.id, u64::from(span.retained_bytes), payload)
            }));
        }
    }

    /// Lets go of some spans, by their numbers in order, and says how many bytes those left weigh.
    fn release(&mut self, numbers: &[usize]) -> u64 {
        let addresses: Vec<PayloadRef> = numbers.iter().map(|&number| self.spans[number].0).collect();
        self.intake.payloads.release(&addresses);
        // Twice does no harm.
        self.intake.payloads.release(&addresses);
        self.spans.retain(|(address, ..)| !addresses.contains(address));
        self.spans.iter().map(|(_, _, weight, _)| weight).sum()
    }

    fn check(&self, probe: &PayloadQuery) {
        for (address, id, _, payload) in &self.spans {
            assert_eq!(self.intake.payloads.read(*address, *id).as_ref(), Ok(payload));
        }
        let sought = self.spans.iter().filter(|(.., payload)| probe.holds(payload));
        let mut sought: Vec<SpanId> = sought.map(|(_, id, ..)| *id).collect();
        let places: Vec<_> = self.spans.iter().map(|(address, id, ..)| (*address, *id)).collect();
        let found = search::check(&places, probe, |number, places| self.intake.payloads.places(number, places));
        let mut found: Vec<SpanId> = found.into_iter().map(|(_, id)| id).collect();
        sought.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, sought);
        // A search through everything may come upon what was let go.
        let mut scan =
            Scan::new(Search { ticket: 0, probe: probe.clone().into(), since: None, until: None }, self.intake.payloads.numbers());
        let mut everywhere = vec![];
        while scan.progress().done < scan.progress().total {
            everywhere.extend(scan.slice(|number| self.intake.payloads.body(number)).into_iter().map(|(_, id)| id));
        }
        assert!(sought.iter().all(|id| everywhere.contains(id)));
    }

    fn bytes(&self) -> u64 {
        self.intake.traffic().held
    }
}

fn probe() -> PayloadQuery {
    PayloadQuery::new(Pattern::part(&["ab".to_owned()]).map(|pattern| (false, Condition::Text(vec![pattern]))))
}

/// Field 50 in the form that protobuf gave up.
const EMPTY_GROUP: [u8; 4] = [0x93, 0x03, 0x94, 0x03];

/// How a request is written.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// With fields that OTLP has not.
    Protobuf,
    /// So too, and with line breaks if told so.
    Json(bool),
}

impl Style {
    fn form(self) -> Encoding {
        if let Self::Protobuf = self { Encoding::Protobuf } else { Encoding::Json }
    }

    fn write(self, request: &[ResourceSpans]) -> Vec<u8> {
        if let Self::Json(pretty) = self {
            let mut groups = serde_json::to_value(request).unwrap();
            for group in groups.as_array_mut().unwrap() {
                group["a key of its own"] = serde_json::json!([{"spans": [{}, null]}, "]}\\\"[{"]);
            }
            let request = serde_json::json!({ "asked, as [{": "no", "resourceSpans": groups, "zuletzt ü": {} });
            return if pretty { serde_json::to_vec_pretty(&request) } else { serde_json::to_vec(&request) }.unwrap();
        }
        let mut body = vec![];
        put_bytes(7, b"before", &mut body);
        for group in request {
            let mut message = EMPTY_GROUP.to_vec();
            put_bytes(100, b"in a group", &mut message);
            message.extend(EMPTY_GROUP);
            message.extend(group.encode_to_vec());
            body.extend(EMPTY_GROUP);
            put_bytes(1, &message, &mut body);
        }
        put_bytes(2, b"behind", &mut body);
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

/// Spans, of which one in eight can't be taken: it has no id.
fn some_span() -> impl Strategy<Value = Span> {
    let around = (some_attributes(), some_attributes(), some_attributes());
    (1_u8.., prop::bool::weighted(0.875), "[ab]{0,9}", 0_u32..9, around).prop_map(|(trace, takes, text, count, (own, event, link))| Span {
        trace_id: vec![trace; 16],
        span_id: if takes { vec![1; 8] } else { vec![] },
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

/// The bytes of a request that has these spans only.
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
    style.write(&request).len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_is_held_reads_as_it_came_and_little_else_is_kept(
        request in some_request(),
        style in prop_oneof![2 => Just(Style::Protobuf), 1 => any::<bool>().prop_map(Style::Json)],
        steps in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..9), 1..20),
    ) {
        let mut held = Held::new();
        held.take(style.form(), style.write(&request));
        held.check(&probe());
        for step in steps {
            if held.spans.is_empty() {
                break;
            }
            let numbers: Vec<usize> = step.iter().map(|index| index.index(held.spans.len())).collect();
            let weight = held.release(&numbers);
            held.check(&probe());
            if !held.spans.is_empty() {
                // Lengths are written in five bytes, and a list that comes apart loses line breaks.
                let most = needed(style, &request, &held).max(weight) * 2 + 600;
                prop_assert!(held.bytes() <= most, "{} of {most}", held.bytes());
            }
        }
        held.release(&(0..held.spans.len()).collect::<Vec<_>>());
        prop_assert_eq!(held.bytes(), 0);
    }
}

/// Bodies as agents sent them.
fn real() -> Vec<(Encoding, Vec<u8>)> {
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
fn one_span_keeps_no_more_than_itself() {
    let mut forms = (0, 0);
    for (form, body) in real() {
        let mut all = Held::new();
        all.take(form, body.clone());
        // A few of each, from its first to its last.
        for stays in (0..all.spans.len()).step_by(all.spans.len() / 5 + 1).chain(all.spans.len().checked_sub(1)) {
            let mut held = Held::new();
            held.take(form, body.clone());
            let others: Vec<usize> = (0..held.spans.len()).filter(|n| *n != stays).collect();
            let (half, rest) = others.split_at(others.len() / 2);
            let before = held.spans[stays].2;
            held.release(half);
            let rest: Vec<usize> = rest.iter().map(|n| n - half.len()).collect();
            assert_eq!(held.release(&rest), before);
            held.check(&probe());
            // What lies around spans is mostly a resource and a scope, of less than 2 KiB together.
            assert!(held.bytes() <= before * 2 + 2560, "{} for {before} of {}", held.bytes(), body.len());
            *(if form == Encoding::Json { &mut forms.1 } else { &mut forms.0 }) += usize::from(held.bytes() < body.len() as u64);
        }
    }
    assert!(forms.0 > 100 && forms.1 > 1, "{forms:?}");
}

#[test]
fn a_span_that_stays_of_every_request_does_not_hold_them_all() {
    for form in [Encoding::Protobuf, Encoding::Json] {
        let style = if form == Encoding::Protobuf { Style::Protobuf } else { Style::Json(false) };
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
            held.take(form, style.write(&[ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }]));
        }
        let stays = |n: usize| n % 100 == 42;
        let weight = held.release(&(0..4000).filter(|n| !stays(*n)).collect::<Vec<_>>());
        assert!(weight > 40 * 4000, "what is large weighs as much");
        assert!((weight / 2..weight * 2).contains(&held.bytes()), "{} for {weight}", held.bytes());
        held.check(&probe());
    }
}

#[test]
fn a_request_that_lists_its_fields_without_their_names_is_thinned_out_too() {
    let span = |n: u64| {
        let (text, id) = ("ab".repeat(500), n + 1);
        format!(r#"{{"traceId": "{id:032x}", "spanId": "{id:016x}", "startTimeUnixNano": "1", "name": "{text}"}}"#)
    };
    let body = format!(r#"[[[null, [[{{"name": "ab"}}, [{}]]]]], null, null]"#, (0..9).map(span).collect::<Vec<_>>().join(" , "));
    let mut held = Held::new();
    held.take(Encoding::Json, body.into_bytes());
    held.release(&[0, 1, 2, 3, 5, 7, 8]);
    held.check(&probe());
    assert_eq!(held.spans.len(), 2);
    assert!(held.bytes() < 2500, "{}", held.bytes());
}
