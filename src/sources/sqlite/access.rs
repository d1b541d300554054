//! Opening a database so that nobody notices.
//!
//! | the file | how it is opened |
//! |---|---|
//! | rollback journal | `mode=ro`: a shared lock while the transaction lasts, so keep it short |
//! | write-ahead log with its index (`-wal`, `-shm`) | `mode=ro&readonly_shm=1`: the index is mapped for reading; where the writer died, SQLite builds its own in memory |
//! | write-ahead log, none there now | `immutable=1`, without which SQLite would create both files; what was read counts only if the file did not change meanwhile |
//! | a log with rows in it, but no index | can't be read without creating one: said so |

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::Error;
use super::file_state::FileState;
use super::read_gate::{ReadGate, Slot};

/// How long SQLite waits for a lock itself.
const LOCK_WAIT: Duration = Duration::from_millis(5);

/// A database that is open for one transaction.
pub(in crate::sources) struct Database {
    pub(in crate::sources) connection: Connection,
    /// While it is read, its writer can't commit.
    pub(super) blocks_writer: bool,
    /// Nothing keeps it as it is: what is read is worth nothing before it is known not to have changed meanwhile.
    pub(super) may_change: bool,
    /// Among those who read together. After the connection, which is closed first.
    place: Option<Arc<Slot>>,
}

/// Says when to stop reading.
#[derive(Clone, Debug)]
pub(super) struct Turn(Option<Arc<Slot>>);

impl Turn {
    /// Whether who has read for so long is to stop, who was given `time` and reads on while others must.
    pub(super) fn is_over(&self, read: Duration, time: Duration) -> bool {
        self.0.as_ref().map_or(read > time, |place| place.is_over(read, time))
    }
}

impl Database {
    /// Tells when to stop reading.
    pub(super) fn turn(&self) -> Turn {
        Turn(self.place.clone())
    }

    /// Lets a writer in that waits. What is read from now on is as the file is then.
    pub(super) fn renew(&self) -> Result<(), Error> {
        self.connection.execute_batch("COMMIT")?;
        if let Some(place) = &self.place {
            place.wait();
        }
        Ok(self.connection.execute_batch("BEGIN")?)
    }
}

/// Looks at the file and reads it; tries again while it is being changed.
pub(in crate::sources) fn read<T>(path: &Path, tries: u32, mut work: impl FnMut(&Database) -> Result<T, Error>) -> Result<T, Error> {
    again(path, tries, |signature| with_database(path, signature, &mut work))
}

/// The same, and does `other` beside it, in a transaction of its own.
pub(super) fn read_beside<T, U: Send>(
    path: &Path,
    tries: u32,
    work: impl Fn(&Database) -> Result<T, Error>,
    other: Option<&(impl Fn(&Database) -> Result<U, Error> + Sync)>,
) -> Result<(T, Option<U>), Error> {
    again(path, tries, |signature| visit_beside(path, signature, &work, other))
}

fn again<T>(path: &Path, tries: u32, mut look: impl FnMut(&FileState) -> Result<T, Error>) -> Result<T, Error> {
    let mut result = Err(Error::Busy);
    for _ in 0..tries {
        result = FileState::take(path, None).and_then(|signature| look(&signature));
        match &result {
            Err(trouble) if trouble.passes() => std::thread::sleep(LOCK_WAIT),
            _ => break,
        }
    }
    result
}

/// Does `work` in one read transaction, then closes everything. `signature` must have been taken just before.
pub(super) fn with_database<T>(path: &Path, signature: &FileState, work: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, Error> {
    visit_beside(path, signature, work, None::<fn(&Database) -> _>).map(|(found, _): (T, Option<()>)| found)
}

/// The same, and does `other` beside it, in a transaction of its own.
pub(super) fn visit_beside<T, U: Send>(
    path: &Path,
    signature: &FileState,
    work: impl FnOnce(&Database) -> Result<T, Error>,
    other: Option<impl FnOnce(&Database) -> Result<U, Error> + Send>,
) -> Result<(T, Option<U>), Error> {
    let immutable = signature.is_wal() && !signature.has_index();
    if immutable && signature.has_log() {
        return Err(Error::LoneWal);
    }
    let turns = Arc::new(ReadGate::default());
    let place = || other.is_some().then(|| Arc::new(turns.place()));
    let places = (place(), place());
    let result = std::thread::scope(|scope| {
        let beside = |other| Builder::new().spawn_scoped(scope, || read_all(signature, immutable, places.1, other));
        let other = other.map(beside).transpose()?;
        let found = read_all(signature, immutable, places.0, work);
        // A panic is told wherever it happens, and ends the program.
        let other = other.map(|other| other.join().unwrap_or(Err(Error::Busy))).transpose();
        Ok((found?, other?))
    });
    if immutable && FileState::take(path, Some(signature))? != *signature {
        return Err(Error::Busy);
    }
    result
}

fn read_all<T>(
    signature: &FileState,
    immutable: bool,
    place: Option<Arc<Slot>>,
    work: impl FnOnce(&Database) -> Result<T, Error>,
) -> Result<T, Error> {
    let connection = open(signature, immutable)?;
    // A connection that can't be closed has an unfinished statement, which `work` can't leave behind.
    work(&Database { connection, blocks_writer: !signature.is_wal(), may_change: immutable, place })
}

fn open(signature: &FileState, immutable: bool) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let how = if immutable { "immutable=1" } else { "readonly_shm=1" };
    let connection = Connection::open_with_flags(format!("{}?mode=ro&{how}", uri(signature.path())), flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.execute_batch("PRAGMA query_only = 1; PRAGMA temp_store = 2; PRAGMA cache_size = 64; BEGIN")?;
    Ok(connection)
}

/// The path as a URI that SQLite reads back to the very same bytes.
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_keeps_every_byte() {
        assert_eq!(uri(Path::new("/a b/c?d#e%f&g.db")), "file:/a%20b/c%3Fd%23e%25f%26g.db");
        assert_eq!(uri(Path::new("/é")), "file:/%C3%A9");
    }
}
