//! Rows against a [`Query`]. Texts are shared between rows, so each is looked at once.

mod fuzzy;

use std::collections::HashSet;

use super::{Bare, Field, Measure, Query, Term, Test};
use crate::model::{Nanos, SpanId, Status, TraceId, errors};
use crate::store::{By, RowIx, RunStatus, Store, Symbol, TraceIx};
use fuzzy::Fuzzy;

/// A query with what it has found out about texts and payloads so far.
pub struct Matcher {
    query: Query,
    fuzzy: Fuzzy,
    /// A term's verdicts by symbol.
    seen: Vec<Vec<Verdict>>,
    /// [`crate::store::Interner::reused`] when `seen` was right.
    reused: u64,
    /// The spans whose payloads hold what is asked for.
    found: HashSet<(TraceId, SpanId)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Verdict {
    #[default]
    Unknown,
    No,
    Yes,
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
    /// A matcher that has looked at nothing yet.
    #[must_use]
    pub fn new(query: Query) -> Self {
        let seen = vec![Vec::new(); query.terms.len()];
        Self { query, fuzzy: Fuzzy::default(), seen, reused: 0, found: HashSet::new() }
    }

    /// A matcher for another query. What was found in payloads stays if the other asks the same of them.
    #[must_use]
    pub fn turn_to(self, query: Query) -> Self {
        let found = if self.query.asks_the_same_of_payloads(&query) { self.found } else { HashSet::new() };
        Self { found, ..Self::new(query) }
    }

    /// The query.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Takes note that a span's payload holds what [`Query::probe`] asks for.
    pub fn found(&mut self, trace: TraceId, span: SpanId) {
        self.found.insert((trace, span));
    }

    /// Whether the trace as a whole passes: where only `status:ok` is asked for, all of it must be well.
    #[must_use]
    pub fn passes(&self, store: &Store, trace: TraceIx) -> bool {
        let wants_ok = |term: &Term| !term.negated && term.test == Test::Status(vec![RunStatus::Ok]);
        !self.query.terms.iter().any(wants_ok) || store.trace(trace).run_status() == RunStatus::Ok
    }

    /// Whether every term holds for the row; `now` ends what still runs. Of payloads it knows what it was told by [`Matcher::found`].
    pub fn matches(&mut self, store: &Store, row: RowIx, now: Nanos) -> bool {
        self.may_match(store, row, now) && (!self.query.needs_payloads() || self.is_found(store, row))
    }

    /// Whether the row matches if its payload does.
    pub fn may_match(&mut self, store: &Store, row: RowIx, now: Nanos) -> bool {
        if self.reused != store.texts().reuses() {
            self.reused = store.texts().reuses();
            self.seen.iter_mut().for_each(Vec::clear);
        }
        let Self { query, fuzzy, seen, .. } = self;
        query.terms.iter().zip(seen).all(|(term, seen)| match &term.test {
            Test::Payload(_) => true,
            test => holds(test, seen, fuzzy, store, row, now) != term.negated,
        })
    }

    fn is_found(&self, store: &Store, row: RowIx) -> bool {
        let data = store.row(row);
        self.found.contains(&(store.trace(data.trace()).id, data.id))
    }

    /// When the verdict on a row may next change though the row does not: a bound that slides along with the present comes to its start.
    #[must_use]
    pub fn next_change(&self, store: &Store, row: RowIx, now: Nanos) -> Option<Nanos> {
        let start = store.row(row).start;
        let next = |term: &Term| match &term.test {
            Test::Since(moment) | Test::Until(moment) => moment.reaches(start, now),
            _ => None,
        };
        self.query.terms.iter().filter_map(next).min()
    }
}

fn holds(test: &Test, seen: &mut Vec<Verdict>, fuzzy: &Fuzzy, store: &Store, row: RowIx, now: Nanos) -> bool {
    let data = store.row(row);
    match test {
        Test::Bare(words) => [data.label, data.name, data.input].into_iter().any(|text| {
            let like = |word: &Bare, text: &str| match word {
                Bare::Fuzzy(word) => fuzzy.is_like(text, word),
                Bare::Like(pattern) => pattern.matches(text),
            };
            once(seen, text, || words.iter().any(|word| like(word, store.text(text))))
        }),
        Test::Text(Field::Failure, patterns) => {
            let like = |message: &str| patterns.iter().any(|pattern| pattern.matches(message));
            let folded = || errors::normalize(store.text(data.error));
            data.status == Status::Error && if data.error.is_empty() { like("") } else { once(seen, data.error, || like(&folded())) }
        }
        Test::Text(field, patterns) => {
            let symbol = text(*field, store, row);
            once(seen, symbol, || patterns.iter().any(|pattern| pattern.matches(store.text(symbol))))
        }
        Test::Status(wanted) => wanted.contains(&data.run_status()),
        Test::Kind(wanted) => wanted.contains(&data.span_type),
        Test::Trace(beginnings) => {
            let id = store.trace(data.trace()).id;
            beginnings.iter().any(|beginning| begins(id, beginning))
        }
        Test::Number(measure, comparison, limit) => {
            number(*measure, store, row, now).is_some_and(|number| comparison.holds(&number, limit))
        }
        Test::Since(moment) => data.start >= moment.at(now),
        Test::Until(moment) => data.start <= moment.at(now),
        Test::Payload(_) => false,
    }
}

fn text(field: Field, store: &Store, row: RowIx) -> Symbol {
    let data = store.row(row);
    match field {
        Field::Name => data.name,
        Field::Agent => store.agent(row),
        Field::Model => store.attributed_model(row),
        Field::Tool => store.label(By::Tool, row),
        Field::Provider => store.provider(row),
        Field::Session => store.inherited(row, |data| data.session),
        Field::User => store.inherited(row, |data| data.user),
        Field::Error | Field::Failure => data.error,
    }
}

/// A row's number; `None` if it is unknown.
fn number(measure: Measure, store: &Store, row: RowIx, now: Nanos) -> Option<i64> {
    let totals = || store.totals(row);
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    match measure {
        Measure::Duration => Some(store.row(row).duration(now)),
        Measure::Own => Some(store.own_time(row, now)),
        Measure::Tokens => totals().tokens().map(count),
        Measure::Input => Some(totals()).filter(|totals| totals.inputs > 0).map(|totals| count(totals.input)),
        Measure::Output => Some(totals()).filter(|totals| totals.outputs > 0).map(|totals| count(totals.output)),
        Measure::Cost => totals().cost(),
    }
}

fn begins(id: TraceId, beginning: &str) -> bool {
    let digit = |at: usize| id.bytes().get(at / 2).map(|byte| if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 });
    beginning.chars().enumerate().all(|(at, c)| digit(at).map(u32::from) == c.to_digit(16))
}

fn once(seen: &mut Vec<Verdict>, text: Symbol, look: impl FnOnce() -> bool) -> bool {
    if text.is_empty() {
        return false;
    }
    if seen.len() <= text.index() {
        seen.resize(text.index() + 1, Verdict::Unknown);
    }
    let verdict = &mut seen[text.index()];
    if *verdict == Verdict::Unknown {
        *verdict = if look() { Verdict::Yes } else { Verdict::No };
    }
    *verdict == Verdict::Yes
}
