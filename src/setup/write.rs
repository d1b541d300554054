//! Writes a changed file: at once or not at all, with a copy of what it was.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Edit;
use crate::regular_file;

/// The copies of a file that may be kept.
const MAX_COPIES: u32 = 1000;

/// Why a file was not written. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It changed after it was read.
    #[error("{0} has changed meanwhile, and is left as it is; try again")]
    Changed(PathBuf),
    /// The system refused.
    #[error("can't write {0}: {1}")]
    Io(PathBuf, io::Error),
}

/// Writes a change. Follows links, and keeps the mode and the owner of the file. Returns the copy of the file as it was, if there was one.
///
/// # Errors
///
/// If the file changed meanwhile, or can't be written.
pub fn write(path: &Path, edit: &Edit) -> Result<Option<PathBuf>, WriteError> {
    let failed = |error| WriteError::Io(path.to_owned(), error);
    let target = target(path).map_err(failed)?;
    let directory = target.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&directory).map_err(failed)?;
    let metadata = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let mut new = regular_file::temporary(&directory).map_err(failed)?;
    new.write_all(edit.after.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    let mut copy = None;
    if let Some(metadata) = metadata {
        keep_attributes(new.path(), &metadata).map_err(failed)?;
        copy = Some(back_up(&target, edit, &metadata)?);
    }
    if is_changed(&target, edit).map_err(failed)? {
        if let Some(copy) = copy {
            // The copy is not of what the file is now.
            let _ = fs::remove_file(copy);
        }
        return Err(WriteError::Changed(path.to_owned()));
    }
    let persisted = if copy.is_some() { new.persist(&target) } else { new.persist_noclobber(&target) };
    persisted.map_err(|error| failed(error.error))?;
    Ok(copy)
}

/// Returns the file itself behind links.
fn target(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(io::Error::new(ErrorKind::NotFound, "it is a link to a file that does not exist")),
            Err(_) => Ok(path.to_owned()),
        },
        found => found,
    }
}

fn keep_attributes(path: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = fs::metadata(path)?;
        if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
            std::os::unix::fs::chown(path, Some(metadata.uid()), Some(metadata.gid()))?;
        }
    }
    fs::set_permissions(path, metadata.permissions())
}

/// Writes a copy beside the file, under a name that is not taken.
fn back_up(target: &Path, edit: &Edit, metadata: &fs::Metadata) -> Result<PathBuf, WriteError> {
    let failed = |error| WriteError::Io(target.to_owned(), error);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..=MAX_COPIES {
        let ending = if number == 1 { String::new() } else { format!("-{number}") };
        let copy = target.with_file_name(format!("{name}.before-agno-top{ending}"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&copy) {
            Ok(mut file) => {
                let written = file.write_all(edit.before.as_bytes()).and_then(|()| file.sync_all());
                written.and_then(|()| keep_attributes(&copy, metadata)).map_err(failed)?;
                return Ok(copy);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(io::Error::other("there are too many copies of it")))
}

fn is_changed(target: &Path, edit: &Edit) -> io::Result<bool> {
    match fs::read(target) {
        Ok(bytes) => Ok(bytes != edit.before.as_bytes()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(!edit.before.is_empty()),
        Err(error) => Err(error),
    }
}
