//! What caches missed in the shown traces, by agent, model and session.

use std::collections::HashMap;

use crate::export::MissSum;
use crate::store::{By, Symbol};

pub(super) type Sums = HashMap<(Group, Symbol), MissSum>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    Agent,
    Model,
    Session,
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
        let group = match by {
            By::Agent => Group::Agent,
            By::Model => Group::Model,
            By::Tool => return None,
        };
        self.get(group, name)
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
        self.is_known.then(|| (self.sums.get(&(group, name)).copied().unwrap_or_default(), self.is_incomplete))
    }
}
