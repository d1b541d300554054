//! Reads a file of spans in any of several formats, compressed or not. The content decides the format.
//!
//! The spans are held in memory as OTLP protobuf; rows and payloads are decoded from there. Lines that are appended to a file of OTLP/JSON,
//! as the OpenTelemetry collector's file exporter writes it, are read, too, also when the file was rotated. So are the spans that Agno adds to
//! its JSON store.

mod decompress;
mod follow;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod index;
mod jaeger;
mod lines;
mod log_text;
mod objects;
mod requests;
mod rewritten;
mod search;
mod spans;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use bytes::Bytes;

use super::sqlite::Tables;
use super::{Closed, Handle, Request, SearchHits, State, Update, UpdateSender, missing_file};
use crate::model::time::now;
use crate::model::{MetricBatch, Origin, Payload, PayloadRef, Skipped, Withdrawn};
use crate::otlp::turns;
use crate::regular_file;
use follow::{Follower, Found};
use format::Content;
use rewritten::Rewritten;
use search::Scan;

/// The most spans in a batch.
const BATCH_SIZE: usize = 2048;

/// The most bytes of a file, compressed and decompressed: it is held in memory.
const MAX_SIZE: usize = 2 << 30;

/// The interval at which a store is looked at first, while it is being written.
const FIRST_INTERVAL: Duration = Duration::from_millis(60);

/// The extensions of files of spans. They count if the file is missing or empty.
const EXTENSIONS: [&str; 9] = ["json", "jsonl", "ndjson", "pb", "gz", "zst", "log", "txt", "csv"];

/// The magic number of a SQLite database.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// Whether this is a file of spans and not a database.
#[must_use]
pub fn is_file(path: &Path) -> bool {
    let has_extension = || path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)));
    if !path.is_file() {
        return has_extension();
    }
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut begin));
    match read {
        Ok(0) | Err(_) => has_extension(),
        // A file with another extension is a database, so that an error message calls it one.
        Ok(_) => begin != SQLITE && (has_extension() || format::begins_spans(&begin)),
    }
}

/// Starts a thread that reads `path`. It sends the spans, the oldest first, then [`State::Ended`], or [`State::Watching`] if lines may be
/// appended, and answers requests.
///
/// If the file can't be read, the thread sends [`State::Failing`]; if parts of it can't, batches have a
/// [`Skipped`] for each.
///
/// # Errors
///
/// If the thread can't be started.
pub fn start(path: PathBuf, sender: UpdateSender) -> io::Result<Handle> {
    start_with(path, &Tables::default(), sender)
}

/// Like [`start`], where Agno's JSON store has another name than usual: its file is named after the table of spans.
///
/// # Errors
///
/// If the thread can't be started.
pub fn start_with(path: PathBuf, tables: &Tables, sender: UpdateSender) -> io::Result<Handle> {
    let store = Rewritten::new(&path, tables);
    let name = path.display().to_string();
    super::spawn(name, sender, move |sender, inbox| {
        // It ends early if the receiver of the updates is gone.
        let _ = run(&path, store, sender, inbox);
    })
}

fn run(path: &Path, store: Option<Rewritten>, sender: &UpdateSender, inbox: &Receiver<Request>) -> Result<(), Closed> {
    let mut reader = Reader { path, sender, content: None, follower: None, store, state: None };
    if reader.store.is_some() {
        reader.load_store()?;
    } else {
        reader.load()?;
    }
    let mut scan: Option<Scan> = None;
    loop {
        let content = reader.content.as_ref();
        if let (Some(running), Some(content)) = (&mut scan, content) {
            sender.send(Update::SearchHits(running.slice(content, sender.id)))?;
            if running.is_done() {
                scan = None;
            }
        }
        let is_followed = reader.follower.is_some() || reader.store.is_some();
        let request = match (&scan, is_followed) {
            (Some(_), _) => inbox.recv_timeout(Duration::ZERO),
            (None, true) => inbox.recv_timeout(follow::INTERVAL),
            (None, false) => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match request {
            Ok(Request::Payloads { ticket, addresses }) => {
                let payloads = addresses.into_iter().map(|(address, _)| payload(content, address)).collect();
                sender.send(Update::Payloads { ticket, payloads })?;
            }
            Ok(Request::Search(search)) => scan = Some(Scan::new(search, content.map_or(0, |content| content.spans.len()))),
            Ok(Request::StopSearch) => scan = None,
            Ok(Request::Check { ticket, query, addresses }) => {
                let spans = content.map_or_else(Vec::new, |content| search::check(content, &addresses, &query));
                sender.send(Update::SearchHits(SearchHits { source: sender.id, ticket, spans, progress: None, error: None }))?;
            }
            // Everything has been sent.
            Ok(Request::Read { ticket, .. } | Request::Logs { ticket }) => sender.send(Update::Read { ticket, from: None })?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            // The content stays in memory until the source stops. A reader has no clients that could wait.
            Ok(Request::Release(_) | Request::Take(..) | Request::Suspend(_) | Request::Resume) | Err(RecvTimeoutError::Timeout) => {}
        }
        if scan.is_none() && reader.store.is_some() {
            reader.look_at_store(Origin::Live)?;
        } else if scan.is_none() {
            reader.look()?;
        }
    }
}

/// A file, and what was read of it.
struct Reader<'a> {
    path: &'a Path,
    sender: &'a UpdateSender,
    content: Option<Content>,
    follower: Option<Follower>,
    store: Option<Rewritten>,
    /// The last state that was sent.
    state: Option<State>,
}

