//! What runs and tool calls count: running totals, sums, and calls that two spans report.

use super::*;

/// A run of the agent "Helper" in a trace of its own that states `stated` tokens, with a model call of `used` tokens.
fn run(trace: u8, session: &str, stated: u32, used: u32) -> Batch {
    let id = u64::from(trace) * 10;
    let mut batch = typed_batch(&[
        (id, None, SpanType::Agent, tokens(stated, stated / 10)),
        (id + 1, Some(id), SpanType::Model, tokens(used, used / 10)),
    ]);
    let [label, session] = ["Helper", session].map(|text| batch.intern(text));
    batch.spans.iter_mut().for_each(|span| span.trace = trace_id(trace));
    (batch.spans[0].facts.agent, batch.spans[0].facts.session) = (label, session);
    batch
}

/// The input tokens of each trace and whether they are a lower bound, which must not depend on the order of arrival.
fn inputs(runs: &[Batch]) -> Vec<(u64, bool)> {
    let count = |order: Vec<&Batch>| {
        let mut store = Store::new(Limits::default());
        for batch in order {
            store.apply(batch, 1000 * SECOND);
            store.check_invariants();
        }
        let input = |trace| (store.totals_of(trace).input, store.totals_of(trace).are_tokens_incomplete());
        store.traces().map(input).collect::<Vec<_>>()
    };
    let found = count(runs.iter().collect());
    assert_eq!(found, count(runs.iter().rev().collect()));
    assert_eq!(found, count(runs.iter().rev().chain(runs).collect()));
    found
}

#[test]
fn what_earlier_runs_of_a_session_used_does_not_count_again() {
    const EXACT: (u64, bool) = (1000, false);
    const LEAST: (u64, bool) = (1000, true);
    let cumulative = |session| [(1, 1000), (2, 2000), (3, 3000)].map(|(trace, stated)| run(trace, session, stated, 1000));
    assert_eq!(inputs(&cumulative("s")), [EXACT; 3]);
    assert_eq!(inputs(&cumulative("s")[1..]), [LEAST, EXACT], "the first run was not seen");
    assert_eq!(inputs(&cumulative("s")[2..]), [LEAST]);
    assert_eq!(inputs(&cumulative("")), [EXACT; 3], "without a session the runs of one service are compared");
    let of_services = [(1, "a", 1000), (2, "b", 2000)].map(|(trace, service, stated)| {
        let mut run = run(trace, "", stated, 1000);
        let service = run.intern(service);
        run.spans.iter_mut().for_each(|span| span.facts.service = service);
        run
    });
    assert_eq!(inputs(&of_services), [EXACT, LEAST], "runs of two services are of two agents");
    assert_eq!(inputs(&[run(1, "s", 1000, 1000), run(2, "other", 2000, 1000)]), [EXACT, LEAST]);
    assert_eq!(inputs(&[run(1, "s", 1000, 1000), run(2, "s", 2500, 1000)]), [EXACT, LEAST], "it is not what the run before stated");
}

#[test]
fn what_a_run_states_beyond_its_calls_is_its_own_where_a_call_left_requests_out() {
    let with_tool = |start: Nanos, end: Nanos| {
        let mut run = run(1, "", 2000, 1000);
        let mut tool = typed_batch(&[(12, Some(10), SpanType::Tool, None)]);
        (tool.spans[0].trace, tool.spans[0].start, tool.spans[0].end) = (trace_id(1), start, Some(end));
        run.spans.push(tool.spans[0].clone());
        let call = run.spans[1].clone();
        (run, call)
    };
    let (_, call) = with_tool(0, 0);
    let end = call.end.unwrap();
    assert_eq!(inputs(&[with_tool(call.start, end).0]), [(2000, false)], "the model was asked again within the call");
    assert_eq!(inputs(&[with_tool(end + SECOND, end + 2 * SECOND).0]), [(1000, true)]);
}

#[test]
fn what_a_run_states_beyond_its_calls_may_be_of_earlier_runs() {
    let mut store = Store::new(Limits::default());
    store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
    store.apply(&run(1, "", 2000, 1000), 1000 * SECOND);
    assert_eq!((store.all().input, store.all().output, store.all().calls), (1000, 100, 1));
    assert!(store.all().are_tokens_incomplete());
    let helper = group(store.stats(), &store, By::Agent, "Helper").usage;
    assert_eq!((helper.tokens(), helper.are_tokens_incomplete()), (Some(1100), true));
    store.apply(&run(1, "", 900, 1000), 1000 * SECOND);
    assert_eq!((store.all().input, store.all().calls), (1000, 1), "the last step only");
    let mut sum = run(1, "", 2000, 1000);
    sum.spans[0].facts.usage = sum.spans[0].facts.usage.map(|usage| Usage { is_aggregated: true, ..usage });
    store.apply(&sum, 1000 * SECOND);
    assert_eq!((store.all().input, store.all().calls), (1000, 1), "a sum never adds");
    store.check_invariants();
}

