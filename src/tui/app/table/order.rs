//! The order of the lines, found in slices: the sort key of each line, then the lines sorted by them.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::TableColumn;
use super::lines::{LineId, Source};
use crate::tui::slices::{Slice, SlicedSort};

/// An unfinished pass over the lines.
#[derive(Debug)]
pub(super) struct Pass {
    column: TableColumn,
    is_reversed: bool,
    /// The next place to look at.
    next: u32,
    lines: Vec<LineId>,
    /// The sort keys with the indexes of the lines.
    keys: Vec<(u64, u32)>,
    /// The texts of a column of texts, in lower case, and where each ends: to free them one by one takes longer than a frame.
    texts: String,
    ends: Vec<usize>,
    sort: Option<SlicedSort<(u64, u32)>>,
    took: Duration,
}

impl Pass {
    pub(super) fn new(column: TableColumn, is_reversed: bool) -> Self {
        let (lines, keys, texts, ends) = Default::default();
        Self { column, is_reversed, next: 0, lines, keys, texts, ends, sort: None, took: Duration::ZERO }
    }

    /// Returns the time of all slices.
    pub(super) fn took(&self) -> Duration {
        self.took
    }

    /// Goes on. Returns whether the order is found.
    pub(super) fn advance(&mut self, source: Source<'_>, slice: &mut Slice) -> bool {
        let begun = Instant::now();
        let is_done = self.read(source, slice) && self.sort(source, slice);
        self.took += begun.elapsed();
        is_done
    }

    /// Reads sort keys. Returns whether all are read.
    fn read(&mut self, source: Source<'_>, slice: &mut Slice) -> bool {
        while self.next < source.places() {
            if let Some(id) = source.at(self.next)
                && let Some(cell) = source.cell(id, self.column)
            {
                let (number, text) = cell.sort_key();
                self.keys.push((number, self.lines.len() as u32));
                self.lines.push(id);
                if let Some(text) = text {
                    self.texts.push_str(&text);
                    self.ends.push(self.texts.len());
                }
            }
            self.next += 1;
            if !slice.goes_on(1) {
                return false;
            }
        }
        true
    }

    fn sort(&mut self, source: Source<'_>, slice: &mut Slice) -> bool {
        let Self { is_reversed, lines, keys, texts, ends, sort, .. } = self;
        let in_order = |order: Ordering| if *is_reversed { order.reverse() } else { order };
        let compare = |one: &(u64, u32), other: &(u64, u32)| {
            let [a, b] = [one.1 as usize, other.1 as usize];
            let numbers = in_order(one.0.cmp(&other.0));
            let end = |line: usize| ends.get(line).copied();
            let text = |line: usize| end(line).map(|to| &texts[line.checked_sub(1).and_then(end).unwrap_or_default()..to]);
            numbers.then_with(|| in_order(text(a).cmp(&text(b)))).then_with(|| source.compare_names(lines[a], lines[b]))
        };
        sort.get_or_insert_with(|| SlicedSort::new(std::mem::take(keys))).advance(slice, compare)
    }

    /// Returns the lines in order.
    pub(super) fn into_order(self) -> Vec<LineId> {
        let order = self.sort.map_or(self.keys, SlicedSort::into_items);
        order.into_iter().map(|(_, line)| self.lines[line as usize]).collect()
    }
}
