//! Two readers of one file in one process, who let a writer in at the same moment.
//!
//! A rollback journal's writer waits until nobody reads. SQLite lets a second reader of the same process in while the first one reads, also
//! when a writer waits, so two who came and went as they liked would keep it out for good.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Who reads still, and who has let go and waits for the others.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    next: Condvar,
}

#[derive(Debug, Default)]
struct State {
    readers: usize,
    waiting: usize,
    turn: u64,
}

/// A reader's place; given up when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Turns>);

impl Turns {
    /// A place for one reader more. All are to be taken before anybody reads.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        self.state().readers += 1;
        Place(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self, state: &mut State) {
        if state.waiting == state.readers {
            (state.waiting, state.turn) = (0, state.turn.wrapping_add(1));
            self.next.notify_all();
        }
    }
}

impl Place {
    /// Waits until every other reader has let go, too.
    pub(super) fn wait(&self) {
        let mut state = self.0.state();
        let turn = state.turn;
        state.waiting += 1;
        self.0.go_on(&mut state);
        while state.turn == turn {
            state = self.0.next.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.readers -= 1;
        self.0.go_on(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn nobody_reads_on_before_all_have_let_go_and_who_leaves_is_not_waited_for() {
        let (turns, reading) = (Arc::new(Turns::default()), AtomicU32::new(0));
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
