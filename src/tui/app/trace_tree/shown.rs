//! The shown traces in their order, and a pass that finds another order or shows other traces, in slices: there may be a hundred thousand.

use super::TraceTree;
use super::order::{Entry, Order, Sorting};
use super::scale::{Scales, Sizes};
use crate::model::Nanos;
use crate::store::{Store, TraceIx};
use crate::tui::app::trash::Items;
use crate::tui::slices::Slice;

/// Placing a trace is as much work as so many pieces.
const PIECES: usize = 4;

/// The shown traces in order.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) order: Order,
    pub(super) scales: Scales,
    /// How each shown trace is entered in `order` and `scales`.
    placements: Placements,
}

/// A pass from the newest trace to the oldest. What changes meanwhile is placed in both orders.
#[derive(Debug)]
pub(super) struct OrderPass {
    /// The traces that are placed so far.
    pub(super) shown: Shown,
    /// The last trace that was looked at, with its start time.
    last: Option<(Nanos, TraceIx)>,
    /// Whether the cursor then goes to the top.
    goes_to_top: bool,
}

/// How a shown trace is entered in the order and in the scales.
#[derive(Debug, PartialEq, Eq)]
struct Placement {
    entry: Entry,
    sizes: Sizes,
}

/// The placements of the shown traces, by trace index. Pages without any take no memory.
#[derive(Debug, Default)]
struct Placements(Vec<PlacementPage>);

#[derive(Debug, Default)]
struct PlacementPage {
    placements: Vec<Option<Placement>>,
    live: usize,
}

/// Traces of a page.
const PAGE: usize = 256;

impl Placements {
    fn get(&self, trace: TraceIx) -> Option<&Placement> {
        self.0.get(trace.index() / PAGE)?.placements.get(trace.index() % PAGE)?.as_ref()
    }

    fn insert(&mut self, placement: Placement) {
        let index = placement.entry.trace.index();
        if index / PAGE >= self.0.len() {
            self.0.resize_with(index / PAGE + 1, PlacementPage::default);
        }
        let page = &mut self.0[index / PAGE];
        if page.placements.is_empty() {
            page.placements.resize_with(PAGE, || None);
        }
        page.live += usize::from(page.placements[index % PAGE].replace(placement).is_none());
    }

    fn remove(&mut self, trace: TraceIx) -> Option<Placement> {
        let page = self.0.get_mut(trace.index() / PAGE)?;
        let removed = page.placements.get_mut(trace.index() % PAGE)?.take()?;
        page.live -= 1;
        if page.live == 0 {
            page.placements = Vec::new();
        }
        Some(removed)
    }
}

impl Shown {
    pub(super) fn new(sorting: Sorting) -> Self {
        Self { order: Order::new(sorting, Vec::new()), ..Self::default() }
    }

    pub(super) fn contains(&self, trace: TraceIx) -> bool {
        self.placements.get(trace).is_some()
    }

    /// Returns the entry of a trace in the order; `None` if it is not shown.
    pub(super) fn entry(&self, trace: TraceIx) -> Option<&Entry> {
        self.placements.get(trace).map(|placement| &placement.entry)
    }

    /// Returns the position of a trace; `None` if it is not shown.
    pub(super) fn position(&self, trace: TraceIx) -> Option<usize> {
        self.order.position(self.entry(trace)?)
    }

    /// Shows a trace where it belongs, or hides it. Returns its former position if it has another one now.
    pub(super) fn place(&mut self, store: &Store, trace: TraceIx, is_shown: bool, now: Nanos) -> Option<usize> {
        let placement =
            is_shown.then(|| Placement { entry: self.order.sorting().entry(store, trace, now), sizes: Sizes::new(store, trace, now) });
        if self.placements.get(trace) == placement.as_ref() {
            return None;
        }
        let former = self.hide(trace);
        if let Some(placement) = placement {
            self.order.insert(placement.entry.clone());
            self.scales.add(placement.sizes);
            self.placements.insert(placement);
        }
        former
    }

    /// Hides a trace. Returns its former position.
    pub(super) fn hide(&mut self, trace: TraceIx) -> Option<usize> {
        let placement = self.placements.remove(trace)?;
        self.scales.remove(placement.sizes);
        self.order.remove(&placement.entry)
    }

    /// Takes itself apart, to be freed in slices.
    fn into_items(self) -> [Items; 2] {
        let placements = self.placements.0.into_iter().flat_map(|page| page.placements).map(drop);
        [Box::new(self.order.into_entries().map(drop)), Box::new(placements)]
    }
}

impl TraceTree {
    /// Sorts the traces and goes to the top: for a moment at once, and for another moment per frame.
    pub fn sort(&mut self, store: &Store, sorting: Sorting, now: Nanos) {
        self.go_top(store);
        self.begin_order(sorting, true);
        self.continue_order(store, now, Slice::on_key());
    }

    /// Shows the traces that are to be shown now, and hides the others, in the same way.
    pub(super) fn place_all(&mut self, store: &Store, now: Nanos) {
        let goes_to_top = self.pass.as_ref().is_some_and(|pass| pass.goes_to_top);
        self.begin_order(self.sorting(), goes_to_top);
        self.continue_order(store, now, Slice::on_key());
    }

    /// Begins to find another order.
    pub(super) fn begin_order(&mut self, sorting: Sorting, goes_to_top: bool) {
        self.end_pass();
        self.pass = Some(OrderPass { shown: Shown::new(sorting), last: None, goes_to_top });
    }

    /// Hides all traces, without moving the cursor.
    pub(super) fn hide_all(&mut self) {
        let sorting = self.sorting();
        self.end_pass();
        self.discarded.push(std::mem::replace(&mut self.shown, Shown::new(sorting)));
    }

    fn end_pass(&mut self) {
        self.discarded.extend(self.pass.take().map(|pass| pass.shown));
    }

    /// Whether another order is being found.
    pub(in crate::tui::app) fn is_ordering(&self) -> bool {
        self.pass.is_some()
    }

    /// Places more traces for a moment. Returns whether any are left.
    pub(in crate::tui::app) fn continue_order(&mut self, store: &Store, now: Nanos, mut slice: Slice) -> bool {
        let Some(mut pass) = self.pass.take() else { return false };
        while let Some(next) = store.newest_before(pass.last) {
            pass.last = Some(next);
            let is_shown = self.lists(store, next.1);
            pass.shown.place(store, next.1, is_shown, now);
            if is_shown != self.shown.contains(next.1) {
                self.visibility_changes.extend(store.group(next.1));
            }
            if !slice.goes_on(PIECES) {
                self.pass = Some(pass);
                return true;
            }
        }
        let position = self.rank(store);
        self.discarded.push(std::mem::replace(&mut self.shown, pass.shown));
        if pass.goes_to_top && self.follow {
            self.follow_newest(store);
        } else if pass.goes_to_top {
            self.go_top(store);
        } else if self.rank(store).is_none() {
            self.go_near(store, position);
        }
        self.leave_folds(store);
        false
    }

    /// Takes what is left to free of former orders.
    pub(in crate::tui::app) fn take_discarded(&mut self) -> impl Iterator<Item = Items> {
        std::mem::take(&mut self.discarded).into_iter().flat_map(Shown::into_items)
    }
}
