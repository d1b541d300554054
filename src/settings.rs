//! Values of settings that the configuration reads and the screen uses.

use serde::{Deserialize, Serialize};

use crate::model::usage::NanoUsd;

/// Defines an enum whose values have names for the user.
macro_rules! named_enum {
    ($(#[$attribute:meta])* pub enum $type:ident { $($(#[$about:meta])* $value:ident = $name:literal,)* }) => {
        $(#[$attribute])*
        pub enum $type {
            $($(#[$about])* $value,)*
        }

        impl $type {
            /// All values with their names, in order.
            pub const ALL: [(Self, &'static str); [$($name),*].len()] = [$((Self::$value, $name)),*];

            /// Returns the name.
            #[must_use]
            pub fn name(self) -> &'static str {
                Self::ALL[self as usize].1
            }
        }
    };
}
pub(crate) use named_enum;

/// A column of numbers beside the traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    /// Start time.
    Began,
    /// Duration.
    Time,
    /// Input and output tokens.
    Tokens,
    /// Cost.
    Cost,
    /// The service that sent the trace.
    Service,
    /// The part of the input that came from the provider's cache.
    Cached,
    /// The part of the model's context window that the input takes.
    Context,
    /// The time to the first token.
    Ttft,
    /// Output tokens per second.
    Speed,
    /// The scores of evaluations.
    Score,
}

impl Column {
    /// The columns that are shown unless others are chosen.
    pub const USUAL: [Self; 4] = [Self::Began, Self::Time, Self::Tokens, Self::Cost];

    /// The columns about the answers of models and runs, in their order on the screen.
    pub const OF_ANSWERS: [Self; 5] = [Self::Cached, Self::Context, Self::Ttft, Self::Speed, Self::Score];
}

/// The columns to show where there is room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Columns(pub Vec<Column>);

impl Default for Columns {
    fn default() -> Self {
        Self(Column::USUAL.to_vec())
    }
}

named_enum! {
    /// What the bars beside the traces show.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Measure {
        /// When the span ran.
        #[default]
        Time = "time",
        /// The span's time without its children's.
        Own = "own time",
        /// Input and output tokens.
        Tokens = "tokens",
        /// Cost.
        Cost = "cost",
    }
}

impl Measure {
    /// Returns the next measure; the first follows the last.
    #[must_use]
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }
}

/// Limits on usage; `None` means unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Cost.
    pub cost: Option<NanoUsd>,
    /// Input and output tokens.
    pub tokens: Option<u64>,
}

impl Budget {
    /// Whether the known usage exceeds a limit.
    #[must_use]
    pub fn is_exceeded(&self, cost: Option<NanoUsd>, tokens: Option<u64>) -> bool {
        self.cost.zip(cost).is_some_and(|(limit, cost)| cost > limit)
            || self.tokens.zip(tokens).is_some_and(|(limit, tokens)| tokens > limit)
    }
}
