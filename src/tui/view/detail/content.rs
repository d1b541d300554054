//! The pages of the tabs that show the payload.

use super::{conversation, preview};
use crate::format;
use crate::model::sort;
use crate::model::{Attribute, Payload, Value};
use crate::semconv::{self, Message};
use crate::setup;
use crate::tui::app::compare::{TextLine, Texts};
use crate::tui::app::{Page, Tab, value_text};
use crate::tui::display;
use crate::tui::widget::chat::{self, Part};
use crate::tui::widget::json;
use crate::tui::widget::text::{Document, TextRole};

/// The largest number of lines of a text in a comparison.
const MAX_EXCHANGE_LINES: usize = 40;

/// The largest number of bytes of such a line.
const MAX_EXCHANGE_BYTES: usize = 4096;

/// What the tree tells about a span beside its payload.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    /// The name of the tool that the span calls.
    pub(super) tool: Option<&'a str>,
    /// Whether model calls stand below the span.
    pub(super) has_calls: bool,
    /// The name of the service.
    pub(super) service: &'a str,
    /// The question that the step above states.
    pub(super) asked: Option<Asked<'a>>,
}

/// The question that the step above a model call states.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The beginning of its input.
    pub(super) beginning: &'a str,
    /// Its payload, once that arrived.
    pub(super) step: Option<&'a Payload>,
}

/// Returns the page of a tab. Of a long value it holds the beginning; the pager lays out the rest on demand.
pub(super) fn page(tab: Tab, payload: &Payload, place: Place<'_>) -> Page {
    match tab {
        Tab::Overview | Tab::Why | Tab::Context | Tab::Logs => Page::default(),
        Tab::Messages => messages(payload, place).into(),
        Tab::Input => value(semconv::input(&payload.attributes), "No input is recorded on this span."),
        Tab::Output => value(semconv::output_of(payload), "No output is recorded on this span."),
        Tab::Attributes => attributes(payload),
        Tab::Events => events(payload).into(),
    }
}

/// Returns a line that explains why there is nothing to show.
pub(super) fn note(text: &str) -> Document {
    let mut document = Document::new();
    document.begin_line(0, 0);
    document.push(text, TextRole::Faint);
    document
}

/// Returns the conversation with a model. A span without messages shows its input and output instead.
fn messages(payload: &Payload, place: Place<'_>) -> Document {
    let asked = place.asked;
    let conversation = semconv::conversation(payload);
    let recorded: Vec<&Message> = conversation.input.iter().chain(&conversation.output).collect();
    let mut shown = conversation::pair_results(&recorded);
    let (input, output) = input_output(payload, semconv::tool(&payload.attributes).or(place.tool));
    let above = asked.and_then(|asked| asked.step).map(semconv::conversation).unwrap_or_default();
    if conversation.input.is_empty() {
        match (input, asked) {
            (None, Some(asked)) if !conversation.output.is_empty() || output.is_some() => {
                let source = |what: &'static str| chat::Message { role: "".into(), parts: vec![Part::Media(what.into())] };
                let alone = || asked.step.and_then(|step| input_output(step, semconv::tool(&step.attributes)).0);
                let mut question = match alone() {
                    _ if !above.input.is_empty() => conversation::pair_results(&above.input.iter().collect::<Vec<_>>()),
                    Some(message) => vec![message],
                    None => vec![chat::Message { role: "user".into(), parts: vec![Part::Text(json::string(asked.beginning))] }],
                };
                let is_whole = asked.step.is_some();
                question.push(source(if is_whole {
                    "the input of the step above"
                } else {
                    "the beginning of the input of the step above"
                }));
                shown.splice(0..0, question);
            }
            (input, _) => drop(shown.splice(0..0, input)),
        }
    }
    if conversation.output.is_empty() {
        shown.extend(output);
    }
    if let Some(what) = missing_messages(payload) {
        shown.insert(0, chat::Message { role: "".into(), parts: vec![Part::Media(what.into())] });
    }
    if recorded.is_empty() && place.has_calls && !shown.is_empty() {
        let hint = "The model calls below this span may hold more messages.";
        shown.push(chat::Message { role: "".into(), parts: vec![Part::Media(hint.into())] });
    }
    if !payload.status_message.is_empty() {
        shown.push(chat::Message { role: "error".into(), parts: vec![Part::Error(payload.status_message.as_str().into())] });
    }
    if shown.is_empty() {
        let hint = setup::content_command(place.service).map(|command| format!(" {command} makes the agent send them."));
        note(&format!("No messages are recorded on this span.{}", hint.unwrap_or_default()))
    } else {
        chat::document(&shown)
    }
}

