//! Having the system read what is read next.
//!
//! Rows are read from the newest to the oldest, which no system foresees: where a file is not in memory yet, every page of it would be
//! waited for.

use std::ops::Range;
use std::path::Path;

/// Bytes that are asked for at once: of a request for more the system may leave out the rest.
#[cfg(target_os = "linux")]
const REQUEST: u64 = 1 << 20;

/// Has the system read these parts of a file, and does not wait for it. Must not be called while this process has the file open as a
/// database. What goes wrong here is told by whoever reads the file.
#[cfg(target_os = "linux")]
pub(super) fn read_ahead(path: &Path, parts: &[Range<u64>]) {
    use rustix::fs::{Advice, fadvise};
    if parts.is_empty() {
        return;
    }
    let Ok(file) = std::fs::File::open(path) else { return };
    for at in parts.iter().cloned().flat_map(|part| part.step_by(REQUEST as usize)) {
        if fadvise(&file, at, std::num::NonZeroU64::new(REQUEST), Advice::WillNeed).is_err() {
            return;
        }
    }
}

/// There is no such request here.
#[cfg(not(target_os = "linux"))]
pub(super) fn read_ahead(_: &Path, _: &[Range<u64>]) {}
