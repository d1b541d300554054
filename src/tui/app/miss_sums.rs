//! What caches missed in the shown traces, by agent, model and session, and each of these by hour.

use std::collections::{BTreeMap, HashMap};

use crate::export::{Miss, MissSum};
use crate::model::Nanos;
use crate::model::calendar::{Unit, period};
use crate::store::{By, Symbol};

pub(super) type Sums = HashMap<(Group, Symbol), Missed>;

/// What caches missed, in all and in each hour, by its start.
#[derive(Debug, Default)]
pub(super) struct Missed {
    sum: MissSum,
    hours: BTreeMap<Nanos, MissSum>,
}

impl Missed {
    /// Adds a miss of a call that began at a time.
    pub(super) fn add(&mut self, at: Nanos, miss: &Miss) {
        self.sum.add(miss.rebuilt, miss.cost);
        self.hours.entry(period(Unit::Hour, at).at).or_default().add(miss.rebuilt, miss.cost);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    Agent,
    Model,
    Session,
}

impl Group {
    fn of(by: By) -> Option<Self> {
        match by {
            By::Agent => Some(Self::Agent),
            By::Model => Some(Self::Model),
            By::Tool => None,
        }
    }
}

/// What caches missed in the shown traces, by agent, model and session.
#[derive(Debug, Default)]
pub struct MissSums {
    pub(super) sums: Sums,
    /// Whether misses were searched for.
    pub(super) is_known: bool,
    /// Whether the search goes on.
    pub(super) is_incomplete: bool,
}

impl MissSums {
    /// Returns what caches missed for an agent or a model; `None` if that is not known. The flag tells that there may be more.
    #[must_use]
    pub fn of_group(&self, by: By, name: Symbol) -> Option<(MissSum, bool)> {
        self.get(Group::of(by)?, name)
    }

    /// Returns what caches missed for an agent or a model in each hour, by its start.
    #[must_use]
    pub fn hours_of_group(&self, by: By, name: Symbol) -> Option<&BTreeMap<Nanos, MissSum>> {
        self.sums.get(&(Group::of(by)?, name)).map(|missed| &missed.hours)
    }

    /// Returns what caches missed in a session, likewise.
    #[must_use]
    pub fn hours_of_session(&self, session: Symbol) -> Option<&BTreeMap<Nanos, MissSum>> {
        self.sums.get(&(Group::Session, session)).map(|missed| &missed.hours)
    }

    /// Returns what caches missed in a session, likewise.
    #[must_use]
    pub fn of_session(&self, session: Symbol) -> Option<(MissSum, bool)> {
        self.get(Group::Session, session)
    }

    /// Whether misses were searched for.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    fn get(&self, group: Group, name: Symbol) -> Option<(MissSum, bool)> {
        self.is_known.then(|| (self.sums.get(&(group, name)).map(|missed| missed.sum).unwrap_or_default(), self.is_incomplete))
    }
}
