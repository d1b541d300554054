//! Reads evaluations from the table beside the traces. Agno keeps no approvals in MySQL. A table that the user may not read, or that has
//! other columns, is left aside.

use std::time::{Duration, Instant};

use super::connection::Session;
use super::error::Error;
use super::table::{identifier, literal};
use crate::model::review::Reviews;
use crate::model::{Batch, Origin};
use crate::sources::UpdateSender;
use crate::sources::agno_reviews::{self, EVALUATION, EVALUATIONS, Links, SentReviews, evaluation, evaluations_mark, select_evaluations};

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
        self.mark = mark;
        // Of a judge, the run would have to be sought by its texts.
        Ok(Some(Reviews { evaluations: agno_reviews::linked(stored, &Links::new()), ..Reviews::default() }))
    }
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
