//! Approvals and evaluations of the runs that rows are.
//!
//! A row is found by the id of its run, and that of an evaluation also by its session. Rows and reviews arrive in either order.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::ix::{RowIx, TraceIx};
use super::memory::TREE;
use super::{Changes, RunStatus, Store};
use crate::model::review::{Approval, Evaluation, Reviews, Verdict};
use crate::model::sort;
use crate::model::{Batch, Origin, SourceId, Span};

/// How the sessions begin that Agno makes for the runs of an evaluation.
const EVALUATED: &str = "eval_";

/// A judgement of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The kind of the evaluation.
    pub kind: Box<str>,
    /// The name of the evaluation; empty if it has none.
    pub name: Box<str>,
    /// The score, on the scale of the evaluation.
    pub value: Option<f64>,
    /// Whether the run passed.
    pub passed: Option<bool>,
}

impl Score {
    fn new(evaluation: &Evaluation, verdict: &Verdict) -> Self {
        let Evaluation { kind, name, .. } = evaluation;
        Self { kind: kind.clone(), name: name.clone(), value: verdict.score, passed: verdict.passed }
    }

    /// Returns the name of the evaluation, or its kind if it has none.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.name.is_empty() { &self.kind } else { &self.name }
    }

    /// Returns the sort key among the scores of a run: what it failed comes first.
    fn order(&self) -> (bool, &str, &str) {
        (self.passed != Some(false), self.title(), &self.kind)
    }
}

/// The reviews of each source, and the rows that they may be about.
#[derive(Debug, Default)]
pub(super) struct RunReviews {
    /// By the hash of a run's or a session's id.
    rows: BTreeSet<(u64, RowIx)>,
    runs: HashMap<RowIx, u64>,
    sessions: HashMap<RowIx, u64>,
    sources: HashMap<SourceId, Arc<Reviews>>,
    /// Every approval, the oldest first.
    listed: Vec<Approval>,
    /// The places in `listed`, by the hash of the run's id.
    approvals: HashMap<u64, Vec<u32>>,
    scores: HashMap<u64, Vec<Score>>,
    /// The rows with reviews, by trace.
    reviewed: BTreeSet<(TraceIx, RowIx)>,
}

impl RunReviews {
    /// Returns the bytes that the tables take.
    pub(super) fn memory(&self) -> usize {
        self.rows.len() * TREE * size_of::<(u64, RowIx)>()
            + (self.runs.capacity() + self.sessions.capacity()) * size_of::<(RowIx, u64)>()
            + self.reviewed.len() * TREE * size_of::<(TraceIx, RowIx)>()
    }

    /// Returns the numbers of runs, of rows by run, and of reviewed rows.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.runs.len(), self.rows.len(), self.reviewed.len()]
    }

    fn keys(&self, row: RowIx) -> impl Iterator<Item = u64> {
        [self.runs.get(&row), self.sessions.get(&row)].into_iter().flatten().copied()
    }

    fn has_reviews(&self, row: RowIx) -> bool {
        self.keys(row).any(|key| self.approvals.contains_key(&key) || self.scores.contains_key(&key))
    }

    fn rows_of(&self, key: u64) -> impl Iterator<Item = RowIx> {
        self.rows.range((key, RowIx(0))..=(key, RowIx(u32::MAX))).map(|&(_, row)| row)
    }
}

impl Store {
    /// Returns the approvals of the run that a row is, the oldest first.
    pub fn approvals(&self, row: RowIx) -> impl Iterator<Item = &Approval> {
        let places = self.reviews.runs.get(&row).and_then(|run| self.reviews.approvals.get(run)).into_iter().flatten();
        places.filter_map(|&place| self.reviews.listed.get(place as usize))
    }

    /// Returns every approval, the oldest first, whether its run is held or not.
    #[must_use]
    pub fn all_approvals(&self) -> &[Approval] {
        &self.reviews.listed
    }

    /// Returns the row that is the run of an approval, if it is held.
    #[must_use]
    pub fn asking(&self, approval: &Approval) -> Option<RowIx> {
        let key = self.hasher.hash_one(&*approval.run);
        self.reviews.rows_of(key).filter(|row| self.reviews.runs.get(row) == Some(&key)).last()
    }

    /// Returns the judgements of the run that a row is.
    pub fn scores(&self, row: RowIx) -> impl Iterator<Item = &Score> {
        self.reviews.keys(row).filter_map(|key| self.reviews.scores.get(&key)).flatten()
    }

    /// Returns the approval that the row waits for.
    #[must_use]
    pub fn awaited(&self, row: RowIx) -> Option<&Approval> {
        self.approvals(row).find(|approval| approval.waits).filter(|_| self.row(row).own_status() == RunStatus::Paused)
    }

