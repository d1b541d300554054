//! The turns of each session and the failed spans of each error. Filled for a moment per frame, newest traces first, and kept up to date as
//! traces change.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use super::{GroupKey, View};
use crate::model::{Nanos, errors};
use crate::store::{RowIx, Slab, Store, Symbol, Totals, TraceIx};
use crate::tui::app::TraceTree;
use crate::tui::app::trash::Items;
use crate::tui::slices::Slice;

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
    groups: Slab<Option<Indexed>>,
    places: HashMap<GroupKey, u32>,
    by_trace: HashMap<TraceIx, Vec<Entry>>,
    /// Nested turns of another session, by the enclosing turn; their usage does not count for it.
    nested: HashMap<RowIx, Vec<RowIx>>,
    /// Whether the first pass over all traces goes on, and the last one that it came to, with its start time.
    is_sweeping: bool,
    last: Option<(Nanos, TraceIx)>,
    /// Traces to index.
    queue: VecDeque<TraceIx>,
    /// The traces in `queue` that changed since the first pass over all of them began, so that each is only once behind it.
    queued: HashSet<TraceIx>,
    /// The trace in work.
    work: Option<TraceWork>,
}

/// The work on a trace: what it added before is taken away, its rows are searched, and what is found is added. A large trace is left and
/// continued later, or started again if it has changed by then.
#[derive(Debug)]
struct TraceWork {
    trace: TraceIx,
    /// The version of the trace; `None` if it is not to be counted.
    version: Option<u32>,
    /// How often the work was begun.
    begun: u32,
    /// Whether what the trace added before is taken away.
    is_cleared: bool,
    open: Vec<OpenRow>,
    /// The rows that are found, each with its session if that is what is searched for.
    found: Vec<(RowIx, Symbol)>,
}

/// A row to search, with the session and the turn around it.
type OpenRow = (RowIx, Symbol, Option<RowIx>);

/// A trace that changes again and again while it is in work is in the end indexed at once.
const MAX_BEGUN: u32 = 5;

/// Adding or taking away a row is as much work as looking at so many.
const PIECES: usize = 4;

impl Index {
    pub(super) fn new(view: View, store: &Store) -> Self {
        let is_sweeping = is_indexed(view);
        let (groups, nested, queue, queued, work) = Default::default();
        // A table that grows takes longer than a frame.
        let count = if is_sweeping { store.trace_count() } else { 0 };
        let (places, by_trace) = (HashMap::with_capacity(count), HashMap::with_capacity(count));
        Self { view, groups, places, by_trace, nested, is_sweeping, last: None, queue, queued, work }
    }

    /// Takes itself apart, to be freed in slices.
    pub(super) fn into_items(self) -> [Items; 3] {
        let Self { groups, places, by_trace, nested, .. } = self;
        let maps = by_trace.into_values().map(drop).chain(nested.into_values().map(drop));
        [Box::new(groups.into_values().map(drop)), Box::new(places.into_keys().map(drop)), Box::new(maps)]
    }

    /// Returns the group at a place, if there is one.
    pub(super) fn at(&self, place: u32) -> Option<&Indexed> {
        self.groups.get(place)?.as_ref()
    }

