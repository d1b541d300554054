//! Filter lines for the traces behind a line of a table.

use std::collections::BTreeSet;

use super::{GroupKey, Table, View};
use crate::model::SpanType;
use crate::query::{KINDS, with_values};
use crate::store::{By, Store};

impl Table {
    /// Returns the filter line that shows the traces behind the line under the cursor.
    #[must_use]
    pub fn narrowed_filter(&self, store: &Store, filter: &str) -> Option<String> {
        let name = |field, name: &String| with_values(filter, field, std::slice::from_ref(name));
        let key = &self.line()?.key;
        Some(match (key, self.view) {
            // No filter can ask for an empty name.
            (GroupKey::Name(name), _) if name.is_empty() => return None,
            (GroupKey::Name(session), View::Sessions) => name("session", session),
            (GroupKey::Name(agent), View::Agents) => name("agent", agent),
            (GroupKey::Name(model), View::Models) => name("model", model),
            (GroupKey::Name(tool), View::Tools) => name("tool", tool),
            (GroupKey::Error(span_type, place, message), _) => self.error_filter(store, filter, key, *span_type, place, message),
            _ => return None,
        })
    }

    /// Returns the filter line that shows exactly the failures with this type, place and message.
    fn error_filter(&self, store: &Store, filter: &str, key: &GroupKey, span_type: SpanType, place: &String, message: &String) -> String {
        let rows = || self.index.rows(key).into_iter().flatten().map(|&(_, row)| store.row(row));
        // The fields of an earlier failure no longer apply.
        let bare = ["tool", "model", "name"].iter().fold(filter.to_owned(), |line, field| with_values(&line, field, &[]));
        let line = with_values(&bare, "status", &["error".to_owned()]);
        // `agent:` also matches the calls of the agent, and other spans may have the same name.
        let line = with_values(&line, "kind", &filter_kinds(span_type));
        let field = match By::of(span_type) {
            Some(By::Tool) => "tool",
            Some(By::Model) => "model",
            Some(By::Agent) => "agent",
            None => "name",
        };
        let is_labelled = field != "name" && rows().all(|data| !data.label.is_empty());
        let line = if is_labelled {
            with_values(&line, field, std::slice::from_ref(place))
        } else {
            let names: BTreeSet<&str> = rows().map(|data| store.text(data.name)).filter(|name| !name.is_empty()).collect();
            with_values(&line, "name", &names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        with_values(&line, "failure", std::slice::from_ref(message))
    }
}

/// Returns the values of the filter field `kind` that match spans of this type.
fn filter_kinds(span_type: SpanType) -> Vec<String> {
    KINDS.iter().filter(|(_, types)| types.contains(&span_type)).map(|(name, _)| (*name).to_owned()).collect()
}
