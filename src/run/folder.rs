//! The files that a program is traced with, in a folder that only this user can read.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::python::{SETUP_MODULE, START_HOOK};

/// The beginning of the names of the folders.
const PREFIX: &str = "agno-top-run-";

/// The file in a folder that its owner holds locked, so that another agno-top knows that it lives, also one in another container.
const LOCK: &str = "lock";

/// What no folder on `PYTHONPATH` may contain.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

/// The most bytes of messages that are read.
const MAX_NOTES: u64 = 1 << 20;

/// A folder with the files, removed on drop.
#[derive(Debug)]
pub struct Injection {
    folder: TempDir,
    /// Locked as long as this lives, or this process.
    _lock: File,
}

impl Injection {
    /// Writes the files into a new folder, and removes the folders of processes that were killed.
    ///
    /// # Errors
    ///
    /// Those of the file system; or that no temporary folder can be on a path of Python.
    pub fn create() -> io::Result<Self> {
        Self::create_in(&temporary_folder()?)
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir_in(parent)?;
        let lock = lock(folder.path())?;
        for name in ["python", "unsent"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        let injection = Self { folder, _lock: lock };
        std::fs::write(injection.python().join("sitecustomize.py"), START_HOOK)?;
        std::fs::write(injection.python().join("agno_top_tracing.py"), SETUP_MODULE)?;
        Ok(injection)
    }

    /// Returns the folder to put in front of `PYTHONPATH`. It holds only the files.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.folder.path().join("python")
    }

    /// Returns the file that the tracing adds its messages to.
    #[must_use]
    pub fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// Returns the folder in which each process keeps the spans that it has not sent yet.
    #[must_use]
    pub fn unsent(&self) -> PathBuf {
        self.folder.path().join("unsent")
    }
}

/// Returns the locked file of a folder. It gets its name last: nobody may find it without its lock.
fn lock(folder: &Path) -> io::Result<File> {
    let unnamed = folder.join("lock.new");
    let lock = File::create_new(&unnamed)?;
    if lock.try_lock().is_ok() {
        std::fs::rename(&unnamed, folder.join(LOCK))?;
    }
    // A file system without locks leaves folders behind, which is better than running nothing.
    Ok(lock)
}

/// Returns a folder for temporary files that can be on a path of Python.
fn temporary_folder() -> io::Result<PathBuf> {
    let usual = std::env::temp_dir();
    let fits = |folder: &PathBuf| !folder.to_string_lossy().contains(SEPARATOR);
    let others = ["/tmp", "/var/tmp"].map(PathBuf::from).into_iter().filter(|folder| folder.is_dir());
    let chosen = std::iter::once(usual.clone()).chain(others).find(fits);
    chosen
        .ok_or_else(|| io::Error::other(format!("{} holds a \"{SEPARATOR}\", which separates the folders of PYTHONPATH", usual.display())))
}

/// Removes folders of this user whose owner has been killed: it can't hold its lock.
fn remove_abandoned(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_abandoned(&entry.path()) {
            // It may be gone already.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    // A link could lead anywhere.
    if !std::fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir() && is_own(&metadata)) {
        return false;
    }
    let lock = folder.join(LOCK);
    // A pipe would keep this process waiting.
    std::fs::symlink_metadata(&lock).is_ok_and(|metadata| metadata.is_file()) && File::open(lock).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(unix)]
fn is_own(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(metadata) == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_own(_: &std::fs::Metadata) -> bool {
    true
}

/// Reads the messages in a file of them, each once, in the order in which they came first.
#[must_use]
pub fn read_notes(path: &Path) -> Vec<String> {
    let text = read_whole(path, MAX_NOTES).unwrap_or_default();
    let mut notes: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !notes.iter().any(|note| note == line) {
            notes.push(line.to_owned());
        }
    }
    notes
}

/// Reads at most so many bytes of a regular file. The program may have put a pipe in its place.
fn read_whole(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    if std::fs::symlink_metadata(path)?.is_file() {
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_folder_is_private_and_goes_with_its_owner() {
        let injection = Injection::create().unwrap();
        let folder = injection.folder.path().to_owned();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(injection.python()).unwrap().count(), 2);
        assert!(read_notes(&injection.notes()).is_empty());
        std::fs::write(injection.notes(), "one\n\ntwo\none\n").unwrap();
        assert_eq!(read_notes(&injection.notes()), ["one", "two"]);
        drop(injection);
        assert!(!folder.exists());
    }

    #[test]
    fn only_folders_whose_owner_was_killed_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let living = Injection::create_in(parent.path()).unwrap();
        let killed = parent.path().join("agno-top-run-killed");
        std::fs::create_dir_all(killed.join("python")).unwrap();
        std::fs::write(killed.join(LOCK), "").unwrap();
        // One that is just being made, somebody else's file, and a link to something of the user.
        let (begun, foreign) = (parent.path().join("agno-top-run-begun"), parent.path().join("agno-top-run-file"));
        std::fs::create_dir(&begun).unwrap();
        std::fs::write(&foreign, "").unwrap();
        let own = tempfile::tempdir().unwrap();
        std::fs::write(own.path().join(LOCK), "").unwrap();
        std::os::unix::fs::symlink(own.path(), parent.path().join("agno-top-run-link")).unwrap();
        let other = Injection::create_in(parent.path()).unwrap();
        assert!(!killed.exists());
        assert!(living.notes().parent().unwrap().exists() && other.python().exists());
        assert!(begun.exists() && foreign.exists() && own.path().join(LOCK).exists());
    }
}
