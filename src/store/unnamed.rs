//! Usage of rows that name no model: it counts for the model of the nearest row above with usage that names one, up to the run or the tool
//! call that they are in, unless another call there names another model. Some senders state a call's tokens in one span and its model in another one above.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::Store;
use super::ix::{NONE, RowIx, TraceIx};
use super::memory::TREE;
use super::model_ids::ModelId;
use super::walk::MAX_ANCESTORS;

/// The most rows of a trace that are decided again after each batch that changes it. Of more, none counts for the model of another row.
const MAX_UNNAMED: usize = 64;

/// The rows that state usage and name no model, by trace.
#[derive(Debug, Default)]
pub(super) struct Unnamed {
    by_trace: HashMap<TraceIx, BTreeSet<RowIx>>,
    rows: usize,
}

impl Unnamed {
    /// Returns whether more rows of a trace name no model than are decided.
    fn are_too_many(&self, trace: TraceIx) -> bool {
        self.by_trace.get(&trace).is_some_and(|rows| rows.len() > MAX_UNNAMED)
    }

    /// Returns the bytes that the rows take.
    pub(super) fn memory(&self) -> usize {
        self.rows * TREE * size_of::<RowIx>() + self.by_trace.capacity() * (size_of::<(TraceIx, BTreeSet<RowIx>)>() + 1)
    }
}

impl Store {
    /// Adds a row with its facts, if it states usage and names no model.
    pub(super) fn enter_unnamed(&mut self, row: RowIx) {
        if self.row(row).usage != NONE && self.model(row).is_empty() {
            let trace = self.row(row).trace();
            self.unnamed.rows += usize::from(self.unnamed.by_trace.entry(trace).or_default().insert(row));
        }
    }

    /// Removes a row.
    pub(super) fn leave_unnamed(&mut self, row: RowIx) {
        let trace = self.row(row).trace();
        if let Some(rows) = self.unnamed.by_trace.get_mut(&trace) {
            self.unnamed.rows -= usize::from(rows.remove(&row));
            if rows.is_empty() {
                self.unnamed.by_trace.remove(&trace);
            }
        }
    }

    /// Decides again which models the rows of a trace count for that name none, after a row, its place or its model changed.
    pub(super) fn settle_unnamed(&mut self, trace: TraceIx) {
        // One too many: then none counts for another model any more.
        let rows: Vec<RowIx> = self.unnamed.by_trace.get(&trace).into_iter().flatten().take(MAX_UNNAMED + 1).copied().collect();
        for row in rows {
            self.settle_cost_model(row);
        }
    }

    /// Returns the model of the nearest row above that names one with its usage, for a row that names none and is no run or tool call itself.
    /// `None` if a call below that row names another model.
    pub(super) fn model_above(&self, row: RowIx) -> Option<ModelId> {
        if self.unnamed.are_too_many(self.row(row).trace()) {
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
