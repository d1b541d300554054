//! Failures that harm no agent, and pauses that ended: what other rows tell about a row's end.
//!
//! - A span that is no step of an agent's work, such as an HTTP request, fails nothing if its service also sends such steps. That a
//!   service sends them is remembered for good, whatever becomes of its rows.
//! - A paused run is continued by a later row with the same run id.
//! - A hook is no tool call and fails nothing if it watches the tool call above it.
//! - A tool call failed if the row that executed it failed. Of a model call that two nested rows report, the upper one may tell the failure.

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use hashbrown::HashMap;

use super::attribution::MAX_EXAMINED_CHILDREN;
use super::ix::{NONE, RowIx, TraceIx};
use super::outcome::Mark;
use super::{Changes, Store};
use crate::model::{Batch, Ending, Nanos, Span, SpanType};

/// The most services that are told apart; any further ones count as one.
const MAX_SERVICES: usize = 4096;

/// The services that sent spans.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// The number of each service, by the hash of its name.
    numbers: HashMap<u64, u32>,
    /// Whether a service sent a step of an agent's work, by its number.
    agentic: Vec<bool>,
    /// Whether a service sent such a step or usage, by its number. A sender may state usage on spans that tell nothing else.
    working: Vec<bool>,
    /// The failed rows of the other services that are no steps of an agent's work.
    failures: BTreeSet<(u32, RowIx)>,
    service_of: HashMap<RowIx, u32>,
    /// The names by number; empty if the source states none.
    names: Vec<Box<str>>,
    /// The number of the service of each row, or [`UNNAMED`].
    by_row: Vec<u16>,
}

/// A row without a service, or of one beyond [`MAX_SERVICES`].
const UNNAMED: u16 = u16::MAX;

/// The most characters of a service's name that are kept.
const MAX_NAME: usize = 200;

/// The paused rows and those that continue a run.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    by_run: BTreeSet<RunPart>,
    part_of: HashMap<RowIx, RunPart>,
}

/// A paused row or one that continues a run, with its place in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunPart {
    /// The hash of the run id.
    run: u64,
    start: Nanos,
    id: [u8; 8],
    row: RowIx,
}

impl Pauses {
    fn last(&self, run: u64) -> Option<RunPart> {
        self.parts(run).next_back().copied()
    }

    fn parts(&self, run: u64) -> impl DoubleEndedIterator<Item = &RunPart> {
        let first = RunPart { run, start: Nanos::MIN, id: [0; 8], row: RowIx(0) };
        let last = RunPart { run, start: Nanos::MAX, id: [u8::MAX; 8], row: RowIx(u32::MAX) };
        self.by_run.range(first..=last)
    }

    /// Returns the rows of a run in the order of their starts.
    pub(super) fn rows(&self, run: u64) -> impl Iterator<Item = RowIx> {
        self.parts(run).map(|part| part.row)
    }

    /// Returns the hash of the id of the run that a row is a part of.
    pub(super) fn run(&self, row: RowIx) -> Option<u64> {
        self.part_of.get(&row).map(|part| part.run)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.part_of.is_empty()
    }

    pub(super) fn remove(&mut self, row: RowIx) -> Option<RunPart> {
        let part = self.part_of.remove(&row)?;
        self.by_run.remove(&part);
        Some(part)
    }

    /// Returns the parts of a row's run before and after it.
    pub(super) fn around(&self, row: RowIx) -> (Option<RowIx>, Option<RowIx>) {
        let Some(&part) = self.part_of.get(&row) else { return (None, None) };
        let is_of_run = |other: &&RunPart| other.run == part.run;
        let before = self.by_run.range(..part).next_back().filter(is_of_run).map(|part| part.row);
        let after = self.by_run.range(part..).nth(1).filter(is_of_run).map(|part| part.row);
        (before, after)
    }

    /// Whether a row was paused or continues a run.
    pub(super) fn has(&self, row: RowIx) -> bool {
        self.part_of.contains_key(&row)
    }

    /// Whether a later part of its run continues a row.
    pub(super) fn is_continued(&self, row: RowIx) -> bool {
        self.part_of.get(&row).is_some_and(|part| self.last(part.run).is_some_and(|last| last.row != row))
    }
}

