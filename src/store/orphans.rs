//! Placeholders: rows of spans that others name as their parent and that have not arrived. Nothing names their own parent.
//!
//! Where Agno's spans tell that much, an orphan stands under the root that it ran in, until it arrives and names its parent: under a root
//! that has arrived, or under a caller that waits for a tool. Under a root that has ended, it is never going to arrive.

use smallvec::SmallVec;

use super::ix::{RowIx, TraceIx};
use super::placement::StatedParent;
use super::row::Phase;
use super::{Changes, Store};
use crate::model::{Nanos, SpanType};

/// The maximum number of roots of a trace that are examined.
const MAX_ROOTS: usize = 64;

/// The maximum number of children of a caller that are examined.
const MAX_CHILDREN: usize = 16;

impl Store {
    /// Places the orphans among the roots of a trace.
    pub(super) fn place_orphans(&mut self, trace: TraceIx, changes: &mut Changes) {
        if self.trace(trace).roots().len() < 2 {
            return;
        }
        let roots: SmallVec<[RowIx; 8]> = self.trace(trace).roots().iter().copied().take(MAX_ROOTS).collect();
        for &orphan in &roots {
            let is_orphan = self.row(orphan).placeholder;
            let holds = |&above: &RowIx| is_orphan && above != orphan && self.holds(above, orphan) && !self.is_at_or_below(above, orphan);
            if let Some(above) = roots.iter().copied().find(holds) {
                self.relink(orphan, Some(StatedParent { id: None, is_moved: true }), Some(above), changes);
                if self.is_over(orphan) && self.row(orphan).phase == Phase::Running {
                    self.set_phase(orphan, Phase::Lost);
                }
            }
        }
    }

    /// Makes the orphans under a row roots again, since the row has changed. [`Store::place_orphans`] places them anew.
    pub(super) fn release_orphans(&mut self, row: RowIx, changes: &mut Changes) {
        let is_orphan = |child: &RowIx| self.stated_parents.get(child).is_some_and(|stated| stated.id.is_none());
        let orphans: SmallVec<[RowIx; 2]> = self.children(row).iter().copied().filter(is_orphan).collect();
        for orphan in orphans {
            self.relink(orphan, None, None, changes);
        }
    }

    /// Whether the row is an orphan under a span that has ended: its own span was dropped.
    pub(super) fn is_over(&self, row: RowIx) -> bool {
        let has_ended = |parent: RowIx| !self.row(parent).placeholder && self.row(parent).phase == Phase::Ended;
        self.row(row).placeholder && self.row(row).parent().is_some_and(has_ended)
    }

    /// Whether an orphan ran in this root, as far as is known.
    fn holds(&self, root: RowIx, orphan: RowIx) -> bool {
        let (data, start) = (self.row(root), self.row(orphan).start);
        if data.start > start || data.has_ended_before(start) || self.is_moved(root) {
            false
        } else if data.placeholder {
            self.waits_for_tool(root, start)
        } else {
            data.is_misplaced()
        }
    }

    /// Whether a row's last model call before `time` requested more tools than have run since.
    fn waits_for_tool(&self, row: RowIx, time: Nanos) -> bool {
        let children = self.children(row);
        let begun = children.partition_point(|&child| self.row(child).start < time);
        let mut ran = 0;
        for &child in children[..begun].iter().rev().take(MAX_CHILDREN) {
            let data = self.row(child);
            match data.span_type {
                SpanType::Model => {
                    let requested = data.requested_tools();
                    let count = if requested.is_empty() { 0 } else { self.text(requested).split(", ").count() };
                    return data.is_misplaced() && data.has_ended_before(time) && count > ran;
                }
                SpanType::Tool => ran += 1,
                _ => {}
            }
        }
        false
    }
}
