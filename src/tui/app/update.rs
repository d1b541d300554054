//! What each action does to the state.

use chrono::{DateTime, Local};

use super::{Action, App, Effect, ExportDialog, Focus, LineEditor, Overlay, Palette, Picker, Sorter, Sorting, View, table_actions};
use crate::export::{TraceRecord, file_stem};
use crate::format;
use crate::model::Nanos;
use crate::query::{values_of, with_values};
use crate::store::{Store, TraceIx};

impl App {
    /// Does what `action` says to the state; what has to be done outside is returned.
    pub fn update(&mut self, store: &mut Store, action: Action, now: Nanos) -> Option<Effect> {
        match self.table_action(store, action) {
            table_actions::Answer::Done => return None,
            table_actions::Answer::Effect(effect) => return Some(effect),
            table_actions::Answer::Other => {}
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
                let name = format::safe(self.themes.turn()).into_owned();
                self.say(format!("theme {name}"), false, now);
            }
            Action::Palette => self.overlay = Some(Overlay::Palette(Palette::default())),
            Action::Sources => self.overlay = Some(Overlay::Sources(0)),
            Action::Help => self.overlay = Some(Overlay::Help(0)),
            Action::SortBy => {
                let sorter = self.table.as_ref().map_or_else(|| Sorter::of_traces(&self.tree), Sorter::of_table);
                self.overlay = Some(Overlay::Sorter(sorter));
            }
            Action::PickAgents => self.overlay = Some(Overlay::Picker(Picker::agents(store, &self.filter))),
            Action::PickStatuses => self.overlay = Some(Overlay::Picker(Picker::statuses(store, &self.filter))),
            Action::PickModels => self.overlay = Some(Overlay::Picker(Picker::models(store, &self.filter))),
            Action::PickTools => self.overlay = Some(Overlay::Picker(Picker::tools(store, &self.filter))),
            Action::PickSessions => self.overlay = Some(Overlay::Picker(Picker::sessions(store, &self.filter))),
            Action::ViewTraces => self.open_view(store, View::Traces),
            Action::ViewSessions => self.open_view(store, View::Sessions),
            Action::ViewAgents => self.open_view(store, View::Agents),
            Action::ViewModels => self.open_view(store, View::Models),
            Action::ViewTools => self.open_view(store, View::Tools),
            Action::ViewErrors => self.open_view(store, View::Errors),
            Action::Scope => self.aggregates.is_trace_only = !self.aggregates.is_trace_only,
            Action::Filter => {
                let finds = self.focus != Focus::Traces;
                let input = if finds { String::new() } else { self.filter.clone() };
                self.editing = Some(LineEditor::new(input, finds, &self.filter));
            }
            Action::ErrorsOnly => {
                let only = values_of(&self.filter, "status") == ["error"];
                let wanted: &[String] = if only { &[] } else { &["error".to_owned()] };
                self.set_filter(store, with_values(&self.filter, "status", wanted));
            }
            Action::Mark => self.mark(store),
            Action::ClearMarks => self.marks.clear(),
            Action::Detail => {
                self.tree.follow = false;
                self.focus = if self.focus == Focus::Traces { Focus::Detail } else { Focus::FullDetail };
            }
            Action::NextPane => {
                self.tree.follow = false;
                self.focus = if self.focus == Focus::Traces { Focus::Detail } else { Focus::Traces };
            }
            Action::Back => self.back(store),
            Action::NextTab | Action::PreviousTab => {
                self.tree.follow = false;
                self.detail.cycle(action == Action::NextTab);
            }
            Action::Wrap => self.detail.pager.set_wrap(!self.detail.pager.wraps()),
            _ if self.focus != Focus::Traces && self.detail.handle(action) => {}
            _ => self.travel(store, action, now),
        }
        self.look(store);
        None
    }

    fn travel(&mut self, store: &Store, action: Action, now: Nanos) {
        let tree = &mut self.tree;
        match action {
            Action::Top => tree.go_top(store),
            Action::Bottom => tree.go_bottom(store),
            Action::Fold => tree.fold(store),
            Action::Unfold => tree.unfold(store),
            Action::FoldBelow => tree.toggle_below(store),
            Action::FoldAll => tree.toggle_all(store),
            Action::Follow if tree.follow => tree.follow = false,
            Action::Follow => tree.start_following(store, self.now),
            Action::Sort => tree.sort(store, Sorting { by: tree.sorting().by.next(), reversed: false }, self.now),
            Action::Reverse => tree.sort(store, Sorting { reversed: !tree.sorting().reversed, ..tree.sorting() }, self.now),
            Action::Measure => tree.measure = tree.measure.next(),
            Action::CriticalPath => tree.lights_path = !tree.lights_path,
            Action::ZoomReset => tree.zoom_out(),
            Action::ZoomIn | Action::ZoomOut => {
                if !tree.zoom(store, action == Action::ZoomIn, self.now) {
                    self.say("folded traces share one scale: open the trace to look closer", false, now);
                }
            }
            Action::Earlier | Action::Later => {
                if !tree.pan(store, action == Action::Later, self.now) {
                    self.say("all of the trace's time is shown: + looks closer", false, now);
                }
            }
            Action::NextError | Action::PreviousError => {
                if !tree.go_to_error(store, action == Action::PreviousError) {
                    self.say("no other error in what is shown", false, now);
                }
            }
            Action::NextMatch | Action::PreviousMatch => {
                if !tree.is_filtered() {
                    self.say(format!("no filter is set: {} sets one", self.keymap.hint(Action::Filter)), false, now);
                } else if !tree.go_to_match(store, action == Action::PreviousMatch) {
                    self.say("no other match", false, now);
                }
            }
            _ => {
                if let Some(by) = scroll(action, tree.page()) {
                    tree.step(store, by);
                }
            }
        }
    }

    fn back(&mut self, store: &Store) {
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

    fn mark(&mut self, store: &Store) {
        let Some(row) = self.tree.cursor() else { return };
        let trace = store.row(row).trace();
        if !self.marks.remove(&trace) {
            self.marks.insert(trace);
        }
    }

    fn ask_for_export(&mut self, store: &Store, now: Nanos) {
        let mut traces: Vec<TraceIx> = self.marks.iter().copied().collect();
        traces.sort_by_key(|&trace| store.trace(trace).start);
        if traces.is_empty() {
            traces.extend(self.tree.cursor().map(|row| store.row(row).trace()));
        }
        if traces.is_empty() {
            return self.say("nothing to export yet", false, now);
        }
        let records: Vec<_> = traces.iter().map(|&trace| TraceRecord::of(store, trace, "")).collect();
        let stem = file_stem(&records, DateTime::from_timestamp_nanos(now).with_timezone(&Local).naive_local());
        self.overlay = Some(Overlay::Export(ExportDialog::new(traces, &stem)));
    }
}

/// The rows by which an action moves, if it is one that moves by rows.
pub(super) fn scroll(action: Action, page: isize) -> Option<isize> {
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
