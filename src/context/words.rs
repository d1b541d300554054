//! What changed and what the cache did, in words.

use std::fmt::Write;

use super::cache::{Cause, Outcome, Verdict};
use super::diff::{Change, Sides};
use super::{CallFacts, CallReport, Summary};
use crate::format;

impl Change {
    /// Returns the change in words: `message 0 (system) changed at character 41`. Names are made safe.
    #[must_use]
    pub fn words(&self) -> String {
        let safe = |name: &str| format::safe(name).into_owned();
        let messages = |count: usize| format::plural(count as u64, "message");
        match self {
            Self::ToolsReordered { tool } => format!("the tools are in another order from {} on", safe(tool)),
            Self::ToolAdded { tool } => format!("the tool {} was added", safe(tool)),
            Self::ToolRemoved { tool } => format!("the tool {} is gone", safe(tool)),
            Self::ToolChanged { tool, at, .. } => format!("the schema of {} changed at character {at}", safe(tool)),
            Self::MessageChanged { message, role, at, .. } => format!("message {message} ({}) changed at character {at}", safe(role)),
            Self::MessagesDropped { message, count } => format!("{} dropped from message {message} on", messages(*count)),
            Self::MessagesInserted { message, count } => format!("{} inserted before message {message}", messages(*count)),
            Self::Compacted { message, count, by } => {
                format!("{} from message {message} on compacted into {by}", messages(*count))
            }
        }
    }

    /// Returns the two sides of a changed text.
    #[must_use]
    pub fn sides(&self) -> Option<&Sides> {
        match self {
            Self::ToolChanged { sides, .. } | Self::MessageChanged { sides, .. } => Some(sides),
            _ => None,
        }
    }
}

impl Cause {
    /// Returns the cause in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Model { before } => format!("another model than before ({})", format::safe(before)),
            Self::Changed(change) => change.words(),
            Self::StillRunning => "the call before was still running".to_owned(),
            Self::Expired { idle } => {
                format!("nothing changed, {} after the call before: longer than a prefix is kept", format::duration(*idle))
            }
            Self::Provider { idle } => {
                format!("nothing changed, {} after the call before: missed by the provider", format::duration(*idle))
            }
        }
    }
}

impl Verdict {
    /// Returns what the cache did for a call, and why, in words.
    #[must_use]
    pub fn words(&self, facts: &CallFacts) -> String {
        let cause = self.cause.as_ref().map(Cause::words);
        match self.outcome {
            Outcome::First => "no earlier call began like this".to_owned(),
            Outcome::FirstOfSession => "first call of the session".to_owned(),
            Outcome::Hit => match facts.cache_read.zip(facts.input) {
                Some((read, input)) => format!("{} from the cache", format::percent(read.into(), input.into())),
                None => "from the cache".to_owned(),
            },
            Outcome::TooShort => "too short to be cached".to_owned(),
            Outcome::Miss => {
                let stated = if self.is_assumed { ", none stated as cached" } else { "" };
                let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
                format!("{} read again{stated}{cause}", format::plural(self.rebuilt, "token"))
            }
            Outcome::NotReported => match cause {
                Some(cause) => format!("cached tokens not stated; {cause}"),
                None => "cached tokens not stated".to_owned(),
            },
        }
    }
}

impl CallReport {
    /// Returns how many messages were kept, added, dropped and changed since the call before, in words; `None` if there is none.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        let (_, diff) = self.since.as_ref()?;
        let counts = [(diff.kept, "kept"), (diff.added, "added"), (diff.dropped, "dropped"), (diff.changed, "changed")];
        let counts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{} {what}", format::count(*count as u64))).collect();
        (!counts.is_empty()).then(|| counts.join(", "))
    }
}

impl Summary {
    /// Returns the sums in words: `5 calls · 61,204 tokens in · 48,000 reused (78%) · 9,120 rebuilt by 1 miss`.
    #[must_use]
    pub fn words(&self) -> String {
        let input = match self.inputs {
            0 => format::UNKNOWN.to_owned(),
            inputs if inputs < self.calls => format!("≥{}", format::count(self.input)),
            _ => format::count(self.input),
        };
        let mut words = format!("{} · {} in", format::plural(self.calls as u64, "call"), format::with_noun(&input, "token"));
        if self.is_reported {
            let share = format::percent(self.reused, self.input);
            let misses = match self.misses {
                0 => "no misses".to_owned(),
                count => format!("{} rebuilt by {}", format::count(self.rebuilt), format::plural(count as u64, "miss")),
            };
            let _ = write!(words, " · {} reused ({share}) · {misses}", format::count(self.reused));
        } else {
            words += " · cached tokens not stated";
        }
        words
    }
}
