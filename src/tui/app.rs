//! The state of the screen and what each key does to it. It knows nothing of the terminal but its keys, and has no effects of its own: an
//! [`Effect`] says what the event loop must do.

mod aggregates;
mod budget;
pub mod compare;
mod context;
mod detail;
mod dispatch;
mod export_dialog;
mod help;
mod insights;
mod intake;
mod line;
mod list_pane;
mod log_actions;
mod log_list;
mod miss_sums;
mod misses;
mod mouse;
mod palette;
mod pick;
mod program;
mod ranks;
mod refresh;
mod search;
mod series_actions;
mod series_list;
mod sorter;
mod table;
mod table_actions;
#[cfg(test)]
mod test_harness;
#[cfg(test)]
mod tests;
mod text_input;
mod tour;
mod trace_tree;
mod trash;
mod update;
mod waiting;

pub use aggregates::Aggregates;
pub use budget::Budgets;
pub use compare::Compare;
pub use context::{ContextSlice, ReadSlice, RunContext};
pub use detail::{Detail, OpenedPart, Page, PartRequest, PayloadState, ReadPart, Tab, asked_above, value_text};
pub use export_dialog::{Export, ExportDialog, ExportField};
pub use help::Help;
pub use insights::Insights;
pub use line::{Completion, Completions, History, LineEditor};
pub use log_list::{FilteredLog, LogLine, LogList};
pub use miss_sums::MissSums;
pub use mouse::HitTarget;
pub use palette::{Palette, synonyms};
pub use pick::{Choice, Picker};
pub use program::Program;
pub use ranks::Ranked;
pub use series_list::{SeriesList, SeriesSort, sort_series};
pub use sorter::Sorter;
pub use table::{Cell, GroupKey, Line, Table, TableColumn, View};
pub use tour::Tour;
pub use trace_tree::{FootLine, SlowStep, Sort, Sorting, TraceTree, TreeLine};

use std::collections::{HashSet, VecDeque};

pub use crate::keymap::{Action, Key, Keymap};
use crate::logs::LogStore;
use crate::metrics::MetricStore;
use crate::model::{Nanos, Payload, PayloadRef, SourceId};
use crate::query::ParseError;
pub use crate::settings::{Budget, Column, Columns, Measure};
use crate::sources::{State, Traffic};
use crate::store::{RowIx, Store, TraceIx};
pub use crate::tui::slices::Slice;
use crate::tui::theme::Themes;

/// Something that the event loop must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write traces to a file.
    Export(Export),
    /// Copy a text to the clipboard.
    Copy {
        /// A description for the user.
        what: String,
        /// The text, not yet safe for a terminal.
        text: String,
    },
    /// Copy a span as OTLP/JSON to the clipboard.
    CopySpan(RowIx),
    /// Suspend the program.
    Suspend,
    /// Save a filter line to the history file.
    Remember(String),
    /// Play the demo again.
    Replay,
    /// Quit.
    Quit,
}

/// The pane that the keys act on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// The traces, or the table in their place.
    #[default]
    Traces,
    /// The detail pane.
    Detail,
    /// The detail pane over the whole screen.
    FullDetail,
}

/// A window over the panes.
#[derive(Debug)]
pub enum Overlay {
    /// The signs, keys and filter words.
    Help(Help),
    /// The sources, with the first line on the screen.
    Sources(usize),
    /// A list of values to filter by.
    Picker(Box<Picker>),
    /// A list of sort keys.
    Sorter(Sorter),
    /// The export dialog.
    Export(ExportDialog),
    /// The command palette.
    Palette(Palette),
    /// The comparison of two traces.
    Compare(Box<Compare>),
}

/// A source as the header shows it.
#[derive(Clone, Debug)]
pub struct SourceView {
    /// The display name.
    pub name: String,
    /// Where it is: the absolute path of a file, else the name.
    pub place: String,
    /// The last reported state.
    pub state: State,
    /// What a listener has received.
    pub traffic: Traffic,
}

impl SourceView {
    /// Returns a source that has reported nothing yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { place: name.clone(), name, state: State::Loading { done: 0, total: 0 }, traffic: Traffic::default() }
    }

    /// Returns a message of the source without the name or the place of the source at its beginning.
    #[must_use]
    pub fn without_name<'a>(&self, message: &'a str) -> &'a str {
        let rest = |name: &String| message.strip_prefix(name.as_str()).filter(|_| !name.is_empty());
        let rest = rest(&self.name).or_else(|| rest(&self.place)).filter(|rest| rest.starts_with([':', ' ']));
        rest.map_or(message, |rest| rest.trim_start_matches([':', ' ']))
    }
}

