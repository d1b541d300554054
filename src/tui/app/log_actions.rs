//! What actions do in the view of logs, and the way there and back from a span.

use std::ops::ControlFlow;

use super::{Action, App, Effect, Focus, LineEditor, View};
use crate::model::Nanos;
use crate::store::Store;

impl App {
    /// Performs an action in the view of logs. Breaks if the action is done, except perhaps for an effect.
    pub(super) fn log_action(&mut self, store: &Store, action: Action, now: Nanos) -> ControlFlow<Option<Effect>> {
        let Some(list) = self.log_list.as_mut() else { return ControlFlow::Continue(()) };
        match action {
            Action::Detail if self.focus == Focus::Traces => self.go_to_span_of_log(store, now),
            Action::Detail => self.focus = Focus::FullDetail,
            Action::Back if self.focus == Focus::Traces => self.leave_list(store),
            Action::Copy => {
                let text = list.pane.pager.document().to_text();
                return ControlFlow::Break((!text.is_empty()).then(|| Effect::Copy { what: "the log record".to_owned(), text }));
            }
            Action::Filter if self.focus != Focus::Traces => {
                self.editor = Some(LineEditor::new(self.filter.clone(), false, &self.filter));
            }
            Action::Wrap => list.pane.pager.set_wrap(!list.pane.pager.is_wrapped()),
            Action::Sort | Action::SortBy | Action::Reverse => self.show_message("records stand in the order of their time", false, now),
            Action::Slowest | Action::NextMatch | Action::PreviousMatch => self.show_message(self.in_traces_only(), false, now),
            _ if action.needs_tree() => self.show_message(self.in_traces_only(), false, now),
            _ => {
                let is_in_list = self.focus == Focus::Traces;
                let is_handled = if is_in_list { list.handle(&self.logs, action) } else { list.pane.scroll_page(action) };
                return if is_handled { ControlFlow::Break(None) } else { ControlFlow::Continue(()) };
            }
        }
        ControlFlow::Break(None)
    }

    /// Goes to the span of the record under the cursor, or to its trace.
    fn go_to_span_of_log(&mut self, store: &Store, now: Nanos) {
        let record = self.log_list.as_ref().and_then(|list| list.current(&self.logs));
        let Some(trace) = record.and_then(|record| record.trace) else {
            return self.show_message("this record names no span; Tab goes to its text", false, now);
        };
        let span = record.and_then(|record| record.span);
        let Some(held) = store.find_trace(trace) else {
            return self.show_message("the span of this record is not here", false, now);
        };
        let row = span.and_then(|span| store.find(held, span)).or_else(|| store.trace(held).roots().first().copied());
        self.open_view(store, View::Traces);
        if let Some(row) = row {
            self.tree.follow = false;
            self.tree.reveal(store, row);
        }
    }

    /// Opens the view of logs at the first record of the span under the cursor.
    pub(super) fn go_to_logs(&mut self, store: &Store) {
        let span = self.tree.cursor().map(|row| (store.trace(store.row(row).trace()).id, store.row(row).id));
        self.open_view(store, View::Logs);
        if let (Some(list), Some((trace, span))) = (&mut self.log_list, span) {
            list.go_to_span(&self.logs, trace, span);
        }
    }
}
