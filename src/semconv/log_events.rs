//! Log events that tell of calls: what coding agents log in place of spans, or beside them.
//!
//! An event is known by the last part of its name, `api_request` in `claude_code.api_request`, and by the facts that it states; which
//! program sent it does not matter.
//!
//! | event | tells | times | tokens and cost | ids |
//! |---|---|---|---|---|
//! | `user_prompt` | a turn begins | its own | – | session, prompt |
//! | `api_request` with tokens, `api_response`, `sse_event` of `response.completed` | a model answered | ends at its time, `duration_ms` long | as stated | session, prompt, response |
//! | `api_request` without tokens | a model is called | `duration_ms` before its time, if stated | – | session, prompt |
//! | `api_error`, `api_request` with an error | a model call failed | ends at its time | – | session, prompt |
//! | `sse_event` of a call's complete arguments | a tool call is proposed | its own | – | session, prompt |
//! | `hook_execution_start` of `PermissionRequest` | the user is asked to permit a tool call | its own | – | session, prompt |
//! | `tool_decision` | a tool call begins, or is refused | its own | – | session, prompt, call |
//! | `tool_result`, `tool_call` | a tool call ended | ends at its time | – | session, prompt, call |
//! | `assistant_response` | a turn's answer | its own | – | session, prompt |
//! | `session.end`, `conversation_ends` | the session ends | its own | – | session |
//! | `gen_ai.client.inference.operation.details` without a span | a model answered | ends at its time | as stated | session, response |

mod attributes;

use std::borrow::Cow;

pub use attributes::{EventAttribute, EventAttributes};
use attributes::{Key, count, keys, number, text};

/// The attribute that says which log event a span was made from.
pub const LOG_EVENT_KEY: &str = "agno_top.log_event";

/// The attribute with what log events tell beside the facts of other conventions: a [`LogNote`](crate::model::LogNote).
pub const LOG_NOTE_KEY: &str = "agno_top.log_note";

/// OpenTelemetry's event about one call of a model.
const DETAILS: &str = "gen_ai.client.inference.operation.details";

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A user's prompt: a turn begins.
    Prompt {
        /// Whether the span that the record names is the turn itself.
        in_own_span: bool,
    },
    /// A model is called; its answer has not come.
    CallBegins,
    /// A model answered.
    Call,
    /// A model answered, as OpenTelemetry's own event tells, which programs may log beside their own.
    Details,
    /// A model call failed.
    FailedCall,
    /// A model proposed a tool call; nobody decided about it yet.
    ToolProposed,
    /// The user is asked to permit a tool call.
    UserAsked,
    /// A tool call was allowed and begins.
    ToolBegins,
    /// A tool call was refused.
    ToolRefused,
    /// A tool call ended.
    Tool,
    /// The answer to the prompt.
    Answer,
    /// The session ended.
    SessionEnds,
}

/// Returns whether an event of this name may tell of a call, so that its attributes are worth decoding.
#[must_use]
pub fn may_tell(name: &[u8]) -> bool {
    let last = last_part(name);
    name == DETAILS.as_bytes()
        || [&b"user_prompt"[..], b"assistant_response", b"sse_event", b"hook_execution_start"].contains(&last)
        || [&b"api_"[..], b"tool_"].iter().any(|start| last.starts_with(start))
        || matches!(name, b"session.end")
        || last == b"conversation_ends"
}