#[test]
fn a_cost_counts_for_the_model_of_its_tokens_in_any_order() {
    let named = |models: [&str; 3], cost: Option<i64>| {
        let mut batch = nested(typed_batch(&[
            (1, None, SpanType::Other, tokens(2000, 100)),
            (2, Some(1), SpanType::Other, tokens(1000, 50)),
            (3, Some(1), SpanType::Other, tokens(1000, 50)),
        ]));
        for (at, model) in models.into_iter().enumerate() {
            batch.spans[at].facts.model = batch.intern(model);
        }
        batch.spans[0].facts.usage = batch.spans[0].facts.usage.map(|usage| Usage { cost, ..usage });
        batch
    };
    let by_model = |batch: &Batch, order: [usize; 3]| {
        let mut store = Store::new(Limits::default());
        store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
        for at in order {
            let mut part = batch.clone();
            part.spans = vec![batch.spans[at].clone()];
            store.apply(&part, 1000 * SECOND);
            store.check_invariants();
        }
        let groups = store.stats().groups(By::Model);
        let mut found: Vec<_> =
            groups.map(|(name, group)| (store.text(name).to_owned(), group.usage.tokens(), group.usage.cost())).collect();
        found.sort();
        found
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let computed = by_model(&named(["gpt-5-mini", "", ""], None), order);
        assert_eq!(computed, [("gpt-5-mini".to_owned(), Some(2100), Some(700_000))], "only the sum names the model");
        let other = by_model(&named(["gpt-5-mini", "", "gpt-5"], None), order);
        assert_eq!(
            other.iter().map(|(name, tokens, _)| (&name[..], *tokens)).collect::<Vec<_>>(),
            [("", Some(1050)), ("gpt-5", Some(1050)),],
            "the sum is of several models"
        );
        let stated = by_model(&named(["claude", "gpt-5-mini", "gpt-5-mini"], Some(9_000_000)), order);
        assert_eq!(stated, [("gpt-5-mini".to_owned(), Some(2100), Some(9_000_000))], "the sum states another cost");
        let several = by_model(&named(["", "gpt-5-mini", "gpt-5"], Some(9_000_000)), order);
        assert_eq!(several[0], (String::new(), None, Some(9_000_000 - 350_000 - 1_750_000)), "nothing tells whose the rest is");
    }
}

#[test]
fn usage_without_a_model_counts_for_the_model_of_the_row_above_within_its_run() {
    let spans = |between: SpanType, model: &str| {
        let mut batch = nested(typed_batch(&[
            (1, None, SpanType::Other, tokens(2000, 100)),
            (2, Some(1), between, None),
            (3, Some(2), SpanType::Other, tokens(1000, 50)),
        ]));
        batch.spans.iter_mut().for_each(|span| span.facts.model = Text::default());
        batch.spans[0].facts.model = batch.intern(model);
        batch
    };
    let unnamed = |store: &Store| {
        let groups = store.stats().groups(By::Model).filter(|(name, _)| name.is_empty());
        groups.map(|(_, group)| group.usage.input).sum::<u64>()
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut store = Store::new(Limits::default());
        for at in order {
            let mut part = spans(SpanType::Other, "gpt-5-mini");
            part.spans = vec![part.spans[at].clone()];
            store.apply(&part, 1000 * SECOND);
            store.check_invariants();
        }
        assert_eq!(unnamed(&store), 0, "{order:?}");
        // The row between turns out to be a run, the sum to name no model.
        for (batch, expected) in [(spans(SpanType::Agent, "gpt-5-mini"), 1000), (spans(SpanType::Other, ""), 2000)] {
            store.apply(&batch, 1000 * SECOND);
            store.check_invariants();
            assert_eq!(unnamed(&store), expected, "{order:?}");
        }
    }
    // Of very many rows none takes another's model, in any order.
    let many: Vec<_> = (2..80).map(|id| (id, Some(1), SpanType::Other, tokens(10, 1))).collect();
    let mut store = Store::new(Limits::default());
    for part in many.chunks(7) {
        let mut part = nested(typed_batch(part));
        part.spans.iter_mut().for_each(|span| span.facts.model = Text::default());
        store.apply(&part, 1000 * SECOND);
        let mut sum = typed_batch(&[(1, None, SpanType::Other, tokens(2000, 100))]);
        sum.spans[0].facts.model = sum.intern("gpt-5-mini");
        store.apply(&sum, 1000 * SECOND);
        store.check_invariants();
    }
    assert_eq!(unnamed(&store), 780);
}

