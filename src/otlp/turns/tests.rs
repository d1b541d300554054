use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::model::{Batch, Span};
use crate::otlp::{json, payload, rows};

const SECOND: i64 = 1_000_000_000;

/// An event at a second, with attributes as text.
fn event(second: i64, name: &str, trace: &str, attributes: &[(&str, &str)]) -> String {
    let attribute = |(key, value): &(&str, &str)| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let attributes: Vec<String> = [("event.name", name)].iter().chain(attributes).map(attribute).collect();
    format!(r#"{{"timeUnixNano":"{}","traceId":"{trace}","attributes":[{}]}}"#, second * SECOND, attributes.join(","))
}

fn request(events: &[String]) -> Vec<u8> {
    let resource = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"coder"}}]}"#;
    let scope = format!(r#"{{"scope":{{"name":"events"}},"logRecords":[{}]}}"#, events.join(","));
    let text = format!(r#"{{"resourceLogs":[{{"resource":{resource},"scopeLogs":[{scope}]}}]}}"#);
    json::encode_logs(text.as_bytes()).expect("a request")
}

fn read(turns: &mut Turns, events: &[String]) -> (Batch, Vec<Withdrawn>) {
    let told = turns.read(&telling(&request(events)).expect("records"));
    let mut batch = Batch::default();
    rows::read(&told.body, Vec::new(), &mut batch).expect("spans");
    assert!(batch.skipped.is_empty() && batch.spans.iter().all(|span| span.facts.from_log));
    (batch, told.withdrawn)
}

fn root(batch: &Batch) -> Span {
    batch.spans.iter().find(|span| span.facts.span_type.is_agentic()).expect("a turn").clone()
}

const PROMPT: [(&str, &str); 3] = [("session.id", "s"), ("prompt.id", "p"), ("prompt", "Fix the test.")];
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("session.id", "s"), ("prompt.id", "p")], more].concat()
}

#[test]
fn a_prompt_runs_from_its_event_until_the_model_has_answered() {
    let mut turns = Turns::default();
    let (batch, _) = read(&mut turns, &[event(10, "x.user_prompt", "", &PROMPT)]);
    let turn = root(&batch);
    assert_eq!((turn.start, turn.end, batch.spans.len()), (10 * SECOND, None, 1));
    assert_eq!([turn.facts.agent, turn.facts.input, turn.facts.session].map(|text| batch.text(text)), ["coder", "Fix the test.", "s"]);

    let call = with(&[("input_token_count", "7"), ("output_token_count", "2"), ("model", "m"), ("duration_ms", "1500")]);
    let (batch, _) = read(&mut turns, &[event(12, "x.api_response", "", &call)]);
    assert_eq!(root(&batch).end, Some(12 * SECOND));
    let model = batch.spans.iter().find(|span| span.facts.span_type.calls_model()).expect("a call");
    assert_eq!((model.parent, model.start, model.end), (Some(turn.id), 10_500_000_000, Some(12 * SECOND)));

    let tool = with(&[("decision", "accept"), ("call_id", "c"), ("tool_name", "bash")]);
    let (batch, _) = read(&mut turns, &[event(13, "x.tool_decision", "", &tool)]);
    assert!(batch.spans.iter().all(|span| span.end.is_none()), "the turn and the tool run");
    let tool = with(&[("success", "false"), ("call_id", "c"), ("tool_name", "bash"), ("duration_ms", "500"), ("error", "exit 3")]);
    let (ended, _) = read(&mut turns, &[event(14, "x.tool_result", "", &tool)]);
    let [began, ended_tool] =
        [&batch, &ended].map(|batch| batch.spans.iter().find(|span| !span.facts.span_type.is_agentic()).expect("a tool").clone());
    assert_eq!((began.id, ended_tool.end, ended.text(ended_tool.error)), (ended_tool.id, Some(14 * SECOND), "exit 3"));
    assert_eq!(root(&ended).end, None, "a model is asked next");
    let (batch, _) = read(&mut turns, &[event(15, "session.end", "", &[("session.id", "s")])]);
    assert_eq!(root(&batch).end, Some(14 * SECOND));
}

