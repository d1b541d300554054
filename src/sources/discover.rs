//! Finding the databases that Agno writes in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::sqlite::{Tables, read_once, tables_present};

/// Where Agno's documentation puts traces.
const USUAL: &str = "tmp/traces.db";
/// Endings that databases bear.
const ENDINGS: [&str; 3] = ["db", "sqlite", "sqlite3"];
/// Files looked into, at most: a folder full of databases must not delay the start.
const MOST: usize = 256;
/// How often a file is tried that is just being written.
const TRIES: u32 = 5;

/// The SQLite files in `dir` and `dir/tmp` that hold Agno's tables: `tmp/traces.db` first, then those in `tmp`, then those in `dir`,
/// each by name. Files that can't be read are left out; nothing is created or changed.
#[must_use]
pub fn discover(dir: &Path, tables: &Tables) -> Vec<PathBuf> {
    let usual = dir.join(USUAL);
    let mut found = Vec::new();
    for path in std::iter::once(usual).chain(databases(&dir.join("tmp"))).chain(databases(dir)).take(MOST) {
        if !found.contains(&path) && read_once(&path, TRIES, |database| tables_present(&database.connection, tables)).unwrap_or(false) {
            found.push(path);
        }
    }
    found
}

/// The files with a database's ending, by name.
fn databases(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let ending = |path: &PathBuf| path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(ending).collect();
    paths.sort_unstable();
    paths
}
