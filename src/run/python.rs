//! The files that trace a Python program from its start, in a folder that only this user can read.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The module that traces, which also works by itself.
pub const SETUP_MODULE: &str = include_str!("../../assets/run/agno_top_tracing.py");

/// Python imports this module when it starts.
const START_HOOK: &str = include_str!("../../assets/run/sitecustomize.py");

/// The most bytes of messages that are read.
const MAX_NOTES: u64 = 1 << 20;

/// A folder with the files, removed on drop.
#[derive(Debug)]
pub struct Injection {
    folder: TempDir,
}

impl Injection {
    /// Writes the files into a new folder.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn create() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("agno-top-run-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir()?;
        std::fs::create_dir(folder.path().join("python"))?;
        let injection = Self { folder };
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
}

/// Reads the messages in a file of them, each once, in the order in which they came first.
#[must_use]
pub fn read_notes(path: &Path) -> Vec<String> {
    read(path).unwrap_or_default()
}

fn read(path: &Path) -> io::Result<Vec<String>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    // The program may have put a pipe in its place.
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Ok(Vec::new());
    }
    std::fs::File::open(path)?.take(MAX_NOTES).read_to_end(&mut bytes)?;
    let mut notes: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(&bytes).lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !notes.iter().any(|note| note == line) {
            notes.push(line.to_owned());
        }
    }
    Ok(notes)
}

/// Returns the flag of a Python command line that keeps Python from tracing: `-I`, `-E` or `-S`.
#[must_use]
pub fn ignored_flag(command: &[OsString]) -> Option<char> {
    let (program, arguments) = command.split_first()?;
    let name = Path::new(program).file_name()?.to_str()?;
    if !name.starts_with("python") && !name.starts_with("pypy") {
        return None;
    }
    let mut arguments = arguments.iter().map_while(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        let letters = argument.strip_prefix('-').filter(|letters| !letters.is_empty() && !letters.starts_with('-'))?;
        for (index, letter) in letters.char_indices() {
            match letter {
                'I' | 'E' | 'S' => return Some(letter),
                // The program begins here.
                'c' | 'm' => return None,
                // They take a value, in the same argument or the next one.
                'W' | 'X' => {
                    if index + 1 == letters.len() {
                        arguments.next();
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn flags_before_the_program_that_keep_python_from_tracing_are_found() {
        let flag = |line: &str| ignored_flag(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for (line, expected) in [
            ("python3 -I agent.py", Some('I')),
            ("/usr/bin/python3.12 -uE agent.py", Some('E')),
            ("python -X dev -S -m pkg", Some('S')),
            ("python -Xdev agent.py -I", None),
            ("python -m pkg -E", None),
            ("python -W ignore agent.py", None),
            ("node -I x", None),
            ("python", None),
        ] {
            assert_eq!(flag(line), expected, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_private_and_goes_with_its_owner() {
        use std::os::unix::fs::PermissionsExt;
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
}
