//! The columns of numbers beside the traces.

use serde::{Deserialize, Serialize};

/// A column of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    /// When a trace began.
    Began,
    /// How long it took.
    Time,
    /// Tokens in and out.
    Tokens,
    /// Money.
    Cost,
}

impl Column {
    /// Every column, from left to right.
    pub const ALL: [Self; 4] = [Self::Began, Self::Time, Self::Tokens, Self::Cost];
}

/// The columns that are shown where there is room for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(pub Vec<Column>);

impl Default for Columns {
    fn default() -> Self {
        Self(Column::ALL.to_vec())
    }
}
