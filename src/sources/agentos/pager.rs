//! Questions for traces, page by page, the newest start first.
//!
//! A page continues at the start of the oldest trace so far instead of at a number, so that traces that come meanwhile shift nothing.
//! Pages that repeat what came end the walk, however many traces the server claims to have.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use serde_json::{Value, json};

use super::answer::Page;
use crate::model::{Nanos, Skipped, time};
use crate::sources::excerpt::BEFORE;

/// The traces of a page: AgentOS allows no more.
const LIMIT: u64 = 100;
/// How much smaller the next page is after one that was too large.
const SHRINK: u64 = 10;
/// The unit of AgentOS's times.
const MICROSECOND: Nanos = 1000;
/// The most traces in a row that came before: as many as a page may hold that began at the moment where the walk goes on.
const MAX_REPEATS: usize = LIMIT as usize;

/// Which traces to ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    /// Those that ended then or later.
    pub(super) ended_since: Option<Nanos>,
    /// Those that began then or earlier.
    pub(super) began_until: Option<Nanos>,
    /// Those whose ids begin so.
    pub(super) id: Option<String>,
    /// Those of a session, of which a page holds the last few.
    pub(super) session: Option<String>,
}

/// A question, and how far it is answered.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    filter: Filter,
    page: u64,
    limit: u64,
    pub(super) is_done: bool,
    /// The number of traces that were asked for, once it is known.
    pub(super) total: Option<u64>,
    /// The trace that was left out since it can't be asked for, and why.
    skipped: Option<Skipped>,
    /// Hashes of the traces that came since `began_until` changed, and the traces in a row that came before.
    came: HashSet<u64>,
    repeats: usize,
    hasher: RandomState,
}

impl Pager {
    pub(super) fn new(filter: Filter) -> Self {
        let (came, hasher) = (HashSet::new(), RandomState::new());
        let limit = if filter.session.is_some() { BEFORE as u64 } else { LIMIT };
        Self { filter, page: 1, limit, is_done: false, total: None, skipped: None, came, repeats: 0, hasher }
    }

    /// Asks for one trace, to learn how many there are.
    pub(super) fn count() -> Self {
        Self { limit: 1, ..Self::new(Filter::default()) }
    }

    /// Returns the next question as JSON.
    pub(super) fn question(&self) -> String {
        let at =
            |op: &str, key: &str, time: Option<Nanos>| time.map(|time| json!({"op": op, "key": key, "value": time::to_isoformat(time)}));
        let id = self.filter.id.as_ref().map(|id| json!({"op": "STARTSWITH", "key": "trace_id", "value": id}));
        let session = self.filter.session.as_ref().map(|session| json!({"op": "EQ", "key": "session_id", "value": session}));
        let conditions = [at("GTE", "end_time", self.filter.ended_since), at("LTE", "start_time", self.filter.began_until), id, session];
        let mut conditions: Vec<Value> = conditions.into_iter().flatten().collect();
        let filter = if conditions.len() > 1 { Some(json!({"op": "AND", "conditions": conditions})) } else { conditions.pop() };
        let mut question = json!({"group_by": "run", "page": self.page, "limit": self.limit});
        if let Some(filter) = filter {
            question["filter"] = filter;
        }
        question.to_string()
    }

    /// Goes on after a page; `oldest` is the oldest start in it, if any could be read. Returns what is said if the pages go round in circles.
    pub(super) fn advance(&mut self, page: &Page<'_>, oldest: Option<Nanos>) -> Option<Skipped> {
        let total = *self.total.get_or_insert(page.total);
        let asked = self.page.saturating_mul(self.limit);
        self.is_done = page.total <= asked || page.traces.is_empty();
        let before = self.came.len();
        self.came.extend(page.traces.iter().map(|trace| self.hasher.hash_one(trace)));
        self.repeats = if self.came.len() > before { 0 } else { self.repeats + page.traces.len() };
        if self.repeats > MAX_REPEATS && !self.is_done {
            self.is_done = true;
            let reason = format!("AgentOS states {total} traces, and its pages bring the same ones again and again");
            return Some(Skipped { place: "the list of traces".to_owned(), reason });
        }
        // Times may be stored more exactly than they are told.
        let next = oldest.map(|oldest| (oldest.div_euclid(MICROSECOND) + 1).saturating_mul(MICROSECOND));
        match next {
            Some(next) if self.filter.began_until.is_none_or(|before| next < before) => {
                (self.filter.began_until, self.page) = (Some(next), 1);
                self.came.clear();
            }
            _ => self.page += 1,
        }
        None
    }

