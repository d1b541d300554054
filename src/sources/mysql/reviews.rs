//! Reads evaluations, and the metrics of runs and sessions, from the tables beside the traces. Agno keeps no approvals in MySQL. A table that the user may not read, or that has
//! other columns, is left aside.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::IDS;
use super::connection::Session;
use super::error::Error;
use super::table::{identifier, literal};
use crate::model::review::{Reviews, RunMetrics};
use crate::model::{Batch, Origin, Payload};
use crate::sources::agno_reviews::{
    self, BEFORE, EVALUATION, EVALUATIONS, LINKED, Links, RUN, RUN_METRICS, RUNS, SESSION_METRICS, SentReviews, Stored, add_links,
    evaluation, evaluations_mark, select_evaluations, unknown,
};
use crate::sources::{UpdateSender, agno_row};

/// The interval of reading.
const INTERVAL: Duration = Duration::from_secs(1);
/// The interval of looking for the table while there is none.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// What was read of evaluations.
#[derive(Default)]
pub(super) struct ReviewReader {
    sent: SentReviews,
    /// When they were read.
    read: Option<Instant>,
    /// Whether there was a table.
    has_table: bool,
    /// What the table said of its last change.
    mark: String,
    links: Links,
}

impl ReviewReader {
    /// Returns a batch of evaluations if they changed. Of what can't be read nothing is known; only a lost connection is an error.
    pub(super) fn read(&mut self, session: &mut Session, schema: &str, updates: &UpdateSender) -> Result<Option<Batch>, Error> {
        let interval = if self.has_table { INTERVAL } else { LOOK_INTERVAL };
        if self.read.is_some_and(|read| read.elapsed() < interval) {
            return Ok(None);
        }
        // What was there when the database was opened rings no bell.
        let origin = if self.read.is_none() { Origin::History } else { Origin::Live };
        self.read = Some(Instant::now());
        let reviews = match self.read_table(session, schema) {
            Ok(reviews) => reviews,
            Err(error @ Error::Lost(_)) => return Err(error),
            Err(error) => {
                tracing::debug!(?error, "evaluations are not read");
                None
            }
        };
        Ok(reviews.and_then(|reviews| self.sent.change(reviews, origin, updates)))
    }

    fn read_table(&mut self, session: &mut Session, schema: &str) -> Result<Option<Reviews>, Error> {
        let found = table(session, schema, EVALUATIONS, &EVALUATION)?;
        self.has_table = found.is_some();
        let Some(table) = found else { return Ok(None) };
        let mut mark = String::new();
        session.query(&evaluations_mark(&table), |row| {
            mark.push_str(&String::from_utf8_lossy(row.first().copied().flatten().unwrap_or_default()));
        })?;
        if self.mark == mark {
            return Ok(None);
        }
        let mut stored = Vec::new();
        session.query(&select_evaluations(&table, identifier), |row| stored.extend(row.first_chunk().copied().and_then(evaluation)))?;
        match self.link(session, schema, &stored) {
            Err(error @ Error::Lost(_)) => return Err(error),
            Err(error) => tracing::debug!(?error, "the runs that were judged are not looked up"),
            Ok(()) => {}
        }
        self.mark = mark;
        Ok(Some(Reviews { evaluations: agno_reviews::linked(stored, &self.links), ..Reviews::default() }))
    }

    /// Looks up the runs of evaluations.
    fn link(&mut self, session: &mut Session, schema: &str, stored: &[Stored]) -> Result<(), Error> {
        let unknown = unknown(stored, &self.links);
        if unknown.is_empty() {
            return Ok(());
        }
        let evaluations = table(session, schema, EVALUATIONS, &[&EVALUATION[..], &["created_at", "agent_id", "team_id"]].concat())?;
        let runs = table(session, schema, RUNS, &RUN)?;
        let (Some(evaluations), Some(runs)) = (evaluations, runs) else { return Ok(()) };
        for ids in unknown.chunks(LINKED) {
            let mut pairs = Vec::new();
            let found = session.query(&pairs_sql(&evaluations, &runs, ids), |row| {
                let text = |at: usize| Some(String::from_utf8_lossy(row.get(at).copied().flatten()?).into_owned());
                pairs.extend(text(0).zip(text(1)));
            });
            // What fails once would do so again.
            add_links(&mut self.links, ids, &pairs);
            found?;
        }
        Ok(())
    }
}