/// Returns what an event tells of calls; `None` if nothing.
#[must_use]
pub fn told(name: &str, attributes: &EventAttributes<'_>) -> Option<Told> {
    if name == DETAILS {
        return has_tokens(attributes).then_some(Told::Details);
    }
    let last = std::str::from_utf8(last_part(name.as_bytes())).unwrap_or_default();
    Some(match last {
        // Claude Code, the only one whose names have no prefix, logs the prompt inside the span of the turn.
        "user_prompt" => Told::Prompt { in_own_span: last == name },
        "api_error" => Told::FailedCall,
        "api_request" | "api_response" if has_failed(attributes) => Told::FailedCall,
        "api_request" if !has_tokens(attributes) => Told::CallBegins,
        "api_request" | "api_response" => Told::Call,
        "sse_event" => match &*text(attributes, keys!["event.kind"])? {
            "response.completed" if has_tokens(attributes) => Told::Call,
            "response.failed" => Told::FailedCall,
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => Told::ToolProposed,
            _ => return None,
        },
        "hook_execution_start" => (text(attributes, keys!["hook_event"])? == "PermissionRequest").then_some(Told::UserAsked)?,
        "tool_decision" => {
            let decision = text(attributes, keys!["decision"])?.to_ascii_lowercase();
            let is_refused = ["reject", "deny", "denied", "abort", "cancel"].iter().any(|word| decision.starts_with(word));
            if is_refused { Told::ToolRefused } else { Told::ToolBegins }
        }
        "tool_result" | "tool_call" => Told::Tool,
        "assistant_response" => Told::Answer,
        "end" if name == "session.end" => Told::SessionEnds,
        "conversation_ends" => Told::SessionEnds,
        _ => return None,
    })
}

/// Returns the last part of a name, after a prefix of one word.
fn last_part(name: &[u8]) -> &[u8] {
    name.iter().position(|byte| *byte == b'.').map_or(name, |dot| &name[dot + 1..])
}

const INPUT: &[Key] = keys!["gen_ai.usage.input_tokens", "input_token_count", "input_tokens"];
const OUTPUT: &[Key] = keys!["gen_ai.usage.output_tokens", "output_token_count", "output_tokens"];

/// The input tokens without those of the cache.
const FRESH_INPUT: &[Key] = keys!["input_tokens"];

fn has_tokens(attributes: &EventAttributes<'_>) -> bool {
    count(attributes, INPUT).is_some() || count(attributes, OUTPUT).is_some()
}

fn has_failed(attributes: &EventAttributes<'_>) -> bool {
    error(attributes).is_some() || status_code(attributes).is_some_and(|code| code >= 400)
}

fn status_code(attributes: &EventAttributes<'_>) -> Option<u64> {
    count(attributes, keys!["http.response.status_code", "status_code", "http.status_code"])
}

/// The ids that join the events of a turn. Empty if not stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogIds<'a> {
    /// The session.
    pub session: Cow<'a, str>,
    /// The prompt.
    pub prompt: Cow<'a, str>,
    /// The tool call.
    pub call: Cow<'a, str>,
}

/// Returns the ids that an event states.
#[must_use]
pub fn ids<'a>(attributes: &EventAttributes<'a>) -> LogIds<'a> {
    let id = |keys: &[Key]| text(attributes, keys).unwrap_or_default();
    LogIds {
        session: id(keys!["session.id", "conversation.id", "gen_ai.conversation.id", "session_id", "conversation_id"]),
        prompt: id(keys!["prompt.id", "prompt_id"]),
        call: id(keys!["gen_ai.tool.call.id", "tool_use_id", "call_id"]),
    }
}

/// Returns whether a model call or an answer serves the turn itself, not a title for the session, a summary, or an agent below the turn.
#[must_use]
pub fn is_of_turn(attributes: &EventAttributes<'_>) -> bool {
    text(attributes, keys!["query_source"]).is_none_or(|source| source == "sdk" || source.contains("main"))
}

/// Returns whether the user decided about a tool call, not the settings.
#[must_use]
pub fn was_user_asked(attributes: &EventAttributes<'_>) -> bool {
    text(attributes, keys!["source"]).is_some_and(|source| source.to_ascii_lowercase().starts_with("user"))
}

/// Returns the number of the attempt of a failed call, from 1, as the event `name` counts it.
#[must_use]
pub fn attempt(name: &str, attributes: &EventAttributes<'_>) -> Option<u64> {
    let stated = count(attributes, keys!["attempt"])?;
    // What tells of each request counts from 0; what tells of a call that was given up states how many requests it took.
    Some(if last_part(name.as_bytes()) == b"api_request" { stated + 1 } else { stated })
}

