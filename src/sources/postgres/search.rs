//! A search through the payloads of a whole table, some blocks at a time from its end: the server picks the rows that may hold what is
//! looked for, and here they are looked at.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::session::{Bytes, Parameter, Session};
use super::table::inspect;
use crate::model::{PayloadQuery, SpanId, TraceId};
use crate::sources::agno_row::{self, Hits};
use crate::sources::{Progress, Search};

/// How long the server should take for a slice; it tells how many blocks are searched at once.
const SLICE: Duration = Duration::from_millis(40);
/// Blocks searched at first, and at most.
const BLOCKS: [u64; 2] = [16, 4096];
/// Spans that are checked at once.
const PAGE: usize = 64;

/// A search under way.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// Blocks of the table, and how many of them are left; `None` before the first slice.
    blocks: Option<(u64, u64)>,
    stride: u64,
}

impl Scan {
    pub(super) fn new(search: Search) -> Self {
        Self { search, blocks: None, stride: BLOCKS[0] }
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        self.blocks.map_or(Progress { done: 0, total: 1 }, |(total, left)| Progress { done: total - left, total })
    }

    /// The server took too long for a slice: the next is a smaller one. Whether it can be.
    pub(super) fn be_patient(&mut self) -> bool {
        let smaller = self.stride > 1;
        self.stride = (self.stride / 8).max(1);
        smaller
    }

    /// Searches the next blocks.
    pub(super) async fn slice(&mut self, session: &Session, place: &Location) -> Result<Hits, Error> {
        let outcome = self.read(session, place).await;
        let ended = session.end().await;
        outcome.and_then(|hits| ended.map(|()| hits))
    }

    async fn read(&mut self, session: &Session, place: &Location) -> Result<Hits, Error> {
        let look = inspect(session, place).await?;
        // Rows that are added meanwhile are checked one by one.
        let (total, left) = self.blocks.unwrap_or((look.blocks, look.blocks));
        let from = left.saturating_sub(self.stride);
        let begun = Instant::now();
        let clues = patterns(&self.search.query);
        let mut condition = String::new();
        for number in 1..=clues.len() {
            let _ = write!(condition, " AND (attributes::text ILIKE ANY (${number}) OR status_message::text ILIKE ANY (${number}))");
        }
        condition.push_str(&bounded("start_time::text", ">=", self.search.since.map(|at| agno_row::second(at, false))));
        condition.push_str(&bounded("start_time::text", "<", self.search.until.map(|at| agno_row::second(at, true))));
        // The numbers stand in the statement because only so the planner reads no other block.
        let sql = format!(
            "SELECT trace_id::text, span_id::text, attributes::text, status_message::text FROM {} \
             WHERE ctid >= '({from},0)'::tid AND ctid < '({left},0)'::tid{condition}",
            place.spans()
        );
        let parameters: Vec<Parameter<'_>> = clues.iter().map(|clues| (clues as _, Type::TEXT_ARRAY)).collect();
        let rows = session.query(&sql, &parameters).await?;
        let hits = rows.iter().filter_map(|row| hit(row, &self.search.query)).collect();
        self.blocks = Some((total, from));
        let took = begun.elapsed();
        self.stride = if took > SLICE { self.stride / 2 } else { self.stride * 2 }.clamp(1, BLOCKS[1]);
        Ok(hits)
    }
}

/// Searches some spans.
pub(super) async fn check(session: &Session, place: &Location, spans: &[SpanId], probe: &PayloadQuery) -> Result<Hits, Error> {
    let sql = format!(
        "SELECT trace_id::text, span_id::text, attributes::text, status_message::text FROM {} WHERE span_id = ANY ($1)",
        place.spans()
    );
    let mut hits = Hits::new();
    for spans in spans.chunks(PAGE) {
        let ids: Vec<String> = spans.iter().map(ToString::to_string).collect();
        let rows = session.begin(&sql, &[(&ids, Type::TEXT_ARRAY)]).await;
        let ended = session.end().await;
        hits.extend(rows?.iter().filter_map(|row| hit(row, probe)));
        ended?;
    }
    Ok(hits)
}

fn hit(row: &Row, probe: &PayloadQuery) -> Option<(TraceId, SpanId)> {
    let bytes = |column| row.try_get::<_, Option<Bytes<'_>>>(column).ok().flatten().map_or(&b""[..], |bytes| bytes.0);
    if !probe.matches_json(bytes(2), bytes(3)) {
        return None;
    }
    agno_row::hit(bytes(0), bytes(1))
}

/// What is looked for as patterns of `ILIKE`; a clue has no character that means something else there.
fn patterns(probe: &PayloadQuery) -> Vec<Vec<String>> {
    probe.required_substrings().into_iter().map(|clues| clues.into_iter().map(|clue| format!("%{clue}%")).collect()).collect()
}

/// A bound of a time. One that is not written as Agno writes it is let through: whoever asked looks at it again.
fn bounded(column: &str, sign: &str, moment: Option<String>) -> String {
    moment.map_or_else(String::new, |moment| {
        format!(" AND ({column} COLLATE \"C\" {sign} '{moment}' OR {column} NOT LIKE '____-__-__T__:__:__%+00:00')")
    })
}
