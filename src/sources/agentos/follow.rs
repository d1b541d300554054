//! What to ask for, and when: first the traces that exist, then what is new or changed.
//!
//! A poll asks for the traces that ended shortly before the latest known end, or later: whole trees of few traces. Spans may be stored late,
//! so that now and then a poll reaches further back; and traces may be stored with earlier times, so that now and then they are counted. If
//! there are more than were read, all are read again.

use std::time::{Duration, Instant};

use super::answer::Page;
use super::pager::{Filter, Pager};
use super::reader::{Reader, Stop, Taken};
use super::server::{Error, Server};
use crate::model::{Nanos, Origin, Skipped};
use crate::sources::{ReadLimits, State, Update, UpdateSender, http};

const SECOND: Nanos = 1_000_000_000;
/// How far a poll reaches back: longer than exporters wait before they send a batch.
const OVERLAP: Nanos = 15 * SECOND;
/// How far one reaches back now and then, and how often.
const LONG_OVERLAP: Nanos = 600 * SECOND;
const LONG_INTERVAL: Duration = Duration::from_secs(60);
/// How often the traces are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);
/// The interval of polls: after news, and at most.
const POLL: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// The least time between polls, as a multiple of the time that the last one took.
const POLL_FACTOR: u32 = 10;
/// The longest pause between two pages, each of which is as long as the last page took.
const PAGE_PAUSE: Duration = Duration::from_millis(500);

/// What is being read.
#[derive(Debug)]
enum Reading {
    /// The traces that exist, from the newest on.
    Load(Load),
    /// What is new.
    Poll(Pager),
    /// Nothing until the next poll.
    Idle,
}

/// A read of the traces that exist.
#[derive(Debug)]
struct Load {
    pager: Pager,
    origin: Origin,
    /// The most spans to send.
    limit: u64,
    /// The spans and the traces that were sent.
    sent: u64,
    traces: u64,
}

/// The progress of reading.
#[derive(Debug)]
pub(super) struct Follow {
    limits: ReadLimits,
    reading: Reading,
    left_out: u64,
    interval: Duration,
    /// When to reach further back, and when to count.
    long: Instant,
    count: Instant,
    /// How many more traces there are than were read, once that is known: those that the limits leave out.
    unread: Option<i64>,
    /// Whether there were more at the last count.
    is_missing: bool,
}

impl Follow {
    pub(super) fn new(limits: ReadLimits) -> Self {
        let load = Load::new(Filter { ended_since: limits.since, ..Filter::default() }, Origin::History, limits.limit.max(1));
        Self {
            limits,
            reading: Reading::Load(load),
            left_out: 0,
            interval: POLL[0],
            long: Instant::now() + LONG_INTERVAL,
            count: Instant::now(),
            unread: None,
            is_missing: false,
        }
    }

    pub(super) fn state(&self) -> State {
        match &self.reading {
            Reading::Load(load) if load.origin == Origin::History => load.state(),
            _ if self.left_out > 0 => State::WatchingNewest { left_out: self.left_out },
            _ => State::Watching { left_out: 0 },
        }
    }

    /// Asks one question and sends what is new. Returns how long to wait before the next step.
    pub(super) fn step(&mut self, reader: &mut Reader, server: &mut Server, updates: &UpdateSender) -> Result<Duration, Stop> {
        let begun = Instant::now();
        let pause = |begun: Instant| begun.elapsed().min(PAGE_PAUSE);
        match &mut self.reading {
            Reading::Load(load) => {
                if let Some(left_out) = load.step(reader, server, updates)? {
                    if load.origin == Origin::History {
                        self.left_out = left_out;
                    }
                    self.reading = Reading::Idle;
                    self.unread = None;
                }
                Ok(pause(begun))
            }
            Reading::Poll(pager) => {
                let taken = read(pager, server, updates, |traces, server| reader.take_all(traces, Origin::Live, server, updates))?;
                if taken.iter().any(|taken| taken.is_new) {
                    self.interval = POLL[0];
                }
                if !pager.is_done {
                    return Ok(pause(begun));
                }
                self.reading = Reading::Idle;
                reader.settle(server, updates)?;
                let wait = self.interval.max(begun.elapsed() * POLL_FACTOR);
                self.interval = (self.interval * 3 / 2).min(POLL[1]);
                Ok(wait)
            }
            Reading::Idle => {
                let now = Instant::now();
                if self.unread.is_none() || self.is_missing || now >= self.count {
                    self.count = now + COUNT_INTERVAL;
                    self.count(reader, server)?;
                }
                if matches!(self.reading, Reading::Idle) {
                    let is_long = now >= self.long;
                    if is_long {
                        self.long = now + LONG_INTERVAL;
                    }
                    let overlap = if is_long { LONG_OVERLAP } else { OVERLAP };
                    let ended_since = reader.latest.map(|latest| latest.saturating_sub(overlap)).or(self.limits.since);
                    self.reading = Reading::Poll(Pager::new(Filter { ended_since, ..Filter::default() }));
                }
                Ok(Duration::ZERO)
            }
        }
    }

