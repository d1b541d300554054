//! Reads the part of databases that a command needs, if that has the same answer as a read of everything: the newest traces for a limit, the
//! traces of a time, the traces of some ids. Limits, times and ids may also stand in the filter. What else a filter asks for is decided across
//! rows, such as a trace's status, or inherited, such as a session: no statement can tell.
//!
//! [`Store::reach`](crate::store::Store::reach) tells which time decides about a trace. The part grows until it covers that. Where it would
//! become large, or a fact about the whole database counts, everything is read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use eyre::Report;

use super::first::{First, mains};
use super::open;
use super::snapshot::Snapshot;
use super::{UsageError, print_message};
use crate::cli::{LAST, Selection};
use crate::config::Config;
use crate::context::RECENT;
use crate::export;
use crate::model::{LogRecord, Nanos, PayloadRef, SpanId, TraceId};
use crate::query::{Matcher, Query};
use crate::sources::{Held, PayloadRequest, Request, Update, Wanted, file};
use crate::store::{CallsBefore, RowIx, RunStatus, TraceIx};

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
/// The most times around traces that are read.
const MAX_TIMES: usize = 64;
/// The time around a trace that must be known, too: in it, a turn goes on.
const AROUND: Nanos = 6_000_000_000;
/// The time around traces that is read: so that what lies in it seldom asks for more.
const READ_AROUND: Nanos = 30_000_000_000;

impl Snapshot {
    /// Reads a part that has the same answer as a read of everything; `None` if there is none, or if that is not known.
    pub(super) fn read_excerpt(selection: &Selection, first: First, config: &Config, numbers_only: bool) -> Result<Option<Self>, Report> {
        let named = if selection.sources.is_empty() { &config.sources } else { &selection.sources };
        let paths = open::paths(named, config);
        let is_database = |path: &PathBuf| path.to_str().is_some_and(crate::sources::is_url) || (!file::is_file(path) && path.is_file());
        if !paths.iter().all(is_database) {
            return Ok(None);
        }
        let mut questions = questions(selection, first);
        let tells = |path: &PathBuf| path.to_str().is_some_and(crate::sources::tells_what_traces_hold);
        questions.retain(|question| !matches!(question, Wanted::Holding { .. }) || paths.iter().all(tells));
        let Some(question) = questions.first() else { return Ok(None) };
        let mut snapshot = Self::open_excerpt(&paths, config, numbers_only)?;
        let mut ticket = snapshot.request(question);
        let (prices, result) = config.load_prices();
        result.map_err(UsageError)?;
        snapshot.set_prices(prices);
        let mut is_answered = false;
        for (at, question) in questions.iter().enumerate() {
            if at > 0 {
                if matches!(question, Wanted::Holding { .. }) {
                    // It asks for decisions about everything that is held.
                    open::stop(std::mem::replace(&mut snapshot, Self::open_excerpt(&paths, config, numbers_only)?).hub);
                    snapshot.set_prices(config.load_prices().0);
                }
                ticket = snapshot.request(question);
            }
            is_answered = match question {
                Wanted::Newest(spans) => snapshot.grow_newest(ticket, *spans, selection, first)?,
                Wanted::Ids(ids) => snapshot.receive(ticket)?.is_some() && snapshot.grow_around(ids)?,
                Wanted::Period(from, to) => snapshot.grow_period(ticket, (*from, *to), selection)?,
                Wanted::Holding { .. } => snapshot.receive(ticket)?.is_some() && snapshot.grow_around_held(selection)?,
                Wanted::Beside(_) | Wanted::Sessions(_) => false,
            };
            if is_answered {
                break;
            }
        }
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
        let ticket = self.request(&Wanted::Beside(ids));
        Ok(self.receive(ticket)?.is_some())
    }

    /// Reads the last traces before these in their sessions, with which their contexts are compared.
    pub(super) fn read_sessions(&mut self, traces: &[TraceIx]) -> Result<(), Report> {
        if !self.is_excerpt() {
            return Ok(());
        }
        let mut sessions: BTreeMap<String, Nanos> = BTreeMap::new();
        for &trace in traces {
            let session = self.store.session_of(trace);
            if !session.is_empty() {
                let start = self.store.trace(trace).start;
                let first = sessions.entry(self.store.text(session).to_owned()).or_insert(start);
                *first = start.min(*first);
            }
        }
        if sessions.is_empty() {
            return Ok(());
        }
        let ticket = self.request(&Wanted::Sessions(sessions.into_iter().collect()));
        self.knows_sessions = self.receive(ticket)? == Some(Nanos::MIN);
        Ok(())
    }

    /// Returns the last model calls before a run in its session.
    pub(super) fn calls_before(&self, run: RowIx) -> CallsBefore {
        let before = self.store.calls_before(run, RECENT);
        CallsBefore { is_first: before.is_first && self.knows_sessions, ..before }
    }

