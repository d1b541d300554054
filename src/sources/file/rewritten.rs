//! A file that holds one list of spans and is written whole each time, as Agno's JSON store is: `agno_spans.json`.
//!
//! A list that begins with what was read before has only its new end read. One that is half written is read when it is complete.

use std::fs::Metadata;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::follow::{Identity, identity};
use crate::model::json::items;
use crate::otlp::json::replace_lone_surrogates;
use crate::regular_file;
use crate::sources::sqlite::Tables;

/// The looks after which a file that stays half written is reported.
pub(super) const PATIENCE: u32 = 20;

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing has changed.
    Nothing,
    /// A list of spans, of which some may have been read before.
    List(String),
    /// No file has the name.
    Missing,
    /// The file is being written.
    Half,
}

/// A file of a list of spans, followed by its path.
#[derive(Debug)]
pub(super) struct Rewritten {
    path: PathBuf,
    /// The file when it was read last.
    seen: Option<(u64, Option<SystemTime>, Option<Identity>)>,
    /// The number of bytes up to the last span that was read, and their hash.
    read: (usize, u64),
    hasher: RandomState,
    /// The looks that found the file half written, since one that did not.
    halves: u32,
}

impl Rewritten {
    /// Returns a follower of a file that is named after the table of spans; `None` for another file.
    pub(super) fn new(path: &Path, tables: &Tables) -> Option<Self> {
        let is_store = path.extension().is_some_and(|extension| extension == "json") && path.file_stem() == Some(tables.spans.as_ref());
        let hasher = RandomState::new();
        is_store.then(|| Self { path: path.to_owned(), seen: None, read: (0, hasher.hash_one(b"".as_slice())), hasher, halves: 0 })
    }

    /// Whether the file has been half written for long.
    pub(super) fn is_stuck(&self) -> bool {
        self.halves >= PATIENCE
    }

    /// Reads the file if it has changed.
    pub(super) fn look(&mut self) -> Result<Found, String> {
        let state = |metadata: &Metadata| Some((metadata.len(), metadata.modified().ok(), identity(metadata)));
        let file = match regular_file::open(&self.path, super::MAX_SIZE as u64) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.seen = None;
                return Ok(Found::Missing);
            }
            Err(error) => return Err(error.to_string()),
        };
        let seen = state(&file.metadata().map_err(|error| error.to_string())?);
        if seen == self.seen {
            return Ok(Found::Nothing);
        }
        let mut bytes = Vec::new();
        (&file).take(super::MAX_SIZE as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let Some(list) = self.new_end(&bytes) else {
            // It is read again even if its time stays the same.
            self.seen = None;
            self.halves = self.halves.saturating_add(1);
            return Ok(Found::Half);
        };
        (self.seen, self.halves) = (seen, 0);
        Ok(Found::List(list))
    }

    /// Returns the list of what was not read before; `None` if the file is not complete.
    fn new_end(&mut self, bytes: &[u8]) -> Option<String> {
        let whole = bytes.trim_ascii_end().strip_suffix(b"]")?.trim_ascii_end();
        let (read, hash) = self.read;
        let known = whole.get(..read).filter(|known| read > 0 && self.hasher.hash_one(*known) == hash).map_or(0, <[u8]>::len);
        let rest = if known > 0 { whole[known..].trim_ascii_start() } else { whole.trim_ascii_start().strip_prefix(b"[")? };
        let rest = if known > 0 { rest.strip_prefix(b",").unwrap_or(rest) } else { rest };
        let list = [b"[", rest, b"]"].concat();
        items(&list, |_| ()).ok()?;
        // An empty list ends with its bracket, which no comma follows.
        let end = if whole.ends_with(b"}") { whole.len() } else { 0 };
        self.read = (end, self.hasher.hash_one(&whole[..end]));
        let list = replace_lone_surrogates(&list).unwrap_or(list);
        Some(String::from_utf8_lossy(&list).into_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn store() -> Rewritten {
        Rewritten::new(Path::new("agno_spans.json"), &Tables::default()).unwrap()
    }

    #[test]
    fn only_the_end_of_a_longer_list_is_read() {
        let mut store = store();
        let mut next = |text: &str| store.new_end(text.as_bytes());
        assert_eq!(next("[]").as_deref(), Some("[]"));
        assert_eq!(next("[\n  {\"a\": 1}\n]\n").as_deref(), Some("[\n  {\"a\": 1}]"));
        assert_eq!(next("[\n  {\"a\": 1},\n  {\"b\": NaN}\n]").as_deref(), Some("[\n  {\"b\": NaN}]"));
        assert_eq!(next("[\n  {\"a\": 1},\n  {\"b\": NaN}\n]").as_deref(), Some("[]"));
        assert_eq!(next("[{\"c\": 1}]").as_deref(), Some("[{\"c\": 1}]"), "another list");
        assert_eq!(next("[]").as_deref(), Some("[]"));
    }

    #[test]
    fn no_part_of_a_list_is_taken_for_all_of_it() {
        let list = "[\n  {\"a\": [1, {\"b\": \"]\"}]},\n  {\"a\": []}\n]";
        for length in 0..list.len() {
            assert_eq!(store().new_end(&list.as_bytes()[..length]), None, "{length}");
        }
        let mut known = store();
        assert!(known.new_end(list.as_bytes()).is_some());
        let longer = format!("{}, {{\"c\": [2]}}]", &list[..list.len() - 2]);
        for length in list.len() - 1..longer.len() {
            assert_eq!(known.new_end(&longer.as_bytes()[..length]), None, "{length}");
        }
        assert_eq!(known.new_end(longer.as_bytes()).as_deref(), Some("[ {\"c\": [2]}]"));
    }

    #[test]
    fn only_files_named_after_the_table_are_stores() {
        let named = |path: &str| Rewritten::new(Path::new(path), &Tables::default()).is_some();
        assert_eq!(["a/agno_spans.json", "agno_traces.json", "agno_spans.jsonl", "spans.json"].map(named), [true, false, false, false]);
    }
}
