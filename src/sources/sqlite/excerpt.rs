//! Reads the traces of a [`Wanted`] from a file.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::Tables;
use super::access::Database;
use super::error::Error;
use super::rows::Rows;
use super::schema::{check, select};
use crate::model::{Batch, Nanos, Origin, time};
use crate::sources::UpdateSender;
use crate::sources::excerpt::{INDEXED, Plan, Wanted, has_lost, nth_newest, oldest, spellings};
use crate::sources::sql::{identifier, literal};

/// The ids of traces in a statement.
const IDS: usize = 64;
/// How long a transaction may block the writer.
const BLOCKING_TIME: Duration = Duration::from_millis(10);

/// What was read.
pub(super) struct Found {
    pub(super) batches: Vec<Batch>,
    /// The ids of the traces, as the table has them.
    pub(super) ids: Vec<String>,
    /// See [`Update::Read`](crate::sources::Update::Read).
    pub(super) from: Nanos,
}

/// Reads traces without those in `sent`; `None` if only a read of everything can tell.
pub(super) fn read(
    database: &Database,
    tables: &Tables,
    wanted: &Wanted,
    sent: &HashSet<String>,
    updates: &UpdateSender,
) -> Result<Option<Found>, Error> {
    check(&database.connection, tables)?;
    if !has_indexes(database, tables)? {
        return Ok(None);
    }
    let table = identifier(&tables.spans);
    let (wanted, from) = match wanted {
        Wanted::Newest(n) => {
            let Some((since, from)) = newest(database, &table, *n)? else { return Ok(None) };
            (&Wanted::Period(since, None), from)
        }
        Wanted::Period(from, _) => (wanted, *from),
        Wanted::Ids(_) | Wanted::Beside(_) | Wanted::Sessions(_) | Wanted::Holding { .. } => (wanted, Nanos::MIN),
    };
    let Some(plan) = Plan::new(&table, &identifier(&tables.traces), wanted) else { return Ok(None) };
    for guard in &plan.guards {
        if database.connection.prepare(guard)?.exists([])? {
            return Ok(None);
        }
    }
    let mut ids = HashSet::new();
    for statement in &plan.ids {
        ids.extend(texts(database, statement)?);
    }
    let ids: Vec<String> = ids.into_iter().filter(|id| !sent.contains(id)).collect();
    let batches = traces(database, tables, &ids, updates)?;
    Ok(Some(Found { batches, ids, from }))
}

/// Returns the start of the `n`th newest span, and from when on that reads every span; `None` if that cannot be told.
fn newest(database: &Database, table: &str, n: u64) -> Result<Option<(Nanos, Nanos)>, Error> {
    if let Some(text) = texts(database, &nth_newest(table, n))?.first() {
        return Ok(time::parse(text.as_bytes()).map(|start| (start, start)));
    }
    if database.connection.prepare(&has_lost(table))?.exists([])? {
        return Ok(None);
    }
    // Of no span, any time is the oldest.
    let oldest = texts(database, &oldest(table))?.first().map_or(Some(0), |text| time::parse(text.as_bytes()));
    Ok(oldest.map(|start| (start, Nanos::MIN)))
}

/// Whether the table has the indexes that the statements need.
fn has_indexes(database: &Database, tables: &Tables) -> Result<bool, Error> {
    let sql = "SELECT count(DISTINCT first.name) FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS first \
        WHERE list.partial = 0 AND first.seqno = 0 AND first.name IN (?2, ?3, ?4)";
    let [one, two, three] = INDEXED;
    let count: i64 = database.connection.query_row(sql, [tables.spans.as_str(), one, two, three], |row| row.get(0))?;
    Ok(count == INDEXED.len() as i64)
}

/// Returns the texts of the only column.
fn texts(database: &Database, sql: &str) -> Result<Vec<String>, Error> {
    let mut statement = database.connection.prepare(sql)?;
    let texts = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
    Ok(texts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Reads all spans of traces.
fn traces(database: &Database, tables: &Tables, ids: &[String], updates: &UpdateSender) -> Result<Vec<Batch>, Error> {
    let mut read = Rows::new(updates.batch(Origin::History));
    let mut begun = Instant::now();
    for ids in ids.chunks(IDS) {
        if database.blocks_writer && begun.elapsed() > BLOCKING_TIME {
            database.renew()?;
            begun = Instant::now();
        }
        let list = spellings(ids).iter().map(|id| literal(id)).collect::<Vec<_>>().join(",");
        let mut statement = select(&database.connection, tables, &format!("WHERE trace_id IN ({list})"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            read.push(row)?;
        }
    }
    Ok(read.into_batches())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::model::TraceId;

    /// Returns the plan of a statement, on a table like Agno's.
    fn explain(sql: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (span_id VARCHAR NOT NULL PRIMARY KEY, trace_id VARCHAR, start_time VARCHAR, end_time VARCHAR, created_at VARCHAR); \
                 CREATE INDEX a ON t (created_at); CREATE INDEX b ON t (trace_id); CREATE INDEX c ON t (start_time)",
            )
            .unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn no_statement_reads_the_whole_table() {
        let id = TraceId::parse(b"0123456789abcdef0123456789abcdef").unwrap();
        let at = 1_795_327_144_000_000_000;
        let wanted = [Wanted::Ids(vec!["ab".to_owned()]), Wanted::Beside(vec![id]), Wanted::Period(at, None), Wanted::Period(at, Some(at))];
        let plans = wanted.iter().map(|wanted| Plan::new("t", "traces", wanted).unwrap());
        let statements = plans.flat_map(|plan| [plan.guards, plan.ids].concat());
        let mut count = 0;
        for sql in statements {
            let plan = explain(&sql);
            assert!(plan.contains("SEARCH t USING") && plan.split("; ").all(|step| step != "SCAN t"), "{sql}: {plan}");
            count += 1;
        }
        assert!(count >= 10);
        let plan = explain(&nth_newest("t", 5));
        assert!(plan.contains("USING COVERING INDEX c") && !plan.contains("TEMP B-TREE"), "{plan}");
        let open = Plan::new("t", "traces", &Wanted::Period(at, None)).unwrap();
        assert!(explain(&open.ids[1]).contains("INDEX a (created_at>?)"), "what ran on is found by when it was stored");
    }
}
