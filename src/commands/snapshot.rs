//! Everything that the sources hold, read once into a store.

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;

use eyre::{Report, bail};
use tokio::runtime::Runtime;

use super::first::{First, newest_first};
use super::open::{self, Listener, OpenOptions, Opened};
use super::{Outcome, UsageError, find, print_message};
use crate::cli::{Selection, Since};
use crate::config::Config;
use crate::logs::LogStore;
use crate::metrics::MetricStore;
use crate::model::price::Prices;
use crate::model::sort;
use crate::model::time::now;
use crate::model::{Batch, MetricBatch, Nanos, Payload, SourceId};
use crate::query::{Matcher, Query};
use crate::sources::{Handle, Hub, PayloadRequest, ReadLimits, Request, Search, State, Update};
use crate::store::{RowIx, Store, TraceIx};
use crate::{format, panic_hook};

/// Updates that may wait: as many as arrive while the prices are loaded.
const CAPACITY: usize = 64;

/// What the sources held when they were read.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Every span, within the limits. Never dropped: the process ends with the command, and dropping takes time.
    pub(super) store: ManuallyDrop<Store>,
    /// When the sources were read.
    pub(super) now: Nanos,
    /// The log records.
    pub(super) logs: LogStore,
    /// The series of metrics.
    pub(super) metrics: MetricStore,
    /// Why sources could not be read.
    failures: Vec<String>,
    pub(super) hub: Hub,
    runtime: Runtime,
    /// Per source, whether everything it held has been read.
    is_read: Vec<bool>,
    /// Whether only a part of the source is held, as [`Snapshot::read_excerpt`] reads it.
    is_excerpt: bool,
    /// Whether the last traces before those that are held are known in every session.
    pub(super) knows_sessions: bool,
    /// Only traces that began since then are selected: about earlier ones the part does not decide.
    pub(super) known_from: Option<Nanos>,
}

impl Snapshot {
    /// Reads the sources in `named`, the configured ones, or those found here. With `since`, at least the spans that began since then.
    ///
    /// The error is a source that is missing or can't be read (without it, every sum would be wrong), prices that can't be used, or a panic
    /// in a thread.
    ///
    /// With `numbers_only`, sources may leave out inputs and the tools that a model requested.
    pub(super) fn read(named: &[PathBuf], since: Option<&Since>, config: &Config, numbers_only: bool) -> Result<Self, Report> {
        let snapshot = Self::read_any(named, since, config, numbers_only, &mut |_| {})?;
        if snapshot.failures.is_empty() { Ok(snapshot) } else { Err(snapshot.failed()) }
    }

    /// Reads like [`Snapshot::read`], but leaves out sources that are missing or can't be read, and prints why, if there are others. Then
    /// [`Snapshot::outcome`] tells that something is missing.
    pub(super) fn read_readable(named: &[PathBuf], since: Option<&Since>, config: &Config, numbers_only: bool) -> Result<Self, Report> {
        let snapshot = Self::read_any(named, since, config, numbers_only, &mut |_| {})?;
        if snapshot.failures.len() == snapshot.is_read.len() {
            return Err(snapshot.failed());
        }
        snapshot.failures.iter().for_each(|reason| print_message(reason));
        Ok(snapshot)
    }

    /// Reads like [`Snapshot::read`], and passes every batch of metrics to `observe`.
    pub(super) fn read_metrics(named: &[PathBuf], config: &Config, observe: &mut dyn FnMut(&MetricBatch)) -> Result<Self, Report> {
        let snapshot = Self::read_any(named, None, config, true, observe)?;
        if snapshot.failures.is_empty() { Ok(snapshot) } else { Err(snapshot.failed()) }
    }

    /// Returns how a command ends that found something.
    pub(super) fn outcome(&self) -> Outcome {
        if self.failures.is_empty() { Outcome::Done } else { Outcome::Missing }
    }

    /// Prints why sources could not be read, except for the last one, which is the error.
    fn failed(mut self) -> Report {
        let last = self.failures.pop();
        self.failures.iter().for_each(|reason| print_message(reason));
        Report::msg(last.unwrap_or_default())
    }

