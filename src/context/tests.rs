#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::parts::apportion;
use super::*;
use crate::model::{Attribute, Payload, Value};

const SECOND: Nanos = 1_000_000_000;

fn attribute(name: &str, value: &str) -> Attribute {
    (name.to_owned(), Value::Text(value.to_owned()))
}

/// A model call as OpenInference records it: the names of tools, and messages with their roles.
fn payload(tools: &[&str], messages: &[(&str, &str)]) -> Payload {
    let tools = tools.iter().enumerate().map(|(at, tool)| {
        attribute(&format!("llm.tools.{at}.tool.json_schema"), &format!(r#"{{"name": "{tool}", "description": "Does what {tool} says."}}"#))
    });
    let messages = messages.iter().enumerate().flat_map(|(at, (role, text))| {
        let prefix = format!("llm.input_messages.{at}.message");
        [attribute(&format!("{prefix}.role"), role), attribute(&format!("{prefix}.content"), text)]
    });
    Payload { attributes: tools.chain(messages).collect(), ..Payload::default() }
}

fn content(tools: &[&str], messages: &[(&str, &str)]) -> Content {
    Content::read(&payload(tools, messages))
}

fn change(old: (&[&str], &[(&str, &str)]), new: (&[&str], &[(&str, &str)])) -> Diff {
    diff::diff(&content(old.0, old.1), &content(new.0, new.1))
}

const LONG: &str = "You are a careful assistant of a shop. Today is Monday. Be kind to everybody and never promise a refund.";

#[test]
fn parts_add_up_to_the_stated_input() {
    let system = format!("{LONG}\n<memories_from_previous_interactions>\n- Ann likes tea\n</memories_from_previous_interactions>");
    let question = "What do you know?\n<references>\n[1, 2, 3]\n</references>";
    let messages = [("system", system.as_str()), ("user", "Hi"), ("assistant", "Hello"), ("user", question), ("tool", "18C")];
    let (parts, pieces) = parts::parts(&content(&["weather", "search"], &messages), Some(1001));
    let tokens = parts.tokens().unwrap();
    assert_eq!(tokens.iter().sum::<u64>(), 1001);
    assert!(tokens.iter().all(|tokens| *tokens > 0), "{tokens:?}");
    assert_eq!(parts.shares().unwrap().iter().sum::<u64>(), 10_000);
    assert_eq!(pieces.iter().map(|piece| piece.tokens.unwrap()).sum::<u64>(), 1001);
    assert_eq!(pieces.iter().map(|piece| piece.share).sum::<u64>(), 10_000);
    let names = |kind| pieces.iter().filter(|piece| piece.kind == kind).map(|piece| piece.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names(PartKind::Tools), ["weather", "search"]);
    assert_eq!(names(PartKind::Memory), ["memories_from_previous_interactions"]);
    assert_eq!(names(PartKind::Knowledge), ["references"]);
    assert_eq!(names(PartKind::History), ["assistant", "user"]);
    assert_eq!((names(PartKind::New), names(PartKind::Results)), (vec!["user"], vec!["tool"]));
    let (unknown, pieces) = parts::parts(&content(&[], &messages), None);
    assert_eq!((unknown.tokens(), pieces[0].tokens), (None, None));
    assert!(unknown.shares().is_some());
    let (empty, pieces) = parts::parts(&Content::default(), Some(7));
    assert_eq!((empty.tokens(), empty.shares(), pieces.len()), (None, None, 0));
}

#[test]
fn only_closed_wrappers_are_parts() {
    let kinds = |text: &str| {
        let (_, pieces) = parts::parts(&content(&[], &[("system", text)]), Some(100));
        pieces.into_iter().map(|piece| piece.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds("<user_memory>a</user_memory> b"), [PartKind::System, PartKind::Memory]);
    assert_eq!(kinds("<user_memory>a"), [PartKind::System]);
    assert_eq!(kinds("a < b <p>memory</p> <> <memoryé>x</memoryé>"), [PartKind::System]);
    assert_eq!(kinds(&"<memory>".repeat(3000)), [PartKind::System]);
}

#[test]
fn a_change_is_found_with_its_place() {
    let base: &[(&str, &str)] = &[("system", LONG), ("user", "Hi"), ("assistant", "Hello"), ("user", "Weather?")];
    let tools: &[&str] = &["a", "b", "c"];
    let longer = [base, &[("assistant", "calls"), ("tool", "18C")]].concat();
    let grown = change((tools, base), (tools, &longer));
    assert_eq!(grown, Diff { kept: 4, added: 2, ..Diff::default() });
    let first = |new_tools: &[&str], new: &[(&str, &str)]| change((tools, base), (new_tools, new)).first;
    assert_eq!(first(&["a", "c", "b"], base), Some(Change::ToolsReordered { tool: "c".to_owned() }));
    assert_eq!(first(&["a", "b", "c", "d"], base), Some(Change::ToolAdded { tool: "d".to_owned() }));
    assert_eq!(first(&["a", "x", "b", "c"], base), Some(Change::ToolAdded { tool: "x".to_owned() }));
    assert_eq!(first(&["a", "c"], base), Some(Change::ToolRemoved { tool: "b".to_owned() }));
    let monday = LONG.replace("Monday", "Mönday");
    let edited = [&[("system", monday.as_str())], &longer[1..]].concat();
    let Diff { kept, added, changed, first: Some(Change::MessageChanged { message: 0, role, at, sides }), .. } =
        change((tools, base), (tools, &edited))
    else {
        panic!()
    };
    assert_eq!((kept, added, changed, role.as_str(), at), (3, 2, 1, "system", LONG.find("onday").unwrap()));
    assert!(sides.before.contains("Monday. Be") && sides.after.contains("Mönday. Be"), "{sides:?}");
    assert!(sides.before.starts_with('…') && sides.before.ends_with("a refund."), "{sides:?}");
    assert_eq!(first(tools, &[base[0], base[2], base[3]]), Some(Change::MessagesDropped { message: 1, count: 1 }));
    assert_eq!(
        first(tools, &[base[0], ("user", "New"), base[1], base[2], base[3]]),
        Some(Change::MessagesInserted { message: 1, count: 1 })
    );
    assert_eq!(first(tools, &[base[0]]), Some(Change::MessagesDropped { message: 1, count: 3 }));
}

#[test]
fn a_changed_schema_and_a_compaction_are_told() {
    let mut changed = payload(&["a", "b"], &[("user", "Hi")]);
    changed.attributes[1] = attribute("llm.tools.1.tool.json_schema", r#"{"name": "b", "description": "Does something else."}"#);
    let diff = diff::diff(&content(&["a", "b"], &[("user", "Hi")]), &Content::read(&changed));
    let Some(Change::ToolChanged { tool, at, sides }) = diff.first else { panic!("{diff:?}") };
    assert_eq!((tool.as_str(), at), ("b", r#"{"name": "b", "description": "Does "#.len()));
    assert!(sides.after.ends_with("something else.\"}"), "{sides:?}");
    let turns: Vec<(&str, String)> =
        (0..8).map(|turn| (["user", "assistant"][turn % 2], format!("turn {turn} of a long conversation"))).collect();
    let turns: Vec<(&str, &str)> = turns.iter().map(|(role, text)| (*role, text.as_str())).collect();
    let old = [&[("system", LONG)], &turns[..]].concat();
    let compacted = [&[("system", LONG), ("user", "Summary: they talked.")], &turns[6..], &[("user", "And now?")]].concat();
    let diff = change((&[], &old), (&[], &compacted));
    assert_eq!(diff.first, Some(Change::Compacted { message: 1, count: 6, by: 1 }));
    assert_eq!((diff.kept, diff.dropped, diff.added), (3, 6, 2));
}

fn facts(model: &str, start: Nanos, input: u32, cache_read: Option<u32>) -> CallFacts {
    CallFacts { model: model.to_owned(), start, end: start + SECOND, input: Some(input), cache_read, ..CallFacts::default() }
}

#[test]
fn unrelated_calls_side_by_side_have_no_cause() {
    let (mut comparer, mut run) = (Comparer::default(), RunReport::default());
    let texts = ["Route the question to one of three agents.", "Answer as a pirate would, with rum."];
    for turn in 0..6 {
        let system = texts[turn % 2];
        let mut messages = vec![("system", system)];
        messages.extend(std::iter::repeat_n(("user", "More, please."), turn / 2 + 1));
        run.add(comparer.read(facts("m", turn as Nanos * 10 * SECOND, 2000, Some(1920)), content(&[], &messages)));
    }
    let since: Vec<_> = run.calls().iter().map(|call| call.since.as_ref().map(|(at, diff)| (*at, diff.first.clone()))).collect();
    assert_eq!(since[2..], [0, 1, 2, 3].map(|at| Some((Before::OfRun(at), None))));
    assert!(run.calls().iter().all(|call| call.verdict.cause.is_none()));
    assert_eq!(run.summary(), Summary { calls: 6, misses: 0, inputs: 6, input: 12_000, reused: 6 * 1920, rebuilt: 0, is_reported: true });
}

#[test]
fn tools_that_no_call_uses_are_known() {
    let (mut comparer, mut run) = (Comparer::default(), RunReport::default());
    let mut call = payload(&["used", "unused"], &[("user", "Hi")]);
    call.attributes.push(attribute("llm.output_messages.0.message.role", "assistant"));
    call.attributes.push(attribute("llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "used"));
    run.add(comparer.read(facts("m", 0, 100, None), Content::read(&call)));
    run.add(comparer.skip(facts("m", 5, 50, None)));
    let unused: Vec<_> = run.unused_tools().iter().map(|(name, tool)| (*name, tool.calls, tool.tokens > 0)).collect();
    assert_eq!(unused, [("unused", 1, true)]);
    assert_eq!(["used", "unused"].map(|tool| run.is_called(tool)), [true, false]);
    let calls = run.calls();
    assert_eq!((calls[0].tools, calls[0].pieces.is_empty()), (Some(2), false));
    assert_eq!((calls[1].is_partial, calls[1].verdict.outcome), (true, Outcome::NotReported));
}

#[test]
fn lost_messages_are_not_compared() {
    let (mut comparer, mut run) = (Comparer::default(), RunReport::default());
    let late = Payload {
        attributes: vec![attribute("llm.input_messages.7.message.role", "user"), attribute("llm.input_messages.7.message.content", "Hi")],
        ..Payload::default()
    };
    for start in [0, 10] {
        run.add(comparer.read(facts("m", start * SECOND, 5000, Some(0)), Content::read(&late)));
    }
    assert!(run.calls().iter().all(|call| call.since.is_none() && call.verdict.outcome == Outcome::NotReported));
}

#[test]
fn many_small_pieces_are_one() {
    let tools: Vec<String> = (0..200).map(|tool| format!("tool_{tool:03}")).collect();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let (_, pieces) = parts::parts(&content(&tools, &[("user", "Hi")]), Some(100_000));
    assert_eq!((pieces.len(), pieces[49].name.as_str(), pieces[49].count), (51, "others", 151));
    assert_eq!(pieces.iter().filter_map(|piece| piece.tokens).sum::<u64>(), 100_000);
}

proptest! {
    #[test]
    fn shares_add_up(whole in 0..u64::from(u32::MAX), sizes in prop::collection::vec(0..1_000_000_000_u64, 1..20)) {
        let shares = apportion(whole, &sizes);
        let expected = if sizes.iter().all(|size| *size == 0) { 0 } else { whole };
        prop_assert_eq!(shares.iter().sum::<u64>(), expected);
    }

    #[test]
    fn any_two_contents_are_compared(old in prop::collection::vec("[ab]{0,3}|é<memory>", 0..8), new in prop::collection::vec("[ab]{0,3}|é<memory>", 0..8)) {
        let read = |texts: &[String]| content(&["a"], &texts.iter().map(|text| ("user", text.as_str())).collect::<Vec<_>>());
        let (old, new) = (read(&old), read(&new));
        let diff = diff::diff(&old, &new);
        prop_assert_eq!(diff.kept + diff.changed + diff.dropped, old.messages().len());
        prop_assert_eq!(diff.kept + diff.changed + diff.added, new.messages().len());
        let goes_on = old.segments.iter().zip(&new.segments).all(|(one, other)| one.hash == other.hash) && old.segments.len() <= new.segments.len();
        prop_assert_eq!(diff.first.is_none(), goes_on);
    }
}

#[test]
fn texts_that_come_again_and_again_are_no_landmarks() {
    let turn = |number: usize| [("assistant", ["look 0", "look 1", "look 2", "look 3"][number]), ("tool", "ok")];
    let old = [&[("system", LONG), ("user", "Hi")], &turn(0)[..], &turn(1), &turn(2)].concat();
    let compacted = [&[("system", LONG), ("user", "Hi"), ("assistant", "Sum.")], &turn(3)[..]].concat();
    let diff = change((&[], &old), (&[], &compacted));
    assert_eq!(diff.first, Some(Change::Compacted { message: 2, count: 6, by: 3 }));
    let slid = [&old[..2], &old[4..], &turn(3)].concat();
    let diff = change((&[], &old), (&[], &slid));
    assert_eq!(diff.first, Some(Change::MessagesDropped { message: 2, count: 2 }));
    assert_eq!((diff.kept, diff.dropped, diff.added), (6, 2, 2));
}

#[test]
fn a_part_is_told_with_its_texts() {
    let system = format!("{LONG}\n<memories>\n- tea\n</memories> Yours.");
    let long = "x".repeat(5000);
    let messages = [("system", system.as_str()), ("user", "Hi"), ("tool", "18C"), ("tool", long.as_str()), ("user", "And now?")];
    let content = content(&["weather"], &messages);
    let texts = |kind| {
        let (texts, more) = content.texts(kind);
        assert_eq!(more, 0);
        texts.into_iter().map(|text| (text.name, text.message, text.text, text.left_out)).collect::<Vec<_>>()
    };
    assert_eq!(texts(PartKind::System), [("system".to_owned(), Some(0), format!("{LONG}\n Yours."), 0)]);
    assert_eq!(texts(PartKind::Memory), [("memories".to_owned(), Some(0), "<memories>\n- tea\n</memories>".to_owned(), 0)]);
    assert_eq!(texts(PartKind::History), [("user".to_owned(), Some(1), "Hi".to_owned(), 0)]);
    assert_eq!(texts(PartKind::New), [("user".to_owned(), Some(4), "And now?".to_owned(), 0)]);
    assert_eq!(
        texts(PartKind::Results),
        [("tool".to_owned(), Some(3), "x".repeat(4000), 1000), ("tool".to_owned(), Some(2), "18C".to_owned(), 0)]
    );
    assert_eq!((texts(PartKind::Tools)[0].0.as_str(), texts(PartKind::Tools)[0].1), ("weather", None));
    let many = [("tool", "ok"); 300];
    let (texts, more) = super::tests::content(&[], &many).texts(PartKind::Results);
    assert_eq!((texts.len(), more), (200, 100));
}

proptest! {
    #[test]
    fn a_run_without_suspects_has_no_misses(before in 0..4_usize, calls in prop::collection::vec((0_u32..6000, 0_u32..6000, any::<bool>(), 0_u32..3000, 0..3_usize, 0..2_usize), 1..8)) {
        let (mut comparer, mut report, mut facts) = (Comparer::default(), RunReport::default(), Vec::new());
        for (at, (input, read, states, write, text, model)) in calls.into_iter().enumerate() {
            let call = CallFacts {
                model: ["one", "other"][model].to_owned(),
                start: at as Nanos * SECOND,
                end: at as Nanos * SECOND + 1,
                input: Some(input),
                cache_read: states.then_some(read.min(input)),
                cache_write: (write > 2000).then_some(write.min(input)),
                ..CallFacts::default()
            };
            facts.push(call.clone());
            let payload = payload(&[], &[("system", LONG), ("user", ["a", "b", "c"][text])]);
            if at < before {
                report.add_earlier(comparer.read_earlier(call, [&payload]));
            } else {
                report.add(comparer.read_payloads(call, [&payload]));
            }
        }
        let (earlier, own) = facts.split_at(before.min(facts.len()));
        prop_assert!(may_miss(earlier, own) || report.summary().misses == 0);
    }
}

#[test]
fn a_run_goes_on_with_the_one_before_it_in_its_session() {
    let call = |at: i64, input: u32, read: u32| CallFacts {
        model: "m".to_owned(),
        start: at * SECOND,
        end: at * SECOND + SECOND / 2,
        input: Some(input),
        cache_read: Some(read),
        ..CallFacts::default()
    };
    let told = |messages: &[(&str, &str)], read: u32, is_first: bool, at: i64| {
        let earlier = [("system", LONG), ("user", "Who was Ada?")];
        let (mut comparer, mut report) = (Comparer::default(), RunReport::default());
        if is_first {
            report.set_first();
        } else {
            report.add_earlier(comparer.read_earlier(call(0, 2000, 0), [&payload(&[], &earlier)]));
        }
        report.add(comparer.read_payloads(call(at, 3000, read), [&payload(&[], messages)]));
        let call = &report.calls()[0];
        (call.since.as_ref().map(|(before, _)| *before), call.verdict.outcome, call.verdict.cause.clone())
    };
    let goes_on = &[("system", LONG), ("user", "Who was Ada?"), ("assistant", "A mathematician."), ("user", "And Grace?")];
    let edited = LONG.replace("Monday", "Tuesday");
    let dated = [&[("system", edited.as_str())], &goes_on[1..]].concat();
    let alone = &[("system", LONG), ("user", "And Grace?")];
    let before = Some(Before::OfSession(0));
    assert_eq!(told(goes_on, 1920, false, 1), (before, Outcome::Hit, None));
    assert_eq!(told(goes_on, 0, false, 1), (before, Outcome::Miss, Some(Cause::Provider { idle: SECOND / 2 })));
    assert!(matches!(told(goes_on, 0, false, 600), (_, Outcome::Miss, Some(Cause::Expired { .. }))));
    assert!(matches!(told(&dated, 0, false, 1), (_, Outcome::Miss, Some(Cause::Changed(Change::MessageChanged { message: 0, .. })))));
    // The same instructions alone are no conversation.
    assert_eq!(told(alone, 0, false, 1), (None, Outcome::First, None));
    assert_eq!(told(goes_on, 0, true, 1), (None, Outcome::FirstOfSession, None));
}
