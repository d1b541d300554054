//! Reads approvals and evaluations, and the metrics of runs, from the tables beside the traces.
//!
//! What the user may not read, or has other columns, is not asked for: the server would write an error into its log each time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::session::{Session, bytes, text};
use crate::model::review::{Reviews, RunMetrics};
use crate::model::{Batch, Origin};
use crate::sources::UpdateSender;
use crate::sources::agno_reviews::{
    self, APPROVAL, APPROVALS, BEFORE, EVALUATION, EVALUATIONS, LINKED, Links, RUN, RUNS, SentReviews, Stored, add_links, approval,
    approvals_mark, evaluation, evaluations_mark, select_approvals, select_evaluations, unknown,
};
use crate::sources::sql::identifier;

/// The interval of reading.
const INTERVAL: Duration = Duration::from_secs(1);
/// The interval of looking for the tables while there are none.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// What was read of approvals and evaluations.
#[derive(Default)]
pub(super) struct ReviewReader {
    sent: SentReviews,
    /// When they were read.
    read: Option<Instant>,
    /// Whether they may have changed since.
    pub(super) is_outdated: bool,
    /// Whether there were tables.
    has_tables: bool,
    /// What the tables said of their last change.
    mark: Option<String>,
    links: Links,
}

impl ReviewReader {
    /// Whether anything was read.
    pub(super) fn has_read(&self) -> bool {
        self.read.is_some()
    }

    /// Returns a batch of approvals and evaluations if they changed. `origin` is that of the first ones.
    pub(super) async fn read(
        &mut self,
        session: &Session,
        location: &Location,
        origin: Origin,
        updates: &UpdateSender,
    ) -> Result<Option<Batch>, Error> {
        let interval = if self.has_tables { INTERVAL } else { LOOK_INTERVAL };
        if self.read.is_some_and(|read| !self.is_outdated || read.elapsed() < interval) {
            return Ok(None);
        }
        let origin = if self.read.is_none() { origin } else { Origin::Live };
        self.read = Some(Instant::now());
        let reviews = self.read_in_transaction(session, location).await;
        let reviews = session.end(reviews).await?;
        self.is_outdated = false;
        Ok(reviews.and_then(|reviews| self.sent.change(reviews, origin, updates)))
    }

    async fn read_in_transaction(&mut self, session: &Session, location: &Location) -> Result<Option<Reviews>, Error> {
        let tables = Tables::read(session, location).await?;
        self.has_tables = tables.approvals.is_some() || tables.evaluations.is_some();
        let mark = tables.mark(session).await?;
        if self.mark.as_ref() == Some(&mark) {
            return Ok(None);
        }
        let approvals = match &tables.approvals {
            None => Vec::new(),
            Some(table) => {
                let rows = session.query(&select_approvals(table, cast), &[]).await?;
                rows.iter().map(|row| approval(std::array::from_fn(|column| bytes(row, column)))).collect()
            }
        };
        let stored: Vec<Stored> = match &tables.evaluations {
            None => Vec::new(),
            Some(table) => {
                let rows = session.query(&select_evaluations(table, cast), &[]).await?;
                rows.iter().filter_map(|row| evaluation(std::array::from_fn(|column| bytes(row, column)))).collect()
            }
        };
        if let (Some(evaluations), Some(runs)) = (&tables.evaluations, &tables.runs) {
            for ids in unknown(&stored, &self.links).chunks(LINKED) {
                let found = pairs(session, evaluations, runs, ids).await;
                // An error ends the transaction, and would do so again.
                add_links(&mut self.links, ids, found.as_deref().unwrap_or_default());
                found?;
            }
        }
        self.mark = Some(mark);
        Ok(Some(Reviews { approvals, evaluations: agno_reviews::linked(stored, &self.links) }))
    }
}

/// The quoted names of the tables that can be read.
struct Tables {
    approvals: Option<String>,
    evaluations: Option<String>,
    runs: Option<String>,
}

