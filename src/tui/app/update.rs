//! What each action does to the state.

use std::ops::ControlFlow;

use chrono::{DateTime, Local};

use super::{
    Action, App, Effect, ExportDialog, Focus, Help, LineEditor, Overlay, Palette, Picker, SlowStep, Sorter, Sorting, Tab, TraceTree, View,
};
use crate::export::{TraceRecord, file_stem};
use crate::format;
use crate::model::Nanos;
use crate::model::sort;
use crate::query::{values_of, with_values};
use crate::store::{By, Store, TraceIx};
use crate::tui::display;

impl App {
    /// Performs an action. Returns what the event loop must do.
    pub fn update(&mut self, store: &mut Store, action: Action, now: Nanos) -> Option<Effect> {
        if let Some(tour) = &mut self.tour {
            tour.note(action);
        }
        if let ControlFlow::Break(effect) = self.table_action(store, action, now) {
            // It may have led to another row.
            self.show_detail(store);
            return effect;
        }
        match action {
            Action::Quit if self.asks_to_quit(now) => return None,
            Action::Quit => return Some(Effect::Quit),
            Action::ViewOutput => {
                match &mut self.program {
                    Some(program) => program.is_focused = true,
                    None => self.show_message("no program was started: agno-top run -- COMMAND starts one", false, now),
                }
                return None;
            }
            Action::Suspend => return Some(Effect::Suspend),
            Action::Copy => return self.copy(store, now),
            Action::CopySpan => return self.copy_span(store, now),
            Action::Replay if self.tour.is_some() => return Some(Effect::Replay),
            Action::Replay => {
                self.show_message("only the demo can be played again: agno-top demo", false, now);
                return None;
            }
            _ => {}
        }
        if action == Action::ViewLogs && self.view() == View::Traces {
            self.go_to_logs(store);
        } else if let Some(view) = View::opened_by(action) {
            self.open_view(store, view);
        } else if let Some(overlay) = self.overlay_of(store, action) {
            self.overlay = Some(overlay);
        } else {
            self.update_panes(store, action, now);
        }
        self.show_detail(store);
        None
    }

    /// Tells the user once that quitting ends the program that was started. Returns whether it did.
    fn asks_to_quit(&mut self, now: Nanos) -> bool {
        let Some(program) = self.program.as_mut().filter(|program| program.end.is_none() && !program.is_quit_told) else { return false };
        program.is_quit_told = true;
        self.show_message("the program still runs; quit again to end it", true, now);
        true
    }

    /// Returns the window that an action opens without further conditions.
    fn overlay_of(&self, store: &Store, action: Action) -> Option<Overlay> {
        Some(match action {
            Action::Palette => Overlay::Palette(Palette::new(self.tour.is_some())),
            Action::Sources => Overlay::Sources(0),
            Action::Help => Overlay::Help(Help::default()),
            Action::SortBy => Overlay::Sorter(match (&self.series_list, &self.table) {
                (Some(list), _) => Sorter::of_series(list),
                (None, Some(table)) => Sorter::of_table(table),
                (None, None) => Sorter::of_traces(&self.tree),
            }),
            Action::PickAgents => Overlay::Picker(Box::new(Picker::labels(store, &self.filter, By::Agent))),
            Action::PickStatuses => Overlay::Picker(Box::new(Picker::statuses(store, &self.filter))),
            Action::PickModels => Overlay::Picker(Box::new(Picker::labels(store, &self.filter, By::Model))),
            Action::PickTools => Overlay::Picker(Box::new(Picker::labels(store, &self.filter, By::Tool))),
            Action::PickSessions => Overlay::Picker(Box::new(Picker::sessions(store, &self.filter))),
            _ => return None,
        })
    }

