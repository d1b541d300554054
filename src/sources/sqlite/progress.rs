//! The progress of reading a database.

use std::ops::Range;

use hashbrown::HashSet;

use super::checkpoints::Checkpoints;
use super::file_state::FileId;
use super::rows::Checkpoint;
use crate::model::{Batch, Origin, SourceId, SpanId};
use crate::sources::{ReadLimits, State};

/// The most ids of sent spans that are remembered, so that a live span's parent is not read again.
const MAX_SENT: usize = 1 << 16;

/// From this many row ids on, two halves are read in parallel.
const SPLIT: i64 = 8192;

/// The number of row ids to read ahead.
const READAHEAD_ROWS: i64 = 8192;
/// The most bytes to read ahead.
const READAHEAD_BYTES: u64 = 32 << 20;

/// The progress of reading a database.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) source: SourceId,
    pub(super) limits: ReadLimits,
    /// The lowest row id to read, because of `since`.
    pub(super) floor: i64,
    file: Option<FileId>,
    pub(super) checkpoints: Checkpoints,
    pub(super) load: Option<Load>,
    /// Whether the table has rows that are newer than the newest checkpoint.
    pub(super) has_newer_rows: bool,
    pub(super) left_out: u64,
    /// Whether the file or its table was missing, or another file took its name, and no row of it was ever read: then all its rows are new.
    /// Rows of one that comes back may have been there before.
    pub(super) was_missing: bool,
    /// Whether rows were read, of this file or an earlier one.
    has_had_rows: bool,
    /// Whether the rows that are being loaded are new.
    pub(super) origin: Origin,
}

/// The state of loading the rows that existed at the start, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// The ranges to read, newest first; two are read in parallel. Empty before the first page.
    pub(super) ranges: Vec<RowRange>,
    /// The lowest row id of these ranges and of all that were read.
    from: i64,
    /// The lowest row id of the table when loading began.
    lowest: i64,
    /// Whether reading is slow, because the file is not cached.
    slow: bool,
    pub(super) done: u64,
    pub(super) total: u64,
}

/// A range of rows to read, newest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowRange {
    /// The lowest row id.
    pub(super) from: i64,
    /// The row id after the highest.
    pub(super) before: i64,
    /// A row that was read: while it exists, row ids are unchanged.
    pub(super) checkpoint: Checkpoint,
    /// Whether the limit may exclude older rows.
    pub(super) cut: bool,
}

/// Some rows of a range.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) batches: Vec<Batch>,
    /// The number of rows read.
    pub(super) rows: u64,
    /// The oldest row read.
    pub(super) oldest: Option<Checkpoint>,
    /// Whether the range has no more rows.
    pub(super) is_last: bool,
    /// Whether reading was slow.
    pub(super) slow: bool,
    /// The lowest row id of the table.
    pub(super) lowest: i64,
    /// Whether the rows were renumbered, so that everything must be read again.
    pub(super) renumbered: bool,
}

/// The ids of the spans sent most recently.
#[derive(Debug, Default)]
pub(super) struct Sent(HashSet<SpanId>);

impl Progress {
    pub(super) fn new(source: SourceId, limits: ReadLimits) -> Self {
        let (checkpoints, load) = (Checkpoints::default(), Some(Load::default()));
        Self {
            source,
            limits: ReadLimits { limit: limits.limit.max(1), ..limits },
            floor: i64::MIN,
            file: None,
            checkpoints,
            load,
            has_newer_rows: false,
            left_out: 0,
            was_missing: false,
            has_had_rows: false,
            origin: Origin::History,
        }
    }

    /// Starts over if the path now names another file.
    pub(super) fn set_file(&mut self, file: FileId) {
        if self.file != Some(file) {
            let limits = if self.existed() { self.limits.again() } else { self.limits };
            let has_had_rows = self.has_had_rows;
            let was_missing = self.was_missing || (self.load.is_none() && !has_had_rows);
            *self = Self { file: Some(file), was_missing, has_had_rows, ..Self::new(self.source, limits) };
        }
    }

    /// Starts over because the file or its table is missing.
    pub(super) fn set_missing(&mut self) {
        let Self { file, has_had_rows, .. } = *self;
        *self = Self { file, was_missing: !has_had_rows, has_had_rows, ..Self::new(self.source, self.limits.again()) };
    }

    /// Starts to load again, because no row that was read can be found any more. `has_rows` tells whether there is anything to load.
    pub(super) fn load_again(&mut self, has_rows: bool) {
        self.limits = self.limits.again();
        self.load = has_rows.then(Load::default);
    }

    /// Whether the file existed before.
    pub(super) fn existed(&self) -> bool {
        self.file.is_some()
    }

    /// Whether there is more to read now.
    pub(super) fn is_behind(&self) -> bool {
        self.has_newer_rows || self.load.is_some()
    }

    pub(super) fn state(&self) -> State {
        match &self.load {
            Some(Load { done, total, .. }) => State::Loading { done: *done, total: *total.max(done) },
            None => State::Watching { left_out: self.left_out },
        }
    }