    fn read_any(
        named: &[PathBuf],
        since: Option<&Since>,
        config: &Config,
        numbers_only: bool,
        observe: &mut dyn FnMut(&MetricBatch),
    ) -> Result<Self, Report> {
        let named = if named.is_empty() { &config.sources } else { named };
        let since = since.map(|since| since.resolve(now()));
        let limits = ReadLimits { since, ..ReadLimits::of(config.max_spans.get().into()) };
        let mut snapshot = Self::open(&open::paths(named, config), limits, config, numbers_only)?;
        // The sources read meanwhile. Spans are priced as they arrive.
        let (prices, result) = config.load_prices();
        // Other prices than the user asked for would be wrong.
        result.map_err(UsageError)?;
        snapshot.set_prices(prices);
        while snapshot.is_read.contains(&false) {
            match snapshot.recv()? {
                Update::Batch(batch) => snapshot.apply(&batch),
                Update::Logs(batch) => snapshot.logs.apply(batch),
                Update::Metrics(batch) => {
                    observe(&batch);
                    snapshot.metrics.apply(batch);
                }
                Update::State(source, state) => snapshot.update_state(source, state),
                _ => {}
            }
        }
        snapshot.set_now();
        snapshot.report_losses();
        Ok(snapshot)
    }

    /// Opens databases of which only parts are read.
    pub(super) fn open_excerpt(paths: &[PathBuf], config: &Config, numbers_only: bool) -> Result<Self, Report> {
        let limits = ReadLimits { on_demand: true, ..ReadLimits::of(config.max_spans.get().into()) };
        Self::open(paths, limits, config, numbers_only)
    }

