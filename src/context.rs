//! What fills the context of model calls, what changed from one call to the next, and why a provider's cache missed.
//!
//! Everything here is pure: [`Content::read`] takes a payload, a [`Comparer`] the calls of a run in the order of
//! their start, after the last ones before it in its session, and a [`RunReport`] what it found.
//! Tokens that a span states are exact. Tokens of parts are estimates: the stated input, divided by the size of the parts, so that
//! their sum is always the stated input.

mod cache;
mod comparer;
mod content;
mod diff;
mod parts;
mod run;
mod suspects;
#[cfg(test)]
mod tests;
mod texts;
mod words;

pub use cache::{Cause, MIN_CACHED, Outcome, TIME_TO_LIVE, Verdict};
pub use comparer::{Comparer, RECENT};
pub use content::Content;
pub use diff::{Change, Diff, Sides};
pub use parts::{PART_KINDS, PartKind, Parts, Piece};
pub use run::{Before, CallReport, EarlierCall, OfferedTool, ReadCall, RunReport, Summary};
pub use suspects::may_miss;
pub use texts::PartText;

use crate::model::Nanos;

/// What the row of a model call states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// The model that answered, else the requested one.
    pub model: String,
    /// The start time.
    pub start: Nanos,
    /// The end time.
    pub end: Nanos,
    /// Input tokens, including cached ones; `None` if not stated.
    pub input: Option<u32>,
    /// The part of the input that was read from the provider's cache.
    pub cache_read: Option<u32>,
    /// The part of the input that was written to the provider's cache.
    pub cache_write: Option<u32>,
    /// Whether the provider keeps what was written for an hour.
    pub keeps_an_hour: bool,
}

impl CallFacts {
    /// Returns whether the call states what was read from a cache or written to it.
    fn states_cached(&self) -> bool {
        [self.cache_read, self.cache_write].into_iter().flatten().any(|count| count > 0)
    }
}
