//! The program to run: where it is, and its start by a process that ends it when agno-top is killed.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Why a program can't be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is none.
    Missing,
    /// It is a folder.
    Folder,
    /// It may not be executed.
    NotExecutable,
}

impl Refusal {
    /// Returns the exit code of shells.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Missing => 127,
            Self::Folder | Self::NotExecutable => 126,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no such program",
            Self::Folder => "it is a folder",
            Self::NotExecutable => "it is not executable",
        })
    }
}

/// Returns the file of a program as the system finds it: by its path, or in the folders of `PATH`.
///
/// # Errors
///
/// Why it can't be started.
#[cfg(unix)]
pub fn find_program(name: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, Refusal> {
    let is_path = name.as_encoded_bytes().contains(&b'/');
    let folders: Vec<PathBuf> = match path {
        _ if is_path || name.is_empty() => vec![PathBuf::new()],
        Some(path) => std::env::split_paths(path).collect(),
        None => ["/bin", "/usr/bin"].map(PathBuf::from).to_vec(),
    };
    let found: Vec<PathBuf> = folders.iter().map(|folder| folder.join(name)).filter(|file| file.exists()).collect();
    let is_executable = |file: &&PathBuf| file.is_file() && rustix::fs::access(file.as_path(), rustix::fs::Access::EXEC_OK).is_ok();
    match found.iter().find(is_executable) {
        Some(file) => Ok(file.clone()),
        None if found.is_empty() => Err(Refusal::Missing),
        None if found.iter().all(|file| file.is_dir()) => Err(Refusal::Folder),
        None => Err(Refusal::NotExecutable),
    }
}

/// Returns the name: the system finds it by rules of its own.
///
/// # Errors
///
/// None.
#[cfg(not(unix))]
pub fn find_program(name: &OsStr, _: Option<&OsStr>) -> Result<PathBuf, Refusal> {
    Ok(PathBuf::from(name))
}

/// The first argument of an agno-top that becomes the program. It is followed by the process that must live, and the command.
const BECOME: &str = "--become-program-of";

/// Returns the command line that starts a command so that it gets a signal when this process ends in whatever way. Where the system can't
/// do so, it is the command itself.
#[must_use]
pub fn guarded(command: &[OsString]) -> Vec<OsString> {
    if !cfg!(target_os = "linux") || std::fs::File::open(OWN_PROGRAM).is_err() {
        return command.to_vec();
    }
    let guard = [OWN_PROGRAM.into(), BECOME.into(), std::process::id().to_string().into()];
    guard.into_iter().chain(command.iter().cloned()).collect()
}

/// This program, also if its file was replaced meanwhile.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Becomes the program if the arguments, with that of this program's name, ask for it. Returns the message and the exit code if it can't be
/// executed.
#[must_use]
pub fn become_program(arguments: &[OsString]) -> Option<(String, u8)> {
    let [_, asked, parent, command @ ..] = arguments else { return None };
    if asked != BECOME {
        return None;
    }
    let (program, rest) = command.split_first()?;
    Some(match execute(program, rest, parent) {
        Some(error) => (format!("can't run {}: {}", quoted(program), reason(program, &error)), Refusal::NotExecutable.code()),
        None => ("agno-top has ended".to_owned(), 1),
    })
}

/// Returns the name of a program for a message, in quotes where it could not be told otherwise.
#[must_use]
pub fn quoted(program: &OsStr) -> String {
    let name = program.to_string_lossy();
    if name.is_empty() || name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name.into_owned() }
}

/// Returns why a program can't be executed. That its interpreter is missing, the system tells as if the program were.
fn reason(program: &OsStr, error: &std::io::Error) -> String {
    const LONGEST: usize = 256;
    let interpreter = || {
        let mut start = [0; LONGEST];
        let path = find_program(program, std::env::var_os("PATH").as_deref()).ok()?;
        let length = std::io::Read::read(&mut std::fs::File::open(path).ok()?, &mut start).ok()?;
        let line = start[..length].strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        let line = String::from_utf8_lossy(line);
        line.split_whitespace().next().map(|name| format!("its interpreter {name} does not exist"))
    };
    let found = (error.kind() == std::io::ErrorKind::NotFound).then(interpreter).flatten();
    found.unwrap_or_else(|| error.to_string())
}

#[cfg(target_os = "linux")]
fn execute(program: &OsStr, arguments: &[OsString], parent: &OsStr) -> Option<std::io::Error> {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    // Without it the program runs all the same.
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    // The parent may have ended before.
    if getppid().is_none_or(|pid| parent != OsStr::new(&pid.as_raw_nonzero().to_string())) {
        return None;
    }
    Some(std::process::Command::new(program).args(arguments).exec())
}

#[cfg(not(target_os = "linux"))]
fn execute(_: &OsStr, _: &[OsString], _: &OsStr) -> Option<std::io::Error> {
    None
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_program_is_found_as_shells_find_it() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, mode| {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), "").unwrap();
            std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        make("one/tool", 0o644);
        make("two/tool", 0o755);
        make("one/text", 0o644);
        let path = std::env::join_paths(["one", "two"].map(|name| folder.path().join(name))).unwrap();
        let find = |name: &str| find_program(OsStr::new(name), Some(&path));
        assert_eq!(find("tool"), Ok(folder.path().join("two/tool")), "one that can't be executed hides no other");
        assert_eq!(find("text"), Err(Refusal::NotExecutable));
        assert_eq!(find("none"), Err(Refusal::Missing));
        assert_eq!(find("./tool"), Err(Refusal::Missing), "a path is not searched for");
        assert_eq!(find(folder.path().to_str().unwrap()), Err(Refusal::Folder));
        assert_eq!(find(""), Err(Refusal::Missing));
    }

    #[test]
    fn a_script_whose_interpreter_is_missing_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        std::fs::write(&script, "#! /no/python -u\nprint()\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(reason(script.as_os_str(), &error), "its interpreter /no/python does not exist");
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(reason(script.as_os_str(), &denied), denied.to_string());
        assert_eq!(["", "a b", "python"].map(|name| quoted(OsStr::new(name))), ["\"\"", "\"a b\"", "python"]);
    }

    #[test]
    fn other_arguments_become_no_program() {
        for arguments in [&["agno-top"][..], &["agno-top", "run", "1", "true"], &["agno-top", BECOME, "1"]] {
            assert_eq!(become_program(&arguments.iter().map(OsString::from).collect::<Vec<_>>()), None);
        }
    }
}