impl Reader<'_> {
    fn set_state(&mut self, state: State) -> Result<(), Closed> {
        if self.state.as_ref() == Some(&state) {
            return Ok(());
        }
        self.state = Some(state.clone());
        self.sender.send(Update::State(self.sender.id, state))
    }

    fn named(&self, what: &str) -> String {
        format!("{}: {what}", self.path.display())
    }

    /// Reads the file for the first time.
    fn load(&mut self) -> Result<(), Closed> {
        match load(self.path) {
            Ok((mut content, follower)) => {
                let withdrawn = tell(&mut content, self.sender)?;
                send(&content, 0, withdrawn, Origin::History, self.sender)?;
                send_metrics(&mut content, self.sender)?;
                let state = match content.without_spans() {
                    Some(reason) => State::Failing(self.named(&reason)),
                    None if follower.is_some() => State::Watching { left_out: 0 },
                    None => State::Ended,
                };
                (self.content, self.follower) = (Some(content), follower);
                self.set_state(state)
            }
            Err(Refused { may_come: true, .. }) => {
                (self.content, self.follower) = (Some(Content::growing()), Some(Follower::waiting(self.path)));
                let reason = if self.path.exists() { self.named("it is empty") } else { missing_file(&self.path.display().to_string()) };
                self.set_state(State::Waiting(reason))
            }
            Err(Refused { reason, .. }) => self.set_state(State::Failing(self.named(&reason))),
        }
    }

    /// Reads a store for the first time.
    fn load_store(&mut self) -> Result<(), Closed> {
        self.content = Some(Content::default());
        for _ in 0..rewritten::PATIENCE {
            if self.look_at_store(Origin::History)? {
                break;
            }
            std::thread::sleep(FIRST_INTERVAL);
        }
        Ok(())
    }

    /// Reads what is new in a store. Returns whether it could be read or is missing, and is not being written.
    fn look_at_store(&mut self, origin: Origin) -> Result<bool, Closed> {
        let (Some(content), Some(store)) = (&mut self.content, &mut self.store) else { return Ok(true) };
        match store.look() {
            Ok(rewritten::Found::Nothing) => {}
            Ok(rewritten::Found::List(list)) => {
                let known = content.spans.len();
                content.append_list(&list);
                send(content, known, Vec::new(), origin, self.sender)?;
                content.skipped.clear();
                if content.spans.size() > MAX_SIZE {
                    self.store = None;
                    let reason = self.named(&format!("more than {} GiB of it are in memory; it is no longer followed", MAX_SIZE >> 30));
                    self.set_state(State::Failing(reason))?;
                    return Ok(true);
                }
                self.set_state(State::Watching { left_out: 0 })?;
            }
            Ok(rewritten::Found::Missing) => {
                let name = self.path.display();
                self.set_state(State::Waiting(missing_file(&name.to_string())))?;
            }
            Ok(rewritten::Found::Half) => {
                if store.is_stuck() {
                    let reason = self.named("it holds no complete list of spans; waiting for its writer");
                    self.set_state(State::Failing(reason))?;
                }
                return Ok(false);
            }
            Err(error) => {
                let reason = self.named(&error);
                self.set_state(State::Failing(reason))?;
            }
        }
        Ok(true)
    }

    /// Says why nothing more comes, if the file was read until now.
    fn wait(&mut self, why: &str) -> Result<(), Closed> {
        let was_watching = matches!(self.state, Some(State::Watching { .. }));
        if was_watching { self.set_state(State::Waiting(self.named(why))) } else { Ok(()) }
    }

    /// Reads what is new.
    fn look(&mut self) -> Result<(), Closed> {
        let (Some(content), Some(follower)) = (&mut self.content, &mut self.follower) else { return Ok(()) };
        let found = match follower.look() {
            Ok(Found::Lines(lines, lost)) => {
                if !lost.is_empty() {
                    let mut batch = self.sender.batch(Origin::Live);
                    batch.skipped = lost;
                    self.sender.send(Update::Batch(batch))?;
                }
                lines
            }
            Ok(Found::Missing) => return self.wait("it was removed or renamed; waiting for a new one"),
            Ok(Found::NotFile(what)) => return self.wait(&format!("{what} now; waiting for a file")),
            Err(error) => {
                self.follower = None;
                return self.set_state(State::Failing(self.named(&error)));
            }
        };
        let before = content.spans.len();
        let mut has_metrics = false;
        for lines in found {
            let known = content.spans.len();
            content.append_lines(&lines.bytes, lines.is_start);
            let withdrawn = tell(content, self.sender)?;
            send(content, known, withdrawn, Origin::Live, self.sender)?;
            has_metrics |= send_metrics(content, self.sender)?;
        }
        if content.spans.size() > MAX_SIZE {
            self.follower = None;
            let reason = self.named(&format!("more than {} GiB of it are in memory; it is no longer followed", MAX_SIZE >> 30));
            return self.set_state(State::Failing(reason));
        }
        let is_back = matches!(self.state, Some(State::Waiting(_)));
        if is_back || has_metrics || content.spans.len() > before { self.set_state(State::Watching { left_out: 0 }) } else { Ok(()) }
    }
}

