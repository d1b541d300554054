//! The traces that were read, and how what is new in them becomes a batch.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use super::answer::Trace;
use super::rows;
use super::server::{Error, Server};
use crate::model::{Batch, Nanos, Origin, Payload, PayloadRef, Skipped, SpanId, TraceId, Withdrawn};
use crate::sources::{Closed, Update, UpdateSender, http};

/// How long a trace may be unchanged while it runs: as long as others without news are not lost.
const SILENCE: Nanos = 60_000_000_000;
/// The spans after which a batch is sent.
const BATCH: usize = 2048;
/// The most roots of a trace that are asked for alone, and the most bytes of these answers.
const MAX_ROOTS: usize = 16;
const MAX_ROOT_BYTES: usize = 32 << 20;

/// Why reading stops.
#[derive(Debug)]
pub(super) enum Stop {
    Closed(Closed),
    Failed(Error),
}

impl From<Closed> for Stop {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is known of a trace that was read.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Its place in [`Reader::ids`].
    number: u32,
    /// A hash of what AgentOS told of it.
    print: u64,
    /// Whether a row stands for it.
    is_summary: bool,
    /// Whether its spans were sent.
    has_spans: bool,
    /// Whether it was said what is missing of it.
    is_told: bool,
}

/// The traces that were read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    known: HashMap<TraceId, Known>,
    ids: Vec<TraceId>,
    /// What a limit leaves out: traces that began up to the first time and ended up to the second.
    left_out: Option<[Nanos; 2]>,
    /// The traces of which more may come, and when they ended so far.
    unsettled: HashMap<TraceId, Nanos>,
    /// The latest end of a trace.
    pub(super) latest: Option<Nanos>,
}

/// A trace that was taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) start: Option<Nanos>,
    /// Its spans.
    pub(super) spans: u64,
    /// Whether anything in it was new.
    pub(super) is_new: bool,
}

impl Reader {
    /// The number of traces that were read.
    pub(super) fn traces(&self) -> usize {
        self.known.len()
    }

    /// Leaves out the traces before this start, unless something comes of them.
    pub(super) fn leave_out_before(&mut self, start: Nanos) {
        self.left_out = self.latest.map(|latest| [start, latest]);
    }

    /// Sends the traces of a page, without what was sent before.
    pub(super) fn take_all(
        &mut self,
        traces: &[&[u8]],
        origin: Origin,
        server: &mut Server,
        updates: &UpdateSender,
    ) -> Result<Vec<Taken>, Stop> {
        let mut batch = updates.batch(origin);
        let mut taken = Vec::with_capacity(traces.len());
        for trace in traces {
            taken.push(self.take(trace, false, &mut batch, server, updates)?);
            if batch.spans.len() >= BATCH {
                let next = batch.next();
                updates.send(Update::Batch(std::mem::replace(&mut batch, next)))?;
            }
        }
        send(batch, updates)?;
        Ok(taken)
    }

    /// Reads traces again of which nothing came for a while: they have ended, or AgentOS leaves out a part.
    pub(super) fn settle(&mut self, server: &mut Server, updates: &UpdateSender) -> Result<(), Stop> {
        let now = server.now();
        let due: Vec<TraceId> = self.unsettled.iter().filter(|(_, end)| is_silent(**end, now)).map(|(id, _)| *id).collect();
        for id in due {
            match server.trace(id) {
                Ok(text) => {
                    let mut batch = updates.batch(Origin::Live);
                    self.take(&text, true, &mut batch, server, updates)?;
                    send(batch, updates)?;
                }
                Err(Error::Gone | Error::Failed(_)) => {}
                Err(error) => return Err(error.into()),
            }
            if self.unsettled.get(&id).is_some_and(|end| is_silent(*end, now)) {
                self.unsettled.remove(&id);
            }
        }
        Ok(())
    }

    /// Adds what is new in a trace to a batch; with `again`, also what is not.
    fn take(&mut self, text: &[u8], again: bool, batch: &mut Batch, server: &mut Server, updates: &UpdateSender) -> Result<Taken, Stop> {
        let trace = match Trace::read(text) {
            Ok(trace) => trace,
            Err(reason) => {
                batch.skipped.push(Skipped { place: "a trace".to_owned(), reason });
                return Ok(Taken::default());
            }
        };
        let mut hasher = DefaultHasher::new();
        hasher.write(text);
        let (id, print) = (trace.id, hasher.finish());
        let unchanged = Taken { start: Some(trace.start), spans: trace.spans(), is_new: false };
        let next = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let is_known = self.known.contains_key(&id);
        let mut known = self.known.get(&id).copied().unwrap_or(Known { number: next, ..Known::default() });
        if is_known && known.print == print && !again {
            return Ok(unchanged);
        }
        let own = complete(&trace, server)?;
        let trace = trace.with_own(&own.roots);
        // A clock that is ahead must not hide what comes from others.
        self.latest = self.latest.max(Some(trace.end.min(server.now())));
        if !is_known {
            self.ids.push(id);
        }
        known.print = print;
        let is_left_out = !is_known && self.left_out.is_some_and(|[start, end]| trace.start <= start && trace.end <= end);
        if !is_left_out && !trace.is_request_for_traces() {
            self.add(&trace, own.untold, &mut known, batch, server, updates)?;
        }
        self.known.insert(id, known);
        Ok(Taken { is_new: true, ..unchanged })
    }

