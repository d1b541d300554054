//! Internal spans: those that are no step of an agent's work and did not fail, and below which no two rows are that are shown. A trace with
//! many of them shows the others, each below the nearest shown row above it, and a line that counts the internal ones. That line counts the
//! rows, too, that tell again what the row above tells ([`Store::is_retold`]): these are always folded away, however few.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::visible_rows::Folded;
use super::{TraceTree, TreeLine};
use crate::model::sort;
use crate::model::{SpanType, Status};
use crate::store::{Row, RowIx, RunStatus, Store, TraceIx};

/// Traces with no more internal spans show them.
const FEW: u32 = 20;

/// Traces with more spans show all of them: to find the internal ones costs the spans of the trace.
const MOST: u32 = 16_384;

/// Traces whose folds are remembered. More are on no screen.
const REMEMBERED: usize = 256;

/// The internal spans of a trace if they are many, and the version of the trace in which they were found.
type FoundFold = (u32, Option<Rc<Fold>>);

/// Which internal spans are shown, and which are folded away.
#[derive(Debug, Default)]
pub(super) struct Internal {
    /// The main traces whose internal spans are shown.
    opened: HashSet<TraceIx>,
    /// By trace.
    folds: RefCell<HashMap<TraceIx, FoundFold>>,
}

/// The internal spans of a trace, folded away.
#[derive(Debug, Default)]
pub(super) struct Fold {
    hidden: HashSet<RowIx>,
    /// Those among them that tell again what the row above tells.
    retold: HashSet<RowIx>,
    /// The number of the others, without placeholders.
    spans: u32,
    /// What is shown below shown rows.
    children: HashMap<RowIx, Vec<RowIx>>,
    /// What is shown below no row; the trace's head comes first.
    roots: Vec<RowIx>,
    /// The row above each shown row, and the index there.
    places: HashMap<RowIx, (Option<RowIx>, usize)>,
}

/// Whether a row is more than an internal span, whatever is below it.
fn is_work(store: &Store, row: RowIx, data: &Row) -> bool {
    let has_failed = data.own_failure() || data.has_failed_harmlessly() || data.status() == Status::Error;
    let has_stopped = matches!(data.own_status(), RunStatus::Paused | RunStatus::Cut);
    // A model call that names no model and that another row of the trace reports is shown there.
    let is_in_trace = |other: RowIx| store.row(other).trace() == data.trace();
    let is_shown_elsewhere = || data.label.is_empty() && store.primary_of(row).is_some_and(is_in_trace);
    let is_step = data.span_type != SpanType::Other || store.usage(row).is_some();
    has_failed || has_stopped || (is_step && !is_shown_elsewhere())
}

impl Fold {
    /// Finds what is folded away in a trace: the internal spans if they are many, and what is told again; `None` if that is nothing. Costs the
    /// spans of the trace.
    fn new(store: &Store, trace: TraceIx) -> Option<Self> {
        let data = store.trace(trace);
        if !data.has_work() || !(2..=MOST).contains(&data.counts().spans) {
            return None;
        }
        let rows = store.rows_of(trace);
        let retold: HashSet<RowIx> = rows.iter().copied().filter(|&row| store.is_retold(row)).collect();
        let with_internal = (data.counts().spans > FEW).then(|| Self::of(store, &rows, retold.clone(), true));
        let few = || (!retold.is_empty()).then(|| Self::of(store, &rows, retold.clone(), false));
        with_internal.filter(|fold| fold.spans > FEW).or_else(few)
    }

    /// Folds rows away that are told again and, if `folds_internal`, the internal ones. `rows` are those of a trace, in the order of the tree.
    fn of(store: &Store, rows: &[RowIx], retold: HashSet<RowIx>, folds_internal: bool) -> Self {
        let mut fold = Self { retold, ..Self::default() };
        // What is shown below each row, the last first.
        let mut shown: HashMap<Option<RowIx>, Vec<RowIx>> = HashMap::new();
        for &row in rows.iter().rev() {
            let data = store.row(row);
            let mut below = shown.remove(&Some(row)).unwrap_or_default();
            let above = shown.entry(data.parent()).or_default();
            let is_retold = fold.retold.contains(&row);
            let is_internal = || folds_internal && below.len() <= 1 && !TraceTree::is_head(store, row) && !is_work(store, row, data);
            if !is_retold && !is_internal() {
                below.reverse();
                // Rows of several depths stand side by side.
                sort::by_key(&mut below, |&child| (store.row(child).start, store.row(child).id));
                fold.places.extend(below.iter().enumerate().map(|(at, &child)| (child, (Some(row), at))));
                fold.children.insert(row, below);
                above.push(row);
            } else {
                above.append(&mut below);
                fold.hidden.insert(row);
                fold.spans += u32::from(!data.placeholder && !is_retold);
            }
        }
        fold.roots = shown.remove(&None).unwrap_or_default();
        fold.roots.reverse();
        fold.places.extend(fold.roots.iter().enumerate().map(|(at, &root)| (root, (None, at))));
        fold
    }

    /// Returns what is shown below a row of the trace; below its head also what is shown below no row.
    pub(super) fn children(&self, row: RowIx) -> impl Iterator<Item = RowIx> {
        let others = if self.roots.first() == Some(&row) { &self.roots[1..] } else { &[] };
        self.children.get(&row).into_iter().flatten().chain(others).copied()
    }

