//! Reads the part of a database that a command needs, if that has the same answer as a read of everything: the newest traces for a limit, the
//! traces of a time, the traces of some ids.
//!
//! [`Store::reach`](crate::store::Store::reach) tells which time decides about a trace. The part grows until it covers that. Where it would
//! become large, or a fact about the whole database counts, everything is read.

use std::sync::Arc;

use eyre::Report;

use super::first::{First, mains};
use super::open;
use super::snapshot::Snapshot;
use super::{UsageError, print_message};
use crate::cli::{LAST, Selection};
use crate::config::Config;
use crate::export;
use crate::model::{LogRecord, Nanos, TraceId};
use crate::query::Matcher;
use crate::sources::{PayloadRequest, Request, Update, Wanted, file};
use crate::store::{RowIx, TraceIx};

/// The spans of the first part, for each trace that a limit allows, and at least.
const SPANS_PER_TRACE: u64 = 32;
const MIN_SPANS: u64 = 256;
/// The most spans of the part that is sought for a limit.
const MAX_SPANS: u64 = 40_000;
/// How many times larger the next part is.
const GROWTH: u64 = 6;
/// How often a time grows.
const MAX_STEPS: usize = 5;
/// Payloads that are searched at a time.
const CHECKED: usize = 256;
/// The time around a trace that must be known, too: in it, a turn goes on.
const AROUND: Nanos = 6_000_000_000;
/// The time around traces that is read: so that what lies in it seldom asks for more.
const READ_AROUND: Nanos = 30_000_000_000;

impl Snapshot {
    /// Reads a part that has the same answer as a read of everything; `None` if there is none, or if that is not known.
    pub(super) fn read_excerpt(selection: &Selection, first: First, config: &Config, numbers_only: bool) -> Result<Option<Self>, Report> {
        let named = if selection.sources.is_empty() { &config.sources } else { &selection.sources };
        let paths = open::paths(named, config);
        let [path] = paths.as_slice() else { return Ok(None) };
        if !path.to_str().is_some_and(crate::sources::postgres::is_url) && (file::is_file(path) || !path.is_file()) {
            return Ok(None);
        }
        let limited = match first {
            First::All => None,
            First::Traces(limit) | First::Mains { limit, .. } => Some(limit as u64),
        };
        let asks_last = selection.ids == [LAST];
        let is_last = asks_last && selection.filter.is_none() && selection.since.is_none() && selection.until.is_none();
        let first_spans = |limit: u64| (limit.saturating_mul(SPANS_PER_TRACE)).max(MIN_SPANS);
        let now = crate::model::time::now();
        let since = selection.since.as_ref().map(|since| since.resolve(now));
        let until = selection.until.as_ref().map(|until| until.resolve(now));
        let wanted = match (selection.ids.as_slice(), since, limited) {
            ([_], ..) if is_last => Wanted::Newest(MIN_SPANS),
            (ids, ..) if !ids.is_empty() && !ids.iter().any(|id| id == LAST) => Wanted::Ids(ids.to_vec()),
            ([], _, Some(limit)) if until.is_none() && first_spans(limit) <= MAX_SPANS => Wanted::Newest(first_spans(limit)),
            ([], Some(since), _) => period(since, until, now),
            _ => return Ok(None),
        };
        let mut snapshot = Self::open_excerpt(path, config, numbers_only)?;
        let ticket = snapshot.request(wanted.clone());
        let (prices, result) = config.load_prices();
        result.map_err(UsageError)?;
        snapshot.set_prices(prices);
        let is_answered = match wanted {
            Wanted::Newest(spans) => {
                let first = if is_last { First::Mains { limit: 0, folds: true } } else { first };
                snapshot.grow_newest(ticket, spans, selection, first, since)?
            }
            Wanted::Ids(ids) => snapshot.receive(ticket)?.is_some() && snapshot.grow_around(&ids)?,
            Wanted::Period(from, to) => snapshot.grow_period(ticket, (from, to), since.unwrap_or(Nanos::MIN), until)?,
            Wanted::Beside(_) => false,
        };
        let losses = snapshot.store.losses();
        let is_complete = losses.evicted + losses.refused + losses.skipped == 0;
        let spans = snapshot.store.all().spans;
        if is_answered && is_complete {
            tracing::debug!(spans, "read a part of the source");
            return Ok(Some(snapshot));
        }
        tracing::debug!(spans, "read everything");
        Ok(None)
    }

