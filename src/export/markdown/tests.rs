use super::*;
use crate::export::{Exporter, Format, Options};
use crate::model::{SpanId, Status, TraceId};

fn trace() -> TraceRecord {
    TraceRecord {
        source: "a.db".to_owned(),
        trace_id: TraceId::new([1; 16]).unwrap(),
        name: "Report_Team.run".to_owned(),
        root: "Report_Team.run".to_owned(),
        label: String::new(),
        status: RunStatus::Error,
        start: 1_795_327_144_000_000_000,
        end: Some(1_795_327_146_500_000_000),
        duration_ms: Some(2500.0),
        spans: 3,
        errors: 1,
        failed_steps: 1,
        failed: true,
        agent: Some("Report Team".to_owned()),
        session: None,
        user: Some("ann\u{1b}[2J".to_owned()),
        other_traces: Vec::new(),
        covers_other_traces: false,
        until: 1_795_327_146_500_000_000,
        scope: Vec::new(),
        usage: UsageRecord { input_tokens: Some(1200), output_tokens: Some(30), cost_usd: Some(0.0123), ..UsageRecord::default() },
        approvals: Vec::new(),
        scores: Vec::new(),
    }
}

fn text(name: &str, value: &str) -> (String, Value) {
    (name.to_owned(), Value::Text(value.to_owned()))
}

