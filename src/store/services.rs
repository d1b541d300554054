//! Providers with the models that they serve: few, and shared by many calls.

use hashbrown::HashMap;

use super::interner::{Interner, Symbol};

/// A provider and a model.
pub(super) type Service = (Symbol, Symbol);

/// Every distinct provider and model of the store's rows, with the number of rows that use it.
#[derive(Debug, Default)]
pub(super) struct Services {
    entries: Vec<(Service, u32)>,
    free: Vec<u32>,
    places: HashMap<Service, u32>,
    /// The place that was taken last: most calls are of the same model as the one before.
    last: u32,
}

impl Services {
    /// The place of a provider and a model, used once more than before.
    pub(super) fn take(&mut self, texts: &mut Interner, provider: &str, model: &str) -> u32 {
        if let Some((last, uses @ 1..)) = self.entries.get_mut(self.last as usize)
            && texts.text(last.1) == model
            && texts.text(last.0) == provider
        {
            *uses += 1;
            return self.last;
        }
        let service = (texts.take(provider), texts.take(model));
        if let Some(&at) = self.places.get(&service) {
            // One use of the texts is enough for all.
            texts.release(service.0);
            texts.release(service.1);
            self.entries[at as usize].1 += 1;
            self.last = at;
            return at;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(((Symbol::EMPTY, Symbol::EMPTY), 0));
            (self.entries.len() - 1) as u32
        });
        self.entries[at as usize] = (service, 1);
        self.places.insert(service, at);
        self.last = at;
        at
    }

    /// Counts one use less; what nobody uses is forgotten.
    pub(super) fn release(&mut self, texts: &mut Interner, at: u32) {
        let (service, uses) = &mut self.entries[at as usize];
        *uses -= 1;
        if *uses == 0 {
            texts.release(service.0);
            texts.release(service.1);
            self.places.remove(service);
            self.free.push(at);
        }
    }

    /// What stands at a place in use.
    pub(super) fn get(&self, at: u32) -> Service {
        self.entries[at as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_kept_once_and_forgotten_with_its_last_use() {
        let (mut texts, mut services) = (Interner::default(), Services::default());
        let first = services.take(&mut texts, "openai", "gpt-5");
        assert_eq!(services.take(&mut texts, "openai", "gpt-5"), first);
        let other = services.take(&mut texts, "", "gpt-5");
        assert_ne!(other, first);
        services.release(&mut texts, first);
        assert_eq!(texts.text(services.get(first).0), "openai");
        services.release(&mut texts, first);
        assert_eq!((texts.text(services.get(other).1), services.places.len()), ("gpt-5", 1));
        services.release(&mut texts, other);
        let (openai, gpt) = (texts.take("x"), texts.take("y"));
        assert_eq!(texts.len(), 3, "{openai:?} and {gpt:?} stand where others stood");
    }
}