    /// Returns the rows of a trace, and of the traces that are parts of it, whose runs have approvals or evaluations.
    pub fn reviewed(&self, main: TraceIx) -> impl Iterator<Item = RowIx> {
        let parts = (!self.reviews.reviewed.is_empty()).then(|| self.group(main));
        parts.into_iter().flatten().flat_map(|part| self.reviewed_in(part))
    }

    fn reviewed_in(&self, trace: TraceIx) -> impl Iterator<Item = RowIx> {
        self.reviews.reviewed.range((trace, RowIx(0))..=(trace, RowIx(u32::MAX))).map(|&(_, row)| row)
    }

    /// Returns the first row of a trace, or of a part of it, that waits for an approval.
    #[must_use]
    pub fn awaiting(&self, main: TraceIx) -> Option<(RowIx, &Approval)> {
        self.reviewed(main).find_map(|row| Some((row, self.awaited(row)?)))
    }

    /// Returns the rows that wait for an approval.
    pub fn all_awaiting(&self) -> impl Iterator<Item = (RowIx, &Approval)> {
        self.reviews.reviewed.iter().filter_map(|&(_, row)| Some((row, self.awaited(row)?)))
    }

    /// Remembers the run that a filled row is.
    pub(super) fn enter_review(&mut self, row: RowIx, batch: &Batch, span: &Span) {
        if !span.facts.span_type.is_agentic() {
            return;
        }
        let (run, session) = (batch.text(span.facts.run), batch.text(span.facts.session));
        if !run.is_empty() {
            let key = self.hasher.hash_one(run);
            self.reviews.runs.insert(row, key);
            self.reviews.rows.insert((key, row));
        }
        if session.starts_with(EVALUATED) {
            let key = self.hasher.hash_one(session);
            self.reviews.sessions.insert(row, key);
            self.reviews.rows.insert((key, row));
        }
        if self.reviews.has_reviews(row) {
            self.reviews.reviewed.insert((self.row(row).trace(), row));
        }
    }

    /// Forgets the run that a row is.
    pub(super) fn leave_review(&mut self, row: RowIx) {
        let trace = self.row(row).trace();
        let reviews = &mut self.reviews;
        for key in [reviews.runs.remove(&row), reviews.sessions.remove(&row)].into_iter().flatten() {
            reviews.rows.remove(&(key, row));
        }
        if !reviews.reviewed.is_empty() {
            reviews.reviewed.remove(&(trace, row));
        }
    }

    /// Replaces the reviews of a source.
    pub(super) fn set_reviews(&mut self, source: SourceId, reviews: &Arc<Reviews>, origin: Origin, changes: &mut Changes) {
        let waiting = |reviews: &Reviews| -> HashSet<Box<str>> {
            reviews.approvals.iter().filter(|approval| approval.waits).map(|approval| approval.id.clone()).collect()
        };
        let before = self.reviews.sources.insert(source, reviews.clone());
        let known = before.as_deref().map(waiting).unwrap_or_default();
        changes.asks |= origin == Origin::Live && waiting(reviews).difference(&known).next().is_some();
        let mut keys: HashSet<u64> = self.reviews.approvals.drain().map(|(key, _)| key).collect();
        keys.extend(self.reviews.scores.drain().map(|(key, _)| key));
        self.reviews.listed = self.reviews.sources.values().flat_map(|reviews| reviews.approvals.iter().cloned()).collect();
        sort::by(&mut self.reviews.listed, |one, other| (one.asked, &one.id).cmp(&(other.asked, &other.id)));
        for (approval, place) in self.reviews.listed.iter().zip(0..) {
            let key = self.hasher.hash_one(&*approval.run);
            self.reviews.approvals.entry(key).or_default().push(place);
        }
        for reviews in self.reviews.sources.values() {
            for evaluation in &reviews.evaluations {
                for verdict in &evaluation.verdicts {
                    let key = self.hasher.hash_one(&*verdict.subject);
                    self.reviews.scores.entry(key).or_default().push(Score::new(evaluation, verdict));
                }
            }
        }
        self.reviews.scores.values_mut().for_each(|scores| sort::by(scores, |one, other| one.order().cmp(&other.order())));
        keys.extend(self.reviews.approvals.keys().chain(self.reviews.scores.keys()));
        let rows: Vec<RowIx> = keys.into_iter().flat_map(|key| self.reviews.rows_of(key)).collect();
        self.reviews.reviewed.clear();
        for row in rows {
            let trace = self.row(row).trace();
            if self.reviews.has_reviews(row) {
                self.reviews.reviewed.insert((trace, row));
            }
            self.touch(trace, changes);
            // A part of another trace is drawn and sorted with it.
            self.touch(self.main_of(trace), changes);
            changes.rows.push(row);
        }
    }
}
