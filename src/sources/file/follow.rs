//! Follows a file by its path: reads the lines that are appended, also after the file was renamed, replaced, rewritten or shortened.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::objects::syntax_error;
use crate::regular_file;

/// The interval between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// The most bytes of one read.
const READ_SIZE: u64 = 16 << 20;

/// The bytes at the beginning of a file, and before the line that is read next, by which a rewritten file is recognized.
const MARK: usize = 1024;

/// Lines that were not read before.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    /// Whether they are the first of a file, or of one that was rewritten.
    pub(super) is_start: bool,
}

/// What a look found.
#[derive(Debug)]
pub(super) enum Found {
    Lines(Vec<Lines>),
    /// No file has the name.
    Missing,
    /// Something else has the name, such as a directory or a pipe; holds what.
    NotFile(String),
}

/// The file of a path, whichever it is at a time.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    current: Option<OpenFile>,
    /// The file that had the name before. Its writer may still append to it.
    previous: Option<OpenFile>,
}

impl Follower {
    /// Follows a path whose file was read up to an offset.
    pub(super) fn new(path: &Path, file: File, offset: u64) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), current: Some(OpenFile::new(file, offset)?), previous: None })
    }

    /// Follows a path whose file is missing or empty.
    pub(super) fn waiting(path: &Path) -> Self {
        Self { path: path.to_owned(), current: None, previous: None }
    }

    /// Reads what is new. Fails if it can't be read; then it can't be followed further.
    pub(super) fn look(&mut self) -> Result<Found, String> {
        let named = match std::fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error.to_string()),
        };
        let mut lines = Vec::new();
        for file in [&mut self.previous, &mut self.current].into_iter().flatten() {
            lines.extend(file.read()?);
        }
        let is_current = |metadata: &Metadata| self.current.as_ref().is_some_and(|current| current.identity == identity(metadata));
        // The writer of a renamed file goes on with it until it has opened the new one.
        if named.as_ref().is_some_and(|metadata| metadata.is_file() && metadata.len() > 0 && !is_current(metadata)) {
            match regular_file::open(&self.path, super::MAX_SIZE as u64) {
                Ok(file) => {
                    let mut file = OpenFile::new(file, 0).map_err(|error| error.to_string())?;
                    lines.extend(file.read()?);
                    self.previous = self.current.replace(file).or(self.previous.take());
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(match named {
            None if lines.is_empty() => Found::Missing,
            Some(other) if lines.is_empty() && !other.is_file() => match regular_file::check(&self.path) {
                Err(what) => Found::NotFile(what.to_string()),
                Ok(()) => Found::Lines(lines),
            },
            _ => Found::Lines(lines),
        })
    }
}

/// An open file, of which lines are read.
#[derive(Debug)]
struct OpenFile {
    file: File,
    identity: Option<Identity>,
    /// The offset of the first line that was not read.
    offset: u64,
    /// The first bytes, and the last before `offset`.
    begin: Vec<u8>,
    end: Vec<u8>,
    /// The size and the time of change when the file was read to its end.
    seen: Option<(u64, Option<SystemTime>)>,
}

impl OpenFile {
    fn new(file: File, offset: u64) -> io::Result<Self> {
        let identity = file.metadata().ok().and_then(|metadata| identity(&metadata));
        let mut open = Self { file, identity, offset, begin: Vec::new(), end: Vec::new(), seen: None };
        let mark = offset.min(MARK as u64);
        (open.begin, open.end) = (open.bytes(0, mark)?, open.bytes(offset - mark, mark)?);
        Ok(open)
    }

    /// Notes that these bytes were read.
    fn advance(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        let missing = MARK.saturating_sub(self.begin.len()).min(bytes.len());
        self.begin.extend_from_slice(&bytes[..missing]);
        self.end.extend_from_slice(&bytes[bytes.len().saturating_sub(MARK)..]);
        self.end.drain(..self.end.len().saturating_sub(MARK));
    }

    /// Reads the complete lines that are new.
    fn read(&mut self) -> Result<Option<Lines>, String> {
        let metadata = self.file.metadata().map_err(|error| error.to_string())?;
        let (size, state) = (metadata.len(), (metadata.len(), metadata.modified().ok()));
        if self.seen == Some(state) {
            return Ok(None);
        }
        if size > super::MAX_SIZE as u64 {
            return Err(format!("it is larger than {} GiB now and no longer followed", super::MAX_SIZE >> 30));
        }
        if size < self.offset || !self.is_unchanged().map_err(|error| error.to_string())? {
            (self.offset, self.begin, self.end) = (0, Vec::new(), Vec::new());
        }
        let mut bytes = self.bytes(self.offset, READ_SIZE).map_err(|error| error.to_string())?;
        let is_whole = (bytes.len() as u64) < READ_SIZE;
        if is_whole {
            self.seen = Some(state);
        }
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let last = bytes.get(complete..).unwrap_or_default();
        // A value that is complete needs no line break: a file that was rotated never gets one.
        let is_complete = is_whole && std::str::from_utf8(last).is_ok_and(|last| !last.trim().is_empty() && syntax_error(last).is_none());
        if !is_complete {
            bytes.truncate(complete);
        }
        if bytes.is_empty() {
            return if is_whole { Ok(None) } else { Err("a line is longer than 16 MiB".to_owned()) };
        }
        let is_start = self.offset == 0;
        self.advance(&bytes);
        Ok(Some(Lines { bytes, is_start }))
    }

    /// Whether the file still has the bytes that were read of it.
    fn is_unchanged(&mut self) -> io::Result<bool> {
        let (begin, end) = (self.begin.len() as u64, self.end.len() as u64);
        Ok(self.bytes(0, begin)? == self.begin && self.bytes(self.offset.saturating_sub(end), end)? == self.end)
    }

    fn bytes(&mut self, offset: u64, most: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        (&self.file).take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// What tells a file from another of the same name. The number of a file is not given to another while the file is open.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have no such numbers")]
fn identity(metadata: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
type Identity = SystemTime;

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> Option<Identity> {
    metadata.created().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    struct Folder {
        folder: tempfile::TempDir,
        follower: Follower,
    }

    impl Folder {
        /// A file of which everything has been read.
        fn new(content: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("traces.jsonl");
            fs::write(&path, content).unwrap();
            let follower = Follower::new(&path, File::open(&path).unwrap(), content.len() as u64).unwrap();
            Self { folder, follower }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn append(&self, name: &str, text: &str) {
            fs::OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
        }

        /// Returns what is new, with `>` before the first lines of a file.
        fn look(&mut self) -> String {
            match self.follower.look().unwrap() {
                Found::Missing => "missing".to_owned(),
                Found::NotFile(what) => what,
                Found::Lines(lines) => {
                    let text =
                        |lines: Lines| format!("{}{}", if lines.is_start { ">" } else { "" }, String::from_utf8(lines.bytes).unwrap());
                    lines.into_iter().map(text).collect()
                }
            }
        }
    }

    #[test]
    fn appended_lines_are_read_once_and_when_complete() {
        let mut folder = Folder::new("{}\n");
        assert_eq!(folder.look(), "");
        folder.append("traces.jsonl", "{\"a\":");
        assert_eq!(folder.look(), "");
        folder.append("traces.jsonl", "1}\n{\"b\":2}");
        assert_eq!(folder.look(), "{\"a\":1}\n{\"b\":2}");
        folder.append("traces.jsonl", "\n{");
        assert_eq!(folder.look(), "\n");
        assert_eq!(folder.look(), "");
    }

    #[test]
    fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
        let mut folder = Folder::new("1\n");
        fs::rename(folder.path("traces.jsonl"), folder.path("old")).unwrap();
        assert_eq!(folder.look(), "missing");
        folder.append("old", "2\n");
        assert_eq!(folder.look(), "2\n");
        folder.append("traces.jsonl", "");
        folder.append("old", "3\n");
        assert_eq!(folder.look(), "3\n", "the new file is empty");
        folder.append("old", "4\n");
        folder.append("traces.jsonl", "5\n");
        assert_eq!(folder.look(), "4\n>5\n");
        folder.append("old", "6\n");
        folder.append("traces.jsonl", "7\n");
        assert_eq!(folder.look(), "6\n7\n", "its writer had it still open");
        fs::remove_file(folder.path("traces.jsonl")).unwrap();
        folder.append("traces.jsonl", "8\n");
        assert_eq!(folder.look(), ">8\n");
    }

    #[test]
    fn a_shortened_or_rewritten_file_is_read_from_its_start() {
        let mut folder = Folder::new("1\n2\n");
        fs::write(folder.path("traces.jsonl"), "3\n").unwrap();
        assert_eq!(folder.look(), ">3\n", "shorter");
        fs::write(folder.path("traces.jsonl"), "4\n5\n6\n").unwrap();
        assert_eq!(folder.look(), ">4\n5\n6\n", "longer");
        folder.append("traces.jsonl", "7\n");
        assert_eq!(folder.look(), "7\n");
        File::options().write(true).open(folder.path("traces.jsonl")).unwrap().set_len(0).unwrap();
        assert_eq!(folder.look(), "");
        folder.append("traces.jsonl", "8\n");
        assert_eq!(folder.look(), ">8\n", "copied away and emptied");
    }

    #[test]
    fn what_is_no_file_is_told_and_the_file_after_it_is_read() {
        let mut folder = Folder::new("1\n");
        let path = folder.path("traces.jsonl");
        fs::rename(&path, folder.path("old")).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(folder.look(), "it is a directory");
        folder.append("old", "2\n");
        assert_eq!(folder.look(), "2\n", "its writer had it still open");
        assert_eq!(folder.look(), "it is a directory");
        fs::remove_dir(&path).unwrap();
        folder.append("traces.jsonl", "3\n");
        assert_eq!(folder.look(), ">3\n");
    }

    #[test]
    fn a_missing_file_is_read_when_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traces.jsonl");
        let mut folder = Folder { folder, follower: Follower::waiting(&path) };
        assert_eq!(folder.look(), "missing");
        folder.append("traces.jsonl", "1\n");
        assert_eq!(folder.look(), ">1\n");
    }
}