impl Tables {
    /// Begins a transaction and finds the tables.
    async fn read(session: &Session, location: &Location) -> Result<Self, Error> {
        let sql = "SELECT c.relname::text, string_agg(a.attname, ' ')::text FROM pg_catalog.pg_class c \
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
            WHERE n.nspname = $1 AND c.relname = ANY ($2) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped \
            AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') GROUP BY c.relname";
        let names: &[&str] = &[APPROVALS, EVALUATIONS, RUNS];
        let rows = session.begin(sql, &[(&location.schema, Type::TEXT), (&names, Type::TEXT_ARRAY)]).await?;
        let found: HashMap<&str, &str> = rows.iter().filter_map(|row| Some((text(row, 0)?, text(row, 1)?))).collect();
        let table = |name: &str, columns: &[&str]| {
            let has = found.get(name)?;
            let is_usual = columns.iter().all(|column| has.split(' ').any(|known| known == *column));
            is_usual.then(|| format!("{}.{}", identifier(&location.schema), identifier(name)))
        };
        Ok(Self {
            approvals: table(APPROVALS, &[&APPROVAL[..], &["updated_at"]].concat()),
            evaluations: table(EVALUATIONS, &[&EVALUATION[..], &["created_at", "agent_id", "team_id"]].concat()),
            runs: table(RUNS, &RUN),
        })
    }

    /// Returns what changes with the tables.
    async fn mark(&self, session: &Session) -> Result<String, Error> {
        let mut mark = String::new();
        let statements = [self.approvals.as_deref().map(approvals_mark), self.evaluations.as_deref().map(evaluations_mark)];
        for sql in statements {
            if let Some(sql) = sql {
                mark.push_str(session.query(&sql, &[]).await?.first().and_then(|row| text(row, 0)).unwrap_or_default());
            }
            mark.push('|');
        }
        Ok(mark)
    }
}

/// Returns the evaluations and the runs that fit each other.
async fn pairs(session: &Session, evaluations: &str, runs: &str, ids: &[Box<str>]) -> Result<Vec<(String, String)>, Error> {
    let part = |owner: &str| {
        format!(
            "SELECT e.run_id::text, r.run_id::text FROM {evaluations} AS e JOIN {runs} AS r ON r.{owner} = e.{owner} \
             AND r.created_at BETWEEN e.created_at - {BEFORE} AND e.created_at \
             AND r.run_data::jsonb ->> 'content' = e.eval_data::jsonb #>> '{{results,0,output}}' \
             AND r.run_data::jsonb #>> '{{input,input_content}}' = e.eval_data::jsonb #>> '{{results,0,input}}' WHERE e.run_id = ANY ($1)"
        )
    };
    let sql = format!("{} UNION ALL {}", part("agent_id"), part("team_id"));
    let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
    let rows = session.query(&sql, &[(&ids, Type::TEXT_ARRAY)]).await?;
    Ok(rows.iter().filter_map(|row| Some((text(row, 0)?.to_owned(), text(row, 1)?.to_owned()))).collect())
}

/// Reads what the records with some ids state, within a transaction.
pub(super) async fn stored_metrics(
    session: &Session,
    location: &Location,
    [name, key, column, metrics]: [&str; 4],
    ids: &[&str],
) -> Result<HashMap<String, RunMetrics>, Error> {
    let table = format!("{}.{}", identifier(&location.schema), identifier(name));
    let has_table = "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname = $2 AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')";
    if ids.is_empty() || session.query(has_table, &[(&location.schema, Type::TEXT), (&name, Type::TEXT)]).await?.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT {key}::text, ({column}::jsonb -> '{metrics}')::text FROM {table} WHERE {key} = ANY ($1)");
    let rows = session.query(&sql, &[(&ids, Type::TEXT_ARRAY)]).await?;
    Ok(rows.iter().filter_map(|row| Some((text(row, 0)?.to_owned(), agno_reviews::stored_metrics(bytes(row, 1)?)?))).collect())
}

fn cast(column: &str) -> String {
    format!("{column}::text")
}
