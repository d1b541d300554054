//! The loop of `tail`: what the sources say comes in, rows whose spans ended go out.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Report, bail};
use tokio::sync::mpsc::channel;
use tokio::time::MissedTickBehavior;

use super::super::output::Output;
use super::super::{Outcome, UsageError, print_message, screen, sources, stdout_closed, written};
use super::Tail;
use crate::config::Config;
use crate::model::{Batch, Nanos, Origin, SourceId};
use crate::panic_hook;
use crate::query::Matcher;
use crate::sources::{Hub, Request, SearchHits, State, Update};
use crate::store::{Phase, RowIx, Store};
use crate::tui::event_loop::now;

pub(super) fn run(tail: &Tail, config: &Config) -> Result<Outcome, Report> {
    let named = if tail.sources.is_empty() { &config.sources } else { &tail.sources };
    let (updates, received) = channel(sources::WAITING);
    // Where nothing older is wanted, the newest span is enough to begin at.
    let since = tail.since.as_ref().map(|since| since.moment(now()));
    let limit = if since.is_some() { u64::from(config.max_spans) } else { 1 };
    // A span that ended since may have begun long before, so that all are looked at.
    let extent = sources::ReadLimits { limit, since: None, numbers_only: false };
    let paths = sources::paths(named, config);
    let open = |(at, path)| sources::open(at, path, config, extent, &updates);
    let mut handles = paths.iter().map(PathBuf::as_path).enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
    // As on the screen: the listener comes where no source is named, or where it is asked for.
    if let Some(listening) = sources::listen(&paths, named.is_empty(), config, &updates)? {
        let addresses: Vec<String> = listening.addresses.iter().map(ToString::to_string).collect();
        if !addresses.is_empty() {
            print_message(&format!("listening for OTLP on {}", addresses.join(" and ")));
        }
        listening.warnings.iter().for_each(|warning| print_message(warning));
        handles.push(listening.handle);
    }
    drop(updates);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (prices, trouble) = config.load_prices();
    if let Some(trouble) = trouble {
        return Err(Report::new(UsageError(trouble)));
    }
    let mut store = Store::new(screen::limits(config));
    store.set_prices(Arc::new(prices));
    let mut follower = Follower {
        tail,
        look: Output::stdout(config.ascii),
        store,
        matcher: tail.filter.clone().map(Matcher::new),
        since,
        sources: handles.iter().map(|_| Source::default()).collect(),
        hub: Hub::new(handles, received),
        waiting: Vec::new(),
        left: tail.limit.map_or(u64::MAX, u64::from),
        wrote: false,
    };
    let outcome = runtime.block_on(async {
        // Listened for all along: an interrupt that comes while a line is written must not be missed.
        let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                message = panic_hook::happened() => bail!("internal error: {message}"),
                interrupted = &mut interrupt => {
                    interrupted?;
                    return Ok(Outcome::Done);
                }
                // What is lost has ended for the store, so that it can give it up.
                _ = second.tick() => {
                    if stdout_closed() {
                        return Ok(Outcome::Done);
                    }
                    follower.store.expire(now());
                }
                update = follower.hub.recv() => {
                    let Some(update) = update else { return Ok(Outcome::Done) };
                    match follower.take(&update) {
                        Ok(false) => {}
                        Ok(true) => return Ok(follower.outcome()),
                        Err(error) => return Ok(written(Err(error), Outcome::Done)?),
                    }
                }
            }
        }
    });
    sources::stop(follower.hub);
    outcome
}

#[derive(Default)]
struct Source {
    /// Whether it has given what there was.
    begun: bool,
    ended: bool,
    /// What is wrong with it, told once.
    trouble: Option<String>,
}

struct Follower<'a> {
    tail: &'a Tail,
    look: Output,
    store: Store,
    matcher: Option<Matcher>,
    since: Option<Nanos>,
    hub: Hub,
    sources: Vec<Source>,
    /// Rows that ended while the sources gave what there was; written once all have, in the order of their ends.
    /// With each, whether it was written while the source was watched.
    waiting: Vec<(RowIx, bool)>,
    /// How many more lines are wanted.
    left: u64,
    wrote: bool,
}