#[test]
fn failed_model_calls_below_each_other_are_one() {
    let spans = [
        (1, None, SpanType::Agent, None),
        (2, Some(1), SpanType::Model, None),
        (3, Some(2), SpanType::Other, None),
        (4, Some(3), SpanType::Model, None),
    ];
    for order in [spans.to_vec(), spans.iter().rev().copied().collect()] {
        let mut store = Store::new(Limits::default());
        for span in order {
            store.apply(&nested(typed_batch(&[span])), 10 * SECOND);
            store.check_invariants();
        }
        assert_eq!([2, 4].map(|id| store.row(row(&store, id)).counted), [false, true]);
    }
}

/// A call of a tool in a trace of its own: number, name, scope, call id, start and end in seconds.
struct ToolCall(u8, &'static str, &'static str, &'static str, (i64, i64));

/// The number of calls, which must not depend on the order of arrival.
fn tool_calls(calls: &[ToolCall]) -> u32 {
    let arrive = |order: Vec<&ToolCall>| {
        let mut store = Store::new(Limits::default());
        for ToolCall(number, name, scope, id, (start, end)) in order {
            let mut batch = batch(&[SpanSpec {
                trace: *number,
                start: start * SECOND,
                length: (end - start) * SECOND,
                ..spec((*number).into(), None)
            }]);
            let [name, id, tool] = [name, id, &"get_weather"].map(|text| batch.intern(text));
            let scope = batch.intern_scope(scope);
            let span = &mut batch.spans[0];
            (span.name, span.facts.response, span.facts.tool, span.facts.scope) = (name, id, tool, scope);
            store.apply(&batch, 100 * SECOND);
            store.check_invariants();
        }
        let counted = group(store.stats(), &store, By::Tool, "get_weather").calls;
        (counted, store)
    };
    let (found, _) = arrive(calls.iter().collect());
    let (other, mut store) = arrive(calls.iter().rev().chain(calls).collect());
    assert_eq!(found, other);
    store.limits.spans = 1;
    store.apply(&batch(&[SpanSpec { trace: 99, ..spec(99, None) }]), 100 * SECOND);
    store.check_invariants();
    found
}

#[test]
fn a_tool_call_of_two_spans_with_one_id_counts_once() {
    let here = || ToolCall(1, "execute_tool get_weather", "framework", "call_1", (0, 10));
    let there = |name, scope, id, times| ToolCall(2, name, scope, id, times);
    assert_eq!(tool_calls(&[here(), there("tools/call", "mcp", "call_1", (2, 8))]), 1);
    assert_eq!(tool_calls(&[here(), there("execute_tool get_weather", "mcp", "call_1", (2, 8))]), 1);
    assert_eq!(tool_calls(&[here(), there("execute_tool get_weather", "framework", "call_1", (2, 8))]), 2, "equal name and scope");
    assert_eq!(tool_calls(&[here(), there("tools/call", "mcp", "call_2", (2, 8))]), 2, "another id");
    assert_eq!(tool_calls(&[here(), there("tools/call", "mcp", "call_1", (12, 18))]), 2, "at another time");
    let named = |number, scope| ToolCall(number, "x", scope, "get_weather", (0, 10));
    assert_eq!(tool_calls(&[named(1, "a"), named(2, "b")]), 2, "the id is the tool's name");
    let scopes = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let many: Vec<ToolCall> = scopes.into_iter().zip(1..).map(|(scope, number)| ToolCall(number, "x", scope, "call_1", (0, 10))).collect();
    assert_eq!((tool_calls(&many[..8]), tool_calls(&many)), (1, 10), "too many spans state the id");
}

/// A model call of 4,000 tokens whose answer is known and requests no tool, or one, with the rows below it.
fn call_with(is_final: bool, below: &[(u64, Option<u64>, SpanType, Option<Usage>)]) -> Batch {
    let rows = [&[(1, None, SpanType::Agent, None), (2, Some(1), SpanType::Model, tokens(4000, 50))][..], below].concat();
    let mut batch = typed_batch(&rows);
    batch.spans[1].facts.is_final = is_final;
    batch
}

#[test]
fn a_call_with_tools_below_it_whose_answer_requests_none_is_at_least_what_it_states() {
    let tool = (3, Some(2), SpanType::Tool, None);
    for (is_final, below, least) in [
        (true, &[tool][..], 1),
        (true, &[(4, Some(2), SpanType::Other, None), (3, Some(4), SpanType::Tool, None)], 1),
        (true, &[], 0),
        (false, &[tool], 0),
        (true, &[tool, (5, Some(2), SpanType::Model, tokens(4000, 50))], 0),
    ] {
        let batch = nested(call_with(is_final, below));
        let spans = batch.spans.len();
        let mut found = Vec::new();
        for order in [(0..spans).collect::<Vec<_>>(), (0..spans).rev().collect()] {
            let mut store = Store::new(Limits::default());
            store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
            for index in order {
                let mut one = batch.clone();
                one.spans = vec![batch.spans[index].clone()];
                store.apply(&one, 1000 * SECOND);
                store.check_invariants();
            }
            let (all, call) = (store.all(), row(&store, 2));
            assert_eq!((all.input, all.least, all.are_tokens_incomplete()), (4000, least, least > 0), "{is_final} {below:?}");
            assert_eq!(all.is_cost_incomplete(), least > 0 && all.cost().is_some());
            found.push((store.are_tokens_incomplete(call), store.output_rate(call).is_some()));
        }
        assert!(found.iter().all(|found| found.0 == (least > 0) && found.0 != found.1), "a speed would be a guess: {found:?}");
    }
}

#[test]
fn a_call_that_two_spans_report_grows_the_context_once() {
    let call = |id| (id, Some(1), SpanType::Model, tokens(1000, 50));
    let mut batch = nested(typed_batch(&[(1, None, SpanType::Agent, None), call(2), call(3), call(4)]));
    let [same, other] = ["r1", "r2"].map(|text| batch.intern(text));
    for (span, response) in batch.spans[1..].iter_mut().zip([same, same, other]) {
        span.facts.response = response;
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 1000 * SECOND);
    assert_eq!((store.all().calls, store.all().duplicates), (2, 1));
    let growth = store.anomalies(row(&store, 1)).growth;
    assert!(growth.len() == 2 && growth.contains(&row(&store, 4)), "{growth:?}");
}

#[test]
fn a_report_without_usage_is_judged_again_when_a_row_below_it_comes_from_another_process() {
    let report = |id, parent, is_remote| {
        let mut batch = nested(typed_batch(&[(id, parent, SpanType::Model, None)]));
        batch.spans[0].facts.response = batch.intern("answer");
        batch.spans[0].facts.has_remote_parent = is_remote;
        batch
    };
    let mut store = Store::new(Limits::default());
    // The row above comes later: until then, nothing tells that one reports the call of the other.
    for batch in [report(2, Some(1), true), report(1, None, false)] {
        store.apply(&batch, 1000 * SECOND);
        store.check_invariants();
    }
    assert_eq!(store.row(row(&store, 2)).parent(), Some(row(&store, 1)));
    assert_eq!(store.all().duplicates, 0, "the row above gives way to the one below it");
}

#[test]
fn a_call_of_which_only_the_input_or_only_the_output_is_known_makes_the_sum_a_lower_bound() {
    let half = |input: Option<u32>, output: Option<u32>| Some(Usage { input, output, ..Usage::default() });
    let (only_input, only_output) = (half(Some(1000), None), half(None, Some(100)));
    let beside = |usage, change: fn(&mut Span)| {
        let mut spans = typed_batch(&[
            (1, None, SpanType::Agent, None),
            (2, Some(1), SpanType::Model, tokens(7, 7)),
            (3, Some(1), SpanType::Model, usage),
        ]);
        change(&mut spans.spans[2]);
        inputs(&[spans])[0]
    };
    assert_eq!(
        [beside(only_input, |_| {}), beside(only_output, |_| {}), beside(tokens(1, 1), |_| {})],
        [(1007, true), (7, true), (8, false)]
    );
    assert_eq!(beside(only_input, |span| span.status = Status::Error), (1007, false), "a call that failed has no output");
    assert_eq!(beside(only_input, |span| span.end = None), (1007, false), "the output is to come");
    assert_eq!(beside(only_input, |span| span.facts.span_type = SpanType::Embedding), (1007, false), "an embedding has none");
    let mut embedding = typed_batch(&[(1, None, SpanType::Model, only_input)]);
    embedding.spans[0].facts.model = embedding.intern("text-embedding-3-small");
    assert_eq!(inputs(&[embedding]), [(1000, false)], "nor has what calls a model for embeddings");
    // Another report of the call, or the run, tells the rest.
    let nested =
        |above, below| inputs(&[nested(typed_batch(&[(1, None, SpanType::Model, above), (2, Some(1), SpanType::Model, below)]))])[0];
    assert_eq!(
        [nested(only_output, only_input), nested(only_input, only_output), nested(only_input, None)],
        [(1000, false), (1000, false), (1000, true)]
    );
    let run = |stated| inputs(&[typed_batch(&[(1, None, SpanType::Agent, stated), (2, Some(1), SpanType::Model, only_output)])])[0];
    assert_eq!([run(tokens(1000, 100)), run(None)], [(1000, false), (0, true)]);
}
