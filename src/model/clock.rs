//! The clock of the machine, which may be set while the program runs.

use std::time::Instant;

use super::Nanos;
use super::time::now;

/// The smallest difference that counts as setting the clock; clocks are corrected by less all the time.
const LEAST_JUMP: Nanos = 1_000_000_000;

/// Compares the clock with a monotonic one.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    time: Nanos,
    at: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { time: now(), at: Instant::now() }
    }
}

impl Clock {
    /// Returns the current time, and by how many nanoseconds the clock was set since the last call; back if negative. A machine that slept
    /// has its clock set forward.
    pub fn read(&mut self) -> (Nanos, Nanos) {
        self.compare(now(), Instant::now())
    }

    fn compare(&mut self, time: Nanos, at: Instant) -> (Nanos, Nanos) {
        let passed = Nanos::try_from(at.saturating_duration_since(self.at).as_nanos()).unwrap_or(Nanos::MAX);
        let jump = time.saturating_sub(self.time.saturating_add(passed));
        if jump.saturating_abs() < LEAST_JUMP {
            return (time, 0);
        }
        *self = Self { time, at };
        (time, jump)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed_once() {
        const SECOND: Nanos = 1_000_000_000;
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut clock = Clock { time: 1000 * SECOND, at: begun };
        assert_eq!(clock.compare(1010 * SECOND, at(10)), (1010 * SECOND, 0));
        assert_eq!(clock.compare(4620 * SECOND, at(20)), (4620 * SECOND, 3600 * SECOND));
        assert_eq!(clock.compare(4630 * SECOND, at(30)), (4630 * SECOND, 0));
        assert_eq!(clock.compare(1040 * SECOND, at(40)), (1040 * SECOND, -3600 * SECOND));
        // Small corrections add up.
        assert_eq!(clock.compare(1050 * SECOND + SECOND / 2, at(50)).1, 0);
        assert_eq!(clock.compare(1061 * SECOND, at(60)).1, SECOND);
        assert_eq!(clock.compare(Nanos::MAX, at(61)).1, Nanos::MAX - 1062 * SECOND);
        assert!(clock.compare(Nanos::MIN, at(62)).1 < 0);
    }
}
