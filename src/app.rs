//! What one is looking at, and what a key makes of it. Knows nothing of terminals but their keys, and carries nothing out itself: what has to
//! be done outside comes back as an [`Effect`].

pub mod action;
mod budget;
mod columns;
pub mod compare;
mod copy;
mod detail;
mod export_dialog;
mod forest;
pub mod key;
mod keymap;
mod line;
mod noticed;
mod palette;
mod pick;
mod pointer;
pub mod run;
mod scope;
mod search;
mod sorter;
mod table;
#[cfg(test)]
mod tests;
mod views;

pub use action::Action;
pub use budget::{Budget, Budgets};
pub use columns::{Column, Columns};
pub use compare::Compare;
pub use detail::{Detail, Loaded, Tab, Wanted};
pub use export_dialog::{Export, ExportDialog, ExportField};
pub use forest::{Forest, Measure, Sort, Sorting};
pub use key::Key;
pub use keymap::{Bindings, Keymap, Misbound};
pub use line::{Editing, History, Offer, Offers};
pub use noticed::Noticed;
pub use palette::Palette;
use pick::Picked;
pub use pick::{Choice, Picker};
pub use pointer::Spot;
pub use scope::Scope;
pub use sorter::Sorter;
pub use table::{Cell, Heading, Table, View};

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Local};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use crate::export::{TraceRecord, file_stem};
use crate::format;
use crate::look::Looks;
use crate::model::price::Prices;
use crate::model::{Address, Batch, Nanos, SourceId};
use crate::query::{Mistake, values_of, with_values};
use crate::source::{State, Traffic};
use crate::store::{Changes, MINUTE, RowIx, Store, TraceIx};

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
    Forest,
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

/// How long a message stays, in nanoseconds.
const MESSAGE: Nanos = 8_000_000_000;

/// Seconds of arrivals that the header's sparkline shows.
const RATES: usize = 30;

/// Spans that a paused view holds back, and batches; beyond it the oldest are let in.
const HELD_BACK: usize = 200_000;

/// The state of the screen.
#[derive(Debug, Default)]
pub struct App {
    /// The traces.
    pub forest: Forest,
    /// The span looked at.
    pub detail: Detail,
    /// Which pane has the keys.
    pub focus: Focus,
    /// What lies over the panes.
    pub overlay: Option<Overlay>,
    /// The filter line in force.
    pub filter: String,
    /// The filter line while it is typed.
    pub editing: Option<Editing>,
    /// What is wrong with the line that is typed.
    pub mistake: Option<Mistake>,
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
    pub looks: Looks,
    /// The columns beside the traces.
    pub columns: Columns,
    /// Whether symbols must be plain ASCII.
    pub ascii: bool,
    /// The time of the last tick or arrival; every clock on the screen shows it.
    pub now: Nanos,
    /// What traces may cost.
    pub budgets: Budgets,
    /// What is worth a flag on the rows shown.
    pub noticed: Noticed,
    /// What the sums speak of.
    pub scope: Scope,
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
    released: Vec<(SourceId, Address)>,
}

impl App {
    /// An app that has seen nothing.
    #[must_use]
    pub fn new(sources: Vec<SourceView>, follow: bool, now: Nanos) -> Self {
        let mut app = Self { sources, now, rates: VecDeque::from([0; RATES]), ..Self::default() };
        app.forest.follow = follow;
        app
    }

    // --- what comes in ---

    /// Takes in spans, or holds them back while the view is paused.
    pub fn receive(&mut self, store: &mut Store, batch: Batch, now: Nanos) {
        if let Some(rate) = self.rates.back_mut().filter(|_| batch.origin == crate::model::Origin::Live) {
            *rate += batch.spans.len() as u64;
        }
        let Some(held_back) = &mut self.held_back else {
            self.now = now;
            return self.take_in(store, &batch, now);
        };
        self.held_back_spans += batch.spans.len();
        self.held_back_bytes += weight(&batch);
        held_back.push_back(batch);
        while let Some(batch) = self.overdue(store.limits().bytes) {
            self.held_back_spans -= batch.spans.len();
            self.held_back_bytes -= weight(&batch);
            self.take_in(store, &batch, now);
        }
    }

