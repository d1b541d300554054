//! Calls that an agent and its gateway report, in traces of their own.

use super::*;

/// A model call, or the run above it: trace, id, parent, start and end in milliseconds, type, scope, model and cost.
struct Call(u8, u64, Option<u64>, (i64, i64), SpanType, &'static str, &'static str, Option<i64>);

fn calls(calls: &[&Call]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for Call(trace, id, parent, (start, end), span_type, scope, name, cost) in calls {
        let usage = span_type.calls_model().then_some(Usage {
            input: Some(1000),
            output: Some(50),
            cache_read: (*scope == "gateway").then_some(800),
            cost: *cost,
            ..Usage::default()
        });
        let (scope, name) = (batch.intern_scope(scope), batch.intern(name));
        let facts = SpanFacts { span_type: *span_type, usage, scope, model: name, agent: name, ..SpanFacts::default() };
        batch.spans.push(Span {
            trace: trace_id(*trace),
            id: span_id(*id),
            parent: parent.map(span_id),
            start: start * SECOND / 1000,
            end: Some(end * SECOND / 1000),
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

/// The stores that result from every order of arrival, one span at a time.
fn in_any_order(all: &[Call]) -> Vec<Store> {
    in_any_order_of(&all.iter().map(|call| calls(&[call])).collect::<Vec<_>>())
}

/// The same for batches.
fn in_any_order_of(all: &[Batch]) -> Vec<Store> {
    let mut orders = vec![vec![]];
    for at in 0..all.len() {
        let insert = |order: Vec<usize>| (0..=order.len()).map(move |place| [&order[..place], &[at], &order[place..]].concat());
        orders = orders.into_iter().flat_map(insert).collect();
    }
    let arrive = |order: Vec<usize>| {
        let mut store = Store::new(Limits::default());
        store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
        for at in order {
            store.apply(&all[at], 100 * SECOND);
            store.check_invariants();
        }
        store
    };
    orders.into_iter().map(arrive).collect()
}

fn totals(store: &Store, trace: u8) -> Totals {
    store.totals_of(store.find_trace(trace_id(trace)).unwrap())
}

#[test]
fn a_call_through_a_gateway_counts_in_the_trace_of_its_agent() {
    // The reader is slow, the gateway's first attempt failed, and its model has another name.
    let all = [
        Call(1, 1, None, (0, 9000), SpanType::Agent, "agno", "Weather", None),
        Call(1, 2, Some(1), (10, 8000), SpanType::Model, "agno", "primary", None),
        Call(2, 3, None, (90, 1400), SpanType::Other, "fastapi", "POST", None),
        Call(2, 4, Some(3), (1100, 1300), SpanType::Model, "gateway", "gpt-4o-mini", Some(120_000)),
    ];
    for mut store in in_any_order(&all) {
        let (agent, gateway) = (totals(&store, 1), totals(&store, 2));
        assert_eq!((agent.input, agent.output, agent.cache_read, agent.cost(), agent.calls), (1000, 50, 800, Some(120_000), 1));
        assert_eq!((gateway.tokens(), gateway.cost(), gateway.duplicates), (None, None, 1));
        assert_eq!(group(store.stats(), &store, By::Agent, "Weather").usage.tokens(), Some(1050));
        let model = group(store.stats(), &store, By::Model, "gpt-4o-mini");
        assert_eq!((model.calls, model.usage.tokens()), (1, Some(1050)));
        assert_eq!(store.stats().groups(By::Model).count(), 1);
        assert_eq!(store.stated_cost(row(&store, 2)), None, "the gateway states it");
        // The agent's span turns out to be another call.
        store.apply(&calls(&[&Call(1, 2, Some(1), (10, 900), SpanType::Model, "agno", "primary", None)]), 100 * SECOND);
        store.check_invariants();
        assert_eq!((store.all().calls, store.all().duplicates, totals(&store, 1).cost()), (2, 0, None));
        assert_eq!(group(store.stats(), &store, By::Model, "primary").usage.tokens(), Some(1050));
    }
}

#[test]
fn a_session_goes_before_none_and_the_model_without_a_price_keeps_the_price_of_the_stated_one() {
    let all = [
        Call(1, 2, None, (10, 8000), SpanType::Model, "sdk", "gpt-4o-mini", None),
        Call(2, 4, Some(3), (1100, 1300), SpanType::Model, "gateway", "our-deployment", None),
    ];
    for mut store in in_any_order(&all) {
        assert!(totals(&store, 1).tokens().is_none() && totals(&store, 2).tokens().is_some(), "it has a parent");
        let mut batch = calls(&[&all[0]]);
        batch.spans[0].facts.session = batch.intern("session");
        store.apply(&batch, 100 * SECOND);
        store.check_invariants();
        assert_eq!((totals(&store, 1).tokens(), totals(&store, 2).tokens()), (Some(1050), None));
        assert_eq!(store.text(store.model(row(&store, 2))), "our-deployment");
        assert!(totals(&store, 1).cost().is_some_and(|cost| cost > 0));
    }
}

#[test]
fn calls_of_equal_counts_with_a_run_or_a_tool_call_between_them_are_two() {
    for between in [SpanType::Agent, SpanType::Tool] {
        let all = [
            Call(1, 1, None, (0, 9000), SpanType::Model, "adk", "gpt-4o", None),
            Call(1, 2, Some(1), (10, 8000), between, "adk", "helper", None),
            Call(1, 3, Some(2), (20, 7000), SpanType::Model, "openai", "gpt-4o", None),
        ];
        for store in in_any_order(&all) {
            assert_eq!((store.all().calls, store.all().duplicates, store.all().input), (2, 0, 2000), "{between:?}");
            assert_eq!(group(store.stats(), &store, By::Model, "gpt-4o").calls, 2);
        }
    }
}

/// A span with a service, and an error or a response id.
fn sent(call: &Call, service: &str, error: &str, response: &str) -> Batch {
    let mut batch = calls(&[call]);
    let [service, text, response] = [service, error, response].map(|text| batch.intern(text));
    let span = &mut batch.spans[0];
    (span.facts.service, span.error, span.facts.response) = (service, text, response);
    if !error.is_empty() {
        (span.status, span.facts.usage) = (Status::Error, None);
    }
    batch
}

const QUOTED: &str = "InternalServerError: upstream exploded";
const QUOTING: &str = "ModelProviderError: InternalServerError: upstream exploded, and there is no fallback";

/// The spans of a call that failed: those of the agent, and the gateway's attempt.
fn failed_call() -> [Batch; 4] {
    let agent = Call(1, 1, None, (0, 4000), SpanType::Agent, "agno", "Unlucky", None);
    let call = Call(1, 2, Some(1), (10, 3900), SpanType::Model, "agno", "our-model", None);
    let request = Call(2, 3, None, (50, 3800), SpanType::Other, "fastapi", "POST", None);
    let attempt = Call(2, 4, Some(3), (60, 100), SpanType::Model, "gateway", "gpt-5", None);
    [sent(&agent, "app", "", ""), sent(&call, "app", QUOTING, ""), sent(&request, "proxy", "", ""), sent(&attempt, "proxy", QUOTED, "id")]
}

#[test]
fn a_failed_call_of_an_agent_and_its_gateway_counts_once() {
    for mut store in in_any_order_of(&failed_call()) {
        let failed: u32 = store.stats().groups(By::Model).map(|(_, group)| group.failed).sum();
        assert_eq!((failed, store.all().failed, store.all().duplicates, store.all().calls), (1, 1, 1, 0));
        assert_eq!([1, 2].map(|trace| totals(&store, trace).failed), [1, 0], "it counts in the trace of the agent");
        let statuses = [1, 2].map(|trace| store.trace(store.find_trace(trace_id(trace)).unwrap()).run_status());
        assert_eq!(statuses, [RunStatus::Error; 2]);
        // The gateway turns out to have failed in another way.
        let attempt = Call(2, 4, Some(3), (60, 100), SpanType::Model, "gateway", "gpt-5", None);
        store.apply(&sent(&attempt, "proxy", "AuthenticationError: no such key", "id"), 100 * SECOND);
        store.check_invariants();
        assert_eq!((store.all().failed, store.all().duplicates), (2, 0));
    }
}

#[test]
fn failed_calls_that_may_be_two_count_twice() {
    let attempt = |times, parent| Call(2, 4, parent, times, SpanType::Model, "gateway", "gpt-5", None);
    for (what, other) in [
        ("it failed at another time", sent(&attempt((3000, 5000), Some(3)), "proxy", QUOTED, "")),
        ("it failed for another reason", sent(&attempt((60, 100), Some(3)), "proxy", "RateLimitError: too many requests", "")),
        ("it ended well", sent(&attempt((60, 100), Some(3)), "proxy", "", "")),
        (
            "its instrumentation and service are the same",
            sent(&Call(2, 4, None, (60, 100), SpanType::Model, "agno", "gpt-5", None), "app", QUOTED, ""),
        ),
    ] {
        let [agent, call, request, _] = failed_call();
        for store in in_any_order_of(&[agent, call, request, other]) {
            assert_eq!(store.all().duplicates, 0, "{what}");
            assert_eq!(store.stats().groups(By::Model).map(|(_, group)| group.calls).sum::<u32>(), 2, "{what}");
        }
    }
    // An agent behind the gateway makes a call of its own.
    let [agent, call, _, attempt] = failed_call();
    let other = sent(&Call(2, 3, None, (50, 3800), SpanType::Agent, "other", "Helper", None), "proxy", "", "");
    for store in in_any_order_of(&[agent, call, other, attempt]) {
        assert_eq!((store.all().failed, store.all().duplicates), (2, 0));
    }
}

#[test]
fn services_with_the_same_instrumentation_report_one_call_unless_each_has_a_run() {
    let call = |trace, id, parent, times| Call(trace, id, parent, times, SpanType::Model, "my-llm", "gpt-4o", None);
    let agent = Call(1, 1, None, (0, 9000), SpanType::Agent, "my-llm", "Weather", None);
    let run = |span_type| Call(2, 3, None, (90, 1400), span_type, "my-llm", "other", None);
    for (services, span_type, expected) in [
        (["app", "gateway"], SpanType::Other, (1, 1)),
        (["", "gateway"], SpanType::Other, (1, 1)),
        (["app", "app"], SpanType::Other, (2, 0)),
        (["app", "gateway"], SpanType::Agent, (2, 0)),
    ] {
        let [app, gateway] = services;
        let all = [
            sent(&agent, app, "", ""),
            sent(&call(1, 2, Some(1), (10, 8000)), app, "", ""),
            sent(&run(span_type), gateway, "", ""),
            sent(&call(2, 4, Some(3), (1100, 1300)), gateway, "", ""),
        ];
        for store in in_any_order_of(&all) {
            assert_eq!((store.all().calls, store.all().duplicates), expected, "{services:?} {span_type:?}");
        }
    }
}

#[test]
fn a_stream_without_usage_has_the_usage_that_the_gateway_states_for_its_answer() {
    let mut stream = sent(&Call(1, 2, Some(1), (10, 8000), SpanType::Model, "sdk", "primary", None), "app", "", "chatcmpl-1");
    stream.spans[0].facts.usage = None;
    let all = [
        sent(&Call(1, 1, None, (0, 9000), SpanType::Agent, "agno", "Weather", None), "app", "", ""),
        stream,
        sent(&Call(2, 4, Some(3), (1100, 1300), SpanType::Model, "gateway", "gpt-4o-mini", None), "proxy", "", "chatcmpl-1"),
    ];
    for mut store in in_any_order_of(&all) {
        let (agent, gateway) = (totals(&store, 1), totals(&store, 2));
        assert_eq!((agent.input, agent.output, agent.cache_read, agent.calls, agent.priced), (1000, 50, 800, 1, 1));
        assert_eq!((gateway.tokens(), gateway.duplicates), (None, 1));
        assert_eq!(store.usage(row(&store, 2)).and_then(|usage| usage.input), Some(1000));
        let model = group(store.stats(), &store, By::Model, "gpt-4o-mini");
        assert_eq!((model.calls, model.usage.tokens(), store.stats().groups(By::Model).count()), (1, Some(1050), 1));
        // The gateway's span turns out to be of another call.
        let other = Call(2, 4, Some(3), (1100, 1300), SpanType::Model, "gateway", "gpt-4o-mini", None);
        store.apply(&sent(&other, "proxy", "", "chatcmpl-2"), 100 * SECOND);
        store.check_invariants();
        assert_eq!((totals(&store, 1).tokens(), totals(&store, 1).cost(), store.usage(row(&store, 2))), (None, None, None));
        assert_eq!((store.all().calls, store.all().duplicates), (1, 0));
        assert_eq!(group(store.stats(), &store, By::Model, "primary").calls, 1, "a call without usage");
    }
}

/// The span of a call with usage, or without.
fn with_usage(call: &Call, service: &str, input: Option<u32>, output: Option<u32>) -> Batch {
    let mut batch = sent(call, service, "", "");
    let is_known = input.or(output).is_some();
    batch.spans[0].facts.usage = is_known.then(|| Usage { input, output, ..Usage::default() });
    batch
}

#[test]
fn a_stream_without_usage_and_answer_id_has_the_usage_of_the_only_call_that_may_be_it() {
    let agent = sent(&Call(1, 1, None, (0, 9000), SpanType::Agent, "agno", "Weather", None), "app", "", "");
    let stream = |model, output| with_usage(&Call(1, 2, Some(1), (10, 8000), SpanType::Model, "agno", model, None), "app", None, output);
    let gateway = |trace, times| {
        sent(&Call(trace, u64::from(trace) * 2, None, times, SpanType::Model, "gateway", "gpt-5-mini", None), "proxy", "", "")
    };
    let parts = |parts: &[&Batch]| parts.iter().map(|part| (*part).clone()).collect::<Vec<_>>();
    let call = gateway(2, (110, 7900));
    for (model, output) in [("openai/gpt-5-mini", None), ("primary", Some(50))] {
        for mut store in in_any_order_of(&parts(&[&agent, &stream(model, output), &call])) {
            let (of_agent, of_gateway) = (totals(&store, 1), totals(&store, 2));
            assert_eq!((of_agent.input, of_agent.output, of_agent.calls, of_agent.inputs), (1000, 50, 1, 1), "{model}");
            assert_eq!((of_gateway.tokens(), of_gateway.duplicates, store.all().calls), (None, 1, 1));
            assert_eq!(store.stats().groups(By::Model).map(|(_, group)| group.calls).sum::<u32>(), 1);
            // Another call could be the same as well.
            store.apply(&gateway(3, (120, 300)), 100 * SECOND);
            store.check_invariants();
            assert_eq!((totals(&store, 1).inputs, store.all().duplicates, store.all().input), (0, 0, 2000), "{model}");
        }
    }
    // The agent states the name of the model at the gateway, or the gateway that of the agent's.
    let asked = |mut batch: Batch, name: &str| {
        batch.spans[0].facts.asked_model = batch.intern(name);
        batch
    };
    for (stream, call) in [
        (stream("primary", None), asked(call.clone(), "primary")),
        (asked(stream("primary", None), "gpt-5-mini"), call.clone()),
        (asked(stream("eu/gpt-5", None), "primary"), asked(call.clone(), "PRIMARY")),
    ] {
        for mut store in in_any_order_of(&parts(&[&agent, &stream, &call])) {
            assert_eq!((totals(&store, 1).input, store.all().calls, store.all().duplicates), (1000, 1, 1));
            store.apply(&asked(call.clone(), "other"), 100 * SECOND);
            store.apply(&asked(stream.clone(), "another"), 100 * SECOND);
            store.check_invariants();
            assert_eq!((totals(&store, 1).inputs, store.all().duplicates), (0, 0), "they ask for two models");
        }
    }
    // The gateway took another model after the asked one had failed.
    let request = sent(&Call(2, 3, None, (100, 7950), SpanType::Other, "gateway", "POST", None), "proxy", "", "");
    let attempt = |model, error| sent(&Call(2, 5, Some(3), (105, 108), SpanType::Model, "gateway", model, None), "proxy", error, "");
    let answer = sent(&Call(2, 4, Some(3), (110, 7900), SpanType::Model, "gateway", "gpt-5-mini", None), "proxy", "", "");
    let failed = attempt("primary", "upstream model exploded");
    for mut store in in_any_order_of(&parts(&[&agent, &stream("primary", None), &request, &failed, &answer])) {
        assert_eq!((totals(&store, 1).input, store.all().calls, store.all().duplicates), (1000, 1, 1));
        store.apply(&attempt("another", "upstream model exploded"), 100 * SECOND);
        store.check_invariants();
        assert_eq!((totals(&store, 1).inputs, store.all().duplicates), (0, 0), "the attempt asked for another model");
        store.apply(&attempt("primary", "upstream model exploded"), 100 * SECOND);
        assert_eq!((totals(&store, 1).input, store.all().duplicates), (1000, 1));
        store.apply(&sent(&Call(2, 3, None, (100, 7950), SpanType::Agent, "gateway", "Agent", None), "proxy", "", ""), 100 * SECOND);
        store.check_invariants();
        assert_eq!((totals(&store, 1).inputs, store.all().duplicates), (0, 0), "an agent made both");
    }
    let in_run = sent(&Call(2, 9, None, (100, 7950), SpanType::Agent, "other", "Other", None), "proxy", "", "");
    let below = sent(&Call(2, 4, Some(9), (110, 7900), SpanType::Model, "gateway", "gpt-5-mini", None), "proxy", "", "");
    let twin = with_usage(&Call(4, 8, None, (20, 8500), SpanType::Model, "agno", "gpt-5-mini", None), "app", None, None);
    for (what, all) in [
        ("another model", parts(&[&agent, &stream("gpt-5", None), &call])),
        ("another output", parts(&[&agent, &stream("gpt-5-mini", Some(51)), &call])),
        ("it outlives the stream", parts(&[&agent, &stream("gpt-5-mini", None), &gateway(2, (110, 8100))])),
        ("it begins long after it", parts(&[&agent, &stream("gpt-5-mini", None), &gateway(2, (3000, 7900))])),
        ("two streams", parts(&[&agent, &stream("gpt-5-mini", None), &call, &twin])),
        ("another agent's call", parts(&[&agent, &stream("gpt-5-mini", None), &in_run, &below])),
    ] {
        for store in in_any_order_of(&all) {
            assert_eq!((totals(&store, 1).inputs, store.all().duplicates), (0, 0), "{what}");
        }
    }
}

#[test]
fn a_gateway_whose_clock_differs_a_little_reports_the_call_of_the_agent() {
    let agent = sent(&Call(1, 1, None, (1000, 9000), SpanType::Agent, "agno", "Weather", None), "app", "", "");
    let call = sent(&Call(1, 2, Some(1), (1010, 3000), SpanType::Model, "agno", "primary", None), "app", "", "");
    let gateway = |trace: u8, service, times| {
        sent(&Call(trace, u64::from(trace) * 2, None, times, SpanType::Model, "gateway", "gpt-5", None), service, "", "")
    };
    let counted = |all: &[Batch]| {
        let counts = in_any_order_of(all)
            .iter()
            .map(|store| (store.all().calls, store.all().duplicates, totals(store, 1).input))
            .collect::<Vec<_>>();
        assert!(counts.iter().all(|one| *one == counts[0]), "{counts:?}");
        counts[0]
    };
    for times in [(930, 2900), (1100, 3100)] {
        assert_eq!(counted(&[agent.clone(), call.clone(), gateway(2, "proxy", times)]), (1, 1, 1000), "{times:?}");
    }
    let before = gateway(2, "proxy", (930, 2900));
    let of_run = sent(&Call(2, 5, None, (900, 3000), SpanType::Agent, "x", "Other", None), "proxy", "", "");
    let below = sent(&Call(2, 4, Some(5), (930, 2900), SpanType::Model, "gateway", "gpt-5", None), "proxy", "", "");
    for (what, all, expected) in [
        ("far ahead", vec![agent.clone(), call.clone(), gateway(2, "proxy", (700, 2900))], (2, 0, 1000)),
        ("the same service", vec![agent.clone(), call.clone(), gateway(2, "app", (930, 2900))], (2, 0, 1000)),
        ("an unknown service", vec![agent.clone(), call.clone(), gateway(2, "", (930, 2900))], (2, 0, 1000)),
        ("two agents", vec![agent.clone(), call.clone(), of_run, below], (2, 0, 1000)),
        ("two gateways", vec![agent.clone(), call.clone(), before.clone(), gateway(3, "proxy", (940, 2950))], (3, 0, 1000)),
        ("one fits without skew", vec![agent, call, before, gateway(3, "proxy", (1020, 2950))], (2, 1, 1000)),
    ] {
        assert_eq!(counted(&all), expected, "{what}");
    }
}

#[test]
fn a_gateway_below_the_call_of_an_agent_reports_that_call_whatever_its_clock() {
    let agent = sent(&Call(1, 1, None, (1000, 9000), SpanType::Agent, "agno", "Weather", None), "app", "", "");
    let call = sent(&Call(1, 2, Some(1), (1010, 3000), SpanType::Model, "agno", "primary", None), "app", "", "");
    let request = |service, times| sent(&Call(1, 3, Some(2), times, SpanType::Other, "http", "POST", None), service, "", "");
    let answer =
        |service, times, response| sent(&Call(1, 4, Some(3), times, SpanType::Model, "gateway", "gpt-5", None), service, "", response);
    let counted = |all: &[Batch]| {
        let counts: Vec<_> = in_any_order_of(all)
            .iter()
            .map(|store| {
                let by_model: u32 = store.stats().groups(By::Model).map(|(_, group)| group.calls).sum();
                (store.all().calls, by_model, totals(store, 1).input)
            })
            .collect();
        assert!(counts.iter().all(|one| *one == counts[0]), "{counts:?}");
        counts[0]
    };
    for ahead in [-3_600_000, -5000, -50, 0, 50, 5000, 3_600_000] {
        for response in ["", "id"] {
            let call = sent(&Call(1, 2, Some(1), (1010, 3000), SpanType::Model, "agno", "primary", None), "app", "", response);
            let (request, answer) =
                (request("proxy", (1020 + ahead, 2990 + ahead)), answer("proxy", (1030 + ahead, 2980 + ahead), response));
            assert_eq!(counted(&[agent.clone(), call, request, answer]), (1, 1, 1000), "{ahead} {response}");
        }
    }
    // The client's span ends when the answer begins.
    let streamed = sent(&Call(1, 3, Some(2), (1020, 1500), SpanType::Other, "http", "POST", None), "app", "", "");
    let [served, answered] =
        [(4, 3, (6020, 7990), SpanType::Other), (5, 4, (6030, 7980), SpanType::Model)].map(|(id, parent, times, span_type)| {
            sent(&Call(1, id, Some(parent), times, span_type, "gateway", "gpt-5", None), "proxy", "", "")
        });
    assert_eq!(counted(&[call.clone(), streamed, served, answered]), (1, 1, 1000), "a stream");
    let later = (5020, 6990);
    let other = Call(1, 4, Some(3), (5030, 6980), SpanType::Model, "gateway", "gpt-5", None);
    for (what, below) in [
        ("the same clock", [request("app", later), answer("app", (5030, 6980), "")]),
        ("an unknown clock", [request("", later), answer("", (5030, 6980), "")]),
        ("no time for it", [request("proxy", (5020, 7200)), answer("proxy", (5030, 6980), "")]),
        ("after the request", [request("proxy", later), answer("proxy", (7030, 7980), "")]),
        (
            "another run",
            [sent(&Call(1, 3, Some(2), later, SpanType::Agent, "x", "Other", None), "proxy", "", ""), answer("proxy", (5030, 6980), "")],
        ),
    ] {
        let all = [agent.clone(), call.clone(), below[0].clone(), below[1].clone()];
        assert_eq!(counted(&all), (2, 2, 2000), "{what}");
    }
    let judged = with_usage(&other, "proxy", Some(7000), Some(3));
    assert_eq!(counted(&[agent.clone(), call.clone(), request("proxy", later), judged]), (2, 2, 8000), "other counts");
    let uncached = with_usage(&other, "proxy", Some(7000), Some(50));
    assert_eq!(counted(&[agent, call, request("proxy", later), uncached]), (1, 1, 7000), "one of the counts is the same");
}

#[test]
fn a_tool_that_another_service_executes_is_one_call_whatever_its_clock() {
    let agent = sent(&Call(1, 1, None, (1000, 9000), SpanType::Agent, "agno", "Weather", None), "app", "", "");
    let named = |id, parent, times, service| {
        let mut batch = sent(&Call(1, id, Some(parent), times, SpanType::Tool, "mcp", "add", None), service, "", "");
        batch.spans[0].facts.tool = batch.spans[0].name;
        batch
    };
    for (service, ahead, calls) in [("tools", -5000, 1), ("tools", 0, 1), ("tools", 5000, 1), ("app", 5000, 2)] {
        let all = [agent.clone(), named(2, 1, (1010, 3000), "app"), named(3, 2, (1020 + ahead, 2990 + ahead), service)];
        for store in in_any_order_of(&all) {
            assert_eq!(group(store.stats(), &store, By::Tool, "add").calls, calls, "{service} {ahead}");
        }
    }
}