    /// Returns how many more of the rows that existed at the start may be read.
    pub(super) fn remaining(&self) -> u64 {
        self.load.as_ref().map_or(0, |load| self.limits.limit.saturating_sub(load.done))
    }

    /// Estimates the byte ranges, in a file of `len` bytes, of the rows to read next. Empty while reading is fast.
    pub(super) fn readahead(&self, len: u64) -> Vec<Range<u64>> {
        let (Some(load), Some(newest)) = (self.load.as_ref().filter(|load| load.slow), self.checkpoints.newest()) else {
            return Vec::new();
        };
        // Rows are mostly stored in the order of their ids; the margin covers other pages in between.
        let (rows, margin) = (newest.row.saturating_sub(load.lowest).max(1) as f64, (len / 64).min(READAHEAD_BYTES / 4));
        let offset = |row: i64| (row.saturating_sub(load.lowest) as f64 / rows * len as f64) as u64;
        let bytes = |range: &RowRange| {
            let (from, to) = (offset(range.before.saturating_sub(READAHEAD_ROWS).max(range.from)), offset(range.before));
            let to = to.saturating_add(margin).min(len);
            from.saturating_sub(margin).max(to.saturating_sub(READAHEAD_BYTES))..to
        };
        load.ranges.iter().map(bytes).collect()
    }

    /// Records that the newest rows were read; `is_last` if there are no others.
    pub(super) fn first_page_read(&mut self, total: u64, rows_read: &[Checkpoint], is_last: bool, lowest: i64) {
        self.has_had_rows |= !rows_read.is_empty();
        let mut load = Load { done: rows_read.len() as u64, total, from: i64::MIN, lowest, slow: false, ranges: Vec::new() };
        if let Some(&checkpoint) = rows_read.last().filter(|_| !is_last) {
            let bottom = self.floor.max(lowest);
            // As many row ids as rows remain, so that no row is read in vain.
            let remaining = i64::try_from(self.limits.limit.saturating_sub(load.done)).unwrap_or(i64::MAX);
            load.from = checkpoint.row;
            let from = checkpoint.row.saturating_sub(remaining).max(bottom);
            let ids = checkpoint.row.saturating_sub(from);
            if ids >= SPLIT {
                let middle = from + ids / 2;
                let (upper, lower) = (
                    RowRange { from: middle, before: checkpoint.row, checkpoint, cut: false },
                    RowRange { from, before: middle, checkpoint, cut: from > bottom },
                );
                load.ranges = vec![upper, lower];
                load.from = from;
            }
        }
        self.load = Some(load);
        self.next_ranges(lowest);
    }

    /// Records that a page was read of each range, or of the first one.
    pub(super) fn pages_read(&mut self, pages: &[Page]) {
        let (Some(load), Some(last)) = (&mut self.load, pages.last()) else { return };
        if pages.iter().any(|page| page.renumbered) {
            *load = Load::default();
            return;
        }
        load.slow |= pages.iter().any(|page| page.slow);
        let mut unread = Vec::new();
        for (index, range) in load.ranges.drain(..).enumerate() {
            let Some(page) = pages.get(index) else {
                unread.push(range);
                continue;
            };
            load.done += page.rows;
            page.oldest.into_iter().for_each(|checkpoint| self.checkpoints.insert(checkpoint));
            if !page.is_last {
                let checkpoint = page.oldest.unwrap_or(range.checkpoint);
                unread.push(RowRange { before: page.oldest.map_or(range.before, |checkpoint| checkpoint.row), checkpoint, ..range });
            }
        }
        load.ranges = unread;
        self.next_ranges(last.lowest);
    }

    /// When all ranges are read, continues with the rows below them, or ends.
    fn next_ranges(&mut self, lowest: i64) {
        let (Some(load), bottom) = (&mut self.load, self.floor.max(lowest)) else { return };
        let is_full = load.done >= self.limits.limit;
        if !is_full && !load.ranges.is_empty() {
            return;
        }
        let oldest = self.checkpoints.oldest();
        if let Some(checkpoint) = oldest.filter(|_| !is_full && load.from > bottom) {
            load.ranges = vec![RowRange { from: bottom, before: load.from, checkpoint, cut: false }];
            load.from = bottom;
            return;
        }
        let older = oldest.map_or(0, |checkpoint| checkpoint.row.saturating_sub(lowest));
        self.left_out = if is_full { u64::try_from(older).unwrap_or(0) } else { 0 };
        self.load = None;
    }
}

impl Sent {
    pub(super) fn remember(&mut self, batch: &Batch) {
        if self.0.len() + batch.spans.len() > MAX_SENT {
            self.0.clear();
        }
        self.0.extend(batch.spans.iter().map(|span| span.id));
    }

