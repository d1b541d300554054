//! Which agent, model and tool is given what a row used.
//!
//! A row's own share is what its totals hold beyond the sums below it: what it states and nothing below it does; of a cost that goes before
//! those below it, the difference, which may be below zero. It goes to the row's model (the empty one if it names none), and to the nearest agent and the nearest tool on the way up, the row itself included. When sums change, the shares follow on the
//! same way up; a row that is moved brings along what no agent or tool below it has claimed.

use super::interner::Symbol;
use super::row::{NONE, RowIx, TraceIx};
use super::stats::{By, Counted, Stats};
use super::totals::Totals;
use super::{Phase, Store};
use crate::model::{SpanType, Status};

/// Rows under a model row that are looked at for another row of the same call: it is the only one, or one of a few.
const NEAR: usize = 64;

impl By {
    /// Returns what a span of this type is a call of; `None` if it is no call.
    #[must_use]
    pub fn of(span_type: SpanType) -> Option<Self> {
        match span_type {
            _ if span_type.is_agentic() => Some(Self::Agent),
            _ if span_type.calls_model() => Some(Self::Model),
            SpanType::Tool => Some(Self::Tool),
            _ => None,
        }
    }
}

/// What rows below others claim for themselves.
pub(super) const CLAIMS: [By; 2] = [By::Agent, By::Tool];

impl Store {
    /// Returns the agent, the model or the tool that the row is a run or a call of; empty if it is none or has no name.
    #[must_use]
    pub fn label(&self, by: By, row: RowIx) -> Symbol {
        let data = self.row(row);
        if By::of(data.span_type) == Some(by) { data.label } else { Symbol::EMPTY }
    }

    /// Returns the model that the row counts for in [`Store::stats`]: the model it calls, or the one that its own usage is attributed to.
    #[must_use]
    pub fn attributed_model(&self, row: RowIx) -> Symbol {
        let label = self.label(By::Model, row);
        let has_own_usage = || self.row(row).usage != NONE && !self.own(row).usage().is_zero();
        if label.is_empty() && has_own_usage() { self.model(row) } else { label }
    }

    /// The name under which the row claims what runs under it; `None` if it claims nothing.
    pub(super) fn attributed_to(&self, by: By, row: RowIx) -> Option<Symbol> {
        let data = self.row(row);
        let claims = by != By::Model && By::of(data.span_type) == Some(by);
        (claims && !data.placeholder && !data.label.is_empty()).then_some(data.label)
    }

    /// What the row's totals hold beyond the sums below it.
    pub(super) fn own(&self, row: RowIx) -> Totals {
        self.own_of(row, &self.totals(row))
    }

    /// The same where the row's totals are at hand.
    fn own_of(&self, row: RowIx, totals: &Totals) -> Totals {
        match self.row(row).children {
            NONE => *totals,
            branch => Totals::difference(&self.branches[branch].below, totals),
        }
    }

    /// What lies under the row, itself included, and under no claim below it. `totals` are the row's.
    fn unclaimed(&self, by: By, row: RowIx, totals: &Totals) -> Totals {
        let mut rest = *totals;
        if self.row(row).children == NONE {
            return rest;
        }
        let mut open = vec![row];
        while let Some(row) = open.pop() {
            for &child in self.children(row) {
                if self.attributed_to(by, child).is_some() {
                    rest.take_out(&self.totals(child));
                } else if self.row(child).children != NONE {
                    open.push(child);
                }
            }
        }
        rest
    }

    /// What a row brings along for those above it when it is hung under `parent`, or takes along from there. `totals` are the row's.
    pub(super) fn carried_totals(&self, row: RowIx, parent: Option<RowIx>, totals: &Totals) -> [Totals; 2] {
        // Only what it costs much to know is worth asking whether anybody wants it.
        let is_wanted = |by| {
            let above = |row: &RowIx| self.row(*row).parent();
            self.row(row).children == NONE || std::iter::successors(parent, above).any(|row| self.attributed_to(by, row).is_some())
        };
        let brings = |by| {
            let brings = self.attributed_to(by, row).is_none() && is_wanted(by);
            if brings { self.unclaimed(by, row, totals) } else { Totals::default() }
        };
        [brings(CLAIMS[0]), brings(CLAIMS[1])]
    }

