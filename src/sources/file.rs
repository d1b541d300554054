//! Reads a file of spans in any of several formats, compressed or not. The content decides the format.
//!
//! The spans are held in memory as OTLP protobuf; rows and payloads are decoded from there. Lines that are appended to a file of OTLP/JSON,
//! as the OpenTelemetry collector's file exporter writes it, are read, too.

mod decompress;
mod follow;
mod format;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod index;
mod jaeger;
mod lines;
mod requests;
mod search;
mod span_json;
mod spans;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::{Closed, Handle, Request, SearchHits, State, Update, UpdateSender};
use crate::model::{Origin, Payload, PayloadRef};
use follow::Follower;
use format::Content;
use search::Scan;

/// The most spans in a batch.
const BATCH_SIZE: usize = 2048;

/// The most bytes of a file, compressed and decompressed: it is held in memory.
const MAX_SIZE: usize = 2 << 30;

/// The extensions of files of spans. They count if the file is missing or empty.
const EXTENSIONS: [&str; 6] = ["json", "jsonl", "ndjson", "pb", "gz", "zst"];

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
/// [`Skipped`](crate::model::Skipped) for each.
///
/// # Errors
///
/// If the thread can't be started.
pub fn start(path: PathBuf, sender: UpdateSender) -> io::Result<Handle> {
    let name = path.display().to_string();
    super::spawn(name, sender, move |sender, inbox| {
        // It ends early if the receiver of the updates is gone.
        let _ = run(&path, sender, inbox);
    })
}

fn run(path: &Path, sender: &UpdateSender, inbox: &Receiver<Request>) -> Result<(), Closed> {
    let fail = |error: String| sender.send(Update::State(sender.id, State::Failing(format!("{}: {error}", path.display()))));
    let mut content = None;
    let mut follower = None;
    match load(path) {
        Ok((loaded, growing)) => {
            send(&loaded, 0, Origin::History, sender)?;
            (content, follower) = (Some(loaded), growing);
            let state = if follower.is_some() { State::Watching { left_out: 0 } } else { State::Ended };
            sender.send(Update::State(sender.id, state))?;
        }
        Err(error) => fail(error)?,
    }
    let mut scan: Option<Scan> = None;
    loop {
        if let (Some(running), Some(content)) = (&mut scan, &content) {
            sender.send(Update::SearchHits(running.slice(content, sender.id)))?;
            if running.is_done() {
                scan = None;
            }
        }
        let request = match (&scan, &follower) {
            (Some(_), _) => inbox.recv_timeout(Duration::ZERO),
            (None, Some(_)) => inbox.recv_timeout(follow::INTERVAL),
            (None, None) => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match request {
            Ok(Request::Payloads { ticket, addresses }) => {
                let payloads = addresses.into_iter().map(|(address, _)| payload(content.as_ref(), address)).collect();
                sender.send(Update::Payloads { ticket, payloads })?;
            }
            Ok(Request::Search(search)) => scan = Some(Scan::new(search, content.as_ref().map_or(0, |content| content.spans.len()))),
            Ok(Request::StopSearch) => scan = None,
            Ok(Request::Check { ticket, query, addresses }) => {
                let spans = content.as_ref().map_or_else(Vec::new, |content| search::check(content, &addresses, &query));
                sender.send(Update::SearchHits(SearchHits { source: sender.id, ticket, spans, progress: None, error: None }))?;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            // The content stays in memory until the source stops.
            Ok(Request::Release(_)) | Err(RecvTimeoutError::Timeout) => {}
        }
        let (Some(content), Some(growing), None) = (&mut content, &mut follower, &scan) else { continue };
        match growing.read() {
            Ok(None) => {}
            Ok(Some(lines)) => {
                let known = content.spans.len();
                content.append_lines(&lines);
                send(content, known, Origin::Live, sender)?;
            }
            Err(error) => {
                fail(error)?;
                follower = None;
            }
        }
    }
}

/// Reads a file. Returns a follower if lines may be appended.
fn load(path: &Path) -> Result<(Content, Option<Follower>), String> {
    // Opening a pipe blocks until a writer opens it.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err("it is not a regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    (&file).take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > MAX_SIZE {
        return Err(format!("it is larger than {} GiB; split it", MAX_SIZE >> 30));
    }
    let size = bytes.len() as u64;
    let is_packed = decompress::content_encoding(&bytes).is_some() || bytes.first() == Some(&0);
    let content = Content::read(bytes, MAX_SIZE)?;
    let unfinished = content.unfinished().filter(|_| !is_packed);
    let follower = unfinished.map(|unfinished| Follower::new(file, size.saturating_sub(unfinished as u64)));
    Ok((content, follower))
}

/// Sends the spans from the index `from` on.
fn send(content: &Content, from: usize, origin: Origin, sender: &UpdateSender) -> Result<(), Closed> {
    let total = content.spans.len();
    let mut batch = sender.batch(origin);
    batch.rich = true;
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
    if batch.spans.is_empty() && batch.skipped.is_empty() { Ok(()) } else { sender.send(Update::Batch(batch)) }
}

fn payload(content: Option<&Content>, payload_ref: PayloadRef) -> Result<Payload, String> {
    let content = content.ok_or("the file could not be read")?;
    let index = usize::try_from(payload_ref.0).map_err(|_| "there is no such span".to_owned())?;
    content.payload(index)
}
