//! How far a database has been read.

use hashbrown::HashSet;

use super::ladder::Ladder;
use super::rows::Mark;
use super::signature::FileId;
use crate::model::{Batch, Nanos, SourceId, SpanId};
use crate::source::State;

/// Ids remembered as sent, so that a live child's parent is not looked up again.
const REMEMBERED: usize = 1 << 16;

/// How far a database has been read.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) source: SourceId,
    pub(super) limit: u64,
    /// Spans that began before are not wanted.
    pub(super) since: Option<Nanos>,
    /// The lowest row that is wanted because of it.
    pub(super) floor: i64,
    file: Option<FileId>,
    pub(super) ladder: Ladder,
    pub(super) load: Option<Load>,
    /// The table holds rows that are newer than the ladder's newest.
    pub(super) newer: bool,
    pub(super) left_out: u64,
    /// The file or its table was seen missing: what appears in it is new.
    pub(super) awaited: bool,
}

/// Reading what was there before, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    /// The oldest row read so far.
    pub(super) oldest: Option<Mark>,
    pub(super) done: u64,
    pub(super) total: u64,
}

/// Spans that were sent not long ago.
#[derive(Debug, Default)]
pub(super) struct Sent(HashSet<SpanId>);

impl Progress {
    pub(super) fn new(source: SourceId, limit: u64, since: Option<Nanos>) -> Self {
        let (ladder, load) = (Ladder::default(), Some(Load::default()));
        Self { source, limit: limit.max(1), since, floor: i64::MIN, file: None, ladder, load, newer: false, left_out: 0, awaited: false }
    }

    /// Starts over if this is another file.
    pub(super) fn look_at(&mut self, file: FileId) {
        if self.file != Some(file) {
            *self = Self { file: Some(file), awaited: self.awaited, ..Self::new(self.source, self.limit, self.since) };
        }
    }

    /// The file or its table is not there.
    pub(super) fn await_new(&mut self) {
        *self = Self { file: self.file, awaited: true, ..Self::new(self.source, self.limit, self.since) };
    }

    /// Whether the file was there before.
    pub(super) fn was_there(&self) -> bool {
        self.file.is_some()
    }

    /// Whether there is more to read at once.
    pub(super) fn is_behind(&self) -> bool {
        self.newer || self.load.is_some()
    }

    pub(super) fn state(&self) -> State {
        match self.load {
            Some(Load { done, total, .. }) => State::Loading { done, total: total.max(done) },
            None => State::Watching { left_out: self.left_out },
        }
    }

    /// A page of old rows was read, the last one if these were `all`.
    pub(super) fn loaded(&mut self, load: Load, marks: &[Mark], all: bool, lowest: i64) {
        let done = load.done + marks.len() as u64;
        let oldest = marks.last().copied().or(load.oldest);
        let full = done >= self.limit;
        let older = oldest.map_or(0, |mark| mark.row.saturating_sub(lowest));
        self.left_out = if full { u64::try_from(older).unwrap_or(0) } else { 0 };
        self.load = if full || all { None } else { Some(Load { oldest, done, total: load.total }) };
    }
}

impl Sent {
    pub(super) fn remember(&mut self, batch: &Batch) {
        if self.0.len() + batch.spans.len() > REMEMBERED {
            self.0.clear();
        }
        self.0.extend(batch.spans.iter().map(|span| span.id));
    }

    pub(super) fn holds(&self, id: SpanId) -> bool {
        self.0.contains(&id)
    }
}
