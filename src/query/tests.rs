#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::review::{Evaluation, Reviews, Verdict};
use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, Status, TraceId, Usage};
use crate::store::{Limits, Store};

const SECOND: Nanos = 1_000_000_000;
const HOUR: Nanos = 3600 * SECOND;
/// A morning in November 2026.
const START: Nanos = 1_795_327_144_000_000_000;

fn error(line: &str) -> (usize, String) {
    let error = line.parse::<Query>().unwrap_err();
    (error.at, error.to_string())
}

#[test]
fn a_word_alone_is_offered_as_a_search_through_payloads() {
    let word = |line: &str| line.parse::<Query>().unwrap().word_in_payloads();
    for (line, expected) in [("agent:ann considered", "text:considered"), ("a.b", "text:\"a.b\""), ("/time.?out/", "text:WORD")] {
        assert_eq!(word(line).as_deref(), Some(expected), "{line}");
        assert!(expected.parse::<Query>().unwrap().needs_payloads());
    }
    assert_eq!([word("text:considered"), word("agent:ann"), word("-considered"), word("")], [None, None, None, None]);
}

#[test]
fn a_filter_for_whole_texts_that_finds_nothing_says_how_to_find_a_part() {
    let told =
        |line: &str| line.parse::<Query>().unwrap().reasons_for_nothing().iter().any(|reason| reason.contains("a colon finds a part"));
    let lines = ["agent=ann", "agent:\"ann\"", "agent:ann", "agent=ann*", "-agent=ann", "status=ok"];
    assert_eq!(lines.map(told), [true, true, false, false, false, false]);
}

#[test]
fn errors_have_a_position_and_say_what_is_expected() {
    for (line, at, message) in [
        ("ok stauts:error", 3, "no field is called \"stauts\"; did you mean status?"),
        ("-atr.:x", 1, "no field is called \"atr.\"; write attr.NAME:value for an attribute"),
        ("status:error|bad", 13, "no status is called \"bad\"; there are error, running, paused, cut, lost, ok"),
        ("dur:2s", 4, "expected a comparison such as >2, found \"2s\""),
        ("dur:>x", 4, "expected a duration such as 2s, 150ms or 1h30m, found \"x\""),
        ("cost:>inf", 5, "expected an amount such as $0.01 or 0.01, found \"inf\""),
        ("tokens:>1|2", 10, "this field takes one value"),
        ("a \"b", 2, "this quote is not closed"),
        ("error:\"a\\\"", 6, "this quote is not closed"),
        ("name:/a/b", 5, "this regular expression does not end with / (put a value that begins with / in quotes)"),
        ("name:/(/", 5, "invalid regular expression: unclosed group"),
        ("agent:", 6, "agent: needs a value"),
        ("agent:a|", 8, "a value is missing beside |"),
        ("x -", 3, "a word is missing after -"),
        (
            "since:soon",
            6,
            "expected an age (15m, 1d), a day (today, monday, week) or a time (2026-11-22, 2026-11-22T09:30), found \"soon\"",
        ),
        ("trace:xyz", 6, "expected the first hex digits of a trace id, found \"xyz\""),
        ("attr.:x", 0, "expected an attribute's name after attr., such as attr.llm.system:openai"),
        ("agent:x cost >0.5", 13, ">0.5 has no field; write it after one: cost>0.01"),
        ("costs>5", 0, "no field is called \"costs\"; did you mean cost?"),
        ("score:5", 6, "expected a comparison such as <5, passed or failed, found \"5\""),
        ("score:<five", 6, "expected a number such as 5 or 0.5, found \"five\""),
        ("cost > 0.5", 5, "> has no field; write it after one: cost>0.01"),
        ("x !=", 2, "!= has no field; write it after one: cost>0.01"),
        ("=5", 0, "=5 has no field; write it after one: cost>0.01"),
        ("total_cost>0.001", 0, "no field is called \"total_cost\"; did you mean cost?"),
        ("totalCost:>$.001", 0, "no field is called \"totalCost\"; did you mean cost?"),
        ("input_tokens>=5k", 0, "no field is called \"input_tokens\"; did you mean in?"),
        ("latency>5", 0, "no field is called \"latency\"; did you mean time?"),
        ("cost.usd>0.001", 0, "no field is called \"cost.usd\"; did you mean cost? An attribute is written attr.cost.usd"),
        ("x.y.z>5", 0, "no field is called \"x.y.z\"; an attribute is written attr.x.y.z"),
        ("stauts=error", 0, "no field is called \"stauts\"; did you mean status?"),
        ("agent>5", 0, "agent is no number; write agent:VALUE"),
        ("-agent!=x", 1, "- and != together are hard to read; write agent=VALUE"),
        ("agent=", 6, "agent: needs a value"),
        ("cost!=", 4, "expected an amount such as $0.01 or 0.01, found \"\""),
        ("status!=bad", 8, "no status is called \"bad\"; there are error, running, paused, cut, lost, ok"),
        ("tokens>", 6, "expected a number such as 500, 5k or 1.5m, found \"\""),
        ("attr.a:>b", 7, "expected a number such as 500, 5k or 0.5, found \"b\""),
        ("param.top_p>b", 11, "expected a number such as 500, 5k or 0.5, found \"b\""),
    ] {
        assert_eq!(error(line), (at, message.to_owned()), "{line}");
    }
    let (at, message) = error("x param.warmth:1");
    assert!(at == 2 && message.starts_with("no parameter is called \"warmth\"; there are temperature, top_p, "), "{message}");
    for (short, long) in [
        ("param.topP>0.5", "param.top_p:>0.5"),
        ("param.max_output_tokens:>5k", "PARAM.MAX_TOKENS>5000"),
        ("cost>0.5", "cost:>0.5"),
        ("-DUR<=2s x", "-dur:<=2s x"),
        ("attr.a.b>5", "attr.a.b:>5"),
    ] {
        assert_eq!(short.parse::<Query>(), long.parse::<Query>(), "{short}");
    }
    for words in ["a>b", "x->5", "a=b", "x+=1", "hello!", "q?a=5&b=6", "\"costs>5\"", "\">5\"", "/>5/", "<thought>"] {
        assert!(words.parse::<Query>().is_ok(), "{words}");
    }
    let (at, message) = error("colour:red");
    assert!(at == 0 && message.starts_with("no field is called \"colour\"; there are status, kind, agent, "), "{message}");
}

