//! The values of a filter field that occur in the store, and those that fit a typed text. Both are found in slices: there may be a million rows
//! and a name for every session of a month.

use crate::query::{KINDS, STATUSES};
use crate::store::{By, RowIx, Store, Symbol};
use crate::tui::slices::{Slice, SlicedSort};

/// The most values that are listed: more than a user reads.
const MAX_LISTED: usize = 500;

/// Copying a name is as much work as so many pieces.
const PIECES: usize = 4;

/// The distinct values of a field with how often each occurs, the most frequent first.
#[derive(Debug)]
pub(super) struct Values {
    counting: Counting,
    /// The next place of a row to look at.
    next: u32,
    names: Names,
    /// How often each occurs, with the index of its name.
    counts: Vec<(u64, u32)>,
    sort: Option<SlicedSort<(u64, u32)>>,
    /// The sorted counts, each with the index of its name.
    sorted: Option<Vec<(u64, u32)>>,
}

/// Texts one behind the other: to free them one by one takes longer than a frame.
#[derive(Debug, Default)]
struct Names {
    texts: String,
    ends: Vec<usize>,
}

/// How the values of rows are counted.
#[derive(Debug)]
enum Counting {
    /// By the status of each row; each has its index.
    Statuses,
    /// By the names of the kind of each row; each has its index.
    Kinds,
    /// By a text of each row, and for each symbol one more than the index of its name.
    Texts(fn(&Store, RowIx) -> Symbol, Vec<u32>),
    /// By the service of each row, with the same for each of the services.
    Services(Vec<u32>),
}

impl Values {
    /// Begins to count the values of a field; `None` if it has none to choose from.
    pub(super) fn new(field: &str) -> Option<Self> {
        let texts = |text: fn(&Store, RowIx) -> Symbol| Counting::Texts(text, Vec::new());
        let counting = match field {
            "status" => Counting::Statuses,
            "kind" => Counting::Kinds,
            "agent" => texts(|store, row| store.label(By::Agent, row)),
            "model" => texts(Store::attributed_model),
            "tool" => texts(|store, row| store.label(By::Tool, row)),
            "name" => texts(|store, row| store.row(row).name),
            "session" => texts(Store::stated_session),
            "user" => texts(|store, row| store.row(row).user),
            "error" => texts(Store::error),
            "provider" => texts(Store::provider),
            "service" => Counting::Services(Vec::new()),
            _ => return None,
        };
        let mut names = Names::default();
        match &counting {
            Counting::Statuses => STATUSES.iter().for_each(|(name, _)| names.push(name)),
            Counting::Kinds => KINDS.iter().for_each(|(name, _)| names.push(name)),
            Counting::Texts(..) | Counting::Services(_) => {}
        }
        let counts = (0..names.ends.len() as u32).map(|name| (0, name)).collect();
        Some(Self { counting, next: 0, names, counts, sort: None, sorted: None })
    }

    /// Counts and sorts on. Returns whether all values are known and in order.
    pub(super) fn advance(&mut self, store: &Store, slice: &mut Slice) -> bool {
        if self.sorted.is_some() {
            return true;
        }
        while self.next < store.row_places() {
            let pieces = store.row_at(self.next).map_or(1, |row| self.count(store, row));
            self.next += 1;
            if !slice.goes_on(pieces) {
                return false;
            }
        }
        let Self { names, counts, sort, .. } = self;
        let unsorted = || SlicedSort::new(std::mem::take(counts));
        let compare = |one: &(u64, u32), other: &(u64, u32)| other.0.cmp(&one.0).then_with(|| names.get(one.1).cmp(names.get(other.1)));
        if !sort.get_or_insert_with(unsorted).advance(slice, compare) {
            return false;
        }
        self.sorted = self.sort.take().map(SlicedSort::into_items);
        true
    }

    /// Counts what a row states. Returns how many pieces of work that was.
    fn count(&mut self, store: &Store, row: RowIx) -> usize {
        let Self { counting, names, counts, .. } = self;
        let (places, index, name) = match counting {
            Counting::Statuses => {
                let status = store.run_status(row);
                STATUSES.iter().zip(counts).filter(|((_, known), _)| *known == status).for_each(|(_, (count, _))| *count += 1);
                return 1;
            }
            Counting::Kinds => {
                let kind = store.row(row).span_type;
                KINDS.iter().zip(counts).filter(|((_, kinds), _)| kinds.contains(&kind)).for_each(|(_, (count, _))| *count += 1);
                return 1;
            }
            Counting::Texts(text, places) => {
                let symbol = text(store, row);
                (places, symbol.index(), store.text(symbol))
            }
            Counting::Services(places) => match store.service_number(row) {
                Some(number) => (places, usize::from(number), store.service_name(number)),
                None => return 1,
            },
        };
        if name.is_empty() {
            return 1;
        }
        if index >= places.len() {
            places.resize((index + 1).max(store.texts().end()), 0);
        }
        // The symbol of a text that is gone since may stand for another one now.
        if let Some(place) = places[index].checked_sub(1).filter(|&place| names.get(place) == name) {
            counts[place as usize].0 += 1;
            return 1;
        }
        names.push(name);
        counts.push((1, counts.len() as u32));
        places[index] = counts.len() as u32;
        PIECES
    }
}