    /// Counts the traces. Reads all again if there are more than were read, twice in a row: one may have come just now.
    fn count(&mut self, reader: &Reader, server: &mut Server) -> Result<(), Stop> {
        let text = server.search(&Pager::count().question())?;
        let page = Page::read(&text).map_err(|error| Error::Foreign(error.to_string()))?;
        let unread = i64::try_from(page.total).unwrap_or(i64::MAX).saturating_sub(reader.traces() as i64);
        let was_missing = std::mem::take(&mut self.is_missing);
        match self.unread {
            Some(known) if unread > known && was_missing => {
                self.reading = Reading::Load(Load::new(Filter::default(), Origin::Live, self.limits.limit_again.max(1)));
            }
            Some(known) if unread > known => self.is_missing = true,
            // Some were deleted.
            _ => self.unread = Some(unread),
        }
        Ok(())
    }
}

impl Load {
    fn new(filter: Filter, origin: Origin, limit: u64) -> Self {
        Self { pager: Pager::new(filter), origin, limit, sent: 0, traces: 0 }
    }

    fn state(&self) -> State {
        // As many spans in each trace as in those so far.
        let total = self.pager.total.unwrap_or_default().max(self.traces);
        let estimate = u128::from(self.sent) * u128::from(total) / u128::from(self.traces.max(1));
        let estimate = u64::try_from(estimate).unwrap_or(u64::MAX).min(self.limit);
        State::Loading { done: self.sent, total: estimate.max(self.sent) }
    }

    /// Reads a page. Returns the number of traces that are left out, once all others are read.
    fn step(&mut self, reader: &mut Reader, server: &mut Server, updates: &UpdateSender) -> Result<Option<u64>, Stop> {
        let Self { pager, origin, limit, sent, traces } = self;
        let mut oldest = None;
        read(pager, server, updates, |texts, server| {
            let mut taken = Vec::with_capacity(texts.len());
            for text in texts {
                if *sent >= *limit {
                    break;
                }
                for one in reader.take_all(&[text], *origin, server, updates)? {
                    // The trace with which a page begins was on the page before.
                    if one.is_new {
                        (*sent, *traces) = (sent.saturating_add(one.spans), *traces + 1);
                    }
                    oldest = one.start.or(oldest);
                    taken.push(one);
                }
            }
            Ok(taken)
        })?;
        let left_out = pager.total.unwrap_or_default().saturating_sub(*traces);
        if *sent >= *limit && left_out > 0 {
            reader.leave_out_before(oldest.unwrap_or(Nanos::MAX));
            return Ok(Some(left_out));
        }
        Ok(pager.is_done.then_some(0))
    }
}

/// Asks for a page and takes its traces. A page that is too large, or holds a trace for which there is no answer, is asked for again in parts; from
/// the second question in a row on that has no answer in time, that is an error, too.
pub(super) fn read(
    pager: &mut Pager,
    server: &mut Server,
    updates: &UpdateSender,
    take: impl FnOnce(&[&[u8]], &mut Server) -> Result<Vec<Taken>, Stop>,
) -> Result<Vec<Taken>, Stop> {
    let text = match server.search(&pager.question()) {
        Ok(text) => text,
        Err(error) => {
            let is_late = matches!(error, Error::Http(http::Error::Slow(_)));
            let message = error.message(server);
            let is_retried = error.may_be_the_size() && pager.retry(&message, || is_late && !server.answers());
            return if is_retried && !server.is_silent() { Ok(Vec::new()) } else { Err(error.into()) };
        }
    };
    let page = Page::read(&text).map_err(|error| Error::Foreign(format!("its answer is not JSON as AgentOS writes it ({error})")))?;
    let taken = take(&page.traces, server)?;
    let circles = pager.advance(&page, taken.iter().filter_map(|taken| taken.start).min());
    // Every walk meets them again.
    let circles = circles.filter(|_| !std::mem::replace(&mut server.has_circles, true));
    let skipped: Vec<Skipped> = circles.into_iter().chain(pager.succeed()).collect();
    if !skipped.is_empty() {
        let mut batch = updates.batch(Origin::History);
        batch.skipped = skipped;
        updates.send(Update::Batch(batch))?;
    }
    Ok(taken)
}
