//! The view of metrics: the series that the filter shows in an order, and the page about the one under the cursor.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use super::Action;
use super::list_pane::ListPane;
use super::refresh::Pace;
use crate::metrics::{Comparison, MetricStore, Series, UsageCounter};
use crate::model::metric::Exemplar;
use crate::model::sort;
use crate::model::{Attribute, Nanos};
use crate::query::{Query, Record};
use crate::settings::named_enum;
use crate::store::Store;
use crate::tui::display::counted;
use crate::tui::slices::{Slice, SlicedSort};

named_enum! {
    /// What the series are sorted by.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum SeriesSort {
        /// The name of the metric, then the service and the attributes.
        #[default]
        Name = "METRIC",
        /// The value, the largest first.
        Value = "VALUE",
        /// What was counted in the last minute, the largest first.
        Rate = "RATE",
        /// The time of the newest point, the newest first.
        Seen = "SEEN",
    }
}

/// The state of the view of metrics.
#[derive(Debug)]
pub struct SeriesList {
    /// What the series are sorted by.
    pub sorted: SeriesSort,
    /// Whether the order is reversed.
    pub is_reversed: bool,
    /// The cursor, and the page about its series.
    pub pane: ListPane,
    /// The index of the chosen exemplar of the series under the cursor, from the newest.
    pub exemplar: usize,
    query: Query,
    /// The indexes of the shown series, in order.
    order: Vec<usize>,
    /// The id of the series under the cursor.
    selected: Option<u64>,
    page_width: u16,
    pace: Pace,
    version: u64,
    /// [`MetricStore::membership`] when the order was found; `added` is `None` if the filter or the order was another.
    moved: Option<u64>,
    added: Option<u64>,
    pass: Option<Pass>,
    /// Whether the cursor goes to the top when the next order is found.
    goes_to_top: bool,
    /// The counters of usage beside the calls, and when to compare them again.
    compared: Vec<(UsageCounter, Vec<Comparison>)>,
    compared_pace: Pace,
    /// The unfinished comparison, and the time that it took so far.
    comparison: Option<(counted::Pass, Duration)>,
}

/// An unfinished pass over the series: the indexes of those that are shown, with their sort keys, which are then sorted.
#[derive(Debug, Default)]
struct Pass {
    next: usize,
    keys: Vec<(u64, usize)>,
    sort: Option<SlicedSort<(u64, usize)>>,
    took: Duration,
}

impl Pass {
    /// Goes on. Returns whether the order is found.
    fn advance(&mut self, store: &MetricStore, (query, by): (&Query, SeriesSort), now: Nanos, slice: &mut Slice) -> bool {
        let begun = Instant::now();
        let is_done = self.find(store.series(), query, by, now, slice);
        self.took += begun.elapsed();
        is_done
    }

    fn find(&mut self, all: &[Series], query: &Query, by: SeriesSort, now: Nanos, slice: &mut Slice) -> bool {
        while let Some(series) = all.get(self.next) {
            if query.is_empty() || query.matches_record(series, now) {
                self.keys.push((key(series, by), self.next));
            }
            self.next += 1;
            if !slice.goes_on(2) {
                return false;
            }
        }
        let compare = |one: &(u64, usize), other: &(u64, usize)| one.0.cmp(&other.0).then_with(|| by_name(&all[one.1], &all[other.1]));
        self.sort.get_or_insert_with(|| SlicedSort::new(std::mem::take(&mut self.keys))).advance(slice, compare)
    }

    fn into_order(self) -> Vec<usize> {
        self.sort.map_or(self.keys, SlicedSort::into_items).into_iter().map(|(_, at)| at).collect()
    }
}

impl Record for Series {
    fn name(&self) -> &str {
        &self.metric.name
    }

    fn service(&self) -> &str {
        self.service()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        [&*self.label, self.metric.unit.as_str()].into_iter()
    }

    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().chain(self.metric.resource.iter())
    }

    fn time(&self) -> Nanos {
        self.time
    }
}

impl SeriesList {
    /// Returns a view of the series that a filter shows.
    #[must_use]
    pub fn new(filter: &str) -> Self {
        Self {
            sorted: SeriesSort::default(),
            is_reversed: false,
            pane: ListPane::new(),
            exemplar: 0,
            query: filter.parse().unwrap_or_default(),
            order: Vec::new(),
            selected: None,
            page_width: 0,
            pace: Pace::due(),
            version: 0,
            moved: None,
            added: None,
            pass: None,
            goes_to_top: false,
            compared: Vec::new(),
            compared_pace: Pace::due(),
            comparison: None,
        }
    }

