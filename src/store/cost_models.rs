//! The model that usage counts for which a row adds to a call below it.
//!
//! A row above a call may state the call's cost or some of its tokens, perhaps under another name of the model. They belong to the model of
//! the row that counts as the call.

use super::Store;
use super::attribution::MAX_EXAMINED_CHILDREN;
use super::interner::Symbol;
use super::ix::{NONE, RowIx};

/// The most rows with usage below a row that are examined. With more, its usage counts for its own model.
const MAX_EXAMINED: usize = 256;

impl Store {
    /// Returns the model that the row's own usage counts for: the one that the row names or, if the row adds to the calls below it, theirs.
    /// Empty if no model is named.
    #[must_use]
    pub fn counted_model(&self, row: RowIx) -> Symbol {
        let moved = if self.cost_models.is_empty() { None } else { self.cost_models.get(&row).copied() };
        moved.unwrap_or_else(|| self.model(row))
    }

    /// Decides again which model the own usage of a linked row counts for.
    pub(super) fn settle_cost_model(&mut self, row: RowIx) {
        if self.row(row).usage == NONE {
            return;
        }
        let model = self.cost_model(row);
        if model == self.cost_models.get(&row).copied() {
            return;
        }
        let own = self.own_totals(row);
        self.attribute_own(row, &own.negated());
        match model {
            Some(model) => self.cost_models.insert(row, model),
            None => self.cost_models.remove(&row),
        };
        self.attribute_own(row, &own);
    }

    /// Returns the model of all calls below a row that adds usage to them and no call; `None` for any other row, or if the calls are of
    /// several models or of the row's own.
    pub(super) fn cost_model(&self, row: RowIx) -> Option<Symbol> {
        let own = self.own_totals(row);
        if self.row(row).usage == NONE || own.calls > 0 || own.usage_only().is_zero() {
            return None;
        }
        let (mut open, mut found, mut examined) = (vec![row], None, 0);
        while let Some(at) = open.pop() {
            let children = self.children(at);
            if children.len() > MAX_EXAMINED_CHILDREN {
                return None;
            }
            for &child in children.iter().filter(|&&child| self.totals(child).calls > 0) {
                examined += 1;
                let is_call = self.own_totals(child).calls > 0;
                let model = self.model(child);
                if examined > MAX_EXAMINED || (is_call && found.is_some_and(|found| found != model)) {
                    return None;
                }
                found = if is_call { Some(model) } else { found };
                open.push(child);
            }
        }
        found.filter(|&model| model != self.model(row))
    }
}
