//! Traces with one seeded cause each, and healthy ones.

use super::*;
use crate::model::{Batch, Ending, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage};
use crate::store::Limits;

const MILLI: Nanos = 1_000_000;

/// The trace with the cause.
const SEEDED: u8 = 1;

/// A span of a trace; times are milliseconds.
#[derive(Clone)]
struct Seed {
    trace: u8,
    id: u64,
    parent: u64,
    kind: SpanType,
    name: &'static str,
    times: (Nanos, Nanos),
    error: Option<&'static str>,
    ending: Ending,
    input: &'static str,
    usage: Option<Usage>,
    running: bool,
    service: &'static str,
    truncated: bool,
    first_token: Option<Nanos>,
    asked: &'static str,
}

fn seed(id: u64, parent: u64, kind: SpanType, name: &'static str, from: Nanos, to: Nanos) -> Seed {
    // A complete usage, so that no number is missing.
    let usage = Usage { input: Some(100), output: Some(10), cost: Some(1000), ..Usage::default() };
    Seed {
        trace: SEEDED,
        id,
        parent,
        kind,
        name,
        times: (from, to),
        error: None,
        ending: Ending::Plain,
        input: "",
        usage: (kind == SpanType::Model).then_some(usage),
        running: false,
        service: "",
        truncated: false,
        first_token: None,
        asked: "",
    }
}

impl Seed {
    fn failed(self, error: &'static str) -> Self {
        Self { error: Some(error), ..self }
    }

    fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    fn with(self, input: &'static str) -> Self {
        Self { input, ..self }
    }

    fn uses(self, input: u32, cached: u32) -> Self {
        let usage = Usage { input: Some(input), cache_read: Some(cached), output: Some(10), cost: Some(1000), ..Usage::default() };
        Self { usage: Some(usage), ..self }
    }

    fn of(self, trace: u8) -> Self {
        Self { trace, ..self }
    }

    fn by(self, service: &'static str) -> Self {
        Self { service, ..self }
    }
}

fn agent(id: u64, parent: u64, from: Nanos, to: Nanos) -> Seed {
    seed(id, parent, SpanType::Agent, "Clerk", from, to)
}

fn model(id: u64, parent: u64, from: Nanos, to: Nanos) -> Seed {
    seed(id, parent, SpanType::Model, "gpt-5", from, to)
}

fn tool(id: u64, parent: u64, name: &'static str, from: Nanos, to: Nanos) -> Seed {
    seed(id, parent, SpanType::Tool, name, from, to)
}

