//! What AgentOS is asked, and what of its answers is new.

use std::sync::{Arc, Mutex};

use agno_top::model::{PayloadQuery, PayloadRef};
use agno_top::query::Query;
use agno_top::sources::{ReadLimits, Request, Search, State, Update, Wanted};
use serde_json::{Value, json};

use super::Source;
use super::server::{Server, answer, second, trace};

/// Starts a server with traces that a test can change.
fn serve(traces: Vec<Value>) -> (Server, Arc<Mutex<Vec<Value>>>) {
    let traces = Arc::new(Mutex::new(traces));
    let held = traces.clone();
    (Server::start(move |asked| answer(&held.lock().unwrap(), asked)), traces)
}

#[test]
fn many_traces_come_once_each_whatever_comes_meanwhile() {
    // Several begin at once, at the border of a page too.
    let (server, traces) = serve((0..350).map(|number| trace(number + 1, number / 3)).collect());
    let mut source = Source::all(&server.url);
    source.until("some are read", |source| source.sent.len() > 100);
    traces.lock().unwrap().push(trace(1000, 500));
    source.until_watching();
    source.until("the new one", |source| source.sent.len() == 702);
    assert!(source.sent.values().all(|times| *times == 1), "nothing comes twice");
    assert_eq!(source.states.last(), Some(&State::Watching { left_out: 0 }));

    // A trace that grows comes again, and is one.
    let grown = json!([trace(1000, 500)["tree"][0], trace(1001, 502)["tree"][0]]);
    {
        let mut traces = traces.lock().unwrap();
        let last = traces.last_mut().unwrap();
        (last["tree"], last["total_spans"], last["end_time"]) = (grown, 4.into(), second(505).into());
    }
    source.until("the new spans", |source| source.spans() == 704);
    assert_eq!(source.store.trace_count(), 351);
}

#[test]
fn a_tail_of_ten_thousand_spans_by_two_writers_misses_none() {
    let (server, traces) = serve(vec![trace(1, 0)]);
    let mut source = Source::all(&server.url);
    source.until_watching();
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let traces = traces.clone();
            // The clock of one is five seconds behind.
            scope.spawn(move || {
                for number in 0..2500 {
                    traces.lock().unwrap().push(trace(10 + number * 2 + writer, 10 + number / 25 - 5 * writer));
                }
            });
        }
        source.until("all spans", |source| source.sent.len() >= 10_002);
    });
    assert!(source.sent.len() == 10_002 && source.skipped.is_empty(), "{:?}", source.skipped);
}

#[test]
fn a_trace_that_was_stored_with_an_earlier_time_is_found() {
    let (server, traces) = serve((0..3).map(|number| trace(number + 1, 5000 + number)).collect());
    let mut source = Source::all(&server.url);
    source.until_watching();
    let asked = server.asked().len();
    source.until("polls", |_| server.asked().len() > asked + 2);
    // An hour before: no poll reaches as far back.
    traces.lock().unwrap().push(trace(9, 1000));
    source.until("the earlier trace", |source| source.sent.len() == 8);
}

#[test]
fn questions_are_not_traced_and_carry_the_key() {
    let (server, _) = serve(vec![trace(1, 0)]);
    let mut source = Source::open(&format!("{}/?db_id=my%20db", server.url), Some("k-1"), ReadLimits::of(10));
    source.until_watching();
    source
        .ask(Request::Payloads { ticket: 1, addresses: vec![(PayloadRef(0), *source.sent.keys().map(|(_, span)| span).next().unwrap())] });
    source.until("a payload", |source| source.others.iter().any(|update| matches!(update, Update::Payloads { .. })));
    let asked = server.asked();
    let mut parents: Vec<&str> = asked.iter().map(|asked| asked.header("traceparent").unwrap()).collect();
    assert!(parents.iter().all(|parent| parent.len() == 55 && parent.starts_with("00-") && parent.ends_with("-00")), "{parents:?}");
    assert!(asked.iter().all(|asked| asked.header("authorization") == Some("Bearer k-1") && asked.path.contains("db_id=my%20db")));
    parents.sort_unstable();
    parents.dedup();
    assert_eq!(parents.len(), asked.len(), "each question is a trace of its own");
    let Some(Update::Payloads { payloads, .. }) = source.others.pop() else { panic!() };
    let payload = payloads[0].as_ref().unwrap();
    assert!(payload.attributes.iter().any(|(name, _)| name == "input.value"), "{payload:?}");
}

#[test]
fn requests_for_traces_are_never_shown() {
    let request = |number: u64, name: &str| {
        let mut request = trace(number, number);
        request["tree"][0]["type"] = "UNKNOWN".into();
        request["tree"][0]["name"] = name.into();
        request["tree"][0]["spans"][0]["type"] = "UNKNOWN".into();
        request["tree"][0]["spans"][0]["name"] = "fastapi.endpoint".into();
        request
    };
    let (server, traces) = serve(vec![trace(1, 0), request(2, "POST /traces/search"), request(3, "POST /agents/{agent_id}/runs")]);
    let mut source = Source::all(&server.url);
    source.until_watching();
    assert_eq!((source.sent.len(), source.store.trace_count()), (4, 2));
    traces.lock().unwrap().extend([request(4, "GET /traces/{trace_id}"), trace(5, 5)]);
    source.until("the run", |source| source.sent.len() == 6);
}

