//! Matching rows against a [`Query`]. Rows share texts, so each distinct text is tested once.

mod fuzzy;

use std::collections::HashSet;

use super::{BareWord, NumberField, Query, ScoreTest, Term, Test, TextField};
use crate::model::payload_query::Condition;
use crate::model::{Nanos, SpanId, TraceId, errors};
use crate::store::{By, RowIx, RunStatus, Score, Store, Symbol, Totals, TraceIx};
use fuzzy::Fuzzy;

/// A query with cached results for texts, and the spans whose payloads match.
pub struct Matcher {
    query: Query,
    fuzzy: Fuzzy,
    /// The results of each term by symbol; `None` if not yet computed.
    results: Vec<Vec<Option<bool>>>,
    /// [`Interner::reuses`](crate::store::Interner::reuses) when `results` was valid.
    reuses: u64,
    /// The spans whose payloads match.
    payload_matches: HashSet<(TraceId, SpanId)>,
    /// The calls that a cache missed.
    misses: HashSet<(TraceId, SpanId)>,
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("query", &self.query).finish_non_exhaustive()
    }
}

impl Default for Matcher {
    fn default() -> Self {
        Self::new(Query::default())
    }
}

impl Matcher {
    /// Returns a matcher without cached results.
    #[must_use]
    pub fn new(query: Query) -> Self {
        let results = vec![Vec::new(); query.terms.len()];
        Self { query, fuzzy: Fuzzy::default(), results, reuses: 0, payload_matches: HashSet::new(), misses: HashSet::new() }
    }

    /// Returns a matcher for another query. It keeps the misses, and the payload matches if both queries have the same payload search.
    #[must_use]
    pub fn with_query(self, query: Query) -> Self {
        let payload_matches = if self.query.has_same_payload_search(&query) { self.payload_matches } else { HashSet::new() };
        Self { payload_matches, misses: self.misses, ..Self::new(query) }
    }

    /// Returns the query.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Remembers that a span's payload matches [`Query::payload_query`].
    pub fn add_payload_match(&mut self, trace: TraceId, span: SpanId) {
        self.payload_matches.insert((trace, span));
    }

    /// Remembers that a cache missed a call.
    pub fn add_miss(&mut self, trace: TraceId, span: SpanId) {
        self.misses.insert((trace, span));
    }

    /// Returns whether the trace as a whole may be shown: with `status:ok`, no span of it may have failed or be running.
    #[must_use]
    pub fn matches_trace(&self, store: &Store, trace: TraceIx) -> bool {
        let requires_ok = |term: &Term| !term.negated && term.test == Test::Status(vec![RunStatus::Ok]);
        !self.query.terms.iter().any(requires_ok) || store.trace(trace).run_status() == RunStatus::Ok
    }

    /// Returns whether every term matches the row at `now`. Payloads match as far as [`Matcher::add_payload_match`] says.
    pub fn matches(&mut self, store: &Store, row: RowIx, now: Nanos) -> bool {
        self.may_match(store, row, now) && (!self.query.needs_payloads() || self.has_payload_match(store, row))
    }

    /// Returns whether the row matches, provided that its payload does.
    pub fn may_match(&mut self, store: &Store, row: RowIx, now: Nanos) -> bool {
        if self.reuses != store.texts().reuses() {
            self.reuses = store.texts().reuses();
            self.results.iter_mut().for_each(Vec::clear);
        }
        let Self { query, fuzzy, results, misses, .. } = self;
        query.terms.iter().zip(results).all(|(term, results)| match &term.test {
            // Only calls have parameters; a row above may state the settings of all its calls.
            Test::Payload(Condition::Fact(..)) => term.negated || store.row(row).span_type.calls_model(),
            Test::Payload(_) => true,
            Test::Miss(wanted) => {
                missed(misses, store, row).is_some_and(|is_missed| wanted.is_none_or(|it| it == is_missed)) != term.negated
            }
            test => matches(test, results, fuzzy, store, row, now) != term.negated,
        })
    }

    fn has_payload_match(&self, store: &Store, row: RowIx) -> bool {
        let data = store.row(row);
        self.payload_matches.contains(&(store.trace(data.trace()).id, data.id))
    }

    /// Returns when the result for a row may change next without a change of the row: when an age passes its start.
    #[must_use]
    pub fn next_change(&self, store: &Store, row: RowIx, now: Nanos) -> Option<Nanos> {
        let start = store.row(row).start;
        let next = |term: &Term| match &term.test {
            Test::Since(bound) | Test::Until(bound) => bound.passes(start, now),
            _ => None,
        };
        self.query.terms.iter().filter_map(next).min()
    }
}

