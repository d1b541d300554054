//! Failed steps, harmless failures, pauses and cuts, in any order of arrival.

use super::*;
use crate::model::Ending;

/// What decides about a failure.
#[derive(Clone, Debug)]
struct Step {
    id: u64,
    trace: u8,
    parent: Option<u64>,
    /// How long before its usual end it ends.
    early: Nanos,
    span_type: SpanType,
    status: Status,
    ending: Ending,
    service: &'static str,
    run: &'static str,
    continues: bool,
    tool: &'static str,
    /// The error text; empty for one that all failures share.
    error: &'static str,
    /// Whether a model call states usage.
    answers: bool,
}

fn step(id: u64, parent: Option<u64>, span_type: SpanType) -> Step {
    let (status, ending) = (Status::Ok, Ending::Plain);
    Step {
        id,
        trace: 1,
        parent,
        early: 0,
        span_type,
        status,
        ending,
        service: "app",
        run: "",
        continues: false,
        tool: "",
        error: "",
        answers: false,
    }
}

fn failed(mut step: Step) -> Step {
    step.status = Status::Error;
    step
}

fn steps(steps: &[Step]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for step in steps {
        let error = if step.error.is_empty() { format!("error {}", step.id) } else { step.error.to_owned() };
        let [service, run, tool, error] = [step.service, step.run, step.tool, &error].map(|text| batch.intern(text));
        batch.spans.push(Span {
            trace: trace_id(step.trace),
            id: span_id(step.id),
            parent: step.parent.map(span_id),
            start: step.id as Nanos * SECOND,
            // A child ends before its parent.
            end: Some(200 * SECOND - step.id as Nanos * SECOND - step.early),
            status: step.status,
            name: Text::default(),
            facts: SpanFacts {
                span_type: step.span_type,
                usage: (step.answers && step.span_type == SpanType::Model).then(|| tokens(10, 5)).flatten(),
                ending: step.ending,
                continues: step.continues,
                service,
                run,
                tool,
                ..SpanFacts::default()
            },
            error,
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    }
    batch
}

fn held(parts: &[&[Step]]) -> Store {
    let mut store = Store::new(Limits::default());
    for part in parts {
        store.apply(&steps(part), 300 * SECOND);
        store.check_invariants();
    }
    store
}

fn status(store: &Store, trace: u8) -> RunStatus {
    store.trace(store.find_trace(trace_id(trace)).unwrap()).run_status()
}

#[test]
fn a_failure_that_travels_up_counts_where_it_began() {
    let model = failed(step(3, Some(2), SpanType::Model));
    let agent = failed(step(1, None, SpanType::Agent));
    let chain = failed(step(2, Some(1), SpanType::Step));
    let tool = failed(step(4, Some(1), SpanType::Tool));
    for parts in [[&agent, &chain, &model, &tool], [&tool, &model, &chain, &agent], [&chain, &tool, &agent, &model]] {
        let parts = parts.map(std::slice::from_ref);
        let store = held(&parts);
        assert_eq!((store.all().errors, store.all().failed), (4, 2));
        let failed: Vec<u64> = (1..=4).filter(|&id| store.is_failed_step(row(&store, id))).collect();
        assert_eq!(failed, [3, 4]);
        assert_eq!(store.text(store.failure_text(row(&store, 1))), "error 3");
        assert_eq!((status(&store, 1), store.stats().runs().failed), (RunStatus::Error, 1));
    }
}

#[test]
fn a_run_that_survived_a_failure_and_failed_for_its_own_reason_fails_twice() {
    let tool = |error| Step { error, ..failed(step(2, Some(1), SpanType::Tool)) };
    let agent = |error| Step { error, ..failed(step(1, None, SpanType::Agent)) };
    // Ends right before its parent.
    let last = |error| Step { early: -SECOND / 2, ..tool(error) };
    let counts = |parts: &[&Step]| {
        let parts: Vec<&[Step]> = parts.iter().map(|part| std::slice::from_ref(*part)).collect();
        let store = held(&parts);
        let text = store.text(store.failure_text(row(&store, 1))).to_owned();
        (store.all().failed, (1..=2).map(|id| store.is_failed_step(row(&store, id))).collect::<Vec<_>>(), text)
    };
    let own = agent("quota exceeded");
    for parts in [[&tool("connection refused"), &own], [&own, &tool("connection refused")]] {
        assert_eq!(counts(&parts), (2, vec![true, true], "quota exceeded".to_owned()));
    }
    for (told, below) in [("ToolError: connection refused", "connection refused"), ("connection refused", "connection refused")] {
        assert_eq!(counts(&[&agent(told), &tool(below)]).0, 1, "{told}");
    }
    // A failure may travel up with another text.
    for parts in [[&last("connection refused"), &own], [&own, &last("connection refused")]] {
        assert_eq!(counts(&parts), (1, vec![false, true], "connection refused".to_owned()));
    }
    let answer = Step { early: -199 * SECOND, ..step(199, Some(1), SpanType::Model) };
    assert_eq!(counts(&[&own, &last("connection refused"), &answer]).0, 2, "a model read the tool's error");
    assert_eq!(counts(&[&own, &last("connection refused"), &failed(answer)]).0, 2, "the model failed last");
    // A model call that fails ends the run, unless a later step shows that it did not.
    let call = Step { error: "upstream exploded", ..failed(step(2, Some(1), SpanType::Model)) };
    assert_eq!(counts(&[&own, &call]).0, 1);
    let later = Step { parent: Some(1), ..step(250, None, SpanType::Model) };
    assert_eq!(counts(&[&own, &call, &later]).0, 2);
    assert_eq!(counts(&[&later, &call, &own]).0, 2);
    // The tool succeeds in a later record.
    let mended = Step { status: Status::Ok, ..tool("connection refused") };
    assert_eq!(counts(&[&own, &tool("connection refused"), &mended]), (1, vec![true, false], "quota exceeded".to_owned()));
}

#[test]
fn an_ordinary_span_fails_nothing_if_its_service_sends_agents() {
    let hook = |trace, service| Step { trace, service, ..failed(step(1, None, SpanType::Other)) };
    let agent = Step { trace: 3, ..step(2, None, SpanType::Agent) };
    let hooks = [hook(1, "app"), hook(2, "web")];
    for parts in [[&hooks[..], std::slice::from_ref(&agent)], [std::slice::from_ref(&agent), &hooks[..]]] {
        let store = held(&parts);
        assert_eq!((store.all().errors, store.all().failed, store.stats().runs().failed), (2, 1, 1));
        assert_eq!((status(&store, 1), status(&store, 2)), (RunStatus::Ok, RunStatus::Error));
        assert!(store.row(row(&store, 1)).has_failed_harmlessly());
    }
    // Two sources without services are two programs.
    let mut store = Store::new(Limits::default());
    for (source, step) in [hook(1, ""), Step { service: "", ..agent }].into_iter().enumerate() {
        let mut batch = steps(&[step]);
        batch.source = SourceId(source as u16);
        store.apply(&batch, 300 * SECOND);
    }
    assert_eq!(status(&store, 1), RunStatus::Error);
}

#[test]
fn a_service_that_states_usage_only_has_ordinary_traces_and_none_that_failed() {
    let plain = |trace| Step { trace, ..step(1, None, SpanType::Other) };
    let mut batch = steps(&[plain(1), plain(2), failed(plain(3))]);
    batch.spans[0].facts.usage = Some(Usage { input: Some(7), ..Usage::default() });
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 300 * SECOND);
    let is_ordinary = [1, 2, 3].map(|trace| store.is_ordinary(store.find_trace(trace_id(trace)).unwrap()));
    assert_eq!(is_ordinary, [false, true, false]);
    // A failure that harms no agent is counted.
    store.apply(&steps(&[Step { trace: 4, ..step(2, None, SpanType::Agent) }]), 300 * SECOND);
    assert!(store.is_ordinary(store.find_trace(trace_id(3)).unwrap()));
    assert_eq!(store.ordinary().iter().map(|idle| (idle.traces, idle.failed)).collect::<Vec<_>>(), [(2, 1)]);
    store.check_invariants();
}

#[test]
fn a_tool_call_failed_if_its_execution_did() {
    let called = |id, parent, tool| Step { tool, ..step(id, parent, SpanType::Tool) };
    let execution = failed(called(2, Some(1), "add"));
    let call = called(1, None, "add");
    for parts in [[&call, &execution], [&execution, &call]] {
        let store = held(&parts.map(std::slice::from_ref));
        assert_eq!([1, 2].map(|id| store.row(row(&store, id)).own_status()), [RunStatus::Error; 2]);
        assert_eq!((store.all().failed, store.all().errors), (1, 1));
        let group = store.stats().groups(By::Tool).next().unwrap().1;
        assert_eq!((group.calls, group.failed), (1, 1));
    }
    // A hook of the call fails nothing, wherever it comes from.
    let hook = Step { ending: Ending::Watching, ..execution.clone() };
    for parts in [[&call, &hook], [&hook, &call]] {
        let store = held(&parts.map(std::slice::from_ref));
        assert_eq!((status(&store, 1), store.all().failed, store.all().errors), (RunStatus::Ok, 0, 1));
        assert_eq!([1, 2].map(|id| store.row(row(&store, id)).span_type), [SpanType::Tool, SpanType::Other], "a hook is no tool");
    }
    assert_eq!(status(&held(&[&[hook]]), 1), RunStatus::Error, "alone it is the call");
    // Nor does a hook within the hook, whatever their status; once their call turns out to be none, they are two calls, one in the other.
    let watching = |id, parent| Step { ending: Ending::Watching, ..called(id, Some(parent), "add") };
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let steps = [call.clone(), watching(2, 1), watching(3, 2)];
        let mut store = held(&order.map(|at| std::slice::from_ref(&steps[at])));
        let types = |store: &Store| [2, 3].map(|id| store.row(row(store, id)).span_type);
        let calls = |store: &Store| store.stats().groups(By::Tool).map(|(_, group)| group.calls).sum::<u32>();
        assert_eq!((types(&store), calls(&store)), ([SpanType::Other; 2], 1), "{order:?}");
        store.apply(&self::steps(&[Step { span_type: SpanType::Step, ..call.clone() }]), 300 * SECOND);
        store.check_invariants();
        assert_eq!((types(&store), calls(&store)), ([SpanType::Tool, SpanType::Other], 1), "{order:?}");
        // What wraps the execution is a row of the call, and fails with it.
        let steps = [call.clone(), watching(2, 1), failed(called(3, Some(2), "add"))];
        let store = held(&order.map(|at| std::slice::from_ref(&steps[at])));
        assert_eq!((types(&store), calls(&store), store.all().failed), ([SpanType::Tool; 2], 1, 1), "{order:?}");
        assert_eq!(store.row(row(&store, 1)).own_status(), RunStatus::Error);
    }
    // The execution need not state the tool's name.
    let unnamed = Step { tool: "", ..execution.clone() };
    for parts in [[&call, &unnamed], [&unnamed, &call]] {
        let store = held(&parts.map(std::slice::from_ref));
        assert_eq!((status(&store, 1), store.all().failed), (RunStatus::Error, 1));
        let groups: Vec<_> = store.stats().groups(By::Tool).map(|(name, group)| (store.text(name), group.calls, group.failed)).collect();
        assert_eq!(groups, [("add", 1, 1)]);
    }
    // Another tool that a tool calls may fail without it.
    let store = held(&[&[called(1, None, "sum"), execution.clone()]]);
    assert_eq!(store.row(row(&store, 1)).own_status(), RunStatus::Ok);
    // A retry of the execution replaces it.
    let store = held(&[&[call, execution.clone()], &[Step { status: Status::Ok, ..execution }]]);
    assert_eq!(store.row(row(&store, 1)).own_status(), RunStatus::Ok);
}

