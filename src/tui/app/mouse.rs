//! What mouse clicks and the wheel do.

use super::{App, Focus, Overlay, Tab, View};
use crate::store::{RowIx, Store, TraceIx};

/// What is on the screen under the mouse pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitTarget {
    /// Nothing that responds.
    Nothing,
    /// The traces pane outside its rows.
    Traces,
    /// A line of the open table, by its index.
    Line(usize),
    /// A row of the traces.
    Row(RowIx),
    /// The fold symbol of a row.
    Fold(RowIx),
    /// The line of a trace's internal spans that are folded away.
    Internal(TraceIx),
    /// The line at the foot of the traces, by the number of its service.
    Foot(u16),
    /// The text of the detail pane.
    Detail,
    /// The title of a tab.
    Tab(Tab),
    /// The name of a view.
    View(View),
    /// The output of the program that was started.
    Program,
    /// The window over the panes.
    Overlay,
    /// An item of the window's list, by its index.
    Item(usize),
}

/// Lines per notch of the wheel.
const NOTCH: isize = 3;

impl App {
    /// Handles a click with the left button.
    pub fn click(&mut self, store: &Store, target: HitTarget) {
        if let Some(program) = &mut self.program {
            program.is_focused = target == HitTarget::Program;
        }
        match target {
            HitTarget::Line(line) => {
                self.focus = Focus::Traces;
                if let Some(table) = &mut self.table {
                    table.go_to(line);
                }
                if let Some(list) = &mut self.log_list {
                    list.go_to(&self.logs, line);
                }
                if let Some(list) = &mut self.series_list {
                    list.go_to(&self.metrics, line);
                }
            }
            // The store may have evicted the row since the frame was drawn.
            HitTarget::Row(row) | HitTarget::Fold(row) if !self.tree.is_visible(store, row) => {}
            HitTarget::Row(row) => {
                self.focus = Focus::Traces;
                self.tree.reveal(store, row);
            }
            HitTarget::Fold(row) => {
                self.focus = Focus::Traces;
                self.tree.reveal(store, row);
                self.tree.toggle(store);
            }
            HitTarget::Internal(trace) if self.tree.has_internal_line(store, trace) => {
                self.focus = Focus::Traces;
                self.tree.show_internal(store, trace);
            }
            HitTarget::Foot(service) => {
                self.focus = Focus::Traces;
                self.tree.toggle_service(store, service, self.now);
            }
            HitTarget::Detail if self.focus == Focus::Traces => {
                self.tree.follow = false;
                self.focus = Focus::Detail;
            }
            HitTarget::Nothing
            | HitTarget::Program
            | HitTarget::Traces
            | HitTarget::Internal(_)
            | HitTarget::Overlay
            | HitTarget::Detail => {}
            HitTarget::View(view) => self.open_view(store, view),
            HitTarget::Tab(tab) => {
                self.tree.follow = false;
                self.detail.open(tab);
            }
            HitTarget::Item(item) => match &mut self.overlay {
                Some(Overlay::Palette(palette)) => palette.go_to(item),
                Some(Overlay::Sorter(sorter)) => sorter.go_to(item),
                Some(Overlay::Compare(compare)) => compare.go_to(item),
                _ => {}
            },
        }
        self.show_detail(store);
    }

    /// Handles a turn of the wheel, down if `notches` is positive.
    pub fn wheel(&mut self, store: &Store, target: HitTarget, notches: isize) {
        let lines = notches * NOTCH;
        if target == HitTarget::Program {
            self.program.iter_mut().for_each(|program| program.scroll(lines));
            return;
        }
        match (target, &mut self.overlay) {
            (HitTarget::Overlay | HitTarget::Item(_), Some(overlay)) => {
                let is_list = matches!(overlay, Overlay::Picker(_) | Overlay::Palette(_) | Overlay::Sorter(_));
                overlay.step(if is_list { notches } else { lines });
            }
            (HitTarget::Traces | HitTarget::Line(_) | HitTarget::Detail, _) if self.log_list.is_some() => {
                let Some(list) = &mut self.log_list else { return };
                if target == HitTarget::Detail {
                    list.pane.pager.scroll(lines);
                } else {
                    list.go_to(&self.logs, list.pane.cursor.saturating_add_signed(notches));
                }
            }
            (HitTarget::Traces | HitTarget::Line(_) | HitTarget::Detail, _) if self.series_list.is_some() => {
                let Some(list) = &mut self.series_list else { return };
                if target == HitTarget::Detail {
                    list.pane.pager.scroll(lines);
                } else {
                    list.go_to(&self.metrics, list.pane.cursor.saturating_add_signed(notches));
                }
            }
            (HitTarget::Traces | HitTarget::Line(_) | HitTarget::Detail, _) if self.table.is_some() => {
                let Some(table) = &mut self.table else { return };
                if target == HitTarget::Detail {
                    table.pane.pager.scroll(lines);
                } else {
                    table.go_to(table.pane.cursor.saturating_add_signed(notches));
                }
            }
            (HitTarget::Traces | HitTarget::Row(_) | HitTarget::Fold(_) | HitTarget::Internal(_) | HitTarget::Foot(_), _) => {
                self.tree.scroll(store, lines);
            }
            (HitTarget::Detail | HitTarget::Tab(_), _) => self.detail.pager.scroll(lines),
            _ => {}
        }
        self.show_detail(store);
    }
}