    /// Reads the traces whose ids come right before and after those of some traces.
    pub(super) fn read_beside(&mut self, traces: &[TraceIx]) -> Result<bool, Report> {
        if !self.is_excerpt() {
            return Ok(true);
        }
        let ids: Vec<TraceId> = traces.iter().map(|&trace| self.store.trace(trace).id).collect();
        let ticket = self.request(Wanted::Beside(ids));
        Ok(self.receive(ticket)?.is_some())
    }

    /// Returns the log records of traces.
    pub(super) fn logs_of(&mut self, traces: &[TraceIx]) -> Result<Vec<LogRecord>, Report> {
        if self.is_excerpt()
            && let Some(source) = self.hub.sources().first().map(|source| source.id)
        {
            let ticket = self.hub.next_ticket();
            self.hub.send(source, Request::Logs { ticket });
            self.receive(ticket)?;
        }
        Ok(export::logs_of(&self.store, &self.logs, traces))
    }

    /// Has the source search the payloads of the spans that are held.
    pub(super) fn check_payloads(&mut self, matcher: &mut Matcher) -> Result<(), Report> {
        let query = Arc::new(matcher.query().payload_query());
        let held = |row: &RowIx| !self.store.row(*row).placeholder;
        let rows: Vec<RowIx> = self.store.rows().filter(held).collect();
        let (Some(source), Some(last)) = (self.hub.sources().first().map(|source| source.id), rows.last()) else { return Ok(()) };
        let mut tickets = Vec::new();
        for rows in rows.chunks(CHECKED) {
            let ticket = self.hub.next_ticket();
            let addresses = rows.iter().map(|&row| (self.store.row(row).payload_ref, self.store.row(row).id)).collect();
            self.hub.send(source, Request::Check { ticket, query: query.clone(), addresses });
            tickets.push(ticket);
        }
        // A check without hits has no answer. Requests are answered in order.
        let data = self.store.row(*last);
        let last = self.hub.request_payloads([PayloadRequest { source, payload_ref: data.payload_ref, span: data.id }]);
        loop {
            match self.recv()? {
                Update::SearchHits(hits) if tickets.contains(&hits.ticket) => {
                    hits.spans.into_iter().for_each(|(trace, span)| matcher.add_payload_match(trace, span));
                    if let Some(error) = hits.error {
                        print_message(&format!("not searched: {error}"));
                    }
                }
                Update::Payloads { ticket, .. } if ticket == last => return Ok(()),
                _ => {}
            }
        }
    }

    fn request(&mut self, wanted: Wanted) -> u64 {
        let ticket = self.hub.next_ticket();
        let source = self.hub.sources().first().map(|source| source.id);
        if let Some(source) = source {
            self.hub.send(source, Request::Read { ticket, wanted });
        }
        ticket
    }

    /// Receives spans up to the answer to a request. Returns from when on every trace is held.
    fn receive(&mut self, ticket: u64) -> Result<Option<Nanos>, Report> {
        loop {
            match self.recv()? {
                Update::Batch(batch) => self.apply(&batch),
                Update::Logs(batch) => self.logs.apply(batch),
                Update::Read { ticket: answered, from } if answered == ticket => {
                    self.set_now();
                    return Ok(from);
                }
                _ => {}
            }
        }
    }

    /// Reads more of the newest spans until they decide about the first traces.
    fn grow_newest(
        &mut self,
        mut ticket: u64,
        mut spans: u64,
        selection: &Selection,
        first: First,
        since: Option<Nanos>,
    ) -> Result<bool, Report> {
        loop {
            let Some(from) = self.receive(ticket)? else { return Ok(false) };
            let known = from.saturating_add(AROUND);
            self.known_from = Some(known);
            let last = match first {
                First::Mains { limit: 0, .. } => self.newest_to_show(known),
                _ => self.last_start(selection, first)?,
            };
            // Of a period that is shorter, all traces are the first ones.
            let bottom = last.or(since.filter(|since| *since >= known));
            if let Some(bottom) = bottom {
                let mut shown = self.store.traces().rev().take_while(|&trace| self.store.trace(trace).start >= bottom);
                if shown.all(|trace| self.is_decided(trace, (known, Nanos::MAX))) {
                    return Ok(true);
                }
            }
            spans = spans.saturating_mul(GROWTH);
            if spans > MAX_SPANS {
                return Ok(false);
            }
            ticket = self.request(Wanted::Newest(spans));
        }
    }

