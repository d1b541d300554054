//! Opens a database for reading without creating, changing or blocking anything.
//!
//! | journal | opened with |
//! |---|---|
//! | rollback journal | `mode=ro`: takes a shared lock during the transaction, which must be short |
//! | write-ahead log with its index (`-wal`, `-shm`) | `mode=ro&readonly_shm=1`: maps the index for reading; if the writer died, SQLite builds its own in memory |
//! | write-ahead log mode, neither file exists | `immutable=1`, because SQLite would create both files; the result is valid only if the file did not change during the read |
//! | a write-ahead log with frames, but no index | not at all: an error, because SQLite would have to create the index |

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::Error;
use super::file_state::FileState;
use super::read_gate::{ReadGate, Reader};

/// How long SQLite itself waits for a lock.
const LOCK_WAIT: Duration = Duration::from_millis(5);

/// A database, open for one read transaction.
pub(in crate::sources) struct Database {
    pub(in crate::sources) connection: Connection,
    /// Whether a writer can't commit during the transaction.
    pub(super) blocks_writer: bool,
    /// Whether nothing protects the transaction from writers: its results are valid only if the file did not change.
    pub(super) may_change: bool,
    /// One of several readers of the file. Declared after the connection, which is closed first.
    reader: Option<Arc<Reader>>,
}

/// Tells a reader when its time slice ends.
#[derive(Clone, Debug)]
pub(super) struct TimeSlice(Option<Arc<Reader>>);

impl TimeSlice {
    /// Whether the reader must pause that has read for `elapsed` of its `slice`. It reads on while other readers have time left.
    pub(super) fn is_over(&self, elapsed: Duration, slice: Duration) -> bool {
        self.0.as_ref().map_or(elapsed > slice, |reader| reader.must_pause(elapsed, slice))
    }
}

impl Database {
    /// Returns the time slice of this reader.
    pub(super) fn time_slice(&self) -> TimeSlice {
        TimeSlice(self.reader.clone())
    }

    /// Begins a new transaction, so that a waiting writer can commit in between.
    pub(super) fn renew(&self) -> Result<(), Error> {
        self.connection.execute_batch("COMMIT")?;
        if let Some(reader) = &self.reader {
            reader.wait();
        }
        Ok(self.connection.execute_batch("BEGIN")?)
    }
}

/// Reads the file state and then, in one transaction, the database. Tries again on transient errors.
pub(in crate::sources) fn read_with_retries<T>(
    path: &Path,
    tries: u32,
    work: impl FnMut(&Database) -> Result<T, Error>,
) -> Result<T, Error> {
    read_both_with_retries(path, tries, work, None::<&fn(&Database) -> _>).map(|(result, _): (T, Option<()>)| result)
}

/// Like [`read_with_retries`], and runs `other` in parallel, in a transaction of its own.
pub(super) fn read_both_with_retries<T, U: Send>(
    path: &Path,
    tries: u32,
    mut work: impl FnMut(&Database) -> Result<T, Error>,
    other: Option<&(impl Fn(&Database) -> Result<U, Error> + Sync)>,
) -> Result<(T, Option<U>), Error> {
    let mut result = Err(Error::Busy);
    for _ in 0..tries {
        result = FileState::read(path, None).and_then(|state| read_both(path, &state, &mut work, other));
        match &result {
            Err(error) if error.is_transient() => std::thread::sleep(LOCK_WAIT),
            _ => break,
        }
    }
    result
}

/// Runs `work` in one read transaction, and `other` in parallel in another one, then closes the database. `state` must have been read just
/// before.
pub(super) fn read_both<T, U: Send>(
    path: &Path,
    state: &FileState,
    work: impl FnOnce(&Database) -> Result<T, Error>,
    other: Option<impl FnOnce(&Database) -> Result<U, Error> + Send>,
) -> Result<(T, Option<U>), Error> {
    let immutable = state.is_wal() && !state.has_wal_index();
    if immutable && state.has_wal_frames() {
        return Err(Error::WalWithoutIndex);
    }
    let gate = Arc::new(ReadGate::default());
    let reader = || other.is_some().then(|| Arc::new(gate.add_reader()));
    let readers = (reader(), reader());
    let result = std::thread::scope(|scope| {
        let spawn = |other| Builder::new().spawn_scoped(scope, || run(state, immutable, readers.1, other));
        let other = other.map(spawn).transpose()?;
        let result = run(state, immutable, readers.0, work);
        // A panic has already been reported by the panic hook, which ends the program.
        let other = other.map(|other| other.join().unwrap_or(Err(Error::Busy))).transpose();
        Ok((result?, other?))
    });
    if immutable && FileState::read(path, Some(state))? != *state {
        return Err(Error::Busy);
    }
    result
}

fn run<T>(
    state: &FileState,
    immutable: bool,
    reader: Option<Arc<Reader>>,
    work: impl FnOnce(&Database) -> Result<T, Error>,
) -> Result<T, Error> {
    let connection = open(state, immutable)?;
    // Closing can't fail: `work` can't leave an unfinished statement behind.
    work(&Database { connection, blocks_writer: !state.is_wal(), may_change: immutable, reader })
}

fn open(state: &FileState, immutable: bool) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let option = if immutable { "immutable=1" } else { "readonly_shm=1" };
    let connection = Connection::open_with_flags(format!("{}?mode=ro&{option}", uri(&state.path)), flags)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.execute_batch("PRAGMA query_only = 1; PRAGMA temp_store = 2; PRAGMA cache_size = 64; BEGIN")?;
    Ok(connection)
}

/// Returns the path as a URI that SQLite decodes to the same bytes.
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
