//! Interned combinations of provider, model and instrumentation: few, and shared by many calls.

use hashbrown::HashMap;

use super::hash_index::fit;
use super::interner::{Interner, Symbol};

/// A provider and a model.
pub(super) type ModelId = (Symbol, Symbol);

/// Who reports a call: the instrumentation scope and the service, each empty if unknown. An agent and its gateway may have the same
/// instrumentation.
pub(super) type Reporter = (Symbol, Symbol);

/// The distinct model ids of the store's rows by reporter, with the number of their uses.
#[derive(Debug, Default)]
pub(super) struct ModelIds {
    /// Model id, reporter and uses.
    entries: Vec<(ModelId, Reporter, u32)>,
    free: Vec<u32>,
    indexes: HashMap<(ModelId, Reporter), u32>,
    /// The index interned last: most calls have the model of the call before.
    last: u32,
    /// The first reporter, which may be unknown, and whether there was another one since.
    first_reporter: Option<Reporter>,
    has_other_reporter: bool,
}

impl ModelIds {
    /// Returns the index of a combination and adds a use.
    pub(super) fn intern(&mut self, texts: &mut Interner, [provider, model]: [&str; 2], [scope, service]: [&str; 2]) -> u32 {
        if let Some((last, reporter, uses @ 1..)) = self.entries.get_mut(self.last as usize)
            && texts.text(last.1) == model
            && texts.text(last.0) == provider
            && texts.text(reporter.0) == scope
            && texts.text(reporter.1) == service
        {
            *uses += 1;
            return self.last;
        }
        let [provider, model, scope, service] = [provider, model, scope, service].map(|text| texts.intern(text));
        let (model_id, reporter) = ((provider, model), (scope, service));
        if let Some(&index) = self.indexes.get(&(model_id, reporter)) {
            // An entry uses its texts once, however often it is used itself.
            for text in [provider, model, scope, service] {
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
        self.entries[index as usize] = (model_id, reporter, 1);
        self.indexes.insert((model_id, reporter), index);
        self.last = index;
        let first = *self.first_reporter.get_or_insert(reporter);
        self.has_other_reporter |= reporter != first;
        index
    }

    /// Removes a use of an index. Without uses, the combination is freed.
    pub(super) fn release(&mut self, texts: &mut Interner, index: u32) {
        let (model_id, reporter, uses) = &mut self.entries[index as usize];
        *uses -= 1;
        if *uses == 0 {
            let (model_id, reporter) = (*model_id, *reporter);
            for text in [model_id.0, model_id.1, reporter.0, reporter.1] {
                texts.release(text);
            }
            self.indexes.remove(&(model_id, reporter));
            fit(&mut self.indexes);
            self.free.push(index);
        }
    }

    /// Returns the bytes of memory of the tables, estimated; that of entries does not shrink.
    pub(super) fn memory(&self) -> usize {
        self.entries.len() * size_of::<(ModelId, Reporter, u32)>() * 3 / 2
            + self.indexes.len() * size_of::<((ModelId, Reporter), u32)>() * 2
    }

    /// Returns the provider and the model of an index in use.
    pub(super) fn get(&self, index: u32) -> ModelId {
        self.entries[index as usize].0
    }

    /// Returns who reports the calls of an index in use.
    pub(super) fn reporter(&self, index: u32) -> Reporter {
        self.entries[index as usize].1
    }

    /// Returns whether calls ever came from more than one reporter.
    pub(super) fn have_several_reporters(&self) -> bool {
        self.has_other_reporter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_id_is_stored_once_and_freed_with_its_last_use() {
        let (mut texts, mut ids) = (Interner::default(), ModelIds::default());
        let [of_openai, unknown] = [["openai", "gpt-5"], ["", "gpt-5"]];
        let first = ids.intern(&mut texts, of_openai, ["agno", ""]);
        assert_eq!(ids.intern(&mut texts, of_openai, ["agno", ""]), first);
        let other = ids.intern(&mut texts, unknown, ["", ""]);
        assert_ne!(other, first);
        assert!(ids.have_several_reporters(), "an unknown scope differs from a known one");
        let other_scope = ids.intern(&mut texts, of_openai, ["langchain", ""]);
        let other_service = ids.intern(&mut texts, of_openai, ["langchain", "gateway"]);
        assert_eq!(texts.text(ids.reporter(other_service).1), "gateway");
        assert_eq!(ids.reporter(other_scope).0, ids.reporter(other_service).0);
        assert!(![first, other_service].contains(&other_scope) && ids.have_several_reporters());
        for index in [other_service, other_scope, first] {
            ids.release(&mut texts, index);
        }
        assert_eq!(texts.text(ids.get(first).0), "openai");
        ids.release(&mut texts, first);
        assert_eq!((texts.text(ids.get(other).1), ids.indexes.len()), ("gpt-5", 1));
        ids.release(&mut texts, other);
        let taken = ["u", "v", "w", "x", "y"].map(|text| texts.intern(text));
        assert_eq!(texts.end(), 6, "{taken:?} reuse freed symbols");
    }
}
