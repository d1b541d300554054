//! What one is looking at, and what a key makes of it. Knows nothing of terminals but their keys, and carries nothing out itself: what has to
//! be done outside comes back as an [`Effect`].

mod aggregates;
mod budget;
pub mod compare;
mod copy;
mod detail;
mod dispatch;
mod export_dialog;
mod insights;
mod intake;
mod line;
mod mouse;
mod palette;
mod pick;
mod prepare_frame;
mod refresh;
mod search;
mod sorter;
mod table;
mod table_actions;
#[cfg(test)]
mod test_harness;
#[cfg(test)]
mod tests;
mod trace_tree;
mod update;

pub use aggregates::Aggregates;
pub use budget::Budgets;
pub use compare::Compare;
pub use detail::{Detail, Page, PayloadState, Tab, value_text};
pub use export_dialog::{Export, ExportDialog, ExportField};
pub use insights::Insights;
pub use line::{Completion, Completions, History, LineEditor};
pub use mouse::HitTarget;
pub use palette::Palette;
pub use pick::{Choice, Picker};
pub use sorter::Sorter;
pub use table::{Cell, GroupKey, Line, Table, TableColumn, View};
pub use trace_tree::{Sort, Sorting, TraceTree};
use update::scroll;

use std::collections::{HashSet, VecDeque};

pub use crate::keymap::{Action, Key, Keymap, action};
use crate::model::{Batch, Nanos, PayloadRef, SourceId};
use crate::query::ParseError;
pub use crate::settings::{Budget, Column, Columns, Measure};
use crate::sources::{State, Traffic};
use crate::store::{RowIx, Store, TraceIx};
use crate::tui::theme::Themes;

/// Something that has to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write traces to a file.
    Export(Export),
    /// Put a text into the clipboard.
    Copy {
        /// What it is, for a person.
        what: String,
        /// The text, as it came.
        text: String,
    },
    /// Put a span, as JSON, into the clipboard.
    CopySpan(RowIx),
    /// Give the terminal to the shell until it is given back.
    Suspend,
    /// Keep this filter line for the next time.
    Remember(String),
    /// Leave.
    Quit,
}

/// Which pane the keys speak to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The traces.
    #[default]
    Traces,
    /// The detail below them.
    Detail,
    /// The detail, filling the screen.
    FullDetail,
}

/// A layer over the panes.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// The keys; scrolled by so many lines.
    Help(usize),
    /// The sources in full; scrolled by so many lines.
    Sources(usize),
    /// A list to choose from.
    Picker(Picker),
    /// What to sort by.
    Sorter(Sorter),
    /// What to export, and where to.
    Export(ExportDialog),
    /// Every action.
    Palette(Palette),
    /// Two traces side by side.
    Compare(Box<Compare>),
}

/// A source as the header shows it.
#[derive(Clone, Debug)]
pub struct SourceView {
    /// What a person calls it.
    pub name: String,
    /// How it is.
    pub state: State,
    /// What went through it, if it listens.
    pub traffic: Traffic,
}

impl SourceView {
    /// A source that has said nothing yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Loading { done: 0, total: 0 }, traffic: Traffic::default() }
    }
}

/// A line for the person, shown for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What happened.
    pub text: String,
    /// Whether it is bad.
    pub bad: bool,
    until: Nanos,
}

impl Message {
    /// Whether it is there until a key is pressed.
    fn stays(&self) -> bool {
        self.until == Nanos::MAX
    }
}

/// How long a message stays, in nanoseconds.
const MESSAGE: Nanos = 8_000_000_000;

/// Seconds of arrivals that the header's sparkline shows.
const RATES: usize = 30;

/// The state of the screen.
#[derive(Debug, Default)]
pub struct App {
    /// The traces.
    pub tree: TraceTree,
    /// The span looked at.
    pub detail: Detail,
    /// Which pane has the keys.
    pub focus: Focus,
    /// What lies over the panes.
    pub overlay: Option<Overlay>,
    /// The filter line in force.
    pub filter: String,
    /// The filter line while it is typed.
    pub editing: Option<LineEditor>,
    /// What is wrong with the line that is typed.
    pub mistake: Option<ParseError>,
    /// The filter lines that were used before.
    pub history: History,
    /// Marked traces.
    pub marks: HashSet<TraceIx>,
    /// The sources, in the order of their ids.
    pub sources: Vec<SourceView>,
    /// The last message.
    pub message: Option<Message>,
    /// Spans that arrived in each of the last seconds, the current one last.
    pub rates: VecDeque<u64>,
    /// Which key does what.
    pub keymap: Keymap,
    /// The themes.
    pub themes: Themes,
    /// The columns beside the traces.
    pub columns: Columns,
    /// Whether symbols must be plain ASCII.
    pub ascii: bool,
    /// The time of the last tick or arrival; every clock on the screen shows it.
    pub now: Nanos,
    /// What traces may cost.
    pub budgets: Budgets,
    /// What is worth a flag on the rows shown.
    pub insights: Insights,
    /// What the sums speak of.
    pub aggregates: Aggregates,
    /// The view that is open, unless it is the traces.
    pub table: Option<Table>,
    bell: bool,
    /// Whether another filter came into force since the sums were last looked after.
    refiltered: bool,
    held_back: Option<VecDeque<Batch>>,
    held_back_spans: usize,
    /// Bytes that sources hold in memory for these.
    held_back_bytes: u64,
    typed: Option<String>,
    search: search::State,
    released: Vec<(SourceId, PayloadRef)>,
}

impl App {
    /// An app that has seen nothing.
    #[must_use]
    pub fn new(sources: Vec<SourceView>, follow: bool, now: Nanos) -> Self {
        let mut app = Self { sources, now, rates: VecDeque::from([0; RATES]), ..Self::default() };
        app.tree.follow = follow;
        app
    }

    /// Shows a line for a while.
    pub fn say(&mut self, text: impl Into<String>, bad: bool, now: Nanos) {
        self.message = Some(Message { text: text.into(), bad, until: now.saturating_add(MESSAGE) });
    }

    /// Shows a line until a key is pressed, or another line takes its place.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), bad: true, until: Nanos::MAX });
    }

    fn look(&mut self, store: &Store) {
        self.detail.show(store, self.tree.cursor());
    }
}
