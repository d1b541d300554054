//! What a row knows from reports of its call that are gone: log events, which its span replaced. It is kept when the span comes again.

use super::interner::Symbol;
use super::ix::{NONE, RowIx};
use super::packed_usage::PackedUsage;
use super::rare_tokens::parts_of;
use super::row::TOLD_INPUT;
use super::{Changes, Store};
use crate::model::usage::RareTokens;

/// What others told of a row.
#[derive(Debug, Default)]
pub(super) struct Told {
    usage: Option<PackedUsage>,
    rare: RareTokens,
    /// The provider and the model that answered.
    model: Option<(Symbol, Symbol)>,
    input: Symbol,
}

impl Store {
    /// Returns what others told of a row whose facts are released next.
    pub(super) fn take_told(&mut self, row: RowIx) -> Told {
        let data = self.row(row);
        let (index, mut told) = (data.usage, Told::default());
        if data.is_from_log() || data.sender & TOLD_INPUT != 0 {
            told.input = data.input;
        }
        if index != NONE {
            told.usage = self.usages[index].filled();
            told.rare = self.rare_tokens.filled(index);
            told.model = self.answering_model(row);
        }
        let (provider, model) = told.model.unwrap_or_default();
        for symbol in [provider, model, told.input] {
            self.texts.retain(symbol);
        }
        told
    }

    /// Fills what a linked row lacks.
    pub(super) fn restore_told(&mut self, row: RowIx, told: &Told, changes: &mut Changes) {
        if !self.row(row).is_from_log() {
            let input = self.text(told.input).to_owned();
            self.set_input(row, &input, changes);
        }
        let index = self.row(row).usage;
        if index != NONE && (told.usage.is_some() || told.rare.is_some() || told.model.is_some()) {
            let mut usage = self.usages[index];
            if let Some(filled) = &told.usage {
                usage.fill_from(filled);
            }
            self.rare_tokens.fill(index, parts_of(&usage.usage(), told.rare.or(self.rare_tokens.filled(index))));
            if self.answering_model(row).is_none() {
                self.set_answering_model(row, told.model);
                usage.model_id = self.usages[index].model_id;
            }
            self.set_usage(row, usage, changes);
        }
        self.forget_told(told);
    }

    /// Releases the texts of what others told of a row.
    pub(super) fn forget_told(&mut self, told: &Told) {
        let (provider, model) = told.model.unwrap_or_default();
        for symbol in [provider, model, told.input] {
            self.texts.release(symbol);
        }
    }
}