    /// Returns the number of rows that [`Self::children`] returns.
    pub(super) fn child_count(&self, row: RowIx) -> usize {
        let others = if self.roots.first() == Some(&row) { self.roots.len() - 1 } else { 0 };
        self.children.get(&row).map_or(0, Vec::len) + others
    }

    /// Whether a row of the trace is shown.
    pub(super) fn shows(&self, row: RowIx) -> bool {
        !self.hidden.contains(&row)
    }

    /// Returns the row above a shown row, other than the head, and the index there.
    pub(super) fn place(&self, row: RowIx) -> Option<(RowIx, usize)> {
        match *self.places.get(&row)? {
            (Some(parent), at) => Some((parent, at)),
            (None, at) => {
                let head = *self.roots.first()?;
                Some((head, self.children.get(&head).map_or(0, Vec::len) + at - 1))
            }
        }
    }
}

impl TraceTree {
    /// Returns what is folded away in a trace, if anything is.
    pub(super) fn fold_of(&self, store: &Store, trace: TraceIx) -> Option<Rc<Fold>> {
        if self.ordinary.all || self.filter.is_some() || self.internal.opened.contains(&store.main_of(trace)) {
            return None;
        }
        let version = store.trace(trace).version();
        let mut folds = self.internal.folds.borrow_mut();
        match folds.get(&trace) {
            Some((known, fold)) if *known == version => fold.clone(),
            _ => {
                if folds.len() >= REMEMBERED {
                    folds.clear();
                }
                let fold = Fold::new(store, trace).map(Rc::new);
                folds.insert(trace, (version, fold.clone()));
                fold
            }
        }
    }

    /// Returns the number of spans that are folded away in an unfolded trace and its parts: that of the line below its rows. None if it has no
    /// such line.
    #[must_use]
    pub fn folded_spans(&self, store: &Store, trace: TraceIx) -> Folded {
        let main = store.main_of(trace);
        let mut folded = Folded::default();
        if self.is_open(store, Self::head(store, main)) {
            for fold in store.group(main).filter_map(|part| self.fold_of(store, part)) {
                folded.internal += u64::from(fold.spans);
                folded.retold += fold.retold.len() as u64;
            }
        }
        folded
    }

    /// Returns the row whose line tells what a row tells: the one above it if that tells the same and this one is folded away.
    pub(super) fn told_at(&self, store: &Store, row: RowIx) -> RowIx {
        let Some(fold) = self.fold_of(store, store.row(row).trace()) else { return row };
        let above = |&row: &RowIx| store.row(row).parent().filter(|_| fold.retold.contains(&row));
        std::iter::successors(Some(row), above).last().unwrap_or(row)
    }

    /// Returns a row and those below it that tell the same and are folded away, from top to bottom.
    fn tellings(&self, store: &Store, row: RowIx) -> impl Iterator<Item = RowIx> {
        let fold = self.fold_of(store, store.row(row).trace());
        std::iter::successors(Some(row), move |&row| {
            let below = store.children(row).first().copied();
            below.filter(|below| fold.as_ref().is_some_and(|fold| fold.retold.contains(below)))
        })
    }

    /// Returns the rows that a bar draws within the row's own, and their number: its children, without what only tells the row again.
    pub fn bar_children<'a>(&self, store: &'a Store, row: RowIx) -> (impl Iterator<Item = RowIx> + use<'a>, usize) {
        let last = self.tellings(store, row).last().unwrap_or(row);
        let (below, told) = if last == row { (&[][..], 0) } else { (store.children(last), 1) };
        let children = below.iter().copied().chain(Self::children(store, row).skip(told));
        (children, below.len() + Self::count_children(store, row) - told)
    }

    /// Returns the row that tells most of what the line of a row tells: itself, or one below it that is folded away.
    #[must_use]
    pub fn telling(&self, store: &Store, row: RowIx) -> RowIx {
        store.telling_most(self.tellings(store, row)).unwrap_or(row)
    }

    /// Whether a row is folded away as an internal span.
    pub(super) fn is_folded_away(&self, store: &Store, row: RowIx) -> bool {
        self.fold_of(store, store.row(row).trace()).is_some_and(|fold| !fold.shows(row))
    }

    /// Whether the screen shows the line of a trace's internal spans.
    pub(in crate::tui::app) fn has_internal_line(&self, store: &Store, trace: TraceIx) -> bool {
        self.window(store, self.height()).0.iter().any(|line| matches!(line, TreeLine::Internal(shown, _) if *shown == trace))
    }

    /// Shows the internal spans of a trace and its parts.
    pub fn show_internal(&mut self, store: &Store, trace: TraceIx) {
        self.internal.opened.insert(store.main_of(trace));
    }

    /// Folds the internal spans of all traces away again.
    pub(super) fn fold_internal(&mut self) {
        self.internal.opened.clear();
    }

    /// Forgets an evicted trace.
    pub(super) fn forget_internal(&mut self, trace: TraceIx) {
        self.internal.opened.remove(&trace);
        self.internal.folds.get_mut().remove(&trace);
    }
}

#[cfg(test)]
mod tests;
