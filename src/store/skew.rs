//! Clock skew: how far the clock of one service or host is behind that of another, as spans prove it.
//!
//! A span cannot begin before the span that it ran in. Where it does and another service or another host sent it, its clock is behind, by at
//! least that time. That a clock is ahead, no span proves: the called span may have begun later. But if there was time for it in the span
//! that called it, it may have run within that.

use super::ix::{RowIx, TraceIx};
use super::nesting::TOLERANCE;
use super::row::{Phase, Row};
use super::{MAX_ANALYZED_ROWS, Store};
use crate::model::Nanos;

/// The most rows between two rows whose times are compared across clocks.
const MAX_STEPS: usize = 64;

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

    /// Returns whether a row may have run within a row above it that its times do not lie in, since another clock took them: there was time
    /// for what another service or host did for it, from the start of the span that called it on. That span may end earlier: a client's
    /// ends when a streamed answer begins.
    pub(super) fn lies_within_by_other_clock(&self, row: RowIx, above: RowIx) -> bool {
        let end = |data: &Row| if data.phase == Phase::Ended { data.end.max(data.start) } else { Nanos::MAX };
        let holds = |data: &Row, (from, to): (Nanos, Nanos)| {
            data.start <= from.saturating_add(TOLERANCE) && from <= end(data) && to <= end(data).saturating_add(TOLERANCE)
        };
        // What is compared with the next rows above, by their clock.
        let mut inner = (self.row(row).start, end(self.row(row)));
        let mut is_other = false;
        for (called, caller) in self.path(row).zip(self.path(row).skip(1)).take(MAX_STEPS) {
            if self.clocks(called, caller).is_some() {
                let (called, start) = (self.row(called), self.row(caller).start);
                if called.phase != Phase::Ended || !holds(called, inner) {
                    return false;
                }
                inner = (start, start.saturating_add(called.duration(0)));
                is_other = true;
            }
            if caller == above {
                return is_other && holds(self.row(above), inner);
            }
        }
        false
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
