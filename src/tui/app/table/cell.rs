//! The values in the lines of a table.

use crate::model::Nanos;
use crate::model::usage::NanoUsd;

/// A value in a line. Unknown values sort last and show as "–".
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number of things.
    Count(u64),
    /// Tokens.
    Tokens(Option<u64>),
    /// A duration.
    Time(Option<Nanos>),
    /// Cost.
    Money(Option<NanoUsd>),
    /// A part of a whole; unknown if the whole is 0.
    Part(u64, u64),
    /// A point in time.
    Moment(Nanos),
    /// A number per second.
    Rate(Option<f64>),
}

impl Cell {
    /// Returns the sort key: texts from A to Z, numbers from the largest, unknown values last.
    pub(super) fn sort_key(&self) -> SortKey {
        let number = match *self {
            Self::Text(ref text) => return SortKey::Text(text.to_lowercase()),
            Self::Count(count) => Some(count as f64),
            Self::Tokens(tokens) => tokens.map(|tokens| tokens as f64),
            Self::Time(time) => time.map(|time| time as f64),
            Self::Money(money) => money.map(|money| money as f64),
            Self::Part(part, whole) => (whole > 0).then(|| part as f64 / whole as f64),
            Self::Moment(moment) => Some(moment as f64),
            Self::Rate(rate) => rate,
        };
        // The bits of floats that are not negative are in the order of the floats.
        SortKey::Number(number.map_or(u64::MAX, |number| u64::MAX - 1 - number.max(0.0).to_bits()))
    }
}

/// How a cell sorts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortKey {
    Text(String),
    Number(u64),
}
