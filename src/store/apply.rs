//! Applying a batch: at once, or in parts where something else must not wait for the whole.
//!
//! A span costs the depth of its row, so that a batch may take long however few spans it has. A part leaves the store as a batch of these
//! spans alone would; what the batch tells beside its spans comes with the last part.

use super::upsert::LastLookup;
use super::{Changes, Store};
use crate::model::{Batch, Nanos};

/// The maximum length of [`Losses::recent`](super::Losses::recent).
const MAX_RECENT: usize = 100;

/// How far a batch is applied.
#[derive(Debug)]
pub struct Progress {
    /// The indexes of the spans, in the order in which they are applied.
    order: Vec<u32>,
    /// The number of spans that are applied.
    done: usize,
}

impl Progress {
    /// Returns the progress of a batch of which nothing is applied.
    #[must_use]
    pub fn new(batch: &Batch) -> Self {
        // Senders send a span when it ends, children first. Ordered by start, parents come first and need no placeholder.
        let mut order: Vec<u32> = (0..).take(batch.spans.len()).collect();
        order.sort_by_key(|&index| batch.spans[index as usize].start);
        Self { order, done: 0 }
    }

    /// Returns the number of spans that are not applied.
    #[must_use]
    pub fn left(&self) -> usize {
        self.order.len() - self.done
    }
}

impl Store {
    /// Inserts or updates the spans of a batch that arrived at `now`, then evicts traces until the limits hold.
    pub fn apply(&mut self, batch: &Batch, now: Nanos) -> Changes {
        self.apply_part(batch, &mut Progress::new(batch), now, &mut || true)
    }

    /// Applies the spans of a batch that are left, at least one, as long as `goes_on` returns true. If the last is among them, the whole
    /// batch is applied.
    pub fn apply_part(&mut self, batch: &Batch, progress: &mut Progress, now: Nanos, goes_on: &mut dyn FnMut() -> bool) -> Changes {
        self.version = self.version.wrapping_add(1);
        self.advance_clock(now);
        self.last_lookup = LastLookup::default();
        let mut changes = Changes::default();
        while let Some(&index) = progress.order.get(progress.done) {
            self.upsert(batch, &batch.spans[index as usize], now, &mut changes);
            progress.done += 1;
            if !goes_on() {
                break;
            }
        }
        let is_whole = progress.left() == 0;
        // Which calls the spans report must be known before calls from logs are withdrawn.
        self.settle_lent(&mut changes);
        self.settle_log_spans(if is_whole { &batch.withdrawn } else { &[] }, &mut changes);
        if let Some(process) = batch.process {
            self.hear(process, batch.lived_until, now, &mut changes);
        }
        for index in 0..changes.traces.len() {
            self.place_orphans(changes.traces[index], &mut changes);
        }
        self.settle_lent(&mut changes);
        self.settle_unexplained(&mut changes);
        for &trace in &changes.traces {
            self.settle_unnamed(trace);
        }
        self.decide_frames(&mut changes);
        for index in 0..changes.traces.len() {
            self.count_idle(changes.traces[index]);
            self.decide_group(changes.traces[index], &mut changes);
            self.decide_session(changes.traces[index]);
        }
        if is_whole {
            self.apply_rest(batch, &mut changes);
        }
        self.note_evictable(&changes.traces);
        self.shrink(&mut changes);
        self.settle_lent(&mut changes);
        changes.rows.sort_unstable();
        changes.rows.dedup();
        changes
    }

    /// Applies what does not belong to a span: reviews, and input that could not be read.
    fn apply_rest(&mut self, batch: &Batch, changes: &mut Changes) {
        if let Some(reviews) = &batch.reviews {
            self.set_reviews(batch.source, reviews, batch.origin, changes);
        }
        self.losses.skipped += batch.skipped.len() as u64;
        for skipped in &batch.skipped {
            if self.losses.recent.len() == MAX_RECENT {
                self.losses.recent.pop_front();
            }
            self.losses.recent.push_back((batch.source, skipped.clone()));
        }
    }
}