    fn update_panes(&mut self, store: &mut Store, action: Action, now: Nanos) {
        match action {
            Action::Export => self.open_export_dialog(store, now),
            // Which trace is compared must be seen.
            Action::Compare if self.view() != View::Traces && self.marks.len() != 2 => self.show_message(self.in_traces_only(), false, now),
            Action::Compare => self.compare(store, now),
            Action::Pause => self.toggle_pause(),
            Action::Theme => {
                let name = format::safe(self.themes.select_next()).into_owned();
                // A narrow screen has no room for the path and the keys.
                let file = Some(self.config_file.as_str()).filter(|file| self.has_totals && !file.is_empty()).unwrap_or("config.toml");
                self.show_message(format!("theme = \"{name}\" in {file} keeps it"), false, now);
            }
            Action::Scope if self.has_totals => self.aggregates.is_trace_only = !self.aggregates.is_trace_only,
            Action::Scope => self.show_message("the panes that this changes need 120 columns and 24 lines", false, now),
            Action::Filter => {
                let is_search = self.focus != Focus::Traces;
                let line = if is_search { String::new() } else { self.filter.clone() };
                self.editor = Some(LineEditor::new(line, is_search, &self.filter));
            }
            Action::ErrorsOnly => {
                let is_set = values_of(&self.filter, "status") == ["error"];
                let statuses: &[String] = if is_set { &[] } else { &["error".to_owned()] };
                self.set_filter(store, with_values(&self.filter, "status", statuses));
            }
            Action::Mark => self.toggle_mark(store),
            Action::ClearMarks => {
                self.marks.clear();
                // It may have been about them.
                self.message = None;
            }
            Action::Detail if self.focus == Focus::Traces && self.tree.toggle_foot(store, self.now) => {}
            Action::Detail if self.focus != Focus::Traces && self.go_to_target(store) => {}
            Action::Detail if self.focus != Focus::Traces && self.detail.toggle_part() => {}
            Action::Detail => {
                self.tree.follow = false;
                self.focus = if self.focus == Focus::Traces { Focus::Detail } else { Focus::FullDetail };
            }
            Action::NextPane => {
                self.tree.follow = false;
                self.focus = if self.focus == Focus::Traces { Focus::Detail } else { Focus::Traces };
            }
            Action::Back => self.go_back(store),
            Action::NextTab | Action::PreviousTab => {
                self.tree.follow = false;
                self.detail.cycle(action == Action::NextTab);
            }
            Action::Wrap => self.detail.pager.set_wrap(!self.detail.pager.is_wrapped()),
            _ if self.focus != Focus::Traces && self.detail.handle(action) => {}
            _ => self.navigate(store, action, now),
        }
    }

    /// Moves the cursor in the traces, or changes their folds, order or time range.
    fn navigate(&mut self, store: &Store, action: Action, now: Nanos) {
        // What was said of the place before is no longer true.
        self.message.take_if(|message| !message.is_error);
        let tree = &mut self.tree;
        match action {
            Action::Top => tree.go_top(store),
            Action::Bottom => tree.go_bottom(store),
            Action::Fold => tree.fold(store),
            Action::Unfold => tree.unfold(store),
            Action::FoldBelow => tree.toggle_subtree(store),
            Action::FoldAll => tree.toggle_all(store),
            Action::Follow if tree.follow => tree.follow = false,
            Action::Follow => tree.start_following(store, self.now),
            Action::Sort => tree.sort(store, Sorting { by: tree.sorting().by.next(), is_reversed: false }, self.now),
            Action::Reverse => {
                let sorting = tree.sorting();
                tree.sort(store, Sorting { is_reversed: !sorting.is_reversed, ..sorting }, self.now);
            }
            Action::Measure => tree.measure = tree.measure.next(),
            Action::Ordinary => tree.toggle_ordinary(store, self.now),
            Action::Slowest => self.go_to_slowest(store, now),
            Action::CriticalPath => tree.shows_critical_path = !tree.shows_critical_path,
            Action::ZoomReset => tree.reset_zoom(),
            _ => match action.rows(tree.page()) {
                Some(rows) => tree.step(store, rows),
                None => self.try_navigate(store, action, now),
            },
        }
    }

    /// Goes to the step that decides most of the time of the trace, or to the next one, and says what it took.
    fn go_to_slowest(&mut self, store: &Store, now: Nanos) {
        let Some(SlowStep { rank, count, time, total }) = self.tree.go_to_slowest(store, self.now) else {
            return self.show_message("no step of this trace has a known time", false, now);
        };
        let share = format::percent(time.unsigned_abs(), total.unsigned_abs());
        let text = format!(
            "slowest {rank} of {}: {} of {} ({share})",
            format::count(count as u64),
            format::duration(time),
            format::duration(total)
        );
        self.show_message(text, false, now);
    }

    /// Performs an action that may have no effect, and then says why.
    fn try_navigate(&mut self, store: &Store, action: Action, now: Nanos) {
        let tree = &mut self.tree;
        let (is_done, reason) = match action {
            Action::ZoomIn | Action::ZoomOut => {
                (tree.zoom(store, action == Action::ZoomIn, self.now), "folded traces share one time scale; unfold the trace to zoom in")
            }
            Action::Earlier | Action::Later => (tree.pan(store, action == Action::Later, self.now), "the whole trace is shown; + zooms in"),
            Action::NextTrace | Action::PreviousTrace => {
                (tree.go_to_other_trace(store, action == Action::PreviousTrace), "no other trace in this direction")
            }
            Action::NextError | Action::PreviousError => {
                (tree.go_to_error(store, action == Action::PreviousError), "no other error in the shown traces")
            }
            Action::NextMatch | Action::PreviousMatch if tree.is_filtered() => {
                (tree.go_to_match(store, action == Action::PreviousMatch), "no other match")
            }
            Action::NextMatch | Action::PreviousMatch => {
                let text = format!("nothing to step through; {} sets a filter", self.keymap.hint(Action::Filter));
                return self.show_message(text, false, now);
            }
            _ => return,
        };
        if !is_done {
            self.show_message(reason, false, now);
        }
    }

    /// Goes to the span that the chosen line of the detail leads to, and to its overview. Returns whether there is one.
    fn go_to_target(&mut self, store: &Store) -> bool {
        let Some(row) = self.detail.target() else { return false };
        self.tree.reveal(store, row);
        self.detail.open(Tab::Overview);
        self.focus = Focus::Detail;
        true
    }