    /// Gives a row that hangs nowhere its own share and its claims, or takes them back.
    pub(super) fn attribute(&mut self, row: RowIx, back: bool) {
        let signed = |totals: Totals| if back { totals.negated() } else { totals };
        let totals = self.totals(row);
        self.attribute_share(row, &signed(self.own_of(row, &totals)));
        for by in CLAIMS {
            if let Some(name) = self.attributed_to(by, row) {
                let claimed = signed(self.unclaimed(by, row, &totals));
                self.each_stats(self.row(row).trace(), |stats| stats.use_by(by, name, &claimed));
            }
        }
    }

    /// Adds to the row's own share: to its model's, and to its minute's.
    pub(super) fn attribute_share(&mut self, row: RowIx, own: &Totals) {
        if own.is_zero() {
            return;
        }
        let (end, model, usage) = (self.row(row).end, self.model(row), own.usage());
        self.each_stats(self.row(row).trace(), |stats| {
            stats.flow(end, own);
            if !usage.is_zero() {
                stats.use_by(By::Model, model, &usage);
            }
        });
    }

    /// Adds every row's own share to its minute. Costs the rows held.
    pub(super) fn fill_minutes(&mut self) {
        let rows: Vec<RowIx> = self.rows().collect();
        for row in rows {
            let (end, own) = (self.row(row).end, self.own(row));
            self.each_stats(self.row(row).trace(), |stats| stats.flow(end, &own));
        }
    }

    /// The groups that the trace's rows count in.
    pub(super) fn each_stats(&mut self, trace: TraceIx, mut change: impl FnMut(&mut Stats)) {
        change(&mut self.stats);
        if let Some(selection) = self.selection.as_mut().filter(|_| self.traces[trace.0].selected) {
            change(selection);
        }
    }

    /// Counts the row as a call of its agent, model or tool if it is one, or takes it back. Of model rows of which one hangs under the other
    /// one is the call: the one whose usage counts, else the lower. Of two rows of one name, as a framework and its instrumentation tell of it,
    /// the upper is an agent's run, and the lower a tool's.
    pub(super) fn recount(&mut self, row: RowIx, is_there: bool) {
        let is_call = is_there && self.is_call(row);
        if is_call == self.row(row).counted {
            return;
        }
        self.rows[row.0].counted = is_call;
        let (by, name, call) = self.as_call(row);
        self.each_stats(self.row(row).trace(), |stats| stats.count(by, name, &call, !is_call));
    }

    /// Counts a row again and, if it is one of which others tell too, its neighbours.
    pub(super) fn recount_around(&mut self, row: RowIx) {
        self.recount(row, true);
        self.recount_neighbours(row, self.row(row).span_type);
    }

    /// Counts the rows next to a row again that do what it does or did, since it tells whether they are calls.
    pub(super) fn recount_neighbours(&mut self, row: RowIx, kind: SpanType) {
        let Some(by) = By::of(kind) else { return };
        let is_kin = |store: &Self, row: RowIx| By::of(store.row(row).span_type) == Some(by);
        if let Some(parent) = self.row(row).parent().filter(|&parent| is_kin(self, parent)) {
            self.recount(parent, true);
        }
        for at in 0..self.children(row).len().min(NEAR) {
            let child = self.children(row)[at];
            if is_kin(self, child) {
                self.recount(child, true);
            }
        }
    }

    pub(super) fn is_call(&self, row: RowIx) -> bool {
        let data = self.row(row);
        if data.placeholder || self.is_duplicate(row) {
            return false;
        }
        match data.span_type {
            _ if data.span_type != SpanType::Model && data.label.is_empty() => false,
            SpanType::Model => {
                let lowest = |row| !self.below(row).tells();
                let uses = |row| self.row(row).usage != NONE && lowest(row);
                let models_below = || self.children(row).iter().take(NEAR).any(|&child| self.row(child).span_type == SpanType::Model);
                let told_above = || data.parent().is_some_and(|parent| self.row(parent).span_type == SpanType::Model && uses(parent));
                uses(row) || (lowest(row) && !models_below() && !told_above())
            }
            kind => match By::of(kind) {
                Some(By::Agent) => !data.parent().is_some_and(|parent| self.tell_of_one(parent, row)),
                Some(_) => !self.children(row).iter().take(NEAR).any(|&child| self.tell_of_one(row, child)),
                None => false,
            },
        }
    }

