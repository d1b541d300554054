//! What ran before in a session.

use super::*;

/// A run of two calls at a time, whose root states a session.
fn run(trace: u8, start: Nanos, session: &'static str, agent: &'static str) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let facts = [
        SpanFacts { span_type: SpanType::Agent, agent: batch.intern(agent), session: batch.intern(session), ..SpanFacts::default() },
        SpanFacts { span_type: SpanType::Model, model: batch.intern("m"), ..SpanFacts::default() },
        SpanFacts { span_type: SpanType::Model, model: batch.intern("m"), ..SpanFacts::default() },
    ];
    let name = batch.intern("span");
    for (id, facts) in (1_u64..).zip(facts) {
        batch.spans.push(Span {
            trace: TraceId::new([trace; 16]).unwrap(),
            id: SpanId::new(id.to_be_bytes()).unwrap(),
            parent: SpanId::new(u64::from(id > 1).to_be_bytes()),
            start: start + id as Nanos,
            end: Some(start + 10),
            status: Status::Ok,
            name,
            facts,
            error: Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    }
    batch
}

/// Returns the traces, by their numbers, and the starts of the calls before the run of a trace.
fn before(store: &Store, trace: u8, limit: usize) -> (Vec<(u8, Nanos)>, bool) {
    let run = store.trace(store.find_trace(TraceId::new([trace; 16]).unwrap()).unwrap()).roots()[0];
    let CallsBefore { calls, is_first } = store.calls_before(run, limit);
    let place = |call: &RunCall| (store.trace(store.row(call.row).trace()).id.bytes()[0], store.row(call.row).start);
    (calls.iter().map(place).collect(), is_first)
}

#[test]
fn the_last_calls_of_the_agent_in_the_session_come_before_a_run() {
    let runs = [
        run(1, 100, "s", "a"),
        run(2, 200, "s", "a"),
        run(3, 300, "s", "b"),
        run(4, 400, "t", "a"),
        run(5, 500, "s", "a"),
        run(6, 600, "", "a"),
    ];
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [4, 0, 5, 2, 3, 1]] {
        let mut store = Store::new(Limits::default());
        for at in order {
            store.apply(&runs[at], 0);
        }
        assert_eq!(before(&store, 1, 4), (vec![], true));
        assert_eq!(before(&store, 2, 4), (vec![(1, 102), (1, 103)], false));
        assert_eq!(before(&store, 5, 4), (vec![(1, 102), (1, 103), (2, 202), (2, 203)], false));
        assert_eq!(before(&store, 5, 3), (vec![(1, 103), (2, 202), (2, 203)], false));
        assert_eq!((before(&store, 3, 4), before(&store, 4, 4)), ((vec![], true), (vec![], true)));
        assert_eq!(before(&store, 6, 4), (vec![], false), "without a session nothing is known");
    }
}

#[test]
fn sessions_follow_what_traces_state_and_which_are_held() {
    let mut store = Store::new(Limits { spans: 9, ..Limits::default() });
    for batch in [run(1, 100, "", "a"), run(2, 200, "s", "a"), run(3, 300, "s", "a")] {
        store.apply(&batch, 0);
    }
    assert_eq!(before(&store, 2, 4).0, []);
    store.apply(&run(1, 100, "s", "a"), 0);
    assert_eq!(before(&store, 2, 4).0, [(1, 102), (1, 103)]);
    // The first trace goes.
    store.apply(&run(4, 400, "s", "a"), 0);
    assert_eq!((before(&store, 2, 4), before(&store, 4, 1).0), ((vec![], true), vec![(3, 303)]));
}