/// A message to the user above the last line of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The text.
    pub text: String,
    /// Whether it reports an error.
    pub is_error: bool,
    until: Nanos,
    /// The source whose trouble it tells, by its index.
    source: Option<usize>,
}

impl Message {
    /// Whether the message stays until a key is pressed.
    fn is_sticky(&self) -> bool {
        self.until == Nanos::MAX
    }
}

/// How long a message stays, in nanoseconds.
const MESSAGE: Nanos = 6_000_000_000;

/// The length of [`App::rates`].
const RATES: usize = 30;

/// The state of the screen.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "they are settings and facts that do not depend on one another")]
pub struct App {
    /// The shown traces with the cursor.
    pub tree: TraceTree,
    /// The detail pane.
    pub detail: Detail,
    /// The pane that the keys act on.
    pub focus: Focus,
    /// The window over the panes.
    pub overlay: Option<Overlay>,
    /// The filter line in effect.
    pub filter: String,
    /// The editor of the filter line or of a text to find.
    pub editor: Option<LineEditor>,
    /// The error in the line in the editor.
    pub parse_error: Option<ParseError>,
    /// Earlier filter lines.
    pub history: History,
    /// Marked traces.
    pub marks: HashSet<TraceIx>,
    /// The sources, indexed by their ids.
    pub sources: Vec<SourceView>,
    /// The current message.
    pub message: Option<Message>,
    /// Live spans received in each of the last seconds, the current second last.
    pub rates: VecDeque<u64>,
    /// The keys of each action.
    pub keymap: Keymap,
    /// The themes.
    pub themes: Themes,
    /// The path of the configuration file, for the user; empty if there is none.
    pub config_file: String,
    /// The columns beside the traces.
    pub columns: Columns,
    /// Whether to draw only ASCII characters.
    pub ascii: bool,
    /// Whether the screen has room for the totals beside the traces.
    pub has_totals: bool,
    /// The time of the last tick or batch; all times on the screen refer to it.
    pub now: Nanos,
    /// Budgets for traces.
    pub budgets: Budgets,
    /// Anomalies in the runs on the screen.
    pub insights: Insights,
    /// The totals beside the traces.
    pub aggregates: Aggregates,
    /// The guide through the demo, if it is the demo.
    pub tour: Option<Tour>,
    /// The open view, unless it is the traces, the logs or the metrics.
    pub table: Option<Table>,
    /// Whether a source has approvals.
    pub has_approvals: bool,
    /// The program that was started with the screen.
    pub program: Option<Program>,
    /// The log records.
    pub logs: LogStore,
    /// The view of logs, if it is open.
    pub log_list: Option<LogList>,
    /// The series of metrics.
    pub metrics: MetricStore,
    /// The view of metrics, if it is open.
    pub series_list: Option<SeriesList>,
    /// Whether to note which traces change, for [`App::take_changed`].
    pub notes_changes: bool,
    /// The traces that changed since they were last taken.
    changed: HashSet<TraceIx>,
    /// The traces in which, or in whose parts, something runs.
    running: HashSet<TraceIx>,
    bell: bool,
    /// Whether the filter has changed since the totals were last updated.
    is_refiltered: bool,
    waiting: waiting::Waiting,
    /// A valid filter line from the editor that is not in effect yet.
    typed: Option<String>,
    search: search::State,
    survey: misses::Survey,
    /// What is left to free.
    trash: trash::Trash,
    released: Vec<(SourceId, PayloadRef)>,
}

impl App {
    /// Returns the state before the first update.
    #[must_use]
    pub fn new(sources: Vec<SourceView>, follow: bool, now: Nanos) -> Self {
        let mut app = Self { sources, now, rates: VecDeque::from([0; RATES]), ..Self::default() };
        app.tree.follow = follow;
        app
    }

    /// Shows a message for a while.
    pub fn show_message(&mut self, text: impl Into<String>, is_error: bool, now: Nanos) {
        self.message = Some(Message { text: text.into(), is_error, until: now.saturating_add(MESSAGE), source: None });
    }

    /// Shows an error message until a key is pressed or another message replaces it.
    pub fn show_warning(&mut self, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), is_error: true, until: Nanos::MAX, source: None });
    }

    /// Stores the payload that the detail pane requested last, or the reason why it is not available.
    pub fn load_detail(&mut self, payload: Result<Payload, String>) {
        self.detail.load(payload);
        if let Some(table) = &mut self.table {
            table.pane.is_page_outdated = true;
        }
    }

    /// Shows the row under the cursor in the detail pane. Of a session, what is shown needs the payload of its last turn.
    fn show_detail(&mut self, store: &Store) {
        let row = match &self.table {
            Some(table) if table.view == View::Sessions => table.last_row(),
            _ => self.tree.cursor().map(|row| self.tree.telling(store, row)),
        };
        self.detail.show(store, row);
    }
}
