//! Interned combinations of provider, model and instrumentation scope: few, and shared by many calls.

use hashbrown::HashMap;

use super::interner::{Interner, Symbol};

/// A provider and a model.
pub(super) type ModelId = (Symbol, Symbol);

/// The distinct model ids of the store's rows by instrumentation scope, with the number of their uses.
#[derive(Debug, Default)]
pub(super) struct ModelIds {
    /// Model id, scope and uses.
    entries: Vec<(ModelId, Symbol, u32)>,
    free: Vec<u32>,
    indexes: HashMap<(ModelId, Symbol), u32>,
    /// The index interned last: most calls have the model of the call before.
    last: u32,
    /// The first scope, which may be unknown, and whether there was another one since.
    first_scope: Option<Symbol>,
    has_other_scope: bool,
}

impl ModelIds {
    /// Returns the index of a combination and adds a use.
    pub(super) fn intern(&mut self, texts: &mut Interner, provider: &str, model: &str, scope: &str) -> u32 {
        if let Some((last, last_scope, uses @ 1..)) = self.entries.get_mut(self.last as usize)
            && texts.text(last.1) == model
            && texts.text(last.0) == provider
            && texts.text(*last_scope) == scope
        {
            *uses += 1;
            return self.last;
        }
        let (model_id, scope) = ((texts.intern(provider), texts.intern(model)), texts.intern(scope));
        if let Some(&index) = self.indexes.get(&(model_id, scope)) {
            // An entry uses its texts once, however often it is used itself.
            for text in [model_id.0, model_id.1, scope] {
                texts.release(text);
            }
            self.entries[index as usize].2 += 1;
            self.last = index;
            return index;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Default::default());
            (self.entries.len() - 1) as u32
        });
        self.entries[index as usize] = (model_id, scope, 1);
        self.indexes.insert((model_id, scope), index);
        self.last = index;
        let first = *self.first_scope.get_or_insert(scope);
        self.has_other_scope |= scope != first;
        index
    }

    /// Removes a use of an index. Without uses, the combination is freed.
    pub(super) fn release(&mut self, texts: &mut Interner, index: u32) {
        let (model_id, scope, uses) = &mut self.entries[index as usize];
        *uses -= 1;
        if *uses == 0 {
            let (model_id, scope) = (*model_id, *scope);
            for text in [model_id.0, model_id.1, scope] {
                texts.release(text);
            }
            self.indexes.remove(&(model_id, scope));
            self.free.push(index);
        }
    }

    /// Returns the provider and the model of an index in use.
    pub(super) fn get(&self, index: u32) -> ModelId {
        self.entries[index as usize].0
    }

    /// Returns the instrumentation scope of an index in use; empty if unknown.
    pub(super) fn scope(&self, index: u32) -> Symbol {
        self.entries[index as usize].1
    }

    /// Returns whether usage ever came from more than one instrumentation scope.
    pub(super) fn have_several_scopes(&self) -> bool {
        self.has_other_scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_id_is_stored_once_and_freed_with_its_last_use() {
        let (mut texts, mut ids) = (Interner::default(), ModelIds::default());
        let first = ids.intern(&mut texts, "openai", "gpt-5", "agno");
        assert_eq!(ids.intern(&mut texts, "openai", "gpt-5", "agno"), first);
        let other = ids.intern(&mut texts, "", "gpt-5", "");
        assert_ne!(other, first);
        assert!(ids.have_several_scopes(), "an unknown scope differs from a known one");
        let other_scope = ids.intern(&mut texts, "openai", "gpt-5", "langchain");
        assert_eq!(texts.text(ids.scope(other_scope)), "langchain");
        assert!(other_scope != first && ids.have_several_scopes());
        ids.release(&mut texts, other_scope);
        ids.release(&mut texts, first);
        assert_eq!(texts.text(ids.get(first).0), "openai");
        ids.release(&mut texts, first);
        assert_eq!((texts.text(ids.get(other).1), ids.indexes.len()), ("gpt-5", 1));
        ids.release(&mut texts, other);
        let taken = ["v", "x", "y", "z"].map(|text| texts.intern(text));
        assert_eq!(texts.end(), 5, "{taken:?} reuse freed symbols");
    }
}