    fn open(paths: &[PathBuf], limits: ReadLimits, config: &Config, numbers_only: bool) -> Result<Self, Report> {
        let options = OpenOptions { limits, numbers_only, capacity: CAPACITY, listener: Listener::Off };
        let Opened { hub, .. } = open::open(paths, config, options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let is_read = vec![false; hub.sources().len()];
        let store = ManuallyDrop::new(open::store(config));
        let is_excerpt = limits.on_demand;
        let metrics = MetricStore::new(open::metric_limits(config));
        let logs = LogStore::new(open::log_bytes(config));
        let (failures, knows_sessions, known_from) = (Vec::new(), !is_excerpt, None);
        Ok(Self { store, now: now(), logs, metrics, failures, hub, runtime, is_read, is_excerpt, knows_sessions, known_from })
    }

    /// Takes what a source has sent, which keeps its payloads.
    pub(super) fn of_store(store: Store, hub: Hub, runtime: Runtime, config: &Config) -> Self {
        Self {
            store: ManuallyDrop::new(store),
            now: now(),
            logs: LogStore::new(open::log_bytes(config)),
            metrics: MetricStore::new(open::metric_limits(config)),
            failures: Vec::new(),
            is_read: vec![true; hub.sources().len()],
            hub,
            runtime,
            is_excerpt: false,
            knows_sessions: true,
            known_from: None,
        }
    }

    /// Whether only a part of the source is held.
    pub(super) fn is_excerpt(&self) -> bool {
        self.is_excerpt
    }

    pub(super) fn set_prices(&mut self, prices: Prices) {
        self.store.set_prices(Arc::new(prices));
    }

    /// Adds spans.
    pub(super) fn apply(&mut self, batch: &Batch) {
        let changes = self.store.apply(batch, now());
        self.hub.release(changes.released);
    }

    /// Records that the sources were read just now.
    pub(super) fn set_now(&mut self) {
        self.now = now();
        self.store.expire(self.now);
    }

    /// Reads the sources of the selection like [`Snapshot::read`], and returns the selected traces, newest first. If there is none, prints
    /// why and returns `None`.
    pub(super) fn select(selection: &Selection, config: &Config, numbers_only: bool) -> Result<Option<(Self, Vec<TraceIx>)>, Report> {
        let first = selection.limit.map_or(First::All, |limit| First::Traces(limit as usize));
        let snapshot = match Self::read_excerpt(selection, first, config, numbers_only)? {
            Some(part) => part,
            None => Self::read(&selection.sources, selection.since.as_ref(), config, numbers_only)?,
        };
        snapshot.with_selected(selection)
    }

    /// Selects like [`Snapshot::select`], from the sources that can be read. The command needs only the `first` traces; there may be others.
    pub(super) fn select_readable(
        selection: &Selection,
        first: First,
        config: &Config,
        numbers_only: bool,
    ) -> Result<Option<(Self, Vec<TraceIx>)>, Report> {
        let snapshot = match Self::read_excerpt(selection, first, config, numbers_only)? {
            Some(part) => part,
            None => Self::read_readable(&selection.sources, selection.since.as_ref(), config, numbers_only)?,
        };
        snapshot.with_selected(selection)
    }

    fn with_selected(mut self, selection: &Selection) -> Result<Option<(Self, Vec<TraceIx>)>, Report> {
        let Some(traces) = self.selected(selection)? else { return Ok(None) };
        if traces.is_empty() {
            self.report_nothing(selection);
            return Ok(None);
        }
        Ok(Some((self, traces)))
    }

    /// Stops reading the sources.
    pub(super) fn close(self) {
        open::stop(self.hub);
    }

    /// Returns the selected traces, newest first; `None` if a trace that is named is not there.
    pub(super) fn selected(&mut self, selection: &Selection) -> Result<Option<Vec<TraceIx>>, Report> {
        let since = selection.since.as_ref().map_or(Nanos::MIN, |since| since.resolve(self.now));
        let since = since.max(self.known_from.unwrap_or(Nanos::MIN));
        let query = selection.filter.clone().filter(|query| !query.is_empty());
        let mut matcher = query.map(|query| self.matcher(query)).transpose()?;
        let ids = selection.ids.iter().map(|id| self.find(id)).collect::<Result<Vec<_>, _>>()?;
        // A trace that is not there is reported.
        let Some(ids) = ids.into_iter().collect::<Option<HashSet<TraceIx>>>() else { return Ok(None) };
        let until = selection.until.as_ref().map_or(Nanos::MAX, |until| until.resolve(self.now));
        let later = self.store.traces().rev().skip_while(|&trace| self.store.trace(trace).start > until);
        let mut recent: Vec<TraceIx> = later.take_while(|&trace| self.store.trace(trace).start >= since).collect();
        sort::by_key(&mut recent, |&trace| newest_first(&self.store, trace));
        let is_selected = |&trace: &TraceIx| matcher.as_mut().is_none_or(|matcher| is_match(&self.store, matcher, trace, self.now));
        let is_named = |trace: &TraceIx| ids.is_empty() || ids.contains(trace);
        Ok(Some(
            recent
                .into_iter()
                .filter(is_named)
                .filter(is_selected)
                .take(selection.limit.map_or(usize::MAX, |limit| limit as usize))
                .collect(),
        ))
    }

    /// Returns the trace whose id starts with `prefix`. If there is none, prints so and returns `None`. The error describes several traces.
    pub(super) fn find(&self, prefix: &str) -> Result<Option<TraceIx>, Report> {
        find::trace(&self.store, prefix, &self.names(), self.now)
    }

    /// Returns those of `traces` that match the query.
    pub(super) fn matching(&mut self, traces: &[TraceIx], query: Query) -> Result<Vec<TraceIx>, Report> {
        let mut matcher = self.matcher(query)?;
        Ok(traces.iter().copied().filter(|&trace| is_match(&self.store, &mut matcher, trace, self.now)).collect())
    }

    /// Returns a matcher, after a search through all payloads if the query needs it.
    fn matcher(&mut self, query: Query) -> Result<Matcher, Report> {
        let mut matcher = Matcher::new(query);
        if matcher.query().needs_payloads() {
            self.search_payloads(&mut matcher)?;
        }
        if matcher.query().needs_misses() {
            self.find_misses(&mut matcher)?;
        }
        Ok(matcher)
    }

    /// Returns the name of the source of a trace: that of its first span that has arrived.
    pub(super) fn source(&self, trace: TraceIx) -> &str {
        let has_arrived = |row: &RowIx| !self.store.row(*row).placeholder;
        let row = self.store.trace(trace).roots().iter().copied().find(has_arrived);
        let row = row.or_else(|| self.store.rows_of(trace).into_iter().find(has_arrived));
        row.map_or("", |row| self.hub.name(self.store.row(row).source))
    }

    /// Returns the name of a source.
    pub(super) fn source_name(&self, source: SourceId) -> &str {
        self.hub.name(source)
    }

    /// Returns the names of the sources for a message.
    pub(super) fn names(&self) -> String {
        self.hub.sources().iter().map(|handle| handle.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Reads the payloads of rows, in order; an inner error says why one can't be read. All are in memory at once: ask for a few hundred at a time.
    pub(super) fn payloads(&mut self, rows: &[RowIx]) -> Result<Vec<Result<Payload, String>>, Report> {
        let data = rows.iter().map(|&row| self.store.row(row)).enumerate().filter(|(_, data)| !data.placeholder);
        let (indexes, requests): (Vec<usize>, Vec<PayloadRequest>) =
            data.map(|(index, row)| (index, PayloadRequest { source: row.source, payload_ref: row.payload_ref, span: row.id })).unzip();
        let mut answer: Vec<Result<Payload, String>> = rows.iter().map(|_| Err("the span has not arrived".to_owned())).collect();
        let requested = self.hub.request_payloads(requests);
        loop {
            // Spans that arrive meanwhile are not part of the snapshot.
            if let Update::Payloads { ticket, payloads } = self.recv()?
                && ticket == requested
            {
                for (index, payload) in indexes.into_iter().zip(payloads) {
                    answer[index] = payload;
                }
                return Ok(answer);
            }
        }
    }

    /// Prints why no trace was selected.
    fn report_nothing(&self, selection: &Selection) {
        let is_filtered = selection.filter.is_some() || selection.since.is_some() || selection.until.is_some();
        match self.store.trace_count() {
            // Already reported.
            0 if self.store.losses().skipped > 0 => {}
            0 if !self.logs.is_empty() => {
                print_message(&format!("no traces in {}, but logs: agno-top logs shows them", self.names()));
            }
            0 if self.metrics.points() > 0 => {
                print_message(&format!("no traces in {}, but metrics: agno-top metrics shows them", self.names()));
            }
            0 if self.is_excerpt && is_filtered => print_message(&format!("no trace in {} matches", self.names())),
            0 => print_message(&format!("no traces in {}", self.names())),
            _ if is_filtered => {
                let newest = self.store.traces().next_back().map(|trace| self.store.trace(trace).start);
                let newest = newest.filter(|_| !self.is_excerpt).map(|start| format!("; the newest began {}", format::date_time(start)));
                print_message(&format!("no trace in {} matches{}", self.names(), newest.unwrap_or_default()));
                selection.filter.iter().flat_map(Query::reasons_for_nothing).for_each(print_message);
            }
            _ => {}
        }
    }

    /// Waits for the next update. The error is a panic in a thread, or the end of all sources.
    pub(super) fn recv(&mut self) -> Result<Update, Report> {
        let Self { hub, runtime, .. } = self;
        let update = runtime.block_on(async {
            tokio::select! {
                update = hub.recv() => update,
                _ = panic_hook::happened() => None,
            }
        });
        match (update, panic_hook::message()) {
            (Some(update), None) => Ok(update),
            (_, Some(message)) => bail!(message),
            (None, None) => bail!("the sources ended"),
        }
    }

    fn update_state(&mut self, source: SourceId, state: State) {
        if let State::Loading { total, .. } = state {
            return self.store.reserve(total);
        }
        if self.is_read.get_mut(usize::from(source.0)).is_none_or(|is_read| std::mem::replace(is_read, true)) {
            return;
        }
        match state {
            State::Waiting(reason) | State::Failing(reason) => self.failures.push(reason),
            State::Watching { left_out } if left_out > 0 => {
                let (name, spans) = (self.hub.name(source), format::plural(left_out, "older span"));
                print_message(&format!("{name}: {spans} left out; raise --max-spans to read more"));
            }
            State::WatchingNewest { left_out } => {
                let (name, traces) = (self.hub.name(source), format::plural(left_out, "older trace"));
                print_message(&format!("{name}: {traces} left out; raise --max-spans to read more"));
            }
            State::Loading { .. } | State::Watching { .. } | State::Ended => {}
        }
    }

    /// Has every source search its payloads for what the query requires, and adds the hits to the matcher.
    fn search_payloads(&mut self, matcher: &mut Matcher) -> Result<(), Report> {
        if self.is_excerpt {
            return self.check_payloads(matcher);
        }
        let (since, until) = matcher.query().start_bounds(self.now);
        let search = Search { ticket: self.hub.next_ticket(), query: Arc::new(matcher.query().payload_query()), since, until };
        let request = |handle: &Handle| self.hub.send(handle.id, Request::Search(search.clone()));
        let mut is_searching: Vec<bool> = self.hub.sources().iter().map(request).collect();
        while is_searching.contains(&true) {
            let Update::SearchHits(hits) = self.recv()? else { continue };
            if hits.ticket != search.ticket {
                continue;
            }
            hits.spans.into_iter().for_each(|(trace, span)| matcher.add_payload_match(trace, span));
            if let Some(error) = hits.error {
                print_message(&format!("not searched: {error}"));
            }
            if hits.progress.is_some_and(|progress| progress.done >= progress.total) {
                is_searching[usize::from(hits.source.0)] = false;
            }
        }
        Ok(())
    }

    fn report_losses(&self) {
        let losses = self.store.losses();
        if losses.evicted + losses.refused > 0 {
            let spans = format::plural(losses.evicted + losses.refused, "span");
            print_message(&format!("{spans} of the oldest traces left out; raise --max-spans and --max-memory to hold more"));
        }
        if let Some((source, last)) = losses.recent.back() {
            let (spans, name) = (format::plural(losses.skipped, "span"), self.hub.name(*source));
            print_message(&format!("{spans} could not be read, the last in {name}, {}: {}", last.place, last.reason));
        }
    }
}

/// Whether a span of the trace matches.
fn is_match(store: &Store, matcher: &mut Matcher, trace: TraceIx, now: Nanos) -> bool {
    matcher.matches_trace(store, trace) && store.rows_of(trace).into_iter().any(|row| matcher.matches(store, row, now))
}
