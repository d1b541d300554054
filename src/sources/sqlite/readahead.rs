//! Asks the operating system to read ahead.
//!
//! Rows are read from the newest to the oldest, which the system's own readahead does not predict: on a cold cache each page of the file
//! would be a wait.

use std::ops::Range;
use std::path::Path;

/// Bytes of one request: the system may cut longer ones.
#[cfg(target_os = "linux")]
const REQUEST: u64 = 1 << 20;

/// Asks the system to load these parts of a file, and does not wait. Must not be called while this process has the file open as a database.
/// Errors are ignored; the reader of the file reports them.
#[cfg(target_os = "linux")]
pub(super) fn read_ahead(path: &Path, parts: &[Range<u64>]) {
    use rustix::fs::{Advice, fadvise};
    if parts.is_empty() {
        return;
    }
    let Ok(file) = std::fs::File::open(path) else { return };
    for offset in parts.iter().cloned().flat_map(|part| part.step_by(REQUEST as usize)) {
        if fadvise(&file, offset, std::num::NonZeroU64::new(REQUEST), Advice::WillNeed).is_err() {
            return;
        }
    }
}

/// Does nothing: there is no such request on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn read_ahead(_: &Path, _: &[Range<u64>]) {}
