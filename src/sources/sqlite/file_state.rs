//! How a database file looks from outside: a few bytes that change with every commit.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::Error;

/// The length of a database's header.
const HEADER: usize = 100;
/// The length of a write-ahead log's index header (`WalIndexHdr` in SQLite's `wal.c`), rewritten by every commit.
const INDEX_HEADER: usize = 48;

/// What is seen of a database without opening it as one. Equal signatures mean equal contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    path: PathBuf,
    main: Mark,
    /// Text encoding, change counter, size, free pages, version: all that a commit may change.
    header: [u8; HEADER],
    wal: Option<Mark>,
    index: Option<[u8; INDEX_HEADER]>,
}

/// A file's identity and last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    file: FileId,
    len: u64,
    changed: Option<SystemTime>,
}

/// Tells a file from another that took its name: device and inode.
pub(in crate::sources) type FileId = (u64, u64);

/// Which file it is.
pub(in crate::sources) fn file_id(metadata: &Metadata) -> FileId {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    }
    #[cfg(not(unix))]
    {
        let born = metadata.created().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        (0, born.map_or(0, |time| time.as_nanos() as u64))
    }
}

impl FileState {
    /// Looks at the file; `last` is how it looked before, if it did. Must not be called while this process has the file open as a
    /// database.
    pub(super) fn take(path: &Path, last: Option<&Self>) -> Result<Self, Error> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(Error::Folder);
        }
        if !metadata.is_file() {
            return Err(Error::Special);
        }
        let main = Mark::of(&metadata);
        let path = match last.filter(|last| last.main.file == main.file) {
            Some(last) => last.path.clone(),
            None => fs::canonicalize(path)?,
        };
        let mut header = [0; HEADER];
        let read = fill(&path, &mut header)?;
        if read == 0 {
            return Err(Error::Empty);
        }
        if read < HEADER || !header.starts_with(b"SQLite format 3\0") {
            return Err(Error::NotSqlite);
        }
        let wal = fs::metadata(beside(&path, "-wal")).ok().map(|wal| Mark::of(&wal));
        let mut index = [0; INDEX_HEADER];
        let index = match fill(&beside(&path, "-shm"), &mut index) {
            Ok(_) => Some(index),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path, main, header, wal, index })
    }

    /// Which file it is.
    pub(super) fn file(&self) -> FileId {
        self.main.file
    }

    /// The file's length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.main.len
    }

    /// The file's real path, symbolic links followed, as SQLite follows them to find the files beside it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether commits go to a write-ahead log.
    pub(super) fn is_wal(&self) -> bool {
        self.header[18] == 2 || self.header[19] == 2
    }

    /// Whether there is a log with something in it.
    pub(super) fn has_log(&self) -> bool {
        self.wal.is_some_and(|wal| wal.len > 0)
    }

    /// Whether the log's index is there, as it is while a writer lives.
    pub(super) fn has_index(&self) -> bool {
        self.index.is_some()
    }
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self { file: file_id(metadata), len: metadata.len(), changed: metadata.modified().ok() }
    }
}

/// Reads the beginning of a file; how much there was.
fn fill(path: &Path, bytes: &mut [u8]) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
