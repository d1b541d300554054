//! The links between rows, and the totals that change with them.
//!
//! A change costs the depth of the row that changes, not the number of rows: each step up replaces one child's totals in its parent's
//! sum, and stops where nothing changes any more.

use super::Store;
use super::attribution::CLAIMS;
use super::interner::Symbol;
use super::row::{ChildList, Children, NONE, Row, RowIx, RunStatus, TraceIx};
use super::totals::Totals;
use crate::model::{Nanos, SpanType, Status};

/// How far up a row's facts are looked for: real trees are shallow, and a hostile one must not cost its depth for each row.
const ANCESTORS: usize = 256;

/// How deep rows hang. A change costs its depth, so a chain without end must not make one: what would be deeper hangs beside what it names.
const DEPTH: usize = 1024;

impl Store {
    /// Rows directly under `row`, in the order of their starts.
    #[must_use]
    pub fn children(&self, row: RowIx) -> &[RowIx] {
        match self.row(row).children {
            NONE => &[],
            branch => &self.branches[branch].children,
        }
    }

    /// Sums over `row` and all below it.
    #[must_use]
    pub fn totals(&self, row: RowIx) -> Totals {
        let data = self.row(row);
        let mut totals = match data.children {
            NONE => Totals::default(),
            branch => self.branches[branch].below,
        };
        if data.usage != NONE {
            let own = &self.usages[data.usage];
            if own.is_duplicate() {
                totals.duplicates += 1;
            } else {
                totals.complete(own.usage(), own.states_cost());
            }
        }
        totals.spans += u32::from(!data.placeholder);
        totals.errors += u32::from(data.status == Status::Error);
        match data.standing() {
            RunStatus::Running => totals.running += 1,
            RunStatus::Lost => totals.lost += 1,
            RunStatus::Ok | RunStatus::Error => {}
        }
        totals
    }

    /// Sums over all rows of a trace.
    #[must_use]
    pub fn totals_of(&self, trace: TraceIx) -> Totals {
        let data = self.trace(trace);
        match (&data.sums, data.roots()) {
            (Some(sums), _) => **sums,
            (None, [top]) => self.totals(*top),
            (None, _) => Totals::default(),
        }
    }

    /// Sums over all below `row`, without `row` itself.
    #[must_use]
    pub fn below(&self, row: RowIx) -> Totals {
        match self.row(row).children {
            NONE => Totals::default(),
            branch => self.branches[branch].below,
        }
    }

    /// Changes a row in ways that may change its totals but not what it claims, and carries the difference up.
    pub(super) fn change(&mut self, row: RowIx, change: impl FnOnce(&mut Self)) {
        let before = self.totals(row);
        change(self);
        let difference = Totals::difference(&before, &self.totals(row));
        self.attribute_share(row, &difference);
        let mut due = [difference; 2];
        self.deduct_carried(row, &mut due);
        self.propagate(row, difference, due);
    }

    /// Gives what is due to an agent and to a tool to the row if it claims that; then it is due no more.
    fn deduct_carried(&mut self, row: RowIx, due: &mut [Totals; 2]) {
        for (by, due) in CLAIMS.into_iter().zip(due) {
            if let Some(name) = self.attributed_to(by, row)
                && !due.is_zero()
            {
                self.each_stats(self.row(row).trace(), |stats| stats.use_by(by, name, due));
                *due = Totals::default();
            }
        }
    }

    /// Carries a difference of a row's totals up to its trace and to all, and what is `due` for it to the next agent and tool.
    fn propagate(&mut self, mut row: RowIx, mut change: Totals, mut due: [Totals; 2]) {
        while !change.is_zero() || due.iter().any(|due| !due.is_zero()) {
            let data = self.row(row);
            let (parent, trace) = (data.parent, data.trace);
            if parent == NONE {
                let data = &mut self.traces[trace];
                data.counts.add(&change);
                if let Some(sums) = &mut data.sums {
                    sums.add(&change);
                }
                self.each_stats(TraceIx(trace), |stats| stats.totals.add(&change));
                return;
            }
            let parent = RowIx(parent);
            let data = self.row(parent);
            let (kind, branch) = (data.span_type, data.children);
            let told = self.branches[branch].below.tells();
            if data.usage == NONE {
                // What the parent states itself is not touched by what comes below it.
                self.branches[branch].below.add(&change);
            } else {
                // The parent's own share changes where it states what others below it now state, or no longer do.
                let before = self.totals(parent);
                self.branches[branch].below.add(&change);
                let outer = Totals::difference(&before, &self.totals(parent));
                let own = Totals::difference(&change, &outer);
                if !own.is_zero() {
                    self.attribute_share(parent, &own);
                    for due in &mut due {
                        due.add(&own);
                    }
                }
                change = outer;
            }
            if kind == SpanType::Model && told != self.branches[branch].below.tells() {
                self.recount_around(parent);
            }
            self.deduct_carried(parent, &mut due);
            row = parent;
        }
    }

    /// Hangs a row that hangs nowhere under `parent`, or at the top of its trace.
    pub(super) fn link(&mut self, row: RowIx, parent: Option<RowIx>) {
        let order = self.row(row).order();
        if let Some(parent) = parent
            && self.row(parent).children == NONE
        {
            let branch = self.branches.insert(ChildList::default());
            self.rows[parent.0].children = branch;
        }
        let siblings = self.siblings(parent, row);
        let at = match siblings.last() {
            Some(&last) if self.row(last).order() > order => siblings.partition_point(|&other| self.row(other).order() < order),
            _ => siblings.len(),
        };
        self.rows[row.0].parent = parent.map_or(NONE, |parent| parent.0);
        self.siblings_mut(parent, row).insert(at, row);
        if parent.is_none() {
            self.join_tops(self.row(row).trace(), row);
        }
        let totals = self.totals(row);
        let baggage = self.carried_totals(row, parent, &totals);
        self.propagate(row, totals, baggage);
        if let Some(parent) = parent {
            self.inherit(parent, row);
        }
    }