    /// The oldest batch held back, if more is held back than may be.
    fn overdue(&mut self, bytes: u64) -> Option<Batch> {
        let is_full = self.held_back_spans > HELD_BACK || self.held_back_bytes > bytes;
        self.held_back.as_mut().filter(|held_back| is_full || held_back.len() > HELD_BACK)?.pop_front()
    }

    fn take_in(&mut self, store: &mut Store, batch: &Batch, now: Nanos) {
        let changes = store.apply(batch, now);
        let news = self.budgets.check(store, &changes.traces, &changes.evicted);
        // What was spent before anybody looked is no news.
        self.bell |= news && batch.origin == crate::model::Origin::Live;
        self.check(store, batch, &changes.rows);
        self.changed(store, changes);
    }

    /// Makes ready what the next frame shows, with so many lines for rows and so much room for the detail: columns and lines. Whether more
    /// is left to do.
    pub fn make_ready(&mut self, store: &mut Store, lines: usize, detail: (u16, u16)) -> bool {
        self.settle(store);
        self.detail.catch_up(store, self.now);
        self.forest.set_height(lines);
        self.detail.set_size(detail);
        if let Some(table) = &mut self.table {
            table.set_size(lines, detail);
        }
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.catch_up(store);
        }
        self.sum_up(store) || self.forest.is_judging()
    }

    /// Looks after the sums beside the traces, for a moment. Whether more is left to do.
    fn sum_up(&mut self, store: &mut Store) -> bool {
        if std::mem::take(&mut self.refiltered) {
            self.scope.restart(store, &mut self.forest);
            if let Some(table) = &mut self.table {
                table.restart(&self.forest);
            }
        }
        let turned = self.forest.turned();
        let mut more = self.scope.follow(store, &self.forest, &turned);
        if let Some(table) = &mut self.table {
            table.changed(&turned);
            more |= table.refresh(store, &self.forest, &self.scope, self.now);
        }
        if self.table.is_none() {
            let (rows, _) = self.forest.window(store, self.forest.height());
            self.noticed.look_at(store, &rows, self.now);
        }
        self.scope.look_at(store, self.forest.cursor().map(|row| store.row(row).trace()), self.now);
        more
    }

    /// The prices are there.
    pub fn take_prices(&mut self, store: &mut Store, prices: Arc<Prices>) {
        let changes = store.set_prices(prices);
        self.budgets.check(store, &changes.traces, &changes.evicted);
        self.changed(store, changes);
    }

    /// Whether the terminal's bell is to ring.
    pub fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.bell)
    }

    /// Payloads that sources need to hold no longer; each is told once.
    pub fn released(&mut self) -> Vec<(SourceId, Address)> {
        std::mem::take(&mut self.released)
    }

    /// Spans held back; `None` unless paused.
    #[must_use]
    pub fn held_back_spans(&self) -> Option<usize> {
        self.held_back.as_ref().map(|_| self.held_back_spans)
    }

    /// A second passed. Returns whether anything on the screen changed.
    pub fn tick(&mut self, store: &mut Store, now: Nanos) -> bool {
        let before = self.now;
        let mut moving = self.rates.iter().any(|&rate| rate > 0) || store.all().running > 0;
        self.rates.pop_front();
        self.rates.push_back(0);
        let message_ends = self.message.as_ref().is_some_and(|message| message.until <= now);
        if message_ends {
            self.message = None;
        }
        if self.held_back.is_none() {
            self.now = now;
            let changes = store.expire(now);
            self.changed(store, changes);
            if self.forest.tick(store, now) {
                self.look(store);
                moving = true;
            }
            if store.all().running > 0 {
                self.detail.outdate_overview();
            }
        }
        // What rests is made anew, and with each minute the last hour is another one.
        let waits = self.scope.is_stale()
            || self.noticed.is_stale()
            || self.forest.has_stale_path()
            || self.table.as_ref().is_some_and(Table::is_stale)
            || matches!(&self.overlay, Some(Overlay::Compare(compare)) if compare.is_stale());
        moving || message_ends || waits || before.div_euclid(MINUTE) != self.now.div_euclid(MINUTE)
    }

    /// A source says how it is.
    pub fn source_state(&mut self, source: usize, state: State) {
        if let Some(view) = self.sources.get_mut(source) {
            // The header may have no room for all of it.
            let news = if let State::Failing(why) = &state { Some(format!("{}: {why}", view.name)) } else { None };
            view.state = state;
            if let Some(news) = news {
                self.say(news, true, self.now);
            }
        }
    }

    /// A listener says what went through it.
    pub fn source_traffic(&mut self, source: usize, traffic: Traffic) {
        if let Some(view) = self.sources.get_mut(source) {
            view.traffic = traffic;
        }
    }

    /// Shows a line for a while.
    pub fn say(&mut self, text: impl Into<String>, bad: bool, now: Nanos) {
        self.message = Some(Message { text: text.into(), bad, until: now.saturating_add(MESSAGE) });
    }

    fn changed(&mut self, store: &Store, mut changes: Changes) {
        self.released.append(&mut changes.released);
        for trace in &changes.evicted {
            self.marks.remove(trace);
        }
        if let Some(Overlay::Export(dialog)) = &mut self.overlay
            && !dialog.forget(&changes.evicted)
        {
            self.overlay = None;
            self.say("what was to be exported is held no longer", true, self.now);
        }
        self.forest.update(store, &changes, self.now);
        self.noticed.forget(&changes.evicted);
        if let Some(table) = &mut self.table {
            table.forget(&changes.evicted);
            table.changed(&changes.traces);
        }
        self.compare_again(&changes);
        self.look(store);
        if !changes.traces.is_empty() {
            self.detail.outdate_overview();
        }
    }

    fn look(&mut self, store: &Store) {
        self.detail.look_at(store, self.forest.cursor(), self.now);
    }

    // --- keys ---

    /// A key was pressed. The layers on top answer first.
    pub fn key(&mut self, store: &mut Store, key: KeyEvent, now: Nanos) -> Option<Effect> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let action = self.keymap.action(key);
        if action == Some(Action::Quit) && !key::Key::pressed(key).types() {
            return Some(Effect::Quit);
        }
        if self.editing.is_some() {
            self.edit(store, key)
        } else if self.overlay.is_some() {
            self.overlay_key(store, key, action, now)
        } else {
            self.update(store, action?, now)
        }
    }

    fn overlay_key(&mut self, store: &mut Store, key: KeyEvent, action: Option<Action>, now: Nanos) -> Option<Effect> {
        match (&mut self.overlay, key.code, action) {
            (Some(Overlay::Palette(palette)), ..) => match palette.key(key) {
                palette::Answer::Open => {}
                palette::Answer::Left => self.overlay = None,
                palette::Answer::Do(action) => {
                    self.overlay = None;
                    return self.update(store, action, now);
                }
            },
            (Some(Overlay::Export(dialog)), ..) => match dialog.key(key) {
                export_dialog::Answer::Open => {}
                export_dialog::Answer::Left => self.overlay = None,
                export_dialog::Answer::Write(export) => {
                    self.overlay = None;
                    return Some(Effect::Export(export));
                }
            },
            (Some(Overlay::Picker(picker)), ..) => match picker.key(key) {
                Picked::Open => {}
                Picked::Closed => self.overlay = None,
                Picked::Chosen(values) => {
                    let line = with_values(&self.filter, picker.field, &values);
                    self.overlay = None;
                    self.set_filter(store, line);
                }
            },
            (Some(Overlay::Sorter(sorter)), KeyCode::Enter, _) => {
                let sorter = sorter.clone();
                self.overlay = None;
                self.sort_as_chosen(store, &sorter, now);
            }
            (_, KeyCode::Esc, _)
            | (_, _, Some(Action::Back | Action::Quit | Action::Help))
            | (Some(Overlay::Sorter(_)), _, Some(Action::SortBy))
            | (Some(Overlay::Compare(_)), _, Some(Action::Compare)) => self.overlay = None,
            (Some(Overlay::Compare(_)), _, Some(Action::Detail)) => self.go_to_compared(store),
            (Some(Overlay::Compare(_)), _, Some(Action::NextMatch | Action::PreviousMatch)) => {
                self.next_difference(store, action == Some(Action::PreviousMatch), now);
            }
            (Some(Overlay::Compare(compare)), _, Some(action)) => compare.step(leap(action)),
            (Some(Overlay::Sorter(sorter)), _, Some(action)) => sorter.step(leap(action)),
            (Some(Overlay::Help(line)), _, Some(action)) => *line = line.saturating_add_signed(leap(action)),
            _ => {}
        }
        None
    }

    /// Does what `action` says to the state; what has to be done outside is returned.
    pub fn update(&mut self, store: &mut Store, action: Action, now: Nanos) -> Option<Effect> {
        match self.table_action(store, action, now) {
            views::Answer::Done => return None,
            views::Answer::Effect(effect) => return Some(effect),
            views::Answer::Other => {}
        }
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Export => self.ask_for_export(store, now),
            Action::Compare => self.compare(store, now),
            Action::Copy => return self.copy(store, now),
            Action::CopySpan => return self.copy_span(store, now),
            Action::Suspend => return Some(Effect::Suspend),
            Action::Pause => self.toggle_pause(store, now),
            Action::Theme => {
                let name = format::safe(self.looks.turn()).into_owned();
                self.say(format!("theme {name}"), false, now);
            }
            Action::Palette => self.overlay = Some(Overlay::Palette(Palette::default())),
            Action::Help => self.overlay = Some(Overlay::Help(0)),
            Action::SortBy => {
                let sorter = self.table.as_ref().map_or_else(|| Sorter::of_forest(&self.forest), Sorter::of_table);
                self.overlay = Some(Overlay::Sorter(sorter));
            }
            Action::PickAgents => self.overlay = Some(Overlay::Picker(Picker::agents(store, &self.filter))),
            Action::PickStatuses => self.overlay = Some(Overlay::Picker(Picker::statuses(store, &self.filter))),
            Action::PickModels => self.overlay = Some(Overlay::Picker(Picker::models(store, &self.filter))),
            Action::PickTools => self.overlay = Some(Overlay::Picker(Picker::tools(store, &self.filter))),
            Action::PickSessions => self.overlay = Some(Overlay::Picker(Picker::sessions(store, &self.filter))),
            Action::ViewTraces => self.open_view(store, View::Traces, now),
            Action::ViewSessions => self.open_view(store, View::Sessions, now),
            Action::ViewAgents => self.open_view(store, View::Agents, now),
            Action::ViewModels => self.open_view(store, View::Models, now),
            Action::ViewTools => self.open_view(store, View::Tools, now),
            Action::ViewErrors => self.open_view(store, View::Errors, now),
            Action::Scope => self.scope.of_trace = !self.scope.of_trace,
            Action::Filter => {
                let finds = self.focus != Focus::Forest;
                let input = if finds { String::new() } else { self.filter.clone() };
                self.editing = Some(Editing::new(input, finds, &self.filter));
            }
            Action::ErrorsOnly => {
                let only = values_of(&self.filter, "status") == ["error"];
                let wanted: &[String] = if only { &[] } else { &["error".to_owned()] };
                self.set_filter(store, with_values(&self.filter, "status", wanted));
            }
            Action::Mark => self.mark(store),
            Action::ClearMarks => self.marks.clear(),
            Action::Detail => {
                self.forest.follow = false;
                self.focus = if self.focus == Focus::Forest { Focus::Detail } else { Focus::FullDetail };
            }
            Action::NextPane => {
                self.forest.follow = false;
                self.focus = if self.focus == Focus::Forest { Focus::Detail } else { Focus::Forest };
            }
            Action::Back => self.back(store),
            Action::NextTab | Action::PreviousTab => {
                self.forest.follow = false;
                self.detail.turn(store, action == Action::NextTab, self.now);
            }
            Action::Wrap => self.detail.reader.set_wrap(!self.detail.reader.wraps()),
            _ if self.focus != Focus::Forest && self.detail.take(store, action, self.now) => {}
            _ => self.travel(store, action, now),
        }
        self.look(store);
        None
    }

    fn travel(&mut self, store: &Store, action: Action, now: Nanos) {
        let forest = &mut self.forest;
        match action {
            Action::Top => forest.go_top(store),
            Action::Bottom => forest.go_bottom(store),
            Action::Fold => forest.fold(store),
            Action::Unfold => forest.unfold(store),
            Action::FoldBelow => forest.toggle_below(store),
            Action::FoldAll => forest.toggle_all(store),
            Action::Follow if forest.follow => forest.follow = false,
            Action::Follow => forest.start_following(store, self.now),
            Action::Sort => forest.sort(store, Sorting { by: forest.sorting().by.next(), reversed: false }, self.now),
            Action::Reverse => forest.sort(store, Sorting { reversed: !forest.sorting().reversed, ..forest.sorting() }, self.now),
            Action::Measure => forest.measure = forest.measure.next(),
            Action::CriticalPath => forest.lights_path = !forest.lights_path,
            Action::ZoomReset => forest.zoom_out(),
            Action::ZoomIn | Action::ZoomOut => {
                if !forest.zoom(store, action == Action::ZoomIn, self.now) {
                    self.say("folded traces share one scale: open the trace to look closer", false, now);
                }
            }
            Action::Earlier | Action::Later => {
                if !forest.pan(store, action == Action::Later, self.now) {
                    self.say("all of the trace's time is shown: + looks closer", false, now);
                }
            }
            Action::NextError | Action::PreviousError => {
                if !forest.go_to_error(store, action == Action::PreviousError) {
                    self.say("no other error in what is shown", false, now);
                }
            }
            Action::NextMatch | Action::PreviousMatch => {
                if !forest.is_filtered() {
                    self.say(format!("no filter is set: {} sets one", self.keymap.hint(Action::Filter)), false, now);
                } else if !forest.go_to_match(store, action == Action::PreviousMatch) {
                    self.say("no other match", false, now);
                }
            }
            _ => {
                if let Some(by) = scroll(action, forest.page()) {
                    forest.step(store, by);
                }
            }
        }
    }

    fn back(&mut self, store: &Store) {
        match self.focus {
            Focus::FullDetail => self.focus = Focus::Detail,
            Focus::Detail => self.focus = Focus::Forest,
            Focus::Forest => {
                if !self.stop_search() {
                    self.set_filter(store, String::new());
                }
            }
        }
    }

    fn mark(&mut self, store: &Store) {
        let Some(row) = self.forest.cursor() else { return };
        let trace = store.row(row).trace();
        if !self.marks.remove(&trace) {
            self.marks.insert(trace);
        }
    }

    fn ask_for_export(&mut self, store: &Store, now: Nanos) {
        let mut traces: Vec<TraceIx> = self.marks.iter().copied().collect();
        traces.sort_by_key(|&trace| store.trace(trace).start);
        if traces.is_empty() {
            traces.extend(self.forest.cursor().map(|row| store.row(row).trace()));
        }
        if traces.is_empty() {
            return self.say("nothing to export yet", false, now);
        }
        let records: Vec<_> = traces.iter().map(|&trace| TraceRecord::of(store, trace, "")).collect();
        let stem = file_stem(&records, DateTime::from_timestamp_nanos(now).with_timezone(&Local).naive_local());
        self.overlay = Some(Overlay::Export(ExportDialog::new(traces, &stem)));
    }

    fn toggle_pause(&mut self, store: &mut Store, now: Nanos) {
        match self.held_back.take() {
            None => self.held_back = Some(VecDeque::new()),
            Some(batches) => {
                (self.now, self.held_back_spans, self.held_back_bytes) = (now, 0, 0);
                for batch in batches {
                    self.take_in(store, &batch, now);
                }
            }
        }
    }
}

/// Bytes that the source holds in memory for the spans of a batch.
fn weight(batch: &Batch) -> u64 {
    batch.spans.iter().map(|span| u64::from(span.weight)).sum()
}

/// The rows by which an action moves, if it is one that moves by rows.
fn scroll(action: Action, page: isize) -> Option<isize> {
    Some(match action {
        Action::Down => 1,
        Action::Up => -1,
        Action::PageDown => page,
        Action::PageUp => -page,
        Action::HalfPageDown => (page / 2).max(1),
        Action::HalfPageUp => -(page / 2).max(1),
        _ => return None,
    })
}

/// The same in a layer, its ends included.
fn leap(action: Action) -> isize {
    match action {
        Action::Top => isize::MIN,
        Action::Bottom => isize::MAX,
        _ => scroll(action, 10).unwrap_or_default(),
    }
}
