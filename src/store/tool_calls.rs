//! Tool calls that two spans report: a framework and the server of the tool, say, each in its own place.
//!
//! Both state the id that the model gave to the call. Equal ids alone prove nothing: some models count their calls, and some adapters take
//! the tool's name. Two spans report one call if they also overlap in time and differ in name or instrumentation scope. The one that
//! begins first counts, and a span before a log event.

use std::cmp::Reverse;
use std::hash::BuildHasher;

use hashbrown::{HashMap, HashSet};
use smallvec::SmallVec;

use super::ix::RowIx;
use super::row::{Row, TOLD_INPUT};
use super::{Changes, Store};
use crate::model::{Batch, Span, SpanType};

/// The maximum number of spans that report one call. An id on more spans identifies no call.
const MAX_SPANS: usize = 8;

/// The tool calls that state their ids.
#[derive(Debug, Default)]
pub(super) struct ToolCalls {
    by_id: HashMap<u32, SmallVec<[RowIx; 2]>>,
    /// The hashes of the id and the scope that a row states.
    stated: HashMap<RowIx, (u32, u32)>,
    /// Hashes of ids that identify no call, since too many spans state them.
    ambiguous: HashSet<u32>,
}

impl Store {
    /// Adds the linked row of a span to the tool calls, if it is one and states its id.
    pub(super) fn enter_tool_calls(&mut self, row: RowIx, batch: &Batch, span: &Span, changes: &mut Changes) {
        let (id, tool) = (batch.text(span.facts.response), batch.text(span.facts.tool));
        if span.facts.span_type != SpanType::Tool || id.is_empty() || tool.is_empty() || id == tool {
            return;
        }
        let [id, scope] = [id, batch.text(span.facts.scope)].map(|text| self.hasher.hash_one(text) as u32);
        if self.tool_calls.ambiguous.contains(&id) {
            return;
        }
        self.tool_calls.stated.insert(row, (id, scope));
        let rows = self.tool_calls.by_id.entry(id).or_default();
        rows.push(row);
        if rows.len() <= MAX_SPANS {
            return self.recount_tool_calls(id, changes);
        }
        self.tool_calls.ambiguous.insert(id);
        let rows = self.tool_calls.by_id.remove(&id).unwrap_or_default();
        for row in &rows {
            self.tool_calls.stated.remove(row);
        }
        self.recount_rows(&rows, changes);
    }

    /// Removes a row from the tool calls.
    pub(super) fn leave_tool_calls(&mut self, row: RowIx, changes: &mut Changes) {
        if let Some(id) = self.forget_tool_call(row) {
            self.recount_tool_calls(id, changes);
        }
    }

    /// Removes a row that is evicted from the tool calls. Returns its id, for [`Store::recount_tool_calls`].
    pub(super) fn forget_tool_call(&mut self, row: RowIx) -> Option<u32> {
        let (id, _) = self.tool_calls.stated.remove(&row)?;
        let rows = self.tool_calls.by_id.get_mut(&id)?;
        rows.retain(|other| *other != row);
        if rows.is_empty() {
            self.tool_calls.by_id.remove(&id);
        }
        Some(id)
    }

    /// Counts the calls with an id again, after one came or went.
    pub(super) fn recount_tool_calls(&mut self, id: u32, changes: &mut Changes) {
        let rows = self.tool_calls.by_id.get(&id).cloned().unwrap_or_default();
        self.recount_rows(&rows, changes);
    }

    fn recount_rows(&mut self, rows: &[RowIx], changes: &mut Changes) {
        for &row in rows {
            let was_counted = self.row(row).counted;
            self.recount(row);
            if self.row(row).counted != was_counted {
                changes.rows.push(row);
                self.touch(self.row(row).trace(), changes);
            }
            // What a log event told of the call holds for the row that counts.
            if self.row(row).sender & TOLD_INPUT != 0
                && let Some(other) = self.other_tool_call(row)
            {
                let input = self.text(self.row(row).input).to_owned();
                self.set_input(other, &input, changes);
            }
        }
    }

    /// Returns whether a tool call counts with another row that reports it.
    pub(super) fn counts_with_another_tool_call(&self, row: RowIx) -> bool {
        self.other_tool_call(row).is_some()
    }

    /// Returns the row that a tool call counts with.
    pub(super) fn other_tool_call(&self, row: RowIx) -> Option<RowIx> {
        let &(id, scope) = self.tool_calls.stated.get(&row)?;
        let rows = self.tool_calls.by_id.get(&id);
        let rank = |row: &Row| (!row.is_from_log(), Reverse(row.start), row.end, self.trace(row.trace()).id, row.id);
        let data = self.row(row);
        rows.into_iter().flatten().copied().find(|&other| {
            let other_data = self.row(other);
            let overlap = data.start <= other_data.end && other_data.start <= data.end;
            let other_scope = self.tool_calls.stated.get(&other).map(|stated| stated.1);
            let differ = data.name != other_data.name || other_scope != Some(scope);
            other != row && overlap && differ && rank(other_data) > rank(data)
        })
    }
}
