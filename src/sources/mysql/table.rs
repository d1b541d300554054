//! Statements on the table of spans, and its rows.

use super::connection::Session;
use super::error::Error;
use crate::model::{Batch, PayloadRef, Skipped};
use crate::sources::agno_row::{AgnoRow, COLUMNS};

/// The column by which rows are followed.
const CREATED: &str = "created_at";

/// The table of spans.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
}

/// The time and the id by which a row is found again, as the table has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) created: Vec<u8>,
    pub(super) id: Vec<u8>,
}

impl Table {
    /// Returns the quoted name.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// Returns an error if the table is missing, has other columns, or may not be read.
    pub(super) fn check(&self, session: &mut Session) -> Result<(), Error> {
        let Err(missing) = self.find_columns(session) else { return Ok(()) };
        // What a user may not read is not listed.
        match session.query(&format!("SELECT {}, {CREATED} FROM {} LIMIT 0", COLUMNS.join(", "), self.quoted()), |_| {}) {
            Err(Error::Denied) => Err(Error::Denied),
            _ => Err(missing),
        }
    }

    /// Returns an error if the server does not list the table with its columns.
    fn find_columns(&self, session: &mut Session) -> Result<(), Error> {
        let mut columns = Vec::new();
        let condition = format!("table_schema = {}", literal(self.schema.as_bytes()));
        let sql = format!(
            "SELECT column_name FROM information_schema.columns WHERE {condition} AND table_name = {}",
            literal(self.name.as_bytes())
        );
        session.query(&sql, |row| columns.push(text(row, 0)))?;
        if columns.is_empty() {
            let mut tables = Vec::new();
            session.query(&format!("SELECT table_name FROM information_schema.tables WHERE {condition} ORDER BY 1"), |row| {
                tables.push(text(row, 0));
            })?;
            return Err(Error::NoTable(tables));
        }
        let is_missing = |column: &&str| !columns.iter().any(|known| known.eq_ignore_ascii_case(column));
        COLUMNS.into_iter().chain([CREATED]).find(is_missing).map_or(Ok(()), |column| Err(Error::NoColumn(column)))
    }

    /// Reads whole rows. Adds each to the batch, and visits its place.
    pub(super) fn rows(
        &self,
        session: &mut Session,
        clauses: &str,
        batch: &mut Batch,
        mut visit: impl FnMut(Place) -> bool,
    ) -> Result<(), Error> {
        let sql = format!("SELECT {}, {CREATED} FROM {} {clauses}", COLUMNS.join(", "), self.quoted());
        session.query(&sql, |row| {
            let Some((created, values)) = row.split_last() else { return };
            let Some(values) = values.first_chunk::<{ COLUMNS.len() }>() else { return };
            let place = Place { created: created.unwrap_or_default().to_vec(), id: values[0].unwrap_or_default().to_vec() };
            let name = String::from_utf8_lossy(&place.id).into_owned();
            if !visit(place) {
                return;
            }
            match AgnoRow(*values).span(PayloadRef(0), batch) {
                Ok(span) => batch.spans.push(span),
                Err(reason) => batch.skipped.push(Skipped { place: format!("row {name}"), reason }),
            }
        })
    }

    /// Reads the places of the rows that were written since a time.
    pub(super) fn places_since(&self, session: &mut Session, created: &[u8]) -> Result<Vec<Place>, Error> {
        let mut places = Vec::new();
        let sql = format!("SELECT {CREATED}, span_id FROM {} WHERE {CREATED} >= {}", self.quoted(), literal(created));
        session.query(&sql, |row| {
            let value = |column: usize| row.get(column).copied().flatten().unwrap_or_default().to_vec();
            places.push(Place { created: value(0), id: value(1) });
        })?;
        Ok(places)
    }

    /// Returns the number of rows.
    pub(super) fn count(&self, session: &mut Session) -> Result<u64, Error> {
        let mut count = 0;
        session.query(&format!("SELECT count(*) FROM {}", self.quoted()), |row| count = text(row, 0).parse().unwrap_or(0))?;
        Ok(count)
    }
}

/// Returns the clauses for the rows before a place, the newest first, down to a time.
pub(super) fn before(place: Option<&Place>, floor: Option<&str>, limit: usize) -> String {
    let mut conditions = Vec::new();
    if let Some(Place { created, id }) = place {
        let (created, id) = (literal(created), literal(id));
        conditions.push(format!("{CREATED} <= {created} AND ({CREATED} < {created} OR span_id < {id})"));
    }
    conditions.extend(floor.map(|floor| format!("{CREATED} >= {}", literal(floor.as_bytes()))));
    let condition = if conditions.is_empty() { String::new() } else { format!("WHERE {} ", conditions.join(" AND ")) };
    format!("{condition}ORDER BY {CREATED} DESC, span_id DESC LIMIT {limit}")
}

/// Returns the clauses for the rows with these ids.
pub(super) fn with_ids<'a>(ids: impl Iterator<Item = &'a [u8]>) -> String {
    format!("WHERE span_id IN ({})", ids.map(literal).collect::<Vec<_>>().join(", "))
}

/// Quotes a name.
pub(in crate::sources) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Writes a text as a literal that holds in every mode of the server.
pub(in crate::sources) fn literal(text: &[u8]) -> String {
    use std::fmt::Write;
    let mut sql = "_utf8mb4 X'".to_owned();
    for byte in text {
        let _ = write!(sql, "{byte:02X}");
    }
    sql.push('\'');
    sql
}

fn text(row: &[Option<&[u8]>], column: usize) -> String {
    String::from_utf8_lossy(row.get(column).copied().flatten().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_ends_its_literal() {
        assert_eq!(literal(b"a'\\"), "_utf8mb4 X'61275C'");
        assert_eq!(identifier("a`b"), "`a``b`");
        let place = Place { created: b"2'".to_vec(), id: b"1".to_vec() };
        let clauses = before(Some(&place), Some("2026"), 5);
        assert!(!clauses.contains("2'") && clauses.ends_with("ORDER BY created_at DESC, span_id DESC LIMIT 5"), "{clauses}");
        assert_eq!(before(None, None, 1), "ORDER BY created_at DESC, span_id DESC LIMIT 1");
    }
}
