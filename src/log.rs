//! The log file. Nothing is logged to the terminal, which belongs to the screen.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use etcetera::BaseStrategy;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::regular_file;

/// The size in bytes above which the file is rotated to `agno-top.log.1`.
const MAX_SIZE: u64 = 5 << 20;

/// Starts to log to `agno-top/agno-top.log` in the user's state directory, unless the level is off.
///
/// After an error there is no log; the program can run without.
pub fn init(level: LevelFilter) -> io::Result<()> {
    if level == LevelFilter::OFF {
        return Ok(());
    }
    let base = etcetera::choose_base_strategy().map_err(io::Error::other)?;
    // Only XDG has a state directory; other systems use the cache directory.
    let path = base.state_dir().unwrap_or_else(|| base.cache_dir()).join("agno-top").join("agno-top.log");
    let log = LogFile::open(path, MAX_SIZE)?;
    // Below a warning, rmcp logs whole messages; the log holds no contents of traces.
    let levels = Targets::new().with_default(level).with_target("rmcp", level.min(LevelFilter::WARN));
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(level).with_writer(Mutex::new(log)).finish();
    tracing::subscriber::set_global_default(subscriber.with(levels)).map_err(io::Error::other)
}

/// A log file that is rotated when it grows too large.
struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_size: u64,
}

impl LogFile {
    fn open(path: PathBuf, max_size: u64) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        regular_file::check(&path)?;
        let file = open_for_append(&path)?;
        let size = file.metadata()?.len();
        let mut log = Self { path, file, size, max_size };
        log.rotate()?;
        Ok(log)
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.size <= self.max_size {
            return Ok(());
        }
        let mut rotated = self.path.clone().into_os_string();
        rotated.push(".1");
        std::fs::rename(&self.path, rotated)?;
        self.file = open_for_append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A log that can't be rotated keeps growing.
        let _ = self.rotate();
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Opens a file to append to. A new one is readable by its owner only: a log holds paths and error messages.
fn open_for_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grows_too_large_is_rotated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/agno-top.log");
        let mut log = LogFile::open(path.clone(), 10).unwrap();
        for line in ["one two\n", "three\n", "four\n", "five six seven\n", "eight\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        drop(log);
        assert_eq!(std::fs::read_to_string(path.with_extension("log.1")).unwrap(), "four\nfive six seven\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "eight\n");
        drop(LogFile::open(path.clone(), 3).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "it is rotated when it is opened");
        assert_eq!(std::fs::read_to_string(path.with_extension("log.1")).unwrap(), "eight\n");
    }

    #[test]
    fn an_unwritable_path_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(LogFile::open(file.path().join("agno-top.log"), 10).is_err());
    }
}
