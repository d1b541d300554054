//! Reads the traces of a [`Wanted`].
//!
//! What it relies on: a span of a time in the past began up to [`LOOK_BACK`] before it, and one that ran until now up to [`LONGEST`] ago. The
//! other spans of a trace are sought within [`LONGEST`] of that time, and where a parent is missing then in the whole table.

use std::collections::HashSet;

use super::error::Error;
use super::load::LONGEST;
use super::pager::{Extent, Pager};
use super::rows;
use super::search;
use super::server::{Condition, Parameter, Server};
use super::table::Table;
use crate::model::{Batch, Nanos, SpanId, TraceId};
use crate::sources::excerpt::BEFORE;
use crate::sources::{Held, Wanted};

/// The most rows of a time. More are read faster in the order of time.
const MAX_ROWS: u64 = 200_000;
/// The most traces whose ids begin alike; more identify none.
const MAX_ALIKE: usize = 64;
/// The ids of traces in a statement.
const IDS: usize = 256;
/// The rows of a page.
const PAGE: u64 = 8192;
/// By how much clocks may differ.
const MARGIN: Nanos = 10_000_000_000;
/// How long before a time in the past the spans began that ran into it.
const LOOK_BACK: Nanos = 3_600_000_000_000;
/// The most traces that are sought by what they hold; of more, a read by time is faster.
const MAX_HOLDING: usize = 256;
/// The most questions for these, each for a shorter time if the server has a limit.
const MAX_QUESTIONS: usize = 64;
/// The shortest time of such a question.
const MIN_TIME: Nanos = 1_000_000_000;
/// How long before a run the earlier ones of its session are sought: a session is in no index.
const DAY: Nanos = 86_400_000_000_000;
/// The digits of a trace id.
const DIGITS: usize = 32;

/// What was read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) batches: Vec<Batch>,
    /// See [`Update::Read`](crate::sources::Update::Read).
    pub(super) from: Nanos,
}

/// Reads traces without those in `sent`, to which it adds them; `None` if only a read of everything can tell. `empty` is an empty batch.
pub(super) fn read(
    server: &mut Server,
    table: &Table,
    wanted: &Wanted,
    sent: &mut HashSet<TraceId>,
    empty: &Batch,
) -> Result<Option<Found>, Error> {
    let mut reader = Reader { server, table, before: sent.clone(), batches: Vec::new(), empty };
    let from = match wanted {
        Wanted::Ids(prefixes) => {
            let mut ids = Vec::new();
            for prefix in prefixes {
                ids.extend(reader.alike(prefix)?);
            }
            reader.traces(&ids)?;
            Nanos::MIN
        }
        // The ids beside an id are those of any time, so that the cost would grow with the table.
        Wanted::Beside(_) => return Ok(None),
        Wanted::Sessions(sessions) => {
            let Some(extent) = reader.extent()? else { return Ok(Some(Found { batches: Vec::new(), from: Nanos::MIN })) };
            let mut from = Nanos::MIN;
            for (session, time) in sessions {
                let since = time.saturating_sub(DAY);
                let ids = reader.in_session(session, since, *time)?;
                reader.traces(&ids)?;
                from = from.max(if since > extent.first { since } else { Nanos::MIN });
            }
            from
        }
        Wanted::Period(from, to) => {
            let Some(extent) = reader.extent()? else { return Ok(Some(Found { batches: Vec::new(), from: *from })) };
            if !reader.period(*from, *to, extent)? {
                return Ok(None);
            }
            *from
        }
        Wanted::Newest(n) => {
            let Some(extent) = reader.extent()? else { return Ok(Some(Found { batches: Vec::new(), from: Nanos::MIN })) };
            let (since, from) = reader.newest(*n, extent)?;
            if !reader.period(since, None, extent)? {
                return Ok(None);
            }
            from
        }
        Wanted::Holding { held, since, until } => {
            let Some(extent) = reader.extent()? else { return Ok(Some(Found { batches: Vec::new(), from: Nanos::MIN })) };
            let Some(ids) = reader.holding(held, *since, *until, extent)? else { return Ok(None) };
            reader.traces(&ids)?;
            Nanos::MIN
        }
    };
    let batches = reader.batches;
    sent.extend(batches.iter().flat_map(|batch| batch.spans.iter().map(|span| span.trace)));
    Ok(Some(Found { batches, from }))
}

struct Reader<'a> {
    server: &'a mut Server,
    table: &'a Table,
    /// The traces that were sent before.
    before: HashSet<TraceId>,
    batches: Vec<Batch>,
    empty: &'a Batch,
}

