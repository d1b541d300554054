//! Reads a time from its end to its beginning, in pieces of about a page of rows.
//!
//! Each piece is a range of starts, so that the server skips partitions and parts that lie outside. Rows that start at the same moment are
//! always in one piece.

use super::error::Error;
use super::server::{Condition, Server};
use super::table::Table;
use crate::model::Nanos;

/// The shortest time that is asked for at once, unless the rows are too many.
const MIN_WIDTH: Nanos = 1_000_000_000;
/// How many times longer the next piece is after one that held less than a page.
const GROWTH: Nanos = 4;

/// What is left to read.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    /// The beginning of the time.
    from: Nanos,
    /// The end of what is left: the first moment after it.
    to: Nanos,
    /// The length of the next piece, at most.
    width: Nanos,
    /// The rows of a page.
    pub(super) rows: u64,
    /// The rows of a page where the server answers in time.
    most: u64,
    /// Whether the density of rows is known, so that the next piece can be guessed.
    is_known: bool,
    /// Whether a limit is near, so that no piece may hold more than a page.
    is_limited: bool,
}

/// The most pages of rows in a piece that was guessed.
pub(super) const MOST: u64 = 4;

/// A piece: the starts from `from`, before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: Nanos,
    pub(super) to: Nanos,
    /// Whether it holds a page of rows.
    is_full: bool,
}

/// The times and the number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) first: Nanos,
    pub(super) last: Nanos,
    pub(super) rows: u64,
}

impl Extent {
    /// Reads the extent of the rows that meet a condition, which may be empty; `None` if there are none.
    pub(super) fn read(server: &mut Server, table: &Table, condition: &Condition) -> Result<Option<Self>, Error> {
        let start = table.start();
        let filter = if condition.sql.is_empty() { String::new() } else { format!(" WHERE {}", condition.sql) };
        let sql = format!(
            "SELECT count(), toUnixTimestamp64Nano(min({start})), toUnixTimestamp64Nano(max({start})) FROM {}{filter}",
            table.quoted()
        );
        let rows = server.query(&sql, &condition.parameters)?;
        let number = |column| rows.first_number(column);
        let extent = number(0).zip(number(1)).zip(number(2)).map(|((rows, first), last)| Self { first, last, rows: rows as u64 });
        Ok(extent.filter(|extent| extent.rows > 0))
    }
}

impl Pager {
    /// Reads a time; `density` is what holds rows at about the same density.
    pub(super) fn new(from: Nanos, to: Nanos, rows: u64, density: Extent) -> Self {
        let per_row = density.last.saturating_sub(density.first) / i64::try_from(density.rows.max(1)).unwrap_or(i64::MAX);
        let width = per_row.saturating_mul(i64::try_from(rows).unwrap_or(i64::MAX)).saturating_mul(2).max(MIN_WIDTH);
        Self { from, to, width, rows, most: rows, is_known: false, is_limited: false }
    }

    /// Returns the time that is left, in nanoseconds.
    pub(super) fn left(&self) -> u64 {
        u64::try_from(self.to.saturating_sub(self.from)).unwrap_or(0)
    }

    /// Finds the next piece; `None` after the last one. A question that is too large makes the next one smaller.
    pub(super) fn next(&mut self, server: &mut Server, table: &Table, condition: &Condition) -> Result<Option<Piece>, Error> {
        while self.to > self.from {
            let from = self.from.max(self.to.saturating_sub(self.width));
            let within = table.between(from, self.to).and_all(condition);
            let sql = format!(
                "SELECT {} FROM {} WHERE {} ORDER BY {} DESC LIMIT 1 OFFSET {}",
                table.start_nanos(),
                table.quoted(),
                within.sql,
                table.start(),
                self.rows.saturating_sub(1)
            );
            match server.query(&sql, &within.parameters) {
                Ok(found) => {
                    let start = found.first_number(0);
                    return Ok(Some(Piece { from: start.unwrap_or(from), to: self.to, is_full: start.is_some() }));
                }
                Err(error) if error.is_too_large() && self.shrink() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Returns what the next piece is by the density of the last one: it spares the question for it. `None` if the piece must be exact.
    pub(super) fn guess(&self) -> Option<Piece> {
        let is_open = self.is_known && !self.is_limited && self.rows == self.most && self.to > self.from;
        is_open.then(|| Piece { from: self.from.max(self.to.saturating_sub(self.width)), to: self.to, is_full: true })
    }

    /// Notes that a piece was read that was guessed, and how many rows it holds.
    pub(super) fn advance_guess(&mut self, piece: Piece, rows: u64) {
        self.to = piece.from;
        let width = u128::try_from(self.width).unwrap_or_default() * u128::from(self.rows) / u128::from(rows.max(1));
        let width = Nanos::try_from(width).unwrap_or(Nanos::MAX);
        self.width = width.clamp(self.width / GROWTH, self.width.saturating_mul(GROWTH)).max(MIN_WIDTH);
    }

    /// Notes that a guess holds too many rows: the next piece is exact.
    pub(super) fn miss(&mut self) {
        self.is_known = false;
    }

    /// Notes that a piece was read.
    pub(super) fn advance(&mut self, piece: Piece) {
        self.to = piece.from;
        self.width = if piece.is_full { piece.to.saturating_sub(piece.from).max(MIN_WIDTH) } else { self.width.saturating_mul(GROWTH) };
        self.rows = (self.rows * 2).min(self.most);
        self.is_known = true;
    }

    /// Makes the next piece smaller. Returns `false` if it can't be.
    pub(super) fn shrink(&mut self) -> bool {
        let can_shrink = self.rows > 1 || self.width > MIN_WIDTH;
        (self.rows, self.width) = ((self.rows / 8).max(1), (self.width / 8).max(MIN_WIDTH));
        can_shrink
    }

    /// Reads everything at once, unless it is too large.
    pub(super) fn whole(&mut self) {
        self.width = self.to.saturating_sub(self.from);
    }

    /// Makes the next piece at least this long.
    pub(super) fn at_least(&mut self, width: Nanos) {
        self.width = self.width.max(width);
    }

    /// Limits the rows of the next pages.
    pub(super) fn limit(&mut self, rows: u64) {
        self.is_limited = rows < self.most * MOST;
        self.rows = self.rows.min(rows.max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_one_another_and_adapt() {
        let second = 1_000_000_000;
        let mut pager = Pager::new(0, 1000 * second, 10, Extent { first: 0, last: 1000 * second, rows: 1000 });
        assert_eq!(pager.width, 20 * second);
        pager.advance(Piece { from: 980 * second, to: 1000 * second, is_full: false });
        assert_eq!((pager.to, pager.width, pager.rows), (980 * second, 80 * second, 10));
        assert!(pager.shrink() && pager.rows == 1 && pager.width == 10 * second);
        pager.advance(Piece { from: 979 * second, to: 980 * second, is_full: true });
        assert_eq!((pager.width, pager.rows, pager.guess()), (second, 2, None));
        assert!(pager.shrink() && !pager.shrink());
        assert_eq!(pager.left(), 979_000_000_000);
        pager.limit(100);
        for _ in 0..4 {
            pager.advance(Piece { from: pager.to - second, to: pager.to, is_full: true });
        }
        // A piece with half of a page is followed by one of twice the time.
        let guess = pager.guess().unwrap();
        assert_eq!((guess.from, guess.to, pager.rows), (974 * second, 975 * second, 10));
        pager.advance_guess(guess, 5);
        assert_eq!(pager.guess().map(|piece| (piece.from, piece.to)), Some((972 * second, 974 * second)));
        pager.limit(39);
        assert_eq!(pager.guess(), None);
    }
}
