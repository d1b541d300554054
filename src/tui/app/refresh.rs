//! When to recompute a cached result: at once if that is cheap, else at intervals.

use std::time::{Duration, Instant};

use crate::model::Nanos;
use crate::store::{Store, TraceIx};

/// A result that takes no longer than this is recomputed after every change.
const CHEAP: Duration = Duration::from_millis(1);

/// Any other result is kept for this multiple of the time that it took.
const KEPT: u32 = 20;

/// Paces a computation by the time that it takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    is_stale: bool,
    /// End and duration of the last run.
    last: Option<(Instant, Duration)>,
}

impl Pace {
    /// Returns a pace whose computation is due at once.
    pub(super) fn due() -> Self {
        Self { is_stale: true, last: None }
    }

    /// Notes that the result is no longer current.
    pub(super) fn invalidate(&mut self) {
        self.is_stale = true;
    }

    /// Whether the result is no longer current.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Whether the result must be recomputed now.
    pub(super) fn is_due(&self) -> bool {
        self.is_stale && self.last.is_none_or(|(ended, took)| took < CHEAP || ended.elapsed() >= took * KEPT)
    }

    /// Notes a run that began at `begun` and ends now.
    pub(super) fn finish(&mut self, begun: Instant) {
        self.begin();
        self.finish_slices(begun.elapsed());
    }

    /// Notes a run that begins now; what changes from now on makes its result outdated.
    pub(super) fn begin(&mut self) {
        self.is_stale = false;
    }

    /// Notes that a run ended that took so long in all its slices.
    pub(super) fn finish_slices(&mut self, took: Duration) {
        self.last = Some((Instant::now(), took));
    }
}

/// Results about a trace with more spans are recomputed at most once per [`INTERVAL`].
const LARGE: u32 = 2000;

/// In nanoseconds.
const INTERVAL: u64 = 1_000_000_000;

/// The state of a trace from which a result was computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct TraceVersion {
    pub(super) trace: TraceIx,
    version: u32,
    at: Nanos,
}

impl TraceVersion {
    /// Returns the current state of a trace.
    pub(super) fn new(store: &Store, trace: TraceIx, now: Nanos) -> Self {
        Self { trace, version: store.trace(trace).version(), at: now }
    }

    /// Whether the trace has changed since.
    pub(super) fn is_stale(&self, store: &Store) -> bool {
        self.version != store.trace(self.trace).version()
    }

    /// Whether a result about `trace` can still be shown: the trace is unchanged, or large and the result recent.
    pub(super) fn is_usable(&self, store: &Store, trace: TraceIx, now: Nanos) -> bool {
        self.trace == trace && (!self.is_stale(store) || self.is_kept(store, now))
    }

    /// Whether the trace is large and the result recent.
    pub(super) fn is_kept(&self, store: &Store, now: Nanos) -> bool {
        store.trace(self.trace).counts().spans > LARGE && now.abs_diff(self.at) < INTERVAL
    }

    /// Whether the result was computed at `now`.
    pub(super) fn is_from(&self, now: Nanos) -> bool {
        self.at == now
    }
}
