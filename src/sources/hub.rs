//! All running sources behind one type: their updates, requests to them, and how they stop.

use std::collections::HashMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::mpsc::Receiver;
use tokio::task::unconstrained;

use super::{Handle, PayloadRequest, Request, Update};
use crate::model::{Payload, PayloadRef, SourceId};

/// How long the sources may take before the program is stopped.
const SUSPEND_TIMEOUT: Duration = Duration::from_millis(500);

/// The running sources, in the order of their ids.
///
/// Requests for payloads may span sources: the hub sends one request per source, and passes the answer on as one [`Update::Payloads`].
#[derive(Debug)]
pub struct Hub {
    sources: Vec<Handle>,
    updates: Receiver<Update>,
    last_ticket: u64,
    /// The answers to requests for payloads, the oldest first.
    answers: Vec<Answer>,
}

/// An answer that is being collected.
#[derive(Debug)]
struct Answer {
    ticket: u64,
    payloads: Vec<Result<Payload, String>>,
    /// By the ticket of each request to a source that is not answered yet, the index of each of its payloads in `payloads`.
    pending: HashMap<u64, Vec<usize>>,
}

impl Hub {
    /// Creates a hub of `sources`, which send to the other end of `updates`.
    #[must_use]
    pub fn new(sources: Vec<Handle>, updates: Receiver<Update>) -> Self {
        Self { sources, updates, last_ticket: 0, answers: Vec::new() }
    }

    /// Returns the sources, indexed by their ids.
    #[must_use]
    pub fn sources(&self) -> &[Handle] {
        &self.sources
    }

    /// Returns a source's display name; empty for an unknown id.
    #[must_use]
    pub fn name(&self, source: SourceId) -> &str {
        self.sources.get(usize::from(source.0)).map_or("", |source| &source.name)
    }

    /// Waits for the next update; `None` when every source has ended. Cancel safe.
    pub async fn recv(&mut self) -> Option<Update> {
        loop {
            if let Some(complete) = self.answers.iter().position(|answer| answer.pending.is_empty()) {
                let Answer { ticket, payloads, .. } = self.answers.remove(complete);
                return Some(Update::Payloads { ticket, payloads });
            }
            match self.updates.recv().await? {
                Update::Payloads { ticket, payloads } => self.collect(ticket, payloads),
                update => return Some(update),
            }
        }
    }

    /// Returns an update that has arrived, without waiting.
    pub fn try_recv(&mut self) -> Option<Update> {
        unconstrained(self.recv()).now_or_never().flatten()
    }

    /// Sends a request to one source. Returns `false` if the source has ended.
    #[expect(clippy::must_use_candidate, reason = "a request to a source that has ended can be ignored")]
    pub fn send(&self, source: SourceId, request: Request) -> bool {
        self.sources.get(usize::from(source.0)).is_some_and(|source| source.requests.send(request).is_ok())
    }

    /// Returns the way to a source for another thread.
    #[must_use]
    pub fn requests(&self, source: SourceId) -> Option<Sender<Request>> {
        self.sources.get(usize::from(source.0)).map(|source| source.requests.clone())
    }

    /// Returns a ticket for a new request, unique within the hub.
    pub fn next_ticket(&mut self) -> u64 {
        self.last_ticket += 1;
        self.last_ticket
    }

    /// Requests payloads. The answer arrives as one [`Update::Payloads`] with the returned ticket, in the order of `requests`; a payload of a
    /// source that has ended is an error in it.
    pub fn request_payloads(&mut self, requests: impl IntoIterator<Item = PayloadRequest>) -> u64 {
        let mut by_source: HashMap<SourceId, (Vec<_>, Vec<usize>)> = HashMap::new();
        let mut count = 0;
        for (index, PayloadRequest { source, payload_ref, span }) in requests.into_iter().enumerate() {
            let (addresses, indexes) = by_source.entry(source).or_default();
            addresses.push((payload_ref, span));
            indexes.push(index);
            count = index + 1;
        }
        let ticket = self.next_ticket();
        let mut pending = HashMap::new();
        for (source, (addresses, indexes)) in by_source {
            let part = self.next_ticket();
            if self.send(source, Request::Payloads { ticket: part, addresses }) {
                pending.insert(part, indexes);
            }
        }
        let payloads = (0..count).map(|_| Err("the source has ended".to_owned())).collect();
        self.answers.push(Answer { ticket, payloads, pending });
        ticket
    }

