//! The table of spans: its state, its definition, and the statements that read its rows.

use std::fmt::Write as _;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Location;
use super::columns::expression;
use super::connection_config::APPLICATION;
use super::error::Error;
use super::session::{Session, number, text};
use super::snapshot::Snapshot;
use crate::model::Nanos;
use crate::sources::agno_row::{self, COLUMNS};
use crate::sources::sql::literal;

/// The oldest version whose connections report rows that they wrote soon, also while they rest.
const REPORTING_VERSION: u32 = 15;

/// The place of a row as a text, such as `16385(0,1)`: the table that holds it, and its `ctid` there.
pub(super) const PLACE: &str = "tableoid::text || ctid::text";

/// The place of a row of a view: its id.
const ROW_ID: &str = "coalesce(span.span_id::text, '')";
/// What changes with the contents of a row of a view, and stands for its transaction.
const CONTENT: &str = "'c' || (hashtextextended(ROW(span.*)::text, 0) & 9223372036854775807)::text";

/// The server's counters of the rows written to each `part`.
const COUNTER: &str = "sum(pg_stat_get_tuples_inserted(part) + pg_stat_get_tuples_updated(part))";

/// The state of the table in one snapshot.
#[derive(Clone, Debug)]
pub(super) struct TableState {
    pub(super) snapshot: Snapshot,
    pub(super) oid: u32,
    /// Whether it is a view, whose rows have no place and no transaction.
    pub(super) is_view: bool,
    /// The tables that hold the rows: the table itself, its partitions, or those that the view reads.
    pub(super) parts: Vec<Part>,
    /// The estimated number of rows; `None` if a part was never analyzed.
    pub(super) rows: Option<u64>,
}

/// A table that holds rows: the table of spans, or a partition of it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) oid: u32,
    /// Its quoted name; `None` if the user may read it only as a part of the whole.
    pub(super) name: Option<String>,
    /// The `relfilenode`, which changes when the table is truncated or rewritten.
    pub(super) file: u32,
    /// The size in blocks.
    pub(super) blocks: u64,
}

impl TableState {
    /// Returns the size of all parts, in blocks.
    pub(super) fn blocks(&self) -> u64 {
        self.parts.iter().map(|part| part.blocks).sum()
    }

    /// Returns the size of the longest part, in blocks: a range of blocks is read in every part at once.
    pub(super) fn height(&self) -> u64 {
        self.parts.iter().map(|part| part.blocks).max().unwrap_or(0)
    }
}

/// The definition of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableDefinition {
    oid: u32,
    /// The tables that hold the rows, as an array of PostgreSQL.
    parts: String,
    is_view: bool,
    /// The column of the order in which rows came: `created_at`, or in a view without it `start_time`.
    time: &'static str,
    /// The type of that column.
    created_type: String,
    /// Whether it may be null.
    pub(super) is_nullable: bool,
    /// Whether the server counts rows only once the connection that wrote them is used again.
    pub(super) counts_late: bool,
    /// The expressions that read the columns of a row.
    columns: String,
}