/// An agent with a model call and a failed tool under it.
fn store() -> Store {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let mut span = |id: u64, kind: SpanType, label: &str, name: &str, input: &str, (from, to): (Nanos, Nanos)| {
        let [label, name, input] = [label, name, input].map(|text| batch.intern(text));
        let facts = SpanFacts { span_type: kind, agent: label, model: label, tool: label, input, ..SpanFacts::default() };
        batch.spans.push(Span {
            trace: TraceId::parse(b"661e0000000000000000000000000001").unwrap(),
            id: SpanId::new(id.to_be_bytes()).unwrap(),
            parent: (id > 1).then(|| SpanId::new(1_u64.to_be_bytes()).unwrap()),
            start: START + from,
            end: Some(START + to),
            status: Status::Ok,
            name,
            facts,
            error: crate::model::Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    };
    span(1, SpanType::Agent, "Refund Agent", "Refund_Agent.run", "Say \"hi\" to all 5* hotels", (0, 10 * SECOND));
    span(2, SpanType::Model, "gpt-5-mini", "OpenAIChat.invoke", "", (SECOND, 4 * SECOND));
    span(3, SpanType::Tool, "refund_payment", "refund_payment", "{\"id\": 5}", (3 * SECOND, 9 * SECOND));
    let [error, provider, session, user] = ["Timeout after 20 ms", "OpenAI", "sess-1", "bob"].map(|text| batch.intern(text));
    (batch.spans[2].error, batch.spans[2].status) = (error, Status::Error);
    (batch.spans[0].facts.session, batch.spans[0].facts.user) = (session, user);
    batch.spans[0].facts.run = batch.intern("run-1");
    batch.spans[1].facts.provider = provider;
    batch.spans[1].facts.usage =
        Some(Usage { input: Some(6000), output: Some(200), cache_read: Some(1500), cost: Some(20_000_000), ..Usage::default() });
    batch.spans[1].facts.first_token = Some(2 * SECOND);
    let mut store = Store::new(Limits::default());
    store.apply(&batch, START + HOUR);
    store
}

/// The ids of the spans that match.
fn matching(store: &Store, line: &str, now: Nanos) -> Vec<u64> {
    let mut matcher = Matcher::new(line.parse().unwrap_or_else(|error| panic!("{line}: {error}")));
    let mut passing: Vec<u64> =
        store.rows().filter(|&row| matcher.matches(store, row, now)).map(|row| u64::from_be_bytes(store.row(row).id.bytes())).collect();
    passing.sort_unstable();
    passing
}

/// A store with one row of each type, with the same names; an agent and a step state usage.
fn store_of_every_type() -> Store {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    for (id, span_type) in (1_u64..).zip(SpanType::ALL) {
        let [agent, model, tool, name] = ["an agent", "a model", "a tool", "a name"].map(|text| batch.intern(text));
        let usage = matches!(span_type, SpanType::Agent | SpanType::Step).then(|| Usage { input: Some(5), ..Usage::default() });
        batch.spans.push(Span {
            trace: TraceId::parse(b"661e0000000000000000000000000001").unwrap(),
            id: SpanId::new(id.to_be_bytes()).unwrap(),
            parent: None,
            start: START,
            end: Some(START + SECOND),
            status: Status::Ok,
            name,
            facts: SpanFacts { span_type, agent, model, tool, usage, ..SpanFacts::default() },
            error: crate::model::Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, START + HOUR);
    store
}

#[test]
fn a_model_is_found_on_every_row_that_counts_for_it() {
    let store = store_of_every_type();
    let numbers = |types: &[SpanType]| types.iter().map(|&span_type| span_type as u64 + 1).collect::<Vec<_>>();
    let calls = [SpanType::Agent, SpanType::Step, SpanType::Model, SpanType::Reranker, SpanType::Embedding];
    assert_eq!(matching(&store, "model:\"a model\"", START + HOUR), numbers(&calls));
    assert_eq!(matching(&store, "tool:\"a tool\"", START + HOUR), numbers(&[SpanType::Tool]));
}

#[test]
fn scores_and_what_passed_are_found_by_the_evaluation() {
    let evaluation = |(name, score, passed): (&str, Option<f64>, bool)| Evaluation {
        kind: "agent_as_judge".into(),
        name: name.into(),
        verdicts: vec![Verdict { subject: "run-1".into(), score, passed: Some(passed) }],
    };
    let given = [("Good style", Some(9.0), true), ("polite", None, true), ("secrets", None, false)];
    let reviews = Reviews { approvals: Vec::new(), evaluations: given.map(evaluation).into() };
    let mut store = store();
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    batch.reviews = Some(Arc::new(reviews));
    store.apply(&batch, START + HOUR);
    for (line, is_found) in [
        ("score:<9", false),
        ("score:>8.5", true),
        ("score<=9", true),
        ("score:failed", true),
        ("score.polite:failed", false),
        ("score.secrets:FAILED", true),
        ("score.good-style:passed", true),
        ("score.agent_as_judge:>=9", true),
        ("score.polite:>0", false),
        ("score.polite:*", true),
        ("score.other:*", false),
    ] {
        assert_eq!(matching(&store, line, START + HOUR), if is_found { vec![1] } else { vec![] }, "{line}");
    }
}

#[test]
fn every_field_matches_its_rows() {
    let store = store();
    for (line, expected) in [
        ("", &[1, 2, 3][..]),
        ("refund", &[1, 3]),
        ("rfndagent", &[1]),
        ("refund|openai", &[1, 2, 3]),
        ("-refund", &[2]),
        ("\"say \\\"hi\\\"\"", &[1]),
        ("\"5\\* hotels\"", &[1]),
        ("\"5\\* *all\"", &[]),
        ("say*hotels", &[1]),
        ("/all \\d\\*/", &[1]),
        ("/^Say/|/invoke$/", &[1, 2]),
        ("status:error", &[1, 3]),
        ("status:failed", &[1, 3]),
        ("status:OK|error", &[1, 2, 3]),
        ("-status:error", &[2]),
        ("kind:llm|tool", &[2, 3]),
        ("agent:refund", &[1, 2, 3]),
        ("agent:\"refund\"", &[]),
        ("agent:\"refund agent\" kind:model", &[2]),
        ("agent:ref*", &[1, 2, 3]),
        ("agent:*ref", &[]),
        ("model:gpt-5", &[2]),
        ("model:refund", &[]),
        ("provider:openai", &[2]),
        ("tool:/^refund_\\w+$/", &[3]),
        ("name:refund_*", &[1, 3]),
        ("name:*.run", &[1]),
        ("name:\"refund agent\"", &[1]),
        ("name:gpt-5", &[2]),
        ("name!=\"refund agent\"", &[2, 3]),
        ("session:sess-1 user:bob", &[1, 2, 3]),
        ("error:timeout", &[3]),
        ("error:*", &[3]),
        ("error:\"Timeout after * ms\"", &[3]),
        ("error:\"timeout after * m\"", &[]),
        ("error:\"timeout after \\* ms\"", &[]),
        ("failure:\"timeout after \\* ms\"", &[3]),
        ("failure:\"timeout after 20 ms\"", &[]),
        ("failure:\"after \\* ms\"", &[]),
        ("failure:timeout", &[3]),
        ("failure:*", &[3]),
        ("failure:\"\"", &[]),
        ("time:>3s", &[1, 3]),
        ("dur:>3s", &[1, 3]),
        ("dur:>=3s", &[1, 2, 3]),
        ("dur:<=3000ms", &[2]),
        ("dur:<0.1m dur:>5", &[]),
        ("dur:>0.1min", &[1]),
        ("dur:>0.05MIN dur:<9999ms", &[3]),
        ("self:<=2s", &[1]),
        ("self:>2s", &[2, 3]),
        ("tokens:>6.1k", &[1, 2]),
        ("-tokens:>6.1k", &[3]),
        ("in:>=6k out:<0.21k", &[1, 2]),
        ("in:>6k", &[]),
        ("cached:<=25%", &[1, 2]),
        ("cached<25", &[]),
        ("cached:>24.9%", &[1, 2]),
        ("-cached:>0", &[3]),
        ("ttft:>1.9s", &[2]),
        ("ttft>2s", &[]),
        ("speed=67", &[2]),
        ("speed<67", &[]),
        ("context:>0", &[]),
        ("cost:>$0.01", &[1, 2]),
        ("cost:>0.02", &[]),
        ("cost:<=0.02", &[1, 2]),
        ("cost=0.02", &[1, 2]),
        ("cost==$0.02 dur=10s", &[1]),
        ("cost!=0", &[1, 2]),
        ("cost!=0.02", &[]),
        ("tokens:=6200", &[1, 2]),
        ("agent=refund", &[]),
        ("AGENT=\"refund agent\"", &[1, 2, 3]),
        ("tool==refund_payment", &[3]),
        ("name!=refund_payment", &[1, 2]),
        ("model!=gpt-4o", &[2]),
        ("model!=gpt-*|o3", &[]),
        ("status!=error", &[2]),
        ("status=error|ok kind!=tool", &[1, 2]),
        ("-name=refund_payment", &[1, 2]),
        ("trace=661e", &[1, 2, 3]),
        ("trace:661e", &[1, 2, 3]),
        ("trace:661E000|aa", &[1, 2, 3]),
        ("trace:661e1", &[]),
        ("since:2026-11-22T05:59:05Z", &[2, 3]),
        ("until:2026-11-22T05:59:05Z", &[1, 2]),
        ("since:2026-11-20 until:2026-11-24", &[1, 2, 3]),
        ("since:1d", &[1, 2, 3]),
        ("since:59.99min", &[2, 3]),
        ("since:59m59s", &[2, 3]),
        ("until:59m58s", &[1, 2]),
        ("-since:59m59s", &[1]),
    ] {
        assert_eq!(matching(&store, line, START + HOUR), expected, "{line}");
    }
}

#[test]
fn an_age_moves_with_the_present_and_announces_changes() {
    let store = store();
    assert_eq!(matching(&store, "since:1h", START + HOUR), [1, 2, 3]);
    assert_eq!(matching(&store, "since:1h", START + HOUR + 1), [2, 3]);
    let row = store.rows().find(|&row| store.row(row).start == START).unwrap();
    let next = |line: &str, now| Matcher::new(line.parse().unwrap()).next_change(&store, row, now);
    assert_eq!(next("since:1h until:5m", START), Some(START + HOUR / 12 + 1));
    assert_eq!(next("since:1h until:5m", START + HOUR / 2), Some(START + HOUR + 1));
    assert_eq!((next("since:1h", START + HOUR + 1), next("since:2026-11-22", START)), (None, None));
}

#[test]
fn payload_conditions_wait_for_payload_matches() {
    let store = store();
    let query: Query = "text:\"say hi\" -attr.llm.system:x kind:tool since:1h until:2026-11-22T06:00:00Z".parse().unwrap();
    assert!(query.needs_payloads());
    assert_eq!(query.start_bounds(START + HOUR), (Some(START), Some(START + 56 * SECOND)));
    assert!(!"agent:x".parse::<Query>().unwrap().needs_payloads());
    assert!("run:661e attr.llm.token_count.prompt:>5k attr.a*:b".parse::<Query>().unwrap().needs_payloads());
    let mut matcher = Matcher::new(query);
    let tool = store.rows().find(|&row| store.row(row).span_type == SpanType::Tool).unwrap();
    assert!(matcher.may_match(&store, tool, START + HOUR) && !matcher.matches(&store, tool, START + HOUR));
    matcher.add_payload_match(store.trace(store.row(tool).trace()).id, store.row(tool).id);
    assert!(matcher.matches(&store, tool, START + HOUR));
}

#[test]
fn the_cursor_context_is_what_is_being_typed() {
    for (line, at, field, typed) in [
        ("", 0, None, ""),
        ("sta", 0, None, "sta"),
        ("refund -ag", 8, None, "ag"),
        ("agent:", 6, Some("agent"), ""),
        ("x agent:a|\"Sup Ag", 10, Some("agent"), "Sup Ag"),
        ("agent:\"a b\" mo", 12, None, "mo"),
        ("agent:\"a \\\"b", 6, Some("agent"), "a \"b"),
        ("attr.llm.s", 0, None, "attr.llm.s"),
        ("agent=ref", 6, Some("agent"), "ref"),
        ("x status!=er", 10, Some("status"), "er"),
        ("model==gp", 7, Some("model"), "gp"),
        ("a=b", 0, None, "a=b"),
    ] {
        let expected = CursorContext { at, field: field.map(str::to_owned), typed: typed.to_owned() };
        assert_eq!(cursor_context(line, line.chars().count()), expected, "{line}");
    }
}

#[test]
fn words_that_a_matching_trace_holds_are_known_of_agents_models_and_texts() {
    let words = |line: &str| line.parse::<Query>().unwrap().required_words();
    assert_eq!(words("agent:\"Report_Team x\"|chatty model:gpt-5-mini"), [vec!["Report", "chatty"], vec!["mini"]]);
    assert_eq!(words("text:\"in Lisbon\" -agent:Chatty status:error tool:search"), [vec!["in Lisbon"]]);
    // What has no such word, or is a regular expression, is not sought.
    assert_eq!(words("agent:/^Re.*m$/ agent:ab|Chatty agent:谢谢"), Vec::<Vec<String>>::new());
}

#[test]
fn the_statuses_of_every_row_that_matches_are_known() {
    let statuses = |line: &str| line.parse::<Query>().unwrap().required_statuses().map(<[RunStatus]>::to_vec);
    assert_eq!(statuses("agent:x status:error"), Some(vec![RunStatus::Error]));
    assert_eq!(statuses("status:error|paused"), Some(vec![RunStatus::Error, RunStatus::Paused]));
    assert_eq!(statuses("-status:error x"), None);
}

proptest! {
    #[test]
    fn no_line_breaks_the_parser(line in ".*", field in "[a-z]{1,8}", value in ".*") {
        let length = line.chars().count();
        if let Err(error) = line.parse::<Query>() {
            prop_assert!(error.at <= length, "{} of {length}", error.at);
        }
        prop_assert!(cursor_context(&line, length).at <= length);
        let _ = with_values(&line, &field, &[value]);
    }

    #[test]
    fn no_combination_of_tokens_breaks_the_parser(
        pieces in proptest::collection::vec(prop_oneof![
            Just("-"), Just(":"), Just("|"), Just("\""), Just("\\"), Just("*"), Just("/"), Just(" "), Just(">"), Just("<="), Just("5k"), Just("$0.01"),
            Just("status"), Just("error"), Just("attr.a"), Just("since"), Just("text"), Just("dur"), Just("2s"), Just("1d"), Just("="), Just("!="), Just("today"), Just("("), Just("é"),
        ], 0..14),
    ) {
        let line = pieces.concat();
        if let Ok(query) = line.parse::<Query>() {
            let store = store();
            let mut matcher = Matcher::new(query.clone());
            for row in store.rows() {
                matcher.matches(&store, row, START);
            }
            let _ = query.payload_query().matches_json(b"{\"a\": \"error \\\"5\\\"\"}", b"");
        }
    }
}