impl Follower<'_> {
    /// Takes in what a source says. Whether it is over; `Err` if a line can't be written.
    fn take(&mut self, update: &Update) -> io::Result<bool> {
        match update {
            Update::Batch(batch) => self.batch(batch)?,
            Update::State(source, state) => self.state(*source, state)?,
            Update::Found(found) => self.found(found)?,
            _ => {}
        }
        Ok(self.left == 0 || self.sources.iter().all(|source| source.ended))
    }

    fn outcome(&self) -> Outcome {
        if self.wrote { Outcome::Done } else { Outcome::Nothing }
    }

    fn batch(&mut self, batch: &Batch) -> io::Result<()> {
        // What comes again has been written.
        let ended = |store: &Store, row: RowIx| !store.row(row).placeholder && store.row(row).phase == Phase::Ended;
        let find = |store: &Store, at: usize| {
            let span = &batch.spans[at];
            store.find_trace(span.trace).and_then(|trace| store.find(trace, span.id)).filter(|&row| ended(store, row))
        };
        let fresh: Vec<usize> = (0..batch.spans.len()).filter(|&at| find(&self.store, at).is_none()).collect();
        let changes = self.store.apply(batch, now());
        self.hub.release(changes.released);
        let freed: std::collections::HashSet<RowIx> = changes.freed.into_iter().collect();
        self.waiting.retain(|(row, _)| !freed.contains(row));
        let mut rows: Vec<RowIx> = fresh.into_iter().filter_map(|at| find(&self.store, at)).collect();
        let live = batch.origin == Origin::Live;
        if !live || self.sources.iter().any(|source| !source.begun) {
            self.waiting.extend(rows.into_iter().map(|row| (row, live)));
            return Ok(());
        }
        rows.dedup();
        self.write(&rows)
    }

    fn state(&mut self, source: SourceId, state: &State) -> io::Result<()> {
        let Some(source) = self.sources.get_mut(usize::from(source.0)) else { return Ok(()) };
        match state {
            State::Loading { .. } => return Ok(()),
            State::Watching { .. } => source.trouble = None,
            State::Ended => source.ended = true,
            State::Waiting(why) | State::Failing(why) => {
                if source.trouble.as_ref() != Some(why) {
                    print_message(why);
                    source.trouble = Some(why.clone());
                }
            }
        }
        source.begun = true;
        if self.sources.iter().all(|source| source.begun) {
            let mut waiting = std::mem::take(&mut self.waiting);
            waiting.retain(|&(row, live)| live || self.wants_old(row));
            let mut rows: Vec<RowIx> = waiting.into_iter().map(|(row, _)| row).collect();
            rows.sort_by_key(|&row| (self.store.row(row).end, row));
            rows.dedup();
            return self.write(&rows);
        }
        Ok(())
    }

    /// Whether a row that was there before is written: one of a file, which has no others, or one that ended since what was asked for.
    fn wants_old(&self, row: RowIx) -> bool {
        let data = self.store.row(row);
        match self.since {
            Some(since) => data.end >= since,
            None => self.sources.get(usize::from(data.source.0)).is_some_and(|source| source.ended),
        }
    }

    fn write(&mut self, rows: &[RowIx]) -> io::Result<()> {
        for &row in rows {
            let store = &self.store;
            let Some(matcher) = &mut self.matcher else {
                self.write_line(row)?;
                continue;
            };
            if !matcher.may_match(store, row, store.row(row).end) {
                continue;
            }
            if matcher.query().needs_payloads() {
                self.check(row);
            } else {
                self.write_line(row)?;
            }
        }
        Ok(())
    }

    /// Has the payload of a row looked at; if it holds what the filter asks for, the answer comes as [`Update::Found`].
    fn check(&self, row: RowIx) {
        let data = self.store.row(row);
        let Some(matcher) = &self.matcher else { return };
        let probe = Arc::new(matcher.query().payload_query());
        // One that can't be asked any more is told of by its state.
        self.hub.send(data.source, Request::Check { ticket: 0, probe, addresses: vec![(data.payload_ref, data.id)] });
    }

    fn found(&mut self, found: &SearchHits) -> io::Result<()> {
        if let Some(trouble) = &found.trouble {
            print_message(&format!("not searched: {trouble}"));
        }
        for &(trace, span) in &found.spans {
            if let Some(row) = self.store.find_trace(trace).and_then(|trace| self.store.find(trace, span)) {
                self.write_line(row)?;
            }
        }
        Ok(())
    }

    fn write_line(&mut self, row: RowIx) -> io::Result<()> {
        if self.left > 0 {
            self.tail.write(&self.store, row, self.look)?;
            self.wrote = true;
            self.left -= 1;
        }
        Ok(())
    }
}