/// Begins a transaction and reads the state of the table.
pub(super) async fn inspect(session: &Session, location: &Location) -> Result<TableState, Error> {
    let sql = "SELECT pg_current_snapshot()::text, pg_is_in_recovery()::text, n.oid::text, c.oid::text, c.relkind::text, \
        p.oid::text, p.relkind::text, p.relfilenode::text, (pg_relation_size(p.oid) / current_setting('block_size')::int)::text, \
        p.reltuples::bigint::text, p.relpages::text, CASE WHEN p.oid = c.oid OR has_table_privilege(p.oid, 'SELECT') \
            AND has_schema_privilege(p.relnamespace, 'USAGE') THEN format('%I.%I', m.nspname, p.relname) END \
        FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1 \
        LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = $2 \
        LEFT JOIN LATERAL (SELECT c.oid AS part WHERE c.relkind <> 'p' \
            UNION ALL SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf AND c.relkind = 'p') AS tree ON true \
        LEFT JOIN pg_catalog.pg_class p ON p.oid = tree.part \
        LEFT JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace";
    let rows = session.begin(sql, &[(&location.schema, Type::TEXT), (&location.tables.spans, Type::TEXT)]).await?;
    let row = rows.first().ok_or(Error::Changed)?;
    let snapshot = text(row, 0).and_then(|snapshot| Snapshot::parse(snapshot, text(row, 1) == Some("true"))).ok_or(Error::Changed)?;
    if text(row, 2).is_none() {
        return Err(Error::NoSchema);
    }
    match text(row, 4) {
        None => return Err(Error::NoTable(tables(session, location).await?)),
        Some("r" | "p" | "v") => {}
        Some("m") => return Err(Error::NotATable("a materialized view")),
        Some("f") => return Err(Error::NotATable("a foreign table")),
        Some(_) => return Err(Error::NotATable("not a table")),
    }
    let oid = number(row, 3).ok_or(Error::Changed)?;
    if text(row, 4) == Some("v") {
        let parts = base_tables(session, oid).await?;
        return Ok(TableState { snapshot, oid, is_view: true, parts, rows: None });
    }
    let (mut parts, mut estimates) = (Vec::new(), Some(0));
    // A partitioned table without partitions has one row without a part.
    for row in rows.iter().filter(|row| text(row, 5).is_some()) {
        if text(row, 6) != Some("r") {
            return Err(Error::NotATable("a table with partitions on other servers"));
        }
        let (oid, file, blocks) = (number(row, 5), number(row, 7), number(row, 8));
        let blocks = blocks.ok_or(Error::Changed)?;
        estimates = estimates.zip(estimate(row, blocks)).map(|(sum, rows)| sum + rows);
        let name = text(row, 11).map(ToOwned::to_owned);
        parts.push(Part { oid: oid.ok_or(Error::Changed)?, name, file: file.ok_or(Error::Changed)?, blocks });
    }
    Ok(TableState { snapshot, oid, is_view: false, parts, rows: estimates })
}

/// Returns the tables that a view reads, also through other views.
async fn base_tables(session: &Session, oid: u32) -> Result<Vec<Part>, Error> {
    let sql = "WITH RECURSIVE base (oid) AS (SELECT $1::text::oid UNION SELECT d.refobjid FROM base \
            JOIN pg_catalog.pg_rewrite r ON r.ev_class = base.oid JOIN pg_catalog.pg_depend d ON d.objid = r.oid \
            AND d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass), \
        parts (oid) AS (SELECT oid FROM base UNION SELECT relid FROM base, pg_partition_tree(base.oid) WHERE isleaf) \
        SELECT p.oid::text, p.relfilenode::text, (pg_relation_size(p.oid) / current_setting('block_size')::int)::text \
        FROM parts JOIN pg_catalog.pg_class p ON p.oid = parts.oid WHERE p.relkind IN ('r', 'm')";
    let rows = session.query(sql, &[(&oid.to_string(), Type::TEXT)]).await?;
    let part = |row: &Row| Some(Part { oid: number(row, 0)?, name: None, file: number(row, 1)?, blocks: number(row, 2)? });
    Ok(rows.iter().filter_map(part).collect())
}

/// Scales the row count of the last analysis by the growth of the table.
fn estimate(row: &Row, blocks: u64) -> Option<u64> {
    if blocks == 0 {
        return Some(0);
    }
    let (rows, pages): (i64, u64) = (number(row, 9)?, number(row, 10)?);
    let rows = u64::try_from(rows).ok().filter(|_| pages > 0)?;
    Some((rows as f64 / pages as f64 * blocks as f64) as u64)
}

