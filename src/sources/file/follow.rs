//! Lines that are appended to a file that is open.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

/// How long between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// Bytes that are read in one look.
const LOOK: u64 = 16 << 20;

/// A file that may grow, and how far it was read.
#[derive(Debug)]
pub(super) struct Follower {
    file: File,
    read: u64,
}

impl Follower {
    /// `read` is where the first line begins that has not been read.
    pub(super) fn new(file: File, read: u64) -> Self {
        Self { file, read }
    }

    /// The whole lines that were appended since. `Err` if the file was cut, or can't be read any more.
    pub(super) fn look(&mut self) -> Result<Option<Vec<u8>>, String> {
        let size = self.file.metadata().map_err(|error| error.to_string())?.len();
        if size < self.read {
            return Err("it was cut short while it was read; start again to read it anew".to_owned());
        }
        if size > super::LARGEST as u64 {
            return Err(format!("it has grown larger than {} GiB, and is followed no further", super::LARGEST >> 30));
        }
        if size == self.read {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(self.read)).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        (&self.file).take(LOOK).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return if bytes.len() as u64 == LOOK { Err("a line of it has no end".to_owned()) } else { Ok(None) };
        };
        bytes.truncate(end + 1);
        self.read += bytes.len() as u64;
        Ok(Some(bytes))
    }
}
