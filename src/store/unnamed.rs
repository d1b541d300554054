//! Usage of rows that name no model: it counts for the model of the nearest row above with usage that names one, up to the run or the tool
//! call that they are in, unless another call there names another model. Some senders state a call's tokens in one span and its model in another one above.

use std::collections::BTreeSet;

use super::Store;
use super::ix::{NONE, RowIx, TraceIx};
use super::memory::TREE;
use super::model_ids::ModelId;
use super::walk::MAX_ANCESTORS;

/// The most rows of a trace that are decided again after each change in it. Of more, none counts for the model of another row.
const MAX_UNNAMED: usize = 64;

/// The rows that state usage and name no model, by trace.
#[derive(Debug, Default)]
pub(super) struct Unnamed(BTreeSet<(TraceIx, RowIx)>);

impl Unnamed {
    /// Returns the rows of a trace, at most one more than [`MAX_UNNAMED`].
    fn of(&self, trace: TraceIx) -> impl Iterator<Item = RowIx> {
        self.0.range((trace, RowIx(0))..=(trace, RowIx(u32::MAX))).take(MAX_UNNAMED + 1).map(|&(_, row)| row)
    }

    /// Returns the bytes that the rows take.
    pub(super) fn memory(&self) -> usize {
        self.0.len() * TREE * size_of::<(TraceIx, RowIx)>()
    }
}

impl Store {
    /// Adds a row with its facts, if it states usage and names no model.
    pub(super) fn enter_unnamed(&mut self, row: RowIx) {
        if self.row(row).usage != NONE && self.model(row).is_empty() {
            self.unnamed.0.insert((self.row(row).trace(), row));
        }
    }

    /// Removes a row.
    pub(super) fn leave_unnamed(&mut self, row: RowIx) {
        let trace = self.row(row).trace();
        self.unnamed.0.remove(&(trace, row));
    }

    /// Decides again which models the rows of a trace count for that name none, after a row, its place or its model changed.
    pub(super) fn settle_unnamed(&mut self, trace: TraceIx) {
        if self.unnamed.0.is_empty() {
            return;
        }
        // One too many: then none counts for another model any more.
        let rows: Vec<RowIx> = self.unnamed.of(trace).collect();
        for row in rows {
            self.settle_cost_model(row);
        }
    }

    /// Returns the model of the nearest row above that names one with its usage, for a row that names none and is no run or tool call itself.
    /// `None` if a call below that row names another model.
    pub(super) fn model_above(&self, row: RowIx) -> Option<ModelId> {
        if self.unnamed.of(self.row(row).trace()).count() > MAX_UNNAMED {
            return None;
        }
        let mut is_within = true;
        let mut path = self.path(row).take(MAX_ANCESTORS).take_while(|&at| std::mem::replace(&mut is_within, !self.begins_calls(at)));
        path.next().filter(|&row| !self.begins_calls(row))?;
        let named = path.find(|&above| !self.model(above).is_empty())?;
        // A sum of calls of several models names one of them.
        let is_only = self.models_below(named).is_ok_and(|found| found.is_none_or(|(_, found)| found == self.model(named)));
        is_only.then(|| (self.provider(named), self.model(named)))
    }
}
