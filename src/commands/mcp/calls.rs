//! The tools that the server offers, and their arguments.

use std::time::Duration;

use clap::ValueEnum;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cli::GroupBy;
use crate::query::Query;

/// Limits of arguments: the default and the most.
const TRACES: (u32, u32) = (20, 100);
const CHARS: (u32, u32) = (4000, 20_000);
const SECONDS: (u32, u32) = (60, 300);

/// The most characters of a filter or an id.
const MAX_ARGUMENT: usize = 2000;

/// A part of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    /// Its facts, and how long the other parts are.
    Overview,
    /// The conversation of a model call.
    Messages,
    /// The input value.
    Input,
    /// The output value.
    Output,
    /// The error with its stack trace.
    Error,
    /// All attributes.
    Attributes,
}

/// A call of a tool.
#[derive(Debug)]
pub(super) enum Call {
    FindTraces { filter: Option<Query>, limit: usize },
    GetTrace { id: String, span: Option<String> },
    GetSpan { id: String, span: String, part: Part, from: usize, max_chars: usize },
    Why { id: String },
    Compare { a: String, b: String },
    Stats { by: GroupBy, filter: Option<Query> },
    WaitFor { filter: Option<Query>, seconds: u32 },
    CurrentView,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindTraces {
    filter: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetTrace {
    id: String,
    span: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetSpan {
    id: String,
    span: String,
    part: Option<Part>,
    from: Option<u32>,
    max_chars: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compare {
    a: String,
    b: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stats {
    by: String,
    filter: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitFor {
    filter: Option<String>,
    timeout: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurrentView {}

impl Call {
    /// Returns how long the call may wait for something to happen.
    pub(super) fn longest_wait(&self) -> Duration {
        if let Self::WaitFor { seconds, .. } = self { Duration::from_secs((*seconds).into()) } else { Duration::ZERO }
    }

    /// Parses the arguments of a tool. The error is text for the client.
    pub(super) fn parse(tool: &str, arguments: JsonObject) -> Result<Self, String> {
        if let Some(name) = arguments.iter().find(|(_, value)| value.as_str().is_some_and(|text| text.len() > MAX_ARGUMENT)) {
            return Err(format!("{} is longer than {MAX_ARGUMENT} bytes", name.0.chars().take(40).collect::<String>()));
        }
        let arguments = Value::Object(arguments);
        Ok(match tool {
            "find_traces" => {
                let FindTraces { filter, limit } = read(arguments)?;
                Self::FindTraces { filter: query(filter)?, limit: bounded(limit, TRACES) as usize }
            }
            "get_trace" => {
                let GetTrace { id, span } = read(arguments)?;
                Self::GetTrace { id, span }
            }
            "get_span" => {
                let GetSpan { id, span, part, from, max_chars } = read(arguments)?;
                let (part, max_chars) = (part.unwrap_or(Part::Overview), bounded(max_chars, CHARS) as usize);
                Self::GetSpan { id, span, part, from: from.unwrap_or_default() as usize, max_chars }
            }
            "why" => {
                let Why { id } = read(arguments)?;
                Self::Why { id }
            }
            "compare" => {
                let Compare { a, b } = read(arguments)?;
                Self::Compare { a, b }
            }
            "stats" => {
                let Stats { by, filter } = read(arguments)?;
                let by = GroupBy::from_str(&by, false).ok().filter(|by| *by != GroupBy::Prefix);
                let by = by.ok_or_else(|| format!("by is one of {}", groups().join(", ")))?;
                Self::Stats { by, filter: query(filter)? }
            }
            "wait_for" => {
                let WaitFor { filter, timeout } = read(arguments)?;
                Self::WaitFor { filter: query(filter)?, seconds: bounded(timeout, SECONDS) }
            }
            "current_view" => {
                let CurrentView {} = read(arguments)?;
                Self::CurrentView
            }
            _ => {
                let tools = tools();
                let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
                return Err(format!("there is no such tool; use one of {}", names.join(", ")));
            }
        })
    }
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| format!("wrong arguments: {error}"))
}

fn bounded(value: Option<u32>, (usual, most): (u32, u32)) -> u32 {
    value.unwrap_or(usual).clamp(1, most)
}

/// Parses a filter. One that searches contents is refused: it would read everything that the sources hold.
fn query(filter: Option<String>) -> Result<Option<Query>, String> {
    let Some(filter) = filter.filter(|filter| !filter.trim().is_empty()) else { return Ok(None) };
    let query = Query::parse_of_spans(&filter).map_err(|error| format!("wrong filter: {error} (at character {})", error.at + 1))?;
    if query.needs_payloads() || query.needs_misses() {
        return Err("this filter searches contents, which takes long; filter by facts, and read contents with get_span".to_owned());
    }
    Ok(Some(query))
}

/// Returns the names of the groups of statistics, without the one that needs contents.
fn groups() -> Vec<&'static str> {
    GroupBy::value_variants().iter().filter(|by| **by != GroupBy::Prefix).map(|by| by.name()).collect()
}

/// Returns the tools with their schemas.
pub(super) fn tools() -> Vec<Tool> {
    let text = |description: &str| json!({"type": "string", "description": description});
    let number = |description: &str, (usual, most): (u32, u32)| json!({"type": "integer", "minimum": 1, "maximum": most, "default": usual, "description": description});
    let filter = || text("words and fields: status:error agent:writer model:gpt-5 tool:search time:>2s cost:>0.1 since:1h name:/regex/");
    let id = || text("the first hex digits of the trace's id, or last for the newest");
    let parts = ["overview", "messages", "input", "output", "error", "attributes"];
    vec![
        tool(
            "find_traces",
            "Lists traces, newest first: id, status, start, time, tokens, cost, name, first error.",
            &[],
            json!({
                "filter": filter(), "limit": number("how many", TRACES),
            }),
        ),
        tool(
            "get_trace",
            "Shows a trace as a tree: a line per step with time, tokens in>out and error; #abcd is a span for get_span. Deep steps may be left out.",
            &["id"],
            json!({
                "id": id(), "span": text("only the steps at and below this span"),
            }),
        ),
        tool(
            "get_span",
            "Reads a part of one step: facts, messages, input, output, error or attributes.",
            &["id", "span"],
            json!({
                "id": id(), "span": text("the first hex digits of the span's id, as get_trace shows them"),
                "part": {"type": "string", "enum": parts, "default": "overview"},
                "from": {"type": "integer", "minimum": 0, "default": 0, "description": "the first character"},
                "max_chars": number("how many characters", CHARS),
            }),
        ),
        tool(
            "why",
            "Says what stands out in a trace, most important first: where a failure began, loops, retries, slow steps, incomplete numbers; and what decided its time.",
            &["id"],
            json!({"id": id()}),
        ),
        tool(
            "compare",
            "Compares two traces: status, time, tokens, cost, and the steps by name.",
            &["a", "b"],
            json!({"a": id(), "b": id()}),
        ),
        tool(
            "stats",
            "Sums up calls, errors, times, tokens and cost by group.",
            &["by"],
            json!({
                "by": {"type": "string", "enum": groups()}, "filter": filter(),
            }),
        ),
        tool(
            "wait_for",
            "Waits until a trace with new steps matches, and shows its line. Without a filter: until any trace ends.",
            &[],
            json!({
                "filter": filter(), "timeout": number("seconds to wait", SECONDS),
            }),
        ),
        tool(
            "current_view",
            "Tells what the user looks at on the open screen of agno-top: view, filter, the selected trace and span, marked traces. Ids in it can be asked.",
            &[],
            json!({}),
        ),
    ]
}

fn tool(name: &'static str, description: &'static str, required: &[&str], properties: Value) -> Tool {
    let schema =
        [("type", "object".into()), ("properties", properties), ("required", json!(required)), ("additionalProperties", false.into())];
    let schema: JsonObject = schema.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let hints = ToolAnnotations::new().read_only(true).destructive(false).idempotent(true).open_world(false);
    Tool::new(name, description, schema).with_annotations(hints)
}
