//! Log records in memory: the newest ones up to a limit, found by their span or by their session.

use std::collections::{BTreeSet, VecDeque};
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};

use crate::model::log::session_hash;
use crate::model::{LogBatch, LogRecord, Nanos, SourceId, SpanId, TraceId};

/// The most bytes of memory, about, for the places of a record in the tables.
const TABLES: usize = 96;

/// The number of a record, from 0 for the first that came. Records are numbered in the order in which they came.
pub type LogNumber = u64;

/// The records, by number.
type Numbers = VecDeque<LogNumber>;

/// Log records, bounded by memory: beyond the limit the oldest ones go.
#[derive(Debug)]
pub struct LogStore {
    records: VecDeque<(SourceId, LogRecord)>,
    /// The number of the oldest record held.
    first: LogNumber,
    by_span: HashMap<(TraceId, SpanId), Numbers>,
    by_session: HashMap<u64, Numbers>,
    /// The lines on standard error that name no span, by time.
    loose_lines: BTreeSet<(Nanos, LogNumber)>,
    /// The source of each record, by its hash: one that is recorded comes from the listener and from the file.
    known: HashMap<u64, SourceId>,
    hasher: DefaultHashBuilder,
    limit: usize,
    bytes: usize,
}

impl Default for LogStore {
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

impl LogStore {
    /// Returns an empty store that holds at most this many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let (by_span, by_session, loose_lines, known, hasher) = Default::default();
        Self { records: VecDeque::new(), first: 0, by_span, by_session, loose_lines, known, hasher, limit, bytes: 0 }
    }

    /// Adds records, except those that another source has sent. The oldest ones go if there is no room.
    pub fn apply(&mut self, batch: LogBatch) {
        for record in batch.records {
            let hash = self.hasher.hash_one((&record.encoded, &record.group.service));
            if *self.known.entry(hash).or_insert(batch.source) != batch.source {
                continue;
            }
            let number = self.end();
            self.bytes += record.memory() + TABLES;
            if let (Some(trace), Some(span)) = (record.trace, record.span) {
                self.by_span.entry((trace, span)).or_default().push_back(number);
            } else if record.is_line() {
                self.loose_lines.insert((record.time, number));
            }
            if record.session != 0 {
                self.by_session.entry(record.session).or_default().push_back(number);
            }
            self.records.push_back((batch.source, record));
            while self.bytes > self.limit {
                self.drop_oldest();
            }
        }
    }

    fn drop_oldest(&mut self) {
        let Some((_, record)) = self.records.pop_front() else { return };
        self.bytes -= record.memory() + TABLES;
        self.loose_lines.remove(&(record.time, self.first));
        self.first += 1;
        self.known.remove(&self.hasher.hash_one((&record.encoded, &record.group.service)));
        if let (Some(trace), Some(span)) = (record.trace, record.span) {
            pop_first(&mut self.by_span, &(trace, span));
        }
        if record.session != 0 {
            pop_first(&mut self.by_session, &record.session);
        }
    }

    /// Returns the number of records held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no record is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the number of the oldest record held, which is how many went.
    #[must_use]
    pub fn first(&self) -> LogNumber {
        self.first
    }

    /// Returns the number of the next record, which is how many came.
    #[must_use]
    pub fn end(&self) -> LogNumber {
        self.first + self.records.len() as u64
    }

    /// Returns a record; `None` if it went.
    #[must_use]
    pub fn get(&self, number: LogNumber) -> Option<&LogRecord> {
        Some(&self.entry(number)?.1)
    }

    /// Returns the source of a record.
    #[must_use]
    pub fn source(&self, number: LogNumber) -> Option<SourceId> {
        Some(self.entry(number)?.0)
    }

    fn entry(&self, number: LogNumber) -> Option<&(SourceId, LogRecord)> {
        self.records.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Returns the records of a span, in the order in which they came.
    #[must_use]
    pub fn of_span(&self, trace: TraceId, span: SpanId) -> impl DoubleEndedIterator<Item = LogNumber> {
        self.by_span.get(&(trace, span)).into_iter().flatten().copied()
    }

    /// Returns the times of the lines on standard error between two times that name no span.
    #[must_use]
    pub fn loose_lines(&self, from: Nanos, until: Nanos) -> impl DoubleEndedIterator<Item = Nanos> {
        self.loose_lines.range((from, 0)..=(until.max(from), LogNumber::MAX)).map(|&(time, _)| time)
    }

    /// Returns the records of a session between two times that name no span.
    pub fn of_session(&self, session: &str, from: Nanos, until: Nanos) -> impl Iterator<Item = LogNumber> {
        let numbers = self.by_session.get(&session_hash(session.as_bytes())).into_iter().flatten().copied();
        let is_in = move |record: &LogRecord| record.span.is_none() && (from..=until).contains(&record.time);
        numbers.filter(move |number| self.get(*number).is_some_and(is_in))
    }
}

fn pop_first<K: Eq + std::hash::Hash>(table: &mut HashMap<K, Numbers>, key: &K) {
    if let Some(numbers) = table.get_mut(key) {
        numbers.pop_front();
        if numbers.is_empty() {
            table.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
