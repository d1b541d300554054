//! Which rows belong to which session or failure. Built a little each frame, newest traces first, and kept as traces change.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::{Key, View};
use crate::model::{Nanos, Status, errors};
use crate::store::{RowIx, Store, Symbol, Totals, TraceIx};
use crate::tui::app::TraceTree;

/// How long traces are read before the next frame.
const A_FRAME: Duration = Duration::from_millis(4);

/// A row, by its start, and the group that it belongs to.
type Entry = (Key, (Nanos, RowIx));

/// Rows of one group by their start.
pub(super) type Rows = BTreeSet<(Nanos, RowIx)>;

/// The rows of each group, and the groups of each trace.
#[derive(Debug)]
pub(super) struct Index {
    view: View,
    groups: HashMap<Key, Rows>,
    of_trace: HashMap<TraceIx, Vec<Entry>>,
    /// Rows that begin another session's turn within a turn: what ran under them is not this turn's.
    within: HashMap<RowIx, Vec<RowIx>>,
    /// Traces to be read, maybe again.
    left: VecDeque<TraceIx>,
    /// The same, each once.
    queued: HashSet<TraceIx>,
}

impl Index {
    pub(super) fn new(view: View, forest: &TraceTree) -> Self {
        let wanted = matches!(view, View::Sessions | View::Errors);
        let left = if wanted { forest.traces().collect() } else { VecDeque::new() };
        let queued = left.iter().copied().collect();
        Self { view, groups: HashMap::new(), of_trace: HashMap::new(), within: HashMap::new(), left, queued }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (&Key, &Rows)> {
        self.groups.iter()
    }

    pub(super) fn rows(&self, key: &Key) -> Option<&Rows> {
        self.groups.get(key)
    }

    /// Sums over one turn.
    pub(super) fn turn(&self, store: &Store, row: RowIx) -> Totals {
        let mut sums = store.totals(row);
        for &other in self.within.get(&row).into_iter().flatten() {
            sums.take_out(&store.totals(other));
        }
        sums
    }

    /// Sums over turns.
    pub(super) fn sums(&self, store: &Store, turns: impl Iterator<Item = RowIx>) -> Totals {
        let mut sums = Totals::default();
        turns.for_each(|row| sums.add(&self.turn(store, row)));
        sums
    }

    pub(super) fn changed(&mut self, traces: &[TraceIx]) {
        if matches!(self.view, View::Sessions | View::Errors) {
            let Self { left, queued, .. } = self;
            left.extend(traces.iter().filter(|&&trace| queued.insert(trace)));
        }
    }

    /// Forgets traces that are gone, before their rows come to be others.
    pub(super) fn forget(&mut self, traces: &[TraceIx]) {
        for trace in traces {
            for (key, row) in self.of_trace.remove(trace).unwrap_or_default() {
                let Some(rows) = self.groups.get_mut(&key) else { continue };
                rows.remove(&row);
                self.within.remove(&row.1);
                if rows.is_empty() {
                    self.groups.remove(&key);
                }
            }
        }
    }

    /// Reads what is left, for a moment. Whether more is left.
    pub(super) fn follow(&mut self, store: &Store, forest: &TraceTree) -> bool {
        let begun = Instant::now();
        while let Some(trace) = self.left.pop_front() {
            self.queued.remove(&trace);
            self.forget(&[trace]);
            if store.is_trace_held(trace) && forest.shows(trace) {
                let found = if self.view == View::Errors { failures(store, trace) } else { turns(store, trace, &mut self.within) };
                for (key, row) in &found {
                    self.groups.entry(key.clone()).or_default().insert(*row);
                }
                if !found.is_empty() {
                    self.of_trace.insert(trace, found);
                }
            }
            if begun.elapsed() > A_FRAME {
                break;
            }
        }
        !self.left.is_empty()
    }
}

/// The rows that begin a turn of a session: those that name one which nothing above them names.
fn turns(store: &Store, trace: TraceIx, within: &mut HashMap<RowIx, Vec<RowIx>>) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut open: Vec<(RowIx, Symbol, Option<RowIx>)> = store.trace(trace).roots().iter().map(|&top| (top, Symbol::EMPTY, None)).collect();
    while let Some((row, above, turn)) = open.pop() {
        let data = store.row(row);
        let session = if data.session.is_empty() { above } else { data.session };
        let begins = session != above;
        if begins {
            found.push((Key::Name(store.text(session).to_owned()), (data.start, row)));
            if let Some(turn) = turn {
                within.entry(turn).or_default().push(row);
            }
        }
        let turn = if begins { Some(row) } else { turn };
        open.extend(store.children(row).iter().map(|&child| (child, session, turn)));
    }
    found
}

fn failures(store: &Store, trace: TraceIx) -> Vec<Entry> {
    if store.trace(trace).counts().errors == 0 {
        return Vec::new();
    }
    let failed = store.rows_of(trace).into_iter().filter(|&row| store.row(row).status == Status::Error);
    let keyed = failed.map(|row| {
        let data = store.row(row);
        let place = store.text(if data.label.is_empty() { data.name } else { data.label });
        (Key::Error(data.span_type, place.to_owned(), errors::normalize(store.text(data.error))), (data.start, row))
    });
    keyed.collect()
}