#[test]
fn a_turn_states_what_its_prompts_and_its_answer_do_and_the_last_one_counts() {
    let mut turns = Turns::default();
    let mut stated = |second: i64, name: &str, more: &[(&str, &str)]| {
        let told = turns.read(&telling(&request(&[event(second, name, "", &with(more))])).expect("records"));
        let mut batch = Batch::default();
        rows::read(&told.body, Vec::new(), &mut batch).expect("spans");
        let turn = root(&batch).payload_ref.0 as usize;
        let (payload, _) = payload::decode_at(&told.body, turn).expect("a message").expect("a span");
        let stated = |name: &str| payload.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_json());
        let [input, output] = ["input.value", "output.value"].map(|name| stated(name).unwrap_or_default());
        assert_eq!(input, format!("{:?}", batch.text(root(&batch).facts.input)), "the row says the same");
        [input, output]
    };
    assert_eq!(stated(10, "user_prompt", &[("prompt", "Fix it."), ("output.value", "?")]), [r#""Fix it.""#, r#""?""#]);
    assert_eq!(stated(12, "assistant_response", &[("response", "Fixed.")]), [r#""Fix it.""#, r#""Fixed.""#]);
    assert_eq!(stated(13, "assistant_response", &[]), [r#""Fix it.""#, r#""Fixed.""#], "an answer without a text");
    assert_eq!(stated(14, "user_prompt", &[("prompt", "<REDACTED>")]), [r#""Fix it.""#, r#""Fixed.""#], "a prompt that is left out");
    assert_eq!(stated(15, "user_prompt", &[("prompt", "Now the other.")]), [r#""Now the other.""#, r#""Fixed.""#]);
    // It belongs to the first prompt, but the others came later.
    assert_eq!(stated(9, "user_prompt", &[("prompt", "Look at it.")]), [r#""Now the other.""#, r#""Fixed.""#]);
}

#[test]
fn events_that_come_twice_or_out_of_order_change_nothing() {
    let call = with(&[("input_token_count", "7"), ("model", "m")]);
    let events = [event(10, "x.user_prompt", "", &PROMPT), event(12, "x.api_response", "", &call)];
    let (mut turns, mut reversed) = (Turns::default(), Turns::default());
    let (batch, _) = read(&mut turns, &events);
    let (again, _) = read(&mut turns, &events);
    assert_eq!((batch.spans.len(), again.spans.len()), (2, 0));
    let [last, first] = [&events[1..], &events[..1]].map(|events| read(&mut reversed, events).0);
    let ids = |batch: &Batch| batch.spans.iter().map(|span| (span.trace, span.id)).collect::<HashSet<_>>();
    assert_eq!(ids(&batch), ids(&last));
    assert_eq!((root(&first).id, first.text(root(&first).facts.input)), (root(&batch).id, "Fix the test."));
}

#[test]
fn a_turn_moves_to_the_trace_that_a_later_event_names() {
    let mut turns = Turns::default();
    let call = with(&[("input_token_count", "7"), ("model", "m")]);
    let (batch, _) = read(&mut turns, &[event(10, "x.user_prompt", "", &PROMPT), event(11, "x.api_response", "", &call)]);
    let own = root(&batch).trace;
    let (batch, withdrawn) = read(&mut turns, &[event(12, "x.api_response", TRACE, &call)]);
    let trace = TraceId::parse(TRACE.as_bytes());
    assert_eq!((withdrawn.len(), withdrawn.iter().all(|withdrawn| withdrawn.trace == own)), (2, true), "the first call and the prompt");
    assert_eq!(batch.spans.len(), 3, "the turn and both calls");
    assert!(batch.spans.iter().all(|span| Some(span.trace) == trace));
    // In one request, nothing is left of the other trace.
    let (batch, _) = read(&mut Turns::default(), &[event(10, "x.user_prompt", "", &PROMPT), event(12, "x.api_response", TRACE, &call)]);
    assert!(batch.spans.iter().all(|span| Some(span.trace) == trace));
}

#[test]
fn a_new_prompt_ends_the_last_one_and_takes_the_calls_that_follow() {
    let mut turns = Turns::default();
    let prompt = |second, text| event(second, "x.user_prompt", "", &[("conversation.id", "s"), ("prompt", text)]);
    let (one, _) = read(&mut turns, &[prompt(10, "one")]);
    let (two, _) = read(&mut turns, &[prompt(20, "two")]);
    let ended = two.spans.iter().find(|span| span.id == root(&one).id).expect("the first turn");
    assert_eq!(ended.end, Some(10 * SECOND));
    let call = event(21, "x.sse_event", "", &[("conversation.id", "s"), ("event.kind", "response.completed"), ("output_token_count", "1")]);
    let (batch, _) = read(&mut turns, &[call]);
    assert!(batch.spans.iter().any(|span| span.parent.is_some() && span.parent != Some(root(&one).id)));
}

#[test]
fn only_an_answer_ends_a_turn_where_answers_are_logged() {
    let mut turns = Turns::default();
    let call = with(&[("input_tokens", "7"), ("model", "m")]);
    let answer = with(&[("response", "Done.")]);
    read(&mut turns, &[event(10, "user_prompt", "", &PROMPT), event(11, "assistant_response", "", &answer)]);
    let next = [("session.id", "s"), ("prompt.id", "q")];
    let call_of_next = [("session.id", "s"), ("prompt.id", "q"), ("input_tokens", "7"), ("model", "m")];
    let (batch, _) = read(&mut turns, &[event(20, "user_prompt", "", &next), event(21, "api_request", "", &call_of_next)]);
    assert!(batch.spans.iter().any(|span| span.facts.span_type.is_agentic() && span.end.is_none()));
    let (batch, _) = read(&mut turns, &[event(12, "api_request", "", &call)]);
    assert_eq!(root(&batch).end, Some(12 * SECOND), "the next prompt came later");
    let (batch, _) = read(&mut turns, &[event(22, "api_request", "", &call)]);
    assert_eq!(root(&batch).end, None);
}

/// What is known of each span after requests of one event each: its kind, start, end, error, input and when the user was asked.
type Known = BTreeMap<String, (String, Nanos, Option<Nanos>, String, String, Option<Nanos>)>;

fn one_by_one(events: &[String]) -> Known {
    let (mut turns, mut known) = (Turns::default(), Known::new());
    for event in events {
        let (batch, withdrawn) = read(&mut turns, std::slice::from_ref(event));
        for Withdrawn { trace, span } in withdrawn {
            known.remove(&format!("{trace} {}", span.expect("a span"))).expect("what is withdrawn was told");
        }
        for span in &batch.spans {
            let [name, error, input] = [span.name, span.error, span.facts.input].map(|text| batch.text(text).to_owned());
            known.insert(format!("{} {}", span.trace, span.id), (name, span.start, span.end, error, input, span.facts.log_note.asked));
        }
    }
    known
}

/// The names, the seconds and the wait of the spans.
fn times(known: &Known) -> Vec<(&str, f64, Option<f64>, Option<f64>)> {
    let seconds = |time: Nanos| time as f64 / 1e9;
    let mut times: Vec<_> = known
        .values()
        .map(|(name, start, end, _, _, asked)| {
            (name.as_str(), seconds(*start), end.map(seconds), asked.map(|asked| seconds(*start - asked)))
        })
        .collect();
    times.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(b.0)));
    times
}

/// A turn in which the user permitted a tool; its decision came twice.
fn permitted_turn() -> Vec<String> {
    let call = with(&[("input_tokens", "7"), ("model", "m"), ("duration_ms", "1500")]);
    let decision = with(&[("decision", "accept"), ("source", "user_temporary"), ("tool_name", "Bash"), ("tool_use_id", "c")]);
    let result = with(&[("tool_name", "Bash"), ("tool_use_id", "c"), ("success", "true"), ("duration_ms", "10")]);
    vec![
        event(10, "x.user_prompt", "", &PROMPT),
        event(12, "x.api_request", "", &call),
        event(19, "x.tool_decision", "", &decision),
        event(20, "x.tool_decision", "", &decision),
        event(22, "x.tool_result", "", &result),
        event(24, "x.api_request", "", &call),
        event(24, "x.assistant_response", "", &with(&[("response", "Done.")])),
    ]
}

#[test]
fn a_tool_call_begins_with_the_first_decision_and_the_wait_ends_there() {
    let expected = [
        ("invoke_agent coder", 10.0, Some(24.0), None),
        ("chat m", 10.5, Some(12.0), None),
        ("execute_tool Bash", 19.0, Some(22.0), Some(7.0)),
        ("chat m", 22.5, Some(24.0), None),
    ];
    let events = permitted_turn();
    assert_eq!(times(&one_by_one(&events)), expected);
    let late = [&events[..2], &events[4..], &events[2..4]].concat();
    assert_eq!(times(&one_by_one(&late)), expected, "the decision comes last");
    let again = events[2].replacen('{', r#"{"observedTimeUnixNano":"99000000000","#, 1);
    assert_eq!(times(&one_by_one(&[&events[..], &[again]].concat())), expected, "it was observed again");
}

#[test]
fn a_decision_and_a_result_without_an_id_are_one_call() {
    let decision = |second| event(second, "x.tool_decision", "", &with(&[("decision", "accept"), ("tool_name", "Bash")]));
    let result = |second| event(second, "x.tool_result", "", &with(&[("success", "true"), ("tool_name", "Bash")]));
    let refused = event(15, "x.tool_decision", "", &with(&[("decision", "reject"), ("tool_name", "Bash")]));
    let events = [decision(11), decision(12), result(13), result(14), refused, decision(16), result(17), result(18)];
    let calls = |events: &[String]| {
        let known = one_by_one(events);
        let tools = times(&known).into_iter().filter(|(name, ..)| *name == "execute_tool Bash");
        tools.map(|(_, start, end, _)| (start, end)).collect::<Vec<_>>()
    };
    let expected = [(11.0, Some(13.0)), (12.0, Some(14.0)), (15.0, Some(15.0)), (16.0, Some(17.0)), (18.0, Some(18.0))];
    assert_eq!(calls(&events), expected);
    let reversed: Vec<String> = events.iter().rev().cloned().collect();
    assert_eq!(calls(&reversed), expected);
}

/// Two turns of a session with all that a program may log, and the end of the session.
fn session() -> Vec<String> {
    let of = |prompt: &'static str, more: &[(&'static str, &'static str)]| [&[("session.id", "s"), ("prompt.id", prompt)], more].concat();
    let mut events = permitted_turn();
    for (second, name, attributes) in [
        (25, "x.tool_decision", of("p", &[("decision", "reject"), ("source", "User"), ("tool_use_id", "d"), ("tool_name", "Edit")])),
        (26, "x.tool_result", of("p", &[("success", "false"), ("tool_use_id", "d"), ("tool_name", "Edit"), ("error", "no")])),
        (30, "x.user_prompt", of("q", &[("prompt", "And then?")])),
        (31, "x.api_request", of("q", &[("duration_ms", "500")])),
        (32, "x.sse_event", of("q", &[("event.kind", "response.function_call_arguments.done")])),
        (33, "x.sse_event", of("q", &[("event.kind", "response.completed"), ("output_token_count", "1"), ("model", "m")])),
        (34, "x.tool_decision", of("q", &[("decision", "accept"), ("source", "User"), ("tool_name", "Read")])),
        (35, "x.tool_result", of("q", &[("success", "true"), ("tool_name", "Read"), ("duration_ms", "700")])),
        (36, "x.tool_result", of("q", &[("success", "true"), ("tool_name", "Read"), ("duration_ms", "300")])),
        // Some models count their calls from 0 again.
        (37, "x.tool_result", of("q", &[("success", "true"), ("call_id", "0"), ("tool_name", "Grep")])),
        (38, "x.tool_decision", of("q", &[("decision", "accept"), ("source", "Config"), ("call_id", "0"), ("tool_name", "Grep")])),
        (39, "x.tool_result", of("q", &[("success", "false"), ("call_id", "0"), ("tool_name", "Grep"), ("error", "exit 2")])),
        (40, "x.api_error", of("q", &[("error", "overloaded"), ("duration_ms", "300")])),
        (41, "x.tool_decision", of("q", &[("decision", "accept"), ("call_id", "1"), ("tool_name", "Grep")])),
        (50, "x.user_prompt", of("r", &[("prompt", "Stop.")])),
    ] {
        events.push(event(second, name, "", &attributes));
    }
    events.push(event(60, "session.end", "", &[("session.id", "s")]));
    events
}

/// Prompts and calls that are joined by the session alone, in the traces that some of them name, and OpenTelemetry's own events beside them.
fn session_without_prompt_ids() -> Vec<String> {
    let other = TRACE.replace("0af7", "0af8");
    let id = ("conversation.id", "s");
    let call = [id, ("event.kind", "response.completed"), ("output_token_count", "1"), ("duration_ms", "100")];
    let prompt = |second, trace: &str| event(second, "x.user_prompt", trace, &[id, ("prompt", &second.to_string())]);
    let tool = [id, ("tool_name", "bash"), ("call_id", "c")];
    vec![
        event(5, "x.sse_event", "", &call),
        prompt(10, ""),
        event(11, "x.sse_event", "", &call),
        event(12, "x.tool_decision", TRACE, &[&tool[..], &[("decision", "approved")]].concat()),
        event(13, "x.tool_result", &other, &tool),
        prompt(20, &other),
        event(21, "x.sse_event", "", &call),
        event(21, "gen_ai.client.inference.operation.details", "", &[id, ("gen_ai.usage.output_tokens", "1")]),
        event(22, "x.tool_result", "", &tool),
        prompt(30, ""),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_prompt_that_comes_late_takes_what_followed_it(events in Just(session_without_prompt_ids()).prop_shuffle()) {
        let expected = one_by_one(&session_without_prompt_ids());
        prop_assert_eq!(expected.len(), 9, "four turns and their calls: {:?}", times(&expected));
        prop_assert_eq!(&one_by_one(&events), &expected);
    }

    #[test]
    fn any_order_of_arrival_tells_the_same(events in Just(session()).prop_shuffle(), again in 0_usize..20) {
        let expected = one_by_one(&session());
        prop_assert_eq!(expected.len(), 14);
        prop_assert_eq!(&one_by_one(&events), &expected);
        prop_assert_eq!(&one_by_one(&[&events[..], &events[again..]].concat()), &expected);
    }

    #[test]
    fn a_part_of_the_events_tells_the_same_in_any_order(events in Just(session()).prop_shuffle(), count in 0_usize..23) {
        let events = &events[..count];
        let mut sorted = events.to_vec();
        sorted.sort_by_key(|event| session().iter().position(|other| other == event));
        prop_assert_eq!(one_by_one(events), one_by_one(&sorted));
    }
}

/// When the user was asked, of each span that says so.
fn asked(batch: &Batch) -> Vec<(&str, i64)> {
    let name = |span: &Span| if span.facts.span_type.is_agentic() { "turn" } else { "tool" };
    batch.spans.iter().filter_map(|span| Some((name(span), span.facts.log_note.asked? / SECOND))).collect()
}

#[test]
fn a_proposed_tool_call_waits_for_permission_until_somebody_decides() {
    let mut turns = Turns::default();
    let kind = |second, kind| event(second, "x.sse_event", "", &with(&[("event.kind", kind)]));
    let call = |second| event(second, "x.sse_event", "", &with(&[("event.kind", "response.completed"), ("output_token_count", "1")]));
    let decision = |second, source| {
        let decision = with(&[("decision", "approved"), ("source", source), ("call_id", "c"), ("tool_name", "bash")]);
        event(second, "x.tool_decision", "", &decision)
    };
    let result = |second| event(second, "x.tool_result", "", &with(&[("call_id", "c"), ("tool_name", "bash"), ("duration_ms", "10000")]));
    let proposal = [kind(11, "response.function_call_arguments.done"), call(12)];
    let (batch, _) = read(&mut turns, &[vec![event(10, "x.user_prompt", "", &PROMPT)], proposal.to_vec()].concat());
    assert_eq!((asked(&batch), root(&batch).end), (vec![("turn", 12)], None), "it waits");
    let (batch, _) = read(&mut turns, &[decision(20, "User")]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![("tool", 12)], None), "the tool runs");
    let tool = batch.spans.iter().find(|span| !span.facts.span_type.is_agentic()).expect("a tool");
    assert_eq!((tool.start, tool.end), (20 * SECOND, None), "the wait is no part of it");
    let (batch, _) = read(&mut turns, &[result(22)]);
    assert_eq!(asked(&batch), [("tool", 12)], "its end keeps the wait");
    let tool = batch.spans.iter().find(|span| !span.facts.span_type.is_agentic()).expect("a tool");
    assert_eq!((tool.start, tool.end), (20 * SECOND, Some(22 * SECOND)), "though the sender counts it");
    let (batch, _) = read(&mut turns, &[call(23)]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![], Some(23 * SECOND)), "an answer without a tool");
    let (batch, _) = read(&mut turns, &[kind(25, "response.custom_tool_call_input.done"), call(26), decision(27, "Config"), result(28)]);
    assert_eq!(asked(&batch), [], "the settings decided");
}

#[test]
fn where_answers_are_logged_a_model_call_without_one_asks_for_a_tool() {
    let mut turns = Turns::default();
    let call = |second, source| {
        event(second, "api_request", "", &with(&[("input_tokens", "7"), ("model", "m"), ("duration_ms", "500"), ("query_source", source)]))
    };
    let answer = |second, text, source| event(second, "assistant_response", "", &with(&[("response", text), ("query_source", source)]));
    let decision = |second, source| {
        let decision = with(&[("decision", "accept"), ("source", source), ("tool_use_id", "c"), ("tool_name", "bash")]);
        event(second, "tool_decision", "", &decision)
    };
    let begin = [event(10, "user_prompt", "", &PROMPT), call(11, "generate_title"), answer(11, "A title", "generate_title")];
    let (batch, _) = read(&mut turns, &begin);
    assert_eq!((asked(&batch), root(&batch).end), (vec![], None), "the title is no answer to the prompt");
    let (batch, _) = read(&mut turns, &[call(12, "repl_main_thread")]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![("turn", 12)], None));
    let (batch, _) = read(&mut turns, &[call(13, "generate_title"), answer(13, "A title", "generate_title")]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![("turn", 12)], None));
    let (batch, _) = read(&mut turns, &[decision(30, "user_temporary")]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![("tool", 12)], None));
    let result = event(31, "tool_result", "", &with(&[("tool_use_id", "c"), ("tool_name", "bash"), ("success", "true")]));
    let (batch, _) = read(&mut turns, &[result, call(32, "repl_main_thread"), answer(32, "Done.", "repl_main_thread")]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![("tool", 12)], Some(32 * SECOND)));
    // The settings decide while the model still answers.
    let next = |second| event(second, "user_prompt", "", &[("session.id", "s"), ("prompt.id", "p"), ("prompt", "And again.")]);
    let (batch, _) = read(&mut turns, &[next(40), decision(44, "config"), call(44, "repl_main_thread")]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![], None));
    // A text beside the tool looks like the end until the user has decided.
    let (batch, _) = read(&mut turns, &[call(50, "sdk"), answer(50, "I look.", "sdk")]);
    assert_eq!(asked(&batch), []);
    let refused = event(60, "tool_decision", "", &with(&[("decision", "reject"), ("source", "user_reject"), ("tool_use_id", "d")]));
    let (batch, _) = read(&mut turns, &[refused]);
    assert_eq!(asked(&batch), [("tool", 50)]);
    // A hook tells it at once.
    let hook = event(72, "hook_execution_start", "", &with(&[("hook_event", "PermissionRequest")]));
    let (batch, _) = read(&mut turns, &[call(70, "sdk"), answer(70, "I change it.", "sdk"), hook]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![("turn", 72)], None));
    let permitted = with(&[("decision", "accept"), ("source", "user_temporary"), ("tool_use_id", "e"), ("tool_name", "Edit")]);
    let (batch, _) = read(&mut turns, &[event(80, "tool_decision", "", &permitted)]);
    assert_eq!(asked(&batch), [("tool", 72)]);
    // It may run before the answer is complete.
    let hook = event(90, "hook_execution_start", "", &with(&[("hook_event", "PermissionRequest")]));
    let (batch, _) = read(&mut turns, &[hook, call(91, "sdk"), answer(91, "I change it.", "sdk")]);
    assert_eq!((asked(&batch), root(&batch).end), (vec![("turn", 90)], None));
}

#[test]
fn a_call_beside_the_turns_is_no_turn() {
    let aside = |name, more: &[(&str, &str)]| {
        event(9, name, "", &[&[("session.id", "s"), ("query_source", "generate_session_title")], more].concat())
    };
    let title = [aside("api_request", &[("input_tokens", "7"), ("model", "m")]), aside("assistant_response", &[("response", "A title")])];
    let prompt = event(10, "user_prompt", "", &PROMPT);
    let known = one_by_one(&[&title[..], std::slice::from_ref(&prompt)].concat());
    let expected = [("chat m", 9.0, Some(9.0), None), ("invoke_agent coder", 10.0, None, None)];
    assert_eq!(times(&known), expected);
    assert_eq!(one_by_one(&[std::slice::from_ref(&prompt), &title].concat()), known);
}

#[test]
fn attempts_count_from_one_whichever_number_the_event_begins_with() {
    let attempts = |name: &str, attempt: &str| {
        let failed = with(&[("error.message", "overloaded"), ("attempt", attempt), ("model", "m")]);
        let (batch, _) = read(&mut Turns::default(), &[event(10, name, "", &failed)]);
        batch.spans.iter().find_map(|span| span.facts.attempt)
    };
    assert_eq!(["0", "1", "2"].map(|attempt| attempts("x.api_request", attempt)), [None, Some(2), Some(3)]);
    assert_eq!(["1", "3"].map(|attempt| attempts("api_error", attempt)), [None, Some(3)]);
}

#[test]
fn details_count_only_where_nothing_else_tells_of_the_call() {
    let details = |span: &str| {
        let event = event(
            11,
            "gen_ai.client.inference.operation.details",
            TRACE,
            &[("gen_ai.conversation.id", "s"), ("gen_ai.usage.input_tokens", "7"), ("gen_ai.request.model", "m")],
        );
        event.replacen('{', &format!(r#"{{"spanId":"{span}","#), 1)
    };
    assert_eq!(read(&mut Turns::default(), &[details("")]).0.spans.len(), 2);
    assert_eq!(read(&mut Turns::default(), &[details("b7ad6b7169203331")]).0.spans.len(), 0, "the span has it");
    let response = event(11, "x.api_response", TRACE, &[("session.id", "s"), ("input_token_count", "7"), ("model", "m")]);
    for events in [[response.clone(), details("")], [details(""), response]] {
        let (batch, _) = read(&mut Turns::default(), &events);
        assert_eq!(batch.spans.iter().filter(|span| span.facts.span_type.calls_model()).count(), 1, "in any order");
        assert_eq!(one_by_one(&events).len(), 2, "the turn and its call");
    }
}

#[test]
fn every_call_of_a_long_turn_is_told_once() {
    let call = with(&[("input_tokens", "7"), ("model", "m")]);
    let tool = |second, name| event(second, name, "", &with(&[("decision", "accept"), ("call_id", "c"), ("tool_name", "bash")]));
    let calls = (12..5012).map(|second| event(second, "x.api_request", "", &call));
    let events: Vec<String> = [event(10, "x.user_prompt", "", &PROMPT), tool(11, "x.tool_decision")].into_iter().chain(calls).collect();
    let mut turns = Turns::default();
    let (batch, _) = read(&mut turns, &events);
    assert_eq!((batch.spans.len(), root(&batch).end), (5002, None), "the tool runs");
    let (batch, _) = read(&mut turns, &[tool(6000, "x.tool_result"), event(6001, "x.api_request", "", &call)]);
    let tool = batch.spans.iter().find(|span| span.name != root(&batch).name && !span.facts.span_type.calls_model()).expect("a tool");
    assert_eq!((batch.spans.len(), tool.start, tool.end), (3, 11 * SECOND, Some(6000 * SECOND)));
    assert_eq!((root(&batch).start, root(&batch).end), (10 * SECOND, Some(6001 * SECOND)));
}

#[test]
fn the_number_and_the_size_of_turns_are_bounded() {
    let mut turns = Turns::default();
    let text = "x".repeat(100_000);
    for number in 0..2000 {
        let prompt = format!("p{number}");
        let attributes = [("session.id", "s"), ("prompt.id", prompt.as_str()), ("prompt", text.as_str())];
        read(&mut turns, &[event(10 + number, "x.user_prompt", "", &attributes)]);
    }
    assert!(turns.by_key.len() <= MAX_TURNS && turns.bytes <= MAX_BYTES, "{} {}", turns.by_key.len(), turns.bytes);
    assert!(turns.order.len() <= 64 * MAX_TURNS);
    // The ids of tools count, too.
    for number in 0..500 {
        let id = format!("{number}{text}");
        let attributes = [("session.id", "s"), ("prompt.id", "one"), ("decision", "accept"), ("call_id", id.as_str())];
        read(&mut turns, &[event(10, "x.tool_decision", "", &attributes)]);
    }
    assert!(turns.bytes <= MAX_BYTES, "{}", turns.bytes);
    let ids: usize = turns.by_key.values().map(Turn::bytes).sum();
    assert_eq!(ids, turns.bytes);
}