#[test]
fn a_model_call_failed_if_the_row_above_that_reports_it_did() {
    let upper = failed(step(1, None, SpanType::Model));
    let (first, last) = (step(2, Some(1), SpanType::Model), step(3, Some(1), SpanType::Model));
    for parts in [[&upper, &first, &last], [&last, &first, &upper], [&first, &upper, &last]] {
        let store = held(&parts.map(std::slice::from_ref));
        assert_eq!([1, 2, 3].map(|id| store.row(row(&store, id)).own_failure()), [true, false, true]);
        assert_eq!(store.all().failed, 1);
        let group = store.stats().groups(By::Model).next().unwrap().1;
        assert_eq!((group.calls, group.failed), (2, 1));
    }
    let store = held(&[&[upper, failed(first), last]]);
    assert!(!store.row(row(&store, 3)).own_failure(), "the failure travelled up from another call");
}

#[test]
fn calls_below_two_reports_are_both_decided_again_when_the_failure_is_of_the_later_one() {
    let reports = [failed(step(1, None, SpanType::Model)), step(2, Some(1), SpanType::Model), step(3, Some(1), SpanType::Model)];
    let calls = [step(4, Some(2), SpanType::Model), step(5, Some(3), SpanType::Model)];
    let store = held(&[&reports[..2], &calls, &reports[2..]]);
    let failed: Vec<u64> = (1..=5).filter(|&id| store.row(row(&store, id)).own_failure()).collect();
    assert_eq!(failed, [1, 3, 5]);
}