    fn add(
        &mut self,
        trace: &Trace<'_>,
        untold: usize,
        known: &mut Known,
        batch: &mut Batch,
        server: &Server,
        updates: &UpdateSender,
    ) -> Result<(), Closed> {
        let is_silent = is_silent(trace.end, server.now());
        let is_partial = trace.nodes.is_empty() || trace.missing() > 0;
        if is_partial && !is_silent {
            self.unsettled.insert(trace.id, trace.end);
        } else {
            self.unsettled.remove(&trace.id);
        }
        let payload_ref = PayloadRef(known.number.into());
        if trace.nodes.is_empty() {
            if !known.has_spans {
                let span = rows::summary(trace, is_silent.then_some(trace.end), payload_ref, batch);
                batch.spans.push(span);
                known.is_summary = true;
            }
        } else {
            if std::mem::take(&mut known.is_summary) {
                // The row must be in the store, and go before the spans come.
                let mut withdrawal = batch.next();
                withdrawal.withdrawn.push(Withdrawn { trace: trace.id, span: None });
                let next = batch.next();
                send(std::mem::replace(batch, next), updates)?;
                updates.send(Update::Batch(withdrawal))?;
            }
            for node in &trace.nodes {
                let span = rows::span(trace, node, payload_ref, batch);
                batch.spans.push(span);
            }
            known.has_spans = true;
        }
        let gap = if trace.nodes.is_empty() || !(is_silent || trace.is_cut) { None } else { trace.gap() };
        let (invalid, reasons) = &trace.invalid;
        if !known.is_told && (*invalid > 0 || gap.is_some() || untold > 0) {
            known.is_told = true;
            let more = invalid - reasons.len() as u64;
            let more = (more > 0).then(|| format!("{more} more of the tree's spans can't be read"));
            let untold =
                (untold > 0).then(|| format!("{untold} of its roots have the times of the trace: AgentOS tells their own one by one"));
            let skipped = |reason| Skipped { place: format!("trace {}", trace.id), reason };
            batch.skipped.extend(reasons.iter().cloned().chain(more).chain(gap).chain(untold).map(skipped));
        }
        Ok(())
    }

    /// Returns the trace of a span.
    pub(super) fn id(&self, payload_ref: PayloadRef) -> Option<TraceId> {
        usize::try_from(payload_ref.0).ok().and_then(|number| self.ids.get(number)).copied()
    }

    /// Reads the payloads of spans, in order.
    pub(super) fn payloads(&self, addresses: &[(PayloadRef, SpanId)], server: &mut Server) -> Vec<Result<Payload, String>> {
        let mut by_trace: HashMap<i64, Vec<usize>> = HashMap::new();
        for (index, (payload_ref, _)) in addresses.iter().enumerate() {
            by_trace.entry(payload_ref.0).or_default().push(index);
        }
        let gone = format!("this span is no longer in {}", server.name);
        let mut payloads = vec![Err(gone); addresses.len()];
        for (number, indexes) in by_trace {
            let Some(id) = self.id(PayloadRef(number)) else { continue };
            let found = read_payloads(id, server);
            for index in indexes {
                match &found {
                    Ok(found) => {
                        if let Some(payload) = found.get(&addresses[index].1) {
                            payloads[index] = Ok(payload.clone());
                        }
                    }
                    Err(Error::Gone) => {}
                    Err(error) => payloads[index] = Err(error.message(server)),
                }
            }
        }
        payloads
    }
}

/// Returns the payloads of a trace.
fn read_payloads(id: TraceId, server: &mut Server) -> Result<HashMap<SpanId, Payload>, Error> {
    let text = server.trace(id)?;
    let trace = Trace::read(&text).map_err(Error::Foreign)?;
    payloads_of(trace, server).map(|payloads| payloads.into_iter().collect())
}

/// Returns the payloads of a trace that was read.
pub(super) fn payloads_of(trace: Trace<'_>, server: &mut Server) -> Result<Vec<(SpanId, Payload)>, Error> {
    let own = complete(&trace, server)?;
    let trace = trace.with_own(&own.roots);
    if trace.nodes.is_empty() {
        return Ok(vec![(SpanId::of_trace(trace.id), rows::summary_payload(&trace))]);
    }
    Ok(trace.nodes.iter().map(|node| (node.id, rows::payload(&trace, node))).collect())
}

/// Roots as AgentOS tells them alone.
#[derive(Debug, Default)]
struct Own {
    roots: Vec<(SpanId, Vec<u8>)>,
    /// The number of other roots about which the tree does not tell enough.
    untold: usize,
}

/// Asks for the roots about which the tree does not tell enough, within limits. Without an answer about them, the tree must do.
fn complete(trace: &Trace<'_>, server: &mut Server) -> Result<Own, Error> {
    let (mut own, mut room) = (Own::default(), MAX_ROOT_BYTES);
    let unclear = trace.unclear_roots();
    for root in unclear.iter().take(MAX_ROOTS) {
        match server.span(trace.id, *root, room) {
            Ok(text) => {
                room = room.saturating_sub(text.len());
                own.roots.push((*root, text));
            }
            Err(Error::Gone | Error::Failed(_) | Error::Http(http::Error::TooLarge(_))) => {}
            Err(error) => return Err(error),
        }
    }
    own.untold = unclear.len() - own.roots.len();
    Ok(own)
}

fn is_silent(end: Nanos, now: Nanos) -> bool {
    now.saturating_sub(end) > SILENCE
}

/// Sends a batch that holds anything.
fn send(batch: Batch, updates: &UpdateSender) -> Result<(), Closed> {
    if batch.spans.is_empty() && batch.skipped.is_empty() { Ok(()) } else { updates.send(Update::Batch(batch)) }
}
