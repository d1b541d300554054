//! A file of spans, as other programs write them, compressed or not: what it is is told by its content.
//!
//! It is held in memory; spans are decoded from it once for their rows, and again whenever a payload is asked for. To a file of lines
//! that grows, as the OpenTelemetry collector's file exporter writes, is added what is appended.

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

/// Spans that travel together.
const BATCH: usize = 2048;

/// The largest file that is opened, in bytes, as it is and uncompressed: it is held in memory.
const LARGEST: usize = 2 << 30;

/// What the names of files of spans end with, where a file is not there or empty, so that its content can't tell.
const EXTENSIONS: [&str; 6] = ["json", "jsonl", "ndjson", "pb", "gz", "zst"];

/// What every SQLite database begins with.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// Whether this is a file of spans rather than a database.
#[must_use]
pub fn is_file(path: &Path) -> bool {
    let named = || path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)));
    if !path.is_file() {
        return named();
    }
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut begin));
    match read {
        Ok(0) | Err(_) => named(),
        // A name that says database is believed, so that what is wrong with it is told as of one.
        Ok(_) => begin != SQLITE && (named() || format::begins_spans(&begin)),
    }
}

/// Reads `path` on a thread of its own, sends its spans, oldest first, then [`State::Ended`], or [`State::Watching`] where lines may be
/// appended, and goes on answering requests.
///
/// What can't be read is a message: [`State::Failing`] if that is all of the file, else a [`Skipped`](crate::model::Skipped) piece.
pub fn start(path: PathBuf, outlet: UpdateSender) -> io::Result<Handle> {
    let name = path.display().to_string();
    super::spawn(name, outlet, move |outlet, inbox| {
        // Closed: nobody listens, so that there is nobody to tell.
        let _ = run(&path, outlet, inbox);
    })
}

fn run(path: &Path, outlet: &UpdateSender, inbox: &Receiver<Request>) -> Result<(), Closed> {
    let fail = |error: String| outlet.send(Update::State(outlet.id, State::Failing(format!("{}: {error}", path.display()))));
    let mut content = None;
    let mut growth = None;
    match load(path) {
        Ok((read, more)) => {
            send(&read, 0, Origin::History, outlet)?;
            (content, growth) = (Some(read), more);
            let state = if growth.is_some() { State::Watching { left_out: 0 } } else { State::Ended };
            outlet.send(Update::State(outlet.id, state))?;
        }
        Err(error) => fail(error)?,
    }
    let mut scan: Option<Scan> = None;
    loop {
        if let (Some(under_way), Some(content)) = (&mut scan, &content) {
            outlet.send(Update::Found(under_way.slice(content, outlet.id)))?;
            if under_way.is_done() {
                scan = None;
            }
        }
        let request = match (&scan, &growth) {
            (Some(_), _) => inbox.recv_timeout(Duration::ZERO),
            (None, Some(_)) => inbox.recv_timeout(follow::PAUSE),
            (None, None) => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match request {
            Ok(Request::Payloads { ticket, addresses }) => {
                let payloads = addresses.into_iter().map(|(address, _)| payload(content.as_ref(), address)).collect();
                outlet.send(Update::Payloads { ticket, payloads })?;
            }
            Ok(Request::Search(search)) => scan = Some(Scan::new(search, content.as_ref().map_or(0, Content::len))),
            Ok(Request::StopSearch) => scan = None,
            Ok(Request::Check { ticket, probe, addresses }) => {
                let spans = content.as_ref().map_or_else(Vec::new, |content| search::check(content, &addresses, &probe));
                outlet.send(Update::Found(SearchHits { source: outlet.id, ticket, spans, progress: None, trouble: None }))?;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            // The content is held as one piece; it goes with the program.
            Ok(Request::Release(_)) | Err(RecvTimeoutError::Timeout) => {}
        }
        let (Some(content), Some(more), None) = (&mut content, &mut growth, &scan) else { continue };
        match more.look() {
            Ok(None) => {}
            Ok(Some(lines)) => {
                let known = content.len();
                content.append_lines(&lines);
                send(content, known, Origin::Live, outlet)?;
            }
            Err(error) => {
                fail(error)?;
                growth = None;
            }
        }
    }
}

/// Reads a file, and how it may grow.
fn load(path: &Path) -> Result<(Content, Option<Follower>), String> {
    // To open a pipe would wait for who writes into it.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err("it is no regular file".to_owned());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    (&file).take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > LARGEST {
        return Err(format!("it is larger than {} GiB; split it", LARGEST >> 30));
    }
    let size = bytes.len() as u64;
    let packed = decompress::coding(&bytes).is_some() || bytes.first() == Some(&0);
    let content = Content::read(bytes, LARGEST)?;
    let unfinished = content.unfinished().filter(|_| !packed);
    let growth = unfinished.map(|unfinished| Follower::new(file, size.saturating_sub(unfinished as u64)));
    Ok((content, growth))
}

/// Sends the spans from the given one on.
fn send(content: &Content, from: usize, origin: Origin, outlet: &UpdateSender) -> Result<(), Closed> {
    let total = content.len();
    let mut batch = outlet.batch(origin);
    batch.rich = true;
    batch.skipped.extend_from_slice(content.skipped());
    for index in from..total {
        if batch.spans.len() + batch.skipped.len() >= BATCH {
            let next = batch.next();
            outlet.send(Update::Batch(std::mem::replace(&mut batch, next)))?;
            if origin == Origin::History {
                outlet.send(Update::State(outlet.id, State::Loading { done: index as u64, total: total as u64 }))?;
            }
        }
        content.push_row(index, PayloadRef(index as i64), &mut batch);
    }
    if batch.spans.is_empty() && batch.skipped.is_empty() { Ok(()) } else { outlet.send(Update::Batch(batch)) }
}

fn payload(content: Option<&Content>, address: PayloadRef) -> Result<Payload, String> {
    let content = content.ok_or("the file could not be read")?;
    let index = usize::try_from(address.0).map_err(|_| "there is no such span".to_owned())?;
    content.payload(index)
}
