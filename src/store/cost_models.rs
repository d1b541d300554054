//! The model that usage counts for if it is not the row's own.
//!
//! A row above a call may state the call's cost or some of its tokens, perhaps under another name of the model. They belong to the model of
//! the row that counts as the call. A row that names no model counts for that of a row above ([`unnamed`](super::unnamed)).

use super::Store;
use super::attribution::MAX_EXAMINED_CHILDREN;
use super::interner::Symbol;
use super::ix::{NONE, RowIx};
use super::model_ids::ModelId;
use super::stats::By;

/// The most rows with usage below a row that are examined. With more, its usage counts for its own model.
const MAX_EXAMINED: usize = 256;

/// The calls below a row are of several models, or too many to be examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Several;

impl Store {
    /// Returns the model that the row's own usage counts for: the one that the row names or, if the row adds to the calls below it, theirs,
    /// or, if the row names none, that of a row above. Empty if no model is named.
    #[must_use]
    pub fn counted_model(&self, row: RowIx) -> Symbol {
        self.moved_to(row).map_or_else(|| self.model(row), |(_, model)| model)
    }

    /// Returns the provider that the row's own usage counts for, as [`Self::counted_model`] its model. Empty if none is named.
    #[must_use]
    pub fn counted_provider(&self, row: RowIx) -> Symbol {
        self.moved_to(row).map_or_else(|| self.provider(row), |(provider, _)| provider)
    }

    fn moved_to(&self, row: RowIx) -> Option<ModelId> {
        if self.cost_models.is_empty() { None } else { self.cost_models.get(&row).copied() }
    }

    /// Decides again which model the own usage of a linked row counts for.
    pub(super) fn settle_cost_model(&mut self, row: RowIx) {
        if self.row(row).usage == NONE {
            return;
        }
        let model = self.cost_model(row);
        if model == self.moved_to(row) {
            return;
        }
        let own = self.own_totals(row);
        let data = self.row(row);
        let is_named_so = data.counted && data.label.is_empty() && By::of(data.span_type) == Some(By::Model);
        if is_named_so {
            self.set_counted(row, false);
        }
        self.attribute_own(row, &own.negated());
        match model {
            Some(model) => self.cost_models.insert(row, model),
            None => self.cost_models.remove(&row),
        };
        self.attribute_own(row, &own);
        if is_named_so {
            self.set_counted(row, true);
        }
    }

    /// Decides again, for a row and those above it, which model their own usage counts for.
    pub(super) fn settle_cost_models(&mut self, row: RowIx) {
        let mut next = Some(row);
        while let Some(row) = next {
            self.settle_cost_model(row);
            next = self.row(row).parent();
        }
    }

    /// Returns the provider and the model that a row's own usage counts for if they are not its own.
    pub(super) fn cost_model(&self, row: RowIx) -> Option<ModelId> {
        let own = self.own_totals(row);
        if self.row(row).usage == NONE || own.usage_only().is_zero() {
            return None;
        }
        let of_calls = if own.calls > 0 { None } else { self.model_below(row) };
        of_calls.or_else(|| if self.model(row).is_empty() { self.model_above(row) } else { None })
    }

    /// Returns the provider and the model of all calls below a row; `None` if they are of several models or of the row's own, or name none.
    fn model_below(&self, row: RowIx) -> Option<ModelId> {
        self.models_below(row).ok().flatten().filter(|&found| found != (self.provider(row), self.model(row)))
    }

    /// Returns the provider and the model of the calls below a row that name one; an error if they are of several models, or too many.
    pub(super) fn models_below(&self, row: RowIx) -> Result<Option<ModelId>, Several> {
        let (mut open, mut found, mut examined): (_, Option<ModelId>, _) = (vec![row], None, 0);
        while let Some(at) = open.pop() {
            let children = self.children(at);
            if children.len() > MAX_EXAMINED_CHILDREN {
                return Err(Several);
            }
            for &child in children.iter().filter(|&&child| self.totals(child).calls > 0) {
                examined += 1;
                let model = self.model(child);
                let is_named_call = !model.is_empty() && self.own_totals(child).calls > 0;
                if examined > MAX_EXAMINED || (is_named_call && found.is_some_and(|(_, found)| found != model)) {
                    return Err(Several);
                }
                found = if is_named_call { found.or(Some((self.provider(child), model))) } else { found };
                open.push(child);
            }
        }
        Ok(found)
    }
}