/// Returns the statement for the evaluations and the runs that fit each other. Texts are compared as bytes: those of MySQL are equal in any case.
fn pairs_sql(evaluations: &str, runs: &str, ids: &[Box<str>]) -> String {
    let ids = ids.iter().map(|id| literal(id.as_bytes())).collect::<Vec<_>>().join(", ");
    let value = |column: &str, path: &str| {
        format!("CAST(CASE WHEN JSON_VALID({column}) THEN JSON_UNQUOTE(JSON_EXTRACT({column}, '{path}')) END AS BINARY)")
    };
    let part = |owner: &str| {
        format!(
            "SELECT e.run_id, r.run_id FROM {evaluations} AS e JOIN {runs} AS r ON r.{owner} = e.{owner} \
             AND r.created_at BETWEEN e.created_at - {BEFORE} AND e.created_at AND {} = {} AND {} = {} WHERE e.run_id IN ({ids})",
            value("r.run_data", "$.content"),
            value("e.eval_data", "$.results[0].output"),
            value("r.run_data", "$.input.input_content"),
            value("e.eval_data", "$.results[0].input"),
        )
    };
    format!("{} UNION ALL {}", part("agent_id"), part("team_id"))
}

/// Adds what Agno's records of runs and sessions state to the payloads of runs.
pub(super) fn add_stored_metrics(session: &mut Session, schema: &str, mut payloads: Vec<&mut Payload>) -> Result<(), Error> {
    payloads.retain(|payload| agno_row::run_id(payload).is_some());
    let ids = |id: fn(&Payload) -> Option<&str>| payloads.iter().filter_map(|payload| id(payload)).map(str::to_owned).collect::<Vec<_>>();
    let of_runs = stored_metrics(session, schema, RUN_METRICS, &ids(agno_row::run_id))?;
    let of_sessions = stored_metrics(session, schema, SESSION_METRICS, &ids(agno_row::session_id))?;
    for payload in payloads {
        payload.run_metrics = agno_row::run_id(payload).and_then(|run| of_runs.get(run)).copied();
        payload.session_metrics = agno_row::session_id(payload).and_then(|session| of_sessions.get(session)).copied();
    }
    Ok(())
}

/// Reads what the records with some ids state.
fn stored_metrics(
    session: &mut Session,
    schema: &str,
    [name, key, column, metrics]: [&str; 4],
    ids: &[String],
) -> Result<HashMap<String, RunMetrics>, Error> {
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let Some(table) = table(session, schema, name, &[key, column])? else { return Ok(found) };
    for ids in ids.chunks(IDS) {
        let ids = ids.iter().map(|id| literal(id.as_bytes())).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {key}, JSON_EXTRACT({column}, '$.{metrics}') FROM {table} WHERE {key} IN ({ids})");
        session.query(&sql, |row| {
            let value = |at: usize| row.get(at).copied().flatten();
            let metrics = value(1).and_then(agno_reviews::stored_metrics);
            found.extend(value(0).map(|id| String::from_utf8_lossy(id).into_owned()).zip(metrics));
        })?;
    }
    Ok(found)
}

/// Returns the quoted name of a table if it has these columns and the user may read them.
fn table(session: &mut Session, schema: &str, name: &str, columns: &[&str]) -> Result<Option<String>, Error> {
    let mut found = Vec::new();
    let sql = format!(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = {} AND table_name = {} AND privileges LIKE '%select%'",
        literal(schema.as_bytes()),
        literal(name.as_bytes())
    );
    session.query(&sql, |row| {
        found.push(String::from_utf8_lossy(row.first().copied().flatten().unwrap_or_default()).to_ascii_lowercase());
    })?;
    let has_all = columns.iter().all(|column| found.iter().any(|other| other == column));
    Ok(has_all.then(|| format!("{}.{}", identifier(schema), identifier(name))))
}
