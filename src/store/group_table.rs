//! The statistics of agents, models or tools, by name and by a place that stays the same: a pass over all of them may pause between two places.

use hashbrown::HashMap;

use super::hash_index::fit;
use super::interner::Symbol;
use super::slab::Slab;

/// Groups by name. An empty one, which equals the default, is none.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupTable<G> {
    places: HashMap<Symbol, u32>,
    groups: Slab<(Symbol, G)>,
}

impl<G: Default + PartialEq> PartialEq for GroupTable<G> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, group)| other.get(name) == Some(group))
    }
}

impl<G: Default + Eq> Eq for GroupTable<G> {}

impl<G: Default + PartialEq> GroupTable<G> {
    /// Returns the number of groups.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the size in bytes. Places of groups that are gone stay.
    pub(super) fn memory(&self) -> usize {
        self.groups.places() * size_of::<(Symbol, G)>() + self.places.allocation_size()
    }

    /// Returns all groups, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Symbol, &G)> {
        self.places.values().map(|&place| &self.groups[place]).map(|(name, group)| (*name, group))
    }

    /// Takes the table apart.
    pub(super) fn into_groups(self) -> impl Iterator<Item = G> {
        self.groups.into_values().map(|(_, group)| group)
    }

    /// Returns the group with a name.
    pub(super) fn get(&self, name: Symbol) -> Option<&G> {
        self.places.get(&name).map(|&place| &self.groups[place].1)
    }

    /// Returns the group at a place, if there is one.
    pub(super) fn at(&self, place: u32) -> Option<(Symbol, &G)> {
        let (name, group) = self.groups.get(place)?;
        (*group != G::default()).then_some((*name, group))
    }

    /// Returns one more than the last place.
    pub(super) fn end(&self) -> u32 {
        self.groups.end()
    }

    /// Changes a group, which begins empty and goes when it is empty again. `change` returns whether it is.
    pub(super) fn change(&mut self, name: Symbol, change: impl FnOnce(&mut G) -> bool) {
        let Self { places, groups } = self;
        let place = *places.entry(name).or_insert_with(|| groups.insert((name, G::default())));
        let group = &mut groups[place].1;
        if change(group) {
            // The slab keeps it until its place is used again.
            *group = G::default();
            groups.free(place);
            places.remove(&name);
            fit(places);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::interner::Interner;

    #[test]
    fn a_pass_over_the_places_meets_every_group_that_stays_once() {
        let mut interner = Interner::default();
        let names: Vec<Symbol> = (0..40).map(|name| interner.intern(&format!("agent {name}"))).collect();
        let add = |table: &mut GroupTable<u32>, name: Symbol, by: i32| {
            table.change(name, |count| {
                *count = count.wrapping_add_signed(by);
                *count == 0
            });
        };
        let mut table = GroupTable::default();
        for &name in &names {
            add(&mut table, name, 1);
        }
        let (mut met, mut place) = (Vec::new(), 0);
        while place < table.end() {
            met.extend(table.at(place).map(|(name, _)| name));
            // Others go and come back, perhaps at other places, meanwhile.
            if place % 8 == 3 {
                let other = names[39 - place as usize / 2];
                add(&mut table, other, -1);
                assert_eq!((table.len(), table.get(other)), (39, None));
                add(&mut table, other, 1);
            }
            place += 1;
        }
        let stayed = names[..20].iter().all(|name| met.iter().filter(|other| other == &name).count() == 1);
        assert!(stayed, "{met:?}");
        assert_eq!((table.len(), table.iter().count()), (40, 40));
        let mut same = GroupTable::default();
        names.iter().rev().for_each(|&name| add(&mut same, name, 1));
        assert_eq!(table, same, "places do not matter");
    }
}
