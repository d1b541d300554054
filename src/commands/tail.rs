//! `agno-top tail`: each span when it ends.

mod line;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use eyre::{Report, bail};
use tokio::time::MissedTickBehavior;

use super::open::{self, Listener, OpenOptions, Opened};
use super::output::Output;
use super::{Outcome, UsageError, ignore_broken_pipe, is_stdout_closed, print_message};
use crate::cli::TailArgs;
use crate::config::Config;
use crate::job_control::{self, Scope, Stops};
use crate::model::clock::Clock;
use crate::model::sort;
use crate::model::time::now;
use crate::model::{Batch, Nanos, Origin, SourceId};
use crate::panic_hook;
use crate::query::{Matcher, Query};
use crate::sources::{Hub, ReadLimits, Request, SearchHits, State, Update};
use crate::store::{Changes, Phase, RowIx, Store};

/// Updates that may wait.
const CAPACITY: usize = 16;

/// Follows the sources until an interrupt, the end of the reader, the limit, or the end of all sources.
pub(super) fn run(args: &TailArgs, config: &Config) -> Result<Outcome, Report> {
    if args.filter.as_ref().is_some_and(Query::needs_misses) {
        let reason = "tail can't tell which calls a cache missed: that takes the calls of whole runs; use list --filter miss:yes";
        bail!(UsageError(reason.to_owned()));
    }
    let since = args.since.as_ref().map(|since| since.resolve(now()));
    let until = args.until.as_ref().map(|until| until.resolve(now()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stops = {
        // Before a port is open, so that no sender ever waits for a stopped program.
        let _guard = runtime.enter();
        Stops::new()?
    };
    let hub = open_sources(args, since, config)?;
    let (prices, result) = config.load_prices();
    result.map_err(UsageError)?;
    let mut store = open::store(config);
    store.set_prices(Arc::new(prices));
    let mut follower = Follower {
        json: args.json,
        output: Output::stdout(config.ascii),
        store,
        clock: Clock::default(),
        matcher: args.filter.clone().map(Matcher::new),
        since,
        until,
        sources: hub
            .sources()
            .iter()
            .map(|_| Source { is_read: false, is_reading_again: false, newest: None, from: now(), has_ended: false, error: None })
            .collect(),
        hub,
        deferred: Vec::new(),
        remaining: args.limit.map_or(u64::MAX, u64::from),
        has_printed: false,
    };
    let outcome = runtime.block_on(follower.run(stops));
    open::stop(follower.hub);
    outcome
}

fn open_sources(args: &TailArgs, since: Option<Nanos>, config: &Config) -> Result<Hub, Report> {
    let named = if args.sources.is_empty() { &config.sources } else { &args.sources };
    let most = u64::from(config.max_spans.get());
    // Without `since`, only the newest span is read at first, to know where to start.
    let limit = if since.is_some() { most } else { 1 };
    // A span that ended since then may have begun long before, so `since` does not limit the start times.
    let limits = ReadLimits { limit, limit_again: most, since: None, on_demand: false };
    let options = OpenOptions { limits, numbers_only: false, capacity: CAPACITY, listener: Listener::beside(named) };
    let Opened { hub, addresses, warnings } = open::open(&open::watched_paths(named, config), config, options)?;
    if !addresses.is_empty() {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        print_message(&format!("listening for OTLP on {}", addresses.join(" and ")));
    }
    for warning in &warnings {
        print_message(warning);
    }
    Ok(hub)
}

/// The state of one source.
struct Source {
    /// Whether it has read what existed at first.
    is_read: bool,
    /// Whether it reads everything again, as after a reconnect.
    is_reading_again: bool,
    /// The end of the newest span that existed at first.
    newest: Option<Nanos>,
    /// Spans that ended earlier existed at first. It is the time when the program started, or the end of the newest span then, or, if there was
    /// none, that of the first new one: the writer's clock may be behind.
    from: Nanos,
    has_ended: bool,
    /// The last error that was printed, so that it is printed once.
    error: Option<String>,
}

struct Follower {
    json: bool,
    output: Output,
    store: Store,
    clock: Clock,
    matcher: Option<Matcher>,
    since: Option<Nanos>,
    until: Option<Nanos>,
    hub: Hub,
    sources: Vec<Source>,
    /// Rows that ended before every source had read what existed, each with whether it arrived live. They are printed in the order of their
    /// ends once every source has.
    deferred: Vec<(RowIx, bool)>,
    /// Lines still to print.
    remaining: u64,
    has_printed: bool,
}

impl Follower {
    async fn run(&mut self, mut stops: Stops) -> Result<Outcome, Report> {
        // Created once: an interrupt that arrives while a line is written must not be missed.
        let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                message = panic_hook::happened() => bail!(message),
                interrupted = &mut interrupt => {
                    interrupted?;
                    return Ok(Outcome::Done);
                }
                () = stops.next() => {
                    self.hub.suspend();
                    let resumed = job_control::stop(Scope::Process);
                    self.hub.resume();
                    resumed?;
                }
                _ = tick.tick() => {
                    if is_stdout_closed() {
                        return Ok(Outcome::Done);
                    }
                    // Traces with lost spans count as finished, so that the store can evict them.
                    let now = self.read_clock();
                    self.store.expire(now);
                    if self.is_over() {
                        return Ok(self.outcome());
                    }
                }
                update = self.hub.recv() => {
                    let Some(update) = update else { return Ok(Outcome::Done) };
                    match self.update(&update) {
                        Ok(false) => {}
                        Ok(true) => return Ok(self.outcome()),
                        Err(error) => return ignore_broken_pipe(Err(error), Outcome::Done),
                    }
                }
            }
        }
    }

    fn read_clock(&mut self) -> Nanos {
        let (now, by) = self.clock.read();
        if by != 0 {
            self.store.clock_was_set(by);
        }
        now
    }

    fn outcome(&self) -> Outcome {
        if self.has_printed { Outcome::Done } else { Outcome::Missing }
    }

    /// Whether the requested time is over and what existed has been read.
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| now() > until) && self.sources.iter().all(|source| source.is_read)
    }

    /// Handles an update. Returns whether it was the last.
    fn update(&mut self, update: &Update) -> io::Result<bool> {
        match update {
            Update::Batch(batch) => self.apply(batch)?,
            Update::State(source, state) => self.update_state(*source, state)?,
            Update::Traffic(_, traffic) => {
                self.store.set_payload_memory(traffic.memory);
                let changes = self.store.evict_excess();
                self.forget(changes);
            }
            Update::SearchHits(hits) => self.print_hits(hits)?,
            _ => {}
        }
        Ok(self.remaining == 0 || self.sources.iter().all(|source| source.has_ended))
    }

    fn apply(&mut self, batch: &Batch) -> io::Result<()> {
        let ended_row = |store: &Store, index: usize| {
            let span = &batch.spans[index];
            let row = store.find(store.find_trace(span.trace)?, span.id)?;
            let data = store.row(row);
            (!data.placeholder && data.phase == Phase::Ended).then_some(row)
        };
        // A span that arrives again was printed before.
        let new: Vec<usize> = (0..batch.spans.len()).filter(|&index| ended_row(&self.store, index).is_none()).collect();
        let now = self.read_clock();
        let changes = self.store.apply(batch, now);
        self.forget(changes);
        let mut rows: Vec<RowIx> = new.into_iter().filter_map(|index| ended_row(&self.store, index)).collect();
        let is_live = batch.origin == Origin::Live;
        let are_read = self.sources.iter().all(|source| source.is_read);
        if let Some(source) = self.sources.get_mut(usize::from(batch.source.0)).filter(|source| is_live && source.newest.is_none()) {
            source.from = rows.iter().map(|&row| self.store.row(row).end).fold(source.from, Nanos::min);
        }
        let is_reading_again = self.sources.get(usize::from(batch.source.0)).is_some_and(|source| source.is_reading_again);
        if !are_read || (!is_live && is_reading_again) {
            self.deferred.extend(rows.into_iter().map(|row| (row, is_live)));
            return Ok(());
        }
        rows.retain(|&row| is_live || self.includes_existing(row));
        self.print_in_order(rows)
    }

    /// Releases what the store no longer holds.
    fn forget(&mut self, changes: Changes) {
        self.hub.release(changes.released);
        let freed: HashSet<RowIx> = changes.freed.into_iter().collect();
        self.deferred.retain(|(row, _)| !freed.contains(row));
    }

    fn update_state(&mut self, id: SourceId, state: &State) -> io::Result<()> {
        let Some(source) = self.sources.get_mut(usize::from(id.0)) else { return Ok(()) };
        match state {
            State::Loading { .. } => {
                source.is_reading_again = source.is_read;
                return Ok(());
            }
            State::Watching { .. } | State::WatchingNewest { .. } => source.error = None,
            State::Ended => source.has_ended = true,
            State::Waiting(reason) | State::Failing(reason) => {
                if source.error.as_ref() != Some(reason) {
                    print_message(reason);
                    source.error = Some(reason.clone());
                }
            }
        }
        let is_first = !source.is_read;
        (source.is_read, source.is_reading_again) = (true, false);
        if is_first {
            self.set_start(id);
        }
        if self.sources.iter().any(|source| !source.is_read || source.is_reading_again) {
            return Ok(());
        }
        let mut deferred = std::mem::take(&mut self.deferred);
        deferred.retain(|&(row, is_live)| is_live || self.includes_existing(row));
        self.print_in_order(deferred.into_iter().map(|(row, _)| row).collect())
    }

    /// Sets from when on spans of a source are new, after it has read its newest span.
    fn set_start(&mut self, id: SourceId) {
        let existing = self.deferred.iter().filter(|(row, is_live)| !is_live && self.store.row(*row).source == id);
        let newest = existing.map(|(row, _)| self.store.row(*row).end).max();
        if let (Some(newest), Some(source)) = (newest, self.sources.get_mut(usize::from(id.0))) {
            source.newest = Some(newest);
            source.from = source.from.min(newest.saturating_add(1));
        }
    }

    /// Prints rows in the order of their ends.
    fn print_in_order(&mut self, mut rows: Vec<RowIx>) -> io::Result<()> {
        sort::by_key(&mut rows, |&row| (self.store.row(row).end, row));
        rows.dedup();
        self.print_matching(&rows)
    }

    /// Whether a span that its source did not announce as new is printed: one that ended since the requested time, else one that ended
    /// after the start and was read later, or any span of a file that is read once.
    fn includes_existing(&self, row: RowIx) -> bool {
        let data = self.store.row(row);
        match self.since {
            Some(since) => data.end >= since,
            None => self.sources.get(usize::from(data.source.0)).is_some_and(|source| source.has_ended || data.end >= source.from),
        }
    }

    fn print_matching(&mut self, rows: &[RowIx]) -> io::Result<()> {
        for &row in rows {
            let store = &self.store;
            if self.until.is_some_and(|until| store.row(row).end > until) {
                continue;
            }
            let Some(matcher) = &mut self.matcher else {
                self.print(row)?;
                continue;
            };
            if !matcher.may_match(store, row, store.row(row).end) {
                continue;
            }
            if matcher.query().needs_payloads() {
                self.check_payload(row);
            } else {
                self.print(row)?;
            }
        }
        Ok(())
    }

    /// Has the source search the payload of a row. A hit arrives as [`Update::SearchHits`].
    fn check_payload(&self, row: RowIx) {
        let data = self.store.row(row);
        let Some(matcher) = &self.matcher else { return };
        let query = Arc::new(matcher.query().payload_query());
        // A source that has ended is reported by its state.
        self.hub.send(data.source, Request::Check { ticket: 0, query, addresses: vec![(data.payload_ref, data.id)] });
    }

    fn print_hits(&mut self, hits: &SearchHits) -> io::Result<()> {
        if let Some(error) = &hits.error {
            print_message(&format!("not searched: {error}"));
        }
        for &(trace, span) in &hits.spans {
            if let Some(row) = self.store.find_trace(trace).and_then(|trace| self.store.find(trace, span)) {
                self.print(row)?;
            }
        }
        Ok(())
    }

    fn print(&mut self, row: RowIx) -> io::Result<()> {
        if self.remaining > 0 {
            line::print(&self.store, row, self.json, self.output)?;
            self.has_printed = true;
            self.remaining -= 1;
        }
        Ok(())
    }
}
