//! How a span ended, as its row keeps it: in one byte.

use crate::model::{Ending, Status};

/// Bits of the status.
const STATUS: u8 = 0b11;

/// The position of the ending.
const ENDING: u8 = 2;

/// Bits of the ending.
const ENDINGS: u8 = 0b111;

/// What the store adds to the facts that the span states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mark {
    /// The failure harms no agent: the span is no step of an agent's work, and its service also sends such steps; or it only watches the
    /// call above it.
    Harmless = 1 << 5,
    /// The paused run was continued.
    Continued = 1 << 6,
    /// The same call failed in another row that reports it: a tool call below, where it was executed, a model call above.
    FailedElsewhere = 1 << 7,
}

/// A status, an ending, and what the store found out about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome(u8);

impl Outcome {
    pub(super) fn new(status: Status, ending: Ending) -> Self {
        Self(status.code() | (ending as u8) << ENDING)
    }

    pub(super) fn status(self) -> Status {
        Status::from_code(u64::from(self.0 & STATUS)).unwrap_or_default()
    }

    pub(super) fn ending(self) -> Ending {
        match self.0 >> ENDING & ENDINGS {
            1 => Ending::Failed,
            2 => Ending::Watching,
            3 => Ending::Refused,
            4 => Ending::Paused,
            5 => Ending::Cut,
            6 => Ending::HandedOver,
            _ => Ending::Plain,
        }
    }

    pub(super) fn set_ending(&mut self, ending: Ending) {
        self.0 = self.0 & !(ENDINGS << ENDING) | (ending as u8) << ENDING;
    }

    pub(super) fn has(self, mark: Mark) -> bool {
        self.0 & mark as u8 != 0
    }

    pub(super) fn set(&mut self, mark: Mark, value: bool) {
        self.0 = if value { self.0 | mark as u8 } else { self.0 & !(mark as u8) };
    }

    /// Whether the span itself failed, harmless or not.
    pub(super) fn has_own_failure(self) -> bool {
        self.ending().has_failed(self.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_ending_and_marks_share_a_byte() {
        for status in [Status::Unset, Status::Ok, Status::Error] {
            let endings =
                [Ending::Plain, Ending::Failed, Ending::Watching, Ending::Refused, Ending::Paused, Ending::Cut, Ending::HandedOver];
            for ending in endings {
                let mut outcome = Outcome::new(status, ending);
                for mark in [Mark::Harmless, Mark::Continued, Mark::FailedElsewhere] {
                    assert!(!outcome.has(mark));
                    outcome.set(mark, true);
                    assert!(outcome.has(mark));
                }
                outcome.set(Mark::Continued, false);
                assert_eq!((outcome.status(), outcome.ending(), outcome.has(Mark::Continued)), (status, ending, false));
                outcome.set_ending(Ending::Cut);
                assert_eq!((outcome.status(), outcome.ending(), outcome.has(Mark::Harmless)), (status, Ending::Cut, true));
            }
        }
    }
}
