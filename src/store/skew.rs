//! Clock skew: how far the clock of one service or host is behind that of another, as spans prove it.
//!
//! A span cannot begin before the span that it ran in. Where it does and another service or another host sent it, its clock is behind, by at
//! least that time.

use super::ix::{RowIx, TraceIx};
use super::nesting::TOLERANCE;
use super::{MAX_ANALYZED_ROWS, Store};
use crate::model::Nanos;

/// A clock: a service, and its host where two hosts of one service are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The number of the service; [`Store::service_name`] returns its name.
    pub service: u16,
    /// The number of the host; [`Store::host_name`] returns its name.
    pub host: Option<u16>,
}

/// A clock that is behind that of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// The clock that is behind.
    pub clock: Clock,
    /// The clock of the caller.
    pub caller: Clock,
    /// How far it is behind, at least, in nanoseconds.
    pub behind: Nanos,
}

impl Store {
    /// Returns the name of a host.
    #[must_use]
    pub fn host_name(&self, number: u16) -> &str {
        self.hosts.name(number)
    }

    /// Returns the skew that a row proves: it began before the row above it, which another service or another host sent.
    #[must_use]
    pub fn skew(&self, row: RowIx) -> Option<Skew> {
        let (data, above) = (self.row(row), self.row(row).parent()?);
        let behind = self.row(above).start.saturating_sub(data.start);
        let is_proven = behind > TOLERANCE && !data.placeholder && !self.row(above).placeholder;
        let (clock, caller) = self.clocks(row, above).filter(|_| is_proven)?;
        Some(Skew { clock, caller, behind })
    }

    /// Returns the clocks of two rows if they may differ: those of two services, or of two hosts of one service.
    fn clocks(&self, row: RowIx, above: RowIx) -> Option<(Clock, Clock)> {
        let (service, caller) = (self.service_number(row)?, self.service_number(above)?);
        let is_named = [service, caller].iter().all(|&number| !self.service_name(number).is_empty());
        let hosts = self.hosts.of(row).zip(self.hosts.of(above)).filter(|_| service == caller).filter(|(host, above)| host != above);
        let clock = |service, host| Clock { service, host };
        let clocks = (clock(service, hosts.map(|hosts| hosts.0)), clock(caller, hosts.map(|hosts| hosts.1)));
        (is_named && (service != caller || hosts.is_some())).then_some(clocks)
    }

    /// Returns the largest skew of each pair of clocks that the first [`MAX_ANALYZED_ROWS`] rows of a trace prove, in the order of the rows.
    #[must_use]
    pub fn skews(&self, trace: TraceIx) -> Vec<Skew> {
        let mut skews: Vec<Skew> = Vec::new();
        for skew in self.walk(trace).take(MAX_ANALYZED_ROWS).filter_map(|(row, _)| self.skew(row)) {
            match skews.iter_mut().find(|other| (other.clock, other.caller) == (skew.clock, skew.caller)) {
                Some(other) => other.behind = other.behind.max(skew.behind),
                None => skews.push(skew),
            }
        }
        skews
    }
}

#[cfg(test)]
mod tests;