    /// Goes on after a failure that may be due to the size of the page, or to a trace in it: the next page is smaller; a trace for which there
    /// is no answer is left out, unless the server answers `nothing`. Returns `false` if nothing is left to try.
    pub(super) fn retry(&mut self, reason: &str, nothing: impl FnOnce() -> bool) -> bool {
        if self.limit > 1 {
            let before = (self.page - 1) * self.limit;
            self.limit = (self.limit / SHRINK).max(1);
            self.page = before / self.limit + 1;
            return true;
        }
        if nothing() {
            return false;
        }
        if self.skipped.take().is_some() {
            // Two in a row: that is no matter of one trace.
            self.page -= 1;
            return false;
        }
        let began = self.filter.began_until.map(|time| format!(" that began before {}", time::to_isoformat(time))).unwrap_or_default();
        self.skipped = Some(Skipped { place: format!("a trace{began}"), reason: reason.to_owned() });
        self.page += 1;
        true
    }

    /// Returns the trace that was left out, once others have an answer. Pages become larger again.
    pub(super) fn succeed(&mut self) -> Option<Skipped> {
        if self.page == 1 && self.skipped.is_none() {
            self.limit = (self.limit * 2).min(LIMIT);
        }
        self.skipped.take()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn page(traces: usize, total: u64) -> Page<'static> {
        Page { traces: vec![b"{}"; traces], total }
    }

    #[test]
    fn pages_go_on_at_the_start_of_the_oldest_trace() {
        let mut pager = Pager::new(Filter { ended_since: Some(0), ..Filter::default() });
        assert_eq!(
            pager.question(),
            r#"{"group_by":"run","page":1,"limit":100,"filter":{"op":"GTE","key":"end_time","value":"1970-01-01T00:00:00+00:00"}}"#
        );
        assert_eq!(pager.advance(&page(100, 150), Some(5_000_500)), None);
        let question: Value = serde_json::from_str(&pager.question()).unwrap();
        assert_eq!(question["filter"]["conditions"][1]["value"], "1970-01-01T00:00:00.005001+00:00");
        assert!(!pager.is_done);
        // Traces that all began at once are told apart by the page's number.
        pager.advance(&page(100, 120), Some(5_000_500));
        assert!(!pager.is_done && pager.question().contains("\"page\":2"));
        pager.advance(&page(20, 120), Some(5_000_500));
        assert!(pager.is_done && pager.total == Some(150));
    }

    #[test]
    fn smaller_pages_begin_where_the_larger_one_did() {
        let mut pager = Pager::new(Filter::default());
        pager.advance(&page(100, 500), None);
        pager.advance(&page(100, 500), None);
        assert!(pager.retry("", || false) && pager.question().contains("\"page\":21,\"limit\":10"), "{}", pager.question());
        assert!(pager.retry("", || false) && pager.question().contains("\"page\":201,\"limit\":1}"), "{}", pager.question());
        assert!(!pager.retry("late", || true) && pager.question().contains("\"page\":201"), "it may have an answer later");
        assert!(pager.retry("it failed", || false) && pager.question().contains("\"page\":202"));
        assert_eq!(pager.clone().succeed().map(|skipped| skipped.reason), Some("it failed".to_owned()));
        assert!(!pager.retry("it failed", || false) && pager.question().contains("\"page\":201"), "no trace has an answer");
        assert_eq!(pager.succeed(), None);
    }
}
