//! The state of a database file as seen without opening it: a few bytes that change with every commit.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::Error;

/// The length of a database's header, in bytes.
const HEADER: usize = 100;
/// The length of a write-ahead log's index header in bytes (`WalIndexHdr` in SQLite's `wal.c`). Every commit rewrites it.
const INDEX_HEADER: usize = 48;

/// The state of a database and of the files beside it. Equal states mean equal contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    /// The path with symbolic links resolved, as SQLite resolves them to find the files beside the database.
    pub(super) path: PathBuf,
    /// The database file.
    pub(super) main: FileVersion,
    /// The database header: change counter, size, free pages, version.
    header: Vec<u8>,
    wal: Option<FileVersion>,
    index: Option<Vec<u8>>,
}

/// The identity and the last change of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileVersion {
    pub(super) file: FileId,
    /// The length in bytes.
    pub(super) len: u64,
    modified: Option<SystemTime>,
}

/// Identifies a file, even if another one takes its name: device and inode.
pub(in crate::sources) type FileId = (u64, u64);

/// Returns the id of a file.
pub(in crate::sources) fn file_id(metadata: &Metadata) -> FileId {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    }
    #[cfg(not(unix))]
    {
        let created = metadata.created().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        (0, created.map_or(0, |time| time.as_nanos() as u64))
    }
}

impl FileState {
    /// Reads the state of a file; `last` is the last state read, if any. Must not be called while this process has the file open as a
    /// database.
    pub(super) fn read(path: &Path, last: Option<&Self>) -> Result<Self, Error> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(Error::Folder);
        }
        if !metadata.is_file() {
            return Err(Error::NotAFile);
        }
        let main = FileVersion::new(&metadata);
        let path = match last.filter(|last| last.main.file == main.file) {
            Some(last) => last.path.clone(),
            None => fs::canonicalize(path)?,
        };
        let header = head(&path, HEADER)?;
        if header.is_empty() {
            return Err(Error::Empty);
        }
        if header.len() < HEADER || !header.starts_with(b"SQLite format 3\0") {
            return Err(Error::NotSqlite);
        }
        let wal = fs::metadata(beside(&path, "-wal")).ok().map(|wal| FileVersion::new(&wal));
        let index = match head(&beside(&path, "-shm"), INDEX_HEADER) {
            Ok(index) => Some(index),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path, main, header, wal, index })
    }

    /// Whether commits go to a write-ahead log.
    pub(super) fn is_wal(&self) -> bool {
        self.header[18] == 2 || self.header[19] == 2
    }

    /// Whether there is a write-ahead log that is not empty.
    pub(super) fn has_wal_frames(&self) -> bool {
        self.wal.is_some_and(|wal| wal.len > 0)
    }

    /// Whether the log's index exists, as it does while a writer runs.
    pub(super) fn has_wal_index(&self) -> bool {
        self.index.is_some()
    }
}

impl FileVersion {
    fn new(metadata: &Metadata) -> Self {
        Self { file: file_id(metadata), len: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// Reads at most the first `len` bytes of a file.
fn head(path: &Path, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    File::open(path)?.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