    pub(super) fn contains(&self, id: SpanId) -> bool {
        self.0.contains(&id)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::ValueRef;

    use super::*;

    fn checkpoint(row: i64) -> Checkpoint {
        Checkpoint::new(row, ValueRef::Null)
    }

    /// Reads a page of at most `size` rows of a range.
    fn page(rows: &[i64], range: RowRange, size: usize) -> (Page, Vec<i64>) {
        let all: Vec<i64> = rows.iter().rev().copied().filter(|row| (range.from..range.before).contains(row)).collect();
        let read = all[..size.min(all.len())].to_vec();
        let (rows, lowest) = (read.len() as u64, rows[0]);
        (Page { rows, oldest: read.last().copied().map(checkpoint), is_last: read.len() == all.len(), lowest, ..Page::default() }, read)
    }

    #[test]
    fn all_rows_are_new_where_none_was_read_before() {
        let mut progress = Progress::new(SourceId(0), ReadLimits::of(u64::MAX));
        progress.set_file((1, 1));
        assert!(!progress.was_missing, "the first file may have old rows");
        progress.set_file((1, 2));
        assert!(!progress.was_missing, "the first one was not read");
        progress.load = None;
        progress.set_file((1, 3));
        assert!(progress.was_missing, "it replaces an empty one");
    }

    #[test]
    fn slow_rows_are_read_ahead() {
        let mut progress = Progress::new(SourceId(0), ReadLimits::of(u64::MAX));
        progress.checkpoints.push(checkpoint(1_000_000));
        progress.first_page_read(1, &[checkpoint(1_000_000)], false, 1);
        let ranges = progress.load.clone().unwrap().ranges;
        let page = |slow| Page { oldest: Some(checkpoint(400_000)), lowest: 1, slow, ..Page::default() };
        progress.pages_read(&[Page { oldest: Some(checkpoint(900_000)), ..page(false) }, page(false)]);
        assert_eq!(progress.readahead(64_000_000), [], "fast enough");
        progress.pages_read(&[Page { oldest: Some(checkpoint(800_000)), ..page(false) }, page(true)]);
        let parts = progress.readahead(64_000_000);
        assert_eq!((ranges.len(), parts.len()), (2, 2));
        for (part, row) in parts.iter().zip([800_000, 400_000]) {
            let place = row * 64;
            assert!(part.contains(&(place - 1_000_000)) && part.contains(&(place + 900_000)), "{part:?}");
            assert!(part.end - part.start < 4_000_000, "{part:?}");
        }
        assert!(progress.readahead(1 << 50).iter().all(|part| part.end - part.start == READAHEAD_BYTES), "rows may be large");
    }

    proptest! {
        #[test]
        fn each_of_the_newest_rows_is_read_once(
            gaps in prop::collection::vec(1..8i64, 1..6000),
            hole in prop_oneof![Just(0), 0..1i64 << 40],
            limit in prop_oneof![1..7000u64, Just(u64::MAX)],
            floor in prop_oneof![Just(i64::MIN), 0..10_000i64],
            sizes in prop::collection::vec(1..3000usize, 1..9),
        ) {
            let mut rows: Vec<i64> = gaps.iter().scan(0, |row, gap| { *row += gap; Some(*row) }).collect();
            let half = rows.len() / 2;
            rows[half..].iter_mut().for_each(|row| *row += hole);
            let mut progress = Progress { floor, ..Progress::new(SourceId(0), ReadLimits::of(limit)) };
            let first: Vec<i64> = rows.iter().rev().copied().take(usize::try_from(limit).unwrap().min(512)).collect();
            let rows_read: Vec<Checkpoint> = first.iter().copied().map(checkpoint).collect();
            rows_read.iter().rev().for_each(|checkpoint| progress.checkpoints.push(*checkpoint));
            let mut read = first.clone();
            progress.first_page_read(1, &rows_read, first.len() == rows.len(), rows[0]);
            for size in sizes.iter().cycle().take(20_000) {
                let Some(load) = &progress.load else { break };
                let size = (*size).min(usize::try_from(progress.remaining()).unwrap_or(usize::MAX));
                let pages: Vec<(Page, Vec<i64>)> = load.ranges.iter().map(|range| page(&rows, *range, size)).collect();
                read.extend(pages.iter().flat_map(|(_, rows)| rows));
                progress.pages_read(&pages.into_iter().map(|(page, _)| page).collect::<Vec<_>>());
            }
            prop_assert!(progress.load.is_none() && progress.readahead(1 << 30).is_empty());
            read.sort_unstable_by(|left, right| right.cmp(left));
            let wanted = |(at, row): &(usize, i64)| *at < first.len() || (*row >= floor && (*at as u64) < limit);
            let expected: Vec<i64> = rows.iter().rev().copied().enumerate().filter(wanted).map(|(_, row)| row).collect();
            let lowest = expected.last().copied().unwrap();
            prop_assert_eq!(read.len() as u64 == limit && lowest > rows[0], progress.left_out > 0);
            prop_assert_eq!(read, expected);
            prop_assert_eq!(progress.checkpoints.oldest().unwrap().row, lowest);
        }
    }
}
