//! Two readers of one file in one process, who stop at the same moment.
//!
//! A rollback journal's writer waits until nobody reads. SQLite lets a second reader of the same process in while the first one reads, also
//! when a writer waits, so two who came and went as they liked would keep it out for good. And who stops before the other only waits for it:
//! so each reads on until the other has had its time, too.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Who reads still, and who has let go and waits for the others.
#[derive(Debug, Default)]
pub(super) struct ReadGate {
    state: Mutex<State>,
    next: Condvar,
}

#[derive(Debug, Default)]
struct State {
    readers: usize,
    /// Readers that have had their time in this turn.
    due: usize,
    waiting: usize,
    turn: u64,
}

/// A reader's place; given up when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    turns: Arc<ReadGate>,
    /// The turn in which it has had its time, and one more; 0: none yet.
    due: AtomicU64,
}

impl ReadGate {
    /// A place for one reader more. All are to be taken before anybody reads.
    pub(super) fn place(self: &Arc<Self>) -> Slot {
        self.state().readers += 1;
        Slot { turns: self.clone(), due: AtomicU64::new(0) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self, state: &mut State) {
        if state.waiting == state.readers {
            (state.due, state.waiting, state.turn) = (0, 0, state.turn.wrapping_add(1));
            self.next.notify_all();
        }
    }
}

impl Slot {
    /// Whether a reader who has read for so long is to stop who was given `time`: as soon as every other one has had its time, too, but
    /// not later than after twice its own.
    pub(super) fn is_over(&self, read: Duration, time: Duration) -> bool {
        if read <= time {
            return false;
        }
        let mut state = self.turns.state();
        if self.due.swap(state.turn + 1, Relaxed) != state.turn + 1 {
            state.due += 1;
        }
        state.due == state.readers || read > time * 2
    }

    /// Waits until every other reader has let go, too.
    pub(super) fn wait(&self) {
        let mut state = self.turns.state();
        let turn = state.turn;
        state.waiting += 1;
        self.turns.go_on(&mut state);
        while state.turn == turn {
            state = self.turns.next.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.readers -= 1;
        state.due -= usize::from(self.due.load(Relaxed) == state.turn + 1);
        self.turns.go_on(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn who_has_had_its_time_reads_on_until_the_others_have_or_leave_but_not_for_ever() {
        let (turns, time) = (Arc::new(ReadGate::default()), Duration::from_millis(10));
        let (one, other) = (turns.place(), turns.place());
        let [early, late, too_late] = [9, 11, 21].map(Duration::from_millis);
        assert!(!one.is_over(early, time));
        assert!(!one.is_over(late, time) && !one.is_over(late, time), "the other has not had its time");
        assert!(one.is_over(too_late, time));
        assert!(other.is_over(late, time) && one.is_over(late, time));
        std::thread::scope(|scope| {
            scope.spawn(|| one.wait());
            other.wait();
        });
        assert!(!other.is_over(late, time), "a new turn");
        drop(other);
        assert!(!one.is_over(early, time) && one.is_over(late, time), "alone");
    }

    #[test]
    fn nobody_reads_on_before_all_have_let_go_and_who_leaves_is_not_waited_for() {
        let (turns, reading) = (Arc::new(ReadGate::default()), AtomicU32::new(0));
        let places = [3, 5, 9].map(|rounds| (rounds, turns.place()));
        std::thread::scope(|scope| {
            for (rounds, place) in places {
                let reading = &reading;
                scope.spawn(move || {
                    for round in 0..rounds {
                        // Every reader adds one in a round; whoever is a round ahead of another would find too few.
                        reading.fetch_add(1, Ordering::SeqCst);
                        place.wait();
                        let least = [3, 5, 9].iter().map(|all| (round + 1).min(*all)).sum();
                        assert!(reading.load(Ordering::SeqCst) >= least, "round {round}");
                    }
                });
            }
        });
        assert_eq!(reading.load(Ordering::SeqCst), 17);
    }
}
