//! A gate at which the readers of one file pause together, so that a writer gets its turn.
//!
//! With a rollback journal a writer can only commit while no transaction reads. SQLite lets a second reader of the same process in even
//! while a writer waits, so that two independent readers could starve the writer. A reader that pauses early only waits for the other one;
//! therefore each reads on until the other has used its time slice, too.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts the readers, and those that wait for the others to pause.
#[derive(Debug, Default)]
pub(super) struct ReadGate {
    state: Mutex<State>,
    next_turn: Condvar,
}

#[derive(Debug, Default)]
struct State {
    readers: usize,
    /// Readers that have used their time slice in this turn.
    expired: usize,
    waiting: usize,
    turn: u64,
}

/// A reader. Dropping it removes it from the gate.
#[derive(Debug)]
pub(super) struct Reader {
    gate: Arc<ReadGate>,
    /// The turn in which it used its time slice, plus one; 0 if it has not yet.
    expired_turn: AtomicU64,
}

impl ReadGate {
    /// Adds a reader. All readers must be added before the first one reads.
    pub(super) fn add_reader(self: &Arc<Self>) -> Reader {
        self.state().readers += 1;
        Reader { gate: self.clone(), expired_turn: AtomicU64::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_if_all_wait(&self, state: &mut State) {
        if state.waiting == state.readers {
            (state.expired, state.waiting, state.turn) = (0, 0, state.turn.wrapping_add(1));
            self.next_turn.notify_all();
        }
    }
}

impl Reader {
    /// Whether a reader must pause that has read for `elapsed` of its time `slice`: once every other reader has used its slice, too, or
    /// after twice its own slice.
    pub(super) fn must_pause(&self, elapsed: Duration, slice: Duration) -> bool {
        if elapsed <= slice {
            return false;
        }
        let mut state = self.gate.state();
        if self.expired_turn.swap(state.turn + 1, Relaxed) != state.turn + 1 {
            state.expired += 1;
        }
        state.expired == state.readers || elapsed > slice * 2
    }

    /// Waits until every other reader waits here, too. The reader must not hold a transaction.
    pub(super) fn wait(&self) {
        let mut state = self.gate.state();
        let turn = state.turn;
        state.waiting += 1;
        self.gate.open_if_all_wait(&mut state);
        while state.turn == turn {
            state = self.gate.next_turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.readers -= 1;
        state.expired -= usize::from(self.expired_turn.load(Relaxed) == state.turn + 1);
        self.gate.open_if_all_wait(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_reader_pauses_when_all_have_used_their_slice_or_after_twice_its_own() {
        let (gate, slice) = (Arc::new(ReadGate::default()), Duration::from_millis(10));
        let (one, other) = (gate.add_reader(), gate.add_reader());
        let [early, late, too_late] = [9, 11, 21].map(Duration::from_millis);
        assert!(!one.must_pause(early, slice));
        assert!(!one.must_pause(late, slice) && !one.must_pause(late, slice), "the other has time left");
        assert!(one.must_pause(too_late, slice));
        assert!(other.must_pause(late, slice) && one.must_pause(late, slice));
        std::thread::scope(|scope| {
            scope.spawn(|| one.wait());
            other.wait();
        });
        assert!(!other.must_pause(late, slice), "a new turn");
        drop(other);
        assert!(!one.must_pause(early, slice) && one.must_pause(late, slice), "alone");
    }

    #[test]
    fn all_readers_pause_together_and_a_dropped_reader_is_not_waited_for() {
        let (gate, reading) = (Arc::new(ReadGate::default()), AtomicU32::new(0));
        let readers = [3, 5, 9].map(|rounds| (rounds, gate.add_reader()));
        std::thread::scope(|scope| {
            for (rounds, reader) in readers {
                let reading = &reading;
                scope.spawn(move || {
                    for round in 0..rounds {
                        // Each reader adds one per round; a reader that is a round ahead of another would find too few.
                        reading.fetch_add(1, Ordering::SeqCst);
                        reader.wait();
                        let least = [3, 5, 9].iter().map(|rounds| (round + 1).min(*rounds)).sum();
                        assert!(reading.load(Ordering::SeqCst) >= least, "round {round}");
                    }
                });
            }
        });
        assert_eq!(reading.load(Ordering::SeqCst), 17);
    }
}
