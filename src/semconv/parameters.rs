//! The parameters of a model call, such as its temperature, from any convention.
//!
//! A row does not hold them; they are read from the attributes of a payload.

use crate::model::{Attribute, Value, json};

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    /// The name that is shown and that filters use.
    pub name: &'static str,
    /// Its spellings, in small letters and without separators.
    spellings: &'static [&'static str],
    /// Texts of which one is in every payload that states it.
    pub words: &'static [&'static str],
}

/// The known parameters, in the order in which they are shown.
pub static PARAMETERS: [Parameter; 15] = [
    Parameter { name: "temperature", spellings: &["temperature"], words: &["temperature"] },
    Parameter { name: "top_p", spellings: &["topp"], words: &["top_p", "topP"] },
    Parameter { name: "top_k", spellings: &["topk"], words: &["top_k", "topK"] },
    Parameter { name: "max_tokens", spellings: &MAX_TOKENS, words: &["tokens", "num_predict"] },
    Parameter { name: "seed", spellings: &["seed"], words: &["seed"] },
    Parameter { name: "stop", spellings: &["stop", "stopsequences"], words: &["stop"] },
    Parameter { name: "frequency_penalty", spellings: &["frequencypenalty"], words: &["frequency"] },
    Parameter { name: "presence_penalty", spellings: &["presencepenalty"], words: &["presence"] },
    Parameter { name: "repetition_penalty", spellings: &["repetitionpenalty", "repeatpenalty"], words: &["repetition", "repeat"] },
    Parameter { name: "n", spellings: &["n", "choicecount", "candidatecount"], words: &["n"] },
    Parameter { name: "reasoning_effort", spellings: &["reasoningeffort"], words: &["effort"] },
    Parameter { name: "thinking_budget", spellings: &THINKING_BUDGET, words: &["budget"] },
    Parameter { name: "verbosity", spellings: &["verbosity", "textverbosity"], words: &["verbosity"] },
    Parameter { name: "service_tier", spellings: &["servicetier"], words: &["tier"] },
    Parameter { name: "parallel_tool_calls", spellings: &["paralleltoolcalls"], words: &["parallel"] },
];

const MAX_TOKENS: [&str; 6] = ["maxtokens", "maxoutputtokens", "maxcompletiontokens", "maxnewtokens", "maxtokenstosample", "numpredict"];
const THINKING_BUDGET: [&str; 3] = ["thinkingbudget", "thinkingbudgettokens", "thinkingconfigthinkingbudget"];

/// The last word of the keys of parameters, before the name of one, and of keys of maps of them.
const HOLDERS: [&str; 8] = ["request", "settings", "parameters", "params", "options", "config", "configuration", "invocation"];

/// Keys of whole requests, whose members are parameters among others.
const REQUESTS: [&str; 3] = ["gcp.vertex.agent.llm_request", "genkit:input", "mlflow.spanInputs"];

/// Words in keys of which the rest concerns a tool or a protocol.
const OTHERS: [&str; 7] = ["tool", "tools", "function", "functions", "http", "header", "headers"];

/// Members that hold parameters, without separators; the parameters in the last two are named after them.
const INNER: [&str; 9] =
    ["config", "generationconfig", "inferenceconfig", "modelkwargs", "extrabody", "options", "thinkingconfig", "thinking", "reasoning"];

/// How deep members that hold parameters are read inside one another.
const MAX_DEPTH: usize = 3;

/// Longer JSON texts are not read.
const MAX_CHARS: usize = 1 << 20;

/// The most characters of a key and of a name of a member.
const MAX_NAME: usize = 128;

/// Returns the parameters that attributes state, in the order of [`PARAMETERS`]. Of several keys that state a parameter the first counts,
/// one of its own before a member of a map.
#[must_use]
pub fn parameters(attributes: &[Attribute]) -> Vec<Attribute> {
    let mut found: [Option<Value>; PARAMETERS.len()] = Default::default();
    for (key, value) in attributes.iter().filter(|(key, _)| key.len() <= MAX_NAME) {
        if let Some(at) = own_name(key).and_then(|name| index(&name)) {
            put(&mut found[at], value);
        }
    }
    for (_, value) in attributes.iter().filter(|(key, _)| holds_parameters(key)) {
        match value {
            Value::Map(map) => read_map(map, "", 0, &mut found),
            Value::Text(text) if text.len() <= MAX_CHARS && text.trim_start().starts_with('{') => {
                if let Ok(Value::Map(map)) = json::parse_value(text.as_bytes()) {
                    read_map(&map, "", 0, &mut found);
                }
            }
            _ => {}
        }
    }
    PARAMETERS.iter().zip(found).filter_map(|(parameter, value)| Some((parameter.name.to_owned(), value?))).collect()
}

