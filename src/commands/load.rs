//! Everything that the sources hold, read once and kept as the screen keeps it.

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;

use color_eyre::eyre::{Report, bail};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::channel;

use super::select::{Selection, Since};
use super::sources::{self, ReadLimits};
use super::{Outcome, UsageError, print_message, screen};
use crate::config::Config;
use crate::model::{Batch, Nanos, Payload, SourceId};
use crate::query::{Matcher, Query};
use crate::sources::{Handle, Hub, PayloadRequest, Request, Search, State, Update};
use crate::store::{RowIx, Store, TraceIx};
use crate::tui::event_loop::now;
use crate::{format, panic_hook};

/// Batches that may wait: as many as come while the prices are read.
const WAITING: usize = 64;

/// What was read.
#[derive(Debug)]
pub struct Snapshot {
    /// Every span, within the limits. The process ends with the command, and need not take it apart before.
    pub store: ManuallyDrop<Store>,
    /// When it was read.
    pub now: Nanos,
    /// Sources that could not be read.
    failed: usize,
    hub: Hub,
    runtime: Runtime,
    /// Per source, whether it has read what was there.
    is_read: Vec<bool>,
}

impl Snapshot {
    /// Reads `named` sources, or those that are found, until each has given what it holds; if `since` is given, at least what began since
    /// then. A source that can't be read is told on standard error and left out. `Err` if one can't be started, prices can't be used, or a
    /// thread panics.
    pub fn read(named: &[PathBuf], since: Option<&Since>, config: &Config) -> Result<Self, Report> {
        Self::read_with(named, since, config, false)
    }

    /// The same for whoever asks for numbers and names alone: what a span was given and what it called for is not read.
    pub fn read_numbers(named: &[PathBuf], since: Option<&Since>, config: &Config) -> Result<Self, Report> {
        Self::read_with(named, since, config, true)
    }

    fn read_with(named: &[PathBuf], since: Option<&Since>, config: &Config, numbers_only: bool) -> Result<Self, Report> {
        let named = if named.is_empty() { &config.sources } else { named };
        let extent = ReadLimits { limit: u64::from(config.max_spans), since: since.map(|since| since.moment(now())), numbers_only };
        let (updates, received) = channel(WAITING);
        let paths = sources::paths(named, config);
        let open = |(at, path): (usize, &PathBuf)| sources::open(at, path, config, extent, &updates);
        let handles = paths.iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
        drop(updates);
        let store = ManuallyDrop::new(Store::new(screen::limits(config)));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let is_read = vec![false; handles.len()];
        let mut loaded = Self { store, now: now(), failed: 0, hub: Hub::new(handles, received), runtime, is_read };
        // The sources read meanwhile; what comes is priced as it comes.
        let (prices, trouble) = config.load_prices();
        if let Some(trouble) = trouble {
            // Other prices than those that were asked for would be wrong ones.
            return Err(Report::new(UsageError(trouble)));
        }
        loaded.store.set_prices(Arc::new(prices));
        while loaded.is_read.contains(&false) {
            match loaded.recv()? {
                Update::Batch(batch) => loaded.apply(&batch),
                Update::State(source, state) => loaded.update_state(source, state),
                _ => {}
            }
        }
        loaded.now = now();
        loaded.store.expire(loaded.now);
        loaded.tell_losses();
        Ok(loaded)
    }

    /// The traces that are wanted, newest first. Which sources the selection names is not looked at.
    pub fn choose(&mut self, selection: &Selection) -> Result<Vec<TraceIx>, Report> {
        let since = selection.since.as_ref().map_or(Nanos::MIN, |since| since.moment(self.now));
        let query = selection.filter.clone().filter(|query| !query.is_empty());
        let mut matcher = query.map(|query| self.matcher(query)).transpose()?;
        let young = self.store.traces().rev().take_while(|&trace| self.store.trace(trace).start >= since);
        let passes = |&trace: &TraceIx| matcher.as_mut().is_none_or(|matcher| passes(&self.store, matcher, trace, self.now));
        Ok(young.filter(passes).take(selection.limit.map_or(usize::MAX, |limit| limit as usize)).collect())
    }

    /// The traces of `traces` that pass.
    pub fn passing(&mut self, traces: &[TraceIx], query: Query) -> Result<Vec<TraceIx>, Report> {
        let mut matcher = self.matcher(query)?;
        Ok(traces.iter().copied().filter(|&trace| passes(&self.store, &mut matcher, trace, self.now)).collect())
    }

    /// A matcher that knows of all payloads what the query asks of them.
    fn matcher(&mut self, query: Query) -> Result<Matcher, Report> {
        let mut matcher = Matcher::new(query);
        if matcher.query().needs_payloads() {
            self.search_payloads(&mut matcher)?;
        }
        Ok(matcher)
    }

