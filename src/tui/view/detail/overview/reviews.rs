//! What people, judges and the record of the run say of a run.

use super::Page;
use crate::format;
use crate::model::review::RunMetrics;
use crate::model::{Nanos, Payload};
use crate::store::{RowIx, Store};
use crate::tui::display::review;
use crate::tui::widget::text::TextRole;

/// Costs that differ by less than one part in this many are equal.
const SHARE: u64 = 200;

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
        let RunMetrics { input, output, cost_usd, first_token } = metrics;
        let count = |count: Option<u64>| count.map_or_else(|| format::UNKNOWN.to_owned(), format::count);
        let mut stated = vec![format!("{} in, {} out", format::with_noun(&count(input), "token"), count(output))];
        let cost = cost_usd.map(|cost| (cost * 1e9).round() as i64);
        stated.extend(cost.map(|cost| format::money(Some(cost))));
        stated.extend(first_token.map(|first| format!("first token after {}", format::duration(first))));
        self.fact("stored run", &stated.join(" · "), TextRole::Plain);
        if store.continuations(row) != (None, None) {
            // The spans of a part are compared with nothing.
            return self.fact("", "of all parts of the run", TextRole::Faint);
        }
        let totals = store.totals(row);
        let mut differs = Vec::new();
        for (name, is_known, ours, stored) in
            [("in", totals.inputs > 0, totals.input, input), ("out", totals.outputs > 0, totals.output, output)]
        {
            if let Some(stored) = stored.filter(|stored| is_known && *stored != ours) {
                differs.push(format!("{} {name} there, {} in the spans", format::count(stored), format::count(ours)));
            }
        }
        if let Some((stored, ours)) = cost.zip(totals.cost()).filter(|(stored, ours)| stored.abs_diff(*ours) > ours.unsigned_abs() / SHARE)
        {
            differs.push(format!("{} there, {} for the spans", format::money(Some(stored)), format::money(Some(ours))));
        }
        if !differs.is_empty() {
            self.fact("", &format!("differs: {}", differs.join("; ")), TextRole::Keyword);
        }
    }
}
