//! A trace in memory.

use super::ix::RowIx;
use super::row::RunStatus;
use super::totals::Totals;
use super::tree::Children;
use crate::model::{Nanos, TraceId};

/// A trace: its time, its root rows and its counts.
#[derive(Debug)]
pub struct Trace {
    /// The trace id.
    pub id: TraceId,
    /// The earliest start of its spans.
    pub start: Nanos,
    /// The latest end of its spans.
    pub end: Nanos,
    /// The time of the latest news: the end of a span, or its arrival if the source is followed live.
    pub last_news: Nanos,
    pub(super) roots: Children,
    /// The sums over all rows if there are several roots; with one root, they equal the root's totals.
    pub(super) sums: Option<Box<Totals>>,
    /// The number of rows that are steps of an agent's work, or state usage.
    pub(super) work: u32,
    /// The number of rows that are runs which spans report.
    pub(super) runs: u32,
    /// The number of roots that leaked.
    pub(super) leaked: u32,
    pub(super) counts: Counts,
    pub(super) version: u32,
    /// The number of the last selection that it was added to and not removed from.
    pub(super) selected_in: u16,
    /// The traces before and after it in its group.
    pub(super) previous: u32,
    pub(super) next: u32,
    /// The service that counts it as idle, and whether a span in it failed.
    pub(super) idle: Option<(u16, bool)>,
    /// Whether its rows are scattered over the index of spans. Rows of a small trace are kept close together.
    pub(super) scattered: bool,
}

/// The part of a trace's [`Totals`] that lists of traces need: it is stored in the trace and read without a lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans, without placeholders.
    pub spans: u32,
    /// Failed steps.
    pub failed: u32,
    /// Failed steps that fail the trace.
    pub fatal: u32,
    /// Paused rows.
    pub paused: u32,
    /// Rows that were cut.
    pub cut: u32,
    /// Running rows.
    pub running: u32,
    /// Lost rows.
    pub lost: u32,
}

impl Counts {
    /// Returns the status: failed if a step failed and no call outlived that, else running while any span runs, else paused, cut, lost or ok.
    #[must_use]
    pub fn run_status(&self) -> RunStatus {
        let Self { fatal, running, paused, cut, lost, .. } = *self;
        match () {
            () if fatal > 0 => RunStatus::Error,
            () if running > 0 => RunStatus::Running,
            () if paused > 0 => RunStatus::Paused,
            () if cut > 0 => RunStatus::Cut,
            () if lost > 0 => RunStatus::Lost,
            () => RunStatus::Ok,
        }
    }

    /// Adds the counts of another trace.
    pub(super) fn join(&mut self, other: &Self) {
        self.spans += other.spans;
        self.failed += other.failed;
        self.fatal += other.fatal;
        self.paused += other.paused;
        self.cut += other.cut;
        self.running += other.running;
        self.lost += other.lost;
    }

    /// Adds a difference, whose fields may have wrapped below zero.
    pub(super) fn add(&mut self, change: &Totals) {
        self.spans = self.spans.wrapping_add(change.spans);
        self.failed = self.failed.wrapping_add(change.failed);
        self.fatal = self.fatal.wrapping_add(change.fatal);
        self.paused = self.paused.wrapping_add(change.paused);
        self.cut = self.cut.wrapping_add(change.cut);
        self.running = self.running.wrapping_add(change.running);
        self.lost = self.lost.wrapping_add(change.lost);
    }
}

impl Trace {
    /// Returns the roots in the order of their starts. Never empty; the first one represents the trace.
    #[must_use]
    pub fn roots(&self) -> &[RowIx] {
        &self.roots
    }

    /// Returns a number that changes whenever anything in the trace changes.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns the counts. [`Store::totals_of`](super::Store::totals_of) returns all sums.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether a row of the trace is a step of an agent's work, or states usage.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.work > 0
    }

    /// Returns the trace's status: failed if a step in it failed and no call outlived that, else running while any span runs, else paused, cut, lost or ok.
    #[must_use]
    pub fn run_status(&self) -> RunStatus {
        self.counts.run_status()
    }
}
