//! Facts that rows inherit from the rows above them, and causes of failures below them.

use super::Store;
use super::interner::Symbol;
use super::ix::RowIx;
use super::row::Row;
use crate::model::Status;

/// The maximum number of ancestors examined per row. Real trees are shallow, and a hostile one must not cost its depth for each row.
const MAX_ANCESTORS: usize = 256;

impl Store {
    /// Returns the name of the agent, the team or the workflow that the row is or runs under; empty if unknown.
    #[must_use]
    pub fn agent(&self, row: RowIx) -> Symbol {
        self.inherited(row, |data| if data.span_type.is_agentic() { data.label } else { Symbol::EMPTY })
    }

    /// Returns the first non-empty text that `fact` returns for the row or, from there upwards, for its ancestors.
    pub fn inherited(&self, row: RowIx, fact: impl Fn(&Row) -> Symbol) -> Symbol {
        let path = std::iter::successors(Some(row), |&row| self.row(row).parent());
        path.take(MAX_ANCESTORS).map(|row| fact(self.row(row))).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Returns the failed row below `row` that is the cause: the first failed child, its first failed child, and so on.
    #[must_use]
    pub fn first_failure(&self, row: RowIx) -> Option<RowIx> {
        let has_failed = |row: &&RowIx| self.row(**row).status == Status::Error || self.below(**row).errors > 0;
        let next = |row: &RowIx| (self.below(*row).errors > 0).then(|| self.children(*row).iter().find(has_failed).copied()).flatten();
        std::iter::successors(next(&row), next).take(MAX_ANCESTORS).last()
    }
}
