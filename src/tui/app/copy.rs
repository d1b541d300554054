//! The actions that copy.

use super::{App, Effect, Focus, TraceTree};
use crate::format;
use crate::model::Nanos;
use crate::store::Store;

impl App {
    /// Copies the id of the trace or span under the cursor, or the value in the detail pane if that has the focus.
    pub(super) fn copy(&mut self, store: &Store, now: Nanos) -> Option<Effect> {
        let Some(row) = self.tree.cursor() else {
            self.show_message("nothing to copy yet", false, now);
            return None;
        };
        if self.focus == Focus::Traces {
            let data = store.row(row);
            let (what, text) = match TraceTree::parent(store, row) {
                None => ("trace id", store.trace(data.trace()).id.to_string()),
                Some(_) => ("span id", data.id.to_string()),
            };
            return Some(Effect::Copy { what: format!("{what} {text}"), text });
        }
        match self.detail.copy() {
            Ok((what, text)) => Some(Effect::Copy { what: format!("{what}, {}", format::bytes(text.len() as u64)), text }),
            Err(reason) => {
                self.show_message(reason, false, now);
                None
            }
        }
    }

    /// Copies the span under the cursor as JSON.
    pub(super) fn copy_span(&mut self, store: &Store, now: Nanos) -> Option<Effect> {
        let row = self.tree.cursor().filter(|&row| !store.row(row).placeholder);
        if row.is_none() {
            self.show_message("nothing to copy yet: the span has not arrived", false, now);
        }
        row.map(Effect::CopySpan)
    }
}
