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

/// The places in a private folder.
#[derive(Clone, Debug)]
pub struct Files(PathBuf);

impl Files {
    /// Returns the places in this folder.
    #[must_use]
    pub fn of(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Returns the folder to put in front of `PYTHONPATH`. It holds only the modules.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.0.join("python")
    }

    /// Returns the module that Node loads first.
    #[must_use]
    pub fn node_hook(&self) -> PathBuf {
        self.0.join("node_hook.cjs")
    }

    /// Returns the file that the tracing adds its messages to.
    #[must_use]
    pub fn notes(&self) -> PathBuf {
        self.0.join("notes")
    }

    /// Returns the file that the tracing adds to what it traces, and what it could not.
    #[must_use]
    pub fn facts(&self) -> PathBuf {
        self.0.join("facts")
    }

    /// Returns the folder in which each process keeps the spans that it has not sent yet.
    #[must_use]
    pub fn unsent(&self) -> PathBuf {
        self.0.join("unsent")
    }
}

/// A folder with the files, removed on drop.
#[derive(Debug)]
pub struct Injection {
    /// The places in it.
    pub files: Files,
    _folder: TempDir,
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
        let files = Files::of(folder.path().to_owned());
        for folder in [files.python(), files.unsent()] {
            std::fs::create_dir(folder)?;
        }
        std::fs::write(files.python().join("sitecustomize.py"), START_HOOK)?;
        std::fs::write(files.python().join("agno_top_tracing.py"), SETUP_MODULE)?;
        std::fs::write(files.node_hook(), include_str!("../../assets/run/node_hook.cjs"))?;
        std::fs::write(files.node_hook().with_file_name("node_loader.mjs"), include_str!("../../assets/run/node_loader.mjs"))?;
        Ok(Self { files, _folder: folder, _lock: lock })
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
    read_lines(path)
}

/// Reads the lines of a file that processes add to, each once.
pub(super) fn read_lines(path: &Path) -> Vec<String> {
    let text = read_whole(path, MAX_NOTES).unwrap_or_default();
    let mut notes: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !notes.iter().any(|note| note == line) {
            notes.push(line.to_owned());
        }
    }
    notes
}

/// Spans that processes could not send, as an `ExportTraceServiceRequest` in JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct UnsentSpans {
    /// The request.
    pub body: Vec<u8>,
    /// Whether no other program sends them to the endpoints that were set before.
    pub is_forwarded: bool,
    /// The process that left them; 0 if the name of the file does not tell.
    pub process: u64,
    /// When it wrote last, in nanoseconds since 1970; 0 if the file system does not tell.
    pub written: i64,
}

/// Reads what processes left in the folder of unsent spans, with at most so many bytes.
#[must_use]
pub fn read_unsent(folder: &Path, most: u64) -> Vec<UnsentSpans> {
    let mut left = most;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let mut unsent = Vec::new();
    for path in paths {
        let text = read_whole(&path, left).unwrap_or_default();
        left = left.saturating_sub(text.len() as u64);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let process = name.split('-').next().and_then(|id| u64::from_str_radix(id, 16).ok()).unwrap_or_default();
        let written = written(&path).unwrap_or_default();
        // The open ones first, since some of them have ended.
        for (mark, is_forwarded) in [(b'o', false), (b'+', true), (b'-', false)] {
            // The last line has no end if the process was killed while it wrote.
            let lines = text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
            let spans: Vec<&[u8]> = lines.filter_map(|line| line.strip_prefix(&[mark])).collect();
            if !spans.is_empty() {
                let body = [&br#"{"resourceSpans":["#[..], &spans.join(&b","[..]), b"]}"].concat();
                unsent.push(UnsentSpans { body, is_forwarded, process, written });
            }
        }
    }
    unsent
}

/// Returns when a file was written last.
fn written(path: &Path) -> Option<i64> {
    let time = std::fs::symlink_metadata(path).ok()?.modified().ok()?;
    i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos()).ok()
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
        let folder = injection.files.0.clone();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(injection.files.python()).unwrap().count(), 2);
        assert!(read_notes(&injection.files.notes()).is_empty());
        std::fs::write(injection.files.notes(), "one\n\ntwo\none\n").unwrap();
        assert_eq!(read_notes(&injection.files.notes()), ["one", "two"]);
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
        assert!(living.files.notes().parent().unwrap().exists() && other.files.python().exists());
        assert!(begun.exists() && foreign.exists() && own.path().join(LOCK).exists());
    }

    #[test]
    fn what_killed_processes_left_is_read_without_the_line_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a-0"), "-{1}\n+{2}\n-{3}\no{5}\n+{4").unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        let read = |most| {
            let mut unsent = read_unsent(folder.path(), most);
            assert!(unsent.iter().all(|spans| spans.written > 1_700_000_000_000_000_000), "the time of the last line: {unsent:?}");
            for spans in &mut unsent {
                spans.written = 0;
            }
            unsent
        };
        let unsent = |body: &str, is_forwarded| UnsentSpans { body: body.as_bytes().to_vec(), is_forwarded, process: 10, written: 0 };
        let open = unsent(r#"{"resourceSpans":[{5}]}"#, false);
        assert_eq!(read(1000), [open, unsent(r#"{"resourceSpans":[{2}]}"#, true), unsent(r#"{"resourceSpans":[{1},{3}]}"#, false)]);
        assert_eq!(read(6), [unsent(r#"{"resourceSpans":[{1}]}"#, false)]);
    }
}