fn spans() -> Vec<ExportedSpan> {
    let span = |n: u8, kind, depth, attributes| {
        let mut record =
            SpanRecord::new(TraceId::new([1; 16]).unwrap(), SpanId::new([n; 8]).unwrap(), format!("span{n}"), 0, Some(1_500_000_000));
        record.kind = kind;
        ExportedSpan { record, status: Status::Ok, depth, payload: Payload { attributes, ..Payload::default() } }
    };
    let asked =
        || vec![text("llm.input_messages.0.message.role", "user"), text("llm.input_messages.0.message.content", "What is ``` in it?")];
    let mut first = asked();
    first.extend([
        text("llm.output_messages.0.message.role", "assistant"),
        text("llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "look_up"),
        text("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", "{\"q\": 1}"),
    ]);
    let mut second = asked();
    second.extend([
        text("llm.input_messages.1.message.role", "tool"),
        text("llm.input_messages.1.message.content", "42 found"),
        text("llm.output_messages.0.message.role", "assistant"),
        text("llm.output_messages.0.message.content", &format!("It is 42. {}", "And so on. ".repeat(200))),
    ]);
    let mut agent = span(1, SpanType::Agent, 0, Vec::new());
    agent.record.agent = Some("Report Team".to_owned());
    let mut model = span(2, SpanType::Model, 1, first);
    model.record.model = Some("gpt-5".to_owned());
    model.record.usage.input_tokens = Some(1200);
    let mut tool = span(3, SpanType::Tool, 1, vec![text("input.value", "{\"q\": 1}"), text("output.value", "42 found")]);
    tool.record.tool = Some("look_up".to_owned());
    (tool.record.status, tool.payload.status_message) = (RunStatus::Error, "half of it is *missing*".to_owned());
    vec![agent, model, tool, span(4, SpanType::Model, 1, second)]
}

fn report(max_chars: Option<usize>, traces: usize) -> String {
    let options = Options { format: Format::Markdown, max_chars, ..Options::default() };
    let mut exporter = Exporter::new(&options, Vec::new());
    for _ in 0..traces {
        exporter.trace(trace()).unwrap();
        for span in spans() {
            exporter.span(span).unwrap();
        }
    }
    String::from_utf8(exporter.finish().unwrap()).unwrap()
}

#[test]
fn a_report_has_totals_tree_errors_and_each_message_once() {
    let report = report(None, 1);
    for wanted in [
        "# Report_Team.run\n",
        "- took: 2.50s\n",
        "- used: 1,200 in, 30 out, $0.0123\n",
        "- spans: 3, 1 failed\n",
        "- user: ann\n",
        "agent Report Team  1.50s\n  model gpt-5  1.50s  1,200 in\n  tool look_up  1.50s  ERROR ",
        "**tool look_up**\n\n```text\nhalf of it is *missing*\n```\n",
        "Each message is written once",
        "\n### call 1: model gpt-5 (1,200 in)\n\n**user**\n",
        "\n### call 2: model span4\n\n**assistant**\n",
        "**user**\n\n````text\nWhat is ``` in it?\n````\n",
        "**calls** look_up\n\n```text\n{\"q\": 1}\n```\n",
        "**result**\n\n```text\n42 found\n```\n",
        "**assistant**\n\n```text\nIt is 42. And so on.",
    ] {
        assert!(report.contains(wanted), "{wanted:?} is not in:\n{report}");
    }
    assert_eq!(report.matches("What is").count(), 1, "{report}");
    assert_eq!(report.matches("42 found").count(), 1, "{report}");
    assert!(!report.contains('\u{1b}'));
}

#[test]
fn a_report_is_cut_to_any_size_and_says_so() {
    let whole = report(None, 1).chars().count();
    for limit in [0, 1, 7, 20, 100, 300, 500, 900, 1500, 2000, whole - 1] {
        let report = report(Some(limit), 1);
        assert!(report.chars().count() <= limit, "{limit}: {}", report.chars().count());
        assert!(limit < 10 || report.contains("cut"), "{limit}:\n{report}");
    }
    let cut = report(Some(1500), 1);
    assert!(cut.contains("characters cut)") && cut.contains("42 found") && cut.contains("half of it"), "{cut}");
    assert_eq!(report(Some(whole + NOTE_SIZE), 1).chars().count(), whole);
    let several = report(Some(whole + 200), 3);
    assert!(several.chars().count() <= whole + 200 && several.contains("*2 more traces cut.*"), "{several}");
}

/// The conversation of a report about an agent with one model call below it, each with these inputs and outputs.
fn conversation_of(agent: [&str; 2], model: [&str; 2]) -> String {
    let [mut above, mut below] = [SpanType::Agent, SpanType::Model].map(|kind| {
        let mut span = spans().remove(0);
        span.record.kind = kind;
        span
    });
    let exchange = |[input, output]: [&str; 2]| vec![text("input.value", input), text("output.value", output)];
    (above.payload.attributes, below.payload.attributes, below.depth) = (exchange(agent), exchange(model), 1);
    below.record.model = Some("m".to_owned());
    let mut exporter = Exporter::new(&Options { format: Format::Markdown, ..Options::default() }, Vec::new());
    exporter.trace(trace()).unwrap();
    for span in [above, below] {
        exporter.span(span).unwrap();
    }
    let report = String::from_utf8(exporter.finish().unwrap()).unwrap();
    report.split_once("## Conversation\n").map(|(_, talk)| talk.replace("```text\n", "").replace("\n```", "")).unwrap_or_default()
}

#[test]
fn inputs_and_outputs_are_messages_and_appear_once() {
    assert_eq!(
        conversation_of(["the question", "the answer"], ["model q", "\"model\\na\""]),
        "
### agent Report Team

**input**

the question

### call 1: model m

**input**

model q

**output**

model
a

### agent Report Team

**output**

the answer
"
    );
    let talk = conversation_of(["the question", "the answer"], ["the question", "the answer\n"]);
    assert_eq!((talk.matches("the question").count(), talk.matches("the answer").count()), (1, 1), "{talk}");
    let messages = [r#"[{"role": "user", "content": "the question"}]"#, r#"{"role": "assistant", "content": "yes"}"#];
    let talk = conversation_of(["the question", "yes"], messages);
    assert_eq!((talk.matches("the question").count(), talk.matches("yes").count()), (1, 1), "{talk}");
    let messages = [r#"[{"role": "", "content": "the question"}]"#, r#"{"content": "yes"}"#];
    let talk = conversation_of(["the question", "yes"], messages);
    assert!(!talk.contains("****") && talk.contains("yes"), "a message without a role has a heading: {talk}");
    assert!(conversation_of(["yes", "no"], ["yes", "yes"]).matches("yes").count() == 2, "a model may repeat what it is told");
}

#[test]
fn headings_without_content_say_so() {
    let mut report = Report::new(String::new());
    let mut tool = spans().remove(2);
    tool.payload.attributes.clear();
    write_tool(&tool, &mut HashSet::new(), &mut report);
    let message = |text: &str| ("user".to_owned(), Message { role: "user".to_owned(), text: text.to_owned(), ..Message::default() });
    write_messages("model m".to_owned(), &[message(""), message("hi")], &mut HashSet::new(), &mut report);
    let headings: Vec<&str> = report.messages.iter().map(|(heading, _)| heading.as_str()).collect();
    assert_eq!(headings, ["### tool look_up (no input or output recorded)", "### model m", "**user** (empty)", "**user**"]);
}

#[test]
fn many_long_texts_use_the_available_space() {
    for limit in [8000, 9000, 10_000] {
        let mut exporter = Exporter::new(&Options { format: Format::Markdown, max_chars: Some(limit), ..Options::default() }, Vec::new());
        exporter.trace(trace()).unwrap();
        for n in 0..40 {
            let mut span = spans().remove(1);
            span.payload.attributes = vec![text("output.value", &format!("{n}").repeat(500))];
            exporter.span(span).unwrap();
        }
        let used = String::from_utf8(exporter.finish().unwrap()).unwrap().chars().count();
        assert!(used <= limit && limit - used < NOTE_SIZE + 80, "{used} of {limit}");
    }
}

#[test]
fn a_call_that_two_spans_report_counts_once_and_the_context_is_a_section() {
    let mut spans = spans();
    let mut again = spans[1].clone();
    (again.record.duplicate, again.depth) = (true, 2);
    spans.insert(2, again);
    let mut exporter = Exporter::new(&Options { format: Format::Markdown, ..Options::default() }, Vec::new());
    exporter.trace(TraceRecord { scope: vec!["1 run leaked".to_owned()], ..trace() }).unwrap();
    exporter.context("- agent Clerk: 2 calls\n  - call 1: 10 in\n");
    spans.into_iter().try_for_each(|span| exporter.span(span)).unwrap();
    let report = String::from_utf8(exporter.finish().unwrap()).unwrap();
    let calls: Vec<&str> = report.lines().filter(|line| line.starts_with("### ") && line.contains("model ")).collect();
    assert_eq!(
        calls,
        [
            "### call 1: model gpt-5 (1,200 in)",
            "### model gpt-5 (1,200 in), a call that another span reports, too, no new messages",
            "### call 2: model span4"
        ]
    );
    assert!(report.ends_with("\n## Context\n\nParts marked ~ are estimated by length; they add up to the stated input.\n\n- agent Clerk: 2 calls\n  - call 1: 10 in\n"));
    assert!(report.contains("\n- covers: 1 run leaked\n"), "{report}");
}