fn matches(test: &Test, results: &mut Vec<Option<bool>>, fuzzy: &Fuzzy, store: &Store, row: RowIx, now: Nanos) -> bool {
    let data = store.row(row);
    match test {
        Test::Bare(words) => [data.label, data.name, data.input].into_iter().any(|text| {
            let matches = |word: &BareWord, text: &str| match word {
                BareWord::Fuzzy(word) => fuzzy.matches(text, word),
                BareWord::Pattern(pattern) => pattern.matches(text),
            };
            cached(results, text, || words.iter().any(|word| matches(word, store.text(text))))
        }),
        Test::Text(TextField::Failure, patterns) => {
            let matches = |message: &str| patterns.iter().any(|pattern| pattern.matches(message));
            let error = if store.is_failed_step(row) { Some(store.failure_text(row)) } else { None };
            let normalized = |error| errors::normalize(store.text(error));
            error.is_some_and(|error| if error.is_empty() { matches("") } else { cached(results, error, || matches(&normalized(error))) })
        }
        // Only log records have these.
        Test::Text(TextField::Event | TextField::Log, _) | Test::Level(_) | Test::Payload(_) | Test::Miss(_) => false,
        Test::Text(TextField::Service, patterns) => patterns.iter().any(|pattern| pattern.matches(store.service(row))),
        Test::Text(field, patterns) => {
            // Views show the label in place of the name.
            let shown = if *field == TextField::Name { data.label } else { Symbol::EMPTY };
            let mut matches = |text| cached(results, text, || patterns.iter().any(|pattern| pattern.matches(store.text(text))));
            [text(*field, store, row), shown].into_iter().any(&mut matches)
        }
        Test::Status(statuses) => {
            let status = store.run_status(row);
            // A failed attempt fails no run.
            let is_outlived = || status == RunStatus::Error && store.trace(store.row(row).trace()).run_status() != status;
            statuses.contains(&status) && !is_outlived()
        }
        Test::SpanType(span_types) => span_types.contains(&data.span_type),
        Test::Trace(prefixes) => {
            let id = store.trace(data.trace()).id;
            prefixes.iter().any(|prefix| has_prefix(id, prefix))
        }
        Test::Number(measure, comparison, limit) => {
            number(*measure, store, row, now).is_some_and(|number| comparison.holds(&number, limit))
        }
        Test::Score(name, test) => {
            let is_named =
                |score: &&Score| name.as_ref().is_none_or(|name| [&score.name, &score.kind].iter().any(|known| names(known, name)));
            store.scores(row).filter(is_named).any(|score| match test {
                ScoreTest::Compares(comparison, limit) => score.value.is_some_and(|value| comparison.holds(&value, limit)),
                ScoreTest::Passed(passed) => passed.is_none() || score.passed == *passed,
            })
        }
        Test::Approval(patterns) => store.approvals(row).any(|approval| patterns.iter().any(|pattern| pattern.matches(&approval.status))),
        Test::Since(bound) => data.start >= bound.at(now),
        Test::Until(bound) => data.start <= bound.at(now),
    }
}

/// Returns whether a word names an evaluation, whose blanks may be written `-` or `_`.
fn names(evaluation: &str, word: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace([' ', '-'], "_");
    plain(evaluation) == plain(word)
}

/// Returns whether a cache missed a call; `None` of other rows, and of calls that do not state what the cache did.
fn missed(misses: &HashSet<(TraceId, SpanId)>, store: &Store, row: RowIx) -> Option<bool> {
    store.call_of(row).filter(|(by, _)| *by == By::Model)?;
    let data = store.row(row);
    let is_missed = misses.contains(&(store.trace(data.trace()).id, data.id));
    let is_stated = || store.usage(row).is_some_and(|usage| usage.cache_read.is_some());
    if is_missed || is_stated() { Some(is_missed) } else { None }
}

fn text(field: TextField, store: &Store, row: RowIx) -> Symbol {
    let data = store.row(row);
    match field {
        TextField::Name => data.name,
        TextField::Agent => store.agent(row),
        TextField::Model => store.attributed_model(row),
        TextField::Tool => store.label(By::Tool, row),
        TextField::Provider => store.provider(row),
        TextField::Session => store.session(row),
        TextField::User => store.inherited(row, |data| data.user),
        TextField::Error | TextField::Failure => data.error,
        // Names of services are no symbols.
        TextField::Service | TextField::Event | TextField::Log => Symbol::EMPTY,
    }
}

/// Returns a number of a row; `None` if it is unknown.
fn number(measure: NumberField, store: &Store, row: RowIx, now: Nanos) -> Option<i64> {
    match measure {
        NumberField::Duration => store.shown_time(row, now),
        NumberField::OwnTime => Some(store.own_time(row, now)),
        // As beside the row on the screen: the first root of a trace stands for all of it.
        NumberField::Tokens | NumberField::Input | NumberField::Output | NumberField::Cost => amount(measure, &store.shown_totals(row)),
        NumberField::Cached => store.cached_share(row),
        NumberField::Context => store.context_share(row),
        NumberField::FirstToken => store.first_token(row),
        NumberField::Speed => store.output_rate(row).map(|rate| rate.round() as i64),
    }
}

/// Returns the tokens or the cost of sums; `None` if they are unknown, or of another number.
pub(super) fn amount(measure: NumberField, totals: &Totals) -> Option<i64> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    match measure {
        NumberField::Tokens => totals.tokens().map(count),
        NumberField::Input => (totals.inputs > 0).then(|| count(totals.input)),
        NumberField::Output => (totals.outputs > 0).then(|| count(totals.output)),
        NumberField::Cost => totals.cost(),
        _ => None,
    }
}

pub(super) fn has_prefix(id: TraceId, prefix: &str) -> bool {
    let digit = |at: usize| id.bytes().get(at / 2).map(|byte| if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 });
    prefix.chars().enumerate().all(|(at, c)| digit(at).map(u32::from) == c.to_digit(16))
}

/// Returns the cached result for a text, or computes it. The empty text matches nothing.
fn cached(results: &mut Vec<Option<bool>>, text: Symbol, compute: impl FnOnce() -> bool) -> bool {
    if text.is_empty() {
        return false;
    }
    if results.len() <= text.index() {
        results.resize(text.index() + 1, None);
    }
    *results[text.index()].get_or_insert_with(compute)
}