    /// Takes a row, with all below it, from where it hangs.
    pub(super) fn unlink(&mut self, row: RowIx) {
        let totals = self.totals(row);
        let baggage = self.carried_totals(row, self.row(row).parent(), &totals);
        self.propagate(row, totals.negated(), baggage.map(|baggage| baggage.negated()));
        self.remove_from_siblings(row);
        if self.row(row).parent == NONE {
            let data = &mut self.traces[self.rows[row.0].trace];
            data.sums = data.sums.take().filter(|_| data.roots.len() > 1);
        }
        self.rows[row.0].parent = NONE;
    }

    /// Begins to keep sums over a trace if a row came to the one at its top.
    fn join_tops(&mut self, trace: TraceIx, came: RowIx) {
        if let [first, second] = *self.trace(trace).roots() {
            let other = if first == came { second } else { first };
            self.traces[trace.0].sums = Some(Box::new(self.totals(other)));
        }
    }

    fn remove_from_siblings(&mut self, row: RowIx) {
        let at = self.position(row);
        let siblings = self.siblings_mut(self.row(row).parent(), row);
        debug_assert_eq!(siblings.get(at), Some(&row), "siblings stand in order");
        siblings.remove(at);
    }

    /// Gives a placeholder what its child tells of it: an earlier start, a kind.
    fn inherit(&mut self, parent: RowIx, child: RowIx) {
        let (start, end, kind) = (self.row(child).start, self.row(child).end, self.row(child).span_type);
        let data = self.row(parent);
        if !data.placeholder {
            return;
        }
        let guess = guess(data.span_type, kind);
        if start < data.start {
            self.move_start(parent, start);
        }
        let data = &mut self.rows[parent.0];
        (data.span_type, data.end) = (guess, data.end.max(end));
    }

    /// Gives a row an earlier start, and so another place among its siblings.
    fn move_start(&mut self, row: RowIx, start: Nanos) {
        self.remove_from_siblings(row);
        self.rows[row.0].start = start;
        let (at, parent) = (self.position(row), self.row(row).parent());
        self.siblings_mut(parent, row).insert(at, row);
        if let Some(parent) = parent {
            self.inherit(parent, row);
        }
    }

    /// `parent`, or the lowest row above it that is no deeper than [`DEPTH`].
    pub(super) fn within_depth(&self, parent: RowIx) -> RowIx {
        let above = |row: &RowIx| self.row(*row).parent();
        let mut depth = 0;
        let mut lowest = parent;
        for _ in std::iter::successors(Some(parent), above) {
            depth += 1;
            if depth > DEPTH {
                lowest = above(&lowest).unwrap_or(lowest);
            }
        }
        lowest
    }

    /// Whether `row` is `ancestor` or lies below it.
    pub(super) fn is_below(&self, mut row: RowIx, ancestor: RowIx) -> bool {
        loop {
            if row == ancestor {
                return true;
            }
            match self.row(row).parent() {
                Some(parent) => row = parent,
                None => return false,
            }
        }
    }

    /// The row's place among those that hang where it hangs.
    #[must_use]
    pub fn position(&self, row: RowIx) -> usize {
        let order = self.row(row).order();
        self.siblings(self.row(row).parent(), row).partition_point(|&other| self.row(other).order() < order)
    }

    /// The name of the agent, team or workflow that the row is, or runs under; empty if none is known.
    #[must_use]
    pub fn agent(&self, row: RowIx) -> Symbol {
        self.inherited(row, |data| if data.span_type.is_agentic() { data.label } else { Symbol::EMPTY })
    }

    /// The first text that `fact` finds on the row or, going up, above it. Looks at a bounded number of rows.
    pub fn inherited(&self, row: RowIx, fact: impl Fn(&Row) -> Symbol) -> Symbol {
        let mut at = Some(row);
        for _ in 0..ANCESTORS {
            let Some(row) = at else { break };
            let found = fact(self.row(row));
            if !found.is_empty() {
                return found;
            }
            at = self.row(row).parent();
        }
        Symbol::EMPTY
    }

    /// The failed row below `row` that is the cause: the first child that holds a failure, and so on down.
    #[must_use]
    pub fn first_failure(&self, row: RowIx) -> Option<RowIx> {
        let failed = |row: &&RowIx| self.row(**row).status == Status::Error || self.below(**row).errors > 0;
        let next = |row: &RowIx| (self.below(*row).errors > 0).then(|| self.children(*row).iter().find(failed).copied()).flatten();
        std::iter::successors(next(&row), next).take(ANCESTORS).last()
    }

    fn siblings(&self, parent: Option<RowIx>, row: RowIx) -> &[RowIx] {
        match parent {
            Some(parent) => self.children(parent),
            None => &self.traces[self.row(row).trace].roots,
        }
    }

    fn siblings_mut(&mut self, parent: Option<RowIx>, row: RowIx) -> &mut Children {
        if let Some(parent) = parent {
            let branch = self.row(parent).children;
            &mut self.branches[branch].children
        } else {
            let trace = self.row(row).trace;
            &mut self.traces[trace].roots
        }
    }
}

/// What a span that has not come is, going by the kind of one that runs under it.
fn guess(so_far: SpanType, child: SpanType) -> SpanType {
    match (so_far, child) {
        (SpanType::Workflow, _) | (_, SpanType::Step) => SpanType::Workflow,
        (SpanType::Team, _) => SpanType::Team,
        (_, child) if child.is_agentic() => SpanType::Team,
        _ => SpanType::Agent,
    }
}
