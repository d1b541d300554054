//! How far a database has been read.

use std::ops::Range;

use hashbrown::HashSet;

use super::checkpoints::Checkpoints;
use super::file_state::FileId;
use super::rows::Checkpoint;
use crate::model::{Batch, Nanos, SourceId, SpanId};
use crate::sources::State;

/// Ids remembered as sent, so that a live child's parent is not looked up again.
const REMEMBERED: usize = 1 << 16;

/// Row ids from which on they are read in two halves.
const HALVED: i64 = 8192;

/// Row ids that the system is asked to have ready.
const AHEAD: i64 = 8192;
/// Bytes of the file that these take, at most.
const AHEAD_BYTES: u64 = 32 << 20;

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
    pub(super) ladder: Checkpoints,
    pub(super) load: Option<Load>,
    /// The table holds rows that are newer than the ladder's newest.
    pub(super) newer: bool,
    pub(super) left_out: u64,
    /// The file or its table was seen missing: what appears in it is new.
    pub(super) awaited: bool,
}

/// Reading what was there before, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// What is being read, the newer rows first; two stretches are read side by side. None before the first page.
    pub(super) stretches: Vec<RowRange>,
    /// The lowest row id in them, and in those that were read.
    from: i64,
    /// The lowest row id of the table when reading began.
    lowest: i64,
    /// Rows took long: the file is not in memory.
    slow: bool,
    pub(super) done: u64,
    pub(super) total: u64,
}

/// Rows that are to be read, the newest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowRange {
    /// The lowest row id.
    pub(super) from: i64,
    /// The row id behind the highest.
    pub(super) before: i64,
    /// A row that was read: while it is there, row ids mean what they did.
    pub(super) mark: Checkpoint,
    /// Perhaps the limit leaves out what lies below.
    pub(super) cut: bool,
}

/// Some rows of a stretch.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) batches: Vec<Batch>,
    /// Rows read.
    pub(super) rows: u64,
    /// The oldest of them.
    pub(super) oldest: Option<Checkpoint>,
    /// The stretch has no more.
    pub(super) all: bool,
    /// The rows took long.
    pub(super) slow: bool,
    /// The lowest row id of the table.
    pub(super) lowest: i64,
    /// The rows have been numbered anew: nobody knows which were read.
    pub(super) moved: bool,
}

/// Spans that were sent not long ago.
#[derive(Debug, Default)]
pub(super) struct Sent(HashSet<SpanId>);

impl Progress {
    pub(super) fn new(source: SourceId, limit: u64, since: Option<Nanos>) -> Self {
        let (ladder, load) = (Checkpoints::default(), Some(Load::default()));
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
        match &self.load {
            Some(Load { done, total, .. }) => State::Loading { done: *done, total: *total.max(done) },
            None => State::Watching { left_out: self.left_out },
        }
    }

    /// Rows that are still wanted of what was there before.
    pub(super) fn wanted(&self) -> u64 {
        self.load.as_ref().map_or(0, |load| self.limit.saturating_sub(load.done))
    }

    /// Where in a file of `len` bytes the rows lie, about, that are read next; nothing while rows come fast.
    pub(super) fn ahead(&self, len: u64) -> Vec<Range<u64>> {
        let (Some(load), Some(newest)) = (self.load.as_ref().filter(|load| load.slow), self.ladder.newest()) else { return Vec::new() };
        // Rows mostly lie in the order of their ids; what is between them may move them a bit.
        let (rows, bit) = (newest.row.saturating_sub(load.lowest).max(1) as f64, (len / 64).min(AHEAD_BYTES / 4));
        let place = |row: i64| (row.saturating_sub(load.lowest) as f64 / rows * len as f64) as u64;
        let part = |stretch: &RowRange| {
            let (from, to) = (place(stretch.before.saturating_sub(AHEAD).max(stretch.from)), place(stretch.before));
            let to = to.saturating_add(bit).min(len);
            from.saturating_sub(bit).max(to.saturating_sub(AHEAD_BYTES))..to
        };
        load.stretches.iter().map(part).collect()
    }

    /// The newest rows were read; there are no others if these were `all`.
    pub(super) fn begun(&mut self, total: u64, marks: &[Checkpoint], all: bool, lowest: i64) {
        let mut load = Load { done: marks.len() as u64, total, from: i64::MIN, lowest, slow: false, stretches: Vec::new() };
        if let Some(&mark) = marks.last().filter(|_| !all) {
            let bottom = self.floor.max(lowest);
            // No more row ids than rows are wanted, so that none is read too much.
            let wanted = i64::try_from(self.limit.saturating_sub(load.done)).unwrap_or(i64::MAX);
            load.from = mark.row;
            let from = mark.row.saturating_sub(wanted).max(bottom);
            let ids = mark.row.saturating_sub(from);
            if ids >= HALVED {
                let middle = from + ids / 2;
                let (upper, lower) = (
                    RowRange { from: middle, before: mark.row, mark, cut: false },
                    RowRange { from, before: middle, mark, cut: from > bottom },
                );
                load.stretches = vec![upper, lower];
                load.from = from;
            }
        }
        self.load = Some(load);
        self.go_on(lowest);
    }

    /// A page of each stretch was read, or of the first of them.
    pub(super) fn loaded(&mut self, pages: &[Page]) {
        let (Some(load), Some(last)) = (&mut self.load, pages.last()) else { return };
        if pages.iter().any(|page| page.moved) {
            *load = Load::default();
            return;
        }
        load.slow |= pages.iter().any(|page| page.slow);
        let mut left = Vec::new();
        for (at, stretch) in load.stretches.drain(..).enumerate() {
            let Some(page) = pages.get(at) else {
                left.push(stretch);
                continue;
            };
            load.done += page.rows;
            page.oldest.into_iter().for_each(|mark| self.ladder.insert(mark));
            if !page.all {
                let mark = page.oldest.unwrap_or(stretch.mark);
                left.push(RowRange { before: page.oldest.map_or(stretch.before, |mark| mark.row), mark, ..stretch });
            }
        }
        load.stretches = left;
        self.go_on(last.lowest);
    }

