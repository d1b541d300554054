//! Finds new rows of a view, which have neither a place nor a transaction.
//!
//! A row is known by its span id, and a change of it by a hash of its contents. After a change on the server the newest rows are looked at.
//! A sweep over all rows finds the others; it is due when the tables below the view had more writes than rows were sent.

use std::time::Instant;

use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::progress::Progress;
use super::rows::{self, RowInfo};
use super::session::Session;
use super::table::{TableDefinition, TableState, split};
use crate::model::{Batch, Origin};

/// The newest rows that are looked at.
const WINDOW: usize = 128;
/// The rows of one step of a sweep.
const SWEEP_ROWS: usize = 1024;
/// The rows read by one statement: few enough that large ones stay within its timeout.
const PAGE: usize = 256;
/// The least time between two looks, as a multiple of the time that the last one took: the server may sort the whole view for each.
const PAUSE_FACTOR: u32 = 10;

/// The time and the place of a row.
type Position = (String, String);

/// Reads the rows that are new or have changed since the last read, and the next rows of a sweep. Returns old rows, of which there are
/// none, and new ones.
pub(super) async fn read(
    session: &Session,
    location: &Location,
    definition: &TableDefinition,
    state: &TableState,
    progress: &mut Progress,
) -> Result<[Batch; 2], Error> {
    if progress.sweep_if_due(state) {
        progress.reset_row_count(definition.rows_written(session).await?);
    }
    let view = View { session, location, definition, state };
    let mut new = progress.updates.batch(Origin::Live);
    progress.look.is_due |= progress.last.as_ref() != Some(&state.snapshot);
    if progress.look.must_look() {
        let begun = Instant::now();
        let (unsent, _) = view.unsent(None, WINDOW, progress).await?;
        // Without a table below that counts its writes, every change may be one of older rows.
        progress.sweeps.is_due |= unsent.len() > WINDOW / 2 || state.parts.is_empty();
        view.fetch(&unsent, progress, &mut new).await?;
        progress.look.is_due = false;
        progress.look.not_before = Instant::now() + begun.elapsed() * PAUSE_FACTOR;
    }
    if let Some(after) = progress.sweep.as_ref().map(|sweep| sweep.after.clone()) {
        let begun = Instant::now();
        let (unsent, last) = view.unsent(after.as_ref(), SWEEP_ROWS, progress).await?;
        view.fetch(&unsent, progress, &mut new).await?;
        if last.is_none() && definition.is_nullable {
            let rows = session.query(&definition.select_without_time(location), &[]).await?;
            view.send(&rows, progress, &mut new);
        }
        let end = if last.is_none() { u64::MAX } else { 0 };
        if let Some(sweep) = &mut progress.sweep {
            sweep.after = last;
        }
        progress.set_swept(end, begun.elapsed());
    }
    progress.set_read(state);
    Ok([progress.updates.batch(Origin::History), new])
}

struct View<'a> {
    session: &'a Session,
    location: &'a Location,
    definition: &'a TableDefinition,
    state: &'a TableState,
}

impl View<'_> {
    /// Returns the ids of those of the next rows that were not sent as they are, and the last of the rows if there may be more.
    async fn unsent(&self, after: Option<&Position>, count: usize, progress: &Progress) -> Result<(Vec<String>, Option<Position>), Error> {
        let loaded_to = progress.load.as_ref().and_then(|load| Some(&load.last.as_ref()?.0));
        let sql = self.definition.select_ids(self.location, after.is_none(), loaded_to.or(progress.oldest.as_ref()).map(String::as_str));
        let limit = count.to_string();
        let rows = match after {
            None => self.session.query(&sql, &[(&limit, Type::TEXT)]).await?,
            Some((time, place)) => {
                let (id, rest) = split(place);
                self.session.query(&sql, &[(time, Type::TEXT), (&id, Type::TEXT), (&rest, Type::TEXT), (&limit, Type::TEXT)]).await?
            }
        };
        let infos: Vec<_> = rows.iter().map(|row| RowInfo::of_view(row, &self.state.snapshot)).collect();
        if rows::are_ambiguous(infos.iter()) {
            return Err(Error::NotATable("a view with several rows of one span"));
        }
        let unsent = infos.iter().filter(|info| !progress.was_sent(info.key, info.transaction)).map(|info| info.place.to_owned());
        let position = |info: &RowInfo<'_>| Some((info.created?.to_owned(), info.place.to_owned()));
        let last = infos.iter().rev().find_map(position).filter(|_| infos.len() == count);
        Ok((unsent.collect(), last))
    }

    async fn fetch(&self, ids: &[String], progress: &mut Progress, batch: &mut Batch) -> Result<(), Error> {
        // The bare column, so that an index on it is used.
        let without_id = if ids.iter().any(String::is_empty) { " OR span.span_id IS NULL" } else { "" };
        let sql = self.definition.select(self.location, &format!("WHERE span.span_id = ANY ($1){without_id}"));
        let mut found = Vec::new();
        for ids in ids.chunks(PAGE) {
            found.extend(self.session.query(&sql, &[(&ids, Type::TEXT_ARRAY)]).await?);
        }
        // All rows have arrived, so that each row that is recorded as sent is sent.
        self.send(&found, progress, batch);
        Ok(())
    }

    fn send(&self, rows: &[tokio_postgres::Row], progress: &mut Progress, batch: &mut Batch) {
        for row in rows {
            let info = RowInfo::new(row, &self.state.snapshot);
            if progress.insert_sent(info.key, info.transaction) {
                rows::read(row, &info, batch);
            }
        }
    }
}
