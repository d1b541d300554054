//! Answers of models that are not what was asked for: cut short, of another model, or from a stream that nearly stood still.

use super::{Analysis, Cause, short};
use crate::format;
use crate::store::RowIx;

impl Analysis<'_> {
    pub(super) fn answers(&mut self) {
        let store = self.store;
        let calls: Vec<RowIx> =
            self.rows.iter().copied().filter(|&row| store.row(row).span_type.calls_model() && !store.is_duplicate(row)).collect();
        for row in calls {
            let name = self.name(row);
            let output = store.usage(row).and_then(|usage| usage.output);
            if store.is_truncated(row) {
                let tokens = output.map(|output| format!(", {}", format::plural(output.into(), "token"))).unwrap_or_default();
                let sentence = format!("the answer of {name} was cut short: it reached the limit of tokens{tokens}");
                self.find(Cause::Truncated, output.unwrap_or_default().into(), vec![row], sentence);
            }
            if let Some(first) = store.first_token(row).filter(|_| store.is_stalled(row)) {
                let streamed = store.row(row).duration(self.now).saturating_sub(first);
                let (tokens, time) = (format::plural(output.unwrap_or_default().into(), "token"), format::duration(streamed));
                let sentence = format!("the stream of {name} nearly stood still: {tokens} in the {time} after the first one");
                self.find(Cause::Stalled, streamed.unsigned_abs(), vec![row], sentence);
            }
            if let Some(asked) = store.requested_model(row) {
                let sentence = format!("{name} answered, and {} was asked for", short(store.text(asked)));
                self.find(Cause::Model, 0, vec![row], sentence);
            }
        }
    }
}