/// Why a file was not read.
struct Refused {
    reason: String,
    /// Whether the file is missing or empty, and one of lines by its name, so that it may yet be written.
    may_come: bool,
}

/// Reads a file. Returns a follower if lines may be appended.
fn load(path: &Path) -> Result<(Content, Option<Follower>), Refused> {
    let is_lines = path.extension().is_some_and(|extension| ["jsonl", "ndjson"].iter().any(|known| extension.eq_ignore_ascii_case(known)));
    let refused = |reason: String| Refused { reason, may_come: false };
    let failed = |error: io::Error| Refused { may_come: is_lines && error.kind() == ErrorKind::NotFound, reason: error.to_string() };
    let file = regular_file::open(path, MAX_SIZE as u64).map_err(failed)?;
    let mut bytes = Vec::new();
    (&file).take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_SIZE {
        return Err(refused(format!("it is larger than {} GiB; split it", MAX_SIZE >> 30)));
    }
    let is_packed = decompress::content_encoding(&bytes).is_some() || bytes.first() == Some(&0);
    let size = bytes.len() as u64;
    let content = Content::read(bytes, MAX_SIZE).map_err(|reason| Refused { reason, may_come: is_lines && size == 0 })?;
    let unfinished = content.unfinished(is_lines).filter(|_| !is_packed);
    let follower = unfinished.map(|unfinished| Follower::new(path, file, size.saturating_sub(unfinished as u64)));
    Ok((content, follower.transpose().map_err(failed)?))
}

/// Sends the last log records, and adds the spans that they tell of. Returns the traces that these withdraw.
fn tell(content: &mut Content, sender: &UpdateSender) -> Result<Vec<Withdrawn>, Closed> {
    let logs = Bytes::from(std::mem::take(&mut content.logs));
    match sender.log_batch(&logs) {
        Ok(batch) if !batch.records.is_empty() => sender.send(Update::Logs(batch))?,
        // The error is that of the spans, too.
        _ => {}
    }
    Ok(tell_spans(content, &logs, sender))
}

fn tell_spans(content: &mut Content, logs: &[u8], sender: &UpdateSender) -> Vec<Withdrawn> {
    match turns::telling(logs).map(|records| sender.read_logs(&records)) {
        Ok(told) => {
            if !told.body.is_empty() {
                content.append_told(told.body);
            }
            told.withdrawn
        }
        Err(error) => {
            content.skipped.push(Skipped { place: "log records".to_owned(), reason: error.to_string() });
            Vec::new()
        }
    }
}

/// Sends the spans from the index `from` on.
fn send(content: &Content, from: usize, withdrawn: Vec<Withdrawn>, origin: Origin, sender: &UpdateSender) -> Result<(), Closed> {
    let total = content.spans.len();
    let mut batch = sender.batch(origin);
    (batch.rich, batch.withdrawn) = (true, withdrawn);
    batch.skipped.extend_from_slice(&content.skipped);
    for index in from..total {
        if batch.spans.len() + batch.skipped.len() >= BATCH_SIZE {
            let next = batch.next();
            sender.send(Update::Batch(std::mem::replace(&mut batch, next)))?;
            if origin == Origin::History {
                sender.send(Update::State(sender.id, State::Loading { done: index as u64, total: total as u64 }))?;
            }
        }
        content.spans.push_row(index, PayloadRef(index as i64), &mut batch);
    }
    if batch.spans.is_empty() && batch.skipped.is_empty() && batch.withdrawn.is_empty() {
        Ok(())
    } else {
        sender.send(Update::Batch(batch))
    }
}

/// Sends the metrics that were read last. Returns whether there were any.
fn send_metrics(content: &mut Content, sender: &UpdateSender) -> Result<bool, Closed> {
    let metrics = std::mem::take(&mut content.metrics);
    let has_any = !metrics.points.is_empty() || metrics.invalid > 0;
    if has_any {
        sender.send(Update::Metrics(MetricBatch { source: sender.id, received: now(), ..metrics }))?;
    }
    Ok(has_any)
}

fn payload(content: Option<&Content>, payload_ref: PayloadRef) -> Result<Payload, String> {
    let content = content.ok_or("the file could not be read")?;
    let index = usize::try_from(payload_ref.0).map_err(|_| "there is no such span".to_owned())?;
    content.payload(index)
}