    fn go_back(&mut self, store: &Store) {
        match self.focus {
            Focus::FullDetail => self.focus = Focus::Detail,
            Focus::Detail => self.focus = Focus::Traces,
            Focus::Traces => {
                if !self.stop_search() {
                    self.set_filter(store, String::new());
                }
            }
        }
    }

    fn toggle_mark(&mut self, store: &Store) {
        let Some(row) = self.tree.cursor() else { return };
        let trace = store.main_of(store.row(row).trace());
        if !self.marks.remove(&trace) {
            self.marks.insert(trace);
        }
    }

    /// Returns the traces to export, with what they are in words: the marked ones, else what is under the cursor. The error says why there
    /// are none.
    fn to_export(&self, store: &Store) -> Result<(Vec<TraceIx>, String), String> {
        let by_start = |mut traces: Vec<TraceIx>| {
            sort::by_key(&mut traces, |&trace| (store.trace(trace).start, trace));
            traces.dedup();
            traces
        };
        let named = |trace: TraceIx| format!("{} {}", display::lead_name(store, trace), &store.trace(trace).id.to_string()[..8]);
        if !self.marks.is_empty() {
            let traces = by_start(self.marks.iter().copied().collect());
            let what = if let [trace] = traces[..] { named(trace) } else { format::plural(traces.len() as u64, "marked trace") };
            return Ok((traces, what));
        }
        let main = |row| store.main_of(store.row(row).trace());
        if let (Some(table), View::Sessions | View::Errors) = (&self.table, self.view()) {
            let traces = by_start(table.rows().into_iter().map(main).collect());
            let name = table.line(store, &self.aggregates).map(|line| line.key.name().to_owned()).unwrap_or_default();
            let what = format!("{} of {name}", format::plural(traces.len() as u64, "trace"));
            return Ok((traces, what));
        }
        if self.view() != View::Traces {
            return Err(self.in_traces_only());
        }
        let Some(trace) = self.tree.cursor().map(main) else { return Err("nothing to export yet".to_owned()) };
        Ok((vec![trace], named(trace)))
    }

    /// Says that an action does nothing in the open view.
    pub(super) fn in_traces_only(&self) -> String {
        format!("in Traces only: press {}", self.keymap.hint(Action::ViewTraces))
    }

    /// Opens the dialog to export the marked traces, or what is under the cursor.
    fn open_export_dialog(&mut self, store: &Store, now: Nanos) {
        let (traces, what) = match self.to_export(store) {
            Ok(chosen) => chosen,
            Err(reason) => return self.show_message(reason, false, now),
        };
        let mut traces: Vec<TraceIx> = traces.into_iter().flat_map(|trace| store.group(trace)).collect();
        traces.dedup();
        if traces.is_empty() {
            return self.show_message("nothing to export yet", false, now);
        }
        let hidden = self.marks.iter().filter(|&&marked| !self.tree.shows(store, marked)).count() as u64;
        // What was said of another export may be wrong of this one.
        self.message = None;
        if hidden > 0 {
            let clear = self.keymap.hint(Action::ClearMarks);
            self.show_message(
                format!("the file will hold {} not shown now; {clear} clears the marks", format::plural(hidden, "marked trace")),
                false,
                now,
            );
        }
        let records: Vec<_> = traces.iter().map(|&trace| TraceRecord::from_trace(store, trace, "")).collect();
        let stem = file_stem(&records, DateTime::from_timestamp_nanos(now).with_timezone(&Local).naive_local());
        self.overlay = Some(Overlay::Export(ExportDialog::new(traces, what, &stem)));
    }

    /// Copies the id of the trace or span under the cursor, or the value in the detail pane if that has the focus.
    fn copy(&mut self, store: &Store, now: Nanos) -> Option<Effect> {
        let Some(row) = self.tree.cursor() else {
            self.show_message("nothing to copy yet", false, now);
            return None;
        };
        if self.focus == Focus::Traces {
            let data = store.row(row);
            let (what, text) = match TraceTree::parent(store, row) {
                None => ("trace id", store.trace(data.trace()).id.to_string()),
                Some(_) => ("span id", data.id.to_string()),
            };
            return Some(Effect::Copy { what: format!("{what} {text}"), text });
        }
        match self.detail.copy() {
            Ok((what, text)) => Some(Effect::Copy { what: format!("{what}, {}", format::bytes(text.len() as u64)), text }),
            Err(reason) => {
                self.show_message(reason, false, now);
                None
            }
        }
    }

    /// Copies the span under the cursor as JSON.
    fn copy_span(&mut self, store: &Store, now: Nanos) -> Option<Effect> {
        let row = self.tree.cursor().filter(|&row| !store.row(row).placeholder);
        if row.is_none() {
            self.show_message("nothing to copy yet: the span has not arrived", false, now);
        }
        row.map(Effect::CopySpan)
    }
}