    /// Returns the log records of traces.
    pub(super) fn logs_of(&mut self, traces: &[TraceIx]) -> Result<Vec<LogRecord>, Report> {
        if self.is_excerpt() {
            let ticket = self.hub.next_ticket();
            for source in self.hub.sources() {
                self.hub.send(source.id, Request::Logs { ticket });
            }
            self.receive(ticket)?;
        }
        Ok(export::logs_of(&self.store, &self.logs, traces))
    }

    /// Has the sources search the payloads of the spans that are held.
    pub(super) fn check_payloads(&mut self, matcher: &mut Matcher) -> Result<(), Report> {
        let query = Arc::new(matcher.query().payload_query());
        let mut by_source: Vec<Vec<(PayloadRef, SpanId)>> = vec![Vec::new(); self.hub.sources().len()];
        for data in self.store.rows().map(|row| self.store.row(row)).filter(|data| !data.placeholder) {
            if let Some(addresses) = by_source.get_mut(usize::from(data.source.0)) {
                addresses.push((data.payload_ref, data.id));
            }
        }
        let ticket = self.hub.next_ticket();
        let mut last = Vec::new();
        for (source, addresses) in self.hub.sources().iter().zip(&by_source) {
            for addresses in addresses.chunks(CHECKED) {
                self.hub.send(source.id, Request::Check { ticket, query: query.clone(), addresses: addresses.to_vec() });
            }
            last.extend(addresses.last().map(|&(payload_ref, span)| PayloadRequest { source: source.id, payload_ref, span }));
        }
        if last.is_empty() {
            return Ok(());
        }
        // A check without hits has no answer. Each source answers its requests in order.
        let last = self.hub.request_payloads(last);
        loop {
            match self.recv()? {
                Update::SearchHits(hits) if hits.ticket == ticket => {
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

    /// Requests traces from every source.
    fn request(&mut self, wanted: &Wanted) -> u64 {
        let ticket = self.hub.next_ticket();
        for source in self.hub.sources() {
            self.hub.send(source.id, Request::Read { ticket, wanted: wanted.clone() });
        }
        ticket
    }

    /// Receives spans up to every source's answer to a request. Returns from when on every trace is held; `None` if a source cannot tell.
    fn receive(&mut self, ticket: u64) -> Result<Option<Nanos>, Report> {
        let mut from = Some(Nanos::MIN);
        let mut unanswered = self.hub.sources().len();
        while unanswered > 0 {
            match self.recv()? {
                Update::Batch(batch) => self.apply(&batch),
                Update::Logs(batch) => self.logs.apply(batch),
                Update::Read { ticket: answered, from: of_source } if answered == ticket => {
                    from = from.zip(of_source).map(|(from, of_source)| from.max(of_source));
                    unanswered -= 1;
                }
                _ => {}
            }
        }
        self.set_now();
        Ok(from)
    }

    /// Reads more of the newest spans until they decide about the first traces, or about those that `last` names.
    fn grow_newest(&mut self, mut ticket: u64, mut spans: u64, selection: &Selection, first: First) -> Result<bool, Report> {
        loop {
            let Some(from) = self.receive(ticket)? else { return Ok(false) };
            let known = from.saturating_add(AROUND);
            self.known_from = Some(known);
            if from == Nanos::MIN {
                // That is everything.
                return Ok(self.store.trace_count() > 0);
            }
            let last = if is_last(selection) { self.newest_to_show(known) } else { self.last_start(selection, first)? };
            let shown = match last {
                Some(last) => Some(self.store.traces().rev().take_while(|&trace| self.store.trace(trace).start >= last).collect()),
                // Of a period that is shorter, all traces are the first ones.
                None => times(selection, self.now).0.filter(|since| *since >= known).map(|_| self.begun(selection)),
            };
            if let Some(shown) = shown
                && shown.iter().all(|&trace| self.is_decided(trace, (known, Nanos::MAX)))
            {
                self.known_from = last.map(|_| known);
                return Ok(true);
            }
            spans = spans.saturating_mul(GROWTH);
            if spans > MAX_SPANS {
                return Ok(false);
            }
            ticket = self.request(&Wanted::Newest(spans));
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

    /// Reads more around a time until it decides about the traces that began in it, or those with rows that did if the filter states the time.
    fn grow_period(&mut self, mut ticket: u64, (mut from, mut to): (Nanos, Option<Nanos>), selection: &Selection) -> Result<bool, Report> {
        for _ in 0..MAX_STEPS {
            self.known_from = None;
            if self.receive(ticket)?.is_none() {
                return Ok(false);
            }
            let known = known((from, to));
            let traces = self.begun(selection);
            if traces.iter().all(|&trace| self.is_decided(trace, known)) {
                return Ok(!traces.is_empty());
            }
            let Some(reach) = self.reach(&traces) else { return Ok(false) };
            from = from.min(reach.0.saturating_sub(READ_AROUND));
            to = to.map(|to| to.max(reach.1.saturating_add(READ_AROUND))).filter(|to| *to < Nanos::MAX);
            ticket = self.request(&Wanted::Period(from, to));
        }
        Ok(false)
    }

    /// Returns the traces that are held of the time that a selection asks for.
    fn begun(&self, selection: &Selection) -> Vec<TraceIx> {
        let (since, until) = times(selection, self.now);
        let is_asked = |start: Nanos| (since.unwrap_or(Nanos::MIN)..=until.unwrap_or(Nanos::MAX)).contains(&start);
        let begun = |trace: &TraceIx| match selection.since {
            Some(_) => is_asked(self.store.trace(*trace).start),
            None => self.store.rows_of(*trace).into_iter().any(|row| is_asked(self.store.row(row).start)),
        };
        self.store.traces().filter(begun).collect()
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
                let ticket = self.request(&Wanted::Period(from, to));
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

    /// Reads the time around every trace that is held, and around those that are selected then, until that decides about them.
    fn grow_around_held(&mut self, selection: &Selection) -> Result<bool, Report> {
        let mut candidates: Vec<TraceIx> = self.store.traces().collect();
        let mut times: Vec<(Nanos, Nanos)> = Vec::new();
        for _ in 0..MAX_STEPS {
            let is_decided = |snapshot: &Self, trace: TraceIx| times.iter().any(|&time| snapshot.is_decided(trace, time));
            let undecided: Vec<TraceIx> = candidates.iter().copied().filter(|&trace| !is_decided(self, trace)).collect();
            if undecided.is_empty() {
                return Ok(true);
            }
            let mut reaches = Vec::with_capacity(undecided.len());
            for trace in undecided {
                let Some((from, to)) = self.reach(&[trace]) else { return Ok(false) };
                reaches.push((from.saturating_sub(READ_AROUND), to.saturating_add(READ_AROUND)));
            }
            reaches.sort_unstable();
            let mut joined: Vec<(Nanos, Nanos)> = Vec::new();
            for (from, to) in reaches {
                match joined.last_mut() {
                    Some(last) if last.1 >= from => last.1 = last.1.max(to),
                    _ => joined.push((from, to)),
                }
            }
            if times.len() + joined.len() > MAX_TIMES {
                return Ok(false);
            }
            for (from, to) in joined {
                let to = Some(to).filter(|to| *to < crate::model::time::now());
                let ticket = self.request(&Wanted::Period(from, to));
                if self.receive(ticket)?.is_none() {
                    return Ok(false);
                }
                times.push(known((from, to)));
            }
            self.known_from = None;
            // A trace beside them may match as a part of one of them.
            let Some(selected) = self.selected(selection)? else { return Ok(false) };
            candidates.extend(selected);
        }
        Ok(false)
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

/// Returns the parts to read, one after the other until one has the answer.
fn questions(selection: &Selection, first: First) -> Vec<Wanted> {
    let limit = match first {
        First::All => None,
        First::Traces(limit) | First::Mains { limit, .. } => Some(limit as u64),
    };
    if is_last(selection) {
        return vec![Wanted::Newest(MIN_SPANS)];
    }
    if selection.ids.iter().any(|id| id == LAST) {
        return Vec::new();
    }
    let in_filter = || selection.filter.as_ref().map_or_else(Vec::new, |query| query.trace_prefixes().to_vec());
    let ids = if selection.ids.is_empty() { in_filter() } else { selection.ids.clone() };
    if !ids.is_empty() {
        return vec![Wanted::Ids(ids)];
    }
    let spans = limit.filter(|_| selection.until.is_none()).map(|limit| limit.saturating_mul(SPANS_PER_TRACE).max(MIN_SPANS));
    let newest = spans.filter(|spans| *spans <= MAX_SPANS).map(Wanted::Newest);
    let now = crate::model::time::now();
    let (since, until) = times(selection, now);
    let held = selection.filter.as_ref().map_or_else(Vec::new, held);
    // Of a trace that began then, a span that states the words did so, too; a filter's own time is that of any row.
    let holding = (!held.is_empty()).then_some(Wanted::Holding { held, since, until });
    newest.into_iter().chain(since.map(|since| period(since, until, now))).chain(holding).collect()
}

/// Returns what the spans of every trace that matches hold.
fn held(query: &Query) -> Vec<Held> {
    // What waits may go on at any time, and what runs, was cut or is well has nothing that says so.
    let failure = (query.required_statuses() == Some(&[RunStatus::Error])).then_some(Held::Failure);
    query.required_words().into_iter().map(Held::Texts).chain(failure).collect()
}

/// Whether the selection is the newest trace.
fn is_last(selection: &Selection) -> bool {
    selection.ids == [LAST] && selection.filter.is_none() && selection.since.is_none() && selection.until.is_none()
}

/// Returns the time in which the traces began that are selected; else that in which rows of them did, as the filter states it.
fn times(selection: &Selection, now: Nanos) -> (Option<Nanos>, Option<Nanos>) {
    let Some(since) = &selection.since else {
        return selection.filter.as_ref().map_or((None, None), |query| query.start_bounds(now));
    };
    (Some(since.resolve(now)), selection.until.as_ref().map(|until| until.resolve(now)))
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
