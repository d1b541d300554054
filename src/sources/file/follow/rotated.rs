//! Files beside a followed one that are likely to have had its name: `traces.jsonl.1`, `traces.jsonl-20261129.gz`, or
//! `traces-2026-11-29T10-00-00.jsonl`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::{Identity, identity};

/// The most files of a folder that are examined.
const MAX_EXAMINED: usize = 10_000;

/// A file beside the followed one.
#[derive(Debug)]
pub(super) struct Sibling {
    pub(super) name: String,
    pub(super) identity: Option<Identity>,
    /// When it was made, where the file system tells.
    pub(super) created: Option<SystemTime>,
    /// When it was last written.
    pub(super) modified: SystemTime,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// The most digits of a number that counts rotations; more are a date.
const MAX_DIGITS: usize = 3;

impl Sibling {
    /// Returns how many rotations ago the file was renamed, if its name tells.
    pub(super) fn number(&self) -> Option<u32> {
        let name = [".gz", ".zst"].iter().find_map(|extension| self.name.strip_suffix(extension)).unwrap_or(&self.name);
        let (_, number) = name.rsplit_once('.')?;
        number.parse().ok().filter(|_| number.len() <= MAX_DIGITS)
    }

    pub(super) fn is_compressed(&self) -> bool {
        [".gz", ".zst"].iter().any(|extension| self.name.ends_with(extension))
    }
}

/// The siblings at the last look. A file's number may be given to another file, whose time of creation is another.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// When the folder was last changed.
    changed: Option<SystemTime>,
    files: HashSet<(Option<Identity>, Option<SystemTime>)>,
}

impl Known {
    pub(super) fn new(path: &Path) -> Self {
        Self::default().next(path).unwrap_or_default()
    }

    /// Returns the siblings now; `None` if the folder is unchanged.
    pub(super) fn next(&self, path: &Path) -> Option<Self> {
        // Before the files are listed: what comes later is found later.
        let changed = fs::metadata(folder(path)).and_then(|metadata| metadata.modified()).ok();
        let files = || beside(path).into_iter().map(|sibling| (sibling.identity, sibling.created)).collect();
        (changed.is_none() || changed != self.changed).then(|| Self { changed, files: files() })
    }

    pub(super) fn contains(&self, sibling: &Sibling) -> bool {
        self.files.contains(&(sibling.identity, sibling.created))
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the files that may have had the name of this one; none if the folder can't be read.
pub(super) fn beside(path: &Path) -> Vec<Sibling> {
    let (Some(name), Some(stem)) = (path.file_name().and_then(|name| name.to_str()), path.file_stem().and_then(|stem| stem.to_str()))
    else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(folder(path)) else { return Vec::new() };
    let is_rotated = |other: &str| {
        let rest = other.strip_prefix(stem).filter(|_| other != name);
        rest.is_some_and(|rest| rest.starts_with(['.', '-', '_']))
    };
    let found = entries.take(MAX_EXAMINED).flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| is_rotated(name))?;
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(Sibling {
            identity: identity(&metadata),
            created: metadata.created().ok(),
            modified: metadata.modified().ok()?,
            size: metadata.len(),
            name,
        })
    });
    found.collect()
}
