//! Finds new rows.
//!
//! The server keeps the rows of each insert in a part, and merges parts. Where it lists them, a new part that no earlier one went into is
//! read whole: no clock matters, and while nothing is written a poll reads no table. Of a part that was merged with new rows before it was
//! seen, the rows are read that were sent since the last poll; clocks may differ by [`OVERLAP`]. Where the server lists no parts, every poll
//! reads so, among the rows that began within [`LONGEST`].
//!
//! A part may be merged away while it is read. So the parts are listed again after the read, and only those that are still there count as
//! read. If one is not, that poll reads by time, too: rows may come faster than parts last.

use std::collections::HashMap;

use super::answer::{Rows, number, text};
use super::error::Error;
use super::load::LONGEST;
use super::pager::{Extent, Pager};
use super::rows::{self, Head};
use super::server::{Condition, Parameter, Server};
use super::table::Table;
use crate::model::sort;
use crate::model::{Batch, Nanos};

/// By how much the clocks of senders and server may differ, with the time that a row may take to arrive.
const OVERLAP: Nanos = 300_000_000_000;
/// The rows of a page.
const PAGE: u64 = 4096;
/// The rows that are remembered before old ones are forgotten.
const MAX_KNOWN: usize = 1 << 17;

/// A part of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    partition: String,
    /// The lowest and the highest number of its inserts.
    blocks: (i64, i64),
    rows: i64,
}

/// What is known of the rows of a table.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The parts whose rows were all read, or existed at the start, by name; `None` where the server lists none.
    parts: Option<HashMap<String, Part>>,
    /// The rows that were sent lately, with the time at which.
    known: HashMap<u64, Nanos>,
    /// The time of the server at the last poll.
    polled: Nanos,
}

impl Tail {
    /// Notes which rows exist.
    pub(super) fn begin(server: &mut Server, table: &Table) -> Result<Self, Error> {
        let polled = now(server, table)?;
        let mut tail = Self { polled, ..Self::default() };
        let condition = tail.lately(table).and_all(&began_lately(table, polled));
        let sql = format!("SELECT {} FROM {} WHERE {}", Head::columns(table), table.quoted(), condition.sql);
        server.query(&sql, &condition.parameters)?.for_each(|cells| {
            tail.note(&Head::read(cells));
        });
        if table.has_parts {
            tail.parts = match list(server, table) {
                Ok(parts) => Some(parts),
                // Some users may not see the parts.
                Err(Error::Denied | Error::NoTable(_)) => None,
                Err(error) => return Err(error),
            };
        }
        Ok(tail)
    }

    /// Whether a poll costs the server little.
    pub(super) fn is_cheap(&self) -> bool {
        self.parts.is_some()
    }

    /// Notes a row that is sent. Returns whether it was not known.
    pub(super) fn note(&mut self, head: &Head) -> bool {
        if head.sent < self.polled.saturating_sub(OVERLAP) {
            return true;
        }
        self.known.insert(head.key(), head.sent).is_none()
    }

    /// Reads new rows into the batches.
    pub(super) fn poll(&mut self, server: &mut Server, table: &Table, batches: &mut Vec<Batch>, empty: &Batch) -> Result<(), Error> {
        let time = now(server, table)?;
        match &self.parts {
            Some(known) => {
                let listed = list(server, table)?;
                let (whole, partly) = fresh(known, &listed);
                if !whole.is_empty() {
                    self.read(server, table, &of_parts(&whole), batches, empty)?;
                }
                if !partly.is_empty() {
                    self.read(server, table, &of_parts(&partly).and_all(&self.lately(table)), batches, empty)?;
                }
                if whole.is_empty() && partly.is_empty() {
                    self.parts = Some(listed);
                } else {
                    let after = list(server, table)?;
                    let mut fresh = whole.iter().chain(&partly);
                    if !fresh.all(|name| after.contains_key(name)) {
                        self.read_by_time(server, table, batches, empty)?;
                    }
                    let is_read = |name: &String| after.contains_key(name) || !(whole.contains(name) || partly.contains(name));
                    self.parts = Some(confirmed(self.parts.take().unwrap_or_default(), listed, is_read));
                }
            }
            None => self.read_by_time(server, table, batches, empty)?,
        }
        self.polled = time;
        if self.known.len() > MAX_KNOWN {
            let oldest = self.polled.saturating_sub(OVERLAP);
            self.known.retain(|_, sent| *sent >= oldest);
        }
        Ok(())
    }

