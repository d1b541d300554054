//! Values of settings that the configuration reads and the screen uses.

use serde::{Deserialize, Serialize};

use crate::model::usage::NanoUsd;

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
}

impl Column {
    /// All columns, from left to right.
    pub const ALL: [Self; 4] = [Self::Began, Self::Time, Self::Tokens, Self::Cost];
}

/// The columns to show where there is room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Columns(pub Vec<Column>);

impl Default for Columns {
    fn default() -> Self {
        Self(Column::ALL.to_vec())
    }
}

/// What the bars beside the traces show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// When the span ran.
    #[default]
    Time,
    /// The span's time without its children's.
    Own,
    /// Input and output tokens.
    Tokens,
    /// Cost.
    Cost,
}

impl Measure {
    /// All measures with their names.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Time, "time"), (Self::Own, "own time"), (Self::Tokens, "tokens"), (Self::Cost, "cost")];

    /// Returns the next measure; the first follows the last.
    #[must_use]
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
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
