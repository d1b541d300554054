//! Totals that senders state again and again: what they grew by, and what they add up to although senders restart.

use smallvec::SmallVec;

use crate::model::metric::Number;
use crate::model::{Distribution, Nanos};

/// Senders that count at the same time under the same name. The one that was heard last of is added up when there are more.
const MAX_STREAMS: usize = 8;

/// A total that can be added up and compared.
pub(super) trait Total: Clone {
    /// Adds another total.
    fn add(&mut self, other: &Self);
    /// Returns what was counted since the earlier total; `None` if this one is smaller, so the sender must have restarted.
    fn since(&self, earlier: &Self) -> Option<f64>;
    /// Returns what was counted since zero.
    fn size(&self) -> f64;
}

impl Total for Number {
    fn add(&mut self, other: &Self) {
        *self = self.plus(*other);
    }

    fn since(&self, earlier: &Self) -> Option<f64> {
        Some(self.minus(*earlier).as_f64()).filter(|grown| *grown >= 0.0)
    }

    fn size(&self) -> f64 {
        self.as_f64()
    }
}

impl Total for Distribution {
    fn add(&mut self, other: &Self) {
        Self::add(self, other);
    }

    fn since(&self, earlier: &Self) -> Option<f64> {
        self.count.checked_sub(earlier.count).map(|grown| grown as f64)
    }

    fn size(&self) -> f64 {
        self.count as f64
    }
}

/// The last total of a sender.
#[derive(Clone, Debug)]
struct Stream<T> {
    /// When the sender began to count; `None` if it does not say.
    start: Option<Nanos>,
    time: Nanos,
    total: T,
}

/// The totals of a series.
#[derive(Clone, Debug)]
pub(super) struct Streams<T> {
    running: SmallVec<[Stream<T>; 1]>,
    /// The last totals of senders that restarted.
    ended: Option<T>,
    pub(super) resets: u32,
}

/// What a new total tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Growth {
    /// It is the one that is known.
    Duplicate,
    /// It is older than one that is known.
    Late,
    /// The total grew by this number since that time, if both are known.
    By(Option<(f64, Nanos)>),
}

impl<T> Default for Streams<T> {
    fn default() -> Self {
        Self { running: SmallVec::new(), ended: None, resets: 0 }
    }
}

impl<T: Total> Streams<T> {
    /// Takes a total that counts since `start`.
    pub(super) fn push(&mut self, start: Option<Nanos>, time: Nanos, total: T) -> Growth {
        let Some(stream) = self.running.iter_mut().find(|stream| stream.start == start) else {
            if self.running.len() == MAX_STREAMS
                && let Some(at) = (0..MAX_STREAMS).min_by_key(|&at| self.running[at].time)
            {
                let stream = self.running.remove(at);
                add(&mut self.ended, &stream.total);
            }
            self.resets += u32::from(!self.running.is_empty());
            let grown = start.map(|start| (total.size(), start));
            self.running.push(Stream { start, time, total });
            return Growth::By(grown);
        };
        if time < stream.time {
            return Growth::Late;
        }
        let (before, grown) = (stream.time, total.since(&stream.total));
        if time == before && grown == Some(0.0) {
            return Growth::Duplicate;
        }
        let earlier = std::mem::replace(&mut stream.total, total);
        stream.time = time;
        if let Some(grown) = grown {
            return Growth::By(Some((grown, before)));
        }
        let grown = stream.total.size();
        add(&mut self.ended, &earlier);
        self.resets += 1;
        Growth::By(Some((grown, before)))
    }

    /// Returns the sum of what all senders counted; `None` before the first.
    pub(super) fn total(&self) -> Option<T> {
        let mut sum = self.ended.clone();
        for stream in &self.running {
            add(&mut sum, &stream.total);
        }
        sum
    }

    /// Returns all totals that are held.
    pub(super) fn held(&self) -> impl Iterator<Item = &T> {
        self.running.iter().map(|stream| &stream.total).chain(&self.ended)
    }

    /// Returns the bytes on the heap, without those behind totals.
    pub(super) fn memory(&self) -> usize {
        if self.running.spilled() { self.running.capacity() * size_of::<Stream<T>>() } else { 0 }
    }
}

fn add<T: Total>(sum: &mut Option<T>, total: &T) {
    match sum {
        Some(sum) => sum.add(total),
        None => *sum = Some(total.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(streams: &mut Streams<Number>, start: Nanos, time: Nanos, total: i64) -> Growth {
        streams.push((start > 0).then_some(start), time, Number::Int(total))
    }

    #[test]
    fn a_total_grows_and_begins_anew_by_its_start_or_when_it_falls() {
        let mut streams = Streams::default();
        assert_eq!(push(&mut streams, 10, 20, 5), Growth::By(Some((5.0, 10))));
        assert_eq!(push(&mut streams, 10, 30, 8), Growth::By(Some((3.0, 20))));
        assert_eq!(push(&mut streams, 10, 30, 8), Growth::Duplicate);
        assert_eq!(push(&mut streams, 10, 25, 6), Growth::Late);
        assert_eq!(push(&mut streams, 40, 50, 9), Growth::By(Some((9.0, 40))), "another start, though a larger total");
        assert_eq!((streams.total(), streams.resets), (Some(Number::Int(17)), 1));
        assert_eq!(push(&mut streams, 40, 60, 2), Growth::By(Some((2.0, 50))));
        assert_eq!((streams.total(), streams.resets), (Some(Number::Int(19)), 2));
    }

    #[test]
    fn senders_that_count_at_once_are_added_up() {
        let mut streams = Streams::default();
        for (start, time, total) in [(1, 20, 5), (2, 21, 100), (1, 30, 6), (2, 31, 101)] {
            push(&mut streams, start, time, total);
        }
        assert_eq!((streams.total(), streams.resets), (Some(Number::Int(107)), 1));
        for start in 3..40 {
            push(&mut streams, start, 40 + start, 1);
        }
        assert_eq!((streams.total(), streams.running.len()), (Some(Number::Int(144)), MAX_STREAMS));
    }

    #[test]
    fn without_a_start_the_first_total_tells_no_growth() {
        let mut streams = Streams::default();
        assert_eq!(push(&mut streams, 0, 20, 5), Growth::By(None));
        assert_eq!(push(&mut streams, 0, 30, 7), Growth::By(Some((2.0, 20))));
        assert_eq!(push(&mut streams, 0, 40, 1), Growth::By(Some((1.0, 30))));
        assert_eq!(streams.total(), Some(Number::Int(8)));
    }
}
