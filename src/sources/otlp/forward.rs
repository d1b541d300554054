//! Forwards requests unchanged to another OTLP/HTTP endpoint, on a thread of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::client::{Client, Message};
use crate::sources::Forwarding;

/// Bytes that may wait for an endpoint. More are dropped and counted.
const MAX_QUEUE: usize = 64 << 20;

/// Attempts per request.
const ATTEMPTS: u32 = 10;

/// The memory that a queued request takes beside its body in bytes, about.
const OVERHEAD: usize = 256;

/// The queue and the thread of one endpoint.
#[derive(Debug)]
pub(super) struct Forward(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    /// Bytes of all messages that wait or are being sent.
    bytes: usize,
    report: Forwarding,
    is_closed: bool,
}

fn queued_bytes(message: &Message) -> usize {
    message.body.len() + OVERHEAD
}

impl Forward {
    /// Starts the thread.
    pub(super) fn start(client: Client) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        client.name.clone_into(&mut shared.lock().report.url);
        let forward = Self(shared.clone());
        std::thread::Builder::new().name("otlp forward".to_owned()).spawn(move || shared.run(&client))?;
        Ok(forward)
    }

    /// Queues a message, or drops it if the queue is full.
    pub(super) fn push(&self, message: Message) {
        let mut queue = self.0.lock();
        let bytes = queued_bytes(&message);
        if queue.bytes + bytes > MAX_QUEUE {
            queue.report.dropped += 1;
            return;
        }
        queue.bytes += bytes;
        queue.report.waiting += 1;
        queue.messages.push_back(message);
        self.0.changed.notify_all();
    }

    /// Waits until the queue is empty, but at most for `timeout`, and not for an endpoint that fails. Returns a warning if requests
    /// were not forwarded.
    pub(super) fn shut_down(&self, timeout: Duration) -> Option<String> {
        let is_sending = |queue: &mut Queue| queue.report.waiting > 0 && queue.report.error.is_none();
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), timeout, is_sending);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        queue.is_closed = true;
        self.0.changed.notify_all();
        let Forwarding { url, waiting, dropped, .. } = &queue.report;
        let lost = waiting + dropped;
        (lost > 0).then(|| format!("requests not forwarded to {url}: {lost}"))
    }

    /// Returns the counters and the last error.
    pub(super) fn report(&self) -> Forwarding {
        self.0.lock().report.clone()
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, client: &Client) {
        while let Some(message) = self.next() {
            let sent = client.send(&message, ATTEMPTS, |error, delay| {
                self.lock().report.error = Some(error.to_string());
                self.changed.notify_all();
                self.wait(delay)
            });
            let mut queue = self.lock();
            queue.bytes -= queued_bytes(&message);
            queue.report.waiting -= 1;
            match &sent {
                Ok(_) => queue.report.sent += 1,
                Err(_) => queue.report.dropped += 1,
            }
            queue.report.error = sent.err().map(|error| error.to_string());
            self.changed.notify_all();
        }
    }

    /// Waits for a message. Returns `None` once the queue is closed.
    fn next(&self) -> Option<Message> {
        let queue = self.lock();
        let waited = self.changed.wait_while(queue, |queue| !queue.is_closed && queue.messages.is_empty());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed { None } else { queue.messages.pop_front() }
    }

    /// Waits for `delay`. Returns `false` if the queue is closed meanwhile.
    fn wait(&self, delay: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), delay, |queue| !queue.is_closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }
}