/// Returns the names of some tables of the schema.
async fn tables(session: &Session, location: &Location) -> Result<Vec<String>, Error> {
    let sql = "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY 1 LIMIT 20";
    let rows = session.query(sql, &[(&location.schema, Type::TEXT)]).await?;
    Ok(rows.iter().filter_map(|row| text(row, 0)).map(ToOwned::to_owned).collect())
}

fn oids(state: &TableState) -> String {
    let mut oids: Vec<String> = state.parts.iter().map(|part| part.oid.to_string()).collect();
    oids.sort();
    format!("{{{}}}", oids.join(","))
}

/// Splits a [`PLACE`] into the table and the `ctid`, which is empty for a row of a view.
pub(super) fn split(place: &str) -> (&str, &str) {
    place.split_at(place.find('(').unwrap_or(place.len()))
}

impl TableDefinition {
    /// Reads the definition. The table must have the columns of a row, and indexes on time and id.
    pub(super) async fn read(session: &Session, state: &TableState) -> Result<Self, Error> {
        let oid = state.oid;
        let sql = "SELECT a.attname::text, format_type(a.atttypid, NULL), a.attnotnull::text, \
            EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid \
                AND i.indpred IS NULL)::text \
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::text::oid AND a.attnum > 0 AND NOT a.attisdropped";
        let rows = session.query(sql, &[(&oid.to_string(), Type::TEXT)]).await?;
        let column = |name: &'static str| rows.iter().find(|row| text(row, 0) == Some(name)).ok_or(Error::NoColumn(name));
        let mut columns = String::new();
        for name in COLUMNS {
            let kind = text(column(name)?, 1).unwrap_or_default();
            let _ = write!(columns, ", {}", expression(name, kind));
        }
        // Which indexes a view uses can't be known.
        for name in ["created_at", "span_id"].into_iter().filter(|_| !state.is_view) {
            if text(column(name)?, 3) != Some("true") {
                return Err(Error::NoIndex(name));
            }
        }
        let time = if state.is_view && column("created_at").is_err() { "start_time" } else { "created_at" };
        let created = column(time)?;
        let is_nullable = text(created, 2) != Some("true");
        Ok(Self {
            oid,
            parts: oids(state),
            is_view: state.is_view,
            time,
            created_type: text(created, 1).unwrap_or("text").to_owned(),
            is_nullable,
            counts_late: session.version < REPORTING_VERSION,
            columns,
        })
    }

    /// Whether this is the definition of the table in this state.
    pub(super) fn is_of(&self, state: &TableState) -> bool {
        self.oid == state.oid && self.parts == oids(state)
    }

    /// Returns the server's counter of rows written to the table. The server updates it late, and counts rolled-back rows, too.
    pub(super) async fn rows_written(&self, session: &Session) -> Result<Option<u64>, Error> {
        let sql = format!("SELECT {COUNTER}::text FROM unnest('{}'::oid[]) AS part", self.parts);
        Ok(session.value_outside(&sql).await?.and_then(|rows| rows.parse().ok()))
    }

    /// Whether row-level security may hide rows from the user.
    pub(super) async fn hides_rows(&self, session: &Session) -> Result<bool, Error> {
        let rows = session.query(&format!("SELECT row_security_active({}::oid)::text", self.oid), &[]).await?;
        Ok(rows.first().is_some_and(|row| text(row, 0) == Some("true")))
    }

    /// Returns an expression that changes when somebody works in this database. It begins with `t` if that is hidden from the user: then it
    /// changes only with the table.
    pub(super) fn activity(&self) -> String {
        let parts = &self.parts;
        format!(
            "(SELECT concat_ws(' ', count(*) > count(state_change), count(*), max(state_change), max(backend_start), \
             (SELECT concat_ws(' ', sum(pg_relation_size(part)), {COUNTER}) FROM unnest('{parts}'::oid[]) AS part)) \
             FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND backend_type <> 'autovacuum worker' AND application_name IS DISTINCT FROM '{APPLICATION}')"
        )
    }

