//! Turns of the inputs: more of them may wait than can be handled between two frames, and signals, frames and sources wait no longer for
//! them than for one turn.

use std::io;
use std::time::{Duration, Instant};

use crate::tui::input::{Input, Inputs};

/// Decides when inputs give way to everything else.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Whether the last turn ended while inputs may have waited.
    is_cut: bool,
}

impl Turns {
    /// Whether something else has its turn before the next input; once after each turn that was too short for all inputs.
    pub(super) fn give_way(&mut self) -> bool {
        std::mem::take(&mut self.is_cut)
    }

    /// Handles an input and those that wait behind it, so that one frame shows their effect, for about that time. The others keep their
    /// order for the next turn. Returns what an input ends with.
    pub(super) fn take<T>(
        &mut self,
        first: io::Result<Input>,
        inputs: &mut Inputs,
        time: Duration,
        mut handle: impl FnMut(Input) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let begun = Instant::now();
        let mut next = Some(first);
        while let Some(input) = next {
            if let Some(end) = handle(input?) {
                return Ok(Some(end));
            }
            if begun.elapsed() >= time {
                self.is_cut = true;
                break;
            }
            next = inputs.try_next();
        }
        Ok(None)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_into_a_turn_follows_in_the_next_ones_in_order() {
        let keys = "jkJKGgé".repeat(100);
        let (mut inputs, mut turns, mut handled) = (Inputs::of(keys.as_bytes()), Turns::default(), Vec::new());
        let mut count = 0;
        while let Some(first) = inputs.next().await {
            let before = handled.len();
            let end = turns.take(first, &mut inputs, Duration::ZERO, |input| {
                handled.push(input);
                None::<()>
            });
            assert!(end.is_ok_and(|end| end.is_none()));
            assert_eq!(handled.len(), before + 1, "a turn without time handles one input");
            assert!(turns.give_way() && !turns.give_way(), "something else has one turn");
            count += 1;
        }
        let (mut inputs, mut at_once) = (Inputs::of(keys.as_bytes()), Vec::new());
        let first = inputs.next().await.unwrap();
        let end = turns.take(first, &mut inputs, Duration::from_hours(1), |input| {
            at_once.push(input);
            None::<()>
        });
        assert!(end.is_ok_and(|end| end.is_none()) && !turns.give_way(), "all inputs had their turn");
        assert_eq!((count, handled), (at_once.len(), at_once));
    }

    #[tokio::test]
    async fn an_input_that_ends_the_program_leaves_those_behind_it() {
        let mut inputs = Inputs::of(b"jqkk");
        let first = inputs.next().await.unwrap();
        let mut count = 0;
        let end = Turns::default().take(first, &mut inputs, Duration::from_hours(1), |_| {
            count += 1;
            (count == 2).then_some("quit")
        });
        assert_eq!((end.unwrap(), count), (Some("quit"), 2));
    }
}
