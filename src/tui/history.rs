//! The history file of filter lines in the user's state directory: one filter per line, the latest last.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::regular_file;

/// The size in bytes beyond which the older half of the file is dropped.
const MAX_SIZE: u64 = 1 << 16;

/// Returns the saved lines; none if the file can't be read.
#[must_use]
pub fn load() -> Vec<String> {
    let read = path().and_then(|path| regular_file::read(&path, 2 * MAX_SIZE));
    read.map(|bytes| String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()).unwrap_or_default()
}

/// Adds a line to the file.
///
/// # Errors
///
/// Fails if there is no home directory or the file can't be written.
pub fn add(line: &str) -> io::Result<()> {
    add_to(&path()?, line)
}

fn path() -> io::Result<PathBuf> {
    let base = etcetera::choose_base_strategy().map_err(io::Error::other)?;
    // Only XDG has a state directory; other systems use the cache directory, as the log does.
    Ok(base.state_dir().unwrap_or_else(|| base.cache_dir()).join("agno-top").join("filters"))
}

fn add_to(path: &Path, line: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    regular_file::check(path)?;
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    file.write_all(format!("{line}\n").as_bytes())?;
    if file.metadata()?.len() > MAX_SIZE {
        let text = fs::read(path)?;
        let half = text.len() / 2;
        let start = half + memchr::memchr(b'\n', &text[half..]).map_or(0, |end| end + 1);
        fs::write(path, &text[start..])?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_are_dropped_when_the_file_grows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agno-top/filters");
        for number in 0..4000 {
            add_to(&path, &format!("status:error\n dur:>{number}s")).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() as u64 <= MAX_SIZE && text.starts_with("status:error dur:>"));
        assert_eq!(text.lines().last(), Some("status:error dur:>3999s"));
    }
}