/// Says that messages are missing, because the sender limits the number of attributes.
fn missing_messages(payload: &Payload) -> Option<String> {
    let dropped = payload.dropped.attributes;
    if semconv::lacks_first_messages(&payload.attributes) {
        return Some("earlier messages were dropped by the sender".to_owned());
    }
    (dropped > 0).then(|| format!("{} dropped by the sender: messages may be missing", format::plural(dropped.into(), "attribute")))
}

/// Returns the input and the output of a span: the messages of a model call, else the values.
fn exchange(payload: &Payload) -> [Document; 2] {
    let conversation = semconv::conversation(payload);
    if conversation.input.is_empty() && conversation.output.is_empty() {
        let value = |value: Option<&Value>| value.map_or_else(Document::new, |value| json::document(&value_text(value)));
        return [value(semconv::input(&payload.attributes)), value(semconv::output_of(payload))];
    }
    [conversation.input, conversation.output]
        .map(|messages| chat::document(&conversation::pair_results(&messages.iter().collect::<Vec<_>>())))
}

/// Returns the first lines of the input and the output of a step.
#[must_use]
pub fn exchange_texts(payload: &Payload) -> Texts {
    let [input, output] = exchange(payload).each_ref().map(first_lines);
    let line = |parameter| {
        let text = display::parameters(std::slice::from_ref(parameter));
        TextLine { text: format::safe(&text).into_owned(), ..TextLine::default() }
    };
    let parameters = semconv::parameters(&payload.attributes).iter().map(line).collect();
    Texts { parameters, input, output }
}

/// Returns the parameters of a model call in words; empty if it states none.
#[must_use]
pub fn parameters(payload: &Payload) -> String {
    display::parameters(&semconv::parameters(&payload.attributes))
}

fn first_lines(document: &Document) -> Vec<TextLine> {
    let line = |line| TextLine { text: beginning(document.line_text(line)), indent: document.indent(line), hang: document.hang(line) };
    (0..document.lines().min(MAX_EXCHANGE_LINES)).map(line).collect()
}

/// Returns the beginning of a line, which ends in `…` if it is cut.
fn beginning(line: &str) -> String {
    let start = preview::beginning(line, MAX_EXCHANGE_BYTES);
    if start.len() < line.len() { format!("{start}…") } else { line.to_owned() }
}

/// Returns the input and the output value of a span as messages: of a call of `tool`, the arguments and the result.
fn input_output<'a>(payload: &'a Payload, tool: Option<&'a str>) -> (Option<chat::Message<'a>>, Option<chat::Message<'a>>) {
    let attributes = &payload.attributes;
    let text = |value: &Value| json::string(&value_text(value)).into_owned().into();
    let (input, output) = (semconv::input(attributes).map(text), semconv::output_of(payload).map(text));
    let message = |role: &'static str, part| chat::Message { role: role.into(), parts: vec![part] };
    if let Some(name) = tool {
        let call = input.map(|arguments| message("call", Part::Call { name: name.into(), arguments }));
        return (call, output.map(|value| message("result", Part::Result { name: None, value })));
    }
    (input.map(|text| message("input", Part::Text(text))), output.map(|text| message("output", Part::Text(text))))
}

fn value(value: Option<&Value>, none: &str) -> Page {
    let Some(value) = value else { return note(none).into() };
    let (document, tail) = json::open(&value_text(value));
    Page { document, tail, ..Page::default() }
}

fn attributes(payload: &Payload) -> Page {
    let mut document = Document::new();
    let mut attributes = attribute_table(&mut document, &payload.attributes, 0);
    if !payload.resource.is_empty() {
        document.begin_line(0, 0);
        document.push("resource", TextRole::Label);
        let resource = attribute_table(&mut document, &payload.resource, 0);
        attributes.extend(resource.into_iter().map(|(line, index)| (line, payload.attributes.len() + index)));
    }
    if attributes.is_empty() {
        document = note("This span has no attributes.");
    }
    Page { document, attributes, ..Page::default() }
}

/// Writes attributes sorted by name. Numbers in names sort as numbers: message 10 follows message 9.
///
/// Returns the first line of each attribute with its index.
pub(in super::super) fn attribute_table(document: &mut Document, attributes: &[Attribute], indent: usize) -> Vec<(usize, usize)> {
    let mut lines = Vec::with_capacity(attributes.len());
    let mut sorted: Vec<(usize, &Attribute)> = attributes.iter().enumerate().collect();
    sort::by_key(&mut sorted, |(_, (name, _))| natural_key(name));
    let column = sorted.iter().map(|(_, (name, _))| format::width(&format::safe(name))).max().unwrap_or_default().min(44) + 2;
    for (index, (name, value)) in sorted {
        lines.push((document.lines(), index));
        document.begin_line(indent, indent + column);
        document.push(&format::pad_right(&format::fit_middle(&format::safe(name), column - 2), column), TextRole::Key);
        let role = match value {
            Value::Int(_) | Value::Float(_) => TextRole::Number,
            Value::Bool(_) | Value::Null => TextRole::Keyword,
            _ => TextRole::Plain,
        };
        document.push(&value_text(value), role);
    }
    lines
}

