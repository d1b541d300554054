//! The views beside the traces: tables of sessions, agents, models, tools and errors over everything that the filter shows.

mod columns;
mod index;
mod lines;
mod order;

use std::collections::BTreeMap;

use super::list_pane::ListPane;
use super::refresh::Pace;
use super::trash::Items;
use super::{Action, Aggregates, TraceTree};
use crate::export::MissSum;
use crate::format;
use crate::model::review::Approval;
use crate::model::{Nanos, SpanType, TraceId};
use crate::settings::named_enum;
use crate::store::{By, Group, RowIx, Store, Totals, TraceIx};
use crate::tui::slices::Slice;
pub use columns::{Cell, TableColumn};
use index::{Index, Indexed};
use lines::{LineId, Source};
use order::Pass;

named_enum! {
    /// What the upper pane lists.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum View {
        /// Traces.
        #[default]
        Traces = "Traces",
        /// Sessions.
        Sessions = "Sessions",
        /// Agents, teams and workflows.
        Agents = "Agents",
        /// Models.
        Models = "Models",
        /// Tools.
        Tools = "Tools",
        /// Failed spans, grouped by type, place and message.
        Errors = "Errors",
        /// Calls that a person is asked to allow.
        Approvals = "Approvals",
        /// Log records.
        Logs = "Logs",
        /// Series of metrics.
        Metrics = "Metrics",
    }
}

impl View {
    /// Returns the view that an action opens.
    pub(super) fn opened_by(action: Action) -> Option<Self> {
        Self::ALL.into_iter().map(|(view, _)| view).find(|view| view.action() == action)
    }

    /// Returns the action that opens the view.
    #[must_use]
    pub fn action(self) -> Action {
        match self {
            Self::Traces => Action::ViewTraces,
            Self::Sessions => Action::ViewSessions,
            Self::Agents => Action::ViewAgents,
            Self::Models => Action::ViewModels,
            Self::Tools => Action::ViewTools,
            Self::Errors => Action::ViewErrors,
            Self::Approvals => Action::ViewApprovals,
            Self::Logs => Action::ViewLogs,
            Self::Metrics => Action::ViewMetrics,
        }
    }

    /// Returns the name where there is little room.
    #[must_use]
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Sessions => "Sess",
            Self::Errors => "Err",
            Self::Approvals => "Appr",
            Self::Metrics => "Metr",
            _ => self.name(),
        }
    }

    /// Returns the store's grouping that the view lists.
    fn grouping(self) -> Option<By> {
        match self {
            Self::Agents => Some(By::Agent),
            Self::Models => Some(By::Model),
            Self::Tools => Some(By::Tool),
            Self::Traces | Self::Sessions | Self::Errors | Self::Approvals | Self::Logs | Self::Metrics => None,
        }
    }
}

/// What a line stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKey {
    /// The name of a session, an agent, a model or a tool.
    Name(String),
    /// The type of failed spans, the agent, model or tool that failed, and the normalized message.
    Error(SpanType, String, String),
    /// The id of an approval, and that of the trace of its run, if that is held.
    Approval(String, Option<TraceId>),
}

impl GroupKey {
    /// Returns the name or the error message.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Error(_, _, name) | Self::Approval(name, _) => name,
        }
    }
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What the line stands for.
    pub key: GroupKey,
    /// One cell for each of [`Table::columns`].
    pub cells: Vec<Cell>,
}

/// The most lines whose names are measured for the width of their column.
const MAX_MEASURED: usize = 500;

/// The state of a view other than the traces.
#[derive(Debug)]
pub struct Table {
    /// What the table lists.
    pub view: View,
    /// The index of the column that the lines are sorted by.
    pub sorted: usize,
    /// Whether the order is reversed.
    pub is_reversed: bool,
    /// The cursor, and the page about its line.
    pub pane: ListPane,
    /// The lines in order.
    order: Vec<LineId>,
    /// The lines on the screen.
    shown: Vec<Line>,
    /// The largest width of the first names, in cells.
    widest: usize,
    index: Index,
    /// Whether the cursor goes to the top when the next order is found.
    goes_to_top: bool,
    pass: Option<Pass>,
    pace: Pace,
}

impl Table {
    /// Returns a view of the traces that the filter shows.
    #[must_use]
    pub fn new(view: View, store: &Store) -> Self {
        Self {
            view,
            sorted: columns::default_sort(view),
            is_reversed: false,
            pane: ListPane::new(),
            order: Vec::new(),
            shown: Vec::new(),
            widest: 0,
            index: Index::new(view, store),
            goes_to_top: false,
            pass: None,
            pace: Pace::due(),
        }
    }