#[test]
fn a_failed_attempt_fails_no_run_if_the_call_that_made_it_got_an_answer() {
    let answered = |id, parent| Step { answers: true, ..step(id, parent, SpanType::Model) };
    let (agent, call) = (step(1, None, SpanType::Agent), answered(2, Some(1)));
    // The gateway's spans.
    let request = step(3, Some(2), SpanType::Other);
    let (attempt, fallback) = (failed(step(4, Some(3), SpanType::Model)), answered(5, Some(3)));
    let steps = [agent, call, request, attempt, fallback];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [3, 0, 4, 1, 2], [1, 4, 0, 2, 3]] {
        let store = held(&order.map(|at| std::slice::from_ref(&steps[at])));
        assert_eq!((status(&store, 1), store.run_status(row(&store, 1)), store.stats().runs().failed), (RunStatus::Ok, RunStatus::Ok, 0));
        assert_eq!((store.all().failed, store.all().fatal, store.all().errors), (1, 0, 1), "the attempt is shown");
        assert!(store.is_failed_step(row(&store, 4)) && store.row(row(&store, 4)).own_status() == RunStatus::Error);
        let group = store.stats().groups(By::Model).next().unwrap().1;
        assert_eq!((group.calls, group.failed), (2, 1));
    }
    let [agent, call, request, attempt, fallback] = &steps;
    for (what, other) in [
        ("the call failed", failed(call.clone())),
        ("the call was cut", Step { ending: Ending::Cut, status: Status::Unset, ..call.clone() }),
        ("a tool failed within the call", failed(Step { parent: Some(2), ..step(6, None, SpanType::Tool) })),
        ("another agent's call failed", Step { span_type: SpanType::Agent, ..request.clone() }),
    ] {
        let store = held(&[&steps, &[other]]);
        assert_eq!((store.run_status(row(&store, 1)), store.stats().runs().failed), (RunStatus::Error, 1), "{what}");
    }
    let unanswered = Step { answers: false, ..call.clone() };
    let store = held(&[&[agent.clone(), unanswered, request.clone(), attempt.clone()]]);
    assert_eq!(status(&store, 1), RunStatus::Error, "no span reports an answer");
    let store = held(&[&[agent.clone(), attempt.clone(), request.clone(), fallback.clone()]]);
    assert_eq!(status(&store, 1), RunStatus::Error, "no call made both");
}

