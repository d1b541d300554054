//! Rows against a [`Query`]. Texts are shared between rows, so each is looked at once.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::{Field, Query, Term, Test};
use crate::model::{Kind, Nanos};
use crate::store::{RowIx, Standing, Store, Symbol, TraceIx};

/// A query with what it has found out about texts so far.
pub struct Matcher {
    query: Query,
    fuzzy: SkimMatcherV2,
    /// A term's verdicts by symbol.
    seen: Vec<Vec<Verdict>>,
    /// [`crate::store::Interner::reused`] when `seen` was right.
    reused: u64,
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

impl Matcher {
    /// A matcher that has looked at nothing yet.
    #[must_use]
    pub fn new(query: Query) -> Self {
        let seen = vec![Vec::new(); query.terms.len()];
        Self { query, fuzzy: SkimMatcherV2::default().ignore_case(), seen, reused: 0 }
    }

    /// Whether the trace as a whole passes: where only `status:ok` is asked for, all of it must be well.
    #[must_use]
    pub fn passes(&self, store: &Store, trace: TraceIx) -> bool {
        let wants_ok = |term: &Term| !term.negated && term.test == Test::Status(vec![Standing::Ok]);
        !self.query.terms.iter().any(wants_ok) || store.trace(trace).standing() == Standing::Ok
    }

    /// Whether every term holds for the row; `now` ends what still runs.
    pub fn matches(&mut self, store: &Store, row: RowIx, now: Nanos) -> bool {
        if self.reused != store.texts().reused() {
            self.reused = store.texts().reused();
            self.seen.iter_mut().for_each(Vec::clear);
        }
        let Self { query, fuzzy, seen, .. } = self;
        query.terms.iter().zip(seen).all(|(term, seen)| holds(term, seen, fuzzy, store, row, now) != term.negated)
    }
}

fn holds(term: &Term, seen: &mut Vec<Verdict>, fuzzy: &SkimMatcherV2, store: &Store, row: RowIx, now: Nanos) -> bool {
    let data = store.row(row);
    match &term.test {
        Test::Fuzzy(word) => {
            [data.label, data.name, data.input].into_iter().any(|text| once(seen, text, || is_like(fuzzy, store.text(text), word)))
        }
        Test::Text(field, patterns) => {
            let text = match field {
                Field::Name => data.name,
                Field::Agent => store.agent(row),
                Field::Model if data.kind == Kind::Model => data.label,
                Field::Tool if data.kind == Kind::Tool => data.label,
                Field::Model | Field::Tool => Symbol::EMPTY,
                Field::Session => store.inherited(row, |data| data.session),
                Field::User => store.inherited(row, |data| data.user),
            };
            once(seen, text, || patterns.iter().any(|pattern| pattern.matches(store.text(text))))
        }
        Test::Status(wanted) => wanted.contains(&data.standing()),
        Test::Kind(wanted) => wanted.contains(&data.kind),
        Test::Duration(comparison, limit) => comparison.holds(&data.duration(now), limit),
        Test::Tokens(comparison, limit) => store.totals(row).tokens().is_some_and(|tokens| comparison.holds(&tokens, limit)),
    }
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

/// Fuzzy, but not so fuzzy that a short word is found scattered over any long text: gaps must not outweigh what fits together.
fn is_like(fuzzy: &SkimMatcherV2, text: &str, word: &str) -> bool {
    const MATCH: i64 = 16;
    const IN_A_ROW: i64 = 4;
    let letters = word.chars().count() as i64;
    let least = MATCH * letters + IN_A_ROW * (letters - 1) / 2;
    fuzzy.fuzzy_match(text, word).is_some_and(|score| score >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fuzzy_word_may_leave_out_letters_but_not_scatter() {
        let like = |text, word| is_like(&SkimMatcherV2::default().ignore_case(), text, word);
        assert!(like("Customer Service Agent", "service"));
        assert!(like("Customer Service Agent", "custserv"));
        assert!(like("search_database", "srchdb"));
        assert!(like("Find customer John Doe and the weather in Lisbon", "lisbon"));
        assert!(!like("Find customer John Doe and the weather in Lisbon", "cheese"));
        assert!(!like("Find customer John Doe and the weather in Lisbon", "idealer"));
        assert!(!like("Researcher", "writer"));
        assert!(!like("Customer Service Agent", "err"));
        assert!(like("payment error", "err"));
    }
}
