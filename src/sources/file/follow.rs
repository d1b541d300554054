//! Follows a file by its path: reads the lines that are appended, also after the file was renamed, replaced, rewritten or shortened.

mod rotated;

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::decompress;
use super::objects::syntax_error;
use crate::model::Skipped;
use crate::model::sort;
use crate::regular_file;
use rotated::{Known, Sibling};

/// The interval between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// The most bytes of one read.
const READ_SIZE: u64 = 16 << 20;

/// The bytes at the beginning of a file, and before the line that is read next, by which a rewritten file is recognized.
const MARK: usize = 1024;

/// The most files that had the name before and are held open.
const MAX_PREVIOUS: usize = 16;

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
    /// New lines, and the rotated files that could not be read, each with the reason.
    Lines(Vec<Lines>, Vec<Skipped>),
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
    /// The files that had the name before, the oldest first. Their writers may still append to them.
    previous: VecDeque<OpenFile>,
    /// The files beside it that are likely rotated ones.
    known: Known,
}

impl Follower {
    /// Follows a path whose file was read up to an offset.
    pub(super) fn new(path: &Path, file: File, offset: u64) -> io::Result<Self> {
        Ok(Self { current: Some(OpenFile::new(file, offset)?), ..Self::waiting(path) })
    }

    /// Follows a path whose file is missing or empty.
    pub(super) fn waiting(path: &Path) -> Self {
        Self { path: path.to_owned(), current: None, previous: VecDeque::new(), known: Known::new(path) }
    }

    /// Reads what is new. Fails if it can't be read; then it can't be followed further.
    pub(super) fn look(&mut self) -> Result<Found, String> {
        // Before the file is looked at: what is rotated later is found at the next look.
        let siblings = self.known.next(&self.path);
        let named = match std::fs::metadata(&self.path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error.to_string()),
        };
        let mut lines = Vec::new();
        let mut lost = Vec::new();
        lines.extend(self.read_copy()?);
        for file in self.previous.iter_mut().chain(&mut self.current) {
            lines.extend(file.read()?);
        }
        let is_current = |metadata: &Metadata| self.current.as_ref().is_some_and(|current| current.identity == identity(metadata));
        // The writer of a renamed file goes on with it until it has opened the new one.
        if named.as_ref().is_some_and(|metadata| metadata.is_file() && metadata.len() > 0 && !is_current(metadata)) {
            match regular_file::open(&self.path, super::MAX_SIZE as u64) {
                Ok(file) => {
                    let mut file = OpenFile::new(file, 0).map_err(|error| error.to_string())?;
                    for sibling in self.rotated_since(file.identity) {
                        match self.read_sibling(&sibling) {
                            Ok(found) => lines.extend(found),
                            Err(error) => lost.push(Skipped { place: sibling.name, reason: error }),
                        }
                    }
                    lines.extend(file.read()?);
                    let before = self.current.replace(file);
                    // Those that were read above followed this one.
                    self.keep(before);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        let is_current = |metadata: &Metadata| self.current.as_ref().is_some_and(|current| current.identity == identity(metadata));
        if let Some(siblings) = siblings.filter(|_| named.as_ref().is_some_and(is_current)) {
            self.known = siblings;
        }
        Ok(match named {
            _ if !lost.is_empty() => Found::Lines(lines, lost),
            None if lines.is_empty() => Found::Missing,
            Some(other) if lines.is_empty() && !other.is_file() => match regular_file::check(&self.path) {
                Err(what) => Found::NotFile(what.to_string()),
                Ok(()) => Found::Lines(lines, lost),
            },
            _ => Found::Lines(lines, lost),
        })
    }
}

impl Follower {
    fn keep(&mut self, file: Option<OpenFile>) {
        self.previous.extend(file);
        if self.previous.len() > MAX_PREVIOUS {
            self.previous.pop_front();
        }
    }

    /// Returns the files that had the name since the last look and have it no more, the oldest first. `named` is the one that has it.
    fn rotated_since(&self, named: Option<Identity>) -> Vec<Sibling> {
        let Some(current) = &self.current else { return Vec::new() };
        let held = || self.previous.iter().chain([current]).map(|file| file.identity).chain([named]);
        let last = current.file.metadata().and_then(|metadata| metadata.modified()).ok();
        let mut found = rotated::beside(&self.path);
        found.retain(|sibling| {
            let is_compressed = sibling.is_compressed();
            // A compressed copy has the time of its original, which may have been read.
            let is_newer = last.is_none_or(|last| if is_compressed { sibling.modified > last } else { sibling.modified >= last });
            is_newer && !self.known.contains(sibling) && held().all(|identity| identity != sibling.identity)
        });
        sort::by_key(&mut found, |sibling| (sibling.created, std::cmp::Reverse(sibling.number()), sibling.modified));
        found
    }

    /// Reads a file that was rotated before it was opened by its name.
    fn read_sibling(&mut self, sibling: &Sibling) -> Result<Option<Lines>, String> {
        let path = self.path.with_file_name(&sibling.name);
        if sibling.is_compressed() {
            let bytes = regular_file::read(&path, super::MAX_SIZE as u64).map_err(|error| error.to_string())?;
            let bytes = decompress::unpack(bytes, super::MAX_SIZE)?;
            return Ok((!bytes.is_empty()).then_some(Lines { bytes, is_start: true }));
        }
        let file = regular_file::open(&path, super::MAX_SIZE as u64).map_err(|error| error.to_string())?;
        let mut file = OpenFile::new(file, 0).map_err(|error| error.to_string())?;
        let lines = file.read()?;
        self.keep(Some(file));
        Ok(lines)
    }

    /// Reads the rest of what was copied away before the file was emptied: the copy has what was read at the same place, and more.
    fn read_copy(&mut self) -> Result<Option<Lines>, String> {
        let Some(current) = self.current.as_mut() else { return Ok(None) };
        if current.offset == 0 || !current.is_rewritten()? {
            return Ok(None);
        }
        for sibling in rotated::beside(&self.path) {
            let Ok(file) = regular_file::open(&self.path.with_file_name(&sibling.name), super::MAX_SIZE as u64) else { continue };
            let copy = OpenFile::new(file, current.offset).map_err(|error| error.to_string())?;
            if sibling.size > current.offset && copy.begin == current.begin && copy.end == current.end {
                let mut copy = copy;
                let lines = copy.read()?;
                self.keep(Some(copy));
                return Ok(lines);
            }
        }
        Ok(None)
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
        if self.is_rewritten()? {
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

    /// Whether the file was shortened or has other bytes than those that were read of it.
    fn is_rewritten(&mut self) -> Result<bool, String> {
        let size = self.file.metadata().map_err(|error| error.to_string())?.len();
        Ok(size < self.offset || !self.is_unchanged().map_err(|error| error.to_string())?)
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
pub(super) type Identity = (u64, u64);

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have no such numbers")]
pub(super) fn identity(metadata: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(super) type Identity = SystemTime;

#[cfg(not(unix))]
pub(super) fn identity(metadata: &Metadata) -> Option<Identity> {
    metadata.created().ok()
}

#[cfg(test)]
mod tests;
