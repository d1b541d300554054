#![allow(clippy::unwrap_used)]

use crate::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::store::{Clock, Limits, Store};

const MILLI: Nanos = 1_000_000;

/// A store with one trace: id, parent, service (with `@` and its host), start and end in milliseconds of each span.
fn store(spans: &[(u64, u64, &str, Nanos, Nanos)]) -> Store {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    for &(id, parent, service, start, end) in spans {
        let (service, host) = service.split_once('@').unwrap_or((service, ""));
        let (service, host) = (batch.intern(service), batch.intern(host));
        batch.spans.push(Span {
            trace: TraceId::new([1; 16]).unwrap(),
            id: SpanId::new(id.to_be_bytes()).unwrap(),
            parent: SpanId::new(parent.to_be_bytes()),
            start: start * MILLI,
            end: Some(end * MILLI),
            status: Status::Ok,
            name: Text::default(),
            facts: SpanFacts { span_type: SpanType::Step, service, host, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef::default(),
            retained_bytes: 0,
        });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    store
}

/// The skews of the trace in words.
fn skews(store: &Store) -> Vec<String> {
    let trace = store.traces().next().unwrap();
    let name = |clock: Clock| {
        let host = clock.host.map(|host| format!("@{}", store.host_name(host)));
        format!("{}{}", store.service_name(clock.service), host.unwrap_or_default())
    };
    store.skews(trace).iter().map(|skew| format!("{} {} ms behind {}", name(skew.clock), skew.behind / MILLI, name(skew.caller))).collect()
}

#[test]
fn a_span_of_another_service_that_begins_before_its_parent_proves_a_skew() {
    let spans = [(1, 0, "api", 5000, 9000), (2, 1, "worker", 3000, 3500), (3, 1, "worker", 4500, 5000), (4, 3, "worker", 4600, 4700)];
    assert_eq!(skews(&store(&spans)), ["worker 2000 ms behind api"]);
}

#[test]
fn the_clocks_of_two_hosts_of_a_service_are_compared() {
    let spans = [(1, 0, "api@a", 5000, 9000), (2, 1, "api@b", 3000, 3500), (3, 1, "api@a", 3000, 3500), (4, 1, "api", 2000, 2500)];
    assert_eq!(skews(&store(&spans)), ["api@b 2000 ms behind api@a"]);
    let spans = [(1, 0, "api@a", 5000, 9000), (2, 1, "worker@b", 3000, 3500)];
    assert_eq!(skews(&store(&spans)), ["worker 2000 ms behind api"], "services tell enough");
}

#[test]
fn other_spans_prove_none() {
    assert!(skews(&store(&[(1, 0, "api", 5000, 9000), (2, 1, "api", 3000, 3500)])).is_empty(), "the same service");
    assert!(skews(&store(&[(1, 0, "api", 5000, 9000), (2, 1, "worker", 4996, 6000)])).is_empty(), "the precision of clocks");
    assert!(skews(&store(&[(1, 0, "api", 5000, 9000), (2, 1, "worker", 9500, 9900)])).is_empty(), "later work of a queue");
    assert!(skews(&store(&[(1, 0, "api", 5000, 9000), (2, 1, "", 3000, 3500)])).is_empty(), "an unknown service");
    assert!(skews(&store(&[(2, 1, "worker", 3000, 3500)])).is_empty(), "a parent that has not arrived");
}
