//! The views beside the traces: tables of sessions, agents, models, tools and errors over everything that the filter shows.

mod columns;
mod index;
mod lines;

use std::time::Instant;

use super::list_pane::ListPane;
use super::refresh::Pace;
use super::{Action, Aggregates, TraceTree};
use crate::model::SpanType;
use crate::settings::named_enum;
use crate::store::{By, Group, RowIx, Store, Totals, TraceIx};
pub use columns::{Cell, TableColumn};
use index::Index;

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
            Self::Traces | Self::Sessions | Self::Errors | Self::Logs | Self::Metrics => None,
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
}

impl GroupKey {
    /// Returns the name or the error message.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Error(_, _, name) => name,
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

/// The state of a view other than the traces.
#[derive(Debug)]
pub struct Table {
    /// What the table lists.
    pub view: View,
    /// The lines in order.
    pub lines: Vec<Line>,
    /// The index of the column that the lines are sorted by.
    pub sorted: usize,
    /// Whether the order is reversed.
    pub is_reversed: bool,
    /// The cursor, and the page about its line.
    pub pane: ListPane,
    index: Index,
    pace: Pace,
}

impl Table {
    /// Returns a view of the traces that the tree shows.
    #[must_use]
    pub fn new(view: View, store: &Store, tree: &TraceTree) -> Self {
        Self {
            view,
            lines: Vec::new(),
            sorted: columns::default_sort(view),
            is_reversed: false,
            pane: ListPane::new(),
            index: Index::new(view, store, tree),
            pace: Pace::due(),
        }
    }

    /// Returns the columns, the most important ones first.
    #[must_use]
    pub fn columns(&self) -> &'static [TableColumn] {
        columns::of(self.view)
    }

    /// Starts over with another filter.
    pub(super) fn restart(&mut self, store: &Store, tree: &TraceTree) {
        self.index = Index::new(self.view, store, tree);
        self.pace = Pace::due();
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

    /// Recomputes the lines if that is due. Returns whether traces are left to index.
    pub(super) fn refresh(&mut self, store: &Store, tree: &TraceTree, aggregates: &Aggregates) -> bool {
        let more = self.index.advance(store, tree);
        if self.pace.is_due() {
            let begun = Instant::now();
            let key = self.lines.get(self.pane.cursor).map(|line| line.key.clone());
            self.lines = lines::lines(self.view, store, aggregates, &self.index);
            self.sort();
            self.pace.finish(begun);
            if more {
                self.pace.invalidate();
            }
            self.pane.cursor = key.and_then(|key| self.lines.iter().position(|line| line.key == key)).unwrap_or(self.pane.cursor);
            self.pane.clamp(self.lines.len());
            self.pane.is_page_outdated = true;
        }
        more
    }

    fn sort(&mut self) {
        self.lines.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        if self.is_reversed {
            self.lines.sort_by_cached_key(|line| std::cmp::Reverse(line.cells[self.sorted].sort_key()));
        } else {
            self.lines.sort_by_cached_key(|line| line.cells[self.sorted].sort_key());
        }
    }

    /// Sets the number of lines below the heading, and the size of the page.
    pub(super) fn set_size(&mut self, lines: usize, page: (u16, u16)) {
        self.pane.set_size(lines, page);
        self.pane.clamp(self.lines.len());
    }

    /// Moves the cursor to a line, or to the last one.
    pub(super) fn go_to(&mut self, line: usize) {
        self.pane.go_to(line, self.lines.len());
        self.pane.is_page_outdated = true;
    }

    /// Sorts by a column and moves the cursor to the top.
    pub(super) fn sort_by(&mut self, column: usize, is_reversed: bool) {
        (self.sorted, self.is_reversed) = (column, is_reversed);
        self.sort();
        self.go_to(0);
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

    /// Whether the lines wait to be recomputed.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.pace.is_stale()
    }

    /// Returns the line under the cursor.
    #[must_use]
    pub fn line(&self) -> Option<&Line> {
        self.lines.get(self.pane.cursor)
    }

    /// Returns the turns of the session or the failed spans under the cursor, by start time.
    #[must_use]
    pub fn rows(&self) -> Vec<RowIx> {
        let rows = self.line().and_then(|line| self.index.rows(&line.key));
        rows.into_iter().flatten().map(|&(_, row)| row).collect()
    }

    /// Returns the totals of turns of a session.
    #[must_use]
    pub fn turn_totals(&self, store: &Store, turns: &[RowIx]) -> Totals {
        self.index.turn_totals(store, turns.iter().copied())
    }

    /// Returns the statistics of the agent, model or tool under the cursor.
    #[must_use]
    pub fn group<'a>(&self, store: &'a Store, aggregates: &Aggregates) -> Option<(By, &'a Group)> {
        let (by, line) = (self.view.grouping()?, self.line()?);
        let (_, group) = aggregates.shown(store).groups(by).find(|&(symbol, _)| store.text(symbol) == line.key.name())?;
        Some((by, group))
    }
}