    /// Shows other series from the next frame on.
    pub(super) fn set_filter(&mut self, filter: &str) {
        self.query = filter.parse().unwrap_or_default();
        (self.added, self.pass, self.pace) = (None, None, Pace::due());
    }

    /// Whether the filter asks what series do not have.
    #[must_use]
    pub fn leaves_filter_aside(&self) -> bool {
        self.query.asks_of_spans()
    }

    /// Whether the order begins with the largest value, the newest, or the last name.
    #[must_use]
    pub fn is_descending(&self) -> bool {
        (self.sorted != SeriesSort::Name) != self.is_reversed
    }

    /// Whether the filter may hide series.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.query.is_empty()
    }

    /// Finds the shown series and their order for a moment, if that is due. Returns whether work is left.
    pub(super) fn refresh(&mut self, store: &MetricStore, now: Nanos, mut slice: Slice) -> bool {
        if self.version != store.version() {
            self.version = store.version();
            self.pace.invalidate();
            self.pane.is_page_outdated = true;
        }
        let (added, moved) = store.membership();
        if self.moved != Some(moved) {
            // The series are at other indexes.
            (self.moved, self.added, self.pass) = (Some(moved), None, None);
            self.pace = Pace::due();
        }
        if self.pass.is_none() && self.pace.is_due() {
            self.pace.begin();
            let is_the_same = self.query.is_empty() && self.sorted == SeriesSort::Name && self.added == Some(added);
            self.added = Some(added);
            self.pass = (!is_the_same).then(Pass::default);
        }
        let Some(pass) = &mut self.pass else { return false };
        if !pass.advance(store, (&self.query, self.sorted), now, &mut slice) {
            return true;
        }
        self.pace.finish_slices(pass.took);
        self.order = self.pass.take().map(Pass::into_order).unwrap_or_default();
        if self.is_reversed {
            self.order.reverse();
        }
        let is_selected = |at: &usize| Some(store.series()[*at].id) == self.selected;
        let found = if std::mem::take(&mut self.goes_to_top) { Some(0) } else { self.order.iter().position(is_selected) };
        self.pane.cursor = found.unwrap_or(self.pane.cursor);
        self.pane.clamp(self.order.len());
        self.select(store);
        false
    }

    /// Compares the counters of usage with the calls for a moment, at most once per call of [`SeriesList::calls_changed`]. Returns whether work
    /// is left.
    pub(super) fn compare(&mut self, metrics: &MetricStore, store: &Store, mut slice: Slice) -> bool {
        if self.comparison.is_none() && self.compared_pace.is_due() {
            self.compared_pace.begin();
            self.comparison = Some((counted::Pass::new(metrics), Duration::ZERO));
        }
        let Some((pass, took)) = &mut self.comparison else { return false };
        let begun = Instant::now();
        let is_done = pass.advance(store, &mut slice);
        *took += begun.elapsed();
        if !is_done {
            return true;
        }
        self.compared_pace.finish_slices(*took);
        self.compared = self.comparison.take().map(|(pass, _)| pass.into_compared()).unwrap_or_default();
        self.pane.is_page_outdated = true;
        false
    }

    /// Notes that a second has passed, in which calls and counters may have changed.
    pub(super) fn calls_changed(&mut self) {
        self.compared_pace.invalidate();
    }

    /// Returns how the counter of a series compares with the calls; empty if it is none, or if nothing is known of the calls.
    #[must_use]
    pub fn comparisons(&self, series: &Series) -> &[Comparison] {
        self.compared.iter().find(|(counter, _)| counter.includes(series)).map_or(&[], |(_, comparisons)| comparisons)
    }

    /// Returns the first counter that differs from the calls, and what differs.
    #[must_use]
    pub fn difference(&self) -> Option<(&UsageCounter, &Comparison)> {
        self.compared.iter().find_map(|(counter, comparisons)| Some((counter, comparisons.iter().find(|comparison| !comparison.agrees)?)))
    }

    /// Returns the number of shown series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns whether no series is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns the series on the screen with the indexes of their lines.
    pub fn visible<'a>(&'a self, store: &'a MetricStore, height: usize) -> impl Iterator<Item = (usize, &'a Series)> {
        let shown = self.order.iter().enumerate().skip(self.pane.top).take(height);
        shown.filter_map(|(line, &at)| Some((line, store.series().get(at)?)))
    }

    /// Returns the series under the cursor.
    #[must_use]
    pub fn current<'a>(&self, store: &'a MetricStore) -> Option<&'a Series> {
        store.series().get(*self.order.get(self.pane.cursor)?)
    }

    /// Returns the chosen exemplar of the series under the cursor.
    #[must_use]
    pub fn current_exemplar<'a>(&self, store: &'a MetricStore) -> Option<&'a Exemplar> {
        let exemplars = &self.current(store)?.exemplars;
        exemplars.iter().rev().nth(self.exemplar)
    }

    fn select(&mut self, store: &MetricStore) {
        let selected = self.current(store).map(|series| series.id);
        if selected != self.selected {
            (self.selected, self.exemplar) = (selected, 0);
            self.pane.is_page_outdated = true;
        }
    }

    /// Returns the width of the page in cells.
    #[must_use]
    pub fn page_width(&self) -> usize {
        usize::from(self.page_width)
    }

    /// Sets the number of lines below the heading, and the size of the page.
    pub(super) fn set_size(&mut self, lines: usize, (width, height): (u16, u16)) {
        self.pane.is_page_outdated |= self.page_width != width;
        self.page_width = width;
        self.pane.set_size(lines, (width, height));
        self.pane.clamp(self.order.len());
    }

    /// Moves the cursor to a line, or to the last one.
    pub(super) fn go_to(&mut self, store: &MetricStore, line: usize) {
        self.pane.go_to(line, self.order.len());
        self.select(store);
    }

    /// Sorts by a column, from the next refresh on, and moves the cursor to the top.
    pub(super) fn sort_by(&mut self, store: &MetricStore, sorted: SeriesSort, is_reversed: bool) {
        (self.sorted, self.is_reversed) = (sorted, is_reversed);
        (self.added, self.pass, self.pace, self.goes_to_top) = (None, None, Pace::due(), true);
        self.go_to(store, 0);
    }

    /// Moves the cursor or sorts the lines. Returns whether the list handles the action.
    pub(super) fn handle(&mut self, store: &MetricStore, action: Action) -> bool {
        match action {
            Action::Sort => {
                let next = SeriesSort::ALL[(self.sorted as usize + 1) % SeriesSort::ALL.len()].0;
                self.sort_by(store, next, false);
            }
            Action::Reverse => self.sort_by(store, self.sorted, !self.is_reversed),
            _ => match self.pane.target(action) {
                Some(line) => self.go_to(store, line),
                None => return false,
            },
        }
        true
    }

    /// Scrolls the page, or chooses another exemplar. Returns whether the page handles the action.
    pub(super) fn handle_in_page(&mut self, store: &MetricStore, action: Action) -> bool {
        match action {
            Action::NextMatch | Action::PreviousMatch => {
                let last = self.current(store).map_or(0, |series| series.exemplars.len().saturating_sub(1));
                let by = if action == Action::NextMatch { 1 } else { -1 };
                self.exemplar = self.exemplar.saturating_add_signed(by).min(last);
                self.pane.is_page_outdated = true;
                true
            }
            _ => self.pane.scroll_page(action),
        }
    }

    /// Whether the order waits to be found again.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.pace.is_stale() || self.pass.is_some() || self.comparison.is_some()
    }
}

