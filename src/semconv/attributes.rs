//! What decoded attributes state apart from the facts of a row: Agno's context, the total token count, and Logfire's marker.

use super::keys::{CUT_KEY, Field};
use super::values::{self, get, plain};
use crate::model::{Attribute, Nanos, Value};

/// The columns of Agno's table of traces, each with the attribute keys that state it (`agno/tracing/schemas.py`).
const CONTEXT: [(&str, &[&str]); 6] = [
    ("run_id", &["run_id", "agno.run.id"]),
    ("session_id", &["session_id", "agno.session.id", "session.id"]),
    ("user_id", &["user_id", "agno.user.id", "user.id"]),
    ("agent_id", &["agent_id", "agno.agent.id"]),
    ("team_id", &["team_id", "agno.team.id"]),
    ("workflow_id", &["workflow_id", "agno.workflow.id"]),
];

/// Returns the value that a root span's attributes state for a column of Agno's table of traces, such as `session_id`.
#[must_use]
pub fn agno_context(attributes: &[Attribute], column: &str) -> Option<String> {
    let (_, names) = CONTEXT.iter().find(|(name, _)| *name == column)?;
    names.iter().find_map(|name| get(attributes, name)).map(plain)
}

/// Returns the total token count that the attributes state, if it is not the sum of the stated input and output counts. Some providers
/// leave cached or reasoning tokens out of one and count them in the other.
#[must_use]
pub fn inconsistent_total(attributes: &[Attribute]) -> Option<u64> {
    let stated = |key: &&str| values::scalar(get(attributes, key)?).and_then(values::count).map(u64::from);
    let count = |field: Field| field.keys().iter().find_map(stated);
    let parts = count(Field::Prompt).zip(count(Field::Completion));
    count(Field::Total).filter(|total| parts.is_none_or(|(input, output)| input + output != *total))
}

/// The value of `logfire.span_type` on a record of a started span.
///
/// When a span starts, Logfire sends a record with an id of its own: a child of the started span, with this attribute and
/// `logfire.pending_parent_id`, the started span's parent.
pub(super) const PENDING: &str = "pending_span";

/// Marks a span that its sender has not ended, sent under its own id.
pub(crate) const OPEN_KEY: &str = "agno_top.span.pending";

/// Marks the attributes of a span that was only sent because it started as those of one that was cut.
pub fn mark_cut(attributes: &mut Vec<Attribute>, last_heard: Nanos) {
    attributes.retain(|(key, _)| key != OPEN_KEY);
    attributes.push((CUT_KEY.to_owned(), Value::Int(last_heard)));
}

/// Returns whether the attributes belong to a span that was only sent because it started: nobody but who watches it should have it.
#[must_use]
pub fn is_open_span(attributes: &[Attribute]) -> bool {
    get(attributes, OPEN_KEY) == Some(&Value::Bool(true))
}

/// Removes the attributes that mark a record of a started span, for an export under the id of the span itself. Without them a reader would
/// take the span for a record of its parent.
pub fn remove_pending_marker(attributes: &mut Vec<Attribute>) {
    let keys = [Field::RecordType, Field::PendingParent].map(Field::keys).concat();
    let is_pending = |(key, value): &Attribute| keys.contains(&key.as_str()) && matches!(value, Value::Text(text) if text == PENDING);
    if attributes.iter().any(is_pending) {
        attributes.retain(|(key, _)| !keys.contains(&key.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_inconsistent_if_it_is_not_the_sum_of_input_and_output() {
        let text = |text: &str| Value::Text(text.to_owned());
        let openinference = ["llm.token_count.total", "llm.token_count.prompt", "llm.token_count.completion"];
        let genai = ["gen_ai.usage.total_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"];
        let sdk = ["ai.usage.totalTokens", "ai.usage.promptTokens", "ai.usage.completionTokens"];
        for (names, [total, input, output], expected) in [
            (openinference, [Value::Int(150), Value::Int(100), Value::Int(50)], None),
            (openinference, [Value::Int(200), Value::Int(100), Value::Int(50)], Some(200)),
            (genai, [Value::Float(150.0), text("100"), Value::Int(50)], None),
            (genai, [text(" 200.0 "), Value::Float(100.0), text("50")], Some(200)),
            (sdk, [Value::Int(0), Value::Int(100), Value::Int(50)], Some(0)),
            (sdk, [Value::Int(200), Value::Null, Value::Int(50)], Some(200)),
            (sdk, [Value::Int(-200), Value::Int(100), Value::Int(50)], None),
            (sdk, [text("many"), Value::Int(100), Value::Int(50)], None),
            (sdk, [Value::List(vec![Value::Int(200)]), Value::Int(100), Value::Int(50)], None),
        ] {
            let attributes: Vec<_> = names.map(str::to_owned).into_iter().zip([total, input, output]).collect();
            assert_eq!(inconsistent_total(&attributes), expected, "{attributes:?}");
        }
        let both = [("gen_ai.usage.total_tokens".to_owned(), Value::Int(7)), ("llm.token_count.total".to_owned(), Value::Int(8))];
        assert_eq!(inconsistent_total(&both), Some(8), "the key that takes precedence");
        assert_eq!(inconsistent_total(&[]), None);
    }

    #[test]
    fn only_the_own_marker_tells_of_an_open_span() {
        let marked = |value| vec![("a".to_owned(), Value::Int(1)), (OPEN_KEY.to_owned(), value)];
        assert!(is_open_span(&marked(Value::Bool(true))));
        assert!(!is_open_span(&marked(Value::Bool(false))) && !is_open_span(&marked(Value::Text("true".to_owned()))) && !is_open_span(&[]));
    }

    #[test]
    fn the_marker_of_a_pending_span_is_removed_and_other_attributes_stay() {
        let attribute = |name: &str, value: &str| (name.to_owned(), Value::Text(value.to_owned()));
        let (kind, parent, other) =
            (|kind| attribute("logfire.span_type", kind), attribute("logfire.pending_parent_id", "0"), attribute("a", "pending_span"));
        let mut pending = vec![other.clone(), kind("pending_span"), parent.clone()];
        remove_pending_marker(&mut pending);
        assert_eq!(pending, [other]);
        let mut ended = vec![kind("span"), parent];
        remove_pending_marker(&mut ended);
        assert_eq!(ended.len(), 2);
    }
}
