//! A file that appears complete or not at all.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::regular_file;

/// How long a temporary file has not been written to that is taken for abandoned. A new one is not locked at once.
const ABANDONED: Duration = Duration::from_secs(60);
/// The most files of a folder that are looked at for abandoned ones.
const MAX_ENTRIES: usize = 10_000;

/// A file that appears under its name complete or not at all. Only its owner can read it.
#[derive(Debug)]
pub struct NewFile {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Creates the file under a temporary name in the folder of `path`, which must exist. Removes what killed processes left there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let folder = folder(path);
        remove_abandoned(folder);
        let file = regular_file::temporary(folder)?;
        // A file system without locks leaves abandoned files where they are.
        let _ = file.as_file().try_lock();
        Ok(Self { file, path: path.to_owned() })
    }

    /// Creates the file like [`NewFile::create`], and removes it if a signal ends the process before the file has its name. For commands without a
    /// screen, which has its own way to end.
    pub fn create_removed_by_signals(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let mut signals = signal_hook::iterator::Signals::new(ending_signals())?;
            // A signal that comes before the thread runs is kept.
            let new = Self::create(path)?;
            let path = new.file.path().to_owned();
            let remove = move || {
                if let Some(signal) = signals.forever().next() {
                    let _ = std::fs::remove_file(path);
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
            };
            std::thread::Builder::new().name("signals".to_owned()).spawn(remove)?;
            Ok(new)
        }
        #[cfg(not(unix))]
        {
            Self::create(path)
        }
    }

    /// Returns a buffered writer.
    pub fn writer(&mut self) -> BufWriter<&mut File> {
        BufWriter::with_capacity(1 << 18, self.file.as_file_mut())
    }

    /// Gives the file its name and replaces an existing file.
    pub fn replace(self) -> io::Result<PathBuf> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(self.path)
    }

    /// Gives the file its name, for good: the folder is synchronized, too. Fails if the name is taken.
    pub fn claim(self) -> io::Result<PathBuf> {
        self.file.as_file().sync_all()?;
        self.file.persist_noclobber(&self.path).map_err(|error| error.error)?;
        #[cfg(unix)]
        File::open(folder(&self.path))?.sync_all()?;
        Ok(self.path)
    }

    /// Gives the file its name, or `name-2.json`, `name-3.json` and so on if the name is taken. Never replaces a file.
    pub fn keep(self) -> io::Result<PathBuf> {
        let Self { mut file, path } = self;
        file.as_file().sync_all()?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
        for n in 1..1000 {
            let path = if n == 1 { path.clone() } else { path.with_file_name(format!("{stem}-{n}{extension}")) };
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
                Err(error) => return Err(error.error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("a thousand files have the name {stem}")))
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes temporary files whose process has been killed: it can't hold its lock.
fn remove_abandoned(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().take(MAX_ENTRIES).flatten() {
        if regular_file::is_temporary(&entry.file_name()) && is_abandoned(&entry.path()) {
            // It may be gone already, or another user's.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_abandoned(path: &Path) -> bool {
    // A link could lead anywhere, and a pipe would keep this process waiting.
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return false };
    let is_old = metadata.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age >= ABANDONED));
    metadata.is_file() && is_old && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Returns the signals that end this process. A hangup does not if it was started with that ignored, as by `nohup`, which only Linux tells.
#[cfg(unix)]
fn ending_signals() -> impl Iterator<Item = i32> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let hangup = ignored.is_some_and(|mask| (mask >> (SIGHUP - 1)) & 1 == 0);
    [SIGINT, SIGTERM].into_iter().chain(hangup.then_some(SIGHUP))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn an_existing_file_is_kept_unless_it_is_replaced_explicitly() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(&path, "mine").unwrap();
        let new = |text: &str| {
            let mut file = NewFile::create(&path).unwrap();
            file.writer().write_all(text.as_bytes()).unwrap();
            file
        };
        assert_eq!(new("x").keep().unwrap(), dir.path().join("a-2.json"));
        assert_eq!(new("y").keep().unwrap(), dir.path().join("a-3.json"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        drop(new("never"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "no temporary file is left");
        assert_eq!(new("theirs").replace().unwrap(), path);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let error = NewFile::create(Path::new("no/such/directory/a.json")).unwrap_err().to_string();
        assert!(error.starts_with("No such file") && !error.contains(".tmp"), "{error}");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let old = SystemTime::now() - 2 * ABANDONED;
        let create = |name: &str, modified| {
            let file = File::create_new(path(name)).unwrap();
            file.set_modified(modified).unwrap();
            file
        };
        create(".agno-top-killed.tmp", old);
        create(".agno-top-begun.tmp", SystemTime::now());
        create("agno-top-report.tmp", old);
        let written = create(".agno-top-written.tmp", old);
        written.lock().unwrap();
        let mut new = NewFile::create(&path("report.md")).unwrap();
        new.writer().write_all(b"report").unwrap();
        new.keep().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".agno-top-begun.tmp", ".agno-top-written.tmp", "agno-top-report.tmp", "report.md"]);
    }
}