    /// Returns one more than the last place.
    pub(super) fn places(&self) -> u32 {
        self.groups.end()
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
                self.take_away(&entry);
            }
            self.work.take_if(|work| work.trace == *trace);
        }
    }

    fn take_away(&mut self, entry: &Entry) {
        self.nested.remove(&entry.row.1);
        let Some(group) = self.groups.get_mut(entry.place) else { return };
        let Some(indexed) = group else { return };
        indexed.rows.remove(&entry.row);
        if indexed.rows.is_empty() {
            self.places.remove(&indexed.key);
            *group = None;
            self.groups.free(entry.place);
        } else {
            if let Some(totals) = &entry.totals {
                indexed.totals.subtract(totals);
            }
            indexed.parts -= u64::from(entry.is_part);
        }
    }

    fn place(&mut self, key: GroupKey) -> u32 {
        let Self { groups, places, .. } = self;
        *places.entry(key).or_insert_with_key(|key| {
            groups.insert(Some(Indexed { key: key.clone(), rows: Rows::new(), totals: Totals::default(), parts: 0 }))
        })
    }

    /// Indexes queued traces for a moment. Returns whether any are left.
    pub(super) fn advance(&mut self, store: &Store, tree: &TraceTree, slice: &mut Slice) -> bool {
        loop {
            let Some(mut work) = self.work.take().or_else(|| self.next_work(store)) else { return false };
            if !self.continue_work(store, tree, &mut work, slice) {
                self.work = Some(work);
                return true;
            }
            if !slice.goes_on(1) {
                return true;
            }
        }
    }

    /// Returns the next trace to index.
    fn next_work(&mut self, store: &Store) -> Option<TraceWork> {
        let swept = if self.is_sweeping { store.newest_before(self.last) } else { None };
        self.is_sweeping = swept.is_some();
        if let Some((_, trace)) = swept {
            self.last = swept;
            return Some(TraceWork::new(trace));
        }
        let trace = self.queue.pop_front()?;
        self.queued.remove(&trace);
        Some(TraceWork::new(trace))
    }

    /// Works on a trace for a moment. Returns whether it is done.
    fn continue_work(&mut self, store: &Store, tree: &TraceTree, work: &mut TraceWork, slice: &mut Slice) -> bool {
        let trace = work.trace;
        let counts = store.is_trace_held(trace) && tree.counts(store, trace);
        let version = counts.then(|| store.trace(trace).version());
        if work.begun == 0 || work.version != version {
            work.found.iter().for_each(|(row, _)| _ = self.nested.remove(row));
            let (is_cleared, begun, found) = (false, work.begun + 1, Vec::new());
            *work = TraceWork { version, begun, is_cleared, open: self.rows_to_search(store, trace, counts), found, ..*work };
        }
        let is_last_time = work.begun > MAX_BEGUN;
        let mut goes_on = |pieces| slice.goes_on(pieces) || is_last_time;
        while !work.is_cleared {
            match self.by_trace.get_mut(&trace).and_then(Vec::pop) {
                Some(entry) => self.take_away(&entry),
                None => work.is_cleared = true,
            }
            if !goes_on(PIECES) {
                return false;
            }
        }
        while let Some(row) = work.open.pop() {
            self.search(store, row, work);
            if !goes_on(1) {
                return false;
            }
        }
        while let Some(found) = work.found.pop() {
            self.add(store, trace, found);
            if !goes_on(PIECES) {
                return false;
            }
        }
        if self.by_trace.get(&trace).is_some_and(Vec::is_empty) {
            self.by_trace.remove(&trace);
        }
        true
    }

    fn rows_to_search(&self, store: &Store, trace: TraceIx, counts: bool) -> Vec<OpenRow> {
        let may_have = |trace: TraceIx| self.view == View::Sessions || store.trace(trace).counts().failed > 0;
        let roots = if counts && may_have(trace) { store.trace(trace).roots() } else { &[] };
        roots.iter().map(|&root| (root, Symbol::EMPTY, None)).collect()
    }

    /// Looks at a row: does it begin a turn of a session, which it does if it states one that no row above it states, or is it a failed step?
    fn search(&mut self, store: &Store, (row, inherited, enclosing): OpenRow, work: &mut TraceWork) {
        if self.view != View::Sessions {
            work.found.extend(store.is_failed_step(row).then_some((row, Symbol::EMPTY)));
            work.open.extend(store.children(row).iter().map(|&child| (child, inherited, enclosing)));
            return;
        }
        let stated = store.stated_session(row);
        let session = if stated.is_empty() { inherited } else { stated };
        let begins = session != inherited;
        if begins {
            work.found.push((row, session));
            if let Some(enclosing) = enclosing {
                self.nested.entry(enclosing).or_default().push(row);
            }
        }
        let turn = if begins { Some(row) } else { enclosing };
        work.open.extend(store.children(row).iter().map(|&child| (child, session, turn)));
    }

    /// Adds a turn of a session or a failed step.
    fn add(&mut self, store: &Store, trace: TraceIx, (row, session): (RowIx, Symbol)) {
        let is_session = self.view == View::Sessions;
        let data = store.row(row);
        let key = if is_session {
            GroupKey::Name(store.text(session).to_owned())
        } else {
            let place = store.text(if data.label.is_empty() { data.name } else { data.label });
            GroupKey::Error(data.span_type, place.to_owned(), errors::normalize(store.text(store.failure_text(row))))
        };
        let is_part = is_session && store.is_part(trace);
        let totals = is_session.then(|| Box::new(self.turn_totals(store, std::iter::once(row))));
        let (place, row) = (self.place(key), (data.start, row));
        if let Some(group) = &mut self.groups[place] {
            group.rows.insert(row);
            if let Some(totals) = &totals {
                group.totals.add(totals);
            }
            group.parts += u64::from(is_part);
        }
        self.by_trace.entry(trace).or_default().push(Entry { place, row, totals, is_part });
    }
}

impl TraceWork {
    fn new(trace: TraceIx) -> Self {
        Self { trace, version: None, begun: 0, is_cleared: false, open: Vec::new(), found: Vec::new() }
    }
}

/// Whether the lines of a view come from the index instead of the store's statistics.
fn is_indexed(view: View) -> bool {
    matches!(view, View::Sessions | View::Errors)
}
