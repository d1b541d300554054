//! What is copied: the value that is looked at.

use super::{App, Effect, Focus, TraceTree};
use crate::format;
use crate::model::Nanos;
use crate::store::Store;

impl App {
    /// The value looked at: in the traces the id of the trace or span under the cursor, in the detail what its tab shows.
    pub(super) fn copy(&mut self, store: &Store, now: Nanos) -> Option<Effect> {
        let Some(row) = self.tree.cursor() else {
            self.say("nothing to copy yet", false, now);
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
            Err(why) => {
                self.say(why, false, now);
                None
            }
        }
    }

    /// The span under the cursor, to be copied as JSON.
    pub(super) fn copy_span(&mut self, store: &Store, now: Nanos) -> Option<Effect> {
        let row = self.tree.cursor().filter(|&row| !store.row(row).placeholder);
        if row.is_none() {
            self.say("nothing to copy yet: the span has not come", false, now);
        }
        row.map(Effect::CopySpan)
    }
}