#[test]
fn a_failed_attempt_fails_no_run_if_its_request_got_an_answer_later() {
    let request = step(1, None, SpanType::Other);
    let attempt = failed(step(2, Some(1), SpanType::Model));
    let below = failed(step(4, Some(2), SpanType::Model));
    // A span with the number 200 - n begins after the one with the number n has ended.
    let fallback = Step { answers: true, ..step(199, Some(1), SpanType::Model) };
    let spans = [request.clone(), attempt.clone(), below, fallback.clone()];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let store = held(&order.map(|at| std::slice::from_ref(&spans[at])));
        assert_eq!((status(&store, 1), store.stats().runs().failed), (RunStatus::Ok, 0), "{order:?}");
        assert_eq!((store.all().failed, store.all().fatal), (1, 0), "{order:?}");
        assert!(store.is_failed_step(row(&store, 4)) && store.run_status(row(&store, 2)) == RunStatus::Error, "it is shown");
    }
    for (what, other) in [
        ("it was made by an agent", Step { span_type: SpanType::Agent, ..request.clone() }),
        ("the request failed", failed(request.clone())),
        ("no answer", Step { answers: false, ..fallback.clone() }),
        ("the other call failed, too", failed(fallback.clone())),
        ("they ran at once", Step { id: 3, ..fallback.clone() }),
        ("there are two answers", Step { id: 198, ..fallback.clone() }),
    ] {
        let kept: Vec<Step> = [&request, &attempt].into_iter().filter(|step| step.id != other.id).cloned().collect();
        let rest = if other.id == 3 || other.id == 199 { None } else { Some(fallback.clone()) };
        let all: Vec<Step> = kept.into_iter().chain([other]).chain(rest).collect();
        assert_eq!(status(&held(&[&all]), 1), RunStatus::Error, "{what}");
    }
}

