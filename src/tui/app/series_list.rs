//! The view of metrics: the series that the filter shows in an order, and the page about the one under the cursor.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::time::Instant;

use super::Action;
use super::list_pane::ListPane;
use super::refresh::Pace;
use crate::metrics::{Comparison, MetricStore, Series, UsageCounter};
use crate::model::metric::Exemplar;
use crate::model::{Attribute, Nanos};
use crate::query::{Query, Record};
use crate::settings::named_enum;
use crate::store::Store;
use crate::tui::display::counted;

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
    /// [`MetricStore::membership`] and the number of series when the order was found; `None` if the filter was another.
    membership: Option<(u64, u64)>,
    listed: usize,
    /// The counters of usage beside the calls, and when to compare them again.
    compared: Vec<(UsageCounter, Vec<Comparison>)>,
    compared_pace: Pace,
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
            membership: None,
            listed: 0,
            compared: Vec::new(),
            compared_pace: Pace::due(),
        }
    }

    /// Shows other series from the next frame on.
    pub(super) fn set_filter(&mut self, filter: &str) {
        self.query = filter.parse().unwrap_or_default();
        self.membership = None;
        self.pace = Pace::due();
    }

    /// Whether the filter asks what series do not have.
    #[must_use]
    pub fn leaves_filter_aside(&self) -> bool {
        self.query.asks_of_spans()
    }

    /// Whether the filter may hide series.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.query.is_empty()
    }

    /// Finds the shown series and their order, if that is due.
    pub(super) fn refresh(&mut self, store: &MetricStore, now: Nanos) {
        if self.version != store.version() {
            self.version = store.version();
            self.pace.invalidate();
            self.pane.is_page_outdated = true;
        }
        let is_moved = self.membership.is_some_and(|(_, moved)| moved != store.membership().1);
        if !self.pace.is_due() && !is_moved {
            return;
        }
        let begun = Instant::now();
        let all = store.series();
        let membership = Some(store.membership());
        if self.query.is_empty() && self.membership.map(|(_, moved)| moved) == membership.map(|(_, moved)| moved) {
            // The order is nearly right: sorting it anew costs little.
            if self.membership != membership || self.sorted != SeriesSort::Name {
                self.order.extend(self.listed..all.len());
                sort_series(&mut self.order, all, self.sorted, self.is_reversed);
            }
        } else {
            self.order = (0..all.len()).filter(|&at| self.query.matches_record(&all[at], now)).collect();
            sort_series(&mut self.order, all, self.sorted, self.is_reversed);
        }
        (self.membership, self.listed) = (membership, all.len());
        self.pace.finish(begun);
        let is_selected = |at: &usize| Some(all[*at].id) == self.selected;
        self.pane.cursor = self.order.iter().position(is_selected).unwrap_or(self.pane.cursor);
        self.pane.clamp(self.order.len());
        self.select(store);
    }

    /// Compares the counters of usage with the calls, at most once per call of [`SeriesList::calls_changed`].
    pub(super) fn compare(&mut self, metrics: &MetricStore, store: &Store) {
        if self.compared_pace.is_due() {
            let begun = Instant::now();
            self.compared = counted::compare(metrics, store);
            self.compared_pace.finish(begun);
            self.pane.is_page_outdated = true;
        }
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

    /// Sorts by a column and moves the cursor to the top.
    pub(super) fn sort_by(&mut self, store: &MetricStore, sorted: SeriesSort, is_reversed: bool) {
        (self.sorted, self.is_reversed) = (sorted, is_reversed);
        sort_series(&mut self.order, store.series(), sorted, is_reversed);
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
        self.pace.is_stale()
    }
}

/// Sorts indexes of series.
pub fn sort_series(order: &mut [usize], all: &[Series], by: SeriesSort, is_reversed: bool) {
    let by_name = |one: &Series, other: &Series| {
        let names = one.metric.name.cmp(&other.metric.name);
        names.then_with(|| one.service().cmp(other.service())).then_with(|| one.label.cmp(&other.label)).then(one.id.cmp(&other.id))
    };
    let largest_first = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => other.total_cmp(&one),
        (one, other) => other.is_some().cmp(&one.is_some()),
    };
    let compare = |&one: &usize, &other: &usize| {
        let (one, other) = (&all[one], &all[other]);
        let order = match by {
            SeriesSort::Name => Ordering::Equal,
            SeriesSort::Value => largest_first(one.magnitude(), other.magnitude()),
            SeriesSort::Rate => largest_first(one.per_minute(), other.per_minute()),
            SeriesSort::Seen => other.time.cmp(&one.time),
        };
        order.then_with(|| by_name(one, other))
    };
    order.sort_by(compare);
    if is_reversed {
        order.reverse();
    }
}
