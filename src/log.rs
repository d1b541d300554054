//! The log file. Nothing is ever logged to the terminal: it belongs to the screen.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use etcetera::BaseStrategy;
use tracing::level_filters::LevelFilter;

use crate::config::LogLevel;

/// Bytes after which the file is put aside as `agno-top.log.1` and a new one is begun.
const LARGEST: u64 = 5 << 20;

/// Begins to log to `agno-top/agno-top.log` in the user's state directory and returns that path, or `None` if nothing is to be logged.
///
/// An error means that there is no log; the program runs as well without.
pub fn start(level: LogLevel) -> io::Result<Option<PathBuf>> {
    if level == LogLevel::Off {
        return Ok(None);
    }
    let base = etcetera::choose_base_strategy().map_err(io::Error::other)?;
    // Only XDG knows a state directory; elsewhere the log lies with the cache.
    let path = base.state_dir().unwrap_or_else(|| base.cache_dir()).join("agno-top").join("agno-top.log");
    let log = Log::open(path.clone(), LARGEST)?;
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_max_level(LevelFilter::from(level)).with_writer(Mutex::new(log)).finish();
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)?;
    Ok(Some(path))
}

/// A file that is put aside when it has grown too large.
struct Log {
    path: PathBuf,
    file: File,
    written: u64,
    largest: u64,
}

impl Log {
    fn open(path: PathBuf, largest: u64) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let file = append_to(&path)?;
        let written = file.metadata()?.len();
        let mut log = Self { path, file, written, largest };
        log.rotate()?;
        Ok(log)
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.written <= self.largest {
            return Ok(());
        }
        let mut aside = self.path.clone().into_os_string();
        aside.push(".1");
        std::fs::rename(&self.path, aside)?;
        self.file = append_to(&self.path)?;
        self.written = 0;
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A log that can't be put aside goes on growing rather than end.
        let _ = self.rotate();
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Paths and error texts are nobody else's business: only the owner can read a new log.
fn append_to(path: &Path) -> io::Result<File> {
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
    fn a_log_that_has_grown_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/agno-top.log");
        let mut log = Log::open(path.clone(), 10).unwrap();
        for line in ["one two\n", "three\n", "four\n", "five six seven\n", "eight\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        drop(log);
        assert_eq!(std::fs::read_to_string(path.with_extension("log.1")).unwrap(), "four\nfive six seven\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "eight\n");
        drop(Log::open(path.clone(), 3).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "also when it is opened");
        assert_eq!(std::fs::read_to_string(path.with_extension("log.1")).unwrap(), "eight\n");
    }

    #[test]
    fn a_place_that_can_not_be_written_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Log::open(file.path().join("agno-top.log"), 10).is_err());
    }
}
