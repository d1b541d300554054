//! Which transactions a look saw, and which of them a later look sees first.
//!
//! Neither the clock that wrote a row nor the moment of its commit has an order that can be followed. The number of the transaction
//! that wrote a row has: what one look did not see was written by a transaction that had not ended then.

/// What `pg_current_snapshot()` says: every transaction below `lowest` had ended, none from `next` on had, and of those between only
/// `running` had not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) lowest: u64,
    pub(super) next: u64,
    running: Vec<u64>,
    /// A standby does not say which transactions run.
    standby: bool,
}

impl Snapshot {
    /// Reads `lowest:next:running,running,…`.
    pub(super) fn parse(text: &str, standby: bool) -> Option<Self> {
        let mut parts = text.split(':');
        let lowest = parts.next()?.parse().ok()?;
        let next = parts.next()?.parse().ok()?;
        let running = parts.next()?.split(',').filter(|number| !number.is_empty()).map(|number| number.parse().ok());
        Some(Self { lowest, next, running: running.collect::<Option<_>>()?, standby })
    }

    /// The lowest transaction that `later` may see and this look did not. `None` if there is none.
    ///
    /// A part of a transaction that can be rolled back alone has a number of its own, which is not among the running ones; it is higher
    /// than the number of the whole, so that a lowest one holds for it, too.
    pub(super) fn first_ended_since(&self, later: &Self) -> Option<u64> {
        if self.standby || later.standby {
            return Some(self.lowest);
        }
        let ended = self.running.iter().copied().filter(|number| *number < later.lowest || !later.running.contains(number)).min();
        ended.or_else(|| (later.next > self.next).then_some(self.next))
    }

    /// Rows that it did not see, as a condition; without those of parts of running transactions.
    pub(super) fn unseen(&self) -> String {
        let running: Vec<String> = self.running.iter().map(|number| (*number as u32).to_string()).collect();
        format!("({} OR xmin::text = ANY ('{{{}}}'::text[]))", self.condition(self.next), running.join(","))
    }

    /// Whether it saw what the transaction wrote, as far as it says: a part of a running transaction has a number that it does not know.
    pub(super) fn saw(&self, transaction: u64) -> bool {
        transaction < self.next && !self.running.contains(&transaction)
    }

    /// The whole number of a transaction of which a row knows the low half. 0 for what has been there as good as always.
    pub(super) fn widen(&self, low: u32) -> u64 {
        const ERA: u64 = 1 << 32;
        if low < 3 {
            return 0;
        }
        let number = (self.next & !(ERA - 1)) | u64::from(low);
        // A row that is seen was written before the next transaction.
        if number >= self.next { number.saturating_sub(ERA) } else { number }
    }

    /// Rows of this transaction or later ones, as a condition.
    ///
    /// The database compares by distance from the present, in which no number can be above half the circle.
    pub(super) fn condition(&self, from: u64) -> String {
        const FARTHEST: u64 = (1 << 31) - 1_000_000;
        let from = from.max(self.next.saturating_sub(FARTHEST));
        // The lowest three are no transactions.
        let low = (from as u32).max(3);
        format!("age(xmin) BETWEEN 0 AND (SELECT age('{low}'::xid))")
    }
}

/// How large the table was when which transaction was next: where the rows of later ones begin.
#[derive(Clone, Debug, Default)]
pub(super) struct SizeHistory(Vec<(u64, u64)>);

/// Sizes remembered.
const MOST: usize = 512;

impl SizeHistory {
    /// The table had so many blocks when the transaction was next.
    pub(super) fn note(&mut self, next: u64, blocks: u64) {
        if self.0.last().is_some_and(|(last, _)| *last == next) {
            return;
        }
        self.0.push((next, blocks));
        if self.0.len() > MOST {
            let newest = self.0.split_off(MOST / 2);
            self.0 = self.0.iter().copied().step_by(2).chain(newest).collect();
        }
    }

    /// The size when the transaction had not begun yet, if that is remembered.
    pub(super) fn before(&self, transaction: u64) -> Option<u64> {
        let at = self.0.partition_point(|(next, _)| *next <= transaction);
        self.0.get(at.checked_sub(1)?).map(|(_, blocks)| *blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::parse(text, false).unwrap()
    }

    #[test]
    fn what_ended_in_between_is_told() {
        let first = |before, after| snapshot(before).first_ended_since(&snapshot(after));
        assert_eq!(first("10:10:", "10:10:"), None);
        assert_eq!(first("10:10:", "10:13:10"), Some(10));
        assert_eq!(first("5:10:5,7", "5:10:5"), Some(7));
        assert_eq!(first("5:10:5,7", "7:12:7"), Some(5));
        assert_eq!(first("5:10:5,7", "5:12:5,7"), Some(10));
        assert_eq!(first("5:10:5", "12:12:"), Some(5));
        assert_eq!([4, 5, 9, 10].map(|number| snapshot("5:10:5").saw(number)), [true, false, true, false]);
    }

    #[test]
    fn a_standby_tells_less() {
        let standby = Snapshot::parse("5:10:", true).unwrap();
        assert_eq!(standby.first_ended_since(&standby), Some(5));
        assert_eq!(Snapshot::parse("5:x:", true), None);
        assert_eq!(Snapshot::parse("", true), None);
    }

    #[test]
    fn half_a_number_is_made_whole() {
        let snapshot = snapshot("4294967300:4294967310:");
        assert_eq!(snapshot.widen(5), (1 << 32) + 5);
        assert_eq!(snapshot.widen(20), 20);
        assert_eq!(snapshot.widen(u32::MAX), u64::from(u32::MAX));
        assert_eq!(snapshot.widen(2), 0);
        assert!(snapshot.condition((1 << 32) + 1).contains("'3'"));
        assert!(snapshot.condition((1 << 32) + 9).contains("'9'"));
    }

    #[test]
    fn growth_remembers_the_newest_best() {
        let mut growth = SizeHistory::default();
        for number in 1..5000 {
            growth.note(number * 10, number);
        }
        assert!(growth.0.len() <= MOST);
        assert_eq!(growth.before(49_995), Some(4999));
        assert_eq!(growth.before(49_985), Some(4998));
        assert!(growth.before(20_000).unwrap() <= 2000);
        assert_eq!(growth.before(9), None);
    }
}