/// Returns how long the call took, in nanoseconds, if the event states it.
#[must_use]
pub fn duration(attributes: &EventAttributes<'_>) -> Option<i64> {
    millis(attributes, keys!["duration_ms"])
}

/// Returns the time to the first token in nanoseconds, if the event states it.
#[must_use]
pub fn first_token(attributes: &EventAttributes<'_>) -> Option<i64> {
    millis(attributes, keys!["ttft_ms"])
}

fn millis(attributes: &EventAttributes<'_>, keys: &[Key]) -> Option<i64> {
    /// A longer time is none.
    const MAX: f64 = 1e12;
    number(attributes, keys).filter(|millis| (0.0..MAX).contains(millis)).map(|millis| (millis * 1e6) as i64)
}

/// Returns the user's prompt.
#[must_use]
pub fn prompt<'a>(attributes: &EventAttributes<'a>) -> Option<Cow<'a, str>> {
    text(attributes, keys!["prompt", "prompt_text"])
}

/// Returns the text that a model answered.
#[must_use]
pub fn answer<'a>(attributes: &EventAttributes<'a>) -> Option<Cow<'a, str>> {
    text(attributes, keys!["response", "response_text"])
}

/// Returns why a call failed.
#[must_use]
pub fn error<'a>(attributes: &EventAttributes<'a>) -> Option<Cow<'a, str>> {
    text(attributes, keys!["error.message", "error_message", "error"])
}

/// Returns why a call failed, or a text that says that no reason is stated.
#[must_use]
pub fn error_text<'a>(attributes: &EventAttributes<'a>) -> Cow<'a, str> {
    let coded = || status_code(attributes).map(|code| format!("HTTP status {code}").into());
    error(attributes).or_else(coded).unwrap_or(Cow::Borrowed("no reason stated"))
}

/// Returns whether a tool call ended well; `None` if the event does not say.
#[must_use]
pub fn success(attributes: &EventAttributes<'_>) -> Option<bool> {
    let stated = text(attributes, keys!["success", "status"])?.to_ascii_lowercase();
    match stated.as_str() {
        "true" | "success" | "ok" => Some(true),
        "false" | "error" | "failed" | "failure" | "cancelled" => Some(false),
        _ => None,
    }
}

/// Returns the name of a tool.
#[must_use]
pub fn tool<'a>(attributes: &EventAttributes<'a>) -> Option<Cow<'a, str>> {
    text(attributes, keys!["gen_ai.tool.name", "tool_name", "function_name"])
}

/// What an event states, by the key of OpenTelemetry's conventions.
pub type Fact<'a> = (&'static str, FactValue<'a>);

/// The value of a fact.
#[derive(Clone, Debug, PartialEq)]
pub enum FactValue<'a> {
    /// Text that is not empty.
    Text(Cow<'a, str>),
    /// A count.
    Int(i64),
    /// Money or seconds.
    Float(f64),
}

