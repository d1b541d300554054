//! The open connections, and which of them is idle: when there are too many, the longest idle one makes room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

/// The open connections, by number.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    last: u64,
    connections: HashMap<u64, State>,
}

#[derive(Debug)]
struct State {
    /// Requests in progress.
    requests: u32,
    /// When the last request ended, or the connection began.
    since: Instant,
    is_closing: bool,
    close: Arc<Notify>,
}

/// An open connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    connections: Arc<Connections>,
    number: u64,
    close: Arc<Notify>,
    /// The process that sends on it, if it tells; else 0.
    process: AtomicU64,
}

/// A request in progress, until it is dropped.
pub(super) struct InProgress(Arc<Connection>);

impl Connections {
    /// Adds a connection.
    pub(super) fn open(self: &Arc<Self>) -> Connection {
        let close = Arc::new(Notify::new());
        let state = State { requests: 0, since: Instant::now(), is_closing: false, close: close.clone() };
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        open.connections.insert(number, state);
        Connection { connections: self.clone(), number, close, process: AtomicU64::new(0) }
    }

    /// Asks the connection that has been idle longest to close. Returns whether there is one.
    pub(super) fn close_longest_idle(&self) -> bool {
        let mut open = self.lock();
        let idle = open.connections.values_mut().filter(|state| state.requests == 0 && !state.is_closing);
        let Some(longest) = idle.min_by_key(|state| state.since) else { return false };
        longest.is_closing = true;
        longest.close.notify_one();
        true
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Marks the connection as busy.
    pub(super) fn begin(self: Arc<Self>) -> InProgress {
        self.update(|state| state.requests += 1);
        InProgress(self)
    }

    /// Remembers which process sends on it.
    pub(super) fn set_process(&self, process: u64) {
        self.process.store(process, Relaxed);
    }

    /// Returns the process that sends on it, if that told.
    pub(super) fn process(&self) -> Option<u64> {
        Some(self.process.load(Relaxed)).filter(|process| *process != 0)
    }

    /// Waits until the connection is asked to close.
    pub(super) async fn closing(&self) {
        self.close.notified().await;
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.connections.lock().connections.get_mut(&self.number) {
            change(state);
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.update(|state| (state.requests, state.since) = (state.requests.saturating_sub(1), Instant::now()));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_connection_closes_and_a_busy_one_does_not() {
        let connections = Arc::new(Connections::default());
        assert!(!connections.close_longest_idle());
        let [busy, first, second] = [(); 3].map(|()| Arc::new(connections.open()));
        let request = busy.clone().begin();
        assert!(connections.close_longest_idle());
        first.closing().await;
        assert!(connections.close_longest_idle());
        second.closing().await;
        assert!(!connections.close_longest_idle(), "the others are closing or busy");
        drop(request);
        drop((first, second));
        assert!(connections.close_longest_idle());
        busy.closing().await;
    }
}
