//! The documentation shows what the program prints and draws, and its links lead somewhere.
//!
//! `AGNO_TOP_WRITE_DOCS=1 cargo test --test docs` draws the pictures again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod links;
mod outputs;
mod pictures;
#[path = "../stage/mod.rs"]
mod stage;
mod svg;

use std::path::{Path, PathBuf};

/// The documents outside of the manual.
const OTHERS: [&str; 5] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benches/README.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The paths of the manual's pages, relative to the repository.
fn pages() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("docs/src")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    pages.sort();
    pages.iter().map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect()
}

/// All documents with their texts.
fn documents() -> Vec<(PathBuf, String)> {
    let paths = OTHERS.iter().map(PathBuf::from).chain(pages());
    paths.map(|path| (path.clone(), std::fs::read_to_string(root().join(&path)).unwrap().replace("\r\n", "\n"))).collect()
}