    /// What a person calls the source of a trace: that of its first span that came.
    #[must_use]
    pub fn source(&self, trace: TraceIx) -> &str {
        let came = |row: &RowIx| !self.store.row(*row).placeholder;
        let row = self.store.trace(trace).roots().iter().copied().find(came);
        let row = row.or_else(|| self.store.rows_of(trace).into_iter().find(came));
        row.map_or("", |row| self.hub.name(self.store.row(row).source))
    }

    /// Names of the sources, for messages.
    #[must_use]
    pub fn names(&self) -> String {
        self.hub.sources().iter().map(|handle| handle.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The payloads of rows, in the order asked for; `Err` says why one can't be had. They are held in memory: ask for some at a time.
    pub fn payloads(&mut self, rows: &[RowIx]) -> Result<Vec<Result<Payload, String>>, Report> {
        let data = rows.iter().map(|&row| self.store.row(row)).enumerate().filter(|(_, data)| !data.placeholder);
        let (indexes, requests): (Vec<usize>, Vec<PayloadRequest>) =
            data.map(|(index, data)| (index, PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id })).unzip();
        let mut answer: Vec<Result<Payload, String>> = rows.iter().map(|_| Err("the span itself has not arrived".to_owned())).collect();
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

    /// Nothing was found, which is told on standard error.
    #[must_use]
    pub fn nothing(&self, selection: &Selection) -> Outcome {
        let chosen = selection.filter.is_some() || selection.since.is_some();
        match self.store.trace_count() {
            // Why was told already.
            0 if self.failed == self.hub.sources().len() || self.store.losses().skipped > 0 => {}
            0 => print_message(&format!("no traces in {}", self.names())),
            _ if chosen => print_message(&format!("no trace in {} is what was asked for", self.names())),
            _ => {}
        }
        Outcome::Nothing
    }

    /// Waits for the next update. The error is a panic of any thread, or the end of all sources.
    fn recv(&mut self) -> Result<Update, Report> {
        let Self { hub, runtime, .. } = self;
        let update = runtime.block_on(async {
            tokio::select! {
                update = hub.recv() => update,
                _ = panic_hook::happened() => None,
            }
        });
        match (update, panic_hook::message()) {
            (Some(update), None) => Ok(update),
            (_, Some(message)) => bail!("internal error: {message}"),
            (None, None) => bail!("the sources ended"),
        }
    }

    fn apply(&mut self, batch: &Batch) {
        let changes = self.store.apply(batch, now());
        self.hub.release(changes.released);
    }

    fn update_state(&mut self, source: SourceId, state: State) {
        if let State::Loading { total, .. } = state {
            return self.store.reserve(total);
        }
        if self.is_read.get_mut(usize::from(source.0)).is_none_or(|is_read| std::mem::replace(is_read, true)) {
            return;
        }
        match state {
            State::Waiting(why) | State::Failing(why) => {
                print_message(&why);
                self.failed += 1;
            }
            State::Watching { left_out } if left_out > 0 => {
                let name = self.hub.name(source);
                print_message(&format!("{name}: {} left out; --max-spans takes in more", format::plural(left_out, "older span")));
            }
            State::Loading { .. } | State::Watching { .. } | State::Ended => {}
        }
    }

    /// Has every source search its payloads for what the query requires, and adds the hits to the matcher.
    fn search_payloads(&mut self, matcher: &mut Matcher) -> Result<(), Report> {
        let (since, until) = matcher.query().start_bounds(self.now);
        let search = Search { ticket: self.hub.next_ticket(), probe: Arc::new(matcher.query().payload_query()), since, until };
        let request = |handle: &Handle| self.hub.send(handle.id, Request::Search(search.clone()));
        let mut is_searching: Vec<bool> = self.hub.sources().iter().map(request).collect();
        while is_searching.contains(&true) {
            let Update::Found(found) = self.recv()? else { continue };
            if found.ticket != search.ticket {
                continue;
            }
            found.spans.into_iter().for_each(|(trace, span)| matcher.add_payload_match(trace, span));
            if let Some(trouble) = found.trouble {
                print_message(&format!("not searched: {trouble}"));
            }
            if found.progress.is_some_and(|progress| progress.done >= progress.total) {
                is_searching[usize::from(found.source.0)] = false;
            }
        }
        Ok(())
    }

    fn tell_losses(&self) {
        let losses = self.store.losses();
        if losses.evicted + losses.refused > 0 {
            let lost = format::plural(losses.evicted + losses.refused, "span");
            print_message(&format!("{lost} of the oldest traces left out for the limits; --max-spans and --max-memory take in more"));
        }
        if let Some((source, last)) = losses.recent.back() {
            let (count, name) = (format::plural(losses.skipped, "span"), self.hub.name(*source));
            print_message(&format!("{count} could not be read, the last in {name}, {}: {}", last.place, last.reason));
        }
    }
}

/// Whether a trace is shown: one of its spans passes all of the filter.
fn passes(store: &Store, matcher: &mut Matcher, trace: TraceIx, now: Nanos) -> bool {
    matcher.matches_trace(store, trace) && store.rows_of(trace).into_iter().any(|row| matcher.matches(store, row, now))
}
