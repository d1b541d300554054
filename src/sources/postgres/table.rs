//! The tables as statements see them: what they are made of, how large they are, and the statements that read rows.

use std::fmt::Write as _;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Location;
use super::columns::expression;
use super::error::Error;
use super::session::{Session, number, text};
use super::snapshot::Snapshot;
use crate::model::Nanos;
use crate::sources::agno_row::{self, COLUMNS};
use crate::sources::sql::literal;

/// Nanoseconds of a day.
const DAY: Nanos = 86_400_000_000_000;
/// The oldest server that can be followed: the first to read a range of blocks.
const OLDEST: u32 = 140_000;

/// The order in which rows that were there before are read.
const NEWEST_FIRST: &str = "ORDER BY span.created_at DESC, span.ctid DESC";

/// How the table is at one moment.
#[derive(Clone, Debug)]
pub(super) struct TableState {
    pub(super) snapshot: Snapshot,
    pub(super) oid: u32,
    /// The file it lies in: another one after the table was emptied or written anew.
    pub(super) file: u32,
    pub(super) blocks: u64,
    /// Rows, about; `None` where nobody has counted yet.
    pub(super) rows: Option<u64>,
}

/// What the table is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    oid: u32,
    /// The type by which `created_at` is sorted.
    created: String,
    /// Whether there may be rows without it.
    undated: bool,
    /// The columns of a row, as an expression each.
    columns: String,
}

/// Begins a transaction and looks at the table.
pub(super) async fn inspect(session: &Session, place: &Location) -> Result<TableState, Error> {
    let sql = "SELECT pg_current_snapshot()::text, pg_is_in_recovery()::text, n.oid::text, c.oid::text, c.relkind::text, c.relfilenode::text, \
        (pg_relation_size(c.oid) / current_setting('block_size')::int)::text, c.reltuples::bigint::text, c.relpages::text \
        FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1 \
        LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = $2";
    let rows = session.begin(sql, &[(&place.schema, Type::TEXT), (&place.tables.spans, Type::TEXT)]).await?;
    let row = rows.first().ok_or(Error::Changed)?;
    let snapshot = text(row, 0).and_then(|snapshot| Snapshot::parse(snapshot, text(row, 1) == Some("true"))).ok_or(Error::Changed)?;
    if text(row, 2).is_none() {
        return Err(Error::NoSchema);
    }
    match text(row, 4) {
        None => return Err(Error::NoTable(tables(session, place).await?)),
        Some("r") => {}
        Some("v") => return Err(Error::NotATable("a view")),
        Some("m") => return Err(Error::NotATable("a materialized view")),
        Some("p") => return Err(Error::NotATable("divided into partitions")),
        Some("f") => return Err(Error::NotATable("a foreign table")),
        Some(_) => return Err(Error::NotATable("no table")),
    }
    let (oid, file, blocks) = (number(row, 3), number(row, 5), number(row, 6));
    let blocks = blocks.ok_or(Error::Changed)?;
    Ok(TableState { snapshot, oid: oid.ok_or(Error::Changed)?, file: file.ok_or(Error::Changed)?, blocks, rows: estimate(row, blocks) })
}

/// The rows that were last counted, grown as the table has.
fn estimate(row: &Row, blocks: u64) -> Option<u64> {
    let (rows, pages): (i64, u64) = (number(row, 7)?, number(row, 8)?);
    let rows = u64::try_from(rows).ok().filter(|_| pages > 0)?;
    Some((rows as f64 / pages as f64 * blocks as f64) as u64)
}

/// The tables of the schema that bear Agno's name.
async fn tables(session: &Session, place: &Location) -> Result<Vec<String>, Error> {
    let sql = "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY 1 LIMIT 20";
    let rows = session.query(sql, &[(&place.schema, Type::TEXT)]).await?;
    Ok(rows.iter().filter_map(|row| text(row, 0)).map(ToOwned::to_owned).collect())
}