#[test]
fn a_pause_ends_when_its_run_is_continued() {
    let paused = |id, trace| Step { trace, ending: Ending::Paused, run: "r", ..step(id, None, SpanType::Agent) };
    let continued = |id, trace| Step { trace, run: "r", continues: true, ..step(id, None, SpanType::Agent) };
    let (first, second, third) = (paused(1, 1), Step { continues: true, ..paused(2, 2) }, continued(3, 3));
    let store = held(&[std::slice::from_ref(&first)]);
    assert_eq!((status(&store, 1), store.stats().runs().paused), (RunStatus::Paused, 1));
    for parts in [[&first, &second], [&second, &first]] {
        let store = held(&parts.map(std::slice::from_ref));
        assert_eq!((status(&store, 1), status(&store, 2)), (RunStatus::Ok, RunStatus::Paused));
    }
    for parts in [[&first, &second, &third], [&third, &first, &second], [&second, &third, &first]] {
        let store = held(&parts.map(std::slice::from_ref));
        assert_eq!((store.all().paused, store.stats().runs().paused), (0, 0));
    }
    let store = held(&[&[first.clone(), third.clone()], &[Step { run: "other", ..third }]]);
    assert_eq!(status(&store, 1), RunStatus::Paused, "the later record continues another run");
    let failure = failed(Step { trace: 1, parent: Some(1), ..step(4, None, SpanType::Model) });
    assert_eq!(status(&held(&[&[first, failure]]), 1), RunStatus::Error);
}

#[test]
fn a_cut_run_is_neither_failed_nor_ok() {
    let cut = |id, parent, span_type| Step { status: Status::Unset, ending: Ending::Cut, ..step(id, parent, span_type) };
    let store = held(&[&[cut(1, None, SpanType::Agent), cut(2, Some(1), SpanType::Model), step(3, Some(1), SpanType::Tool)]]);
    assert_eq!((status(&store, 1), store.all().failed, store.all().cut), (RunStatus::Cut, 0, 2));
    assert_eq!((store.stats().runs().cut, store.stats().runs().failed), (1, 0));
}

#[test]
fn refusals_count_for_the_agent_unless_a_call_failed_below() {
    let refused = |id, parent| Step { ending: Ending::Refused, ..failed(step(id, parent, SpanType::Agent)) };
    let guard = failed(step(3, Some(2), SpanType::Guardrail));
    let store = held(&[&[refused(1, None), step(2, None, SpanType::Agent), guard]]);
    assert_eq!((store.all().failed, store.all().refused), (2, 2));
    let store = held(&[&[failed(step(2, Some(1), SpanType::Model))], &[refused(1, None)]]);
    assert_eq!((store.all().failed, store.all().refused), (1, 0));
    // After an answer, the output is the answer, which is no reason.
    let text = |steps: &[Step]| {
        let store = held(&[steps]);
        store.text(store.failure_text(row(&store, 1))).to_owned()
    };
    assert_eq!(text(&[refused(1, None), step(2, Some(1), SpanType::Tool)]), "error 1");
    assert_eq!(text(&[refused(1, None), Step { answers: true, ..step(2, Some(1), SpanType::Model) }]), "");
}

/// Steps of few types, so that calls are often within calls.
fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    const TYPES: [SpanType; 6] = [SpanType::Agent, SpanType::Step, SpanType::Model, SpanType::Tool, SpanType::Other, SpanType::Guardrail];
    prop::sample::subsequence(&TYPES[..], 1..=TYPES.len()).prop_flat_map(steps_of)
}

