//! Providers with the models that they serve, and the instruments that tell of it: few, and shared by many calls.

use hashbrown::HashMap;

use super::interner::{Interner, Symbol};

/// A provider and a model.
pub(super) type ModelId = (Symbol, Symbol);

/// Every distinct service of the store's rows by the instruments that tell of it, with the number of rows that use it.
#[derive(Debug, Default)]
pub(super) struct ModelIds {
    entries: Vec<(ModelId, Symbol, u32)>,
    free: Vec<u32>,
    places: HashMap<(ModelId, Symbol), u32>,
    /// The place that was taken last: most calls are of the same model as the one before.
    last: u32,
    /// The first instrument that told of any, and whether others did.
    first: Symbol,
    are_many: bool,
}

impl ModelIds {
    /// The place of a provider and a model by an instrument, used once more than before.
    pub(super) fn intern(&mut self, texts: &mut Interner, provider: &str, model: &str, instrument: &str) -> u32 {
        if let Some((last, by, uses @ 1..)) = self.entries.get_mut(self.last as usize)
            && texts.text(last.1) == model
            && texts.text(last.0) == provider
            && texts.text(*by) == instrument
        {
            *uses += 1;
            return self.last;
        }
        let (service, by) = ((texts.intern(provider), texts.intern(model)), texts.intern(instrument));
        if let Some(&at) = self.places.get(&(service, by)) {
            // One use of the texts is enough for all.
            for text in [service.0, service.1, by] {
                texts.release(text);
            }
            self.entries[at as usize].2 += 1;
            self.last = at;
            return at;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Default::default());
            (self.entries.len() - 1) as u32
        });
        self.entries[at as usize] = (service, by, 1);
        self.places.insert((service, by), at);
        self.last = at;
        if self.first.is_empty() {
            self.first = by;
        }
        self.are_many |= !by.is_empty() && by != self.first;
        at
    }

    /// Counts one use less; what nobody uses is forgotten.
    pub(super) fn release(&mut self, texts: &mut Interner, at: u32) {
        let (service, by, uses) = &mut self.entries[at as usize];
        *uses -= 1;
        if *uses == 0 {
            let (service, by) = (*service, *by);
            for text in [service.0, service.1, by] {
                texts.release(text);
            }
            self.places.remove(&(service, by));
            self.free.push(at);
        }
    }

    /// What stands at a place in use.
    pub(super) fn get(&self, at: u32) -> ModelId {
        self.entries[at as usize].0
    }

    /// Who tells of what stands there; empty: unknown.
    pub(super) fn instrument(&self, at: u32) -> Symbol {
        self.entries[at as usize].1
    }

    /// Whether more than one instrument ever told of usage.
    pub(super) fn are_of_many_instruments(&self) -> bool {
        self.are_many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_kept_once_and_forgotten_with_its_last_use() {
        let (mut texts, mut services) = (Interner::default(), ModelIds::default());
        let first = services.intern(&mut texts, "openai", "gpt-5", "agno");
        assert_eq!(services.intern(&mut texts, "openai", "gpt-5", "agno"), first);
        let other = services.intern(&mut texts, "", "gpt-5", "");
        assert_ne!(other, first);
        assert!(!services.are_of_many_instruments());
        let by_other = services.intern(&mut texts, "openai", "gpt-5", "langchain");
        assert_eq!(texts.text(services.instrument(by_other)), "langchain");
        assert!(by_other != first && services.are_of_many_instruments());
        services.release(&mut texts, by_other);
        services.release(&mut texts, first);
        assert_eq!(texts.text(services.get(first).0), "openai");
        services.release(&mut texts, first);
        assert_eq!((texts.text(services.get(other).1), services.places.len()), ("gpt-5", 1));
        services.release(&mut texts, other);
        let taken = ["v", "x", "y", "z"].map(|text| texts.intern(text));
        assert_eq!(texts.len(), 5, "{taken:?} stand where others stood");
    }
}
