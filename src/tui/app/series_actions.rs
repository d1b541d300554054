//! What actions do in the view of metrics.

use std::ops::ControlFlow;

use super::{Action, App, Effect, Focus, LineEditor, Slice, View};
use crate::model::Nanos;
use crate::store::Store;

impl App {
    /// Performs an action in the view of metrics. Breaks if the action is done, except perhaps for an effect.
    pub(super) fn series_action(&mut self, store: &Store, action: Action, now: Nanos) -> ControlFlow<Option<Effect>> {
        let Some(list) = self.series_list.as_mut() else { return ControlFlow::Continue(()) };
        match action {
            Action::Detail if self.focus == Focus::Traces => self.focus = Focus::Detail,
            // The chosen exemplar leads to its trace.
            Action::Detail if self.focus == Focus::Detail => match list.current_exemplar(&self.metrics).and_then(|exemplar| exemplar.trace)
            {
                Some(trace) => {
                    self.open_view(store, View::Traces);
                    self.set_filter(store, format!("trace:{trace}"));
                }
                None => self.focus = Focus::FullDetail,
            },
            Action::Back if self.focus == Focus::Traces => self.leave_list(store),
            Action::Copy => {
                let text = list.current(&self.metrics).map(|series| series.metric.name.clone()).filter(|name| !name.is_empty());
                return ControlFlow::Break(text.map(|text| Effect::Copy { what: text.clone(), text }));
            }
            Action::Filter if self.focus != Focus::Traces => {
                self.editor = Some(LineEditor::new(self.filter.clone(), false, &self.filter));
            }
            Action::Wrap => list.pane.pager.set_wrap(!list.pane.pager.is_wrapped()),
            // Only the list and the page have what these act on.
            Action::NextMatch | Action::PreviousMatch if self.focus == Focus::Traces => {
                self.show_message(self.in_traces_only(), false, now);
            }
            Action::Slowest | Action::NextError | Action::PreviousError => self.show_message(self.in_traces_only(), false, now),
            _ if action.needs_tree() => self.show_message(self.in_traces_only(), false, now),
            _ => {
                let is_in_list = self.focus == Focus::Traces;
                let is_handled = if is_in_list { list.handle(&self.metrics, action) } else { list.handle_in_page(&self.metrics, action) };
                // Another key may come before the next frame.
                list.refresh(&self.metrics, self.now, Slice::on_key());
                return if is_handled { ControlFlow::Break(None) } else { ControlFlow::Continue(()) };
            }
        }
        ControlFlow::Break(None)
    }
}
