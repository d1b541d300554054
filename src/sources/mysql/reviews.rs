//! Reads approvals and evaluations from the tables beside the traces. What the user may not read, or has other columns, is left aside.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::Session;
use super::error::Error;
use super::table::{identifier, literal};
use crate::model::review::Reviews;
use crate::model::{Batch, Origin};
use crate::sources::UpdateSender;
use crate::sources::agno_reviews::{
    self, APPROVAL, APPROVALS, EVALUATION, EVALUATIONS, Links, approval, approvals_mark, evaluation, evaluations_mark, select_approvals,
    select_evaluations,
};

/// The interval of reading.
const INTERVAL: Duration = Duration::from_secs(1);
/// The interval of looking for the tables while there are none.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// What was read of approvals and evaluations.
#[derive(Default)]
pub(super) struct ReviewReader {
    sent: Option<Arc<Reviews>>,
    /// When they were read.
    read: Option<Instant>,
    /// Whether there were tables.
    has_tables: bool,
    /// What the tables said of their last change.
    mark: String,
}

impl ReviewReader {
    /// Returns a batch of approvals and evaluations if they changed. Of what can't be read nothing is known; only a lost connection is an error.
    pub(super) fn read(&mut self, session: &mut Session, schema: &str, updates: &UpdateSender) -> Result<Option<Batch>, Error> {
        let interval = if self.has_tables { INTERVAL } else { LOOK_INTERVAL };
        if self.read.is_some_and(|read| read.elapsed() < interval) {
            return Ok(None);
        }
        // What was there when the database was opened rings no bell.
        let origin = if self.read.is_none() { Origin::History } else { Origin::Live };
        self.read = Some(Instant::now());
        let reviews = match self.read_tables(session, schema) {
            Ok(reviews) => reviews,
            Err(error @ Error::Lost(_)) => return Err(error),
            Err(error) => {
                tracing::debug!(?error, "approvals and evaluations are not read");
                None
            }
        };
        let Some(reviews) = reviews.filter(|reviews| self.sent.as_deref().unwrap_or(&Reviews::default()) != reviews) else {
            return Ok(None);
        };
        let reviews = Arc::new(reviews);
        self.sent = Some(reviews.clone());
        let mut batch = updates.batch(origin);
        batch.reviews = Some(reviews);
        Ok(Some(batch))
    }

    fn read_tables(&mut self, session: &mut Session, schema: &str) -> Result<Option<Reviews>, Error> {
        let approvals = table(session, schema, APPROVALS, &APPROVAL)?;
        let evaluations = table(session, schema, EVALUATIONS, &EVALUATION)?;
        self.has_tables = approvals.is_some() || evaluations.is_some();
        let mut mark = String::new();
        let marks = approvals.as_deref().map(approvals_mark).into_iter().chain(evaluations.as_deref().map(evaluations_mark));
        for sql in marks {
            session.query(&sql, |row| mark.push_str(&String::from_utf8_lossy(row.first().copied().flatten().unwrap_or_default())))?;
            mark.push(';');
        }
        if self.mark == mark {
            return Ok(None);
        }
        let mut reviews = Reviews::default();
        let mut stored = Vec::new();
        if let Some(table) = &approvals {
            let rows = |row: &[Option<&[u8]>]| reviews.approvals.extend(row.first_chunk().copied().map(approval));
            session.query(&select_approvals(table, identifier), rows)?;
        }
        if let Some(table) = &evaluations {
            let rows = |row: &[Option<&[u8]>]| stored.extend(row.first_chunk().copied().and_then(evaluation));
            session.query(&select_evaluations(table, identifier), rows)?;
        }
        // Of a judge, the run would have to be sought by its texts.
        reviews.evaluations = agno_reviews::linked(stored, &Links::new());
        self.mark = mark;
        Ok(Some(reviews))
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
