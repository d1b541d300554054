//! What people, judges and the record of the run say of a run.

use super::Page;
use crate::model::{Nanos, Payload};
use crate::store::{RowIx, Store};
use crate::tui::display::review;
use crate::tui::widget::text::TextRole;

impl Page {
    /// Writes the approvals and the scores of the run.
    pub(super) fn reviews(&mut self, store: &Store, row: RowIx, now: Nanos) {
        for approval in store.approvals(row) {
            let role = if approval.waits { TextRole::Keyword } else { TextRole::Plain };
            self.fact("approval", &review::approval(approval, now), role);
        }
        for score in store.scores(row) {
            self.fact("score", &review::score(score), TextRole::Plain);
        }
    }

    /// Writes what the record of the run states, and how it differs from the spans.
    pub(super) fn run_metrics(&mut self, store: &Store, row: RowIx, payload: &Payload) {
        let Some(metrics) = payload.run_metrics else { return };
        self.fact("stored run", &review::stored(&metrics), TextRole::Plain);
        if store.continuations(row) != (None, None) {
            // The spans of a part are compared with nothing.
            return self.fact("", "of all parts of the run", TextRole::Faint);
        }
        if let Some(difference) = review::difference(&metrics, &store.totals(row)) {
            self.fact("", &difference, TextRole::Keyword);
        }
    }
}