/// Returns the value of a parameter.
#[must_use]
pub fn parameter(attributes: &[Attribute], name: &str) -> Option<Value> {
    parameters(attributes).into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

/// Returns the known parameter with this name, in any spelling.
#[must_use]
pub fn find_parameter(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.get(index(&plain(name))?)
}

fn index(name: &str) -> Option<usize> {
    PARAMETERS.iter().position(|parameter| parameter.spellings.contains(&name))
}

/// Returns a name in small letters and without separators: all conventions differ in these.
fn plain(name: &str) -> String {
    name.chars().take(MAX_NAME).filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns the plain name after the prefix of a key that may be a parameter's: `gen_ai.request.top_p`, `ai.settings.topP`, `llm.top_p`.
fn own_name(key: &str) -> Option<String> {
    if is_other(key) {
        return None;
    }
    if let Some(name) = key.strip_prefix("llm.").or_else(|| key.strip_prefix("gen_ai.")).filter(|name| !name.contains('.')) {
        return Some(plain(name)).filter(|name| name.len() > 1);
    }
    if let Some((_, name)) = key.rsplit_once("metadata.ls_") {
        return Some(plain(name));
    }
    let mut name = String::new();
    for segment in key.rsplit(['.', ':']) {
        if is_holder(segment) {
            return Some(name);
        }
        name.insert_str(0, &plain(segment));
    }
    None
}

/// Whether the value of a key is a map of parameters, or a whole request.
fn holds_parameters(key: &str) -> bool {
    REQUESTS.contains(&key) || key.rsplit(['.', ':']).next().is_some_and(is_holder) && !is_other(key) && key.len() <= MAX_NAME
}

/// Whether a part of a key says that parameters follow: `settings`, `invocation_parameters`.
fn is_holder(segment: &str) -> bool {
    segment.rsplit('_').next().is_some_and(|word| HOLDERS.contains(&word))
}

fn is_other(key: &str) -> bool {
    key.split(['.', ':', '_']).any(|word| OTHERS.contains(&word))
}

/// Reads the members of a map. `outer` names the member that holds it, if its parameters are named after it.
fn read_map(map: &[Attribute], outer: &str, depth: usize, found: &mut [Option<Value>; PARAMETERS.len()]) {
    for (name, value) in map {
        let name = plain(name);
        if let Value::Map(inner) = value {
            if depth < MAX_DEPTH && INNER.contains(&name.as_str()) {
                let outer = if matches!(name.as_str(), "reasoning" | "thinking") { name.as_str() } else { "" };
                read_map(inner, outer, depth + 1, found);
            }
        } else if let Some(at) = index(&format!("{outer}{name}")).or_else(|| index(&name)) {
            put(&mut found[at], value);
        }
    }
}

/// Keeps the first value that is stated: null, an empty text or list, and a number without bound state nothing.
fn put(slot: &mut Option<Value>, value: &Value) {
    if slot.is_none() {
        *slot = stated(value);
    }
}

fn stated(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Bool(_) => Some(value.clone()),
        Value::Float(number) => number.is_finite().then(|| value.clone()),
        Value::Text(text) => match (text.trim(), text.trim().parse::<i64>(), text.trim().parse::<f64>()) {
            ("" | "null" | "None", ..) => None,
            (_, Ok(number), _) => Some(Value::Int(number)),
            (_, _, Ok(number)) => number.is_finite().then_some(Value::Float(number)),
            (text, ..) => Some(Value::Text(text.to_owned())),
        },
        Value::List(items) => (!items.is_empty()).then(|| value.clone()),
        Value::Null | Value::Map(_) | Value::Bytes(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(attributes: &str) -> String {
        let attributes = json::parse(attributes.as_bytes()).unwrap();
        let texts = parameters(&attributes).into_iter().map(|(name, value)| format!("{name}={}", value.to_json()));
        texts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn parameters_are_read_in_every_convention() {
        for (attributes, expected) in [
            (r#"{"gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 100}"#, "temperature=0.2 max_tokens=100"),
            (r#"{"gen_ai.request.temperature": "0.7", "gen_ai.request.top_k": "40"}"#, "temperature=0.7 top_k=40"),
            (r#"{"gen_ai.request.stop_sequences": ["a"], "gen_ai.request.choice.count": 2}"#, r#"stop=["a"] n=2"#),
            (
                r#"{"gen_ai.openai.request.service_tier": "flex", "gen_ai.request.reasoning.effort": "low"}"#,
                r#"reasoning_effort="low" service_tier="flex""#,
            ),
            (
                r#"{"llm.invocation_parameters": "{\"temperature\": 0, \"max_completion_tokens\": 9, \"reasoning\": {\"effort\": \"high\"}}"}"#,
                r#"temperature=0 max_tokens=9 reasoning_effort="high""#,
            ),
            (r#"{"llm.invocation_parameters": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}"#, "thinking_budget=1024"),
            (r#"{"ai.settings.maxOutputTokens": 50, "ai.settings.topP": 0.9, "ai.settings.maxRetries": 2}"#, "top_p=0.9 max_tokens=50"),
            (r#"{"llm.request.frequencyPenalty": 1, "llm.presence_penalty": -1}"#, "frequency_penalty=1 presence_penalty=-1"),
            (
                r#"{"genkit:input": "{\"config\": {\"temperature\": 1, \"thinkingConfig\": {\"thinkingBudget\": 5}}, \"messages\": []}"}"#,
                "temperature=1 thinking_budget=5",
            ),
            (r#"{"gcp.vertex.agent.llm_request": "{\"config\": {\"seed\": 7, \"tools\": [{\"n\": 1}]}}"}"#, "seed=7"),
            (r#"{"langfuse.observation.model.parameters": "{\"temperature\": 1, \"max_tokens\": \"Infinity\"}"}"#, "temperature=1"),
            (r#"{"langsmith.metadata.ls_temperature": 0.5, "metadata": "{\"ls_max_tokens\": 3}"}"#, "temperature=0.5"),
            (r#"{"gen_ai.request.seed": 1, "llm.invocation_parameters": "{\"seed\": 2}"}"#, "seed=1"),
        ] {
            assert_eq!(read(attributes), expected, "{attributes}");
        }
    }

    #[test]
    fn other_attributes_state_no_parameters() {
        for attributes in [
            r#"{"tool.parameters": "{\"temperature\": 21}", "gen_ai.tool.0.parameters": {"n": 1}, "llm.request.functions.0.parameters": {"n": 1}}"#,
            r#"{"gen_ai.request.model": "m", "http.request.n": 1, "temperature": 1, "room.temperature": 2, "llm.n": 1}"#,
            r#"{"llm.invocation_parameters": "{\"temperature\": null, \"stop\": [], \"top_p\": \"\", \"seed\": {\"n\": 1}}"}"#,
            r#"{"llm.invocation_parameters": "{\"messages\": [{\"temperature\": 1}]}", "gen_ai.request.parameters": "not JSON"}"#,
            r#"{"gen_ai.request.temperature": "NaN", "llm.invocation_parameters": "{'temperature': 1}"}"#,
            "{}",
        ] {
            assert_eq!(read(attributes), "", "{attributes}");
        }
        let deep = format!(r#"{{"genkit:input": {}{{"temperature": 1}}{}}}"#, r#"{"config":"#.repeat(20), "}".repeat(20));
        assert_eq!(read(&deep), "");
    }

    #[test]
    fn every_parameter_is_found_by_its_name_and_holds_its_words() {
        for parameter in &PARAMETERS {
            assert_eq!(find_parameter(parameter.name).map(|found| found.name), Some(parameter.name));
        }
        assert_eq!(find_parameter("maxOutputTokens").map(|found| found.name), Some("max_tokens"));
        assert!(find_parameter("warmth").is_none());
    }
}
