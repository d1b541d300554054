//! The critical path: the chain of spans that determines the duration of a trace.
//!
//! It runs backwards from the end of the trace: the span that ended last, with the critical path inside it; then the sibling that was the
//! last to end before that span started, and so on. Making any other span faster would not make the trace faster.
//!
//! A step may begin while the model call that asked for it still streams. That call, the last to start before the step, counts until the step
//! began. Other siblings that overlap run in parallel: the one that ended later decides.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::Store;
use super::ix::{RowIx, TraceIx};
use crate::model::sort;
use crate::model::{Nanos, SpanType};

impl Store {
    /// Returns the rows on the critical path of a trace, up to `now`, each with the time in which it decided: while no row below it on the
    /// path ran. It ends with the time of the trace ([`Store::length`]), without runs that leaked; none if that is unknown. Costs the rows of the
    /// trace, and sorting the children of the rows on the path.
    #[must_use]
    pub fn critical_path(&self, trace: TraceIx, now: Nanos) -> HashMap<RowIx, Nanos> {
        if self.trace_time(trace, now).is_none() {
            return HashMap::new();
        }
        let ends = self.subtree_ends(trace, now);
        let mut path = HashMap::new();
        let (roots, end) = match self.head_beside_leaked(trace) {
            Some(head) => (vec![head], self.trace(trace).start.saturating_add(self.length(trace, now))),
            None => (self.trace(trace).roots().to_vec(), Nanos::MAX),
        };
        let mut open: Vec<(Option<RowIx>, Vec<RowIx>, Nanos, Nanos)> = vec![(None, roots, Nanos::MIN, end)];
        while let Some((above, mut latest, from, limit)) = open.pop() {
            let start = |row: RowIx| self.row(row).start;
            // A model call may be on the path for a part of its time only, and so are the rows below it.
            let end = |row: RowIx| ends.get(&row).copied().unwrap_or(Nanos::MIN).min(limit);
            latest.retain(|&row| start(row) <= limit);
            // Of two rows with the same end, the one that started later comes first.
            sort::by_key(&mut latest, |&row| Reverse((end(row), start(row))));
            let is_model = |row: RowIx| self.row(row).span_type == SpanType::Model;
            let mut models: Vec<RowIx> = latest.iter().copied().filter(|&row| is_model(row)).collect();
            sort::by_key(&mut models, |&row| start(row));
            let (mut latest, mut until, mut asks_model) = (latest.into_iter(), limit, false);
            while until > from {
                while models.pop_if(|row| start(*row) >= until).is_some() {}
                let asking = models.last().copied().filter(|&row| asks_model && end(row) > until);
                let Some(row) = asking.or_else(|| latest.find(|&row| end(row) <= until)) else { break };
                let (start, end) = (start(row).max(from), end(row).min(until));
                if end <= from {
                    break;
                }
                let time = end.saturating_sub(start);
                path.insert(row, time);
                if let Some(own) = above.and_then(|above| path.get_mut(&above)) {
                    *own = own.saturating_sub(time);
                }
                open.push((Some(row), self.children(row).to_vec(), start, end));
                (until, asks_model) = (start, !is_model(row));
            }
        }
        path
    }

    /// Returns when each subtree of a trace ended: children may outlive their parent.
    fn subtree_ends(&self, trace: TraceIx, now: Nanos) -> HashMap<RowIx, Nanos> {
        let rows = self.rows_of(trace);
        let mut ends = HashMap::with_capacity(rows.len());
        for &row in rows.iter().rev() {
            let data = self.row(row);
            let own = data.start.saturating_add(data.duration(now));
            let end: Nanos = ends.get(&row).map_or(own, |&children: &Nanos| children.max(own));
            ends.insert(row, end);
            if let Some(parent) = data.parent() {
                let parent_end = ends.entry(parent).or_insert(end);
                *parent_end = (*parent_end).max(end);
            }
        }
        ends
    }
}