impl Services {
    /// Returns the number of a service.
    fn number(&mut self, hash: u64) -> u32 {
        let next = self.agentic.len().min(MAX_SERVICES) as u32;
        if next as usize == MAX_SERVICES {
            return self.numbers.get(&hash).copied().unwrap_or(next - 1);
        }
        *self.numbers.entry(hash).or_insert_with(|| {
            self.agentic.push(false);
            self.working.push(false);
            next
        })
    }

    /// Sets the service of a row.
    fn set(&mut self, row: RowIx, service: u16) {
        let row = row.0 as usize;
        if self.by_row.len() <= row {
            self.by_row.resize(row + 1, UNNAMED);
        }
        if let Some(slot) = self.by_row.get_mut(row) {
            *slot = service;
        }
    }

    pub(super) fn remove(&mut self, row: RowIx) {
        if let Some(slot) = self.by_row.get_mut(row.0 as usize) {
            *slot = UNNAMED;
        }
        if let Some(service) = self.service_of.remove(&row) {
            self.failures.remove(&(service, row));
        }
    }

    /// Returns the numbers of the services that sent a step of an agent's work or usage.
    pub(super) fn working(&self) -> impl Iterator<Item = u16> {
        self.working.iter().zip(0..UNNAMED).filter_map(|(working, number)| working.then_some(number))
    }

    /// Returns whether a service sent a step of an agent's work or usage.
    pub(super) fn is_working(&self, service: u16) -> bool {
        self.working.get(usize::from(service)).copied().unwrap_or_default()
    }

    /// Returns the service of a failed row that is no step of an agent's work.
    pub(super) fn service_of(&self, row: RowIx) -> Option<u32> {
        self.service_of.get(&row).copied()
    }

    /// Returns whether a service sent a step of an agent's work.
    pub(super) fn is_agentic(&self, service: u32) -> bool {
        self.agentic.get(service as usize).copied().unwrap_or_default()
    }

    /// Whether a failed row counts, being of a service that sends no steps of an agent's work.
    #[cfg(test)]
    pub(super) fn counts_failure(&self, row: RowIx) -> bool {
        self.service_of.get(&row).is_some_and(|service| !self.is_agentic(*service))
    }
}

impl Store {
    /// Adds the endings of a filled row that is not linked yet. Returns the service whose failures no longer count.
    pub(super) fn enter_endings(&mut self, row: RowIx, batch: &Batch, span: &Span) -> Option<u32> {
        let freed = self.enter_service(row, batch, span);
        let facts = &span.facts;
        let run = batch.text(facts.run);
        if !run.is_empty() && (facts.ending == Ending::Paused || facts.continues) {
            let part = RunPart { run: self.hasher.hash_one(run), start: span.start, id: span.id.bytes(), row };
            self.pauses.by_run.insert(part);
            self.pauses.part_of.insert(row, part);
        }
        let is_continued = self.pauses.is_continued(row);
        self.rows[row.0].outcome.set(Mark::Continued, is_continued);
        freed
    }

    /// Returns the rows of the same run that a row continues, and that continue it.
    #[must_use]
    pub fn continuations(&self, row: RowIx) -> (Option<RowIx>, Option<RowIx>) {
        self.pauses.around(row)
    }

    /// Returns the name of the service that sent the row; empty if it is unknown.
    #[must_use]
    pub fn service(&self, row: RowIx) -> &str {
        self.service_number(row).map_or("", |number| self.service_name(number))
    }

    /// Returns the number of the service that sent the row.
    #[must_use]
    pub fn service_number(&self, row: RowIx) -> Option<u16> {
        self.services.by_row.get(row.0 as usize).copied().filter(|number| *number != UNNAMED)
    }

    /// Returns the name of a service; empty if its source states none.
    #[must_use]
    pub fn service_name(&self, number: u16) -> &str {
        self.services.names.get(usize::from(number)).map_or("", |name| name)
    }

    fn enter_service(&mut self, row: RowIx, batch: &Batch, span: &Span) -> Option<u32> {
        let (service, named) = self.find_service(batch, span);
        self.services.set(row, named);
        self.hosts.set(row, batch.text(span.facts.host), &self.hasher);
        let is_agent_work = span.facts.span_type.is_agent_work();
        if (is_agent_work || self.row(row).usage != NONE)
            && let Some(flag) = self.services.working.get_mut(service as usize)
        {
            *flag = true;
        }
        if !is_agent_work && !self.row(row).outcome.has_own_failure() {
            return None;
        }
        let is_agentic = self.services.is_agentic(service);
        if is_agent_work {
            if !is_agentic && let Some(flag) = self.services.agentic.get_mut(service as usize) {
                *flag = true;
                return Some(service);
            }
        } else {
            self.services.service_of.insert(row, service);
            if is_agentic {
                self.rows[row.0].outcome.set(Mark::Harmless, true);
            } else {
                self.services.failures.insert((service, row));
            }
        }
        None
    }

