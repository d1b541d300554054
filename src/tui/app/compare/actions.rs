//! Opening, updating and leaving the comparison.

use super::{Compare, Texts};
use crate::keymap::Action;
use crate::model::{Nanos, SpanId};
use crate::sources::PayloadRequest;
use crate::store::{Changes, Store, TraceIx};
use crate::tui::app::{App, Focus, Overlay};

impl App {
    /// Compares the two marked traces, or the marked trace with the one under the cursor.
    pub(in crate::tui::app) fn compare(&mut self, store: &Store, now: Nanos) {
        let mut traces: Vec<TraceIx> = self.marks.iter().copied().collect();
        if let ([marked], Some(row)) = (traces.as_slice(), self.tree.cursor()) {
            traces.extend(Some(store.row(row).trace()).filter(|current| current != marked));
        }
        if let [a, b] = traces[..] {
            self.overlay = Some(Overlay::Compare(Box::new(Compare::new(store, [a, b]))));
            self.message = None;
            return;
        }
        let (mark, compare) = (self.keymap.hint(Action::Mark), self.keymap.hint(Action::Compare));
        let text = match self.marks.len() {
            1 => format!("one trace is marked; go to another one and press {compare}"),
            0 => format!("mark a trace with {mark}, go to another one and press {compare} to compare them"),
            count => format!("{count} traces are marked; mark two to compare them"),
        };
        self.show_message(text, false, now);
    }

    /// Notes changes of the compared traces. Closes the comparison if one is evicted.
    pub(in crate::tui::app) fn update_compare(&mut self, changes: &Changes) {
        let Some(Overlay::Compare(compare)) = &mut self.overlay else { return };
        if compare.traces.iter().any(|trace| changes.evicted.contains(trace)) {
            self.overlay = None;
            self.show_message("a compared trace was evicted from memory", true, self.now);
        } else if compare.traces.iter().any(|trace| changes.traces.contains(trace)) {
            compare.pace.invalidate();
            // A step that arrived again may have another payload.
            let rows = compare.pairs.get(compare.cursor).map(|pair| pair.rows).unwrap_or_default();
            for (side, row) in rows.into_iter().enumerate() {
                if row.is_some_and(|row| changes.rows.binary_search(&row).is_ok()) {
                    (compare.is_requested[side], compare.texts[side]) = (false, None);
                }
            }
            changes.rows.iter().for_each(|&row| compare.parameters.forget(row));
        }
    }

    /// Closes the comparison and goes to the step under its cursor.
    pub(in crate::tui::app) fn leave_compare(&mut self, store: &Store) {
        let Some(Overlay::Compare(compare)) = self.overlay.take() else { return };
        let row = compare.pairs.get(compare.cursor).and_then(|pair| pair.rows[0].or(pair.rows[1]));
        if let Some(row) = row {
            self.focus = Focus::Traces;
            self.tree.reveal(store, row);
            self.show_detail(store);
        }
    }

    /// Goes to the next difference or the previous one.
    pub(in crate::tui::app) fn go_to_difference(&mut self, store: &Store, back: bool, now: Nanos) {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay
            && !compare.seek(store, back, now)
        {
            self.show_message("no other difference", false, now);
        }
    }

    /// Returns the payloads that the comparison needs with their sides, once.
    pub fn take_compare_requests(&mut self, store: &Store) -> Vec<(usize, PayloadRequest)> {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay { compare.take_requests(store) } else { Vec::new() }
    }

    /// Returns the payloads of the next model calls whose parameters are to be compared, once.
    pub fn take_parameter_requests(&mut self, store: &Store) -> Vec<PayloadRequest> {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay { compare.take_parameter_requests(store) } else { Vec::new() }
    }

    /// Sets the parameters of model calls in words; `None` for a call whose payload can't be read.
    pub fn load_parameters(&mut self, store: &Store, parameters: impl Iterator<Item = (SpanId, Option<String>)>) {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.load_parameters(store, parameters);
        }
    }

    /// Sets the texts of a step on one side of the comparison.
    pub fn load_compared(&mut self, store: &Store, side: usize, id: SpanId, texts: Texts) {
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.load(store, side, id, texts);
        }
    }
}