/// Sorts indexes of series.
pub fn sort_series(order: &mut [usize], all: &[Series], by: SeriesSort) {
    sort::by(order, |&one, &other| key(&all[one], by).cmp(&key(&all[other], by)).then_with(|| by_name(&all[one], &all[other])));
}

/// Returns the sort key of a series, apart from its name: the largest and the newest come first, unknown values last.
fn key(series: &Series, by: SeriesSort) -> u64 {
    // In the order of the bits, floats below zero come after the others and upside down.
    let largest_first = |number: Option<f64>| match number.map(f64::to_bits) {
        None => u64::MAX,
        Some(bits) if bits >> 63 == 0 => (u64::MAX >> 1) - bits,
        Some(bits) => bits - 1,
    };
    match by {
        SeriesSort::Name => 0,
        SeriesSort::Value => largest_first(series.magnitude()),
        SeriesSort::Rate => largest_first(series.per_minute()),
        SeriesSort::Seen => (u64::MAX >> 1) - series.time.max(0).cast_unsigned(),
    }
}

fn by_name(one: &Series, other: &Series) -> Ordering {
    let names = one.metric.name.cmp(&other.metric.name);
    names.then_with(|| one.service().cmp(other.service())).then_with(|| one.label.cmp(&other.label)).then(one.id.cmp(&other.id))
}