/// Returns the attributes of OpenTelemetry's conventions for a model call.
#[must_use]
pub fn model_facts<'a>(attributes: &EventAttributes<'a>) -> Vec<Fact<'a>> {
    let mut facts = Facts::new("chat");
    facts.text("gen_ai.response.model", text(attributes, keys!["gen_ai.response.model", "model", "gen_ai.request.model"]));
    facts.text("gen_ai.provider.name", text(attributes, keys!["gen_ai.provider.name"]));
    facts.text("gen_ai.response.id", text(attributes, keys!["gen_ai.response.id", "response_id"]));
    let read = count(
        attributes,
        keys!["gen_ai.usage.cache_read.input_tokens", "cache_read_tokens", "cached_token_count", "cached_content_token_count"],
    );
    let written = count(attributes, keys!["gen_ai.usage.cache_creation.input_tokens", "cache_creation_tokens", "cache_write_token_count"]);
    let reasoning = count(attributes, keys!["gen_ai.usage.reasoning.output_tokens", "reasoning_token_count", "thoughts_token_count"]);
    let mut input = count(attributes, INPUT);
    if count(attributes, &INPUT[..2]).is_none()
        && let Some(fresh) = count(attributes, FRESH_INPUT)
    {
        input = Some(fresh.saturating_add(read.unwrap_or_default()).saturating_add(written.unwrap_or_default()));
    }
    let mut output = count(attributes, OUTPUT);
    // Gemini counts thoughts apart from the output, and only the total tells.
    let total = count(attributes, keys!["total_token_count"]);
    if let (Some(total), Some(input), Some(stated), Some(thoughts)) = (total, input, output, reasoning)
        && total >= input.saturating_add(stated).saturating_add(thoughts)
    {
        output = Some(stated.saturating_add(thoughts));
    }
    facts.count("gen_ai.usage.input_tokens", input);
    facts.count("gen_ai.usage.output_tokens", output);
    facts.count("gen_ai.usage.cache_read.input_tokens", read);
    facts.count("gen_ai.usage.cache_creation.input_tokens", written);
    facts.count("gen_ai.usage.cache_creation.ephemeral_5m_input_tokens", count(attributes, keys!["cache_creation_5m_tokens"]));
    facts.count("gen_ai.usage.cache_creation.ephemeral_1h_input_tokens", count(attributes, keys!["cache_creation_1h_tokens"]));
    facts.count("gen_ai.usage.reasoning.output_tokens", reasoning);
    if let Some(cost) = number(attributes, keys!["cost_usd"]).filter(|cost| *cost > 0.0) {
        facts.0.push(("gen_ai.usage.cost", FactValue::Float(cost)));
    }
    facts.text("output.value", answer(attributes));
    facts.0
}

/// Returns the attributes of OpenTelemetry's conventions for a tool call.
#[must_use]
pub fn tool_facts<'a>(attributes: &EventAttributes<'a>) -> Vec<Fact<'a>> {
    let mut facts = Facts::new("execute_tool");
    facts.text("gen_ai.tool.name", tool(attributes));
    facts.text("gen_ai.tool.call.id", Some(ids(attributes).call));
    let arguments = keys!["gen_ai.tool.call.arguments", "arguments", "function_args", "tool_input", "tool_parameters", "full_command"];
    facts.text("gen_ai.tool.call.arguments", text(attributes, arguments));
    facts.text("gen_ai.tool.call.result", text(attributes, keys!["gen_ai.tool.call.result", "output", "tool_output"]));
    facts.0
}

struct Facts<'a>(Vec<Fact<'a>>);

impl<'a> Facts<'a> {
    fn new(operation: &'static str) -> Self {
        let mut facts = Vec::with_capacity(16);
        facts.push(("gen_ai.operation.name", FactValue::Text(Cow::Borrowed(operation))));
        Self(facts)
    }

    fn text(&mut self, key: &'static str, text: Option<Cow<'a, str>>) {
        self.0.extend(text.filter(|text| !text.is_empty()).map(|text| (key, FactValue::Text(text))));
    }

    fn count(&mut self, key: &'static str, count: Option<u64>) {
        let count = count.and_then(|count| i64::try_from(count).ok());
        self.0.extend(count.map(|count| (key, FactValue::Int(count))));
    }
}

/// Returns whether a text stands for one that the sender leaves out: `<REDACTED>`, `[REDACTED]`.
#[must_use]
pub fn is_left_out(text: &[u8]) -> bool {
    // Most texts begin with another letter, and need no search.
    let may_be = text.first().is_some_and(|first| !first.is_ascii_alphanumeric() || first.eq_ignore_ascii_case(&b'r'));
    let is_redacted = |text: &str| text.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case("redacted");
    may_be && std::str::from_utf8(text).is_ok_and(is_redacted)
}

#[cfg(test)]
mod tests;