fn store(seeds: &[Seed]) -> Store {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for seed in seeds {
        let name = batch.intern(seed.name);
        let mut facts = SpanFacts { span_type: seed.kind, usage: seed.usage, ending: seed.ending, ..SpanFacts::default() };
        match seed.kind {
            SpanType::Model => facts.model = name,
            SpanType::Tool => facts.tool = name,
            SpanType::Agent | SpanType::Team | SpanType::Workflow => facts.agent = name,
            _ => {}
        }
        facts.input = batch.intern(seed.input);
        facts.service = batch.intern(seed.service);
        facts.asked_model = batch.intern(seed.asked);
        (facts.truncated, facts.first_token) = (seed.truncated, seed.first_token.map(|time| time * MILLI));
        let error = seed.error.map_or_else(Text::default, |error| batch.intern(error));
        batch.spans.push(Span {
            trace: TraceId::new([seed.trace; 16]).unwrap(),
            id: SpanId::new(seed.id.to_be_bytes()).unwrap(),
            parent: SpanId::new(seed.parent.to_be_bytes()),
            start: seed.times.0 * MILLI,
            end: (!seed.running).then_some(seed.times.1 * MILLI),
            status: if seed.error.is_some() { Status::Error } else { Status::Ok },
            name,
            facts,
            error,
            payload_ref: PayloadRef::default(),
            retained_bytes: 0,
        });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    store
}

fn found(store: &Store) -> Why {
    let trace = store.find_trace(TraceId::new([SEEDED; 16]).unwrap()).unwrap();
    why(store, trace, 1_000_000 * MILLI)
}

/// The run of a healthy agent: two model calls and a tool.
fn healthy(trace: u8) -> Vec<Seed> {
    vec![
        agent(1, 0, 0, 1000).of(trace),
        model(2, 1, 10, 400).of(trace),
        tool(3, 1, "look_up", 410, 500).with("{\"q\": 1}").of(trace),
        model(4, 1, 510, 990).of(trace),
    ]
}

/// Asserts that the first finding has this cause, names this span first, and says these words; and that there is no other.
fn assert_found(seeds: &[Seed], cause: Cause, span: u64, words: &[&str]) {
    let store = store(seeds);
    let why = found(&store);
    let Some(first) = why.findings.first() else { panic!("{cause:?}: nothing was found") };
    let id = u64::from_be_bytes(store.row(first.rows[0]).id.bytes());
    assert_eq!((first.cause, id), (cause, span), "{:#?}", why.findings);
    for word in words {
        assert!(first.sentence.contains(word), "{word:?} is not in {:?}", first.sentence);
    }
    assert_eq!(why.findings.len(), 1, "{:#?}", why.findings);
}

#[test]
fn healthy_traces_have_no_finding() {
    let team = vec![
        seed(1, 0, SpanType::Team, "Desk", 0, 3000),
        model(2, 1, 0, 500),
        agent(3, 1, 500, 2000),
        model(4, 3, 500, 1200),
        model(5, 3, 1250, 1990),
        model(6, 1, 2010, 2990),
    ];
    let parallel = vec![
        agent(1, 0, 0, 2000),
        model(2, 1, 0, 800),
        tool(3, 1, "look_up", 800, 1100).with("{\"q\": 1}"),
        tool(4, 1, "look_up", 800, 1150).with("{\"q\": 2}"),
        tool(5, 1, "look_up", 800, 1120).with("{\"q\": 3}"),
        model(6, 1, 1160, 1990),
    ];
    let single = vec![model(1, 0, 0, 5000)];
    let running = {
        let mut seeds = healthy(SEEDED);
        (seeds[0].running, seeds[3].running) = (true, true);
        seeds
    };
    let twice = [
        agent(1, 0, 0, 2000),
        tool(2, 1, "save", 0, 400).with("x"),
        model(3, 1, 400, 1000),
        tool(4, 1, "save", 1000, 1400).with("x"),
        model(5, 1, 1400, 1990),
    ];
    let conversation: Vec<Seed> = [agent(1, 0, 0, 5000)]
        .into_iter()
        .chain((0..5).map(|n| model(2 + n, 1, n as Nanos * 1000, n as Nanos * 1000 + 990).uses(3000 + n as u32 * 500, 2000)))
        .collect();
    for seeds in [healthy(SEEDED), team, parallel, single, running, twice.to_vec(), conversation] {
        let why = found(&store(&seeds));
        assert_eq!(why.findings, [], "{}", seeds[0].name);
        assert!(!why.times.is_empty() && !why.is_truncated);
    }
}

#[test]
fn a_failure_is_named_where_it_began_with_what_failed_with_it() {
    let mut seeds = healthy(SEEDED);
    seeds[2] = seeds[2].clone().failed("HTTP 502");
    assert_found(&seeds, Cause::Failure, 3, &["tool look_up failed: HTTP 502", "agent Clerk went on and ended"]);
    // A failure that travels up through an agent and a team.
    let above = [
        seed(1, 0, SpanType::Team, "Desk", 0, 900).failed("HTTP 502"),
        agent(2, 1, 0, 890).failed("HTTP 502"),
        model(3, 2, 0, 500),
        tool(4, 2, "pay", 510, 880).failed("HTTP 502"),
    ];
    assert_found(&above, Cause::Failure, 4, &["tool pay failed: HTTP 502; agent Clerk and team Desk failed with it"]);
    let model_failed = [agent(1, 0, 0, 900).failed("quota"), model(2, 1, 0, 890).failed("quota")];
    assert_found(&model_failed, Cause::Failure, 2, &["model gpt-5 failed: quota; agent Clerk failed with it"]);
    // The same failure of several calls is one sentence.
    let several = [
        agent(1, 0, 0, 900),
        tool(2, 1, "get", 0, 200).with("1").failed("no route"),
        tool(3, 1, "get", 0, 200).with("2").failed("no route"),
        model(4, 1, 210, 890),
    ];
    assert_found(&several, Cause::Failure, 2, &["tool get failed 2 times: no route"]);
    let silent = [agent(1, 0, 0, 900), tool(2, 1, "get", 0, 200).failed(""), model(4, 1, 210, 890)];
    assert_found(&silent, Cause::Failure, 2, &["no message was recorded"]);
}

#[test]
fn a_refusal_a_cut_a_pause_and_a_loss_are_told_apart() {
    let refused = [agent(1, 0, 0, 900), seed(2, 1, SpanType::Guardrail, "pii", 0, 100).failed("card number"), model(3, 1, 110, 890)];
    assert_found(&refused, Cause::Refusal, 2, &["guardrail pii refused: card number"]);
    let cut = [agent(1, 0, 0, 2000).ending(Ending::Cut), model(2, 1, 0, 1000)];
    assert_found(&cut, Cause::Cut, 1, &["agent Clerk was stopped from outside after 2.00s"]);
    let timeless = [agent(1, 0, 0, 0).ending(Ending::Cut), model(2, 1, 0, 1000)];
    assert_found(&timeless, Cause::Cut, 1, &["agent Clerk was stopped from outside (cancelled"]);
    let paused = [
        seed(1, 0, SpanType::Team, "Desk", 0, 2000).ending(Ending::Paused),
        agent(2, 1, 0, 1990).ending(Ending::Paused),
        model(3, 2, 0, 1000),
    ];
    assert_found(&paused, Cause::Paused, 2, &["agent Clerk waits for a person since"]);
    let mut seeds = healthy(SEEDED);
    (seeds[0].running, seeds[2].running) = (true, true);
    let mut store = store(&seeds);
    store.expire(1_000_000 * MILLI);
    let why = found(&store);
    let [lost] = why.findings.as_slice() else { panic!("{:#?}", why.findings) };
    assert_eq!((lost.cause, store.row(lost.rows[0]).id.to_string()), (Cause::Lost, "0000000000000003".to_owned()));
    assert!(lost.sentence.starts_with("tool look_up never ended"), "{}", lost.sentence);
}

#[test]
fn repeated_polled_and_looping_calls_are_found() {
    let calls = |names: &[(&'static str, &'static str)], starts: &[Nanos]| {
        let end = starts[names.len() - 1] + 1900;
        let mut seeds = vec![agent(1, 0, 0, end)];
        for (n, ((name, input), start)) in names.iter().zip(starts).enumerate() {
            seeds.push(tool(10 + n as u64, 1, name, *start, *start + 900).with(input));
            seeds.push(model(50 + n as u64, 1, *start + 900, *start + 1800));
        }
        seeds
    };
    let at: Vec<Nanos> = vec![0, 1800, 5000, 7000, 10_000, 11_900];
    let (a, b) = (("search", "{\"q\": \"x\"}"), ("read", "{\"p\": 1}"));
    assert_found(
        &calls(&[a, a, a], &at),
        Cause::Repeat,
        10,
        &["tool search was called 3 times with the same arguments by agent Clerk", "took 1.80s"],
    );
    assert_found(&calls(&[a, b, a, b], &at), Cause::Loop, 10, &["agent Clerk called search and read in turns, 2 times"]);
    let other = ("search", "{\"q\": \"y\"}");
    assert_found(&calls(&[a, other, b, a, other, b], &at), Cause::Loop, 10, &["called search, search and read in turns, 2 times"]);
    let even: Vec<Nanos> = (0..5).map(|n| n * 3000).collect();
    assert_found(&calls(&[("status", "7"); 5], &even), Cause::Repeat, 10, &["tool status was polled 5 times, about every 3.00s"]);
    assert_eq!(found(&store(&calls(&[a, other, b], &at))).findings, [], "other arguments are other calls");
}

#[test]
fn a_failed_call_that_was_made_again_is_a_retry_with_its_cost() {
    let mut failed = model(2, 1, 0, 400).failed("429");
    failed.usage = Some(Usage { input: Some(100), output: Some(0), cost: Some(500_000_000), ..Usage::default() });
    let seeds = [agent(1, 0, 0, 1000), failed, model(3, 1, 450, 990)];
    assert_found(&seeds, Cause::Retry, 2, &["model gpt-5 failed and was called again; the failed call took 400ms and $0.5000: 429"]);
    let tools = [
        agent(1, 0, 0, 3000),
        tool(2, 1, "get", 0, 400).with("1").failed("timeout"),
        model(3, 1, 400, 900),
        tool(4, 1, "get", 900, 1400).with("1").failed("timeout"),
        model(5, 1, 1400, 2000),
        tool(6, 1, "get", 2000, 2200).with("1"),
        model(7, 1, 2200, 2990),
    ];
    assert_found(&tools, Cause::Retry, 2, &["tool get failed 2 times and was called again with the same arguments", "timeout"]);
    // The last attempt failed, too: that is the failure.
    let mut given_up = tools.to_vec();
    given_up[5] = given_up[5].clone().failed("timeout");
    let why = found(&store(&given_up));
    assert_eq!(why.findings.iter().map(|finding| finding.cause).collect::<Vec<_>>(), [Cause::Failure, Cause::Retry]);
}

/// Nine or more other runs, so that each step has a usual time.
fn among_others(seeds: Vec<Seed>) -> Vec<Seed> {
    (10..30).flat_map(healthy).chain(seeds).collect()
}

#[test]
fn a_step_is_slow_against_its_usual_time_if_enough_others_tell_it() {
    let mut seeds = healthy(SEEDED);
    seeds[2] = tool(3, 1, "look_up", 410, 9000).with("{\"q\": 1}");
    (seeds[3].times, seeds[0].times) = ((9010, 9500), (0, 9600));
    assert_found(&among_others(seeds.clone()), Cause::Slow, 3, &["tool look_up took 8.59s", "21 calls took at most 90ms"]);
    let mut slow_model = healthy(SEEDED);
    (slow_model[3].times, slow_model[0].times) = ((510, 8000), (0, 8100));
    assert_found(&among_others(slow_model), Cause::Slow, 4, &["model gpt-5 took 7.49s for 10 output tokens"]);
    // Without others there is no usual time.
    assert_eq!(found(&store(&seeds)).findings, []);
    // A tool that runs while its other calls have long ended.
    let mut waiting = healthy(SEEDED);
    waiting.truncate(3);
    (waiting[0].running, waiting[2].running) = (true, true);
    assert_found(&among_others(waiting), Cause::Slow, 3, &["tool look_up has been running for"]);
}

#[test]
fn one_step_that_took_most_of_the_time_is_found() {
    let mut seeds = vec![agent(1, 0, 0, 20_000)];
    for n in 0..4 {
        seeds.push(model(2 + n as u64, 1, n * 500, n * 500 + 480));
    }
    seeds.push(tool(9, 1, "crawl", 2000, 19_900).with("x"));
    assert_found(&seeds, Cause::Time, 9, &["tool crawl took 17.9s of the 20.0s (90%)"]);
    // Nothing ran: the agent itself took the time.
    seeds.pop();
    assert_found(&seeds, Cause::Time, 1, &["agent Clerk took", "while no step in it ran"]);
}

#[test]
fn answers_that_are_not_what_was_asked_for_are_found() {
    let with = |call: Seed| vec![agent(1, 0, 0, 30_000), model(2, 1, 0, 12_000), call, tool(4, 1, "look_up", 24_000, 30_000)];
    let call = model(3, 1, 12_000, 24_000);
    let cut = Seed { truncated: true, ..call.clone() };
    assert_found(&with(cut), Cause::Truncated, 3, &["the answer of model gpt-5 was cut short", "10 tokens"]);
    let stalled = Seed { first_token: Some(500), ..call.clone() };
    assert_found(&with(stalled), Cause::Stalled, 3, &["the stream of model gpt-5 nearly stood still: 10 tokens in the 11.5s"]);
    let other = Seed { asked: "gpt-5.5", ..call };
    assert_found(&with(other), Cause::Model, 3, &["model gpt-5 answered, and gpt-5.5 was asked for"]);
}

#[test]
fn a_growing_context_and_a_broken_cache_are_found() {
    let calls = |uses: &[(u32, u32)]| {
        let mut seeds = vec![agent(1, 0, 0, 1000 * uses.len() as Nanos)];
        for (n, &(input, cached)) in uses.iter().enumerate() {
            seeds.push(model(2 + n as u64, 1, n as Nanos * 1000, n as Nanos * 1000 + 990).uses(input, cached));
        }
        seeds
    };
    assert_found(
        &calls(&[(2000, 0), (9000, 0), (20_000, 0), (41_000, 0)]),
        Cause::Context,
        5,
        &["agent Clerk grew from 2,000 to 41,000 tokens over its 4 model calls"],
    );
    assert_found(
        &calls(&[(5000, 0), (5500, 4900), (6000, 0)]),
        Cause::Cache,
        4,
        &["model gpt-5 read 0 of its 6,000 input tokens", "read 4,900"],
    );
}

#[test]
fn numbers_that_are_incomplete_are_found() {
    let mut seeds = healthy(SEEDED);
    seeds[3].usage = None;
    assert_found(&seeds, Cause::Numbers, 4, &["1 of 2 model calls came without tokens"]);
    let mut halves = healthy(SEEDED);
    halves[3].usage = Some(Usage { output: Some(10), ..Usage::default() });
    assert_found(&halves, Cause::Numbers, 4, &["1 of 2 model calls came with only the input or only the output tokens"]);
    let sentences = |seeds: &[Seed]| found(&store(seeds)).findings.iter().filter(|finding| finding.cause == Cause::Numbers).count();
    assert_eq!(sentences(&halves), 1, "it has a price");
    let mut unpriced = healthy(SEEDED);
    unpriced[3].usage = Some(Usage { input: Some(100), output: Some(10), ..Usage::default() });
    assert_found(&unpriced, Cause::Numbers, 4, &["the cost lacks 1 of 2 model calls, which have no price"]);
    // Nothing has a price, as with local models: the cost is shown as unknown, and no part of it is missing.
    unpriced[1].usage = unpriced[3].usage;
    assert_eq!(found(&store(&unpriced)).findings, []);
}

#[test]
fn clocks_that_differ_are_found() {
    let seeds = [agent(1, 0, 5000, 9000).by("front"), agent(2, 1, 1000, 4000).by("back"), model(3, 2, 1100, 3900).by("back")];
    assert_found(&seeds, Cause::Clock, 2, &["the clock of back is at least 4.00s behind that of front"]);
}

#[test]
fn the_critical_path_adds_up_to_the_time() {
    let seeds = [agent(1, 0, 0, 1000), model(2, 1, 100, 400), tool(3, 1, "a", 400, 500), tool(4, 1, "b", 400, 900)];
    let store = store(&seeds);
    let times: Vec<(u64, Nanos)> =
        found(&store).times.into_iter().map(|(row, time)| (u64::from_be_bytes(store.row(row).id.bytes()), time / MILLI)).collect();
    assert_eq!(times, [(4, 500), (2, 300), (1, 200)], "the shorter of two parallel tools decided nothing");
}

#[test]
fn nothing_decided_a_time_that_is_unknown() {
    let seeds = [agent(1, 0, 5000, 2000), model(2, 1, 6000, 3000)];
    let store = store(&seeds);
    let trace = store.traces().next().unwrap();
    assert_eq!((store.trace_time(trace, 0), found(&store).times), (None, vec![]), "all of it ends before it starts");
}

#[test]
fn a_large_trace_is_analysed_in_part_and_says_so() {
    let mut seeds = vec![agent(1, 0, 0, 100_000)];
    seeds.extend((0..5000).map(|n| tool(2 + n as u64, 1, "get", n * 10, n * 10 + 9).with("same")));
    let why = found(&store(&seeds));
    assert!(why.is_truncated && why.findings.len() == 1, "{}", why.findings.len());
    // Each run in its own agent: the analysis must not cost the square of their number.
    let deep: Vec<Seed> = (0..800).map(|n| agent(1 + n, n, n as Nanos, 100_000 - n as Nanos)).collect();
    assert_eq!(found(&store(&deep)).findings, []);
}

#[test]
fn many_findings_are_joined_or_left_out_with_their_number() {
    let error = |n: usize| -> &'static str { Box::leak(format!("row {n} is locked").into_boxed_str()) };
    let kinds = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    let mut seeds = vec![agent(1, 0, 0, 100_000)];
    seeds.extend((0..300).map(|n| tool(10 + n as u64, 1, "save", n, n + 5).failed(error(n as usize))));
    // The agent, of which most steps took no time, is another finding.
    let failures = |why: &Why| why.findings.iter().filter(|finding| finding.cause == Cause::Failure).cloned().collect::<Vec<_>>();
    let why = found(&store(&seeds));
    let failed = failures(&why);
    let [finding] = failed.as_slice() else { panic!("{failed:#?}") };
    assert!(finding.sentence.starts_with("tool save failed: row ") && finding.sentence.ends_with(" (and 299 more like this)"));
    assert_eq!((finding.rows.len(), why.left_out), (300, 0));
    seeds.truncate(1);
    seeds.extend(kinds.iter().zip(0..).map(|(name, n)| tool(10 + n as u64, 1, name, n, n + 5).failed("no")));
    let why = found(&store(&seeds));
    assert_eq!((failures(&why).len(), why.left_out), (MAX_FINDINGS, kinds.len() - MAX_FINDINGS));
}

#[test]
fn sentences_are_one_line_of_bounded_length() {
    let long: &'static str = Box::leak("many words\n\u{1b}[2J ".repeat(400).into_boxed_str());
    let seeds = [agent(1, 0, 0, 900), seed(2, 1, SpanType::Tool, long, 0, 100).failed(long), model(3, 1, 110, 890)];
    let why = found(&store(&seeds));
    assert_eq!(why.findings.len(), 1);
    assert!(!why.findings[0].sentence.contains('\n') && why.findings[0].sentence.chars().count() < 3 * MAX_TEXT);
}