impl Names {
    fn push(&mut self, name: &str) {
        self.texts.push_str(name);
        self.ends.push(self.texts.len());
    }

    fn get(&self, at: u32) -> &str {
        let at = at as usize;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[begin..self.ends[at]]
    }
}

/// Looks for the values that contain a typed text.
#[derive(Debug)]
pub(super) struct Fitting {
    /// The typed text in lower case.
    typed: String,
    /// The next value to look at.
    next: usize,
    /// The first values that begin with it, and the first others that contain it.
    found: [Vec<(u64, u32)>; 2],
    /// The number of all values that contain it.
    pub(super) count: usize,
}

impl Fitting {
    pub(super) fn new(typed: &str) -> Self {
        Self { typed: typed.to_lowercase(), next: 0, found: [Vec::new(), Vec::new()], count: 0 }
    }

    /// Looks on. Returns whether all are found.
    pub(super) fn advance(&mut self, values: &Values, slice: &mut Slice) -> bool {
        let sorted = values.sorted.as_deref().unwrap_or_default();
        while let Some(&value) = sorted.get(self.next) {
            self.next += 1;
            if let Some(at) = values.names.get(value.1).to_lowercase().find(&self.typed) {
                self.count += 1;
                let found = &mut self.found[usize::from(at > 0)];
                if found.len() < MAX_LISTED {
                    found.push(value);
                }
            }
            if !slice.goes_on(PIECES) {
                return false;
            }
        }
        true
    }

    /// Returns the first values with their counts, those that begin with the text first; none if the text is the only one.
    pub(super) fn list<'a>(&'a self, values: &'a Values) -> impl Iterator<Item = (&'a str, u64)> {
        let found = || self.found.iter().flatten().map(|&(count, at)| (values.names.get(at), count));
        // A complete value needs no completion.
        let is_complete = self.count == 1 && found().all(|(name, _)| name.to_lowercase() == self.typed);
        found().take(if is_complete { 0 } else { MAX_LISTED })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
    use crate::store::Limits;

    /// Adds a run of each agent, each in a trace of its own.
    fn add(store: &mut Store, agents: impl Iterator<Item = (u64, String)>) {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        for (number, agent) in agents {
            let agent = batch.intern(&agent);
            batch.spans.extend(TraceId::new(u128::from(number + 1).to_be_bytes()).zip(SpanId::new([1; 8])).map(|(trace, id)| Span {
                trace,
                id,
                parent: None,
                start: number as i64,
                end: Some(number as i64 + 1),
                status: Status::Ok,
                name: agent,
                facts: SpanFacts { span_type: SpanType::Agent, agent, ..SpanFacts::default() },
                error: Text::default(),
                payload_ref: PayloadRef(0),
                retained_bytes: 0,
            }));
        }
        store.apply(&batch, 0);
    }

    fn found(values: &Values, typed: &str) -> (Vec<(String, u64)>, usize) {
        let mut fitting = Fitting::new(typed);
        while !fitting.advance(values, &mut Slice::of(Duration::ZERO)) {}
        (fitting.list(values).map(|(name, count)| (name.to_owned(), count)).collect(), fitting.count)
    }

    #[test]
    fn values_are_counted_in_slices() {
        let mut store = Store::new(Limits::default());
        add(&mut store, (0..4000).map(|number| (number, format!("Agent {}", number % 1500))));
        let mut values = Values::new("agent").unwrap_or_else(|| unreachable!());
        let mut slices = 0;
        while !values.advance(&store, &mut Slice::of(Duration::ZERO)) {
            slices += 1;
        }
        assert!(slices > 8, "{slices}");
        let (list, count) = found(&values, "agent 1");
        assert_eq!((list.len(), count), (MAX_LISTED, 611));
        assert_eq!((list[0].clone(), found(&values, "9").0[0].clone()), (("Agent 1".to_owned(), 3), ("Agent 109".to_owned(), 3)));
        assert_eq!(found(&values, "agent 1499"), (Vec::new(), 1), "it is complete");
        let mut kinds = Values::new("kind").unwrap_or_else(|| unreachable!());
        while !kinds.advance(&store, &mut Slice::of(Duration::ZERO)) {}
        assert_eq!(found(&kinds, "agent").1, 1);
        assert!(found(&kinds, "").0.contains(&("agent".to_owned(), 4000)));
        assert!(Values::new("cost").is_none());
    }

    #[test]
    fn a_text_that_takes_the_place_of_another_one_is_counted_for_itself() {
        let mut store = Store::new(Limits { spans: 600, ..Limits::default() });
        add(&mut store, (0..600).map(|number| (number, "before".to_owned())));
        let mut values = Values::new("agent").unwrap_or_else(|| unreachable!());
        assert!(!values.advance(&store, &mut Slice::of(Duration::ZERO)));
        // All that was counted is evicted, and the symbol used again.
        add(&mut store, (600..1300).map(|number| (number, "between".to_owned())));
        add(&mut store, (1300..2000).map(|number| (number, "after".to_owned())));
        assert!(store.texts().reuses() > 0);
        while !values.advance(&store, &mut Slice::of(Duration::ZERO)) {}
        let names: Vec<String> = found(&values, "").0.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["before", "after"]);
    }
}