impl Shape {
    /// Looks what the table is made of. It must hold a row's columns, and indexes by time and by id.
    pub(super) async fn of(session: &Session, oid: u32) -> Result<Self, Error> {
        let sql = "SELECT a.attname::text, format_type(a.atttypid, NULL), a.attnotnull::text, \
            EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid \
                AND i.indpred IS NULL)::text, \
            current_setting('server_version_num'), current_setting('server_version') \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::text::oid AND a.attnum > 0 AND NOT a.attisdropped";
        let rows = session.query(sql, &[(&oid.to_string(), Type::TEXT)]).await?;
        let row = rows.first().ok_or(Error::Changed)?;
        if number::<u32>(row, 4).is_none_or(|version| version < OLDEST) {
            return Err(Error::TooOld(text(row, 5).unwrap_or_default().to_owned()));
        }
        let column = |name: &'static str| rows.iter().find(|row| text(row, 0) == Some(name)).ok_or(Error::NoColumn(name));
        let mut columns = String::new();
        for name in COLUMNS {
            let kind = text(column(name)?, 1).unwrap_or_default();
            let _ = write!(columns, ", {}", expression(name, kind));
        }
        for name in ["created_at", "span_id"] {
            if text(column(name)?, 3) != Some("true") {
                return Err(Error::NoIndex(name));
            }
        }
        let created = column("created_at")?;
        let undated = text(created, 2) != Some("true");
        Ok(Self { oid, created: text(created, 1).unwrap_or("text").to_owned(), undated, columns })
    }

    /// Rows that were ever written to the table, as far as the server has counted. It counts late, and also what was rolled back.
    pub(super) async fn rows_written(&self, session: &Session) -> Result<Option<u64>, Error> {
        let oid = self.oid;
        let rows = session.ask(&format!("SELECT (pg_stat_get_tuples_inserted({oid}) + pg_stat_get_tuples_updated({oid}))::text")).await?;
        Ok(rows.first().and_then(|row| number(row, 0)))
    }

    /// Rows of this `created_at` and later ones, as a condition.
    pub(super) fn created_since(&self, created: &str) -> String {
        format!("created_at >= {}::{}", literal(created), self.created)
    }

    /// Whether there may be rows without `created_at`.
    pub(super) fn may_be_undated(&self) -> bool {
        self.undated
    }

    /// A statement that reads rows: place, transaction, `created_at`, then a row's columns; `rest` follows the table's name.
    ///
    /// `ORDER BY` takes a bare name for what is handed out, which is text and sorts as such: the columns are `span.created_at`.
    pub(super) fn select(&self, place: &Location, rest: &str) -> String {
        format!("SELECT ctid::text, xmin::text, created_at::text{} FROM {} AS span {rest}", self.columns, place.spans())
    }

    /// The newest rows. Takes their number.
    pub(super) fn select_newest(&self, place: &Location) -> String {
        self.select(place, &format!("WHERE span.created_at IS NOT NULL {NEWEST_FIRST} LIMIT $1::text::int"))
    }

    /// A time before which no row is created of a span that began at `since` or later; `None` where `created_at` is of a type that says
    /// nothing. The clocks of a span and of its writer may differ by a day.
    pub(super) fn created_by(&self, since: Nanos) -> Option<String> {
        let dated = ["text", "character varying", "timestamp", "date"].iter().any(|kind| self.created.starts_with(kind));
        agno_row::second(since.saturating_sub(DAY), false).get(..10).filter(|_| dated).map(str::to_owned)
    }

    /// Rows before a place in the order of time, the newest first, none of them created before `floor`. Takes `created_at`, place and
    /// number of rows.
    pub(super) fn select_before(&self, place: &Location, floor: Option<&str>) -> String {
        let before = format!("(span.created_at, span.ctid) < ($1::text::{}, $2::text::tid)", self.created);
        let floor = floor.map_or_else(String::new, |floor| format!(" AND span.{}", self.created_since(floor)));
        self.select(place, &format!("WHERE {before}{floor} {NEWEST_FIRST} LIMIT $3::text::int"))
    }
}
