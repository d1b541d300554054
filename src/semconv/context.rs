//! The context of a run, which Agno stores with a trace: the run, the session, the user and the agent.

use crate::model::{Attribute, Value};

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
    names.iter().find_map(|name| {
        let (_, value) = attributes.iter().rev().find(|(other, _)| other == name)?;
        match value {
            Value::Null => None,
            Value::Text(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            other => Some(other.to_json()),
        }
    })
}