fn steps_of(types: Vec<SpanType>) -> impl Strategy<Value = Vec<Step>> {
    const ENDINGS: [Ending; 7] =
        [Ending::Plain, Ending::Plain, Ending::Watching, Ending::Failed, Ending::Refused, Ending::Paused, Ending::Cut];
    let statuses = prop::sample::select(&[Status::Unset, Status::Ok, Status::Error][..]);
    let kind = (prop::sample::select(types), prop::sample::select(&ENDINGS[..]), statuses);
    let names =
        (prop::sample::select(&["", "app", "web"][..]), prop::sample::select(&["", "r", "s"][..]), prop::sample::select(&["", "add"][..]));
    let error = prop::sample::select(&["", "quota exceeded", "tool exploded", "ToolError: tool exploded"][..]);
    let step = (kind, (names, error), 1..4u8, any::<(bool, bool)>(), any::<prop::sample::Index>(), (0..5u8, 0..4i64));
    proptest::collection::vec(step, 1..40).prop_map(|steps| {
        let mut found: Vec<Step> = Vec::new();
        for (at, ((span_type, ending, status), ((service, run, tool), error), trace, (continues, answers), parent, (rare, early))) in
            steps.into_iter().enumerate()
        {
            let in_trace: Vec<u64> = found.iter().filter(|other| other.trace == trace).map(|other| other.id).collect();
            let parent = (rare > 0 && !in_trace.is_empty()).then(|| *parent.get(&in_trace));
            // Only what looks like a tool call can turn out to watch one.
            let ending = if ending == Ending::Watching && span_type != SpanType::Tool { Ending::Plain } else { ending };
            let (id, early) = (at as u64 + 1, (early - 2) * SECOND / 4);
            found.push(Step { id, trace, parent, early, span_type, status, ending, service, run, continues, tool, error, answers });
        }
        found
    })
}

/// Everything that the store says about failures.
fn verdicts(store: &Store, steps: &[Step]) -> Vec<(RunStatus, bool, [u32; 5])> {
    let verdict = |step: &Step| {
        let row = store.find(store.find_trace(trace_id(step.trace)).unwrap(), span_id(step.id)).unwrap();
        let totals = store.totals(row);
        (store.run_status(row), store.is_failed_step(row), [totals.failed, totals.fatal, totals.refused, totals.paused, totals.cut])
    };
    steps.iter().map(verdict).collect()
}

proptest! {
    #[test]
    fn failures_do_not_depend_on_the_order_of_arrival((all, arrival) in any_steps().prop_flat_map(|steps| {
        let twice: Vec<Step> = steps.iter().chain(steps.iter().take(5)).cloned().collect();
        (Just(steps), Just(twice).prop_shuffle())
    }), size in 1..12usize) {
        let mut store = Store::new(Limits::default());
        for part in arrival.chunks(size) {
            store.apply(&steps(part), 300 * SECOND);
            store.check_invariants();
        }
        let at_once = held(&[&all]);
        prop_assert_eq!(verdicts(&store, &all), verdicts(&at_once, &all));
        prop_assert_eq!(store.stats().runs(), at_once.stats().runs());
        let steps = all.iter().filter(|step| {
            let row = store.find(store.find_trace(trace_id(step.trace)).unwrap(), span_id(step.id)).unwrap();
            store.is_failed_step(row)
        });
        prop_assert_eq!(store.all().failed as usize, steps.count());
    }

    #[test]
    fn a_failure_travels_up_unless_the_run_went_on(
        tools in proptest::collection::vec((any::<bool>(), 0..3i64), 1..6),
        order in Just((0..7usize).collect::<Vec<_>>()).prop_shuffle(),
        pause in 0..4i64,
    ) {
        // One tool after the other, then the run's end.
        let mut now = 2 * SECOND;
        let mut all = Vec::new();
        let timed = |step: Step, end: Nanos| Step { early: 200 * SECOND - step.id as Nanos * SECOND - end, ..step };
        for (at, (has_failed, length)) in tools.iter().enumerate() {
            let id = at as u64 * 20 + 2;
            let tool = Step { error: "connection refused", ..step(id, Some(1), SpanType::Tool) };
            now = id as Nanos * SECOND + length * SECOND;
            all.push(timed(if *has_failed { failed(tool) } else { tool }, now));
        }
        let pause = pause * SECOND / 4;
        all.push(timed(Step { error: "quota exceeded", ..failed(step(1, None, SpanType::Agent)) }, now + pause));
        let parts: Vec<&[Step]> = order.iter().filter_map(|&at| all.get(at)).map(std::slice::from_ref).collect();
        let store = held(&parts);
        let failed_tools = tools.iter().filter(|(has_failed, _)| *has_failed).count();
        let travelled = tools.last().is_some_and(|(has_failed, _)| *has_failed) && pause <= SECOND / 2;
        prop_assert_eq!(store.all().failed as usize, failed_tools + usize::from(!travelled));
        prop_assert_eq!(store.is_failed_step(row(&store, 1)), !travelled);
    }
}
