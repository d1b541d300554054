//! What actions do in a view other than the traces.

use std::ops::ControlFlow;

use super::table::{Table, View};
use super::{Action, App, Effect, Focus, LineEditor, LogList, SeriesList, Slice};
use crate::model::Nanos;
use crate::store::Store;

impl App {
    /// Returns the open view.
    #[must_use]
    pub fn view(&self) -> View {
        let otherwise = match (&self.log_list, &self.series_list) {
            (Some(_), _) => View::Logs,
            (None, Some(_)) => View::Metrics,
            (None, None) => View::Traces,
        };
        self.table.as_ref().map_or(otherwise, |table| table.view)
    }

    pub(super) fn open_view(&mut self, store: &Store, view: View) {
        self.focus = Focus::Traces;
        if view == self.view() {
            return;
        }
        // It was about the other view.
        self.message = None;
        self.log_list = (view == View::Logs).then(|| LogList::new(&self.filter));
        self.series_list = (view == View::Metrics).then(|| SeriesList::new(&self.filter));
        let table = (!matches!(view, View::Traces | View::Logs | View::Metrics)).then(|| Table::new(view, store));
        self.trash.put(std::mem::replace(&mut self.table, table).into_iter().flat_map(Table::into_items));
        if let Some(list) = &mut self.series_list {
            list.refresh(&self.metrics, self.now, Slice::on_key());
        }
        if let Some(table) = &mut self.table {
            table.refresh(store, &self.tree, &self.aggregates, Slice::on_key());
        }
        self.show_detail(store);
    }

    /// Clears the filter, which may leave nothing to list; without one, goes back to the traces.
    pub(super) fn leave_list(&mut self, store: &Store) {
        if self.filter.is_empty() || self.view() == View::Approvals {
            self.open_view(store, View::Traces);
        } else {
            self.set_filter(store, String::new());
        }
    }

    /// Performs an action in the open table, if one is open. Breaks if the action is done, except perhaps for an effect.
    pub(super) fn table_action(&mut self, store: &Store, action: Action, now: Nanos) -> ControlFlow<Option<Effect>> {
        if self.log_list.is_some() {
            return self.log_action(store, action, now);
        }
        if self.series_list.is_some() {
            return self.series_action(store, action, now);
        }
        let Some(table) = self.table.as_mut() else { return ControlFlow::Continue(()) };
        match action {
            Action::Detail if self.focus == Focus::Traces => {
                if let Some(line) = table.narrowed_filter(store, &self.aggregates, &self.filter) {
                    self.open_view(store, View::Traces);
                    self.set_filter(store, line);
                    self.tree.go_to_first_match(store);
                }
            }
            Action::Back if self.focus == Focus::Traces => self.leave_list(store),
            Action::Copy => {
                let text = table.line(store, &self.aggregates).map(|line| line.key.name().to_owned()).filter(|text| !text.is_empty());
                return ControlFlow::Break(text.map(|text| Effect::Copy { what: text.clone(), text }));
            }
            Action::Filter if self.focus != Focus::Traces => {
                self.editor = Some(LineEditor::new(self.filter.clone(), false, &self.filter));
            }
            Action::Wrap => table.pane.pager.set_wrap(!table.pane.pager.is_wrapped()),
            Action::NextError | Action::PreviousError | Action::NextMatch | Action::PreviousMatch => {
                self.show_message(self.in_traces_only(), false, now);
            }
            _ if action.needs_tree() => self.show_message(self.in_traces_only(), false, now),
            Action::Slowest if !table.sort_by_slowest() => {
                self.show_message("this view has no times: agents, models and tools have", false, now);
            }
            Action::Slowest => drop(table.refresh(store, &self.tree, &self.aggregates, Slice::on_key())),
            _ => {
                let is_handled = if self.focus == Focus::Traces { table.handle(action) } else { table.pane.scroll_page(action) };
                // Another key may come before the next frame.
                table.refresh(store, &self.tree, &self.aggregates, Slice::on_key());
                return if is_handled { ControlFlow::Break(None) } else { ControlFlow::Continue(()) };
            }
        }
        ControlFlow::Break(None)
    }
}
