//! Finds the databases that Agno writes in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::sqlite::{Tables, read_with_retries, tables_exist};

/// The path in Agno's documentation.
const DEFAULT_PATH: &str = "tmp/traces.db";
/// The extensions of database files.
const EXTENSIONS: [&str; 3] = ["db", "sqlite", "sqlite3"];
/// The most files that are opened, because a folder full of databases must not delay the start.
const MAX_FILES: usize = 256;
/// The attempts to read a file during a write.
const MAX_TRIES: u32 = 5;

/// Returns the SQLite files in `dir` and `dir/tmp` that hold Agno's tables: `tmp/traces.db` first, then those in `tmp`, then those in
/// `dir`, sorted by name. Skips files that can't be read, and creates or changes nothing.
#[must_use]
pub fn discover(dir: &Path, tables: &Tables) -> Vec<PathBuf> {
    let default = dir.join(DEFAULT_PATH);
    let mut found = Vec::new();
    for path in std::iter::once(default).chain(databases(&dir.join("tmp"))).chain(databases(dir)).take(MAX_FILES) {
        if !found.contains(&path)
            && read_with_retries(&path, MAX_TRIES, |database| tables_exist(&database.connection, tables)).unwrap_or(false)
        {
            found.push(path);
        }
    }
    found
}

/// Returns the files with the extension of a database, sorted by name.
fn databases(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let is_database =
        |path: &PathBuf| path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| EXTENSIONS.contains(&extension));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_database).collect();
    paths.sort_unstable();
    paths
}