fn natural_key(name: &str) -> Vec<(u64, String)> {
    name.split('.').map(|part| part.parse().map_or_else(|_| (u64::MAX, part.to_owned()), |number| (number, String::new()))).collect()
}

fn events(payload: &Payload) -> Document {
    if payload.events.is_empty() {
        return note("This span has no events. Agno's databases hold none; they come with OTLP. Other tabs hold its contents.");
    }
    let mut document = Document::new();
    for event in &payload.events {
        document.begin_line(0, 0);
        document.push(&event.name, TextRole::Label);
        document.push(&format!("  {}", format::rfc3339(event.time)), TextRole::Faint);
        attribute_table(&mut document, &event.attributes, 2);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dropped;

    fn payload(attributes: &[(&str, &str)]) -> Payload {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned()))).collect();
        Payload { attributes, ..Payload::default() }
    }

    fn shown(payload: &Payload, beginning: Option<&str>) -> String {
        let asked = beginning.map(|beginning| Asked { beginning, step: None });
        messages(payload, Place { asked, ..Place::default() }).to_text()
    }

    #[test]
    fn a_call_of_a_tool_that_only_the_tree_names_is_one() {
        let call = payload(&[("input.value", r#"{"city": "Lisbon"}"#), ("output.value", "18C")]);
        let shown = |place| messages(&call, place).to_text().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        let tool = Place { tool: Some("weather"), ..Place::default() };
        assert_eq!(shown(tool), ["call       → weather(city: \"Lisbon\")", "result     ← 18C"]);
    }

    #[test]
    fn only_a_step_above_model_calls_points_at_them() {
        let step = payload(&[("input.value", "hi"), ("output.value", "hello")]);
        let points = |has_calls| messages(&step, Place { has_calls, ..Place::default() }).to_text().contains("model calls below");
        assert_eq!([points(true), points(false)], [true, false]);
    }

    #[test]
    fn a_coding_agent_that_sends_no_messages_is_told_how() {
        let told = |service| messages(&Payload::default(), Place { service, ..Place::default() }).to_text();
        assert!(told("claude-code").contains("on this span. agno-top setup claude --content makes the agent send them."));
        assert!(told("codex_cli_rs").contains("agno-top setup codex --content"));
        assert_eq!(told("codexes").trim(), "No messages are recorded on this span.");
    }

    #[test]
    fn missing_messages_are_told() {
        let full = payload(&[("llm.input_messages.0.message.role", "user"), ("llm.input_messages.0.message.content", "hi")]);
        assert_eq!(shown(&full, None).trim(), "user       hi");
        let late = payload(&[("llm.input_messages.7.message.role", "user"), ("llm.input_messages.7.message.content", "hi")]);
        assert!(shown(&late, None).contains("[earlier messages were dropped by the sender]"), "{}", shown(&late, None));
        let limited = Payload { dropped: Dropped { attributes: 3, ..Dropped::default() }, ..full };
        let text = shown(&limited, None);
        assert!(text.contains("[3 attributes dropped by the sender: messages may be missing]"), "{text}");
    }

    #[test]
    fn a_question_of_the_step_above_stands_before_an_answer() {
        let answer = payload(&[("llm.output_messages.0.message.role", "assistant"), ("llm.output_messages.0.message.content", "21C")]);
        let text = shown(&answer, Some("Weather?"));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["user       Weather?", "           [the beginning of the input of the step above]", "assistant  21C"]);
        let long = "Weather? ".repeat(100);
        for (key, value) in
            [("input.value", long.clone()), ("gen_ai.input.messages", format!(r#"[{{"role": "user", "content": "{long}"}}]"#))]
        {
            let step = payload(&[(key, value.as_str())]);
            let text =
                messages(&answer, Place { asked: Some(Asked { beginning: "Weather?", step: Some(&step) }), ..Place::default() }).to_text();
            assert_eq!(text.matches("Weather?").count(), 100, "{key}");
            assert!(text.contains("[the input of the step above]"), "{text}");
        }
        let own = payload(&[("input.value", "Mine?"), ("llm.output_messages.0.message.content", "21C")]);
        assert!(!shown(&own, Some("Weather?")).contains("Weather?"));
        assert!(!shown(&Payload::default(), Some("Weather?")).contains("Weather?"));
    }
}
