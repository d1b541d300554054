//! The turns of each session and the failed spans of each error. Filled for a moment per frame, newest traces first, and kept up to date as
//! traces change.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::{GroupKey, View};
use crate::model::{Nanos, errors};
use crate::store::{RowIx, Store, Symbol, Totals, TraceIx};
use crate::tui::app::TraceTree;

/// How long to index traces before the next frame.
const TIME_PER_FRAME: Duration = Duration::from_millis(4);

/// A group and one of its rows with its start time.
type Entry = (GroupKey, (Nanos, RowIx));

/// The rows of a group by start time.
pub(super) type Rows = BTreeSet<(Nanos, RowIx)>;

/// The rows of each group, and the entries of each trace.
#[derive(Debug)]
pub(super) struct Index {
    view: View,
    groups: HashMap<GroupKey, Rows>,
    by_trace: HashMap<TraceIx, Vec<Entry>>,
    /// Nested turns of another session, by the enclosing turn; their usage does not count for it.
    nested: HashMap<RowIx, Vec<RowIx>>,
    /// Traces to index.
    queue: VecDeque<TraceIx>,
    /// The traces in `queue`.
    queued: HashSet<TraceIx>,
}

impl Index {
    pub(super) fn new(view: View, store: &Store, tree: &TraceTree) -> Self {
        let traces = || {
            let shown = || tree.traces().flat_map(|trace| store.group(trace)).collect();
            if tree.is_filtered() { shown() } else { store.traces().rev().collect() }
        };
        let queue: VecDeque<TraceIx> = if is_indexed(view) { traces() } else { VecDeque::new() };
        let queued = queue.iter().copied().collect();
        Self { view, groups: HashMap::new(), by_trace: HashMap::new(), nested: HashMap::new(), queue, queued }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (&GroupKey, &Rows)> {
        self.groups.iter()
    }

    pub(super) fn rows(&self, key: &GroupKey) -> Option<&Rows> {
        self.groups.get(key)
    }

    /// Returns the totals of turns without nested turns of other sessions.
    pub(super) fn turn_totals(&self, store: &Store, turns: impl Iterator<Item = RowIx>) -> Totals {
        let mut totals = Totals::default();
        for turn in turns {
            totals.add(&store.totals(turn));
            for &nested in self.nested.get(&turn).into_iter().flatten() {
                totals.subtract(&store.totals(nested));
            }
        }
        totals
    }

    pub(super) fn traces_changed(&mut self, traces: &[TraceIx]) {
        if is_indexed(self.view) {
            let Self { queue, queued, .. } = self;
            queue.extend(traces.iter().filter(|&&trace| queued.insert(trace)));
        }
    }

    /// Forgets evicted traces, before the store reuses the indices of their rows.
    pub(super) fn forget(&mut self, traces: &[TraceIx]) {
        for trace in traces {
            for (key, row) in self.by_trace.remove(trace).unwrap_or_default() {
                let Some(rows) = self.groups.get_mut(&key) else { continue };
                rows.remove(&row);
                self.nested.remove(&row.1);
                if rows.is_empty() {
                    self.groups.remove(&key);
                }
            }
        }
    }

    /// Indexes queued traces for a moment. Returns whether any are left.
    pub(super) fn advance(&mut self, store: &Store, tree: &TraceTree) -> bool {
        let begun = Instant::now();
        while let Some(trace) = self.queue.pop_front() {
            self.queued.remove(&trace);
            self.forget(&[trace]);
            if store.is_trace_held(trace) && tree.counts(store, trace) {
                let entries = if self.view == View::Errors { failures(store, trace) } else { turns(store, trace, &mut self.nested) };
                for (key, row) in &entries {
                    self.groups.entry(key.clone()).or_default().insert(*row);
                }
                if !entries.is_empty() {
                    self.by_trace.insert(trace, entries);
                }
            }
            if begun.elapsed() > TIME_PER_FRAME {
                break;
            }
        }
        !self.queue.is_empty()
    }
}

/// Whether the lines of a view come from the index instead of the store's statistics.
fn is_indexed(view: View) -> bool {
    matches!(view, View::Sessions | View::Errors)
}

/// Returns the rows that begin a turn of a session: they state a session that no row above them states. Adds nested turns to `nested`.
fn turns(store: &Store, trace: TraceIx, nested: &mut HashMap<RowIx, Vec<RowIx>>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut open: Vec<(RowIx, Symbol, Option<RowIx>)> =
        store.trace(trace).roots().iter().map(|&root| (root, Symbol::EMPTY, None)).collect();
    while let Some((row, inherited, enclosing)) = open.pop() {
        let data = store.row(row);
        let stated = store.stated_session(row);
        let session = if stated.is_empty() { inherited } else { stated };
        let begins = session != inherited;
        if begins {
            entries.push((GroupKey::Name(store.text(session).to_owned()), (data.start, row)));
            if let Some(enclosing) = enclosing {
                nested.entry(enclosing).or_default().push(row);
            }
        }
        let turn = if begins { Some(row) } else { enclosing };
        open.extend(store.children(row).iter().map(|&child| (child, session, turn)));
    }
    entries
}

fn failures(store: &Store, trace: TraceIx) -> Vec<Entry> {
    if store.trace(trace).counts().failed == 0 {
        return Vec::new();
    }
    let failed = store.rows_of(trace).into_iter().filter(|&row| store.is_failed_step(row));
    let entries = failed.map(|row| {
        let data = store.row(row);
        let place = store.text(if data.label.is_empty() { data.name } else { data.label });
        (GroupKey::Error(data.span_type, place.to_owned(), errors::normalize(store.text(store.failure_text(row)))), (data.start, row))
    });
    entries.collect()
}
