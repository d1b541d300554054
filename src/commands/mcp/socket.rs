//! The sockets of running screens: one per screen, in a folder that only its user can enter.

use std::fs::{self, DirBuilder, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::model::sort;
use etcetera::BaseStrategy;
use rmcp::model::{CallToolRequestParams, ClientCapabilities, Implementation, ProtocolVersion, RequestMetaObject};
use rustix::process::{Pid, geteuid, test_kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The end of the name of a socket.
const EXTENSION: &str = "sock";

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 1 << 20;

/// The socket of this screen. Its file is removed when it is dropped.
pub(super) struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        // Without it, the next screen removes the file.
        let _ = fs::remove_file(&self.0);
    }
}

/// The beginning of the name of the demo's socket: its traces are those of no folder.
const DEMO: &str = "demo";

/// Creates the socket of this screen, which only processes of the same user can open. Call it in a runtime.
pub(super) fn bind(is_demo: bool) -> io::Result<(UnixListener, Socket)> {
    let folder = folder()?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    close_folder(&folder)?;
    remove_stale(&folder);
    let place = if is_demo { DEMO.to_owned() } else { here()? };
    let name = format!("{place}-{}", std::process::id());
    // It gets its name when it is complete.
    let new = folder.join(format!("{name}.new"));
    let _ = fs::remove_file(&new);
    let listener = net::UnixListener::bind(&new)?;
    let socket = Socket(folder.join(format!("{name}.{EXTENSION}")));
    listener.set_nonblocking(true)?;
    fs::set_permissions(&new, Permissions::from_mode(0o600))?;
    fs::rename(&new, &socket.0)?;
    Ok((UnixListener::from_std(listener)?, socket))
}

/// Returns the sockets of screens, those of this folder first, then the newest. A screen that was killed may have left one.
pub(super) fn screens(only_here: bool) -> Vec<PathBuf> {
    let Ok(folder) = folder().and_then(|folder| check_folder(&folder).map(|()| folder)) else { return Vec::new() };
    let here = here().unwrap_or_default();
    let mut found: Vec<(bool, SystemTime, PathBuf)> = sockets(&folder)
        .map(|path| {
            let is_here = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&here));
            let started = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            (is_here, started, path)
        })
        .filter(|(is_here, ..)| *is_here || !only_here)
        .collect();
    sort::by(&mut found, |one, other| other.cmp(one));
    found.into_iter().map(|(.., path)| path).collect()
}

/// Returns the folder of the sockets, and those that a screen listens on. The error is a folder that others can enter.
pub(in crate::commands) fn listening() -> io::Result<(PathBuf, Vec<PathBuf>)> {
    let folder = folder()?;
    if folder.exists() {
        check_folder(&folder)?;
    }
    let mut open: Vec<PathBuf> = sockets(&folder).filter(|path| net::UnixStream::connect(path).is_ok()).collect();
    open.sort();
    Ok((folder, open))
}

/// Connects with a screen of the same user; `None` if it has ended.
pub(super) async fn connect(path: &Path) -> Option<UnixStream> {
    UnixStream::connect(path).await.ok().filter(is_own)
}

/// Whether the other end of a connection is a process of the same user.
pub(super) fn is_own(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}

/// Asks a screen. The error is text for the client.
pub(super) async fn ask(mut stream: UnixStream, request: &CallToolRequestParams) -> Result<String, String> {
    let ended = || "the screen has ended, or answers others: call again".to_owned();
    let client = Implementation::new("agno-top mcp", env!("CARGO_PKG_VERSION"));
    // With it, a session needs no other message.
    let meta = RequestMetaObject::with_client_context(ProtocolVersion::LATEST, client, ClientCapabilities::default());
    let mut request = request.clone();
    request.meta = Some(meta);
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": request}).to_string() + "\n";
    stream.write_all(message.as_bytes()).await.map_err(|_| ended())?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut line).await.map_err(|_| ended())?;
    let answer: Value = serde_json::from_str(&line).map_err(|_| ended())?;
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str().ok_or_else(ended)?.to_owned();
    if result["isError"] == true { Err(text) } else { Ok(text) }
}

/// Returns the folder of the sockets.
fn folder() -> io::Result<PathBuf> {
    // Paths of sockets are short, and so is that of this folder, which goes when the user has left.
    if let Some(folder) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute() && folder.is_dir()) {
        return Ok(folder.join("agno-top"));
    }
    let base = etcetera::choose_base_strategy().map_err(io::Error::other)?;
    Ok(base.state_dir().unwrap_or_else(|| base.cache_dir()).join("agno-top/screens"))
}

/// Lets this user alone enter the folder.
fn close_folder(folder: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    if metadata.is_dir() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    check_folder(folder)
}

/// Returns an error unless this user alone can enter the folder.
fn check_folder(folder: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        return Err(io::Error::new(ErrorKind::PermissionDenied, format!("others can enter {}", folder.display())));
    }
    Ok(())
}

/// Returns a name for the working directory.
fn here() -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    std::env::current_dir()?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn sockets(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
}

/// Removes the sockets of screens that were killed.
fn remove_stale(folder: &Path) {
    for path in sockets(folder) {
        let pid = path.file_stem().and_then(|name| name.to_str()?.rsplit_once('-')?.1.parse().ok()).and_then(Pid::from_raw);
        let is_gone = pid.is_none_or(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH));
        // A screen in a container may share the folder, where processes have other numbers.
        let is_refused = || net::UnixStream::connect(&path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        if is_gone && is_refused() {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_killed_screens_are_removed_and_those_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // No process has the largest number; the listener of the first one is gone.
        for name in ["a-2147483647.sock", "b-2147483647.sock", "c-1.sock"] {
            let listener = net::UnixListener::bind(path(name)).unwrap();
            if name.starts_with('b') {
                std::mem::forget(listener);
            }
        }
        fs::write(path("other.txt"), "").unwrap();
        remove_stale(folder.path());
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["b-2147483647.sock", "c-1.sock", "other.txt"]);
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();
        assert!(check_folder(folder.path()).is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(close_folder(&link).is_err() && check_folder(folder.path()).is_err(), "a link is not followed");
        assert!(close_folder(folder.path()).is_ok() && check_folder(folder.path()).is_ok());
        assert!(check_folder(&link).is_err() && check_folder(&folder.path().join("none")).is_err());
    }
}
