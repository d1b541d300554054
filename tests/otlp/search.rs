//! Searches in the payloads in memory.

use std::sync::Arc;

use agno_top::query::Query;
use agno_top::sources::{Request, Search};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::listener::Listener;
use crate::spans::{attribute, request, span};

fn probe(line: &str) -> Arc<agno_top::model::PayloadQuery> {
    Arc::new(line.parse::<Query>().unwrap().payload_query())
}

#[test]
fn decoded_payloads_are_searched_newest_first() {
    let mut listener = Listener::start();
    let mut number = attribute("n", "");
    number.value = Some(AnyValue { value: Some(any_value::Value::IntValue(5000)) });
    let mut list = attribute("list", "");
    let items = ["one", "two"].map(|item| AnyValue { value: Some(any_value::Value::StringValue(item.to_owned())) });
    list.value = Some(AnyValue { value: Some(any_value::Value::ArrayValue(ArrayValue { values: items.to_vec() })) });
    let event = Event { name: "exception".to_owned(), attributes: vec![attribute("exception.type", "KeyError")], ..Event::default() };
    let failed = Status { message: "no \"such\" key".to_owned(), code: 2 };
    listener.post(&request(vec![
        Span { attributes: vec![attribute("input.value", "say \"hi\" to Größe")], ..span(1) },
        Span { attributes: vec![number, list], ..span(2) },
        Span { attributes: vec![attribute("input.value", "replaced"), attribute("input.value", "it stays, see C:\\u0041bc")], ..span(5) },
    ]));
    listener.post(&request(vec![Span { events: vec![event], status: Some(failed), ..span(3) }]));
    let json = r#"{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}, "scopeSpans": [{"spans": [
        {"traceId": "07070707070707070707070707070707", "spanId": "0404040404040404", "name": "x", "startTimeUnixNano": "1790000000000000000",
         "endTimeUnixNano": "1790000001000000000", "attributes": [{"key": "input.value", "value": {"stringValue": "Gr\u00f6\u00dfe \"hi\""}}]}]}]}]}"#;
    listener.client().post("/v1/traces", &[("content-type", "application/json")], json.as_bytes());
    assert_eq!(listener.spans().len(), 5);
    let all: Vec<_> = listener.spans().iter().map(|(span, _)| (span.payload_ref, span.id)).collect();
    for (line, expected) in [
        ("text:größe", &[4, 1][..]),
        ("text:\"\\\"hi\\\" to\"", &[1]),
        ("text:5000", &[2]),
        ("text:\"[\\\"one\\\",\\\"two\\\"]\"", &[2]),
        ("attr.n:>4k", &[2]),
        ("attr.exception.type:keyerror", &[3]),
        ("text:\"no \\\"such\\\"\"", &[3]),
        ("text:stringValue", &[]),
        ("text:replaced", &[]),
        ("text:stays", &[5]),
        ("text:stays|größe", &[4, 1, 5]),
        ("text:größe text:input text:HI", &[4, 1]),
        ("text:input -text:stays", &[4, 1]),
        ("text:/ST[AE]Y.*see/", &[5]),
        ("text:\"stays, see\"", &[5]),
        ("text:input.value", &[4, 1, 5]),
        ("text:shop", &[4, 3, 1, 2, 5]),
        ("attr.service.name:shop", &[4, 3, 1, 2, 5]),
        ("attr.service.name:shop -text:größe", &[3, 2, 5]),
    ] {
        let search = Search { ticket: 1, query: probe(line), since: None, until: None };
        let found: Vec<u8> = listener.search(Request::Search(search)).iter().map(|span| span.bytes()[0]).collect();
        assert_eq!(found, expected, "{line}");
    }
    let check = Request::Check { ticket: 1, query: probe("text:größe"), addresses: all[1..].to_vec() };
    assert_eq!(listener.search(check).iter().map(|span| span.bytes()[0]).collect::<Vec<_>>(), [4]);
}
