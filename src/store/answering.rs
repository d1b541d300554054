//! The model that answered a call that several rows report. An agent names the model that it asks its gateway for, and the gateway the one
//! that answers, which may be another. The row that begins last is nearest to the provider; its model counts.

use std::cmp::Reverse;

use super::Store;
use super::interner::Symbol;
use super::ix::RowIx;
use super::model_ids::ModelId;

/// What a row itself states, while it counts for the model of another report.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatedModel {
    label: Symbol,
    /// An index into the store's [`ModelIds`](super::model_ids::ModelIds).
    pub(super) model_id: u32,
}

impl Store {
    /// Returns the report of a call whose model the row counts for; `None` if that is the row itself.
    pub(super) fn answering_report(&self, row: RowIx, reports: &[RowIx]) -> Option<RowIx> {
        let order = |row: RowIx| (self.row(row).start, Reverse(self.row(row).end));
        let named = reports.iter().copied().filter(|&report| !self.stated_model(report).1.is_empty());
        let nearest =
            named.max_by_key(|&report| (order(report), report == row, self.trace(self.row(report).trace()).id, self.row(report).id))?;
        let is_inner = order(nearest) > order(row) && self.lies_within(nearest, row);
        (is_inner && self.stated_model(nearest).1 != self.stated_model(row).1).then_some(nearest)
    }

    /// Returns the provider and the model that a row with usage itself states.
    pub(super) fn stated_model(&self, row: RowIx) -> ModelId {
        let model_id = self.usages[self.row(row).usage].model_id;
        self.model_ids.get(self.stated_models.get(&row).map_or(model_id, |stated| stated.model_id))
    }

    /// Returns the provider and the model that a row with usage counts for, if that is not what it states itself.
    pub(super) fn answering_model(&self, row: RowIx) -> Option<ModelId> {
        self.stated_models.contains_key(&row).then(|| self.model_ids.get(self.usages[self.row(row).usage].model_id))
    }

    /// Lets a linked row with usage count for a model that another report names, or for its own again. Returns whether that changed
    /// anything.
    pub(super) fn set_answering_model(&mut self, row: RowIx, target: Option<ModelId>) -> bool {
        let usage = self.row(row).usage;
        let (_, model) = self.model_ids.get(self.usages[usage].model_id);
        if target.map(|target| target.1) == self.stated_models.get(&row).map(|_| model) {
            return false;
        }
        if let Some(stated) = self.stated_models.remove(&row) {
            let filled = self.replace_model(row, stated);
            self.texts.release(filled.label);
            self.model_ids.release(&mut self.texts, filled.model_id);
        }
        if let Some((provider, model)) = target {
            let own = self.usages[usage].model_id;
            let provider = if provider.is_empty() { self.model_ids.get(own).0 } else { provider };
            let (scope, service) = self.model_ids.reporter(own);
            let [provider, name, scope, service] = [provider, model, scope, service].map(|text| self.texts.text(text).to_owned());
            let model_id = self.model_ids.intern(&mut self.texts, [&provider, &name], [&scope, &service]);
            self.texts.retain(model);
            let stated = self.replace_model(row, StatedModel { label: model, model_id });
            self.stated_models.insert(row, stated);
        }
        true
    }

    /// Replaces the model that a linked row counts for. Returns the one before.
    fn replace_model(&mut self, row: RowIx, new: StatedModel) -> StatedModel {
        let (usage, counted) = (self.row(row).usage, self.row(row).counted);
        let own = self.own_totals(row);
        self.set_counted(row, false);
        self.attribute_own(row, &own.negated());
        let label = std::mem::replace(&mut self.rows[row.0].label, new.label);
        let model_id = std::mem::replace(&mut self.usages[usage].model_id, new.model_id);
        self.attribute_own(row, &own);
        self.set_counted(row, counted);
        self.settle_cost_models(row);
        self.settle_unnamed(self.row(row).trace());
        StatedModel { label, model_id }
    }

    /// Releases what a row itself states beside the model that it counts for.
    pub(super) fn release_stated_model(&mut self, row: RowIx) {
        if let Some(stated) = self.stated_models.remove(&row) {
            self.texts.release(stated.label);
            self.model_ids.release(&mut self.texts, stated.model_id);
        }
    }
}