    /// Returns the columns, the most important ones first.
    #[must_use]
    pub fn columns(&self) -> &'static [TableColumn] {
        columns::of(self.view)
    }

    /// Returns the number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether the table has no lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Returns the lines on the screen, from `ListPane::top` on.
    #[must_use]
    pub fn shown(&self) -> &[Line] {
        &self.shown
    }

    /// Returns the largest width of the first names, in cells.
    #[must_use]
    pub fn widest_name(&self) -> usize {
        self.widest
    }

    /// Starts over with another filter. Returns what is left to free.
    pub(super) fn restart(&mut self, store: &Store) -> [Items; 3] {
        self.pass = None;
        self.pace = Pace::due();
        std::mem::replace(&mut self.index, Index::new(self.view, store)).into_items()
    }

    /// Takes itself apart, to be freed in slices.
    pub(super) fn into_items(self) -> [Items; 3] {
        self.index.into_items()
    }

    /// Notes traces that changed, or that the filter newly shows or hides.
    pub(super) fn traces_changed(&mut self, traces: &[TraceIx]) {
        self.index.traces_changed(traces);
        if !traces.is_empty() {
            self.pace.invalidate();
        }
    }

    /// Forgets traces that the store evicted.
    pub(super) fn forget(&mut self, traces: &[TraceIx]) {
        self.index.forget(traces);
        if !traces.is_empty() {
            self.pace.invalidate();
        }
    }

    fn source<'a>(&'a self, store: &'a Store, aggregates: &'a Aggregates) -> Source<'a> {
        Source { view: self.view, store, stats: aggregates.shown(store), index: &self.index, misses: &aggregates.misses }
    }

    /// Indexes traces and finds the order of the lines, if that is due, for a moment. Returns whether work is left.
    pub(super) fn refresh(&mut self, store: &Store, tree: &TraceTree, aggregates: &Aggregates, slice: Slice) -> bool {
        let is_indexing = self.index.advance(store, tree, &mut slice.share());
        if self.pass.is_none() && self.pace.is_due() {
            self.pass = Some(Pass::new(self.columns()[self.sorted], self.is_reversed));
            self.pace.begin();
        }
        if let Some(mut pass) = self.pass.take() {
            if pass.advance(self.source(store, aggregates), &mut slice.share()) {
                self.adopt(pass, store, aggregates);
            } else {
                self.pass = Some(pass);
            }
        }
        if is_indexing {
            self.pace.invalidate();
        }
        is_indexing || self.pass.is_some()
    }

    /// Takes over the order that a pass found. The cursor stays on its line.
    fn adopt(&mut self, pass: Pass, store: &Store, aggregates: &Aggregates) {
        self.pace.finish_slices(pass.took());
        let current = self.order.get(self.pane.cursor).copied().filter(|_| !std::mem::take(&mut self.goes_to_top));
        self.order = pass.into_order();
        self.pane.cursor = current.and_then(|current| self.order.iter().position(|&id| id == current)).unwrap_or(self.pane.cursor);
        self.pane.clamp(self.order.len());
        self.pane.is_page_outdated = true;
        let source = self.source(store, aggregates);
        let names = self.order.iter().take(MAX_MEASURED).filter_map(|&id| source.cell(id, TableColumn::Name));
        let widths = names.map(|name| if let Cell::Text(name) = name { format::width(&format::safe(&name)) } else { 0 });
        self.widest = widths.max().unwrap_or_default();
    }

    /// Writes the lines on the screen. Lines that are gone since the order was found are left out.
    pub(super) fn write_shown(&mut self, store: &Store, aggregates: &Aggregates) {
        loop {
            let end = (self.pane.top + self.pane.height).min(self.order.len());
            let source = self.source(store, aggregates);
            let ids = &self.order[self.pane.top.min(end)..end];
            let lines: Vec<Option<Line>> = ids.iter().map(|&id| source.line(id)).collect();
            if lines.iter().all(Option::is_some) {
                self.shown = lines.into_iter().flatten().collect();
                return;
            }
            let mut gone = lines.iter().map(Option::is_none);
            let (top, cursor) = (self.pane.top, self.pane.cursor);
            let above = lines.iter().take(cursor.saturating_sub(top)).filter(|line| line.is_none()).count();
            let tail = self.order.split_off(top.min(end));
            self.order.extend(tail.into_iter().filter(|_| !gone.next().unwrap_or(false)));
            self.pane.cursor -= above;
            self.pane.clamp(self.order.len());
            self.pane.is_page_outdated = true;
        }
    }

    /// Sets the number of lines below the heading, and the size of the page.
    pub(super) fn set_size(&mut self, lines: usize, page: (u16, u16)) {
        self.pane.set_size(lines, page);
        self.pane.clamp(self.order.len());
    }

    /// Moves the cursor to a line, or to the last one.
    pub(super) fn go_to(&mut self, line: usize) {
        self.pane.go_to(line, self.order.len());
        self.pane.is_page_outdated = true;
    }

    /// Whether the order begins with the largest value, or the last of texts.
    #[must_use]
    pub fn is_descending(&self) -> bool {
        self.columns()[self.sorted].is_text() == self.is_reversed
    }

    /// Sorts by a column, from the next refresh on, and moves the cursor to the top.
    pub(super) fn sort_by(&mut self, column: usize, is_reversed: bool) {
        (self.sorted, self.is_reversed) = (column, is_reversed);
        (self.pass, self.pace, self.goes_to_top) = (None, Pace::due(), true);
        self.go_to(0);
    }

    /// Sorts by the time that few lines exceed, the longest first. Returns whether the view has one.
    pub(super) fn sort_by_slowest(&mut self) -> bool {
        let column = self.columns().iter().position(|&column| column == TableColumn::P95);
        column.inspect(|&column| self.sort_by(column, false)).is_some()
    }

    /// Moves the cursor or sorts the lines. Returns whether the table handles the action.
    pub(super) fn handle(&mut self, action: Action) -> bool {
        match action {
            Action::Sort => self.sort_by((self.sorted + 1) % self.columns().len(), false),
            Action::Reverse => self.sort_by(self.sorted, !self.is_reversed),
            _ => match self.pane.target(action) {
                Some(line) => self.go_to(line),
                None => return false,
            },
        }
        true
    }

    /// Notes that numbers in the lines have changed.
    pub(super) fn outdate(&mut self) {
        self.pace.invalidate();
        self.pane.is_page_outdated = true;
    }

    /// Whether the lines wait to be recomputed.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.pace.is_stale() || self.pass.is_some()
    }

    /// Returns the line under the cursor.
    #[must_use]
    pub fn line(&self, store: &Store, aggregates: &Aggregates) -> Option<Line> {
        self.source(store, aggregates).line(*self.order.get(self.pane.cursor)?)
    }

    /// Returns the session or the error under the cursor.
    fn indexed(&self) -> Option<&Indexed> {
        match self.order.get(self.pane.cursor)? {
            LineId::Indexed(place) => self.index.at(*place),
            LineId::Group(_) | LineId::Approval(_) => None,
        }
    }

    /// Returns the approval under the cursor.
    #[must_use]
    pub fn approval<'a>(&self, store: &'a Store) -> Option<&'a Approval> {
        match self.order.get(self.pane.cursor)? {
            LineId::Approval(place) => store.all_approvals().get(*place as usize),
            LineId::Group(_) | LineId::Indexed(_) => None,
        }
    }

    /// Returns the turns of the session or the failed spans under the cursor, by start time.
    #[must_use]
    pub fn rows(&self) -> Vec<RowIx> {
        self.indexed().into_iter().flat_map(|indexed| &indexed.rows).map(|&(_, row)| row).collect()
    }

    /// Returns the first turn of the session or the first failed span under the cursor, the last `count` ones by start time, and their number.
    #[must_use]
    pub fn last_rows(&self, count: usize) -> Option<(RowIx, Vec<RowIx>, usize)> {
        let rows = &self.indexed()?.rows;
        let mut last: Vec<RowIx> = rows.iter().rev().take(count).map(|&(_, row)| row).collect();
        last.reverse();
        Some((rows.first()?.1, last, rows.len()))
    }

    /// Returns the totals of all turns of the session under the cursor.
    #[must_use]
    pub fn session_totals(&self) -> Option<&Totals> {
        self.indexed().map(|indexed| &indexed.totals)
    }

    /// Returns the last turn of the session, or the last of the failed spans under the cursor.
    #[must_use]
    pub fn last_row(&self) -> Option<RowIx> {
        self.indexed().and_then(|indexed| indexed.rows.last()).map(|&(_, row)| row)
    }

    /// Returns the totals of turns of a session.
    #[must_use]
    pub fn turn_totals(&self, store: &Store, turns: &[RowIx]) -> Totals {
        self.index.turn_totals(store, turns.iter().copied())
    }

    /// Returns what caches missed for the line under the cursor in each hour, by its start; `None` if nothing is known.
    #[must_use]
    pub fn missed_hours<'a>(&'a self, store: &'a Store, aggregates: &'a Aggregates) -> Option<&'a BTreeMap<Nanos, MissSum>> {
        self.source(store, aggregates).missed_hours(*self.order.get(self.pane.cursor)?)
    }

    /// Returns what caches missed for the line under the cursor, and whether there may be more; `None` if that is not known.
    #[must_use]
    pub fn missed(&self, store: &Store, aggregates: &Aggregates) -> Option<(MissSum, bool)> {
        self.source(store, aggregates).missed(*self.order.get(self.pane.cursor)?)
    }

    /// Returns the statistics of the agent, model or tool under the cursor.
    #[must_use]
    pub fn group<'a>(&self, store: &'a Store, aggregates: &Aggregates) -> Option<(By, &'a Group)> {
        match *self.order.get(self.pane.cursor)? {
            LineId::Group(name) => Some((self.view.grouping()?, aggregates.shown(store).group(self.view.grouping()?, name)?)),
            LineId::Indexed(_) | LineId::Approval(_) => None,
        }
    }
}