    /// Once the stretches are through, goes on below them, or ends.
    fn go_on(&mut self, lowest: i64) {
        let (Some(load), bottom) = (&mut self.load, self.floor.max(lowest)) else { return };
        let full = load.done >= self.limit;
        if !full && !load.stretches.is_empty() {
            return;
        }
        let oldest = self.ladder.oldest();
        if let Some(mark) = oldest.filter(|_| !full && load.from > bottom) {
            load.stretches = vec![RowRange { from: bottom, before: load.from, mark, cut: false }];
            load.from = bottom;
            return;
        }
        let older = oldest.map_or(0, |mark| mark.row.saturating_sub(lowest));
        self.left_out = if full { u64::try_from(older).unwrap_or(0) } else { 0 };
        self.load = None;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::ValueRef;

    use super::*;

    fn mark(row: i64) -> Checkpoint {
        Checkpoint::new(row, ValueRef::Null)
    }

    /// A page of a stretch of these rows, of at most `size`.
    fn page(rows: &[i64], stretch: RowRange, size: usize) -> (Page, Vec<i64>) {
        let all: Vec<i64> = rows.iter().rev().copied().filter(|row| (stretch.from..stretch.before).contains(row)).collect();
        let read = all[..size.min(all.len())].to_vec();
        let (rows, lowest) = (read.len() as u64, rows[0]);
        (Page { rows, oldest: read.last().copied().map(mark), all: read.len() == all.len(), lowest, ..Page::default() }, read)
    }

    #[test]
    fn the_system_reads_ahead_of_rows_that_take_long() {
        let mut progress = Progress::new(SourceId(0), u64::MAX, None);
        progress.ladder.push(mark(1_000_000));
        progress.begun(1, &[mark(1_000_000)], false, 1);
        let stretches = progress.load.clone().unwrap().stretches;
        let page = |slow| Page { oldest: Some(mark(400_000)), lowest: 1, slow, ..Page::default() };
        progress.loaded(&[Page { oldest: Some(mark(900_000)), ..page(false) }, page(false)]);
        assert_eq!(progress.ahead(64_000_000), [], "fast enough");
        progress.loaded(&[Page { oldest: Some(mark(800_000)), ..page(false) }, page(true)]);
        let parts = progress.ahead(64_000_000);
        assert_eq!((stretches.len(), parts.len()), (2, 2));
        for (part, row) in parts.iter().zip([800_000, 400_000]) {
            let place = row * 64;
            assert!(part.contains(&(place - 1_000_000)) && part.contains(&(place + 900_000)), "{part:?}");
            assert!(part.end - part.start < 4_000_000, "{part:?}");
        }
        assert!(progress.ahead(1 << 50).iter().all(|part| part.end - part.start == AHEAD_BYTES), "rows may be large");
    }

    proptest! {
        #[test]
        fn the_newest_rows_are_read_once_each(
            gaps in prop::collection::vec(1..8i64, 1..6000),
            hole in prop_oneof![Just(0), 0..1i64 << 40],
            limit in prop_oneof![1..7000u64, Just(u64::MAX)],
            floor in prop_oneof![Just(i64::MIN), 0..10_000i64],
            sizes in prop::collection::vec(1..3000usize, 1..9),
        ) {
            let mut rows: Vec<i64> = gaps.iter().scan(0, |row, gap| { *row += gap; Some(*row) }).collect();
            let half = rows.len() / 2;
            rows[half..].iter_mut().for_each(|row| *row += hole);
            let mut progress = Progress { floor, ..Progress::new(SourceId(0), limit, None) };
            let first: Vec<i64> = rows.iter().rev().copied().take(usize::try_from(limit).unwrap().min(512)).collect();
            let marks: Vec<Checkpoint> = first.iter().copied().map(mark).collect();
            marks.iter().rev().for_each(|mark| progress.ladder.push(*mark));
            let mut read = first.clone();
            progress.begun(1, &marks, first.len() == rows.len(), rows[0]);
            for size in sizes.iter().cycle().take(20_000) {
                let Some(load) = &progress.load else { break };
                let size = (*size).min(usize::try_from(progress.wanted()).unwrap_or(usize::MAX));
                let pages: Vec<(Page, Vec<i64>)> = load.stretches.iter().map(|stretch| page(&rows, *stretch, size)).collect();
                read.extend(pages.iter().flat_map(|(_, rows)| rows));
                progress.loaded(&pages.into_iter().map(|(page, _)| page).collect::<Vec<_>>());
            }
            prop_assert!(progress.load.is_none() && progress.ahead(1 << 30).is_empty());
            read.sort_unstable_by(|left, right| right.cmp(left));
            let wanted = |(at, row): &(usize, i64)| *at < first.len() || (*row >= floor && (*at as u64) < limit);
            let expected: Vec<i64> = rows.iter().rev().copied().enumerate().filter(wanted).map(|(_, row)| row).collect();
            let lowest = expected.last().copied().unwrap();
            prop_assert_eq!(read.len() as u64 == limit && lowest > rows[0], progress.left_out > 0);
            prop_assert_eq!(read, expected);
            prop_assert_eq!(progress.ladder.oldest().unwrap().row, lowest);
        }
    }
}
