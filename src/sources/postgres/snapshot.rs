//! Snapshots of the server, which tell new rows from old ones by the transaction that wrote them.
//!
//! Rows can't be followed by the clock of their writer or by the order of commits. Their transaction ids tell which rows are new: a row that
//! one snapshot does not see was written by a transaction that had not ended then.

/// A `pg_current_snapshot()`: all transactions below `lowest` had ended, none from `next` on had, and of those between only `running` had
/// not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) lowest: u64,
    pub(super) next: u64,
    running: Vec<u64>,
    /// Whether the server is a standby, which does not tell the running transactions.
    is_standby: bool,
}

impl Snapshot {
    /// Parses `lowest:next:running,running,…`.
    pub(super) fn parse(text: &str, is_standby: bool) -> Option<Self> {
        let mut parts = text.split(':');
        let lowest = parts.next()?.parse().ok()?;
        let next = parts.next()?.parse().ok()?;
        let running = parts.next()?.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().ok());
        Some(Self { lowest, next, running: running.collect::<Option<_>>()?, is_standby })
    }

    /// Returns the lowest transaction that `later` may see and this snapshot does not; `None` if there is none.
    ///
    /// Subtransactions have ids of their own, which are not among the running ones. They are higher than the id of their transaction, so that
    /// the lowest id covers them, too.
    pub(super) fn first_ended_since(&self, later: &Self) -> Option<u64> {
        if self.is_standby || later.is_standby {
            return Some(self.lowest);
        }
        let ended = self.running.iter().copied().filter(|id| *id < later.lowest || !later.running.contains(id)).min();
        ended.or_else(|| (later.next > self.next).then_some(self.next))
    }

    /// Returns a condition on rows that this snapshot does not see, without those of subtransactions of running transactions.
    pub(super) fn unseen(&self) -> String {
        let running: Vec<String> = self.running.iter().map(|id| (*id as u32).to_string()).collect();
        format!("({} OR xmin::text = ANY ('{{{}}}'::text[]))", self.condition(self.next), running.join(","))
    }

    /// Whether this snapshot sees the rows of a transaction. It can't tell for subtransactions of running transactions.
    pub(super) fn sees(&self, transaction: u64) -> bool {
        transaction < self.next && !self.running.contains(&transaction)
    }

    /// Widens a row's 32-bit `xmin` to the 64-bit transaction id; 0 for frozen rows.
    pub(super) fn widen(&self, low: u32) -> u64 {
        const EPOCH: u64 = 1 << 32;
        if low < 3 {
            return 0;
        }
        let id = (self.next & !(EPOCH - 1)) | u64::from(low);
        // A visible row was written before the next transaction.
        if id >= self.next { id.saturating_sub(EPOCH) } else { id }
    }

    /// Returns a condition on rows of this transaction and later ones.
    ///
    /// PostgreSQL compares 32-bit ids by their distance from the current one, which is at most half of their range.
    pub(super) fn condition(&self, from: u64) -> String {
        const MAX_AGE: u64 = (1 << 31) - 1_000_000;
        let from = from.max(self.next.saturating_sub(MAX_AGE));
        // The lowest three ids are reserved.
        let low = (from as u32).max(3);
        format!("age(xmin) BETWEEN 0 AND (SELECT age('{low}'::xid))")
    }
}

/// The size of the table, in blocks, when each transaction id was the next one. Rows of later transactions begin there.
#[derive(Clone, Debug, Default)]
pub(super) struct SizeHistory(Vec<(u64, u64)>);

/// The most sizes that are kept.
const MAX_SIZES: usize = 512;

impl SizeHistory {
    /// Adds the size when this transaction id was the next one.
    pub(super) fn add(&mut self, next: u64, blocks: u64) {
        if self.0.last().is_some_and(|(last, _)| *last == next) {
            return;
        }
        self.0.push((next, blocks));
        if self.0.len() > MAX_SIZES {
            let newest = self.0.split_off(MAX_SIZES / 2);
            self.0 = self.0.iter().copied().step_by(2).chain(newest).collect();
        }
    }

    /// Returns a size from before the transaction began, if one is kept.
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
    fn transactions_that_ended_between_snapshots_are_found() {
        let first = |before, after| snapshot(before).first_ended_since(&snapshot(after));
        assert_eq!(first("10:10:", "10:10:"), None);
        assert_eq!(first("10:10:", "10:13:10"), Some(10));
        assert_eq!(first("5:10:5,7", "5:10:5"), Some(7));
        assert_eq!(first("5:10:5,7", "7:12:7"), Some(5));
        assert_eq!(first("5:10:5,7", "5:12:5,7"), Some(10));
        assert_eq!(first("5:10:5", "12:12:"), Some(5));
        assert_eq!([4, 5, 9, 10].map(|id| snapshot("5:10:5").sees(id)), [true, false, true, false]);
    }

    #[test]
    fn a_standby_tells_no_running_transactions() {
        let standby = Snapshot::parse("5:10:", true).unwrap();
        assert_eq!(standby.first_ended_since(&standby), Some(5));
        assert_eq!(Snapshot::parse("5:x:", true), None);
        assert_eq!(Snapshot::parse("", true), None);
    }

    #[test]
    fn a_row_s_transaction_id_is_widened() {
        let snapshot = snapshot("4294967300:4294967310:");
        assert_eq!(snapshot.widen(5), (1 << 32) + 5);
        assert_eq!(snapshot.widen(20), 20);
        assert_eq!(snapshot.widen(u32::MAX), u64::from(u32::MAX));
        assert_eq!(snapshot.widen(2), 0);
        assert!(snapshot.condition((1 << 32) + 1).contains("'3'"));
        assert!(snapshot.condition((1 << 32) + 9).contains("'9'"));
    }

    #[test]
    fn newer_sizes_are_kept_more_precisely() {
        let mut sizes = SizeHistory::default();
        for id in 1..5000 {
            sizes.add(id * 10, id);
        }
        assert!(sizes.0.len() <= MAX_SIZES);
        assert_eq!(sizes.before(49_995), Some(4999));
        assert_eq!(sizes.before(49_985), Some(4998));
        assert!(sizes.before(20_000).unwrap() <= 2000);
        assert_eq!(sizes.before(9), None);
    }
}
