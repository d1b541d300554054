//! The turns of each session and the failed spans of each error. Filled for a moment per frame, newest traces first, and kept up to date as
//! traces change.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use super::{GroupKey, View};
use crate::model::{Nanos, errors};
use crate::store::{RowIx, Store, Symbol, Totals, TraceIx};
use crate::tui::app::TraceTree;
use crate::tui::app::trash::Items;
use crate::tui::slices::Slice;

/// A group and one of its rows with its start time.
type Found = (GroupKey, (Nanos, RowIx));

/// The rows of a group by start time.
pub(super) type Rows = BTreeSet<(Nanos, RowIx)>;

/// A session or an error.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) key: GroupKey,
    pub(super) rows: Rows,
    /// The sums over the turns, without nested turns of other sessions.
    pub(super) totals: Totals,
    /// The rows in traces that go on with the turn of another trace.
    pub(super) parts: u64,
}

/// What a trace adds to a group.
#[derive(Debug)]
struct Entry {
    place: u32,
    row: (Nanos, RowIx),
    totals: Option<Box<Totals>>,
    is_part: bool,
}

/// The rows of each group, and the entries of each trace.
#[derive(Debug)]
pub(super) struct Index {
    view: View,
    /// The groups. Each keeps its place, so that a pass over them may pause.
    groups: Vec<Option<Indexed>>,
    free: Vec<u32>,
    places: HashMap<GroupKey, u32>,
    by_trace: HashMap<TraceIx, Vec<Entry>>,
    /// Nested turns of another session, by the enclosing turn; their usage does not count for it.
    nested: HashMap<RowIx, Vec<RowIx>>,
    /// Whether the first pass over all traces goes on, and the last one that it came to, with its start time. With a filter, `queue` has them.
    is_sweeping: bool,
    last: Option<(Nanos, TraceIx)>,
    /// Traces to index.
    queue: VecDeque<TraceIx>,
    /// The traces in `queue` that changed since the first pass over all of them began, so that each is only once behind it.
    queued: HashSet<TraceIx>,
}

impl Index {
    pub(super) fn new(view: View, store: &Store, tree: &TraceTree) -> Self {
        let is_sweeping = is_indexed(view) && !tree.is_filtered();
        let shown = || tree.traces().flat_map(|trace| store.group(trace)).collect();
        let queue: VecDeque<TraceIx> = if is_indexed(view) && tree.is_filtered() { shown() } else { VecDeque::new() };
        let (groups, free, nested, queued) = Default::default();
        // A table that grows takes longer than a frame.
        let count = if is_sweeping { store.trace_count() } else { queue.len() };
        let (places, by_trace) = (HashMap::with_capacity(count), HashMap::with_capacity(count));
        Self { view, groups, free, places, by_trace, nested, is_sweeping, last: None, queue, queued }
    }

    /// Takes itself apart, to be freed in slices.
    pub(super) fn into_items(self) -> [Items; 3] {
        let Self { groups, places, by_trace, nested, .. } = self;
        let maps = by_trace.into_values().map(drop).chain(nested.into_values().map(drop));
        [Box::new(groups.into_iter().map(drop)), Box::new(places.into_keys().map(drop)), Box::new(maps)]
    }

    /// Returns the group at a place, if there is one.
    pub(super) fn at(&self, place: u32) -> Option<&Indexed> {
        self.groups.get(place as usize)?.as_ref()
    }

    /// Returns the number of places.
    pub(super) fn places(&self) -> u32 {
        self.groups.len() as u32
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
            for entry in self.by_trace.remove(trace).unwrap_or_default() {
                self.nested.remove(&entry.row.1);
                let Some(group) = self.groups.get_mut(entry.place as usize) else { continue };
                let Some(indexed) = group else { continue };
                indexed.rows.remove(&entry.row);
                if indexed.rows.is_empty() {
                    self.places.remove(&indexed.key);
                    self.free.push(entry.place);
                    *group = None;
                } else {
                    if let Some(totals) = &entry.totals {
                        indexed.totals.subtract(totals);
                    }
                    indexed.parts -= u64::from(entry.is_part);
                }
            }
        }
    }

    fn place(&mut self, key: GroupKey) -> u32 {
        let Self { groups, free, places, .. } = self;
        *places.entry(key).or_insert_with_key(|key| {
            let group = Indexed { key: key.clone(), rows: Rows::new(), totals: Totals::default(), parts: 0 };
            if let Some(place) = free.pop() {
                groups[place as usize] = Some(group);
                return place;
            }
            groups.push(Some(group));
            groups.len() as u32 - 1
        })
    }

    /// Indexes queued traces for a moment. Returns whether any are left.
    pub(super) fn advance(&mut self, store: &Store, tree: &TraceTree, slice: &mut Slice) -> bool {
        loop {
            let swept = if self.is_sweeping { store.newest_before(self.last) } else { None };
            self.is_sweeping = swept.is_some();
            let Some(trace) = swept.map(|(_, trace)| trace).or_else(|| self.queue.front().copied()) else { return false };
            let counts = store.is_trace_held(trace) && tree.counts(store, trace);
            let pieces = if counts { 1 + store.trace(trace).counts().spans as usize } else { 1 };
            if !slice.allows(pieces) {
                return true;
            }
            if self.is_sweeping {
                self.last = swept;
            } else {
                self.queue.pop_front();
                self.queued.remove(&trace);
            }
            self.forget(&[trace]);
            if counts {
                self.add(store, trace);
            }
            if !slice.goes_on(pieces) {
                return true;
            }
        }
    }

    fn add(&mut self, store: &Store, trace: TraceIx) {
        let is_session = self.view == View::Sessions;
        let found = if is_session { turns(store, trace, &mut self.nested) } else { failures(store, trace) };
        let is_part = is_session && store.is_part(trace);
        let mut entries = Vec::with_capacity(found.len());
        for (key, row) in found {
            let totals = is_session.then(|| Box::new(self.turn_totals(store, std::iter::once(row.1))));
            let place = self.place(key);
            if let Some(Some(group)) = self.groups.get_mut(place as usize) {
                group.rows.insert(row);
                if let Some(totals) = &totals {
                    group.totals.add(totals);
                }
                group.parts += u64::from(is_part);
            }
            entries.push(Entry { place, row, totals, is_part });
        }
        if !entries.is_empty() {
            self.by_trace.insert(trace, entries);
        }
    }
}

/// Whether the lines of a view come from the index instead of the store's statistics.
fn is_indexed(view: View) -> bool {
    matches!(view, View::Sessions | View::Errors)
}

/// Returns the rows that begin a turn of a session: they state a session that no row above them states. Adds nested turns to `nested`.
fn turns(store: &Store, trace: TraceIx, nested: &mut HashMap<RowIx, Vec<RowIx>>) -> Vec<Found> {
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

fn failures(store: &Store, trace: TraceIx) -> Vec<Found> {
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