    /// Tells the sources that these payloads will not be requested again, with one request per source.
    pub fn release(&self, released: impl IntoIterator<Item = (SourceId, PayloadRef)>) {
        let mut by_source: HashMap<SourceId, Vec<PayloadRef>> = HashMap::new();
        for (source, payload_ref) in released {
            by_source.entry(source).or_default().push(payload_ref);
        }
        for (source, payloads) in by_source {
            // A source that has ended holds nothing.
            self.send(source, Request::Release(payloads));
        }
    }

    /// Prepares for the program being stopped: no sender may wait for it. Returns when that is so, after half a second at the latest.
    pub fn suspend(&self) {
        let (done, answers) = std::sync::mpsc::channel();
        for source in &self.sources {
            // A source that has ended holds no connection.
            let _ = source.requests.send(Request::Suspend(done.clone()));
        }
        drop(done);
        let begun = Instant::now();
        // Each source answers or drops its end.
        while let Some(left) = SUSPEND_TIMEOUT.checked_sub(begun.elapsed())
            && answers.recv_timeout(left).is_ok()
        {}
    }

    /// Goes on after [`Hub::suspend`].
    pub fn resume(&self) {
        for source in &self.sources {
            let _ = source.requests.send(Request::Resume);
        }
    }

    /// Stops the sources and returns their warnings for the user.
    #[must_use]
    pub fn stop(self) -> Vec<String> {
        // A source may be blocked on sending.
        drop(self.updates);
        self.sources.into_iter().flat_map(Handle::stop).collect()
    }

    /// Adds a source's part to an answer.
    fn collect(&mut self, part: u64, payloads: Vec<Result<Payload, String>>) {
        for answer in &mut self.answers {
            if let Some(indexes) = answer.pending.remove(&part) {
                indexes.into_iter().zip(payloads).for_each(|(index, payload)| answer.payloads[index] = payload);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::super::{UpdateSender, spawn};
    use super::*;
    use crate::model::SpanId;

    /// Two sources. Each answers with errors that name the source and the span, and the first ends after one request.
    fn hub() -> Hub {
        let (sender, updates) = channel(8);
        let source = |id: u16| {
            spawn(id.to_string(), UpdateSender::new(SourceId(id), sender.clone()), move |sender, requests| {
                for request in requests {
                    if let Request::Payloads { ticket, addresses } = request {
                        let payloads =
                            addresses.iter().map(|(_, span)| Err(format!("{id}/{}", span.to_string().trim_start_matches('0')))).collect();
                        sender.send(Update::Payloads { ticket, payloads }).unwrap();
                    }
                    if id == 0 {
                        return;
                    }
                }
            })
        };
        let sources = vec![source(0).unwrap(), source(1).unwrap()];
        drop(sender);
        Hub::new(sources, updates)
    }

    fn answer(hub: &mut Hub, ticket: u64) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match runtime.block_on(hub.recv()) {
            Some(Update::Payloads { ticket: answered, payloads }) if answered == ticket => {
                payloads.into_iter().map(Result::unwrap_err).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn request(source: u16, span: u64) -> PayloadRequest {
        PayloadRequest { source: SourceId(source), payload_ref: PayloadRef::default(), span: SpanId::new(span.to_be_bytes()).unwrap() }
    }

    #[test]
    fn payloads_of_several_sources_come_as_one_answer_in_order() {
        let mut hub = hub();
        let ticket = hub.request_payloads([request(1, 7), request(0, 8), request(1, 9), request(5, 3)]);
        assert_eq!(answer(&mut hub, ticket), ["1/7", "0/8", "1/9", "the source has ended"]);
        assert!(hub.stop().is_empty());
    }

    #[test]
    fn a_source_that_has_ended_answers_with_errors() {
        let mut hub = hub();
        let ticket = hub.request_payloads([request(0, 1)]);
        assert_eq!(answer(&mut hub, ticket), ["0/1"]);
        while hub.send(SourceId(0), Request::StopSearch) {
            std::thread::yield_now();
        }
        let ticket = hub.request_payloads([request(0, 2)]);
        assert_eq!(answer(&mut hub, ticket), ["the source has ended"]);
        let ticket = hub.request_payloads([]);
        assert!(answer(&mut hub, ticket).is_empty());
    }
}