    /// Returns the condition on rows that were sent since the last poll, by clocks that differ.
    fn lately(&self, table: &Table) -> Condition {
        let sql = format!("{} >= {{sent:Int64}}", table.sent_nanos());
        Condition::default().and(&sql, [Parameter::number("sent", self.polled.saturating_sub(OVERLAP))])
    }

    fn read_by_time(&mut self, server: &mut Server, table: &Table, batches: &mut Vec<Batch>, empty: &Batch) -> Result<(), Error> {
        let condition = self.lately(table).and_all(&began_lately(table, self.polled));
        self.read(server, table, &condition, batches, empty)
    }

    /// Reads the rows that meet a condition: at once, or in pieces if they are too many.
    fn read(
        &mut self,
        server: &mut Server,
        table: &Table,
        condition: &Condition,
        batches: &mut Vec<Batch>,
        empty: &Batch,
    ) -> Result<(), Error> {
        match rows::select_up_to(server, table, condition, PAGE) {
            Ok(Some(rows)) => {
                self.push(&rows, table, batches, empty);
                return Ok(());
            }
            Err(error) if !error.is_too_large() => return Err(error),
            _ => {}
        }
        let Some(extent) = Extent::read(server, table, condition)? else { return Ok(()) };
        let mut pager = Pager::new(extent.first, extent.last.saturating_add(1), PAGE, extent);
        while let Some((_, rows)) = rows::select_page(server, table, &mut pager, condition)? {
            self.push(&rows, table, batches, empty);
        }
        Ok(())
    }

    /// Adds a batch of the rows that are not known.
    fn push(&mut self, rows: &Rows, table: &Table, batches: &mut Vec<Batch>, empty: &Batch) {
        let mut batch = empty.next();
        rows::read(rows, table, &mut batch, |head| self.known.insert(head.key(), head.sent).is_none());
        sort::by_key(&mut batch.spans, |span| span.end);
        if !batch.spans.is_empty() || !batch.skipped.is_empty() {
            batches.push(batch);
        }
    }
}

/// Returns the time of the server. Fails if the table is gone, or another one has its name.
fn now(server: &mut Server, table: &Table) -> Result<Nanos, Error> {
    let sql = "SELECT toUnixTimestamp64Nano(now64(9)), toString(uuid) FROM system.tables WHERE database = {database:String} \
        AND name = {table:String}";
    let parameters = [Parameter::text("database", &table.database), Parameter::text("table", &table.name)];
    let rows = server.query(sql, &parameters)?;
    match rows.texts(1).first() {
        None => Err(Error::NoTable(Vec::new())),
        Some(uuid) if *uuid != table.uuid => Err(Error::Changed),
        Some(_) => Ok(rows.first_number(0).unwrap_or_default()),
    }
}

fn began_lately(table: &Table, now: Nanos) -> Condition {
    let sql = format!("{} >= fromUnixTimestamp64Nano({{began:Int64}})", table.start());
    Condition::default().and(&sql, [Parameter::number("began", now.saturating_sub(LONGEST))])
}

fn of_parts(names: &[String]) -> Condition {
    Condition::default().and("_part IN {parts:Array(String)}", [Parameter::texts("parts", names)])
}

fn list(server: &mut Server, table: &Table) -> Result<HashMap<String, Part>, Error> {
    let sql = "SELECT name, partition_id, min_block_number, max_block_number, rows FROM system.parts \
        WHERE database = {database:String} AND table = {table:String} AND active";
    let parameters = [Parameter::text("database", &table.database), Parameter::text("table", &table.name)];
    let mut parts = HashMap::new();
    server.query(sql, &parameters)?.for_each(|cells| {
        let cell = |column: usize| cells.get(column).copied().unwrap_or_default();
        let number = |column| number(cell(column)).unwrap_or_default();
        if let Some((name, partition)) = text(cell(0)).zip(text(cell(1))) {
            parts.insert(name, Part { partition, blocks: (number(2), number(3)), rows: number(4) });
        }
    });
    Ok(parts)
}

