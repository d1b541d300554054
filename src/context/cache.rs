//! What a provider's cache did for a call, and why.

use super::CallFacts;
use super::diff::Change;
use crate::model::Nanos;

/// The fewest tokens that providers cache.
pub const MIN_CACHED: u64 = 1024;

/// How long providers keep a prefix at least, in nanoseconds: five minutes.
pub const TIME_TO_LIVE: Nanos = 300_000_000_000;

/// How long they keep what was written for an hour.
const AN_HOUR: Nanos = 3_600_000_000_000;

/// Providers cache whole blocks of tokens, and some cache less of a prompt than all.
const BLOCKS: u64 = 256;

/// What the cache did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// No earlier call began like this one.
    #[default]
    First,
    /// It is the first of its session.
    FirstOfSession,
    /// It served what an earlier call had sent.
    Hit,
    /// It served less.
    Miss,
    /// There was too little to cache.
    TooShort,
    /// The span does not state what the cache did.
    NotReported,
}

/// Why a call can't have got, or did not get, what an earlier call had sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Another model was asked, which shares no cache.
    Model {
        /// The model of the earlier call.
        before: String,
    },
    /// The prefix changed.
    Changed(Change),
    /// The earlier call was still running.
    StillRunning,
    /// The prefix is equal, and the earlier call ended longer ago than providers keep it.
    Expired {
        /// The time since then in nanoseconds.
        idle: Nanos,
    },
    /// The prefix is equal, and the provider missed it.
    Provider {
        /// The time since the earlier call in nanoseconds.
        idle: Nanos,
    },
}

/// What the cache did for a call, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What it did.
    pub outcome: Outcome,
    /// Why it missed; of a call that states no cached tokens, why it must have.
    pub cause: Option<Cause>,
    /// The tokens that an earlier call had sent and that the provider processed again; 0 unless it is a miss.
    pub rebuilt: u64,
    /// Whether the span states no cached tokens, and 0 is taken since other calls of the run state them.
    pub is_assumed: bool,
}

/// The earlier call that began most like this one.
pub(super) struct Earlier<'a> {
    pub(super) facts: &'a CallFacts,
    /// The first difference; `None` if the later call begins with everything that the earlier one had.
    pub(super) change: Option<&'a Change>,
}

/// Returns what the cache did for a call. `states_elsewhere` tells that other calls of the run to the same model state cached tokens.
pub(super) fn verdict(call: &CallFacts, earlier: Option<&Earlier<'_>>, states_elsewhere: bool) -> Verdict {
    let Some(&Earlier { facts: before, change }) = earlier else {
        let outcome = match call.cache_read {
            Some(1..) => Outcome::Hit,
            _ => Outcome::First,
        };
        return Verdict { outcome, ..Verdict::default() };
    };
    let definite =
        if before.model == call.model { change.cloned().map(Cause::Changed) } else { Some(Cause::Model { before: before.model.clone() }) };
    let is_assumed = call.cache_read.is_none() && states_elsewhere;
    let Some(read) = call.cache_read.or(is_assumed.then_some(0)).map(u64::from) else {
        return Verdict { outcome: Outcome::NotReported, cause: definite, ..Verdict::default() };
    };
    // No more than the call sent can be read again.
    let expected = held_by(before).map(|held| call.input.map_or(held, |input| held.min(u64::from(input))));
    let Some(expected) = expected else {
        let outcome = if read > 0 { Outcome::Hit } else { Outcome::NotReported };
        return Verdict { outcome, cause: definite.filter(|_| read == 0), rebuilt: 0, is_assumed };
    };
    if expected < MIN_CACHED && read == 0 {
        return Verdict { outcome: Outcome::TooShort, is_assumed, ..Verdict::default() };
    }
    if !falls_short(expected, read) {
        return Verdict { outcome: Outcome::Hit, ..Verdict::default() };
    }
    let cause = definite.unwrap_or_else(|| {
        let idle = call.start.saturating_sub(before.end);
        let kept = if before.keeps_an_hour { AN_HOUR } else { TIME_TO_LIVE };
        match idle {
            ..0 => Cause::StillRunning,
            _ if idle > kept => Cause::Expired { idle },
            _ => Cause::Provider { idle },
        }
    });
    Verdict { outcome: Outcome::Miss, cause: Some(cause), rebuilt: expected.saturating_sub(read), is_assumed }
}

/// Returns the tokens that the cache holds after a call: where writes are stated, what was read and written; else it may hold all that was sent.
pub(super) fn held_by(call: &CallFacts) -> Option<u64> {
    let written = call.cache_write.filter(|write| *write > 0 || call.cache_read.is_some_and(|read| read > 0));
    match written {
        Some(write) => Some(u64::from(write) + u64::from(call.cache_read.unwrap_or_default())),
        None => call.input.map(u64::from),
    }
}

/// Whether so much less than expected was read from the cache that it is a miss. The more is expected, the sooner.
pub(super) fn falls_short(expected: u64, read: u64) -> bool {
    (expected >= MIN_CACHED || read > 0) && expected.saturating_sub(read) > BLOCKS.max(expected / 10)
}
