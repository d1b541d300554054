//! Searches the payloads of a whole table, some blocks at a time from its end.
//!
//! The server selects the rows that may match, by substrings; the source checks them.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::session::{Parameter, Session, bytes};
use super::table::inspect;
use crate::model::{PayloadQuery, SpanId, TraceId};
use crate::sources::agno_row::{self, Hits};
use crate::sources::{Progress, Search};

/// How long a slice should take. The number of its blocks adapts to it.
const SLICE_TIME: Duration = Duration::from_millis(40);
/// The blocks of the first slice, and of the largest one.
const BLOCKS: [u64; 2] = [16, 4096];
/// The slices of a view. Each reads the whole view, and the contents of its own rows only.
const VIEW_SLICES: u64 = 64;
/// The most spans that are checked at once.
const PAGE: usize = 64;

/// A running search.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// The blocks of the table and the blocks left to search; `None` before the first slice.
    blocks: Option<(u64, u64)>,
    /// The blocks of the next slice.
    slice_blocks: u64,
}

impl Scan {
    pub(super) fn new(search: Search) -> Self {
        Self { search, blocks: None, slice_blocks: BLOCKS[0] }
    }

    /// Returns the progress in blocks.
    pub(super) fn progress(&self) -> Progress {
        self.blocks.map_or(Progress { done: 0, total: 1 }, |(total, left)| Progress { done: total - left, total })
    }

    /// Makes the next slice smaller, because the server took too long. Returns `false` if it can't be smaller.
    pub(super) fn shrink(&mut self) -> bool {
        let can_shrink = self.slice_blocks > 1;
        self.slice_blocks = (self.slice_blocks / 8).max(1);
        can_shrink
    }

    /// Searches the next blocks.
    pub(super) async fn slice(&mut self, session: &Session, location: &Location) -> Result<Hits, Error> {
        let outcome = self.read(session, location).await;
        session.end(outcome).await
    }

    async fn read(&mut self, session: &Session, location: &Location) -> Result<Hits, Error> {
        let state = inspect(session, location).await?;
        // Rows that are added during the search are checked separately.
        let (total, left) =
            self.blocks.unwrap_or_else(|| if state.is_view { (VIEW_SLICES, VIEW_SLICES) } else { (state.height(), state.height()) });
        let from = left.saturating_sub(self.slice_blocks);
        let begun = Instant::now();
        let patterns = patterns(&self.search.query);
        let mut condition = String::new();
        for number in 1..=patterns.len() {
            let _ = write!(condition, " AND (attributes::text ILIKE ANY (${number}) OR status_message::text ILIKE ANY (${number}))");
        }
        condition.push_str(&time_condition("start_time::text", ">=", self.search.since.map(|at| agno_row::second(at, false))));
        condition.push_str(&time_condition("start_time::text", "<", self.search.until.map(|at| agno_row::second(at, true))));
        // The block numbers are literals, because with parameters the planner reads all blocks.
        let range = if state.is_view {
            // Rows of a view have no blocks. A part of the ids stands for each range.
            format!("mod(hashtextextended(coalesce(span_id::text, ''), 0) & 9223372036854775807, {total}) BETWEEN {from} AND {left} - 1")
        } else {
            format!("ctid >= '({from},0)'::tid AND ctid < '({left},0)'::tid")
        };
        let sql = format!(
            "SELECT trace_id::text, span_id::text, attributes::text, status_message::text FROM {} WHERE {range}{condition}",
            location.spans()
        );
        let parameters: Vec<Parameter<'_>> = patterns.iter().map(|patterns| (patterns as _, Type::TEXT_ARRAY)).collect();
        let rows = session.query(&sql, &parameters).await?;
        let hits = rows.iter().filter_map(|row| hit(row, &self.search.query)).collect();
        self.blocks = Some((total, from));
        let took = begun.elapsed();
        self.slice_blocks = if took > SLICE_TIME { self.slice_blocks / 2 } else { self.slice_blocks * 2 }.clamp(1, BLOCKS[1]);
        Ok(hits)
    }
}

/// Searches the payloads of some spans.
pub(super) async fn check(session: &Session, location: &Location, spans: &[SpanId], query: &PayloadQuery) -> Result<Hits, Error> {
    let sql = format!(
        "SELECT trace_id::text, span_id::text, attributes::text, status_message::text FROM {} WHERE span_id = ANY ($1)",
        location.spans()
    );
    let mut hits = Hits::new();
    for spans in spans.chunks(PAGE) {
        let ids: Vec<String> = spans.iter().map(ToString::to_string).collect();
        let rows = session.begin(&sql, &[(&ids, Type::TEXT_ARRAY)]).await;
        hits.extend(session.end(rows).await?.iter().filter_map(|row| hit(row, query)));
    }
    Ok(hits)
}

fn hit(row: &Row, query: &PayloadQuery) -> Option<(TraceId, SpanId)> {
    let bytes = |column| bytes(row, column).unwrap_or_default();
    query.matches_json(bytes(2), bytes(3)).then(|| agno_row::hit(bytes(0), bytes(1))).flatten()
}

/// Returns the query as patterns of `ILIKE`. The substrings contain no character that is special there.
fn patterns(query: &PayloadQuery) -> Vec<Vec<String>> {
    let pattern = |substring| format!("%{substring}%");
    query.required_substrings().into_iter().map(|substrings| substrings.into_iter().map(pattern).collect()).collect()
}

/// Returns a condition on a time. A time in another format than Agno's passes; the receiver of the hits checks it again.
fn time_condition(column: &str, operator: &str, time: Option<String>) -> String {
    time.map_or_else(String::new, |time| {
        format!(" AND ({column} COLLATE \"C\" {operator} '{time}' OR {column} NOT LIKE '____-__-__T__:__:__%+00:00')")
    })
}
