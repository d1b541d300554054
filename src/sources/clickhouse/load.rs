//! Reads the rows that exist at the start, newest first.

use super::error::Error;
use super::pager::{Extent, Pager};
use super::rows::{self, Head};
use super::server::{Condition, Parameter, Server};
use super::table::Table;
use crate::model::{Batch, Nanos};
use crate::sources::ReadLimits;

/// The rows in the first page, which the first frame waits for, and in the others.
const FIRST_PAGE: u64 = 512;
const PAGE: u64 = 8192;
/// How long before a time the spans began that ran into it.
pub(super) const LONGEST: Nanos = 86_400_000_000_000;

/// The state of loading.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// What is left to read, with the condition on it; the last is read first.
    parts: Vec<(Pager, Condition)>,
    limit: u64,
    /// The rows of the table at the start.
    rows: u64,
    pub(super) done: u64,
    pub(super) total: u64,
}

impl Load {
    /// Begins to load a table; `None` if it is empty.
    pub(super) fn begin(server: &mut Server, table: &Table, limits: ReadLimits) -> Result<Option<Self>, Error> {
        let Some(extent) = Extent::read(server, table, &Condition::default())? else { return Ok(None) };
        let end = extent.last.saturating_add(1);
        let parts = match limits.since.filter(|since| *since > extent.first) {
            None => vec![(Pager::new(extent.first, end, PAGE, extent), Condition::default())],
            Some(since) => {
                let ran_on = format!("{} >= {{since:Int64}}", table.end_nanos());
                let ran_on = Condition::default().and(&ran_on, [Parameter::number("since", since)]);
                vec![
                    (Pager::new(since.saturating_sub(LONGEST).max(extent.first), since, PAGE, extent), ran_on),
                    (Pager::new(since, end, PAGE, extent), Condition::default()),
                ]
            }
        };
        Ok(Some(Self { parts, limit: limits.limit.max(1), rows: extent.rows, done: 0, total: extent.rows.min(limits.limit.max(1)) }))
    }

    /// Reads a page into the batch. `wanted` is told each row, and returns whether to read it. Returns the rows that the limit leaves out
    /// once everything is read, and until then `None`.
    pub(super) fn page(
        &mut self,
        server: &mut Server,
        table: &Table,
        batch: &mut Batch,
        wanted: impl FnMut(&Head) -> bool,
    ) -> Result<Option<u64>, Error> {
        let remaining = self.limit.saturating_sub(self.done);
        if remaining == 0 {
            return Ok(Some(self.rows.saturating_sub(self.done)));
        }
        let Some((pager, condition)) = self.parts.last_mut() else { return Ok(Some(0)) };
        pager.limit(if self.done == 0 { remaining.min(FIRST_PAGE) } else { remaining });
        let Some((_, rows)) = rows::select_page(server, table, pager, condition)? else {
            self.parts.pop();
            return Ok(self.parts.is_empty().then_some(0));
        };
        self.done += rows.count;
        rows::read(&rows, table, batch, wanted);
        Ok(None)
    }
}