    /// Returns the number of the service, and the same for its name.
    fn find_service(&mut self, batch: &Batch, span: &Span) -> (u32, u16) {
        let text = span.facts.service;
        if let Some((last, found)) = self.last_lookup.service
            && last == text
        {
            return found;
        }
        // A source that names no service reads what one program wrote.
        let name = batch.text(text);
        let hash = if name.is_empty() { self.hasher.hash_one(batch.source) } else { self.hasher.hash_one(name) };
        let service = self.services.number(hash);
        if service as usize == self.services.names.len() {
            self.services.names.push(name.chars().take(MAX_NAME).collect());
        }
        let named = self.services.numbers.get(&hash).and_then(|number| u16::try_from(*number).ok()).unwrap_or(UNNAMED);
        self.last_lookup.service = Some((text, (service, named)));
        (service, named)
    }

    /// Applies to other rows what a linked row tells about their ends. `freed` is the result of [`Store::enter_endings`].
    pub(super) fn settle_endings(&mut self, row: RowIx, freed: Option<u32>, changes: &mut Changes) {
        if let Some(service) = freed {
            let failures: Vec<RowIx> =
                self.services.failures.range((service, RowIx(0))..=(service, RowIx(u32::MAX))).map(|&(_, row)| row).collect();
            for row in failures {
                self.services.failures.remove(&(service, row));
                self.mark(row, Mark::Harmless, true, changes);
            }
        }
        if let Some(&part) = self.pauses.part_of.get(&row) {
            let before = self.pauses.by_run.range(..part).next_back().filter(|before| before.run == part.run);
            if let Some(before) = before.copied() {
                self.mark(before.row, Mark::Continued, true, changes);
            }
        }
    }

    /// Removes the endings of a linked row, which other rows may depend on.
    pub(super) fn leave_endings(&mut self, row: RowIx, changes: &mut Changes) {
        if let Some(part) = self.pauses.remove(row)
            && let Some(last) = self.pauses.last(part.run)
        {
            self.mark(last.row, Mark::Continued, false, changes);
        }
    }

    /// Forgets who sent an unlinked row. While it is linked, the sums above it may depend on that.
    pub(super) fn forget_sender(&mut self, row: RowIx) {
        self.services.remove(row);
        self.hosts.remove(row);
    }

    /// Decides whether a row, and those below it, only watch the calls above them. A hook is no call, and if it fails, the call does not;
    /// what wraps the execution of the call is one row of it.
    pub(super) fn mark_watchers(&mut self, row: RowIx, changes: &mut Changes) {
        let mut open = vec![row];
        open.extend(self.children(row).iter().take(MAX_EXAMINED_CHILDREN));
        while let Some(row) = open.pop() {
            if self.row(row).ending() != Ending::Watching {
                continue;
            }
            let watches = self.watches(row);
            self.mark(row, Mark::Harmless, watches, changes);
            let span_type = if self.is_hook(row) { SpanType::Other } else { SpanType::Tool };
            if self.row(row).span_type != span_type {
                self.set_type(row, span_type, changes);
                open.extend(self.row(row).parent());
            }
        }
    }

    /// Returns whether a row only watches a tool call, and no execution of it is below.
    pub(super) fn is_hook(&self, row: RowIx) -> bool {
        let data = self.row(row);
        let is_execution = |&child: &RowIx| {
            let child = self.row(child);
            let is_within = data.start <= child.start && child.end <= data.end;
            !child.placeholder && child.span_type == SpanType::Tool && is_within && (child.label == data.label || child.label.is_empty())
        };
        self.watches(row) && !self.children(row).iter().take(MAX_EXAMINED_CHILDREN).any(is_execution)
    }

