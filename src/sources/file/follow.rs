//! Reads lines that are appended to an open file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

/// The interval between two reads.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);

/// The most bytes of one read.
const READ_SIZE: u64 = 16 << 20;

/// A file that may grow.
#[derive(Debug)]
pub(super) struct Follower {
    file: File,
    /// The offset of the first line that was not read.
    offset: u64,
}

impl Follower {
    /// Follows a file from the offset of the first line that was not read.
    pub(super) fn new(file: File, offset: u64) -> Self {
        Self { file, offset }
    }

    /// Reads the complete lines that were appended. Fails if the file was truncated or can't be read; then it can't be followed further.
    pub(super) fn read(&mut self) -> Result<Option<Vec<u8>>, String> {
        let size = self.file.metadata().map_err(|error| error.to_string())?.len();
        if size < self.offset {
            return Err("it was truncated; start agno-top again to read it".to_owned());
        }
        if size > super::MAX_SIZE as u64 {
            return Err(format!("it is larger than {} GiB now and no longer followed", super::MAX_SIZE >> 30));
        }
        if size == self.offset {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(self.offset)).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        (&self.file).take(READ_SIZE).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return if bytes.len() as u64 == READ_SIZE { Err("a line is longer than 16 MiB".to_owned()) } else { Ok(None) };
        };
        bytes.truncate(end + 1);
        self.offset += bytes.len() as u64;
        Ok(Some(bytes))
    }
}