/// Returns the names of parts with new rows: those with only such, and those with others, too.
fn fresh(known: &HashMap<String, Part>, listed: &HashMap<String, Part>) -> (Vec<String>, Vec<String>) {
    let (mut whole, mut partly) = (Vec::new(), Vec::new());
    for (name, part) in listed.iter().filter(|(name, _)| !known.contains_key(*name)) {
        let merged: i64 = known.values().filter(|other| other.is_within(part)).map(|other| other.rows).sum();
        match merged {
            0 => whole.push(name.clone()),
            // A merge without new rows, or a mutation.
            rows if rows >= part.rows => {}
            _ => partly.push(name.clone()),
        }
    }
    (whole, partly)
}

/// Returns the parts that count as read: those listed that were, and of the others the parts that went into them.
fn confirmed(known: HashMap<String, Part>, listed: HashMap<String, Part>, is_read: impl Fn(&String) -> bool) -> HashMap<String, Part> {
    let (read, unread): (HashMap<_, _>, HashMap<_, _>) = listed.into_iter().partition(|(name, _)| is_read(name));
    let kept = known.into_iter().filter(|(_, part)| unread.values().any(|other| part.is_within(other)));
    kept.chain(read).collect()
}

impl Part {
    fn is_within(&self, other: &Self) -> bool {
        self.partition == other.partition && self.blocks.0 >= other.blocks.0 && self.blocks.1 <= other.blocks.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[(&str, i64, i64, i64)]) -> HashMap<String, Part> {
        let part = |&(name, first, last, rows): &(&str, i64, i64, i64)| {
            (name.to_owned(), Part { partition: name[..1].to_owned(), blocks: (first, last), rows })
        };
        parts.iter().map(part).collect()
    }

    #[test]
    fn new_parts_are_told_from_merged_ones() {
        let known = parts(&[("a_1", 1, 1, 10), ("a_3", 3, 3, 5), ("b_1", 1, 1, 7)]);
        let fresh = |listed: &[(&str, i64, i64, i64)]| fresh(&known, &parts(listed));
        let none = Vec::<String>::new;
        assert_eq!(fresh(&[("a_1", 1, 1, 10), ("a_3", 3, 3, 5)]), (none(), none()));
        // An insert that began earlier than one that was seen.
        assert_eq!(fresh(&[("a_2", 2, 2, 1)]), (vec!["a_2".to_owned()], none()));
        assert_eq!(fresh(&[("a_1_3", 1, 3, 15)]), (none(), none()));
        assert_eq!(fresh(&[("a_1_3", 1, 3, 16)]), (none(), vec!["a_1_3".to_owned()]));
        assert_eq!(fresh(&[("a_1_9", 1, 1, 9)]), (none(), none()));
        assert_eq!(fresh(&[("c_1", 1, 1, 3)]), (vec!["c_1".to_owned()], none()));
    }

    #[test]
    fn a_part_that_was_merged_while_it_was_read_is_read_again() {
        let known = parts(&[("a_1", 1, 1, 10)]);
        let listed = parts(&[("a_1", 1, 1, 10), ("a_2", 2, 2, 4)]);
        let kept = confirmed(known, listed, |name| name != "a_2");
        assert_eq!(kept, parts(&[("a_1", 1, 1, 10)]));
        assert_eq!(fresh(&kept, &parts(&[("a_1_2", 1, 2, 14)])).1, ["a_1_2"]);
        // What had gone into a part that is not read stays known.
        let listed = parts(&[("a_1_2", 1, 2, 14)]);
        assert_eq!(confirmed(kept, listed, |_| false), parts(&[("a_1", 1, 1, 10)]));
    }
}
