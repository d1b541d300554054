//! Files that the user names, read in bounded memory. Opening a pipe waits for its other end, and a device may never end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use tempfile::NamedTempFile;

/// How the names of [`temporary`] files begin and end.
const TEMPORARY: [&str; 2] = [".agno-top-", ".tmp"];

/// Opens a file to read.
///
/// # Errors
///
/// Fails if there is no such file, if it is no regular file, or if it has more than `max_size` bytes.
pub(crate) fn open(path: &Path, max_size: u64) -> io::Result<File> {
    check(path)?;
    let file = File::open(path)?;
    check_size(file.metadata()?.len(), max_size)?;
    Ok(file)
}

/// Reads a file.
///
/// # Errors
///
/// Fails like [`open`].
pub(crate) fn read(path: &Path, max_size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, max_size)?.take(max_size + 1).read_to_end(&mut bytes)?;
    // It may have grown.
    check_size(bytes.len() as u64, max_size)?;
    Ok(bytes)
}

/// Reads a file of text.
///
/// # Errors
///
/// Fails like [`open`], or if the text is not UTF-8.
pub(crate) fn read_to_string(path: &Path, max_size: u64) -> io::Result<String> {
    String::from_utf8(read(path, max_size)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Creates a file under a temporary name in a folder, for a file that appears complete or not at all. Only its owner can read it.
///
/// # Errors
///
/// Fails if the system refuses. The error does not name the temporary file, of which the user knows nothing.
pub(crate) fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let [prefix, suffix] = TEMPORARY;
    let file = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(folder);
    file.map_err(|error| {
        let text = error.to_string();
        io::Error::new(error.kind(), text.split_once(" at path ").map_or(&*text, |(reason, _)| reason))
    })
}

/// Whether a file has the name of a [`temporary`] one.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    let [prefix, suffix] = TEMPORARY.map(str::as_bytes);
    name.as_encoded_bytes().starts_with(prefix) && name.as_encoded_bytes().ends_with(suffix)
}

/// Fails if the path names something else than a regular file; a file that does not exist passes.
///
/// # Errors
///
/// Fails with the reason.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory")),
        Ok(metadata) if !metadata.is_file() => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
        _ => Ok(()),
    }
}

fn check_size(size: u64, max_size: u64) -> io::Result<()> {
    let unit = [(30, "GiB"), (20, "MiB"), (10, "KiB")].into_iter().find(|(shift, _)| max_size >> shift > 0);
    let limit = unit.map_or_else(|| format!("{max_size} bytes"), |(shift, unit)| format!("{} {unit}", max_size >> shift));
    if size > max_size { Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {limit}"))) } else { Ok(()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_their_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_to_string(&path, 4).unwrap(), "four");
        assert_eq!(read(&path, 3).unwrap_err().to_string(), "it is larger than 3 bytes");
        // A sparse file: its size is known without reading it.
        File::create(&path).unwrap().set_len(100 << 30).unwrap();
        assert_eq!(open(&path, 2 << 30).unwrap_err().to_string(), "it is larger than 2 GiB");
        assert_eq!(read(&dir.path().join("b"), 3).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn pipes_devices_and_directories_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), dir.path()] {
            assert!(read(path, 10).unwrap_err().to_string().starts_with("it is "), "{}", path.display());
            assert!(check(path).is_err());
        }
    }
}