    /// Returns whether a row that only names a tool is within a call of that tool, or within another such row.
    pub(super) fn watches(&self, row: RowIx) -> bool {
        let Some(parent) = self.row(row).parent() else { return false };
        let (data, above) = (self.row(row), self.row(parent));
        let names_tool = above.span_type == SpanType::Tool || above.ending() == Ending::Watching;
        let is_within = above.start <= data.start && data.end <= above.end;
        data.ending() == Ending::Watching && names_tool && !above.placeholder && is_within && data.label == above.label
    }

    /// Changes the type of a linked row.
    fn set_type(&mut self, row: RowIx, span_type: SpanType, changes: &mut Changes) {
        let (parent, before, trace) = (self.row(row).parent(), self.row(row).span_type, self.row(row).trace);
        self.mark(row, Mark::FailedElsewhere, false, changes);
        self.traces[trace].work -= u32::from(self.row(row).is_work());
        self.unlink(row);
        self.set_counted(row, false);
        self.attribute(row, false);
        self.cost_models.remove(&row);
        self.rows[row.0].span_type = span_type;
        self.refresh_inner(row);
        self.attribute(row, true);
        self.link(row, parent);
        self.traces[trace].work += u32::from(self.row(row).is_work());
        self.recount_around(row);
        self.recount_neighbors(row, before);
        for around in [Some(row), parent].into_iter().flatten() {
            self.mark_execution(around, changes);
        }
        self.mark_attempts(row, changes);
        self.mark_own_reasons(row, changes);
        self.settle_cost_models(row);
        if self.below(row).has_reports() {
            self.elect_primary_above(row, parent, changes);
        }
        changes.rows.push(row);
        self.touch(TraceIx(trace), changes);
    }

    /// Marks a tool call whose execution below it failed, and the calls above it that report the same call.
    pub(super) fn mark_execution(&mut self, row: RowIx, changes: &mut Changes) {
        let mut next = Some(row);
        while let Some(row) = next.filter(|&row| self.row(row).span_type == SpanType::Tool) {
            let has_failed_below = self.row(row).outcome.has(Mark::FailedElsewhere);
            let is_failed = |child: &&RowIx| self.row(**child).own_failure() && self.is_same_operation(row, **child);
            let fails = self.below(row).errors + self.below(row).failed > 0
                && self.children(row).iter().take(MAX_EXAMINED_CHILDREN).any(|child| is_failed(&child));
            if fails == has_failed_below {
                return;
            }
            self.mark(row, Mark::FailedElsewhere, fails, changes);
            next = self.row(row).parent();
        }
    }

    /// Marks the last model call below a failed model call that reports it, too, if none below it failed itself.
    pub(super) fn mark_reports(&mut self, row: RowIx, changes: &mut Changes) {
        let mut undecided = vec![row];
        while let Some(row) = undecided.pop() {
            let calls = self.nested_calls(row);
            let failed = self.failed_nested_call(row, &calls);
            for child in calls {
                let has_failed = Some(child) == failed;
                if self.row(child).outcome.has(Mark::FailedElsewhere) != has_failed {
                    self.mark(child, Mark::FailedElsewhere, has_failed, changes);
                    if self.row(child).children != NONE {
                        undecided.push(child);
                    }
                }
            }
        }
    }

    /// Returns the model calls right below a row.
    pub(super) fn nested_calls(&self, row: RowIx) -> Vec<RowIx> {
        let children = self.children(row).iter().take(MAX_EXAMINED_CHILDREN).copied();
        children.filter(|&child| self.row(child).span_type == SpanType::Model).collect()
    }

    /// Returns the call of those right below a row that failed, though only the row says so.
    pub(super) fn failed_nested_call(&self, row: RowIx, calls: &[RowIx]) -> Option<RowIx> {
        let data = self.row(row);
        let is_told_above = data.span_type == SpanType::Model && data.own_failure() && !calls.iter().any(|&call| self.row(call).fails());
        calls.last().copied().filter(|&call| is_told_above && self.runs_within(call, row))
    }

    fn mark(&mut self, row: RowIx, mark: Mark, value: bool, changes: &mut Changes) {
        if self.row(row).outcome.has(mark) != value {
            // A call counts with its failure.
            let counted = self.row(row).counted;
            self.set_counted(row, false);
            self.change(row, |store| store.rows[row.0].outcome.set(mark, value));
            self.set_counted(row, counted);
            changes.rows.push(row);
            self.touch(self.row(row).trace(), changes);
            // Also of a pause that ended: a model call that went on may have got an answer after a failure below it.
            self.mark_own_reasons(row, changes);
        }
    }
}