    /// Whether two rows, of which one hangs under the other, do the same under the same name, and the lower one while the upper one did.
    fn tell_of_one(&self, row: RowIx, child: RowIx) -> bool {
        let (row, child) = (self.row(row), self.row(child));
        let came = !row.placeholder && !child.placeholder;
        let within = row.start <= child.start && child.end <= row.end;
        came && within && row.label == child.label && By::of(row.span_type) == By::of(child.span_type)
    }

    /// Whose call the row counts as: an agent's, a model's or a tool's, and its name, which a model may lack. `None`: it counts as none.
    #[must_use]
    pub fn call_of(&self, row: RowIx) -> Option<(By, Symbol)> {
        self.row(row).counted.then(|| {
            let (by, name, _) = self.as_call(row);
            (by, name)
        })
    }

    fn as_call(&self, row: RowIx) -> (By, Symbol, Counted) {
        let data = self.row(row);
        let by = By::of(data.span_type).unwrap_or(By::Agent);
        let usage = self.usage(row).filter(|_| by == By::Model);
        let call = Counted {
            failed: data.status == Status::Error,
            took: (data.phase == Phase::Ended).then(|| data.duration(0)),
            first_token: self.first_token(row).filter(|_| by == By::Model),
            written: usage.and_then(|usage| usage.output),
        };
        (by, data.label, call)
    }

    // --- a selection of traces ---

    /// Begins to keep sums over a selection of traces beside those over all, of no trace yet; `None` before: there was no selection.
    pub fn begin_selection(&mut self) {
        self.end_selection();
        self.selection = Some(Box::new(Stats::begin_at(&self.stats)));
    }

    /// Keeps sums over all traces only. Costs the traces held.
    pub fn end_selection(&mut self) {
        if self.selection.take().is_some() {
            let traces: Vec<TraceIx> = self.traces().collect();
            for trace in traces {
                self.traces[trace.0].selected = false;
            }
        }
    }

    /// Takes a trace into the selection, or out of it. Costs its rows; nothing if that is so already or there is no selection.
    pub fn select(&mut self, trace: TraceIx, selected: bool) {
        if self.traces[trace.0].selected == selected {
            return;
        }
        let Some(mut selection) = self.selection.take() else { return };
        self.sweep(trace, &mut selection, !selected);
        self.traces[trace.0].selected = selected;
        self.selection = Some(selection);
    }

    /// What every agent, model and tool did in one trace. Costs its rows.
    #[must_use]
    pub fn stats_of(&self, trace: TraceIx) -> Stats {
        let mut stats = Stats::begin_at(&self.stats);
        self.sweep(trace, &mut stats, false);
        stats
    }

    /// Whether the index is that of a trace that is held.
    #[must_use]
    pub fn is_trace_held(&self, trace: TraceIx) -> bool {
        self.find_trace(self.traces[trace.0].id) == Some(trace)
    }

    /// Adds a whole trace to groups, or takes it out, row by row.
    pub(super) fn sweep(&self, trace: TraceIx, stats: &mut Stats, back: bool) {
        let signed = |totals: &Totals| if back { totals.negated() } else { *totals };
        stats.totals.add(&signed(&self.totals_of(trace)));
        stats.traces = if back { stats.traces - 1 } else { stats.traces + 1 };
        let mut open: Vec<(RowIx, [Symbol; 2])> = self.trace(trace).roots().iter().map(|&top| (top, [Symbol::EMPTY; 2])).collect();
        while let Some((row, above)) = open.pop() {
            let mut names = above;
            for (name, by) in names.iter_mut().zip(CLAIMS) {
                *name = self.attributed_to(by, row).unwrap_or(*name);
            }
            let own = self.own(row);
            if !own.is_zero() {
                let own = signed(&own);
                stats.flow(self.row(row).end, &own);
                for (&name, by) in names.iter().zip(CLAIMS).filter(|(name, _)| !name.is_empty()) {
                    stats.use_by(by, name, &own);
                }
                let (model, usage) = (self.model(row), own.usage());
                if !usage.is_zero() {
                    stats.use_by(By::Model, model, &usage);
                }
            }
            if self.row(row).counted {
                let (by, name, call) = self.as_call(row);
                stats.count(by, name, &call, back);
            }
            open.extend(self.children(row).iter().map(|&child| (child, names)));
        }
    }
}