    /// Returns a condition on rows of this `created_at` and later ones.
    pub(super) fn created_since(&self, created: &str) -> String {
        format!("{} >= {}::{}", self.time, literal(created), self.created_type)
    }

    /// Returns a statement that reads rows: their place, transaction, `created_at`, then the columns of a row; `clauses` follow the table name.
    ///
    /// In `ORDER BY` a bare `created_at` means the result column, which is text. The table's column is `span.created_at`.
    pub(super) fn select(&self, location: &Location, clauses: &str) -> String {
        let identity = if self.is_view { format!("{ROW_ID}, {CONTENT}") } else { format!("{PLACE}, xmin::text") };
        format!("SELECT {identity}, {}::text{} FROM {} AS span {clauses}", self.time, self.columns, location.spans())
    }

    /// Returns a statement that reads rows without a time, which no order by time reaches.
    pub(super) fn select_without_time(&self, location: &Location) -> String {
        self.select(location, &format!("WHERE {} IS NULL LIMIT 10000", self.time))
    }

    /// Returns a statement that reads place, contents and time of the newest rows of a view, or of those before a row as
    /// [`Self::select_before`] does. `oldest` is the least time.
    pub(super) fn select_ids(&self, location: &Location, is_first: bool, oldest: Option<&str>) -> String {
        let (before, count) = if is_first { ("true".to_owned(), 1) } else { (self.before(), 4) };
        let oldest = oldest.map_or_else(String::new, |oldest| format!(" AND span.{}", self.created_since(oldest)));
        let (table, order, time) = (location.spans(), self.newest_first(), self.time);
        format!(
            "SELECT {ROW_ID}, {CONTENT}, {time}::text FROM (SELECT * FROM {table} AS span WHERE span.{time} IS NOT NULL AND {before}{oldest} \
             {order} LIMIT ${count}::text::int) AS span"
        )
    }

    fn newest_first(&self) -> String {
        let place = if self.is_view { "coalesce(span.span_id::text, '') DESC" } else { "span.tableoid DESC, span.ctid DESC" };
        format!("ORDER BY span.{} DESC, {place}", self.time)
    }

    /// The condition on rows before a row. Its parameters are the time of the row and the two parts of its place.
    fn before(&self) -> String {
        let (time, kind) = (self.time, &self.created_type);
        if self.is_view {
            format!("(span.{time}, coalesce(span.span_id::text, '')) < ($1::text::{kind}, $2::text || $3::text)")
        } else {
            format!("(span.{time}, span.tableoid, span.ctid) < ($1::text::{kind}, $2::text::oid, $3::text::tid)")
        }
    }

    /// Returns a statement that reads the newest rows. Its parameter is their number.
    pub(super) fn select_newest(&self, location: &Location) -> String {
        self.select(location, &format!("WHERE span.{} IS NOT NULL {} LIMIT $1::text::int", self.time, self.newest_first()))
    }

    /// Returns a `created_at` before which there is no row of a span that started at `since` or later; `None` if its type is not a time.
    /// Allows a day of difference between the clocks of a span and of its writer.
    pub(super) fn earliest_created(&self, since: Nanos) -> Option<String> {
        let is_time = ["text", "character varying", "timestamp", "date"].iter().any(|name| self.created_type.starts_with(name));
        agno_row::day_before(since).filter(|_| is_time)
    }

    /// Returns a statement that reads the rows before a row, newest first, none of them created before `floor`. Its parameters are
    /// `created_at`, `tableoid` and `ctid` of the row, and the number of rows.
    pub(super) fn select_before(&self, location: &Location, floor: Option<&str>) -> String {
        let floor = floor.map_or_else(String::new, |floor| format!(" AND span.{}", self.created_since(floor)));
        self.select(location, &format!("WHERE {}{floor} {} LIMIT $4::text::int", self.before(), self.newest_first()))
    }
}
