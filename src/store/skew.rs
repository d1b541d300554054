//! Clock skew: how far the clock of one service is behind that of another, as spans prove it.
//!
//! A span cannot begin before the span that it ran in. Where it does and another service sent it, the clock of that service is behind, by
//! at least that time.

use super::ix::{RowIx, TraceIx};
use super::nesting::TOLERANCE;
use super::{MAX_ANALYZED_ROWS, Store};
use crate::model::Nanos;

/// A service whose clock is behind that of the service that called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// The number of the service; [`Store::service_name`] returns its name.
    pub service: u16,
    /// The number of the service that called it.
    pub caller: u16,
    /// How far it is behind, at least, in nanoseconds.
    pub behind: Nanos,
}

impl Store {
    /// Returns the skew that a row proves: it began before the row above it, which another service sent.
    #[must_use]
    pub fn skew(&self, row: RowIx) -> Option<Skew> {
        let (data, above) = (self.row(row), self.row(row).parent()?);
        let (service, caller) = (self.service_number(row)?, self.service_number(above)?);
        let behind = self.row(above).start.saturating_sub(data.start);
        let is_named = |number| !self.service_name(number).is_empty();
        let is_proven = service != caller && behind > TOLERANCE && !data.placeholder && !self.row(above).placeholder;
        (is_proven && is_named(service) && is_named(caller)).then_some(Skew { service, caller, behind })
    }

    /// Returns the largest skew of each pair of services that the first [`MAX_ANALYZED_ROWS`] rows of a trace prove, in the order of the rows.
    #[must_use]
    pub fn skews(&self, trace: TraceIx) -> Vec<Skew> {
        let mut skews: Vec<Skew> = Vec::new();
        for skew in self.walk(trace).take(MAX_ANALYZED_ROWS).filter_map(|(row, _)| self.skew(row)) {
            match skews.iter_mut().find(|other| (other.service, other.caller) == (skew.service, skew.caller)) {
                Some(other) => other.behind = other.behind.max(skew.behind),
                None => skews.push(skew),
            }
        }
        skews
    }
}

#[cfg(test)]
mod tests;