impl Reader<'_> {
    fn extent(&mut self) -> Result<Option<Extent>, Error> {
        Extent::read(self.server, self.table, &Condition::default())
    }

    /// Returns the start of the `n`th newest span, and from when on that reads every span.
    fn newest(&mut self, n: u64, extent: Extent) -> Result<(Nanos, Nanos), Error> {
        let mut pager = Pager::new(extent.first, extent.last.saturating_add(1), n.max(1), extent);
        let mut left = n;
        while left > 0 {
            pager.limit(left);
            let Some(piece) = pager.next(self.server, self.table, &Condition::default())? else { break };
            let within = self.table.between(piece.from, piece.to);
            let sql = format!("SELECT count() FROM {} WHERE {}", self.table.quoted(), within.sql);
            let rows = self.server.query(&sql, &within.parameters)?.first_number(0).unwrap_or_default();
            left = left.saturating_sub(u64::try_from(rows).unwrap_or_default());
            pager.advance(piece);
            if left == 0 {
                return Ok((piece.from, piece.from));
            }
        }
        Ok((extent.first, Nanos::MIN))
    }

    /// Reads the traces with a span that ran in a time. Returns `false` if they are too many.
    fn period(&mut self, from: Nanos, to: Option<Nanos>, extent: Extent) -> Result<bool, Error> {
        let since = from.saturating_sub(MARGIN).max(extent.first);
        let until = to.map_or(Nanos::MAX, |to| to.saturating_add(MARGIN)).min(extent.last.saturating_add(1));
        let back = since.saturating_sub(if to.is_some() { LOOK_BACK } else { LONGEST });
        let (start, end) = (self.table.start(), self.table.end_nanos());
        let at = |name: &str| format!("fromUnixTimestamp64Nano({{{name}:Int64}})");
        let sql =
            format!("{start} >= {} AND {start} < {} AND ({start} >= {} OR {end} >= {{since:Int64}})", at("back"), at("until"), at("since"));
        let numbers = [("back", back), ("until", until), ("since", since)].map(|(name, value)| Parameter::number(name, value));
        let ran = Condition::default().and(&sql, numbers);
        let counted = format!("SELECT count() FROM {} WHERE {}", self.table.quoted(), ran.sql);
        let rows = self.server.query(&counted, &ran.parameters)?.first_number(0).unwrap_or_default();
        if rows == 0 {
            return Ok(true);
        }
        if rows > MAX_ROWS as i64 {
            return Ok(false);
        }
        let trace = self.table.trace();
        let of_traces = format!("{trace} IN (SELECT {trace} FROM {} WHERE {})", self.table.quoted(), ran.sql);
        let of_traces = Condition::default().and(&of_traces, ran.parameters);
        let (from, to) =
            (since.saturating_sub(LONGEST).max(extent.first), until.saturating_add(LONGEST).min(extent.last.saturating_add(1)));
        let first = self.batches.len();
        let mut pager = Pager::new(from, to, PAGE, extent);
        pager.whole();
        while let Some((_, rows)) = rows::select_page(self.server, self.table, &mut pager, &of_traces)? {
            self.push(&rows);
        }
        let torn = self.torn(first);
        self.beyond(&torn, from, to)?;
        Ok(true)
    }

    /// Returns the traces of which a parent is missing.
    fn torn(&self, first: usize) -> Vec<String> {
        let spans = || self.batches[first..].iter().flat_map(|batch| &batch.spans);
        let held: HashSet<(TraceId, SpanId)> = spans().map(|span| (span.trace, span.id)).collect();
        let is_missing = |span: &&crate::model::Span| span.parent.is_some_and(|parent| !held.contains(&(span.trace, parent)));
        let torn: HashSet<TraceId> = spans().filter(is_missing).map(|span| span.trace).collect();
        torn.into_iter().map(|trace| trace.to_string()).collect()
    }

    /// Reads the spans of traces outside of a time that was read.
    fn beyond(&mut self, ids: &[String], from: Nanos, to: Nanos) -> Result<(), Error> {
        let start = self.table.start();
        let sql = format!("({start} < fromUnixTimestamp64Nano({{from:Int64}}) OR {start} >= fromUnixTimestamp64Nano({{to:Int64}}))");
        let outside = Condition::default().and(&sql, [Parameter::number("from", from), Parameter::number("to", to)]);
        for ids in ids.chunks(IDS) {
            let rows = rows::select(self.server, self.table, &self.of(ids).and_all(&outside))?;
            self.push(&rows);
        }
        Ok(())
    }

    /// Reads whole traces.
    fn traces(&mut self, ids: &[String]) -> Result<(), Error> {
        for ids in ids.chunks(IDS) {
            let rows = rows::select(self.server, self.table, &self.of(ids))?;
            self.push(&rows);
        }
        Ok(())
    }

    fn of(&self, ids: &[String]) -> Condition {
        let spellings = ids.iter().flat_map(|id| [id.to_ascii_lowercase(), id.to_ascii_uppercase()]);
        let spellings = spellings.chain(ids.iter().cloned()).collect::<HashSet<_>>();
        let sql = format!("{} IN {{ids:Array(String)}}", self.table.trace());
        Condition::default().and(&sql, [Parameter::texts("ids", spellings)])
    }

    fn push(&mut self, found: &super::answer::Rows) {
        let mut batch = self.empty.next();
        let before = &self.before;
        let is_new = |head: &rows::Head| TraceId::parse(head.trace.as_bytes()).is_none_or(|id| !before.contains(&id));
        rows::read(found, self.table, &mut batch, is_new);
        if !batch.spans.is_empty() || !batch.skipped.is_empty() {
            self.batches.push(batch);
        }
    }

    /// Returns the ids of the traces that hold all of these; `None` if they are too many, or the server can't tell within its limits.
    fn holding(&mut self, held: &[Held], since: Option<Nanos>, until: Option<Nanos>, extent: Extent) -> Result<Option<Vec<String>>, Error> {
        // What a trace holds may stand in a span that began before or after the one that is asked for.
        let from = since.map_or(extent.first, |since| since.saturating_sub(LONGEST).max(extent.first));
        let to = until.map_or(extent.last, |until| until.saturating_add(LONGEST).min(extent.last)).saturating_add(1);
        let (mut times, mut found, mut questions) = (vec![(from, to)], HashSet::new(), 0);
        let Some((first, others)) = held.split_first() else { return Ok(None) };
        while let Some((from, to)) = times.pop() {
            questions += 1;
            if questions > MAX_QUESTIONS {
                return Ok(None);
            }
            let trace = self.table.trace();
            let condition = self.table.between(from, to).and_all(&search::holding(self.table, 0, first));
            let sql = format!("SELECT DISTINCT {trace} FROM {} WHERE {} LIMIT {}", self.table.quoted(), condition.sql, MAX_HOLDING + 1);
            match self.server.query(&sql, &condition.parameters) {
                Ok(rows) => found.extend(rows.texts(0)),
                Err(error) if error.is_too_large() && to.saturating_sub(from) > MIN_TIME => {
                    let middle = from + (to - from) / 2;
                    times.extend([(from, middle), (middle, to)]);
                }
                Err(error) if error.is_too_large() => return Ok(None),
                Err(error) => return Err(error),
            }
            if found.len() > MAX_HOLDING {
                return Ok(None);
            }
        }
        let mut ids: Vec<String> = found.into_iter().collect();
        for (number, held) in others.iter().enumerate() {
            let condition = self.of(&ids).and_all(&search::holding(self.table, number + 1, held));
            let sql = format!("SELECT DISTINCT {} FROM {} WHERE {}", self.table.trace(), self.table.quoted(), condition.sql);
            ids = self.server.query(&sql, &condition.parameters)?.texts(0);
        }
        Ok(Some(ids))
    }

    /// Returns the ids of the last traces with spans of a time that name a session.
    fn in_session(&mut self, session: &str, from: Nanos, to: Nanos) -> Result<Vec<String>, Error> {
        let pattern = session.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let condition = self.table.between(from, to).and_all(&search::holding(self.table, 0, &Held::Texts(vec![pattern])));
        let (trace, start, table) = (self.table.trace(), self.table.start(), self.table.quoted());
        let sql =
            format!("SELECT {trace} AS id FROM {table} WHERE {} GROUP BY id ORDER BY max({start}) DESC LIMIT {BEFORE}", condition.sql);
        Ok(self.server.query(&sql, &condition.parameters)?.texts(0))
    }

    /// Returns the ids that begin so.
    fn alike(&mut self, prefix: &str) -> Result<Vec<String>, Error> {
        if prefix.len() >= DIGITS {
            return Ok(vec![prefix.to_owned()]);
        }
        let places = self.table.ids.clone().map(|ids| (ids, "TraceId")).into_iter().chain([(self.table.quoted(), self.table.trace())]);
        for (place, column) in places {
            let sql = format!(
                "SELECT DISTINCT {column} FROM {place} WHERE startsWith({column}, {{lower:String}}) OR \
                 startsWith({column}, {{upper:String}}) LIMIT {MAX_ALIKE}"
            );
            let spellings = [("lower", prefix.to_ascii_lowercase()), ("upper", prefix.to_ascii_uppercase())];
            let spellings = spellings.map(|(name, prefix)| Parameter::text(name, &prefix));
            let ids = self.server.query(&sql, &spellings)?.texts(0);
            if !ids.is_empty() {
                return Ok(ids);
            }
        }
        Ok(Vec::new())
    }
}