#[test]
fn a_running_trace_is_one_row_until_its_spans_are_told() {
    let mut running = trace(1, 0);
    running["tree"] = json!([]);
    let now = agno_top::model::time::to_isoformat(agno_top::model::time::now());
    (running["start_time"], running["end_time"]) = (now.clone().into(), now.into());
    let (server, traces) = serve(vec![running, trace(9, 0)]);
    let mut source = Source::all(&server.url);
    source.until_watching();
    assert_eq!((source.spans(), source.store.all().running), (3, 1));
    assert!(source.store.traces().all(|trace| !source.store.is_ordinary(trace)), "nobody knows what runs in it");
    let mut whole = trace(1, 0);
    for key in ["start_time", "end_time"] {
        whole[key] = traces.lock().unwrap()[0][key].clone();
    }
    *traces.lock().unwrap() = vec![whole, trace(9, 0)];
    source.until("the spans", |source| source.sent.len() == 5);
    assert_eq!((source.spans(), source.store.all().running, source.store.trace_count()), (4, 0, 2));
    assert_eq!(source.store.losses().evicted, 0);
}

#[test]
fn an_old_trace_without_a_tree_is_shown_as_ended() {
    let mut absent = trace(1, 0);
    (absent["tree"], absent["total_spans"]) = (json!([]), 8.into());
    let (server, _) = serve(vec![absent]);
    let mut source = Source::all(&server.url);
    source.until_watching();
    assert_eq!((source.spans(), source.store.all().running, source.skipped.len()), (1, 0, 0));
    let row = source.store.rows().next().unwrap();
    assert!(source.store.stands_for_trace(row));
    let record = serde_json::to_value(agno_top::export::SpanRecord::from_row(&source.store, row)).unwrap();
    assert_eq!((&record["span_id"], &record["name"]), (&Value::Null, &json!("Helper.run")), "it has no id of a span");
}

#[test]
fn spans_that_are_left_out_of_a_tree_are_told() {
    let mut partial = trace(1, 0);
    partial["total_spans"] = 9.into();
    let (server, _) = serve(vec![partial]);
    let mut source = Source::all(&server.url);
    source.until_watching();
    let expected = format!("trace {:032x}: AgentOS stores 9 spans of it and leaves 7 out of the tree", 1);
    assert_eq!((source.spans(), source.skipped.as_slice()), (2, &[expected][..]));
}

#[test]
fn a_limit_leaves_older_traces_out_until_something_comes_of_them() {
    let (server, traces) = serve((0..10).map(|number| trace(number + 1, 10 * number)).collect());
    let mut source = Source::open(&server.url, None, ReadLimits::of(4));
    source.until_watching();
    assert_eq!(source.states.last(), Some(&State::WatchingNewest { left_out: 8 }));
    let asked = server.asked().len();
    source.until("polls", |_| server.asked().len() > asked + 3);
    assert_eq!(source.sent.len(), 4);
    traces.lock().unwrap()[0]["end_time"] = second(200).into();
    source.until("the old trace", |source| source.sent.len() == 6);
}

#[test]
fn parts_are_read_on_demand() {
    let (server, _) = serve((0..250).map(|number| trace(number + 1, 10 * number)).collect());
    let limits = ReadLimits { on_demand: true, ..ReadLimits::of(1_000_000) };
    let mut source = Source::open(&server.url, None, limits);
    let at = |text: String| agno_top::model::time::parse(text.as_bytes()).unwrap();
    assert_eq!(source.read(Wanted::Ids(vec![format!("{:032x}", 16), format!("{:031x}", 2)])), Some(i64::MIN));
    // 0x16; and 0x20 to 0x2f.
    assert_eq!(source.sent.len(), 2 * 17);
    assert_eq!(source.read(Wanted::Newest(150)), Some(at(second(1500))), "a page holds the newest hundred traces");
    assert_eq!(source.sent.len(), 2 * (17 + 100));
    let from = at(second(1000));
    assert_eq!(source.read(Wanted::Period(from, Some(at(second(1100))))), Some(from));
    assert!(source.sent.values().all(|times| *times == 1));
    assert_eq!(source.read(Wanted::Newest(1_000_000)), Some(i64::MIN));
    assert_eq!((source.sent.len(), source.states.len()), (500, 0));
    assert_eq!(source.read(Wanted::Beside(Vec::new())), None);
}

#[test]
fn texts_are_searched_in_all_traces() {
    let (server, _) = serve((0..150).map(|number| trace(number + 1, 10 * number)).collect());
    let mut source = Source::all(&server.url);
    source.until_watching();
    let search = |text: &str| {
        let query: Query = text.parse().unwrap();
        let query: Arc<PayloadQuery> = Arc::new(query.payload_query());
        Request::Search(Search { ticket: 3, query, since: None, until: None })
    };
    for (text, expected) in [("text:needle", 150), ("text:haystack", 0), ("attr.openinference.span.kind:LLM", 150)] {
        source.ask(search(text));
        let is_over = |update: &Update| matches!(update, Update::SearchHits(hits) if hits.progress.is_some_and(|progress| progress.done == progress.total));
        source.until("the search ends", |source| source.others.iter().any(is_over));
        let hits: usize =
            source.others.drain(..).map(|update| if let Update::SearchHits(hits) = update { hits.spans.len() } else { 0 }).sum();
        assert_eq!(hits, expected, "{text}");
    }
}