    /// Returns the start of the newest trace that `last` names.
    fn newest_to_show(&self, known: Nanos) -> Option<Nanos> {
        let mut newest = self.store.traces().rev().filter(|&trace| !self.store.is_ordinary(trace));
        newest.next().map(|trace| self.store.trace(trace).start).filter(|start| *start >= known)
    }

    /// Returns the start of the last of the first traces; `None` if there are fewer.
    fn last_start(&mut self, selection: &Selection, first: First) -> Result<Option<Nanos>, Report> {
        let Some(traces) = self.selected(&Selection { limit: None, ..selection.clone() })? else { return Ok(None) };
        let last = match first {
            First::All => None,
            First::Traces(limit) => traces.get(limit.saturating_sub(1)).copied(),
            First::Mains { limit, folds } => {
                let counts = |trace: &TraceIx| !folds || !self.store.is_ordinary(*trace);
                mains(&self.store, traces).into_iter().filter(counts).nth(limit.saturating_sub(1))
            }
        };
        Ok(last.map(|trace| self.store.trace(trace).start))
    }

    /// Reads more around a time until it decides about the traces that began in it.
    fn grow_period(
        &mut self,
        mut ticket: u64,
        (mut from, mut to): (Nanos, Option<Nanos>),
        since: Nanos,
        until: Option<Nanos>,
    ) -> Result<bool, Report> {
        for _ in 0..MAX_STEPS {
            if self.receive(ticket)?.is_none() {
                return Ok(false);
            }
            let known = known((from, to));
            let is_wanted = |trace: &TraceIx| (since..=until.unwrap_or(Nanos::MAX)).contains(&self.store.trace(*trace).start);
            let traces: Vec<TraceIx> = self.store.traces().filter(is_wanted).collect();
            if traces.iter().all(|&trace| self.is_decided(trace, known)) {
                self.known_from = Some(since);
                return Ok(!traces.is_empty());
            }
            let Some(reach) = self.reach(&traces) else { return Ok(false) };
            from = from.min(reach.0.saturating_sub(READ_AROUND));
            to = to.map(|to| to.max(reach.1.saturating_add(READ_AROUND))).filter(|to| *to < Nanos::MAX);
            ticket = self.request(Wanted::Period(from, to));
        }
        Ok(false)
    }

    /// Reads the time around the traces of some ids, until that decides about them.
    fn grow_around(&mut self, ids: &[String]) -> Result<bool, Report> {
        for id in ids {
            let has_id = |trace: &TraceIx| self.store.trace(*trace).id.to_string().starts_with(id.as_str());
            let found: Vec<TraceIx> = self.store.traces().filter(has_id).collect();
            let [trace] = found.as_slice() else { return Ok(false) };
            let mut is_decided = false;
            for _ in 0..MAX_STEPS {
                let Some((from, to)) = self.reach(&[*trace]) else { return Ok(false) };
                let now = crate::model::time::now();
                let Wanted::Period(from, to) = period(from, Some(to), now) else { return Ok(false) };
                let ticket = self.request(Wanted::Period(from, to));
                if self.receive(ticket)?.is_none() {
                    return Ok(false);
                }
                if self.is_decided(*trace, known((from, to))) {
                    is_decided = true;
                    break;
                }
            }
            if !is_decided {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a time that is known decides about a trace.
    fn is_decided(&self, trace: TraceIx, (from, to): (Nanos, Nanos)) -> bool {
        let reach = self.store.reach(trace);
        !reach.is_open && reach.from >= from && reach.to <= to
    }

    /// Returns the time that decides about traces; `None` if no time does.
    fn reach(&self, traces: &[TraceIx]) -> Option<(Nanos, Nanos)> {
        traces.iter().try_fold((Nanos::MAX, Nanos::MIN), |(from, to), &trace| {
            let reach = self.store.reach(trace);
            (!reach.is_open).then_some((from.min(reach.from), to.max(reach.to)))
        })
    }
}

/// Returns a time with some around it, which has no end if it goes on until now.
fn period(from: Nanos, to: Option<Nanos>, now: Nanos) -> Wanted {
    let to = to.map(|to| to.saturating_add(READ_AROUND)).filter(|to| *to < now);
    Wanted::Period(from.saturating_sub(READ_AROUND), to)
}

/// Returns the part of a time that was read about which it decides.
fn known((from, to): (Nanos, Option<Nanos>)) -> (Nanos, Nanos) {
    (from.saturating_add(AROUND), to.map_or(Nanos::MAX, |to| to.saturating_sub(AROUND)))
}
