//! The schemas of the tools that a model call offers, from any convention.

use std::collections::BTreeMap;

use super::values::{get, plain};
use crate::model::{Attribute, Value, json};

/// The keys of lists of tools, in order of precedence.
const LISTS: [&str; 5] = ["gen_ai.tool.definitions", "ai.prompt.tools", "mlflow.chat.tools", "gen_ai.request.tools", "llm.tools"];

/// The prefixes of numbered tools.
const NUMBERED: [&str; 2] = ["llm.tools.", "llm.request.functions."];

/// The keys of requests, whose members hold tools among others.
const REQUESTS: [&str; 6] = [
    "llm.invocation_parameters",
    "model_request_parameters",
    "gcp.vertex.agent.llm_request",
    "genkit:input",
    "mlflow.spanInputs",
    "langfuse.observation.input",
];

/// Members of a request that hold tools, or that hold such members.
const MEMBERS: [&str; 9] = [
    "tools",
    "functions",
    "function_tools",
    "output_tools",
    "functionDeclarations",
    "function_declarations",
    "tool_definitions",
    "config",
    "kwargs",
];

/// How deep a request is searched.
const MAX_DEPTH: usize = 4;

/// A tool that a call offers to its model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolSchema {
    /// The name; empty if the schema states none.
    pub name: String,
    /// The whole definition as the span records it, mostly JSON.
    pub text: String,
}

/// Returns the tools that a call offers, in their order; empty if it offers none or records none.
#[must_use]
pub fn tool_schemas(attributes: &[Attribute]) -> Vec<ToolSchema> {
    let lists = || {
        LISTS.iter().find_map(|key| {
            let tools = list(get(attributes, key)?, 0);
            (!tools.is_empty()).then_some(tools)
        })
    };
    let numbered = || NUMBERED.iter().map(|prefix| numbered(attributes, prefix)).find(|tools| !tools.is_empty());
    let requests = || {
        REQUESTS.iter().find_map(|key| {
            let tools = request(&parsed(get(attributes, key)?)?, 0);
            (!tools.is_empty()).then_some(tools)
        })
    };
    lists().or_else(numbered).or_else(requests).unwrap_or_default()
}

/// Reads a list of definitions, each an object or the JSON text of one.
fn list(value: &Value, depth: usize) -> Vec<ToolSchema> {
    match parsed(value) {
        Some(Value::List(items)) if depth < MAX_DEPTH => items.iter().flat_map(|item| definition(item, depth)).collect(),
        _ => Vec::new(),
    }
}

fn definition(value: &Value, depth: usize) -> Vec<ToolSchema> {
    let Some(Value::Map(map)) = parsed(value) else { return Vec::new() };
    let member = |name: &str| map.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    // Gemini groups functions.
    if let Some(group) = member("functionDeclarations").or_else(|| member("function_declarations")) {
        return list(group, depth + 1);
    }
    let inner = if let Some(Value::Map(function)) = member("function") { function } else { &map };
    let name = inner.iter().find(|(name, _)| name == "name").map(|(_, name)| plain(name));
    let text = if let Value::Text(text) = value { text.clone() } else { value.to_json() };
    // A provider's own tool has a type only.
    let name = name.or_else(|| member("type").map(plain)).unwrap_or_default();
    vec![ToolSchema { name, text }]
}

/// Reads `PREFIX N.tool.json_schema`, or `PREFIX N.name`, `.description` and `.parameters`.
fn numbered(attributes: &[Attribute], prefix: &str) -> Vec<ToolSchema> {
    let mut tools: BTreeMap<u32, ToolSchema> = BTreeMap::new();
    for (key, value) in attributes {
        let Some((number, member)) = key.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else { continue };
        let Ok(number) = number.parse() else { continue };
        let tool = tools.entry(number).or_default();
        if let Some(schema) = definition(value, 0).pop().filter(|_| member.ends_with("json_schema")) {
            *tool = schema;
            continue;
        }
        if member.ends_with("name") {
            tool.name = plain(value);
        }
        if !tool.text.is_empty() {
            tool.text.push('\n');
        }
        tool.text.push_str(&plain(value));
    }
    tools.into_values().collect()
}

/// Searches a request for its tools.
fn request(value: &Value, depth: usize) -> Vec<ToolSchema> {
    let Value::Map(map) = value else { return Vec::new() };
    if depth > MAX_DEPTH {
        return Vec::new();
    }
    for (name, inner) in map.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str())) {
        let found = match inner {
            Value::List(_) => list(inner, 0),
            // Some programs key the tools by name.
            Value::Map(tools) if name == "tools" => tools.iter().flat_map(|(_, tool)| definition(tool, 0)).collect(),
            inner => request(inner, depth + 1),
        };
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Returns a value, or the list or object that it holds as JSON text.
fn parsed(value: &Value) -> Option<Value> {
    match value {
        Value::Text(text) => text.trim_start().starts_with(['[', '{']).then(|| json::parse_value(text.as_bytes()).ok()).flatten(),
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(attributes: &str) -> String {
        let tools = tool_schemas(&json::parse(attributes.as_bytes()).unwrap());
        assert!(tools.iter().all(|tool| tool.text.contains(&tool.name)), "{tools:?}");
        tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn schemas_are_read_in_every_convention() {
        for (attributes, expected) in [
            (
                r#"{"llm.tools.1.tool.json_schema": "{\"function\": {\"name\": \"b\"}}", "llm.tools.0.tool.json_schema": "{\"name\": \"a\"}"}"#,
                "a b",
            ),
            (r#"{"llm.request.functions.0.name": "a", "llm.request.functions.0.description": "does a"}"#, "a"),
            (r#"{"gen_ai.tool.definitions": "[{\"type\": \"function\", \"name\": \"a\"}, {\"type\": \"web_search\"}]"}"#, "a web_search"),
            (r#"{"ai.prompt.tools": ["{\"type\": \"function\", \"name\": \"a\", \"inputSchema\": {}}"]}"#, "a"),
            (r#"{"llm.invocation_parameters": "{\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"a\"}}]}"}"#, "a"),
            (r#"{"model_request_parameters": "{\"function_tools\": [{\"name\": \"a\"}], \"output_tools\": []}"}"#, "a"),
            (
                r#"{"gcp.vertex.agent.llm_request": "{\"config\": {\"tools\": [{\"functionDeclarations\": [{\"name\": \"a\"}, {\"name\": \"b\"}]}]}}"}"#,
                "a b",
            ),
            (r#"{"genkit:input": "{\"messages\": [], \"tools\": [{\"name\": \"a\"}]}"}"#, "a"),
        ] {
            assert_eq!(names(attributes), expected, "{attributes}");
        }
        for attributes in [
            "{}",
            r#"{"llm.tools.x.name": "a", "gen_ai.tool.definitions": "none", "llm.invocation_parameters": "{\"tools\": []}"}"#,
            r#"{"input.value": "{\"tools\": [{\"name\": \"a\"}]}"}"#,
        ] {
            assert_eq!(names(attributes), "", "{attributes}");
        }
    }
}
